package session

import (
	"fmt"
	"time"

	"leveret/protocol"
)

// liveness finds out whether the other end is still there. Directus never answers
// protocol-level pings, and JSON pings only with its heartbeat on; but it answers
// every unsubscribe, of whatever uid (Directus 12.4, 11.17: recorded). So the
// probe is an unsubscribe of a uid that was never used.
type liveness struct {
	last     time.Time    // when a frame was last received
	probeDue time.Time    // when the outstanding probe is given up; zero = none is outstanding
	probeUID protocol.UID // of the latest probe
	owesPong bool         // a ping came while nothing but the credential may be sent
}

func (l *liveness) heard(now time.Time) {
	l.last = now
	l.probeDue = time.Time{}
}

func (l *liveness) deadline(c *Config) time.Time {
	if !l.probeDue.IsZero() {
		return l.probeDue
	}
	return l.last.Add(c.Silence)
}

// checkLiveness is called by a tick, which may be late by any amount: a late tick
// sends the probe, and only an unanswered probe means that the link is dead.
func (s *Session) checkLiveness() {
	l := &s.liveness
	switch {
	case s.now.Before(l.deadline(&s.config)):
	case l.probeDue.IsZero():
		s.probeLink()
	default:
		silence := s.now.Sub(l.last).Round(time.Second)
		s.failAttempt(Cause{Reason: ReasonSilent, Detail: fmt.Sprintf("Nothing came from the server for %s.", silence)})
	}
}

// probeLink sends the probe, unless one is outstanding.
func (s *Session) probeLink() {
	if !s.liveness.probeDue.IsZero() {
		return
	}
	s.liveness.probeUID = s.uids.next()
	s.liveness.probeDue = s.now.Add(s.config.ProbeTimeout)
	s.sendMessage(protocol.Unsubscribe{UID: s.liveness.probeUID})
}

var pongFrame = []byte(`{"type":"pong"}`)

// pong answers the server's heartbeat; between a credential and its answer it is
// owed, since the server loses what is sent then.
func (s *Session) pong() {
	if !s.phase.online() {
		s.liveness.owesPong = true
		return
	}
	s.send(pongFrame)
}
