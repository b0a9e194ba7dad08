package realtime

import (
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A part takes part in the client's steps: the outbox. Its methods are called
// with the client's lock held, and must neither wait nor call the client's own; what
// is to happen next they say with [Client.also], and what is the caller's they hand to
// [Client.tell].
//
// Parts are known to the client as this interface only, so that a program that uses
// none does not link them.
type part interface {
	changed(ch Change)    // the session's state is another
	settle(now time.Time) // an input was carried out: take what is ready
	deadline() time.Time  // when to tick; zero = never
	tick(now time.Time)   // the deadline may have come
	end()                 // the client was closed
}

// attach makes p take part, under the lock.
func (c *Client) attach(p part) { c.parts = append(c.parts, p) }

// also has an input stepped after the present one, under the lock. Outside a step
// follow it by (*Client).run.
func (c *Client) also(in session.Input) { c.inputs = append(c.inputs, in) }

// ask sends a request whose end is told to then, with the lock held; see also. At the
// client's end that is ErrClosed. again: see session.Do.
func (c *Client) ask(m protocol.Message, again bool, then func(protocol.Reply, error)) session.RequestID {
	c.lastID++
	id := session.RequestID(c.lastID)
	c.requests[id] = &request{then: then}
	c.also(session.Do{ID: id, Message: m, Again: again})
	return id
}

// unask forgets such a request, under the lock; see also.
func (c *Client) unask(id session.RequestID) {
	delete(c.requests, id)
	c.also(session.Cancel{ID: id})
}

// earliest returns the deadline of the session or of a part.
func (c *Client) earliest() time.Time {
	d := c.session.Deadline()
	for _, p := range c.parts {
		if at := p.deadline(); !at.IsZero() && (d.IsZero() || at.Before(d)) {
			d = at
		}
	}
	return d
}
