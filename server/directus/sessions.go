package directus

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file opens, exchanges and ends the sessions of the accounts. What the store
// has of a session is the hash of its refresh token.

// A Kind says how the tokens of a session are kept by whoever signs in.
type Kind int

const (
	// KindTokens gives an access token that lives for minutes, and a refresh token.
	KindTokens Kind = iota
	// KindSession gives one token that is both, for a cookie that scripts cannot
	// read. It counts only as long as its session does, so a logout ends it.
	KindSession
)

// A Session is what a login or a refresh gives.
type Session struct {
	Identity    Identity
	AccessToken string        // of KindSession: the session token
	Expires     time.Duration // how long that lives
	// RefreshToken is "" for KindSession.
	RefreshToken string
	// RefreshExpires is how long the refresh token lives.
	RefreshExpires time.Duration
}

// Login implements [Authenticator]. It takes at least LoginStall, and the same
// work whether or not there is such a user.
func (a *Accounts) Login(ctx context.Context, email, password string, kind Kind) (Session, error) {
	stall := time.NewTimer(a.opts.LoginStall)
	defer stall.Stop()
	session, err := a.login(ctx, email, password, kind)
	select {
	case <-stall.C:
		return session, err
	case <-ctx.Done():
		return Session{}, ctx.Err()
	}
}

func (a *Accounts) login(ctx context.Context, email, password string, kind Kind) (Session, error) {
	user, err := a.findUser(ctx, "email", strings.ToLower(email))
	if err != nil {
		return Session{}, fmt.Errorf("look up a user: %w", err)
	}
	hash, _ := user["password"].(string)
	ok, err := verifyPassword(ctx, hash, password)
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, errCredentials
	}
	who, err := a.prove(ctx, user, "password")
	if err != nil {
		return Session{}, err
	}
	return a.open(ctx, who, "", kind)
}

// Refresh implements [Authenticator].
func (a *Accounts) Refresh(ctx context.Context, token string, kind Kind) (Session, error) {
	token, err := a.refreshToken(token)
	if err != nil {
		return Session{}, err
	}
	session, err := a.findSession(ctx, token)
	if err != nil {
		return Session{}, err
	}
	id, _ := session["user"].(string)
	user, err := a.findUser(ctx, "id", id)
	if err != nil {
		return Session{}, fmt.Errorf("look up a user: %w", err)
	}
	who, err := a.prove(ctx, user, "password") // which the session began with
	if err != nil {
		return Session{}, err
	}
	return a.open(ctx, who, token, kind)
}

