package main

import (
	"encoding/json"
	"errors"
	"syscall/js"

	"leveret/protocol"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

// A subscription carries events to JavaScript, as long as there is room for them.
type subscription struct {
	id      int
	sub     *realtime.Subscription
	suffix  []byte        // what every event's text ends with
	resumed chan struct{} // a token: there is room again
}

// subscribe opens a subscription; what becomes of it, a refusal too, is told.
func (c *client) subscribe(args []js.Value) {
	text := func(i int) string {
		if args[i].Type() != js.TypeString {
			return ""
		}
		return args[i].String()
	}
	s := &subscription{id: args[0].Int(), resumed: make(chan struct{}, 1)}
	uid := protocol.StringUID(text(5))
	s.suffix = append(append([]byte(`,"uid":`), uid.JSON()...), '}')
	options := &realtime.SubscribeOptions{
		Event: protocol.Event(text(2)),
		UID:   uid,
	}
	if item := text(3); item != "" {
		options.Item = json.RawMessage(item)
	}
	if query := text(4); query != "" {
		options.RawQuery = json.RawMessage(query)
	}
	if extra := text(6); extra != "" {
		options.Extra = json.RawMessage(extra)
	}
	sub, err := c.rt.Open(text(1), options)
	if err != nil {
		c.ended(s.id, err)
		return
	}
	s.sub = sub
	c.subs[s.id] = s
	go c.carry(s)
}

func (c *client) unsubscribe(id int) {
	if s := c.subs[id]; s != nil {
		delete(c.subs, id)
		s.sub.Close()
		s.resume() // it may wait for room, and is to see that it has ended
	}
}

func (s *subscription) resume() {
	select {
	case s.resumed <- struct{}{}:
	default:
	}
}

// carry hands events over in batches: one crossing, and one JSON.parse, for all that
// wait.
func (c *client) carry(s *subscription) {
	defer delete(c.subs, s.id)
	for events, err := range s.sub.Batches(c.ctx) {
		if err != nil {
			c.ended(s.id, err)
			return
		}
		if c.hooks.Call("events", s.id, s.text(events)).Bool() {
			continue
		}
		select {
		case <-s.resumed:
		case <-c.ctx.Done():
		}
	}
}

// text writes events as the messages that Directus would have sent.
func (s *subscription) text(events []realtime.Event) string {
	size := 2
	for i := range events {
		size += len(events[i].Data) + len(events[i].Meta) + len(s.suffix) + 64
	}
	b := append(make([]byte, 0, size), '[')
	for i := range events {
		e := &events[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":"subscription","event":"`...)
		b = append(b, e.Kind...)
		b = append(b, '"')
		switch {
		case e.Data != nil:
			b = append(b, `,"data":`...)
			b = append(b, e.Data...)
		case e.Kind == session.Gap:
			b = append(b, `,"data":[]`...)
		}
		if e.Meta != nil {
			b = append(b, `,"meta":`...)
			b = append(b, e.Meta...)
		}
		b = append(b, s.suffix...)
	}
	return string(append(b, ']'))
}

// ended tells how a subscription ended, with the server's message if it was that.
func (c *client) ended(id int, err error) {
	refusal := js.Null()
	var e *protocol.Error
	if errors.As(err, &e) {
		if text, err := protocol.Encode(e); err == nil {
			refusal = js.ValueOf(string(text))
		}
	}
	err = coded(err)
	c.hooks.Call("ended", id, codeOf(err), err.Error(), refusal)
}
