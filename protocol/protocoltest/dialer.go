package protocoltest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"leveret/protocol/transport"
)

// A Dialer is a transport.Dialer whose every connection ends in a [Peer]. It
// records the attempts and can refuse or stall them.
type Dialer struct {
	t     T
	peers chan *Peer

	mu       sync.Mutex
	attempts []Attempt
	refuse   error
	stall    bool
}

// An Attempt is one call of Dial.
type Attempt struct {
	URL string
	At  time.Time
}

// NewDialer returns a Dialer that lets every attempt succeed.
func NewDialer(t T) *Dialer {
	return &Dialer{t: t, peers: make(chan *Peer, 1024)}
}

// Dial records the attempt, and refuses it, stalls it, or opens a connection.
func (d *Dialer) Dial(ctx context.Context, url string) (transport.Conn, error) {
	d.mu.Lock()
	d.attempts = append(d.attempts, Attempt{URL: url, At: time.Now()})
	refuse, stall := d.refuse, d.stall
	d.mu.Unlock()
	switch {
	case stall:
		<-ctx.Done()
		return nil, ctx.Err()
	case refuse != nil:
		return nil, refuse
	}
	conn, peer := Link(d.t)
	d.peers <- peer
	return conn, nil
}

// Accept waits for the next connection and returns its far end.
func (d *Dialer) Accept() *Peer {
	d.t.Helper()
	return d.AcceptWithin(Patience)
}

// AcceptWithin is Accept with another patience.
func (d *Dialer) AcceptWithin(patience time.Duration) *Peer {
	d.t.Helper()
	select {
	case peer := <-d.peers:
		return peer
	case <-time.After(patience):
		d.t.Fatalf("the dialer expected a connection, but none was made for %v (%d attempts until now)", patience, len(d.Attempts()))
		return nil
	}
}

// Refuse makes every attempt from now on fail; nil lets them succeed again. A
// *transport.RefusedError says with which HTTP status.
func (d *Dialer) Refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = err
}

// Stall makes every attempt from now on hang until its context ends, or no longer.
func (d *Dialer) Stall(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stall = on
}

// Attempts returns every attempt until now.
func (d *Dialer) Attempts() []Attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.attempts)
}

// A droppable is a client's end whose end can be made to look like a lost link.
type droppable struct {
	transport.Conn
	dropped atomic.Bool
}

func (d *droppable) drop() {
	d.dropped.Store(true)
	d.Conn.Close(transport.CloseNormal, "")
}

func (d *droppable) Receive(ctx context.Context) ([]byte, error) {
	frame, err := d.Conn.Receive(ctx)
	return frame, d.lost(err)
}

// ReceiveBatch is that of the connection below.
func (d *droppable) ReceiveBatch(ctx context.Context) ([][]byte, error) {
	frames, err := d.Conn.(transport.Batcher).ReceiveBatch(ctx)
	return frames, d.lost(err)
}

func (d *droppable) lost(err error) error {
	if closed := (*transport.CloseError)(nil); d.dropped.Load() && errors.As(err, &closed) {
		return &transport.CloseError{Code: transport.CloseAbnormal, Err: errors.New("the link was dropped")}
	}
	return err
}
