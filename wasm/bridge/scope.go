//go:build js

package bridge

import (
	"sync"
	"syscall/js"
)

// A Scope owns functions that JavaScript can call, and releases them all. The zero
// Scope is ready. It is safe for concurrent use.
type Scope struct {
	mu       sync.Mutex
	funcs    []js.Func
	released bool
}

// Func returns f as a JavaScript function that lives as long as the scope. f runs
// while JavaScript waits for it: it must not block on what JavaScript does next.
// On a scope that was released the function does nothing.
func (s *Scope) Func(f func(this js.Value, args []js.Value) any) js.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released {
		return js.Global().Get("Function").New()
	}
	fn := js.FuncOf(f)
	s.funcs = append(s.funcs, fn)
	return fn.Value
}

// Release lets go of all functions, also while one of them runs. JavaScript must
// not call them afterwards.
func (s *Scope) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fn := range s.funcs {
		fn.Release()
	}
	s.funcs, s.released = nil, true
}

// Len returns how many functions the scope owns.
func (s *Scope) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.funcs)
}
