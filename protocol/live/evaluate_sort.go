package live

import (
	"encoding/json"
	"math"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A sortField is what items are sorted by.
type sortField struct {
	path path
	desc bool
}

// sortValues are what an item is sorted by: a value for each sort key, then the primary
// key. Numbers and text compare whatever the type, so that it counts only where the
// server says that a text is a number.
func (e *evaluator) sortValues(item json.RawMessage) []any {
	values := make([]any, len(e.sort)+1)
	key := e.keyValue(protocol.Member(item, e.primaryKey))
	for i := range e.sort {
		p := &e.sort[i].path
		if p.text == e.primaryKey && p.function == "" {
			values[i] = key
			continue
		}
		values[i] = query.FieldValue(p.function, e.value(p.text, p.at(item)), nil)
	}
	values[len(e.sort)] = key
	return values
}

// keyValue is what a primary key is sorted by. An item that has none yet will be given
// the next one.
func (e *evaluator) keyValue(raw json.RawMessage) any {
	if raw == nil {
		return math.Inf(1)
	}
	return e.value(e.primaryKey, raw)
}

func (e *evaluator) value(path string, raw json.RawMessage) any {
	if raw == nil || isNull(raw) {
		return nil
	}
	var field *query.Field
	if t, told := e.told[path]; told {
		field = &query.Field{Name: path, Type: t}
	}
	value, err := query.DecodeValue(raw, field)
	if err != nil {
		return nil
	}
	return value
}

// compare orders two items by their sortValues.
func (e *evaluator) compare(a, b []any) int {
	for i := range a {
		c := query.CompareValues(a[i], b[i])
		if c == 0 {
			continue
		}
		if e.highest && i < len(e.sort) && (a[i] == nil) != (b[i] == nil) {
			c = -c
		}
		if i < len(e.sort) && e.sort[i].desc {
			c = -c
		}
		return c
	}
	return 0
}

// heed learns from two neighbours, in the order in which a server gave them, where it
// puts nulls: databases differ.
func (e *evaluator) heed(before, after []any) {
	if e.ours() {
		return
	}
	for i := range e.sort {
		if query.CompareValues(before[i], after[i]) == 0 {
			continue
		}
		if (before[i] == nil) != (after[i] == nil) {
			e.highest = (after[i] == nil) != e.sort[i].desc
		}
		return
	}
}

// sortsByText reports whether the order depends on how the server orders text.
func (e *evaluator) sortsByText() bool {
	for i := range e.sort {
		p := &e.sort[i].path
		if p.function != "" {
			continue
		}
		switch e.told[p.text] {
		case query.String, query.Text:
			return true
		}
		if e.seen[p.text]&sawText != 0 {
			return true
		}
	}
	return false
}
