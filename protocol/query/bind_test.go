package query_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"leveret/protocol/query"
)

func TestNowIsAdjusted(t *testing.T) {
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct{ now, variable, want string }{
		{"2026-11-21T12:00:00.5Z", "$NOW", "2026-11-21T12:00:00.500Z"},
		{"2026-11-21T14:00:00+02:00", "$NOW", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-7 days)", "2026-11-14T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(7)", "2026-11-28T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(+7)", "2026-11-28T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-30m)", "2026-11-21T11:30:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-2h)", "2026-11-21T10:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-.5 hrs)", "2026-11-21T11:30:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(+90 Seconds)", "2026-11-21T12:01:30.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(+1msec)", "2026-11-21T12:00:00.001Z"},
		{"2026-11-21T12:00:00Z", "$NOW(+2 weeks)", "2026-12-05T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(+1 mth)", "2026-12-21T12:00:00.000Z"},
		{"2026-01-31T12:00:00Z", "$NOW(+1 month)", "2026-02-28T12:00:00.000Z"},
		{"2024-01-31T12:00:00Z", "$NOW(+1mo)", "2024-02-29T12:00:00.000Z"},
		{"2026-03-31T12:00:00Z", "$NOW(-1 month)", "2026-02-28T12:00:00.000Z"},
		{"2026-01-15T12:00:00Z", "$NOW(-14 months)", "2024-11-15T12:00:00.000Z"},
		{"2024-02-29T12:00:00Z", "$NOW(+1 year)", "2025-02-28T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-1.9 yrs)", "2025-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(--1 day)", "2026-11-22T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-1e9 years)", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-9999999999999999999999 years)", "0000-01-01T00:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(99999999999 weeks)", "9999-12-31T23:59:59.999Z"},
		{"2026-11-21T12:00:00Z", "$NOW(5.)", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(- 5 days)", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(fortnight)", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(1 fortnight)", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW()", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-1 day", "2026-11-21T12:00:00.000Z"},
		{"2026-11-21T12:00:00Z", "$NOW(-1 day)) or so", "2026-11-20T12:00:00.000Z"},
	} {
		f := &query.Filter{Op: query.OpGt, Field: "at", Value: test.variable}
		if !f.UsesNow() {
			t.Errorf("%s does not use now", test.variable)
		}
		if got := f.Bind(nil, query.Env{Now: at(test.now)}).Value; got != test.want {
			t.Errorf("%s at %s: got %v, want %s", test.variable, test.now, got, test.want)
		}
	}
}

func TestUsesNow(t *testing.T) {
	for filter, want := range map[string]bool{
		`{}`:                                      false,
		`{"at":{"_gt":"$nowhere"}}`:               false,
		`{"at":{"_gt":"$NOWHERE"}}`:               true,
		`{"at":{"_gt":"2026"}}`:                   false,
		`{"at":{"_in":["$CURRENT_USER","x"]}}`:    false,
		`{"at":{"_between":["2026","$NOW(-1)"]}}`: true,
		`{"_or":[{"a":1},{"b":1,"c":"$NOW"}]}`:    true,
	} {
		f, err := query.ParseFilter([]byte(filter))
		if err != nil || f.UsesNow() != want {
			t.Errorf("%s: %v, %v", filter, !want, err)
		}
	}
}

