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
