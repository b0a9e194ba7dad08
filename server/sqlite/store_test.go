package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// messages has a column of every kind.
func messages() *query.Collection {
	return &query.Collection{Name: "messages", PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.UUID},
		{Name: "text", Type: query.Text, Required: true},
		{Name: "slug", Type: query.String, Unique: true, MaxLength: 5},
		{Name: "n", Type: query.Integer},
		{Name: "score", Type: query.Float},
		{Name: "done", Type: query.Boolean},
		{Name: "at", Type: query.Timestamp, Special: []string{"date-created"}},
		{Name: "extra", Type: query.JSON},
		{Name: "tags", Type: query.CSV},
	}}
}

// counters has a key that the database makes.
func counters() *query.Collection {
	return &query.Collection{Name: "counters", PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.Integer, Generated: true, Required: true},
		{Name: "name", Type: query.String},
	}}
}

func schemaOf(collections ...*query.Collection) *query.Schema {
	s := &query.Schema{Collections: map[string]*query.Collection{}}
	for _, c := range collections {
		s.Collections[c.Name] = c
	}
	return s
}

func open(t testing.TB, path string, collections ...*query.Collection) *sqlite.Store {
	t.Helper()
	if len(collections) == 0 {
		collections = []*query.Collection{messages(), counters()}
	}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Schema: schemaOf(collections...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func write(t testing.TB, s *sqlite.Store, fn func(directus.Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func insert(t testing.TB, s *sqlite.Store, collection string, rows ...query.Row) {
	t.Helper()
	write(t, s, func(tx directus.Tx) error {
		for _, row := range rows {
			if _, err := tx.Insert(context.Background(), collection, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// keys reads a collection and returns its primary keys in order.
func keys(t testing.TB, s *sqlite.Store, collection string, q query.Query) []any {
	t.Helper()
	rows, err := s.Read(context.Background(), collection, q)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{}
	for _, row := range rows {
		got = append(got, row["id"])
	}
	return got
}

func wantKeys(t testing.TB, s *sqlite.Store, collection string, want ...any) {
	t.Helper()
	if got := keys(t, s, collection, query.New()); !reflect.DeepEqual(got, append([]any{}, want...)) {
		t.Errorf("keys in %s: got %v, want %v", collection, got, want)
	}
}

func wantRefusal(t testing.TB, err error, code protocol.Code, message string) {
	t.Helper()
	var refusal *protocol.Error
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Message != message {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	rows := []query.Row{
		{
			"id": "a", "text": "it's \"quoted\"; DROP TABLE messages --", "slug": "äöüß€", "n": int64(9007199254740993), "score": 0.1,
			"done": true, "at": "2026-11-21T09:00:00.000Z", "extra": json.RawMessage(`{"a":[1,2.50,null],"b":"<é>"}`), "tags": json.RawMessage(`["x","<y>"]`),
		},
		{
			"id": "b", "text": "", "slug": "", "n": int64(-1), "score": float64(3), "done": false,
			"at": "", "extra": json.RawMessage(`"text"`), "tags": json.RawMessage(`[]`),
		},
		{"id": "c", "text": "nul \x00 inside", "slug": nil, "n": nil, "score": nil, "done": nil, "at": nil, "extra": nil, "tags": nil},
	}
	path := filepath.Join(t.TempDir(), "leveret.db")
	s := open(t, path)
	insert(t, s, "messages", rows...)
	for _, when := range []string{"at once", "after a second start"} {
		got, err := s.Read(t.Context(), "messages", query.New())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, rows) {
			t.Errorf("%s:\ngot  %#v\nwant %#v", when, got, rows)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path)
	}
}

func TestGeneratedKeysCountUpAndNeverComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leveret.db")
	s := open(t, path)
	add := func(row query.Row) (key any) {
		write(t, s, func(tx directus.Tx) (err error) {
			key, err = tx.Insert(t.Context(), "counters", row)
			return err
		})
		return key
	}
	if got := add(query.Row{"name": "one"}); got != int64(1) {
		t.Errorf("the first key is %v (%T), want 1", got, got)
	}
	if got := add(query.Row{"id": int64(7)}); got != int64(7) {
		t.Errorf("a given key became %v", got)
	}
	write(t, s, func(tx directus.Tx) error { return tx.Delete(t.Context(), "counters", []any{int64(7)}) })
	s.Close()
	s = open(t, path)
	if got := add(query.Row{}); got != int64(8) {
		t.Errorf("the key after a deleted 7 is %v, want 8", got)
	}
	wantKeys(t, s, "counters", int64(1), int64(8))
}

func TestRefusals(t *testing.T) {
	s := open(t, sqlite.Memory)
	insert(t, s, "messages", query.Row{"id": "1", "text": "a", "slug": "one"}, query.Row{"id": "2", "text": "b", "slug": "two"})
	insert(t, s, "counters", query.Row{"id": int64(1)})
	ctx := t.Context()
	for _, test := range []struct {
		name    string
		do      func(directus.Tx) error
		code    protocol.Code
		message string
	}{
		{"a key twice", func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"id": "1", "text": "x"})
			return err
		}, protocol.CodeRecordNotUnique, `Value "1" for field "id" in collection "messages" has to be unique.`},
		{"an integer key twice", func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "counters", query.Row{"id": int64(1)})
			return err
		}, protocol.CodeRecordNotUnique, `Value "1" for field "id" in collection "counters" has to be unique.`},
		{"a unique value twice", func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"id": "3", "text": "x", "slug": "one"})
			return err
		}, protocol.CodeRecordNotUnique, `Value "one" for field "slug" in collection "messages" has to be unique.`},
		{"a unique value for two rows", func(tx directus.Tx) error {
			return tx.Update(ctx, "messages", []any{"1", "2"}, query.Row{"slug": "x", "text": "changed"})
		}, protocol.CodeRecordNotUnique, `Value "x" for field "slug" in collection "messages" has to be unique.`},
		{"a missing required value", func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"id": "3"})
			return err
		}, protocol.CodeNotNullViolation, `Value for field "text" in collection "messages" can't be null.`},
		{"a required value made null", func(tx directus.Tx) error {
			return tx.Update(ctx, "messages", []any{"1"}, query.Row{"text": nil})
		}, protocol.CodeNotNullViolation, `Value for field "text" in collection "messages" can't be null.`},
		{"no key", func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"text": "x"})
			return err
		}, protocol.CodeNotNullViolation, `Value for field "id" in collection "messages" can't be null.`},
		{"a generated key made null", func(tx directus.Tx) error {
			return tx.Update(ctx, "counters", []any{int64(1)}, query.Row{"id": nil})
		}, protocol.CodeNotNullViolation, `Value for field "id" in collection "counters" can't be null.`},
		{"six characters where five fit", func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"id": "3", "text": "x", "slug": "äöüäöü"})
			return err
		}, protocol.CodeValueTooLong, `Value for field "slug" in collection "messages" is too long.`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var refusal error
			// A refused call changes nothing, and the transaction can go on.
			write(t, s, func(tx directus.Tx) error { refusal = test.do(tx); return nil })
			wantRefusal(t, refusal, test.code, test.message)
			wantKeys(t, s, "messages", "1", "2")
			rows, err := s.Read(ctx, "messages", query.New())
			if err != nil || rows[0]["text"] != "a" || rows[1]["text"] != "b" {
				t.Errorf("a refused call changed something: %v %v", rows, err)
			}
		})
	}
}

