package directus

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/transport"
)

// A Hub answers every socket and every REST request of one project. Commits go
// through it one at a time, so that everybody is told of them in the same order.
type Hub struct {
	store Store
	auth  Authenticator
	opts  Options
	log   *slog.Logger

	logins  throttle // those that failed
	metrics *metrics

	// commits orders the changes: a commit holds it from the transaction until its
	// events and its reply are in the queues. A subscribe holds it for reading
	// from the snapshot until the subscription is registered, so nothing can fall
	// between the two.
	commits sync.RWMutex
	// changes counts the changes of accounts. Who reads it holds commits, who
	// changes it holds commits alone.
	changes int64

	// subscriptions holds each collection's, in the order in which they were made.
	// Who writes it holds commits (for reading is enough) and subscriptionsMu.
	subscriptionsMu sync.Mutex
	subscriptions   map[string]*list.List
	views           map[string]*view // those that subscriptions have, by key
	related         map[string]int   // how many of a collection's views show related items
	coarse          sync.Mutex       // see clock.tick
	// raced is called between a subscription's snapshot and its registration, where
	// these are two steps; nil = not. For tests.
	raced func()

	mu        sync.Mutex
	clients   map[*client]struct{} // every socket, authenticated or not
	upgrading int                  // sockets that were let in and are not in clients yet
	addresses map[string]int       // sockets that were let in, by network
	closing   bool
	serving   sync.WaitGroup
	heartbeat *time.Timer
	handler   http.Handler

	// For WebSocketService.
	connections atomic.Int64
	handlers    handlers

	committed atomic.Int64 // counts the commits
	rooms     rooms
}

// NewHub returns a hub for a store. opts may be nil.
func NewHub(store Store, auth Authenticator, opts *Options) *Hub {
	h := &Hub{
		store:         store,
		auth:          auth,
		opts:          opts.withDefaults(),
		subscriptions: map[string]*list.List{},
		views:         map[string]*view{},
		related:       map[string]int{},
		clients:       map[*client]struct{}{},
		addresses:     map[string]int{},
	}
	h.logins = throttle{number: h.opts.MaxFailedLogins, buckets: map[string]*bucket{}}
	h.log = h.opts.Logger
	h.metrics = newMetrics(h)
	h.handler = h.routes()
	return h
}

// Handler returns the handler of the socket's path and of REST.
func (h *Hub) Handler() http.Handler { return h.handler }

// A Peer is who is at the other end of a connection, as far as its upgrade told.
type Peer struct {
	Token     string // the upgrade's access_token, else its session cookie; "" = none
	IP        string
	Origin    string
	UserAgent string
}

// Serve answers one connection until it ends, and closes it. It returns nil when
// the peer closed it or the hub is being shut down, and otherwise why it ended.
// When ctx ends, the connection is closed with 1012.
//
// A connection that the hub refuses (a wrong token, too many connections) is
// closed with a code and a reason; [Hub.Handler] refuses it with an HTTP status
// instead, before it is open.
func (h *Hub) Serve(ctx context.Context, conn transport.Conn, peer Peer) error {
	if err := h.admit(peer.IP); err != nil {
		code := transport.CloseTooMany
		if errors.Is(err, errClosing) {
			code = transport.CloseRestart
		}
		conn.Close(code, err.Error())
		return err
	}
	who, err := h.greet(ctx, peer.Token)
	if err != nil {
		h.leave(peer.IP)
		conn.Close(transport.CloseAuthFailed, "The upgrade's token was refused.")
		return err
	}
	return h.serve(ctx, conn, peer, who)
}

var (
	errTooMany = errors.New("There are too many connections. Try again later.")
	errCrowded = errors.New("There are too many connections from your address. Close some of them first.")
	errClosing = errors.New("The server is stopping.")
)

// admit counts a connection in, or refuses it. leave counts it out.
func (h *Hub) admit(ip string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return errClosing
	}
	if h.opts.MaxConnections >= 0 && len(h.clients)+h.upgrading >= h.opts.MaxConnections {
		return errTooMany
	}
	if from := network(ip); from != "" {
		if h.opts.MaxConnectionsPerAddress >= 0 && h.addresses[from] >= h.opts.MaxConnectionsPerAddress {
			return errCrowded
		}
		h.addresses[from]++
	}
	h.upgrading++
	h.serving.Add(1)
	return nil
}

