package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/sqlite"
)

func leaf(field string, op query.Op, value any) *query.Filter {
	return &query.Filter{Op: op, Field: field, Value: value}
}

func repeat(n int, value func(i int) any) []any {
	list := []any{}
	for i := range n {
		list = append(list, value(i))
	}
	return list
}

// TestLargeFilters: what is large is answered, what passes SQLite's limits is
// refused in words, and nothing panics.
func TestLargeFilters(t *testing.T) {
	s := open(t, sqlite.Memory)
	for i := range 5 {
		insert(t, s, "messages", query.Row{"id": fmt.Sprint(i), "text": strings.Repeat("x", i), "n": int64(i), "score": float64(i) + 0.1})
	}
	nested := func(depth int) *query.Filter {
		f := leaf("n", query.OpEq, int64(1))
		for i := range depth {
			f = &query.Filter{Op: []query.Op{query.OpAnd, query.OpOr}[i%2], Nodes: []*query.Filter{f, leaf("n", query.OpGte, int64(0))}}
		}
		return f
	}
	wide := func(op query.Op, n int) *query.Filter {
		f := &query.Filter{Op: op}
		for i := range n {
			f.Nodes = append(f.Nodes, leaf("n", query.OpNeq, int64(i+1000)))
		}
		return f
	}
	for _, test := range []struct {
		name   string
		filter *query.Filter
		want   int
		refuse string
	}{
		{"20,000 integers in a list", leaf("n", query.OpIn, repeat(20_000, func(i int) any { return int64(i * 2) })), 3, ""},
		{"20,000 texts in a list", leaf("id", query.OpNin, repeat(20_000, func(i int) any { return fmt.Sprint(i + 1) })), 1, ""},
		{"a long list with null", leaf("id", query.OpNin, append(repeat(100, func(i int) any { return fmt.Sprint(i + 1) }), nil)), 0, ""},
		{"5,000 fractions in a list", leaf("score", query.OpIn, repeat(5_000, func(i int) any { return float64(i) + 0.1 })), 5, ""},
		{"32,001 fractions in a list", leaf("score", query.OpIn, repeat(32_001, func(i int) any { return float64(i) + 0.1 })), 0, `The filter has 32001 values; 32000 are allowed.`},
		{"an _and of 1,100", wide(query.OpAnd, 1_100), 5, ""},
		{"an _or of 1,100", wide(query.OpOr, 1_100), 5, ""},
		{"an _and of 2,001", wide(query.OpAnd, 2_001), 0, "The filter has more than 2000 conditions."},
		{"490 levels", nested(490), 5, ""},
		{"500 levels", nested(500), 0, "The filter is nested too deeply."},
		{"100,000 levels", nested(100_000), 0, "The filter is nested too deeply."},
		{"a long text to look for", leaf("text", query.OpContains, strings.Repeat("y", 49_998)), 0, ""},
		{"a longer one", leaf("text", query.OpNContains, strings.Repeat("y", 49_999)), 0, `The value of "_ncontains" is 49999 bytes long; 49998 are allowed.`},
		{"a long text to equal", leaf("text", query.OpNeq, strings.Repeat("y", 1_000_000)), 5, ""},
		{"an empty _and", &query.Filter{Op: query.OpAnd}, 5, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			n, err := s.Count(t.Context(), "messages", test.filter, "")
			if test.refuse != "" {
				wantRefusal(t, err, protocol.CodeInvalidQuery, "Invalid query. "+test.refuse)
				return
			}
			if n != test.want || err != nil {
				t.Errorf("counted %d (%v), want %d", n, err, test.want)
			}
		})
	}
}

// TestMistakesInAQuery: what the caller should have validated or bound is an error.
func TestMistakesInAQuery(t *testing.T) {
	s := open(t, sqlite.Memory)
	for name, q := range map[string]query.Query{
		"unknown field in filter": {Filter: leaf("nope", query.OpEq, "x")},
		"unknown field in sort":   {Sort: []query.SortKey{{Field: `id" --`}}},
		"unbound operator":        {Filter: leaf("text", query.OpIContains, "x")},
		"invented operator":       {Filter: leaf("text", "_regex", "x")},
		"no list":                 {Filter: leaf("n", query.OpIn, int64(1))},
		"between one":             {Filter: leaf("n", query.OpBetween, []any{int64(1)})},
		"pattern of a number":     {Filter: leaf("text", query.OpContains, int64(1))},
		"value of no type":        {Filter: leaf("text", query.OpEq, struct{}{})},
	} {
		if rows, err := s.Read(t.Context(), "messages", q); err == nil {
			t.Errorf("%s: got %v, want an error", name, rows)
		}
	}
	if _, err := s.Read(t.Context(), "nope", query.New()); err == nil {
		t.Error("an unknown collection was read")
	}
	if _, err := s.Count(t.Context(), "nope", nil, ""); err == nil {
		t.Error("an unknown collection was counted")
	}
}

// TestStatementsAreForgotten: more different queries than statements are kept.
func TestStatementsAreForgotten(t *testing.T) {
	s := open(t, sqlite.Memory)
	insert(t, s, "messages", query.Row{"id": "1", "text": "x", "n": int64(-1)})
	for round := range 2 {
		for n := range 256 { // lists of 0 to 15 values make 16 × 16 texts
			f := query.And(
				leaf("n", query.OpNin, repeat(n/16, func(i int) any { return int64(i) })),
				leaf("id", query.OpNin, repeat(n%16, func(i int) any { return "x" })),
			)
			if count, err := s.Count(t.Context(), "messages", f, ""); count != 1 || err != nil {
				t.Fatalf("round %d, query %d: counted %d (%v)", round, n, count, err)
			}
		}
	}
	if kept := sqlite.StatementsKept(s); kept == 0 || kept > 200 {
		t.Errorf("a reader keeps %d statements", kept)
	}
}
