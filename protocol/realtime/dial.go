package realtime

import (
	"context"
	"fmt"

	"leveret/protocol/session"
)

// Dial connects to a ws: or wss: URL (one without a path gets /websocket), or to
// the Directus installation at an http: or https: URL, whose socket is at
// /websocket below it. It returns after the credential was accepted, or with the
// first refusal or failed attempt; with Options.Retry it keeps trying until ctx
// ends or a credential is refused. ctx is for connecting only: the client lives
// on until it is closed.
func Dial(ctx context.Context, url string, options *Options) (*Client, error) {
	c, err := New(url, options)
	if err != nil {
		return nil, err
	}
	c.Connect()
	for {
		c.mu.Lock()
		s := c.changes
		c.mu.Unlock()
		final := s.last.To == session.NeedsAuth || s.last.To == session.Closed || s.last.Cause.Reason == session.ReasonGaveUp
		switch {
		case s.accepted:
			return c, nil
		case final:
			c.Close()
			return nil, fmt.Errorf("connect to %s: %w", maskText(c.url), s.last.failure())
		case s.failed != nil && !c.options.Retry:
			c.Close()
			return nil, fmt.Errorf("connect to %s: %w", maskText(c.url), s.failed.failure())
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			c.Close()
			if s.failed != nil {
				return nil, fmt.Errorf("connect to %s: %w (until then: %w)", maskText(c.url), ctx.Err(), s.failed.failure())
			}
			return nil, fmt.Errorf("connect to %s: %w", maskText(c.url), ctx.Err())
		}
	}
}
