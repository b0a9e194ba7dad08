package directus

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A scope is somebody at one moment: what they may do, and what dynamic variables
// stand for. Whatever is read, changed or told goes through one.
type scope struct {
	hub *Hub
	who *Identity

	// rules binds the filters of permissions: it knows every variable, and follows
	// relations wherever they lead.
	rules query.Env
	// guarded binds what somebody asks for: at each relation it sees only the rows
	// that they may read, and of the variables' fields only those.
	guarded query.Env
	// visited are the collections on whose items the variables' fields depend.
	visited map[string]bool
}

// scope returns the scope of an identity now, for a request with these queries.
func (h *Hub) scope(ctx context.Context, who *Identity, queries ...query.Query) (*scope, error) {
	return h.scopeAt(ctx, who, h.opts.Now(), queries...)
}

func (h *Hub) scopeAt(ctx context.Context, who *Identity, now time.Time, queries ...query.Query) (*scope, error) {
	s := &scope{hub: h, who: who, rules: who.env(now), visited: map[string]bool{}}
	s.guarded = s.rules
	s.guarded.Guard = s.guard
	if names := h.opts.Permissions.variables(); len(names) > 0 {
		s.rules.Fields = map[string]any{}
		for _, name := range names {
			value, err := s.variable(ctx, name, false)
			if err != nil {
				return nil, err
			}
			s.rules.Fields[name] = value
		}
	}
	for _, name := range variablesOf(queries...) {
		value, err := s.variable(ctx, name, true)
		if err != nil {
			return nil, err
		}
		if s.guarded.Fields == nil {
			s.guarded.Fields = map[string]any{}
		}
		s.guarded.Fields[name] = value
	}
	return s, nil
}

// variables returns the variables with a field ("$CURRENT_USER.title") that the
// permissions use.
func (p *Permissions) variables() []string {
	s := p.current.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.variables == nil {
		s.variables = []string{}
		for _, permissions := range s.permissions {
			for _, permission := range permissions {
				s.variables = append(s.variables, permission.Filter.Variables()...)
				s.variables = append(s.variables, permission.Validation.Variables()...)
				for _, preset := range permission.Presets {
					if name := strings.Trim(string(preset), `"`); strings.HasPrefix(name, "$") {
						s.variables = append(s.variables, name)
					}
				}
			}
		}
		s.variables = slices.DeleteFunc(s.variables, func(name string) bool { return !hasField(name) })
		slices.Sort(s.variables)
		s.variables = slices.Compact(s.variables)
	}
	return s.variables
}

// variablesOf returns the variables with a field that queries use.
func variablesOf(queries ...query.Query) []string {
	var names []string
	for _, q := range queries {
		names = append(names, q.Filter.Variables()...)
		for _, deep := range q.Deep {
			names = append(names, variablesOf(deep)...)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !hasField(name) })
}

func hasField(variable string) bool {
	return strings.HasPrefix(variable, "$CURRENT_") && strings.Contains(variable, ".")
}

// variable returns what "$CURRENT_USER.title" or "$CURRENT_ROLE.name" stands for:
// the field of the user's or the role's item, at the end of any m2o relations.
// With guarded, what the identity may not read itself is null. A secret always is.
func (s *scope) variable(ctx context.Context, name string, guarded bool) (any, error) {
	path := strings.Split(name, ".")
	collection, key := usersCollection, s.who.User
	switch path[0] {
	case "$CURRENT_USER":
	case "$CURRENT_ROLE":
		collection, key = rolesCollection, s.who.Role
	default:
		return nil, nil
	}
	if key == "" {
		return nil, nil
	}
	c, value := s.hub.store.Schema().Collections[collection], any(key)
	for _, name := range path[1:] {
		if c == nil || value == nil {
			return nil, nil
		}
		f := c.Field(name)
		if f == nil || f.Type == query.Alias || isSecret(f) {
			return nil, nil
		}
		s.visited[c.Name] = true
		q := keysQuery(c, []any{value})
		if guarded {
			a := s.may(protocol.ActionRead, c)
			if a == nil || a.seen.Field(name) == nil {
				return nil, nil
			}
			allowed := a.filterFor(name).Bind(c, s.rules)
			for _, name := range allowed.Collections(c) {
				s.visited[name] = true
			}
			q.Filter = query.And(q.Filter, allowed)
		}
		rows, err := s.hub.store.Read(ctx, c.Name, q)
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		value = rows[0][name]
		c = c.Related(f.Relation)
	}
	return value, nil
}

// isSecret reports whether a field's value is never shown.
func isSecret(f *query.Field) bool {
	return f.Is("conceal") || f.Is("hash") || f.Type == query.Hash
}

// may returns what the identity may do with a collection, or nil.
func (s *scope) may(action protocol.Action, c *query.Collection) *access {
	return s.hub.opts.Permissions.may(s.who, action, c)
}

