package directus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file changes items, for sockets and REST alike.

// A changeRequest is a create, an update or a delete.
type changeRequest struct {
	protocol.Items
	// show is the query that shapes the answer. A socket's is the request's own
	// query; REST has two, in the body and in the URL.
	show json.RawMessage
	// showOne lets show shape the answer to an update by id too. For a socket it
	// does not, as recorded.
	showOne bool
	counts  bool // an update of more than one item answers with its meta
	reach   reach
	peer    Peer // who asks, for the activity
}

// change answers a create, an update or a delete: it commits, tells the
// subscribers, and hands the answer to reply, all at one place in the order of
// commits. reply must not block.
func (h *Hub) change(ctx context.Context, who *Identity, m changeRequest, reply func(answer)) error {
	c, err := h.collection(m.Collection, m.reach)
	if err != nil {
		return err
	}
	only := c.Singleton && m.Action == protocol.ActionUpdate && !isKey(m.ID) && m.IDs == nil
	a, err := h.allowed(who, m.Action, m.Collection, m.reach)
	if err != nil && only {
		a, err = h.allowed(who, protocol.ActionCreate, m.Collection, m.reach)
	}
	if err != nil {
		return err
	}
	asked, err := h.query(m.Query)
	if err != nil {
		return err
	}
	shown, err := h.query(m.show)
	if err != nil {
		return err
	}
	s, err := h.scope(ctx, who, asked, shown)
	if err != nil {
		return err
	}
	w := &work{scope: s, ctx: ctx, access: a, m: m, asked: asked, shown: shown}
	// The read-back shows only what may be read.
	w.readable, _ = h.allowed(who, protocol.ActionRead, m.Collection, m.reach)
	switch {
	case only:
		err = w.singleton()
	case m.Action == protocol.ActionCreate:
		err = w.create()
	case m.Action == protocol.ActionUpdate:
		err = w.update()
	case m.Action == protocol.ActionDelete:
		err = w.delete()
	}
	if err != nil {
		return err
	}
	return h.commit(ctx, w, func(a answer) {
		if reply != nil {
			reply(a)
		}
		h.revoke(w.ctx, w.revoked)
	})
}

// singleton prepares an update of a singleton, which is one of its only item, or its
// create. Which of the two is found out inside the transaction, so that of several
// first updates one makes the item.
func (w *work) singleton() error {
	data := bytes.TrimSpace(w.m.Data)
	if len(data) == 0 || data[0] != '{' {
		// Differs from Directus: 7, which does not answer this.
		return w.hub.unanswered(invalidPayload("An update of a singleton needs \"data\": an object."))
	}
	w.do = func(tx Tx) error {
		item, err := w.only(tx)
		if err != nil {
			return err
		}
		prepare := w.update
		if item == nil {
			w.m.Action, prepare = protocol.ActionCreate, w.create
		} else {
			w.m.ID = query.AppendValue(nil, item[w.access.whole.PrimaryKey])
		}
		if w.access, err = w.hub.allowed(w.who, w.m.Action, w.m.Collection, w.m.reach); err != nil {
			return err
		}
		if err := prepare(); err != nil {
			return err
		}
		return w.do(tx)
	}
	return nil
}

