package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/coder/websocket"
)

// A stub answers on a socket as a Directus would whose collection is empty. Told
// "burst", it sends its events as fast as the socket takes them.
type stub struct{ events []string } // each without its uid and what closes it

// newStub prepares the events, so that sending them costs next to nothing.
func newStub(events int) *stub {
	s := &stub{}
	for i := range events {
		item, err := json.Marshal(map[string]any{
			"id": i + 1, "text": fmt.Sprintf("Message %d, about as long as what people write when they have something to say to each other over a socket", i+1),
			"user": "Ada Lovelace", "status": "published", "date_created": "2026-01-01T12:00:00.000Z", "date_updated": nil,
		})
		if err != nil {
			panic(err) // all of it is plain
		}
		s.events = append(s.events, `{"type":"subscription","event":"create","data":[`+string(item)+`],"uid":"`)
	}
	return s
}

// eventSize is how many bytes an event has on the wire.
func (s *stub) eventSize() int { return len(s.events[len(s.events)/2]) + len(`1"}`) }

// A said is a client's message, as far as it is looked at.
type said struct {
	Type   string          `json:"type"`
	Action string          `json:"action"`
	UID    json.RawMessage `json:"uid"`
	Data   json.RawMessage `json:"data"`
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(1 << 20)
	subscribed := "" // the uid
	for {
		_, frame, err := ws.Read(r.Context())
		if err != nil {
			return
		}
		var m said
		if err := json.Unmarshal(frame, &m); err != nil {
			ws.Close(websocket.StatusInvalidFramePayloadData, "not JSON")
			return
		}
		if m.Type == "subscribe" {
			subscribed = strings.Trim(string(m.UID), `"`)
		}
		if m.Type == "burst" {
			err = s.burst(r.Context(), ws, subscribed)
		} else if answer := s.answer(m); answer != "" {
			err = ws.Write(r.Context(), websocket.MessageText, []byte(answer))
		}
		if err != nil {
			return
		}
	}
}

// answer returns the reply to a message, "" if it gets none.
func (s *stub) answer(m said) string {
	uid := ""
	if len(m.UID) > 0 {
		uid = `,"uid":` + string(m.UID)
	}
	switch m.Type {
	case "auth":
		return `{"type":"auth","status":"ok"` + uid + `}`
	case "ping":
		return `{"type":"pong"` + uid + `}`
	case "subscribe":
		return `{"type":"subscription","event":"init","data":[]` + uid + `}`
	case "unsubscribe":
		return `{"type":"subscription","event":"unsubscribe"` + uid + `}`
	case "items":
		if m.Action == "create" {
			return `{"type":"items","data":` + string(m.Data) + uid + `}`
		}
		return `{"type":"items","data":[]` + uid + `}`
	}
	return ""
}

func (s *stub) burst(ctx context.Context, ws *websocket.Conn, uid string) error {
	end := uid + `"}`
	for _, event := range s.events {
		if err := ws.Write(ctx, websocket.MessageText, []byte(event+end)); err != nil {
			return err
		}
	}
	return nil
}
