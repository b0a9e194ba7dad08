package directus

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// An event is one change as subscribers are told of it: one for each item that
// was created, one for all that were updated or deleted together. before and
// after hold the same items in the same order; a create has no before, a delete
// no after.
type event struct {
	collection    *query.Collection
	kind          protocol.Event
	before, after []query.Row
	// keys are the keys as whoever asked for the change wrote them; nil = as they are
	// stored. They count under strict compatibility only.
	keys []json.RawMessage
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
	var d *delivery
	began := time.Now()
	err := h.store.Write(w.ctx, func(tx Tx) (err error) {
		defer func() {
			if p := recover(); p != nil { // the transaction must end, whatever happens
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		w.events, w.answer = nil, answer{}
		if err := w.do(tx); err != nil {
			return err
		}
		if err := w.settle(tx); err != nil {
			return err
		}
		if err := w.mention(tx); err != nil {
			return err
		}
		if err := w.record(tx); err != nil {
			return err
		}
		w.events = coalesce(w.events)
		d = h.prepare(w.ctx, w.events)
		return nil
	})
	if err != nil {
		return err
	}
	h.committed.Add(1)
	h.metrics.committed(began, w.events)
	began = time.Now()
	d.deliver()
	h.metrics.told(began)
	if reply != nil {
		reply(w.answer)
	}
	h.renew(w.ctx, w.events)
	return nil
}

// A delivery is the telling of one commit. What is told depends on the view, not
// on the subscriber, so it is found, read and encoded once for all who share it.
type delivery struct {
	hub     *Hub
	ctx     context.Context
	events  []event
	changed map[string][]query.Row // by collection: the rows, before and after
	looks   map[*view]*look
	told    map[*view][]*body
}

// A look is what a view has of the items that a commit changes, just before it.
type look struct {
	had    map[string]bool      // keys of changed items that it had; nil = Match tells
	keyed  map[string]bool      // keys of items that it had and that showed them; nil = all
	others []any                // keys of its items that may show something that changes
	shown  map[string][]byte    // those of them that it had, as they were
	has    map[string]query.Row // all of these that it has after the commit; nil = not looked yet
	err    error
}

// shows reports whether an item's key may be told.
func (l *look) shows(key any) bool { return l.keyed == nil || l.keyed[keyText(key)] }

// A body is a frame without its end, and the frames that were made of it.
type body struct {
	kind   protocol.Event
	head   []byte
	frames map[string][]byte // by their end
}

func newBody(kind protocol.Event, data []byte) *body {
	return &body{kind, fmt.Appendf(nil, `{"type":"subscription","event":%q,"data":%s`, kind, data), map[string][]byte{}}
}

func (b *body) addMeta(meta []byte) {
	if meta != nil {
		b.head = fmt.Appendf(b.head, `,"meta":%s`, meta)
	}
}

// prepare looks at what is about to change. It is called inside the transaction,
// which readers do not see.
func (h *Hub) prepare(ctx context.Context, events []event) *delivery {
	d := &delivery{hub: h, ctx: ctx, events: events, changed: map[string][]query.Row{},
		looks: map[*view]*look{}, told: map[*view][]*body{}}
	for _, e := range events {
		d.changed[e.collection.Name] = append(append(d.changed[e.collection.Name], e.before...), e.after...)
	}
	if h.opts.StrictCompat {
		return d
	}
	for s := range d.subscriptions() {
		if v := s.current(ctx); v != nil && d.looks[v] == nil && d.concerns(v) {
			d.looks[v] = d.look(v)
		}
	}
	return d
}

// concerns reports whether what the view shows may change.
func (d *delivery) concerns(v *view) bool {
	return len(d.changed[v.collection().Name]) > 0 || touches(v.paths, d.changed)
}

// subscriptions yields those that the commit may concern: those to the changed
// collections, in the order in which these changed, then those that show related items.
func (d *delivery) subscriptions() iter.Seq[*subscription] {
	names := []string{}
	for _, e := range d.events {
		if !slices.Contains(names, e.collection.Name) {
			names = append(names, e.collection.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.hub.related)) {
		if d.hub.related[name] > 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return func(yield func(*subscription) bool) {
		for _, name := range names {
			list := d.hub.subscriptions[name]
			if list == nil {
				continue
			}
			for e := list.Front(); e != nil; e = e.Next() {
				if !yield(e.Value.(*subscription)) {
					return
				}
			}
		}
	}
}

// look looks at a view. What goes wrong costs its subscribers the connection, not
// the commit.
func (d *delivery) look(v *view) (l *look) {
	l = &look{}
	defer func() {
		if p := recover(); p != nil {
			l.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if v.clock != nil {
		if l.err = v.clock.advance(d.ctx, v); l.err != nil {
			return l
		}
	}
	if v.query.Grouped() {
		return l
	}
	if l.others, l.err = v.leading(d.ctx, d.changed); l.err != nil {
		return l
	}
	var keys []any
	if v.around {
		l.had = map[string]bool{}
		for _, e := range d.events {
			if e.collection == v.collection() {
				keys = append(keys, keysOf(v.only(e.before), v.collection().PrimaryKey)...)
			}
		}
	}
	rows, err := v.read(d.ctx, append(keys, l.others...))
	if err != nil {
		l.err = err
		return l
	}
	if v.keyed != nil {
		if l.keyed, l.err = v.showingKeys(d.ctx, v.query, append(keys, l.others...)); l.err != nil {
			return l
		}
	}
	others := textsOf(l.others)
	var shown []query.Row
	for _, row := range rows {
		if key := keyText(row[v.collection().PrimaryKey]); others[key] {
			shown = append(shown, row)
		} else {
			l.had[key] = true
		}
	}
	v.clock.known(l, keys)
	texts, err := v.texts(d.ctx, shown)
	if err != nil {
		l.err = err
		return l
	}
	l.shown = map[string][]byte{}
	for i, row := range shown {
		l.shown[keyText(row[v.collection().PrimaryKey])] = texts[i]
	}
	return l
}

func textsOf(keys []any) map[string]bool {
	texts := make(map[string]bool, len(keys))
	for _, key := range keys {
		texts[keyText(key)] = true
	}
	return texts
}

// deliver tells every subscriber, after the commit.
func (d *delivery) deliver() {
	if len(d.events) == 0 {
		return
	}
	for s := range d.subscriptions() {
		d.hub.attempt(s, func() error { return d.tell(s) })
	}
	for v, l := range d.looks {
		v.attempt(func() error { return v.clock.committed(d, v, l) })
	}
}

// attempt tells a subscriber something. If that fails, the subscriber has missed
// something, so it loses the connection: it will connect again and ask.
func (h *Hub) attempt(s *subscription, tell func() error) {
	if err := recovered(tell); err != nil {
		h.log.Error("a delivery failed", "error", err)
		s.client.close(closeInternalError, "An unexpected error occurred.")
	}
}

// attempt does something for all subscribers of a view. If that fails, they lose the
// connection.
func (v *view) attempt(do func() error) {
	if err := recovered(do); err != nil {
		for _, s := range slices.Clone(v.members) {
			v.hub.attempt(s, func() error { return err })
		}
	}
}

// recovered makes a panic an error.
func recovered(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do()
}

// closeInternalError is RFC 6455's code for a server that failed.
const closeInternalError = 1011

// manyEvents is how many events a commit tells one by one.
//
// Differs from Directus: 9, which does so for any number. More would fill the
// queue of every subscriber, of the quickest too, and cost it the connection; so
// neighbours of a kind are told together, as those of an update by query are.
const manyEvents = 100

func (d *delivery) tell(s *subscription) error {
	if d.hub.opts.StrictCompat {
		return d.tellStrictly(s)
	}
	// Who may not read the collection any more (a token expired, somebody else
	// signed in) is told nothing.
	//
	// Differs from Directus: 2, which sends an error for each event.
	v := s.current(d.ctx)
	if v == nil {
		return nil
	}
	l := d.looks[v]
	if l == nil && !d.concerns(v) {
		return nil
	}
	if l == nil { // since prepare, somebody else
		l = &look{had: map[string]bool{}, keyed: map[string]bool{}}
		d.looks[v] = l
	}
	if l.err != nil {
		return l.err
	}
	if v.query.Grouped() {
		return v.total.changed(d, s, v)
	}
	bodies, ok := d.told[v]
	if !ok {
		var err error
		if bodies, err = d.bodies(v, l); err != nil {
			return err
		}
		d.told[v] = bodies
	}
	s.write(bodies)
	return nil
}

// write queues the frames for a subscriber.
func (s *subscription) write(bodies []*body) {
	s.client.hub.metrics.deliveries.Add(float64(len(bodies)))
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

// A piece is one thing to tell: rows, or the keys of those that are gone.
type piece struct {
	kind protocol.Event
	rows []query.Row
	keys []any
}

// bodies returns what the subscribers of a view are told of the commit.
func (d *delivery) bodies(v *view, l *look) ([]*body, error) {
	c := v.collection()
	after, err := d.after(v, l)
	if err != nil {
		return nil, err
	}
	has := make(map[string]query.Row, len(after))
	for _, row := range after {
		has[keyText(row[c.PrimaryKey])] = row
	}
	l.has = has
	var pieces []piece
	for _, e := range d.events {
		if e.collection != c {
			continue
		}
		if seen := d.seen(v, e, after); len(seen) > 0 && v.wants(e.kind) {
			pieces = append(pieces, piece{kind: e.kind, rows: seen})
		}
		// Differs from Directus: 1, which does not tell of items that leave the
		// filter, and 2, which tells of every deleted key, in the type in which the
		// deleting client wrote it. The window does not count: what it cut off may be
		// gone too.
		var gone []any
		for i, row := range e.before {
			key := row[c.PrimaryKey]
			if v.item != "" && keyText(key) != v.item {
				continue
			}
			had, stays := false, false
			if v.around {
				had, stays = l.had[keyText(key)], has[keyText(key)] != nil
			} else {
				had = v.query.Filter.Match(row)
				stays = e.kind != protocol.EventDelete && v.query.Filter.Match(e.after[i])
			}
			if had && !stays && l.shows(key) {
				gone = append(gone, key)
			}
		}
		if len(gone) > 0 && v.wants(protocol.EventDelete) {
			pieces = append(pieces, piece{kind: protocol.EventDelete, keys: gone})
		}
	}
	var updated []query.Row
	var gone []any
	for _, key := range l.others {
		if row := has[keyText(key)]; row != nil {
			updated = append(updated, row)
		} else if l.shown[keyText(key)] != nil && l.shows(key) {
			gone = append(gone, key)
		}
	}
	if len(updated) > 0 && v.wants(protocol.EventUpdate) {
		texts, err := v.texts(d.ctx, updated)
		if err != nil {
			return nil, err
		}
		var changed []query.Row
		for i, row := range updated {
			if string(texts[i]) != string(l.shown[keyText(row[c.PrimaryKey])]) {
				changed = append(changed, row)
			}
		}
		if rows := d.inOrder(v, changed, after); len(rows) > 0 {
			pieces = append(pieces, piece{kind: protocol.EventUpdate, rows: rows})
		}
	}
	if len(gone) > 0 && v.wants(protocol.EventDelete) {
		pieces = append(pieces, piece{kind: protocol.EventDelete, keys: gone})
	}
	return v.encode(d.ctx, pieces, len(pieces) > manyEvents)
}

// after reads, in the view's order, the changed items that it has now, and those
// that show what changed. Items of a view that does not look around are not read:
// the event has all there is to know.
func (d *delivery) after(v *view, l *look) ([]query.Row, error) {
	keys := slices.Clone(l.others)
	if v.around {
		for _, e := range d.events {
			if e.collection == v.collection() {
				keys = append(keys, keysOf(v.only(e.after), v.collection().PrimaryKey)...)
			}
		}
	}
	return v.read(d.ctx, keys)
}

// seen returns the event's items that the view has now, within its window.
func (d *delivery) seen(v *view, e event, after []query.Row) []query.Row {
	rows := v.only(e.after)
	if v.around {
		return d.inOrder(v, rows, after)
	}
	return forKeys(v.query, len(rows)).Execute(v.collection(), rows, v.rules)
}

// inOrder returns those rows of after that are among the given ones, within the
// view's window.
func (d *delivery) inOrder(v *view, rows, after []query.Row) []query.Row {
	wanted := textsOf(keysOf(rows, v.collection().PrimaryKey))
	var found []query.Row
	for _, row := range after {
		if wanted[keyText(row[v.collection().PrimaryKey])] {
			found = append(found, row)
		}
	}
	return v.inWindow(found, len(rows))
}

// inWindow cuts rows that were found by count keys to the view's window.
func (v *view) inWindow(rows []query.Row, count int) []query.Row {
	offset, limit := forKeys(v.query, count).Window()
	rows = rows[min(max(offset, 0), len(rows)):]
	if limit >= 0 {
		rows = rows[:min(limit, len(rows))]
	}
	return rows
}

// encode makes bodies of pieces. The rows of all of them are shown at once, so that
// related items are read once. With join, neighbours of a kind become one.
func (v *view) encode(ctx context.Context, pieces []piece, join bool) ([]*body, error) {
	if len(pieces) == 0 {
		return nil, nil
	}
	var rows []query.Row
	for _, p := range pieces {
		rows = append(rows, p.rows...)
	}
	texts, err := v.texts(ctx, rows)
	if err != nil {
		return nil, err
	}
	var out []*body
	join = join && v.item == ""
	for _, p := range pieces {
		var data []byte
		switch {
		case p.keys != nil && v.item != "":
			data = query.AppendValue(nil, p.keys[0])
		case p.keys != nil:
			data = appendKeys(nil, p.keys)
		case v.item != "":
			data = texts[0]
		default:
			data = appendTexts(nil, texts[:len(p.rows)])
		}
		texts = texts[len(p.rows):]
		if last := len(out) - 1; join && last >= 0 && out[last].kind == p.kind {
			head := out[last].head // which ends with the array of the neighbour
			out[last].head = append(append(head[:len(head)-1], ','), data[1:]...)
			continue
		}
		out = append(out, newBody(p.kind, data))
	}
	if len(v.query.Meta) > 0 {
		// The only thing that is read anew: the counts, once for each view.
		meta, err := v.meta(ctx)
		if err != nil {
			return nil, err
		}
		for _, b := range out {
			b.addMeta(meta)
		}
	}
	return out, nil
}
