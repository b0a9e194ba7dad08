package platform

import (
	"context"
	"iter"
	"time"
)

// Why a lost connection is worth another try now.
const (
	WakeOnline  = "online"  // the machine has a network again
	WakeVisible = "visible" // the page came into view
	WakeShown   = "shown"   // the page came back out of the history
	WakeClock   = "clock"   // the clock jumped: the machine slept
)

const (
	clockPeriod = 5 * time.Second
	clockDrift  = 5 * time.Second // of the wall clock against the monotonic
	clockGap    = 2 * time.Minute // between two looks; a hidden tab has one a minute
)

// Wakeups yields why a lost connection is worth another try now, until the context
// ends. Natively that is [WakeClock] alone. Several at once may be yielded as one.
// In a synctest bubble it works natively and in Node; in a page it listens to
// events, and the clock of a bubble stands still while JavaScript may call in.
func Wakeups(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		events := make(chan string, 1)
		defer listen(events)()
		ticker := time.NewTicker(clockPeriod)
		defer ticker.Stop()
		start := time.Now()
		var c clock
		c.jumped(start.Round(0), 0)
		for {
			var why string
			select {
			case <-ctx.Done():
				return
			case why = <-events:
			case <-ticker.C:
				// Round strips the monotonic reading, which Since uses.
				if !c.jumped(time.Now().Round(0), time.Since(start)) {
					continue
				}
				why = WakeClock
			}
			if ctx.Err() != nil || !yield(why) {
				return
			}
		}
	}
}

// A clock tells whether the machine slept between two looks. On some machines the
// monotonic clock stands still meanwhile, on others it goes on.
type clock struct {
	wall time.Time
	mono time.Duration
}

func (c *clock) jumped(wall time.Time, mono time.Duration) bool {
	first := c.wall.IsZero()
	went, ran := wall.Sub(c.wall), mono-c.mono
	c.wall, c.mono = wall, mono
	return !first && ((went-ran).Abs() > clockDrift || ran > clockGap)
}
