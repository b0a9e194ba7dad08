package protocol

import (
	"encoding/json"
	"strings"
)

// envelope is the members of a frame, each still JSON. Of a repeated key the
// last one counts, as in JavaScript.
type envelope struct {
	kind, uid, status, failure, refreshToken []byte
	event, data, meta, commit                []byte
	capabilities, types                      []byte
	collection, action, item, id, ids, query []byte
	accessToken, email, password             []byte
}

func scanEnvelope(frame []byte) (e envelope, ok bool) {
	ok = scanObject(frame, func(key, value []byte) {
		if slot := e.slot(key); slot != nil {
			*slot = value
		}
	})
	return e, ok
}

func (e *envelope) slot(key []byte) *[]byte {
	name := key[1 : len(key)-1]
	if strings.IndexByte(string(name), '\\') >= 0 {
		s, _ := unquote(key)
		name = []byte(s)
	}
	switch string(name) {
	case "type":
		return &e.kind
	case "uid":
		return &e.uid
	case "status":
		return &e.status
	case "error":
		return &e.failure
	case "refresh_token":
		return &e.refreshToken
	case "event":
		return &e.event
	case "data":
		return &e.data
	case "meta":
		return &e.meta
	case "capabilities":
		return &e.capabilities
	case "types":
		return &e.types
	case "commit":
		return &e.commit
	case "collection":
		return &e.collection
	case "action":
		return &e.action
	case "item":
		return &e.item
	case "id":
		return &e.id
	case "ids":
		return &e.ids
	case "query":
		return &e.query
	case "access_token":
		return &e.accessToken
	case "email":
		return &e.email
	case "password":
		return &e.password
	}
	return nil
}

// DecodeFromServer reads what a server sent. It never fails: a frame that is not
// one of the protocol's is a [Raw]. Payloads are slices of frame, not copies.
func DecodeFromServer(frame []byte) Message {
	e, ok := scanEnvelope(frame)
	if !ok {
		return Raw{Frame: frame}
	}
	if m, ok := e.subscription(); ok {
		return m
	}
	kind, _ := Text(e.kind)
	uid, err := ParseUID(e.uid)
	raw := Raw{Type: kind, UID: uid, Frame: frame}
	if err != nil {
		return raw
	}
	status, _ := Text(e.status)
	if status == "error" && kind != "" {
		code, ok := Text(Member(e.failure, "code"))
		if !ok {
			return raw
		}
		message, _ := Text(Member(e.failure, "message"))
		return &Error{Type: kind, Code: Code(code), Message: message, UID: uid}
	}
	switch kind {
	case TypeAuth:
		if status != "ok" {
			return raw
		}
		token, _ := Text(e.refreshToken)
		return AuthOK{RefreshToken: token, UID: uid}
	case TypePing:
		return Ping{UID: uid}
	case TypePong:
		return Pong{UID: uid}
	case TypeItems:
		return Reply{Data: e.data, Meta: e.meta, UID: uid}
	}
	return raw
}

// DecodeSubscription is [DecodeFromServer] for those who get little else: it reads a
// [Subscription] without making a Message of it. ok is false for any other frame.
func DecodeSubscription(frame []byte) (m Subscription, ok bool) {
	e, ok := scanEnvelope(frame)
	if !ok {
		return m, false
	}
	return e.subscription()
}

// subscription reads what a subscriber is told.
func (e *envelope) subscription() (m Subscription, ok bool) {
	if !isWord(e.kind, TypeSubscription) || isWord(e.status, "error") {
		return m, false
	}
	event, known := eventOf(e.event)
	uid, err := ParseUID(e.uid)
	if !known || err != nil {
		return m, false
	}
	return Subscription{
		Event:        event,
		Data:         e.data,
		Meta:         e.meta,
		UID:          uid,
		Capabilities: texts(e.capabilities),
		Types:        e.types,
		Commit:       string(e.commit) == "true",
	}, true
}

var events = [...]Event{EventCreate, EventUpdate, EventDelete, EventInit, EventUnsubscribe}

// eventOf reads one of the server's events.
func eventOf(raw []byte) (Event, bool) {
	for _, event := range events {
		if isWord(raw, string(event)) {
			return event, true
		}
	}
	return "", false
}

// isWord compares a JSON string with a word, whatever escapes it is written with.
func isWord(raw []byte, word string) bool {
	if len(raw) == len(word)+2 && raw[0] == '"' && string(raw[1:len(raw)-1]) == word {
		return true
	}
	if len(raw) <= len(word)+2 {
		return false // an escape is longer than what it stands for
	}
	text, ok := Text(raw)
	return ok && text == word
}

// texts reads an array of strings; anything else in it is passed over.
func texts(raw []byte) []string {
	elements, _ := Elements(raw)
	var out []string
	for _, element := range elements {
		if s, ok := Text(element); ok {
			out = append(out, s)
		}
	}
	return out
}

