package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"leveret/protocol/query"
)

// Read returns whole rows: the query's filter and sort (bound), search and window are
// applied, its fields are not. It sees what was committed before it began.
func (s *Store) Read(ctx context.Context, collection string, q query.Query) (rows []query.Row, err error) {
	err = s.borrowed(ctx, collection, "read", func(ctx context.Context, c *session, t *table) error {
		rows, err = s.read(ctx, c, t, q)
		return err
	})
	return rows, err
}

// Count returns how many rows match a filter (bound) and a search term.
func (s *Store) Count(ctx context.Context, collection string, filter *query.Filter, search string) (n int, err error) {
	err = s.borrowed(ctx, collection, "count", func(ctx context.Context, c *session, t *table) error {
		n, err = s.count(ctx, c, t, filter, search)
		return err
	})
	return n, err
}

// borrowed runs a read of a collection on one of the connections that read.
func (s *Store) borrowed(ctx context.Context, collection, doing string, read func(context.Context, *session, *table) error) error {
	t, err := s.table(collection)
	if err != nil {
		return err
	}
	c, err := s.borrowReader(ctx)
	if err != nil {
		return err
	}
	defer func() { s.readers <- c }()
	err = s.timed(ctx, func(ctx context.Context) error { return read(ctx, c, t) })
	return s.failure(ctx, doing, collection, err)
}

func (s *Store) read(ctx context.Context, c *session, t *table, q query.Query) ([]query.Row, error) {
	compile, root := s.root(t)
	where, err := compile.where(root, q.Filter, q.Search)
	if err != nil {
		return nil, err
	}
	order, err := compile.order(root, q.Sort)
	if err != nil {
		return nil, err
	}
	text := "SELECT " + t.list + " FROM " + t.name + " AS " + root.alias + where + order + compile.limit(q)
	rows, err := compile.query(ctx, c, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return t.scan(rows)
}

// query runs what was compiled.
func (c *compiler) query(ctx context.Context, session *session, text string) (*sql.Rows, error) {
	if len(c.args) > maxValues {
		return nil, invalidQuery(`The filter has %d values; %d are allowed.`, len(c.args), maxValues)
	}
	return session.query(ctx, c.whole(text), append(c.args, c.window...)...)
}

// limit compiles limit, offset and page.
func (c *compiler) limit(q query.Query) string {
	offset, limit := q.Window()
	if offset <= 0 && limit < 0 {
		return ""
	}
	c.window = []any{limit, max(offset, 0)}
	return " LIMIT ? OFFSET ?" // -1 is no limit to SQLite, too
}

// order compiles the sort keys to the order of query.CompareWith: columns have SQLite's
// BINARY collation (bytes) and its nulls come first, last when descending. The
// primary key is always last, so that the order is total.
func (c *compiler) order(sc scope, keys []query.SortKey) (string, error) {
	var b strings.Builder
	b.WriteString(" ORDER BY ")
	var seen []string
	for _, key := range keys {
		text, _, err := c.sortKey(sc, key, key.Path, 0)
		if err != nil {
			return "", fmt.Errorf("sort: %w", err)
		}
		if n := len(key.Path); n > 1 && key.Path[n-1].Relation.Many {
			text = "COALESCE(" + text + ", 0)" // a row that is missing has none
		}
		if slices.Contains(seen, text) {
			continue // it decides nothing any more
		}
		seen = append(seen, text)
		b.WriteString(text)
		if key.Desc {
			b.WriteString(" DESC")
		}
		if text == sc.alias+"."+sc.columns[sc.key] {
			return b.String(), nil // nor does anything after a unique key
		}
		b.WriteString(", ")
	}
	b.WriteString(sc.alias + "." + sc.columns[sc.key])
	return b.String(), nil
}

// sortKey writes what is sorted by, a subquery within a subquery for each hop.
func (c *compiler) sortKey(sc scope, key query.SortKey, path []query.Hop, level int) (string, int, error) {
	if len(path) == 0 {
		text, err := sc.function(key.Func, key.Field)
		return text, functionDepth, err
	}
	hop := path[0]
	if hop.Relation == nil {
		return "", 0, fmt.Errorf("the key %q is not bound", key.Field)
	}
	start := len(c.args)
	inner, from, depth, err := c.enter(sc, hop.Relation, hop.Guard, level)
	if err != nil {
		return "", 0, err
	}
	if len(path) == 1 && hop.Relation.Many && key.Func == "count" {
		return "(SELECT COUNT(*)" + from + ")", depth + 1, nil
	}
	middle := len(c.args)
	text, d, err := c.sortKey(inner, key, path[1:], level+1)
	// What is selected comes before FROM in the text, and so must its values.
	c.args = slices.Concat(c.args[:start], c.args[middle:], c.args[start:middle])
	return "(SELECT " + text + from + ")", depth + d + 1, err
}

func (t *table) scan(rows *sql.Rows) ([]query.Row, error) {
	found := []query.Row{}
	values := make([]any, len(t.fields))
	targets := make([]any, len(t.fields))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := make(query.Row, len(t.fields))
		for i, f := range t.fields {
			row[f.Name] = t.stores[i].decode(values[i])
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

func (s *Store) count(ctx context.Context, c *session, t *table, filter *query.Filter, search string) (n int, err error) {
	compile, root := s.root(t)
	where, err := compile.where(root, filter, search)
	if err != nil {
		return 0, err
	}
	rows, err := compile.query(ctx, c, "SELECT COUNT(*) FROM "+t.name+" AS "+root.alias+where)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}
