package platform

// Missed reports whether a message did not fit and nobody was told yet.
func (c *Channel) Missed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.missed
}
