package directus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// A client is one socket.
//
// One goroutine reads its frames, and one, the worker, answers them in order.
// Reading goes on while the worker is busy (a login takes half a second), so that
// a pong is seen and a ping is answered meanwhile.
type client struct {
	hub    *Hub
	conn   transport.Conn
	peer   Peer
	cancel context.CancelCauseFunc
	uid    string // for the program around the hub
	number int64  // counts the hub's connections

	ready          atomic.Bool // authenticated, or public: it gets pings and events
	silent         atomic.Bool // nothing was heard since the last ping
	authenticating atomic.Bool // the worker is busy with an "auth"
	bucket         bucket      // of the reader

	mu       sync.Mutex
	identity *Identity   // replaced as a whole, never changed
	proof    proof       // what the identity was authenticated with
	expiry   *time.Timer // the token ends
	timeout  *time.Timer // the time for another "auth" ends
	closed   error       // why this end closed the connection
	code     int         // with which the connection was closed, by either end; 0 = none
	places   []*member   // in rooms, in the order in which it joined

	subscriptions []*subscription // of the worker, and of deliveries; see Hub.subscriptions
	asking        chan struct{}   // of the worker: closed when the filters have returned
}

func newClient(h *Hub, conn transport.Conn, peer Peer, who *Identity, cancel context.CancelCauseFunc) *client {
	c := &client{hub: h, conn: conn, peer: peer, cancel: cancel, identity: &Identity{}, uid: uuid.NewString(), number: h.connections.Add(1)}
	c.bucket = newBucket(h.opts.MessageRate, h.opts.MessageBurst)
	c.limit(h.maxFrame(who))
	return c
}

// maxFrame returns the largest frame that somebody may send. (From the first one
// on: frames arrive while the connection is still being set up.)
func (h *Hub) maxFrame(who *Identity) int64 {
	if who == nil || who.User == "" {
		return h.opts.MaxFrameBeforeAuth
	}
	return h.opts.MaxFrame
}

// limit bounds the frames that the connection accepts from now on.
func (c *client) limit(bytes int64) {
	if conn, ok := c.conn.(interface{ SetMaxFrame(int64) }); ok {
		conn.SetMaxFrame(bytes)
	}
}

// A request is a decoded frame, or why it could not be decoded.
type request struct {
	message protocol.Message
	err     error
	frame   []byte
}

// waiting is how many requests may wait for the worker before reading stops.
const waiting = 16

// run answers the connection until it ends. who is nil where the first frame
// must tell.
func (c *client) run(ctx context.Context, who *Identity) error {
	if who == nil {
		var err error
		if who, err = c.handshake(ctx); err != nil {
			return c.drain(ctx, err)
		}
	} else if err := c.become(ctx, *who); err != nil {
		c.close(transport.CloseAuthFailed, "The upgrade's token was refused.")
		return c.drain(ctx, err)
	}
	c.hub.ready(c)
	c.connected()

	requests := make(chan request, waiting)
	var worker sync.WaitGroup
	worker.Go(func() {
		for r := range requests {
			// Directus waits for nothing in the answer to a ping, so those keep their order.
			if _, ping := r.message.(protocol.Ping); ping || c.hub.opts.answersInOrder() {
				c.answer(ctx, r)
			} else {
				worker.Go(func() { c.answer(ctx, r) })
			}
		}
	})
	err := c.read(ctx, requests)
	close(requests)
	worker.Wait() // what came before the peer closed is still done
	return c.drain(ctx, err)
}

