package sqlite_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/sqlite"
)

// The relations of the library, as Bind would put them into a filter.
var (
	toAuthor   = &query.Relation{Collection: "authors", Local: "author", Foreign: "id"}
	toParent   = &query.Relation{Collection: "articles", Local: "parent", Foreign: "id"}
	toCity     = &query.Relation{Collection: "cities", Local: "city", Foreign: "id"}
	toArticles = &query.Relation{Many: true, Collection: "articles", Local: "id", Foreign: "author"}
	toChildren = &query.Relation{Many: true, Collection: "articles", Local: "id", Foreign: "parent"}
	toAuthors  = &query.Relation{Many: true, Collection: "authors", Local: "id", Foreign: "city"}
)

// filled opens a library with books in it.
func filled(t testing.TB) *sqlite.Store {
	s := open(t, sqlite.Memory, library()...)
	fill(t, s)
	return s
}

func fill(t testing.TB, s *sqlite.Store) {
	insert(t, s, "cities", query.Row{"id": "b", "name": "Berlin"}, query.Row{"id": "p", "name": "Paris"})
	insert(t, s, "authors",
		query.Row{"id": "ann", "name": "Ann", "city": "b"},
		query.Row{"id": "bob", "name": "Bob", "city": "p"},
		query.Row{"id": "cid", "name": nil, "city": nil})
	insert(t, s, "articles",
		query.Row{"title": "1 by Ann", "author": "ann", "date": "2026-11-21T09:08:07.000Z", "views": int64(10), "tags": json.RawMessage(`["a","b"]`), "extra": json.RawMessage(`[1,2,3]`)},
		query.Row{"title": "2 by Ann", "author": "ann", "parent": int64(1), "date": "2025-01-01T00:00:00.000Z", "views": int64(20), "tags": json.RawMessage(`[]`), "extra": json.RawMessage(`{"a":1}`)},
		query.Row{"title": "3 by Bob", "author": "bob", "parent": int64(1), "date": "2026-02-28T23:59:59.999Z", "views": int64(20), "tags": json.RawMessage(`["a"]`)},
		query.Row{"title": "4 by Cid", "author": "cid", "parent": int64(3), "views": int64(1)},
		query.Row{"title": "5 by nobody", "date": "2026-11-21T10:00:00.000Z"})
}

func related(op query.Op, r *query.Relation, guard *query.Filter, asked ...*query.Filter) *query.Filter {
	return &query.Filter{Op: op, Field: r.Local, Relation: r, Guard: guard, Nodes: asked}
}

func function(name, field string, op query.Op, value any) *query.Filter {
	return &query.Filter{Op: op, Func: name, Field: field, Value: value}
}

