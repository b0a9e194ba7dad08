package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hack-pad/safejs"
)

// Default is the platform's own WebSocket: the page's, here. Natively it is
// coder/websocket.
var Default Dialer = Browser{}

// A Browser dials with a WebSocket constructor of JavaScript. The zero Browser
// uses the page's own and crosses from JavaScript to Go once for all the frames of
// a burst; any other constructor (as that of the package ws for Node) is read
// frame by frame. Not yet received frames above [MaxWaiting] or
// [MaxWaitingFrames], and as much waiting to be sent, close with [CloseTooSlow].
type Browser struct {
	WebSocket safejs.Value // a constructor; the zero Value is the page's own
	// Created is called with each WebSocket before anything can have happened to it;
	// what listens to it from then on is told after this package. Default: none.
	Created func(ws safejs.Value)
	// Gather, for programs that have JavaScript of their own beside them, brings the
	// frames of any WebSocket to Go: it hands took what arrives, in order. Default: by
	// native functions, as above.
	Gather func(ws safejs.Value, took func(frames [][]byte)) (Gatherer, error)
}

// A Gatherer gathers the frames of one WebSocket in JavaScript.
type Gatherer interface {
	// Drain brings to Go, within the call, what has arrived and was not handed over yet.
	Drain()
	// Release lets go of all that the WebSocket and the Gatherer hold of each other.
	Release()
}

// The values of readyState.
const stateOpen = 1

// closeGrace is how long after an error event the close event may come.
const closeGrace = 100 * time.Millisecond

// Dial connects. What a browser does not tell, such as the status of a refusal,
// is not in the error either.
func (b Browser) Dial(ctx context.Context, url string) (Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	own, err := safejs.Global().Get("WebSocket")
	if err != nil {
		return nil, err
	}
	constructor := b.WebSocket
	if constructor.IsUndefined() {
		constructor = own
	}
	if constructor.IsUndefined() {
		return nil, errors.New("this JavaScript environment has no WebSocket (Node has one from version 22 on): dial with transport.Browser{WebSocket: …}")
	}
	ws, err := constructor.New(url)
	if err != nil { // its text quotes the URL, which may hold a token
		return nil, errors.New("dial: " + strings.ReplaceAll(err.Error(), url, "…"))
	}
	s := &socket{inbox: newInbox(), ws: ws, opened: make(chan struct{}, 1), over: make(chan struct{})}
	gather := b.Gather
	if gather == nil && constructor.Equal(own) {
		gather = s.newBatch
	}
	if err := s.listen(gather); err != nil {
		ws.Call("close")
		s.release()
		return nil, fmt.Errorf("dial: %w", err)
	}
	if b.Created != nil {
		b.Created(ws)
	}
	select {
	case <-s.opened:
		return s, nil
	case <-s.over:
		if s.failure != "" {
			return nil, fmt.Errorf("the WebSocket did not open: %s", s.failure)
		}
		return nil, errors.New("the WebSocket did not open: the server cannot be reached or refused it (a browser does not say which)")
	case <-ctx.Done():
		ws.Call("close") // the close event releases everything
		return nil, ctx.Err()
	}
}

// A socket is a Conn on a WebSocket of JavaScript.
type socket struct {
	*inbox
	ws     safejs.Value
	opened chan struct{} // a token when it opens
	over   chan struct{} // closed at the close event

	funcs   []safejs.Func // released at the close event
	batch   Gatherer      // nil: frame by frame
	isOpen  bool          // it has been open
	failure string        // what the error event said, where it says anything

	mu     sync.Mutex
	refuse error // why Send is refused; nil while open
}

// openFuncs counts the functions that JavaScript can call and nobody has released.
var openFuncs int

// on makes f a listener, or a property for a WebSocket that may know no other way.
func (s *socket) on(event string, f func(event safejs.Value)) error {
	fn, err := s.fn(f)
	if err != nil {
		return err
	}
	return s.ws.Set("on"+event, fn.Value())
}

func (s *socket) fn(f func(event safejs.Value)) (safejs.Func, error) {
	fn, err := safejs.FuncOf(func(_ safejs.Value, args []safejs.Value) any {
		event := safejs.Undefined()
		if len(args) > 0 {
			event = args[0]
		}
		f(event)
		return nil
	})
	if err == nil {
		s.funcs = append(s.funcs, fn)
		openFuncs++
	}
	return fn, err
}

func (s *socket) listen(gather func(safejs.Value, func([][]byte)) (Gatherer, error)) error {
	s.ws.Set("binaryType", "arraybuffer")
	var listening error
	if gather != nil {
		s.batch, listening = gather(s.ws, s.took)
	} else {
		listening = s.on("message", func(event safejs.Value) {
			s.arrived([]safejs.Value{event})
		})
	}
	return errors.Join(listening,
		s.on("open", func(safejs.Value) {
			s.isOpen = true
			s.opened <- struct{}{}
		}),
		s.on("error", s.failed),
		s.on("close", s.closedBy),
	)
}

// arrived takes frames one by one from their events.
func (s *socket) arrived(events []safejs.Value) {
	frames := make([][]byte, 0, len(events))
	for _, event := range events {
		frame, err := frameOf(event)
		if err != nil {
			s.took(frames)
			s.abandon(CloseBadFrame, err.Error())
			return
		}
		frames = append(frames, frame)
	}
	s.took(frames)
}

