package protocoltest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// lines writes a conversation the short way: "conn dir data", 10 ms a line.
func lines(t *testing.T, text string) []Line {
	t.Helper()
	var out []Line
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		parts := strings.SplitN(strings.TrimSpace(line), " ", 3)
		l := Line{Number: i + 1, T: float64(10 * i), Conn: strings.Trim(parts[0], "-"), Dir: parts[1], Data: json.RawMessage(parts[2])}
		if l.Dir == DirToServer || l.Dir == DirToClient {
			l.Data, _ = json.Marshal(parts[2])
		}
		out = append(out, l)
	}
	return out
}

// A toy is a server that answers from a table: what it is told → what it says.
type toy struct {
	mu      sync.Mutex // guards told
	answers map[string][]string
	refuse  int
	closes  map[string]int // after what → with which code
	told    []string
	calls   []Call
	push    []string // said on all connections when called
	conns   []transport.Conn
}

func (s *toy) Open(_ context.Context, upgrade Upgrade) (transport.Conn, error) {
	s.tell("open " + upgrade.URL)
	if s.refuse != 0 {
		return nil, &transport.RefusedError{Status: s.refuse}
	}
	near, far := transport.Pipe()
	s.conns = append(s.conns, far)
	go func() {
		for {
			frame, err := far.Receive(context.Background())
			if err != nil {
				return
			}
			s.tell(string(frame))
			for _, answer := range s.answers[string(frame)] {
				far.Send([]byte(answer))
			}
			if code, ok := s.closes[string(frame)]; ok {
				far.Close(code, "why")
			}
		}
	}()
	return near, nil
}

