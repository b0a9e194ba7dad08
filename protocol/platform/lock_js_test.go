package platform_test

import (
	"context"
	"errors"
	"syscall/js"
	"testing"
	"time"

	"leveret/protocol/platform"
)

func hasLocks() bool {
	navigator := js.Global().Get("navigator")
	return navigator.Truthy() && navigator.Get("locks").Truthy()
}

// turns lets JavaScript run until what was asked of the browser is done.
func turns() { <-time.After(20 * time.Millisecond) }

// In a page there are locks, in Node from version 24 on; elsewhere that is told.
func TestWebLock(t *testing.T) {
	if !hasLocks() {
		if _, err := platform.Acquire(t.Context(), "test"); !errors.Is(err, platform.ErrNoLock) {
			t.Errorf("Acquire: %v, want ErrNoLock", err)
		}
		return
	}
	testLock(t, [2]string{"test-one", "test-another"}, turns)
	if _, err := platform.Acquire(t.Context(), "-reserved"); err == nil {
		t.Error("a name that the browser refuses was taken")
	}
	wantNoFuncs(t)
}

// A page that goes away releases what it held.
func TestALockOfAPageThatGoesAway(t *testing.T) {
	document := js.Global().Get("document")
	if document.IsUndefined() {
		return // there are no pages in Node
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	frame := document.Call("createElement", "iframe")
	document.Get("documentElement").Call("append", frame)
	hold := js.Global().Get("Function").New("frame", `frame.contentWindow.eval(
		"navigator.locks.request('test-frame', () => { window.held = true; return new Promise(() => {}) })")`)
	hold.Invoke(frame)
	for !frame.Get("contentWindow").Get("held").Truthy() {
		if turns(); ctx.Err() != nil {
			t.Fatal("the other page did not get the lock")
		}
	}
	short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	if _, err := platform.Acquire(short, "test-frame"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Acquire while the other page holds it: %v", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { frame.Call("remove") })
	lock, err := platform.Acquire(ctx, "test-frame")
	if err != nil {
		t.Fatalf("Acquire after the other page went away: %v", err)
	}
	lock.Release()
	wantNoFuncs(t)
}

// wantNoFuncs waits until every function that JavaScript could call is released.
func wantNoFuncs(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); platform.OpenFuncs() > 0; turns() {
		if time.Now().After(end) {
			t.Fatalf("%d functions were never released", platform.OpenFuncs())
		}
	}
}
