package session

import (
	"slices"
	"time"

	"leveret/protocol"
)

// auth is the credential of the present attempt and what is known of refresh tokens.
type auth struct {
	credential Credential // one shape, as it was or will be sent
	origin     origin     // of that
	chain      chain
	own        Credential // the last that the caller posted and that was accepted, for attempts that are given none
	who        Credential // whose turn it is: as given or posted, also where it was renewed since
	asked      bool       // somebody was asked for that
	refusedAt  time.Time  // when the last posted one was refused; zero = never
}

// An origin is where the credential came from, which decides what its refusal means.
type origin int

const (
	given  origin = iota // by the token function
	kept                 // a refresh token that the server gave
	posted               // by the caller himself, over the open connection
)

// A chain is a refresh token and what the server rotated it to. Directus voids a
// refresh token when it is used, so a token function that keeps answering with
// the first one would be refused at the second connection.
type chain struct {
	given string   // as the token function gave it; "" after a login by e-mail
	spent []string // the last few that were rotated
	next  string   // the one that is good
	dead  bool     // it was refused
}

const keepSpent = 16

// resolve returns the token to use in place of the given one; "" if that is known
// to be void.
func (c *chain) resolve(given string) string {
	if given != c.given && given != c.next && !slices.Contains(c.spent, given) {
		*c = chain{given: given, next: given}
	}
	if c.dead {
		return ""
	}
	return c.next
}

// rotate takes over the token that the server gave for the last one.
func (c *chain) rotate(next string) {
	if c.next != "" {
		c.spent = append(c.spent, c.next)
		c.spent = c.spent[max(0, len(c.spent)-keepSpent):]
	}
	c.next, c.dead = next, false
}

// revive lets a refused token be tried again: somebody asked for it.
func (c *chain) revive() {
	if c.dead {
		*c = chain{}
	}
}

// gotCredential goes on with a fresh credential.
func (s *Session) gotCredential(in GotCredential) {
	if s.phase != fetching && s.phase != renewing {
		return
	}
	if in.Err != nil {
		c := Cause{Reason: ReasonNoCredential, Detail: "No credential could be had.", Err: in.Err}
		if refusesCredential(in.Err) {
			c.Reason, c.Detail = ReasonAuthFailed, "The login was refused."
			s.signIn(c)
			return
		}
		s.failAttempt(c)
		return
	}
	if in.Credential.IsZero() {
		in.Credential = s.auth.own
	} else {
		s.auth.own = Credential{} // there is a function that has something to say
	}
	s.auth.who, s.auth.asked = in.Credential, true
	if problem := s.choose(in.Credential); problem != "" {
		c := Cause{Reason: ReasonNoCredential, Detail: problem}
		if s.auth.chain.dead {
			c.Reason = ReasonAuthFailed
		}
		s.signIn(c)
		return
	}
	switch {
	case s.phase == fetching:
		dial := Dial{Epoch: s.epoch}
		if s.config.Mode == Strict {
			dial.Token = s.auth.credential.AccessToken
		}
		s.enter(dialing, Cause{}, s.due)
		s.emit(dial)
	case s.auth.credential.IsZero():
		// Signed out meanwhile: the public gets a connection of its own.
		c := Cause{Reason: ReasonExpired}
		s.unlink(c)
		s.begin(c)
	default:
		s.enter(reauthenticating, Cause{}, s.now.Add(s.config.AuthTimeout))
		s.sendAuth()
	}
}

// Credential returns what the present attempt or connection signs in with, as the
// token function gave it or the caller posted it. It changes before anything is sent
// for the new one. ok is false until there was any.
func (s *Session) Credential() (c Credential, ok bool) { return s.auth.who, s.auth.asked }

// choose settles which one shape of a credential is used. If it cannot be, it
// says what to do about it.
func (s *Session) choose(c Credential) (problem string) {
	s.auth.credential, s.auth.origin = Credential{}, given
	if s.config.Mode == Strict {
		if c.AccessToken == "" && !c.IsZero() {
			return "The mode strict needs an access token: a static token, or a JWT from a login over HTTP."
		}
		s.auth.credential.AccessToken = c.AccessToken
		return ""
	}
	if c.AccessToken != "" {
		s.auth.credential.AccessToken = c.AccessToken
		return ""
	}
	if c.RefreshToken != "" {
		if token := s.auth.chain.resolve(c.RefreshToken); token != "" {
			s.auth.credential.RefreshToken = token
			if token != c.RefreshToken {
				s.auth.origin = kept
			}
			return ""
		}
		problem = "The refresh token is spent: sign in again."
	}
	if c.Email != "" && c.Password != "" {
		s.auth.credential.Email, s.auth.credential.Password = c.Email, c.Password
		return ""
	}
	switch {
	case problem != "":
	case c.Email != "":
		problem = "A password is needed with the e-mail address."
	case c.Password != "":
		problem = "An e-mail address is needed with the password."
	case s.config.Mode == Handshake:
		problem = "The mode handshake needs a credential: a token, or an e-mail address with a password."
	}
	return problem
}

// sendAuth sends the credential. Until it is answered nothing else is sent: the
// server would lose it without a word (Directus 12.4).
func (s *Session) sendAuth() {
	c := s.auth.credential
	s.sendMessage(protocol.Auth{
		AccessToken:  c.AccessToken,
		RefreshToken: c.RefreshToken,
		Email:        c.Email,
		Password:     c.Password,
	})
}

