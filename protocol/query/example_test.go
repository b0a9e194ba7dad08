package query_test

import (
	"fmt"
	"time"

	"leveret/protocol/query"
)

// A query is answered from rows in memory as a server answers it from its database.
func Example() {
	messages := &query.Collection{Name: "messages", PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.Integer},
		{Name: "text", Type: query.Text},
		{Name: "date_created", Type: query.Timestamp},
	}}
	var rows []query.Row
	for _, item := range []string{
		`{"id":1,"text":"old","date_created":"2026-11-01T08:00:00Z"}`,
		`{"id":2,"text":"new","date_created":"2026-11-21T08:00:00Z"}`,
		`{"id":3,"text":"newer","date_created":"2026-11-21T09:00:00Z"}`,
	} {
		row, err := query.DecodeRow([]byte(item), messages)
		if err != nil {
			fmt.Println(err)
			return
		}
		rows = append(rows, row)
	}

	q, err := query.Parse([]byte(`{"fields":["id","text"],"filter":{"date_created":{"_gt":"$NOW(-1 day)"}},"sort":"-date_created"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := q.Validate(messages); err != nil {
		fmt.Println(err)
		return
	}
	names, _ := q.Selection(messages).Flat()
	env := query.Env{Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	for _, row := range q.Execute(messages, rows, env) {
		fmt.Printf("%s\n", query.AppendRow(nil, row, names))
	}
	// Output:
	// {"id":3,"text":"newer"}
	// {"id":2,"text":"new"}
}

// A rule, such as a permission, is a filter that is joined to the query's own.
func ExampleAnd() {
	rule := &query.Filter{Op: query.OpEq, Field: "user", Value: "$CURRENT_USER"}
	asked, err := query.ParseFilter([]byte(`{"status":{"_in":"draft,published"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	f := query.And(rule, asked).Bind(nil, query.Env{User: "ann"})
	fmt.Printf("%s\n", f.AppendJSON(nil))
	fmt.Println(f.Match(query.Row{"user": "ann", "status": "draft"}), f.Match(query.Row{"user": "bob", "status": "draft"}))
	// Output:
	// {"_and":[{"user":{"_eq":"ann"}},{"status":{"_in":["draft","published"]}}]}
	// true false
}

// library is two collections with a relation between them, and a few rows.
func library() (authors, articles *query.Collection, lookup query.Lookup, rows map[string][]query.Row) {
	schema := &query.Schema{Collections: map[string]*query.Collection{}}
	authors = &query.Collection{Name: "authors", PrimaryKey: "id", Schema: schema, Fields: []query.Field{
		{Name: "id", Type: query.Integer},
		{Name: "name", Type: query.String},
		{Name: "articles", Type: query.Alias, Relation: &query.Relation{Many: true, Collection: "articles", Local: "id", Foreign: "author"}},
	}}
	articles = &query.Collection{Name: "articles", PrimaryKey: "id", Schema: schema, Fields: []query.Field{
		{Name: "id", Type: query.Integer},
		{Name: "status", Type: query.String},
		{Name: "published", Type: query.Date},
		{Name: "author", Type: query.Integer, Relation: &query.Relation{Collection: "authors", Local: "author", Foreign: "id"}},
	}}
	schema.Collections["authors"], schema.Collections["articles"] = authors, articles
	rows = map[string][]query.Row{
		"authors": {{"id": int64(1), "name": "Ann"}, {"id": int64(2), "name": "Bob"}},
		"articles": {
			{"id": int64(1), "status": "draft", "published": nil, "author": int64(1)},
			{"id": int64(2), "status": "public", "published": "2026-11-20", "author": int64(1)},
			{"id": int64(3), "status": "public", "published": "2025-03-01", "author": int64(2)},
		},
	}
	lookup = func(r *query.Relation, value any) (found []query.Row) {
		for _, row := range rows[r.Collection] {
			if row[r.Foreign] == value {
				found = append(found, row)
			}
		}
		return found
	}
	return authors, articles, lookup, rows
}

// A filter may ask for related rows; a guard says which of them somebody may see.
func ExampleFilter_MatchWith() {
	authors, articles, lookup, rows := library()
	f, err := query.ParseFilter([]byte(`{"articles":{"_none":{"status":"draft"}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	public, err := query.ParseFilter([]byte(`{"status":"public"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	all := f.Bind(authors, query.Env{})
	guarded := f.Bind(authors, query.Env{Guard: func(collection string) *query.Filter {
		return public.Bind(articles, query.Env{})
	}})
	for _, row := range rows["authors"] {
		fmt.Println(row["name"], all.MatchWith(row, lookup), guarded.MatchWith(row, lookup))
	}
	// Output:
	// Ann false true
	// Bob true true
}

// A selection says what an answer shows, for whoever finds the related rows.
func ExampleQuery_Selection() {
	_, articles, _, _ := library()
	q, err := query.Parse([]byte(`{"fields":["id","year(published)","author.*"],"deep":{"author":{"articles":{"_limit":2}}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range q.Selection(articles).Members {
		fmt.Print(m.Name, ":")
		if m.Nested != nil {
			for _, inner := range m.Nested.Members {
				fmt.Print(" ", inner.Name)
				if inner.Field.Relation != nil {
					fmt.Print(", at most ", inner.Deep.Limit)
				}
			}
		}
		fmt.Println()
	}
	// Output:
	// id:
	// published_year:
	// author: id name articles, at most 2
}

// Aggregates are groups, and not items.
func ExampleQuery_Groups() {
	_, articles, lookup, rows := library()
	q, err := query.Parse([]byte(`{"aggregate":{"count":"*","max":"published"},"groupBy":["author"],"filter":{"author":{"name":{"_nnull":true}}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := q.Validate(articles); err != nil {
		fmt.Println(err)
		return
	}
	groups := q.Groups(articles, rows["articles"], query.Env{Lookup: lookup})
	fmt.Printf("%s\n", q.AppendGroups(nil, groups))
	// Output:
	// [{"author":1,"count":2,"max":{"published":"2026-11-20"}},{"author":2,"count":1,"max":{"published":"2025-03-01"}}]
}
