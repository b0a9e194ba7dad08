package directus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file reads and changes items, for sockets and REST alike.

// errNoItem is what somebody is told who may not see an item, or asks for one
// that does not exist.
var errNoItem = &protocol.Error{Code: protocol.CodeForbidden, Message: "You don't have permission to access this."}

// An answer is what an items request comes to. data is nil where whoever wrote an
// item may not read it.
type answer struct {
	data json.RawMessage
	meta json.RawMessage
}

// items answers an items message.
func (c *client) items(ctx context.Context, m protocol.Items) error {
	// The reply to a change is queued at the commit's place among the events, just
	// behind the commit's own (as Directus mostly has it).
	reply := func(a answer) {
		c.send(protocol.Reply{Data: a.data, Meta: a.meta, UID: m.UID})
	}
	if m.Action != protocol.ActionRead {
		return c.hub.change(ctx, c.who(), changeRequest{Items: m, show: m.Query}, reply)
	}
	a, err := c.hub.read(ctx, c.who(), m, reachItems)
	if err == nil {
		reply(a)
	}
	return err
}

// allowed returns what somebody may do with a collection.
func (h *Hub) allowed(who *Identity, action protocol.Action, name string, reach reach) (*access, error) {
	c, err := h.collection(name, reach)
	if err != nil {
		return nil, err
	}
	a := h.opts.Permissions.may(who, action, c)
	if reach == reachSelf {
		a = ownAccount(a, who, action, c)
	}
	if a == nil {
		return nil, noCollection(name)
	}
	return a, nil
}

// prepare parses a query and makes it executable: only what the access allows,
// and nothing left to look up.
func prepare(raw json.RawMessage, a *access, env query.Env) (query.Query, error) {
	q, err := query.Parse(raw)
	if err == nil {
		err = q.Validate(a.seen)
	}
	if err != nil {
		return q, err
	}
	return restrict(q, a, env), nil
}

// restrict binds a valid query and narrows it to what the access allows. The
// search becomes part of the filter, so that it looks into no hidden field.
func restrict(q query.Query, a *access, env query.Env) query.Query {
	q.Filter = query.And(a.filter, q.Filter, query.SearchFilter(a.seen, q.Search)).Bind(a.whole, env)
	q.Search = ""
	return q
}

// forKeys makes the number of keys the limit of a query that names none, as
// Directus does wherever it reads items by their keys.
func forKeys(q query.Query, count int) query.Query {
	if q.Limit == query.Unset {
		q.Limit = count
	}
	return q
}

// withKeys narrows a prepared query to these keys.
func withKeys(q query.Query, a *access, keys []any) query.Query {
	q = forKeys(q, len(keys))
	in := (&query.Filter{Op: query.OpIn, Field: a.whole.PrimaryKey, Value: keys}).Bind(a.whole, query.Env{})
	q.Filter = query.And(q.Filter, in)
	return q
}

// byKeys returns the query for all items with these keys that the access allows.
func byKeys(a *access, keys []any, env query.Env) query.Query {
	q := query.New()
	q.Limit = -1
	q.Filter = a.filter.Bind(a.whole, env)
	return withKeys(q, a, keys)
}

