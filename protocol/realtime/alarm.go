package realtime

import (
	"time"

	"leveret/protocol/session"
)

// An alarm is the one timer. It is set to the session's deadline. A deadline that
// moves away, as the one for silence does with each frame, is left to the ringing
// of the older one, which then sets it anew.
type alarm struct {
	timer *time.Timer // nil: not set
	at    time.Time
	turn  int // tells a timer that was stopped too late from the present one
}

func (a *alarm) set(c *Client) {
	if c.closed {
		return
	}
	if l := c.link; l != nil && l.due {
		return // it has rung; the reader steps the Tick after what has arrived
	}
	deadline := c.earliest()
	if deadline.IsZero() {
		a.stop(c)
		return
	}
	if a.timer != nil && !a.at.After(deadline) {
		return
	}
	a.stop(c)
	a.at = deadline
	a.turn++
	turn := a.turn
	c.wg.Add(1)
	a.timer = time.AfterFunc(time.Until(deadline), func() {
		defer c.wg.Done()
		c.ring(turn)
	})
}

func (a *alarm) stop(c *Client) {
	if a.timer != nil && a.timer.Stop() {
		c.wg.Done()
	}
	a.timer = nil
}

// ring is what the timer calls. Frames that have arrived are older than the Tick,
// however late it is: so if there is a connection, its reader hands them over
// first and then steps the Tick.
func (c *Client) ring(turn int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.alarm.turn != turn {
		return
	}
	c.alarm.timer = nil
	if deadline := c.earliest(); deadline.IsZero() || time.Now().Before(deadline) {
		c.alarm.set(c)
		return
	}
	if l := c.link; l != nil && l.interrupt != nil {
		l.due = true
		l.interrupt()
		return
	}
	c.stepLocked(session.Tick{})
}
