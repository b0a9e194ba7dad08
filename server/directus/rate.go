package directus

import "time"

// A bucket holds the messages that a client may send at once; it fills up with
// time. A bucket without a rate is never empty.
type bucket struct {
	rate   float64 // tokens a second
	size   float64
	tokens float64
	last   time.Time
}

func newBucket(rate float64, size int) bucket {
	return bucket{rate: rate, size: float64(size), tokens: float64(size)}
}

// take takes a token and returns 0, or how long it is until there is one.
func (b *bucket) take(now time.Time) time.Duration {
	if b.rate <= 0 {
		return 0
	}
	if !b.last.IsZero() {
		b.tokens = min(b.size, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	wait := time.Duration((1 - b.tokens) / b.rate * float64(time.Second))
	return max(wait, time.Millisecond)
}
