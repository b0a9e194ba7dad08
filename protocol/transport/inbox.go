package transport

import (
	"context"
	"sync"
)

// An inbox holds the frames that arrived and were not yet received, and after
// them how the connection ended. Waiting is on channels alone, so that a
// goroutine in a synctest bubble that waits here is durably blocked.
type inbox struct {
	mu     sync.Mutex
	frames [][]byte
	size   int   // bytes in frames
	end    error // told when frames is empty; set once

	ready chan struct{} // a token: there is a frame or the end
	room  chan struct{} // a token: something was taken
}

func newInbox() *inbox {
	return &inbox{ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// push appends frames, unless the connection has ended.
func (b *inbox) push(frames ...[]byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end != nil {
		return false
	}
	for _, f := range frames {
		b.size += len(f)
	}
	b.frames = append(b.frames, frames...)
	b.signal()
	return true
}

// finish says how the connection ended. Only the first call counts.
func (b *inbox) finish(end error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end != nil {
		return false
	}
	b.end = end
	b.signal()
	return true
}

// closed reports whether the connection has ended.
func (b *inbox) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.end != nil
}

// full reports whether another frame of n bytes would pass the bounds. On an
// empty queue a frame of any size has room.
func (b *inbox) full(n, maxBytes, maxFrames int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.frames) > 0 && (b.size+n > maxBytes || len(b.frames)+1 > maxFrames)
}

// fullBehind is full for a sender: the first frame counts as the one that is on
// its way, and the bounds hold for what waits behind it.
func (b *inbox) fullBehind(n, maxBytes, maxFrames int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	behind := len(b.frames) - 1
	return behind > 0 && (b.size-len(b.frames[0])+n > maxBytes || behind+1 > maxFrames)
}

// signal leaves a token for one receiver while there is something to receive.
// Every receiver calls it before it returns, so that no token is lost with a
// receiver that was cancelled as it took one.
func (b *inbox) signal() {
	if len(b.frames) == 0 && b.end == nil {
		return
	}
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take waits until something can be received and returns up to limit frames.
func (b *inbox) take(ctx context.Context, limit int) ([][]byte, error) {
	for {
		frames, err := b.tryTake(ctx, limit)
		if frames != nil || err != nil {
			return frames, err
		}
		select {
		case <-b.ready:
		case <-ctx.Done():
		}
	}
}

func (b *inbox) tryTake(ctx context.Context, limit int) ([][]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.signal()
	if len(b.frames) == 0 {
		if b.end != nil {
			return nil, b.end
		}
		return nil, ctx.Err()
	}
	n := min(limit, len(b.frames))
	taken := b.frames[:n:n]
	if n == len(b.frames) {
		b.frames, b.size = nil, 0
	} else {
		b.frames = b.frames[n:]
		for _, f := range taken {
			b.size -= len(f)
		}
	}
	select {
	case b.room <- struct{}{}:
	default:
	}
	return taken, nil
}

// Receive and ReceiveBatch of every Conn that embeds an inbox.

func (b *inbox) Receive(ctx context.Context) ([]byte, error) {
	frames, err := b.take(ctx, 1)
	if err != nil {
		return nil, err
	}
	frame := frames[0]
	frames[0] = nil // let go of it: the array behind a long queue lives on
	return frame, nil
}

func (b *inbox) ReceiveBatch(ctx context.Context) ([][]byte, error) {
	return b.take(ctx, int(^uint(0)>>1))
}
