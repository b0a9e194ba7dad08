package query_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"leveret/protocol/query"
)

// ordered holds values in their order; those in one group are equal.
var ordered = [][]any{
	{nil},
	{false},
	{true},
	{math.Inf(-1)},
	{-1e300},
	{int64(math.MinInt64), float64(math.MinInt64)},
	{int64(-5), -5.0, -5},
	{-4.5},
	{int64(0), 0.0, math.Copysign(0, -1)},
	{0.5},
	{int64(1), 1.0},
	{int64(1<<53 - 1)},
	{int64(1 << 53), float64(1 << 53)},
	{int64(1<<53 + 1)},
	{int64(1<<53 + 2), float64(1<<53 + 2)},
	{int64(math.MaxInt64)},
	{float64(1 << 63)},
	{math.Inf(1)},
	{""},
	{"A"},
	{"Z", json.RawMessage("Z")},
	{"a"},
	{"a\x00"},
	{"ab"},
	{"ä"},
	{"😀"},
}

func TestCompareValues(t *testing.T) {
	for i, groupA := range ordered {
		for j, groupB := range ordered {
			for _, a := range groupA {
				for _, b := range groupB {
					want := 0
					if i < j {
						want = -1
					} else if i > j {
						want = 1
					}
					if got := query.CompareValues(a, b); got != want {
						t.Errorf("%#v and %#v: got %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
}

func TestCompareIsTotal(t *testing.T) {
	a := query.Row{"id": int64(1), "n": int64(5)}
	b := query.Row{"id": int64(2), "n": int64(5)}
	none := query.Row{"id": int64(3)}
	for _, test := range []struct {
		name string
		a, b query.Row
		keys []query.SortKey
		want int
	}{
		{"by the key", a, b, nil, -1},
		{"equal, then by the key", a, b, []query.SortKey{{Field: "n", Desc: true}}, -1},
		{"nulls first", none, a, []query.SortKey{{Field: "n"}}, -1},
		{"nulls last", none, a, []query.SortKey{{Field: "n", Desc: true}}, 1},
		{"the key descending", a, b, []query.SortKey{{Field: "id", Desc: true}}, 1},
		{"itself", a, a, []query.SortKey{{Field: "n"}}, 0},
	} {
		if got := query.Compare(test.a, test.b, test.keys, "id"); got != test.want {
			t.Errorf("%s: got %d", test.name, got)
		}
		if got := query.Compare(test.b, test.a, test.keys, "id"); got != -test.want {
			t.Errorf("%s, the other way round: got %d", test.name, got)
		}
	}
}

func TestMatchAndCompareDoNotAllocate(t *testing.T) {
	tab := readTable(t)
	things, rows := tab.schema["things"], tab.rows["things"]
	f, err := query.ParseFilter([]byte(`{"_or":[{"name":{"_contains":"%x%y"}},{"n":{"_in":[1,2,3]},"at":{"_lt":"$NOW"}},{"x":{"_between":[100,200]}},{"name":{"_nempty":true},"done":{"_neq":true}},{"body":{"_ieq":"ZZZ"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	bound := f.Bind(things, tab.env)
	keys := []query.SortKey{{Field: "done"}, {Field: "x", Desc: true}, {Field: "name"}}
	matched, order := 0, 0
	allocs := testing.AllocsPerRun(100, func() {
		for i, row := range rows {
			if bound.Match(row) {
				matched++
			}
			order += query.Compare(row, rows[len(rows)-1-i], keys, "id")
		}
	})
	if allocs != 0 || matched == 0 || order != 0 {
		t.Errorf("%v allocations, %d matched, order %d", allocs, matched, order)
	}
}

func TestExecuteLeavesTheRowsAlone(t *testing.T) {
	tab := readTable(t)
	rows := slices.Clone(tab.rows["things"])
	q, err := query.Parse([]byte(`{"sort":"-n","limit":-1}`))
	if err != nil {
		t.Fatal(err)
	}
	q.Execute(tab.schema["things"], rows, tab.env)
	for i, row := range rows {
		if row["id"] != int64(i+1) {
			t.Fatalf("row %d is now %v", i, row["id"])
		}
	}
	if found := q.Execute(tab.schema["things"], nil, tab.env); len(found) != 0 {
		t.Fatalf("%v of nothing", found)
	}
}

func TestSearchFilter(t *testing.T) {
	tab := readTable(t)
	c := tab.schema["things"]
	for _, test := range []struct {
		id   int
		term string
		want bool
	}{
		{1, "SURE", true}, {1, "10", true}, {1, "010", false}, {1, "10.0", false}, {2, "20.25", true}, {3, "", true}, {3, "x", false},
		{1, "11111111-1111-4111-8111-111111111111", true}, {1, "11111111", false}, {5, "h5", false}, {5, "red", false}, {7, "1e+21", true},
	} {
		if got := query.SearchFilter(c, test.term).Match(tab.rows["things"][test.id-1]); got != test.want {
			t.Errorf("row %d, %q: got %v", test.id, test.term, got)
		}
	}
	onlyNumbers := &query.Collection{PrimaryKey: "id", Fields: []query.Field{{Name: "id", Type: query.Integer}}}
	if query.SearchFilter(onlyNumbers, "x").Match(query.Row{"id": int64(1)}) {
		t.Error("a term that no field can hold matched")
	}
}

func BenchmarkMatch(b *testing.B) {
	tab := readTable(b)
	rows := tab.rows["things"]
	f, err := query.ParseFilter([]byte(`{"n":{"_gte":0},"name":{"_contains":"alph"},"at":{"_lt":"$NOW"}}`))
	if err != nil {
		b.Fatal(err)
	}
	f = f.Bind(tab.schema["things"], tab.env)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Match(rows[i%len(rows)])
	}
}

func BenchmarkCompare(b *testing.B) {
	rows := readTable(b).rows["things"]
	keys := []query.SortKey{{Field: "done"}, {Field: "at", Desc: true}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		query.Compare(rows[i%len(rows)], rows[(i+3)%len(rows)], keys, "id")
	}
}

var message = []byte(`{"id":"0192f8a0-0000-7000-8000-000000000001","text":"a message of some length, such as people write","user":"Ann","status":"published","date_created":"2026-11-21T06:43:50.670Z","date_updated":null}`)

func messages() *query.Collection {
	return &query.Collection{Name: "messages", PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.UUID}, {Name: "text", Type: query.Text}, {Name: "user", Type: query.String}, {Name: "status", Type: query.String},
		{Name: "date_created", Type: query.Timestamp}, {Name: "date_updated", Type: query.Timestamp},
	}}
}

func BenchmarkDecodeRow(b *testing.B) {
	c := messages()
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if _, err := query.DecodeRow(message, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRow(b *testing.B) {
	c := messages()
	row, err := query.DecodeRow(message, c)
	if err != nil {
		b.Fatal(err)
	}
	names, _ := query.New().Selection(c).Flat()
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = query.AppendRow(dst[:0], row, names)
	}
	if string(dst) != string(message) {
		b.Fatalf("%s", dst)
	}
}
