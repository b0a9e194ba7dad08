package directus

import (
	"context"
	"fmt"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file shows items as JSON: the fields that were asked for, related items
// inside, and nothing that the reader may not see.

// A reader is where rows are read: what is committed, or a transaction.
type reader interface {
	Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error)
	Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error)
}

// maxRelated bounds the related items that one answer, or one event of a view, shows.
//
// Differs from Directus: 9.
const maxRelated = 100_000

// A printer writes items as JSON for somebody. Related items are read once for
// each relation that is shown, however many items show it.
type printer struct {
	*scope
	ctx  context.Context
	from reader
	left int // how many related items may still be read
}

func (s *scope) printer(ctx context.Context, from reader) *printer {
	return &printer{scope: s, ctx: ctx, from: from, left: maxRelated}
}

// items returns the rows as JSON objects with what is selected.
func (p *printer) items(a *access, selected *query.Selection, rows []query.Row) ([][]byte, error) {
	texts := make([][]byte, len(rows))
	if names, ok := a.plain(selected); ok {
		for i, row := range rows {
			texts[i] = query.AppendRow(nil, row, names)
		}
		return texts, nil
	}
	columns := make([]column, len(selected.Members))
	for i := range selected.Members {
		var err error
		if columns[i], err = p.column(a, &selected.Members[i], rows); err != nil {
			return nil, err
		}
	}
	for i, row := range rows {
		text := []byte{'{'}
		for j, m := range selected.Members {
			if j > 0 {
				text = append(text, ',')
			}
			text = query.AppendValue(text, m.Name)
			text = append(text, ':')
			text = columns[j](text, row)
		}
		texts[i] = append(text, '}')
	}
	return texts, nil
}

// array returns the rows as a JSON array.
func (p *printer) array(a *access, selected *query.Selection, rows []query.Row) ([]byte, error) {
	if names, ok := a.plain(selected); ok {
		return appendRows(nil, rows, names), nil
	}
	texts, err := p.items(a, selected, rows)
	return appendTexts(nil, texts), err
}

// one returns a row as a JSON object.
func (p *printer) one(a *access, selected *query.Selection, row query.Row) ([]byte, error) {
	texts, err := p.items(a, selected, []query.Row{row})
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}

// plain returns the names of the selected fields if their values are all there is
// to show: no related items, nothing computed, and nothing hidden.
func (a *access) plain(selected *query.Selection) ([]string, bool) {
	if a.cases != nil {
		return nil, false
	}
	for _, m := range selected.Members {
		if m.Field == nil || isSecret(m.Field) {
			return nil, false
		}
	}
	return selected.Flat()
}

// A column appends one member of an item.
type column func(dst []byte, row query.Row) []byte

func (p *printer) column(a *access, m *query.Member, rows []query.Row) (column, error) {
	if m.Field == nil {
		return nil, fmt.Errorf("the member %q of a selection has no field", m.Name)
	}
	show, err := p.member(a, m, rows)
	if err != nil {
		return nil, err
	}
	hidden, err := p.hidden(a, m.Field.Name, rows)
	if err != nil || hidden == nil {
		return show, err
	}
	return func(dst []byte, row query.Row) []byte {
		if hidden[keyText(row[a.whole.PrimaryKey])] {
			return append(dst, "null"...)
		}
		return show(dst, row)
	}, nil
}

// hidden returns the keys of those rows that may not show a field; nil = none.
func (p *printer) hidden(a *access, field string, rows []query.Row) (map[string]bool, error) {
	filter := a.fieldFilter(field).Bind(a.whole, p.rules)
	if filter == nil {
		return nil, nil
	}
	if len(filter.Collections(a.whole)) > 0 {
		q := keysQuery(a.whole, keysOf(rows, a.whole.PrimaryKey))
		q.Filter = query.And(q.Filter, filter)
		found, err := p.from.Read(p.ctx, a.whole.Name, q)
		if err != nil {
			return nil, err
		}
		hidden := make(map[string]bool, len(rows))
		for _, row := range rows {
			hidden[keyText(row[a.whole.PrimaryKey])] = true
		}
		for _, row := range found {
			hidden[keyText(row[a.whole.PrimaryKey])] = false
		}
		return hidden, nil
	}
	hidden := map[string]bool{}
	for _, row := range rows {
		if !filter.Match(row) {
			hidden[keyText(row[a.whole.PrimaryKey])] = true
		}
	}
	return hidden, nil
}

func (p *printer) member(a *access, m *query.Member, rows []query.Row) (column, error) {
	f, to := m.Field, m.Field.Relation
	switch {
	case to != nil && to.Many && m.Func != "":
		return p.count(a, to, rows)
	case to != nil && to.Many:
		return p.many(a, m, rows)
	case to != nil && m.Nested != nil:
		return p.single(a, m, rows)
	case isSecret(f):
		return func(dst []byte, row query.Row) []byte {
			if row[f.Name] == nil {
				return append(dst, "null"...)
			}
			return append(dst, `"**********"`...)
		}, nil
	case m.Func != "":
		return func(dst []byte, row query.Row) []byte {
			return query.AppendValue(dst, query.FieldValue(m.Func, row[f.Name], f))
		}, nil
	}
	return func(dst []byte, row query.Row) []byte { return query.AppendValue(dst, row[f.Name]) }, nil
}

