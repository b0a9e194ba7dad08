package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Store keeps values by key over restarts. All methods are safe for concurrent
// use, and each is atomic: another process or tab sees the old value or the new.
// A context that ends ends the waiting; a change may still come about.
type Store interface {
	// Get returns a value, or an error that is [ErrNotFound].
	Get(ctx context.Context, key string) ([]byte, error)
	// Put keeps a value. When it returns without an error, the value is on disk.
	Put(ctx context.Context, key string, value []byte) error
	// Delete removes a key. It is no error if it is not there.
	Delete(ctx context.Context, key string) error
	// List returns the keys that begin with prefix, in the order of their bytes.
	List(ctx context.Context, prefix string) ([]string, error)
	// Close lets go of the store. What was put stays.
	Close() error
}

// MaxKey is the longest key, in bytes.
const MaxKey = 120

// Errors of a Store.
var (
	ErrNotFound = errors.New("the store has no such key")
	ErrNoStore  = errors.New("this environment has no durable store")
)

func checkKey(key string) error {
	if key == "" || len(key) > MaxKey || !utf8.ValidString(key) {
		return fmt.Errorf("store key %.150q: a key has 1 to %d bytes of UTF-8", key, MaxKey)
	}
	return nil
}

// NewMemory returns a Store that forgets: for tests, and for where there is no
// durable one.
func NewMemory() Store { return &memory{values: map[string][]byte{}} }

type memory struct {
	mu     sync.Mutex
	values map[string][]byte
}

func (m *memory) Get(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.values[key]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, key)
	}
	return slices.Clone(value), nil
}

func (m *memory) Put(ctx context.Context, key string, value []byte) error {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = append([]byte{}, value...)
	return nil
}

func (m *memory) Delete(ctx context.Context, key string) error {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

func (m *memory) List(ctx context.Context, prefix string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.values {
		keys = append(keys, key)
	}
	return sorted(keys, prefix), nil
}

func (m *memory) Close() error { return nil }

// sorted keeps the keys that begin with prefix, in order.
func sorted(keys []string, prefix string) []string {
	keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, prefix) })
	slices.Sort(keys)
	return keys
}
