package directus

import (
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file writes what was done, and who did it, into directus_activity.

// record writes a row of activity for each item that the request named, and tells
// of it like of any other item. What follows from that (items that go with another,
// or forget it, and notifications) is nobody's doing: who reads their own activity
// must not find the keys of items there that they may not see. Activity and sessions
// are not themselves recorded, nor are the first items of a project, which nobody wrote.
func (w *work) record(tx Tx) error {
	c := w.hub.store.Schema().Collections[activityCollection]
	if c == nil || w.who.program {
		return nil
	}
	author := orNull(w.who.User)
	for _, e := range w.events {
		if e.collection.Name == usersCollection && e.kind == protocol.EventDelete && slices.Contains(keysOf(e.before, e.collection.PrimaryKey), author) {
			author = nil // there is nobody any more
		}
	}
	if w.access.whole.Name == activityCollection || w.access.whole.Name == sessionsCollection {
		return nil
	}
	for _, e := range w.requested() {
		for _, changed := range e.rows() {
			row := emptyRow(c)
			for name, value := range map[string]any{
				"action":     string(e.kind),
				"user":       author,
				"timestamp":  timestamp(w.rules.Now),
				"ip":         orNull(w.m.peer.IP),
				"user_agent": orNull(w.m.peer.UserAgent),
				"collection": e.collection.Name,
				"item":       keyText(changed[e.collection.PrimaryKey]),
				"origin":     orNull(w.m.peer.Origin),
			} {
				if c.Field(name) != nil {
					row[name] = value
				}
			}
			delete(row, c.PrimaryKey)
			key, err := tx.Insert(w.ctx, c.Name, row)
			if err != nil {
				return err
			}
			row[c.PrimaryKey] = key
			w.events = append(w.events, event{collection: c, kind: protocol.EventCreate, after: []query.Row{row}})
		}
	}
	return nil
}

// requested returns those events that are the request itself.
func (w *work) requested() []event {
	events := slices.DeleteFunc(slices.Clone(w.events), func(e event) bool { return e.collection != w.access.whole })
	if last := len(events) - 1; w.m.Action == protocol.ActionDelete && last > 0 {
		return events[last:] // after what goes with it
	}
	return events
}

// orNull returns a text as a value: "" is null.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
