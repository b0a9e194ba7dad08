package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/session"
	"leveret/protocol/transport"
)

func TestMaskFrame(t *testing.T) {
	for _, test := range []struct{ name, frame, want string }{
		{"no secret", `{"type":"ping","uid":"a"}`, `{"type":"ping","uid":"a"}`},
		{"an access token", `{"type":"auth","access_token":"s3"}`, `{"type":"auth","access_token":"<access_token>"}`},
		{"a password, spaced", `{ "password" : "s3" , "email":"a@b.c"}`, `{ "password" : "<password>" , "email":"a@b.c"}`},
		{"a refresh token with escapes", `{"refresh_token":"s\"3\\","a":1}`, `{"refresh_token":"<refresh_token>","a":1}`},
		{"deep down", `{"data":[{"password":"s3","token":"s3"}]}`, `{"data":[{"password":"<password>","token":"<token>"}]}`},
		{"in a filter", `{"filter":{"token":{"_in":["s3",{"a":"}"}]}},"b":2}`, `{"filter":{"token":"<token>"},"b":2}`},
		{"a number", `{"token":33}`, `{"token":"<token>"}`},
		{"null", `{"password":null}`, `{"password":null}`},
		{"a name written with escapes", `{"pass\u0077ord":"s3"}`, `{"pass\u0077ord":"<password>"}`},
		{"a name as a value", `{"fields":["password","token"],"x":"token"}`, `{"fields":["password","token"],"x":"token"}`},
		{"in a URL", `{"data":"https://h/assets/1?access_token=s3&a=b"}`, `{"data":"https://h/assets/1?access_token=<access_token>&a=b"}`},
		{"in capitals", `{"Password":"s3"}`, `{"Password":"<password>"}`},
		{"in camel case", `{"type":"auth","accessToken":"s3"}`, `{"type":"auth","accessToken":"<access_token>"}`},
		{"JSON within JSON", `{"a":"{\"password\": \"s3\"}"}`, `{"a":"{\"password\": \"<password>\"}"}`},
		{"no JSON in capitals", `ACCESS_TOKEN s3`, "(a frame that is no JSON and names a secret)"},
		{"in a form", `{"data":"refresh_token=s3&mode=json&password=s3"}`, `{"data":"refresh_token=<refresh_token>&mode=json&password=<password>"}`},
		{"no JSON", `{"password":"s3`, "(a frame that is no JSON and names a secret)"},
		{"no JSON and no secret", `hello \`, `hello \`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := maskFrame([]byte(test.frame)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func FuzzMaskFrame(f *testing.F) {
	f.Add([]byte(`{"a":[{"password":"x"}],"token":{"b":"\"]"}} `))
	f.Add([]byte(`{"\u0061":"\\","access_token":-1.5e3}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		masked := maskFrame(frame)
		if json.Valid(frame) && !json.Valid([]byte(masked)) {
			t.Errorf("%s became %s", frame, masked)
		}
	})
}

func TestConnName(t *testing.T) {
	for n, want := range map[int]string{1: "A", 2: "B", 26: "Z", 27: "AA", 52: "AZ", 53: "BA"} {
		if got := connName(n); got != want {
			t.Errorf("connection %d is %s, want %s", n, got, want)
		}
	}
}

// The log of a client, written as JSON, is a conversation that can be played.
func TestTheLogIsAConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d := protocoltest.NewDialer(t)
		d.Refuse(&transport.RefusedError{Status: 503})
		c, err := New("https://host/?a=b", &Options{
			Dialer: d,
			Token:  func(context.Context) (Credential, error) { return Credential{Email: "a@b.c", Password: "s3cret"}, nil },
			Log:    LogTo(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Connect()
		synctest.Wait()
		d.Refuse(nil)
		peer := d.Accept()
		peer.Expect(`{"type":"auth","...":"..."}`)
		peer.Say(`{"type":"auth","status":"ok","refresh_token":"s3cret-too"}`)
		go c.Do(t.Context(), protocol.Ping{UID: protocol.StringUID("p")})
		peer.Expect(`{"type":"ping","uid":"p"}`)
		peer.Say(`{"type":"pong","uid":"p"}`)
		synctest.Wait()
		c.Close()

		if strings.Contains(out.String(), "s3cret") {
			t.Errorf("the log has a secret in it:\n%s", out.String())
		}
		lines, err := protocoltest.ReadConversation(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range lines {
			if line.Dir == protocoltest.DirNote {
				continue
			}
			text := line.Text()
			if text == "" {
				text = string(line.Data)
			}
			got = append(got, line.Conn+" "+line.Dir+" "+text)
		}
		const want = `A open {"headers":{},"url":"wss://host/websocket?a=b"}
A http {"status":503}
B open {"headers":{},"url":"wss://host/websocket?a=b"}
B http {"status":101}
B c2s {"type":"auth","email":"a@b.c","password":"<password>"}
B s2c {"type":"auth","status":"ok","refresh_token":"<refresh_token>"}
B c2s {"type":"ping","uid":"p"}
B s2c {"type":"pong","uid":"p"}
B c2s-close {"code":1000,"why":""}`
		if strings.Join(got, "\n") != want {
			t.Errorf("the log is\n%s\nwant\n%s", strings.Join(got, "\n"), want)
		}
	})
}

func TestTheLogSaysWhyAStateWasLeft(t *testing.T) {
	change := Change{To: session.Waiting, Cause: Cause{Reason: session.ReasonDialFailed, Err: errors.New("no route")}, At: time.Now()}
	if got := change.String(); got != "waiting: dial-failed: no route" {
		t.Errorf("a change reads %q", got)
	}
}

// A logger that stands still does not fill the memory.
func TestASlowLoggerMissesLinesAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := &slowLogger{hold: make(chan struct{})}
		c, err := New("ws://host", &Options{Log: LogTo(logger), Dialer: protocoltest.NewDialer(t)})
		if err != nil {
			t.Fatal(err)
		}
		const wakes = 3 * logLimit
		for range wakes {
			c.Wake("again")
		}
		close(logger.hold)
		synctest.Wait()
		c.Wake("last")
		c.Close()
		written, gap := 0, 0
		for _, line := range logger.lines {
			if strings.HasPrefix(line, "wake") {
				written++
			}
			var n int // there may be more than one such line
			fmt.Sscanf(line, "%d lines are left out", &n)
			gap += n
		}
		// As many as were being told, as many as waited, and the last.
		if gap == 0 || written > 2*logLimit+1 || written+gap != wakes+1 {
			t.Errorf("of %d lines %d were written and %d left out", wakes+1, written, gap)
		}
	})
}

type slowLogger struct {
	hold  chan struct{}
	lines []string
}

func (l *slowLogger) Debug(_ string, pairs ...any) {
	<-l.hold
	l.lines = append(l.lines, fmt.Sprint(pairs[len(pairs)-1]))
}
