package realtime

import "slices"

// An Observer is told what happens to a client, each thing once and in order:
// neither function is called while the other, or another observer's, runs. Unlike
// [Client.States] and [Client.Messages] it misses nothing however slow it is, and
// what it has not been told yet waits in memory; so it should be quick. It may call
// any method of the client but Close. nil functions are not called.
type Observer struct {
	// Changed is told every transition.
	Changed func(Change)
	// Arrived is told the messages that came in, as they came: in batches, before the
	// transition that one of them causes. Answered pings and what the client asks for
	// itself are left out.
	Arrived func([]Arrival)
}

// Observe begins to tell o, until stop is called (what was to be told before may
// still be) or the client is closed.
func (c *Client) Observe(o *Observer) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observers = append(c.observers, o)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.observers = slices.DeleteFunc(slices.Clone(c.observers), func(other *Observer) bool { return other == o })
	}
}

// observed reports whether an observer wants messages.
func (c *Client) observed() bool {
	return slices.ContainsFunc(c.observers, func(o *Observer) bool { return o.Arrived != nil })
}

// nobodyListens reports whether no message need be told.
func (c *Client) nobodyListens() bool { return len(c.readers) == 0 && !c.observed() }

// tellArrivals tells what has come in since it was last called.
func (c *Client) tellArrivals() {
	arrivals := c.arrivals
	if len(arrivals) == 0 {
		return
	}
	c.arrivals = nil
	for _, o := range c.observers {
		if o.Arrived != nil {
			c.tell(func() { o.Arrived(arrivals) })
		}
	}
}

func (c *Client) tellChange(change Change) {
	c.tellArrivals()
	for _, o := range c.observers {
		if o.Changed != nil {
			c.tell(func() { o.Changed(change) })
		}
	}
}
