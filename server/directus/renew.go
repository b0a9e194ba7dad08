package directus

import (
	"context"
	"errors"

	"leveret/protocol"
)

// renew makes changes to users and roles count from the next event on: for the
// sockets of those users, and for views that depend on a user's or a role's item.
func (h *Hub) renew(ctx context.Context, events []event) {
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
	h.subscriptionsMu.Lock()
	defer h.subscriptionsMu.Unlock()
	for _, v := range h.views {
		if len(v.rules.Fields) == 0 && len(v.guarded.Fields) == 0 {
			continue
		}
		for _, s := range v.members {
			s.stale = true
		}
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
