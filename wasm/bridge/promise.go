//go:build js

package bridge

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
)

// try calls f and makes a JavaScript value of what it returns; a panic becomes an
// error.
func try(f func() (any, error)) (v js.Value, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = p
		default:
			err = WithCode("PANIC", fmt.Errorf("panic: %v", p))
		}
	}()
	x, err := f()
	if err != nil {
		return js.Undefined(), err
	}
	return js.ValueOf(x), nil
}

// Await waits for a promise, or for any value. A rejection with an Error is a
// [js.Error]. When the context ends first, its error is returned, and the promise
// is listened to until it settles.
func Await(ctx context.Context, promise js.Value) (js.Value, error) {
	type settled struct {
		v   js.Value
		err error
	}
	done := make(chan settled, 1)
	var s Scope
	first := func(args []js.Value) js.Value {
		if len(args) == 0 {
			return js.Undefined()
		}
		return args[0]
	}
	fulfil := s.Func(func(_ js.Value, args []js.Value) any {
		done <- settled{v: first(args)}
		s.Release()
		return nil
	})
	reject := s.Func(func(_ js.Value, args []js.Value) any {
		done <- settled{err: rejection(first(args))}
		s.Release()
		return nil
	})
	js.Global().Get("Promise").Call("resolve", promise).Call("then", fulfil, reject)
	select {
	case d := <-done:
		return d.v, d.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}

// rejection makes an error of what a promise was rejected with.
func rejection(v js.Value) error {
	if v.Type() == js.TypeObject && v.InstanceOf(js.Global().Get("Error")) {
		return js.Error{Value: v}
	}
	text, err := try(func() (any, error) { return js.Global().Get("String").Invoke(v), nil })
	if err != nil { // there are objects of which none can be made
		return errors.New("the promise was rejected with something that has no text")
	}
	return fmt.Errorf("the promise was rejected with %s", text.String())
}
