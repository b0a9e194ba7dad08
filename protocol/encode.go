package protocol

import (
	"encoding/json"
	"fmt"
)

// Encode returns the frame of a message: a JSON object with "type" first, "uid"
// last, and whatever is not set left out. A [Raw] is its frame. It fails if a
// payload is not valid JSON, or the message is of no known kind.
func Encode(m Message) ([]byte, error) {
	var e encoder
	switch m := m.(type) {
	case Auth:
		e.begin(TypeAuth)
		e.text("access_token", m.AccessToken)
		e.text("refresh_token", m.RefreshToken)
		e.text("email", m.Email)
		e.text("password", m.Password)
	case AuthOK:
		e.begin(TypeAuth)
		e.text("status", "ok")
		e.raw("uid", json.RawMessage(m.UID.JSON())) // here alone it does not stand last (recorded from Directus 11.17)
		e.text("refresh_token", m.RefreshToken)
		return e.end(m)
	case Subscribe:
		e.begin(TypeSubscribe)
		e.always("collection", m.Collection)
		e.text("event", string(m.Event))
		e.raw("item", m.Item)
		e.raw("query", m.Query)
		e.texts("capabilities", m.Capabilities)
		e.members(m.Extra)
	case Unsubscribe:
		e.begin(TypeUnsubscribe)
	case Items:
		e.begin(TypeItems)
		e.always("collection", m.Collection)
		e.always("action", string(m.Action))
		e.raw("id", m.ID)
		e.raws("ids", m.IDs)
		e.raw("data", m.Data)
		e.raw("query", m.Query)
	case Ping:
		e.begin(TypePing)
	case Pong:
		e.begin(TypePong)
	case Subscription:
		e.begin(TypeSubscription)
		e.always("event", string(m.Event))
		e.raw("data", m.Data)
		e.raw("meta", m.Meta)
		e.texts("capabilities", m.Capabilities)
		e.raw("types", m.Types)
		if m.Commit {
			e.raw("commit", json.RawMessage("true"))
		}
	case Reply:
		e.begin(TypeItems)
		e.raw("data", m.Data)
		e.raw("meta", m.Meta)
	case *Error:
		e.begin(m.Type)
		e.text("status", "error")
		e.key("error")
		e.buf = append(e.buf, `{"code":`...)
		e.buf = appendString(e.buf, string(m.Code))
		e.buf = append(e.buf, `,"message":`...)
		e.buf = appendString(e.buf, m.Message)
		e.buf = append(e.buf, '}')
	case Raw:
		return m.Frame, nil
	default:
		return nil, fmt.Errorf("encode a message: %T is not one of this package", m)
	}
	e.raw("uid", json.RawMessage(UIDOf(m).JSON()))
	return e.end(m)
}

// An encoder appends members to one object.
type encoder struct {
	buf []byte
	bad string // the first key whose value is not JSON
}

func (e *encoder) begin(kind string) {
	e.buf = append(make([]byte, 0, 256), `{"type":`...)
	e.buf = appendString(e.buf, kind)
}

func (e *encoder) end(m Message) ([]byte, error) {
	if e.bad != "" {
		return nil, fmt.Errorf("encode a message of type %q: %q is not valid JSON", m.Kind(), e.bad)
	}
	return append(e.buf, '}'), nil
}

func (e *encoder) key(name string) {
	e.buf = append(e.buf, ',')
	e.buf = appendString(e.buf, name)
	e.buf = append(e.buf, ':')
}

func (e *encoder) always(name, value string) {
	e.key(name)
	e.buf = appendString(e.buf, value)
}

func (e *encoder) text(name, value string) {
	if value != "" {
		e.always(name, value)
	}
}

func (e *encoder) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	e.key(name)
	e.buf = append(e.buf, '[')
	for i, value := range values {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.buf = appendString(e.buf, value)
	}
	e.buf = append(e.buf, ']')
}

func (e *encoder) raw(name string, value json.RawMessage) {
	if value == nil || len(value) == 0 && name == "uid" {
		return
	}
	if !valid(value) && e.bad == "" {
		e.bad = name
	}
	e.key(name)
	e.buf = append(e.buf, value...)
}

// members appends the members of an object.
func (e *encoder) members(object json.RawMessage) {
	if object == nil {
		return
	}
	if !scanObject(object, func(key, value []byte) {
		e.buf = append(append(append(append(e.buf, ','), key...), ':'), value...)
	}) && e.bad == "" {
		e.bad = "extra"
	}
}

func (e *encoder) raws(name string, values []json.RawMessage) {
	if values == nil {
		return
	}
	e.key(name)
	e.buf = append(e.buf, '[')
	for i, value := range values {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if !valid(value) && e.bad == "" {
			e.bad = name
		}
		e.buf = append(e.buf, value...)
	}
	e.buf = append(e.buf, ']')
}
