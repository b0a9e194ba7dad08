package protocoltest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol/transport"
)

// A catcher is a T that remembers the failure.
type catcher struct{ failure string }

func (c *catcher) Helper() {}
func (c *catcher) Fatalf(format string, args ...any) {
	if c.failure == "" {
		c.failure = fmt.Sprintf(format, args...)
	}
}

func TestPeerFails(t *testing.T) {
	for _, test := range []struct {
		name string
		play func(conn transport.Conn, peer *Peer)
		want string // "" = it does not fail
	}{
		{"the frame that was expected", func(conn transport.Conn, peer *Peer) {
			conn.Send([]byte(`{"type":"ping","uid":"a"}`))
			peer.Expect(`{"type":"ping","uid":"<u>"}`)
			peer.Say(`{"type":"pong","uid":"<u>"}`)
		}, ""},
		{"another frame", func(conn transport.Conn, peer *Peer) {
			conn.Send([]byte(`{"type":"ping"}`))
			peer.Expect(`{"type":"pong"}`)
		}, "changed type"},
		{"no frame", func(conn transport.Conn, peer *Peer) { peer.Expect(`{}`) }, "nothing came"},
		{"silence", func(conn transport.Conn, peer *Peer) { peer.ExpectNothing(time.Minute) }, ""},
		{"a frame into silence", func(conn transport.Conn, peer *Peer) {
			conn.Send([]byte(`{}`))
			peer.ExpectNothing(time.Minute)
		}, "expected nothing"},
		{"an end into silence", func(conn transport.Conn, peer *Peer) {
			conn.Close(1000, "")
			peer.ExpectNothing(time.Minute)
		}, "closed with 1000"},
		{"the close", func(conn transport.Conn, peer *Peer) {
			conn.Close(1000, "")
			peer.ExpectClose(1000)
		}, ""},
		{"another close", func(conn transport.Conn, peer *Peer) {
			conn.Close(4000, "")
			peer.ExpectClose(1000)
		}, "4000"},
		{"an auth", func(conn transport.Conn, peer *Peer) {
			conn.Send([]byte(`{"type":"auth","access_token":"t","uid":1}`))
			peer.AcceptAuth()
			got, _ := conn.Receive(context.Background())
			if string(got) != `{"type":"auth","status":"ok","uid":1}` {
				peer.t.Fatalf("said %s", got)
			}
		}, ""},
		{"no auth", func(conn transport.Conn, peer *Peer) {
			conn.Send([]byte(`{"type":"ping"}`))
			peer.AcceptAuth()
		}, "expected an auth"},
		{"a variable that is not bound", func(conn transport.Conn, peer *Peer) { peer.Say(`{"uid":"<u>"}`) }, "not bound"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c catcher
				conn, peer := Link(&c)
				test.play(conn, peer)
				if test.want == "" && c.failure != "" || !strings.Contains(c.failure, test.want) {
					t.Errorf("failed with %q, want %q", c.failure, test.want)
				}
			})
		})
	}
}

func TestDropLooksLikeALostLink(t *testing.T) {
	conn, peer := Link(t)
	peer.Say(`{"type":"ping"}`)
	peer.Drop()
	if _, err := conn.Receive(t.Context()); err != nil {
		t.Fatalf("what was said before the drop is lost: %v", err)
	}
	_, err := conn.Receive(t.Context())
	var closed *transport.CloseError
	if !errors.As(err, &closed) || closed.Code != transport.CloseAbnormal {
		t.Errorf("the end is %v, want 1006", err)
	}
	if conn.Send(nil) == nil {
		t.Error("a Send after the drop succeeded")
	}
}

func TestDialer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDialer(t)
		d.Refuse(&transport.RefusedError{Status: 503})
		if _, err := d.Dial(t.Context(), "ws://a/"); err == nil {
			t.Error("a refused Dial succeeded")
		}
		d.Refuse(nil)
		d.Stall(true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := d.Dial(ctx, "ws://b/"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a stalled Dial ended with %v", err)
		}
		d.Stall(false)
		conn, err := d.Dial(t.Context(), "ws://c/")
		if err != nil {
			t.Fatal(err)
		}
		d.Accept().Close(1012, "")
		if _, err := conn.Receive(t.Context()); err == nil {
			t.Error("Accept gave the peer of another connection")
		}
		attempts := d.Attempts()
		if len(attempts) != 3 || attempts[2].URL != "ws://c/" || attempts[2].At.Sub(attempts[1].At) != time.Minute {
			t.Errorf("the attempts are %v", attempts)
		}
	})
}

// A peer plays the server's part, line by line.
func ExamplePeer() {
	client, peer := Link(Panic)
	client.Send([]byte(`{"type":"auth","access_token":"secret"}`))
	peer.AcceptAuth()
	client.Send([]byte(`{"type":"subscribe","collection":"messages","uid":1}`))
	peer.Expect(`{"type":"subscribe","collection":"messages","uid":"<sub>"}`)
	peer.Say(`{"type":"subscription","event":"init","data":[],"uid":"<sub>"}`)

	for range 2 {
		frame, _ := client.Receive(context.Background())
		fmt.Println(string(frame))
	}
	// Output:
	// {"type":"auth","status":"ok"}
	// {"type":"subscription","event":"init","data":[],"uid":1}
}