// DecodeFromClient reads what a client sent, strictly. A type that the protocol
// does not have is a [Raw], since server extensions may take it. Anything else
// that is not well formed is an [*Error] to send back, with the type that
// Directus answers with ("server" for a bad envelope) and the request's uid
// where it has one.
//
// An "auth" without a usable credential is an error of type "auth"; Directus
// answers it after the handshake with nothing at all (§1.4), so who receives it
// decides whether to send it.
//
// Payloads are slices of frame, not copies.
func DecodeFromClient(frame []byte) (Message, error) {
	e, ok := scanEnvelope(frame)
	if !ok {
		if !valid(frame) {
			return nil, &Error{Type: TypeServer, Code: CodeInvalidPayload, Message: "Unable to parse the incoming message."}
		}
		return nil, invalid(TypeServer, UID{}, expected("object", frame, ""))
	}
	if kindOf(e.kind) != kindString {
		return nil, invalid(TypeServer, UID{}, expected("string", e.kind, "type"))
	}
	kind, _ := Text(e.kind)
	if k := kindOf(e.uid); e.uid != nil && k != kindString && k != kindNumber {
		return nil, invalid(TypeServer, UID{}, expected("string", e.uid, "uid")+" or "+expected("number", e.uid, "uid"))
	}
	uid, _ := ParseUID(e.uid)
	switch kind {
	case TypeAuth:
		return decodeAuth(&e, uid)
	case TypeSubscribe:
		return decodeSubscribe(&e, uid)
	case TypeUnsubscribe:
		return Unsubscribe{UID: uid}, nil
	case TypeItems:
		return decodeItems(&e, uid)
	case TypePing:
		return Ping{UID: uid}, nil
	case TypePong:
		return Pong{UID: uid}, nil
	}
	return Raw{Type: kind, UID: uid, Frame: frame}, nil
}

func decodeAuth(e *envelope, uid UID) (Message, error) {
	m := Auth{UID: uid}
	m.AccessToken, _ = Text(e.accessToken)
	m.RefreshToken, _ = Text(e.refreshToken)
	m.Email, _ = Text(e.email)
	m.Password, _ = Text(e.password)
	if m.AccessToken == "" && m.RefreshToken == "" && (m.Password == "" || !strings.Contains(m.Email, "@")) {
		return nil, &Error{Type: TypeAuth, Code: CodeAuthFailed, Message: "Authentication failed.", UID: uid}
	}
	return m, nil
}

func decodeSubscribe(e *envelope, uid UID) (Message, error) {
	var issues []string
	m := Subscribe{UID: uid, Item: present(e.item), Query: present(e.query), Capabilities: texts(e.capabilities)}
	if m.Collection, _ = Text(e.collection); kindOf(e.collection) != kindString {
		issues = append(issues, expected("string", e.collection, "collection"))
	}
	if event, _ := Text(e.event); e.event != nil {
		switch m.Event = Event(event); m.Event {
		case EventCreate, EventUpdate, EventDelete:
		default:
			issues = append(issues, `Invalid option: expected one of "create"|"update"|"delete" at "event"`)
		}
	}
	if k := kindOf(e.item); e.item != nil && k != kindString && k != kindNumber {
		issues = append(issues, expected("string", e.item, "item")+" or "+expected("number", e.item, "item"))
	}
	if k := kindOf(e.query); e.query != nil && k != kindObject {
		issues = append(issues, expected("record", e.query, "query"))
	}
	if issues != nil {
		return nil, invalid(TypeSubscribe, uid, strings.Join(issues, "; "))
	}
	return m, nil
}

func decodeItems(e *envelope, uid UID) (Message, error) {
	var issues []string
	m := Items{UID: uid, ID: present(e.id), Data: present(e.data), Query: present(e.query)}
	if m.Collection, _ = Text(e.collection); kindOf(e.collection) != kindString {
		issues = append(issues, expected("string", e.collection, "collection"))
	}
	action, _ := Text(e.action)
	switch m.Action = Action(action); m.Action {
	case ActionCreate, ActionRead, ActionUpdate, ActionDelete:
	default:
		issues = append(issues, `Invalid input: expected "create" at "action" or Invalid input: expected "read" at "action" or Invalid input: expected "update" at "action" or Invalid input: expected "delete" at "action"`)
	}
	if k := kindOf(e.id); e.id != nil && k != kindString && k != kindNumber {
		issues = append(issues, expected("string", e.id, "id")+" or "+expected("number", e.id, "id"))
	}
	if k := kindOf(e.query); m.Query != nil && k != kindObject {
		issues = append(issues, expected("record", e.query, "query"))
	}
	if e.ids != nil {
		elements, ok := Elements(e.ids)
		if !ok {
			issues = append(issues, expected("array", e.ids, "ids"))
		}
		m.IDs = make([]json.RawMessage, 0, len(elements))
		for _, element := range elements {
			if k := kindOf(element); k != kindString && k != kindNumber {
				issues = append(issues, expected("string", element, "ids")+" or "+expected("number", element, "ids"))
				break
			}
			m.IDs = append(m.IDs, element)
		}
	}
	if issues != nil {
		return nil, invalid(TypeItems, uid, strings.Join(issues, "; "))
	}
	return m, nil
}

// present returns nil for an absent value and for null.
func present(raw []byte) json.RawMessage {
	if kindOf(raw) == kindNull {
		return nil
	}
	return raw
}

// expected words an issue as Directus's validator does; the wording varies with
// its version, so nobody should compare it.
func expected(want string, got []byte, at string) string {
	s := "Invalid input: expected " + want + ", received " + kindOf(got).String()
	if at != "" {
		s += ` at "` + at + `"`
	}
	return s
}

func invalid(kind string, uid UID, issues string) error {
	return &Error{Type: kind, Code: CodeInvalidPayload, Message: "Validation error: " + issues, UID: uid}
}
