package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"leveret/protocol"
)

// recorded returns the frames of a file in testdata, one a line. They were
// recorded from a Directus server; each stands there once.
func recorded(t testing.TB, name string) [][]byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

// Encoding what was decoded gives the very bytes that the server sent: nothing of
// a frame is lost, and our own key order is Directus's.
func TestServerFramesSurviveDecodingAndEncoding(t *testing.T) {
	kinds := map[string]int{}
	for _, frame := range recorded(t, "from-server.txt") {
		m := protocol.DecodeFromServer(frame)
		kinds[reflect.TypeOf(m).String()]++
		got, err := protocol.Encode(m)
		if err != nil {
			t.Errorf("encode %s: %v", frame, err)
		}
		if !bytes.Equal(got, frame) {
			t.Errorf("decoded and encoded:\n got %s\nwant %s", got, frame)
		}
	}
	for _, kind := range []string{"protocol.AuthOK", "protocol.Ping", "protocol.Pong", "protocol.Reply", "protocol.Subscription", "*protocol.Error"} {
		if kinds[kind] == 0 {
			t.Errorf("the recorded frames hold no %s: %v", kind, kinds)
		}
	}
	if kinds["protocol.Raw"] != 0 {
		t.Errorf("%d recorded frames were not understood", kinds["protocol.Raw"])
	}
}

func TestClientFramesSurviveDecodingAndEncoding(t *testing.T) {
	for _, frame := range recorded(t, "from-client.txt") {
		m, err := protocol.DecodeFromClient(frame)
		if err != nil {
			continue // TestBadClientFrames has these
		}
		encoded, err := protocol.Encode(m)
		if err != nil {
			t.Errorf("encode %s: %v", frame, err)
			continue
		}
		again, err := protocol.DecodeFromClient(encoded)
		if err != nil {
			t.Errorf("decode %s: %v", encoded, err)
		}
		if raw, ok := m.(protocol.Raw); ok && !bytes.Equal(raw.Frame, frame) {
			t.Errorf("raw frame changed: %s", raw.Frame)
		}
		if _, ok := m.(protocol.Raw); !ok && !reflect.DeepEqual(again, m) {
			t.Errorf("%s:\n got %#v\nwant %#v", frame, again, m)
		}
	}
}

func TestDecodeFromClient(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	tests := []struct {
		frame string
		want  protocol.Message
	}{
		{`{"type":"auth","access_token":"t","uid":7}`, protocol.Auth{AccessToken: "t", UID: protocol.IntUID(7)}},
		{`{"type":"auth","email":"a@b.c","password":"p"}`, protocol.Auth{Email: "a@b.c", Password: "p"}},
		{`{"type":"ping","uid":"a","uid":"b"}`, protocol.Ping{UID: protocol.StringUID("b")}},
		{`{"type":"pong"}`, protocol.Pong{}},
		{`{"type":"unsubscribe"}`, protocol.Unsubscribe{}},
		{`{"type":"subscribe","collection":"m","event":"delete","item":4,"uid":"s"}`,
			protocol.Subscribe{Collection: "m", Event: protocol.EventDelete, Item: raw("4"), UID: protocol.StringUID("s")}},
		{`{"type":"subscribe","collection":"m","query":{"limit":1},"capabilities":["commit",5]}`,
			protocol.Subscribe{Collection: "m", Query: raw(`{"limit":1}`), Capabilities: []string{"commit"}}},
		{`{"type":"items","collection":"m","action":"delete","ids":[]}`,
			protocol.Items{Collection: "m", Action: protocol.ActionDelete, IDs: []json.RawMessage{}}},
		{`{"type":"items","collection":"m","action":"update","ids":[1,"b"],"data":{"x":null},"uid":1.5}`,
			protocol.Items{Collection: "m", Action: protocol.ActionUpdate, IDs: []json.RawMessage{raw("1"), raw(`"b"`)}, Data: raw(`{"x":null}`), UID: uid(t, "1.5")}},
		{`{"type":"items","collection":"m","action":"read","query":null}`,
			protocol.Items{Collection: "m", Action: protocol.ActionRead}},
		{`{"type":"PING"}`, protocol.Raw{Type: "PING", Frame: []byte(`{"type":"PING"}`)}},
		{`{"\u0074ype":"ping"}`, protocol.Ping{}},
	}
	for _, tt := range tests {
		got, err := protocol.DecodeFromClient([]byte(tt.frame))
		if err != nil {
			t.Errorf("%s: %v", tt.frame, err)
		} else if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %#v\nwant %#v", tt.frame, got, tt.want)
		}
	}
}

