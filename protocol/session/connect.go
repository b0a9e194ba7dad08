package session

import (
	"fmt"
	"time"
)

// The close codes that the session uses or understands.
const (
	closeNormal  = 1000
	closeRestart = 1012
	closeGiveUp  = 4000 // the session ends a link it no longer trusts; browsers allow no code below 3000 but 1000
	closeRefused = 4401
	closeTooSlow = 4413
)

// connect is asked for by a person or a program.
func (s *Session) connect() {
	switch s.phase {
	case idle, closed, needsAuth, waiting:
		s.backoff = backoff{}
		s.auth.chain.revive()
		s.begin(Cause{Reason: ReasonAsked})
	}
}

// disconnect closes and stays closed. Subscriptions stay.
func (s *Session) disconnect() {
	s.requests.disconnect(s)
	if s.phase == closed {
		return
	}
	s.unlink(Cause{Reason: ReasonAsked})
	s.backoff = backoff{}
	s.enter(closed, Cause{Reason: ReasonAsked}, time.Time{})
}

// begin starts an attempt: a fresh credential first, since the last one may be
// what went wrong.
func (s *Session) begin(c Cause) {
	s.epoch++
	s.auth.refusedAt = time.Time{}
	s.backoff.ended(s.now, s.config.Backoff.Reset)
	s.backoff.probing = false
	s.enter(fetching, c, s.now.Add(s.config.DialTimeout))
	s.emit(FetchCredential{Epoch: s.epoch})
}

// dialed goes on once the socket is open, or not.
func (s *Session) dialed(err error) {
	if err != nil {
		s.dialFailed(err)
		return
	}
	s.backoff.upgrades = 0
	s.liveness = liveness{last: s.now}
	if s.config.Mode == Strict || s.auth.credential.IsZero() {
		s.accepted(ReasonOpened)
		return
	}
	s.enter(authenticating, Cause{Reason: ReasonOpened}, s.now.Add(s.config.AuthTimeout))
	s.sendAuth()
}

// dialFailed tells a refused credential from a server that is down, as far as
// that can be known: a browser hides the status of a failed upgrade.
func (s *Session) dialFailed(err error) {
	s.cut()
	c := Cause{Reason: ReasonDialFailed, Err: err}
	status := httpStatus(err)
	switch status {
	case 401:
		s.refused(Cause{Reason: ReasonAuthFailed, Detail: "The server refused the token (HTTP 401).", Err: err})
		return
	case 403:
		c.Detail = "The server refused the connection (HTTP 403): check its allowed origins and its connection limit."
	case 0:
		s.backoff.upgrades++
	default:
		c.Detail = fmt.Sprintf("The server answered HTTP %d.", status)
	}
	unclear := status == 0 && s.backoff.upgrades >= 2
	if unclear && !s.config.HasProbe {
		c.Reason = ReasonRefusedOrDown
		c.Detail = "The server cannot be reached, or it refuses the token."
	}
	s.failAttempt(c)
	if token := s.auth.credential.AccessToken; unclear && s.config.HasProbe && s.phase == waiting && token != "" {
		s.backoff.probing = true
		s.emit(Probe{Epoch: s.epoch, Credential: Credential{AccessToken: token}})
	}
}

// probed learns over HTTP what the failed upgrade did not tell.
func (s *Session) probed(err error) {
	if !s.backoff.probing {
		return
	}
	s.backoff.probing = false
	switch {
	case err == nil: // the credential is good: the server, or the way to it, is not
	case refusesCredential(err):
		s.refused(Cause{Reason: ReasonAuthFailed, Detail: "The server refuses the token.", Err: err})
	case s.cause.Reason != ReasonRefusedOrDown:
		s.enter(waiting, Cause{
			Reason: ReasonRefusedOrDown,
			Detail: "The server cannot be reached, or it refuses the token.",
			Err:    err,
		}, s.due)
	}
}

// lost says why the connection ended, and what follows.
func (s *Session) lost(in Lost) {
	if s.phase == dialing {
		s.dialFailed(in.Err)
		return
	}
	c := Cause{Reason: ReasonLost, Detail: in.Reason, Code: in.Code, Err: in.Err}
	s.cut()
	if s.endedForRefusal() {
		c.Reason, c.Detail = ReasonAuthFailed, "The server wants another credential, and ended the connection."
		s.signIn(c)
		return
	}
	switch in.Code {
	case closeRestart:
		c.Reason = ReasonRestart
	case closeTooSlow:
		c.Reason = ReasonTooSlow
	case closeRefused:
		c.Reason = ReasonAuthFailed
		s.refused(c)
		return
	}
	s.failAttempt(c)
}

// unlink hangs up, if there is a socket.
func (s *Session) unlink(c Cause) {
	if !s.phase.hasSocket() {
		return
	}
	code, reason := closeGiveUp, string(c.Reason)
	if c.Reason == ReasonAsked {
		code, reason = closeNormal, ""
	}
	s.emit(Hangup{Epoch: s.epoch, Code: code, Reason: reason})
	s.cut()
}

// cut is what every end of a socket means to what travelled over it.
func (s *Session) cut() {
	s.phase = between
	s.liveness = liveness{}
	s.requests.cut(s)
	s.cutSubs()
}
