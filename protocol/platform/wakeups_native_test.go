//go:build !js

package platform_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol/platform"
)

func TestWakeupsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		for why := range platform.Wakeups(ctx) {
			t.Errorf("woken by %s after %v, though nothing happened", why, time.Since(start))
		}
		if time.Since(start) != time.Hour {
			t.Errorf("ended after %v", time.Since(start))
		}
	})
}
