// Package transport moves text frames between two peers.
//
// It has three implementations behind one interface: [Default] dials with
// coder/websocket natively and with the page's own WebSocket in a browser, and
// [Pipe] joins two ends in memory. It does not understand a frame.
package transport

import (
	"context"
	"errors"
	"fmt"
)

// A Conn is one open connection. All methods are safe for concurrent use.
type Conn interface {
	// Receive returns the next frame. Every frame that arrived is returned before
	// the error that ended the connection, which is a [*CloseError] when the peer
	// closed it. A cancelled Receive loses nothing and closes nothing.
	Receive(ctx context.Context) ([]byte, error)
	// Send queues a frame, which is UTF-8 and must not be changed afterwards, and
	// returns at once. An error means that the connection is lost: [ErrClosed], or
	// [ErrOverflow] when too much waited already, which also closes it with
	// [CloseTooSlow]. No later Send will succeed.
	Send(frame []byte) error
	// Close starts the closing handshake and returns at once; frames already sent
	// go out first. Natively any code that RFC 6455 lets an endpoint send, and 1005
	// for a close frame without one; in a browser 1000 and 3000 to 4999: any other
	// is an error and closes nothing. After the first Close the rest do nothing.
	// What the peer still sends then is dropped. A reason is cut to 123 bytes.
	Close(code int, reason string) error
}

// A Batcher is a Conn that can hand over all frames that wait, in one call. All
// Conns of this package are Batchers.
type Batcher interface {
	// ReceiveBatch waits until at least one frame is there and returns all that
	// are. Its errors are those of Receive. With a context that has ended it returns
	// what is there already, and the context's error only if nothing is.
	ReceiveBatch(ctx context.Context) ([][]byte, error)
}

// A Dialer opens connections.
type Dialer interface {
	// Dial connects to a ws: or wss: URL. It returns once the WebSocket is open. A
	// refusal by the server is a [*RefusedError] where the platform tells
	// (natively); in a browser it is an error without a status.
	Dial(ctx context.Context, url string) (Conn, error)
}

// A CloseError says how a connection ended: the code and reason that the peer
// sent, 1005 if its close frame had none, 1006 if there was no close frame.
type CloseError struct {
	Code   int
	Reason string
	Err    error // what lay under a 1006, or nil
}

// Error returns "closed with 4401: …".
func (e *CloseError) Error() string {
	s := fmt.Sprintf("the connection closed with %d", e.Code)
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what lay under the close.
func (e *CloseError) Unwrap() error { return e.Err }

// A RefusedError is an upgrade that the server answered with something other than
// 101. A browser never tells.
type RefusedError struct{ Status int }

// Error returns "the server refused the WebSocket with HTTP 401".
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the server refused the WebSocket with HTTP %d", e.Status)
}

// HTTPStatus returns Status. It lets callers ask for the status by an interface
// of their own, without this package.
func (e *RefusedError) HTTPStatus() int { return e.Status }

// Errors of Send and Close.
var (
	ErrClosed   = errors.New("the connection is closed")
	ErrOverflow = errors.New("the connection's queue is full")
)

// The codes that both ends may use everywhere.
const (
	CloseNormal     = 1000
	CloseNoStatus   = 1005
	CloseAbnormal   = 1006
	CloseTooBig     = 1009
	CloseRestart    = 1012
	CloseBadFrame   = 1007
	CloseAuthFailed = 4401 // authentication failed or timed out
	CloseHeartbeat  = 4408 // the heartbeat was missed
	CloseTooSlow    = 4413 // the consumer is too slow
	CloseTooMany    = 4429 // too many connections
)

// The bounds of a client's connection.
const (
	// MaxFrame is the largest frame that a client accepts, in bytes (64 MiB).
	MaxFrame = 64 << 20
	// MaxWaiting and MaxWaitingFrames bound what has arrived in a browser and was
	// not yet received (64 MiB, 100,000 frames): past it the link is closed, since
	// a browser's socket has no back-pressure.
	MaxWaiting       = 64 << 20
	MaxWaitingFrames = 100_000
)
