package directus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// This file is the authentication of a socket: the handshake, another "auth"
// later, and the end of a token.

var errHandshake = errors.New("the authentication handshake failed")

// handshake waits for the first frame, which must be a valid "auth". Whatever
// goes wrong gives the same answer, without a uid, as in Directus.
func (c *client) handshake(ctx context.Context) (*Identity, error) {
	message := "Authentication handshake failed."
	fail := func(reason string) (*Identity, error) {
		c.send(&protocol.Error{Type: protocol.TypeAuth, Code: protocol.CodeAuthFailed, Message: message})
		// Differs from Directus: 7, whose close frame is empty.
		c.close(transport.CloseAuthFailed, reason)
		return nil, errHandshake
	}
	first, cancel := context.WithTimeout(ctx, c.hub.opts.AuthTimeout)
	frame, err := c.conn.Receive(first)
	cancel()
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return fail("No authentication message came in time.")
		}
		return nil, err
	}
	decoded, err := protocol.DecodeFromClient(frame)
	auth, ok := decoded.(protocol.Auth)
	if err != nil || !ok {
		return fail("The first message must be a valid authentication message.")
	}
	who, refreshToken, err := c.hub.authenticate(ctx, auth, c.peer.IP)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		message = messageOf(err, message)
		return fail("The credentials were refused.")
	}
	if err := c.become(ctx, who); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return fail("The credentials were refused.")
	}
	c.forgetEarly()
	// Nothing is told to it before this, and from now on everything.
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.send(protocol.AuthOK{RefreshToken: refreshToken, UID: auth.UID})
	c.ready.Store(true)
	return &who, nil
}

// authenticate checks a credential. Of several the access token wins, then the
// refresh token.
func (h *Hub) authenticate(ctx context.Context, m protocol.Auth, ip string) (who Identity, refreshToken string, err error) {
	var session Session
	asOf := h.asOf()
	defer func() { who.asOf = asOf }()
	switch {
	case m.AccessToken != "":
		who, err = h.auth.Authenticate(ctx, m.AccessToken)
		return who, "", h.authError(err)
	case m.RefreshToken != "":
		session, err = h.auth.Refresh(ctx, m.RefreshToken, KindTokens)
	default:
		session, err = h.login(ctx, ip, m.Email, m.Password, KindTokens)
	}
	return session.Identity, session.RefreshToken, h.authError(err)
}

// login signs in with e-mail and password, unless this address or this account
// failed too often.
//
// Differs from Directus: 9, which counts only the failures of an account, in its
// settings.
func (h *Hub) login(ctx context.Context, ip, email, password string, kind Kind) (Session, error) {
	address, account := network(ip), "account "+strings.ToLower(email)
	if wait := h.logins.wait(h.opts.Now(), address, account); wait > 0 {
		h.metrics.logins.WithLabelValues("refused").Inc()
		return Session{}, &protocol.Error{Code: protocol.CodeRequestsExceeded,
			Message: fmt.Sprintf("Too many logins failed. Try again in %d s.", int(math.Ceil(wait.Seconds())))}
	}
	session, err := h.auth.Login(ctx, email, password, kind)
	switch {
	case err == nil:
		h.metrics.logins.WithLabelValues("ok").Inc()
		h.logins.succeed(account)
	case errors.Is(err, protocol.CodeInvalidCredentials) || errors.Is(err, protocol.CodeUserSuspended):
		h.metrics.logins.WithLabelValues("failed").Inc()
		h.logins.fail(h.opts.Now(), address, account)
	}
	return session, err
}

// messageOf returns what a client is told of a refused credential: what was wrong
// with it stays untold, but that it may try again later does not.
func messageOf(err error, def string) string {
	var refused *protocol.Error
	if errors.As(err, &refused) && (refused.Code == protocol.CodeRequestsExceeded || refused.Code == protocol.CodeServiceUnavailable) {
		return refused.Message
	}
	return def
}

// authError logs what is no refusal, since the client is never told the cause.
func (h *Hub) authError(err error) error {
	var refused *protocol.Error
	if err != nil && !errors.As(err, &refused) && !errors.Is(err, context.Canceled) {
		h.log.Error("an authentication failed", "error", err)
	}
	return err
}

// reauthenticate answers an "auth" that comes after the connection is open.
// Subscriptions stay; from now on they see what the new identity may see.
func (c *client) reauthenticate(ctx context.Context, m protocol.Auth) {
	c.authenticating.Store(true)
	defer c.authenticating.Store(false)
	// Any "auth" ends the wait for one.
	c.mu.Lock()
	if c.timeout != nil {
		c.timeout.Stop()
	}
	c.mu.Unlock()
	who, refreshToken, err := c.hub.authenticate(ctx, m, c.peer.IP)
	if err == nil {
		err = c.become(ctx, who)
	}
	if err == nil {
		c.send(protocol.AuthOK{RefreshToken: refreshToken, UID: m.UID})
		c.identified(ctx)
		return
	}
	if ctx.Err() != nil {
		return
	}
	// Anonymous, never unrestricted.
	c.become(ctx, Identity{})
	c.send(&protocol.Error{Type: protocol.TypeAuth, Code: protocol.CodeAuthFailed, Message: messageOf(err, "Authentication failed."), UID: m.UID})
	c.identified(ctx)
	if c.hub.opts.Mode != ModePublic {
		c.close(transport.CloseAuthFailed, "The credentials were refused.")
	}
}

// become makes somebody the client's identity, as they are now: since they were
// looked up (a login takes half a second) they may have been shut out.
func (c *client) become(ctx context.Context, who Identity) error {
	c.hub.commits.RLock() // a change is seen here or renews the client
	defer c.hub.commits.RUnlock()
	who, err := c.hub.current(ctx, who)
	if err != nil {
		return c.hub.authError(err)
	}
	if who.User != "" {
		c.limit(c.hub.opts.MaxFrame)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proof = who.proof
	c.assume(who)
	return nil
}

// assume makes somebody the identity and sets the timer of the token's end. The
// caller holds mu.
func (c *client) assume(who Identity) {
	c.identity = &who
	for _, timer := range []*time.Timer{c.expiry, c.timeout} {
		if timer != nil {
			timer.Stop()
		}
	}
	if c.closed == nil && !who.Expires.IsZero() {
		c.expiry = time.AfterFunc(who.Expires.Sub(c.hub.opts.Now()), func() { c.expire(&who) })
	}
}

// expire makes the client anonymous and gives it AuthTimeout for another "auth".
//
// Differs from Directus: 9, where an expired socket was unrestricted in 11.17.
func (c *client) expire(who *Identity) {
	expired := &Identity{}
	c.mu.Lock()
	if c.identity != who || c.closed != nil {
		c.mu.Unlock()
		return // somebody else by now
	}
	c.identity = expired
	c.timeout = time.AfterFunc(c.hub.opts.AuthTimeout, func() { c.giveUp(expired) })
	c.mu.Unlock()
	c.send(&protocol.Error{Type: protocol.TypeAuth, Code: protocol.CodeTokenExpired, Message: "Token expired."})
	c.identified(context.Background())
}

// giveUp ends a connection that did not authenticate again.
func (c *client) giveUp(expired *Identity) {
	c.mu.Lock()
	late := c.identity == expired && c.closed == nil && !c.authenticating.Load()
	c.mu.Unlock()
	if !late {
		return
	}
	c.send(&protocol.Error{Type: protocol.TypeAuth, Code: protocol.CodeAuthTimeout, Message: "Authentication timed out."})
	if c.hub.opts.Mode != ModePublic {
		c.close(transport.CloseAuthFailed, "No authentication message came in time.")
	}
}
