package directus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// This file is the HTTP face: the upgrade, and REST in Directus's envelope.

// routes returns the handler of everything.
func (h *Hub) routes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			h.log.Error("a request panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			h.fail(w, r, &protocol.Error{Code: protocol.CodeInternalServerError, Message: "An unexpected error occurred."})
		}()
		if r.URL.Path == h.opts.Path && !h.opts.WithoutSockets && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			h.upgrade(w, r)
			return
		}
		if !h.cors(w, r) {
			h.rest(w, r)
		}
	})
}

// upgrade opens a socket, or refuses with a bare status as Directus does. The
// order of the checks is Directus's: the limit, the origin, the token.
func (h *Hub) upgrade(w http.ResponseWriter, r *http.Request) {
	ip := h.address(r)
	if err := h.admit(ip); err != nil {
		h.refuseUpgrade(w, http.StatusForbidden)
		return
	}
	served := false
	defer func() {
		if !served {
			h.leave(ip)
		}
	}()
	if !h.originAllowed(r) {
		h.log.Info("a socket was refused for its origin", "origin", r.Header.Get("Origin"))
		h.refuseUpgrade(w, http.StatusForbidden)
		return
	}
	peer := Peer{
		Token:     r.URL.Query().Get("access_token"),
		IP:        ip,
		Origin:    r.Header.Get("Origin"),
		UserAgent: r.UserAgent(),
	}
	if peer.Token == "" {
		peer.Token = cookieOf(r, h.opts.SessionCookie)
	}
	who, err := h.greet(r.Context(), peer.Token)
	if err != nil {
		h.authError(err)
		h.refuseUpgrade(w, http.StatusUnauthorized)
		return
	}
	conn, err := transport.Accept(w, r, &transport.AcceptOptions{
		MaxFrame:     h.maxFrame(who),
		QueueBytes:   h.opts.QueueBytes,
		QueueFrames:  h.opts.QueueFrames,
		WriteTimeout: h.opts.WriteTimeout,
	})
	if err != nil {
		h.log.Debug("an upgrade failed", "error", err)
		return
	}
	served = true
	h.metrics.upgraded(http.StatusSwitchingProtocols)
	if err := h.serve(context.WithoutCancel(r.Context()), conn, peer, who); err != nil {
		h.log.Debug("a socket ended", "ip", peer.IP, "error", err)
	}
}

func (h *Hub) refuseUpgrade(w http.ResponseWriter, status int) {
	h.metrics.upgraded(status)
	w.WriteHeader(status)
}

// A call is one REST request.
type call struct {
	hub *Hub
	w   http.ResponseWriter
	r   *http.Request
	who Identity

	params params // of the URL
	reach  reach
}

func (h *Hub) rest(w http.ResponseWriter, r *http.Request) {
	defer h.metrics.answered("rest", restKind(r.URL.Path), time.Now())
	c := &call{hub: h, w: w, r: r}
	if err := c.serve(); err != nil {
		h.fail(w, r, err)
	}
}

// A system collection is served under a path of its own.
type systemRoute struct {
	collection string
	readOnly   bool
}

var systemRoutes = map[string]systemRoute{
	"users":         {usersCollection, false},
	"roles":         {rolesCollection, true},
	"activity":      {activityCollection, true},
	"notifications": {notificationsCollection, false},
}

// notServed are the first elements of paths that Directus 12.4 has, and why there
// is nothing.
var notServed = map[string]string{
	"assets": "files are not served here", "files": "files are not served here", "folders": "files are not served here",
	"access": "permissions come from the project's files", "permissions": "permissions come from the project's files",
	"policies": "permissions come from the project's files", "schema": "the schema comes from the project's files",
	"utils":    "of these only /utils/broadcast is served here",
	"comments": "", "dashboards": "", "deployments": "", "extensions": "", "flows": "", "operations": "", "panels": "",
	"presets": "", "revisions": "", "settings": "", "shares": "", "translations": "", "versions": "",
}

