package directus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// This file is how a program listens to sockets: handlers, which are told what
// has happened, and filters, which are asked before a message is answered.

// A Handler is told what happens on sockets: a [ConnectHandler], [MessageHandler],
// [ErrorHandler] or [CloseHandler].
//
// Every handler is called by a goroutine of its own, one event after the other in
// the order in which they happened, so that neither the hub nor another handler
// waits for it. What happens meanwhile waits; when [HandlerQueue] events wait, newer
// ones are dropped until there is room, which is counted ([Registration.Dropped])
// and logged. A panic is logged and costs the handler that one event.
type Handler interface{ wants(socketEvent) func() }

type (
	// A ConnectHandler is told of every socket that connected and, in mode
	// handshake, has authenticated.
	ConnectHandler func(Client)
	// A MessageHandler is told every message that a socket sent, as the filters left
	// it, when its turn to be answered has come; but no "auth", no ping that came while
	// one was being checked, and none that was refused for its form. A type that this
	// package does not know is a protocol.Raw.
	MessageHandler func(Client, protocol.Message)
	// An ErrorHandler is told what a socket failed of: a lost connection, a frame that
	// RFC 6455 or the limits forbid, a queue that was full. Its close follows.
	ErrorHandler func(Client, error)
	// A CloseHandler is told of the end of every socket that a ConnectHandler was
	// told of, with the close code: the peer's, or the hub's own, or 1006 where the
	// connection was lost.
	CloseHandler func(Client, int)
)

// HandlerQueue is how many events may wait for one handler.
const HandlerQueue = 1024

// A socketEvent is what handlers are told: a connect, unless one of the others is set.
type socketEvent struct {
	client  Client
	message protocol.Message
	err     error
	code    int // of a close
}

func (e socketEvent) isConnect() bool { return e.message == nil && e.err == nil && e.code == 0 }

func (f ConnectHandler) wants(e socketEvent) func() {
	if !e.isConnect() {
		return nil
	}
	return func() { f(e.client) }
}

func (f MessageHandler) wants(e socketEvent) func() {
	if e.message == nil {
		return nil
	}
	return func() { f(e.client, e.message) }
}

func (f ErrorHandler) wants(e socketEvent) func() {
	if e.err == nil {
		return nil
	}
	return func() { f(e.client, e.err) }
}

func (f CloseHandler) wants(e socketEvent) func() {
	if e.code == 0 {
		return nil
	}
	return func() { f(e.client, e.code) }
}

// A MessageFilter is asked about every message before it is answered, and may
// return another in its place. (It is Directus's filter event "websocket.message".)
// An "auth", and a ping that comes while one is being checked, are kept from it. An
// unknown type, and a known one that does not have the form of its type, is a
// protocol.Raw; a Raw that is returned is decoded again.
//
// With an error the message is refused: the client is told the error, if it is a
// *protocol.Error, as of type "server", and otherwise only that something went
// wrong. With neither a message nor an error the filter has taken the message:
// nothing more is answered, so a type of the program's own is no INVALID_PAYLOAD.
//
// It is called by a goroutine of the socket, whose next message waits, and has
// [FilterTime]; ctx ends then, and the message is refused. A filter that has still
// not returned refuses the socket's next messages as well. A panic refuses the
// message.
type MessageFilter func(ctx context.Context, c Client, m protocol.Message) (protocol.Message, error)

// FilterTime is how long all filters together may take for one message.
const FilterTime = 5 * time.Second

// A Registration is a handler or a filter that was registered, for [WebSocketService.Off].
type Registration struct {
	hub     *Hub
	handler Handler       // or
	filter  MessageFilter // one of the two

	mu      sync.Mutex
	queue   []func()
	running bool   // a goroutine empties the queue
	behind  bool   // events are being dropped
	dropped uint64 // since the registration
	off     bool
}

// Dropped returns how many events the handler has missed because it was too slow.
func (r *Registration) Dropped() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// On registers a handler, from now on:
//
//	service.On(directus.CloseHandler(func(c directus.Client, code int) { … }))
//
// The same handler can be registered more than once, and is then called as often.
func (s *WebSocketService) On(handler Handler) *Registration {
	return s.hub.handlers.add(&Registration{hub: s.hub, handler: handler})
}

// Filter registers a filter. Several are asked in the order of their registration,
// each about what the one before returned.
func (s *WebSocketService) Filter(filter MessageFilter) *Registration {
	return s.hub.handlers.add(&Registration{hub: s.hub, filter: filter})
}

// Off removes a handler or filter. A call that is under way goes on; what waits for
// the handler is dropped. Off does not wait, and a second Off does nothing.
func (s *WebSocketService) Off(r *Registration) {
	if r != nil {
		r.hub.handlers.remove(r)
	}
}

// handlers are a hub's registrations. The list is replaced, never changed.
type handlers struct {
	mu   sync.Mutex
	list atomic.Pointer[[]*Registration]
}

func (h *handlers) all() []*Registration {
	if list := h.list.Load(); list != nil {
		return *list
	}
	return nil
}

func (h *handlers) add(r *Registration) *Registration {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := append(slices.Clone(h.all()), r)
	h.list.Store(&list)
	return r
}

func (h *handlers) remove(r *Registration) {
	h.mu.Lock()
	list := slices.DeleteFunc(slices.Clone(h.all()), func(other *Registration) bool { return other == r })
	h.list.Store(&list)
	h.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off, r.queue = true, nil
}