// took hands frames over to Receive. A page's socket knows no back-pressure: above
// the bounds the link is given up.
func (s *socket) took(frames [][]byte) {
	for i, f := range frames {
		if len(f) > MaxFrame {
			s.push(frames[:i]...)
			s.abandon(CloseTooBig, fmt.Sprintf("a frame may have %d bytes", MaxFrame))
			return
		}
	}
	s.push(frames...)
	if s.full(0, MaxWaiting, MaxWaitingFrames) {
		s.abandon(CloseTooSlow, "too slow")
	}
}

// abandon ends the connection from this side, with a code for Receive to tell.
// What has arrived is still received.
func (s *socket) abandon(code int, reason string) {
	s.finish(&CloseError{Code: code, Reason: reason})
	s.end(ErrClosed, CloseTooSlow, reason)
}

// end refuses later Sends and starts the closing handshake. It does so once.
func (s *socket) end(refuse error, code int, reason string) error {
	if !s.refuseWith(refuse) {
		return nil
	}
	_, err := s.ws.Call("close", code, clipReason(reason))
	return err
}

// refuseWith makes later Sends fail. The lock is not held while JavaScript is
// called: an injected WebSocket may call back at once.
func (s *socket) refuseWith(err error) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return false
	}
	s.refuse = err
	return true
}

// failed is the error event. The close event follows at once, except from the
// WebSocket of Node 22 when it could not connect.
func (s *socket) failed(event safejs.Value) {
	s.failure = text(event, "message")
	time.AfterFunc(closeGrace, func() {
		if !s.isOpen {
			s.closedBy(safejs.Undefined())
		}
	})
}

// closedBy is the close event, or what stands for one that does not come.
func (s *socket) closedBy(event safejs.Value) {
	select {
	case <-s.over:
		return
	default:
	}
	if s.batch != nil {
		s.batch.Drain()
	}
	s.refuseWith(ErrClosed)
	end := &CloseError{Code: CloseAbnormal, Reason: text(event, "reason")}
	if code := number(event, "code"); code != 0 {
		end.Code = code
	}
	s.finish(end)
	close(s.over)
	s.release()
}

// release lets go of everything that JavaScript holds of this connection.
func (s *socket) release() {
	for _, event := range []string{"open", "message", "error", "close"} {
		s.ws.Set("on"+event, safejs.Null())
	}
	if s.batch != nil {
		s.batch.Release()
	}
	for _, fn := range s.funcs {
		fn.Release()
		openFuncs--
	}
	s.funcs = nil
}

// ReceiveBatch with a context that has ended asks for what is there already: also
// for frames that JavaScript holds and has not brought over yet.
func (s *socket) ReceiveBatch(ctx context.Context) ([][]byte, error) {
	if s.batch != nil && ctx.Err() != nil {
		select {
		case <-s.over: // the close event brought them over
		default:
			s.batch.Drain()
		}
	}
	return s.inbox.ReceiveBatch(ctx)
}

func (s *socket) Send(frame []byte) error {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	if number(s.ws, "readyState") != stateOpen {
		return ErrClosed
	}
	if waiting := number(s.ws, "bufferedAmount"); waiting > 0 && waiting+len(frame) > MaxWaiting {
		s.end(ErrOverflow, CloseTooSlow, "too slow")
		return ErrOverflow
	}
	const mark = "\ufeff" // a leading one is lost on the way from Go to JavaScript
	text := string(frame)
	if strings.HasPrefix(text, mark) {
		text = mark + text
	}
	if _, err := s.ws.Call("send", text); err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

func (s *socket) Close(code int, reason string) error {
	if code != CloseNormal && (code < 3000 || code > 4999) {
		return fmt.Errorf("a browser cannot close a connection with code %d: use 1000 or 3000 to 4999", code)
	}
	return s.end(ErrClosed, code, reason)
}

// frameOf reads one message event: text as it is, binary as the UTF-8 that it
// holds.
func frameOf(event safejs.Value) ([]byte, error) {
	data, err := event.Get("data")
	if err != nil {
		return nil, err
	}
	if data.Type() == safejs.TypeString {
		s, err := data.String()
		return []byte(s), err
	}
	constructor, err := safejs.Global().Get("Uint8Array")
	if err != nil {
		return nil, err
	}
	array, err := constructor.New(data)
	if err != nil {
		return nil, err
	}
	n, err := array.Length()
	if err != nil {
		return nil, err
	}
	frame := make([]byte, n)
	if _, err := safejs.CopyBytesToGo(frame, array); err != nil {
		return nil, err
	}
	return bytes.ToValidUTF8(frame, []byte("\uFFFD")), nil
}

// text returns a string property, or "".
func text(v safejs.Value, name string) string {
	p, err := v.Get(name)
	if err != nil || p.Type() != safejs.TypeString {
		return ""
	}
	s, _ := p.String()
	return s
}

// number returns a numeric property, or 0.
func number(v safejs.Value, name string) int {
	p, err := v.Get(name)
	if err != nil {
		return 0
	}
	n, _ := p.Int()
	return n
}
