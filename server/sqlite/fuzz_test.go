package sqlite_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/sqlite"
)

// FuzzCompiler sends queries as clients do. What package query takes, SQLite takes, or
// it is refused in words: there is no other error.
func FuzzCompiler(f *testing.F) {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: sqlite.Memory, Schema: schemaOf(library()...), QueryTimeout: 5 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	fill(f, s)
	for _, text := range []string{
		`{"filter":{"author":{"name":{"_eq":"Ann"}}},"sort":["-author.city.name","year(date)"],"limit":2}`,
		`{"filter":{"_or":[{"children":{"_none":{"views":{"_gt":5}}}},{"count(children)":{"_gte":2}},{"author":{"_null":true}}]}}`,
		`{"filter":{"children":{"_some":{"author":{"articles":{"title":{"_contains":"by"}}}}}},"search":"Ann"}`,
		`{"filter":{"year(date)":{"_between":[2025,"2026"]},"count(tags)":{"_in":[0,1]},"count(extra)":{"_nnull":true}}}`,
		`{"aggregate":{"count":"*","sum":["views"],"avgDistinct":["views"],"max":["date","title"]},"groupBy":["author","year(date)"],"sort":["-author"]}`,
		`{"groupBy":["count(tags)","weekday(date)"],"limit":-1,"offset":1}`,
		`{"filter":{"title":{"_icontains":"%_long enough that LIKE is not asked to look for it"}},"sort":"-count(children)"}`,
		`{"filter":{"id":{"_nin":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]},"parent":{"parent":{"parent":{"id":{"_null":true}}}}}}`,
	} {
		f.Add([]byte(text))
	}
	articles := s.Schema().Collections["articles"]
	guards := map[string]*query.Filter{
		"authors":  {Op: query.OpNeq, Field: "name", Value: "Bob"},
		"articles": {Op: query.OpSome, Field: "author", Nodes: []*query.Filter{{Op: query.OpNNull, Field: "name", Value: true}}},
	}
	env := env
	env.Guard = func(collection string) *query.Filter { return guards[collection] }
	f.Fuzz(func(t *testing.T, text []byte) {
		q, err := query.Parse(text)
		if err != nil || q.Validate(articles) != nil {
			return
		}
		bound := q.Bind(articles, env)
		if q.Aggregate != nil || q.GroupBy != nil {
			_, err = s.Aggregate(t.Context(), "articles", bound)
		} else {
			_, err = s.Read(t.Context(), "articles", bound)
		}
		if refusal := (*protocol.Error)(nil); err != nil && !errors.As(err, &refusal) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := s.Count(t.Context(), "articles", bound.Filter, bound.Search); err != nil && !errors.Is(err, protocol.CodeInvalidQuery) {
			t.Errorf("counting %s: %v", text, err)
		}
	})
}
