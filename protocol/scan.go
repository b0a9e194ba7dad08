package protocol

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// This file reads just as much JSON as an envelope needs: where each value of an
// object begins and ends. It exists because encoding/json would read every
// payload once to validate it and once more to copy it, and this is the hot path.

type kind byte

const (
	kindNone kind = iota // nothing, or no JSON
	kindNull
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// kindOf tells what a JSON value is by its first character.
func kindOf(raw []byte) kind {
	i := skipSpace(raw, 0)
	if i == len(raw) {
		return kindNone
	}
	switch c := raw[i]; {
	case c == 'n':
		return kindNull
	case c == 't' || c == 'f':
		return kindBool
	case c == '"':
		return kindString
	case c == '[':
		return kindArray
	case c == '{':
		return kindObject
	case c == '-' || '0' <= c && c <= '9':
		return kindNumber
	}
	return kindNone
}

func (k kind) String() string {
	return [...]string{"undefined", "null", "boolean", "number", "string", "array", "object"}[k]
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// maxDepth bounds nesting, so that a hostile frame cannot exhaust the stack.
const maxDepth = 1000

// skipValue returns the index after the JSON value that starts at i, or -1 if
// there is no valid value.
func skipValue(b []byte, i, depth int) int {
	if depth > maxDepth || i >= len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '{':
		return skipObject(b, i, depth, nil)
	case c == '[':
		return skipArray(b, i, depth, nil)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	default:
		return skipNumber(b, i)
	}
}

func skipWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func skipNumber(b []byte, i int) int {
	digits := func() bool {
		start := i
		for i < len(b) && '0' <= b[i] && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; ; i++ {
		// Eight bytes at a time: most of a frame is inside of strings.
		for i+8 <= len(b) {
			word := binary.LittleEndian.Uint64(b[i:])
			if n := remarkable(word); n != 0 {
				i += bits.TrailingZeros64(n) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			i++
			if i >= len(b) {
				return -1
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(b) {
					return -1
				}
				for _, h := range b[i+1 : i+5] {
					if !isHex(h) {
						return -1
					}
				}
				i += 4
			default:
				return -1
			}
		}
	}
}

// remarkable returns a word whose lowest set bit is in the lowest byte of word that is a
// quote, a backslash or a control character, or 0 if none is.
func remarkable(word uint64) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, backslash := word^ones*'"', word^ones*'\\'
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (word-ones*' ')&^word) & high
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// skipObject skips the object at i and tells member, if it is not nil, of each
// key (with its quotes) and value.
func skipObject(b []byte, i, depth int, member func(key, value []byte)) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for i < len(b) && b[i] == '"' {
		keyStart := i
		if i = skipString(b, i); i < 0 {
			return -1
		}
		key := b[keyStart:i]
		if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
			return -1
		}
		i = skipSpace(b, i+1)
		valueStart := i
		if i = skipValue(b, i, depth+1); i < 0 {
			return -1
		}
		if member != nil {
			member(key, b[valueStart:i:i])
		}
		i = skipSpace(b, i)
		if i < len(b) && b[i] == '}' {
			return i + 1
		}
		if i >= len(b) || b[i] != ',' {
			return -1
		}
		i = skipSpace(b, i+1)
	}
	return -1
}

// skipArray skips the array at i and tells element, if it is not nil, of each.
func skipArray(b []byte, i, depth int, element func(value []byte)) int {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for i < len(b) {
		start := i
		if i = skipValue(b, i, depth+1); i < 0 {
			return -1
		}
		if element != nil {
			element(b[start:i:i])
		}
		i = skipSpace(b, i)
		if i < len(b) && b[i] == ']' {
			return i + 1
		}
		if i >= len(b) || b[i] != ',' {
			return -1
		}
		i = skipSpace(b, i+1)
	}
	return -1
}

// scanObject reads a text that is one JSON object and nothing else.
func scanObject(b []byte, member func(key, value []byte)) bool {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i = skipObject(b, i, 0, member)
	return i >= 0 && skipSpace(b, i) == len(b)
}

// Valid reports whether a text is one JSON value, as json.Valid does.
func Valid(raw []byte) bool { return valid(raw) }

// valid reports whether a text is one JSON value and nothing else.
func valid(b []byte) bool {
	i := skipValue(b, skipSpace(b, 0), 0)
	return i >= 0 && skipSpace(b, i) == len(b)
}

// Elements returns the elements of a JSON array, as slices of it; ok is false if
// raw is not an array. It is how the data of a [Subscription] is taken apart.
func Elements(raw []byte) (elements [][]byte, ok bool) {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != '[' {
		return nil, false
	}
	elements = [][]byte{}
	i = skipArray(raw, i, 0, func(value []byte) { elements = append(elements, value) })
	if i < 0 || skipSpace(raw, i) != len(raw) {
		return nil, false
	}
	return elements, true
}

// Member returns the value of a JSON object's key, as a slice of it, or nil if
// raw is not an object or has no such key. Of a repeated key the last one counts.
func Member(raw []byte, name string) []byte {
	var found []byte
	ok := scanObject(raw, func(key, value []byte) {
		if keyIs(key, name) {
			found = value
		}
	})
	if !ok {
		return nil
	}
	return found
}

// Members calls visit for each member of a JSON object, in order: its name, with the
// quotes, and its value, as slices of raw. It returns false if raw is not an object; visit
// may have been called before that is known.
func Members(raw []byte, visit func(name, value []byte)) bool { return scanObject(raw, visit) }

// keyIs compares a quoted key with a name.
func keyIs(key []byte, name string) bool {
	if len(key) == len(name)+2 && string(key[1:len(key)-1]) == name {
		return bytes.IndexByte(key, '\\') < 0
	}
	if bytes.IndexByte(key, '\\') < 0 {
		return false
	}
	s, ok := unquote(key)
	return ok && s == name
}

// Text returns the value of a JSON string; ok is false if raw is none. Invalid
// UTF-8 and lone surrogates become U+FFFD, as in encoding/json.
func Text(raw []byte) (s string, ok bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '"' || skipString(raw, 0) != len(raw) {
		return "", false
	}
	return unquote(raw)
}

// unquote decodes a JSON string that skipString has accepted.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	raw = raw[1 : len(raw)-1]
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw), true
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			r, size := utf8.DecodeRune(raw[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		}
		if i+1 >= len(raw) {
			return "", false
		}
		i += 2
		switch raw[i-1] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hexRune(raw[i:])
			if r < 0 {
				return "", false
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+1 < len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low = hexRune(raw[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, raw[i-1])
		}
	}
	return string(out), true
}

func hexRune(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 32)
	if err != nil {
		return -1
	}
	return rune(n)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