func TestMistakesEndTheTransaction(t *testing.T) {
	s := open(t, sqlite.Memory)
	ctx := t.Context()
	for name, do := range map[string]func(directus.Tx) error{
		"unknown field": func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"id": "x", "text": "x", "nope": 1})
			return err
		},
		"value of wrong type": func(tx directus.Tx) error {
			_, err := tx.Insert(ctx, "messages", query.Row{"id": "x", "text": 5})
			return err
		},
		"key of wrong type": func(tx directus.Tx) error { return tx.Delete(ctx, "counters", []any{"1"}) },
		"broken JSON": func(tx directus.Tx) error {
			return tx.Update(ctx, "messages", []any{"a"}, query.Row{"extra": json.RawMessage("{")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var first, second error
			err := s.Write(ctx, func(tx directus.Tx) error {
				first = do(tx)
				_, second = tx.Insert(ctx, "messages", query.Row{"id": "later", "text": "x"})
				return nil
			})
			if first == nil || second == nil || err == nil {
				t.Errorf("got %v, then %v, and Write gave %v; want three errors", first, second, err)
			}
			wantKeys(t, s, "messages")
		})
	}
}

func TestUpdateAndDelete(t *testing.T) {
	s := open(t, sqlite.Memory)
	for i := range 40 {
		insert(t, s, "messages", query.Row{"id": fmt.Sprintf("%02d", i), "text": "x", "n": int64(i)})
	}
	ctx := t.Context()
	write(t, s, func(tx directus.Tx) error {
		if err := tx.Update(ctx, "messages", []any{"01", "02", "nobody"}, query.Row{"text": "y", "n": nil}); err != nil {
			return err
		}
		if err := tx.Delete(ctx, "messages", []any{"00", "nobody"}); err != nil {
			return err
		}
		rows, err := tx.Read(ctx, "messages", query.Query{Filter: &query.Filter{Op: query.OpEq, Field: "text", Value: "y"}, Limit: -1})
		if err != nil || len(rows) != 2 || rows[0]["n"] != nil {
			t.Errorf("the transaction does not see its own writes: %v %v", rows, err)
		}
		// What the rest sees is what was before.
		if before, err := s.Count(ctx, "messages", nil, ""); before != 40 || err != nil {
			t.Errorf("a reader meanwhile counts %d (%v), want 40", before, err)
		}
		// Nothing to do is nothing done.
		return errors.Join(tx.Update(ctx, "messages", nil, query.Row{"n": int64(1)}), tx.Update(ctx, "messages", []any{"01"}, nil), tx.Delete(ctx, "messages", nil))
	})
	if n, err := s.Count(ctx, "messages", nil, ""); n != 39 || err != nil {
		t.Errorf("count is %d (%v), want 39", n, err)
	}
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "leveret.db"))
	add := func(tx directus.Tx) {
		if _, err := tx.Insert(context.Background(), "messages", query.Row{"id": "x", "text": "x"}); err != nil {
			t.Fatal(err)
		}
	}
	broken := errors.New("broken")
	if err := s.Write(t.Context(), func(tx directus.Tx) error { add(tx); return broken }); err != broken {
		t.Errorf("got %v, want the function's own error", err)
	}
	wantKeys(t, s, "messages")

	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Write(ctx, func(tx directus.Tx) error { add(tx); cancel(); return nil }); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
	wantKeys(t, s, "messages")
	if err := s.Write(ctx, func(directus.Tx) error { t.Error("ran although the context had ended"); return nil }); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}

	func() {
		defer func() { recover() }()
		s.Write(t.Context(), func(tx directus.Tx) error { add(tx); panic("oops") })
	}()
	wantKeys(t, s, "messages")

	var late directus.Tx
	write(t, s, func(tx directus.Tx) error { late = tx; return nil })
	if _, err := late.Insert(t.Context(), "messages", query.Row{"id": "x", "text": "x"}); err == nil {
		t.Error("a transaction that is over took an insert")
	}
	wantKeys(t, s, "messages")
}

