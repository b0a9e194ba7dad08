package realtime

import "leveret/protocol/platform"

// listenToMachine passes on that the machine woke, came online or into view.
func (c *Client) listenToMachine() {
	for why := range platform.Wakeups(c.ctx) {
		c.Wake(why)
	}
}
