package directus

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// An event is one change as subscribers are told of it: one for each item that
// was created, one for all that were updated or deleted together. before and
// after hold the same items in the same order; a create has no before, a delete
// no after.
type event struct {
	kind          protocol.Event
	before, after []query.Row
}

// commit carries out a work in a transaction. Before anything else is committed,
// the events and then the answer are in the queues of those whom they concern.
func (h *Hub) commit(ctx context.Context, w *work, reply func(answer)) error {
	h.commits.Lock()
	defer h.commits.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	// Begun is done: a client that is gone by now must not leave a commit of which
	// nobody is told.
	w.ctx = context.WithoutCancel(ctx)
	err := h.store.Write(w.ctx, func(tx Tx) (err error) {
		defer func() {
			if p := recover(); p != nil { // the transaction must end, whatever happens
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		w.events, w.answer = nil, answer{}
		return w.do(tx)
	})
	if err != nil {
		return err
	}
	h.committed.Add(1)
	h.deliver(w.ctx, w.access.whole, w.events)
	if reply != nil {
		reply(w.answer)
	}
	return nil
}

// deliver tells every subscriber of the events of one commit.
func (h *Hub) deliver(ctx context.Context, c *query.Collection, events []event) {
	subscribers := h.subscriptions[c.Name]
	if subscribers == nil || len(events) == 0 {
		return
	}
	d := &delivery{hub: h, ctx: ctx, collection: c, events: events, told: map[string][]*body{}}
	for e := subscribers.Front(); e != nil; e = e.Next() {
		h.tell(d, e.Value.(*subscription))
	}
}

// tell tells one subscriber. If that panics, the subscriber has missed something,
// so it loses the connection: it will connect again and ask.
func (h *Hub) tell(d *delivery, s *subscription) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error("a delivery panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.client.close(closeInternalError, "An unexpected error occurred.")
		}
	}()
	d.tell(s)
}

// closeInternalError is RFC 6455's code for a server that failed.
const closeInternalError = 1011

// manyEvents is how many events a commit tells one by one.
//
// Differs from Directus: 9, which does so for any number. More would fill the
// queue of every subscriber, of the quickest too, and cost it the connection; so
// neighbours of a kind are told together, as those of an update by query are.
const manyEvents = 100

// A delivery is the telling of one commit. What is told depends on the view and
// the kind of event asked for, not on the subscriber, so it is evaluated and
// encoded once for all who share them.
type delivery struct {
	hub        *Hub
	ctx        context.Context
	collection *query.Collection
	events     []event
	told       map[string][]*body
}

// A body is a frame without its end, and the frames that were made of it.
type body struct {
	kind   protocol.Event
	head   []byte
	frames map[string][]byte // by their end
}

func (d *delivery) tell(s *subscription) {
	// Who may not read the collection any more (a token expired, somebody else
	// signed in) is told nothing.
	//
	// Differs from Directus: 2, which sends an error for each event.
	v := s.current()
	if v == nil {
		return
	}
	bodies, ok := d.told[v.key]
	if !ok {
		bodies = d.bodies(s, v)
		d.told[v.key] = bodies
	}
	for i, b := range bodies {
		end := s.end
		if s.commit && i == len(bodies)-1 {
			end = s.endOfCommit
		}
		frame, ok := b.frames[end]
		if !ok {
			frame = slices.Concat(b.head, []byte(end))
			b.frames[end] = frame
		}
		s.client.write(frame)
	}
}

// bodies returns what a subscription is told of the commit.
func (d *delivery) bodies(s *subscription, v *view) []*body {
	var out []*body
	var meta []byte
	join := len(d.events) > manyEvents && s.item == ""
	add := func(kind protocol.Event, data []byte) {
		if last := len(out) - 1; join && last >= 0 && out[last].kind == kind {
			head := out[last].head // which ends with the array of the neighbour
			out[last].head = append(append(head[:len(head)-1], ','), data[1:]...)
			return
		}
		if len(v.query.Meta) > 0 && meta == nil {
			// The only thing that is read anew: the counts, once for each view.
			counted, err := d.hub.meta(d.ctx, v.access, v.query, v.env)
			if err != nil {
				d.hub.log.Error("the counts of an event cannot be read", "error", err)
				counted = []byte("{}")
			}
			meta = counted
		}
		head := fmt.Appendf(nil, `{"type":"subscription","event":%q,"data":%s`, kind, data)
		out = append(out, &body{kind, head, map[string][]byte{}})
	}
	wants := func(kind protocol.Event) bool { return s.event == "" || s.event == kind }
	for _, e := range d.events {
		seen := forKeys(v.query, len(e.after)).Execute(d.collection, d.only(s, e.after), v.env)
		if len(seen) > 0 && wants(e.kind) {
			if s.item == "" {
				add(e.kind, appendRows(nil, seen, v.fields))
			} else {
				add(e.kind, query.AppendRow(nil, seen[0], v.fields))
			}
		}
		// Differs from Directus: 1, which does not tell of items that leave the
		// filter, and 2, which tells of every deleted key, in the type in which the
		// deleting client wrote it.
		if gone := d.gone(s, v, e); len(gone) > 0 && wants(protocol.EventDelete) {
			if s.item == "" {
				add(protocol.EventDelete, appendKeys(nil, gone))
			} else {
				add(protocol.EventDelete, query.AppendValue(nil, gone[0]))
			}
		}
	}
	if meta != nil {
		for _, b := range out {
			b.head = fmt.Appendf(b.head, `,"meta":%s`, meta)
		}
	}
	return out
}

// only returns the rows that the subscription is about: all, or its item.
//
// Differs from Directus: 4, where an integer key never equals an item's.
func (d *delivery) only(s *subscription, rows []query.Row) []query.Row {
	if s.item == "" {
		return rows
	}
	for i, row := range rows {
		if keyText(row[d.collection.PrimaryKey]) == s.item {
			return rows[i : i+1]
		}
	}
	return nil
}

// gone returns the keys of the items that the view had before the event and does
// not have after it. The window does not count: what it cut off may be gone too.
func (d *delivery) gone(s *subscription, v *view, e event) []any {
	var keys []any
	for i, row := range e.before {
		if s.item != "" && keyText(row[d.collection.PrimaryKey]) != s.item {
			continue
		}
		if v.query.Filter.Match(row) && (e.kind == protocol.EventDelete || !v.query.Filter.Match(e.after[i])) {
			keys = append(keys, row[d.collection.PrimaryKey])
		}
	}
	return keys
}
