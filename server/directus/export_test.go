package directus

import (
	"context"
	"encoding/json"

	"leveret/protocol"
)

// What the tests of this package may use besides.
var (
	HashPassword = hashPassword
	HashToken    = hashToken
)

// HashCost is what a new password hash costs, as it is outside tests.
var HashCost = newHashes.String()

// CheapHashes makes new password hashes cheap: no test is about their strength.
func CheapHashes() { newHashes = hashCost{memory: 64, time: 1, threads: 1} }

// Change updates an item of any collection, as an administrator would over REST.
func Change(ctx context.Context, h *Hub, collection, id, data string) error {
	who := &Identity{User: DemoAccounts[0].user, Role: RoleAdmin, Roles: []string{RoleAdmin}, Admin: true}
	key, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return h.change(ctx, who, changeRequest{Items: protocol.Items{Collection: collection, Action: protocol.ActionUpdate,
		ID: key, Data: json.RawMessage(data)}, reach: reachSystem}, nil)
}

// OnRace calls fn between a subscription's snapshot and its registration, under
// strict compatibility.
func OnRace(h *Hub, fn func()) { h.raced = fn }

// Rooms returns how many rooms a hub has.
func Rooms(h *Hub) int {
	h.rooms.mu.Lock()
	defer h.rooms.mu.Unlock()
	return len(h.rooms.byKey)
}

// QueryOf returns the query of a URL's parameters.
func QueryOf(raw string) (json.RawMessage, error) {
	params, err := paramsOf(raw)
	if err != nil {
		return nil, err
	}
	return queryOf(params)
}
