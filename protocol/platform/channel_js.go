package platform

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall/js"

	"github.com/hack-pad/safejs"
)

// openFuncs counts the functions that JavaScript can call and nobody has released.
var openFuncs atomic.Int64

// OpenChannel opens a channel of that name: a BroadcastChannel in a browser (and in
// Node), natively one within this process. Close it.
func OpenChannel(name string) (*Channel, error) {
	if name == "" {
		return nil, errors.New("open channel: say its name")
	}
	constructor := js.Global().Get("BroadcastChannel")
	if constructor.Type() != js.TypeFunction {
		return nil, errors.New("open channel: this JavaScript environment has no BroadcastChannel")
	}
	bytes := js.Global().Get("Uint8Array")
	channel := constructor.New(name)
	c := &Channel{ready: make(chan struct{}, 1)}
	c.post = func(message []byte) error {
		data := bytes.New(len(message))
		js.CopyBytesToJS(data, message)
		if _, err := safejs.Safe(channel).Call("postMessage", safejs.Safe(data)); err != nil {
			return fmt.Errorf("%w: %w", ErrChannelClosed, err) // it was closed meanwhile
		}
		return nil
	}
	arrived := js.FuncOf(func(_ js.Value, args []js.Value) any {
		data := args[0].Get("data")
		if !data.InstanceOf(bytes) {
			return nil // somebody else's
		}
		message := make([]byte, data.Length())
		js.CopyBytesToGo(message, data)
		c.put(message)
		return nil
	})
	openFuncs.Add(1)
	channel.Set("onmessage", arrived)
	c.free = func() {
		channel.Set("onmessage", js.Null())
		channel.Call("close")
		arrived.Release()
		openFuncs.Add(-1)
	}
	return c, nil
}
