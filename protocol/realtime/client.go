package realtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
	"leveret/protocol/transport"
)

// ErrClosed is what a closed client answers, and what ends its subscriptions. It
// is an ErrDisconnected too.
var ErrClosed = fmt.Errorf("the client is closed: %w", session.ErrDisconnected)

// A Client is a connection to a Directus realtime endpoint that keeps itself
// alive. Its methods are safe for concurrent use. Close it when done.
type Client struct {
	url     string
	options Options
	dialer  transport.Dialer
	born    time.Time

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine of this client, and its timer

	mu        sync.Mutex // guards all that follows
	session   *session.Session
	closed    bool
	link      *link // the newest attempt to connect, or nil
	requests  map[session.RequestID]*request
	subs      map[session.SubID]*Subscription
	parts     []part
	inputs    []session.Input // to be stepped by run
	lastID    int64
	alarm     alarm
	told      told
	changes   changes
	readers   map[*messageReader]bool
	listening int // how many of them want more than errors and protocol.Raw
	watchers  []*watcher
}

// New returns a client that is not connected; call Connect. A URL that cannot be
// meant is an error that says why.
func New(url string, options *Options) (*Client, error) {
	endpoint, err := endpoint(url)
	if err != nil {
		return nil, err
	}
	c := &Client{
		url:      endpoint,
		born:     time.Now(),
		dialer:   transport.Default,
		requests: map[session.RequestID]*request{},
		subs:     map[session.SubID]*Subscription{},
		readers:  map[*messageReader]bool{},
	}
	if options != nil {
		c.options = *options
	}
	if c.options.Dialer != nil {
		c.dialer = c.options.Dialer
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.session = session.New(c.options.config())
	c.changes = newChanges(c.session.State(), c.born)
	c.wg.Go(c.listenToMachine)
	return c, nil
}

// Connect starts to connect, or tries at once if the client waits.
func (c *Client) Connect() { c.step(session.Connect{}) }

// Disconnect closes the connection; subscriptions stay and resume on Connect.
func (c *Client) Disconnect() { c.step(session.Disconnect{}) }

// Wake tells the client that the machine woke, came online or into view: the next
// attempt is made, or the link is tried, at once. A client listens to its machine
// by itself; this is for what it cannot know.
func (c *Client) Wake(why string) { c.step(session.Wake{Why: why}) }

// Close disconnects for good, ends every subscription and request, and waits for
// the client's goroutines, at most a second of it for the server to answer the
// close. It always returns nil. A second Close waits too. In a browser an event
// callback must not wait: there, call it in a goroutine.
func (c *Client) Close() error {
	c.step(session.Disconnect{})
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		c.alarm.stop(c)
		c.endLink()
		for id, r := range c.requests {
			delete(c.requests, id)
			r.resolve(protocol.Reply{}, ErrClosed)
		}
		for id, s := range c.subs {
			delete(c.subs, id)
			s.end(ErrClosed)
		}
		for _, p := range c.parts {
			p.end()
		}
		c.changes.end()
		c.endMessages()
		c.cancel()
	}
	c.mu.Unlock()
	c.wg.Wait()
	return nil
}

// Send sends a message and waits for nothing. It fails with ErrNotConnected
// unless authenticated. While an expired token is renewed the message waits for
// that; it is lost if the link is.
//
// A protocol.Auth signs in on this connection, as somebody else or, in mode Public,
// as somebody at all; nothing else is sent until the server has answered it. Once
// accepted it is used again where Options.Token gives nothing.
func (c *Client) Send(m protocol.Message) error {
	if m == nil {
		return errors.New("send: there is no message")
	}
	id, r, err := c.request()
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	c.step(session.Post{ID: id, Message: m})
	defer c.forget(id)
	select {
	case <-r.done:
		if r.err != nil {
			return fmt.Errorf("send: %w", r.err)
		}
	default: // a Post is answered within its step
	}
	return nil
}

// Do sends a message, once the client is live, and waits for its reply. A refusal
// is a *protocol.Error. If ctx ends before, Do returns and the answer will be
// ignored; the connection stays as it is, and whether the server has carried out
// what was asked is unknown.
//
// The reply to a Ping has no data; that to a Raw message has the whole frame as
// its data.
func (c *Client) Do(ctx context.Context, m protocol.Message) (protocol.Reply, error) {
	if m == nil {
		return protocol.Reply{}, errors.New("there is no message to send")
	}
	if err := ctx.Err(); err != nil {
		return protocol.Reply{}, err
	}
	id, r, err := c.request()
	if err != nil {
		return protocol.Reply{}, err
	}
	c.step(session.Do{ID: id, Message: m})
	select {
	case <-r.done:
		return r.reply, r.err
	case <-ctx.Done():
	}
	if c.forget(id) {
		c.step(session.Cancel{ID: id})
		return protocol.Reply{}, ctx.Err()
	}
	<-r.done // it was answered as the context ended
	return r.reply, r.err
}

// A request is a Do or a Send under way, or a part's.
type request struct {
	then  func(protocol.Reply, error) // of a part's: told the end, with the client's lock held
	done  chan struct{}               // else: closed once reply and err are set
	reply protocol.Reply
	err   error
}

func (r *request) resolve(reply protocol.Reply, err error) {
	if r.then != nil {
		r.then(reply, err)
		return
	}
	r.reply, r.err = reply, err
	close(r.done)
}

func (c *Client) request() (session.RequestID, *request, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, nil, ErrClosed
	}
	c.lastID++
	r := &request{done: make(chan struct{})}
	c.requests[session.RequestID(c.lastID)] = r
	return session.RequestID(c.lastID), r, nil
}

// forget gives up a request and reports whether it was still unanswered.
func (c *Client) forget(id session.RequestID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, open := c.requests[id]
	delete(c.requests, id)
	return open
}

// replyOf makes one type of every answer.
func replyOf(m protocol.Message) protocol.Reply {
	switch m := m.(type) {
	case nil:
		return protocol.Reply{}
	case protocol.Reply:
		return m
	case protocol.Raw:
		return protocol.Reply{Data: m.Frame, UID: m.UID}
	default:
		return protocol.Reply{UID: protocol.UIDOf(m)}
	}
}
