package directus

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file is what an update does: of one item, of many, of a batch.

func (w *work) update() error {
	data := bytes.TrimSpace(w.m.Data)
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		// Differs from Directus: 7, which does not answer this.
		return w.hub.unanswered(invalidPayload("An update needs \"data\": an object, or an array of objects with their primary keys."))
	}
	if data[0] == '[' && !isKey(w.m.ID) && w.m.IDs == nil {
		return w.updateEach(data)
	}
	if !isKey(w.m.ID) && w.m.IDs == nil && w.m.Query == nil {
		// Differs from Directus: 8, which would change the first 100 items.
		return &protocol.Error{Code: protocol.CodeInvalidPayload,
			Message: "Either 'ids', 'id', 'query' or an array as 'data' is required for an UPDATE request."}
	}
	item, err := members(data)
	if err != nil {
		return err
	}
	names := namesOf(data)
	change, err := w.changes(item, names)
	if err != nil {
		return err
	}
	forbidden := w.mayUpdate(names)
	t, err := w.target(known(item, w.access.whole), forbidden)
	if err != nil {
		return err
	}
	back, err := w.readBack()
	if err != nil {
		return err
	}
	one := isKey(w.m.ID)
	raws := w.m.IDs
	if one {
		raws = []json.RawMessage{w.m.ID}
	}
	counted := back.query
	if one || w.m.IDs == nil {
		back.query.Offset, back.query.Page = 0, 0 // the update has passed over those before
	}
	if one {
		// It is shown, also where it does not match the query.
		if w.readable != nil {
			back.query.Filter = w.permitted(w.readable)
		}
		back.query.Limit = -1
		if !w.m.showOne && w.readable != nil {
			back.selected = query.New().Selection(w.readable.seen) // every field
		}
	}
	w.do = func(tx Tx) error {
		w.answer.refused = back.refused
		before, keys, err := w.find(tx, t, forbidden)
		if err != nil {
			return err
		}
		after, err := w.set(tx, before, keys, raws, maps.Clone(change), forbidden)
		if err != nil || w.readable == nil {
			return err
		}
		shown, err := w.visible(tx, back, after)
		if err != nil {
			return err
		}
		if one && len(shown) > 0 {
			w.answer.data, err = w.printer(w.ctx, tx).one(w.readable, back.selected, shown[0])
		} else if !one {
			if err = w.count(tx, counted); err == nil {
				w.answer.data, err = w.printer(w.ctx, tx).array(w.readable, back.selected, shown)
			}
		}
		return err
	}
	return nil
}

// set updates items and notes the event. It returns them as they are now. raws are
// the keys as they were sent; nil = they were not.
func (w *work) set(tx Tx, before []query.Row, keys []any, raws []json.RawMessage, change query.Row, forbidden error) ([]query.Row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	pk := w.access.whole.PrimaryKey
	if key, ok := change[pk]; ok {
		if len(keys) != 1 || keys[0] != key {
			return nil, invalidPayload("The primary key %q of an item cannot be changed.", pk)
		}
		delete(change, pk)
	}
	after, err := w.write(tx, w.access.whole, before, change)
	if err != nil {
		return nil, err
	}
	if after == nil {
		return nil, forbidden
	}
	w.events[len(w.events)-1].keys = raws
	return after, nil
}

// write changes items of a collection and notes the event. It returns them as they
// are now, in the order of before, or nil if one is gone.
func (w *work) write(tx Tx, c *query.Collection, before []query.Row, change query.Row) ([]query.Row, error) {
	keys := keysOf(before, c.PrimaryKey)
	if len(change) > 0 {
		if err := tx.Update(w.ctx, c.Name, keys, change); err != nil {
			return nil, err
		}
	}
	rows, err := tx.Read(w.ctx, c.Name, keysQuery(c, keys))
	if err != nil {
		return nil, err
	}
	byKey := make(map[any]query.Row, len(rows))
	for _, row := range rows {
		byKey[row[c.PrimaryKey]] = row
	}
	after := make([]query.Row, len(keys))
	for i, key := range keys {
		if after[i] = byKey[key]; after[i] == nil {
			return nil, nil
		}
	}
	w.events = append(w.events, event{collection: c, kind: protocol.EventUpdate, before: before, after: after})
	return after, nil
}

// updateEach updates a batch: each item of the data names its own key, and is an
// event of its own.
func (w *work) updateEach(data []byte) error {
	raws, ok := protocol.Elements(data)
	if !ok {
		return invalidPayload("The data is not valid JSON.")
	}
	if err := w.hub.checkBatch(len(raws)); err != nil {
		return err
	}
	type one struct {
		id        json.RawMessage
		target    target
		change    query.Row
		forbidden error
	}
	pk := w.access.whole.PrimaryKey
	batch := make([]one, len(raws))
	for i, raw := range raws {
		item, err := members(raw)
		if err != nil {
			return err
		}
		id, ok := item[pk]
		if !ok {
			return invalidPayload("Item in update misses primary key.")
		}
		delete(item, pk)
		b := &batch[i]
		b.id = id
		names := slices.DeleteFunc(namesOf(raw), func(name string) bool { return name == pk })
		b.forbidden = w.mayUpdate(names)
		key, err := decodeKey(id, w.access.whole)
		if err != nil {
			return b.forbidden
		}
		if b.change, err = w.changes(item, names); err != nil {
			return err
		}
		b.target = w.byKeys([]any{key}, known(item, w.access.whole))
	}
	back, err := w.readBack()
	if err != nil {
		return err
	}
	w.do = func(tx Tx) error {
		w.answer.refused = back.refused
		var all []query.Row
		for _, b := range batch {
			before, keys, err := w.find(tx, b.target, b.forbidden)
			if err != nil {
				return err
			}
			after, err := w.set(tx, before, keys, []json.RawMessage{b.id}, maps.Clone(b.change), b.forbidden)
			if err != nil {
				return err
			}
			all = append(all, after...)
		}
		if w.readable == nil {
			return nil
		}
		shown, err := w.visible(tx, back, all)
		if err != nil {
			return err
		}
		if err := w.count(tx, back.query); err != nil {
			return err
		}
		w.answer.data, err = w.printer(w.ctx, tx).array(w.readable, back.selected, shown)
		return err
	}
	return nil
}