// decodeKeys casts keys, each once.
func decodeKeys(raws []json.RawMessage, c *query.Collection) ([]any, error) {
	keys := make([]any, 0, len(raws))
	seen := make(map[any]bool, len(raws))
	for _, raw := range raws {
		key, err := decodeKey(raw, c)
		if err != nil {
			return nil, err
		}
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// read answers a read. An id counts before ids, and those before the query.
func (h *Hub) read(ctx context.Context, who *Identity, m protocol.Items, reach reach) (answer, error) {
	a, err := h.allowed(who, protocol.ActionRead, m.Collection, reach)
	if err != nil {
		return answer{}, err
	}
	env := who.env(h.opts.Now())
	q, err := prepare(m.Query, a, env)
	if err != nil {
		return answer{}, err
	}
	selected := q.Select(a.seen)
	switch {
	case isKey(m.ID):
		key, err := decodeKey(m.ID, a.whole)
		if err != nil {
			return answer{}, err
		}
		one := withKeys(q, a, []any{key})
		one.Limit, one.Offset, one.Page = -1, 0, 0
		rows, err := h.store.Read(ctx, m.Collection, one)
		if err != nil {
			return answer{}, err
		}
		if len(rows) == 0 {
			return answer{}, errNoItem
		}
		meta, err := h.meta(ctx, a, q, env)
		return answer{query.AppendRow(nil, rows[0], selected), meta}, err
	case m.IDs != nil:
		keys, err := decodeKeys(m.IDs, a.whole)
		if err != nil {
			return answer{}, err
		}
		if len(keys) == 0 {
			return answer{data: json.RawMessage("[]")}, nil
		}
		rows, err := h.store.Read(ctx, m.Collection, withKeys(q, a, keys))
		if err != nil {
			return answer{}, err
		}
		meta, err := h.meta(ctx, a, q, env)
		return answer{appendRows(nil, rows, selected), meta}, err
	}
	rows, err := h.store.Read(ctx, m.Collection, q)
	if err != nil {
		return answer{}, err
	}
	meta, err := h.meta(ctx, a, q, env)
	return answer{appendRows(nil, rows, selected), meta}, err
}

// meta counts what a prepared query asks to be counted: total_count is every item
// that may be read, filter_count those that match the filter and the search.
func (h *Hub) meta(ctx context.Context, a *access, q query.Query, env query.Env) (json.RawMessage, error) {
	if len(q.Meta) == 0 {
		return nil, nil
	}
	out := []byte{'{'}
	for _, name := range []string{query.TotalCount, query.FilterCount} {
		if !slices.Contains(q.Meta, name) {
			continue
		}
		filter := q.Filter
		if name == query.TotalCount {
			filter = a.filter.Bind(a.whole, env)
		}
		n, err := h.store.Count(ctx, a.whole.Name, filter, "")
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, "%q:%d", name, n)
	}
	return append(out, '}'), nil
}

func appendRows(dst []byte, rows []query.Row, fields []string) []byte {
	dst = append(dst, '[')
	for i, row := range rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = query.AppendRow(dst, row, fields)
	}
	return append(dst, ']')
}

// A changeRequest is a create, an update or a delete.
type changeRequest struct {
	protocol.Items
	// show is the query that shapes the answer. A socket's is the request's own
	// query; REST has two, in the body and in the URL.
	show json.RawMessage
	// showOne lets show shape the answer to an update by id too. For a socket it
	// does not, as recorded.
	showOne bool
	reach   reach
}

// change answers a create, an update or a delete: it commits, tells the
// subscribers, and hands the answer to reply, all at one place in the order of
// commits. reply must not block.
func (h *Hub) change(ctx context.Context, who *Identity, m changeRequest, reply func(answer)) error {
	a, err := h.allowed(who, m.Action, m.Collection, m.reach)
	if err != nil {
		return err
	}
	w := &work{hub: h, ctx: ctx, who: who, access: a, env: who.env(h.opts.Now()), m: m}
	// The read-back shows only what may be read.
	w.readable, _ = h.allowed(who, protocol.ActionRead, m.Collection, m.reach)
	switch m.Action {
	case protocol.ActionCreate:
		err = w.create()
	case protocol.ActionUpdate:
		err = w.update()
	case protocol.ActionDelete:
		err = w.delete()
	}
	if err != nil {
		return err
	}
	return h.commit(ctx, w, reply)
}

// A work is one change that is prepared, then done inside a transaction.
type work struct {
	hub      *Hub
	ctx      context.Context
	who      *Identity
	access   *access // of the action
	readable *access // of reading; nil = nothing
	env      query.Env
	m        changeRequest

	do     func(tx Tx) error // what to do inside the transaction
	events []event           // what it did
	answer answer
}

// readBack parses the query that shapes the answer to a change.
func (w *work) readBack() (query.Query, []string, error) {
	if w.readable == nil {
		_, err := query.Parse(w.m.show)
		return query.New(), nil, err
	}
	q, err := prepare(w.m.show, w.readable, w.env)
	return q, q.Select(w.readable.seen), err
}

