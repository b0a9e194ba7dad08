package directus

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file finds which items of a view show, or are found by, an item of another
// collection that has changed.
//
// Differs from Directus: beyond its list, for there nobody is told of a change of
// a related item.

// A path is a relation that a view follows from its items, with those that it
// follows from there.
type path struct {
	relation *query.Relation
	from, to *query.Collection
	next     []*path
}

// follow finds the view's paths, and returns the accesses of related collections
// that what it shows depends on; by a relation to itself that may be its own.
func (v *view) follow() []*access {
	f := follower{view: v}
	f.filter(&v.paths, v.collection(), v.query.Filter)
	f.sort(&v.paths, v.collection(), v.query.Sort)
	if v.query.Grouped() {
		f.access(&v.paths, v.access)
	} else {
		f.selection(&v.paths, v.access, v.selected)
	}
	return f.accesses
}

// A follower collects the paths of bound filters: whatever guards a relation is part
// of these, wherever they lead. So no access has to be followed from a relation of
// its own, which might have no end.
type follower struct {
	*view
	accesses []*access
}

// step adds a relation to the paths, once.
func (f *follower) step(at *[]*path, from *query.Collection, r *query.Relation) *path {
	for _, p := range *at {
		if *p.relation == *r {
			return p
		}
	}
	to := f.hub.store.Schema().Collections[r.Collection]
	if to == nil {
		return nil
	}
	p := &path{relation: r, from: from, to: to}
	*at = append(*at, p)
	if a := f.may(protocol.ActionRead, to); a != nil && !slices.Contains(f.accesses, a) {
		f.accesses = append(f.accesses, a)
	}
	return p
}

// access follows the rules of what is shown there.
func (f *follower) access(at *[]*path, a *access) {
	f.filter(at, a.whole, f.permitted(a))
	for _, c := range a.cases {
		f.filter(at, a.whole, c.filter.Bind(a.whole, f.rules))
	}
}

func (f *follower) filter(at *[]*path, c *query.Collection, filter *query.Filter) {
	if filter == nil {
		return
	}
	to := c
	if filter.Relation != nil {
		p := f.step(at, c, filter.Relation)
		if p == nil {
			return
		}
		at, to = &p.next, p.to
	}
	for _, node := range filter.Nodes {
		f.filter(at, to, node)
	}
	f.filter(at, to, filter.Guard)
}

func (f *follower) sort(at *[]*path, c *query.Collection, keys []query.SortKey) {
	for _, key := range keys {
		at, c := at, c
		for _, hop := range key.Path {
			p := f.step(at, c, hop.Relation)
			if p == nil {
				break
			}
			at, c = &p.next, p.to
			f.filter(at, c, hop.Guard)
		}
	}
}

func (f *follower) selection(at *[]*path, a *access, selected *query.Selection) {
	f.access(at, a)
	for _, m := range selected.Members {
		if m.Field == nil || m.Field.Relation == nil || m.Nested == nil && !m.Field.Relation.Many {
			continue
		}
		b := f.related(a.whole, m.Field.Relation)
		p := f.step(at, a.whole, m.Field.Relation)
		if b == nil || p == nil {
			continue
		}
		f.access(&p.next, b)
		deep := f.scope.bind(query.Query{Filter: m.Deep.Filter, Search: m.Deep.Search, Sort: m.Deep.Sort}, b)
		f.filter(&p.next, p.to, deep.Filter)
		f.sort(&p.next, p.to, deep.Sort)
		if m.Nested != nil {
			f.selection(&p.next, b, m.Nested)
		}
	}
}

// touches reports whether any collection along the paths is among those that changed.
func touches(paths []*path, changed map[string][]query.Row) bool {
	for _, p := range paths {
		if len(changed[p.to.Name]) > 0 || touches(p.next, changed) {
			return true
		}
	}
	return false
}

// leading returns the keys of those of the view's items from which a changed item
// is reached, as long as they are not themselves among the changed. It looks at
// the state before the commit: an item whose own relation changes is one that changed.
func (v *view) leading(ctx context.Context, changed map[string][]query.Row) ([]any, error) {
	own := map[string]bool{}
	for _, row := range changed[v.collection().Name] {
		own[keyText(row[v.collection().PrimaryKey])] = true
	}
	keys := map[string]any{}
	for _, p := range v.paths {
		rows, err := v.parents(ctx, p, changed)
		if err != nil {
			return nil, err
		}
		for _, row := range v.only(rows) {
			key := row[v.collection().PrimaryKey]
			if text := keyText(key); !own[text] {
				keys[text] = key
			}
		}
	}
	list := make([]any, 0, len(keys))
	for _, text := range slices.Sorted(maps.Keys(keys)) {
		list = append(list, keys[text])
	}
	return list, nil
}

// parents returns the rows at the beginning of a path along which a changed row lies.
func (v *view) parents(ctx context.Context, p *path, changed map[string][]query.Row) ([]query.Row, error) {
	if len(changed[p.to.Name]) == 0 && !touches(p.next, changed) {
		return nil, nil
	}
	rows := slices.Clone(changed[p.to.Name])
	for _, next := range p.next {
		more, err := v.parents(ctx, next, changed)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	values := valuesOf(rows, p.relation.Foreign)
	if len(values) == 0 {
		return nil, nil
	}
	q := everyItem()
	q.Filter = oneOf(p.from, p.relation.Local, values)
	q.Limit = maxRelated + 1
	found, err := v.hub.store.Read(ctx, p.from.Name, q)
	if err == nil && len(found) > maxRelated {
		err = fmt.Errorf("more than %d items of %q show what has changed in %q", maxRelated, p.from.Name, p.to.Name)
	}
	return found, err
}
