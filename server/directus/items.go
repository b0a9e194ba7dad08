package directus

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file reads items, for sockets and REST alike.

// errNoItem is what somebody is told who may not see an item, or asks for one
// that does not exist.
var errNoItem = &protocol.Error{Code: protocol.CodeForbidden, Message: "You don't have permission to access this."}

// An answer is what an items request comes to. data is nil where whoever wrote an
// item may not read it.
type answer struct {
	data json.RawMessage
	meta json.RawMessage
	// refused says why what was written cannot be shown as it was asked. A socket is
	// told it instead, REST answers 204.
	//
	// As in Directus, which reads back when all is written and told: whoever is
	// refused so has changed something.
	refused error
}

// items answers an items message.
func (c *client) items(ctx context.Context, m protocol.Items) error {
	// The reply to a change is queued at the commit's place among the events, just
	// behind the commit's own (as Directus mostly has it).
	var refused error
	reply := func(a answer) {
		if refused = a.refused; refused != nil {
			return
		}
		c.send(protocol.Reply{Data: a.data, Meta: a.meta, UID: m.UID})
	}
	if m.Action != protocol.ActionRead {
		if m.Action == protocol.ActionDelete && !isKey(m.ID) && m.IDs == nil && m.Query == nil {
			if _, err := c.hub.collection(m.Collection, reachItems); err != nil {
				return err
			}
			return errDeletesNothing // whatever may be deleted
		}
		if err := c.hub.change(ctx, c.who(), changeRequest{Items: m, show: m.Query, counts: true, peer: c.peer}, reply); err != nil {
			return err
		}
		return refused
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
		a = ownAccount(a, who, action, c, h.opts.Permissions.variables())
	}
	if a == nil {
		return nil, noCollection(name)
	}
	return a, nil
}

// parse parses a query for somebody who has this access, and resolves who that is
// now. A valid query can still be refused by the store, as too large.
func (h *Hub) parse(ctx context.Context, who *Identity, raw json.RawMessage, a *access) (query.Query, *scope, error) {
	q, err := h.query(raw)
	if err == nil {
		err = q.Validate(a.seen)
	}
	if err != nil {
		return q, nil, err
	}
	s, err := h.scope(ctx, who, q)
	return q, s, err
}

// forKeys makes the number of keys the limit of a query that names none, as
// Directus does wherever it reads items by their keys.
func forKeys(q query.Query, count int) query.Query {
	if q.Limit == query.Unset {
		q.Limit = count
	}
	return q
}

// withKeys narrows a bound query to these keys.
func withKeys(q query.Query, a *access, keys []any) query.Query {
	q = forKeys(q, len(keys))
	q.Filter = query.And(q.Filter, oneOf(a.whole, a.whole.PrimaryKey, keys))
	return q
}

// withoutWindow returns the query for every item that it matches.
func withoutWindow(q query.Query) query.Query {
	q.Limit, q.Offset, q.Page = -1, 0, 0
	return q
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
	q, s, err := h.parse(ctx, who, m.Query, a)
	if err != nil {
		return answer{}, err
	}
	selected := q.Selection(a.seen)
	q = s.bind(q, a)
	counted := q
	one := false
	switch {
	case isKey(m.ID):
		key, err := decodeKey(m.ID, a.whole)
		if err != nil {
			return answer{}, err
		}
		q, one = withoutWindow(withKeys(q, a, []any{key})), true
	case m.IDs != nil:
		keys, err := decodeKeys(m.IDs, a.whole)
		if err != nil {
			return answer{}, err
		}
		if len(keys) == 0 {
			return answer{data: json.RawMessage("[]")}, nil
		}
		q = withKeys(q, a, keys)
	case a.whole.Singleton && !q.Grouped():
		q, one = withoutWindow(q), true
		q.Limit = 1
	default:
		q = h.window(q)
	}
	if q.Grouped() {
		data, err := h.aggregate(ctx, a, q)
		if err != nil {
			return answer{}, err
		}
		meta, err := h.meta(ctx, s, a, counted)
		return answer{data: data, meta: meta}, err
	}
	rows, err := h.store.Read(ctx, m.Collection, q)
	if err != nil {
		return answer{}, err
	}
	if one && len(rows) == 0 {
		if isKey(m.ID) || q.Filter != nil {
			return answer{}, errNoItem
		}
		rows = []query.Row{emptyRow(a.whole)}
	}
	var data []byte
	if one {
		data, err = s.printer(ctx, h.store).one(a, selected, rows[0])
	} else {
		data, err = s.printer(ctx, h.store).array(a, selected, rows)
	}
	if err != nil {
		return answer{}, err
	}
	meta, err := h.meta(ctx, s, a, counted)
	return answer{data: data, meta: meta}, err
}

// emptyRow is what a singleton shows before anything was written to it.
func emptyRow(c *query.Collection) query.Row {
	row := query.Row{}
	for i := range c.Fields {
		if f := &c.Fields[i]; f.Type != query.Alias {
			row[f.Name] = f.Default
		}
	}
	return row
}

// aggregate answers a bound query that asks for numbers or groups.
func (h *Hub) aggregate(ctx context.Context, a *access, q query.Query) (json.RawMessage, error) {
	groups, err := h.store.Aggregate(ctx, a.whole.Name, q)
	if err != nil {
		return nil, err
	}
	return q.AppendGroups(nil, groups), nil
}

// meta counts what a bound query asks to be counted: total_count is every item
// that may be read, filter_count those that match the filter and the search.
func (h *Hub) meta(ctx context.Context, s *scope, a *access, q query.Query) (json.RawMessage, error) {
	return s.meta(a, q, func(filter *query.Filter) (any, error) { return h.store.Count(ctx, a.whole.Name, filter, "") })
}

// meta is Hub.meta with the numbers that count returns.
func (s *scope) meta(a *access, q query.Query, count func(*query.Filter) (any, error)) (json.RawMessage, error) {
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
			filter = s.permitted(a)
		}
		n, err := count(filter)
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
