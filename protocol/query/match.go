package query

import "encoding/json"

// Match reports whether the row satisfies a bound filter, by SQL's three-valued
// logic: what compares with NULL is unknown, and unknown does not match. There is
// no NOT above a leaf, so a leaf need only tell true from the rest. A field that
// the row lacks is NULL. A nil filter matches everything. There are no related rows.
func (f *Filter) Match(row Row) bool { return f.MatchWith(row, nil) }

// MatchWith is Match with related rows, found by lookup; nil finds none.
func (f *Filter) MatchWith(row Row, lookup Lookup) bool {
	if f == nil {
		return true
	}
	if f.Field != "" && f.Relation == nil && f.Nodes == nil { // a leaf, without a detour
		return f.matchValue(FieldValue(f.Func, row[f.Field], nil))
	}
	switch f.Op {
	case OpAnd:
		for _, node := range f.Nodes {
			if !node.MatchWith(row, lookup) {
				return false
			}
		}
		return true
	case OpOr:
		for _, node := range f.Nodes {
			if node.MatchWith(row, lookup) {
				return true
			}
		}
		return len(f.Nodes) == 0
	case OpOne, OpSome, OpNone:
		return f.matchRelated(row, lookup)
	}
	return f.Relation != nil && f.matchValue(countRelated(f.Relation, f.Guard, row, lookup))
}

func (f *Filter) matchValue(v any) bool {
	switch f.Op {
	case OpNull:
		return v == nil
	case OpNNull:
		return v != nil
	case OpEmpty:
		return isEmpty(v)
	case OpNEmpty:
		return !isEmpty(v)
	case OpNin:
		// NOT IN of an empty list is true, for NULL too.
		if list, ok := f.Value.([]any); ok && len(list) == 0 {
			return true
		}
	}
	if v == nil {
		return false
	}
	if raw, ok := v.(json.RawMessage); ok {
		v = CSVText(raw)
	}
	switch f.Op {
	case OpEq:
		return f.Value != nil && CompareValues(v, f.Value) == 0
	case OpNeq:
		return f.Value != nil && CompareValues(v, f.Value) != 0
	case OpLt:
		return f.Value != nil && CompareValues(v, f.Value) < 0
	case OpLte:
		return f.Value != nil && CompareValues(v, f.Value) <= 0
	case OpGt:
		return f.Value != nil && CompareValues(v, f.Value) > 0
	case OpGte:
		return f.Value != nil && CompareValues(v, f.Value) >= 0
	case OpIn, OpNin, OpBetween, OpNBetween:
		list, ok := f.Value.([]any)
		return ok && matchList(f.Op, v, list)
	}
	operand, ok := f.Value.(string)
	return ok && matchText(f.Op, textOf(v), operand)
}

func matchList(op Op, v any, list []any) bool {
	switch op {
	case OpIn, OpNin:
		null := false
		for _, element := range list {
			if element == nil {
				null = true
			} else if CompareValues(v, element) == 0 {
				return op == OpIn
			}
		}
		return op == OpNin && !null
	}
	if len(list) != 2 {
		return false
	}
	low, high := list[0], list[1]
	if op == OpBetween {
		return low != nil && high != nil && CompareValues(v, low) >= 0 && CompareValues(v, high) <= 0
	}
	return low != nil && CompareValues(v, low) < 0 || high != nil && CompareValues(v, high) > 0
}

func matchText(op Op, text, operand string) bool {
	switch op {
	case OpIEq:
		return equalLower(text, operand)
	case OpNIEq:
		return !equalLower(text, operand)
	case OpContains, OpIContains:
		return like(operand, text, false, false)
	case OpNContains, OpNIContains:
		return !like(operand, text, false, false)
	case OpStartsWith, OpIStartsWith:
		return like(operand, text, true, false)
	case OpNStartsWith, OpNIStartsWith:
		return !like(operand, text, true, false)
	case OpEndsWith, OpIEndsWith:
		return like(operand, text, false, true)
	case OpNEndsWith, OpNIEndsWith:
		return !like(operand, text, false, true)
	}
	return false
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case json.RawMessage:
		return CSVText(v) == ""
	}
	return false
}

// equalLower reports whether LOWER(text) = operand.
func equalLower(text, operand string) bool {
	if len(text) != len(operand) {
		return false
	}
	for i := range len(text) {
		if lowerByte(text[i]) != operand[i] {
			return false
		}
	}
	return true
}

// textOf is what LIKE sees of a value.
func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return string(AppendValue(nil, v))
}