// tell tells the handlers.
func (h *handlers) tell(e socketEvent) {
	for _, r := range h.all() {
		if r.handler == nil {
			continue
		}
		if call := r.handler.wants(e); call != nil {
			r.add(call)
		}
	}
}

// add queues a call.
func (r *Registration) add(call func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.off:
		return
	case len(r.queue) >= HandlerQueue:
		r.dropped++
		if !r.behind {
			r.behind = true
			r.hub.log.Warn("a handler is too slow: events are dropped until it catches up", "handler", fmt.Sprintf("%T", r.handler), "dropped", r.dropped)
		}
		return
	}
	r.queue = append(r.queue, call)
	if !r.running {
		r.running = true
		go r.run()
	}
}

// run makes the calls that wait, and ends when none does.
func (r *Registration) run() {
	for {
		r.mu.Lock()
		if len(r.queue) == 0 {
			if r.behind {
				r.behind = false
				r.hub.log.Warn("a handler has caught up", "handler", fmt.Sprintf("%T", r.handler), "dropped", r.dropped)
			}
			r.running = false
			r.mu.Unlock()
			return
		}
		call := r.queue[0]
		r.queue = r.queue[1:]
		r.mu.Unlock()
		r.call(call)
	}
}

func (r *Registration) call(call func()) {
	defer func() {
		if p := recover(); p != nil {
			r.hub.log.Error("a handler panicked", "handler", fmt.Sprintf("%T", r.handler), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	call()
}

// connected tells the handlers that the socket is open and authenticated.
func (c *client) connected() { c.hub.handlers.tell(socketEvent{client: Client{c}}) }

// heard tells the handlers of a message.
func (c *client) heard(m protocol.Message) {
	if m.Kind() != protocol.TypeAuth {
		c.hub.handlers.tell(socketEvent{client: Client{c}, message: m})
	}
}

// gone tells the handlers that the socket has ended, and of what if it failed.
func (c *client) gone(err error) {
	if !c.ready.Load() {
		return // nobody was told of it
	}
	code := c.closeCode()
	if isFailure(code) {
		if err == nil {
			err = &transport.CloseError{Code: code}
		}
		c.hub.handlers.tell(socketEvent{client: Client{c}, err: err})
	}
	c.hub.handlers.tell(socketEvent{client: Client{c}, code: code})
}

// isFailure reports whether a connection that ended with the code has failed.
func isFailure(code int) bool {
	switch code {
	case transport.CloseAbnormal, transport.CloseBadFrame, transport.CloseTooBig, transport.CloseTooSlow, 1002, closeInternalError:
		return true
	}
	return false
}

// filter asks the filters about a request, and returns what they made of it. When
// done is true, the request needs no other answer.
func (c *client) filter(ctx context.Context, r request) (filtered request, done bool) {
	var filters []MessageFilter
	for _, r := range c.hub.handlers.all() {
		if r.filter != nil {
			filters = append(filters, r.filter)
		}
	}
	m := r.message
	if m == nil {
		m = rawOf(r.frame)
	}
	if len(filters) == 0 || m == nil || m.Kind() == protocol.TypeAuth {
		return r, false
	}
	uid := protocol.UIDOf(m)
	m, err := c.ask(ctx, filters, m)
	if err != nil {
		if ctx.Err() == nil {
			c.send(c.hub.refusal(err, protocol.TypeServer, uid))
		}
		return r, true
	}
	if m == nil {
		return r, true
	}
	if raw, ok := m.(protocol.Raw); ok {
		r.message, r.err = protocol.DecodeFromClient(raw.Frame)
	} else {
		r.message, r.err = m, nil
	}
	return r, false
}

// rawOf returns a frame as it came; nil if it is no object with a type.
func rawOf(frame []byte) protocol.Message {
	kind, ok := protocol.Text(protocol.Member(frame, "type"))
	if !ok {
		return nil
	}
	uid, _ := protocol.ParseUID(protocol.Member(frame, "uid"))
	return protocol.Raw{Type: kind, UID: uid, Frame: frame}
}

var errFilterTime = &protocol.Error{Code: protocol.CodeOutOfTime, Message: "The message was not looked at in time. Try again later."}

// ask calls the filters, in a goroutine that is left behind if they take too long.
// The worker starts none before the last one has ended, so that a filter that never
// returns holds one goroutine a socket.
func (c *client) ask(ctx context.Context, filters []MessageFilter, m protocol.Message) (protocol.Message, error) {
	if c.asking != nil {
		select {
		case <-c.asking:
		default:
			return nil, errFilterTime
		}
	}
	ctx, cancel := context.WithTimeout(ctx, FilterTime)
	defer cancel()
	type result struct {
		m   protocol.Message
		err error
	}
	results := make(chan result, 1)
	asking := make(chan struct{})
	c.asking = asking
	go func() {
		var got result
		defer func() {
			if p := recover(); p != nil {
				got = result{nil, fmt.Errorf("a filter panicked: %v\n%s", p, debug.Stack())}
			}
			close(asking) // before the worker can ask about the next message
			results <- got
		}()
		got.m = m
		for _, filter := range filters {
			if got.m, got.err = filter(ctx, Client{c}, got.m); got.m == nil || got.err != nil {
				return
			}
		}
	}()
	select {
	case got := <-results:
		return got.m, got.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			c.hub.log.Warn("a filter did not return in time", "type", m.Kind(), "time", FilterTime)
		}
		return nil, errFilterTime
	}
}
