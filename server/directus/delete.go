package directus

import (
	"encoding/json"
	"maps"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file is what a delete does, and what goes with the items.

var errDeletesNothing = &protocol.Error{Code: protocol.CodeInvalidPayload,
	Message: "Either 'ids', 'id' or 'query' is required for a DELETE request."}

func (w *work) delete() error {
	one := isKey(w.m.ID)
	forbidden := w.mayDelete()
	t, err := w.target(nil, forbidden)
	if err != nil {
		return err
	}
	raws := w.m.IDs
	if one {
		raws = []json.RawMessage{w.m.ID}
	}
	w.do = func(tx Tx) error {
		before, keys, err := w.find(tx, t, forbidden)
		if err != nil {
			return err
		}
		switch {
		case one:
			w.answer.data = w.m.ID // as it was sent
		case w.m.IDs != nil:
			w.answer.data, err = json.Marshal(w.m.IDs)
		default:
			w.answer.data, err = w.tellable(tx, keys)
		}
		if err != nil || len(keys) == 0 {
			return err
		}
		return w.remove(tx, w.access.whole, before, raws, map[string]bool{})
	}
	return nil
}

// tellable returns, as JSON, those keys of readable items that may be read
// themselves.
func (w *work) tellable(tx Tx, keys []any) ([]byte, error) {
	pk := w.access.whole.PrimaryKey
	if len(keys) == 0 || w.readable == nil || w.readable.seen.Field(pk) == nil {
		return []byte("[]"), nil
	}
	if shows := w.readable.fieldFilter(pk).Bind(w.access.whole, w.rules); shows != nil {
		q := keysQuery(w.access.whole, keys)
		q.Filter = query.And(q.Filter, shows)
		rows, err := tx.Read(w.ctx, w.m.Collection, q)
		if err != nil {
			return nil, err
		}
		shown := textsOf(keysOf(rows, pk))
		keys = slices.DeleteFunc(slices.Clone(keys), func(key any) bool { return !shown[keyText(key)] })
	}
	return appendKeys(nil, keys), nil
}

// remove deletes items and notes the events: of those that point at them and are
// to forget them or to go with them, then of the items themselves. going holds what
// is being removed already. raws are the keys as they were sent; nil = they were not.
//
// Differs from Directus: beyond its list, for there the database does that without
// anybody being told.
func (w *work) remove(tx Tx, c *query.Collection, rows []query.Row, raws []json.RawMessage, going map[string]bool) error {
	name := func(c *query.Collection, row query.Row) string { return c.Name + "/" + keyText(row[c.PrimaryKey]) }
	for _, row := range rows {
		going[name(c, row)] = true
	}
	schema := w.hub.store.Schema()
	for _, other := range slices.Sorted(maps.Keys(schema.Collections)) {
		from := schema.Collections[other]
		for i := range from.Fields {
			to := from.Fields[i].Relation
			if to == nil || to.Many || to.Collection != c.Name {
				continue
			}
			if to.OnDelete == "NO ACTION" || to.OnDelete == "RESTRICT" {
				continue // the store refuses, if there are any
			}
			q := everyItem()
			q.Filter = oneOf(from, to.Local, valuesOf(rows, to.Foreign))
			pointing, err := tx.Read(w.ctx, other, q)
			if err != nil {
				return err
			}
			pointing = slices.DeleteFunc(pointing, func(row query.Row) bool { return going[name(from, row)] })
			switch {
			case len(pointing) == 0:
			case to.OnDelete == "CASCADE":
				err = w.remove(tx, from, pointing, nil, going)
			default:
				_, err = w.write(tx, from, pointing, query.Row{to.Local: nil})
			}
			if err != nil {
				return err
			}
		}
	}
	w.events = append(w.events, event{collection: c, kind: protocol.EventDelete, before: rows, keys: raws})
	return tx.Delete(w.ctx, c.Name, keysOf(rows, c.PrimaryKey))
}
