package directus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A view is what a subscription's query comes to for whoever has it. Subscriptions
// that ask for the same and may see the same share one, so what they are told is
// found, read and encoded once for all of them.
type view struct {
	*scope
	access   *access
	event    protocol.Event // "" = every kind
	item     string         // a key as text; "" = the whole collection
	asked    query.Query
	counted  query.Query // asked, bound
	query    query.Query // the same, narrowed to the item
	selected *query.Selection
	key      string // equal for subscriptions that are told the same

	// keyed is which of its items show their key, bound; nil = all. No other key is
	// told when it goes.
	keyed  *query.Filter
	around bool    // which items it has, their order, or keyed depends on more than the item
	paths  []*path // the relations along which what it shows depends on other collections

	members []*subscription // see Hub.subscriptions
	clock   *clock          // set if what it shows changes with time alone
	total   total           // of an aggregate
}

// view resolves a subscription's query for an identity.
func (h *Hub) view(ctx context.Context, who *Identity, s *subscription, now time.Time) (*view, error) {
	a := h.opts.Permissions.may(who, protocol.ActionRead, s.collection)
	if a == nil {
		return nil, noCollection(s.collection.Name)
	}
	if err := s.query.Validate(a.seen); err != nil {
		return nil, err
	}
	sc, err := h.scopeAt(ctx, who, now, s.query)
	if err != nil {
		return nil, err
	}
	v := &view{scope: sc, access: a, event: s.event, item: s.item, asked: s.query}
	v.selected = s.query.Selection(a.seen)
	v.bind()
	v.around = looksAround(v.query, a.whole) || v.keyed != nil
	related := v.follow()
	v.key = fmt.Sprintf("%s %q %p %s", s.event, s.item, a, s.query.JSON())
	personal := bytes.Contains(s.query.JSON(), []byte("$CURRENT_"))
	for _, a := range append(related, v.access) {
		personal = personal || a.personal()
	}
	if personal {
		v.key += fmt.Sprintf(" %s %s %q %q %q %q", who.User, who.Role, who.Roles, who.Policies, sc.rules.Fields, sc.guarded.Fields)
	}
	v.clock = newClock(v, related)
	v.around = v.around || v.clock.isCoarse()
	return v, nil
}

// bind binds the query to the scope's time.
func (v *view) bind() {
	v.counted = v.scope.bind(v.asked, v.access)
	pk := v.access.whole.PrimaryKey
	v.keyed = v.access.fieldFilter(pk).Bind(v.access.whole, v.rules)
	if v.access.seen.Field(pk) == nil {
		v.keyed = never(pk)
	}
	v.query = v.counted
	v.query.Filter = v.mine(v.query.Filter)
	if v.query.Grouped() {
		v.query = v.hub.window(v.query)
	}
}

// mine narrows a bound filter to the view's item, if it is about one.
func (v *view) mine(f *query.Filter) *query.Filter {
	if v.item == "" {
		return f
	}
	key, err := decodeKey(query.AppendValue(nil, v.item), v.collection())
	if err != nil {
		return f
	}
	return query.And(f, oneOf(v.collection(), v.collection().PrimaryKey, []any{key}))
}

// collection is whose items the view shows.
func (v *view) collection() *query.Collection { return v.access.whole }

func (v *view) wants(kind protocol.Event) bool { return v.event == "" || v.event == kind }

// current returns the view for whoever the client now is, or nil if it may not
// read it. The caller holds commits alone.
func (s *subscription) current(ctx context.Context) *view {
	h, who, version := s.client.hub, s.client.who(), s.client.hub.opts.Permissions.version()
	if s.who == who && s.version == version && !s.stale {
		return s.view
	}
	// Who may not read the collection any more (a token expired, somebody else
	// signed in, the rules were replaced) is told nothing.
	v, err := h.view(ctx, who, s, s.time())
	if err != nil {
		v = nil
	}
	s.who, s.version, s.stale, s.refused = who, version, false, err
	h.subscriptionsMu.Lock()
	defer h.subscriptionsMu.Unlock()
	h.turn(ctx, s, v)
	return s.view
}

// time is when the subscription's query is meant: now, or under strict
// compatibility when it was made.
//
// Differs from Directus: 1, where $NOW stands for the same for ever.
func (s *subscription) time() time.Time {
	if s.client.hub.opts.movesWithTime() {
		return s.client.hub.opts.Now()
	}
	return s.since
}

// turn makes v, or the equal view that there is already, the subscription's; nil =
// none. The caller holds subscriptionsMu.
func (h *Hub) turn(ctx context.Context, s *subscription, v *view) {
	old := s.view
	if v != nil {
		if shared := h.views[v.key]; shared != nil {
			v = shared
		} else {
			h.views[v.key] = v
			v.clock.start(ctx, v)
		}
	}
	if old == v {
		return
	}
	if old != nil {
		if old.total.due && v != nil {
			v.postpone() // what the subscriber waits for
		}
		old.members = slices.DeleteFunc(old.members, func(m *subscription) bool { return m == s })
		if len(old.paths) > 0 {
			h.related[old.collection().Name]--
		}
		if len(old.members) == 0 {
			delete(h.views, old.key)
			old.clock.stop()
			old.total.stop()
		}
	}
	if v != nil {
		v.members = append(v.members, s)
		if len(v.paths) > 0 {
			h.related[v.collection().Name]++
		}
	}
	s.view = v
}

// only returns the rows that the view is about: all, or its item.
//
// Differs from Directus: 4, where an integer key never equals an item's.
func (v *view) only(rows []query.Row) []query.Row {
	if v.item == "" {
		return rows
	}
	for i, row := range rows {
		if keyText(row[v.collection().PrimaryKey]) == v.item {
			return rows[i : i+1]
		}
	}
	return nil
}

// read reads those items with these keys that the view has, in its order.
func (v *view) read(ctx context.Context, keys []any) ([]query.Row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return v.hub.store.Read(ctx, v.collection().Name, withoutWindow(withKeys(v.query, v.access, keys)))
}

// showingKeys returns which of the keys belong to items that the query finds and
// that show their key.
func (v *view) showingKeys(ctx context.Context, q query.Query, keys []any) (map[string]bool, error) {
	q.Filter = query.And(q.Filter, v.keyed)
	rows, err := readKeys(ctx, v, q, keys)
	return textsOf(keysOf(rows, v.collection().PrimaryKey)), err
}

// texts returns rows as the view shows them.
func (v *view) texts(ctx context.Context, rows []query.Row) ([][]byte, error) {
	return v.printer(ctx, v.hub.store).items(v.access, v.selected, rows)
}

// meta counts what the query asks to be counted, whatever item the view is about.
func (v *view) meta(ctx context.Context) ([]byte, error) {
	return v.hub.meta(ctx, v.scope, v.access, v.counted)
}
