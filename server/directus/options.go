package directus

import (
	"log/slog"
	"time"
)

// A Mode says when a socket must say who it is.
type Mode string

// The modes, as Directus's WEBSOCKETS_REST_AUTH names them.
const (
	// ModeHandshake: the first frame must be a valid "auth".
	ModeHandshake Mode = "handshake"
	// ModeStrict: the upgrade must carry ?access_token=.
	ModeStrict Mode = "strict"
	// ModePublic: everybody is let in, as the public until an "auth" succeeds.
	ModePublic Mode = "public"
)

// Options configures [NewHub]. Nil and zero mean the defaults. Names in
// parentheses are the environment variables with which Directus sets the same.
type Options struct {
	// Logger gets every log line; nil = slog.Default(). Tokens are never logged.
	Logger *slog.Logger
	// Now is the clock of what is stored and compared; nil = time.Now.
	Now func() time.Time
	// Permissions says who may do what; nil = DemoPermissions(false).
	Permissions *Permissions

	// Mode is when a socket must say who it is (WEBSOCKETS_REST_AUTH); "" = handshake.
	Mode Mode
	// Path is where sockets connect (WEBSOCKETS_REST_PATH); "" = "/websocket".
	Path string
	// AuthTimeout is how long a socket may take for its first "auth", and for
	// another one after its token expired (WEBSOCKETS_REST_AUTH_TIMEOUT); 0 = 10 s.
	AuthTimeout time.Duration
	// Heartbeat is the time between two pings; a socket that is silent for a whole
	// one after a ping is closed with 4408 (WEBSOCKETS_HEARTBEAT_PERIOD); 0 = 30 s,
	// negative = no heartbeat, and no answer to a client's ping
	// (WEBSOCKETS_HEARTBEAT_ENABLED=false).
	Heartbeat time.Duration
	// MaxConnections bounds the open sockets (WEBSOCKETS_REST_CONN_LIMIT, but
	// those that have not authenticated yet count too); 0 = 10,000, negative = no bound.
	MaxConnections int

	// PublicURL is the address that people use (PUBLIC_URL). A page from there may connect.
	PublicURL string
	// CORS lets pages from other origins use REST (CORS_ENABLED). With it they may
	// connect sockets too, as in Directus 12.1.
	CORS bool
	// CORSOrigins are those origins (CORS_ORIGIN), for example "https://example.com";
	// "true" stands for every origin. Empty = none. "*" allows REST without
	// credentials, but no socket.
	CORSOrigins []string

	// Differs from Directus: 9, which has no limits unless it is told to.

	// MaxFrameBeforeAuth and MaxFrame bound what a socket may send, in bytes, before
	// and after it has authenticated; 0 = 64 KiB and 8 MiB. More closes it with 1009.
	MaxFrameBeforeAuth, MaxFrame int64
	// MaxSubscriptions bounds the subscriptions of a socket; 0 = 128, negative = no bound.
	MaxSubscriptions int
	// MessageRate and MessageBurst bound the messages of a socket: that many a
	// second, and that many at once (RATE_LIMITER_WEBSOCKETS_POINTS and _DURATION);
	// 0 = 200 and twice the rate. A negative rate is no bound.
	MessageRate  float64
	MessageBurst int
	// MaxBody bounds the body of a REST request, in bytes (MAX_PAYLOAD_SIZE); 0 = 1 MiB.
	MaxBody int64

	// StrictCompat makes the hub the stock server that it otherwise improves on.
	StrictCompat bool

	// ProjectName and Version are told by /server/info; "" = "Leveret" and none.
	ProjectName, Version string
}

func (o *Options) withDefaults() Options {
	var opts Options
	if o != nil {
		opts = *o
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Permissions == nil {
		opts.Permissions = DemoPermissions(false)
	}
	setDefault(&opts.Mode, ModeHandshake)
	setDefault(&opts.Path, "/websocket")
	setDefault(&opts.AuthTimeout, 10*time.Second)
	setDefault(&opts.Heartbeat, 30*time.Second)
	setDefault(&opts.MaxConnections, 10_000)
	setDefault(&opts.MaxFrameBeforeAuth, 64<<10)
	setDefault(&opts.MaxFrame, 8<<20)
	setDefault(&opts.MaxSubscriptions, 128)
	setDefault(&opts.MessageRate, 200)
	setDefault(&opts.MessageBurst, int(2*opts.MessageRate))
	setDefault(&opts.MaxBody, 1<<20)
	setDefault(&opts.ProjectName, "Leveret")
	return opts
}
