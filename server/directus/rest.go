package directus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"

	"leveret/protocol"
	"leveret/protocol/query"
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
		if r.URL.Path == h.opts.Path && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
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
	if err := h.admit(); err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	served := false
	defer func() {
		if !served {
			h.leave()
		}
	}()
	if !h.originAllowed(r) {
		h.log.Info("a socket was refused for its origin", "origin", r.Header.Get("Origin"))
		w.WriteHeader(http.StatusForbidden)
		return
	}
	peer := Peer{
		Token:     r.URL.Query().Get("access_token"),
		Origin:    r.Header.Get("Origin"),
		UserAgent: r.UserAgent(),
	}
	peer.IP, _, _ = net.SplitHostPort(r.RemoteAddr)
	who, err := h.greet(r.Context(), peer.Token)
	if err != nil {
		h.authError(err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	conn, err := transport.Accept(w, r, &transport.AcceptOptions{MaxFrame: h.maxFrame(who)})
	if err != nil {
		h.log.Debug("an upgrade failed", "error", err)
		return
	}
	served = true
	if err := h.serve(context.WithoutCancel(r.Context()), conn, peer, who); err != nil {
		h.log.Debug("a socket ended", "ip", peer.IP, "error", err)
	}
}

// A call is one REST request.
type call struct {
	hub *Hub
	w   http.ResponseWriter
	r   *http.Request
	who Identity

	params url.Values // of the URL
}

func (h *Hub) rest(w http.ResponseWriter, r *http.Request) {
	c := &call{hub: h, w: w, r: r}
	if err := c.serve(); err != nil {
		h.fail(w, r, err)
	}
}

func (c *call) serve() error {
	parts := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
	switch strings.Join(parts[:min(2, len(parts))], "/") {
	case "server/ping":
		return c.on("GET", len(parts) == 2, c.ping)
	case "server/health":
		return c.on("GET", len(parts) == 2, c.health)
	case "auth/login":
		return c.on("POST", len(parts) == 2, c.login)
	case "auth/refresh":
		return c.on("POST", len(parts) == 2, c.refresh)
	case "auth/logout":
		return c.on("POST", len(parts) == 2, c.logout)
	}
	if parts[0] != "items" && parts[0] != "server" && parts[0] != "users" {
		return c.noRoute()
	}
	var err error
	if c.params, err = paramsOf(c.r.URL.RawQuery); err != nil {
		return err
	}
	if err := c.authenticate(); err != nil {
		return err
	}
	switch {
	case parts[0] == "items" && len(parts) == 2:
		return c.collection(parts[1])
	case parts[0] == "items" && len(parts) == 3:
		return c.item(parts[1], parts[2])
	case len(parts) == 2 && parts[0] == "server" && parts[1] == "info":
		return c.on("GET", true, c.info)
	case len(parts) == 2 && parts[0] == "users" && parts[1] == "me":
		return c.on("GET", true, c.me)
	}
	return c.noRoute()
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
	return &protocol.Error{Code: protocol.CodeRouteNotFound, Message: fmt.Sprintf("Route %s doesn't exist.", c.r.URL.Path)}
}

func (c *call) noMethod(allowed ...string) error {
	c.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &protocol.Error{Code: protocol.CodeMethodNotAllowed,
		Message: fmt.Sprintf("Invalid method %q used. The supported methods are %s.", c.r.Method, strings.Join(allowed, ", "))}
}

// authenticate finds out who calls, from the header or the access_token.
func (c *call) authenticate() error {
	token := c.params.Get("access_token")
	if scheme, bearer, ok := strings.Cut(c.r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if token != "" {
			return invalidPayload("The request uses more than one authentication method.")
		}
		token = strings.TrimSpace(bearer)
	}
	if token == "" {
		return nil
	}
	var err error
	c.who, err = c.hub.auth.Authenticate(c.r.Context(), token)
	return err
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

// collection serves /items/:collection.
func (c *call) collection(name string) error {
	asked, err := queryOf(c.params)
	if err != nil {
		return err
	}
	m := protocol.Items{Collection: name, Query: asked}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.read(m)
	case "SEARCH":
		var body struct {
			Query json.RawMessage
			Keys  []json.RawMessage
		}
		if err := c.object(&body); err != nil {
			return err
		}
		if body.Query != nil {
			m.Query = body.Query
		}
		m.IDs = body.Keys
		return c.read(m)
	case http.MethodPost:
		body, err := c.body()
		if err != nil {
			return err
		}
		if body != nil && body[0] != '{' && body[0] != '[' {
			return invalidPayload("The body must be an item or an array of items.")
		}
		m.Action, m.Data = protocol.ActionCreate, body
		return c.change(changeRequest{Items: m, show: m.Query})
	case http.MethodPatch:
		return c.updateMany(m)
	case http.MethodDelete:
		return c.deleteMany(m)
	}
	return c.noMethod("GET", "SEARCH", "POST", "PATCH", "DELETE")
}

func (c *call) updateMany(m protocol.Items) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	m.Action = protocol.ActionUpdate
	show := m.Query
	m.Query = nil
	if len(body) > 0 && body[0] == '[' {
		m.Data = body
		return c.change(changeRequest{Items: m, show: show})
	}
	var form struct {
		Keys  []json.RawMessage
		Query json.RawMessage
		Data  json.RawMessage
	}
	if err := json.Unmarshal(body, &form); err != nil || form.Data == nil || form.Keys == nil && form.Query == nil {
		return invalidPayload(`The body must be an array of items with their keys, {"keys":[…],"data":{…}}, or {"query":{…},"data":{…}}.`)
	}
	m.IDs, m.Data = form.Keys, form.Data
	if form.Keys == nil {
		m.Query = form.Query
	}
	return c.change(changeRequest{Items: m, show: show})
}

