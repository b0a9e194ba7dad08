package query

import (
	"slices"
	"strings"
)

// This file follows relations: when a query is bound, and when rows are matched.

// relation returns a field's relation and where it leads, or nils.
func (c *Collection) relation(name string) (*Relation, *Collection) {
	if c == nil {
		return nil, nil
	}
	field := c.Field(name)
	if field == nil || c.Related(field.Relation) == nil {
		return nil, nil
	}
	return field.Relation, c.Related(field.Relation)
}

// guard returns which rows of a related collection count, bound.
func (env Env) guard(c *Collection) *Filter {
	if env.Guard == nil {
		return nil
	}
	filter := env.Guard(c.Name)
	env.Guard = nil
	return filter.Bind(c, env)
}

func (f *Filter) bindRelation(c *Collection, env Env) *Filter {
	relation, related := c.relation(f.Field)
	if related == nil {
		return nothing(c, f.Field)
	}
	op, node := f.Op, f.node()
	if op == OpSome && !relation.Many {
		op = OpOne
	}
	bound := node.Bind(related, env)
	if bound == nil && (op == OpOne || op == OpSome && f.Value == nil && node != nil) {
		return nil // the condition was left out, or there was none
	}
	return &Filter{Op: op, Field: f.Field, Nodes: []*Filter{bound}, Relation: relation, Guard: env.guard(related), bound: true}
}

// bindMany binds a leaf on a one-to-many field, which is about the keys of the
// related rows, as it is in Directus.
func (f *Filter) bindMany(c *Collection, env Env) *Filter {
	relation, related := c.relation(f.Field)
	if related == nil || !relation.Many {
		return nothing(c, f.Field)
	}
	many := &Filter{Op: OpSome, Field: f.Field, Relation: relation, Guard: env.guard(related), Nodes: []*Filter{nil}, bound: true}
	if f.Op.isPresence() {
		if isNull := f.Op == OpNull || f.Op == OpEmpty; isNull == (f.Value != false) {
			many.Op = OpNone
		}
		return many
	}
	key := Filter{Op: f.Op, Field: related.PrimaryKey, Value: f.Value}
	if many.Nodes[0] = key.Bind(related, env); many.Nodes[0] == nil {
		return nil
	}
	return many
}

// matchRelated is Match of _one, _some and _none.
func (f *Filter) matchRelated(row Row, lookup Lookup) bool {
	node := f.node()
	for _, related := range relatedRows(f.Relation, row, lookup) {
		if !f.Guard.MatchWith(related, lookup) {
			continue
		}
		if f.Op == OpOne {
			return node.MatchWith(related, lookup)
		}
		if node.MatchWith(related, lookup) {
			return f.Op == OpSome
		}
	}
	if f.Op == OpOne {
		return node.MatchWith(nil, lookup)
	}
	return f.Op == OpNone
}

func relatedRows(r *Relation, row Row, lookup Lookup) []Row {
	if r == nil || lookup == nil || row[r.Local] == nil {
		return nil
	}
	return lookup(r, row[r.Local])
}

func countRelated(r *Relation, guard *Filter, row Row, lookup Lookup) int64 {
	n := int64(0)
	for _, related := range relatedRows(r, row, lookup) {
		if guard.MatchWith(related, lookup) {
			n++
		}
	}
	return n
}

// Collections returns the names of the related collections that a bound filter
// looks at, by its guards too, each once: what it matches in c changes with their
// rows.
func (f *Filter) Collections(c *Collection) []string { return f.collections(c, nil) }

func (f *Filter) collections(c *Collection, names []string) []string {
	if f == nil {
		return names
	}
	if f.Relation != nil || f.Op.isRelation() {
		relation, related := c.relation(f.Field)
		if f.Relation != nil {
			relation = f.Relation
		}
		if relation == nil {
			return names
		}
		if !slices.Contains(names, relation.Collection) {
			names = append(names, relation.Collection)
		}
		c = related
	}
	for _, node := range f.Nodes {
		names = node.collections(c, names)
	}
	return f.Guard.collections(c, names)
}

// follow goes along a path of many-to-one relations to a field or a function of
// one, and returns which it is and of which collection. visit is told each relation
// on the way, and that of a count. where is the path that leads to c, for the error.
func (c *Collection) follow(path, where string, visit func(*Relation, *Collection)) (at *Collection, field *Field, fn string, err error) {
	for {
		name, rest, more := strings.Cut(path, ".")
		if !more {
			fn, name = splitFunction(name)
		}
		if field = c.Field(name); field == nil {
			return nil, nil, "", errField(c, name, where)
		}
		isCount := fn == "count" && field.Type == Alias
		if more || isCount {
			related := c.Related(field.Relation)
			switch {
			case field.Relation == nil && more:
				first, _, _ := strings.Cut(rest, ".")
				_, first = splitFunction(first)
				return nil, nil, "", errField(c, first, where)
			case field.Relation == nil:
				return nil, nil, "", errFunction(fn)
			case related == nil:
				return nil, nil, "", errCollection(field.Relation.Collection, join(where, name))
			case field.Relation.Many && more:
				return nil, nil, "", invalidQuery(quote(name) + " leads to any number of items, by none of which can be sorted: use its count")
			}
			visit(field.Relation, related)
			if more {
				c, path, where = related, rest, join(where, name)
				continue
			}
		}
		if fn != "" && !slices.Contains(functionsOf(field.Type), fn) {
			return nil, nil, "", errFunction(fn)
		}
		return c, field, fn, nil
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
