package platform

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
)

// Acquire waits until nobody holds the lock of that name and takes it: natively a
// file of that path, which is made if it is absent (its folder must exist) and
// stays, in a browser a Web Lock of the page's origin. It is released when its
// holder is killed too. Whoever holds it and asks again waits for itself.
//
// Those who wait get it in the order in which they came, at once when it is
// released; between native processes in no order and within a tenth of a second.
// Where a browser has no locks the error is [ErrNoLock].
func Acquire(ctx context.Context, name string) (*Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("acquire lock: say its name")
	}
	navigator := js.Global().Get("navigator")
	if !navigator.Truthy() || !navigator.Get("locks").Truthy() {
		return nil, fmt.Errorf("acquire lock: %w", ErrNoLock)
	}

	// The browser calls granted and holds the lock until the promise that it gets is
	// fulfilled, which free does.
	var free js.Value
	executor := js.FuncOf(func(_ js.Value, args []js.Value) any {
		free = args[0]
		return nil
	})
	held := js.Global().Get("Promise").New(executor) // calls it at once
	executor.Release()
	got := make(chan struct{}, 1)
	granted := js.FuncOf(func(js.Value, []js.Value) any {
		got <- struct{}{}
		return held
	})

	abort := js.Global().Get("AbortController").New()
	options := js.Global().Get("Object").New()
	options.Set("signal", abort.Get("signal"))
	request := navigator.Get("locks").Call("request", name, options, granted)

	// It is over when the lock was released or could not be had: then nothing is
	// called any more.
	refused := make(chan string, 1)
	var over, failed js.Func
	release := func() {
		granted.Release()
		over.Release()
		failed.Release()
		openFuncs.Add(-3)
	}
	over = js.FuncOf(func(js.Value, []js.Value) any {
		release()
		return nil
	})
	failed = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		refused <- js.Global().Get("String").Invoke(args[0]).String()
		return nil
	})
	openFuncs.Add(3)
	request.Call("then", over, failed)

	select {
	case <-got:
		return &Lock{free: func() { free.Invoke() }}, nil
	case why := <-refused:
		return nil, fmt.Errorf("acquire lock: %s", why)
	case <-ctx.Done():
		// It may be granted in this very moment: then it is given back.
		free.Invoke()
		abort.Call("abort")
		return nil, ctx.Err()
	}
}