// signInAs sends a credential of the caller's own over the open connection.
func (s *Session) signInAs(m protocol.Auth, frame []byte) {
	s.auth.credential = Credential{AccessToken: m.AccessToken, RefreshToken: m.RefreshToken, Email: m.Email, Password: m.Password}
	s.auth.origin = posted
	s.auth.who, s.auth.asked = s.auth.credential, true
	s.enter(reauthenticating, Cause{Reason: ReasonAsked, Detail: "The caller signs in."}, s.now.Add(s.config.AuthTimeout))
	s.send(frame)
}

// authOK: the server accepted a credential.
func (s *Session) authOK(m protocol.AuthOK) {
	awaited := s.phase == authenticating || s.phase == reauthenticating
	if awaited && s.auth.credential.RefreshToken == "" {
		s.auth.chain = chain{} // who signs in otherwise is somebody else, or anew
	}
	if m.RefreshToken != "" {
		s.auth.chain.rotate(m.RefreshToken)
		s.emit(Rotated{RefreshToken: m.RefreshToken})
	}
	if awaited && s.auth.origin == posted {
		s.auth.own = s.auth.credential
	}
	if !s.auth.own.IsZero() && m.RefreshToken != "" {
		s.auth.own.RefreshToken = m.RefreshToken // the one before it is void
	}
	if awaited {
		s.accepted(ReasonAuthenticated)
	}
}

// accepted goes online: every subscription is sent (again), since in a connection
// whose token had expired events may have been withheld too.
func (s *Session) accepted(why Reason) {
	if s.backoff.authenticated.IsZero() {
		s.backoff.authenticated = s.now
	}
	s.resyncAll()
	next := live
	if s.subs.holding() {
		next = resyncing
	}
	s.enter(next, Cause{Reason: why}, time.Time{})
	if s.liveness.owesPong {
		s.liveness.owesPong = false
		s.pong()
	}
}

// authError: the server refused a credential, or lets go of one.
func (s *Session) authError(e *protocol.Error) {
	awaited := s.phase == authenticating || s.phase == reauthenticating
	switch {
	case e.Code == protocol.CodeAuthTimeout:
		s.failAttempt(Cause{Reason: ReasonAuthTimeout, Detail: e.Message, Err: e})
	case e.Code == protocol.CodeTokenExpired && s.phase.online():
		s.renew(e)
	case e.Code == protocol.CodeTokenExpired && s.phase == reauthenticating:
		// Of the old token, told late.
	case s.phase == authenticating && !s.now.Before(s.due.Add(-time.Second)):
		// A server that did not come to look at the credential in its ten seconds says
		// AUTH_FAILED too (Directus 12.4). Nobody has to sign in again for that.
		s.failAttempt(Cause{Reason: ReasonAuthTimeout, Detail: e.Message, Err: e})
	case s.phase == reauthenticating && s.auth.origin == posted:
		s.refusedOwn()
	case s.phase.online() && e.Code == protocol.CodeAuthFailed && s.auth.credential.IsZero():
		// Nobody signed in, and the server waits for that no longer; or it refused what was
		// sent past the session, and goes on. Which of the two shows in a moment.
		s.auth.refusedAt = s.now
	case awaited:
		s.refused(Cause{Reason: ReasonAuthFailed, Detail: e.Message, Err: e})
	}
}

// refusedOwn: a credential that the caller sent over an open connection is no good.
// Directus goes on with the public's permissions in mode public, and ends the
// connection in the other modes; which one it is in shows in a moment.
func (s *Session) refusedOwn() {
	s.auth.credential, s.auth.own, s.auth.origin = Credential{}, Credential{}, given
	s.auth.who = Credential{}
	s.auth.refusedAt = s.now
	s.accepted(ReasonAuthFailed)
}

// endedForRefusal reports whether the connection ended because the server wants
// another credential than it has.
func (s *Session) endedForRefusal() bool {
	return !s.auth.refusedAt.IsZero() && s.now.Sub(s.auth.refusedAt) < time.Second
}

// renew answers TOKEN_EXPIRED: the server waits ten seconds for a credential, and
// meanwhile the connection has nobody's permissions, or (Directus 11.17) everybody's,
// so nothing else is sent.
func (s *Session) renew(e *protocol.Error) {
	c := Cause{Reason: ReasonExpired, Detail: e.Message, Err: e}
	due := s.now.Add(s.config.AuthTimeout)
	if next := s.auth.chain.next; next != "" && !s.auth.chain.dead && s.config.Mode != Strict {
		s.auth.credential, s.auth.origin = Credential{RefreshToken: next}, kept
		s.enter(reauthenticating, c, due)
		s.sendAuth()
		return
	}
	s.enter(renewing, c, due)
	s.emit(FetchCredential{Epoch: s.epoch})
}

// refused ends the attempt. A credential that was refused is not tried again by
// itself; only where the refused one was kept from an earlier answer is the token
// function asked for another, once.
func (s *Session) refused(c Cause) {
	s.unlink(c)
	if s.auth.origin == kept {
		s.auth.origin = given
		s.auth.chain.dead = true
		s.begin(c)
		return
	}
	s.signIn(c)
}

// signIn waits for a person.
func (s *Session) signIn(c Cause) {
	s.unlink(c)
	s.auth.own = Credential{}
	s.enter(needsAuth, c, time.Time{})
}
