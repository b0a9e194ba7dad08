//go:build !js

package platform

import (
	"errors"
	"slices"
	"sync"
)

// OpenChannel opens a channel of that name: a BroadcastChannel in a browser (and in
// Node), natively one within this process. Close it.
func OpenChannel(name string) (*Channel, error) {
	if name == "" {
		return nil, errors.New("open channel: say its name")
	}
	c := &Channel{ready: make(chan struct{}, 1)}
	c.post = func(message []byte) error {
		channels.send(name, c, message)
		return nil
	}
	c.free = func() { channels.remove(name, c) }
	channels.add(name, c)
	return c, nil
}

// channels are those that are open in this process.
var channels = hub{open: map[string][]*Channel{}}

type hub struct {
	mu   sync.Mutex
	open map[string][]*Channel
}

func (h *hub) add(name string, c *Channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[name] = append(h.open[name], c)
}

func (h *hub) remove(name string, c *Channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[name] = slices.DeleteFunc(h.open[name], func(other *Channel) bool { return other == c })
	if len(h.open[name]) == 0 {
		delete(h.open, name)
	}
}

// send holds the lock, so that all get the messages in one order.
func (h *hub) send(name string, from *Channel, message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.open[name] {
		if c != from {
			c.put(append([]byte{}, message...))
		}
	}
}
