package sqlite

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"leveret/protocol/query"
)

// LIKE takes time that grows with the product of pattern and text, and nothing can
// interrupt it within a text: 2,000 bytes searched for in a text of some megabytes
// once took half a minute. So only short patterns are left to it.
//
// maxLike is the longest text in bytes that LIKE looks for if another function can
// do it: 8 MiB of text take it about a second at worst. With a wildcard in it, which
// only LIKE knows, it may be query.MaxWildcards: about three seconds.
const maxLike = 32

// A likeness is an operator that is LIKE, with the pattern around the value: its % and
// _ are live (Directus does not escape them).
type likeness struct {
	operator, before, after string
}

var patternSQL = map[query.Op]likeness{
	query.OpContains:    {"LIKE", "%", "%"},
	query.OpNContains:   {"NOT LIKE", "%", "%"},
	query.OpStartsWith:  {"LIKE", "", "%"},
	query.OpNStartsWith: {"NOT LIKE", "", "%"},
	query.OpEndsWith:    {"LIKE", "%", ""},
	query.OpNEndsWith:   {"NOT LIKE", "%", ""},
}

func (c *compiler) pattern(operand string, op query.Op, p likeness, value string) (string, error) {
	if len(value) > maxPattern {
		return "", invalidQuery(`The value of "%s" is %d bytes long; %d are allowed.`, op, len(value), maxPattern)
	}
	c.slow = true
	if len(value) > maxLike {
		literal := !strings.ContainsAny(value, "%_\x00")
		if !literal && len(value) > query.MaxWildcards {
			return "", invalidQuery(`The value of "%s" is %d bytes long and has a wildcard ("%%" or "_") in it; %d are allowed then.`, op, len(value), query.MaxWildcards)
		}
		if literal && p.before != "" {
			return c.literal(operand, p, value)
		}
	}
	c.args = append(c.args, p.before+value+p.after)
	// A LIKE with a bare parameter is planned anew whenever the parameter has another
	// value, in case an index could be used, which none here can.
	return operand + " " + p.operator + " +?", nil
}

// literal is what LIKE means for a text without wildcards, in time that hardly grows
// with its length: ASCII letters match in either case, and a NUL ends the text that
// is searched (length counts to there).
func (c *compiler) literal(operand string, p likeness, value string) (string, error) {
	value = lower(value)
	text := fmt.Sprintf("substr(%[1]s, 1, length(%[1]s))", operand)
	if p.after != "" {
		c.args = append(c.args, value)
		comparison := " > 0"
		if p.operator == "NOT LIKE" {
			comparison = " = 0"
		}
		return "instr(lower(" + text + "), ?)" + comparison, nil
	}
	c.args = append(c.args, -utf8.RuneCountInString(value), value)
	comparison := " = ?"
	if p.operator == "NOT LIKE" {
		comparison = " <> ?"
	}
	return "lower(substr(" + text + ", ?))" + comparison, nil
}

// lower is SQLite's LOWER: only A to Z change.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
