package query

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner walks over JSON without building anything. A mistake in the JSON sets
// bad, and from then on nothing is found any more, so one look at the end is enough.
type scanner struct {
	b   []byte
	i   int
	bad bool
}

// maxDepth bounds the nesting of skipped values, so that hostile input cannot
// exhaust the stack.
const maxDepth = 1000

// fail marks the input as bad and goes to its end, so that every loop stops.
func (s *scanner) fail() {
	s.bad = true
	s.i = len(s.b)
}

// peek returns the first byte of the next token, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return s.b[s.i]
		}
	}
	return 0
}

// open takes '{' or '['.
func (s *scanner) open(c byte) {
	if s.peek() != c {
		s.fail()
		return
	}
	s.i++
}

// more reports whether another element comes before the closing byte, which it
// takes; first is true before the first element and becomes false.
func (s *scanner) more(closing byte, first *bool) bool {
	switch c := s.peek(); {
	case c == closing:
		s.i++
		return false
	case *first && c != 0:
		*first = false
		return true
	case !*first && c == ',':
		s.i++
		if c := s.peek(); c != closing && c != 0 {
			return true
		}
	}
	s.fail()
	return false
}

// key takes a member's name and the colon.
func (s *scanner) key() string {
	name := s.text()
	if s.peek() != ':' {
		s.fail()
		return ""
	}
	s.i++
	return name
}

// end reports whether all was read and it was JSON.
func (s *scanner) end() bool { return s.peek() == 0 && s.i == len(s.b) && !s.bad }

// raw takes any value and returns its text, "" if there is none.
func (s *scanner) raw() []byte {
	s.peek()
	start := s.i
	s.skip(0)
	if s.bad {
		return nil
	}
	return s.b[start:s.i]
}

func (s *scanner) skip(depth int) {
	if depth > maxDepth {
		s.fail()
		return
	}
	switch s.peek() {
	case '{':
		s.i++
		for first := true; s.more('}', &first); {
			s.skipText()
			if s.peek() != ':' {
				s.fail()
				return
			}
			s.i++
			s.skip(depth + 1)
		}
	case '[':
		s.i++
		for first := true; s.more(']', &first); {
			s.skip(depth + 1)
		}
	case '"':
		s.skipText()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.skipNumber()
	}
}

func (s *scanner) word(word string) {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		s.fail()
		return
	}
	s.i += len(word)
}

func (s *scanner) skipNumber() {
	at := func() byte {
		if s.i < len(s.b) {
			return s.b[s.i]
		}
		return 0
	}
	digits := func() {
		start := s.i
		for '0' <= at() && at() <= '9' {
			s.i++
		}
		if s.i == start {
			s.fail()
		}
	}
	if at() == '-' {
		s.i++
	}
	if at() == '0' {
		s.i++
	} else {
		digits()
	}
	if at() == '.' {
		s.i++
		digits()
	}
	if at() == 'e' || at() == 'E' {
		s.i++
		if at() == '+' || at() == '-' {
			s.i++
		}
		digits()
	}
}

// skipText takes a string and returns where its inside begins and ends, and
// whether it can be used as it stands.
func (s *scanner) skipText() (start, end int, plain bool) {
	if s.peek() != '"' {
		s.fail()
		return 0, 0, false
	}
	s.i++
	start, plain = s.i, true
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return start, s.i - 1, plain
		case c < ' ':
			s.fail()
			return 0, 0, false
		case c == '\\':
			plain = false
			s.i++
			if !s.escape() {
				s.fail()
				return 0, 0, false
			}
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(s.b[s.i:])
			plain = plain && (r != utf8.RuneError || n > 1)
			s.i += n
		default:
			s.i++
		}
	}
	s.fail()
	return 0, 0, false
}

// escape takes what follows a backslash.
func (s *scanner) escape() bool {
	if s.i == len(s.b) {
		return false
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return true
	case 'u':
		if hex4(s.b[s.i+1:]) >= 0 {
			s.i += 5
			return true
		}
	}
	return false
}

// hex4 reads four hexadecimal digits, -1 if there are none.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return -1
		}
	}
	return r
}

// text takes a string. Halves of surrogate pairs and bytes that are not UTF-8
// become U+FFFD.
func (s *scanner) text() string {
	start, end, plain := s.skipText()
	if s.bad {
		return ""
	}
	inside := s.b[start:end]
	if plain {
		return string(inside)
	}
	out := make([]byte, 0, len(inside))
	for i := 0; i < len(inside); {
		c := inside[i]
		if c != '\\' {
			r, n := utf8.DecodeRune(inside[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		switch c = inside[i+1]; c {
		case 'u':
			r := hex4(inside[i+2:])
			i += 6
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+1 < len(inside) && inside[i] == '\\' && inside[i+1] == 'u' {
					low = hex4(inside[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		out = append(out, c)
		i += 2
	}
	return string(out)
}

// primitive takes null, a boolean, a number or a string. ok is false, and nothing
// is taken, if an object or array comes next. A number is int64 if it is whole and
// fits, else float64; one too large for that is a nil with tooLarge.
func (s *scanner) primitive() (v any, ok, tooLarge bool) {
	switch s.peek() {
	case '{', '[':
		return nil, false, false
	case '"':
		return s.text(), true, false
	case 't':
		s.word("true")
		return true, true, false
	case 'f':
		s.word("false")
		return false, true, false
	case 'n':
		s.word("null")
		return nil, true, false
	}
	start := s.i
	s.skipNumber()
	if s.bad {
		return nil, true, false
	}
	literal := s.b[start:s.i]
	if i, ok := smallInt(literal); ok {
		return i, true, false
	}
	if i, err := strconv.ParseInt(string(literal), 10, 64); err == nil {
		return i, true, false
	}
	f, err := strconv.ParseFloat(string(literal), 64)
	if err != nil {
		return nil, true, true
	}
	v, _ = castNumber(f)
	return v, true, false
}

// smallInt reads the integers that are surely no larger than an int64.
func smallInt(literal []byte) (int64, bool) {
	digits := literal
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(literal) {
		n = -n
	}
	return n, true
}
