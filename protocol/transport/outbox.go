//go:build !js

package transport

import "sync"

// An outbox holds the frames that wait to be written, and after them the close.
// Its bounds count what waits behind the frame being written.
type outbox struct {
	maxBytes, maxFrames int

	mu      sync.Mutex
	frames  [][]byte
	size    int   // bytes in frames
	writing bool  // the writer has a frame; else the first of frames counts as the one being written
	refuse  error // why Send is refused: ErrClosed or ErrOverflow; nil while open
	close   *CloseError

	ready chan struct{} // a token: there is a frame or a close
}

func newOutbox(maxBytes, maxFrames int) *outbox {
	return &outbox{maxBytes: maxBytes, maxFrames: maxFrames, ready: make(chan struct{}, 1)}
}

// push queues a frame. One frame of any size is taken when none waits behind the
// one being written.
func (o *outbox) push(frame []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != nil {
		return o.refuse
	}
	behind, size := len(o.frames), o.size
	if behind > 0 && !o.writing {
		behind, size = behind-1, size-len(o.frames[0])
	}
	if behind > 0 && (size+len(frame) > o.maxBytes || behind+1 > o.maxFrames) {
		o.refuse = ErrOverflow
		o.close = &CloseError{Code: CloseTooSlow, Reason: "too slow"}
		return ErrOverflow
	}
	o.frames = append(o.frames, frame)
	o.size += len(frame)
	o.signal()
	return nil
}

// waiting returns how many frames and bytes wait.
func (o *outbox) waiting() (frames, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.frames), o.size
}

// shut queues the close behind the frames. Only the first one counts.
func (o *outbox) shut(end *CloseError) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != nil {
		return
	}
	o.refuse, o.close = ErrClosed, end
	o.signal()
}

// drop lets go of everything: the link is gone.
func (o *outbox) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.frames, o.size = nil, 0
	if o.refuse == nil {
		o.refuse = ErrClosed
	}
}

// next returns the first frame, if there is one, and whether more wait behind it;
// without a frame, the close if there is one.
func (o *outbox) next() (frame []byte, ok, more bool, end *CloseError) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = len(o.frames) > 0
	if !o.writing {
		return nil, false, false, o.close
	}
	frame = o.frames[0]
	o.frames[0] = nil
	o.frames = o.frames[1:]
	o.size -= len(frame)
	if len(o.frames) == 0 {
		o.frames = nil
	}
	return frame, true, o.frames != nil, nil
}

func (o *outbox) signal() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}
