package directus

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file tells subscribers of what time alone does: items that leave a filter
// with $NOW, and items that come into it.
//
// Differs from Directus: 1, where $NOW stands for the time of the subscribe for ever.

// A clock belongs to a view that changes with time. Its timer is set to the next
// moment at which an item crosses one of the conditions; where that cannot be
// known, the keys of all its items are read now and then.
type clock struct {
	movers []mover
	coarse bool // a condition with $NOW is not on a field of the view's own

	at    time.Time // what the view is bound to
	next  time.Time // when the next item crosses, or when to look again; zero = never
	timer *time.Timer

	// Of a coarse one:
	has     map[string]held // its items as its subscribers were told of them, by key
	looking bool            // its items are being read
	err     error           // why has is nil
}

// A held is an item that a view has.
type held struct {
	key   any
	shown bool // the item shows its key
}

// A mover is a condition that compares a field with a time that moves.
type mover struct {
	leaf     *query.Filter
	element  int  // of a list, else -1
	calendar bool // see byCalendar
}

const (
	// A coarse view is looked at again after coarsePeriod, or after coarseRest times
	// as long as it took to look, but after maxCoarsePeriod at the latest. By so much
	// may be late what time alone does to it.
	coarsePeriod    = time.Second
	coarseRest      = 20
	maxCoarsePeriod = time.Minute
	// maxCoarse is how many items a coarse view may have.
	maxCoarse = 10_000
	// horizon is how far ahead a crossing is looked for.
	horizon = 24 * time.Hour
)

var errCoarse = &protocol.Error{Code: protocol.CodeInvalidQuery, Message: fmt.Sprintf(
	"Invalid query. A filter or a permission compares a related item, or a function, with $NOW, and more than %d items match: "+
		"that is too many to follow in time. Narrow the filter, or compare a field of the collection itself with $NOW.", maxCoarse)}

// newClock returns the clock of a view, or nil if it does not change with time.
// related are the accesses of other collections that it depends on.
func newClock(v *view, related []*access) *clock {
	if !v.hub.opts.movesWithTime() {
		return nil
	}
	c := &clock{}
	c.add(v, v.asked.Filter)
	c.add(v, v.access.filter)
	for _, one := range v.access.cases {
		c.add(v, one.filter)
	}
	for _, a := range related {
		c.coarse = c.coarse || a.filter.UsesNow() || slices.ContainsFunc(a.cases, func(one accessCase) bool { return one.filter.UsesNow() })
	}
	// What only related items of its items move out of or into is shown by the next
	// event: such a clock has no timer.
	if len(c.movers) == 0 && !c.coarse && !deepUsesNow(v.asked) {
		return nil
	}
	return c
}

// deepUsesNow reports whether which related items a query shows depends on the time.
func deepUsesNow(q query.Query) bool {
	for _, deep := range q.Deep {
		if deep.Filter.UsesNow() || deepUsesNow(deep) {
			return true
		}
	}
	return false
}

func (c *clock) isCoarse() bool { return c != nil && c.coarse }

// add collects the conditions that move.
func (c *clock) add(v *view, f *query.Filter) {
	if !f.UsesNow() {
		return
	}
	text := f.AppendJSON(nil)
	switch field := v.collection().Field(f.Field); {
	case f.Op == query.OpAnd || f.Op == query.OpOr:
		for _, node := range f.Nodes {
			c.add(v, node)
		}
	case len(f.Nodes) > 0 || f.Func != "" || bytes.Contains(text, []byte("$CURRENT")):
		c.coarse = true // a list of roles in a list would move its elements
	case field != nil && field.Type == query.Time:
		c.coarse = true // begins anew every day
	default:
		calendar := byCalendar.Match(text)
		switch f.Op {
		case query.OpEq, query.OpNeq, query.OpLt, query.OpLte, query.OpGt, query.OpGte:
			c.movers = append(c.movers, mover{f, -1, calendar})
		case query.OpIn, query.OpNin, query.OpBetween, query.OpNBetween:
			list, _ := f.Value.([]any)
			for i := range list {
				c.movers = append(c.movers, mover{f, i, calendar})
			}
		default:
			c.coarse = true
		}
	}
}

// byCalendar finds "$NOW(-1 month)": months differ in length, so at the end of some
// such a time begins the same day again. It only grows until midnight (UTC).
var byCalendar = regexp.MustCompile(`(?i)\$NOW\([^)]*[0-9 ](mo|mth|y)`)

// midnight returns the first one after a time.
func midnight(at time.Time) time.Time { return at.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour) }

