package transport_test

import (
	"context"
	"errors"
	"net/url"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"leveret/internal/wasmtest/fixture"
	"leveret/protocol/transport"
)

func TestPipeContract(t *testing.T) {
	stage := &fixture.Stage{}
	testContract(t, link{
		checks: true, anyCode: true,
		open: func(ctx context.Context, path string, slow bool) (transport.Conn, error) {
			u, err := url.Parse(path)
			if err != nil {
				return nil, err
			}
			near, far := transport.Pipe()
			go stage.Play(t.Context(), far, u.Path, u.Query())
			return near, nil
		},
	})
}

func TestPipeInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := transport.Pipe()
		start := time.Now()
		go func() {
			time.Sleep(time.Hour)
			b.Send([]byte("late"))
		}()
		got, err := a.Receive(t.Context())
		if err != nil || string(got) != "late" || time.Since(start) != time.Hour {
			t.Errorf("received %q, %v after %v", got, err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive: %v, want the context's error", err)
		}
	})
}

func TestPipeEndsAsASocketDoes(t *testing.T) {
	cases := []struct {
		name  string
		frame string
		code  int
	}{
		{"a frame that is not UTF-8", "\xff", transport.CloseBadFrame},
		{"a frame above the limit", "12345", transport.CloseTooBig},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, b := transport.Pipe()
			b.(interface{ SetMaxFrame(int64) }).SetMaxFrame(4)
			send(t, a, "1234")
			send(t, a, c.frame)
			frames, end := drain(t, b)
			if len(frames) != 1 || end.Code != c.code {
				t.Errorf("received %q, then %v; want one frame and %d", frames, end, c.code)
			}
			if _, end := drain(t, a); end.Code != c.code {
				t.Errorf("the sender's end is %v, want %d", end, c.code)
			}
		})
	}
}

func TestABoundedPipeTakesOneFrameOfAnySize(t *testing.T) {
	a, b := transport.BoundedPipe(4, 2)
	send(t, a, "more than four, on its way")
	send(t, a, "more than four, alone behind it")
	if err := a.Send([]byte("x")); !errors.Is(err, transport.ErrOverflow) {
		t.Errorf("one more: %v, want ErrOverflow", err)
	}
	frames, end := drain(t, b)
	if len(frames) != 2 {
		t.Errorf("received %q", frames)
	}
	wantEnd(t, end, transport.CloseTooSlow, "too slow")

	a, _ = transport.BoundedPipe(100, 2)
	for _, frame := range []string{"on its way", "1", "2"} {
		send(t, a, frame)
	}
	if err := a.Send([]byte("3")); !errors.Is(err, transport.ErrOverflow) {
		t.Errorf("the third behind it: %v, want ErrOverflow", err)
	}
}

// An end that hears of the close closes too, at once; the code stays the first one.
func TestPipeKeepsTheFirstCode(t *testing.T) {
	now, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10_000 {
		a, b := transport.Pipe()
		ready := make(chan struct{})
		go func() {
			close(ready)
			for { // without waiting, so that it is quick
				if _, err := b.Receive(now); !errors.Is(err, context.Canceled) {
					b.Close(transport.CloseNormal, "")
					return
				}
				runtime.Gosched()
			}
		}()
		<-ready
		a.Close(transport.CloseTooSlow, "too slow")
		for _, end := range []transport.Conn{a, b} {
			_, err := end.Receive(t.Context())
			var closed *transport.CloseError
			if !errors.As(err, &closed) || closed.Code != transport.CloseTooSlow {
				t.Fatalf("ended with %v, want 4413", err)
			}
		}
	}
}
