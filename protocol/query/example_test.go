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
	env := query.Env{Now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	for _, row := range q.Execute(messages, rows, env) {
		fmt.Printf("%s\n", query.AppendRow(nil, row, q.Select(messages)))
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