// count shows how many items a relation leads to that may be read.
func (p *printer) count(a *access, to *query.Relation, rows []query.Row) (column, error) {
	counts := map[string]any{}
	if b := p.related(a.whole, to); b != nil && len(rows) > 0 {
		q := everyItem()
		q.GroupBy = []string{to.Foreign}
		q.Aggregate = []query.Aggregation{{Func: "count", Field: "*"}}
		q.Filter = query.And(p.permitted(b), b.fieldFilter(to.Foreign).Bind(b.whole, p.rules),
			oneOf(b.whole, to.Foreign, valuesOf(rows, to.Local)))
		groups, err := p.from.Aggregate(p.ctx, to.Collection, q)
		if err != nil {
			return nil, err
		}
		for _, group := range groups {
			counts[keyText(group.Keys[0])] = group.Values[0]
		}
	}
	return func(dst []byte, row query.Row) []byte {
		if n, ok := counts[keyText(row[to.Local])]; ok {
			return query.AppendValue(dst, n)
		}
		return append(dst, '0')
	}, nil
}

// many shows the items that an o2m relation leads to, or their keys: for each item
// as the relation's own query (deep) has them, 100 unless it says otherwise.
func (p *printer) many(a *access, m *query.Member, rows []query.Row) (column, error) {
	to := m.Field.Relation
	lists := map[string][]byte{}
	if b := p.related(a.whole, to); b != nil {
		asked := m.Deep
		if len(asked.Sort) == 0 && to.Sort != "" && b.seen.Field(to.Sort) != nil {
			asked.Sort = []query.SortKey{{Field: to.Sort}}
		}
		found, err := p.read(b, asked, to.Foreign, valuesOf(rows, to.Local))
		if err != nil {
			return nil, err
		}
		perItem := map[string][]query.Row{}
		for _, row := range found {
			key := keyText(row[to.Foreign])
			perItem[key] = append(perItem[key], row)
		}
		offset, limit := p.hub.window(asked).Window()
		var shown []query.Row
		for key, list := range perItem {
			list = list[min(max(offset, 0), len(list)):]
			if limit >= 0 {
				list = list[:min(limit, len(list))]
			}
			perItem[key] = list
			shown = append(shown, list...)
		}
		text := map[string][]byte{}
		if m.Nested != nil {
			texts, err := p.items(b, m.Nested, shown)
			if err != nil {
				return nil, err
			}
			for i, row := range shown {
				text[keyText(row[b.whole.PrimaryKey])] = texts[i]
			}
		}
		for key, list := range perItem {
			array := []byte{'['}
			for i, row := range list {
				if i > 0 {
					array = append(array, ',')
				}
				if m.Nested != nil {
					array = append(array, text[keyText(row[b.whole.PrimaryKey])]...)
				} else {
					array = query.AppendValue(array, row[b.whole.PrimaryKey])
				}
			}
			lists[key] = append(array, ']')
		}
	}
	return func(dst []byte, row query.Row) []byte {
		if list, ok := lists[keyText(row[to.Local])]; ok {
			return append(dst, list...)
		}
		return append(dst, "[]"...)
	}, nil
}

// single shows the item that an m2o relation leads to, or null if there is none,
// it may not be read, or the relation's own query (deep) does not want it.
func (p *printer) single(a *access, m *query.Member, rows []query.Row) (column, error) {
	to := m.Field.Relation
	texts := map[string][]byte{}
	if b := p.related(a.whole, to); b != nil {
		found, err := p.read(b, m.Deep, to.Foreign, valuesOf(rows, to.Local))
		if err != nil {
			return nil, err
		}
		shown, err := p.items(b, m.Nested, found)
		if err != nil {
			return nil, err
		}
		for i, row := range found {
			texts[keyText(row[to.Foreign])] = shown[i]
		}
	}
	return func(dst []byte, row query.Row) []byte {
		if text, ok := texts[keyText(row[to.Local])]; ok && row[to.Local] != nil {
			return append(dst, text...)
		}
		return append(dst, "null"...)
	}, nil
}

// read reads the related items whose field has one of the values.
func (p *printer) read(b *access, asked query.Query, field string, values []any) ([]query.Row, error) {
	if len(values) == 0 {
		return nil, nil
	}
	q := p.bind(query.Query{Filter: asked.Filter, Search: asked.Search, Sort: asked.Sort}, b)
	q.Filter = query.And(q.Filter, oneOf(b.whole, field, values))
	q.Limit = p.left + 1
	rows, err := p.from.Read(p.ctx, b.whole.Name, q)
	if err != nil {
		return nil, err
	}
	if p.left -= len(rows); p.left < 0 {
		return nil, &protocol.Error{Code: protocol.CodeInvalidQuery, Message: fmt.Sprintf(
			"Invalid query. It looks at more than %d related items. Ask for fewer items, or for fewer of their relations.", maxRelated)}
	}
	return rows, nil
}

// keysOf returns the keys of rows.
func keysOf(rows []query.Row, primaryKey string) []any {
	keys := make([]any, len(rows))
	for i, row := range rows {
		keys[i] = row[primaryKey]
	}
	return keys
}

// valuesOf returns the values of a field that are not null, each once.
func valuesOf(rows []query.Row, field string) []any {
	values := make([]any, 0, len(rows))
	seen := make(map[string]bool, len(rows))
	for _, row := range rows {
		value := row[field]
		if value == nil || seen[keyText(value)] {
			continue
		}
		seen[keyText(value)] = true
		values = append(values, value)
	}
	return values
}

func appendTexts(dst []byte, texts [][]byte) []byte {
	dst = append(dst, '[')
	for i, text := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, text...)
	}
	return append(dst, ']')
}
