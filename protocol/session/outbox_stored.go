package session

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"leveret/protocol"
)

// A StoredWrite is a write as a store has it.
type StoredWrite struct {
	ID    string
	Value []byte
}

// EncodeWrite returns what is kept of a write, but for its ID: a JSON object.
func EncodeWrite(w Write) []byte {
	out := []byte(`{"v":1,"collection":`)
	text := func(s string) { out = append(out, protocol.StringUID(s).JSON()...) }
	member := func(name string) { out = append(append(append(out, `,"`...), name...), `":`...) }
	text(w.Collection)
	member("action")
	text(string(w.Action))
	if w.Key != nil {
		member("key")
		out = append(out, w.Key...)
	}
	if w.Data != nil {
		member("data")
		out = append(out, w.Data...)
	}
	member("at")
	out = strconv.AppendInt(out, w.At.UnixMilli(), 10)
	member("status")
	text(string(w.Status))
	if w.Code != "" {
		member("code")
		text(string(w.Code))
	}
	if w.Reason != "" {
		member("reason")
		text(w.Reason)
	}
	return append(out, '}')
}

// DecodeWrite reads it. What was written by a later version is an error.
func DecodeWrite(id string, value []byte) (Write, error) {
	w := Write{ID: id}
	if !protocol.Valid(value) || string(protocol.Member(value, "v")) != "1" {
		return w, errors.New("the outbox cannot read the write " + id)
	}
	text := func(name string) string { s, _ := protocol.Text(protocol.Member(value, name)); return s }
	raw := func(name string) json.RawMessage { return protocol.Member(value, name) }
	w.Collection, w.Action, w.Status = text("collection"), protocol.Action(text("action")), WriteStatus(text("status"))
	w.Key, w.Data = raw("key"), raw("data")
	w.Code, w.Reason = protocol.Code(text("code")), text("reason")
	at, err := strconv.ParseInt(string(raw("at")), 10, 64)
	w.At = time.UnixMilli(at)
	known := w.Status == WriteQueued || w.Status == WriteSent || w.Status == WriteUnknown || w.Status == WriteRefused
	change := w.Action == protocol.ActionCreate && w.Data != nil || w.Key != nil &&
		(w.Action == protocol.ActionUpdate && w.Data != nil || w.Action == protocol.ActionDelete)
	if err != nil || !known || !change || w.Collection == "" {
		return w, errors.New("the outbox cannot read the write " + id)
	}
	return w, nil
}

// nextID makes an ID that sorts after every one before: the time in milliseconds, a
// count, and chance.
func (o *Outbox) nextID() string {
	if milli := o.now.UnixMilli(); milli > o.lastMilli {
		o.lastMilli, o.lastCount = milli, 0
	} else if o.lastCount++; o.lastCount > maxCount {
		o.lastMilli, o.lastCount = o.lastMilli+1, 0
	}
	chance := int64(o.config.Rand() * (1 << 32))
	return hex(o.lastMilli, 12) + hex(o.lastCount, 4) + hex(chance, 8)
}

// maxCount is how many IDs of one millisecond there are, less one.
const maxCount = 0xffff

func hex(n int64, width int) string {
	s := strconv.FormatInt(n, 16)
	for len(s) < width {
		s = "0" + s
	}
	return s
}

// milliOf returns the time in an ID; 0 if it has none.
func milliOf(id string) int64 {
	if len(id) < 12 {
		return 0
	}
	n, err := strconv.ParseInt(id[:12], 16, 64)
	if err != nil {
		return 0
	}
	return n
}
