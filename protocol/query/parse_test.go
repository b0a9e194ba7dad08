package query_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"leveret/protocol/query"
)

func TestParse(t *testing.T) {
	leaf := func(field string, op query.Op, value any) *query.Filter {
		return &query.Filter{Op: op, Field: field, Value: value}
	}
	with := func(set func(*query.Query)) query.Query {
		q := query.New()
		set(&q)
		return q
	}
	for _, test := range []struct {
		name, raw string
		want      query.Query
	}{
		{"nothing", ``, query.New()},
		{"null", ` null `, query.New()},
		{"native", `{"fields":["id","text"],"sort":["-id","user"],"limit":1,"offset":2,"page":3,"search":"x","meta":"*"}`, query.Query{
			Fields: []string{"id", "text"}, Sort: []query.SortKey{{Field: "id", Desc: true}, {Field: "user"}},
			Limit: 1, Offset: 2, Page: 3, Search: "x", Meta: []string{"total_count", "filter_count"},
		}},
		{"as the SDK flattens it", `{"fields":"*","filter":"{\"a\":{\"_eq\":1}}","sort":"-id","limit":"5"}`, query.Query{
			Fields: []string{"*"}, Filter: leaf("a", query.OpEq, int64(1)), Sort: []query.SortKey{{Field: "id", Desc: true}}, Limit: 5,
		}},
		{"commas and spaces in names", `{"fields":["id, text","", "user "]}`, with(func(q *query.Query) { q.Fields = []string{"id", "text", "user"} })},
		{"empty lists say nothing", `{"fields":[],"sort":"","meta":[]}`, query.New()},
		{"the last of two counts", `{"limit":1,"limit":2}`, with(func(q *query.Query) { q.Limit = 2 })},
		{"escapes in keys", `{"\u006cimit":2}`, with(func(q *query.Query) { q.Limit = 2 })},
		{"one key needs no group", `{"filter":{"_and":[{"_or":[{"a":1}]}]}}`, with(func(q *query.Query) { q.Filter = leaf("a", query.OpEq, int64(1)) })},
		{"nested _and is flat", `{"filter":{"a":1,"_and":[{"b":{"_gt":2.5}},{"c":null}]}}`, with(func(q *query.Query) {
			q.Filter = &query.Filter{Op: query.OpAnd, Nodes: []*query.Filter{leaf("a", query.OpEq, int64(1)), leaf("b", query.OpGt, 2.5), leaf("c", query.OpEq, nil)}}
		})},
		{"variables stay text", `{"filter":{"a":{"_in":["$CURRENT_ROLES"]}}}`, with(func(q *query.Query) { q.Filter = leaf("a", query.OpIn, []any{"$CURRENT_ROLES"}) })},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := query.Parse([]byte(test.raw))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Fatalf("got %+v, %v\nwant %+v", got, err, test.want)
			}
			parseAgain(t, got)
		})
	}
}

func TestParseRefusesWhatIsNoJSON(t *testing.T) {
	for _, raw := range []string{`{`, `{"limit":1,}`, `{"limit":1}x`, `{limit:1}`, `{"filter":{"a":01}}`, `{"filter":{"a":{"_eq":"\x"}}}`, "{\"search\":\"\n\"}", `nul`, `[1`, `{"a" 1}`, `{"a":1 "b":2}`} {
		if q, err := query.Parse([]byte(raw)); err == nil {
			t.Errorf("%s: taken as %+v", raw, q)
		} else {
			wantRefusal(t, err)
		}
	}
}

func TestParseRefusesWhatIsTooMuch(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat(`{"_or":[{"n":1},`, n-1) + `{"n":1}` + strings.Repeat(`]}`, n-1)
	}
	many := func(n int) string {
		return `{"_or":[` + strings.TrimSuffix(strings.Repeat(`{"n":1},`, n-1), ",") + `]}`
	}
	list := func(n int) string { return `{"n":{"_in":[` + strings.TrimSuffix(strings.Repeat(`1,`, n), ",") + `]}}` }
	text := func(n int) string { return `{"name":{"_contains":"` + strings.Repeat("x", n) + `"}}` }
	for _, test := range []struct {
		name        string
		filter      func(int) string
		most        int
		wantMessage string
	}{
		{"levels", nested, query.MaxDepth, "The filter is nested deeper than 64 levels"},
		{"conditions", many, query.MaxNodes, "The filter has more than 1000 conditions"},
		{"values", list, query.MaxListValues, "The filter has more than 10000 values in its lists"},
		{"pattern", text, query.MaxPattern, `The filter value for "_contains" is longer than 2000 bytes`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := query.ParseFilter([]byte(test.filter(test.most)))
			if err != nil {
				t.Fatalf("%d: %v", test.most, err)
			}
			if again, err := query.ParseFilter(f.AppendJSON(nil)); err != nil || !reflect.DeepEqual(f, again) {
				t.Fatalf("does not come back: %v", err)
			}
			_, err = query.ParseFilter([]byte(test.filter(test.most + 1)))
			if err == nil || err.Error() != "Invalid query. "+test.wantMessage+"." {
				t.Fatalf("%d: %v", test.most+1, err)
			}
		})
	}
	for _, hostile := range []string{strings.Repeat("[", 1e6), strings.Repeat(`{"a":`, 1e6), strings.Repeat(`{"_and":[`, 1e6), `{"n":{"_eq":` + strings.Repeat("[", 1e6), `"` + strings.Repeat(`{\"_or\":[`, 1e5) + `"`} {
		if _, err := query.ParseFilter([]byte(hostile)); err == nil {
			t.Errorf("%.20s… was taken", hostile)
		}
		if _, err := query.Parse([]byte(`{"x":` + hostile + `}`)); err == nil && hostile[0] != '"' {
			t.Errorf("%.20s… was taken", hostile)
		}
		if _, err := query.DecodeRow([]byte(`{"x":`+hostile), nil); err == nil {
			t.Errorf("%.20s… was taken", hostile)
		}
	}
}

