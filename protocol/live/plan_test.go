package live

import (
	"slices"
	"testing"

	"leveret/protocol/query"
)

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		query, main   string
		needs, added  []string
		offset, limit int
	}{
		{query: `{}`, main: `{"limit":11}`, limit: -1},
		{query: `{"limit":-1}`, main: `{"limit":11}`, limit: -1},
		{query: `{"limit":5,"offset":3,"meta":["*"]}`, main: `{"limit":28}`, offset: 3, limit: 5},
		{query: `{"limit":5,"page":3}`, main: `{"limit":35}`, offset: 10, limit: 5},
		{query: `{"page":2}`, main: `{"limit":220}`, offset: 100, limit: 100},
		{query: `{"fields":["text"],"sort":["-n"]}`, needs: []string{"n"}, limit: -1,
			main: `{"fields":["text","id","n"],"sort":["-n"],"limit":11}`, added: []string{"id", "n"}},
		{query: `{"fields":["*"],"sort":["author.name"]}`, needs: []string{"author.name"}, limit: -1,
			main: `{"fields":["*","author.name"],"sort":["author.name"],"limit":11}`, added: []string{"author.name"}},
		{query: `{"sort":["author.name"]}`, needs: []string{"author.name"}, limit: -1,
			main: `{"fields":["*","author.name"],"sort":["author.name"],"limit":11}`, added: []string{"author.name"}},
		{query: `{"fields":["id","author.*"],"sort":["author.name"]}`, needs: []string{"author.name"}, limit: -1,
			main: `{"fields":["id","author.*"],"sort":["author.name"],"limit":11}`},
		{query: `{"fields":["*.*"],"sort":["n"]}`, needs: []string{"n"}, limit: -1,
			main: `{"fields":["*.*"],"sort":["n"],"limit":11}`},
		{query: `{"fields":["id","author.name"],"sort":["author"]}`, needs: []string{"author"}, limit: -1,
			main: `{"fields":["id","author.name"],"sort":["author"],"limit":11}`},
		{query: `{"aggregate":{"count":"*"},"limit":3}`, needs: []string{"n"}, main: `{"limit":3,"aggregate":{"count":["*"]}}`},
	} {
		q, err := query.Parse([]byte(test.query))
		if err != nil {
			t.Fatalf("%s: %v", test.query, err)
		}
		p := planOf(q, "id", test.needs, 10)
		if got := string(p.main.JSON()); got != test.main {
			t.Errorf("%s asks for %s, want %s", test.query, got, test.main)
		}
		if !slices.Equal(p.added, test.added) || p.offset != test.offset || p.limit != test.limit {
			t.Errorf("%s: added %q, offset %d, limit %d; want %q, %d, %d",
				test.query, p.added, p.offset, p.limit, test.added, test.offset, test.limit)
		}
	}
}

func TestPlanOfReads(t *testing.T) {
	q, err := query.Parse([]byte(`{"fields":["text"],"filter":{"n":{"_gt":1}},"search":"a","sort":["n"],"limit":5}`))
	if err != nil {
		t.Fatal(err)
	}
	p := planOf(q, "id", []string{"n"}, 10)
	for name, test := range map[string]struct {
		got  query.Query
		want string
	}{
		"guard": {p.guard(), `{"fields":["id","n"],"limit":-1}`},
		"confirm": {p.confirm([]any{int64(1), "b"}),
			`{"fields":["text","id","n"],"filter":{"_and":[{"n":{"_gt":1}},{"id":{"_in":[1,"b"]}}]},"search":"a","limit":-1}`},
		"rank":  {p.rank(), `{"fields":["id"],"filter":{"n":{"_gt":1}},"search":"a","sort":["n"],"limit":25}`},
		"count": {p.count(), `{"filter":{"n":{"_gt":1}},"search":"a","aggregate":{"count":["id"]}}`},
	} {
		if got := string(test.got.JSON()); got != test.want {
			t.Errorf("%s asks for %s, want %s", name, got, test.want)
		}
	}
}