// operand returns what the condition compares with at a time; nil = with nothing.
func (m mover) operand(v *view, at time.Time) any {
	env := v.rules
	env.Now = at
	bound := m.leaf.Bind(v.collection(), env)
	if bound == nil {
		return nil
	}
	list, isList := bound.Value.([]any)
	switch {
	case m.element < 0 && !isList:
		return bound.Value
	case m.element >= 0 && m.element < len(list):
		return list[m.element]
	}
	return nil
}

// crosses returns when the operand, as long as it only grows, passes a value that it
// has not passed yet: the moment when the two are equal, or, if they are, the one after.
func (m mover) crosses(v *view, at time.Time, value any) time.Time {
	start := at.Truncate(time.Millisecond)
	equal := query.CompareValues(value, m.operand(v, start)) == 0
	passed := func(ms int) bool {
		operand := m.operand(v, start.Add(time.Duration(ms)*time.Millisecond))
		order := query.CompareValues(value, operand)
		return order < 0 || order == 0 && !equal
	}
	low, high := 0, int(horizon/time.Millisecond) // not passed; passed, or far enough
	if m.calendar {
		high = int(midnight(start).Sub(start) / time.Millisecond)
	}
	for high-low > 1 {
		if middle := (low + high) / 2; passed(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return start.Add(time.Duration(high) * time.Millisecond)
}

// start begins to tell of what time does from the moment that the view is bound to.
func (c *clock) start(ctx context.Context, v *view) {
	if c == nil {
		return
	}
	c.at = v.rules.Now
	switch err := c.look(ctx, v); {
	case err == nil:
	case c.coarse: // what it has is not known: the timer ends it
		c.err, c.next = err, c.at
	default:
		v.hub.log.Error("a view with $NOW cannot be read", "error", err)
		c.next = c.at.Add(coarsePeriod)
	}
	c.arm(v)
}

func (c *clock) stop() {
	if c != nil && c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// look finds out what the view has, or when the next item crosses.
func (c *clock) look(ctx context.Context, v *view) (err error) {
	if c.coarse {
		c.next = c.at.Add(coarsePeriod)
		if !v.query.Grouped() {
			c.has, err = v.held(ctx)
		}
		return err
	}
	c.next = time.Time{}
	for _, m := range c.movers {
		operand := m.operand(v, c.at)
		if m.calendar {
			c.note(midnight(c.at))
		}
		if operand == nil {
			continue
		}
		q := query.New()
		q.Limit = 1
		q.Sort = query.Query{Sort: []query.SortKey{{Field: m.leaf.Field}}}.Bind(v.collection(), query.Env{}).Sort
		q.Filter = v.mine(&query.Filter{Op: query.OpGte, Field: m.leaf.Field, Value: operand})
		rows, err := v.hub.store.Read(ctx, v.collection().Name, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c.note(m.crosses(v, c.at, row[m.leaf.Field]))
		}
	}
	return nil
}

// fits refuses a view that is too large to look at it again and again.
func (c *clock) fits(ctx context.Context, v *view) error {
	if !c.isCoarse() || v.query.Grouped() {
		return nil
	}
	n, err := v.hub.store.Count(ctx, v.collection().Name, v.query.Filter, "")
	if err == nil && n > maxCoarse {
		err = errCoarse
	}
	return err
}

// held reads the keys of the view's items.
func (v *view) held(ctx context.Context) (map[string]held, error) {
	keys, err := v.allKeys(ctx, v.query.Filter)
	if err != nil {
		return nil, err
	}
	showing := textsOf(keys)
	if v.keyed != nil {
		shown, err := v.allKeys(ctx, query.And(v.query.Filter, v.keyed))
		if err != nil {
			return nil, err
		}
		showing = textsOf(shown)
	}
	has := make(map[string]held, len(keys))
	for _, key := range keys {
		has[keyText(key)] = held{key, showing[keyText(key)]}
	}
	return has, nil
}

// allKeys reads the keys of whatever a filter finds in the view's collection.
func (v *view) allKeys(ctx context.Context, filter *query.Filter) ([]any, error) {
	q := everyItem()
	q.GroupBy = []string{v.collection().PrimaryKey}
	q.Filter = filter
	q.Limit = maxCoarse + 1
	groups, err := v.hub.store.Aggregate(ctx, v.collection().Name, q)
	if err == nil && len(groups) > maxCoarse {
		err = errCoarse
	}
	keys := make([]any, len(groups))
	for i, group := range groups {
		keys[i] = group.Keys[0]
	}
	return keys, err
}

func (c *clock) note(next time.Time) {
	if c.next.IsZero() || next.Before(c.next) {
		c.next = next
	}
}

// known makes a look that of a coarse view: an item that time has taken out of it
// or put into it since it was read is one that its subscribers have, or have not.
func (c *clock) known(l *look, keys []any) {
	if !c.isCoarse() {
		return
	}
	for _, key := range keys {
		text := keyText(key)
		item, ok := c.has[text]
		l.had[text] = ok
		if l.keyed != nil {
			l.keyed[text] = item.shown
		}
	}
}

// committed looks at what a commit wrote: for items that cross before the others,
// or for what a coarse view has now.
func (c *clock) committed(d *delivery, v *view, l *look) error {
	if c == nil || len(v.members) == 0 || l.err != nil {
		return nil
	}
	if c.coarse {
		return c.keep(d, v, l)
	}
	for _, m := range c.movers {
		operand := m.operand(v, c.at)
		if operand == nil {
			continue
		}
		for _, e := range d.events {
			if e.collection != v.collection() {
				continue
			}
			for _, row := range v.only(e.after) {
				value := row[m.leaf.Field]
				if value == nil || query.CompareValues(value, operand) < 0 {
					continue
				}
				if !m.calendar && !c.next.IsZero() && query.CompareValues(value, m.operand(v, c.next)) > 0 {
					continue // later
				}
				c.note(m.crosses(v, c.at, value))
			}
		}
	}
	c.arm(v)
	return nil
}

// keep notes which of the items that a commit changed a coarse view has now, and
// which others the commit has put into it or taken out of it.
func (c *clock) keep(d *delivery, v *view, l *look) error {
	if c.has == nil || l.has == nil {
		return nil
	}
	var keys []any
	for _, e := range d.events {
		if e.collection == v.collection() {
			keys = append(keys, keysOf(v.only(e.rows()), v.collection().PrimaryKey)...)
		}
	}
	for _, key := range l.others {
		if text := keyText(key); (l.has[text] != nil) != (l.shown[text] != nil) {
			keys = append(keys, key)
		}
	}
	showing, err := v.showing(d.ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if text := keyText(key); l.has[text] != nil {
			c.has[text] = held{key, showing == nil || showing[text]}
		} else {
			delete(c.has, text)
		}
	}
	return nil
}

// showing returns which of the keys belong to items that show them; nil = all.
func (v *view) showing(ctx context.Context, keys []any) (map[string]bool, error) {
	if v.keyed == nil {
		return nil, nil
	}
	return v.showingKeys(ctx, v.query, keys)
}

// arm sets the timer.
func (c *clock) arm(v *view) {
	if c.looking {
		return // and will be armed
	}
	c.stop()
	if c.next.IsZero() {
		return
	}
	wait := c.next.Sub(v.hub.opts.Now())
	c.timer = time.AfterFunc(max(wait, 0), func() { c.tick(v) })
}

// tick is called when the time has come.
func (c *clock) tick(v *view) {
	ctx := context.Background()
	var then *view
	v.locked(func() error {
		for _, s := range slices.Clone(v.members) {
			s.current(ctx) // who became somebody else has another view
		}
		switch {
		case len(v.members) == 0 || c.err != nil:
			return c.err
		case c.coarse:
			c.looking = true
			err := c.advance(ctx, v)
			then = v.frozen()
			return err
		}
		err := c.advance(ctx, v)
		if err != nil {
			c.next = v.hub.opts.Now().Add(coarsePeriod)
		}
		c.arm(v)
		return err
	})
	if then == nil {
		return
	}
	// All of a view is read while commits go on, and one view after the other. What
	// seems to have changed is then looked at once more, alone.
	began := time.Now()
	v.hub.coarse.Lock()
	var has map[string]held
	var result *body
	err := recovered(func() (err error) {
		if !v.query.Grouped() {
			has, err = then.held(ctx)
			return err
		}
		data, meta, err := then.tally(ctx)
		result = totalBody(data, meta)
		return err
	})
	v.hub.coarse.Unlock()
	took := time.Since(began)
	v.locked(func() error {
		c.looking = false
		if err == nil {
			err = c.compare(ctx, v, has, result)
		}
		c.next = v.hub.opts.Now().Add(min(max(coarsePeriod, coarseRest*took), maxCoarsePeriod))
		c.arm(v)
		return err
	})
}

// frozen returns a view that stays bound to the time that v is bound to.
func (v *view) frozen() *view {
	then, scope := *v, *v.scope
	then.scope = &scope
	return &then
}

// compare tells what has changed between what the subscribers of a coarse view know
// and what there was just now.
func (c *clock) compare(ctx context.Context, v *view, now map[string]held, result *body) error {
	if err := c.advance(ctx, v); err != nil {
		return err
	}
	if result != nil {
		if !slices.ContainsFunc(v.members, func(s *subscription) bool { return !bytes.Equal(s.told, result.head) }) {
			return nil
		}
		return c.tellTotal(ctx, v)
	}
	var keys []any
	for text, item := range now {
		if had, ok := c.has[text]; !ok || had.shown != item.shown {
			keys = append(keys, item.key)
		}
	}
	for text, item := range c.has {
		if _, ok := now[text]; !ok {
			keys = append(keys, item.key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, query.CompareValues)
	rows, err := v.read(ctx, keys)
	if err != nil {
		return err
	}
	showing, err := v.showing(ctx, keys)
	if err != nil {
		return err
	}
	var gone []any
	var come []query.Row
	is := map[string]bool{}
	for _, row := range rows {
		key := row[v.collection().PrimaryKey]
		text := keyText(key)
		is[text] = true
		if _, ok := c.has[text]; !ok {
			come = append(come, row)
		}
		c.has[text] = held{key, showing == nil || showing[text]}
	}
	for _, key := range keys {
		text := keyText(key)
		if item, ok := c.has[text]; ok && !is[text] {
			delete(c.has, text)
			if item.shown {
				gone = append(gone, key)
			}
		}
	}
	return c.tell(ctx, v, gone, come)
}

// locked does something with a view, if there still is one, while nothing is
// committed. What goes wrong, a panic too, costs its subscribers the connection.
func (v *view) locked(do func() error) {
	v.hub.commits.Lock()
	defer v.hub.commits.Unlock()
	if v.hub.views[v.key] == v {
		v.attempt(do)
	}
}

// advance tells the subscribers what time has done until now, except those of a
// coarse view, and binds the view to now. The caller holds commits.
func (c *clock) advance(ctx context.Context, v *view) error {
	now := v.hub.opts.Now()
	before, then := v.query, c.at
	v.rules.Now, v.guarded.Now = now, now
	v.bind()
	c.at = now
	if c.coarse || c.next.IsZero() || now.Before(c.next) {
		return nil
	}
	pk := v.collection().PrimaryKey
	crossing, err := c.crossing(ctx, v, then, now)
	if err != nil {
		return err
	}
	keys := keysOf(crossing, pk)
	was, err := readKeys(ctx, v, before, keys)
	if err != nil {
		return err
	}
	is, err := readKeys(ctx, v, v.query, keys)
	if err != nil {
		return err
	}
	showing := map[string]bool(nil) // nil = all
	if v.keyed != nil {
		if showing, err = v.showingKeys(ctx, before, keys); err != nil {
			return err
		}
	}
	var gone []any
	var come []query.Row
	had, has := textsOf(keysOf(was, pk)), textsOf(keysOf(is, pk))
	for _, row := range was {
		if !has[keyText(row[pk])] && (showing == nil || showing[keyText(row[pk])]) {
			gone = append(gone, row[pk])
		}
	}
	for _, row := range is {
		if !had[keyText(row[pk])] {
			come = append(come, row)
		}
	}
	if err := c.look(ctx, v); err != nil {
		return err
	}
	return c.tell(ctx, v, gone, come)
}

// crossing reads the items that a condition passed between two times.
func (c *clock) crossing(ctx context.Context, v *view, from, to time.Time) ([]query.Row, error) {
	var filters []*query.Filter
	for _, m := range c.movers {
		if low, high := m.operand(v, from), m.operand(v, to); low != nil && high != nil {
			if query.CompareValues(low, high) > 0 { // by the calendar
				low, high = high, low
			}
			filters = append(filters, &query.Filter{Op: query.OpBetween, Field: m.leaf.Field, Value: []any{low, high}})
		}
	}
	if len(filters) == 0 {
		return nil, nil
	}
	q := everyItem()
	q.Filter = v.mine(query.Or(filters...))
	return v.hub.store.Read(ctx, v.collection().Name, q)
}

func readKeys(ctx context.Context, v *view, q query.Query, keys []any) ([]query.Row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return v.hub.store.Read(ctx, v.collection().Name, withoutWindow(withKeys(q, v.access, keys)))
}

// tell tells all subscribers of the view what has gone and what has come.
func (c *clock) tell(ctx context.Context, v *view, gone []any, come []query.Row) error {
	if len(gone) == 0 && len(come) == 0 {
		return nil
	}
	if v.query.Grouped() {
		return c.tellTotal(ctx, v)
	}
	var pieces []piece
	if rows := v.inWindow(come, len(come)); len(rows) > 0 && v.wants(protocol.EventUpdate) {
		pieces = append(pieces, piece{kind: protocol.EventUpdate, rows: rows})
	}
	if len(gone) > 0 && v.wants(protocol.EventDelete) {
		pieces = append(pieces, piece{kind: protocol.EventDelete, keys: gone})
	}
	bodies, err := v.encode(ctx, pieces, false)
	if err != nil {
		return err
	}
	for _, s := range v.members {
		s.write(bodies)
	}
	return nil
}

func (c *clock) tellTotal(ctx context.Context, v *view) error {
	if time.Now().Before(v.total.next) {
		v.postpone()
	} else {
		v.tellTotal(ctx)
	}
	return nil
}
