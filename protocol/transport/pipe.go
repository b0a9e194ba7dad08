package transport

import (
	"math"
	"sync/atomic"
	"unicode/utf8"
)

// Pipe returns the two ends of a connection in memory, which behaves as one over
// a socket does: what an end sent before it closed arrives before the close, with
// its code; a frame that is not UTF-8 closes with 1007, one above the limit set
// with SetMaxFrame with 1009. At most [MaxWaiting] bytes or [MaxWaitingFrames]
// frames wait in each direction. It works in a synctest bubble: all waiting is
// durable, and it starts no goroutine.
func Pipe() (a, b Conn) { return BoundedPipe(MaxWaiting, MaxWaitingFrames) }

// BoundedPipe is Pipe with other bounds on what may wait in each direction, behind
// the frame that is on its way: the Send that passes one of them returns
// [ErrOverflow] and closes with [CloseTooSlow]. One frame of any size may always
// wait there alone.
func BoundedPipe(maxBytes, maxFrames int) (a, b Conn) {
	x := &pipeEnd{inbox: newInbox(), maxBytes: maxBytes, maxFrames: maxFrames}
	y := &pipeEnd{inbox: newInbox(), maxBytes: maxBytes, maxFrames: maxFrames}
	x.peer, y.peer = y, x
	x.maxFrame.Store(math.MaxInt64)
	y.maxFrame.Store(math.MaxInt64)
	return x, y
}

// A pipeEnd is one end of a Pipe. Its inbox is filled by its peer.
type pipeEnd struct {
	*inbox
	peer                *pipeEnd
	maxBytes, maxFrames int
	maxFrame            atomic.Int64 // of what this end receives
	overflow            atomic.Bool  // a Send of this end met a full queue
}

// SetMaxFrame limits the frames that this end accepts, in bytes.
func (p *pipeEnd) SetMaxFrame(n int64) { p.maxFrame.Store(n) }

// Waiting returns how many frames and bytes wait for the other end.
func (p *pipeEnd) Waiting() (frames, bytes int) {
	p.peer.mu.Lock()
	defer p.peer.mu.Unlock()
	return len(p.peer.frames), p.peer.size
}

func (p *pipeEnd) Send(frame []byte) error {
	if p.overflow.Load() {
		return ErrOverflow
	}
	switch {
	case p.closed():
		return ErrClosed
	case int64(len(frame)) > p.peer.maxFrame.Load():
		p.finishBoth(CloseTooBig, "frame too big")
		return nil // as on a socket: the sender learns it from the close
	case !utf8.Valid(frame):
		p.finishBoth(CloseBadFrame, "invalid UTF-8")
		return nil
	case p.peer.fullBehind(len(frame), p.maxBytes, p.maxFrames):
		p.overflow.Store(true)
		p.finishBoth(CloseTooSlow, "too slow")
		return ErrOverflow
	}
	if !p.peer.push(append([]byte{}, frame...)) {
		return ErrClosed
	}
	return nil
}

func (p *pipeEnd) Close(code int, reason string) error {
	if err := checkClose(code); err != nil {
		return err
	}
	if code == CloseNoStatus {
		reason = ""
	}
	p.finishBoth(code, clipReason(reason))
	return nil
}

// finishBoth ends this end and then the other. Whoever hears of it closes too; that
// must not reach the other end first with a code of its own.
func (p *pipeEnd) finishBoth(code int, reason string) {
	if p.finish(&CloseError{Code: code, Reason: reason}) {
		p.peer.finish(&CloseError{Code: code, Reason: reason})
	}
}
