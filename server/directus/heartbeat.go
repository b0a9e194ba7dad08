package directus

import (
	"time"

	"leveret/protocol"
	"leveret/protocol/transport"
)

// ready counts a client among those that get pings, and starts the heartbeat
// with the first of them.
func (h *Hub) ready(c *client) {
	c.ready.Store(true)
	if h.opts.Heartbeat <= 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.heartbeat == nil {
		h.heartbeat = time.AfterFunc(h.opts.Heartbeat, h.beat)
	}
}

// beat closes the clients from which nothing was heard since the last ping, and
// pings the others. There is one period for all, so a dead one is found after
// two periods at the latest.
func (h *Hub) beat() {
	ping, _ := protocol.Encode(protocol.Ping{})
	var clients []*client
	h.mu.Lock()
	for c := range h.clients {
		if c.ready.Load() {
			clients = append(clients, c)
		}
	}
	h.heartbeat = nil
	if len(clients) > 0 {
		h.heartbeat = time.AfterFunc(h.opts.Heartbeat, h.beat)
	}
	h.mu.Unlock()
	for _, c := range clients {
		if c.silent.Swap(true) {
			c.close(transport.CloseHeartbeat, "No message came since the last ping.")
			continue
		}
		c.write(ping)
	}
}
