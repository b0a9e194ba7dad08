package platform_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"leveret/protocol/platform"
)

// testStore is what every Store must do. reopen opens the same one again.
func testStore(t *testing.T, open func() (platform.Store, error), keeps bool) {
	ctx := t.Context()
	store, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { store.Close() }()

	if _, err := store.Get(ctx, "absent"); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("Get of an absent key: %v, want ErrNotFound", err)
	}
	if err := store.Delete(ctx, "absent"); err != nil {
		t.Errorf("Delete of an absent key: %v", err)
	}

	values := map[string][]byte{
		"outbox/1": []byte("one"), "outbox/2": {}, "outbox/ü": {0, 255, 254}, "Outbox/1": []byte("another"),
		"../escape": []byte("no"), strings.Repeat("k", platform.MaxKey): bytes.Repeat([]byte("v"), 1<<20),
	}
	for key, value := range values {
		if err := store.Put(ctx, key, []byte("old")); err != nil {
			t.Fatalf("Put: %v", err)
		}
		if err := store.Put(ctx, key, value); err != nil {
			t.Fatalf("Put: %v", err)
		}
	}
	if keeps {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if store, err = open(); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range values {
		if got, err := store.Get(ctx, key); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Get(%.20q) = %.20q, %v, want %.20q", key, got, err, want)
		}
	}
	if keys, err := store.List(ctx, "outbox/"); err != nil || !slices.Equal(keys, []string{"outbox/1", "outbox/2", "outbox/ü"}) {
		t.Errorf("List: %q, %v", keys, err)
	}
	if keys, err := store.List(ctx, ""); err != nil || len(keys) != len(values) {
		t.Errorf("List of all: %q, %v", keys, err)
	}
	if err := store.Delete(ctx, "outbox/1"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := store.Get(ctx, "outbox/1"); !errors.Is(err, platform.ErrNotFound) {
		t.Errorf("Get of a deleted key: %v, want ErrNotFound", err)
	}

	for _, key := range []string{"", "\xff", strings.Repeat("k", platform.MaxKey+1)} {
		if err := store.Put(ctx, key, nil); err == nil {
			t.Errorf("Put(%.20q) was taken", key)
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := store.Put(cancelled, "late", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Put with a cancelled context: %v", err)
	}

	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			if err := store.Put(ctx, fmt.Sprintf("many/%d", i), []byte("x")); err != nil {
				t.Errorf("Put: %v", err)
			}
		})
	}
	all.Wait()
	if keys, err := store.List(ctx, "many/"); err != nil || len(keys) != 10 {
		t.Errorf("after ten at once: %q, %v", keys, err)
	}
}

func TestMemory(t *testing.T) {
	m := platform.NewMemory()
	testStore(t, func() (platform.Store, error) { return m, nil }, true)
}

func TestAStoreNeedsAName(t *testing.T) {
	if _, err := platform.OpenStore(t.Context(), ""); err == nil {
		t.Error("it was opened")
	}
}

func ExampleNewMemory() {
	ctx := context.Background()
	store := platform.NewMemory()
	store.Put(ctx, "draft/1", []byte("hello"))
	keys, _ := store.List(ctx, "draft/")
	value, _ := store.Get(ctx, keys[0])
	fmt.Println(keys, string(value))
	// Output: [draft/1] hello
}
