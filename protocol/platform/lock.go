package platform

import (
	"errors"
	"sync"
)

// A Lock is the right to be the only one, until Release or the end of the tab or
// process, however that comes about. [Acquire] gives it.
type Lock struct {
	once sync.Once
	free func()
}

// ErrNoLock says that there is no lock between tabs: a browser has them only on
// pages from https or from this machine, Node from version 24 on.
var ErrNoLock = errors.New("this environment has no locks between tabs (a page must come from https or localhost)")

// Release gives the lock up. Later calls do nothing.
func (l *Lock) Release() { l.once.Do(l.free) }
