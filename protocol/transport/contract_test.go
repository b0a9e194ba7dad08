package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"leveret/internal/wasmtest/fixture"
	"leveret/protocol/transport"
)

// A link opens connections whose far end plays a script of package fixture. Every
// transport is tested with the same suite, on a link of its own.
type link struct {
	// open connects to the script of a path and query; slow says through a line of
	// fixture.Rate.
	open func(ctx context.Context, path string, slow bool) (transport.Conn, error)

	dialer   transport.Dialer // what open uses, where it can be refused and cancelled
	raw      bool             // the far end can send binary frames, broken text, and drop the connection
	statuses bool             // a refusal tells its HTTP status
	checks   bool             // it ends the connection at broken text and leaves a byte order mark alone
	anyCode  bool             // Close takes every code that RFC 6455 lets an endpoint send
}

// open connects, with a context that ends with the test.
func (l link) mustOpen(t *testing.T, path string) transport.Conn {
	t.Helper()
	return l.mustOpenOn(t, path, false)
}

func (l link) mustOpenOn(t *testing.T, path string, slow bool) transport.Conn {
	t.Helper()
	c, err := l.open(patience(t), path, slow)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { c.Close(transport.CloseNormal, "") })
	return c
}

// report waits for the end of the named script and returns what its side saw.
func (l link) report(t *testing.T, id string) fixture.Report {
	t.Helper()
	r, err := fixture.ParseReport(string(receive(t, l.mustOpen(t, "/report?id="+id))))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func receive(t *testing.T, c transport.Conn) []byte {
	t.Helper()
	frame, err := c.Receive(patience(t))
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return frame
}

// drain receives to the end.
func drain(t *testing.T, c transport.Conn) (frames [][]byte, end *transport.CloseError) {
	t.Helper()
	ctx := patience(t)
	for {
		frame, err := c.Receive(ctx)
		if errors.As(err, &end) {
			return frames, end
		}
		if err != nil {
			t.Fatalf("Receive after %d frames: %v", len(frames), err)
		}
		frames = append(frames, frame)
	}
}

func send(t *testing.T, c transport.Conn, frame string) {
	t.Helper()
	if err := c.Send([]byte(frame)); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func wantEnd(t *testing.T, end *transport.CloseError, code int, reason string) {
	t.Helper()
	if end.Code != code || end.Reason != reason {
		t.Errorf("ended with %d %q (%v), want %d %q", end.Code, end.Reason, end.Err, code, reason)
	}
}

// wantNumbered checks frames of /burst: none missing, none twice, in order.
func wantNumbered(t *testing.T, frames [][]byte, n int) {
	t.Helper()
	if len(frames) != n {
		t.Errorf("%d frames arrived, want %d", len(frames), n)
	}
	for i, f := range frames {
		if number, _, _ := strings.Cut(string(f), " "); number != strconv.Itoa(i) {
			t.Fatalf("frame %d is %.40q", i, f)
		}
	}
}

// unique names a script's part: parts live as long as the fixture, which several
// runs of a test may share.
func unique(t *testing.T) string {
	return fmt.Sprintf("%s-%d-%d", strings.NewReplacer("/", "-", "#", "-").Replace(t.Name()), time.Now().UnixNano(), parts.Add(1))
}

var parts atomic.Int64 // the clock alone is too coarse in JavaScript

func testContract(t *testing.T, l link) {
	t.Run("every frame that arrived is received before the close", func(t *testing.T) {
		id := unique(t)
		c := l.mustOpen(t, "/burst?n=20&close=4408&reason=too+late&id="+id)
		var frames [][]byte
		for range 5 {
			frames = append(frames, receive(t, c))
		}
		// The reader is busy elsewhere until all was sent and the close answered.
		l.report(t, id)
		rest, end := drain(t, c)
		wantNumbered(t, append(frames, rest...), 20)
		wantEnd(t, end, 4408, "too late")
		if _, err := c.Receive(t.Context()); !errors.As(err, new(*transport.CloseError)) {
			t.Errorf("a later Receive returned %v, want the same end", err)
		}
	})

	t.Run("a message of 40 MB arrives over a slow line", func(t *testing.T) {
		c := l.mustOpenOn(t, "/big?mb=40", true)
		frame := receive(t, c)
		if len(frame) != 40<<20 || !bytes.Equal(frame[:16], []byte("0123456789abcdef")) || !bytes.Equal(frame[len(frame)-16:], frame[:16]) {
			t.Errorf("%d bytes arrived: %.20q…", len(frame), frame)
		}
	})

	t.Run("a message of 40 MB goes out whole", func(t *testing.T) {
		id := unique(t)
		c := l.mustOpen(t, "/collect?id="+id)
		send(t, c, strings.Repeat("x", 40<<20))
		c.Close(transport.CloseNormal, "")
		if r := l.report(t, id); r.Frames != 1 || r.Bytes != 40<<20 {
			t.Errorf("the far end received %v", r)
		}
	})

	t.Run("a cancelled Receive loses nothing and closes nothing", func(t *testing.T) {
		c := l.mustOpen(t, "/echo")
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Receive(cancelled); !errors.Is(err, context.Canceled) {
			t.Fatalf("Receive with a cancelled context returned %v", err)
		}
		var got []string
		for i := range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			send(t, c, strconv.Itoa(i))
			frame, err := c.Receive(ctx)
			if err == nil {
				got = append(got, string(frame))
			} else if !errors.Is(err, context.Canceled) {
				t.Fatalf("Receive: %v", err)
			}
			cancel()
		}
		for len(got) < 50 {
			got = append(got, string(receive(t, c)))
		}
		for i, g := range got {
			if g != strconv.Itoa(i) {
				t.Fatalf("frame %d is %q, of %q", i, g, got)
			}
		}
	})

	t.Run("Close within the receive loop does not block", func(t *testing.T) {
		c := l.mustOpen(t, "/burst?n=10")
		for i := range 10 {
			receive(t, c)
			if i == 5 {
				if err := c.Close(4000, "enough"); err != nil {
					t.Fatalf("Close: %v", err)
				}
				break
			}
		}
		_, end := drain(t, c)
		wantEnd(t, end, 4000, "enough")
	})

	t.Run("Send on a dead link is an error", func(t *testing.T) {
		c := l.mustOpen(t, "/burst?n=1&close=1000")
		drain(t, c)
		if err := c.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Send after the peer closed: %v, want ErrClosed", err)
		}
		c = l.mustOpen(t, "/echo")
		c.Close(transport.CloseNormal, "")
		if err := c.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Send after Close: %v, want ErrClosed", err)
		}
	})

	t.Run("frames come back as they were", func(t *testing.T) {
		want := []string{
			"", "a\x1eb", "\x1e", "\x1e\x1e", "", "[object ArrayBuffer]", "[object Blob]", "grüße, 你好, 👋🏽",
			"\u0000", "a\nb\r\n", strings.Repeat("ü", 70_000), `{"type":"ping"}`, "",
		}
		if l.checks {
			want = append(want, "\ufeffwith a mark", "\ufeff")
		}
		c := l.mustOpen(t, "/echo")
		for range 3 { // once a batch may hold one frame, then many
			for _, w := range want {
				send(t, c, w)
			}
		}
		for range 3 {
			for i, w := range want {
				if got := string(receive(t, c)); got != w {
					t.Errorf("frame %d: %.40q came back as %.40q", i, w, got)
				}
			}
		}
	})

	t.Run("a large burst arrives in order", func(t *testing.T) {
		c := l.mustOpen(t, "/burst?n=20000&size=300&close=4000")
		frames, end := drain(t, c)
		wantNumbered(t, frames, 20000)
		wantEnd(t, end, 4000, "")
	})

	t.Run("a batch holds what waits, and frames and batches mix", func(t *testing.T) {
		id := unique(t)
		c := l.mustOpen(t, "/burst?n=100&close=4000&id="+id)
		frames := [][]byte{receive(t, c)}
		l.report(t, id)
		for len(frames) < 100 {
			batch, err := c.(transport.Batcher).ReceiveBatch(patience(t))
			if err != nil || len(batch) == 0 {
				t.Fatalf("ReceiveBatch after %d: %d frames, %v", len(frames), len(batch), err)
			}
			frames = append(frames, batch...)
		}
		wantNumbered(t, frames, 100)
		if _, err := c.(transport.Batcher).ReceiveBatch(patience(t)); !errors.As(err, new(*transport.CloseError)) {
			t.Errorf("ReceiveBatch at the end: %v", err)
		}
	})

	t.Run("ReceiveBatch with a context that has ended returns what has arrived", func(t *testing.T) {
		c := l.mustOpen(t, "/burst?n=100&wait=1&close=4000").(transport.Batcher)
		ended, end := context.WithCancel(t.Context())
		end()
		if batch, err := c.ReceiveBatch(ended); len(batch) > 0 || !errors.Is(err, context.Canceled) {
			t.Fatalf("with nothing there: %d frames, %v", len(batch), err)
		}
		send(t, c.(transport.Conn), "go on")
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var frames [][]byte
		for deadline := patience(t); ; {
			batch, err := c.ReceiveBatch(ended)
			frames = append(frames, batch...)
			if closed := (*transport.CloseError)(nil); errors.As(err, &closed) {
				wantEnd(t, closed, 4000, "")
				break
			}
			if err != nil && !errors.Is(err, context.Canceled) || deadline.Err() != nil {
				t.Fatalf("after %d frames: %v", len(frames), err)
			}
			if len(batch) == 0 {
				<-tick.C
			}
		}
		wantNumbered(t, frames, 100)
	})

	t.Run("many may send at once", func(t *testing.T) {
		id := unique(t)
		c := l.mustOpen(t, "/collect?id="+id)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if err := c.Send([]byte("ten bytes.")); err != nil {
						t.Errorf("Send: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		c.Close(transport.CloseNormal, "")
		if r := l.report(t, id); r.Frames != 400 || r.Bytes != 4000 {
			t.Errorf("the far end received %v, want 400 frames", r)
		}
	})

	t.Run("many may receive at once", func(t *testing.T) {
		c := l.mustOpen(t, "/burst?n=400&close=4000")
		ctx := patience(t)
		var all sync.WaitGroup
		var mu sync.Mutex
		seen := map[string]bool{}
		for range 4 {
			all.Go(func() {
				for {
					frame, err := c.Receive(ctx)
					if err != nil {
						if end := (*transport.CloseError)(nil); !errors.As(err, &end) || end.Code != 4000 {
							t.Errorf("Receive: %v", err)
						}
						return
					}
					mu.Lock()
					seen[string(frame)] = true
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if len(seen) != 400 {
			t.Errorf("%d frames arrived, want 400", len(seen))
		}
	})

	t.Run("frames sent go out before the close", func(t *testing.T) {
		id := unique(t)
		c := l.mustOpen(t, "/collect?id="+id)
		for range 200 {
			send(t, c, strings.Repeat("x", 1000))
		}
		c.Close(4001, "done")
		c.Close(4002, "the second counts for nothing")
		if r := l.report(t, id); r != (fixture.Report{Frames: 200, Bytes: 200_000, Code: 4001, Reason: "done"}) {
			t.Errorf("the far end saw %v", r)
		}
		_, end := drain(t, c)
		wantEnd(t, end, 4001, "done")
	})

	t.Run("close codes and reasons travel outwards", func(t *testing.T) {
		codes := []int{1000, 3000, 4401, 4999}
		if l.anyCode {
			codes = append(codes, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1011, 1012, 1013, 1014)
		}
		for _, code := range codes {
			id := unique(t)
			c := l.mustOpen(t, "/collect?id="+id)
			if err := c.Close(code, "wörum"); err != nil {
				t.Fatalf("Close(%d): %v", code, err)
			}
			want := fixture.Report{Code: code, Reason: "wörum"}
			if code == transport.CloseNoStatus {
				want.Reason = ""
			}
			if r := l.report(t, id); r != want {
				t.Errorf("Close(%d) reached the far end as %v", code, r)
			}
		}
	})

	t.Run("close codes and reasons travel inwards", func(t *testing.T) {
		for _, code := range []int{1000, 1001, 1005, 1011, 1012, 3000, 4401, 4999} {
			reason := "wörum"
			if code == transport.CloseNoStatus {
				reason = ""
			}
			_, end := drain(t, l.mustOpen(t, fmt.Sprintf("/burst?n=0&close=%d&reason=%s", code, reason)))
			wantEnd(t, end, code, reason)
		}
	})

	t.Run("a long reason is cut between two characters", func(t *testing.T) {
		id := unique(t)
		if err := l.mustOpen(t, "/collect?id="+id).Close(4000, strings.Repeat("ü", 100)); err != nil {
			t.Fatal(err)
		}
		if r := l.report(t, id); r.Reason != strings.Repeat("ü", 61) {
			t.Errorf("the reason arrived as %q", r.Reason)
		}
	})

	t.Run("a code that may not be sent is an error and closes nothing", func(t *testing.T) {
		codes := []int{0, 999, 1004, 1006, 1015, 2999, 5000}
		if !l.anyCode {
			codes = append(codes, 1001, 1005, 1011, 1012)
		}
		c := l.mustOpen(t, "/echo")
		for _, code := range codes {
			if err := c.Close(code, ""); err == nil {
				t.Errorf("Close(%d) was taken", code)
			}
		}
		send(t, c, "still here")
		if got := receive(t, c); string(got) != "still here" {
			t.Errorf("received %q", got)
		}
	})

	t.Run("a full queue is an error, and what it held goes out before the close", func(t *testing.T) {
		id := unique(t)
		c := l.mustOpen(t, "/mute?id="+id)
		frame := []byte(strings.Repeat("x", 1<<20))
		taken := 0
		var err error
		for err == nil && taken < 200 {
			if err = c.Send(frame); err == nil {
				taken++
			}
		}
		if !errors.Is(err, transport.ErrOverflow) || taken == 0 {
			t.Fatalf("after %d frames: %v, want ErrOverflow", taken, err)
		}
		if err := c.Send([]byte("x")); err == nil {
			t.Error("a Send after the overflow was taken")
		}
		l.mustOpen(t, "/release?id="+id)
		if r := l.report(t, id); r != (fixture.Report{Frames: taken, Bytes: taken << 20, Code: transport.CloseTooSlow, Reason: "too slow"}) {
			t.Errorf("the far end saw %v, want %d frames and 4413", r, taken)
		}
		_, end := drain(t, c)
		wantEnd(t, end, transport.CloseTooSlow, "too slow")
	})

	if l.raw {
		t.Run("a binary frame is received as text", func(t *testing.T) {
			c := l.mustOpen(t, "/binary")
			for _, want := range []string{"grüße", "a\uFFFDb", "after"} {
				if got := string(receive(t, c)); got != want {
					t.Errorf("received %q, want %q", got, want)
				}
			}
		})

		t.Run("a connection that drops ends with 1006", func(t *testing.T) {
			c := l.mustOpen(t, "/die")
			send(t, c, "die")
			frames, end := drain(t, c)
			if len(frames) != 1 || string(frames[0]) != "last" {
				t.Errorf("received %q", frames)
			}
			if end.Code != transport.CloseAbnormal {
				t.Errorf("ended with %v, want 1006", end)
			}
			if err := c.Send([]byte("x")); !errors.Is(err, transport.ErrClosed) {
				t.Errorf("Send: %v, want ErrClosed", err)
			}
		})
	}

	if l.raw && l.checks {
		t.Run("a text frame that is not UTF-8 ends the connection with 1007", func(t *testing.T) {
			id := unique(t)
			frames, end := drain(t, l.mustOpen(t, "/badutf8?id="+id))
			if len(frames) != 1 || string(frames[0]) != "before" {
				t.Errorf("received %q", frames)
			}
			// A browser sends the code and tells its page 1006; ws in Node tells 1006 or 1007.
			if end.Code != transport.CloseBadFrame && (l.anyCode || end.Code != transport.CloseAbnormal) {
				t.Errorf("ended with %v", end)
			}
			// Chromium calls it a protocol error.
			if r := l.report(t, id); r.Code != transport.CloseBadFrame && (l.anyCode || r.Code != 1002) {
				t.Errorf("the far end was closed with %v, want 1007", r)
			}
		})
	}

	if l.dialer != nil {
		t.Run("a refused upgrade is an error", func(t *testing.T) {
			for _, status := range []int{401, 302, 503} {
				c, err := l.open(patience(t), fmt.Sprintf("/refuse?status=%d", status), false)
				if err == nil {
					c.Close(1000, "")
					t.Fatalf("a server that answers %d was connected to", status)
				}
				var refused *transport.RefusedError
				if l.statuses && (!errors.As(err, &refused) || refused.HTTPStatus() != status) {
					t.Errorf("refused with %v, want HTTP %d", err, status)
				}
			}
		})

		t.Run("an error of Dial does not tell the URL, which may hold a token", func(t *testing.T) {
			for _, url := range []string{"ws://127.0.0.1:1/?access_token=secret", "ws://bad host/?access_token=secret", "no URL access_token=secret"} {
				c, err := l.dialer.Dial(patience(t), url)
				if err == nil {
					c.Close(transport.CloseNormal, "")
					t.Errorf("%q was connected to", url)
				} else if strings.Contains(err.Error(), "secret") {
					t.Errorf("the error says %q", err)
				}
			}
		})

		t.Run("a cancelled Dial returns and lets go of the server", func(t *testing.T) {
			id := unique(t)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := l.open(ctx, "/hang?id="+id, false); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Dial: %v, want the context's error", err)
			}
			l.report(t, id)
		})
	}
}