// show returns those rows that may be read and match the query, in its order.
func (w *work) show(q query.Query, rows []query.Row) []query.Row {
	if w.readable == nil {
		return nil
	}
	return forKeys(q, len(rows)).Execute(w.access.whole, rows, w.env)
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
	rows := make([]query.Row, len(raws))
	for i, raw := range raws {
		item, err := members(raw)
		if err != nil {
			return err
		}
		if rows[i], err = w.hub.newRow(w.access, item); err != nil {
			return err
		}
	}
	q, selected, err := w.readBack()
	if err != nil {
		return err
	}
	// The items that were made are shown, whatever the window. Directus reads them
	// back with the query too, but an answer without them helps nobody.
	q.Limit, q.Offset, q.Page = -1, 0, 0
	pk := w.access.whole.PrimaryKey
	w.do = func(tx Tx) error {
		created := make([]query.Row, len(rows))
		for i, row := range rows {
			key, err := tx.Insert(w.ctx, w.m.Collection, row)
			if err != nil {
				return err
			}
			row[pk] = key
			if created[i], err = w.stored(tx, key); err != nil {
				return err
			}
			w.events = append(w.events, event{kind: protocol.EventCreate, after: []query.Row{created[i]}})
		}
		shown := make([]query.Row, 0, len(created))
		for _, row := range created { // one by one: in the order of the data
			shown = append(shown, w.show(q, []query.Row{row})...)
		}
		switch {
		case w.readable == nil:
		case many:
			w.answer.data = appendRows(nil, shown, selected)
		case len(shown) > 0:
			w.answer.data = query.AppendRow(nil, shown[0], selected)
		}
		return nil
	}
	return nil
}

// stored returns the row as the database has it.
func (w *work) stored(tx Tx, key any) (query.Row, error) {
	rows, err := tx.Read(w.ctx, w.m.Collection, byKeys(&access{whole: w.access.whole}, []any{key}, w.env))
	if err == nil && len(rows) != 1 {
		err = fmt.Errorf("item %v is not there after it was written", key)
	}
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

// mayUpdate is what somebody is told who may not update an item, or one that
// does not exist.
func (w *work) mayUpdate(item map[string]json.RawMessage) error {
	fields := ""
	names := make([]string, 0, len(item))
	for name := range item {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			fields += ", "
		}
		fields += fmt.Sprintf("%q", name)
	}
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
		"You don't have permissions to perform \"update\" for the field(s) %s in collection %q or it does not exist.", fields, w.m.Collection)}
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

// target returns the items that id, ids or query name, in that order.
func (w *work) target(forbidden error) (target, error) {
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
		q, err := prepare(w.m.Query, w.readable, w.env)
		q.Fields = nil
		q.Filter = query.And(q.Filter, w.access.filter.Bind(w.access.whole, w.env))
		return target{q, -1}, err
	}
	keys, err := decodeKeys(raws, w.access.whole)
	if err != nil || len(keys) == 0 {
		return target{}, forbidden
	}
	return target{byKeys(w.access, keys, w.env), len(keys)}, nil
}

// find reads the target's items inside the transaction.
func (w *work) find(tx Tx, t target, forbidden error) (rows []query.Row, keys []any, err error) {
	if rows, err = tx.Read(w.ctx, w.m.Collection, t.query); err != nil {
		return nil, nil, err
	}
	if t.count >= 0 && len(rows) != t.count {
		return nil, nil, forbidden
	}
	keys = make([]any, len(rows))
	for i, row := range rows {
		keys[i] = row[w.access.whole.PrimaryKey]
	}
	return rows, keys, nil
}

