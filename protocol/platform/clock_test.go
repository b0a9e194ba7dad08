package platform

import (
	"testing"
	"time"
)

func TestClockJumps(t *testing.T) {
	cases := []struct {
		name      string
		went, ran time.Duration // wall and monotonic since the look before
		want      bool
	}{
		{"a usual tick", 5 * time.Second, 5 * time.Second, false},
		{"a slow tick", 8 * time.Second, 8 * time.Second, false},
		{"a tick in a hidden tab", time.Minute, time.Minute, false},
		{"the clock was corrected a little", 7 * time.Second, 5 * time.Second, false},
		{"a sleep that stopped the monotonic clock", time.Hour, 5 * time.Second, true},
		{"a sleep that did not", time.Hour, time.Hour, true},
		{"the clock was set back", -time.Hour, 5 * time.Second, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var k clock
			if k.jumped(start, 0) {
				t.Fatal("the first look was a jump")
			}
			if got := k.jumped(start.Add(c.went), c.ran); got != c.want {
				t.Errorf("jumped = %v, want %v", got, c.want)
			}
			if k.jumped(start.Add(c.went+5*time.Second), c.ran+5*time.Second) {
				t.Error("the look after it was a jump again")
			}
		})
	}
}