func TestBadClientFrames(t *testing.T) {
	tests := []struct {
		frame, kind string
		code        protocol.Code
		message     string
	}{
		{`{bad`, "server", protocol.CodeInvalidPayload, "Unable to parse the incoming message."},
		{``, "server", protocol.CodeInvalidPayload, "Unable to parse the incoming message."},
		{`{"type":"ping"} {}`, "server", protocol.CodeInvalidPayload, "Unable to parse the incoming message."},
		{"{\"type\":\"pi\nng\"}", "server", protocol.CodeInvalidPayload, "Unable to parse the incoming message."},
		{`{"type":"ping","n":01}`, "server", protocol.CodeInvalidPayload, "Unable to parse the incoming message."},
		{`"str"`, "server", protocol.CodeInvalidPayload, "Validation error: Invalid input: expected object, received string"},
		{`null`, "server", protocol.CodeInvalidPayload, "Validation error: Invalid input: expected object, received null"},
		{`[]`, "server", protocol.CodeInvalidPayload, "Validation error: Invalid input: expected object, received array"},
		{`{}`, "server", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected string, received undefined at "type"`},
		{`{"type":5}`, "server", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected string, received number at "type"`},
		{`{"type":"unsubscribe","uid":{}}`, "server", protocol.CodeInvalidPayload,
			`Validation error: Invalid input: expected string, received object at "uid" or Invalid input: expected number, received object at "uid"`},
		{`{"type":"subscribe"}`, "subscribe", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected string, received undefined at "collection"`},
		{`{"type":"subscribe","collection":"m","query":"str"}`, "subscribe", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected record, received string at "query"`},
		{`{"type":"items","collection":"m","action":"frob"}`, "items", protocol.CodeInvalidPayload,
			`Validation error: Invalid input: expected "create" at "action" or Invalid input: expected "read" at "action" or Invalid input: expected "update" at "action" or Invalid input: expected "delete" at "action"`},
		{`{"type":"items","collection":5,"action":"read"}`, "items", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected string, received number at "collection"`},
		{`{"type":"items","collection":"m","action":"read","ids":5}`, "items", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected array, received number at "ids"`},
		{`{"type":"items","collection":"m","action":"read","ids":null}`, "items", protocol.CodeInvalidPayload, `Validation error: Invalid input: expected array, received null at "ids"`},
		{`{"type":"items","collection":"m","action":"read","id":null}`, "items", protocol.CodeInvalidPayload,
			`Validation error: Invalid input: expected string, received null at "id" or Invalid input: expected number, received null at "id"`},
		{`{"type":"auth"}`, "auth", protocol.CodeAuthFailed, "Authentication failed."},
		{`{"type":"auth","email":"nobody","password":"p"}`, "auth", protocol.CodeAuthFailed, "Authentication failed."},
		{`{"type":"auth","email":"a@b.c"}`, "auth", protocol.CodeAuthFailed, "Authentication failed."},
	}
	for _, tt := range tests {
		_, err := protocol.DecodeFromClient([]byte(tt.frame))
		var refusal *protocol.Error
		if !errors.As(err, &refusal) {
			t.Errorf("%s: got %v, want a *protocol.Error", tt.frame, err)
			continue
		}
		if refusal.Type != tt.kind || refusal.Code != tt.code || refusal.Message != tt.message {
			t.Errorf("%s:\n got %s\nwant %s: %s: %s", tt.frame, refusal, tt.kind, tt.code, tt.message)
		}
	}
	for _, frame := range []string{`{"type":"subscribe","uid":"s"}`, `{"type":"items","uid":"s"}`, `{"type":"auth","uid":"s"}`} {
		_, err := protocol.DecodeFromClient([]byte(frame))
		var refusal *protocol.Error
		if !errors.As(err, &refusal) || refusal.UID.String() != "s" {
			t.Errorf("%s: the refusal %v does not carry the request's uid", frame, err)
		}
	}
}

// A frame from a server is never an error: what cannot be understood is handed on.
func TestServerFramesThatAreNoMessages(t *testing.T) {
	for _, frame := range []string{
		``, `nonsense`, `[1]`, `5`, `{}`, `{"type":5}`, `{"type":"nope","uid":"n"}`, `{"type":"subscription","event":"odd"}`,
		`{"type":"items","uid":[]}`, `{"type":"auth","status":"maybe"}`, `{"type":"items","status":"error"}`,
		`{"status":"error","error":{"code":"X","message":"no type"}}`, strings.Repeat("[", 100_000),
	} {
		raw, ok := protocol.DecodeFromServer([]byte(frame)).(protocol.Raw)
		if !ok || string(raw.Frame) != frame {
			t.Errorf("%.40s: got %#v, want the frame itself", frame, raw)
		}
	}
}

