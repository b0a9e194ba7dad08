package session

import "time"

// A backoff counts what went wrong in a row.
type backoff struct {
	failed        int       // attempts that failed
	upgrades      int       // sockets that did not open, of which nothing says why
	probing       bool      // a Probe of this attempt is unanswered
	authenticated time.Time // when the present connection was accepted; zero = not yet
}

// ended forgets the present connection. It reports whether that was authenticated
// for so long that it was a connection rather than a failed attempt: then the
// count starts anew.
func (b *backoff) ended(now time.Time, reset time.Duration) bool {
	held := b.authenticated
	b.authenticated = time.Time{}
	if held.IsZero() || now.Sub(held) < reset {
		return false
	}
	b.failed = 0
	return true
}

// delay returns how long to wait before the next attempt: full jitter, so that a
// thousand clients of a restarted server do not come back at once.
func (s *Session) delay() time.Duration {
	ceiling := s.config.Backoff.Base
	for range s.backoff.failed - 1 {
		if ceiling >= s.config.Backoff.Cap {
			break
		}
		ceiling *= 2
	}
	return time.Duration(s.config.Rand() * float64(min(ceiling, s.config.Backoff.Cap)))
}

// failAttempt ends the present attempt, or connection, and waits for the next.
func (s *Session) failAttempt(c Cause) {
	s.unlink(c)
	b := &s.backoff
	if !b.ended(s.now, s.config.Backoff.Reset) {
		b.failed++
	}
	if limit := s.config.Backoff.Attempts; limit < 0 || limit > 0 && b.failed >= limit {
		s.requests.disconnect(s)
		c.Reason, c.Last = ReasonGaveUp, c.Reason
		if c.Detail == "" {
			c.Detail = "Every attempt failed."
		}
		s.enter(closed, c, time.Time{})
		return
	}
	s.enter(waiting, c, s.now.Add(s.delay()))
}
