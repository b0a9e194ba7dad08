package session

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"leveret/protocol"
)

// This file reads JSON that the decoder has already found valid: it only has to
// find where values begin and end, and never fails. (On anything else it stops
// early, and never panics.)

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of what surrounds a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// skipString looks at eight bytes at a time: most of a frame is inside of strings.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		for i+8 <= len(b) {
			word := binary.LittleEndian.Uint64(b[i:])
			if n := zeroByte(word^(ones*'"')) | zeroByte(word^(ones*'\\')); n != 0 {
				i += bits.TrailingZeros64(n) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			break
		}
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

const ones = 0x0101010101010101

// zeroByte returns a word whose lowest set bit is in the lowest byte of word that is
// zero, or 0 if none is.
func zeroByte(word uint64) uint64 { return (word - ones) &^ word & (ones << 7) }

// firstByte returns the character that a value begins with, and whether it is an array.
func firstByte(raw []byte) (c byte, array bool) {
	if i := skipSpace(raw, 0); i < len(raw) {
		c = raw[i]
	}
	return c, c == '['
}

// A rowScanner goes through the elements of an array; of any other value, it finds
// the value itself. (A subscription to an item has one object, or one key, where
// others have an array.) The scanners are no iterators, since those are compiled
// into each of their loops, which a browser would have to load.
type rowScanner struct {
	raw   []byte
	i     int
	array bool
	row   []byte
}

func rows(raw []byte) rowScanner {
	r := rowScanner{raw: raw, i: skipSpace(raw, 0)}
	if r.i < len(raw) && raw[r.i] == '[' {
		r.array = true
		r.i++
	}
	return r
}

func (r *rowScanner) next() bool {
	r.i = skipSpace(r.raw, r.i)
	if r.i >= len(r.raw) || r.raw[r.i] == ']' {
		return false
	}
	return r.took(skipValue(r.raw, r.i))
}

// took makes what lies before end the row, and goes on to the next.
func (r *rowScanner) took(end int) bool {
	if end == r.i {
		return false
	}
	r.row = r.raw[r.i:end:end]
	r.i = len(r.raw)
	if r.array {
		if end = skipSpace(r.raw, end); end < len(r.raw) && r.raw[end] == ',' {
			r.i = end + 1
		}
	}
	return true
}

// An itemScanner goes through items as a rowScanner does, and reads of each in the
// same pass its primary key (nil if it has none) and its hashOf.
type itemScanner struct {
	rowScanner
	primaryKey string
	key        []byte
	hash       uint64
}

func items(raw []byte, primaryKey string) itemScanner {
	return itemScanner{rowScanner: rows(raw), primaryKey: primaryKey}
}

func (r *itemScanner) next() bool {
	r.i = skipSpace(r.raw, r.i)
	if r.i >= len(r.raw) || r.raw[r.i] == ']' {
		return false
	}
	var end int
	end, r.key, r.hash = scanItem(r.raw, r.i, r.primaryKey)
	return r.took(end)
}

// count returns how many rows there are.
func count(raw []byte) (n int) {
	for r := rows(raw); r.next(); {
		n++
	}
	return n
}

// A memberScanner goes through the members of an object: each name with its
// quotes, and its value. Anything else has none.
type memberScanner struct {
	raw   []byte
	i     int
	name  []byte
	value []byte
}

func members(raw []byte) memberScanner {
	m := memberScanner{raw: raw, i: skipSpace(raw, 0)}
	if m.i < len(raw) && raw[m.i] == '{' {
		m.i++
	} else {
		m.i = len(raw)
	}
	return m
}

func (m *memberScanner) next() bool {
	start := skipSpace(m.raw, m.i)
	if start >= len(m.raw) || m.raw[start] != '"' {
		return false
	}
	end := skipString(m.raw, start)
	m.name = m.raw[start:end:end]
	if end = skipSpace(m.raw, end); end >= len(m.raw) || m.raw[end] != ':' {
		return false
	}
	start = skipSpace(m.raw, end+1)
	if end = skipValue(m.raw, start); end == start {
		return false
	}
	m.value = m.raw[start:end:end]
	if m.i = skipSpace(m.raw, end); m.i < len(m.raw) && m.raw[m.i] == ',' {
		m.i++
	}
	return true
}

