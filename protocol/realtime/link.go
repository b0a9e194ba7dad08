package realtime

import (
	"context"
	"errors"
	"time"

	"leveret/protocol/session"
	"leveret/protocol/transport"
)

// A link is one attempt to connect and the connection that came of it: what the
// session calls an epoch.
type link struct {
	epoch  int
	ctx    context.Context // ends when the link is hung up or replaced
	cancel context.CancelFunc

	// Guarded by the client's mu.
	conn      transport.Conn // nil until it is open
	interrupt func()         // ends the Receive under way; nil while nobody reads
	due       bool           // a Tick waits for what has arrived to be handed over
	broken    error          // a Send failed: the connection is lost
	endFetch  func()         // ends the context of the latest Token call; nil if there was none
}

// linkOf returns the link of an epoch; a newer epoch ends the older one's.
func (c *Client) linkOf(epoch int) *link {
	if c.link != nil && c.link.epoch == epoch {
		return c.link
	}
	c.endLink()
	l := &link{epoch: epoch}
	l.ctx, l.cancel = context.WithCancel(c.ctx)
	c.link = l
	return l
}

func (c *Client) endLink() {
	if c.link != nil {
		c.link.hangup(transport.CloseNormal, "")
		c.link = nil
	}
}

func (l *link) hangup(code int, reason string) {
	if l.conn != nil {
		if err := l.conn.Close(code, reason); err != nil {
			l.conn.Close(transport.CloseNormal, reason) // a browser closes with few codes only
		}
	}
	l.cancel()
}

// fail says that a Send failed. The reader hands over what has arrived, and then
// that the connection is lost.
func (l *link) fail(err error) {
	l.broken = err
	if l.interrupt != nil {
		l.interrupt()
	}
}

// fetching returns the context of a Token call.
func (l *link) fetching() context.Context {
	if l.endFetch != nil {
		l.endFetch()
	}
	ctx, end := context.WithCancel(l.ctx)
	l.endFetch = end
	return ctx
}

func (c *Client) fetchCredential(ctx context.Context, epoch int) {
	if ctx.Err() != nil {
		return
	}
	credential, err := c.options.Token(ctx)
	c.step(session.GotCredential{Epoch: epoch, Credential: credential, Err: err})
}

func (c *Client) probe(l *link, credential Credential) {
	ctx, cancel := context.WithTimeout(l.ctx, probePatience)
	defer cancel()
	c.step(session.Probed{Epoch: l.epoch, Err: c.options.Probe(ctx, credential)})
}

// probePatience bounds the HTTP call of Options.Probe.
const probePatience = 10 * time.Second

// dial opens the socket and then reads it to its end.
func (c *Client) dial(l *link, token string) {
	conn, err := c.dialer.Dial(l.ctx, withToken(c.url, token))
	if err != nil {
		c.step(session.Dialed{Epoch: l.epoch, Err: withoutSecret(err, token)})
		return
	}
	c.mu.Lock()
	current := l.ctx.Err() == nil
	if current {
		l.conn = conn
	}
	c.mu.Unlock()
	if !current {
		conn.Close(transport.CloseNormal, "")
		return
	}
	c.step(session.Dialed{Epoch: l.epoch})
	c.read(l)
}

// read hands over what arrives until the connection ends.
func (c *Client) read(l *link) {
	in := batches(l.conn)
	wait, interrupt := c.listen(l)
	defer func() { interrupt() }()
	for {
		interrupted := wait.Err() != nil // if so, this takes what is there and no more
		frames, err := in.ReceiveBatch(wait)
		if l.ctx.Err() != nil {
			linger(in)
			return
		}
		if len(frames) > 0 {
			c.receive(l, frames)
		}
		var closed *transport.CloseError
		switch {
		case err == nil:
		case errors.As(err, &closed):
			c.lose(l, session.Lost{Epoch: l.epoch, Code: closed.Code, Reason: closed.Reason, Err: err})
			return
		case wait.Err() == nil || !errors.Is(err, context.Canceled):
			c.lose(l, session.Lost{Epoch: l.epoch, Code: transport.CloseAbnormal, Err: err})
			return
		}
		if interrupted {
			if !c.interrupted(l) {
				return
			}
			wait, interrupt = c.listen(l)
		}
	}
}

// receive hands over frames.
func (c *Client) receive(l *link, frames [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stepLocked(session.Received{Epoch: l.epoch, Frames: frames, Quiet: c.listening == 0})
}

// listen returns the context of the next Receives, which Ticks and failed Sends end.
func (c *Client) listen(l *link) (context.Context, context.CancelFunc) {
	wait, interrupt := context.WithCancel(l.ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	l.interrupt = interrupt
	if l.broken != nil {
		interrupt()
	}
	return wait, interrupt
}

// interrupted does what the reader was interrupted for, now that all that had
// arrived is handed over. It reports whether to read on.
func (c *Client) interrupted(l *link) bool {
	c.mu.Lock()
	broken := l.broken
	if broken == nil && l.due {
		l.due = false
		c.stepLocked(session.Tick{})
	}
	c.mu.Unlock()
	if broken != nil {
		c.lose(l, session.Lost{Epoch: l.epoch, Code: transport.CloseAbnormal, Err: broken})
	}
	return broken == nil
}

// lose says that the connection has ended, and that nobody reads it any more.
func (c *Client) lose(l *link, lost session.Lost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.interrupt, l.due = nil, false
	l.conn.Close(transport.CloseNormal, "") // no harm if it is closed already
	if c.link == l {                        // else it was hung up meanwhile: nobody waits for its end
		c.stepLocked(lost)
	}
}

// linger waits for the other side to answer our close, so that what was sent
// before it goes out also when the program ends next.
func linger(in transport.Batcher) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for {
		if _, err := in.ReceiveBatch(ctx); err != nil {
			return
		}
	}
}

// batches returns a Conn that hands over all that waits at once. For one that
// cannot, frames are gathered one by one.
func batches(conn transport.Conn) transport.Batcher {
	if b, ok := conn.(transport.Batcher); ok {
		return b
	}
	return &gatherer{conn: conn}
}

type gatherer struct {
	conn transport.Conn
	end  error
}

// gatherLimit bounds a batch, so that a server that never pauses cannot keep a
// Tick from being stepped.
const gatherLimit = 1024

func (g *gatherer) ReceiveBatch(ctx context.Context) ([][]byte, error) {
	if g.end != nil {
		return nil, g.end
	}
	frame, err := g.conn.Receive(ctx)
	if err != nil {
		return nil, err
	}
	frames := [][]byte{frame}
	if ctx.Err() == nil {
		return frames, nil
	}
	for len(frames) < gatherLimit {
		frame, err := g.conn.Receive(ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				g.end = err
			}
			break
		}
		frames = append(frames, frame)
	}
	return frames, nil
}