func TestEncodeRefusesWhatIsNoJSON(t *testing.T) {
	for _, m := range []protocol.Message{
		protocol.Items{Collection: "m", Action: protocol.ActionCreate, Data: json.RawMessage(`{"a":`)},
		protocol.Subscribe{Collection: "m", Query: json.RawMessage(``)},
		protocol.Items{IDs: []json.RawMessage{json.RawMessage(`1]`)}},
	} {
		if frame, err := protocol.Encode(m); err == nil {
			t.Errorf("%#v was encoded as %s", m, frame)
		}
	}
}

func TestSubscribeCarriesFurtherMembers(t *testing.T) {
	m := protocol.Subscribe{Collection: "c", Extra: json.RawMessage(` {"a":[1], "b c":"x"} `), UID: protocol.StringUID("u")}
	frame, err := protocol.Encode(m)
	if want := `{"type":"subscribe","collection":"c","a":[1],"b c":"x","uid":"u"}`; err != nil || string(frame) != want {
		t.Errorf("got %s, %v, want %s", frame, err, want)
	}
	m.Extra = json.RawMessage(`{"a":}`)
	if frame, err := protocol.Encode(m); err == nil {
		t.Errorf("%s was made of what is no JSON", frame)
	}
}

func TestEncodeLeavesOutWhatIsNotSet(t *testing.T) {
	tests := []struct {
		m    protocol.Message
		want string
	}{
		{protocol.Ping{}, `{"type":"ping"}`},
		{protocol.Pong{UID: protocol.StringUID("")}, `{"type":"pong","uid":""}`},
		{protocol.Unsubscribe{UID: protocol.IntUID(3)}, `{"type":"unsubscribe","uid":3}`},
		{protocol.Subscribe{Collection: "a\"b"}, `{"type":"subscribe","collection":"a\"b"}`},
		{protocol.Subscription{Event: protocol.EventInit, Data: json.RawMessage(`[]`), Capabilities: []string{"leave"}, Types: json.RawMessage(`{"a":"text"}`), Commit: true},
			`{"type":"subscription","event":"init","data":[],"capabilities":["leave"],"types":{"a":"text"},"commit":true}`},
		{protocol.Reply{}, `{"type":"items"}`},
		{&protocol.Error{Type: "items", Code: protocol.CodeForbidden, Message: "no", UID: protocol.IntUID(1)},
			`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"no"},"uid":1}`},
	}
	for _, tt := range tests {
		got, err := protocol.Encode(tt.m)
		if err != nil || string(got) != tt.want {
			t.Errorf("%#v:\n got %s (%v)\nwant %s", tt.m, got, err, tt.want)
		}
	}
}

