package query_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"leveret/protocol/query"
)

func TestParseRelations(t *testing.T) {
	for _, test := range []struct{ name, filter, want string }{
		{"nested", `{"author":{"name":"x"}}`, `{"author":{"name":{"_eq":"x"}}}`},
		{"one object is one row", `{"a":{"x":1,"y":2}}`, `{"a":{"_and":[{"x":{"_eq":1}},{"y":{"_eq":2}}]}}`},
		{"its key apart", `{"a":{"x":1,"_eq":3,"y":2}}`, `{"_and":[{"a":{"_and":[{"x":{"_eq":1}},{"y":{"_eq":2}}]}},{"a":{"_eq":3}}]}`},
		{"_or below", `{"a":{"_or":[{"x":1},{"y":2}]}}`, `{"a":{"_or":[{"x":{"_eq":1}},{"y":{"_eq":2}}]}}`},
		{"_or below, with its key", `{"a":{"_or":[{"x":1},{"_eq":2}]}}`, `{"_or":[{"a":{"x":{"_eq":1}}},{"a":{"_eq":2}}]}`},
		{"_some stays", `{"a":{"_some":{"x":1}}}`, `{"a":{"_some":{"x":{"_eq":1}}}}`},
		{"two are two", `{"_and":[{"a":{"x":1}},{"a":{"y":2}}]}`, `{"_and":[{"a":{"x":{"_eq":1}}},{"a":{"y":{"_eq":2}}}]}`},
		{"_some is not joined", `{"a":{"_some":{"x":1},"_none":{"y":2},"z":3}}`, `{"_and":[{"a":{"_some":{"x":{"_eq":1}}}},{"a":{"_none":{"y":{"_eq":2}}}},{"a":{"z":{"_eq":3}}}]}`},
		{"_some of anything", `{"a":{"_some":{}}}`, `{"a":{"_some":{}}}`},
		{"nothing", `{"a":{"b":{}}}`, `{}`},
		{"in one another", `{"a":{"b":{"x":1,"y":2},"z":3}}`, `{"a":{"_and":[{"b":{"_and":[{"x":{"_eq":1}},{"y":{"_eq":2}}]}},{"z":{"_eq":3}}]}}`},
		{"a function", `{"a":{"year(x)":{"_gt":1,"_lt":3}}}`, `{"a":{"_and":[{"year(x)":{"_gt":1}},{"year(x)":{"_lt":3}}]}}`},
	} {
		f, err := query.ParseFilter([]byte(test.filter))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got := string(f.AppendJSON(nil))
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		if again, err := query.ParseFilter([]byte(got)); err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%s: comes back as %s, %v", test.name, again.AppendJSON(nil), err)
		}
	}
	f, err := query.ParseFilter([]byte(`{"author":{"year(born)":1970}}`))
	want := &query.Filter{Op: query.OpSome, Field: "author", Nodes: []*query.Filter{{Op: query.OpEq, Func: "year", Field: "born", Value: int64(1970)}}}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestParseAggregateDeepAlias(t *testing.T) {
	want := query.New()
	want.Aggregate = []query.Aggregation{{"count", "*"}, {"sum", "a"}, {"sum", "b"}, {"countAll", "*"}}
	want.GroupBy = []string{"status", "year(date)"}
	want.Alias = map[string]string{"x": "y", "z": "year(d)"}
	comments := query.New()
	comments.Search, comments.Offset = "s", 2
	articles := query.New()
	articles.Filter = &query.Filter{Op: query.OpEq, Field: "a", Value: int64(1)}
	articles.Sort = []query.SortKey{{Field: "b", Desc: true}}
	articles.Limit = 3
	articles.Deep = map[string]query.Query{"comments": comments}
	want.Deep = map[string]query.Query{"articles": articles}
	for _, raw := range []string{
		`{"aggregate":{"count":"*","sum":["a","b","a"],"countAll":"id"},"groupBy":["status","year(date)"],"alias":{"x":"y","z":"year(d)"},
		  "deep":{"articles":{"_filter":{"a":1},"_sort":["-b"],"_limit":3,"_unknown":{},"comments":{"_search":"s","_offset":2}},"nothing":{},"nor this":{"_filter":{}}}}`,
		`{"aggregate":"{\"count\":\"*\",\"sum\":\"a,b\",\"countAll\":[\"*\"]}","groupBy":"status,year(date)","alias":"{\"x\":\"y\",\"z\":\"year(d)\"}",
		  "deep":"{\"articles\":{\"_filter\":\"{\\\"a\\\":1}\",\"_sort\":\"-b\",\"_limit\":\"3\",\"comments\":{\"_search\":\"s\",\"_offset\":\"2\"}}}"}`,
	} {
		q, err := query.Parse([]byte(raw))
		if err != nil || !reflect.DeepEqual(q, want) {
			t.Errorf("got %s, %v\nwant %s", q.JSON(), err, want.JSON())
		}
		parseAgain(t, q)
	}
	for _, nothing := range []string{`{"aggregate":null,"groupBy":[],"deep":{},"alias":""}`, `{"aggregate":{"count":[]},"deep":{"a":null},"alias":{}}`, `{"aggregate":"","deep":"{}","alias":"{}","version":null,"export":""}`} {
		if q, err := query.Parse([]byte(nothing)); err != nil || !reflect.DeepEqual(q, query.New()) {
			t.Errorf("%s: got %+v, %v", nothing, q, err)
		}
	}
}