// is compares the name of the member.
func (m *memberScanner) is(name string) bool { return isName(m.name, name) }

// isName compares a quoted key with a name.
func isName(quoted []byte, name string) bool {
	if len(quoted) == len(name)+2 && string(quoted[1:len(quoted)-1]) == name {
		return true
	}
	if bytes.IndexByte(quoted, '\\') < 0 {
		return false
	}
	text, ok := protocol.Text(quoted)
	return ok && text == name
}

// member returns the value of an object's key, or nil.
func member(raw []byte, name string) (value []byte) {
	for m := members(raw); m.next(); {
		if m.is(name) {
			value = m.value
		}
	}
	return value
}

// keyText returns a primary key as text, and whether it is a JSON string. ok is
// false if the value is no key: absent, null, or no scalar.
func keyText(raw []byte) (text string, isString, ok bool) {
	b, isString, ok := keyBytes(raw)
	return string(b), isString, ok
}

// keyBytes is keyText without a copy.
func keyBytes(raw []byte) (text []byte, isString, ok bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, false, false
	}
	switch c := raw[0]; {
	case c == '"' && bytes.IndexByte(raw, '\\') < 0 && len(raw) >= 2:
		return raw[1 : len(raw)-1], true, true
	case c == '"':
		text, ok := protocol.Text(raw)
		return []byte(text), true, ok
	case c == '-' || '0' <= c && c <= '9':
		return raw, false, true
	}
	return nil, false, false
}

// without returns an object, or each object of an array, without one member.
func without(raw []byte, name string) []byte {
	if c, array := firstByte(raw); !array {
		if c != '{' {
			return raw
		}
		return appendWithout(make([]byte, 0, len(raw)), raw, name)
	}
	out := append(make([]byte, 0, len(raw)), '[')
	for r := rows(raw); r.next(); {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendWithout(out, r.row, name)
	}
	return append(out, ']')
}

func appendWithout(out, object []byte, name string) []byte {
	if c, _ := firstByte(object); c != '{' {
		return append(out, object...)
	}
	out = append(out, '{')
	start := len(out)
	for m := members(object); m.next(); {
		if m.is(name) {
			continue
		}
		if len(out) > start {
			out = append(out, ',')
		}
		out = append(out, m.name...)
		out = append(out, ':')
		out = append(out, m.value...)
	}
	return append(out, '}')
}

// hashOf returns a hash of a JSON value that does not depend on white space nor
// on the order of an object's members.
func hashOf(raw []byte) uint64 {
	i := skipSpace(raw, 0)
	if i == len(raw) {
		return 0
	}
	switch raw[i] {
	case '{':
		sum := uint64(len("object"))
		for m := members(raw); m.next(); {
			sum += mix(hashBytes(m.name), hashOf(m.value))
		}
		return mix(sum, '{')
	case '[':
		h := uint64('[')
		for r := rows(raw); r.next(); {
			h = mix(h, hashOf(r.row))
		}
		return h
	}
	return hashBytes(bytes.TrimSpace(raw))
}

// hashBytes takes eight bytes at a time.
func hashBytes(b []byte) uint64 {
	h := uint64(len(b)) * 0x9e3779b97f4a7c15
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64((h^binary.LittleEndian.Uint64(b))*0xbf58476d1ce4e5b9, 29)
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211 // FNV-1a
	}
	return h ^ h>>32
}

// scanItem reads an item once, for what would take three readings: its end, its
// member of that name (nil if there is none), and its hashOf. What is no object has
// no members.
func scanItem(raw []byte, i int, name string) (end int, key []byte, hash uint64) {
	if i >= len(raw) || raw[i] != '{' {
		end = skipValue(raw, i)
		return end, nil, hashOf(raw[i:end])
	}
	sum := uint64(len("object"))
	m := memberScanner{raw: raw, i: i + 1}
	for m.next() {
		if m.is(name) {
			key = m.value
		}
		sum += mix(hashBytes(m.name), hashOf(m.value))
	}
	end = skipSpace(raw, m.i)
	if end < len(raw) && raw[end] == '}' {
		end++
	} else {
		end = skipValue(raw, i) // not well-formed
	}
	return end, key, mix(sum, '{')
}

// mix joins two hashes so that their order counts (the finish of splitmix64).
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
