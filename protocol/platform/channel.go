package platform

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// The bounds of what waits in a Channel to be read.
const (
	MaxChannelMessages = 1024
	MaxChannelBytes    = 1 << 20 // 1 MiB; a single message may have more
)

// Errors of a Channel.
var (
	ErrChannelClosed = errors.New("the channel is closed")
	ErrMissed        = errors.New("messages of the channel were missed: too many waited to be read")
)

// A Channel carries messages to every other Channel of its name: in the tabs (and
// workers) of a page's origin, natively in this process. All methods are safe for
// concurrent use.
type Channel struct {
	post func(message []byte) error
	free func() // lets go of the machine's part

	mu      sync.Mutex
	waiting [][]byte
	bytes   int
	missed  bool // something did not fit: told after what waits
	closed  bool
	ready   chan struct{} // a token: there is something to tell
}

// Send sends a message to those who are there now, and returns at once. The sender
// itself does not get it. What one sends arrives in order.
func (c *Channel) Send(message []byte) error {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return ErrChannelClosed
	}
	return c.post(message)
}

// Messages yields what was sent since the channel was opened, until ctx ends or the
// channel is closed; a later Messages goes on where this one stopped. When more
// than the bounds waits, what comes then is missed until all that waits is read:
// after it, the last that is yielded is [ErrMissed], with no message, and the next
// Messages goes on with what is sent from then on. Of several loops at a time each
// gets a part.
func (c *Channel) Messages(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			message, err := c.next(ctx)
			if errors.Is(err, ErrMissed) {
				yield(nil, err)
				return
			}
			if err != nil || !yield(message, nil) {
				return
			}
		}
	}
}

func (c *Channel) next(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if message, err := c.take(); message != nil || err != nil {
			return message, err
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
		}
	}
}

func (c *Channel) take() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.signal() // the token may have been another loop's
	switch {
	case c.closed:
		return nil, ErrChannelClosed
	case len(c.waiting) > 0:
		message := c.waiting[0]
		c.waiting[0] = nil
		c.waiting = c.waiting[1:]
		c.bytes -= len(message)
		return message, nil
	case c.missed:
		c.missed = false
		return nil, ErrMissed
	}
	return nil, nil
}

// put takes in a message, which nobody changes any more and which is not nil.
func (c *Channel) put(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.missed:
		return
	case len(c.waiting) == MaxChannelMessages, len(c.waiting) > 0 && c.bytes+len(message) > MaxChannelBytes:
		c.missed = true
	default:
		c.waiting = append(c.waiting, message)
		c.bytes += len(message)
	}
	c.signal()
}

// signal leaves a token for a reader while there is something to tell.
func (c *Channel) signal() {
	if len(c.waiting) == 0 && !c.missed && !c.closed {
		return
	}
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// Close ends the channel and every loop over its messages; what waits is dropped.
// Later calls do nothing.
func (c *Channel) Close() {
	c.mu.Lock()
	first := !c.closed
	c.closed, c.waiting = true, nil
	c.signal()
	c.mu.Unlock()
	if first {
		c.free()
	}
}
