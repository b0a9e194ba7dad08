package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
	"leveret/protocol/transport"
)

const url = "ws://host"

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// connected returns a live client of a backend; both are closed with the test.
func connected(t *testing.T, b *backend, connections int, options realtime.Options) *realtime.Client {
	t.Helper()
	options.Dialer = b
	if options.Token == nil {
		options.Token = realtime.StaticToken("t")
	}
	b.serve(connections)
	c, err := realtime.Dial(t.Context(), url, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.wg.Wait)
	t.Cleanup(func() { c.Close() })
	until(t, c, session.Live)
	return c
}

func TestNothingIsSentBetweenAuthAndItsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := protocoltest.NewDialer(t)
		c, err := realtime.New(url, &realtime.Options{Dialer: d, Token: realtime.StaticToken("t")})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		asked := make(chan error)
		go func() {
			_, err := c.Do(t.Context(), protocol.Ping{})
			asked <- err
		}()
		peer := d.Accept()
		peer.Expect(`{"type":"auth","access_token":"t","...":"..."}`)
		peer.Say(`{"type":"ping"}`)
		peer.ExpectNothing(5 * time.Second)
		peer.Say(`{"type":"auth","status":"ok"}`)
		peer.Expect(`{"type":"pong"}`)
		peer.Expect(`{"type":"ping","uid":"<u>"}`)
		peer.Say(`{"type":"pong","uid":"<u>"}`)
		if err := <-asked; err != nil {
			t.Error(err)
		}
	})
}

func TestDialFails(t *testing.T) {
	refused := errors.New("connection refused")
	for _, test := range []struct {
		name    string
		options realtime.Options
		prepare func(d *protocoltest.Dialer)
		serve   func(d *protocoltest.Dialer)
		want    error
	}{
		{"with the first failed attempt", token("t"), func(d *protocoltest.Dialer) { d.Refuse(refused) }, nil, refused},
		{"with the first refusal", token("t"), nil, func(d *protocoltest.Dialer) { d.Accept().RefuseAuth() }, protocol.CodeAuthFailed},
		{"with a refusal, also with Retry", realtime.Options{Retry: true, Token: realtime.StaticToken("t")}, nil, func(d *protocoltest.Dialer) { d.Accept().RefuseAuth() }, protocol.CodeAuthFailed},
		{"when the context ends while trying", realtime.Options{Retry: true, Token: realtime.StaticToken("t")}, func(d *protocoltest.Dialer) { d.Refuse(refused) }, nil, context.DeadlineExceeded},
		{"when the context ends while dialing", token("t"), func(d *protocoltest.Dialer) { d.Stall(true) }, nil, context.DeadlineExceeded},
		{"when there is no credential", realtime.Options{Token: func(context.Context) (realtime.Credential, error) { return realtime.Credential{}, refused }}, nil, nil, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := protocoltest.NewDialer(t)
				test.options.Dialer = d
				if test.prepare != nil {
					test.prepare(d)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					if test.serve != nil {
						test.serve(d)
					}
				}()
				c, err := realtime.Dial(timeout(t, 9*time.Second), url, &test.options)
				if err == nil {
					c.Close()
				}
				if !errors.Is(err, test.want) {
					t.Errorf("Dial gave %v, want %v", err, test.want)
				}
				<-done
			})
		})
	}
}

func TestDialWithRetryGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.Refuse(errors.New("down"))
		time.AfterFunc(5*time.Second, func() { b.Refuse(nil) })
		connected(t, b, 1, realtime.Options{Retry: true})
		if n := len(b.Attempts()); n < 2 {
			t.Errorf("it took %d attempts", n)
		}
	})
}

func TestDialRefusesAURLThatCannotBeMeant(t *testing.T) {
	if _, err := realtime.Dial(t.Context(), "ftp://host", nil); err == nil {
		t.Error("ftp was dialed")
	}
}

func TestDoIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "a"})
		c := connected(t, b, 1, realtime.Options{})
		reply, err := c.Do(t.Context(), protocol.Items{Collection: "messages", Action: protocol.ActionRead})
		if err != nil || string(reply.Data) != `[{"id":1,"text":"a"}]` {
			t.Errorf("got %s, %v", reply.Data, err)
		}
		_, err = c.Do(t.Context(), protocol.Items{Collection: "secrets", Action: protocol.ActionRead})
		if !errors.Is(err, protocol.CodeForbidden) {
			t.Errorf("a refusal is %v", err)
		}
		if _, err := c.Do(t.Context(), nil); err == nil {
			t.Error("no message was sent")
		}
	})
}

func TestDoWaitsForTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 2, realtime.Options{})
		b.Refuse(errors.New("down"))
		b.cut()
		until(t, c, session.Waiting)
		time.AfterFunc(time.Minute, func() { b.Refuse(nil) })
		if _, err := c.Do(t.Context(), protocol.Items{Collection: "messages", Action: protocol.ActionRead}); err != nil {
			t.Error(err)
		}
	})
}

func TestACancelledDoLeavesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		b.mute[protocol.TypeItems] = true
		_, err := c.Do(timeout(t, time.Second), protocol.Items{Collection: "messages", Action: protocol.ActionRead, UID: protocol.StringUID("late")})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		b.say(`{"type":"items","data":[],"uid":"late"}`) // nobody waits for it any more
		b.mute[protocol.TypeItems] = false
		if _, err := c.Do(t.Context(), protocol.Items{Collection: "messages", Action: protocol.ActionRead}); err != nil {
			t.Errorf("the next request failed: %v", err)
		}
		if n := len(b.Attempts()); n != 1 {
			t.Errorf("there were %d connections", n)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Do(ended, protocol.Ping{}); !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
	})
}

func TestARequestWithoutAnswerEndsInOutcomeUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		b.mute[protocol.TypeItems] = true
		start := time.Now()
		_, err := realtime.CollectionOf[json.RawMessage](c, "messages").Create(t.Context(), map[string]any{"text": "a"})
		if !errors.Is(err, realtime.ErrOutcomeUnknown) {
			t.Errorf("it ended with %v", err)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("after %v", took)
		}
		if n := b.count(creates); n != 1 {
			t.Errorf("it was sent %d times", n)
		}
	})
}

func TestACreateIsRepeatedOnlyWithAKeyOfItsOwn(t *testing.T) {
	for _, test := range []struct {
		name string
		item map[string]any
		want error
		sent int
	}{
		{"with a key", map[string]any{"id": "4f1c", "text": "a"}, nil, 2},
		{"without", map[string]any{"text": "a"}, realtime.ErrOutcomeUnknown, 1},
		{"with an empty one", map[string]any{"id": "", "text": "a"}, realtime.ErrOutcomeUnknown, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend(t)
				c := connected(t, b, 2, realtime.Options{})
				b.mu.Lock()
				b.drop = string(protocol.ActionCreate)
				b.mu.Unlock()
				_, err := realtime.CollectionOf[json.RawMessage](c, "messages").Create(t.Context(), test.item)
				if !errors.Is(err, test.want) {
					t.Errorf("it ended with %v, want %v", err, test.want)
				}
				until(t, c, session.Live)
				b.mu.Lock()
				rows := len(b.rows)
				b.mu.Unlock()
				if n := b.count(creates); n != test.sent || rows != 1 {
					t.Errorf("it was sent %d times and made %d rows, want %d and 1", n, rows, test.sent)
				}
			})
		})
	}
}

func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		if err := c.Send(protocol.Raw{Type: "chat", Frame: []byte(`{"type":"chat"}`)}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := b.count(func(m protocol.Message) bool { return m.Kind() == "chat" }); n != 1 {
			t.Errorf("it arrived %d times", n)
		}
		c.Disconnect()
		if err := c.Send(protocol.Ping{}); !errors.Is(err, realtime.ErrNotConnected) {
			t.Errorf("disconnected: %v", err)
		}
		if err := c.Send(nil); err == nil {
			t.Error("nothing was sent")
		}
	})
}

func TestAnExpiredTokenIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		d := protocoltest.NewDialer(t)
		c, err := realtime.New(url, &realtime.Options{Dialer: d, Token: func(context.Context) (realtime.Credential, error) {
			return realtime.Credential{AccessToken: fmt.Sprintf("t%d", asked.Add(1))}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		peer := d.Accept()
		peer.AcceptAuth()
		until(t, c, session.Live)
		peer.Say(`{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}`)
		peer.Expect(`{"type":"auth","access_token":"t2","...":"..."}`)
		peer.Say(`{"type":"auth","status":"ok"}`)
		until(t, c, session.Live)
		if n := len(d.Attempts()); n != 1 {
			t.Errorf("it took %d connections", n)
		}
	})
}

func TestARefusedCredentialIsNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		credential := realtime.Credential{AccessToken: "bad"}
		d := protocoltest.NewDialer(t)
		c, err := realtime.New(url, &realtime.Options{Dialer: d, Token: func(context.Context) (realtime.Credential, error) { return credential, nil }})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		d.Accept().RefuseAuth()
		change := until(t, c, session.NeedsAuth)
		if !errors.Is(change.Cause.Err, protocol.CodeAuthFailed) {
			t.Errorf("the cause is %+v", change.Cause)
		}
		time.Sleep(time.Hour)
		if n := len(d.Attempts()); n != 1 {
			t.Errorf("%d attempts in an hour", n)
		}
		credential.AccessToken = "good"
		c.Connect()
		d.Accept().AcceptAuth()
		until(t, c, session.Live)
	})
}

func TestARotatedRefreshTokenIsToldBeforeTheNextCredentialIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := make(chan string, 1)
		kept <- "r1"
		d := protocoltest.NewDialer(t)
		var c *realtime.Client
		c, err := realtime.New(url, &realtime.Options{
			Dialer: d,
			Token: func(context.Context) (realtime.Credential, error) {
				select {
				case r := <-kept:
					return realtime.Credential{RefreshToken: r}, nil
				default:
					return realtime.Credential{}, errors.New("asked before the new token was kept")
				}
			},
			OnRefreshToken: func(r string) {
				c.State() // the client may be asked
				time.Sleep(time.Second)
				kept <- r
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		peer := d.Accept()
		peer.Expect(`{"type":"auth","refresh_token":"r1","...":"..."}`)
		peer.Say(`{"type":"auth","status":"ok","refresh_token":"r2"}`)
		peer.Drop()
		peer = d.Accept()
		peer.Expect(`{"type":"auth","refresh_token":"r2","...":"..."}`)
	})
}

func TestATokenThatTakesTooLongIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asking, asked atomic.Int32
		c, err := realtime.New(url, &realtime.Options{
			Dialer: protocoltest.NewDialer(t),
			Token: func(ctx context.Context) (realtime.Credential, error) {
				asked.Add(1)
				if asking.Add(1) > 1 {
					t.Error("asked while the last call goes on")
				}
				defer asking.Add(-1)
				<-ctx.Done()
				return realtime.Credential{}, ctx.Err()
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		time.Sleep(2 * time.Minute)
		if n := asked.Load(); n < 3 {
			t.Errorf("asked %d times in two minutes", n)
		}
		c.Disconnect()
		synctest.Wait()
		if asking.Load() != 0 {
			t.Error("a call goes on after Disconnect")
		}
	})
}

func TestCallbacksMayCallTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := protocoltest.NewDialer(t)
		var c *realtime.Client
		c, err := realtime.New(url, &realtime.Options{
			Dialer: d,
			Token: func(context.Context) (realtime.Credential, error) {
				c.State()
				return realtime.Credential{RefreshToken: "r"}, nil
			},
			OnRefreshToken: func(string) { c.Disconnect() },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		peer := d.Accept()
		peer.Expect(`{"type":"auth","...":"..."}`)
		peer.Say(`{"type":"auth","status":"ok","refresh_token":"r2"}`)
		peer.ExpectClose(1000)
		until(t, c, session.Closed)
	})
}

func TestStrictModePutsTheTokenInTheURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := protocoltest.NewDialer(t)
		d.Refuse(errors.New("Get \"ws://host/websocket?access_token=a%2Fb\": refused a/b"))
		o := token("a/b")
		o.Mode, o.Dialer = session.Strict, d
		_, err := realtime.Dial(t.Context(), url, &o)
		if got, want := d.Attempts()[0].URL, "ws://host/websocket?access_token=a%2Fb"; got != want {
			t.Errorf("dialed %s, want %s", got, want)
		}
		if err == nil || err.Error() != `connect to ws://host/websocket: dial-failed: Get "ws://host/websocket?access_token=<access_token>": refused <access_token>` {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestAProbeDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *realtime.Client
		d := protocoltest.NewDialer(t)
		d.Refuse(errors.New("the browser does not tell"))
		o := token("stale")
		o.Mode, o.Dialer = session.Strict, d
		o.Probe = func(ctx context.Context, credential realtime.Credential) error {
			c.State()
			if credential.AccessToken != "stale" {
				t.Errorf("asked about %+v", credential)
			}
			return protocol.CodeInvalidToken
		}
		c, err := realtime.New(url, &o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		until(t, c, session.NeedsAuth)
		if n := len(d.Attempts()); n != 2 {
			t.Errorf("it took %d attempts", n)
		}
	})
}

