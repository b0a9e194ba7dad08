package query

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// JSON encodes the query natively, as a client sends it. It is Parse's inverse.
// What is not set is left out.
func (q Query) JSON() json.RawMessage { return q.appendJSON(nil, "") }

// appendJSON appends the query; prefix is before each of its names: "_" in deep.
func (q Query) appendJSON(dst []byte, prefix string) []byte {
	dst = append(dst, '{')
	key := func(name string) { dst = appendKey(dst, name) }
	texts := func(name string, values []string) {
		if len(values) > 0 {
			key(prefix + name)
			dst = appendTexts(dst, values)
		}
	}
	texts("fields", q.Fields)
	if q.Filter != nil {
		key(prefix + "filter")
		dst = q.Filter.AppendJSON(dst)
	}
	if q.Search != "" {
		key(prefix + "search")
		dst = appendString(dst, q.Search)
	}
	names := make([]string, len(q.Sort))
	for i, sort := range q.Sort {
		names[i] = sort.Field
		if sort.Desc {
			names[i] = "-" + sort.Field
		}
	}
	texts("sort", names)
	for _, number := range []struct {
		name  string
		value int
		unset int
	}{{"limit", q.Limit, Unset}, {"offset", q.Offset, 0}, {"page", q.Page, 0}} {
		if number.value != number.unset {
			key(prefix + number.name)
			dst = strconv.AppendInt(dst, int64(number.value), 10)
		}
	}
	texts("meta", q.Meta)
	if len(q.Aggregate) > 0 {
		key(prefix + "aggregate")
		dst = append(dst, '{')
		for i, a := range q.Aggregate {
			var fields []string
			for j, other := range q.Aggregate {
				if other.Func == a.Func {
					if j < i {
						fields = nil
						break // it was written with the first of its kind
					}
					fields = append(fields, other.Field)
				}
			}
			if fields != nil {
				key(a.Func)
				dst = appendTexts(dst, fields)
			}
		}
		dst = append(dst, '}')
	}
	texts("groupBy", q.GroupBy)
	if len(q.Alias) > 0 {
		key(prefix + "alias")
		dst = append(dst, '{')
		for _, name := range slices.Sorted(maps.Keys(q.Alias)) {
			key(name)
			dst = appendString(dst, q.Alias[name])
		}
		dst = append(dst, '}')
	}
	if len(q.Deep) > 0 {
		if prefix == "" {
			key("deep")
			dst = append(dst, '{')
		}
		for _, name := range slices.Sorted(maps.Keys(q.Deep)) {
			key(name)
			dst = q.Deep[name].appendJSON(dst, "_")
		}
		if prefix == "" {
			dst = append(dst, '}')
		}
	}
	return append(dst, '}')
}
