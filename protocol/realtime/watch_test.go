package realtime_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

// A watcher that takes a second over each transition is told all of them all the same.
func TestWatchLeavesOutNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 2, realtime.Options{})
		var slow, quick []string
		tell := func(into *[]string, takes time.Duration) func(realtime.Change) {
			return func(ch realtime.Change) {
				time.Sleep(takes)
				*into = append(*into, string(ch.From)+">"+string(ch.To))
			}
		}
		c.Watch(tell(&slow, time.Second))
		stop := c.Watch(tell(&quick, 0))
		stop()
		c.Disconnect()
		c.Connect()
		until(t, c, session.Live)
		time.Sleep(time.Minute)
		c.Close()
		want := []string{"live>closed", "closed>dialing", "dialing>authenticating", "authenticating>live", "live>closed"}
		if !slices.Equal(slow, want) {
			t.Errorf("the slow one was told %q, want %q", slow, want)
		}
		if len(quick) > 0 {
			t.Errorf("after stop it was told %q", quick)
		}
	})
}

// Open does not wait, and what the server refuses is the end of the events.
func TestOpenDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		s, err := c.Open("secrets", nil)
		if err != nil {
			t.Fatal(err)
		}
		for event, err := range s.Events(t.Context()) {
			if !errors.Is(err, protocol.CodeForbidden) {
				t.Errorf("got %v, %v, want FORBIDDEN", event, err)
			}
		}
		if _, err := c.Open("messages", &realtime.SubscribeOptions{RawQuery: []byte("{")}); err == nil {
			t.Error("a query that is no JSON is accepted")
		}
		c.Close()
		if _, err := c.Open("messages", nil); !errors.Is(err, realtime.ErrClosed) {
			t.Errorf("of a closed client: %v", err)
		}
	})
}
