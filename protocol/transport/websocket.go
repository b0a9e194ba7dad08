//go:build !js

package transport

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

const (
	// readAhead and readAheadFrames are how much is read before it is asked for;
	// past them reading stops, and TCP holds the peer back.
	readAhead       = 1 << 20
	readAheadFrames = 1024

	// Frames above fragmentAbove are written in fragments, so that a pong or the
	// answer to a close finds a gap: coder/websocket gives up on a control frame
	// after 5 s, and a large frame may well take longer.
	fragmentAbove = 1 << 20
	fragmentSize  = 256 << 10

	writeTimeout = 5 * time.Second
)

// Default is the platform's own WebSocket: natively coder/websocket without
// compression, in a browser the page's. Natively its connections queue up to
// [MaxWaiting] bytes or [MaxWaitingFrames] frames to send, and are lost when 5 s
// go by without any byte going out; it does not follow redirects.
var Default Dialer = nativeDialer{}

type nativeDialer struct{}

// One Transport for all dials: it pools nothing, it lends us the net.Conn.
var dialTransport = &http.Transport{
	Proxy: http.ProxyFromEnvironment,
	DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &linkConn{Conn: nc}, nil
	},
	TLSHandshakeTimeout: 10 * time.Second,
	DisableKeepAlives:   true,
}

func (nativeDialer) Dial(ctx context.Context, target string) (Conn, error) {
	var link *linkConn
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		nc := info.Conn
		for {
			secure, ok := nc.(*tls.Conn)
			if !ok {
				break
			}
			nc = secure.NetConn()
		}
		link, _ = nc.(*linkConn)
	}})
	ws, resp, err := websocket.Dial(ctx, target, &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     dialTransport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, &RefusedError{Status: resp.StatusCode}
		}
		if named := (*url.Error)(nil); errors.As(err, &named) {
			err = named.Err // without the URL, which may hold a token
		}
		return nil, fmt.Errorf("dial: %w", err)
	}
	return newSocket(ws, link, &AcceptOptions{QueueBytes: MaxWaiting, QueueFrames: MaxWaitingFrames}), nil
}

// AcceptOptions are Accept's. nil, and the zero value of a field, are the default.
type AcceptOptions struct {
	// MaxFrame is the largest frame accepted, in bytes: a larger one closes with
	// 1009. Default [MaxFrame]. The Conn's method SetMaxFrame(int64) changes it
	// from the next frame on.
	MaxFrame int64
	// QueueBytes and QueueFrames bound what waits behind the frame being written:
	// the Send that passes one of them returns [ErrOverflow] and closes with
	// [CloseTooSlow]. Default 1 MiB and 1,024.
	QueueBytes, QueueFrames int
	// WriteTimeout is how long a write may go without any progress before the
	// connection is lost. Default 5 s.
	WriteTimeout time.Duration
}

// Accept upgrades an HTTP request. On an error it has answered the request. It
// checks neither the Origin nor a subprotocol, and speaks no compression. A binary
// frame is received as the text that it holds, as Directus does; a text frame that
// is not UTF-8 closes with 1007. While more frames wait they are written together.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (Conn, error) {
	lender := &connLender{ResponseWriter: w}
	if lender.hijacker() != nil {
		w = lender
	} // else coder/websocket says that it cannot be done
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("accept: %w", err)
	}
	if o == nil {
		o = &AcceptOptions{}
	}
	return newSocket(ws, lender.link, o), nil
}

// A connLender is a ResponseWriter whose hijacked connection is a linkConn.
type connLender struct {
	http.ResponseWriter
	link *linkConn
}

