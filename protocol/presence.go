package protocol

import (
	"encoding/json"
	"strings"
)

// This file is who else is there, and what they say to each other: messages beyond
// Directus, whose stock server ignores them as it does every type that it does not
// know. The decoders of the protocol leave them a [Raw], so that a program which
// has no use for them does not pay for them.
//
// Whoever may read an item may join its room, and whoever may read a collection the
// collection's own:
//
//	→ {"type":"presence","action":"join","collection":"articles","item":5,"data":{"field":"title"},"ttl":30,"uid":"p"}
//	← {"type":"presence","event":"init","id":"…","ttl":30,"members":[{"id":"…","user":"…","data":{…}}],"uid":"p"}
//	← {"type":"presence","event":"join","members":[{"id":"…","user":null}],"uid":"p"}
//	→ {"type":"presence","action":"update","data":{"field":"body"},"uid":"p"}
//	→ {"type":"presence","action":"heartbeat","uid":"p"}
//	→ {"type":"broadcast","channel":"cursor","data":[3,7],"uid":"p"}
//	← {"type":"broadcast","channel":"cursor","data":[3,7],"from":"…","uid":"p"}
//	→ {"type":"presence","action":"leave","uid":"p"}
//	← {"type":"presence","event":"leave","members":[{"id":"…"}],"uid":"p"}
//
// A refusal is an [*Error] of the same type and uid. After one, and after a leave of
// its own id, whoever asked is not in the room (any more); except that one whose
// code is REQUESTS_EXCEEDED, LIMIT_EXCEEDED or INVALID_PAYLOAD changes nothing.

// The words of the field "type" beyond Directus.
const (
	TypePresence  = "presence"
	TypeBroadcast = "broadcast"
)

// A PresenceAction is what a [Presence] asks for.
type PresenceAction string

// The actions. A member that does nothing for its time to live is gone, so one that
// has nothing to say says Heartbeat.
const (
	PresenceJoin      PresenceAction = "join"
	PresenceUpdate    PresenceAction = "update"    // replace the member's data
	PresenceHeartbeat PresenceAction = "heartbeat" // not answered
	PresenceLeave     PresenceAction = "leave"     // always answered
)

// A Presence is what a client asks of a room. The UID names its place there on this
// connection, as a subscription's does; a join with a uid in use leaves first.
type Presence struct {
	Action     PresenceAction
	Collection string          // of a join
	Item       json.RawMessage // of a join: a key, or nil for the whole collection
	Data       json.RawMessage // of a join or an update: any JSON, or nil
	TTL        int             // of a join: the time to live in seconds; 0 = the server's default
	UID        UID
}

// A PresenceEvent is what a member is told of its room.
type PresenceEvent struct {
	Event   Event      // EventInit, EventUpdate, or one of the two below
	ID      string     // of the init: the member's own
	TTL     int        // of the init: the member's time to live in seconds
	Members []Attendee // of the init everybody, the member itself included; else those concerned
	UID     UID
}

// The events of a room beside EventInit and EventUpdate.
const (
	EventJoin  Event = "join"
	EventLeave Event = "leave" // its members have an id only
)

// An Attendee is a member of a room: every join makes one, so a person with two tabs
// is two.
type Attendee struct {
	ID   string          // made by the server, for this join
	User string          // a user's id; "" = the public
	Data json.RawMessage // nil = none
}

// A Broadcast is what one member says to all others of its room.
type Broadcast struct {
	Channel string          // the program's own name for what it is about; "" = none
	Data    json.RawMessage // any JSON, or nil
	From    string          // from the server only: the id of the member who said it
	UID     UID
}

// Raw returns the message as a frame. It fails if Item or Data is not valid JSON.
func (m Presence) Raw() (Raw, error) {
	var e encoder
	e.begin(TypePresence)
	e.always("action", string(m.Action))
	e.text("collection", m.Collection)
	e.raw("item", m.Item)
	e.raw("data", m.Data)
	if m.TTL != 0 {
		e.raw("ttl", json.RawMessage(IntUID(int64(m.TTL)).JSON()))
	}
	return e.frame(TypePresence, m.UID)
}

// Raw returns the message as a frame. It fails if a member's data is not valid JSON.
func (m PresenceEvent) Raw() (Raw, error) {
	var e encoder
	e.begin(TypePresence)
	e.always("event", string(m.Event))
	e.text("id", m.ID)
	if m.TTL != 0 {
		e.raw("ttl", json.RawMessage(IntUID(int64(m.TTL)).JSON()))
	}
	e.key("members")
	e.buf = append(e.buf, '[')
	for i, member := range m.Members {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = append(e.buf, `{"id":`...)
		e.buf = appendString(e.buf, member.ID)
		if m.Event != EventLeave {
			e.key("user")
			if member.User == "" {
				e.buf = append(e.buf, "null"...)
			} else {
				e.buf = appendString(e.buf, member.User)
			}
			e.raw("data", member.Data)
		}
		e.buf = append(e.buf, '}')
	}
	e.buf = append(e.buf, ']')
	return e.frame(TypePresence, m.UID)
}