func TestBind(t *testing.T) {
	tab := readTable(t)
	for _, test := range []struct{ name, filter, want string }{
		{"numbers are cast", `{"n":{"_eq":"10"},"x":{"_lt":"1.5"}}`, `{"_and":[{"n":{"_eq":10}},{"x":{"_lt":1.5}}]}`},
		{"text is cast", `{"name":{"_in":[1,true,"x",null,1.50]}}`, `{"name":{"_in":["1","true","x",null,"1.5"]}}`},
		{"a day is a timestamp", `{"at":{"_lt":"2026-11-21"}}`, `{"at":{"_lt":"2026-11-21T00:00:00.000Z"}}`},
		{"$NOW on a date", `{"day":"$NOW"}`, `{"day":{"_eq":"2026-11-21"}}`},
		{"$NOW on a time", `{"clock":{"_gt":"$NOW(+1.5s)"}}`, `{"clock":{"_gt":"12:00:01.5"}}`},
		{"$NOW on a number is milliseconds", `{"big":{"_lt":"$NOW"}}`, `{"big":{"_lt":1795262400000}}`},
		{"$NOW on text", `{"name":{"_contains":"$NOW"}}`, `{"name":{"_contains":"2026-11-21T12:00:00.000Z"}}`},
		{"presence has no operand", `{"name":{"_null":false},"body":{"_empty":true}}`, `{"_and":[{"name":{"_nnull":null}},{"body":{"_empty":null}}]}`},
		{"null is presence", `{"name":{"_neq":null}}`, `{"name":{"_nnull":null}}`},
		{"an i is not needed", `{"name":{"_nistarts_with":"A","_icontains":"B"}}`, `{"_and":[{"name":{"_nstarts_with":"A"}},{"name":{"_contains":"B"}}]}`},
		{"_ieq is lower case", `{"name":{"_ieq":"ÄB"}}`, `{"name":{"_ieq":"Äb"}}`},
		{"a broken _between is left out", `{"_and":[{"n":{"_between":[1,2,3]}},{"n":1}]}`, `{"n":{"_eq":1}}`},
		{"a broken _between alone is everything", `{"n":{"_nbetween":"1"}}`, `{}`},
		{"roles make a pair", `{"ref":{"_between":["$CURRENT_ROLES"]}}`, `{"ref":{"_between":["` + tab.Roles[0] + `","` + tab.Roles[1] + `"]}}`},
		{"what cannot be cast matches nothing", `{"n":{"_neq":"x"}}`, `{"n":{"_in":[]}}`},
		{"nor in a list", `{"n":{"_nin":[1,"x"]}}`, `{"n":{"_in":[]}}`},
		{"nor an unknown field", `{"nope":{"_neq":"x"}}`, `{"id":{"_in":[]}}`},
		{"nor an unknown operator", `{"n":{"_zz":1}}`, `{"n":{"_in":[]}}`},
		{"nor a list where one value is meant", `{"ref":{"_neq":"$CURRENT_ROLES"}}`, `{"ref":{"_in":[]}}`},
	} {
		f, err := query.ParseFilter([]byte(test.filter))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		before := string(f.AppendJSON(nil))
		bound := f.Bind(tab.schema["things"], tab.env)
		if got := string(bound.AppendJSON(nil)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
		wantBound(t, bound, tab.schema["things"])
		if after := string(f.AppendJSON(nil)); after != before {
			t.Errorf("%s: Bind changed the filter to %s", test.name, after)
		}
	}
}

func TestBindWithoutACollectionCastsNothing(t *testing.T) {
	f := query.And(
		&query.Filter{Op: query.OpEq, Field: "n", Value: 10},
		&query.Filter{Op: query.OpIn, Field: "u", Value: []any{"10", "$CURRENT_USER"}},
	)
	bound := f.Bind(nil, query.Env{User: "u1"})
	want := query.And(
		&query.Filter{Op: query.OpEq, Field: "n", Value: int64(10)},
		&query.Filter{Op: query.OpIn, Field: "u", Value: []any{"10", "u1"}},
	)
	if !reflect.DeepEqual(bound, want) { // not the type of a number is changed
		t.Fatalf("got %s", bound.AppendJSON(nil))
	}
	if !bound.Match(query.Row{"n": int64(10), "u": "u1"}) || bound.Match(query.Row{"n": "10", "u": "u1"}) {
		t.Fatal("a number is not a text")
	}
	odd := &query.Filter{Op: query.OpEq, Field: "n", Value: []any{"n"}}
	if odd.Bind(nil, query.Env{}).Match(query.Row{"n": "n"}) {
		t.Fatal("a list equals nothing")
	}
}

// TestLongPatterns: a long text is found as a short one is, and what would take too long
// is refused.
func TestLongPatterns(t *testing.T) {
	long := strings.Repeat("Äb", 100)
	for text, want := range map[string]string{ // which of contains, starts with, ends with
		"before " + long + " after":        "c",
		strings.ReplaceAll(long, "b", "B"): "cse",
		strings.ToLower(long):              "", // ä is not Ä to SQLite
		"before\x00" + long:                "",
		long + "\x00after":                 "cse",
		"before " + long:                   "ce",
		long[2:]:                           "",
	} {
		got := ""
		for name, op := range map[string]query.Op{"c": query.OpContains, "s": query.OpStartsWith, "e": query.OpEndsWith} {
			f := &query.Filter{Op: op, Field: "name", Value: long}
			if not := (&query.Filter{Op: "_n" + op[1:], Field: "name", Value: long}); f.Match(query.Row{"name": text}) == not.Match(query.Row{"name": text}) {
				t.Errorf("%s and its opposite say the same of %q", op, text)
			}
			if f.Match(query.Row{"name": text}) {
				got += name
			}
		}
		if len(got) != len(want) || strings.Trim(got, want) != "" {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}

	c := &query.Collection{Name: "x", PrimaryKey: "id", Fields: []query.Field{{Name: "name", Type: query.Text}}}
	f := &query.Filter{Op: query.OpContains, Field: "name", Value: strings.Repeat("x", query.MaxWildcards-1) + "_"}
	if err := f.Validate(c); err != nil {
		t.Error(err)
	}
	search := query.New()
	search.Search = "%" + f.Value.(string)
	if err := search.Validate(c); err == nil || err.Error() != `Invalid query. The value of "search" is 129 bytes long and has a wildcard ("%" or "_") in it; 128 are allowed then.` {
		t.Errorf("got %v", err)
	}
	f.Value = search.Search
	if err := f.Validate(c); err == nil || err.Error() != `Invalid query. The value of "_contains" is 129 bytes long and has a wildcard ("%" or "_") in it; 128 are allowed then.` {
		t.Errorf("got %v", err)
	}
}
