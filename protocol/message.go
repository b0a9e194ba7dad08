package protocol

import "encoding/json"

// The words of the field "type".
const (
	TypeAuth         = "auth"
	TypePing         = "ping"
	TypePong         = "pong"
	TypeSubscribe    = "subscribe"
	TypeUnsubscribe  = "unsubscribe"
	TypeItems        = "items"
	TypeSubscription = "subscription"
	TypeServer       = "server"
)

// A Message is one frame: an [Auth], [Subscribe], [Unsubscribe], [Items], [Ping]
// or [Pong] from a client; an [AuthOK], [Subscription], [Reply], [Ping], [Pong]
// or [*Error] from a server; a [Raw] from either.
type Message interface {
	// Kind returns the frame's "type", or "" where it has none.
	Kind() string
}

// Auth asks the server to accept a credential. Exactly one of three shapes is
// expected: AccessToken, RefreshToken, or Email with Password. If several are
// set, Directus lets the access token win over the refresh token, and that over
// the e-mail.
type Auth struct {
	AccessToken  string
	RefreshToken string
	Email        string
	Password     string
	UID          UID
}

// AuthOK is the server's yes to an [Auth]. A login by e-mail or by refresh token
// brings a new RefreshToken; the access token itself is never told.
type AuthOK struct {
	RefreshToken string
	UID          UID
}

// An Event names a change: what a subscriber asks for and is told.
type Event string

// The events. A subscriber may ask for Create, Update or Delete only; Init and
// Unsubscribe are the server's acknowledgements.
const (
	EventInit        Event = "init"
	EventCreate      Event = "create"
	EventUpdate      Event = "update"
	EventDelete      Event = "delete"
	EventUnsubscribe Event = "unsubscribe"
)

// Subscribe asks for the changes of a collection.
type Subscribe struct {
	Collection string
	Event      Event           // "" = every event, and data in the init
	Item       json.RawMessage // a key (string or number), or nil for the whole collection
	Query      json.RawMessage // an object, or nil
	UID        UID
	// Extra is an object whose members are sent too, for a server's own extensions; nil
	// = none. DecodeFromClient passes such members over.
	Extra json.RawMessage
	// Capabilities names what the client can make use of beyond Directus. A
	// stock server ignores it; ours answers in [Subscription.Capabilities].
	Capabilities []string
}

// The capabilities that our server may honour.
const (
	// CapabilityCommit: the last event frame of each commit carries "commit":true.
	CapabilityCommit = "commit"
	// CapabilityLeave: an item that leaves the filter is told as a delete.
	CapabilityLeave = "leave"
	// CapabilityOrder: events arrive in commit order, and the init and the
	// registration are one step.
	CapabilityOrder = "order"
	// CapabilityTombstones: the keys of deleted rows are kept for 24 hours, and a
	// repeated create of such a key is refused.
	CapabilityTombstones = "tombstones"
	// CapabilityTypes: the init tells the types of the fields that the query looks at.
	CapabilityTypes = "types"
)

// Unsubscribe ends the subscription with that uid, or all of the connection's
// when it has none. It is always answered, even if there was no such subscription.
type Unsubscribe struct {
	UID UID
}

// An Action is what an [Items] request does.
type Action string

// The actions.
const (
	ActionCreate Action = "create"
	ActionRead   Action = "read"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
)

// Items reads or changes items. Which of ID, IDs, Data and Query apply depends
// on the action; ID wins over IDs, and both over Query.
type Items struct {
	Collection string
	Action     Action
	ID         json.RawMessage   // a key, or nil
	IDs        []json.RawMessage // keys; nil = not given, empty = none
	Data       json.RawMessage   // an object or an array of objects, or nil
	Query      json.RawMessage   // an object, or nil
	UID        UID
}

// Ping asks for a [Pong]. The server sends it as the heartbeat; Directus answers
// a client's ping only while its heartbeat is enabled.
type Ping struct{ UID UID }

// Pong answers a [Ping].
type Pong struct{ UID UID }

// A Subscription is what a subscriber is told: the init, a change, or the end.
type Subscription struct {
	Event Event
	// Data is an array of items for init, create and update; an array of keys for
	// delete; one object or one key for a subscription to an item; nil where the
	// frame has none.
	Data json.RawMessage
	Meta json.RawMessage
	UID  UID
	// Capabilities, in the init only: those of the client's that this server has.
	Capabilities []string
	// Types, in the init only, for clients with [CapabilityTypes]: an object of what
	// Directus calls the types of the fields that the query shows, filters and sorts by,
	// {"title":"string","author.age":"integer"}; nil where the frame has none.
	Types json.RawMessage
	// Commit marks the last frame of a commit, for clients with [CapabilityCommit].
	Commit bool
}

// A Reply is the answer to an [Items] request.
type Reply struct {
	Data json.RawMessage
	Meta json.RawMessage
	UID  UID
}

// Raw is a frame that is none of the others: an unknown type, no type, or no
// JSON at all. Nothing of it is lost.
type Raw struct {
	Type  string // "" if there is none
	UID   UID
	Frame []byte
}

// Kind returns "auth".
func (Auth) Kind() string { return TypeAuth }

// Kind returns "auth".
func (AuthOK) Kind() string { return TypeAuth }

// Kind returns "subscribe".
func (Subscribe) Kind() string { return TypeSubscribe }

// Kind returns "unsubscribe".
func (Unsubscribe) Kind() string { return TypeUnsubscribe }

// Kind returns "items".
func (Items) Kind() string { return TypeItems }

// Kind returns "ping".
func (Ping) Kind() string { return TypePing }

// Kind returns "pong".
func (Pong) Kind() string { return TypePong }

// Kind returns "subscription".
func (Subscription) Kind() string { return TypeSubscription }

// Kind returns "items".
func (Reply) Kind() string { return TypeItems }

// Kind returns the type the frame named, or "".
func (m Raw) Kind() string { return m.Type }

// Kind returns whose error it is.
func (e *Error) Kind() string { return e.Type }

// UIDOf returns the uid of a message, or the zero UID.
func UIDOf(m Message) UID {
	switch m := m.(type) {
	case Auth:
		return m.UID
	case AuthOK:
		return m.UID
	case Subscribe:
		return m.UID
	case Unsubscribe:
		return m.UID
	case Items:
		return m.UID
	case Ping:
		return m.UID
	case Pong:
		return m.UID
	case Subscription:
		return m.UID
	case Reply:
		return m.UID
	case Raw:
		return m.UID
	case *Error:
		return m.UID
	}
	return UID{}
}
