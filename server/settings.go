package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"leveret/server/directus"
)

// A setting is an environment variable with Directus's name, unit and default.
// Directus 12.4: @directus/env and the websocket controllers.
type setting struct {
	name string
	def  string // "" = unset
	help string
	set  func(c *Config, value string) error // the error says what the value must be
}

// settings are all that are read, in the order of --help.
var settings = []setting{
	{"WEBSOCKETS_ENABLED", "true", "serve sockets at all; Directus's own default is false",
		boolean(func(c *Config, v bool) { c.WebSockets = v })},
	{"WEBSOCKETS_REST_ENABLED", "true", "serve sockets of the JSON protocol, the only one there is here",
		boolean(func(c *Config, v bool) { c.WebSockets = c.WebSockets && v })},
	{"WEBSOCKETS_REST_PATH", "/websocket", "where sockets connect", socketPath},
	{"WEBSOCKETS_REST_AUTH", "handshake", "how sockets sign in (with --directus, those of that server): handshake, strict or public", mode},
	{"WEBSOCKETS_REST_AUTH_TIMEOUT", "10", "seconds that a socket has to sign in",
		seconds("WEBSOCKETS_REST_AUTH_TIMEOUT", func(c *Config, d time.Duration) { c.AuthTimeout = d })},
	{"WEBSOCKETS_REST_CONN_LIMIT", "", "how many sockets may be open; unset is 10000",
		count(func(c *Config, n int) { c.ConnLimit = n })},
	{"WEBSOCKETS_HEARTBEAT_ENABLED", "true", "ping sockets, and close those that stay silent",
		boolean(func(c *Config, v bool) { c.HeartbeatEnabled = v })},
	{"WEBSOCKETS_HEARTBEAT_PERIOD", "30", "seconds between two pings",
		seconds("WEBSOCKETS_HEARTBEAT_PERIOD", func(c *Config, d time.Duration) { c.HeartbeatPeriod = d })},
	{"WEBSOCKETS_GRAPHQL_ENABLED", "false", "has no effect: GraphQL subscriptions are not served yet", notServed("WEBSOCKETS_GRAPHQL_ENABLED", "GraphQL subscriptions are")},
	{"WEBSOCKETS_LOGS_ENABLED", "false", "has no effect: the log stream is not served yet", notServed("WEBSOCKETS_LOGS_ENABLED", "the log stream is")},
	{"WEBSOCKETS_COLLAB_ENABLED", "false", "has no effect: collaborative editing is not served yet", notServed("WEBSOCKETS_COLLAB_ENABLED", "collaborative editing is")},
	{"ACCESS_TOKEN_TTL", "15m", "how long an access token lives", duration(func(c *Config, d time.Duration) { c.AccessTokenTTL = d })},
	{"REFRESH_TOKEN_TTL", "7d", "how long a refresh token lives", duration(func(c *Config, d time.Duration) { c.RefreshTokenTTL = d })},
	{"REFRESH_TOKEN_COOKIE_NAME", "directus_refresh_token", "the cookie of the login mode cookie", cookieName(refreshCookie)},
	{"REFRESH_TOKEN_COOKIE_SECURE", "false", "keep it to TLS; with an https PUBLIC_URL it is anyway", boolean(func(c *Config, v bool) { c.Backend.RefreshCookie.Secure = v })},
	{"REFRESH_TOKEN_COOKIE_SAME_SITE", "lax", "lax, strict or none", sameSite(refreshCookie)},
	{"REFRESH_TOKEN_COOKIE_DOMAIN", "", "the domain of it; unset is the host itself", text(func(c *Config, s string) { c.Backend.RefreshCookie.Domain = s })},
	{"SESSION_COOKIE_TTL", "1d", "how long a session token lives", duration(func(c *Config, d time.Duration) { c.Accounts.SessionTTL = d })},
	{"SESSION_COOKIE_NAME", "directus_session_token", "the cookie of the login mode session", cookieName(sessionCookie)},
	{"SESSION_COOKIE_SECURE", "false", "keep it to TLS; with an https PUBLIC_URL it is anyway", boolean(func(c *Config, v bool) { c.Backend.SessionCookie.Secure = v })},
	{"SESSION_COOKIE_SAME_SITE", "lax", "lax, strict or none", sameSite(sessionCookie)},
	{"SESSION_COOKIE_DOMAIN", "", "the domain of it; unset is the host itself", text(func(c *Config, s string) { c.Backend.SessionCookie.Domain = s })},
	{"SESSION_REFRESH_GRACE_PERIOD", "10s", "how long a session token that was exchanged still counts", grace},
	{"LOGIN_STALL_TIME", "500", "milliseconds that a login takes at least", stall},
	{"SECRET", "", "signs access tokens; unset: made at the first start and kept in the database",
		text(func(c *Config, s string) { c.Secret = s })},
	{"ADMIN_EMAIL", "", "the administrator's e-mail, at the first start", text(func(c *Config, s string) { c.AdminEmail = s })},
	{"ADMIN_PASSWORD", "", "the administrator's password, at the first start", text(func(c *Config, s string) { c.AdminPassword = s })},
	{"ADMIN_TOKEN", "", "the administrator's static token, at the first start", text(func(c *Config, s string) { c.AdminToken = s })},
	{"PUBLIC_URL", "", "the address that people use; pages from there may connect", publicURL},
	{"CORS_ENABLED", "false", "let pages from CORS_ORIGIN connect and use REST", boolean(func(c *Config, v bool) { c.CORS = v })},
	{"CORS_ORIGIN", "", "the origins that CORS_ENABLED lets in, separated by commas; true is every origin",
		text(func(c *Config, s string) { c.CORSOrigins = splitList(s) })},
	{"CORS_METHODS", "", "the methods that they may use; unset is all that there are",
		text(func(c *Config, s string) { c.Backend.CORSMethods = splitList(s) })},
	{"CORS_ALLOWED_HEADERS", "Content-Type,Authorization", "the headers that they may send",
		text(func(c *Config, s string) { c.Backend.CORSAllowedHeaders = splitList(s) })},
	{"CORS_EXPOSED_HEADERS", "Content-Range", "the headers that they may see",
		text(func(c *Config, s string) { c.Backend.CORSExposedHeaders = splitList(s) })},
	{"CORS_CREDENTIALS", "true", "let them use cookies", boolean(func(c *Config, v bool) { c.Backend.CORSWithoutCredentials = !v })},
	{"CORS_MAX_AGE", "18000", "seconds for which a browser may remember that", corsAge},
	{"IP_TRUST_PROXY", "false", "how many proxies to believe in X-Forwarded-For; true is one; Directus's own default is true", proxies},
	{"RATE_LIMITER_ENABLED", "", "limit the messages of a socket to POINTS in DURATION; unset is 200 a second, false is no limit",
		boolean(func(c *Config, v bool) { c.RateLimiter = &v })},
	{"RATE_LIMITER_POINTS", "", "messages, with RATE_LIMITER_ENABLED=true; unset is 50", count(func(c *Config, n int) { c.RatePoints = n })},
	{"RATE_LIMITER_DURATION", "", "seconds; unset is 1", seconds("RATE_LIMITER_DURATION", func(c *Config, d time.Duration) { c.RateDuration = d })},
	{"RATE_LIMITER_WEBSOCKETS_POINTS", "", "instead of RATE_LIMITER_POINTS", count(func(c *Config, n int) { c.SocketRatePoints = n })},
	{"RATE_LIMITER_WEBSOCKETS_DURATION", "", "instead of RATE_LIMITER_DURATION",
		seconds("RATE_LIMITER_WEBSOCKETS_DURATION", func(c *Config, d time.Duration) { c.SocketRateSeconds = d })},
	{"QUERY_LIMIT_DEFAULT", "100", "how many items a query without a limit gets; -1 is all", limit(func(c *Config, n int) { c.Backend.QueryLimitDefault = n })},
	{"QUERY_LIMIT_MAX", "", "the largest limit of a query; unset or -1 is any",
		limit(func(c *Config, n int) { c.Backend.QueryLimitMax = max(n, 0) })},
	{"MAX_RELATIONAL_DEPTH", "10", "how many fields a path through relations in a query may have, up to 10", depth},
	{"MAX_BATCH_MUTATION", "", "the largest number of items in one change; unset is any", count(func(c *Config, n int) { c.Backend.MaxBatch = n })},
	{"MAX_PAYLOAD_SIZE", "1mb", "how large the body of a request may be", size},
	{"METRICS_ENABLED", "true", "serve /metrics, to administrators; Directus's own default is false",
		boolean(func(c *Config, v bool) { c.Backend.Metrics = v })},
	{"METRICS_TOKENS", "", "who sends one of these, separated by commas, in \"Authorization: Metrics TOKEN\" may read /metrics too",
		text(func(c *Config, s string) { c.Backend.MetricsTokens = splitList(s) })},
	{"LOG_LEVEL", "info", "debug, info, warn or error", logLevel},
}

