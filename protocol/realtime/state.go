package realtime

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"leveret/protocol/session"
)

// A Change is a transition.
type Change struct {
	From, To State
	Cause    Cause
	At       time.Time
	Next     time.Time // when the next attempt is due; zero if none is
}

// String returns "waiting: link-lost: …".
func (ch Change) String() string {
	s := string(ch.To)
	if ch.Cause.Reason != "" {
		s += ": " + string(ch.Cause.Reason)
	}
	switch {
	case ch.Cause.Detail != "":
		s += ": " + ch.Cause.Detail
	case ch.Cause.Err != nil:
		s += ": " + ch.Cause.Err.Error()
	}
	return s
}

// State returns the present state and its cause.
func (c *Client) State() Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes.last
}

// States yields the present state and then every change, until ctx ends or the
// client is closed (that change is yielded too). A slow consumer sees the latest,
// not each.
func (c *Client) States(ctx context.Context) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		for seen := 0; ; {
			c.mu.Lock()
			last, n, news, ended := c.changes.last, c.changes.n, c.changes.news, c.changes.ended
			c.mu.Unlock()
			if ctx.Err() != nil {
				return
			}
			if n != seen {
				seen = n
				if !yield(last) {
					return
				}
				continue
			}
			if ended {
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Watch has f told every transition, once and in order, until stop is called (what was
// to be told before may still be) or the client is closed. Unlike [Client.States] it
// leaves out none however slow f is; so f should be quick. It may call any method of
// the client but Close.
func (c *Client) Watch(f func(Change)) (stop func()) {
	w := &watcher{f}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers = append(c.watchers, w)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watchers = slices.DeleteFunc(slices.Clone(c.watchers), func(other *watcher) bool { return other == w })
	}
}

type watcher struct{ f func(Change) }

func (c *Client) tellChange(change Change) {
	for _, w := range c.watchers {
		c.tell(func() { w.f(change) })
	}
}

// changes is what those who watch the state are told from.
type changes struct {
	last     Change
	n        int           // counts them
	news     chan struct{} // closed, and replaced, at each
	accepted bool          // a credential was, once
	failed   *Change       // the first attempt that failed
	ended    bool
}

func newChanges(state State, now time.Time) changes {
	return changes{last: Change{From: state, To: state, At: now}, n: 1, news: make(chan struct{})}
}

func (s *changes) add(ch Change) {
	switch ch.To {
	case session.Resyncing, session.Live:
		s.accepted = true
	case session.Waiting, session.NeedsAuth, session.Closed:
		if s.failed == nil {
			s.failed = &ch
		}
	}
	s.last = ch
	s.n++
	s.announce()
}

// end makes the last state Closed, whatever the session was.
func (s *changes) end() {
	if s.last.To != session.Closed {
		s.last = Change{From: s.last.To, To: session.Closed, Cause: Cause{Reason: session.ReasonAsked}, At: time.Now()}
		s.n++
	}
	s.ended = true
	s.announce()
}

func (s *changes) announce() {
	close(s.news)
	s.news = make(chan struct{})
}

// failure words why an attempt failed. The error wraps what lay under it, so that
// errors.Is finds a code.
func (ch Change) failure() error {
	cause := ch.Cause
	switch {
	case cause.Err != nil:
		return fmt.Errorf("%s: %w", cause.Reason, cause.Err)
	case cause.Detail != "":
		return fmt.Errorf("%s: %s", cause.Reason, cause.Detail)
	case cause.Reason != "":
		return errors.New(string(cause.Reason))
	}
	return errors.New(string(ch.To))
}
