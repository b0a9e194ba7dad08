package state

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func keysOf(rows []*Row) string {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Key
	}
	return strings.Join(keys, " ")
}

func TestApplyEvents(t *testing.T) {
	base := []Event{event(EventInit, row("a", noon, "1"), row("b", oneLate, "2"))}
	for _, test := range []struct {
		name    string
		events  []Event
		want    string
		created int
	}{
		{"newest first", nil, "b a", 0},
		{"a new one on top", []Event{event(EventCreate, row("c", twoLate, "3"))}, "c b a", 1},
		{"an old one in its place", []Event{event(EventCreate, row("c", "2026-05-04T12:00:00.500Z", "3"))}, "b c a", 1},
		{"the same instant: by key", []Event{event(EventCreate, row("aa", oneLate, "3"), row("c", oneLate, "4"))}, "aa b c a", 2},
		{"without a date: last", []Event{event(EventCreate, `{"id":"z"}`)}, "b a z", 1},
		{"told twice", []Event{event(EventCreate, row("c", twoLate, "3")), event(EventCreate, row("c", twoLate, "3"))}, "c b a", 1},
		{"create of a row that is there", []Event{event(EventCreate, row("a", noon, "1"))}, "b a", 0},
		{"update of a row that is not: it came into view", []Event{event(EventUpdate, row("c", twoLate, "3"))}, "c b a", 1},
		{"update that moves it", []Event{event(EventUpdate, row("a", twoLate, "1"))}, "a b", 0},
		{"delete", []Event{event(EventDelete, `"a"`)}, "b", 0},
		{"delete of one that is not there", []Event{event(EventDelete, `"q"`)}, "b a", 0},
		{"created and deleted in one batch", []Event{event(EventCreate, row("c", twoLate, "3")), event(EventDelete, `"c"`)}, "b a", 0},
		{"deleted and created again", []Event{event(EventDelete, `"a"`), event(EventCreate, row("a", noon, "1"))}, "b a", 0},
		{"one key and one item, not in an array", []Event{{Kind: EventDelete, Data: json.RawMessage(`"a"`)}, {Kind: EventCreate, Data: json.RawMessage(row("c", twoLate, "3"))}}, "c b", 1},
		{"a second init begins anew", []Event{event(EventInit, row("x", noon, "9"))}, "x", 1},
		{"an empty init", []Event{event(EventInit)}, "", 0},
		{"a kind that is not known", []Event{{Kind: "future", Data: json.RawMessage(`[1]`)}}, "b a", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows, _, err := applyEvents(nil, base)
			if err != nil {
				t.Fatal(err)
			}
			rows, did, err := applyEvents(rows, test.events)
			if err != nil || keysOf(rows) != test.want || did.created != test.created {
				t.Errorf("%q, %d created, %v; want %q, %d", keysOf(rows), did.created, err, test.want, test.created)
			}
		})
	}
}

func TestIntegerKeysAreOrderedAsNumbers(t *testing.T) {
	rows, _, err := applyEvents(nil, []Event{event(EventInit,
		`{"id":10,"text":"ten","date_created":"`+noon+`"}`, `{"id":9,"text":"nine","date_created":"`+noon+`"}`)})
	if err != nil || keysOf(rows) != "9 10" || rows[0].ID != "9" {
		t.Errorf("%q %v", keysOf(rows), err)
	}
	rows, _, err = applyEvents(rows, []Event{event(EventDelete, "9")})
	if err != nil || keysOf(rows) != "10" {
		t.Errorf("%q %v", keysOf(rows), err)
	}
}

func TestForeignShapesAreReadable(t *testing.T) {
	rows, _, err := applyEvents(nil, []Event{event(EventInit,
		`{"id":1,"text":null,"user":{"id":"u"},"status":3,"date_created":null,"more":[1]}`)})
	if err != nil {
		t.Fatal(err)
	}
	r := rows[0]
	if r.Text != "" || r.User != `{"id":"u"}` || r.Status != "3" || !r.At.IsZero() || r.Edited() {
		t.Errorf("%+v", r)
	}
}