// only returns a singleton's item, or nil if nothing was written to it yet.
func (w *work) only(tx Tx) (query.Row, error) {
	q := query.New()
	q.Limit = 1
	rows, err := tx.Read(w.ctx, w.m.Collection, q)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// mustBeOnly refuses to make further items of a singleton.
func (w *work) mustBeOnly(tx Tx, count int) error {
	if !w.access.whole.Singleton {
		return nil
	}
	if item, err := w.only(tx); err != nil || item == nil && count <= 1 {
		return err
	}
	return invalidPayload("%q is a singleton: it has one item at most. Update it, without an id.", w.m.Collection)
}

// A work is one change that is prepared, then done inside a transaction.
type work struct {
	*scope
	ctx          context.Context
	access       *access // of the action
	readable     *access // of reading; nil = nothing
	m            changeRequest
	asked, shown query.Query // m.Query and m.show, parsed

	do      func(tx Tx) error // what to do inside the transaction
	events  []event           // what it did
	revoked map[any]bool      // the users who have another password or token
	answer  answer
}

// A readBack shapes the answer to a change.
type readBack struct {
	query    query.Query // bound
	selected *query.Selection
	refused  error // why it cannot be shown as it was asked; w.readable is nil then
}

func (w *work) readBack() (readBack, error) {
	if w.readable == nil {
		return readBack{query: query.New()}, nil
	}
	if err := w.shown.Validate(w.readable.seen); err != nil {
		// What is no query is refused before the write (12.2).
		var bad *query.Error
		if !errors.As(err, &bad) || bad.Code != string(protocol.CodeForbidden) {
			return readBack{}, err
		}
		w.readable = nil
		return readBack{query: query.New(), refused: err}, nil
	}
	return readBack{query: w.bind(w.shown, w.readable), selected: w.shown.Selection(w.readable.seen)}, nil
}

// visible returns those rows that may be read and match the query, in its order.
func (w *work) visible(tx Tx, b readBack, rows []query.Row) ([]query.Row, error) {
	if w.readable == nil || len(rows) == 0 {
		return nil, nil
	}
	q := forKeys(b.query, len(rows))
	if !looksAround(q, w.access.whole) {
		return q.Execute(w.access.whole, rows, w.rules), nil
	}
	return tx.Read(w.ctx, w.m.Collection, withKeys(q, w.access, keysOf(rows, w.access.whole.PrimaryKey)))
}

// count counts what the query asks to be counted, after the write.
func (w *work) count(tx Tx, counted query.Query) (err error) {
	if !w.m.counts || w.readable == nil {
		return nil
	}
	w.answer.meta, err = w.meta(w.readable, counted, func(filter *query.Filter) (any, error) {
		groups, err := tx.Aggregate(w.ctx, w.m.Collection, query.Query{
			Filter: filter, Aggregate: []query.Aggregation{{Func: "count", Field: "*"}}, Limit: -1})
		if err != nil {
			return nil, err
		}
		return groups[0].Values[0], nil
	})
	return err
}

// looksAround reports whether a bound query looks at other collections to find and
// sort its items.
func looksAround(q query.Query, c *query.Collection) bool {
	return len(q.Filter.Collections(c)) > 0 ||
		slices.ContainsFunc(q.Sort, func(key query.SortKey) bool { return len(key.Path) > 0 })
}

func (w *work) create() error {
	data := bytes.TrimSpace(w.m.Data)
	many := len(data) > 0 && data[0] == '['
	if !many && (len(data) == 0 || data[0] != '{') {
		data = []byte("{}") // as the recorded Directus: no data makes an item of defaults
	}
	raws := [][]byte{data}
	if many {
		var ok bool
		if raws, ok = protocol.Elements(data); !ok {
			return invalidPayload("The data is not valid JSON.")
		}
	}
	if err := w.hub.checkBatch(len(raws)); err != nil {
		return err
	}
	rows := make([]query.Row, len(raws))
	allowed := make([]*query.Filter, len(raws))
	for i, raw := range raws {
		item, err := members(raw)
		if err != nil {
			return err
		}
		if rows[i], err = w.newRow(item, namesOf(raw)); err != nil {
			return err
		}
		allowed[i] = w.access.filterFor(known(item, w.access.whole)...).Bind(w.access.whole, w.rules)
	}
	back, err := w.readBack()
	if err != nil {
		return err
	}
	// The items that were made are shown, whatever the window. Directus reads them
	// back with the query too, but an answer without them helps nobody.
	back.query = withoutWindow(back.query)
	if f := w.shown.Filter; !many && f != nil && f.Field == w.access.whole.PrimaryKey && f.Func == "" && w.readable != nil {
		back.query.Filter = w.permitted(w.readable) // Directus puts the item's key in its place
	}
	pk := w.access.whole.PrimaryKey
	w.do = func(tx Tx) error {
		if err := w.mustBeOnly(tx, len(rows)); err != nil {
			return err
		}
		created := make([]query.Row, len(rows))
		for i, row := range rows {
			row, err := w.insert(tx, w.access.whole, maps.Clone(row))
			if err != nil {
				return err
			}
			if err := w.mustMatch(tx, allowed[i], row); err != nil {
				return err
			}
			created[i] = row
		}
		if w.readable == nil {
			w.answer.refused = back.refused
			return nil
		}
		found, err := w.visible(tx, back, created)
		if err != nil {
			return err
		}
		byKey := make(map[any]query.Row, len(found))
		for _, row := range found {
			byKey[row[pk]] = row
		}
		shown := make([]query.Row, 0, len(found)) // in the order of the data
		for _, row := range created {
			if row := byKey[row[pk]]; row != nil {
				shown = append(shown, row)
			}
		}
		if many {
			w.answer.data, err = w.printer(w.ctx, tx).array(w.readable, back.selected, shown)
		} else if len(shown) > 0 {
			w.answer.data, err = w.printer(w.ctx, tx).one(w.readable, back.selected, shown[0])
		} else {
			w.answer.refused = errNoItem
		}
		return err
	}
	return nil
}

// insert adds a row to a collection and notes the event. It returns the row as the
// database has it.
func (w *work) insert(tx Tx, c *query.Collection, row query.Row) (query.Row, error) {
	key, err := tx.Insert(w.ctx, c.Name, row)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Read(w.ctx, c.Name, keysQuery(c, []any{key}))
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("item %v is not there after it was written", key)
	}
	if err != nil {
		return nil, err
	}
	w.events = append(w.events, event{collection: c, kind: protocol.EventCreate, after: rows})
	return rows[0], nil
}

