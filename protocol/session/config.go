package session

import "time"

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	if c.Rand == nil {
		panic("session: Config.Rand is required, for example math/rand/v2.Float64")
	}
	if c.Mode == "" {
		c.Mode = Handshake
	}
	if c.PrimaryKey == nil {
		c.PrimaryKey = func(string) string { return "id" }
	}
	setDuration(&c.Backoff.Base, 500*time.Millisecond)
	setDuration(&c.Backoff.Cap, 20*time.Second)
	setDuration(&c.Backoff.Reset, 10*time.Second)
	setDuration(&c.DialTimeout, 10*time.Second)
	setDuration(&c.AuthTimeout, 10*time.Second)
	setDuration(&c.Silence, 20*time.Second)
	setDuration(&c.ProbeTimeout, 5*time.Second)
	setDuration(&c.RequestTimeout, 30*time.Second)
	setInt(&c.MaxBaseline, 10_000)
	setInt(&c.MaxQueue, 1_024)
	setInt(&c.MaxRequests, 10_000)
	return c
}

func setDuration(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

func setInt(n *int, value int) {
	if *n <= 0 {
		*n = value
	}
}
