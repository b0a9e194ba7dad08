package query

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Grouped reports whether the query asks for groups instead of items.
func (q Query) Grouped() bool { return len(q.Aggregate) > 0 || len(q.GroupBy) > 0 }

// validateGroups checks aggregate, groupBy, and that sort is by what is grouped by.
func (q Query) validateGroups(c *Collection) error {
	var m mistakes
	for _, a := range q.Aggregate {
		m.add(a.validate(c))
	}
	for _, name := range q.GroupBy {
		fn, fieldName := splitFunction(name)
		field := c.Field(fieldName)
		switch {
		case field == nil:
			m.add(errField(c, fieldName, ""))
		case fn != "" && !slices.Contains(functionsOf(field.Type), fn):
			m.add(errFunction(fn))
		case field.Type == Alias, fn == "" && (field.Type == JSON || field.Type == CSV):
			m.add(invalidQuery(fmt.Sprintf("Grouping by %s is not served: its type is %q", quote(name), field.Type)))
		case field.isSecret():
			m.add(invalidQuery(fmt.Sprintf("Grouping by %s is not allowed: it is concealed", quote(name))))
		}
	}
	for _, key := range q.Sort {
		if _, ok := q.SortedAggregation(key); !ok && (q.sortsByAggregate(key) || len(q.GroupBy) > 0 && !slices.Contains(q.GroupBy, key.Field)) {
			m.add(invalidQuery(fmt.Sprintf(`Groups can be sorted by what is in "groupBy" and "aggregate", not by %s`, quote(key.Field))))
		}
	}
	return m.err()
}

// sortsByAggregate reports whether a sort key names a function of Aggregate, which
// counts before a field of that name: "count", "sum.views".
func (q Query) sortsByAggregate(key SortKey) bool {
	fn, _, _ := strings.Cut(key.Field, ".")
	return key.Func == "" && len(key.Path) == 0 && slices.ContainsFunc(q.Aggregate, func(a Aggregation) bool { return a.Func == fn })
}

// SortedAggregation returns which element of Aggregate a sort key sorts groups by, if it
// does: "count" and "count.*" count rows, "sum.views" sums a field, and "countAll" is
// that of any. A bound key names it as an unbound one does.
func (q Query) SortedAggregation(key SortKey) (int, bool) {
	if key.Func != "" || len(key.Path) > 0 {
		return 0, false
	}
	fn, field, ok := strings.Cut(key.Field, ".")
	if !ok {
		field = "*"
	}
	i := slices.IndexFunc(q.Aggregate, func(a Aggregation) bool {
		return a.Func == fn && (a.Field == field || fn == "countAll")
	})
	return i, i >= 0
}

func (a Aggregation) validate(c *Collection) error {
	isCount := a.Func == "count" || a.Func == "countAll"
	if a.Field == "*" && isCount {
		return nil
	}
	field := c.Field(a.Field)
	if fn, _ := splitFunction(a.Field); fn != "" {
		return invalidQuery(fmt.Sprintf(`%s of a function, %s, is not served`, quote(a.Func), quote(a.Field)))
	}
	switch {
	case a.Field == "*":
		return invalidQuery(fmt.Sprintf(`%s needs the name of a field, not "*"`, quote(a.Func)))
	case field == nil:
		return errField(c, a.Field, "")
	case field.isSecret() && !isCount:
		return invalidQuery(fmt.Sprintf("%s of %s is not allowed: it is concealed", quote(a.Func), quote(a.Field)))
	}
	t := field.Type
	ok := false
	switch a.Func {
	case "count", "countAll":
		ok = t != Alias
	case "countDistinct":
		ok = t != Alias && t != JSON && t != CSV
	case "min", "max":
		ok = t != Alias && t != JSON && t != CSV && t != Boolean
	case "sum", "sumDistinct", "avg", "avgDistinct":
		ok = t.isNumber()
	}
	if !ok {
		return invalidQuery(fmt.Sprintf("%s of %s is not served: its type is %q", quote(a.Func), quote(a.Field), t))
	}
	return nil
}

// Groups answers an aggregated query from rows held in memory: filter, search, group,
// aggregate, sort, window. Without GroupBy there is one group, whatever the rows. A
// key is a field's value, or a function's; values are, by Func:
//
//	count, countAll, countDistinct  an int64
//	sum, sumDistinct                an int64 of whole numbers (a float64 where that overflows), else a float64
//	avg, avgDistinct                a float64
//	min, max                        a value of the field
//
// All but the counts are nil where no row has a value. Groups are sorted by Sort,
// then by their keys in order. It is what the server's SQL must equal.
func (q Query) Groups(c *Collection, rows []Row, env Env) []Group {
	q = q.Bind(c, env)
	type tallied struct {
		keys    []any
		tallies []tally
	}
	index := map[string]int{}
	var all []tallied
	groupOf := func(keys []any) []tally {
		var name []byte
		for _, key := range keys {
			name = append(AppendValue(name, key), ',')
		}
		i, ok := index[string(name)]
		if !ok {
			i = len(all)
			index[string(name)] = i
			all = append(all, tallied{keys, make([]tally, len(q.Aggregate))})
		}
		return all[i].tallies
	}
	if len(q.GroupBy) == 0 {
		groupOf(nil)
	}
	for _, row := range q.matching(c, rows, env) {
		keys := make([]any, len(q.GroupBy))
		for i, name := range q.GroupBy {
			fn, field := splitFunction(name)
			keys[i] = FieldValue(fn, row[field], c.Field(field))
		}
		tallies := groupOf(keys)
		for i, a := range q.Aggregate {
			if a.Field == "*" || a.Func == "countAll" {
				tallies[i].rows++
			} else {
				tallies[i].add(row[a.Field], a.Func)
			}
		}
	}

	groups := make([]Group, len(all))
	for i, g := range all {
		groups[i].Keys = g.keys
		for j, a := range q.Aggregate {
			groups[i].Values = append(groups[i].Values, g.tallies[j].value(a.Func))
		}
	}
	order := q.groupOrder()
	slices.SortFunc(groups, func(a, b Group) int {
		for _, by := range order {
			if c := CompareValues(by.of(a), by.of(b)); c != 0 {
				if by.desc {
					return -c
				}
				return c
			}
		}
		return 0
	})
	return window(q, groups)
}