// related returns what of a relation's collection may be read, or nil.
func (s *scope) related(c *query.Collection, to *query.Relation) *access {
	if to == nil {
		return nil
	}
	related := s.hub.store.Schema().Collections[to.Collection]
	if related == nil {
		return nil
	}
	return s.may(protocol.ActionRead, related)
}

// guard returns which rows of a related collection may be looked at, bound
// already, for the rules that say so are not themselves guarded.
func (s *scope) guard(collection string) *query.Filter {
	c := s.hub.store.Schema().Collections[collection]
	if c == nil {
		return never("id")
	}
	a := s.may(protocol.ActionRead, c)
	if a == nil {
		return never(c.PrimaryKey)
	}
	return s.permitted(a)
}

// permitted returns which items an access is for, bound.
func (s *scope) permitted(a *access) *query.Filter { return a.filter.Bind(a.whole, s.rules) }

// bind makes a valid query executable: bound, narrowed to what the access allows,
// and with the search as part of the filter, so that it looks into no hidden field.
func (s *scope) bind(q query.Query, a *access) query.Query {
	filter := query.And(q.Filter, query.SearchFilter(a.seen, q.Search))
	filter = s.narrow(filter, a)
	for _, key := range q.Sort {
		if _, ok := q.SortedAggregation(key); !ok {
			filter = query.And(filter, s.shown(key.Field, a))
		}
	}
	for _, name := range q.GroupBy {
		filter = query.And(filter, s.shown(name, a))
	}
	for _, aggregation := range q.Aggregate {
		filter = query.And(filter, s.shown(aggregation.Field, a))
	}
	q.Filter, q.Search = filter, ""
	q = q.Bind(a.whole, s.guarded)
	q.Filter = query.And(s.permitted(a), q.Filter)
	return q
}

// narrow lets each condition see only the items that may show its field.
func (s *scope) narrow(f *query.Filter, a *access) *query.Filter {
	if f == nil || a == nil {
		return f
	}
	switch {
	case f.Op == query.OpAnd || f.Op == query.OpOr:
		narrowed := *f
		narrowed.Nodes = make([]*query.Filter, len(f.Nodes))
		for i, node := range f.Nodes {
			narrowed.Nodes[i] = s.narrow(node, a)
		}
		return &narrowed
	case len(f.Nodes) > 0: // of a relation
		if field := a.whole.Field(f.Field); field != nil {
			narrowed := *f
			narrowed.Nodes = make([]*query.Filter, len(f.Nodes))
			for i, node := range f.Nodes {
				narrowed.Nodes[i] = s.narrow(node, s.related(a.whole, field.Relation))
			}
			f = &narrowed
		}
	}
	return query.And(f, a.fieldFilter(f.Field).Bind(a.whole, s.rules))
}

// shown returns which items may show what a sort key, a group or an aggregate
// names: a field, a path of relations to one, or a function of either.
func (s *scope) shown(name string, a *access) *query.Filter {
	if name == "" || name == "*" || a == nil {
		return nil
	}
	field, rest, _ := strings.Cut(plainField(name), ".")
	filter := a.fieldFilter(field).Bind(a.whole, s.rules)
	if f := a.whole.Field(field); rest != "" && f != nil {
		if inner := s.shown(rest, s.related(a.whole, f.Relation)); inner != nil {
			filter = query.And(filter, &query.Filter{Op: query.OpSome, Field: field, Nodes: []*query.Filter{inner}})
		}
	}
	return filter
}

// plainField returns a field or a path without the function around its end:
// "author.year(born)" is "author.born".
func plainField(name string) string {
	open := strings.IndexByte(name, '(')
	if open < 0 {
		return name
	}
	return name[:strings.LastIndexByte(name[:open], '.')+1] + strings.TrimSuffix(name[open+1:], ")")
}

// everything is the query for all items, without a window.
func everyItem() query.Query {
	q := query.New()
	q.Limit = -1
	return q
}

// keysQuery returns the query for the items with these keys.
func keysQuery(c *query.Collection, keys []any) query.Query {
	q := everyItem()
	q.Filter = oneOf(c, c.PrimaryKey, keys)
	return q
}

// oneOf returns a bound filter for the items whose field has one of the values.
func oneOf(c *query.Collection, field string, values []any) *query.Filter {
	return (&query.Filter{Op: query.OpIn, Field: field, Value: values}).Bind(c, query.Env{})
}

// personal reports whether what an access comes to depends on who has it.
func (a *access) personal() bool {
	uses := func(f *query.Filter) bool {
		return f != nil && bytes.Contains(f.AppendJSON(nil), []byte(`$CURRENT_`))
	}
	return uses(a.filter) || slices.ContainsFunc(a.cases, func(c accessCase) bool { return uses(c.filter) })
}
