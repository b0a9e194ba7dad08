//go:build !js

package platform

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Acquire waits until nobody holds the lock of that name and takes it: natively a
// file of that path, which is made if it is absent (its folder must exist) and
// stays, in a browser a Web Lock of the page's origin. It is released when its
// holder is killed too. Whoever holds it and asks again waits for itself.
//
// Those who wait get it in the order in which they came, at once when it is
// released; between native processes in no order and within a tenth of a second.
// Where a browser has no locks the error is [ErrNoLock].
func Acquire(ctx context.Context, name string) (*Lock, error) {
	if name == "" {
		return nil, errors.New("acquire lock: say the path of its file")
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("acquire lock: %w", err)
	}
	if err := queues.enter(ctx, path); err != nil {
		return nil, err
	}
	unlock, err := lockFile(ctx, path)
	if err != nil {
		queues.leave(path)
		return nil, err
	}
	return &Lock{free: func() {
		unlock()
		queues.leave(path)
	}}, nil
}

// retryFile is how often a file that another process has locked is tried again. A
// wait inside the kernel would be at once, and could not be ended by a context.
const retryFile = 100 * time.Millisecond

func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, err := tryLockFile(path)
		if err != nil {
			return nil, fmt.Errorf("acquire lock: %w", err)
		}
		if unlock != nil {
			return unlock, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retryFile):
		}
	}
}

// queues order those who want the same lock within this process.
var queues = locks{waiting: map[string][]chan struct{}{}}

type locks struct {
	mu      sync.Mutex
	waiting map[string][]chan struct{} // an entry, if an empty one, while somebody holds the lock
}

func (l *locks) enter(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	queue, held := l.waiting[name]
	if !held {
		l.waiting[name] = nil
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting[name] = append(queue, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	place := slices.Index(l.waiting[name], turn)
	if place >= 0 {
		l.waiting[name] = slices.Delete(l.waiting[name], place, place+1)
	}
	l.mu.Unlock()
	if place < 0 { // its turn came meanwhile: the next one's, then
		l.leave(name)
	}
	return ctx.Err()
}

func (l *locks) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.waiting[name]
	if len(queue) == 0 {
		delete(l.waiting, name)
		return
	}
	close(queue[0])
	l.waiting[name] = queue[1:]
}
