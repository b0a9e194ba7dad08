package live

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"leveret/protocol/query"
)

func evaluatorOf(t *testing.T, text, types string) *evaluator {
	t.Helper()
	q, err := query.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	e := newEvaluator(q, "id")
	if types != "" {
		e.learn(json.RawMessage(types))
	}
	return e
}

func TestWhatCanBeSaidOfAnItem(t *testing.T) {
	const types = `{"id":"integer","n":"integer","text":"string","at":"timestamp"}`
	now := time.Date(2026, 1, 1, 0, 1, 0, 0, time.UTC)
	cases := []struct {
		query, types, item string
		want               verdict
	}{
		{`{}`, types, `{"id":1}`, matches},
		{`{"filter":{"n":{"_gt":5}}}`, types, `{"id":1,"n":6}`, matches},
		{`{"filter":{"n":{"_gt":5}}}`, types, `{"id":1,"n":5}`, differs},
		{`{"filter":{"n":{"_gt":5}}}`, types, `{"id":1}`, unknown},
		{`{"filter":{"n":{"_null":true}}}`, types, `{"id":1,"n":null}`, matches},
		{`{"filter":{"_and":[{"n":{"_gt":5}},{"text":{"_eq":"a"}}]}}`, types, `{"id":1,"n":1}`, differs},
		{`{"filter":{"_or":[{"n":{"_gt":5}},{"text":{"_eq":"a"}}]}}`, types, `{"id":1,"n":6}`, matches},
		{`{"filter":{"at":{"_gt":"$NOW(-1 minute)"}}}`, types, `{"id":1,"at":"2026-01-01T00:00:30.000Z"}`, matches},
		{`{"filter":{"at":{"_gt":"$NOW(-1 minute)"}}}`, types, `{"id":1,"at":"2025-12-31T23:59:00.000Z"}`, differs},
		{`{"filter":{"n":{"_gt":5}}}`, ``, `{"id":1,"n":6}`, matches},
		{`{"filter":{"n":{"_gt":5}}}`, ``, `{"id":1,"n":4}`, differs},
		{`{"filter":{"n":{"_eq":9007199254740993}}}`, ``, `{"id":1,"n":9007199254740993}`, matches},
	}
	for _, c := range cases {
		e := evaluatorOf(t, c.query, c.types)
		e.observe(json.RawMessage(c.item))
		if got := e.match(now, json.RawMessage(c.item)); got != c.want {
			t.Errorf("%s types %q, %s: verdict %d, want %d", c.query, c.types, c.item, got, c.want)
		}
	}
}

// The order is that of package query, which is the server's.
func TestTheOrderIsTheServers(t *testing.T) {
	const text = `{"sort":["-n","text"]}`
	collection := &query.Collection{Name: "c", PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.Integer}, {Name: "n", Type: query.Integer}, {Name: "text", Type: query.String},
	}}
	items := []string{
		`{"id":1,"n":2,"text":"b"}`, `{"id":2,"n":2,"text":"B"}`, `{"id":3,"n":null,"text":"a"}`,
		`{"id":10,"n":2,"text":"b"}`, `{"id":5,"n":-1,"text":null}`, `{"id":6,"n":null,"text":null}`,
	}
	e := evaluatorOf(t, text, `{"id":"integer","n":"integer","text":"string"}`)
	var rows []query.Row
	for _, item := range items {
		row, err := query.DecodeRow([]byte(item), collection)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	q, _ := query.Parse([]byte(text))
	var want, got []any
	for _, row := range q.Execute(collection, rows, query.Env{}) {
		want = append(want, row["id"])
	}
	slices.SortStableFunc(items, func(a, b string) int {
		return e.compare(e.sortValues(json.RawMessage(a)), e.sortValues(json.RawMessage(b)))
	})
	for _, item := range items {
		row, _ := query.DecodeRow([]byte(item), collection)
		got = append(got, row["id"])
	}
	if !slices.Equal(got, want) {
		t.Errorf("the order is %v, want %v", got, want)
	}
}
