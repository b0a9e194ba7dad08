package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/platform"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// What is written offline is sent in order once there is a link, and a create whose
// answer was lost is not doubled.
func TestOutboxOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		store := platform.NewMemory()
		options := token("t")
		options.Dialer, options.Store, options.Identity = b, store, "ada"
		c, err := realtime.New("ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		o := c.Outbox()
		created, err := o.Create(t.Context(), "messages", raw(`{"id":"a","text":"one"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Update(t.Context(), "messages", raw(`"a"`), raw(`{"text":"two"}`)); err != nil {
			t.Fatal(err)
		}
		if n := len(o.Writes()); n != 2 {
			t.Fatalf("%d writes are kept", n)
		}
		c.Close() // and another run finds them

		c, err = realtime.New("ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		o = c.Outbox()
		b.drop = "create"
		b.serve(2)
		c.Connect()
		until(t, c, session.Live)
		ctx := timeout(t, time.Minute)
		for writes := range o.Changes(ctx) {
			if len(writes) == 0 && b.count(creates) > 0 {
				break
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("after a minute there are left %v", o.Writes())
		}
		if got := string(b.all()); got != `[{"id":"a","text":"two"}]` {
			t.Errorf("the server has %s", got)
		}
		if n := b.count(creates); n != 2 {
			t.Errorf("%d creates were sent, want the one and its repeat", n)
		}
		if _, err := o.Wait(t.Context(), created.ID); err != nil {
			t.Errorf("Wait: %v", err)
		}
		c.Close()
		b.wg.Wait()
		if keys, _ := store.List(context.Background(), ""); len(keys) != 0 {
			t.Errorf("the store still has %v", keys)
		}
	})
}

// An update that was sent and not answered is for a person to decide; a refusal is kept.
func TestOutboxUnknownAndRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.drop = "update"
		b.serve(2)
		options := token("t")
		options.Dialer = b
		c, err := realtime.Dial(t.Context(), "ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		o := c.Outbox()
		update, err := o.Update(t.Context(), "messages", raw(`7`), raw(`{"text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Wait(t.Context(), update.ID); !errors.Is(err, realtime.ErrOutcomeUnknown) {
			t.Errorf("Wait: %v", err)
		}
		refused, err := o.Create(t.Context(), "secrets", raw(`{"text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Wait(t.Context(), refused.ID); !errors.Is(err, protocol.CodeForbidden) {
			t.Errorf("Wait: %v", err)
		}
		if err := o.Discard(refused.ID); err != nil {
			t.Errorf("Discard: %v", err)
		}
		if _, err := o.Wait(t.Context(), refused.ID); !errors.Is(err, realtime.ErrDiscarded) {
			t.Errorf("Wait after Discard: %v", err)
		}
		if err := o.Retry(update.ID); err != nil {
			t.Errorf("Retry: %v", err)
		}
		if _, err := o.Wait(t.Context(), update.ID); err != nil {
			t.Errorf("Wait after Retry: %v", err)
		}
		c.Close()
		b.wg.Wait()
	})
}

// Another person's writes are neither shown nor sent.
func TestOutboxOfAnotherPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		options := token("t")
		options.Dialer, options.Store, options.Identity = b, platform.NewMemory(), "ada"
		c, err := realtime.New("ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Outbox().Create(t.Context(), "messages", raw(`{"id":"a"}`)); err != nil {
			t.Fatal(err)
		}
		c.Close()

		options.Identity = "eve"
		b.serve(1)
		c, err = realtime.Dial(t.Context(), "ws://x", &options)
		if err != nil {
			t.Fatal(err)
		}
		w, err := c.Outbox().Create(t.Context(), "messages", raw(`{"id":"b"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Outbox().Wait(t.Context(), w.ID); err != nil {
			t.Error(err)
		}
		c.Close()
		b.wg.Wait()
		if got := string(b.all()); got != `[{"id":"b"}]` {
			t.Errorf("the server has %s", got)
		}
	})
}