// Raw returns the message as a frame. It fails if Data is not valid JSON.
func (m Broadcast) Raw() (Raw, error) {
	var e encoder
	e.begin(TypeBroadcast)
	e.text("channel", m.Channel)
	e.raw("data", m.Data)
	e.text("from", m.From)
	return e.frame(TypeBroadcast, m.UID)
}

func (e *encoder) frame(kind string, uid UID) (Raw, error) {
	m := Raw{Type: kind, UID: uid}
	e.raw("uid", json.RawMessage(uid.JSON()))
	var err error
	m.Frame, err = e.end(m)
	return m, err
}

// DecodePresence reads what a client asks of a room. Its error is an [*Error] that
// answers it.
func DecodePresence(raw Raw) (Presence, error) {
	var issues []string
	kind, _ := Text(Member(raw.Frame, "action"))
	m := Presence{Action: PresenceAction(kind), UID: raw.UID}
	if m.UID.IsZero() {
		issues = append(issues, expected("string", nil, "uid"))
	}
	switch m.Action {
	case PresenceJoin:
		collection := Member(raw.Frame, "collection")
		if m.Collection, _ = Text(collection); kindOf(collection) != kindString {
			issues = append(issues, expected("string", collection, "collection"))
		}
		m.Item = present(Member(raw.Frame, "item"))
		if k := kindOf(m.Item); m.Item != nil && k != kindString && k != kindNumber {
			issues = append(issues, expected("string", m.Item, "item")+" or "+expected("number", m.Item, "item"))
		}
		if ttl := present(Member(raw.Frame, "ttl")); ttl != nil {
			var ok bool
			if m.TTL, ok = seconds(ttl); !ok {
				issues = append(issues, `Invalid input: expected whole seconds at "ttl"`)
			}
		}
	case PresenceUpdate, PresenceHeartbeat, PresenceLeave:
	default:
		issues = append(issues, `Invalid option: expected one of "join"|"update"|"heartbeat"|"leave" at "action"`)
	}
	m.Data = present(Member(raw.Frame, "data"))
	if issues != nil {
		return m, invalid(TypePresence, raw.UID, strings.Join(issues, "; "))
	}
	return m, nil
}

// seconds reads a whole positive number.
func seconds(raw []byte) (n int, ok bool) {
	if len(raw) == 0 || len(raw) > 9 {
		return 0, false
	}
	for _, c := range raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, n > 0
}

// DecodeBroadcast reads what a member says to its room. Its error is an [*Error]
// that answers it.
func DecodeBroadcast(raw Raw) (Broadcast, error) {
	var issues []string
	m := Broadcast{Data: present(Member(raw.Frame, "data")), UID: raw.UID}
	m.From, _ = Text(Member(raw.Frame, "from"))
	if m.UID.IsZero() {
		issues = append(issues, expected("string", nil, "uid"))
	}
	if channel := present(Member(raw.Frame, "channel")); channel != nil {
		var ok bool
		if m.Channel, ok = Text(channel); !ok {
			issues = append(issues, expected("string", channel, "channel"))
		}
	}
	if issues != nil {
		return m, invalid(TypeBroadcast, raw.UID, strings.Join(issues, "; "))
	}
	return m, nil
}

// DecodePresenceEvent reads what a member is told of its room; ok is false for
// anything else.
func DecodePresenceEvent(raw Raw) (m PresenceEvent, ok bool) {
	event, _ := Text(Member(raw.Frame, "event"))
	m = PresenceEvent{Event: Event(event), UID: raw.UID}
	switch m.Event {
	case EventInit, EventJoin, EventUpdate, EventLeave:
	default:
		return m, false
	}
	m.ID, _ = Text(Member(raw.Frame, "id"))
	m.TTL, _ = seconds(Member(raw.Frame, "ttl"))
	members, ok := Elements(Member(raw.Frame, "members"))
	if !ok || raw.Type != TypePresence {
		return m, false
	}
	for _, member := range members {
		var a Attendee
		a.ID, _ = Text(Member(member, "id"))
		a.User, _ = Text(Member(member, "user"))
		a.Data = present(Member(member, "data"))
		m.Members = append(m.Members, a)
	}
	return m, true
}
