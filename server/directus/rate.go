package directus

import (
	"sync"
	"time"
)

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
	wait := b.wait(now)
	if wait == 0 {
		b.tokens--
	}
	return wait
}

// wait returns how long it is until there is a token.
func (b *bucket) wait(now time.Time) time.Duration {
	if !b.last.IsZero() {
		b.tokens = min(b.size, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
	if b.tokens >= 1 {
		return 0
	}
	return max(time.Duration((1-b.tokens)/b.rate*float64(time.Second)), time.Millisecond)
}

// A throttle counts failures by a key, which may be anything. As many as its
// number are borne in a minute. Attempts at once may exceed it, but each failure
// is paid for by a longer wait.
type throttle struct {
	number int // negative = any

	mu      sync.Mutex
	buckets map[string]*bucket // of the keys that failed lately
}

// manyKeys is how many keys a throttle remembers; beyond, it forgets any of them.
const manyKeys = 100_000

// wait returns how long none of the keys may be tried; an empty key always may.
func (t *throttle) wait(now time.Time, keys ...string) (longest time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		if b := t.buckets[key]; b != nil {
			longest = max(longest, b.wait(now))
		}
	}
	return longest
}

// fail counts a failure of each key.
func (t *throttle) fail(now time.Time, keys ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range keys {
		if t.number < 0 || key == "" {
			continue
		}
		b := t.buckets[key]
		if b == nil {
			t.shrink(now)
			fresh := newBucket(float64(t.number)/60, t.number)
			b = &fresh
			t.buckets[key] = b
		}
		b.wait(now)
		b.tokens--
	}
}

// succeed forgets the failures of a key.
func (t *throttle) succeed(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.buckets, key)
}

// shrink makes room for a key.
func (t *throttle) shrink(now time.Time) {
	if len(t.buckets) < manyKeys {
		return
	}
	for key, b := range t.buckets {
		if b.wait(now); b.tokens >= b.size {
			delete(t.buckets, key)
		}
	}
	for key := range t.buckets {
		if len(t.buckets) < manyKeys*9/10 {
			break
		}
		delete(t.buckets, key)
	}
}
