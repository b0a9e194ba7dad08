package directus

import (
	"context"
	"encoding/json"
	"fmt"

	"leveret/protocol"
)

// FirstItems are what a collection holds at first.
type FirstItems struct {
	Collection string
	Items      []json.RawMessage // objects, as a create takes them
}

// Fill creates items in those collections that are empty and that it has not filled
// before, one collection after the other, as a client would who may do everything:
// with defaults, and with the time of now where a field is the time of creation. An
// item that points at another must come after it.
//
// Its errors name the collection. What was created before stays.
func (h *Hub) Fill(ctx context.Context, all []FirstItems) error {
	for _, first := range all {
		if err := h.fill(ctx, first); err != nil {
			return fmt.Errorf("the items of %q: %w", first.Collection, err)
		}
	}
	return nil
}

func (h *Hub) fill(ctx context.Context, first FirstItems) error {
	c := h.store.Schema().Collections[first.Collection]
	if c == nil {
		return fmt.Errorf("there is no such collection")
	}
	setting := "filled " + c.Name
	filled, err := h.store.Setting(ctx, setting)
	if err != nil || filled != "" || len(first.Items) == 0 {
		return err
	}
	n, err := h.store.Count(ctx, c.Name, nil, "")
	if err != nil {
		return err
	}
	if n == 0 {
		data, err := json.Marshal(first.Items)
		if err != nil {
			return err
		}
		m := changeRequest{Items: protocol.Items{Collection: c.Name, Action: protocol.ActionCreate, Data: data}}
		if c.System {
			m.reach = reachSystem
		}
		if err := h.change(ctx, &Identity{program: true, Admin: true}, m, func(answer) {}); err != nil {
			return err
		}
	}
	return h.store.SetSetting(ctx, setting, "yes")
}
