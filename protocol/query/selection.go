package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxMembers is how many members the wildcards of fields may make, nested ones
// included.
const MaxMembers = 5_000

// A Selection is what an answer shows of the items of a collection.
type Selection struct {
	Collection *Collection
	// Members are in the order in which an item shows them: as in Directus first what
	// is a value or a key, then one-to-many and nested relations.
	Members []Member
}

// A Member is one name of an item as it is shown.
type Member struct {
	Name  string // in the answer: the field's, an alias, or "date_year"
	Field *Field // of the Selection's collection
	Func  string // "" = the value itself; with count of a one-to-many relation, Field is that
	// Nested is what is shown of related rows: an object, or an array of them if the
	// relation is to many. nil = the field's value, or an array of keys.
	Nested *Selection
	// Deep is what a query's deep asks of the related rows; it is not bound, and its
	// limit is Unset if deep has none.
	Deep Query
}

// Selection resolves fields, wildcards, functions, alias and deep against the
// collection and its Schema. No fields are all ("*"). What the schema lacks is left out, and so
// is what would be more than [MaxMembers]: Validate says what is wrong.
func (q Query) Selection(c *Collection) *Selection {
	fields := q.Fields
	if len(fields) == 0 {
		fields = []string{"*"}
	}
	s := selector{left: MaxMembers}
	return s.selection(c, fields, q, "")
}

// Flat returns the names for [AppendRow], if the rows themselves hold all that is
// shown: no relations but keys of many-to-one ones, no functions, no aliases.
func (s *Selection) Flat() (names []string, ok bool) {
	names = make([]string, len(s.Members))
	for i, m := range s.Members {
		if m.Nested != nil || m.Func != "" || m.Field.Type == Alias || m.Name != m.Field.Name {
			return nil, false
		}
		names[i] = m.Name
	}
	return names, true
}

// A selector makes a selection, and passes over mistakes.
type selector struct {
	left     int  // how many members more there may be
	deep     bool // look for mistakes in deep, too
	mistakes mistakes
}

func (s *selector) fail(err error) { s.mistakes.add(err) }

func (s *selector) selection(c *Collection, fields []string, q Query, path string) *Selection {
	p := part{selector: s, c: c, q: q, path: path}
	for _, name := range fields {
		if s.left < 0 {
			break
		}
		head, rest, _ := strings.Cut(name, ".")
		if head != "*" {
			p.add(head, rest, true)
			continue
		}
		for i := range c.Fields {
			if field := &c.Fields[i]; field.Relation != nil {
				p.add(field.Name, rest, false)
			} else {
				p.add(field.Name, "", false)
			}
		}
		for _, alias := range slices.Sorted(maps.Keys(q.Alias)) {
			if field := c.Field(q.Alias[alias]); field != nil && field.Relation != nil {
				p.add(alias, rest, false)
			} else {
				p.add(alias, "", false)
			}
		}
	}
	selection := &Selection{Collection: c}
	for _, m := range p.values {
		if !slices.ContainsFunc(p.relations, func(r relationFields) bool { return r.Name == m.Name }) {
			selection.Members = append(selection.Members, m)
		}
	}
	for _, r := range p.relations {
		r.Deep = New()
		if deep, ok := q.Deep[r.Name]; ok {
			r.Deep = deep
			if related := c.Related(r.Field.Relation); s.deep && related != nil {
				s.fail(deep.validateRows(related, join(path, r.Name)))
			}
		}
		if len(r.fields) > 0 {
			if s.left < 0 {
				break
			}
			r.Nested = s.selection(c.Related(r.Field.Relation), r.fields, r.Deep, join(path, r.Name))
		}
		selection.Members = append(selection.Members, r.Member)
	}
	return selection
}

// A part is the selection of one collection while it is made.
type part struct {
	*selector
	c         *Collection
	q         Query
	path      string
	values    []Member
	relations []relationFields
}

type relationFields struct {
	Member
	fields []string // what is asked of the related rows
}

// add takes a field, an alias or a function, with the rest of the path behind it; asked
// says that it was named, and is not one that a wildcard stands for.
func (p *part) add(name, rest string, asked bool) {
	real, isAlias := p.q.Alias[name]
	if !isAlias {
		real = name
	}
	fn, fieldName := splitFunction(real)
	field := p.c.Field(fieldName)
	if field == nil {
		if asked || isAlias {
			p.fail(errField(p.c, fieldName, p.path))
		}
		return
	}
	m := Member{Name: name, Field: field, Func: fn}
	if !isAlias {
		m.Name = functionKey(name)
	}
	hidden := field.Relation != nil && p.c.Related(field.Relation) == nil
	switch {
	case fn != "":
		if hidden {
			return
		}
		if !slices.Contains(functionsOf(field.Type), fn) || rest != "" || field.Type == Alias && field.Relation == nil {
			p.fail(errFunction(fn))
			return
		}
		p.value(m)
	case rest == "" && field.Type != Alias:
		p.value(m)
	case field.Relation == nil && rest != "":
		first, _, _ := strings.Cut(rest, ".")
		p.fail(errField(p.c, first, p.path))
	case field.Relation == nil || hidden: // as in Directus it is no mistake
	default:
		p.relation(m, rest)
	}
}

func (p *part) value(m Member) {
	if !slices.ContainsFunc(p.values, func(other Member) bool { return other.Name == m.Name }) && p.take() {
		p.values = append(p.values, m)
	}
}

func (p *part) relation(m Member, rest string) {
	i := slices.IndexFunc(p.relations, func(r relationFields) bool { return r.Name == m.Name })
	if i < 0 {
		if !p.take() {
			return
		}
		i = len(p.relations)
		p.relations = append(p.relations, relationFields{Member: m})
	}
	if r := &p.relations[i]; rest != "" && !slices.Contains(r.fields, rest) {
		r.fields = append(r.fields, rest)
	}
}

func (p *part) take() bool {
	if p.left--; p.left < 0 {
		p.fail(invalidQuery(fmt.Sprintf(`The wildcards in "fields" stand for more than %d fields`, MaxMembers)))
		return false
	}
	return true
}
