package realtime

import (
	"context"
	"errors"
	"iter"

	"leveret/protocol"
)

// ErrBehind ends a loop over [Client.Messages] whose consumer was too slow.
var ErrBehind = errors.New("the consumer of messages fell behind: more than 1,024 were waiting")

// messageLimit is how many messages wait for one loop.
const messageLimit = 1024

// Messages yields every message that arrives from the beginning of the loop on, as
// the server sent it, until ctx ends or the client is closed: for an inspector, or
// for messages of a server's own extensions (protocol.Raw). Answered pings and
// what the client asks for itself are left out. A consumer too slow to keep up
// gets ErrBehind, which is yielded last; for data use [Client.Subscribe], which
// recovers.
func (c *Client) Messages(ctx context.Context) iter.Seq2[protocol.Message, error] {
	return func(yield func(protocol.Message, error) bool) {
		r := &messageReader{ready: make(chan struct{}, 1)}
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.readers[r] = true
		c.listening++
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			delete(c.readers, r)
			c.listening--
			c.mu.Unlock()
		}()
		for {
			c.mu.Lock()
			queue, behind, ended := r.queue, r.behind, r.ended
			r.queue = nil
			c.mu.Unlock()
			for _, m := range queue {
				if ctx.Err() != nil || !yield(m, nil) {
					return
				}
			}
			switch {
			case behind:
				yield(nil, ErrBehind)
				return
			case len(queue) > 0:
				continue
			case ended:
				return
			}
			select {
			case <-r.ready:
			case <-ctx.Done():
				return
			}
		}
	}
}

// A messageReader is one loop over the messages. The client's mu guards it.
type messageReader struct {
	wants func(protocol.Message) bool // nil = all

	queue  []protocol.Message
	behind bool // the queue was full: nothing is added any more
	ended  bool
	ready  chan struct{} // a token: something has changed
}

func (r *messageReader) wake() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

func (c *Client) arrived(m protocol.Message) {
	for r := range c.readers {
		if r.wants != nil && !r.wants(m) {
			continue
		}
		if r.behind = r.behind || len(r.queue) >= messageLimit; !r.behind {
			r.queue = append(r.queue, m)
		}
		r.wake()
	}
}

func (c *Client) endMessages() {
	for r := range c.readers {
		r.ended = true
		r.wake()
	}
}
