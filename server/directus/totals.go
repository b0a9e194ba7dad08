package directus

import (
	"bytes"
	"context"
	"slices"
	"time"

	"leveret/protocol"
)

// This file tells subscribers of numbers: the whole result, whatever changed.
//
// Differs from Directus: 5, which aggregates over the changed items only, and
// tells of a delete with keys.

// totalPeriod is the least time between two results of a view. The last one is
// never left out, it is told when the time is over.
const totalPeriod = 100 * time.Millisecond

// A total is when the result of a view was told, and whether there may be a new one.
type total struct {
	next  time.Time // nothing is told before
	due   bool      // something has changed since
	timer *time.Timer
}

func (t *total) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
	*t = total{}
}

// changed tells a subscriber the result after a commit, at once or when the period is over.
func (t *total) changed(d *delivery, s *subscription, v *view) error {
	bodies, ok := d.told[v]
	if !ok {
		if !d.wanted(v) {
			return nil
		}
		if time.Now().Before(t.next) {
			v.postpone()
			return nil
		}
		data, meta, err := v.tally(d.ctx)
		if err != nil {
			return err
		}
		t.next = time.Now().Add(totalPeriod)
		bodies = []*body{totalBody(data, meta)}
		d.told[v] = bodies
	}
	s.writeTotal(bodies[0])
	return nil
}

// wanted reports whether a commit is one that the view's subscribers asked for.
func (d *delivery) wanted(v *view) bool {
	if v.wants(protocol.EventUpdate) && touches(v.paths, d.changed) {
		return true
	}
	return slices.ContainsFunc(d.events, func(e event) bool { return e.collection == v.collection() && v.wants(e.kind) })
}

// tally reads the result as it is now.
func (v *view) tally(ctx context.Context) (data, meta []byte, err error) {
	if data, err = v.hub.aggregate(ctx, v.access, v.query); err != nil {
		return nil, nil, err
	}
	meta, err = v.meta(ctx)
	return data, meta, err
}

// totalBody is what is told of a result.
func totalBody(data, meta []byte) *body {
	b := newBody(protocol.EventUpdate, data)
	b.addMeta(meta)
	return b
}

// writeTotal tells a subscriber a result, unless it is the one that it knows.
func (s *subscription) writeTotal(b *body) {
	if bytes.Equal(s.told, b.head) {
		return
	}
	s.told = b.head
	s.write([]*body{b})
}

// postpone tells the result when the period is over.
func (v *view) postpone() {
	t := &v.total
	if t.due {
		return
	}
	t.due = true
	t.timer = time.AfterFunc(time.Until(t.next), func() {
		v.hub.commits.Lock()
		defer v.hub.commits.Unlock()
		if t.due {
			v.tellTotal(context.Background())
		}
	})
}

// tellTotal tells all subscribers of a view the result as it is now. The caller
// holds commits.
func (v *view) tellTotal(ctx context.Context) {
	v.total.due = false
	v.total.next = time.Now().Add(totalPeriod)
	tallies := map[*view]*body{}
	for _, s := range slices.Clone(v.members) {
		v.hub.attempt(s, func() error {
			now := s.current(ctx)
			if now == nil {
				return nil
			}
			if tallies[now] == nil {
				data, meta, err := now.tally(ctx)
				if err != nil {
					return err
				}
				tallies[now] = totalBody(data, meta)
			}
			s.writeTotal(tallies[now])
			return nil
		})
	}
}
