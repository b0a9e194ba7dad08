package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// endless opens a store in which a query can take longer than anybody waits, and
// returns that query: its first row is there at once, its second never.
func endless(t *testing.T, timeout time.Duration) (*sqlite.Store, query.Query) {
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory, Schema: schemaOf(library()...), QueryTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	rows := make([]query.Row, 2000)
	for i := range rows {
		rows[i] = query.Row{"title": "x", "views": int64(1)}
	}
	insert(t, s, "articles", rows...)
	like := &query.Relation{Many: true, Collection: "articles", Local: "title", Foreign: "title"}
	f := leaf("views", query.OpEq, int64(2))
	for range 4 {
		f = related(query.OpSome, like, nil, f)
	}
	return s, query.Query{Filter: query.Or(leaf("id", query.OpEq, int64(1)), f), Limit: -1}
}

func TestSlowReadsAreInterrupted(t *testing.T) {
	s, q := endless(t, 30*time.Millisecond)
	const message = "The query took longer than 30ms. Ask for fewer items, or for something simpler."
	_, err := s.Read(t.Context(), "articles", q)
	wantRefusal(t, err, protocol.CodeOutOfTime, message)
	_, err = s.Count(t.Context(), "articles", q.Filter, "")
	wantRefusal(t, err, protocol.CodeOutOfTime, message)
	grouped := q
	grouped.GroupBy = []string{"id"}
	_, err = s.Aggregate(t.Context(), "articles", grouped)
	wantRefusal(t, err, protocol.CodeOutOfTime, message)

	// In a transaction it is a refusal like any other: what was done stays.
	write(t, s, func(tx directus.Tx) error {
		ctx := context.Background()
		if _, err := tx.Insert(ctx, "authors", query.Row{"id": "ann"}); err != nil {
			return err
		}
		_, err := tx.Read(ctx, "articles", q)
		wantRefusal(t, err, protocol.CodeOutOfTime, message)
		_, err = tx.Aggregate(ctx, "articles", grouped)
		wantRefusal(t, err, protocol.CodeOutOfTime, message)
		_, err = tx.Insert(ctx, "authors", query.Row{"id": "bob"})
		return err
	})
	wantKeys(t, s, "authors", "ann", "bob")
}

func TestWhoAsksMayStopWaitingSooner(t *testing.T) {
	s, q := endless(t, -1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.Read(ctx, "articles", q); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	wantKeys(t, s, "authors")
}

// TestLongTexts: texts of any length are found as LIKE finds short ones.
func TestLongTexts(t *testing.T) {
	s := open(t, sqlite.Memory)
	long := strings.Repeat("Äb", 100)
	for id, text := range map[string]string{
		"1": "before " + long + " after",
		"2": strings.ToLower(long), // which lowers more than SQLite: ä is not Ä
		"3": strings.ReplaceAll(long, "b", "B"),
		"4": "before\x00" + long,
		"5": long + "\x00after",
		"6": "before " + long,
		"7": "",
		"8": long[2:],
	} {
		insert(t, s, "messages", query.Row{"id": id, "text": text})
	}
	for _, test := range []struct {
		op   query.Op
		want []any
	}{
		{query.OpContains, []any{"1", "3", "5", "6"}},
		{query.OpNContains, []any{"2", "4", "7", "8"}},
		{query.OpStartsWith, []any{"3", "5"}},
		{query.OpNStartsWith, []any{"1", "2", "4", "6", "7", "8"}},
		{query.OpEndsWith, []any{"3", "5", "6"}},
		{query.OpNEndsWith, []any{"1", "2", "4", "7", "8"}},
	} {
		for _, operand := range []string{long, strings.ReplaceAll(long, "b", "B")} {
			q := query.Query{Filter: leaf("text", test.op, operand), Limit: -1}
			if got := keys(t, s, "messages", q); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s: got %v, want %v", test.op, got, test.want)
			}
			all, err := s.Read(t.Context(), "messages", query.Query{Limit: -1})
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(q.Execute(messages(), all, query.Env{})); !reflect.DeepEqual(got, test.want) {
				t.Errorf("%s in memory: got %v, want %v", test.op, got, test.want)
			}
		}
	}
	if _, err := s.Count(t.Context(), "messages", leaf("text", query.OpContains, strings.Repeat("x", 127)+"_"), ""); err != nil {
		t.Error(err)
	}
	_, err := s.Count(t.Context(), "messages", leaf("text", query.OpContains, strings.Repeat("x", 128)+"_"), "")
	wantRefusal(t, err, protocol.CodeInvalidQuery, `Invalid query. The value of "_contains" is 129 bytes long and has a wildcard ("%" or "_") in it; 128 are allowed then.`)
}

// BenchmarkLongText is the case that LIKE takes longest for: a text of which every
// place looks like a beginning.
func BenchmarkLongText(b *testing.B) {
	s := open(b, sqlite.Memory)
	insert(b, s, "messages", query.Row{"id": "1", "text": strings.Repeat("a", 8<<20)})
	for _, test := range []struct {
		op      query.Op
		operand string
	}{
		{query.OpContains, strings.Repeat("a", 31) + "b"},
		{query.OpContains, strings.Repeat("a", 1999) + "b"},
		{query.OpContains, strings.Repeat("a", 126) + "_b"},
		{query.OpEndsWith, strings.Repeat("a", 1999) + "b"},
		{query.OpStartsWith, strings.Repeat("a", 1999) + "b"},
	} {
		b.Run(fmt.Sprintf("%s of %d bytes", test.op, len(test.operand)), func(b *testing.B) {
			for b.Loop() {
				_, err := s.Count(b.Context(), "messages", leaf("text", test.op, test.operand), "")
				if err != nil && !errors.Is(err, protocol.CodeOutOfTime) {
					b.Fatal(err)
				}
			}
		})
	}
}