// Logout implements [Authenticator].
func (a *Accounts) Logout(ctx context.Context, token string) error {
	token, err := a.refreshToken(token)
	if err != nil {
		return nil // it has ended, or never was one
	}
	err = a.store.Write(ctx, func(tx Tx) error {
		return a.end(ctx, tx, hashToken(token))
	})
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// refreshToken returns the refresh token that a session token holds; another token
// is one itself.
func (a *Accounts) refreshToken(token string) (string, error) {
	if !isAccessToken(token) {
		return token, nil
	}
	c, err := a.verify(token)
	if err == nil && c.Session == "" {
		err = errCredentials
	}
	return c.Session, err
}

// findSession returns the session with that refresh token, unless it has ended.
func (a *Accounts) findSession(ctx context.Context, token string) (query.Row, error) {
	sessions, err := a.store.Read(ctx, sessionsCollection, a.where(sessionsCollection, "token", hashToken(token)))
	if err != nil {
		return nil, fmt.Errorf("look up a session: %w", err)
	}
	if len(sessions) == 0 || sessions[0]["expires"].(string) <= timestamp(a.opts.Now()) {
		return nil, errCredentials
	}
	return sessions[0], nil
}

// open gives somebody a session, in place of the one with the refresh token old
// ("" = none).
func (a *Accounts) open(ctx context.Context, who Identity, old string, kind Kind) (Session, error) {
	now := a.opts.Now()
	token, lifetime := newToken(64), a.opts.RefreshTokenTTL
	if kind == KindSession {
		lifetime = a.opts.SessionTTL
		if old != "" {
			token = a.successor(old)
		}
	}
	expires := now.Add(lifetime)
	err := a.store.Write(ctx, func(tx Tx) error {
		expired := a.where(sessionsCollection, "user", who.User)
		expired.Filter = query.And(expired.Filter, &query.Filter{Op: query.OpLte, Field: "expires", Value: timestamp(now)})
		if err := deleteSessions(ctx, tx, expired); err != nil {
			return err
		}
		if old != "" {
			next, err := a.rotate(ctx, tx, hashToken(old), hashToken(token), kind)
			if err != nil {
				return err
			}
			if next != nil { // the other of two that came at once was first
				expires, err = time.Parse(timestampForm, next["expires"].(string))
				return err
			}
		}
		_, err := tx.Insert(ctx, sessionsCollection, query.Row{
			"token": hashToken(token), "user": who.User, "expires": timestamp(expires), "next_token": nil,
		})
		return err
	})
	if err != nil {
		var refusal *protocol.Error
		if errors.As(err, &refusal) {
			return Session{}, err
		}
		return Session{}, fmt.Errorf("open a session: %w", err)
	}
	if kind == KindSession {
		who.Expires = expires.Truncate(time.Second)
		access, err := a.sign(who, token)
		return Session{Identity: who, AccessToken: access, Expires: expires.Sub(now)}, err
	}
	who.Expires = now.Add(a.opts.AccessTokenTTL).Truncate(time.Second)
	access, err := a.sign(who, "")
	return Session{Identity: who, AccessToken: access, Expires: a.opts.AccessTokenTTL,
		RefreshToken: token, RefreshExpires: lifetime}, err
}

// rotate ends the session old (a hash) for the session next. Of two that exchange
// the same token at once one wins; the other is refused or, within the grace period
// of a session token, given the session that the first one made.
func (a *Accounts) rotate(ctx context.Context, tx Tx, old, next string, kind Kind) (made query.Row, err error) {
	sessions, err := tx.Read(ctx, sessionsCollection, a.where(sessionsCollection, "token", old))
	if err != nil {
		return nil, err
	}
	if len(sessions) == 0 {
		return nil, errCredentials
	}
	if successor := sessions[0]["next_token"]; successor != nil {
		if kind != KindSession || successor != next {
			return nil, errCredentials
		}
		sessions, err := tx.Read(ctx, sessionsCollection, a.where(sessionsCollection, "token", next))
		if err == nil && len(sessions) == 0 {
			err = errCredentials // logged out since
		}
		if err != nil {
			return nil, err
		}
		return sessions[0], nil
	}
	if kind != KindSession || a.opts.RefreshGrace < 0 {
		return nil, tx.Delete(ctx, sessionsCollection, []any{old})
	}
	expires := min(sessions[0]["expires"].(string), timestamp(a.opts.Now().Add(a.opts.RefreshGrace)))
	return nil, tx.Update(ctx, sessionsCollection, []any{old}, query.Row{"expires": expires, "next_token": next})
}

// successor returns the refresh token that comes after a session's. It is not
// random, so that both of two that exchange the same session token at once get the
// same one, although the store has no token but only hashes.
func (a *Accounts) successor(token string) string {
	mac := hmac.New(sha512.New, a.secret)
	mac.Write([]byte("successor of "))
	mac.Write([]byte(token))
	return tokenOf(mac.Sum(nil)) // 64 bytes
}

// end deletes the session with that hash, together with the one that it was
// exchanged for and the one that was exchanged for it.
func (a *Accounts) end(ctx context.Context, tx Tx, hash string) error {
	sessions, err := tx.Read(ctx, sessionsCollection, a.where(sessionsCollection, "token", hash))
	if err != nil {
		return err
	}
	hashes := []any{hash}
	if len(sessions) > 0 && sessions[0]["next_token"] != nil {
		hashes = append(hashes, sessions[0]["next_token"])
	}
	for _, field := range []string{"token", "next_token"} {
		q := a.where(sessionsCollection, field, hash)
		q.Filter = (&query.Filter{Op: query.OpIn, Field: field, Value: hashes}).Bind(a.store.Schema().Collections[sessionsCollection], query.Env{})
		if err := deleteSessions(ctx, tx, q); err != nil {
			return err
		}
	}
	return nil
}

func deleteSessions(ctx context.Context, tx Tx, q query.Query) error {
	rows, err := tx.Read(ctx, sessionsCollection, q)
	if err != nil || len(rows) == 0 {
		return err
	}
	keys := make([]any, len(rows))
	for i, row := range rows {
		keys[i] = row["token"]
	}
	return tx.Delete(ctx, sessionsCollection, keys)
}
