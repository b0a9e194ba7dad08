package realtime

import (
	"context"
	"math/rand/v2"

	"leveret/protocol"
	"leveret/protocol/platform"
	"leveret/protocol/session"
	"leveret/protocol/transport"
)

// These are the session's own types, named here so that a user imports one package.
type (
	Credential = session.Credential
	State      = session.State
	Mode       = session.Mode
	Cause      = session.Cause
	Reason     = session.Reason
	Backoff    = session.Backoff
	Event      = session.Event
	EventKind  = session.EventKind
)

// Errors of requests and subscriptions, named here for the same reason.
var (
	ErrOutcomeUnknown  = session.ErrOutcomeUnknown
	ErrNotConnected    = session.ErrNotConnected
	ErrDisconnected    = session.ErrDisconnected
	ErrTooManyRequests = session.ErrTooManyRequests
	ErrUIDInUse        = session.ErrUIDInUse
	ErrUnsubscribed    = session.ErrUnsubscribed
	ErrUnanswered      = session.ErrUnanswered
)

// Options are a client's settings. nil and zero fields are the defaults.
//
// Token, OnRefreshToken, Probe and the logger's handler may call any method of
// the client but Close, which would wait for them to return; Disconnect is the
// one to call from there.
type Options struct {
	// Mode is how the server authenticates a socket; default session.Handshake.
	Mode Mode
	// Token is asked at every attempt to connect, and again when the server says
	// TOKEN_EXPIRED; its context ends with the attempt, and Close waits until it has
	// returned. Default: anonymous, which only mode session.Public can use.
	Token func(ctx context.Context) (Credential, error)
	// OnRefreshToken is told each new refresh token, so that it can be kept: the
	// old one is void. Token is not asked again before it has returned.
	OnRefreshToken func(token string)
	// Retry makes Dial keep trying after a failed first attempt.
	Retry bool
	// Backoff is how long to wait between attempts; see session.Backoff.
	Backoff Backoff
	// Probe asks the server over HTTP whether the credential is good: nil if it is,
	// a protocol.Code such as CodeInvalidToken if not, any other error if the
	// server cannot be reached. A browser does not tell why an upgrade failed, so
	// after two failures this decides whether to sign in again or to go on trying.
	// Default: none.
	Probe func(ctx context.Context, c Credential) error
	// Dialer opens the connections; default transport.Default.
	Dialer transport.Dialer
	// Capabilities are asked of the server with each subscribe; a stock Directus
	// ignores them. Default (nil): commit, leave, order and tombstones (see package
	// protocol).
	Capabilities []string
	// PrimaryKey names a collection's primary key; default: "id" for all. It is
	// called in the midst of things: it may look up a map, and must not call the
	// client.
	PrimaryKey func(collection string) string
	// Identity names the person or program that signs in, if the caller knows better
	// than [IdentityOf] the credential, which is the default. What is kept or shared
	// for one identity is neither shown to nor sent for another.
	Identity string
	// Store keeps the writes of [Client.Outbox] over the end of the program. It stays its
	// owner's to close, after the client. Default: memory, which keeps them over lost
	// links only.
	Store platform.Store
	// StoreLock is the name of the lock (see platform.Acquire; natively the path of a
	// file) that those who share Store hold in turn, for as long as the client lives:
	// only the holder keeps and sends writes, the others wait. It is required where two
	// clients may use one Store. Default: no lock.
	StoreLock string
	// Log writes the conversation down: LogTo(logger). Default: none.
	Log *Log
	// Session overrides timeouts and bounds; its Mode, Rand and the fields above
	// are ignored.
	Session session.Config
}

// StaticToken returns a function for Options.Token that always gives the same
// access token.
func StaticToken(token string) func(context.Context) (Credential, error) {
	return func(context.Context) (Credential, error) { return Credential{AccessToken: token}, nil }
}

// config is the session's part of the options.
func (o *Options) config() session.Config {
	config := o.Session
	config.Mode = o.Mode
	config.Backoff = o.Backoff
	config.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())).Float64
	config.HasProbe = o.Probe != nil
	config.PrimaryKey = o.PrimaryKey
	config.Capabilities = o.Capabilities
	if config.Capabilities == nil {
		config.Capabilities = []string{
			protocol.CapabilityCommit,
			protocol.CapabilityLeave,
			protocol.CapabilityOrder,
			protocol.CapabilityTombstones,
		}
	}
	return config
}