type groupKey struct {
	at    int  // in GroupBy
	value bool // in Aggregate
	desc  bool
}

func (k groupKey) of(g Group) any {
	if k.value {
		return g.Values[k.at]
	}
	return g.Keys[k.at]
}

// groupOrder is by what the groups of a bound query are sorted.
func (q Query) groupOrder() (order []groupKey) {
	for _, key := range q.Sort {
		if i, ok := q.SortedAggregation(key); ok {
			order = append(order, groupKey{i, true, key.Desc})
			continue
		}
		for i, name := range q.GroupBy {
			if fn, field := splitFunction(name); fn == key.Func && field == key.Field && len(key.Path) == 0 {
				order = append(order, groupKey{i, false, key.Desc})
			}
		}
	}
	for i := range q.GroupBy {
		order = append(order, groupKey{at: i})
	}
	return order
}

// A tally is what an aggregation has seen of a group.
type tally struct {
	rows     int64 // with a value
	ints     int64
	floats   float64 // the sum as SQLite has it, by Kahan, Babuška and Neumaier
	lost     float64 // what rounding took from floats
	inexact  bool    // ints has overflowed, or there was a float64
	distinct map[any]bool
	best     any
}

func (t *tally) add(v any, fn string) {
	if v == nil {
		return
	}
	switch fn {
	case "countDistinct", "sumDistinct", "avgDistinct":
		if raw, ok := v.(json.RawMessage); ok {
			v = string(raw)
		}
		if t.distinct == nil {
			t.distinct = map[any]bool{}
		}
		if t.distinct[v] {
			return
		}
		t.distinct[v] = true
	case "min", "max":
		if c := CompareValues(v, t.best); t.best == nil || c < 0 && fn == "min" || c > 0 && fn == "max" {
			t.best = v
		}
	}
	t.rows++
	switch v := v.(type) {
	case int64:
		sum := t.ints + v
		if (sum > t.ints) != (v > 0) && v != 0 {
			t.inexact = true
		}
		t.ints = sum
		// In two halves, each of which a float64 holds exactly.
		t.addFloat(float64(v - v%(1<<14)))
		t.addFloat(float64(v % (1 << 14)))
	case float64:
		t.inexact = true
		t.addFloat(v)
	}
}

func (t *tally) addFloat(v float64) {
	sum := t.floats + v
	if math.Abs(t.floats) > math.Abs(v) {
		t.lost += (t.floats - sum) + v
	} else {
		t.lost += (v - sum) + t.floats
	}
	t.floats = sum
}

func (t *tally) value(fn string) any {
	switch fn {
	case "count", "countAll", "countDistinct":
		return t.rows
	case "min", "max":
		return t.best
	}
	if t.rows == 0 {
		return nil
	}
	sum := t.floats + t.lost
	if !t.inexact {
		sum = float64(t.ints)
	}
	switch {
	case fn == "avg" || fn == "avgDistinct":
		return sum / float64(t.rows)
	case t.inexact:
		return sum
	}
	return t.ints
}

// AppendGroups appends groups as a JSON array in Directus's form:
//
//	[{"status":"draft","date_year":2026,"count":{"id":3},"countAll":4}]
//
// count of "*" is a number itself; beside counts of fields, which are put in its
// place, it is not shown.
func (q Query) AppendGroups(dst []byte, groups []Group) []byte {
	dst = append(dst, '[')
	for i, group := range groups {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = q.appendGroup(dst, group)
	}
	return append(dst, ']')
}

func (q Query) appendGroup(dst []byte, group Group) []byte {
	dst = append(dst, '{')
	key := func(name string) { dst = appendKey(dst, name) }
	for i, name := range q.GroupBy {
		key(functionKey(name))
		dst = AppendValue(dst, group.Keys[i])
	}
	for i, a := range q.Aggregate {
		isSame := func(other Aggregation) bool { return other.Func == a.Func }
		if slices.ContainsFunc(q.Aggregate[:i], isSame) {
			continue // it is with the first of its kind
		}
		key(a.Func)
		if !slices.ContainsFunc(q.Aggregate[i:], func(other Aggregation) bool { return isSame(other) && other.Field != "*" }) {
			dst = AppendValue(dst, group.Values[i])
			continue
		}
		dst = append(dst, '{')
		for j, other := range q.Aggregate[i:] {
			if isSame(other) && other.Field != "*" {
				key(other.Field)
				dst = AppendValue(dst, group.Values[i+j])
			}
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
