package platform_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"leveret/protocol/platform"
)

// testLock is what a lock must do. names are of two locks; settle returns when all
// who asked for one wait.
func testLock(t *testing.T, names [2]string, settle func()) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	name := names[0]
	acquire := func(name string) *platform.Lock {
		t.Helper()
		lock, err := platform.Acquire(ctx, name)
		if err != nil {
			t.Fatalf("Acquire: %v", err)
		}
		return lock
	}

	ended, end := context.WithCancel(ctx)
	end()
	if _, err := platform.Acquire(ended, name); !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire with a context that had ended: %v", err)
	}
	if _, err := platform.Acquire(ctx, ""); err == nil {
		t.Error("a lock without a name was given")
	}

	// One holds it, three wait, and the second of them loses patience.
	first := acquire(name)
	acquire(names[1]).Release() // another name is another lock
	impatient, lose := context.WithCancel(ctx)
	var mu sync.Mutex
	var got []int
	var all sync.WaitGroup
	next := make(chan *platform.Lock, 3)
	for i, ctx := range []context.Context{ctx, impatient, ctx} {
		all.Go(func() {
			lock, err := platform.Acquire(ctx, name)
			if err != nil {
				if i != 1 || !errors.Is(err, context.Canceled) {
					t.Errorf("waiter %d: %v", i, err)
				}
				return
			}
			mu.Lock()
			got = append(got, i)
			mu.Unlock()
			next <- lock
		})
		settle()
	}
	lose()
	settle()
	mu.Lock()
	if len(got) > 0 {
		t.Errorf("%v got a lock that is held", got)
	}
	mu.Unlock()
	first.Release()
	second := <-next
	settle()
	first.Release() // counts for nothing
	settle()
	mu.Lock()
	if !slices.Equal(got, []int{0}) {
		t.Errorf("%v have the lock, want waiter 0 alone", got)
	}
	mu.Unlock()
	second.Release()
	(<-next).Release()
	all.Wait()
	if !slices.Equal(got, []int{0, 2}) {
		t.Errorf("the lock went to %v, want 0 and 2 in this order", got)
	}

	// A wait that ends just as the lock becomes free leaves it free.
	for range 50 {
		holder := acquire(name)
		waiting, stop := context.WithCancel(ctx)
		all.Go(func() {
			if lock, err := platform.Acquire(waiting, name); err == nil {
				lock.Release()
			}
		})
		all.Go(stop)
		all.Go(holder.Release)
		all.Wait()
		acquire(name).Release()
	}
}
