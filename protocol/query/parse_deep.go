package query

import (
	"fmt"
	"strings"
)

// This file reads the members of a query that are objects, or strings that hold
// one: aggregate, deep and alias.

// parseObject calls member for each member of an object; nothing is none.
func parseObject(key string, value []byte, member func(name string, s *scanner) error) error {
	s := scanner{b: value}
	if s.peek() == '"' {
		s = scanner{b: []byte(s.text())} // the SDK's form
	}
	if len(s.b) == 0 || isNothing(s.b) {
		return nil
	}
	if s.peek() != '{' {
		return errObject(key)
	}
	s.open('{')
	for first := true; s.more('}', &first); {
		name := s.key()
		if s.bad {
			break
		}
		if err := member(name, &s); err != nil {
			return err
		}
	}
	if !s.end() {
		return errObject(key)
	}
	return nil
}

func errObject(key string) *Error { return invalidQuery(fmt.Sprintf("%q has to be an object", key)) }

// parseAggregate reads {"count": "*", "sum": ["a", "b"]}; of a function that comes
// twice the last counts.
func parseAggregate(value []byte) (list []Aggregation, err error) {
	err = parseObject("aggregate", value, func(fn string, s *scanner) error {
		switch fn {
		case "count", "countAll", "countDistinct", "sum", "sumDistinct", "avg", "avgDistinct", "min", "max":
		default:
			return invalidQuery(fmt.Sprintf(`%s in "aggregate" is none of count, countAll, countDistinct, sum, sumDistinct, avg, avgDistinct, min and max`, quote(fn)))
		}
		names, err := parseNames("aggregate", s.raw())
		if err != nil {
			return err
		}
		kept := list[:0]
		for _, a := range list {
			if a.Func != fn {
				kept = append(kept, a)
			}
		}
		list = kept
		for _, name := range names {
			if fn == "countAll" {
				name = "*" // whatever the field
			}
			list = addAggregation(list, Aggregation{Func: fn, Field: name})
		}
		if len(list) > MaxNames {
			return invalidQuery(fmt.Sprintf("%q has more than %d names", "aggregate", MaxNames))
		}
		return nil
	})
	if len(list) == 0 || err != nil {
		return nil, err
	}
	return list, nil
}

func addAggregation(list []Aggregation, a Aggregation) []Aggregation {
	for _, other := range list {
		if other == a {
			return list
		}
	}
	return append(list, a)
}

// parseDeep reads {"articles": {"_limit": 3, "comments": {"_sort": "-id"}}}.
func parseDeep(value []byte, n *int) (deep map[string]Query, err error) {
	err = parseObject("deep", value, func(name string, s *scanner) error {
		q, err := parseNested(name, s.raw(), n)
		if err == nil && q != nil {
			if deep == nil {
				deep = map[string]Query{}
			}
			deep[name] = *q
		}
		return err
	})
	return deep, err
}

// parseNested reads what deep has about one relation, nil if that is nothing.
func parseNested(name string, value []byte, n *int) (*Query, error) {
	if strings.Contains(name, ":") {
		_, err := parsePath(name, "deep")
		return nil, err
	}
	if *n++; *n > MaxDeep {
		return nil, invalidQuery(fmt.Sprintf(`"deep" has more than %d relations`, MaxDeep))
	}
	q := New()
	err := parseObject("deep."+name, value, func(key string, s *scanner) error {
		raw := s.raw()
		if s.bad {
			return nil
		}
		key, own := strings.CutPrefix(key, "_")
		switch key {
		case "filter", "sort", "search", "limit", "offset", "page":
			if own {
				return q.set(key, raw)
			}
		case "fields", "aggregate", "groupBy", "alias", "version":
			if own && !isNothing(raw) {
				return notServed("_" + key)
			}
		}
		if own { // Directus ignores what it does not know
			return nil
		}
		nested, err := parseNested(key, raw, n)
		if err == nil && nested != nil {
			if q.Deep == nil {
				q.Deep = map[string]Query{}
			}
			q.Deep[key] = *nested
		}
		return err
	})
	if isEmpty := q.Filter == nil && q.Sort == nil && q.Search == "" && q.Limit == Unset && q.Offset == 0 && q.Page == 0 && q.Deep == nil; isEmpty || err != nil {
		return nil, err
	}
	return &q, nil
}

// parseAlias reads {"alias": "field"}.
func parseAlias(value []byte) (alias map[string]string, err error) {
	err = parseObject("alias", value, func(name string, s *scanner) error {
		if s.peek() != '"' {
			return invalidQuery(fmt.Sprintf(`"alias" value has to be a string: %s is not`, quote(name)))
		}
		field := s.text()
		if strings.Contains(name, ".") || strings.Contains(field, ".") {
			return invalidQuery(`"alias" key/value can't contain a period character`)
		}
		if strings.ContainsAny(name, "*,:()") || name == "" || strings.TrimSpace(name) != name {
			return invalidQuery(fmt.Sprintf(`%s in "alias" cannot be a name in "fields"`, quote(name)))
		}
		field, err := parsePath(field, "alias")
		if alias == nil {
			alias = map[string]string{}
		}
		if alias[name] = field; len(alias) > MaxNames {
			return invalidQuery(fmt.Sprintf(`"alias" has more than %d names`, MaxNames))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return alias, nil
}

// Depth is how many names the longest path in the query has, those of its deep
// included: 1 where only fields of the collection itself are named, 0 without any.
func (q Query) Depth() int {
	deepest := q.paths()
	for _, names := range [][]string{q.Fields, q.GroupBy} {
		for _, name := range names {
			deepest = max(deepest, strings.Count(name, ".")+1)
		}
	}
	return deepest
}

// paths is how deep fields are nested in a query, those of its deep included.
func (q *Query) paths() int {
	deepest := q.Filter.paths()
	for _, key := range q.Sort {
		deepest = max(deepest, strings.Count(key.Field, ".")+1)
	}
	for _, nested := range q.Deep {
		deepest = max(deepest, nested.paths()+1)
	}
	return deepest
}