// read receives frames until the connection ends, and returns why it did.
func (c *client) read(ctx context.Context, requests chan<- request) error {
	for {
		frame, err := c.conn.Receive(ctx)
		if err != nil {
			return err
		}
		if wait := c.bucket.take(time.Now()); wait > 0 {
			// Differs from Directus: 7, which does not say which message it was.
			uid, _ := protocol.ParseUID(protocol.Member(frame, "uid"))
			if !c.hub.opts.answersAll() {
				uid = protocol.UID{}
			}
			c.send(&protocol.Error{Type: protocol.TypeServer, Code: protocol.CodeRequestsExceeded, UID: uid,
				Message: fmt.Sprintf("Too many messages, retry after %dms.", wait.Milliseconds())})
			continue
		}
		r := request{frame: frame}
		r.message, r.err = protocol.DecodeFromClient(frame)
		if r.message != nil && r.message.Kind() != protocol.TypeAuth {
			c.silent.Store(false)
		}
		if ping, ok := r.message.(protocol.Ping); ok && c.authenticating.Load() {
			c.heard(ping)
			c.pong(ping)
			continue
		}
		select {
		case requests <- r:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain lets the closing handshake finish: what still arrives is thrown away.
func (c *client) drain(ctx context.Context, err error) error {
	closed := c.closedBy()
	if closed == nil && errors.Is(err, context.Canceled) {
		c.close(transport.CloseRestart, "The server is restarting.")
		closed = c.closedBy()
	}
	if closed == nil {
		var gone *transport.CloseError
		if errors.As(err, &gone) && gone.Code != transport.CloseAbnormal {
			c.closedWith(gone.Code)
			return nil
		}
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for {
		if _, err := c.conn.Receive(ctx); err != nil {
			if errors.Is(closed, errRestart) {
				return nil
			}
			return closed
		}
	}
}

var errRestart = errors.New("the server is restarting")

// close closes the connection with a code and a reason; only the first close counts.
func (c *client) close(code int, reason string) {
	if !c.hub.opts.answersAll() && (code == transport.CloseAuthFailed || code == transport.CloseHeartbeat) {
		code, reason = transport.CloseNoStatus, "" // Differs from Directus: 7
	}
	err := fmt.Errorf("closed with %d: %s", code, reason)
	if code == transport.CloseRestart {
		err = errRestart
	}
	c.mu.Lock()
	first := c.closed == nil
	if first {
		c.closed, c.code = err, code
	}
	c.mu.Unlock()
	if first {
		c.hub.metrics.closed(code)
		c.conn.Close(code, reason)
		c.cancel(err)
	}
}

// closedBy returns why this end closed the connection, or nil.
func (c *client) closedBy() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// closedWith notes the code with which the peer closed the connection.
func (c *client) closedWith(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.code = code
}

// closeCode returns the code with which the connection was closed.
func (c *client) closeCode() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code == 0 {
		return transport.CloseAbnormal
	}
	return c.code
}

// end forgets everything about the connection.
func (c *client) end() {
	c.mu.Lock()
	for _, timer := range []*time.Timer{c.expiry, c.timeout} {
		if timer != nil {
			timer.Stop()
		}
	}
	c.closed = errors.Join(c.closed, transport.ErrClosed)
	c.mu.Unlock()
	c.conn.Close(transport.CloseNormal, "")
	c.hub.unsubscribe(c, nil)
	c.leaveRooms()
}

// send encodes and queues a message.
func (c *client) send(m protocol.Message) {
	if refused, ok := m.(*protocol.Error); ok {
		c.hub.metrics.refused(refused.Code)
	}
	frame, err := protocol.Encode(m)
	if err != nil {
		c.hub.log.Error("a message cannot be encoded", "type", m.Kind(), "error", err)
		return
	}
	c.write(frame)
}

// write queues a frame. A peer that does not take its frames loses the
// connection: it will connect again and ask for what it missed, instead of
// missing something without knowing.
func (c *client) write(frame []byte) { c.push(frame) }

// push is write, with the error of a connection that is lost.
func (c *client) push(frame []byte) error {
	err := c.conn.Send(frame)
	if errors.Is(err, transport.ErrOverflow) {
		c.close(transport.CloseTooSlow, "Too many messages wait to be received.")
	}
	return err
}

// who returns the identity that now counts.
func (c *client) who() *Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// answer answers one request. A panic costs the request, never the connection.
func (c *client) answer(ctx context.Context, r request) {
	if c.closedBy() != nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			c.hub.log.Error("a request panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			kind, uid := protocol.TypeServer, protocol.UID{}
			if r.message != nil {
				kind, uid = r.message.Kind(), protocol.UIDOf(r.message)
			}
			c.send(&protocol.Error{Type: kind, Code: protocol.CodeInternalServerError, Message: "An unexpected error occurred.", UID: uid})
		}
	}()
	defer func(began time.Time) { c.hub.metrics.answered("socket", socketKind(r.message), began) }(time.Now())
	r, done := c.filter(ctx, r)
	if done {
		return
	}
	if r.err != nil {
		var refused *protocol.Error
		if errors.As(r.err, &refused) {
			// Differs from Directus: 7, which does not answer an "auth" without a
			// credential, and leaves the uid out of a subscribe's errors of form.
			if !c.hub.opts.answersAll() {
				if refused.Type == protocol.TypeAuth {
					return
				}
				if refused.Type == protocol.TypeSubscribe {
					refused.UID = protocol.UID{}
				}
			}
			c.send(refused)
		}
		return
	}
	c.heard(r.message)
	switch m := r.message.(type) {
	case protocol.Auth:
		c.reauthenticate(ctx, m)
	case protocol.Ping:
		c.pong(m)
	case protocol.Pong:
	case protocol.Items:
		if err := c.items(ctx, m); err != nil {
			c.refuse(err, protocol.TypeItems, m.UID)
		}
	case protocol.Subscribe:
		if err := c.subscribe(ctx, m); err != nil {
			c.refuse(err, protocol.TypeSubscribe, m.UID)
		}
	case protocol.Unsubscribe:
		c.hub.unsubscribe(c, func(s *subscription) bool {
			return m.UID.IsZero() || !s.uid.IsZero() && s.uid.String() == m.UID.String()
		})
		c.send(protocol.Subscription{Event: protocol.EventUnsubscribe, UID: m.UID})
	default:
		if m.Kind() == "collab" {
			c.refuse(errNoCollab, "collab", protocol.UIDOf(m))
			return
		}
		if raw, ok := m.(protocol.Raw); ok && c.presence(ctx, raw) {
			return
		}
		if !c.hub.opts.answersAll() {
			return
		}
		// Differs from Directus: 7, which ignores a type that it does not know.
		c.send(&protocol.Error{Type: protocol.TypeServer, Code: protocol.CodeInvalidPayload, UID: protocol.UIDOf(m),
			Message: fmt.Sprintf("Invalid payload. There is no message type %q.", m.Kind())})
	}
}

// errNoCollab answers whatever is about collaborative editing. Directus closes the
// connection as well; but the rest of it is of use.
var errNoCollab = &protocol.Error{Code: protocol.CodeServiceUnavailable,
	Message: "Service \"collab\" is unavailable. Collaborative editing is not served."}

// refuse answers a request with an error.
func (c *client) refuse(err error, kind string, uid protocol.UID) {
	refused := c.hub.refusal(err, kind, uid)
	if c.hub.answers(err) {
		c.send(refused)
	}
}

// pong answers a ping, as Directus only with the heartbeat on.
func (c *client) pong(ping protocol.Ping) {
	if c.hub.opts.Heartbeat > 0 {
		c.send(protocol.Pong{UID: ping.UID})
	}
}
