package directus

import (
	"context"
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
// known, all of it is evaluated every second.
type clock struct {
	movers []mover
	coarse bool // a condition with $NOW is not on a field of the view's own

	at    time.Time      // what the view is bound to, and what its subscribers were told
	next  time.Time      // when the next item crosses; zero = none will
	has   map[string]any // of a coarse one: the keys that the view has; nil for a hidden one
	timer *time.Timer
}

// A mover is a condition that compares a field with a time that moves.
type mover struct {
	leaf    *query.Filter
	element int // of a list, else -1
}

const (
	coarsePeriod = time.Second
	// horizon is how far ahead a crossing is looked for.
	horizon = 24 * time.Hour
)

// newClock returns the clock of a view, or nil if it does not change with time.
func newClock(v *view, related []*access) *clock {
	if !v.hub.opts.movesWithTime() {
		return nil
	}
	c := &clock{}
	c.add(v.asked.Filter)
	c.add(v.access.filter)
	for _, one := range v.access.cases {
		c.add(one.filter)
	}
	for _, a := range related {
		c.coarse = c.coarse || a.filter.UsesNow() || slices.ContainsFunc(a.cases, func(one accessCase) bool { return one.filter.UsesNow() })
	}
	if len(c.movers) == 0 && !c.coarse {
		return nil
	}
	return c
}

// add collects the conditions that move.
func (c *clock) add(f *query.Filter) {
	switch {
	case !f.UsesNow():
	case f.Op == query.OpAnd || f.Op == query.OpOr:
		for _, node := range f.Nodes {
			c.add(node)
		}
	case len(f.Nodes) > 0 || f.Func != "" || byCalendar.Match(f.AppendJSON(nil)):
		c.coarse = true
	default:
		switch f.Op {
		case query.OpEq, query.OpNeq, query.OpLt, query.OpLte, query.OpGt, query.OpGte:
			c.movers = append(c.movers, mover{f, -1})
		case query.OpIn, query.OpNin, query.OpBetween, query.OpNBetween:
			list, _ := f.Value.([]any)
			for i := range list {
				c.movers = append(c.movers, mover{f, i})
			}
		default:
			c.coarse = true
		}
	}
}

// byCalendar finds "$NOW(-1 month)": months differ in length, so such a time goes
// back at the end of some. A list of roles in a list would move its elements.
var byCalendar = regexp.MustCompile(`(?i)\$NOW\([^)]*[0-9 ](mo|mth|y)|\$CURRENT`)

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

// crosses returns when the operand, which only grows, passes a value that it has
// not passed yet: the moment when the two are equal, or, if they are, the one after.
func (m mover) crosses(v *view, at time.Time, value any) time.Time {
	start := at.Truncate(time.Millisecond)
	equal := query.CompareValues(value, m.operand(v, start)) == 0
	passed := func(ms int) bool {
		operand := m.operand(v, start.Add(time.Duration(ms)*time.Millisecond))
		order := query.CompareValues(value, operand)
		return order < 0 || order == 0 && !equal
	}
	low, high := 0, int(horizon/time.Millisecond) // not passed; passed, or far enough
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
	if err := c.look(ctx, v); err != nil {
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
func (c *clock) look(ctx context.Context, v *view) error {
	if c.coarse {
		c.next = c.at.Add(coarsePeriod)
		_, err := c.all(ctx, v)
		return err
	}
	c.next = time.Time{}
	for _, m := range c.movers {
		operand := m.operand(v, c.at)
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

// all reads what the view has, and notes the keys.
func (c *clock) all(ctx context.Context, v *view) ([]query.Row, error) {
	rows, err := v.hub.store.Read(ctx, v.collection().Name, withoutWindow(v.query))
	if err != nil {
		return nil, err
	}
	pk := v.collection().PrimaryKey
	showing := map[string]bool(nil) // nil = all
	if v.keyed != nil {
		if showing, err = v.showingKeys(ctx, v.query, keysOf(rows, pk)); err != nil {
			return nil, err
		}
	}
	c.has = make(map[string]any, len(rows))
	for _, row := range rows {
		text := keyText(row[pk])
		if c.has[text] = nil; showing == nil || showing[text] {
			c.has[text] = row[pk]
		}
	}
	return rows, nil
}

func (c *clock) note(next time.Time) {
	if c.next.IsZero() || next.Before(c.next) {
		c.next = next
	}
}

// committed looks at what a commit wrote for items that cross before the others.
func (c *clock) committed(ctx context.Context, v *view, events []event) error {
	if c == nil {
		return nil
	}
	if c.coarse {
		next := c.next
		err := c.look(ctx, v)
		c.next = next
		return err
	}
	for _, m := range c.movers {
		operand := m.operand(v, c.at)
		if operand == nil {
			continue
		}
		for _, e := range events {
			if e.collection != v.collection() {
				continue
			}
			for _, row := range v.only(e.after) {
				value := row[m.leaf.Field]
				if value == nil || query.CompareValues(value, operand) < 0 {
					continue
				}
				if !c.next.IsZero() && query.CompareValues(value, m.operand(v, c.next)) > 0 {
					continue // later
				}
				c.note(m.crosses(v, c.at, value))
			}
		}
	}
	c.arm(v)
	return nil
}

// arm sets the timer.
func (c *clock) arm(v *view) {
	c.stop()
	if c.next.IsZero() {
		return
	}
	wait := c.next.Sub(v.hub.opts.Now())
	c.timer = time.AfterFunc(max(wait, 0), func() {
		v.hub.commits.Lock()
		defer v.hub.commits.Unlock()
		if v.hub.views[v.key] != v {
			return
		}
		ctx := context.Background()
		for _, s := range slices.Clone(v.members) {
			s.current(ctx) // who became somebody else has another view
		}
		if err := c.advance(ctx, v); err != nil {
			v.fail(err)
			c.next = v.hub.opts.Now().Add(coarsePeriod)
		}
		c.arm(v)
	})
}

// advance tells the subscribers what time has done until now, and binds the view
// to now. The caller holds commits.
func (c *clock) advance(ctx context.Context, v *view) error {
	now := v.hub.opts.Now()
	before, then := v.query, c.at
	v.rules.Now, v.guarded.Now = now, now
	v.bind()
	c.at = now
	if c.next.IsZero() || now.Before(c.next) {
		return nil
	}
	var gone []any
	var come []query.Row
	pk := v.collection().PrimaryKey
	showing := map[string]bool(nil) // nil = all
	if c.coarse {
		had := c.has
		rows, err := c.all(ctx, v)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, ok := had[keyText(row[pk])]; !ok {
				come = append(come, row)
			}
		}
		for text, key := range had {
			if _, ok := c.has[text]; !ok && key != nil {
				gone = append(gone, key)
			}
		}
		slices.SortFunc(gone, query.CompareValues)
		c.next = now.Add(coarsePeriod)
	} else {
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
		if v.keyed != nil {
			if showing, err = v.showingKeys(ctx, before, keys); err != nil {
				return err
			}
		}
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
	}
	return c.tell(ctx, v, gone, come)
}

// crossing reads the items that a condition passed between two times.
func (c *clock) crossing(ctx context.Context, v *view, from, to time.Time) ([]query.Row, error) {
	var filters []*query.Filter
	for _, m := range c.movers {
		if low, high := m.operand(v, from), m.operand(v, to); low != nil && high != nil {
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
		if time.Now().Before(v.total.next) {
			v.postpone()
		} else {
			v.tellTotal(ctx)
		}
		return nil
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
