package query

import (
	"fmt"
	"math"
	"strings"
)

// Limits on what one query may hold, so that a hostile one is refused and not
// executed.
//
// Differs from Directus: 9 (limits are on by default), which has none of these.
const (
	MaxDepth      = 64     // levels of a filter, one inside the other
	MaxNodes      = 1_000  // conditions and groups of a filter
	MaxListValues = 10_000 // values in all lists of a filter together
	MaxPattern    = 2_000  // bytes of the operand of _contains and its like, and of a search
	MaxWildcards  = 128    // bytes of such a text with "%" or "_" in it (checked by Validate)
	MaxNames      = 1_000  // names in fields, sort, groupBy and alias, each, and aggregations
	MaxDeep       = 100    // relations in a deep, those in one another counted too
)

const maxSafeInteger = 1<<53 - 1

// Parse reads a query object, native JSON or the official SDK's stringified form
// (fields "a,b", sort "-a", filter as a JSON string, limit "5"); nothing and null are the
// empty query. Unknown keys are ignored. What Directus has and is not served yet
// (version, export, _json, json(…), shapes on maps, relations to any collection) is refused,
// and so is what breaks a limit.
//
// A limit, offset or page that is no number counts as not given, as Directus's
// socket does it. Whether fields and operators exist is for [Query.Validate] to say.
//
// The error is an *Error of code INVALID_QUERY.
func Parse(raw []byte) (Query, error) {
	q := New()
	s := scanner{b: raw}
	switch s.peek() {
	case 0:
		return q, nil
	case 'n':
		s.word("null")
		if !s.end() {
			return q, errQueryObject
		}
		return q, nil
	case '[':
		// In Directus the array's own method "filter" is taken for a filter, which is
		// refused as an operator without a field: Validate has the very words.
		if s.raw(); !s.end() {
			return q, errQueryObject
		}
		q.Filter = &Filter{Op: OpEq}
		return q, nil
	case '{':
	default:
		return q, errQueryObject
	}

	s.open('{')
	for first := true; s.more('}', &first); {
		key := s.key()
		value := s.raw()
		if s.bad {
			break
		}
		if err := q.set(key, value); err != nil {
			return New(), err
		}
	}
	switch {
	case !s.end():
		return New(), errQueryObject
	case q.paths() > MaxRelations:
		return New(), errRelations
	}
	return q, nil
}

var errQueryObject = invalidQuery("A query has to be an object")

// set takes one member of the query object; value is valid JSON.
func (q *Query) set(key string, value []byte) (err error) {
	switch key {
	case "fields":
		q.Fields, err = parseNames(key, value)
	case "groupBy":
		q.GroupBy, err = parseNames(key, value)
	case "sort":
		var names []string
		names, err = parseNames(key, value)
		q.Sort = nil
		for _, name := range names {
			field, desc := strings.CutPrefix(name, "-")
			if field != "" {
				q.Sort = append(q.Sort, SortKey{Field: field, Desc: desc})
			}
		}
	case "aggregate":
		q.Aggregate, err = parseAggregate(value)
	case "deep":
		deeps := 0
		q.Deep, err = parseDeep(value, &deeps)
	case "alias":
		q.Alias, err = parseAlias(value)
	case "filter":
		q.Filter, err = ParseFilter(value)
	case "search":
		s := scanner{b: value}
		q.Search = ""
		if s.peek() == '"' {
			q.Search = s.text()
		}
		if len(q.Search) > MaxPattern {
			err = invalidQuery(fmt.Sprintf(`"search" must not be longer than %d bytes`, MaxPattern))
		}
	case "limit":
		q.Limit, err = parseNumber(key, value, -1, Unset)
	case "offset":
		q.Offset, err = parseNumber(key, value, 0, 0)
	case "page":
		q.Page, err = parseNumber(key, value, 0, 0)
	case "meta":
		q.Meta, err = parseMeta(value)
	case "version", "export":
		if !isNothing(value) && !(key == "version" && string(value) == `"main"`) {
			err = notServed(key)
		}
	}
	return err
}

func notServed(what string) *Error { return invalidQuery(quote(what) + " is not served yet") }

// isNothing reports whether a value says no more than a missing one.
func isNothing(value []byte) bool {
	switch string(appendCompact(nil, value)) {
	case "null", `""`, "{}", "[]", `"{}"`, `"[]"`, "false":
		return true
	}
	return false
}

// parseNames reads "a,b" or ["a","b,c"]. Empty names are left out.
func parseNames(key string, value []byte) (names []string, err error) {
	s := scanner{b: value}
	add := func(text string) error {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if key != "meta" {
				field, desc := name, false
				if key == "sort" {
					field, desc = strings.CutPrefix(name, "-")
				}
				if field, err = parsePath(field, key); err != nil {
					return err
				}
				if name = field; desc {
					name = "-" + field
				}
			}
			if names = append(names, name); len(names) > MaxNames {
				return invalidQuery(fmt.Sprintf("%q has more than %d names", key, MaxNames))
			}
		}
		return nil
	}
	switch s.peek() {
	case 'n', 'f':
		return nil, nil
	case '"':
		if err := add(s.text()); err != nil {
			return nil, err
		}
		return names, nil
	case '[':
		s.open('[')
		for i, first := 0, true; s.more(']', &first); i++ {
			if s.peek() != '"' {
				return nil, invalidQuery(fmt.Sprintf(`"%s[%d]" must be a string`, key, i))
			}
			if err := add(s.text()); err != nil {
				return nil, err
			}
		}
		return names, nil
	}
	return nil, invalidQuery(quote(key) + ` must be an array of names, or a string with commas`)
}

// parseNumber reads a number or a numeric string.
func parseNumber(key string, value []byte, least, unset int) (int, error) {
	s := scanner{b: value}
	v, _, tooLarge := s.primitive()
	if text, ok := v.(string); ok && strings.TrimSpace(text) == "" || v == nil && !tooLarge {
		return unset, nil
	}
	n, err := castNumber(v)
	if err != nil && !tooLarge {
		return unset, nil
	}
	i, whole := n.(int64)
	switch f, _ := n.(float64); {
	case !tooLarge && !whole && f != math.Trunc(f):
		return unset, invalidQuery(fmt.Sprintf("%q must be an integer", key))
	case !whole || i > maxSafeInteger || i < -maxSafeInteger:
		return unset, invalidQuery(fmt.Sprintf("%q must be a safe number", key))
	case i < int64(least):
		return unset, errLeast(key, least)
	}
	return int(i), nil
}

func errLeast(key string, least int) *Error {
	return invalidQuery(fmt.Sprintf("%q must be greater than or equal to %d", key, least))
}

// parseMeta reads "*", "total_count,filter_count" or an array.
func parseMeta(value []byte) ([]string, error) {
	s := scanner{b: value}
	if s.peek() == 'f' {
		return nil, nil
	}
	names, err := parseNames("meta", value)
	if err != nil {
		return nil, err
	}
	var meta []string
	for _, name := range names {
		if isStar(name) {
			return []string{TotalCount, FilterCount}, nil
		}
		meta = append(meta, name)
	}
	return meta, checkMeta(meta)
}

func checkMeta(meta []string) error {
	for i, name := range meta {
		if name != TotalCount && name != FilterCount {
			return invalidQuery(fmt.Sprintf(`"meta[%d]" must be one of [%s, %s]`, i, TotalCount, FilterCount))
		}
	}
	return nil
}
