package directus

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// A WebSocketService lets the program around a hub talk to its sockets and listen
// to what happens on them, as Directus's class of that name does for extensions.
// It keeps nothing itself: every service of a hub sees the same sockets, and what
// is registered through one is removed through any.
//
// Its methods are safe for concurrent use, in handlers and filters too.
type WebSocketService struct{ hub *Hub }

// NewWebSocketService returns a service for a hub's sockets.
func NewWebSocketService(h *Hub) *WebSocketService { return &WebSocketService{h} }

// A BroadcastFilter says who is told. Where both are set, both must match; the
// zero filter is everybody, the public included.
type BroadcastFilter struct {
	User string `json:"user"` // a user's id
	Role string `json:"role"` // a role's id: the user's own, not one that it inherits from
}

// Broadcast sends a message to all sockets that the filter lets through, and
// returns to how many. (Sockets that have not authenticated yet are not among
// them.) A string is sent as it is, and must be UTF-8; anything else is encoded as
// JSON and must be an object, which clients expect to have a "type"; a
// protocol.Message is its frame. Only a message that cannot be sent is an error.
//
// It waits for nobody: a socket whose queue is full loses its connection, as with
// events. And it never stands between the frames of one commit: whoever was told
// of a change before the call is told of it before the message.
func (s *WebSocketService) Broadcast(message any, filter BroadcastFilter) (sockets int, err error) {
	frame, err := frameOf(message)
	if err != nil {
		return 0, fmt.Errorf("broadcast: %w", err)
	}
	s.hub.commits.RLock()
	defer s.hub.commits.RUnlock()
	for _, c := range s.hub.open() {
		who := c.who()
		if filter.User != "" && filter.User != who.User || filter.Role != "" && filter.Role != who.Role {
			continue
		}
		if c.push(frame) == nil {
			sockets++
		}
	}
	return sockets, nil
}

// Clients returns the sockets that are open and authenticated (in mode public:
// open), as of now, the oldest first.
func (s *WebSocketService) Clients() []Client {
	var clients []Client
	for _, c := range s.hub.open() {
		clients = append(clients, Client{c})
	}
	slices.SortFunc(clients, func(a, b Client) int { return cmp.Compare(a.c.number, b.c.number) })
	return clients
}

// A Client is one socket. Two of the same socket are equal, so that it can be the
// key of a map.
type Client struct{ c *client }

// UID returns the socket's own id, a random uuid. It is told to nobody else.
func (c Client) UID() string { return c.c.uid }

// An Accountability is on whose behalf a socket asks, and from where.
type Accountability struct {
	User  string   // the user's id; "" = the public
	Role  string   // the id of the user's own role; "" = none
	Roles []string // that role and those it inherits from
	Admin bool     // may do everything
	App   bool     // may use Directus's own app

	IP, UserAgent, Origin string // of the upgrade; "" where it told none
}

// Accountability returns on whose behalf the socket asks now. Another "auth", or
// the end of the token, changes that.
func (c Client) Accountability() Accountability {
	who, peer := c.c.who(), c.c.peer
	return Accountability{
		User: who.User, Role: who.Role, Roles: slices.Clone(who.Roles), Admin: who.Admin, App: who.App,
		IP: peer.IP, UserAgent: peer.UserAgent, Origin: peer.Origin,
	}
}

// Expires returns when the socket's token ends; zero = never.
func (c Client) Expires() time.Time { return c.c.who().Expires }

// Send sends a message to the socket, which may be anything that
// [WebSocketService.Broadcast] takes. It waits for nobody. An error says that the
// message cannot be sent, or is transport.ErrClosed or transport.ErrOverflow (which
// closes the socket): then the connection is lost.
func (c Client) Send(message any) error {
	frame, err := frameOf(message)
	if err == nil {
		err = c.c.push(frame)
	}
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Close closes the socket, after what was sent before, and waits for nothing. The
// code is 1000, or one of 3000 to 4999, which are the program's own; 0 is 1000.
func (c Client) Close(code int, reason string) error {
	switch {
	case code == 0:
		code = transport.CloseNormal
	case code != transport.CloseNormal && (code < 3000 || code > 4999):
		return fmt.Errorf("close: a program's own close codes are 1000 and 3000 to 4999, not %d", code)
	}
	c.c.close(code, reason)
	return nil
}

// frameOf returns the frame of what a program sends.
func frameOf(message any) (frame []byte, err error) {
	switch m := message.(type) {
	case string:
		frame = []byte(m)
	case protocol.Message:
		frame, err = protocol.Encode(m)
	default:
		if frame, err = json.Marshal(message); err == nil && frame[0] != '{' {
			err = fmt.Errorf("%T is encoded as %.20s: give a string, or what is encoded as an object", message, frame)
		}
	}
	if err == nil && !utf8.Valid(frame) {
		err = errors.New("the text is not UTF-8, which no socket takes")
	}
	return frame, err
}

// open returns the sockets that get pings and events and are not being closed.
func (h *Hub) open() []*client {
	h.mu.Lock()
	defer h.mu.Unlock()
	clients := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		if c.ready.Load() && c.closedBy() == nil {
			clients = append(clients, c)
		}
	}
	return clients
}

// broadcast serves /utils/broadcast, which Directus does not have: an
// administrator's way to WebSocketService.Broadcast.
func (c *call) broadcast() error {
	if !c.who.Admin {
		return errNoItem
	}
	var body struct {
		Message json.RawMessage
		Filter  BroadcastFilter
	}
	if err := c.object(&body); err != nil {
		return err
	}
	var message any = body.Message
	if text, ok := protocol.Text(body.Message); ok {
		message = text
	} else if !bytes.HasPrefix(body.Message, []byte("{")) {
		return invalidPayload(`The body must be {"message":…,"filter":{"user":…,"role":…}}, where the message is a string or an object and the filter can be left out.`)
	}
	n, err := NewWebSocketService(c.hub).Broadcast(message, body.Filter)
	if err != nil {
		return invalidPayload("The message cannot be sent: %v.", err)
	}
	return c.data(map[string]int{"clients": n})
}