// misnamed are names found in older documentation, or easily taken for right.
var misnamed = map[string]string{
	"WEBSOCKETS_AUTH":                 "WEBSOCKETS_REST_AUTH",
	"WEBSOCKETS_AUTH_MODE":            "WEBSOCKETS_REST_AUTH",
	"WEBSOCKETS_REST_AUTH_MODE":       "WEBSOCKETS_REST_AUTH",
	"WEBSOCKETS_AUTH_TIMEOUT":         "WEBSOCKETS_REST_AUTH_TIMEOUT",
	"WEBSOCKETS_REST_TIMEOUT":         "WEBSOCKETS_REST_AUTH_TIMEOUT",
	"WEBSOCKETS_PATH":                 "WEBSOCKETS_REST_PATH",
	"WEBSOCKETS_CONN_LIMIT":           "WEBSOCKETS_REST_CONN_LIMIT",
	"WEBSOCKETS_MAX_CONNECTIONS":      "WEBSOCKETS_REST_CONN_LIMIT",
	"WEBSOCKETS_HEARTBEAT":            "WEBSOCKETS_HEARTBEAT_ENABLED",
	"WEBSOCKETS_HEARTBEAT_FREQUENCY":  "WEBSOCKETS_HEARTBEAT_PERIOD",
	"WEBSOCKETS_GRAPHQL":              "WEBSOCKETS_GRAPHQL_ENABLED",
	"WEBSOCKETS_REST":                 "WEBSOCKETS_REST_ENABLED",
	"WEBSOCKETS_LOGS":                 "WEBSOCKETS_LOGS_ENABLED",
	"WEBSOCKETS_COLLAB":               "WEBSOCKETS_COLLAB_ENABLED",
	"WEBSOCKETS_HEARTBEAT_INTERVAL":   "WEBSOCKETS_HEARTBEAT_PERIOD",
	"WEBSOCKETS_HEARTBEAT_TIMEOUT":    "WEBSOCKETS_HEARTBEAT_PERIOD",
	"WEBSOCKETS_REST_HEARTBEAT":       "WEBSOCKETS_HEARTBEAT_ENABLED",
	"WEBSOCKETS_RATE_LIMITER_ENABLED": "RATE_LIMITER_ENABLED",
}

