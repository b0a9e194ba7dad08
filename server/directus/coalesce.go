package directus

import (
	"leveret/protocol"
	"leveret/protocol/query"
)

// coalesce makes of a commit's events those between the states before and after
// it: each item is in one of them, so that nobody is told of a state in between,
// which nobody could have read. An item that was made and deleted is in none.
//
// An item is where it was created, else where it was deleted, else where it was
// updated first; otherwise what belongs together stays together.
//
// Differs from Directus: 2, which tells each step, as the item is by then.
func coalesce(events []event) []event {
	c := coalescer{places: map[place]*coalesced{}}
	for i, e := range events {
		for _, row := range e.rows() {
			p := place{e.collection.Name, keyText(row[e.collection.PrimaryKey])}
			if c.places[p] != nil {
				c.repeats = true
			}
			c.places[p] = &coalesced{event: i}
		}
	}
	if !c.repeats {
		return events
	}
	clear(c.places)
	for i, e := range events {
		for j, row := range e.rows() {
			c.add(place{e.collection.Name, keyText(row[e.collection.PrimaryKey])}, i, e, j)
		}
	}
	var out []event
	for i, e := range events {
		one := event{collection: e.collection, kind: e.kind}
		given := e.rows()
		whole := true
		for _, row := range given {
			item := c.places[place{e.collection.Name, keyText(row[e.collection.PrimaryKey])}]
			if item.event != i || item.before == nil && item.after == nil {
				whole = false
				continue
			}
			one.kind = item.kind()
			if item.before != nil {
				one.before = append(one.before, item.before)
			}
			if item.after != nil {
				one.after = append(one.after, item.after)
			}
		}
		if whole {
			one.keys = e.keys
		}
		if len(one.before)+len(one.after) > 0 {
			out = append(out, one)
		}
	}
	return out
}

type coalescer struct {
	places  map[place]*coalesced
	repeats bool
}

// A place is an item's: its collection, and its key as text.
type place struct{ collection, key string }

// A coalesced is an item's state before and after a commit, and the event that
// tells of it.
type coalesced struct {
	event         int
	before, after query.Row // nil = it was, or is, not there
}

func (c *coalesced) kind() protocol.Event {
	switch {
	case c.before == nil:
		return protocol.EventCreate
	case c.after == nil:
		return protocol.EventDelete
	}
	return protocol.EventUpdate
}

// add adds the jth item of the event i.
func (c *coalescer) add(p place, i int, e event, j int) {
	item := c.places[p]
	if item == nil {
		item = &coalesced{event: i}
		c.places[p] = item
		if e.kind != protocol.EventCreate {
			item.before = e.before[j]
		}
	}
	item.after = nil
	if e.kind != protocol.EventDelete {
		item.after = e.after[j]
	}
	if e.kind != protocol.EventUpdate {
		// A row of an update of many must not become one of another kind there.
		item.event = i
	}
}

// rows returns the event's items: as they are now, or as they were.
func (e *event) rows() []query.Row {
	if e.kind == protocol.EventDelete {
		return e.before
	}
	return e.after
}
