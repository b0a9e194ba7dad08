//go:build js

package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// collect runs for await over it, and tells the values, how it ended, and what
// next says afterwards.
var collect = script("it, most", `return (async () => {
	const out = [];
	try {
		for await (const v of it) {
			out.push(v);
			if (out.length === most) { out.push("left"); break; }
		}
		out.push("end");
	} catch (e) {
		out.push(e instanceof Error ? e.code + ": " + e.message : "threw " + e);
	}
	const after = await it.next();
	if (!after.done || after.value !== undefined) out.push("not done");
	return out.join(" ");
})()`)

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

func TestPromise(t *testing.T) {
	tell := script("p", `return p.then((v) => "value " + v, (e) => (e instanceof Error) + " " + e.code + " " + e.message)`)
	cases := []struct {
		name string
		f    func() (any, error)
		want string
	}{
		{"a value", func() (any, error) { return 42, nil }, "value 42"},
		{"nothing", func() (any, error) { return nil, nil }, "value null"},
		{"an error", func() (any, error) { return nil, errors.New("no luck") }, "true ERROR no luck"},
		{"an error with a code", func() (any, error) {
			return nil, fmt.Errorf("read: %w", bridge.WithCode("FORBIDDEN", errors.New("not yours")))
		}, "true FORBIDDEN read: not yours"},
		{"a panic", func() (any, error) { panic("oh") }, "true PANIC panic: oh"},
		{"a value that JavaScript does not know", func() (any, error) { return struct{}{}, nil }, "true PANIC panic: ValueOf: invalid value"},
		{"what JavaScript threw", func() (any, error) {
			return nil, js.Error{Value: script("", `return Object.assign(new Error("from JS"), {code: "E_JS"})`).Invoke()}
		}, "true E_JS from JS"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := await(t, tell.Invoke(bridge.Promise(c.f)))
			if err != nil || got.String() != c.want {
				t.Errorf("got %v, %v, want %q", got, err, c.want)
			}
		})
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
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bridge.Await(ctx, script("", `return new Promise(() => {})`).Invoke()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
}

func TestJSON(t *testing.T) {
	v, err := bridge.JSON([]byte(`{"a":[1,"ü"]}`))
	if err != nil || v.Get("a").Index(1).String() != "ü" {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := bridge.JSON([]byte(`{`)); err == nil {
		t.Error("half an object was parsed")
	}
}

// count yields 0, 1, … below n, then err if there is one. pulled counts, and ended
// is closed when the sequence returns.
func count(n int, err error, pulled *int, ended chan<- struct{}) func(context.Context) iter.Seq2[int, error] {
	return func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			defer close(ended)
			for i := range n {
				*pulled++
				if !yield(i, nil) {
					return
				}
			}
			if err != nil {
				yield(0, err)
			}
		}
	}
}

func asIs(i int) (any, error) { return i, nil }

func TestAsyncIterator(t *testing.T) {
	cases := []struct {
		name    string
		n, most int
		err     error
		want    string
	}{
		{"all", 3, 100, nil, "0 1 2 end"},
		{"none", 0, 100, nil, "end"},
		{"an error is the end", 2, 100, bridge.WithCode("GONE", errors.New("went away")), "0 1 GONE: went away"},
		{"the loop is left", 1000, 2, nil, "0 1 left end"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			pulled, ended := 0, make(chan struct{})
			it := bridge.AsyncIterator(t.Context(), count(c.n, c.err, &pulled, ended), asIs)
			got, err := await(t, collect.Invoke(it, c.most))
			if err != nil || got.String() != c.want {
				t.Errorf("got %v, %v, want %q", got, err, c.want)
			}
			<-ended
			if most := min(c.n, c.most+1); pulled > most {
				t.Errorf("%d values were pulled, want at most %d", pulled, most)
			}
		})
	}
}

func TestAsyncIteratorPullsWhenAsked(t *testing.T) {
	pulled, ended := 0, make(chan struct{})
	it := bridge.AsyncIterator(t.Context(), count(1000, nil, &pulled, ended), asIs)
	// Three asked for before one is there are answered in order.
	ask := script("it", `return Promise.all([it.next(), it.next(), it.next()]).then((rs) => rs.map((r) => r.value + " " + r.done).join(", "))`)
	got, err := await(t, ask.Invoke(it))
	if err != nil || got.String() != "0 false, 1 false, 2 false" || pulled != 3 {
		t.Errorf("got %v, %v, %d pulled", got, err, pulled)
	}
	leave := script("it", `return it.return("bye").then((r) => r.value + " " + r.done)`)
	if got, err := await(t, leave.Invoke(it)); err != nil || got.String() != "bye true" {
		t.Errorf("return: %v, %v", got, err)
	}
	<-ended
}

func TestAsyncIteratorEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	it := bridge.AsyncIterator(ctx, func(ctx context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			cancel()
			<-ctx.Done()
		}
	}, asIs)
	if got, err := await(t, collect.Invoke(it, 1)); err != nil || got.String() != "end" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAsyncIteratorTellsAPanic(t *testing.T) {
	it := bridge.AsyncIterator(t.Context(), func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { panic("oh") }
	}, asIs)
	if got, err := await(t, collect.Invoke(it, 1)); err != nil || got.String() != "PANIC: panic: oh" {
		t.Errorf("got %v, %v", got, err)
	}
}