func TestValidateRefusesQueriesBuiltByHand(t *testing.T) {
	c := readTable(t).schema["things"]
	for _, test := range []struct {
		name string
		q    query.Query
		want string
	}{
		{"limit", query.Query{Limit: -3}, `Invalid query. "limit" must be greater than or equal to -1.`},
		{"offset", query.Query{Offset: -1}, `Invalid query. "offset" must be greater than or equal to 0.`},
		{"page", query.Query{Page: -1}, `Invalid query. "page" must be greater than or equal to 0.`},
		{"meta", query.Query{Meta: []string{"*"}}, `Invalid query. "meta[0]" must be one of [total_count, filter_count].`},
		{"sorting by json", query.Query{Sort: []query.SortKey{{Field: "data"}}}, `Invalid query. Sorting by "data" is not served: its type is "json".`},
		{"sorting by csv", query.Query{Sort: []query.SortKey{{Field: "tags", Desc: true}}}, `Invalid query. Sorting by "tags" is not served: its type is "csv".`},
		{"a list without a list", query.Query{Filter: &query.Filter{Op: query.OpIn, Field: "n", Value: 5}}, `Invalid query. "_in" has to be an array of values.`},
		{"a value that is none", query.Query{Filter: &query.Filter{Op: query.OpEq, Field: "name", Value: []any{1}}}, `Invalid query. a list is not text.`},
		{"deep in a group", query.Query{Filter: query.Or(&query.Filter{Op: query.OpEq, Field: "n", Value: 1}, query.And(&query.Filter{Op: "_zz", Field: "n"}, &query.Filter{Op: query.OpNull, Field: "n"}))}, `Invalid query. "integer" field type does not contain the "_zz" filter operator.`},
	} {
		if err := test.q.Validate(c); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
	good := query.Query{
		Limit:  query.Unset,
		Filter: query.And(nil, &query.Filter{Op: query.OpIn, Field: "n", Value: []any{1, int64(2), 2.5, "3", nil}}, &query.Filter{Op: query.OpNull, Field: "n"}),
		Fields: []string{"*", "id"},
	}
	if err := good.Validate(c); err != nil {
		t.Error(err)
	}
}

func TestWindow(t *testing.T) {
	for _, test := range []struct {
		q             query.Query
		offset, limit int
	}{
		{query.New(), 0, 100},
		{query.Query{Limit: query.Unset, Page: 3}, 200, 100},
		{query.Query{Limit: -1, Offset: 5, Page: 3}, 5, -1},
		{query.Query{Limit: 0, Page: 3}, 0, 0},
		{query.Query{Limit: 10, Page: 1, Offset: 7}, 0, 10},
	} {
		if offset, limit := test.q.Window(); offset != test.offset || limit != test.limit {
			t.Errorf("%+v: got %d, %d", test.q, offset, limit)
		}
	}
}

func TestFieldsInTheirOrder(t *testing.T) {
	c := readTable(t).schema["messages"]
	all := "id,text,user,date_created,status"
	for _, test := range []struct{ fields, want string }{
		{"", all}, {"*", all}, {"*.*", all}, {"*,id", all}, {"user,text", "user,text"}, {"status,*", "status,id,text,user,date_created"}, {"id,nope,id", "id"},
	} {
		q, err := query.Parse(fmt.Appendf(nil, `{"fields":%q}`, test.fields))
		if err != nil {
			t.Fatal(err)
		}
		names, flat := q.Selection(c).Flat()
		if got := strings.Join(names, ","); got != test.want || !flat {
			t.Errorf("%q: got %s (%v), want %s", test.fields, got, flat, test.want)
		}
	}
}

func TestAndOr(t *testing.T) {
	a, b, c := &query.Filter{Op: query.OpEq, Field: "a"}, &query.Filter{Op: query.OpEq, Field: "b"}, &query.Filter{Op: query.OpEq, Field: "c"}
	for _, test := range []struct {
		name      string
		got, want *query.Filter
	}{
		{"And of nothing", query.And(), nil},
		{"And of nil", query.And(nil, nil), nil},
		{"And of one", query.And(nil, a), a},
		{"And of And", query.And(a, query.And(b, c)), &query.Filter{Op: query.OpAnd, Nodes: []*query.Filter{a, b, c}}},
		{"And of an empty And", query.And(a, &query.Filter{Op: query.OpAnd}), a},
		{"Or of nothing", query.Or(), nil},
		{"Or with nil", query.Or(a, nil), nil},
		{"Or of one", query.Or(a), a},
		{"Or of Or stays", query.Or(a, query.Or(b, c)), &query.Filter{Op: query.OpOr, Nodes: []*query.Filter{a, {Op: query.OpOr, Nodes: []*query.Filter{b, c}}}}},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("%s: got %s", test.name, test.got.AppendJSON(nil))
		}
	}
}