func (c *call) deleteMany(m protocol.Items) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	m.Action, m.Query = protocol.ActionDelete, nil
	if len(body) > 0 && body[0] == '[' {
		err = json.Unmarshal(body, &m.IDs)
	} else {
		var form struct {
			Keys  []json.RawMessage
			Query json.RawMessage
		}
		if err = json.Unmarshal(body, &form); err == nil {
			if m.IDs = form.Keys; form.Keys == nil {
				m.Query = form.Query
			}
		}
	}
	if err != nil || m.IDs == nil && m.Query == nil {
		return invalidPayload(`The body must be an array of keys, {"keys":[…]}, or {"query":{…}}.`)
	}
	return c.change(changeRequest{Items: m})
}

// item serves /items/:collection/:id.
func (c *call) item(collection, id string) error {
	key, err := json.Marshal(id)
	if err != nil {
		return err
	}
	asked, err := queryOf(c.params)
	if err != nil {
		return err
	}
	m := protocol.Items{Collection: collection, ID: key, Query: asked}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.read(m)
	case http.MethodPatch:
		if m.Data, err = c.body(); err != nil {
			return err
		}
		if len(m.Data) == 0 || m.Data[0] != '{' {
			return invalidPayload("The body must be an object with the fields to change.")
		}
		m.Action = protocol.ActionUpdate
		return c.change(changeRequest{Items: m, show: m.Query, showOne: true})
	case http.MethodDelete:
		m.Action, m.Query = protocol.ActionDelete, nil
		return c.change(changeRequest{Items: m})
	}
	return c.noMethod("GET", "PATCH", "DELETE")
}

func (c *call) read(m protocol.Items) error {
	m.Action = protocol.ActionRead
	a, err := c.hub.read(c.r.Context(), &c.who, m, reachItems)
	if err != nil {
		return err
	}
	return c.reply(a)
}

