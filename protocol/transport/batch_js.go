package transport

import (
	"strings"

	"github.com/hack-pad/safejs"
)

const (
	separator  = "\x1e" // U+001E, which JSON text never holds unescaped
	binaryText = "[object ArrayBuffer]"
)

// A batch gathers the frames of a page's own WebSocket in JavaScript and brings
// them to Go in one crossing, which costs as much as one for a single frame. There
// is no JavaScript source: all of it is native functions, bound.
//
//	message listener        Array.prototype.push, bound to a queue
//	a second one, {once}    postMessage of a MessageChannel's port: one task for a burst
//	the other port's task   Drain, in Go: takes the queue, arms the second listener again
type batch struct {
	socket  *socket
	queue   safejs.Value // the events that wait
	push    safejs.Value
	post    safejs.Value
	once    safejs.Value // {once: true}
	data    safejs.Value // event => event.data
	in, out safejs.Value // the ports
}

func (s *socket) newBatch(safejs.Value, func([][]byte)) (Gatherer, error) {
	b := &batch{socket: s}
	js := &asker{}
	global := safejs.Global()
	b.queue = js.new(js.get(global, "Array"))
	b.push = js.call(js.get(b.queue, "push"), "bind", b.queue)
	channel := js.new(js.get(global, "MessageChannel"))
	b.in, b.out = js.get(channel, "port1"), js.get(channel, "port2")
	// Bound with both its arguments: the event that a listener is called with is a third.
	b.post = js.call(js.get(b.out, "postMessage"), "bind", b.out, 0, js.new(js.get(global, "Array")))
	b.once = js.new(js.get(global, "Object"))
	js.set(b.once, "once", true)

	object := js.get(global, "Object")
	prototype := js.get(js.get(global, "MessageEvent"), "prototype")
	getter := js.get(js.call(object, "getOwnPropertyDescriptor", prototype, "data"), "get")
	callMethod := js.get(js.get(js.get(global, "Function"), "prototype"), "call")
	b.data = js.call(callMethod, "bind", getter)
	if js.err != nil {
		return nil, js.err
	}
	drain, err := s.fn(func(safejs.Value) { b.Drain() })
	if err != nil {
		return nil, err
	}
	js.set(b.in, "onmessage", drain.Value())
	js.call(s.ws, "addEventListener", "message", b.push)
	js.call(s.ws, "addEventListener", "message", b.post, b.once)
	return b, js.err
}

// Drain brings to Go what the queue holds. Nothing else of the page runs
// meanwhile.
func (b *batch) Drain() {
	s, js := b.socket, &asker{}
	events := js.call(b.queue, "splice", 0)
	js.call(s.ws, "addEventListener", "message", b.post, b.once)
	n := js.length(events)
	if js.err != nil || n == 0 {
		return
	}
	joined := js.string(js.call(js.call(events, "map", b.data), "join", separator))
	if js.err == nil {
		if frames, ok := split(joined, n); ok {
			s.took(frames)
			return
		}
	}
	// A frame holds the separator, or is binary, or the events are not the
	// platform's: one by one.
	list := make([]safejs.Value, n)
	for i := range list {
		list[i], _ = events.Index(i)
	}
	s.arrived(list)
}

// split cuts the joined text of n frames. It cannot where a frame holds the
// separator or may have been binary.
func split(joined string, n int) (frames [][]byte, ok bool) {
	if strings.Count(joined, separator) != n-1 {
		return nil, false
	}
	all := []byte(joined)
	frames = make([][]byte, 0, n)
	for part := range strings.SplitSeq(joined, separator) {
		if part == binaryText {
			return nil, false
		}
		frames = append(frames, all[:len(part):len(part)])
		all = all[min(len(part)+len(separator), len(all)):]
	}
	return frames, true
}

// Release takes the listeners away and closes the ports.
func (b *batch) Release() {
	ws := b.socket.ws
	ws.Call("removeEventListener", "message", b.push)
	ws.Call("removeEventListener", "message", b.post)
	b.in.Set("onmessage", safejs.Null())
	b.in.Call("close")
	b.out.Call("close")
}

// An asker makes a row of calls and keeps the first error.
type asker struct{ err error }

func (a *asker) do(f func() (safejs.Value, error)) safejs.Value {
	if a.err != nil {
		return safejs.Undefined()
	}
	v, err := f()
	a.err = err
	return v
}

func (a *asker) get(v safejs.Value, name string) safejs.Value {
	return a.do(func() (safejs.Value, error) { return v.Get(name) })
}

func (a *asker) call(v safejs.Value, name string, args ...any) safejs.Value {
	return a.do(func() (safejs.Value, error) { return v.Call(name, args...) })
}

func (a *asker) new(constructor safejs.Value) safejs.Value {
	return a.do(func() (safejs.Value, error) { return constructor.New() })
}

func (a *asker) set(v safejs.Value, name string, x any) {
	if a.err == nil {
		a.err = v.Set(name, x)
	}
}

func (a *asker) length(v safejs.Value) (n int) {
	if a.err == nil {
		n, a.err = v.Length()
	}
	return n
}

func (a *asker) string(v safejs.Value) (s string) {
	if a.err == nil {
		s, a.err = v.String()
	}
	return s
}
