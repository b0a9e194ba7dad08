package directus

import (
	"log/slog"
	"net/http"
	"time"

	"leveret/protocol/query"
)

// A Mode says when a socket must say who it is.
type Mode string

// The modes, as Directus's WEBSOCKETS_REST_AUTH names them.
const (
	// ModeHandshake: the first frame must be a valid "auth".
	ModeHandshake Mode = "handshake"
	// ModeStrict: the upgrade must carry ?access_token= or the session's cookie.
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
	// WithoutSockets says that sockets are not served (WEBSOCKETS_ENABLED=false).
	WithoutSockets bool
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

	// CORSMethods, CORSAllowedHeaders and CORSExposedHeaders are what such a page may
	// use (CORS_METHODS, CORS_ALLOWED_HEADERS, CORS_EXPOSED_HEADERS); nil = the methods
	// that there are, "Content-Type" and "Authorization", and "Content-Range".
	CORSMethods, CORSAllowedHeaders, CORSExposedHeaders []string
	// CORSWithoutCredentials keeps cookies out of its requests (CORS_CREDENTIALS=false).
	CORSWithoutCredentials bool
	// CORSMaxAge is how long a browser may remember all this (CORS_MAX_AGE); 0 = 18,000
	// seconds, negative = not at all.
	CORSMaxAge time.Duration

	// SessionCookie and RefreshCookie are the cookies of the login modes "session" and
	// "cookie" (SESSION_COOKIE_NAME, REFRESH_TOKEN_COOKIE_NAME, and so on); without a
	// name they are called "directus_session_token" and "directus_refresh_token".
	SessionCookie, RefreshCookie Cookie

	// TrustedProxies is how many proxies stand before the server (IP_TRUST_PROXY):
	// the address of a client is taken from that place of X-Forwarded-For, counted
	// from its end; 0 = none, so that the header is not believed.
	TrustedProxies int

	// Differs from Directus: 9, which has no limits unless it is told to.

	// MaxFrameBeforeAuth and MaxFrame bound what a socket may send, in bytes, before
	// and after it has authenticated; 0 = 64 KiB and 8 MiB. More closes it with 1009.
	MaxFrameBeforeAuth, MaxFrame int64
	// QueueBytes and QueueFrames bound what waits for a socket that does not take it;
	// more closes it with 4413. 0 = 1 MiB and 1,024.
	QueueBytes, QueueFrames int
	// WriteTimeout is how long a socket may take nothing at all before it is lost; 0 = 5 s.
	WriteTimeout time.Duration
	// MaxConnectionsPerAddress bounds the open sockets of one address (of IPv6, of one
	// /64 network), loopback addresses excepted; 0 = 200, negative = no bound.
	MaxConnectionsPerAddress int
	// MaxFailedLogins is how often a minute logins may fail from one address, loopback
	// addresses excepted, and for one account; 0 = 10, negative = no bound.
	MaxFailedLogins int
	// MaxSubscriptions bounds the subscriptions of a socket; 0 = 128, negative = no bound.
	MaxSubscriptions int
	// MessageRate and MessageBurst bound the messages of a socket: that many a
	// second, and that many at once (RATE_LIMITER_WEBSOCKETS_POINTS and _DURATION);
	// 0 = 200 and twice the rate. A negative rate is no bound.
	MessageRate  float64
	MessageBurst int
	// QueryLimitDefault is how many items a query without a limit gets
	// (QUERY_LIMIT_DEFAULT); 0 = 100, negative = all.
	QueryLimitDefault int
	// QueryLimitMax bounds the limit of a query (QUERY_LIMIT_MAX); "all" is then that
	// many. 0 = no bound.
	QueryLimitMax int
	// MaxRelationalDepth bounds how many names a path through relations may have, the
	// field at its end included (MAX_RELATIONAL_DEPTH); 0 = 10, which is also the most.
	MaxRelationalDepth int
	// MaxBatch bounds the items of one change (MAX_BATCH_MUTATION); 0 = no bound.
	MaxBatch int
	// MaxBody bounds the body of a REST request, in bytes (MAX_PAYLOAD_SIZE); 0 = 1 MiB.
	MaxBody int64

	// StrictCompat makes the server behave as Directus does where it differs on
	// purpose (the README's differences 1 to 7), defects included. It is for tests of
	// clients that have to live with them.
	StrictCompat bool
	// Mentions writes a row of directus_notifications to each user whom a new item of
	// the collection messages mentions: "@ada", by first name or by what stands before
	// the @ of the e-mail address.
	Mentions bool

	// Metrics serves /metrics to administrators, and to whoever sends one of
	// MetricsTokens in the header "Authorization: Metrics TOKEN" (METRICS_ENABLED,
	// METRICS_TOKENS).
	Metrics       bool
	MetricsTokens []string

	// ProjectName and Version are told by /server/info; "" = "Leveret" and none.
	ProjectName, Version string
}

// A Cookie says how a cookie is set.
type Cookie struct {
	Name   string
	Domain string // "" = the host itself
	// Secure keeps the cookie to TLS. It also is if the request came over TLS, or
	// PublicURL begins with https.
	Secure bool
	// SameSite says which other sites' requests carry it; 0 = Lax. With None the
	// Origin of a request still has to be an allowed one.
	SameSite http.SameSite
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
	setDefault(&opts.MaxConnectionsPerAddress, 200)
	setDefault(&opts.MaxFailedLogins, 10)
	setDefault(&opts.MaxSubscriptions, 128)
	setDefault(&opts.MessageRate, 200)
	setDefault(&opts.MessageBurst, int(2*opts.MessageRate))
	setDefault(&opts.QueryLimitDefault, query.DefaultLimit)
	setDefault(&opts.MaxRelationalDepth, 10)
	setDefault(&opts.MaxBody, 1<<20)
	setDefault(&opts.SessionCookie.Name, "directus_session_token")
	setDefault(&opts.SessionCookie.SameSite, http.SameSiteLaxMode)
	setDefault(&opts.RefreshCookie.Name, "directus_refresh_token")
	setDefault(&opts.RefreshCookie.SameSite, http.SameSiteLaxMode)
	setDefault(&opts.CORSMaxAge, 18_000*time.Second)
	if opts.CORSMethods == nil {
		opts.CORSMethods = []string{"GET", "POST", "PATCH", "DELETE", "SEARCH"}
	}
	if opts.CORSAllowedHeaders == nil {
		opts.CORSAllowedHeaders = []string{"Content-Type", "Authorization"}
	}
	if opts.CORSExposedHeaders == nil {
		opts.CORSExposedHeaders = []string{"Content-Range"}
	}
	setDefault(&opts.ProjectName, "Leveret")
	return opts
}
