package protocoltest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// A T is the part of testing.TB that a [Peer] needs. In an Example, which has
// none, use [Panic].
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Panic is a [T] that panics with what went wrong.
var Panic T = panicker{}

type panicker struct{}

func (panicker) Helper()                           {}
func (panicker) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Patience is how long a [Peer] waits for what it expects. In a synctest bubble
// that takes no time.
const Patience = 10 * time.Second

// A Peer is the fake server: the far end of one connection, played by a test. What
// it is told to expect has to come next, or the test fails.
type Peer struct {
	// Vars are the variables that Expect has bound and Say fills in.
	Vars Vars

	t    T
	conn transport.Conn
	drop func() // nil: the connection cannot be dropped
}

// NewPeer returns a Peer on an end of any connection. Such a Peer cannot
// [Peer.Drop]; those of [Link] and [Dialer] can.
func NewPeer(t T, conn transport.Conn) *Peer {
	return &Peer{t: t, conn: conn, Vars: Vars{}}
}

// Link returns a connection in memory: the client's end, and the Peer at the other.
func Link(t T) (transport.Conn, *Peer) {
	near, far := transport.Pipe()
	client := &droppable{Conn: near}
	peer := NewPeer(t, far)
	peer.drop = client.drop
	return client, peer
}

// Expect waits for the next frame, which has to match the pattern (see [Match]),
// and returns it.
func (p *Peer) Expect(pattern string) []byte {
	p.t.Helper()
	frame, err := p.next(Patience)
	if err != nil {
		p.t.Fatalf("the peer expected %s, but %v", pattern, err)
		return nil
	}
	if found := Match([]byte(pattern), frame, p.Vars); found != nil {
		p.t.Fatalf("the peer expected %s, got %s:%s", pattern, frame, describe(found))
	}
	return frame
}

// ExpectNothing waits so long and fails if a frame comes, or the connection ends.
func (p *Peer) ExpectNothing(during time.Duration) {
	p.t.Helper()
	frame, err := p.next(during)
	if err == nil {
		p.t.Fatalf("the peer expected nothing for %v, got %s", during, frame)
		return
	}
	if !errors.Is(err, errNothing) {
		p.t.Fatalf("the peer expected nothing for %v, but %v", during, err)
	}
}

// ExpectClose waits for the connection to end, with no frame before, and checks
// the code.
func (p *Peer) ExpectClose(code int) {
	p.t.Helper()
	frame, err := p.next(Patience)
	var closed *transport.CloseError
	switch {
	case err == nil:
		p.t.Fatalf("the peer expected the connection to close with %d, got %s", code, frame)
	case !errors.As(err, &closed):
		p.t.Fatalf("the peer expected the connection to close with %d, but %v", code, err)
	case closed.Code != code:
		p.t.Fatalf("the peer expected the connection to close with %d, got %v", code, closed)
	}
}

// Next waits for the next frame, whatever it is; nil once the connection has
// ended.
func (p *Peer) Next() []byte {
	p.t.Helper()
	return p.NextWithin(Patience)
}

// NextWithin is Next with another patience.
func (p *Peer) NextWithin(patience time.Duration) []byte {
	p.t.Helper()
	frame, err := p.next(patience)
	if errors.Is(err, errNothing) {
		p.t.Fatalf("the peer waited %v for any frame, but %v", patience, err)
	}
	return frame
}

// errNothing: nothing came in time.
var errNothing = errors.New("nothing came")

func (p *Peer) next(patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	frame, err := p.conn.Receive(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, errNothing
	}
	return frame, err
}

// Say sends a frame, with the variables in it filled in.
func (p *Peer) Say(frame string) {
	p.t.Helper()
	filled, err := Fill([]byte(frame), p.Vars)
	if err == nil {
		err = p.conn.Send(filled)
	}
	if err != nil {
		p.t.Fatalf("the peer could not say %s: %v", frame, err)
	}
}

// Send sends a frame as it is. Other than Say it may find the connection closed:
// the error is the connection's.
func (p *Peer) Send(frame []byte) error { return p.conn.Send(frame) }

// AcceptAuth waits for an auth, says yes, and returns the frame.
func (p *Peer) AcceptAuth() []byte {
	p.t.Helper()
	frame, err := p.next(Patience)
	if err != nil {
		p.t.Fatalf("the peer expected an auth, but %v", err)
		return nil
	}
	m, err := protocol.DecodeFromClient(frame)
	auth, ok := m.(protocol.Auth)
	if !ok || err != nil {
		p.t.Fatalf("the peer expected an auth, got %s", frame)
		return nil
	}
	answer, err := protocol.Encode(protocol.AuthOK{UID: auth.UID})
	if err == nil {
		err = p.conn.Send(answer)
	}
	if err != nil {
		p.t.Fatalf("the peer could not accept the auth: %v", err)
	}
	return frame
}

// RefuseAuth waits for an auth and refuses it as Directus does: AUTH_FAILED, then
// a close frame without a code.
func (p *Peer) RefuseAuth() {
	p.t.Helper()
	p.Expect(`{"type":"auth","...":"..."}`)
	p.Say(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"Authentication handshake failed."}}`)
	p.Close(transport.CloseNoStatus, "")
}

// Close closes the connection as a server does.
func (p *Peer) Close(code int, reason string) {
	p.t.Helper()
	if err := p.conn.Close(code, reason); err != nil {
		p.t.Fatalf("the peer could not close: %v", err)
	}
}

// Drop lets the connection end without a close frame, as when the power fails:
// the client sees 1006.
func (p *Peer) Drop() {
	p.t.Helper()
	if p.drop == nil {
		p.t.Fatalf("this peer's connection cannot be dropped: get the peer from Link or Dialer")
		return
	}
	p.drop()
}