// mustMatch refuses a new item that the permission does not allow.
func (w *work) mustMatch(tx Tx, allowed *query.Filter, row query.Row) error {
	if allowed == nil {
		return nil
	}
	if len(allowed.Collections(w.access.whole)) == 0 {
		if allowed.Match(row) {
			return nil
		}
		return errNoItem
	}
	q := keysQuery(w.access.whole, []any{row[w.access.whole.PrimaryKey]})
	q.Filter = query.And(q.Filter, allowed)
	found, err := tx.Read(w.ctx, w.m.Collection, q)
	if err == nil && len(found) == 0 {
		err = errNoItem
	}
	return err
}

// mayUpdate is what somebody is told who may not update an item, or one that
// does not exist.
func (w *work) mayUpdate(fields []string) error {
	if len(fields) == 0 {
		return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
			"You don't have permission to perform \"update\" for collection %q or it does not exist.", w.m.Collection)}
	}
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
		"You don't have permissions to perform \"update\" for the field(s) %s in collection %q or it does not exist.", quoted(fields), w.m.Collection)}
}

func (w *work) mayDelete() error {
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
		"You don't have permission to perform \"delete\" for collection %q or it does not exist.", w.m.Collection)}
}

// A target is which items a change is for, and how many there must be.
type target struct {
	query query.Query
	count int // -1 = as many as there are
}

// target returns the items that id, ids or query name, in that order. fields are
// those that will change: each item must be one where all of them may.
func (w *work) target(fields []string, forbidden error) (target, error) {
	raws := w.m.IDs
	if isKey(w.m.ID) {
		raws = []json.RawMessage{w.m.ID}
	}
	if raws == nil {
		// By query: of what may be read and changed. Who may not read a field must
		// not find out what is in it by what a filter on it changes.
		if w.readable == nil {
			return target{}, noCollection(w.m.Collection)
		}
		asked := w.asked
		asked.Fields = nil // they say what is shown
		if err := asked.Validate(w.readable.seen); err != nil {
			return target{}, err
		}
		if w.asked.Grouped() {
			return target{}, invalidQuery("A query that says which items to change cannot aggregate or group")
		}
		q := w.bind(w.asked, w.readable)
		q.Fields = nil
		q.Filter = query.And(q.Filter, w.changeable(fields))
		return target{w.hub.window(q), -1}, nil
	}
	keys, err := decodeKeys(raws, w.access.whole)
	if err != nil || len(keys) == 0 {
		return target{}, forbidden
	}
	return w.byKeys(keys, fields), nil
}

// byKeys returns the items with these keys.
func (w *work) byKeys(keys []any, fields []string) target {
	q := keysQuery(w.access.whole, keys)
	q.Filter = query.And(q.Filter, w.changeable(fields))
	return target{q, len(keys)}
}

// changeable returns which items the action is allowed on, with these fields.
func (w *work) changeable(fields []string) *query.Filter {
	return w.access.filterFor(fields...).Bind(w.access.whole, w.rules)
}

// find reads the target's items inside the transaction.
func (w *work) find(tx Tx, t target, forbidden error) (rows []query.Row, keys []any, err error) {
	if rows, err = tx.Read(w.ctx, w.m.Collection, t.query); err != nil {
		return nil, nil, err
	}
	if t.count >= 0 && len(rows) != t.count {
		return nil, nil, forbidden
	}
	if err := w.hub.checkBatch(len(rows)); err != nil {
		return nil, nil, err
	}
	return rows, keysOf(rows, w.access.whole.PrimaryKey), nil
}

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

func appendKeys(dst []byte, keys []any) []byte {
	dst = append(dst, '[')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = query.AppendValue(dst, key)
	}
	return append(dst, ']')
}
