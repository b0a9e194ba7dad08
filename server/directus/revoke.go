package directus

import (
	"context"
)

// This file ends what a socket may do as soon as what it signed in with is void.

// A proof is what somebody signed in with, as long as the store has the hash of it:
// the user's "token" or "password", or a "session". The zero proof ends by itself.
type proof struct{ kind, hash string }

// asOf returns how often accounts have changed. A change that is being made counts
// already.
func (h *Hub) asOf() int64 {
	h.commits.RLock()
	defer h.commits.RUnlock()
	return h.changes
}

// current returns somebody as they are now, or why they are out. The caller holds
// commits.
func (h *Hub) current(ctx context.Context, who Identity) (Identity, error) {
	if who.User == "" || who.asOf == h.changes {
		return who, nil
	}
	now, err := h.auth.Identify(ctx, who.User)
	if err != nil {
		return Identity{}, err
	}
	if stands, err := h.stands(ctx, who.User, who.proof); err != nil || !stands {
		if err == nil {
			err = errCredentials
		}
		return Identity{}, err
	}
	now.Expires, now.Session, now.proof, now.asOf = who.Expires, who.Session, who.proof, h.changes
	return now, nil
}

// stands reports whether a user's proof still counts.
func (h *Hub) stands(ctx context.Context, user string, p proof) (bool, error) {
	collection, field, key := usersCollection, p.kind, user
	switch p.kind {
	case "":
		return true, nil
	case "session":
		collection, field, key = sessionsCollection, "token", p.hash
	}
	rows, err := h.store.Read(ctx, collection, keysQuery(h.store.Schema().Collections[collection], []any{key}))
	return err == nil && len(rows) > 0 && rows[0][field] == p.hash, err
}

// revoke makes those sockets of these users anonymous whose proof is void; they are
// told that their token has expired. The caller holds commits alone.
//
// Differs from Directus: 9, where such a socket stays what it is.
func (h *Hub) revoke(ctx context.Context, users map[any]bool) {
	if len(users) == 0 {
		return
	}
	h.mu.Lock()
	clients := make([]*client, 0, len(h.clients))
	for c := range h.clients {
		clients = append(clients, c)
	}
	h.mu.Unlock()
	for _, c := range clients {
		c.mu.Lock()
		who, proof := c.identity, c.proof
		c.mu.Unlock()
		if !users[who.User] {
			continue
		}
		stands, err := h.stands(ctx, who.User, proof)
		if err != nil {
			h.log.Error("what a socket signed in with cannot be looked up", "error", err)
		}
		if !stands {
			c.expire(who)
		}
	}
}

// logout voids a refresh token or a session token, and the sockets that were opened
// with the latter.
func (h *Hub) logout(ctx context.Context, token string) error {
	who, _ := h.auth.Authenticate(ctx, token) // a refresh token is nobody's
	if err := h.auth.Logout(ctx, token); err != nil {
		return err
	}
	if who.User == "" {
		return nil
	}
	h.commits.Lock()
	defer h.commits.Unlock()
	h.changes++
	h.revoke(context.WithoutCancel(ctx), map[any]bool{who.User: true})
	return nil
}
