//go:build !js

package realtime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol/platform"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

// Two clients share a store: one at a time keeps and sends, and the next one finds what
// the first has left. What that had sent may have been carried out: the create was, and
// is not doubled. (Natively: Node has had locks since version 24 only.)
func TestOutboxOfTwoClients(t *testing.T) {
	lock := t.TempDir() + "/lock"
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.serve(1)
		options := token("t")
		options.Dialer, options.Store, options.StoreLock, options.Identity = b, platform.NewMemory(), lock, "ada"
		first, err := realtime.New("ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		created, err := first.Outbox().Create(t.Context(), "messages", raw(`{"id":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		keys, err := options.Store.List(t.Context(), "outbox/")
		if err != nil || len(keys) != 1 {
			t.Fatalf("the store has %v, %v", keys, err)
		}
		created.Status = session.WriteSent // as if the first was killed before the answer came
		if err := options.Store.Put(t.Context(), keys[0], session.EncodeWrite(created)); err != nil {
			t.Fatal(err)
		}
		b.rows[`"a"`] = `{"id":"a"}`

		second, err := realtime.Dial(t.Context(), "ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := second.Outbox().Create(ctx, "messages", raw(`{"id":"b"}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while the first lives, Create: %v", err)
		}
		cancel()
		first.Close()
		w, err := second.Outbox().Create(t.Context(), "messages", raw(`{"id":"b"}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{created.ID, w.ID} {
			if _, err := second.Outbox().Wait(timeout(t, time.Minute), id); err != nil {
				t.Errorf("Wait: %v", err)
			}
		}
		second.Close()
		b.wg.Wait()
		if got := string(b.all()); got != `[{"id":"a"},{"id":"b"}]` {
			t.Errorf("the server has %s", got)
		}
	})
}