func TestRelatedRowsAreAsked(t *testing.T) {
	s := filled(t)
	notAnn := leaf("name", query.OpNeq, "Ann")
	counted := func(r *query.Relation, guard *query.Filter, op query.Op, value any) *query.Filter {
		return &query.Filter{Op: op, Func: "count", Field: "children", Relation: r, Guard: guard, Value: value}
	}
	for _, test := range []struct {
		name, collection string
		filter           *query.Filter
		want             []any
	}{
		{"one", "articles", related(query.OpOne, toAuthor, nil, leaf("name", query.OpEq, "Ann")), []any{int64(1), int64(2)}},
		{"one, guarded", "articles", related(query.OpOne, toAuthor, notAnn, leaf("name", query.OpNNull, nil)), []any{int64(3)}},
		{"one that is missing is null", "articles", related(query.OpOne, toAuthor, nil, leaf("name", query.OpNull, nil)), []any{int64(4), int64(5)}},
		{"one that is hidden is null", "articles", related(query.OpOne, toAuthor, notAnn, leaf("name", query.OpNull, nil)), []any{int64(1), int64(2), int64(4), int64(5)}},
		{"one, null or not", "articles", related(query.OpOne, toAuthor, nil, query.Or(leaf("name", query.OpNull, nil), leaf("name", query.OpEq, "Bob"))), []any{int64(3), int64(4), int64(5)}},
		{"one of which nothing is asked", "articles", related(query.OpOne, toAuthor, notAnn), []any{int64(1), int64(2), int64(3), int64(4), int64(5)}},
		{"two hops", "articles", related(query.OpOne, toAuthor, nil, related(query.OpOne, toCity, nil, leaf("name", query.OpStartsWith, "ber"))), []any{int64(1), int64(2)}},
		{"two hops to null", "articles", related(query.OpOne, toAuthor, nil, related(query.OpOne, toCity, nil, leaf("name", query.OpNull, nil))), []any{int64(4), int64(5)}},
		{"the same collection twice", "articles", related(query.OpOne, toParent, nil, related(query.OpOne, toParent, nil, leaf("id", query.OpEq, int64(1)))), []any{int64(4)}},
		{"some", "authors", related(query.OpSome, toArticles, nil, leaf("views", query.OpEq, int64(20))), []any{"ann", "bob"}},
		{"some, guarded", "authors", related(query.OpSome, toArticles, leaf("id", query.OpNeq, int64(3)), leaf("views", query.OpEq, int64(20))), []any{"ann"}},
		{"any at all", "articles", related(query.OpSome, toChildren, nil), []any{int64(1), int64(3)}},
		{"none", "authors", related(query.OpNone, toArticles, nil, leaf("views", query.OpEq, int64(20))), []any{"cid"}},
		{"none, guarded", "authors", related(query.OpNone, toArticles, leaf("id", query.OpNeq, int64(3)), leaf("views", query.OpEq, int64(20))), []any{"bob", "cid"}},
		{"none at all", "articles", related(query.OpNone, toChildren, nil), []any{int64(2), int64(4), int64(5)}},
		{"none of one that is missing", "articles", related(query.OpOne, toParent, nil, related(query.OpNone, toChildren, nil)), []any{int64(1), int64(5)}},
		{"some of some of one", "cities", related(query.OpSome, toAuthors, nil, related(query.OpSome, toArticles, nil, related(query.OpOne, toParent, nil, leaf("title", query.OpContains, "ann")))), []any{"b", "p"}},
		{"a guard with relations", "cities", related(query.OpSome, toAuthors, related(query.OpSome, toArticles, nil, leaf("views", query.OpEq, int64(10)))), []any{"b"}},
		{"count", "articles", counted(toChildren, nil, query.OpEq, int64(2)), []any{int64(1)}},
		{"count, guarded", "articles", counted(toChildren, leaf("author", query.OpEq, "bob"), query.OpGte, int64(1)), []any{int64(1)}},
		{"count to nothing", "articles", counted(toChildren, nil, query.OpBetween, []any{int64(0), int64(0)}), []any{int64(2), int64(4), int64(5)}},
		{"count in a list", "articles", counted(toChildren, leaf("id", query.OpNeq, int64(4)), query.OpIn, []any{int64(2), int64(7)}), []any{int64(1)}},
		{"count is there", "articles", query.And(counted(toChildren, leaf("id", query.OpNeq, int64(4)), query.OpNEmpty, nil), leaf("id", query.OpLt, int64(3))), []any{int64(1), int64(2)}},
		{"count of one that is missing", "articles", related(query.OpOne, toParent, nil, counted(toChildren, nil, query.OpEq, int64(0))), []any{int64(1), int64(5)}},
		{"values on both sides of a count", "articles", query.And(
			leaf("views", query.OpEq, int64(10)), counted(toChildren, leaf("author", query.OpEq, "bob"), query.OpEq, int64(1)), leaf("title", query.OpEq, "1 by Ann"),
		), []any{int64(1)}},

		{"year", "articles", function("year", "date", query.OpEq, int64(2026)), []any{int64(1), int64(3), int64(5)}},
		{"month", "articles", function("month", "date", query.OpLt, int64(3)), []any{int64(2), int64(3)}},
		{"week", "articles", function("week", "date", query.OpIn, []any{int64(0), int64(46)}), []any{int64(1), int64(2), int64(5)}},
		{"day", "articles", function("day", "date", query.OpBetween, []any{int64(21), int64(27)}), []any{int64(1), int64(5)}},
		{"weekday", "articles", function("weekday", "date", query.OpEq, int64(6)), []any{int64(1), int64(3), int64(5)}},
		{"hour", "articles", function("hour", "date", query.OpEq, int64(23)), []any{int64(3)}},
		{"minute", "articles", function("minute", "date", query.OpEq, int64(8)), []any{int64(1)}},
		{"second", "articles", function("second", "date", query.OpEq, int64(59)), []any{int64(3)}},
		{"of null", "articles", function("year", "date", query.OpEmpty, nil), []any{int64(4)}},
		{"count of csv", "articles", function("count", "tags", query.OpGte, int64(0)), []any{int64(1), int64(2), int64(3)}},
		{"count of csv, one", "articles", function("count", "tags", query.OpEq, int64(1)), []any{int64(3)}},
		{"count of json", "articles", function("count", "extra", query.OpEq, int64(3)), []any{int64(1)}},
		{"count of json that is no array", "articles", function("count", "extra", query.OpEq, int64(0)), []any{int64(2)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := keys(t, s, test.collection, query.Query{Filter: test.filter, Limit: -1}); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if n, err := s.Count(t.Context(), test.collection, test.filter, ""); n != len(test.want) || err != nil {
				t.Errorf("counted %d (%v)", n, err)
			}
		})
	}
}