// forget counts a connection out of its address. The caller holds mu.
func (h *Hub) forget(ip string) {
	from := network(ip)
	if h.addresses[from]--; h.addresses[from] <= 0 {
		delete(h.addresses, from)
	}
}

func (h *Hub) leave(ip string) {
	h.mu.Lock()
	h.upgrading--
	h.forget(ip)
	h.mu.Unlock()
	h.serving.Done()
}

// greet returns who connects: nil if the first frame has to tell.
func (h *Hub) greet(ctx context.Context, token string) (*Identity, error) {
	if token == "" {
		switch h.opts.Mode {
		case ModePublic:
			return &Identity{}, nil
		case ModeStrict:
			return nil, errCredentials
		}
		return nil, nil
	}
	// Directus 12.4: a token at the upgrade counts in every mode, and there is no
	// "auth ok" for it.
	asOf := h.asOf()
	who, err := h.auth.Authenticate(ctx, token)
	if err != nil {
		return nil, err
	}
	who.asOf = asOf
	return &who, nil
}

// serve answers a connection that was admitted.
func (h *Hub) serve(ctx context.Context, conn transport.Conn, peer Peer, who *Identity) (err error) {
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	c := newClient(h, conn, peer, who, cancel)

	h.mu.Lock()
	h.upgrading--
	h.clients[c] = struct{}{}
	closing := h.closing
	h.mu.Unlock()
	defer func() {
		c.end()
		h.mu.Lock()
		delete(h.clients, c)
		h.forget(peer.IP)
		h.mu.Unlock()
		c.gone(err)
		h.serving.Done()
	}()
	if closing {
		c.close(transport.CloseRestart, "The server is restarting.")
	}
	stop := context.AfterFunc(parent, func() { c.close(transport.CloseRestart, "The server is restarting.") })
	defer stop()
	return c.run(ctx, who)
}

// Shutdown closes every socket with 1012 and waits until all are gone, or ctx
// ends. Nobody can connect any more; REST requests are still answered.
func (h *Hub) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	h.closing = true
	clients := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		clients = append(clients, c)
	}
	h.mu.Unlock()
	for _, c := range clients {
		c.close(transport.CloseRestart, "The server is restarting.")
	}
	done := make(chan struct{})
	go func() {
		h.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the sockets to close: %w", ctx.Err())
	}
}

// A reach says which collections a request can name.
type reach int

const (
	reachItems  reach = iota // those of the project: sockets, and /items
	reachSystem              // the system's, which have routes of their own
	reachSelf                // the own account
)

// collection returns a collection within reach, or why it is not.
func (h *Hub) collection(name string, reach reach) (*query.Collection, error) {
	c := h.store.Schema().Collections[name]
	if c == nil {
		return nil, noCollection(name)
	}
	if c.Name == sessionsCollection && reach == reachSystem {
		return nil, noCollection(name) // what is in there lets people in
	}
	if c.System && reach == reachItems {
		return nil, &protocol.Error{Code: protocol.CodeInvalidCollection, Message: "Cannot trigger an action on a system collection."}
	}
	return c, nil
}

// noCollection is what somebody is told who may not access a collection, or asks
// for one that does not exist: the two cannot be told apart (Directus 12.4).
func noCollection(name string) error {
	return &protocol.Error{Code: protocol.CodeForbidden,
		Message: fmt.Sprintf("You don't have permission to access collection %q or it does not exist. Queried in root.", name)}
}

// refusal turns any error into one to send. What is no refusal is logged, and
// the client is told only that something went wrong.
//
// Differs from Directus: 7, which logs such an error and answers nothing.
func (h *Hub) refusal(err error, kind string, uid protocol.UID) *protocol.Error {
	var refused *protocol.Error
	if errors.As(err, &refused) {
		return &protocol.Error{Type: kind, Code: refused.Code, Message: refused.Message, UID: uid}
	}
	var bad *query.Error
	if errors.As(err, &bad) {
		return &protocol.Error{Type: kind, Code: protocol.Code(bad.Code), Message: bad.Message, UID: uid}
	}
	if !errors.Is(err, context.Canceled) {
		h.log.Error("a request failed", "type", kind, "error", err)
	}
	return &protocol.Error{Type: kind, Code: protocol.CodeInternalServerError, Message: "An unexpected error occurred.", UID: uid}
}