func (w *work) update() error {
	data := bytes.TrimSpace(w.m.Data)
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		// Differs from Directus: 7, which does not answer this.
		return invalidPayload("An update needs \"data\": an object, or an array of objects with their primary keys.")
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
	change, err := w.hub.changes(w.access, item)
	if err != nil {
		return err
	}
	forbidden := w.mayUpdate(item)
	t, err := w.target(forbidden)
	if err != nil {
		return err
	}
	q, selected, err := w.readBack()
	if err != nil {
		return err
	}
	one := isKey(w.m.ID)
	if one || w.m.IDs == nil {
		// What was updated is shown, also where it no longer matches the query.
		q.Offset, q.Page = 0, 0
		if w.readable != nil {
			q.Filter = w.readable.filter.Bind(w.access.whole, w.env)
		}
	}
	if one {
		q.Limit = -1
		if !w.m.showOne && w.readable != nil {
			selected = query.New().Select(w.readable.seen) // every field
		}
	}
	w.do = func(tx Tx) error {
		before, keys, err := w.find(tx, t, forbidden)
		if err != nil {
			return err
		}
		after, err := w.set(tx, before, keys, change, forbidden)
		if err != nil {
			return err
		}
		if shown := w.show(q, after); one && len(shown) > 0 {
			w.answer.data = query.AppendRow(nil, shown[0], selected)
		} else if !one && w.readable != nil {
			w.answer.data = appendRows(nil, shown, selected)
		}
		return nil
	}
	return nil
}

// set updates items and notes the event. It returns them as they are now.
func (w *work) set(tx Tx, before []query.Row, keys []any, change query.Row, forbidden error) ([]query.Row, error) {
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
	if len(change) > 0 {
		if err := tx.Update(w.ctx, w.m.Collection, keys, change); err != nil {
			return nil, err
		}
	}
	rows, err := tx.Read(w.ctx, w.m.Collection, byKeys(&access{whole: w.access.whole}, keys, w.env))
	if err != nil {
		return nil, err
	}
	// As before: event.before[i] and event.after[i] are the same item.
	byKey := make(map[any]query.Row, len(rows))
	for _, row := range rows {
		byKey[row[pk]] = row
	}
	after := make([]query.Row, len(keys))
	for i, key := range keys {
		if after[i] = byKey[key]; after[i] == nil {
			return nil, forbidden
		}
	}
	w.events = append(w.events, event{kind: protocol.EventUpdate, before: before, after: after})
	return after, nil
}

// updateEach updates a batch: each item of the data names its own key, and is an
// event of its own.
func (w *work) updateEach(data []byte) error {
	raws, ok := protocol.Elements(data)
	if !ok {
		return invalidPayload("The data is not valid JSON.")
	}
	type one struct {
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
		b.forbidden = w.mayUpdate(item)
		key, err := decodeKey(id, w.access.whole)
		if err != nil {
			return b.forbidden
		}
		if b.change, err = w.hub.changes(w.access, item); err != nil {
			return err
		}
		b.target = target{byKeys(w.access, []any{key}, w.env), 1}
	}
	q, selected, err := w.readBack()
	if err != nil {
		return err
	}
	w.do = func(tx Tx) error {
		var all []query.Row
		for _, b := range batch {
			before, keys, err := w.find(tx, b.target, b.forbidden)
			if err != nil {
				return err
			}
			after, err := w.set(tx, before, keys, b.change, b.forbidden)
			if err != nil {
				return err
			}
			all = append(all, after...)
		}
		if w.readable != nil {
			w.answer.data = appendRows(nil, w.show(q, all), selected)
		}
		return nil
	}
	return nil
}

func (w *work) delete() error {
	one := isKey(w.m.ID)
	if !one && w.m.IDs == nil && w.m.Query == nil {
		return &protocol.Error{Code: protocol.CodeInvalidPayload,
			Message: "Either 'ids', 'id' or 'query' is required for a DELETE request."}
	}
	forbidden := w.mayDelete()
	t, err := w.target(forbidden)
	if err != nil {
		return err
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
			w.answer.data = appendKeys(nil, keys)
		}
		if err != nil || len(keys) == 0 {
			return err
		}
		w.events = append(w.events, event{kind: protocol.EventDelete, before: before})
		return tx.Delete(w.ctx, w.m.Collection, keys)
	}
	return nil
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
