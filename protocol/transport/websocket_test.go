//go:build !js

package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"leveret/internal/wasmtest/fixture"
	"leveret/protocol/transport"
)

func serve(t *testing.T) *fixture.Server {
	t.Helper()
	s, err := fixture.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestDialledContract(t *testing.T) {
	server := serve(t)
	testContract(t, link{
		dialer: transport.Default, raw: true, statuses: true, checks: true, anyCode: true,
		open: func(ctx context.Context, path string, slow bool) (transport.Conn, error) {
			base := server.URL
			if slow {
				base = server.Slow
			}
			return transport.Default.Dial(ctx, base+path)
		},
	})
}

// The accepted end under test, the dialled end playing the script.
func TestAcceptedContract(t *testing.T) {
	stage := &fixture.Stage{}
	accepted := make(chan transport.Conn)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, nil)
		if err != nil {
			t.Errorf("Accept: %v", err)
		}
		accepted <- c
	}))
	defer server.Close()
	var plays sync.WaitGroup
	defer plays.Wait()
	testContract(t, link{
		checks: true, anyCode: true,
		open: func(ctx context.Context, path string, slow bool) (transport.Conn, error) {
			u, err := url.Parse(path)
			if err != nil {
				return nil, err
			}
			peer, err := transport.Default.Dial(ctx, "ws"+server.URL[len("http"):])
			if err != nil {
				return nil, err
			}
			plays.Go(func() { stage.Play(context.Background(), peer, u.Path, u.Query()) })
			return <-accepted, nil
		},
	})
}

// pair returns both ends of one connection: the accepted one with options, the
// other raw.
func pair(t *testing.T, o *transport.AcceptOptions, secure bool) (accepted transport.Conn, raw *websocket.Conn) {
	t.Helper()
	return pairWith(t, o, secure, nil)
}

func pairWith(t *testing.T, o *transport.AcceptOptions, secure bool, onPong func(context.Context, []byte)) (accepted transport.Conn, raw *websocket.Conn) {
	t.Helper()
	conns := make(chan transport.Conn, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, o)
		if err != nil {
			t.Errorf("Accept: %v", err)
		}
		conns <- c
	}))
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	raw, _, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPClient: server.Client(), OnPongReceived: onPong})
	if err != nil {
		t.Fatal(err)
	}
	raw.SetReadLimit(-1)
	t.Cleanup(func() { raw.CloseNow() })
	return <-conns, raw
}

func TestAFrameAboveTheLimitEndsWith1009(t *testing.T) {
	c, raw := pair(t, &transport.AcceptOptions{MaxFrame: 10}, false)
	ctx := patience(t)
	write := func(n int) {
		if err := raw.Write(ctx, websocket.MessageText, bytes.Repeat([]byte("x"), n)); err != nil {
			t.Fatal(err)
		}
	}
	write(10)
	if got := receive(t, c); len(got) != 10 {
		t.Errorf("%d bytes arrived", len(got))
	}
	c.(interface{ SetMaxFrame(int64) }).SetMaxFrame(100_000)
	write(100_000)
	if got := receive(t, c); len(got) != 100_000 {
		t.Errorf("%d bytes arrived", len(got))
	}
	send(t, c, "queued before the fault")
	write(100_001)
	typ, first, err := raw.Read(ctx)
	if err != nil || typ != websocket.MessageText || string(first) != "queued before the fault" {
		t.Errorf("the peer read %q, %v", first, err)
	}
	if _, _, err := raw.Read(ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("the peer was closed with %v, want 1009", err)
	}
	_, end := drain(t, c)
	wantEnd(t, end, transport.CloseTooBig, "a frame may have 100000 bytes")
}

func TestAPeerThatTakesNothingIsLost(t *testing.T) {
	c, _ := pair(t, &transport.AcceptOptions{WriteTimeout: 100 * time.Millisecond}, false)
	send(t, c, strings.Repeat("x", 40<<20))
	_, end := drain(t, c)
	if end.Code != transport.CloseAbnormal || !errors.Is(end, os.ErrDeadlineExceeded) {
		t.Errorf("ended with %v, want 1006 and a time-out", end)
	}
	if err := c.Send([]byte("x")); err == nil {
		t.Error("a later Send was taken")
	}
}