func (l *connLender) hijacker() http.Hijacker {
	w := l.ResponseWriter
	for {
		if h, ok := w.(http.Hijacker); ok {
			return h
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
}

func (l *connLender) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, rw, err := l.hijacker().Hijack()
	if err != nil {
		return nil, nil, err
	}
	l.link = &linkConn{Conn: nc}
	return l.link, bufio.NewReadWriter(rw.Reader, bufio.NewWriter(l.link)), nil
}

// A socket is a Conn on coder/websocket. A goroutine of its own reads, so that a
// cancelled Receive cancels no read; another writes.
type socket struct {
	*inbox
	ws       *websocket.Conn
	link     *linkConn
	out      *outbox
	maxFrame atomic.Int64

	shaking atomic.Bool // the closing handshake has begun

	once sync.Once
	gone chan struct{} // closed once the link is gone
}

func newSocket(ws *websocket.Conn, link *linkConn, o *AcceptOptions) *socket {
	s := &socket{
		inbox: newInbox(),
		ws:    ws,
		link:  link,
		out:   newOutbox(cmp.Or(o.QueueBytes, 1<<20), cmp.Or(o.QueueFrames, 1024)),
		gone:  make(chan struct{}),
	}
	link.setTimeout(cmp.Or(o.WriteTimeout, writeTimeout))
	s.maxFrame.Store(cmp.Or(o.MaxFrame, MaxFrame))
	ws.SetReadLimit(-1) // we count, so that what is queued goes out before the 1009
	go s.read()
	go s.write()
	return s
}

// SetMaxFrame limits the frames that are accepted, in bytes, from the next one on.
func (s *socket) SetMaxFrame(n int64) { s.maxFrame.Store(n) }

// Waiting returns how many frames and bytes wait to be sent.
func (s *socket) Waiting() (frames, bytes int) { return s.out.waiting() }

func (s *socket) Send(frame []byte) error { return s.out.push(frame) }

func (s *socket) Close(code int, reason string) error {
	if err := checkClose(code); err != nil {
		return err
	}
	s.out.shut(&CloseError{Code: code, Reason: clipReason(reason)})
	return nil
}

func (s *socket) read() {
	for s.waitRoom() {
		frame, err := s.readFrame()
		if err != nil {
			s.readFailed(err)
			return
		}
		s.push(frame)
	}
}

// waitRoom waits while too much has been read ahead. False: the link is gone.
func (s *socket) waitRoom() bool {
	for s.full(1, readAhead, readAheadFrames) {
		select {
		case <-s.room:
		case <-s.gone:
			return false
		}
	}
	return true
}

func (s *socket) readFrame() ([]byte, error) {
	typ, r, err := s.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	limit := s.maxFrame.Load()
	frame, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(frame)) > limit:
		return nil, &CloseError{Code: CloseTooBig, Reason: fmt.Sprintf("a frame may have %d bytes", limit)}
	case utf8.Valid(frame):
		return frame, nil
	case typ == websocket.MessageBinary:
		return bytes.ToValidUTF8(frame, []byte("\uFFFD")), nil
	}
	return nil, &CloseError{Code: CloseBadFrame, Reason: "a text frame must be UTF-8"}
}

func (s *socket) readFailed(err error) {
	var fault *CloseError
	var closed websocket.CloseError
	switch {
	case errors.As(err, &fault): // found by readFrame: the writer closes, and reads no more than the answer
		s.out.shut(fault)
	case errors.As(err, &closed):
		s.lost(&CloseError{Code: int(closed.Code), Reason: closed.Reason})
	case s.shaking.Load(): // the closing handshake took over the reading; the writer tells how it went
	default:
		s.lost(&CloseError{Code: CloseAbnormal, Err: err})
	}
}

func (s *socket) write() {
	for {
		frame, ok, more, end := s.out.next()
		switch {
		case ok:
			s.link.cork(more)
			if err := s.writeFrame(frame); err != nil {
				s.writeFailed(err)
				return
			}
		case end != nil:
			s.handshake(end)
			return
		default:
			select {
			case <-s.out.ready:
			case <-s.gone:
				return
			}
		}
	}
}

func (s *socket) writeFrame(frame []byte) error {
	ctx := context.Background()
	if len(frame) <= fragmentAbove {
		return s.ws.Write(ctx, websocket.MessageText, frame)
	}
	w, err := s.ws.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	for len(frame) > 0 {
		n := min(len(frame), fragmentSize)
		if _, err := w.Write(frame[:n]); err != nil {
			return err
		}
		frame = frame[n:]
	}
	return w.Close()
}

// writeFailed leaves the last word to the reader for a while: the peer may have
// sent frames and a close before it went.
func (s *socket) writeFailed(err error) {
	s.out.drop()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t := time.NewTimer(writeTimeout)
		defer t.Stop()
		select {
		case <-s.gone:
		case <-t.C:
		}
	}
	s.lost(&CloseError{Code: CloseAbnormal, Err: err})
}

// handshake sends the close frame and waits, for 5 s, until the peer's is in.
func (s *socket) handshake(end *CloseError) {
	s.shaking.Store(true)
	err := s.ws.Close(websocket.StatusCode(end.Code), end.Reason)
	var answer websocket.CloseError
	switch {
	case err == nil:
		s.lost(end)
	case errors.As(err, &answer):
		s.lost(&CloseError{Code: int(answer.Code), Reason: answer.Reason})
	default:
		s.lost(&CloseError{Code: CloseAbnormal, Err: err})
	}
}

// lost ends the connection: what has arrived is still received, then end.
func (s *socket) lost(end *CloseError) {
	s.once.Do(func() {
		s.finish(end)
		s.out.drop()
		close(s.gone)
		s.ws.CloseNow()
	})
}