func (s *toy) tell(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

func (s *toy) Call(_ context.Context, call Call) (Answer, error) {
	s.calls = append(s.calls, call)
	for _, conn := range s.conns {
		for _, frame := range s.push {
			conn.Send([]byte(frame))
		}
	}
	return Answer{Status: 200, Body: []byte(`{"data":{"id":4}}`)}, nil
}

const (
	loginAuth = `{"type":"auth","email":"a@b.c","password":"p"}`
	opening   = `
		A open {"url":"/websocket","headers":{}}
		A http {"status":101}`
)

func TestPlay(t *testing.T) {
	for _, test := range []struct {
		name    string
		script  string
		server  *toy
		options *PlayOptions
		want    []string // the differences
		told    string   // what the server has to have been told last; "" = anything
	}{
		{
			name: "the same conversation",
			script: opening + `
				A c2s {"type":"ping","uid":1}
				A s2c {"type":"pong","uid":1}
				A c2s-close {"code":1000}
				A close {"code":1000,"reason":""}`,
			server: &toy{answers: map[string][]string{`{"type":"ping","uid":1}`: {`{"uid":1,"type":"pong"}`}}},
		},
		{
			name: "a uid of another type",
			script: opening + `
				A c2s {"type":"ping","uid":1}
				A s2c {"type":"pong","uid":1}`,
			server: &toy{answers: map[string][]string{`{"type":"ping","uid":1}`: {`{"type":"pong","uid":"1"}`}}},
			want:   []string{`line 4, A: changed uid: want 1, got "1"`},
		},
		{
			name: "no answer, and the next move is made all the same",
			script: opening + `
				A c2s {"type":"ping","uid":1}
				A s2c {"type":"pong","uid":1}
				A c2s {"type":"ping","uid":2}
				A s2c {"type":"pong","uid":2}`,
			server: &toy{answers: map[string][]string{`{"type":"ping","uid":2}`: {`{"type":"pong","uid":2}`}}},
			want:   []string{`line 4, A: missing: want {"type":"pong","uid":1}, got nothing`},
		},
		{
			name:   "an answer where none was recorded",
			script: opening + "\nA c2s {}",
			server: &toy{answers: map[string][]string{`{}`: {`{"type":"server"}`}}},
			want:   []string{`A: unexpected: want nothing, got {"type":"server"}`},
		},
		{
			name: "answers in another order",
			script: opening + `
				A c2s {}
				A s2c {"type":"subscription","uid":"s"}
				A s2c {"type":"items","uid":"c"}`,
			server: &toy{answers: map[string][]string{`{}`: {`{"type":"items","uid":"c"}`, `{"type":"subscription","uid":"s"}`}}},
			want:   []string{`line 4, A: order: want {"type":"subscription","uid":"s"}, got {"type":"subscription","uid":"s"}`},
		},
		{
			name: "an answer before its turn, to a request sent ahead",
			script: opening + `
				A c2s {"n":1}
				A c2s {"n":2}
				A s2c {"is":1}
				A s2c {"is":2}`,
			server: &toy{answers: map[string][]string{`{"n":1}`: {`{"is":1}`}, `{"n":2}`: {`{"is":2}`}}},
		},
		{
			name: "a token of this run takes the place of the recorded one",
			script: opening + `
				A c2s ` + loginAuth + `
				A s2c {"type":"auth","status":"ok","refresh_token":"recorded-token"}
				A c2s {"type":"auth","refresh_token":"recorded-token"}`,
			server: &toy{answers: map[string][]string{loginAuth: {`{"type":"auth","status":"ok","refresh_token":"fresh-token"}`}}},
			told:   `{"type":"auth","refresh_token":"fresh-token"}`,
		},
		{
			name: "dates and uuids differ; a uuid only once",
			script: opening + `
				A c2s {}
				A s2c {"date_created":"2026-11-21T07:38:26.608Z","id":"00000000-0000-4000-8000-0000000000e2"}
				A s2c {"date_created":"2026-11-21T07:38:26.608Z","id":"00000000-0000-4000-8000-0000000000e2"}`,
			server: &toy{answers: map[string][]string{`{}`: {
				`{"date_created":"2020-01-01T00:00:00.000Z","id":"11111111-0000-4000-8000-0000000000e2"}`,
				`{"date_created":"2020-01-01T00:00:00.001Z","id":"22222222-0000-4000-8000-0000000000e2"}`,
			}}},
			want: []string{`line 5, A: changed id: want "00000000-0000-4000-8000-0000000000e2", got "22222222-0000-4000-8000-0000000000e2"`},
		},
		{
			name: "a date of another form is a difference",
			script: opening + `
				A c2s {}
				A s2c {"d":"2026-11-21T07:38:26.608Z"}`,
			server: &toy{answers: map[string][]string{`{}`: {`{"d":"2026-11-21T07:38:26"}`}}},
			want:   []string{`line 4, A: changed d: want "2026-11-21T07:38:26.608Z", got "2026-11-21T07:38:26"`},
		},
		{
			name:    "a masked conversation",
			script:  opening + "\n" + `A c2s {"type":"auth","access_token":"<access_token>"}`,
			options: &PlayOptions{Vars: Vars{"access_token": `"real"`}},
			told:    `{"type":"auth","access_token":"real"}`,
		},
		{
			name: "a call, whose event was recorded before it",
			script: opening + `
				A s2c {"type":"subscription","event":"create","uid":"s"}
				- rest {"method":"POST","path":"/items/messages","token":"t","body":{"text":"a"},"status":200,"response":{"data":{"id":4}}}`,
			server: &toy{push: []string{`{"type":"subscription","event":"create","uid":"s"}`}},
		},
		{
			name:   "a call with another answer",
			script: opening + "\n" + `- rest {"method":"GET","path":"/items/messages","status":204,"response":""}`,
			want: []string{
				`line 3: changed status: want 204, got 200`,
				`line 3: changed response: want "", got {"data":{"id":4}}`,
			},
		},
		{
			name: "a refused upgrade, as recorded",
			script: `
				A open {"url":"/websocket?access_token=bad","headers":{}}
				A http {"status":401}
				A close {"code":1006,"reason":""}`,
			server: &toy{refuse: 401},
			told:   "open /websocket?access_token=bad",
		},
		{
			name:   "an upgrade that should have succeeded",
			script: opening + "\nA c2s {}",
			server: &toy{refuse: 403},
			want:   []string{`line 2, A: upgrade status: want 101, got 403`},
		},
		{
			name: "another close code and reason",
			script: opening + `
				A c2s {}
				A close {"code":1005,"reason":""}`,
			server: &toy{closes: map[string]int{`{}`: 4401}},
			want:   []string{`line 4, A: close code: want 1005, got 4401`, `line 4, A: close reason: want "", got "why"`},
		},
		{
			name:   "a close that does not come",
			script: opening + "\n" + `A close {"code":1005,"reason":""}`,
			want:   []string{`line 3, A: close: want {"code":1005,"reason":""}, got open`},
		},
		{
			name: "what cannot be played is told",
			script: opening + `
				A c2s-ctl "ping"
				A c2s (text frame of 9 MB)
				A note "for the reader"`,
			want: []string{`line 3, A: unsupported: want "ping", got nothing`, `line 4, A: unsupported: want "(text frame of 9 MB)", got nothing`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if test.server == nil {
					test.server = &toy{}
				}
				found, err := Play(t.Context(), lines(t, test.script), test.server, test.options)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, d := range found {
					got = append(got, d.String())
				}
				if !reflect.DeepEqual(got, test.want) {
					t.Errorf("the differences are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
				}
				test.server.mu.Lock()
				defer test.server.mu.Unlock()
				if told := test.server.told; test.told != "" && (len(told) == 0 || told[len(told)-1] != test.told) {
					t.Errorf("the server was told %q, want %q last", told, test.told)
				}
			})
		})
	}
}

func TestPlayKeepsTheRecordedTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := lines(t, opening+"\nA c2s {}")
		script[2].T = 61_000
		start := time.Now()
		if _, err := Play(t.Context(), script, &toy{}, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 61*time.Second || took > 62*time.Second {
			t.Errorf("it took %v, want 61 s and what it takes to settle", took)
		}
	})
}

func TestPlayEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		script := lines(t, opening+"\nA c2s {}")
		script[2].T = 61_000
		if _, err := Play(ctx, script, &toy{}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestReadAndWriteConversation(t *testing.T) {
	const file = `{"t_ms":0,"dir":"meta","data":{"scenario":"x"}}

{"t_ms":0.5,"conn":"A","dir":"s2c","data":"{\"type\":\"<ping>\"}"}
`
	read, err := ReadConversation(strings.NewReader(file))
	if err != nil || len(read) != 2 || read[1].Number != 3 || read[1].Text() != `{"type":"<ping>"}` {
		t.Fatalf("read %+v, %v", read, err)
	}
	var out bytes.Buffer
	if err := WriteConversation(&out, read); err != nil || out.String() != strings.ReplaceAll(file, "\n\n", "\n") {
		t.Errorf("wrote %v\n%s", err, out.String())
	}
	for _, bad := range []string{"{", `{"t_ms":1}`} {
		if _, err := ReadConversation(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s gave %v", bad, err)
		}
	}
}

// pongs is a server that answers pings.
type pongs struct{}

func (pongs) Open(ctx context.Context, _ Upgrade) (transport.Conn, error) {
	near, far := transport.Pipe()
	go func() {
		for {
			frame, err := far.Receive(ctx)
			if err != nil {
				return
			}
			if m, _ := protocol.DecodeFromClient(frame); m != nil && m.Kind() == protocol.TypePing {
				far.Send([]byte(`{"type":"pong","uid":"1"}`))
			}
		}
	}()
	return near, nil
}

func (pongs) Call(context.Context, Call) (Answer, error) { return Answer{Status: 404}, nil }

// A conversation is played against a server; what differs is data.
func ExamplePlay() {
	conversation := `
{"t_ms":0,"conn":"A","dir":"open","data":{"url":"/websocket"}}
{"t_ms":1,"conn":"A","dir":"c2s","data":"{\"type\":\"ping\",\"uid\":1}"}
{"t_ms":2,"conn":"A","dir":"s2c","data":"{\"type\":\"pong\",\"uid\":1}"}
`
	script, err := ReadConversation(strings.NewReader(conversation))
	if err != nil {
		panic(err)
	}
	found, err := Play(context.Background(), script, pongs{}, &PlayOptions{Settle: time.Millisecond})
	if err != nil {
		panic(err)
	}
	for _, d := range found {
		fmt.Println(d)
	}
	// Output:
	// line 4, A: changed uid: want 1, got "1"
}
