package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// What the two libraries are measured against says what they expect.
func TestStub(t *testing.T) {
	server := httptest.NewServer(newStub(3))
	defer server.Close()
	ws, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, c := range []struct {
		says string
		want []string // one of them in each answer
	}{
		{`{"type":"auth","access_token":"token"}`, []string{`{"type":"auth","status":"ok"}`}},
		{`{"type":"subscribe","collection":"messages","uid":"7"}`, []string{`{"type":"subscription","event":"init","data":[],"uid":"7"}`}},
		{`{"type":"items","action":"read","collection":"messages","uid":"8"}`, []string{`{"type":"items","data":[],"uid":"8"}`}},
		{`{"type":"items","action":"create","collection":"messages","data":{"a":1},"uid":9}`, []string{`{"type":"items","data":{"a":1},"uid":9}`}},
		{`{"type":"pong"}`, nil},
		{`{"type":"burst","uid":"10"}`, []string{`"id":1,`, `"id":2,`, `"id":3,`}},
		{`{"type":"unsubscribe","uid":"7"}`, []string{`{"type":"subscription","event":"unsubscribe","uid":"7"}`}},
		{`{"type":"ping","uid":"p"}`, []string{`{"type":"pong","uid":"p"}`}},
	} {
		if err := ws.Write(t.Context(), websocket.MessageText, []byte(c.says)); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			_, frame, err := ws.Read(t.Context())
			if err != nil || !json.Valid(frame) || !strings.Contains(string(frame), want) {
				t.Fatalf("%s is answered %s, %v; want %s", c.says, frame, err, want)
			}
			if strings.Contains(c.says, "burst") && !(strings.Contains(string(frame), `"event":"create"`) && strings.HasSuffix(string(frame), `,"uid":"7"}`)) {
				t.Errorf("%s is no event of the subscription", frame)
			}
		}
	}
	if size := newStub(20_000).eventSize(); size < 280 || size > 320 {
		t.Errorf("an event has %d bytes, and about 300 are said to be measured", size)
	}
}

func TestMedians(t *testing.T) {
	same := func(v float64) float64 { return v }
	for _, c := range []struct {
		values []float64
		q      float64
		want   float64
	}{
		{[]float64{3}, 0.5, 3}, {[]float64{9, 1, 5}, 0.5, 5}, {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.95, 10}, {[]float64{2, 1}, 1, 2},
	} {
		if got := quantile(c.values, c.q, same); got != c.want {
			t.Errorf("quantile %v of %v is %v, want %v", c.q, c.values, got, c.want)
		}
	}
	// The second round was slow for both.
	if got := ratio([]float64{2, 20, 2}, []float64{1, 10, 1}, same); got != 2 {
		t.Errorf("the ratio is %v, want 2", got)
	}
}
