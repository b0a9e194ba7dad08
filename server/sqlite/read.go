package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"leveret/protocol/query"
)

// Read returns whole rows: the query's filter (bound), search, sort and window are
// applied, its fields are not. It sees what was committed before it began.
func (s *Store) Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error) {
	t, err := s.table(collection)
	if err != nil {
		return nil, err
	}
	c, err := s.borrow(ctx, s.readers)
	if err != nil {
		return nil, err
	}
	defer func() { s.readers <- c }()
	rows, err := t.read(ctx, c, q)
	return rows, s.failure(ctx, "read", collection, err)
}

// Count returns how many rows match a filter (bound) and a search term.
func (s *Store) Count(ctx context.Context, collection string, filter *query.Filter, search string) (int, error) {
	t, err := s.table(collection)
	if err != nil {
		return 0, err
	}
	c, err := s.borrow(ctx, s.readers)
	if err != nil {
		return 0, err
	}
	defer func() { s.readers <- c }()
	n, err := t.count(ctx, c, filter, search)
	return n, s.failure(ctx, "count", collection, err)
}

// Aggregate returns the groups of a query.
func (s *Store) Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error) {
	return nil, errors.ErrUnsupported
}

// Aggregate returns the groups of a query, as Store.Aggregate does, and sees what the transaction wrote.
func (t *tx) Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error) {
	return nil, errors.ErrUnsupported
}

func (t *table) read(ctx context.Context, c *session, q query.Query) ([]query.Row, error) {
	where, args, err := t.where(q.Filter, q.Search)
	if err != nil {
		return nil, err
	}
	order, err := t.order(q.Sort)
	if err != nil {
		return nil, err
	}
	text := "SELECT " + t.list + " FROM " + t.name + where + order
	offset, limit := q.Window()
	if offset > 0 || limit >= 0 {
		text += " LIMIT ? OFFSET ?" // -1 is no limit to SQLite, too
		args = append(args, limit, max(offset, 0))
	}
	rows, err := c.query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return t.scan(rows)
}

// order compiles the sort keys to the order of query.Compare: columns have SQLite's
// BINARY collation (bytes) and its nulls come first, last when descending. The
// primary key is always last, so that the order is total.
func (t *table) order(keys []query.SortKey) (string, error) {
	var b strings.Builder
	b.WriteString(" ORDER BY ")
	seen := make([]bool, len(t.Fields))
	for _, key := range keys {
		i := t.column(key.Field)
		if i < 0 {
			return "", fmt.Errorf("sort: there is no field %q", key.Field)
		}
		if seen[i] {
			continue // it decides nothing any more
		}
		seen[i] = true
		b.WriteString(t.columns[i])
		if key.Desc {
			b.WriteString(" DESC")
		}
		if i == t.key {
			return b.String(), nil // nor does anything after a unique key
		}
		b.WriteString(", ")
	}
	b.WriteString(t.columns[t.key])
	return b.String(), nil
}

func (t *table) scan(rows *sql.Rows) ([]query.Row, error) {
	found := []query.Row{}
	values := make([]any, len(t.Fields))
	targets := make([]any, len(t.Fields))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		row := make(query.Row, len(t.Fields))
		for i := range t.Fields {
			row[t.Fields[i].Name] = t.stores[i].decode(values[i])
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

func (t *table) count(ctx context.Context, c *session, filter *query.Filter, search string) (n int, err error) {
	where, args, err := t.where(filter, search)
	if err != nil {
		return 0, err
	}
	rows, err := c.query(ctx, "SELECT COUNT(*) FROM "+t.name+where, args...)
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
