package platform_test

import (
	"errors"
	"syscall/js"
	"testing"

	"leveret/protocol/platform"
)

// In a page the database must work; in Node there is none, and that is told.
func TestDatabase(t *testing.T) {
	open := func() (platform.Store, error) { return platform.OpenStore(t.Context(), "test-"+t.Name()) }
	if js.Global().Get("indexedDB").IsUndefined() {
		if _, err := open(); !errors.Is(err, platform.ErrNoStore) {
			t.Errorf("OpenStore: %v, want ErrNoStore", err)
		}
		return
	}
	testStore(t, open, true)
}
