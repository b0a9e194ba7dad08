package directus

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"leveret/protocol/query"
)

// A typeList is the types of the fields that a query looks at, by their paths along
// many-to-one relations ("author.name"): what a client has to know to compare as this
// server does (protocol.CapabilityTypes).
type typeList map[string]query.Type

// typesOf lists those that a query shows, filters and sorts by, of a collection as
// somebody may see it. The query was validated against that.
func typesOf(q query.Query, c *query.Collection) json.RawMessage {
	list := typeList{}
	if !q.Grouped() {
		list.selection("", q.Selection(c))
	}
	list.filter("", q.Filter, c)
	for _, key := range q.Sort {
		list.path(key.Field, c)
	}
	out := []byte{'{'}
	for i, path := range slices.Sorted(maps.Keys(list)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = query.AppendValue(out, path)
		out = append(out, ':')
		out = query.AppendValue(out, string(list[path]))
	}
	return append(out, '}')
}

func (l typeList) add(before string, f *query.Field) {
	if f != nil && f.Type != query.Alias {
		l[before+f.Name] = f.Type
	}
}

func (l typeList) selection(before string, s *query.Selection) {
	for _, m := range s.Members {
		l.add(before, m.Field)
		if r := m.Field.Relation; m.Nested != nil && r != nil && !r.Many {
			l.selection(before+m.Field.Name+".", m.Nested)
		}
	}
}

func (l typeList) filter(before string, f *query.Filter, c *query.Collection) {
	if f == nil {
		return
	}
	if f.Op != query.OpAnd && f.Op != query.OpOr {
		field := c.Field(f.Field)
		l.add(before, field)
		if field == nil || field.Relation == nil || field.Relation.Many {
			return
		}
		if c = c.Related(field.Relation); c == nil {
			return
		}
		before += f.Field + "."
	}
	for _, node := range f.Nodes {
		l.filter(before, node, c)
	}
}

// path adds the field at the end of a sort key's path, or that of its function.
func (l typeList) path(path string, c *query.Collection) {
	before := ""
	for {
		name, rest, more := strings.Cut(path, ".")
		if _, in, ok := strings.Cut(name, "("); ok {
			name = strings.TrimSuffix(in, ")")
		}
		field := c.Field(name)
		l.add(before, field)
		if !more || field == nil || field.Relation == nil || field.Relation.Many {
			return
		}
		if c = c.Related(field.Relation); c == nil {
			return
		}
		before, path = before+name+".", rest
	}
}