func TestErrorsMatchByCode(t *testing.T) {
	var err error = &protocol.Error{Type: "items", Code: protocol.CodeForbidden, Message: "You may not."}
	if !errors.Is(err, protocol.CodeForbidden) || errors.Is(err, protocol.CodeInvalidQuery) {
		t.Errorf("errors.Is does not tell the code of %v", err)
	}
	if want := "items: FORBIDDEN: You may not."; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func uid(t testing.TB, raw string) protocol.UID {
	t.Helper()
	u, err := protocol.ParseUID([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestUID(t *testing.T) {
	tests := []struct{ raw, text string }{
		{`"x"`, "x"}, {`""`, ""}, {`5`, "5"}, {`"5"`, "5"}, {`1.50`, "1.50"}, {`"a\"\u00e9\ud83d\ude00"`, `a"é😀`},
	}
	for _, tt := range tests {
		u := uid(t, tt.raw)
		if u.IsZero() || u.String() != tt.text || u.JSON() != tt.raw {
			t.Errorf("%s: text %q, JSON %s", tt.raw, u.String(), u.JSON())
		}
		var again struct {
			UID protocol.UID `json:"uid,omitzero"`
		}
		if err := json.Unmarshal([]byte(`{"uid":`+tt.raw+`}`), &again); err != nil || again.UID != u {
			t.Errorf("%s: unmarshals as %v (%v)", tt.raw, again.UID, err)
		}
		if encoded, err := json.Marshal(u); err != nil || uid(t, string(encoded)).String() != tt.text {
			t.Errorf("%s: marshals as %s (%v)", tt.raw, encoded, err)
		}
	}
	if encoded, err := json.Marshal(struct {
		UID protocol.UID `json:"uid,omitzero"`
	}{}); err != nil || string(encoded) != "{}" {
		t.Errorf("no uid marshals as %s (%v), want it left out", encoded, err)
	}
	if !uid(t, "null").IsZero() || !uid(t, "").IsZero() {
		t.Error("null and nothing must be the zero UID")
	}
	for _, raw := range []string{`true`, `{}`, `[]`} {
		if _, err := protocol.ParseUID([]byte(raw)); err == nil {
			t.Errorf("%s was taken for a uid", raw)
		}
	}
	if uid(t, "1") == uid(t, `"1"`) {
		t.Error("1 and \"1\" must differ: they are echoed as they came")
	}
}

func TestMemberAndElements(t *testing.T) {
	object := []byte(` { "a" : [1, {"a":2}] , "b":"x", "b" : null } `)
	if got := protocol.Member(object, "a"); string(got) != `[1, {"a":2}]` {
		t.Errorf("a = %s", got)
	}
	if got := protocol.Member(object, "b"); string(got) != `null` {
		t.Errorf("b = %s: of a repeated key the last counts", got)
	}
	if got := protocol.Member([]byte(`[]`), "a"); got != nil {
		t.Errorf("an array has the member %s", got)
	}
	elements, ok := protocol.Elements([]byte(` [1 , "two",[3]] `))
	if !ok || len(elements) != 3 || string(elements[1]) != `"two"` {
		t.Errorf("elements = %s, %v", elements, ok)
	}
	for _, bad := range []string{``, `{}`, `[1`, `[1,]`, `[1] 2`, `[1 2]`} {
		if _, ok := protocol.Elements([]byte(bad)); ok {
			t.Errorf("%q was taken for an array", bad)
		}
	}
}

// The scanner accepts just what encoding/json accepts, and reads the same from it.
func FuzzScannerAgreesWithEncodingJSON(f *testing.F) {
	for _, name := range []string{"from-client.txt", "from-server.txt"} {
		for _, frame := range recorded(f, name) {
			f.Add(frame)
		}
	}
	f.Add([]byte(`["\ud800","\u00zz",1e5,-0.0,01,1.,.5,"` + "\xff" + `"]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var array []json.RawMessage
		want := json.Unmarshal(data, &array) == nil && array != nil
		elements, ok := protocol.Elements(data)
		if ok != want {
			t.Fatalf("Elements accepts %q: %v, encoding/json: %v", data, ok, want)
		}
		for i := range array {
			if !bytes.Equal(bytes.TrimSpace(array[i]), elements[i]) {
				t.Fatalf("element %d: %s, encoding/json: %s", i, elements[i], array[i])
			}
		}
		var text string
		if json.Unmarshal(data, &text) == nil && bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
			if got, ok := protocol.Text(data); !ok || got != text {
				t.Fatalf("Text of %q is %q (%v), encoding/json: %q", data, got, ok, text)
			}
		}
		if got, want := protocol.Valid(data), json.Valid(data); got != want && !deep(data) {
			t.Fatalf("Valid of %q is %v, encoding/json: %v", data, got, want)
		}
		m := protocol.DecodeFromServer(data)
		subscription, is := m.(protocol.Subscription)
		if got, ok := protocol.DecodeSubscription(data); ok != is || !reflect.DeepEqual(got, subscription) {
			t.Fatalf("DecodeSubscription of %q is %#v (%v), DecodeFromServer: %#v", data, got, ok, m)
		}
		if _, raw := m.(protocol.Raw); !raw {
			if !json.Valid(data) {
				t.Fatalf("%q is no JSON, yet was decoded as %#v", data, m)
			}
			if encoded, err := protocol.Encode(m); err != nil || !json.Valid(encoded) {
				t.Fatalf("%#v encodes as %q (%v)", m, encoded, err)
			}
		}
		if m, err := protocol.DecodeFromClient(data); err == nil {
			encoded, err := protocol.Encode(m)
			if err != nil || !json.Valid(encoded) {
				t.Fatalf("%#v encodes as %q (%v)", m, encoded, err)
			}
		}
	})
}

// deep reports whether nesting may be what is wrong with a text: encoding/json allows more.
func deep(data []byte) bool {
	return bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) > 900
}

func BenchmarkDecodeFromServer(b *testing.B) {
	frame := []byte(`{"type":"subscription","event":"create","data":[{"id":"0b2f7c8e-3f0b-4a5e-9d0b-5f6a7b8c9d0e","text":"` + strings.Repeat("hello ", 20) + `","user":"Ann","date_created":"2026-11-21T07:39:07.438Z","status":null}],"uid":"s1"}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		protocol.DecodeFromServer(frame)
	}
}
