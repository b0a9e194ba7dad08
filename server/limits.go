package main

import (
	"flag"
	"fmt"
	"time"
)

// limitFlags defines the flags of those limits for which Directus has no setting.
// Each is on by default.
func (c *Config) limitFlags(flags *flag.FlagSet) {
	o := &c.Backend
	flags.Int64Var(&o.MaxFrameBeforeAuth, "max-frame-before-auth", 64<<10, "the largest message of a socket that has not signed in, in `bytes`")
	flags.Int64Var(&o.MaxFrame, "max-frame", 8<<20, "the largest message of a socket that has signed in, in `bytes`")
	flags.IntVar(&o.QueueBytes, "max-queue", 1<<20, "how much may wait for a slow socket before it is closed, in `bytes`")
	flags.DurationVar(&o.WriteTimeout, "write-timeout", 5*time.Second, "the `time` for which a socket may take nothing before it is lost")
	flags.IntVar(&o.MaxSubscriptions, "max-subscriptions", 128, "the largest `number` of subscriptions of a socket; -1 is any")
	flags.IntVar(&o.MaxConnectionsPerAddress, "max-connections-per-address", 200, "the largest `number` of sockets of one address other than this machine's own; -1 is any")
	flags.IntVar(&o.MaxFailedLogins, "max-failed-logins", 10, "the largest `number` of logins that may fail in a minute, for one account or from one address; -1 is any")
	flags.DurationVar(&c.QueryTimeout, "query-timeout", 10*time.Second, "the longest `time` for a read of the database; -1s is any")
}

// checkLimits refuses numbers that leave nothing to work with.
func (c *Config) checkLimits() error {
	o := &c.Backend
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"max-frame-before-auth", o.MaxFrameBeforeAuth}, {"max-frame", o.MaxFrame}, {"max-queue", int64(o.QueueBytes)},
	} {
		if f.value < 1<<10 {
			return fmt.Errorf("--%s is %d; it must be a number of bytes from 1024", f.name, f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"max-subscriptions", o.MaxSubscriptions}, {"max-connections-per-address", o.MaxConnectionsPerAddress}, {"max-failed-logins", o.MaxFailedLogins},
	} {
		if f.value == 0 || f.value < -1 {
			return fmt.Errorf("--%s is %d; it must be a whole number from 1, or -1 for any", f.name, f.value)
		}
	}
	if o.WriteTimeout < 10*time.Millisecond {
		return fmt.Errorf("--write-timeout is %v; it must be a time such as 5s", o.WriteTimeout)
	}
	if c.QueryTimeout == 0 {
		return fmt.Errorf("--query-timeout is 0s; it must be a time such as 10s, or -1s for any")
	}
	return nil
}