func TestUnreadableEventsAreErrors(t *testing.T) {
	rows, _, _ := applyEvents(nil, []Event{event(EventInit, row("a", noon, "1"))})
	for _, bad := range []Event{
		{Kind: EventCreate, Data: json.RawMessage(`[{"text":"no id"}]`)},
		{Kind: EventCreate, Data: json.RawMessage(`[{"id":null}]`)},
		{Kind: EventCreate, Data: json.RawMessage(`[5]`)},
		{Kind: EventUpdate, Data: json.RawMessage(`[{]`)},
		{Kind: EventInit, Data: json.RawMessage(`{`)},
		{Kind: EventDelete, Data: json.RawMessage(`[null]`)},
		{Kind: EventDelete, Data: json.RawMessage(`["a",""]`)},
	} {
		next, _, err := applyEvents(rows, []Event{bad, event(EventCreate, row("b", oneLate, "2"))})
		if err == nil {
			t.Errorf("%s %s: no error", bad.Kind, bad.Data)
		}
		if keysOf(next) != "b a" {
			t.Errorf("%s %s: what follows is lost: %q", bad.Kind, bad.Data, keysOf(next))
		}
	}
}

func TestExportIsWhatTheServerWrote(t *testing.T) {
	a := `{"id":"a","text":null,"date_created":"` + noon + `"}`
	rows, _, err := applyEvents(nil, []Event{event(EventInit, a, row("b", oneLate, `<b>"x"</b>`))})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(ExportRows(rows)), "["+row("b", oneLate, `<b>"x"</b>`)+","+a+"]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(ExportRows(nil)); got != "[]" {
		t.Errorf("no rows: %s", got)
	}
}

// Random batches against a list that is simply sorted anew each time.
func TestApplyEventsAgainstASimplerList(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var rows []*Row
	simple := map[string]string{}
	for range 300 {
		var events []Event
		for range 1 + rnd.IntN(4) {
			key := strconv.Itoa(rnd.IntN(40))
			if rnd.IntN(3) == 0 {
				events = append(events, event(EventDelete, strconv.Quote(key)))
				delete(simple, key)
				continue
			}
			created := fmt.Sprintf("2026-05-04T12:00:%02d.000Z", rnd.IntN(30))
			events = append(events, event(EventUpdate, row(key, created, "x")))
			simple[key] = created
		}
		next, _, err := applyEvents(rows, events)
		if err != nil {
			t.Fatal(err)
		}
		rows = next
		var want []string
		for key := range simple {
			want = append(want, key)
		}
		slices.SortFunc(want, func(a, b string) int {
			if c := strings.Compare(simple[b], simple[a]); c != 0 {
				return c
			}
			return strings.Compare(a, b)
		})
		if got := keysOf(rows); got != strings.Join(want, " ") {
			t.Fatalf("got  %s\nwant %s", got, strings.Join(want, " "))
		}
	}
}

// One change to a long list: what each message of a busy collection costs.
func BenchmarkOneChangeIn10000(b *testing.B) {
	items := make([]string, 10_000)
	for i := range items {
		items[i] = row(strconv.Itoa(i), fmt.Sprintf("2026-05-04T12:%02d:%02d.%03dZ", i/600%60, i/10%60, i%10), "text")
	}
	rows, _, err := applyEvents(nil, []Event{event(EventInit, items...)})
	if err != nil {
		b.Fatal(err)
	}
	change := []Event{event(EventCreate, row("new", twoLate, "text"))}
	for b.Loop() {
		applyEvents(rows, change)
	}
}

// The first answer of a long list.
func BenchmarkInitOf10000(b *testing.B) {
	items := make([]string, 10_000)
	for i := range items {
		items[i] = row(strconv.Itoa(i), fmt.Sprintf("2026-05-04T12:%02d:%02d.%03dZ", i/600%60, i/10%60, i%10), "text")
	}
	init := []Event{event(EventInit, items...)}
	for b.Loop() {
		applyEvents(nil, init)
	}
}
