package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// shortPattern is the longest text without wildcards that is looked for place by place.
const shortPattern = 32

// checkPattern refuses a text to look for that would take too long, because every
// place in a text may have to be tried. what is who asks: "_contains", "search".
func checkPattern(what, text string) error {
	if len(text) <= MaxWildcards || !strings.ContainsAny(text, "%_") {
		return nil
	}
	return invalidQuery(fmt.Sprintf(`The value of "%s" is %d bytes long and has a wildcard ("%%" or "_") in it; %d are allowed then`, what, len(text), MaxWildcards))
}

// like is SQLite's LIKE: % stands for any text, _ for any one character, ASCII
// letters match in either case, there is no escape character, and a NUL ends the
// text. A pattern that is not anchored at an end has a % there. The time it takes
// grows with the product of the two lengths at worst, but for a long pattern without
// wildcards with their sum: only the last % is ever tried again.
func like(pattern, text string, start, end bool) bool {
	if i := strings.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	if i := strings.IndexByte(pattern, 0); i >= 0 {
		pattern, end = pattern[:i], true
	}
	if len(pattern) > shortPattern && !strings.ContainsAny(pattern, "%_") {
		pattern, text = lowerASCII(pattern), lowerASCII(text)
		switch {
		case start && end:
			return text == pattern
		case start:
			return strings.HasPrefix(text, pattern)
		case end:
			return strings.HasSuffix(text, pattern)
		}
		return strings.Contains(text, pattern)
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