// unserved are Directus's settings of the same families that have nothing to set
// here, by prefix.
var unserved = map[string]string{
	"WEBSOCKETS_GRAPHQL_":        "GraphQL subscriptions are not served",
	"WEBSOCKETS_LOGS_":           "the log stream is not served",
	"WEBSOCKETS_COLLAB_":         "collaborative editing is not served",
	"RATE_LIMITER_STORE":         "limits are kept in memory",
	"RATE_LIMITER_GLOBAL_":       "only the messages of each socket are limited",
	"RATE_LIMITER_REGISTRATION_": "nobody can register",
	"RATE_LIMITER_REDIS":         "limits are kept in memory",
	"GRAPHQL_QUERY_TOKEN_LIMIT":  "GraphQL is not served",
	"METRICS_SERVICES":           "there is one set of metrics",
	"METRICS_SCHEDULE":           "metrics are always up to date",
	"METRICS_NAME_PREFIX":        "the names begin with leveret_",
}

// families are the prefixes under which a name that is not known is refused: it is
// a setting meant for us, and one that silently does nothing helps nobody.
var families = []string{"WEBSOCKETS_", "WEBSOCKET_", "RATE_LIMITER_"}

// readEnvironment sets the defaults and what the environment says. A variable that
// is empty is unset.
func (c *Config) readEnvironment(environ []string) error {
	values := make(map[string]string)
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && value != "" {
			values[name] = value
		}
	}
	var refusals []error
	for _, s := range settings {
		value, ok := values[s.name]
		if !ok {
			if value = s.def; value == "" {
				continue
			}
		}
		if err := s.set(c, value); err != nil {
			// No secret can come to light here: those are texts, which never fail.
			refusals = append(refusals, fmt.Errorf("%s is %q; %w", s.name, value, err))
		}
	}
	for name := range values {
		if err := checkName(name); err != nil {
			refusals = append(refusals, err)
		}
	}
	slices.SortFunc(refusals, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(refusals...)
}

