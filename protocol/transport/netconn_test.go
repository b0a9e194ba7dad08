//go:build !js

package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A wire records each write to it.
type wire struct {
	net.Conn
	writes [][]byte
}

func (w *wire) Write(p []byte) (int, error) {
	w.writes = append(w.writes, bytes.Clone(p))
	return len(p), nil
}

func (w *wire) SetWriteDeadline(time.Time) error { return nil }

func TestACorkedLinkWritesOnce(t *testing.T) {
	w := &wire{}
	link := &linkConn{Conn: w, timeout: time.Second}
	link.cork(true)
	for _, s := range []string{"one ", "two ", "three "} {
		link.Write([]byte(s))
	}
	if len(w.writes) != 0 {
		t.Errorf("corked, it wrote %q", w.writes)
	}
	link.cork(false)
	link.Write([]byte("four"))
	link.Write([]byte("five"))
	if len(w.writes) != 2 || string(w.writes[0]) != "one two three four" || string(w.writes[1]) != "five" {
		t.Errorf("it wrote %q", w.writes)
	}
}

func TestACorkedLinkKeepsOrderAndHoldsNoMoreThanItsBuffer(t *testing.T) {
	w := &wire{}
	link := &linkConn{Conn: w}
	link.cork(true)
	var want []byte
	for i, n := range []int{10, corkSize - 10, 10, corkSize + 1, 5, corkSize, 7} {
		p := bytes.Repeat([]byte{byte('a' + i)}, n)
		want = append(want, p...)
		link.Write(p)
		if held := len(want) - len(slices.Concat(w.writes...)); held > corkSize {
			t.Errorf("it holds %d bytes", held)
		}
	}
	link.cork(false)
	link.Write([]byte("."))
	if got := slices.Concat(w.writes...); !bytes.Equal(got, append(want, '.')) {
		t.Errorf("%d bytes went out, want %d in order", len(got), len(want)+1)
	}
}

// net.Pipe has deadlines and no buffer, so that progress is what the reader takes.
func TestAWriteMayTakeLongButNotStandStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		link := &linkConn{Conn: near, timeout: 5 * time.Second}
		go func() { // a byte a second for an hour, then nothing
			for range 3600 {
				time.Sleep(time.Second)
				io.ReadFull(far, make([]byte, 1))
			}
		}()
		start := time.Now()
		n, err := link.Write([]byte(strings.Repeat("x", 4000)))
		if n != 3600 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d bytes, %v; want 3600 and the time-out", n, err)
		}
		if took := time.Since(start) - time.Hour; took < 5*time.Second || took > 10*time.Second {
			t.Errorf("it gave up %v after the last progress", took)
		}
	})
}
