package realtime

import (
	"time"

	"leveret/protocol/session"
)

// step tells the session what happened and carries out what it decided. All
// access to the session passes through here or through [Subscription.take].
//
// Sending and closing never block, so they are done under the lock, in order.
// What may block runs in a goroutine, and what is the caller's on the told queue.
func (c *Client) step(in session.Input) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stepLocked(in)
}

func (c *Client) stepLocked(in session.Input) {
	if c.closed {
		return
	}
	c.also(in)
	c.run()
}

// run steps what is to be stepped, until nothing is, under the lock.
func (c *Client) run() {
	for len(c.inputs) > 0 {
		in := c.inputs[0]
		c.inputs = c.inputs[1:]
		now := time.Now()
		effects := c.session.Step(now, in)
		if log := c.options.Log; log != nil {
			log.step(c, now, in, effects)
		}
		for _, effect := range effects {
			c.carryOut(now, effect)
		}
		_, ticked := in.(session.Tick)
		for _, p := range c.parts {
			if ticked {
				p.tick(now)
			}
			p.settle(now)
		}
	}
	c.inputs = nil
	c.alarm.set(c)
}

// carryOut does one thing.
func (c *Client) carryOut(now time.Time, effect session.Effect) {
	switch e := effect.(type) {
	case session.FetchCredential:
		if c.options.Token == nil {
			c.also(session.GotCredential{Epoch: e.Epoch})
			return
		}
		l := c.linkOf(e.Epoch)
		ctx := l.fetching()
		// After what was told before: a new refresh token is kept before the next
		// credential is asked for.
		c.tell(func() { c.wg.Go(func() { c.fetchCredential(ctx, l.epoch) }) })
	case session.Dial:
		l := c.linkOf(e.Epoch)
		c.wg.Go(func() { c.dial(l, e.Token) })
	case session.Send:
		if l := c.link; l != nil && l.epoch == e.Epoch && l.conn != nil && l.broken == nil {
			if err := l.conn.Send(e.Frame); err != nil {
				l.fail(err)
			}
		}
	case session.Hangup:
		if l := c.link; l != nil && l.epoch == e.Epoch {
			l.hangup(e.Code, e.Reason)
			c.link = nil
		}
	case session.Probe:
		l := c.linkOf(e.Epoch)
		if c.options.Probe != nil {
			c.tell(func() { c.wg.Go(func() { c.probe(l, e.Credential) }) })
		}
	case session.Changed:
		if l := c.link; l != nil && l.endFetch != nil && e.To != session.Dialing && e.To != session.Authenticating {
			l.endFetch() // nobody waits for that credential any more
		}
		change := Change{From: e.From, To: e.To, Cause: e.Cause, At: now, Next: e.Next}
		c.changes.add(change)
		c.tellChange(change)
		for _, p := range c.parts {
			p.changed(change)
		}
	case session.Resolve:
		if r, ok := c.requests[e.ID]; ok {
			delete(c.requests, e.ID)
			r.resolve(replyOf(e.Reply), e.Err)
		}
	case session.Ready:
		if s, ok := c.subs[e.ID]; ok {
			s.wake()
		}
	case session.Rotated:
		if f := c.options.OnRefreshToken; f != nil {
			c.tell(func() { f(e.RefreshToken) })
		}
	case session.Arrived:
		c.arrived(e.Message)
	}
}

// told is the queue of calls into the caller's code. One goroutine at a time makes
// them, in the order of the effects, without the lock.
type told struct {
	queue    []func()
	running  bool
	unlogged int // lines that a slow logger missed
}

func (c *Client) tell(f func()) {
	c.told.queue = append(c.told.queue, f)
	if !c.told.running {
		c.told.running = true
		c.wg.Go(c.tellAll)
	}
}

func (c *Client) tellAll() {
	for {
		c.mu.Lock()
		queue := c.told.queue
		c.told.queue = nil
		c.told.running = len(queue) > 0
		c.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, f := range queue {
			f()
		}
	}
}