func (c *call) change(m changeRequest) error {
	var got answer
	err := c.hub.change(c.r.Context(), &c.who, m, func(a answer) { got = a })
	if err != nil {
		return err
	}
	if got.data == nil || m.Action == protocol.ActionDelete {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return c.reply(got)
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
	protocol.CodeOutOfTime:          http.StatusRequestTimeout,
	protocol.CodeRequestsExceeded:   http.StatusTooManyRequests,
	protocol.CodeServiceUnavailable: http.StatusServiceUnavailable,
}

// fail writes an error in the envelope.
func (h *Hub) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody listens
	}
	refused := h.refusal(err, "", protocol.UID{})
	var body struct {
		Errors [1]struct {
			Message    string `json:"message"`
			Extensions struct {
				Code protocol.Code `json:"code"`
				Path string        `json:"path,omitempty"` // of a route that does not exist
			} `json:"extensions"`
		} `json:"errors"`
	}
	if refused.Code == protocol.CodeInvalidCollection {
		refused.Code = protocol.CodeForbidden // REST has no such code
	}
	body.Errors[0].Message = refused.Message
	body.Errors[0].Extensions.Code = refused.Code
	if refused.Code == protocol.CodeRouteNotFound {
		body.Errors[0].Extensions.Path = r.URL.Path
	}
	status, ok := statuses[refused.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	text, err := json.Marshal(body)
	if err != nil {
		text = []byte(`{"errors":[{"message":"An unexpected error occurred.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`)
	}
	writeJSON(w, status, text)
}

// ping serves /server/ping.
func (c *call) ping() error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.json(http.StatusOK, []byte("pong"))
	return nil
}

// health serves /server/health.
func (c *call) health() error {
	c.w.Header().Set("Content-Type", "application/health+json; charset=utf-8")
	if _, err := c.hub.store.Setting(c.r.Context(), "health"); err != nil {
		c.hub.log.Error("the store does not answer", "error", err)
		c.json(http.StatusServiceUnavailable, []byte(`{"status":"error"}`))
		return nil
	}
	c.json(http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}

// info serves /server/info. How to connect a socket is told only to those who
// are signed in, as in Directus.
func (c *call) info() error {
	type object = map[string]any
	info := object{"project": object{"project_name": c.hub.opts.ProjectName}}
	if c.who.User == "" {
		return c.data(info)
	}
	if c.hub.opts.Version != "" {
		info["version"] = c.hub.opts.Version
	}
	heartbeat := any(false)
	if c.hub.opts.Heartbeat > 0 {
		heartbeat = c.hub.opts.Heartbeat.Seconds()
	}
	info["queryLimit"] = object{"default": query.DefaultLimit, "max": -1}
	info["rateLimit"] = false
	info["websocket"] = object{
		"rest":                 object{"authentication": c.hub.opts.Mode, "path": c.hub.opts.Path},
		"graphql":              false,
		"heartbeat":            heartbeat,
		"logs":                 false,
		"collaborativeEditing": false,
	}
	return c.data(info)
}

// me serves /users/me.
func (c *call) me() error {
	if c.who.User == "" {
		return errNoItem
	}
	whole := c.hub.store.Schema().Collections[usersCollection]
	a := &access{whole: whole, seen: &query.Collection{Name: whole.Name, PrimaryKey: whole.PrimaryKey, System: true}}
	for _, f := range whole.Fields {
		if !f.Is("conceal") {
			a.seen.Fields = append(a.seen.Fields, f)
		}
	}
	env := c.who.env(c.hub.opts.Now())
	raw, err := queryOf(c.params)
	if err != nil {
		return err
	}
	q, err := prepare(raw, a, env)
	if err != nil {
		return err
	}
	rows, err := c.hub.store.Read(c.r.Context(), usersCollection, byKeys(a, []any{c.who.User}, env))
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return errNoItem
	}
	return c.reply(answer{data: query.AppendRow(nil, rows[0], q.Select(a.seen))})
}
