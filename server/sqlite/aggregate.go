package sqlite

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"leveret/protocol/query"
)

// Aggregate returns the groups of a query with Aggregate or GroupBy: its filter
// (bound) and search say which rows count, its sort, by what it is grouped by, and
// window say which groups are returned.
func (s *Store) Aggregate(ctx context.Context, collection string, q query.Query) (groups []query.Group, err error) {
	err = s.borrowed(ctx, collection, "aggregate", func(ctx context.Context, c *session, t *table) error {
		groups, err = s.aggregate(ctx, c, t, q)
		return err
	})
	return groups, err
}

// A result is a column of an aggregated SELECT.
type result struct {
	text   string
	decode func(any) any // makes a value of what the driver read; nil = it is one
}

func (s *Store) aggregate(ctx context.Context, c *session, t *table, q query.Query) ([]query.Group, error) {
	groups, err := s.groups(ctx, c, t, q, false)
	if isOverflow(err) {
		return s.groups(ctx, c, t, q, true)
	}
	return groups, err
}

// groups runs an aggregated query. SQLite's SUM of integers fails when it passes 64
// bits; inexact sums are TOTALs, which are floats.
func (s *Store) groups(ctx context.Context, c *session, t *table, q query.Query, inexact bool) ([]query.Group, error) {
	compile, root := s.root(t)
	var results []result
	for _, name := range q.GroupBy {
		key, err := root.groupKey(name)
		if err != nil {
			return nil, err
		}
		results = append(results, key)
	}
	for _, a := range q.Aggregate {
		value, err := root.aggregation(a, inexact)
		if err != nil {
			return nil, err
		}
		results = append(results, value)
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("the query asks for no aggregate and no group")
	}

	where, err := compile.where(root, q.Filter, q.Search)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for i, r := range results {
		separator := ", "
		if i == 0 {
			separator = "SELECT "
		}
		fmt.Fprintf(&text, "%s%s AS c%d", separator, r.text, i)
	}
	text.WriteString(" FROM " + t.name + " AS " + root.alias + where)
	if len(q.GroupBy) > 0 {
		order, err := root.groupOrder(q, results)
		if err != nil {
			return nil, err
		}
		text.WriteString(order)
	}
	text.WriteString(compile.limit(q))
	return compile.scanGroups(ctx, c, text.String(), results, len(q.GroupBy))
}

// groupKey writes what one element of GroupBy groups by.
func (sc scope) groupKey(name string) (result, error) {
	function, field := splitFunction(name)
	text, err := sc.function(function, field)
	if err != nil || function != "" {
		return result{text, nil}, err
	}
	return result{text, sc.stores[sc.column(field)].decode}, nil
}

// splitFunction reads "year(date)" as "year" and "date", "date" as "" and "date".
func splitFunction(name string) (function, field string) {
	if function, rest, ok := strings.Cut(name, "("); ok && strings.HasSuffix(rest, ")") {
		return function, strings.TrimSuffix(rest, ")")
	}
	return "", name
}

// groupOrder writes GROUP BY and ORDER BY: the sort keys, each of which is something
// grouped by or computed, then the rest of the former, so that the order is total.
func (sc scope) groupOrder(q query.Query, results []result) (string, error) {
	keys, values := results[:len(q.GroupBy)], results[len(q.GroupBy):]
	var grouped, ordered []string
	add := func(text, direction string) {
		// By the expression: numbers would depend on the order of the columns.
		if !slices.Contains(grouped, text) {
			grouped = append(grouped, text)
			ordered = append(ordered, text+direction)
		}
	}
	for _, key := range q.Sort {
		direction := ""
		if key.Desc {
			direction = " DESC"
		}
		if i, ok := q.SortedAggregation(key); ok {
			ordered = append(ordered, values[i].text+direction)
			continue
		}
		function, field := splitFunction(key.Field)
		if key.Func != "" {
			function = key.Func
		}
		text, err := sc.function(function, field)
		if err != nil {
			return "", fmt.Errorf("sort: %w", err)
		}
		if len(key.Path) > 0 || !slices.ContainsFunc(keys, func(k result) bool { return k.text == text }) {
			return "", invalidQuery("Groups can be sorted only by what they are grouped by, and not by %q.", key.Field)
		}
		add(text, direction)
	}
	for _, key := range keys {
		add(key.text, "")
	}
	return " GROUP BY " + strings.Join(grouped, ", ") + " ORDER BY " + strings.Join(ordered, ", "), nil
}

// aggregationSQL is the functions of one field.
var aggregationSQL = map[string]string{
	"count":         "COUNT(%s)",
	"countDistinct": "COUNT(DISTINCT %s)",
	"sum":           "SUM(%s)",
	"sumDistinct":   "SUM(DISTINCT %s)",
	"avg":           "AVG(%s)",
	"avgDistinct":   "AVG(DISTINCT %s)",
	"min":           "MIN(%s)",
	"max":           "MAX(%s)",
}

// aggregation writes one element of Aggregate.
func (sc scope) aggregation(a query.Aggregation, inexact bool) (result, error) {
	if a.Func == "countAll" || a.Func == "count" && a.Field == "*" {
		return result{"COUNT(*)", nil}, nil
	}
	format, ok := aggregationSQL[a.Func]
	if !ok {
		return result{}, fmt.Errorf("there is no aggregate %q", a.Func)
	}
	column, err := sc.name(a.Field)
	if err != nil {
		return result{}, err
	}
	store := sc.stores[sc.column(a.Field)]
	switch a.Func {
	case "min", "max":
		return result{fmt.Sprintf(format, column), store.decode}, nil
	case "sum", "sumDistinct":
		if inexact && store == storeInteger {
			total := strings.Replace(fmt.Sprintf(format, column), "SUM", "TOTAL", 1)
			return result{"CASE WHEN COUNT(" + column + ") > 0 THEN " + total + " END", wholeIfExact}, nil
		}
	}
	return result{fmt.Sprintf(format, column), nil}, nil
}

// wholeIfExact gives back the sums of integers that are exact as floats.
func wholeIfExact(v any) any {
	if f, ok := v.(float64); ok && math.Abs(f) <= 1<<53 {
		return int64(f)
	}
	return v
}

func (c *compiler) scanGroups(ctx context.Context, session *session, text string, results []result, keys int) ([]query.Group, error) {
	rows, err := c.query(ctx, session, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	groups := []query.Group{}
	targets := make([]any, len(results))
	for rows.Next() {
		values := make([]any, len(results))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		for i, r := range results {
			if r.decode != nil {
				values[i] = r.decode(values[i])
			}
		}
		groups = append(groups, query.Group{Keys: values[:keys:keys], Values: values[keys:]})
	}
	return groups, rows.Err()
}
