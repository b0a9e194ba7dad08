package platform_test

import (
	"context"
	"syscall/js"
	"testing"
	"time"

	"leveret/protocol/platform"
)

// In a page its events wake; Node has none.
func TestEventsWake(t *testing.T) {
	document := js.Global().Get("document")
	if document.IsUndefined() {
		return
	}
	cases := []struct {
		target js.Value
		event  string
		want   string
	}{
		{js.Global(), "online", platform.WakeOnline},
		{js.Global(), "pageshow", platform.WakeShown},
		{document, "visibilitychange", platform.WakeVisible},
	}
	for _, c := range cases {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		woken := ""
		dispatch := time.AfterFunc(20*time.Millisecond, func() {
			c.target.Call("dispatchEvent", js.Global().Get("Event").New(c.event))
		})
		for woken = range platform.Wakeups(ctx) {
			break
		}
		if woken != c.want {
			t.Errorf("%s: woken by %q, want %q", c.event, woken, c.want)
		}
		dispatch.Stop()
		cancel()
	}
}

func TestWakeupsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range platform.Wakeups(ctx) {
	}
	if ctx.Err() == nil {
		t.Error("they ended by themselves")
	}
}
