// Package realtime carries out what the session decided: it is the client that
// people use, natively and in a browser.
package realtime

// STUBS: the API that the other packages build on. The bodies are being written.

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/session"
	"leveret/protocol/transport"
)

// These are the session's own types, named here so that a user imports one package.
type (
	Credential = session.Credential
	State      = session.State
	Mode       = session.Mode
	Cause      = session.Cause
	Event      = session.Event
)

// Options are a client's settings. nil and zero fields are the defaults.
type Options struct {
	Mode  Mode
	Token func(ctx context.Context) (Credential, error) // asked at every attempt; nil = anonymous
	// OnRefreshToken is told each new refresh token, so that it can be kept.
	OnRefreshToken func(token string)
	// Retry makes Dial keep trying after a failed first attempt.
	Retry bool
	// Backoff, see session.Backoff.
	Backoff session.Backoff
	// Probe asks the server over HTTP whether the credential is good; see session.Probed.
	Probe        func(ctx context.Context, c Credential) error
	Dialer       transport.Dialer // default transport.Default
	Capabilities []string         // default: all of protocol's
	PrimaryKey   func(collection string) string
	Logger       *slog.Logger // one Debug line a step, in transcript form, secrets masked; default: none
	// Session overrides timeouts and bounds; its Mode, Rand and the fields above are ignored.
	Session session.Config
}

// A Client is a connection to a Directus realtime endpoint that keeps itself alive.
type Client struct{ stub int }

// Dial connects to a ws:, wss:, http: or https: URL (a URL without path gets
// /websocket). It returns after the credential was accepted, or with the first
// refusal or failed attempt; with Options.Retry it keeps trying until ctx ends.
func Dial(ctx context.Context, url string, options *Options) (*Client, error) { panic("stub") }

// New returns a client that is not connected; call Connect.
func New(url string, options *Options) (*Client, error) { panic("stub") }

// Connect starts to connect, or tries at once if the client waits.
func (c *Client) Connect() { panic("stub") }

// Disconnect closes the connection; subscriptions stay and resume on Connect.
func (c *Client) Disconnect() { panic("stub") }

// Close disconnects for good, ends every subscription and request, and waits for the client's goroutines.
func (c *Client) Close() error { panic("stub") }

// State returns the present state and its cause.
func (c *Client) State() Change { panic("stub") }

// A Change is a transition.
type Change struct {
	From, To State
	Cause    Cause
	At       time.Time
	Next     time.Time // when the next attempt is due; zero if none is
}

// States yields the present state and then every change, until ctx ends or the
// client is closed. A slow consumer sees the latest, not each.
func (c *Client) States(ctx context.Context) iter.Seq[Change] { panic("stub") }

// Wake tells the client that the machine woke, came online or into view.
func (c *Client) Wake(why string) { panic("stub") }

// Send sends a message and waits for nothing. It fails unless authenticated.
func (c *Client) Send(m protocol.Message) error { panic("stub") }

// Do sends a message, once the client is live, and waits for its reply.
func (c *Client) Do(ctx context.Context, m protocol.Message) (protocol.Reply, error) { panic("stub") }

// SubscribeOptions is what a subscription asks for; nil = everything.
type SubscribeOptions struct {
	Event protocol.Event
	Item  any // a key: string or integer
	Query *query.Query
	// RawQuery is used as it is instead of Query.
	RawQuery json.RawMessage
	UID      protocol.UID
}

// Subscribe opens a subscription and waits until the server has accepted it, or
// refused it (a *protocol.Error). If ctx ends before, the subscription is gone.
func (c *Client) Subscribe(ctx context.Context, collection string, o *SubscribeOptions) (*Subscription, error) {
	panic("stub")
}

// A Subscription is a stream of events that survives lost connections.
type Subscription struct{ stub int }

// Events yields the init and then every change, until ctx ends (nothing more is
// yielded, and a later Events goes on where this one stopped), or the
// subscription does (its error is yielded last, with no event).
func (s *Subscription) Events(ctx context.Context) iter.Seq2[Event, error] { panic("stub") }

// Batches is Events with all that wait handed over at once.
func (s *Subscription) Batches(ctx context.Context) iter.Seq2[[]Event, error] { panic("stub") }

// Close ends the subscription, connected or not.
func (s *Subscription) Close() error { panic("stub") }

// A Collection is a typed view of a collection's items. T is a struct with json
// tags, or map[string]any, or json.RawMessage.
type Collection[T any] struct{ stub int }

// CollectionOf returns the collection of that name.
func CollectionOf[T any](c *Client, name string) *Collection[T] { panic("stub") }

// Read returns the items of a query; nil = the first 100.
func (c *Collection[T]) Read(ctx context.Context, q *query.Query) ([]T, error) { panic("stub") }

// ReadOne returns the item with that key.
func (c *Collection[T]) ReadOne(ctx context.Context, key any) (T, error) { panic("stub") }

// Create writes an item and returns it as the server has it.
func (c *Collection[T]) Create(ctx context.Context, item any) (T, error) { panic("stub") }

// Update changes the given fields of an item and returns it.
func (c *Collection[T]) Update(ctx context.Context, key any, changes any) (T, error) { panic("stub") }

// Delete removes items.
func (c *Collection[T]) Delete(ctx context.Context, keys ...any) error { panic("stub") }

// A TypedEvent is an Event with its items decoded.
type TypedEvent[T any] struct {
	Kind   session.EventKind
	Items  []T
	Keys   []string // of a delete, as text
	Resync bool
}

// Subscribe yields typed events; the subscription ends with ctx or the loop.
func (c *Collection[T]) Subscribe(ctx context.Context, o *SubscribeOptions) iter.Seq2[TypedEvent[T], error] {
	panic("stub")
}
