package transport_test

import (
	"context"
	"os"
	"syscall/js"
	"testing"
	"time"

	"github.com/hack-pad/safejs"

	"leveret/protocol/transport"
)

// The fixture server runs beside this binary: see leveret/internal/wasmtest.
func fixtureLink(t *testing.T, dialer transport.Dialer, checks bool) link {
	url, slow := os.Getenv("LEVERET_FIXTURE"), os.Getenv("LEVERET_FIXTURE_SLOW")
	if url == "" || slow == "" {
		t.Fatal("LEVERET_FIXTURE is not set: run this test with leveret/internal/wasmtest")
	}
	return link{
		dialer: dialer, raw: true, checks: checks,
		open: func(ctx context.Context, path string, throughSlow bool) (transport.Conn, error) {
			base := url
			if throughSlow {
				base = slow
			}
			return dialer.Dial(ctx, base+path)
		},
	}
}

// wantNoFuncs waits until every function that JavaScript could call is released.
func wantNoFuncs(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Second); transport.OpenFuncs() > 0; {
		if time.Now().After(end) {
			t.Fatalf("%d functions were never released", transport.OpenFuncs())
		}
		<-tick.C
	}
}

// The platform's own WebSocket: a page's, or that of Node 22 or newer, which drops
// a byte order mark and steps over text that is not UTF-8.
func TestBrowserContract(t *testing.T) {
	if js.Global().Get("WebSocket").IsUndefined() {
		t.Fatal("there is no WebSocket: in Node this test needs version 22 or newer")
	}
	inNode := js.Global().Get("require").Type() == js.TypeFunction
	testContract(t, fixtureLink(t, transport.Default, !inNode))
	wantNoFuncs(t)
}

// A WebSocket that is not the platform's own: in Node the package ws, in a page a
// class derived from the page's.
func TestInjectedContract(t *testing.T) {
	testContract(t, fixtureLink(t, transport.Browser{WebSocket: injected(t)}, true))
	wantNoFuncs(t)
}

func injected(t *testing.T) safejs.Value {
	require := js.Global().Get("require")
	if require.Type() == js.TypeFunction {
		path := os.Getenv("LEVERET_WS")
		if path == "" {
			t.Fatal("LEVERET_WS is not set: npm ci in wasm/test, and run this test with leveret/internal/wasmtest")
		}
		return safejs.Safe(require.Invoke(path).Get("WebSocket"))
	}
	derive := js.Global().Get("Function").New("return class extends WebSocket {}")
	return safejs.Safe(derive.Invoke())
}

// A page's socket knows no back-pressure: above 64 MiB that nobody received the
// link is given up, and what has arrived is still received.
func TestALinkThatNobodyReceivesFromIsGivenUp(t *testing.T) {
	l := fixtureLink(t, transport.Default, true)
	id := unique(t)
	c := l.mustOpen(t, "/burst?n=90&size=1048576&id="+id)
	if r := l.report(t, id); r.Code != transport.CloseTooSlow {
		t.Errorf("the far end was closed with %v, want 4413", r)
	}
	frames, end := drain(t, c)
	if len(frames) < 64 || len(frames) == 90 {
		t.Errorf("%d of 90 MiB were received", len(frames))
	}
	wantNumbered(t, frames, len(frames))
	wantEnd(t, end, transport.CloseTooSlow, "too slow")
	wantNoFuncs(t)
}

// What JavaScript holds and has not brought over yet has arrived too. Here Go asks
// for it with each message, before the task that would bring it.
func TestFramesThatJavaScriptHoldsAreReceived(t *testing.T) {
	l := fixtureLink(t, transport.Default, true)
	c := l.mustOpen(t, "/burst?n=50&wait=1&close=4000")
	ended, end := context.WithCancel(t.Context())
	end()
	messages := 0
	var early [][]byte
	listener := js.FuncOf(func(js.Value, []js.Value) any {
		messages++
		if messages%3 == 0 { // the rest comes by itself, before or after
			return nil
		}
		batch, err := c.(transport.Batcher).ReceiveBatch(ended)
		if err != nil {
			t.Errorf("after message %d: %v", messages, err)
		}
		early = append(early, batch...)
		return nil
	})
	defer listener.Release()
	ws := safejs.Unsafe(transport.WebSocketOf(c))
	ws.Call("addEventListener", "message", listener)
	send(t, c, "go on")
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := patience(t); messages < 50 && deadline.Err() == nil; {
		<-tick.C
	}
	ws.Call("removeEventListener", "message", listener)
	late, closed := drain(t, c)
	wantNumbered(t, append(early, late...), 50)
	wantEnd(t, closed, 4000, "")
	if len(early) < 40 {
		t.Errorf("%d of 50 frames were received with their messages", len(early))
	}
	wantNoFuncs(t)
}

// What JavaScript calls must not wait for JavaScript.
func TestSendAndCloseWithinACallbackOfJavaScript(t *testing.T) {
	l := fixtureLink(t, transport.Default, true)
	id := unique(t)
	c := l.mustOpen(t, "/collect?id="+id)
	callback := js.FuncOf(func(js.Value, []js.Value) any {
		c.Send([]byte("from a callback"))
		c.Close(4000, "called")
		return nil
	})
	defer callback.Release()
	js.Global().Call("setTimeout", callback, 0)
	_, end := drain(t, c)
	wantEnd(t, end, 4000, "called")
	if r := l.report(t, id); r.Frames != 1 {
		t.Errorf("the far end received %v", r)
	}
}
