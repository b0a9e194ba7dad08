package query

import (
	"cmp"
	"encoding/json"
	"math"
	"strings"
)

// Compare orders two rows by the sort keys: nulls first ascending and last
// descending (as SQLite), text by bytes, then by the primary key, so that the order
// is total.
func Compare(a, b Row, keys []SortKey, primaryKey string) int {
	return CompareWith(a, b, keys, primaryKey, nil)
}

// CompareWith is Compare by bound keys that may lead through relations, whose rows are
// found by lookup; nil finds none. What a missing row would have is null.
func CompareWith(a, b Row, keys []SortKey, primaryKey string, lookup Lookup) int {
	for i := range keys {
		key := &keys[i]
		var c int
		if key.Func == "" && len(key.Path) == 0 {
			c = CompareValues(a[key.Field], b[key.Field])
		} else {
			c = CompareValues(key.value(a, lookup), key.value(b, lookup))
		}
		if c != 0 {
			if key.Desc {
				return -c
			}
			return c
		}
	}
	return CompareValues(a[primaryKey], b[primaryKey])
}

// value is what a bound key sorts a row by.
func (key *SortKey) value(row Row, lookup Lookup) any {
	for _, hop := range key.Path {
		if hop.Relation.Many {
			return countRelated(hop.Relation, hop.Guard, row, lookup)
		}
		found := Row(nil)
		for _, related := range relatedRows(hop.Relation, row, lookup) {
			if hop.Guard.MatchWith(related, lookup) {
				found = related
				break
			}
		}
		row = found
	}
	return FieldValue(key.Func, row[key.Field], nil)
}

// CompareValues orders two values of one field: nil < false < true < numbers <
// text. Integers and floats compare by their exact values.
func CompareValues(a, b any) int {
	switch a := a.(type) { // the common cases, without a detour
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	}
	rankA, rankB := rank(a), rank(b)
	if rankA != rankB {
		return cmp.Compare(rankA, rankB)
	}
	switch rankA {
	case rankNumber:
		return compareNumbers(a, b)
	case rankText:
		return strings.Compare(rawText(a), rawText(b))
	}
	return 0
}

const (
	rankNull = iota
	rankFalse
	rankTrue
	rankNumber
	rankText
)

func rank(v any) int {
	switch v := v.(type) {
	case nil:
		return rankNull
	case bool:
		if v {
			return rankTrue
		}
		return rankFalse
	case int64, float64, int:
		return rankNumber
	}
	return rankText
}

func rawText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.RawMessage:
		return string(v)
	}
	return ""
}

func compareNumbers(a, b any) int {
	intA, floatA, wholeA := number(a)
	intB, floatB, wholeB := number(b)
	switch {
	case wholeA && wholeB:
		return cmp.Compare(intA, intB)
	case wholeA:
		return compareIntFloat(intA, floatB)
	case wholeB:
		return -compareIntFloat(intB, floatA)
	}
	return cmp.Compare(floatA, floatB)
}

func number(v any) (i int64, f float64, whole bool) {
	switch v := v.(type) {
	case int64:
		return v, 0, true
	case int:
		return int64(v), 0, true
	case float64:
		return 0, v, false
	}
	return 0, 0, true
}

// compareIntFloat compares without converting i to a float, which would round it.
func compareIntFloat(i int64, f float64) int {
	switch {
	case math.IsNaN(f): // SQLite has no NaN; it goes before every number, as cmp has it
		return 1
	case f >= 1<<63:
		return -1
	case f < -(1 << 63):
		return 1
	}
	whole := math.Trunc(f)
	if c := cmp.Compare(i, int64(whole)); c != 0 {
		return c
	}
	return cmp.Compare(whole, f)
}
