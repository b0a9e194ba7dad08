//go:build !js

package transport

import (
	"errors"
	"testing"
)

func TestTheQueueIsWhatWaitsBehindTheFrameBeingWritten(t *testing.T) {
	const large = 1000
	const write = -1 // the writer takes the next frame
	cases := []struct {
		name  string
		steps []int // sizes of frames to push, into bounds of 10 bytes and 3 frames
		taken int   // how many are taken before the overflow
	}{
		{"a frame of any size on an empty queue", []int{large, write, large, 1}, 2},
		{"the writer has not woken up yet", []int{large, 4, 4, 2, 0}, 4},
		{"it has", []int{large, write, 4, 4, 2, 0}, 4},
		{"too many bytes", []int{large, write, 9, 2}, 2},
		{"as many bytes as there may be", []int{large, write, 9, 1, 1}, 3},
		{"the writer goes on", []int{large, 4, 4, write, write, 2, 2, 0}, 5},
		{"a large one behind a small one", []int{1, large, 1}, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := newOutbox(10, 3)
			taken, written := 0, 0
			for i, n := range c.steps {
				if n == write {
					o.next()
					written++
					continue
				}
				err := o.push(make([]byte, n))
				if last := i == len(c.steps)-1; last != errors.Is(err, ErrOverflow) {
					t.Fatalf("step %d, a frame of %d bytes: %v", i, n, err)
				}
				if err == nil {
					taken++
				}
			}
			if taken != c.taken {
				t.Errorf("%d frames were taken, want %d", taken, c.taken)
			}
			if err := o.push(nil); !errors.Is(err, ErrOverflow) {
				t.Errorf("a later push: %v, want ErrOverflow", err)
			}
			for range taken - written {
				if _, ok, _, _ := o.next(); !ok {
					t.Fatal("what was queued is gone")
				}
			}
			if _, ok, _, end := o.next(); ok || end == nil || end.Code != CloseTooSlow {
				t.Errorf("behind the frames is %v, want 4413", end)
			}
		})
	}
}