func (c *call) serve() error {
	path, err := elements(c.r.URL)
	if err != nil {
		return err
	}
	switch strings.Join(path[:min(2, len(path))], "/") {
	case "server/ping":
		return c.on("GET", len(path) == 2, c.ping)
	case "server/health":
		return c.on("GET", len(path) == 2, c.health)
	case "auth/login":
		return c.on("POST", len(path) == 2, c.login)
	case "auth/refresh":
		return c.on("POST", len(path) == 2, c.refresh)
	case "auth/logout":
		return c.on("POST", len(path) == 2, c.logout)
	}
	_, system := systemRoutes[path[0]]
	switch path[0] {
	case "items", "server", "utils", "metrics", "collections", "fields", "relations":
	case "graphql":
		return c.noGraphQL()
	default:
		if !system {
			return c.noRoute()
		}
	}
	if c.params, err = paramsOf(c.r.URL.RawQuery); err != nil {
		return err
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	switch {
	case path[0] == "items" && len(path) == 2:
		return c.collection(path[1])
	case path[0] == "items" && len(path) == 3:
		return c.item(path[1], path[2])
	case path[0] == "users" && len(path) == 2 && path[1] == "me":
		return c.me()
	case system:
		return c.system(systemRoutes[path[0]], path[1:])
	case path[0] == "collections":
		return c.on("GET", len(path) <= 2, func() error { return c.collections(path[1:]) })
	case path[0] == "fields":
		return c.on("GET", len(path) <= 3, func() error { return c.fields(path[1:]) })
	case path[0] == "relations":
		return c.on("GET", len(path) <= 3, func() error { return c.relations(path[1:]) })
	case path[0] == "metrics" && len(path) == 1:
		return c.on("GET", true, c.metrics)
	case path[0] == "server" && len(path) == 2 && path[1] == "info":
		return c.on("GET", true, c.info)
	case path[0] == "utils" && len(path) == 2 && path[1] == "broadcast":
		return c.on("POST", true, c.broadcast)
	}
	return c.noRoute()
}

// elements returns the elements of a URL's path. A key may have a slash in it, which
// is escaped there.
func elements(u *url.URL) ([]string, error) {
	parts := strings.Split(strings.Trim(u.EscapedPath(), "/"), "/")
	for i, part := range parts {
		var err error
		if parts[i], err = url.PathUnescape(part); err != nil {
			return nil, &protocol.Error{Code: protocol.CodeInvalidPayload, Message: "Invalid payload. The path of the URL cannot be read."}
		}
	}
	return parts, nil
}

// on calls handle if the method is the route's only one.
func (c *call) on(method string, exact bool, handle func() error) error {
	switch {
	case !exact:
		return c.noRoute()
	case c.r.Method != method && !(c.r.Method == http.MethodHead && method == http.MethodGet):
		return c.noMethod(method)
	}
	return handle()
}

func (c *call) noRoute() error {
	first, _, _ := strings.Cut(strings.Trim(c.r.URL.Path, "/"), "/")
	message := fmt.Sprintf("Route %s doesn't exist.", c.r.URL.Path)
	switch reason, known := notServed[first]; {
	case reason != "":
		message = fmt.Sprintf("Route %s doesn't exist: %s.", c.r.URL.Path, reason)
	case known:
		message = fmt.Sprintf("Route %s doesn't exist: /%s is not served here.", c.r.URL.Path, first)
	}
	return &protocol.Error{Code: protocol.CodeRouteNotFound, Message: message}
}

func (c *call) noMethod(allowed ...string) error {
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &protocol.Error{Code: protocol.CodeMethodNotAllowed,
		Message: fmt.Sprintf("Invalid method %q used. The supported methods are %s.", c.r.Method, strings.Join(allowed, ", "))}
}

// noGraphQL answers at /graphql, where sockets are refused alike.
func (c *call) noGraphQL() error {
	c.json(http.StatusNotImplemented, errorBody(&protocol.Error{Code: protocol.CodeServiceUnavailable,
		Message: "GraphQL is not served here yet. Use REST, or the JSON protocol of the socket."}))
	return nil
}

// authenticate finds out who calls, from the header, the access_token or the
// session's cookie.
func (c *call) authenticate() error {
	token := c.params.get("access_token")
	if scheme, bearer, ok := strings.Cut(c.r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if token != "" {
			return invalidPayload("The request uses more than one authentication method.")
		}
		token = strings.TrimSpace(bearer)
	}
	byCookie := false
	if token == "" {
		token = cookieOf(c.r, c.hub.opts.SessionCookie)
		byCookie = token != ""
	}
	if token == "" {
		return nil
	}
	var err error
	c.who, err = c.hub.auth.Authenticate(c.r.Context(), token)
	if !byCookie {
		return err
	}
	if errors.Is(err, protocol.CodeInvalidCredentials) || errors.Is(err, protocol.CodeInvalidToken) || errors.Is(err, protocol.CodeTokenExpired) {
		c.setCookie(c.hub.opts.SessionCookie, "", -1) // it would be in the way of every request
	}
	if err == nil && !c.reads() {
		err = c.sameOrigin()
	}
	return err
}

// reads reports whether the request's method changes nothing.
func (c *call) reads() bool {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, "SEARCH":
		return true
	}
	return false
}

// sameOrigin refuses a request that a page from elsewhere made with the cookies of
// whoever looks at it. (SameSite alone would not do: pages from another port of
// the same host are of the same site.)
func (c *call) sameOrigin() error {
	if c.hub.originAllowed(c.r) {
		return nil
	}
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
		"A page from %s may not use this session. Allow it with CORS_ENABLED and CORS_ORIGIN.", c.r.Header.Get("Origin"))}
}