func TestAPingIsAnsweredWithinALargeFrame(t *testing.T) {
	const size = 40 << 20
	var pong atomic.Bool
	c, raw := pairWith(t, nil, false, func(context.Context, []byte) { pong.Store(true) })
	send(t, c, strings.Repeat("x", size))
	_, r, err := raw.Reader(patience(t))
	if err != nil {
		t.Fatal(err)
	}
	// The ping goes out; its answer can only be read below.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := raw.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Ping: %v", err)
	}
	total, before := 0, 0
	for buf := make([]byte, 64<<10); err == nil; {
		var n int
		n, err = r.Read(buf)
		total += n
		if !pong.Load() {
			before = total
		}
	}
	if err != io.EOF || total != size {
		t.Errorf("%d bytes arrived, %v", total, err)
	}
	if before >= size*9/10 {
		t.Errorf("the pong came after %d of %d bytes", before, total)
	}
}

func TestAcceptOverTLS(t *testing.T) {
	c, raw := pair(t, nil, true)
	ctx := patience(t)
	go func() {
		for range 100 {
			c.Send([]byte(strings.Repeat("x", 100_000)))
			receive(t, c)
		}
		c.Close(4000, "done")
	}()
	for i := range 100 {
		_, frame, err := raw.Read(ctx)
		if err != nil || len(frame) != 100_000 {
			t.Fatalf("frame %d: %d bytes, %v", i, len(frame), err)
		}
		raw.Write(ctx, websocket.MessageText, []byte("next"))
	}
	if _, _, err := raw.Read(ctx); websocket.CloseStatus(err) != 4000 {
		t.Errorf("ended with %v", err)
	}
}

func TestAcceptAnswersWhatIsNoUpgrade(t *testing.T) {
	w := httptest.NewRecorder()
	if _, err := transport.Accept(w, httptest.NewRequest("GET", "/websocket", nil), nil); err == nil {
		t.Error("it was accepted")
	}
	if w.Code != http.StatusUpgradeRequired {
		t.Errorf("HTTP %d, want 426", w.Code)
	}
}

func TestReadingStopsAheadOfASlowConsumer(t *testing.T) {
	c, raw := pair(t, nil, false)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	frame := bytes.Repeat([]byte("x"), 1<<20)
	n := 0
	for n < 100 && raw.Write(ctx, websocket.MessageText, frame) == nil {
		n++
	}
	if n == 100 {
		t.Error("100 MiB went to a peer that receives nothing")
	}
	// What did go out is all there.
	for range n {
		receive(t, c)
	}
}

// A watchedListener counts the writes that contain a text.
type watchedListener struct {
	net.Listener
	text   []byte
	writes atomic.Int64
}

type watchedConn struct {
	net.Conn
	l *watchedListener
}

func (l *watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{c, l}, nil
}

func (c *watchedConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, c.l.text) {
		c.l.writes.Add(1)
	}
	return c.Conn.Write(p)
}

func TestWhatWaitsIsWrittenTogether(t *testing.T) {
	conns := make(chan transport.Conn, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := transport.Accept(w, r, nil)
		if err != nil {
			t.Errorf("Accept: %v", err)
		}
		conns <- c
	}))
	watched := &watchedListener{Listener: server.Listener, text: []byte("small")}
	server.Listener = watched
	server.Start()
	defer server.Close()
	raw, _, err := websocket.Dial(t.Context(), server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.CloseNow()
	raw.SetReadLimit(-1)

	c := <-conns
	send(t, c, strings.Repeat("x", 40<<20)) // nobody reads: it fills the line
	for range 500 {
		send(t, c, "small")
	}
	for range 501 {
		if _, _, err := raw.Read(patience(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n := watched.writes.Load(); n == 0 || n > 2 {
		t.Errorf("500 frames that waited went out in %d writes, want 1 or 2", n)
	}
}

// One frame to 100 connections, 8 at a time: what a broadcast costs.
func BenchmarkFanOut(b *testing.B) {
	const peers, inFlight = 100, 8
	conns := make(chan transport.Conn, peers)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := transport.Accept(w, r, nil); err == nil {
			conns <- c
		}
	}))
	defer server.Close()
	frame := bytes.Repeat([]byte("x"), 300)
	took := make(chan struct{}, peers*inFlight)
	all := make([]transport.Conn, peers)
	for i := range all {
		raw, _, err := websocket.Dial(b.Context(), server.URL, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer raw.CloseNow()
		go func() {
			for {
				if _, _, err := raw.Read(b.Context()); err != nil {
					return
				}
				took <- struct{}{}
			}
		}()
		all[i] = <-conns
	}
	for b.Loop() {
		for range inFlight {
			for _, c := range all {
				if err := c.Send(frame); err != nil {
					b.Fatal(err)
				}
			}
		}
		for range peers * inFlight {
			<-took
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*peers*inFlight), "ns/delivery")
}
