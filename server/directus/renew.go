package directus

import (
	"context"
	"errors"
	"slices"

	"leveret/protocol"
)

// renew makes a commit count from the next event on where it changes who somebody
// is, or what a variable stands for.
func (h *Hub) renew(ctx context.Context, events []event) {
	h.renewIdentities(ctx, events)
	h.subscriptionsMu.Lock()
	defer h.subscriptionsMu.Unlock()
	for _, v := range h.views {
		if !slices.ContainsFunc(events, func(e event) bool { return v.visited[e.collection.Name] }) {
			continue
		}
		for _, s := range v.members {
			s.stale = true
		}
	}
}

// renewIdentities makes changes to users and roles count for the sockets of those users.
func (h *Hub) renewIdentities(ctx context.Context, events []event) {
	users, roles := map[any]bool{}, false
	for _, e := range events {
		if e.kind == protocol.EventCreate {
			continue
		}
		switch e.collection.Name {
		case usersCollection:
			for _, row := range e.before {
				users[row[e.collection.PrimaryKey]] = true
			}
		case rolesCollection:
			roles = true
		}
	}
	if len(users) == 0 && !roles {
		return
	}
	h.mu.Lock()
	clients := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		clients = append(clients, c)
	}
	h.mu.Unlock()
	known := map[string]Identity{}
	for _, c := range clients {
		old := c.who()
		if old.User == "" || !users[any(old.User)] && !roles {
			continue
		}
		who, ok := known[old.User]
		if !ok {
			var err error
			if who, err = h.auth.Identify(ctx, old.User); err != nil {
				var refused *protocol.Error
				if !errors.As(err, &refused) {
					h.log.Error("a changed user cannot be looked up", "error", err)
				}
				who = Identity{} // gone or suspended: from now on the public
			}
			known[old.User] = who
		}
		c.renew(old, who)
	}
}

// renew replaces an identity by what it is now, unless somebody else signed in.
func (c *client) renew(old *Identity, now Identity) {
	if now.User != "" {
		now.Expires = old.Expires
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.identity == old {
		c.assume(now)
	}
}