// checkName refuses a name that is one of ours but for a slip.
func checkName(name string) error {
	if isSetting(name) {
		return nil
	}
	if !slices.ContainsFunc(families, func(family string) bool { return strings.HasPrefix(name, family) }) {
		return refuseUnserved(name)
	}
	right := name
	if rest, ok := strings.CutPrefix(name, "WEBSOCKET_"); ok { // Directus's are plural
		right = "WEBSOCKETS_" + rest
	}
	if r, ok := misnamed[right]; ok {
		right = r
	}
	if right != name && isSetting(right) {
		return fmt.Errorf("%s is not a setting; the right name is %s", name, right)
	}
	if err := refuseUnserved(name); err != nil {
		return err
	}
	return fmt.Errorf("%s is not a setting; leveret --help lists them", name)
}

func refuseUnserved(name string) error {
	for prefix, reason := range unserved {
		if strings.HasPrefix(name, prefix) {
			return fmt.Errorf("%s cannot be set: %s", name, reason)
		}
	}
	return nil
}

func isSetting(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.name == name })
}

// What follows reads values. The errors complete "NAME is "value"; …".

func boolean(set func(*Config, bool)) func(*Config, string) error {
	return func(c *Config, value string) error {
		switch strings.ToLower(value) {
		case "true", "1":
			set(c, true)
		case "false", "0":
			set(c, false)
		default:
			return errors.New("it must be true or false")
		}
		return nil
	}
}

// notServed says of what cannot be switched on, with its verb, that it stays off.
func notServed(name, what string) func(*Config, string) error {
	return boolean(func(c *Config, on bool) {
		if on {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s is true, and %s not served yet", name, what))
		}
	})
}

func text(set func(*Config, string)) func(*Config, string) error {
	return func(c *Config, value string) error {
		set(c, value)
		return nil
	}
}

func count(set func(*Config, int)) func(*Config, string) error {
	return func(c *Config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return errors.New("it must be a whole number from 1")
		}
		set(c, n)
		return nil
	}
}

// manySeconds is the period above which milliseconds were probably meant.
const manySeconds = time.Hour

func seconds(name string, set func(*Config, time.Duration)) func(*Config, string) error {
	return func(c *Config, value string) error {
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || !(n > 0) || n > math.MaxInt32 {
			return errors.New("it must be a number of seconds, such as 30")
		}
		d := time.Duration(n * float64(time.Second))
		if d < time.Millisecond {
			return errors.New("it must be at least a thousandth of a second")
		}
		if d > manySeconds {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s is %s: Directus counts seconds, so that is %s; if milliseconds were meant, it is %s", name, value, d, strconv.FormatFloat(n/1000, 'f', -1, 64)))
		}
		set(c, d)
		return nil
	}
}

func stall(c *Config, value string) error {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0) || n > 60_000 {
		return errors.New("it must be a number of milliseconds up to 60000, such as 500")
	}
	c.LoginStall = time.Duration(n * float64(time.Millisecond))
	if c.LoginStall == 0 {
		c.LoginStall = -1 // none: zero is the backend's default
	}
	return nil
}

// durationForm is a number and a unit, as the npm package ms reads them, which
// Directus uses. A number alone is milliseconds.
var durationForm = regexp.MustCompile(`^(\d*\.?\d+) *([a-z]*)$`)

var durationUnits = map[string]time.Duration{
	"": time.Millisecond, "ms": time.Millisecond, "msec": time.Millisecond, "msecs": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	"y": 8766 * time.Hour, "yr": 8766 * time.Hour, "yrs": 8766 * time.Hour, "year": 8766 * time.Hour, "years": 8766 * time.Hour,
}

func duration(set func(*Config, time.Duration)) func(*Config, string) error {
	return func(c *Config, value string) error {
		form := durationForm.FindStringSubmatch(strings.ToLower(strings.TrimSpace(value)))
		if form == nil {
			return errors.New("it must be a time such as 15m, 7d or 30s")
		}
		unit, ok := durationUnits[form[2]]
		n, err := strconv.ParseFloat(form[1], 64)
		d := n * float64(unit)
		if !ok || err != nil || d > math.MaxInt64/2 {
			return errors.New("it must be a time such as 15m, 7d or 30s")
		}
		if d < float64(time.Second) {
			return errors.New("it is less than a second; a number without a unit is milliseconds")
		}
		set(c, time.Duration(d))
		return nil
	}
}

// grace is a duration, or 0 for none.
func grace(c *Config, value string) error {
	if value == "0" {
		c.Accounts.RefreshGrace = -1
		return nil
	}
	return duration(func(c *Config, d time.Duration) { c.Accounts.RefreshGrace = d })(c, value)
}

