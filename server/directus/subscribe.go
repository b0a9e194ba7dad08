package directus

import (
	"bytes"
	"container/list"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A subscription is what one client wants to be told of one collection.
type subscription struct {
	client     *client
	uid        protocol.UID // as it was sent
	collection *query.Collection
	event      protocol.Event // "" = every kind
	item       string         // a key as text; "" = the whole collection
	query      query.Query    // as it was asked
	commit     bool           // mark the last frame of a commit

	// end and endOfCommit are how its frames end.
	end, endOfCommit string

	view    *view // as it was for the identity below; only current touches it
	element *list.Element
}

// A view is what a subscription's query comes to for an identity.
type view struct {
	who    *Identity
	access *access
	query  query.Query // prepared
	fields []string
	env    query.Env
	moving bool   // the filter depends on the time
	key    string // equal for subscriptions that are told the same
}

// newView resolves a subscription's query for an identity.
func (h *Hub) newView(who *Identity, s *subscription) (*view, error) {
	a := h.opts.Permissions.may(who, protocol.ActionRead, s.collection)
	if a == nil {
		return nil, noCollection(s.collection.Name)
	}
	if err := s.query.Validate(a.seen); err != nil {
		return nil, err
	}
	v := &view{who: who, access: a, env: who.env(h.opts.Now())}
	v.query = restrict(s.query, a, v.env)
	v.fields = s.query.Select(a.seen)
	both := query.And(a.filter, s.query.Filter)
	v.moving = both.UsesNow()
	v.key = fmt.Sprintf("%s %q %p %s", s.event, s.item, a, s.query.JSON())
	if both != nil && bytes.Contains(both.AppendJSON(nil), []byte("$CURRENT_")) {
		v.key += " " + who.User + " " + who.Role
	}
	return v, nil
}

// current returns the view for whoever the client now is, or nil if it may not
// read it. The caller holds commits.
//
// A filter with $NOW is bound anew, to the time of the event. Rows that age out
// between two events are not told of.
func (s *subscription) current() *view {
	who := s.client.who()
	if s.view != nil && s.view.who == who && !s.view.moving {
		return s.view
	}
	v, err := s.client.hub.newView(who, s)
	if err != nil {
		s.view = nil
		return nil
	}
	s.view = v
	return v
}

// capabilities are what this server can do beyond Directus, for who asks.
var capabilities = []string{protocol.CapabilityCommit, protocol.CapabilityLeave, protocol.CapabilityOrder, protocol.CapabilityTombstones}

// subscribe answers a subscribe message.
func (c *client) subscribe(ctx context.Context, m protocol.Subscribe) error {
	h := c.hub
	s := &subscription{client: c, uid: m.UID, event: m.Event}
	if s.collection = h.store.Schema().Collections[m.Collection]; s.collection == nil {
		return noCollection(m.Collection)
	}
	if s.collection.System {
		return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
			"This server does not serve subscriptions to the system collection %q yet.", m.Collection)}
	}
	var err error
	if s.query, err = query.Parse(m.Query); err != nil {
		return err
	}
	var key any
	if m.Item != nil {
		if key, err = decodeKey(m.Item, s.collection); err != nil {
			return err
		}
		s.item = keyText(key)
	}
	honoured := []string(nil)
	for _, name := range m.Capabilities {
		if slices.Contains(capabilities, name) && !slices.Contains(honoured, name) {
			honoured = append(honoured, name)
		}
	}
	s.commit = slices.Contains(honoured, protocol.CapabilityCommit)

	// An earlier subscription with this uid ends here, also if this one is then
	// refused: the uid must not go on telling of something else.
	uid := protocol.UID{}
	if !m.UID.IsZero() {
		uid = protocol.StringUID(m.UID.String()) // a string whatever was sent
		h.unsubscribe(c, func(old *subscription) bool { return !old.uid.IsZero() && old.uid.String() == m.UID.String() })
		s.end = `,"uid":` + uid.JSON()
	}
	s.endOfCommit = `,"commit":true` + s.end + "}"
	s.end += "}"

	init := protocol.Subscription{Event: protocol.EventInit, UID: uid, Capabilities: honoured}
	// Differs from Directus: 3. There, a change between the snapshot and the
	// registration is in neither.
	h.commits.RLock()
	defer h.commits.RUnlock()
	// Differs from Directus: 6, which does not look at permissions when the
	// subscription names an event.
	v, err := h.newView(c.who(), s)
	if err != nil {
		return err
	}
	if h.opts.MaxSubscriptions >= 0 && len(c.subscriptions) >= h.opts.MaxSubscriptions {
		return &protocol.Error{Code: protocol.CodeLimitExceeded, Message: fmt.Sprintf(
			"There are already %d subscriptions on this connection. Unsubscribe from one first.", len(c.subscriptions))}
	}
	if m.Event == "" {
		if init.Data, init.Meta, err = h.snapshot(ctx, s, v, key); err != nil {
			return err
		}
	}
	s.view = v
	h.subscriptionsMu.Lock()
	defer h.subscriptionsMu.Unlock()
	all := h.subscriptions[m.Collection]
	if all == nil {
		all = list.New()
		h.subscriptions[m.Collection] = all
	}
	s.element = all.PushBack(s)
	c.subscriptions = append(c.subscriptions, s)
	c.send(init)
	return nil
}

// snapshot reads what the init shows.
func (h *Hub) snapshot(ctx context.Context, s *subscription, v *view, key any) (data, meta json.RawMessage, err error) {
	q := v.query
	if s.item != "" {
		q = withKeys(q, v.access, []any{key})
		q.Limit, q.Offset, q.Page = -1, 0, 0
	}
	rows, err := h.store.Read(ctx, s.collection.Name, q)
	if err != nil {
		return nil, nil, err
	}
	if meta, err = h.meta(ctx, v.access, v.query, v.env); err != nil {
		return nil, nil, err
	}
	if s.item == "" {
		return appendRows(nil, rows, v.fields), meta, nil
	}
	if len(rows) == 0 {
		return nil, nil, errNoItem
	}
	return query.AppendRow(nil, rows[0], v.fields), meta, nil
}

// unsubscribe ends those subscriptions of a client that which picks; nil = all.
func (h *Hub) unsubscribe(c *client, which func(*subscription) bool) {
	h.commits.RLock()
	defer h.commits.RUnlock()
	h.subscriptionsMu.Lock()
	defer h.subscriptionsMu.Unlock()
	c.subscriptions = slices.DeleteFunc(c.subscriptions, func(s *subscription) bool {
		if which != nil && !which(s) {
			return false
		}
		h.subscriptions[s.collection.Name].Remove(s.element)
		return true
	})
}
