package directus_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"leveret/protocol/query"
	"leveret/server/directus"
)

// A faulty store fails as it is told.
type faulty struct {
	directus.Store
	read  func() // called by Read of messages
	write func() // called inside a transaction
	err   error  // what Read of messages fails with
}

func (s *faulty) Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error) {
	if collection == "messages" {
		if s.read != nil {
			s.read()
		}
		if s.err != nil {
			return nil, s.err
		}
	}
	return s.Store.Read(ctx, collection, q)
}

func (s *faulty) Write(ctx context.Context, fn func(directus.Tx) error) error {
	return s.Store.Write(ctx, func(tx directus.Tx) error {
		if s.write != nil {
			return fn(faultyTx{tx, s.write})
		}
		return fn(tx)
	})
}

type faultyTx struct {
	directus.Tx
	fail func()
}

func (tx faultyTx) Insert(ctx context.Context, collection string, row query.Row) (any, error) {
	tx.fail()
	return tx.Tx.Insert(ctx, collection, row)
}

func TestInternalErrors(t *testing.T) {
	internal := func(kind string) string {
		return `{"type":"` + kind + `","status":"error","error":{"code":"INTERNAL_SERVER_ERROR","message":"An unexpected error occurred."},"uid":"u"}`
	}
	oops := func() { panic("oops, the secret cause") }
	for name, c := range map[string]struct {
		store       faulty
		say, expect string
	}{
		"a read fails":                       {faulty{err: errors.New("oops, the secret cause")}, items + `"read"}`, internal("items")},
		"a read panics":                      {faulty{read: oops}, items + `"read"}`, internal("items")},
		"a subscribe panics, holding a lock": {faulty{read: oops}, `{"type":"subscribe","collection":"messages","uid":"u"}`, internal("subscribe")},
		"a transaction panics":               {faulty{write: oops}, items + `"create","data":[{"text":"a"},{"text":"b"}]}`, internal("items")},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, nil)
				store := c.store
				store.Store = w.store
				log := &logBuffer{}
				hub := directus.NewHub(&store, w.accounts, &directus.Options{Permissions: publishedForReaders(), Logger: slog.New(slog.NewTextHandler(log, nil))})
				w.hub = hub
				peer := w.connect(editor)
				peer.Say(c.say)
				peer.Expect(c.expect)
				if !strings.Contains(log.String(), "the secret cause") {
					t.Errorf("the cause was not logged: %s", log)
				}
				// Everything goes on, and nothing was done by half.
				store.read, store.write, store.err = nil, nil, nil
				peer.Say(items + `"read","query":{"limit":0,"meta":"total_count"}}`)
				peer.Expect(`{"type":"items","data":[],"meta":{"total_count":3},"uid":"u"}`)
				do(peer, create+`{"text":"a"}}`)
			})
		})
	}
	t.Run("over HTTP", func(t *testing.T) {
		for _, store := range []faulty{{err: errors.New("oops")}, {read: oops}} {
			w := newWorld(t, nil)
			store.Store = w.store
			hub := directus.NewHub(&store, w.accounts, &directus.Options{Permissions: publishedForReaders(), Logger: slog.New(slog.DiscardHandler)})
			recorder := httptest.NewRecorder()
			request := httptest.NewRequest("GET", "/items/messages", nil)
			request.Header.Set("Authorization", "Bearer "+editor)
			hub.Handler().ServeHTTP(recorder, request)
			if recorder.Code != 500 || recorder.Body.String() != `{"errors":[{"message":"An unexpected error occurred.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}` {
				t.Errorf("got %d %s", recorder.Code, recorder.Body)
			}
		}
	})
}

// What a peer sent before it closed is still done.
func TestWhatCameBeforeTheCloseIsDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		watcher, leaver := w.connect(editor), w.connect(editor)
		watcher.Say(`{"type":"subscribe","collection":"messages","event":"create","query":{"fields":["text"]},"uid":"s"}`)
		watcher.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
		for _, text := range []string{"1", "2", "3"} {
			leaver.Say(create + `{"text":"` + text + `"}}`)
		}
		leaver.Close(1000, "")
		for _, text := range []string{"1", "2", "3"} {
			watcher.Expect(told("create", `[{"text":"`+text+`"}]`, "s"))
		}
	})
}