func TestWritesTakeTurns(t *testing.T) {
	s := open(t, sqlite.Memory)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			err := s.Write(t.Context(), func(tx directus.Tx) error {
				rows, err := tx.Read(t.Context(), "counters", query.New())
				if err != nil {
					return err
				}
				if len(rows) == 0 {
					_, err = tx.Insert(t.Context(), "counters", query.Row{"id": int64(1), "name": "x"})
					return err
				}
				return tx.Update(t.Context(), "counters", []any{int64(1)}, query.Row{"name": rows[0]["name"].(string) + "x"})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	rows, err := s.Read(t.Context(), "counters", query.New())
	if err != nil || rows[0]["name"] != strings.Repeat("x", 20) {
		t.Errorf("after 20 turns: %v %v", rows, err)
	}
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "leveret.db"))
	insert(t, s, "messages", query.Row{"id": "0", "text": "x"})
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for range 6 {
		wait.Go(func() {
			last := 1
			for {
				// Two rows go in at a time: a reader never sees one of them alone,
				// and never fewer rows than before.
				n, err := s.Count(t.Context(), "messages", nil, "")
				if err != nil || n%2 != 1 || n < last {
					t.Errorf("counted %d after %d (%v)", n, last, err)
					return
				}
				last = n
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 50 {
		write(t, s, func(tx directus.Tx) error {
			for _, half := range []string{"a", "b"} {
				if _, err := tx.Insert(t.Context(), "messages", query.Row{"id": fmt.Sprint(i, half), "text": "x"}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// While a transaction is open, others read what was before.
	err := s.Write(t.Context(), func(tx directus.Tx) error {
		if _, err := tx.Insert(t.Context(), "messages", query.Row{"id": "open", "text": "x"}); err != nil {
			return err
		}
		counted := make(chan int)
		go func() { n, _ := s.Count(t.Context(), "messages", nil, ""); counted <- n }()
		if n := <-counted; n != 101 {
			t.Errorf("a reader beside an open transaction counts %d, want 101", n)
		}
		return errUndo
	})
	if err != errUndo {
		t.Error(err)
	}
	close(stop)
	wait.Wait()
}

func TestTombstones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "leveret.db")
		s := open(t, path)
		insert(t, s, "messages", query.Row{"id": "a", "text": "x"}, query.Row{"id": "b", "text": "x"})
		insert(t, s, "counters", query.Row{"id": int64(5)})
		write(t, s, func(tx directus.Tx) error {
			return errors.Join(tx.Delete(t.Context(), "messages", []any{"a", "never"}), tx.Delete(t.Context(), "counters", []any{int64(5)}))
		})
		again := func(collection string, row query.Row) error {
			return s.Write(context.Background(), func(tx directus.Tx) error {
				_, err := tx.Insert(context.Background(), collection, row)
				return err
			})
		}
		message := `Value "a" for field "id" in collection "messages" has to be unique.`
		wantRefusal(t, again("messages", query.Row{"id": "a", "text": "x"}), protocol.CodeRecordNotUnique, message)
		wantRefusal(t, again("counters", query.Row{"id": int64(5)}), protocol.CodeRecordNotUnique, `Value "5" for field "id" in collection "counters" has to be unique.`)
		// A key that no row had is no tombstone; nor is one of another collection.
		if err := again("messages", query.Row{"id": "never", "text": "x"}); err != nil {
			t.Error(err)
		}
		if err := again("messages", query.Row{"id": "5", "text": "x"}); err != nil {
			t.Error(err)
		}
		s.Close()
		s = open(t, path)
		time.Sleep(24*time.Hour - time.Millisecond)
		wantRefusal(t, again("messages", query.Row{"id": "a", "text": "x"}), protocol.CodeRecordNotUnique, message)
		time.Sleep(time.Millisecond)
		if err := again("messages", query.Row{"id": "a", "text": "x"}); err != nil {
			t.Errorf("after 24 hours: %v", err)
		}
		// A primary key that is changed is gone as well.
		write(t, s, func(tx directus.Tx) error {
			return tx.Update(t.Context(), "messages", []any{"b"}, query.Row{"id": "c"})
		})
		if err := again("messages", query.Row{"id": "b", "text": "x"}); !errors.Is(err, protocol.CodeRecordNotUnique) {
			t.Errorf("the key that was changed: got %v", err)
		}
		wantKeys(t, s, "messages", "5", "a", "c", "never")
	})
}

func TestSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leveret.db")
	s := open(t, path)
	if value, err := s.Setting(t.Context(), "secret"); value != "" || err != nil {
		t.Errorf("a setting that is not there: %q %v", value, err)
	}
	for _, value := range []string{"one", "two"} {
		if err := s.SetSetting(t.Context(), "secret", value); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, path)
	if value, err := s.Setting(t.Context(), "secret"); value != "two" || err != nil {
		t.Errorf("after a second start: %q %v", value, err)
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, sqlite.Memory)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, readErr := s.Read(t.Context(), "messages", query.New())
	_, countErr := s.Count(t.Context(), "messages", nil, "")
	_, settingErr := s.Setting(t.Context(), "x")
	for what, err := range map[string]error{
		"Read": readErr, "Count": countErr, "Setting": settingErr,
		"Write":      s.Write(t.Context(), func(directus.Tx) error { return nil }),
		"SetSetting": s.SetSetting(t.Context(), "x", "y"),
	} {
		if err != sqlite.ErrClosed {
			t.Errorf("%s: got %v, want ErrClosed", what, err)
		}
	}
}

func TestCloseWaitsForTheWriteUnderWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leveret.db")
	s := open(t, path)
	started, closing := make(chan struct{}), make(chan error, 1)
	go func() { <-started; closing <- s.Close() }()
	write(t, s, func(tx directus.Tx) error {
		close(started)
		_, err := tx.Insert(t.Context(), "messages", query.Row{"id": "x", "text": "x"})
		return err
	})
	if err := <-closing; err != nil {
		t.Fatal(err)
	}
	wantKeys(t, open(t, path), "messages", "x")
}

func TestReadThatIsCancelled(t *testing.T) {
	s := open(t, sqlite.Memory)
	insert(t, s, "messages", query.Row{"id": "x", "text": "x"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Read(ctx, "messages", query.New()); err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
	// However often that happens, there are readers left.
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
		s.Read(ctx, "messages", query.New())
		cancel()
	}
	wantKeys(t, s, "messages", "x")
}