func sessionCookie(c *Config) *directus.Cookie { return &c.Backend.SessionCookie }
func refreshCookie(c *Config) *directus.Cookie { return &c.Backend.RefreshCookie }

// cookieForm is what RFC 6265 lets a cookie be called.
var cookieForm = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func cookieName(of func(*Config) *directus.Cookie) func(*Config, string) error {
	return func(c *Config, value string) error {
		if !cookieForm.MatchString(value) {
			return errors.New("it must be a name of letters, digits and signs such as _")
		}
		of(c).Name = value
		return nil
	}
}

func sameSite(of func(*Config) *directus.Cookie) func(*Config, string) error {
	return func(c *Config, value string) error {
		switch strings.ToLower(value) {
		case "lax", "true":
			of(c).SameSite = http.SameSiteLaxMode
		case "strict":
			of(c).SameSite = http.SameSiteStrictMode
		case "none":
			of(c).SameSite = http.SameSiteNoneMode
		default:
			return errors.New("it must be lax, strict or none")
		}
		return nil
	}
}

func corsAge(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 1<<30 {
		return errors.New("it must be a number of seconds, such as 18000")
	}
	c.Backend.CORSMaxAge = time.Duration(n) * time.Second
	if n == 0 {
		c.Backend.CORSMaxAge = -1
	}
	return nil
}

// proxies reads IP_TRUST_PROXY.
//
// Differs from Directus: 9. There true, which is the default, believes the first
// address in X-Forwarded-For, which anybody can write there.
func proxies(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	switch {
	case value == "true":
		n = 1
	case value == "false":
		n = 0
	case err != nil || n < 0 || n > 100:
		return errors.New("it must be true, false or how many proxies there are; lists of their addresses are not served here")
	}
	c.Backend.TrustedProxies = n
	return nil
}

// limit reads a number of items, or -1 for all.
func limit(set func(*Config, int)) func(*Config, string) error {
	return func(c *Config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < -1 || n == 0 {
			return errors.New("it must be a whole number from 1, or -1 for all")
		}
		set(c, n)
		return nil
	}
}

func depth(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 10 {
		return errors.New("it must be a whole number from 1 to 10")
	}
	c.Backend.MaxRelationalDepth = n
	return nil
}

func mode(c *Config, value string) error {
	switch m := directus.Mode(value); m {
	case directus.ModeHandshake, directus.ModeStrict, directus.ModePublic:
		c.Mode = m
		return nil
	}
	return errors.New("it must be handshake, strict or public")
}

func socketPath(c *Config, value string) error {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Path != value || !strings.HasPrefix(value, "/") || value == "/" || strings.Contains(value, "//"):
		return errors.New("it must be a path such as /websocket")
	case isBackendPath(value) || value == "/leveret.json":
		return errors.New("requests are answered there; it must be another path, such as /websocket")
	}
	c.SocketPath = value
	return nil
}

func publicURL(c *Config, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("it must be an address such as https://live.example.com")
	}
	c.PublicURL = value
	return nil
}

func splitList(s string) []string {
	var list []string
	for item := range strings.SplitSeq(strings.TrimPrefix(s, "array:"), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// sizeForm is as the npm package bytes reads it, which Directus uses.
var sizeForm = regexp.MustCompile(`^(\d+) *(b|kb|mb|gb)?$`)

func size(c *Config, value string) error {
	form := sizeForm.FindStringSubmatch(strings.ToLower(strings.TrimSpace(value)))
	if form == nil {
		return errors.New("it must be a size such as 1mb or 500kb")
	}
	n, err := strconv.ParseInt(form[1], 10, 40)
	n <<= map[string]int{"": 0, "b": 0, "kb": 10, "mb": 20, "gb": 30}[form[2]]
	if err != nil || n < 1 || n > 1<<30 {
		return errors.New("it must be a size up to 1gb, such as 1mb")
	}
	c.MaxPayload = n
	return nil
}

func logLevel(c *Config, value string) error {
	switch strings.ToLower(value) {
	case "trace", "debug":
		c.LogLevel = slog.LevelDebug
	case "info":
		c.LogLevel = slog.LevelInfo
	case "warn":
		c.LogLevel = slog.LevelWarn
	case "error", "fatal":
		c.LogLevel = slog.LevelError
	case "silent":
		c.LogLevel = math.MaxInt
	default:
		return errors.New("it must be debug, info, warn, error or silent")
	}
	return nil
}
