//go:build js

package bridge

import (
	"context"
	"iter"
	"sync"
	"syscall/js"
)

// AsyncIterator makes an async iterable iterator of a Go iterator, for
// for await (const v of …). A value is pulled only when it is asked for. The
// sequence is begun with a context that ends when JavaScript calls return (as
// leaving the loop does) or when ctx does; then the iterator is done. An error
// rejects one next, and is the end. At the end its functions are released.
func AsyncIterator[T any](ctx context.Context, begin func(context.Context) iter.Seq2[T, error], convert func(T) (any, error)) js.Value {
	ctx, cancel := context.WithCancel(ctx)
	it := &iterator{asked: make(chan struct{}, 1), object: js.Global().Get("Object").New()}
	it.object.Set("next", it.scope.Func(func(js.Value, []js.Value) any {
		return it.ask()
	}))
	it.object.Set("return", it.scope.Func(func(_ js.Value, args []js.Value) any {
		cancel()
		value := js.Undefined()
		if len(args) > 0 {
			value = args[0]
		}
		return js.Global().Get("Promise").Call("resolve", result(value, true))
	}))
	// An iterator returns itself: native code can do that too, and is never released.
	self := js.Global().Get("Object").Get("prototype").Get("valueOf").Call("bind", it.object)
	js.Global().Get("Reflect").Call("set", it.object, js.Global().Get("Symbol").Get("asyncIterator"), self)

	go it.serve(cancel, func() error {
		if !it.wait(ctx) {
			return nil
		}
		for v, err := range begin(ctx) {
			var converted js.Value
			if err == nil {
				converted, err = try(func() (any, error) { return convert(v) })
			}
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil:
				return err
			}
			it.settle(func(a answer) { a.resolve.Invoke(result(converted, false)) })
			if !it.wait(ctx) {
				return nil
			}
		}
		return nil
	})
	return it.object
}

// serve runs the sequence. Its error, or a panic, rejects the next that waits for
// it, unless JavaScript has left.
func (it *iterator) serve(cancel context.CancelFunc, run func() error) {
	defer it.finish()
	defer cancel()
	_, err := try(func() (any, error) { return nil, run() })
	if err != nil {
		it.settle(func(a answer) { a.reject.Invoke(Error(err)) })
	}
}

// An iterator is the Go side of an AsyncIterator.
type iterator struct {
	scope  Scope
	object js.Value
	asked  chan struct{} // a token: an answer may be due

	mu    sync.Mutex
	due   []answer // the promises that next returned, in order
	ended bool
}

type answer struct{ resolve, reject js.Value }

func result(value js.Value, done bool) js.Value {
	r := js.Global().Get("Object").New()
	r.Set("value", value)
	r.Set("done", done)
	return r
}

// ask is next.
func (it *iterator) ask() js.Value {
	promise, resolve, reject := newPromise()
	it.mu.Lock()
	ended := it.ended
	if !ended {
		it.due = append(it.due, answer{resolve, reject})
	}
	it.mu.Unlock()
	if ended {
		resolve.Invoke(result(js.Undefined(), true))
		return promise
	}
	select {
	case it.asked <- struct{}{}:
	default:
	}
	return promise
}

// wait waits until an answer is due. False: the context ended.
func (it *iterator) wait(ctx context.Context) bool {
	for {
		it.mu.Lock()
		n := len(it.due)
		it.mu.Unlock()
		if n > 0 {
			return true
		}
		select {
		case <-it.asked:
		case <-ctx.Done():
			return false
		}
	}
}

func (it *iterator) settle(f func(answer)) {
	it.mu.Lock()
	if len(it.due) == 0 {
		it.mu.Unlock()
		return
	}
	a := it.due[0]
	it.due = it.due[1:]
	it.mu.Unlock()
	f(a)
}

// finish answers whoever still waits that there is no more, and leaves native
// functions that go on saying so.
func (it *iterator) finish() {
	it.mu.Lock()
	due := it.due
	it.due, it.ended = nil, true
	it.mu.Unlock()
	over := result(js.Undefined(), true)
	for _, a := range due {
		a.resolve.Invoke(over)
	}
	promise := js.Global().Get("Promise")
	done := promise.Get("resolve").Call("bind", promise, over)
	it.object.Set("next", done)
	it.object.Set("return", done)
	it.scope.Release()
}
