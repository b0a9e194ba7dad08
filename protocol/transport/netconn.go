//go:build !js

package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// corkSize is how much a corked connection holds back before it writes anyway.
const corkSize = 64 << 10

// heldPool lends the buffers: few connections of many are corked at a time.
var heldPool = sync.Pool{New: func() any { return new([corkSize]byte) }}

// A linkConn is the net.Conn under a WebSocket. coder/websocket flushes every
// message; while the link is corked, because more frames wait, it gathers them
// and writes them in one system call. And it times out on a lack of progress, not
// on a duration: a large frame may take as long as it needs.
type linkConn struct {
	net.Conn
	mu      sync.Mutex // guards all below and orders writes
	corked  bool
	held    []byte        // from heldPool, or nil
	timeout time.Duration // without progress; 0 = none
}

// cork holds writes back from now on; uncorked, the next write takes along what
// was held.
func (c *linkConn) cork(on bool) {
	if c == nil {
		return // not ours: a proxy lent the connection
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = on
}

func (c *linkConn) setTimeout(d time.Duration) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timeout = d
}

func (c *linkConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) > 0 && len(c.held)+len(p) > corkSize {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	if len(p) >= corkSize || !c.corked && len(c.held) == 0 {
		return c.write(p)
	}
	if c.held == nil {
		c.held = heldPool.Get().(*[corkSize]byte)[:0]
	}
	c.held = append(c.held, p...)
	if c.corked {
		return len(p), nil
	}
	return len(p), c.flush()
}

func (c *linkConn) flush() error {
	_, err := c.write(c.held)
	heldPool.Put((*[corkSize]byte)(c.held[:corkSize]))
	c.held = nil
	return err
}

// write writes until all is written or nothing moved for the timeout.
func (c *linkConn) write(p []byte) (int, error) {
	if c.timeout == 0 {
		return c.Conn.Write(p)
	}
	_, secure := c.Conn.(*tls.Conn)
	written := 0
	for {
		chunk := p[written:min(len(p), written+corkSize)]
		if err := c.Conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(chunk)
		written += n
		// A TLS connection is of no use after a write that timed out.
		if err != nil && (secure || n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) {
			return written, err
		}
		if written == len(p) {
			return written, nil
		}
	}
}