func TestParseBoundsNames(t *testing.T) {
	names := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"a",`, n), ",") }
	numbered := func(n int, member string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Replace(member, "#", strings.Repeat("a", 1+i%30)+strings.Repeat("b", 1+i/30), 1))
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for _, test := range []struct {
		name string
		raw  func(int) string
		most int
	}{
		{"fields", func(n int) string { return `{"fields":[` + names(n) + `]}` }, query.MaxNames},
		{"sort", func(n int) string { return `{"sort":[` + names(n) + `]}` }, query.MaxNames},
		{"groupBy", func(n int) string { return `{"groupBy":[` + names(n) + `]}` }, query.MaxNames},
		{"aggregate", func(n int) string {
			return `{"aggregate":{"sum":[` + numbered(n-1, `"#",`) + `],"count":"*"}}`
		}, query.MaxNames},
		{"alias", func(n int) string { return `{"alias":{` + numbered(n, `"#":"a",`) + `}}` }, query.MaxNames},
		{"deep", func(n int) string { return `{"deep":{` + numbered(n, `"#":{"_limit":1},`) + `}}` }, query.MaxDeep},
		{"deep in deep", func(n int) string {
			return `{"deep":{"a":{` + numbered(n-1, `"#":{"_limit":1},`) + `}}}`
		}, query.MaxDeep},
	} {
		q, err := query.Parse([]byte(test.raw(test.most)))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		parseAgain(t, q)
		if _, err := query.Parse([]byte(test.raw(test.most + 1))); err == nil || !strings.Contains(err.Error(), "has more than") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestVariables(t *testing.T) {
	f, err := query.ParseFilter([]byte(`{"_or":[{"a":"$CURRENT_USER.name"},{"b":{"_in":["$CURRENT_ROLES.id","$CURRENT_USER","$NOW","x"]}},{"c":{"d":{"_contains":"$CURRENT_USER.name"}}},{"e":{"_none":{"f":"$CURRENT_POLICIES.a.b"}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"$CURRENT_POLICIES.a.b", "$CURRENT_ROLES.id", "$CURRENT_USER.name"}
	if got := f.Variables(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	if got := (*query.Filter)(nil).Variables(); got != nil {
		t.Errorf("got %q of nothing", got)
	}
}

func TestCollections(t *testing.T) {
	tab := readTable(t)
	env := tab.env
	for _, test := range []struct {
		collection, filter string
		guarded            bool
		want               string
	}{
		{"things", `{"n":1}`, false, ""},
		{"articles", `{"author":1}`, false, ""},
		{"articles", `{"author":{"boss":{"name":"x"}}}`, false, "authors"},
		{"authors", `{"_or":[{"articles":{"_none":{"comments":{"text":"x"}}}},{"boss":{"name":"x"}}]}`, false, "articles,comments,authors"},
		{"authors", `{"count(articles)":0}`, false, "articles"},
		{"authors", `{"articles":{"_null":true}}`, false, "articles"},
		{"articles", `{"count(comments)":0}`, true, "comments,authors"},
		{"articles", `{"comments":{"likes":1}}`, true, "comments,authors"},
	} {
		f, err := query.ParseFilter([]byte(test.filter))
		if err != nil {
			t.Fatal(err)
		}
		if env.Guard = nil; test.guarded {
			env.Guard = tab.guard(t)
		}
		c := tab.schema[test.collection]
		if got := strings.Join(f.Bind(c, env).Collections(c), ","); got != test.want {
			t.Errorf("%s: got %s, want %s", test.filter, got, test.want)
		}
	}
}

func TestQueryUsesNow(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"filter":{"a":1}}`:                                            false,
		`{"filter":{"a":{"b":{"_gt":"$NOW"}}}}`:                         true,
		`{"filter":{"a":{"_none":{"b":{"_gt":"$NOW(-1)"}}}}}`:           true,
		`{"deep":{"a":{"_limit":1,"b":{"_filter":{"c":"$NOW"}}}}}`:      true,
		`{"deep":{"a":{"_limit":1,"b":{"_filter":{"c":"$CURRENT_"}}}}}`: false,
	} {
		q, err := query.Parse([]byte(raw))
		if err != nil || q.UsesNow() != want {
			t.Errorf("%s: %v, %v", raw, !want, err)
		}
	}
}

// A guard may look at what the query may not see, if it is bound before.
func TestABoundGuardStays(t *testing.T) {
	tab := readTable(t)
	whole := tab.schema["articles"]
	narrow := *whole
	narrow.Fields = nil
	for _, f := range whole.Fields {
		if f.Name != "status" {
			narrow.Fields = append(narrow.Fields, f)
		}
	}
	authors := *tab.schema["authors"]
	authors.Schema = &query.Schema{Collections: map[string]*query.Collection{"authors": &authors, "articles": &narrow}}
	narrow.Schema = authors.Schema

	guard, err := query.ParseFilter([]byte(`{"status":"published"}`))
	if err != nil {
		t.Fatal(err)
	}
	asked, err := query.ParseFilter([]byte(`{"articles":{"_some":{}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for want, guard := range map[int]*query.Filter{2: guard.Bind(whole, tab.env), 0: guard} {
		env := tab.env
		env.Guard = func(string) *query.Filter { return guard }
		q := query.Query{Filter: asked, Limit: -1}
		if found := q.Execute(&authors, tab.rows["authors"], env); len(found) != want {
			t.Errorf("%d found, want %d", len(found), want)
		}
	}
	hidden, err := query.ParseFilter([]byte(`{"articles":{"status":"published"}}`))
	if err != nil {
		t.Fatal(err)
	}
	wantForbidden(t, hidden.Validate(&authors), `"status" in collection "articles"`)
	delete(authors.Schema.Collections, "articles")
	wantForbidden(t, hidden.Validate(&authors), `collection "articles"`)
	wantForbidden(t, asked.Validate(&authors), `collection "articles"`)
	if found := (query.Query{Filter: asked, Limit: -1}).Execute(&authors, tab.rows["authors"], tab.env); len(found) != 0 {
		t.Errorf("found %v through a collection that is not there", found)
	}
}

func wantForbidden(t *testing.T, err error, about string) {
	t.Helper()
	refusal, ok := err.(*query.Error)
	if !ok || refusal.Code != "FORBIDDEN" || !strings.Contains(refusal.Message, about) || !strings.Contains(refusal.Message, `Queried in "articles".`) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutALookupThereAreNoRelatedRows(t *testing.T) {
	tab := readTable(t)
	c := tab.schema["articles"]
	env := tab.env
	env.Lookup = nil
	for filter, want := range map[string]bool{
		`{"author":{"name":{"_null":true}}}`: true, `{"author":{"name":"Ann"}}`: false,
		`{"comments":{"_none":{}}}`: true, `{"comments":{"_some":{}}}`: false, `{"count(comments)":0}`: true,
	} {
		f, err := query.ParseFilter([]byte(filter))
		if err != nil {
			t.Fatal(err)
		}
		bound := f.Bind(c, env)
		if bound.Match(tab.rows["articles"][0]) != want {
			t.Errorf("%s: got %v", filter, !want)
		}
		if f.Bind(nil, env).Match(tab.rows["articles"][0]) {
			t.Errorf("%s: matched without a collection", filter)
		}
	}
}

func TestFieldValueOfDays(t *testing.T) {
	mondays, year := 0, 0
	for day := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2030; day = day.AddDate(0, 0, 1) {
		if day.Year() != year {
			mondays, year = 0, day.Year()
		}
		if day.Weekday() == time.Monday {
			mondays++
		}
		for fn, want := range map[string]int{"year": day.Year(), "month": int(day.Month()), "day": day.Day(), "weekday": int(day.Weekday()), "week": mondays} {
			for _, text := range []string{day.Format("2006-01-02"), day.Format("2006-01-02T15:04:05"), day.Format("2006-01-02T15:04:05.000Z")} {
				if got := query.FieldValue(fn, text, nil); got != int64(want) {
					t.Fatalf("%s of %s: got %v, want %d", fn, text, got, want)
				}
			}
		}
	}
}

func TestFieldValue(t *testing.T) {
	csv := &query.Field{Type: query.CSV}
	for _, test := range []struct {
		fn    string
		value any
		field *query.Field
		want  any
	}{
		{"", "x", nil, "x"},
		{"year", nil, nil, nil},
		{"hour", "09:08:07", nil, int64(9)},
		{"minute", "09:08:07.5", nil, int64(8)},
		{"second", "2026-11-21T09:08:07.999Z", nil, int64(7)},
		{"year", "09:08:07", nil, nil},
		{"weekday", "09:08:07", nil, nil},
		{"hour", "2026-11-21", nil, nil},
		{"year", "soon", nil, nil},
		{"month", "2026-1x-21", nil, nil},
		{"week", "2026-02-30", nil, nil},
		{"year", int64(5), nil, nil},
		{"century", "2026-11-21", nil, nil},
		{"count", nil, nil, nil},
		{"count", "[1,2]", nil, nil},
		{"count", json.RawMessage(`[1, [2,3], {"a":[]}]`), nil, int64(3)},
		{"count", json.RawMessage(`{"a":1}`), nil, int64(0)},
		{"count", json.RawMessage(`[]`), csv, int64(0)},
		{"count", json.RawMessage(`["a,b","c"]`), csv, int64(3)},
	} {
		if got := query.FieldValue(test.fn, test.value, test.field); got != test.want {
			t.Errorf("%s of %v: got %v, want %v", test.fn, test.value, got, test.want)
		}
	}
}

func TestSums(t *testing.T) {
	c := &query.Collection{Name: "c", PrimaryKey: "id", Fields: []query.Field{{Name: "id", Type: query.Integer}, {Name: "n", Type: query.BigInteger}, {Name: "x", Type: query.Float}}}
	for _, test := range []struct {
		name string
		of   string
		list []any
		want string
	}{
		{"whole numbers", "n", []any{int64(1), nil, int64(2)}, `[{"sum":3,"avg":1.5}]`},
		{"beyond 53 bits", "n", []any{int64(1 << 53), int64(1)}, `[{"sum":9007199254740993,"avg":4503599627370496}]`},
		{"beyond 64 bits", "n", []any{int64(math.MaxInt64), int64(math.MaxInt64)}, `[{"sum":18446744073709552000,"avg":9223372036854776000}]`},
		{"and back", "n", []any{int64(math.MaxInt64), int64(1), int64(math.MinInt64)}, `[{"sum":0,"avg":0}]`},
		{"below 64 bits", "n", []any{int64(math.MinInt64), int64(-1)}, `[{"sum":-9223372036854776000,"avg":-4611686018427388000}]`},
		{"small beside large", "x", []any{1e100, 1.0, -1e100}, `[{"sum":1,"avg":0.3333333333333333}]`},
		{"tenths", "x", []any{0.1, 0.2, 0.3}, `[{"sum":0.6,"avg":0.19999999999999998}]`},
	} {
		var rows []query.Row
		for i, v := range test.list {
			rows = append(rows, query.Row{"id": int64(i), test.of: v})
		}
		q := query.New()
		q.Aggregate = []query.Aggregation{{"sum", test.of}, {"avg", test.of}}
		got := string(q.AppendGroups(nil, q.Groups(c, rows, query.Env{})))
		got = strings.NewReplacer(`{"`+test.of+`":`, "", "}", "").Replace(got)
		want := strings.ReplaceAll(test.want, "}", "")
		if got != want {
			t.Errorf("%s: got %s, want %s", test.name, got, want)
		}
	}
}
