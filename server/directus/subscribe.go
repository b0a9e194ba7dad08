package directus

import (
	"container/list"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

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
	since      time.Time
	commit     bool   // mark the last frame of a commit
	told       []byte // the result that an aggregate's subscriber knows

	// end and endOfCommit are how its frames end.
	end, endOfCommit string

	// What the query comes to for an identity under a version of the rules; see
	// current.
	view    *view
	who     *Identity
	version uint64
	stale   bool  // something else that the view depends on has changed
	refused error // why there is no view

	element *list.Element
}

// capabilities are what this server can do beyond Directus, for who asks.
var capabilities = []string{protocol.CapabilityCommit, protocol.CapabilityLeave, protocol.CapabilityOrder, protocol.CapabilityTombstones, protocol.CapabilityTypes}

// subscribable are the system collections whose changes are told.
var subscribable = []string{usersCollection, rolesCollection, activityCollection, notificationsCollection}

// subscribe answers a subscribe message.
func (c *client) subscribe(ctx context.Context, m protocol.Subscribe) error {
	h := c.hub
	s := &subscription{client: c, uid: m.UID, event: m.Event, since: h.opts.Now()}
	if s.collection = h.store.Schema().Collections[m.Collection]; s.collection == nil {
		if strings.HasPrefix(m.Collection, "directus_") {
			return errNoSubscriptions(m.Collection)
		}
		return noCollection(m.Collection)
	}
	if s.collection.System && !slices.Contains(subscribable, m.Collection) {
		return errNoSubscriptions(m.Collection)
	}
	var err error
	if s.query, err = h.query(m.Query); err != nil {
		return err
	}
	if m.Item != nil {
		key, err := decodeKey(m.Item, s.collection)
		if err != nil {
			return err
		}
		s.item = keyText(key)
	}
	honoured := []string(nil)
	for _, name := range m.Capabilities {
		if h.opts.honours() && slices.Contains(capabilities, name) && !slices.Contains(honoured, name) {
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
	release := h.hold(false)
	defer func() { release() }()
	v, err := h.view(ctx, c.who(), s, s.time())
	if err == nil && v.clock != nil {
		// Alone, since it may share a view whose time moves on now.
		release()
		release = h.hold(true)
		v, err = h.view(ctx, c.who(), s, s.time())
	}
	// Differs from Directus: 6, which does not look at permissions when the
	// subscription names an event.
	if err != nil && (h.opts.checksEvents() || m.Event == "" || h.refusal(err, "", protocol.UID{}).Code != protocol.CodeForbidden) {
		return err
	}
	h.subscriptionsMu.Lock()
	count := len(c.subscriptions)
	h.subscriptionsMu.Unlock()
	if h.opts.MaxSubscriptions >= 0 && count >= h.opts.MaxSubscriptions {
		return &protocol.Error{Code: protocol.CodeLimitExceeded, Message: fmt.Sprintf(
			"There are already %d subscriptions on this connection. Unsubscribe from one first.", count)}
	}
	if v != nil {
		if slices.Contains(honoured, protocol.CapabilityTypes) {
			init.Types = typesOf(s.query, v.access.seen)
		}
		if v, err = h.shared(ctx, v); err != nil {
			return err
		}
		if init.Data, init.Meta, err = s.snapshot(ctx, v); err != nil {
			return err
		}
		if m.Event != "" {
			init.Data, init.Meta = nil, nil
		}
	}
	if !h.opts.readsInOneStep() {
		release()
		if h.raced != nil {
			h.raced()
		}
		release = h.hold(false)
	}
	s.who, s.version, s.refused = c.who(), h.opts.Permissions.version(), err
	h.subscriptionsMu.Lock()
	defer h.subscriptionsMu.Unlock()
	h.turn(ctx, s, v)
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

// errNoSubscriptions is the refusal of a system collection that is not served.
func errNoSubscriptions(name string) error {
	return &protocol.Error{Code: protocol.CodeForbidden, Message: fmt.Sprintf(
		"This server does not serve subscriptions to %q. Of the system collections it serves %s.", name, strings.Join(subscribable, ", "))}
}

// hold keeps commits away, and with alone every other subscribe too. It returns
// what lets them go on.
func (h *Hub) hold(alone bool) (release func()) {
	if alone {
		h.commits.Lock()
		return h.commits.Unlock
	}
	h.commits.RLock()
	return h.commits.RUnlock
}

// shared returns the view that equals v and that there is already, or v. What time
// has done is told to those who have it.
func (h *Hub) shared(ctx context.Context, v *view) (*view, error) {
	h.subscriptionsMu.Lock()
	other := h.views[v.key]
	h.subscriptionsMu.Unlock()
	if other == nil {
		return v, v.clock.fits(ctx, v)
	}
	if other.clock != nil {
		err := other.clock.advance(ctx, other)
		other.clock.arm(other)
		return other, err
	}
	return other, nil
}

// snapshot reads what the init shows.
func (s *subscription) snapshot(ctx context.Context, v *view) (data, meta json.RawMessage, err error) {
	h := s.client.hub
	if v.query.Grouped() {
		data, meta, err := v.tally(ctx)
		s.told = totalBody(data, meta).head
		return data, meta, err
	}
	if s.event != "" {
		return nil, nil, nil
	}
	q := h.window(v.query)
	if s.item != "" {
		q = withoutWindow(q)
	}
	rows, err := h.store.Read(ctx, s.collection.Name, q)
	if err != nil {
		return nil, nil, err
	}
	if meta, err = v.meta(ctx); err != nil {
		return nil, nil, err
	}
	if s.item == "" {
		data, err = v.printer(ctx, h.store).array(v.access, v.selected, rows)
		return data, meta, err
	}
	if len(rows) == 0 {
		return nil, nil, errNoItem
	}
	data, err = v.printer(ctx, h.store).one(v.access, v.selected, rows[0])
	return data, meta, err
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
		h.turn(context.Background(), s, nil)
		return true
	})
}
