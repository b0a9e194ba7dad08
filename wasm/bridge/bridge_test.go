//go:build js

package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"leveret/wasm/bridge"
)

// script makes a function of JavaScript source.
func script(params, body string) js.Value {
	return js.Global().Get("Function").New(params, body)
}

func await(t *testing.T, promise js.Value) (js.Value, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return bridge.Await(ctx, promise)
}

func TestScopeReleasesWhatItOwns(t *testing.T) {
	var s bridge.Scope
	calls := 0
	f := s.Func(func(_ js.Value, args []js.Value) any { calls++; return args[0].Int() + 1 })
	s.Func(func(js.Value, []js.Value) any { return nil })
	if got := f.Invoke(41).Int(); got != 42 || calls != 1 || s.Len() != 2 {
		t.Errorf("f(41) = %d after %d calls, with %d functions", got, calls, s.Len())
	}
	s.Release()
	s.Release()
	if s.Len() != 0 {
		t.Errorf("%d functions are left", s.Len())
	}
	if got := s.Func(func(js.Value, []js.Value) any { return "called" }).Invoke(); !got.IsUndefined() || s.Len() != 0 {
		t.Errorf("a function of a released scope returned %v; %d functions", got, s.Len())
	}
}

func TestError(t *testing.T) {
	tell := script("e", `return (e instanceof Error) + " " + e.code + " " + e.message`)
	cases := []struct {
		err  error
		want string
	}{
		{errors.New("no luck"), "true ERROR no luck"},
		{fmt.Errorf("read: %w", bridge.WithCode("FORBIDDEN", errors.New("not yours"))), "true FORBIDDEN read: not yours"},
		{js.Error{Value: script("", `return Object.assign(new Error("from JS"), {code: "E_JS"})`).Invoke()}, "true E_JS from JS"},
	}
	for _, c := range cases {
		if got := tell.Invoke(bridge.Error(c.err)).String(); got != c.want {
			t.Errorf("%v became %q, want %q", c.err, got, c.want)
		}
	}
}

func TestAwait(t *testing.T) {
	if v, err := await(t, script("", `return new Promise((r) => setTimeout(r, 5, "late"))`).Invoke()); err != nil || v.String() != "late" {
		t.Errorf("a promise: %v, %v", v, err)
	}
	if v, err := await(t, js.ValueOf(7)); err != nil || v.Int() != 7 {
		t.Errorf("no promise: %v, %v", v, err)
	}
	var thrown js.Error
	if _, err := await(t, script("", `return Promise.reject(new TypeError("bad"))`).Invoke()); !errors.As(err, &thrown) || thrown.Get("name").String() != "TypeError" {
		t.Errorf("a rejection: %v", err)
	}
	if _, err := await(t, script("", `return Promise.reject("a string")`).Invoke()); err == nil || !strings.Contains(err.Error(), "a string") {
		t.Errorf("a rejection with a string: %v", err)
	}
	if _, err := await(t, script("", `return Promise.reject(Object.create(null))`).Invoke()); err == nil {
		t.Error("a rejection without a text is none")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bridge.Await(ctx, script("", `return new Promise(() => {})`).Invoke()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
}