func TestCloseLeaksNothing(t *testing.T) {
	// The bubble fails if a goroutine is left when its test returns.
	blocked := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, test := range []struct {
		name    string
		options realtime.Options
		play    func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer)
	}{
		{"never connected", token("t"), func(*testing.T, *realtime.Client, *protocoltest.Dialer) {}},
		{"waiting for a credential", realtime.Options{Token: func(ctx context.Context) (realtime.Credential, error) {
			return realtime.Credential{}, blocked(ctx)
		}}, func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer) { c.Connect() }},
		{"dialing", token("t"), func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer) {
			d.Stall(true)
			c.Connect()
		}},
		{"authenticating", token("t"), func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer) {
			c.Connect()
			d.Accept().Expect(`{"type":"auth","...":"..."}`)
		}},
		{"waiting", token("t"), func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer) {
			d.Refuse(errors.New("down"))
			c.Connect()
			until(t, c, session.Waiting)
		}},
		{"probing", realtime.Options{Mode: session.Strict, Token: realtime.StaticToken("t"),
			Probe: func(ctx context.Context, _ realtime.Credential) error { return blocked(ctx) },
		}, func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer) {
			d.Refuse(errors.New("down"))
			c.Connect()
			time.Sleep(5 * time.Second)
		}},
		{"disconnected", token("t"), func(t *testing.T, c *realtime.Client, d *protocoltest.Dialer) {
			c.Connect()
			d.Accept().AcceptAuth()
			until(t, c, session.Live)
			c.Disconnect()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := protocoltest.NewDialer(t)
				test.options.Dialer = d
				c, err := realtime.New(url, &test.options)
				if err != nil {
					t.Fatal(err)
				}
				test.play(t, c, d)
				synctest.Wait()
				start := time.Now()
				c.Close()
				if took := time.Since(start); took > time.Second {
					t.Errorf("Close took %v", took)
				}
				if state := c.State().To; state != session.Closed {
					t.Errorf("after Close it is %s", state)
				}
				c.Close()
				c.Connect()
				if _, err := c.Do(t.Context(), protocol.Ping{}); !errors.Is(err, realtime.ErrClosed) {
					t.Errorf("a Do after Close gave %v", err)
				}
				if _, err := c.Subscribe(t.Context(), "messages", nil); !errors.Is(err, realtime.ErrClosed) {
					t.Errorf("a Subscribe after Close gave %v", err)
				}
			})
		})
	}
}

// A dialer that does not heed its context may come back with a connection that
// nobody waits for any more.
func TestAConnectionThatOpensTooLateIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &lateDialer{t: t, peers: make(chan *protocoltest.Peer, 1)}
		options := token("t")
		options.Dialer = d
		c, err := realtime.New(url, &options)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		time.Sleep(time.Second)
		c.Disconnect()
		(<-d.peers).ExpectClose(transport.CloseNormal)
		if state := c.State().To; state != session.Closed {
			t.Errorf("the state is %s", state)
		}
	})
}

type lateDialer struct {
	t     *testing.T
	peers chan *protocoltest.Peer
}

func (d *lateDialer) Dial(context.Context, string) (transport.Conn, error) {
	time.Sleep(5 * time.Second)
	conn, peer := protocoltest.Link(d.t)
	d.peers <- peer
	return conn, nil
}

func TestCloseEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		b.mute[protocol.TypeItems] = true
		ends := make(chan error, 3)
		go func() {
			_, err := c.Do(t.Context(), protocol.Items{Collection: "messages", Action: protocol.ActionRead})
			ends <- err
		}()
		go func() {
			for _, err := range s.Events(t.Context()) {
				if err != nil {
					ends <- err
				}
			}
		}()
		go func() {
			for range c.States(t.Context()) {
			}
			for range c.Messages(t.Context()) {
			}
			ends <- nil
		}()
		synctest.Wait()
		c.Close()
		for range 3 {
			err := <-ends
			if err != nil && !errors.Is(err, realtime.ErrDisconnected) && !errors.Is(err, realtime.ErrOutcomeUnknown) {
				t.Errorf("something that waited ended with %v", err)
			}
		}
	})
}

func TestStatesTellsTheLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		c.Disconnect()
		c.Connect()
		c.Disconnect()
		var seen []session.State
		for change := range c.States(timeout(t, time.Minute)) {
			seen = append(seen, change.To)
		}
		if fmt.Sprint(seen) != "[closed]" {
			t.Errorf("a loop that began late saw %v", seen)
		}
	})
}

// A sleepy connection hands over what has arrived only when a Receive is cut
// short: so does a browser's when its tab is throttled.
type sleepy struct {
	transport.Conn
	asleep atomic.Bool
	sent   atomic.Int32
}

func (s *sleepy) Dial(ctx context.Context, _ string) (transport.Conn, error) { return s, nil }

func (s *sleepy) Receive(ctx context.Context) ([]byte, error) {
	if s.asleep.Load() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
		defer cancel()
		frame, err := s.Conn.Receive(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = context.Canceled
		}
		return frame, err
	}
	return s.Conn.Receive(ctx)
}

func (s *sleepy) Send(frame []byte) error {
	s.sent.Add(1)
	return s.Conn.Send(frame)
}

func TestWhatHasArrivedIsHandedOverBeforeATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, peer := protocoltest.Link(t)
		s := &sleepy{Conn: conn}
		o := token("t")
		o.Dialer = s
		c, err := realtime.New(url, &o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		peer.AcceptAuth()
		until(t, c, session.Live)
		synctest.Wait()
		s.asleep.Store(true)
		peer.Say(`{"type":"custom"}`) // ends the Receive under way
		for range 10 {
			time.Sleep(15 * time.Second)
			peer.Say(`{"type":"custom"}`)
		}
		if n := s.sent.Load(); n != 1 {
			t.Errorf("%d frames were sent: the link was probed although frames had arrived", n-1)
		}
		if state := c.State(); state.To != session.Live {
			t.Errorf("it is %s", state)
		}
	})
}

// A choking connection cannot take another frame.
type choking struct {
	transport.Conn
	full atomic.Bool
}

func (c *choking) Send(frame []byte) error {
	if c.full.Load() {
		return transport.ErrOverflow
	}
	return c.Conn.Send(frame)
}

func TestAFailedSendIsALostLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := protocoltest.NewDialer(t)
		var first *choking
		o := token("t")
		o.Dialer = dialFunc(func(ctx context.Context, url string) (transport.Conn, error) {
			conn, err := d.Dial(ctx, url)
			if first == nil {
				first = &choking{Conn: conn}
				return first, err
			}
			return conn, err
		})
		c, err := realtime.New(url, &o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		d.Accept().AcceptAuth()
		until(t, c, session.Live)
		first.full.Store(true)
		go c.Do(timeout(t, time.Second), protocol.Ping{})
		change := until(t, c, session.Waiting)
		if !errors.Is(change.Cause.Err, transport.ErrOverflow) {
			t.Errorf("the cause is %+v", change.Cause)
		}
		d.Accept().AcceptAuth()
		until(t, c, session.Live)
	})
}

type dialFunc func(context.Context, string) (transport.Conn, error)

func (f dialFunc) Dial(ctx context.Context, url string) (transport.Conn, error) { return f(ctx, url) }

func TestSilenceEndsInAProbeAndThenInReconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		time.Sleep(10 * time.Minute)
		if n := len(b.Attempts()); n != 1 {
			t.Fatalf("probes that were answered led to %d connections", n)
		}
		b.mu.Lock()
		b.mute[protocol.TypeUnsubscribe] = true
		b.mu.Unlock()
		start := time.Now()
		change := until(t, c, session.Waiting)
		if took := time.Since(start); change.Cause.Reason != session.ReasonSilent || took > 25*time.Second {
			t.Errorf("after %v it is %s", took, change)
		}
	})
}

func TestWakeTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := protocoltest.NewDialer(t)
		d.Refuse(errors.New("down"))
		o := token("t")
		o.Dialer = d
		o.Backoff = realtime.Backoff{Base: time.Hour, Cap: time.Hour}
		c, err := realtime.New(url, &o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Connect()
		until(t, c, session.Waiting)
		d.Refuse(nil)
		c.Wake("online")
		d.Accept().AcceptAuth()
		until(t, c, session.Live)
	})
}
