package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"leveret/protocol"
	"leveret/protocol/session"
)

// SubscribeOptions is what a subscription asks for; nil = every change of the
// collection, and its first 100 items in the init.
type SubscribeOptions struct {
	// Event is the one kind of change to be told; "" = all. With an Event the init
	// carries no items.
	Event protocol.Event
	// Item is a key, a string or an integer: the changes of that item only.
	Item any
	// Query chooses and cuts the items: a *query.Query. nil = all, with all their fields.
	// (It is an interface so that who gives a RawQuery need not link package query.)
	Query interface{ JSON() json.RawMessage }
	// RawQuery is used as it is instead of Query: a JSON object.
	RawQuery json.RawMessage
	// Extra is a JSON object whose members are sent too, for a server's own extensions.
	Extra json.RawMessage
	// UID is the uid on the wire; zero = one is made.
	UID protocol.UID
}

func (o *SubscribeOptions) session() (session.SubscribeOptions, error) {
	var out session.SubscribeOptions
	if o == nil {
		return out, nil
	}
	out.Event, out.UID, out.Extra = o.Event, o.UID, o.Extra
	if o.Item != nil {
		key, err := keyOf(o.Item)
		if err != nil {
			return out, err
		}
		out.Item = key
	}
	switch {
	case o.RawQuery != nil:
		if !protocol.Valid(o.RawQuery) {
			return out, errors.New("RawQuery is not valid JSON")
		}
		out.Query = o.RawQuery
	case o.Query != nil && !isNil(o.Query):
		out.Query = o.Query.JSON()
	}
	return out, nil
}

// isNil reports whether a value is a nil pointer.
func isNil(x any) bool {
	v := reflect.ValueOf(x)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// A Subscription is a stream of events that survives lost connections: what was
// missed is told, once the link is back, as the difference.
type Subscription struct {
	c          *Client
	id         session.SubID
	collection string
	ready      chan struct{} // a token: take may have something

	// Guarded by the client's mu.
	first   []Event // what Subscribe took to know that it was accepted
	err     error   // the end
	reading bool
}

// ErrReading is what a second loop over one subscription's events gets: each would
// see a part of the stream only.
var ErrReading = errors.New("another loop reads this subscription's events: subscribe once more, or share the one loop")

// Subscribe opens a subscription and waits until the server has accepted it, or
// refused it (a *protocol.Error). It may be called before the client is connected,
// and then waits for that too. If ctx ends before, the subscription is gone; once
// Subscribe has returned, ctx no longer matters.
func (c *Client) Subscribe(ctx context.Context, collection string, o *SubscribeOptions) (*Subscription, error) {
	s, err := c.subscribe(ctx, collection, o)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", collection, err)
	}
	return s, nil
}

func (c *Client) subscribe(ctx context.Context, collection string, o *SubscribeOptions) (*Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := c.open(collection, o)
	if err != nil {
		return nil, err
	}
	for {
		events, err := s.take(1)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			c.mu.Lock()
			s.first = events
			c.mu.Unlock()
			return s, nil
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			s.Close()
			return nil, ctx.Err()
		}
	}
}

// Open opens a subscription as [Client.Subscribe] does, and does not wait for the
// server: what it refuses is the end of the events.
func (c *Client) Open(collection string, o *SubscribeOptions) (*Subscription, error) {
	s, err := c.open(collection, o)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", collection, err)
	}
	return s, nil
}

func (c *Client) open(collection string, o *SubscribeOptions) (*Subscription, error) {
	options, err := o.session()
	if err != nil {
		return nil, err
	}
	s := &Subscription{c: c, collection: collection, ready: make(chan struct{}, 1)}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	c.lastID++
	s.id = session.SubID(c.lastID)
	c.subs[s.id] = s
	c.mu.Unlock()

	c.step(session.Subscribe{ID: s.id, Collection: collection, Options: options})
	return s, nil
}

// Events yields the init and then every change, until ctx ends (nothing more is
// yielded, and a later Events goes on where this one stopped; so it does after a
// break), or the subscription does: its error is then yielded last, with no event.
// That error is ErrUnsubscribed after Close, ErrClosed after the client's Close,
// and a *protocol.Error if the server ended it.
//
// An event counts as told once it is yielded. A consumer that is too slow for the
// queue (session.Config.MaxQueue) misses states in between, and is told the
// difference. One loop at a time: a second gets ErrReading.
func (s *Subscription) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s.read(ctx, 1, func(events []Event, err error) bool {
			if err != nil {
				return yield(Event{}, err)
			}
			return yield(events[0], nil)
		})
	}
}

// Batches is Events with all that wait handed over at once: a consumer that draws
// or writes to a disk does it once a batch. After a break, the events of the batch
// that was yielded last are not yielded again.
func (s *Subscription) Batches(ctx context.Context) iter.Seq2[[]Event, error] {
	return func(yield func([]Event, error) bool) { s.read(ctx, batchLimit, yield) }
}

// batchLimit bounds a batch; it is more than a queue holds by default.
const batchLimit = 4096

func (s *Subscription) read(ctx context.Context, limit int, yield func([]Event, error) bool) {
	s.c.mu.Lock()
	busy := s.reading
	s.reading = true
	s.c.mu.Unlock()
	if busy {
		yield(nil, fmt.Errorf("events of %s: %w", s.collection, ErrReading))
		return
	}
	defer func() {
		s.c.mu.Lock()
		s.reading = false
		s.c.mu.Unlock()
	}()
	for ctx.Err() == nil {
		events, err := s.take(limit)
		switch {
		case err != nil:
			yield(nil, fmt.Errorf("events of %s: %w", s.collection, err))
			return
		case len(events) > 0:
			if !yield(events, nil) {
				return
			}
			continue
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
		}
	}
}

// take returns up to limit events that wait, or, when none does, how the
// subscription ended.
func (s *Subscription) take(limit int) ([]Event, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.alarm.set(c) // taking may leave the session something to do at once
	if s.err != nil && len(s.first) == 0 {
		return nil, s.err
	}
	events := s.first
	s.first = nil
	for len(events) < limit && s.err == nil {
		event, ok, err := c.session.Take(s.id)
		if err != nil {
			s.end(err)
			delete(c.subs, s.id)
			c.stepLocked(session.Unsubscribe{ID: s.id}) // it has ended: the session may forget it
		}
		if !ok || err != nil {
			break
		}
		events = append(events, event)
	}
	if len(events) == 0 {
		return nil, s.err
	}
	return events, nil
}

// end is called with the client's lock.
func (s *Subscription) end(err error) {
	if s.err == nil {
		s.err = err
	}
	s.wake()
}

func (s *Subscription) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Close ends the subscription, connected or not. Events that wait are dropped. It
// always returns nil; a second Close does nothing.
func (s *Subscription) Close() error {
	s.c.step(session.Unsubscribe{ID: s.id})
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	delete(s.c.subs, s.id)
	s.first = nil
	s.end(ErrUnsubscribed)
	return nil
}