func TestRelatedRowsSort(t *testing.T) {
	s := filled(t)
	author, city := query.Hop{Relation: toAuthor}, query.Hop{Relation: toCity}
	bobOnly := query.Hop{Relation: toAuthor, Guard: leaf("name", query.OpEq, "Bob")}
	inBerlin := query.Hop{Relation: toCity, Guard: leaf("name", query.OpEq, "Berlin")}
	by := func(field string, path ...query.Hop) query.SortKey { return query.SortKey{Field: field, Path: path} }
	desc := func(k query.SortKey) query.SortKey { k.Desc = true; return k }
	for _, test := range []struct {
		name   string
		filter *query.Filter
		sort   []query.SortKey
		want   string
	}{
		{"by a related field", nil, []query.SortKey{by("name", author)}, "[4 5 1 2 3]"},
		{"and the other way", nil, []query.SortKey{desc(by("name", author))}, "[3 1 2 4 5]"},
		{"then by another", nil, []query.SortKey{desc(by("name", author)), desc(by("id"))}, "[3 2 1 5 4]"},
		{"through two", nil, []query.SortKey{desc(by("name", author, city))}, "[3 1 2 4 5]"},
		{"guarded", nil, []query.SortKey{desc(by("name", bobOnly)), desc(by("views"))}, "[3 2 1 4 5]"},
		{"guards on the way", leaf("views", query.OpLte, int64(20)), []query.SortKey{desc(by("name", author, inBerlin)), desc(by("id"))}, "[2 1 4 3]"},
		{"two guards and a filter between", leaf("views", query.OpEq, int64(20)), []query.SortKey{desc(by("name", bobOnly, query.Hop{Relation: toCity, Guard: leaf("name", query.OpEq, "Paris")}))}, "[3 2]"},
		{"by a count", nil, []query.SortKey{{Field: "children", Func: "count", Path: []query.Hop{{Relation: toChildren}}, Desc: true}, by("id")}, "[1 3 2 4 5]"},
		{"by a guarded count", nil, []query.SortKey{{Field: "children", Func: "count", Path: []query.Hop{{Relation: toChildren, Guard: leaf("author", query.OpEq, "cid")}}, Desc: true}, by("id")}, "[3 1 2 4 5]"},
		{"by another row's count", nil, []query.SortKey{{Field: "children", Func: "count", Path: []query.Hop{{Relation: toParent}, {Relation: toChildren, Guard: leaf("author", query.OpEq, "cid")}}}, desc(by("id"))}, "[5 3 2 1 4]"},
		{"by a function", nil, []query.SortKey{{Field: "date", Func: "year"}, desc(by("id"))}, "[4 2 5 3 1]"},
		{"the same twice", nil, []query.SortKey{by("views"), desc(by("views")), desc(by("id"))}, "[5 4 1 3 2]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fmt.Sprint(keys(t, s, "articles", query.Query{Filter: test.filter, Sort: test.sort, Limit: 10})); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAggregates(t *testing.T) {
	s := filled(t)
	insert(t, s, "articles",
		query.Row{"id": int64(100), "title": "big", "views": int64(1<<63 - 1)},
		query.Row{"id": int64(101), "title": "big", "views": int64(1<<63 - 1)},
		query.Row{"id": int64(102), "title": "big", "views": int64(1<<63 - 2)})
	small := leaf("id", query.OpLt, int64(100))
	of := func(function, field string) query.Aggregation { return query.Aggregation{Func: function, Field: field} }
	for _, test := range []struct {
		name string
		q    query.Query
		want string
	}{
		{"count *", query.Query{Aggregate: []query.Aggregation{of("count", "*"), of("countAll", "*")}, Filter: small, Limit: -1}, "[{[] [5 5]}]"},
		{"count of values", query.Query{Aggregate: []query.Aggregation{of("count", "author"), of("countDistinct", "author")}, Filter: small, Limit: -1}, "[{[] [4 3]}]"},
		{"sums", query.Query{Aggregate: []query.Aggregation{of("sum", "views"), of("sumDistinct", "views"), of("avg", "views"), of("avgDistinct", "views")}, Filter: small, Limit: -1}, "[{[] [51 31 12.75 10.333333333333334]}]"},
		{"ends", query.Query{Aggregate: []query.Aggregation{of("min", "title"), of("max", "date"), of("min", "tags")}, Filter: small, Limit: -1}, `[{[] [1 by Ann 2026-11-21T10:00:00.000Z [91 93]]}]`},
		{"of no rows", query.Query{Aggregate: []query.Aggregation{of("count", "*"), of("sum", "views"), of("avg", "views"), of("max", "views")}, Filter: leaf("id", query.OpEq, int64(99)), Limit: -1}, "[{[] [0 <nil> <nil> <nil>]}]"},
		{"of which none is wanted", query.Query{Aggregate: []query.Aggregation{of("count", "*")}}, "[]"},
		{"groups", query.Query{Aggregate: []query.Aggregation{of("count", "*"), of("sum", "views")}, GroupBy: []string{"author"}, Filter: small, Limit: -1}, "[{[<nil>] [1 <nil>]} {[ann] [2 30]} {[bob] [1 20]} {[cid] [1 1]}]"},
		{"groups of a function", query.Query{Aggregate: []query.Aggregation{of("count", "id")}, GroupBy: []string{"year(date)"}, Filter: small, Limit: -1}, "[{[<nil>] [1]} {[2025] [1]} {[2026] [3]}]"},
		{"groups alone", query.Query{GroupBy: []string{"year(date)", "views"}, Filter: small, Limit: 2, Offset: 1}, "[{[2025 20] []} {[2026 <nil>] []}]"},
		{"groups sorted", query.Query{GroupBy: []string{"views", "author"}, Sort: []query.SortKey{{Field: "author", Desc: true}}, Filter: small, Limit: 3}, "[{[1 cid] []} {[20 bob] []} {[10 ann] []}]"},
		{"groups sorted by a function, bound or not", query.Query{GroupBy: []string{"year(date)", "month(date)"}, Sort: []query.SortKey{{Field: "year(date)", Desc: true}, {Field: "date", Func: "month"}}, Filter: small, Limit: 2}, "[{[2026 2] []} {[2026 11] []}]"},
		{"groups of related", query.Query{Aggregate: []query.Aggregation{of("count", "*")}, GroupBy: []string{"author"}, Filter: related(query.OpOne, toAuthor, nil, leaf("name", query.OpNNull, nil)), Limit: -1}, "[{[ann] [2]} {[bob] [1]}]"},
		{"no groups", query.Query{GroupBy: []string{"author"}, Filter: leaf("id", query.OpEq, int64(99)), Limit: -1}, "[]"},
		{"sums that pass 64 bits", query.Query{Aggregate: []query.Aggregation{of("sum", "views"), of("sumDistinct", "views"), of("count", "views")}, Limit: -1}, "[{[] [2.7670116110564327e+19 1.8446744073709552e+19 7]}]"},
		{"one such among others", query.Query{Aggregate: []query.Aggregation{of("sum", "views")}, GroupBy: []string{"title"}, Limit: -1}, "[{[1 by Ann] [10]} {[2 by Ann] [20]} {[3 by Bob] [20]} {[4 by Cid] [1]} {[5 by nobody] [<nil>]} {[big] [2.7670116110564327e+19]}]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			groups, err := s.Aggregate(t.Context(), "articles", test.q)
			if got := fmt.Sprint(groups); got != test.want || err != nil {
				t.Errorf("got %s (%v), want %s", got, err, test.want)
			}
		})
	}
	for name, q := range map[string]query.Query{
		"nothing is asked":  {},
		"unknown function":  {Aggregate: []query.Aggregation{of("median", "views")}},
		"unknown field":     {Aggregate: []query.Aggregation{of("sum", "nope")}},
		"an alias":          {Aggregate: []query.Aggregation{of("count", "children")}},
		"unknown key":       {GroupBy: []string{"century(date)"}},
		"an unbound filter": {GroupBy: []string{"views"}, Filter: leaf("title", query.OpIContains, "x")},
	} {
		if groups, err := s.Aggregate(t.Context(), "articles", q); err == nil {
			t.Errorf("%s: got %v, want an error", name, groups)
		}
	}
	_, err := s.Aggregate(t.Context(), "articles", query.Query{GroupBy: []string{"views"}, Sort: []query.SortKey{{Field: "title"}}})
	wantRefusal(t, err, protocol.CodeInvalidQuery, `Invalid query. Groups can be sorted only by what they are grouped by, and not by "title".`)
	if _, err := s.Aggregate(t.Context(), "nope", query.Query{GroupBy: []string{"views"}}); err == nil {
		t.Error("an unknown collection was aggregated")
	}
}

// TestLimitsHoldForRelations: what is in relations and guards counts as well.
func TestLimitsHoldForRelations(t *testing.T) {
	s := filled(t)
	up := func(n int) *query.Filter {
		f := leaf("title", query.OpNNull, nil)
		for range n {
			f = related(query.OpOne, toParent, leaf("id", query.OpGt, int64(0)), f)
		}
		return f
	}
	down := func(n int, guard func(int) *query.Filter) *query.Filter {
		f := leaf("title", query.OpNNull, nil)
		for i := range n {
			f = related(query.OpNone, toChildren, guard(i), f)
		}
		return f
	}
	wide := func(n int) *query.Filter {
		f := &query.Filter{Op: query.OpOr}
		for i := range n {
			f.Nodes = append(f.Nodes, related(query.OpOne, toAuthor, nil, leaf("name", query.OpEq, fmt.Sprint(i))))
		}
		return f
	}
	deep := func(n int) *query.Filter {
		f := leaf("id", query.OpGt, int64(0))
		for i := range n {
			f = &query.Filter{Op: []query.Op{query.OpAnd, query.OpOr}[i%2], Nodes: []*query.Filter{f, leaf("id", query.OpGt, int64(0))}}
		}
		return f
	}
	none := func(int) *query.Filter { return nil }
	for _, test := range []struct {
		name   string
		filter *query.Filter
		refuse string
	}{
		{"24 in a row", up(24), ""},
		{"24 in a row, downwards", down(24, none), ""},
		{"25 in a row", up(25), "The query follows more than 24 relations in a row."},
		{"25 by way of a guard", related(query.OpOne, toParent, up(24)), "The query follows more than 24 relations in a row."},
		{"1,000 by way of guards", up(1_000), "The query follows more than 24 relations in a row."},
		{"200 beside one another", wide(200), ""},
		{"201 beside one another", wide(201), "The query follows more than 200 relations."},
		{"relations in guards", down(3, func(int) *query.Filter { return wide(70) }), "The query follows more than 200 relations."},
		{"conditions in guards", down(5, func(int) *query.Filter { return deep(401) }), "The filter has more than 2000 conditions."},
		{"levels in a relation", related(query.OpOne, toAuthor, deep(480)), ""},
		{"levels in many relations", down(20, func(int) *query.Filter { return deep(10) }), ""},
		{"levels above and below", query.And(leaf("id", query.OpGt, int64(0)), related(query.OpOne, toParent, nil, related(query.OpOne, toParent, deep(300), deep(480)))), "The filter is nested too deeply."},
		{"too many values in a guard", related(query.OpSome, toChildren, leaf("id", query.OpIn, repeat(32_001, func(i int) any { return float64(i) + 0.5 }))), "The filter has 32001 values; 32000 are allowed."},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Read(t.Context(), "articles", query.Query{Filter: test.filter, Limit: 10})
			if test.refuse != "" {
				wantRefusal(t, err, protocol.CodeInvalidQuery, "Invalid query. "+test.refuse)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	path := make([]query.Hop, 25)
	for i := range path {
		path[i].Relation = toParent
	}
	if _, err := s.Read(t.Context(), "articles", query.Query{Sort: []query.SortKey{{Field: "title", Path: path[:24]}}, Limit: 1}); err != nil {
		t.Error(err)
	}
	_, err := s.Read(t.Context(), "articles", query.Query{Sort: []query.SortKey{{Field: "title", Path: path}}, Limit: 1})
	if err == nil || !strings.Contains(err.Error(), "more than 24 relations") {
		t.Error(err)
	}
}

// TestMistakesInARelation: what the caller should have bound is an error.
func TestMistakesInARelation(t *testing.T) {
	s := filled(t)
	for name, q := range map[string]query.Query{
		"an unbound relation":    {Filter: &query.Filter{Op: query.OpSome, Field: "author", Nodes: []*query.Filter{leaf("name", query.OpNull, nil)}}},
		"an unknown collection":  {Filter: related(query.OpSome, &query.Relation{Collection: "nope", Local: "id", Foreign: "id"}, nil)},
		"an unknown local field": {Filter: related(query.OpSome, &query.Relation{Collection: "authors", Local: "nope", Foreign: "id"}, nil)},
		"an unknown foreign one": {Filter: related(query.OpSome, &query.Relation{Collection: "authors", Local: "author", Foreign: "nope"}, nil)},
		"an alias":               {Filter: leaf("children", query.OpNull, nil)},
		"an unknown function":    {Filter: function("century", "date", query.OpEq, int64(20))},
		"a count of text":        {Filter: function("count", "title", query.OpEq, int64(20))},
		"a bad guard":            {Filter: related(query.OpSome, toChildren, leaf("nope", query.OpNull, nil))},
		"a bad sort":             {Sort: []query.SortKey{{Field: "nope", Path: []query.Hop{{Relation: toAuthor}}}}},
		"a sort without a path":  {Sort: []query.SortKey{{Field: "author.name"}}},
		"an unbound hop":         {Sort: []query.SortKey{{Field: "name", Path: []query.Hop{{}}}}},
	} {
		if rows, err := s.Read(t.Context(), "articles", q); err == nil {
			t.Errorf("%s: got %v, want an error", name, rows)
		}
	}
}
