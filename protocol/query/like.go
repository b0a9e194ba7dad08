package query

import (
	"strings"
	"unicode/utf8"
)

// like is SQLite's LIKE: % stands for any text, _ for any one character, ASCII
// letters match in either case, there is no escape character, and a NUL ends the
// text. A pattern that is not anchored at an end has a % there. The time it takes
// grows with the product of the two lengths at worst: only the last % is ever
// tried again.
func like(pattern, text string, start, end bool) bool {
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	if i := strings.IndexByte(pattern, 0); i >= 0 {
		pattern, end = pattern[:i], true
	}
	p, t := 0, 0
	retryP, retryT := -1, 0 // where to go on when what follows the last % does not fit
	if !start {
		retryP = 0
	}
	for t < len(text) {
		if p == len(pattern) {
			if !end {
				return true
			}
		} else if c := pattern[p]; c == '%' {
			p++
			retryP, retryT = p, t
			continue
		} else if c == '_' {
			p++
			t += charLen(text, t)
			continue
		} else if lowerByte(c) == lowerByte(text[t]) {
			p++
			t++
			continue
		}
		if retryP < 0 {
			return false
		}
		retryT += charLen(text, retryT)
		p, t = retryP, retryT
	}
	for p < len(pattern) && pattern[p] == '%' {
		p++
	}
	return p == len(pattern)
}

func charLen(s string, i int) int {
	if s[i] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return n
}
