package protocol_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"leveret/protocol"
)

// rawFromClient returns a frame as the decoders of the protocol leave it.
func rawFromClient(t *testing.T, frame string) protocol.Raw {
	t.Helper()
	m, err := protocol.DecodeFromClient([]byte(frame))
	raw, ok := m.(protocol.Raw)
	if err != nil || !ok {
		t.Fatalf("%s is %T, %v", frame, m, err)
	}
	return raw
}

func TestPresenceIsReadAsItIsWritten(t *testing.T) {
	for _, c := range []struct {
		message protocol.Presence
		frame   string
	}{
		{protocol.Presence{Action: protocol.PresenceJoin, Collection: "articles", Item: json.RawMessage(`5`), Data: json.RawMessage(`{"a":1}`), TTL: 30, UID: protocol.StringUID("p")},
			`{"type":"presence","action":"join","collection":"articles","item":5,"data":{"a":1},"ttl":30,"uid":"p"}`},
		{protocol.Presence{Action: protocol.PresenceJoin, Collection: "articles", UID: protocol.IntUID(1)},
			`{"type":"presence","action":"join","collection":"articles","uid":1}`},
		{protocol.Presence{Action: protocol.PresenceUpdate, Data: json.RawMessage(`[1]`), UID: protocol.IntUID(1)}, `{"type":"presence","action":"update","data":[1],"uid":1}`},
		{protocol.Presence{Action: protocol.PresenceHeartbeat, UID: protocol.IntUID(1)}, `{"type":"presence","action":"heartbeat","uid":1}`},
		{protocol.Presence{Action: protocol.PresenceLeave, UID: protocol.IntUID(1)}, `{"type":"presence","action":"leave","uid":1}`},
	} {
		raw, err := c.message.Raw()
		if err != nil || string(raw.Frame) != c.frame {
			t.Errorf("%+v is written as %s, %v", c.message, raw.Frame, err)
		}
		if got, err := protocol.DecodePresence(rawFromClient(t, c.frame)); err != nil || !reflect.DeepEqual(got, c.message) {
			t.Errorf("%s is read as %+v, %v", c.frame, got, err)
		}
	}
	if _, err := (protocol.Presence{Action: protocol.PresenceUpdate, Data: json.RawMessage(`{`)}).Raw(); err == nil {
		t.Error("data that is no JSON was written")
	}
}

func TestPresenceThatIsRefused(t *testing.T) {
	for _, frame := range []string{
		`{"type":"presence","uid":"p"}`,
		`{"type":"presence","action":"dance","uid":"p"}`,
		`{"type":"presence","action":"join","uid":"p"}`,
		`{"type":"presence","action":"join","collection":"a"}`,
		`{"type":"presence","action":"join","collection":"a","item":[],"uid":"p"}`,
		`{"type":"presence","action":"join","collection":"a","ttl":"30","uid":"p"}`,
		`{"type":"presence","action":"join","collection":"a","ttl":0,"uid":"p"}`,
		`{"type":"presence","action":"join","collection":"a","ttl":-1,"uid":"p"}`,
		`{"type":"presence","action":"join","collection":"a","ttl":1.5,"uid":"p"}`,
		`{"type":"presence","action":"join","collection":"a","ttl":9999999999,"uid":"p"}`,
		`{"type":"presence","action":"leave"}`,
	} {
		raw := rawFromClient(t, frame)
		_, err := protocol.DecodePresence(raw)
		var refused *protocol.Error
		if !errors.As(err, &refused) || refused.Type != protocol.TypePresence || refused.Code != protocol.CodeInvalidPayload || refused.UID != raw.UID {
			t.Errorf("%s: %v", frame, err)
		}
	}
	for _, frame := range []string{`{"type":"broadcast","data":1}`, `{"type":"broadcast","channel":7,"uid":1}`} {
		if _, err := protocol.DecodeBroadcast(rawFromClient(t, frame)); !errors.Is(err, protocol.CodeInvalidPayload) {
			t.Errorf("%s: %v", frame, err)
		}
	}
}

func TestPresenceEventIsReadAsItIsWritten(t *testing.T) {
	for _, c := range []struct {
		message protocol.PresenceEvent
		frame   string
	}{
		{protocol.PresenceEvent{Event: protocol.EventInit, ID: "a", TTL: 30, Members: []protocol.Attendee{{ID: "a", User: "u", Data: json.RawMessage(`{"x":1}`)}, {ID: "b"}}, UID: protocol.IntUID(1)},
			`{"type":"presence","event":"init","id":"a","ttl":30,"members":[{"id":"a","user":"u","data":{"x":1}},{"id":"b","user":null}],"uid":1}`},
		{protocol.PresenceEvent{Event: protocol.EventLeave, Members: []protocol.Attendee{{ID: "a"}}, UID: protocol.StringUID("p")},
			`{"type":"presence","event":"leave","members":[{"id":"a"}],"uid":"p"}`},
	} {
		raw, err := c.message.Raw()
		if err != nil || string(raw.Frame) != c.frame {
			t.Errorf("%+v is written as %s, %v", c.message, raw.Frame, err)
		}
		decoded, ok := protocol.DecodeFromServer([]byte(c.frame)).(protocol.Raw)
		got, read := protocol.DecodePresenceEvent(decoded)
		if !ok || !read || !reflect.DeepEqual(got, c.message) {
			t.Errorf("%s is read as %+v", c.frame, got)
		}
	}
	for _, frame := range []string{`{"type":"presence"}`, `{"type":"presence","event":"create","members":[]}`, `{"type":"presence","event":"init"}`, `{"type":"other","event":"init","members":[]}`, `x`} {
		raw, _ := protocol.DecodeFromServer([]byte(frame)).(protocol.Raw)
		if got, ok := protocol.DecodePresenceEvent(raw); ok {
			t.Errorf("%s is read as %+v", frame, got)
		}
	}
	raw, err := protocol.Broadcast{Channel: "c", Data: json.RawMessage(`[1]`), From: "a", UID: protocol.IntUID(1)}.Raw()
	if want := `{"type":"broadcast","channel":"c","data":[1],"from":"a","uid":1}`; err != nil || string(raw.Frame) != want {
		t.Errorf("a broadcast is written as %s, %v", raw.Frame, err)
	}
	if got, err := protocol.DecodeBroadcast(raw); err != nil || got.Channel != "c" || string(got.Data) != "[1]" || got.From != "a" {
		t.Errorf("it is read as %+v, %v", got, err)
	}
}