// body reads a JSON body; nil if there is none.
func (c *call) body() (json.RawMessage, error) {
	data, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, c.hub.opts.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &protocol.Error{Code: protocol.CodeContentTooLarge,
			Message: fmt.Sprintf("The body is larger than %d bytes.", c.hub.opts.MaxBody)}
	case err != nil:
		return nil, invalidPayload("The body could not be read.")
	case len(bytes.TrimSpace(data)) == 0:
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &protocol.Error{Code: protocol.CodeUnsupportedMedia,
			Message: fmt.Sprintf("Unsupported media type %q in Content-Type header. Send application/json.", c.r.Header.Get("Content-Type"))}
	}
	if !json.Valid(data) {
		return nil, invalidPayload("The body is not valid JSON.")
	}
	return bytes.TrimSpace(data), nil
}

// object reads a body that must be an object into v.
func (c *call) object(v any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	if body == nil {
		body = json.RawMessage("{}")
	}
	if err := json.Unmarshal(body, v); err != nil {
		return invalidPayload("The body does not have the form that is expected: %v.", err)
	}
	return nil
}

// reply writes an answer in the envelope.
func (c *call) reply(a answer) error {
	body := slices.Concat([]byte(`{"data":`), a.data)
	if a.meta != nil {
		body = slices.Concat(body, []byte(`,"meta":`), a.meta)
	}
	c.json(http.StatusOK, append(body, '}'))
	return nil
}

// data writes any value in the envelope.
func (c *call) data(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.reply(answer{data: data})
}

func (c *call) json(status int, body []byte) { writeJSON(c.w, status, body) }

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // who does not listen any more needs no answer
}

// statuses are the HTTP statuses of the codes; what is missing is a 500.
var statuses = map[protocol.Code]int{
	protocol.CodeInvalidCredentials: http.StatusUnauthorized,
	protocol.CodeTokenExpired:       http.StatusUnauthorized,
	protocol.CodeUserSuspended:      http.StatusUnauthorized,
	protocol.CodeInvalidToken:       http.StatusForbidden,
	protocol.CodeForbidden:          http.StatusForbidden,
	protocol.CodeInvalidCollection:  http.StatusForbidden,
	protocol.CodeCollectionInactive: http.StatusForbidden,
	protocol.CodeLimitExceeded:      http.StatusForbidden,
	protocol.CodeRouteNotFound:      http.StatusNotFound,
	protocol.CodeMethodNotAllowed:   http.StatusMethodNotAllowed,
	protocol.CodeInvalidPayload:     http.StatusBadRequest,
	protocol.CodeInvalidQuery:       http.StatusBadRequest,
	protocol.CodeRecordNotUnique:    http.StatusBadRequest,
	protocol.CodeInvalidForeignKey:  http.StatusBadRequest,
	protocol.CodeNotNullViolation:   http.StatusBadRequest,
	protocol.CodeContainsNullValues: http.StatusBadRequest,
	protocol.CodeValueTooLong:       http.StatusBadRequest,
	protocol.CodeValueOutOfRange:    http.StatusBadRequest,
	protocol.CodeFailedValidation:   http.StatusBadRequest,
	protocol.CodeContentTooLarge:    http.StatusRequestEntityTooLarge,
	protocol.CodeUnsupportedMedia:   http.StatusUnsupportedMediaType,
	protocol.CodeRequestsExceeded:   http.StatusTooManyRequests,
	protocol.CodeUnprocessable:      http.StatusUnprocessableEntity,
	protocol.CodeServiceUnavailable: http.StatusServiceUnavailable,
}

// fail writes an error in the envelope.
func (h *Hub) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody listens
	}
	refusals := h.refusals(err)
	for _, refused := range refusals {
		h.metrics.refused(refused.Code)
		if refused.Code == protocol.CodeInvalidCollection {
			refused.Code = protocol.CodeForbidden // REST has no such code
		}
	}
	status, ok := statuses[refusals[0].Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, errorBody(refusals...))
}

// refusals returns what to tell of an error: several of them only where a value
// failed the validation of several fields.
func (h *Hub) refusals(err error) []*protocol.Error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var refusals []*protocol.Error
		for _, err := range joined.Unwrap() {
			if refused, ok := err.(*protocol.Error); ok {
				refusals = append(refusals, h.refusal(refused, "", protocol.UID{}))
			}
		}
		if len(refusals) > 0 && len(refusals) == len(joined.Unwrap()) {
			return refusals
		}
	}
	return []*protocol.Error{h.refusal(err, "", protocol.UID{})}
}

// errorBody returns errors in the envelope.
func errorBody(refusals ...*protocol.Error) []byte {
	type extensions struct {
		Code protocol.Code `json:"code"`
		Path string        `json:"path,omitempty"` // of a route that does not exist
	}
	type entry struct {
		Message    string     `json:"message"`
		Extensions extensions `json:"extensions"`
	}
	var body struct {
		Errors []entry `json:"errors"`
	}
	for _, refused := range refusals {
		e := entry{refused.Message, extensions{Code: refused.Code}}
		if refused.Code == protocol.CodeRouteNotFound {
			_, path, _ := strings.Cut(refused.Message, "Route ")
			e.Extensions.Path, _, _ = strings.Cut(path, " doesn't exist")
		}
		body.Errors = append(body.Errors, e)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return []byte(`{"errors":[{"message":"An unexpected error occurred.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`)
	}
	return text
}
