package directus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/transport"
)

// This file is strict compatibility (Options.StrictCompat): the server behaves as
// Directus does, defects included, for tests of clients that have to live with
// them. What else asks about it does so through the predicates here. Their numbers
// are those of the README's list of differences.

// movesWithTime: 1. Otherwise $NOW in a subscription stands for the time of the subscribe.
func (o *Options) movesWithTime() bool { return !o.StrictCompat }

// readsInOneStep: 3. Otherwise a change between a subscription's snapshot and its
// registration is in neither.
func (o *Options) readsInOneStep() bool { return !o.StrictCompat }

// answersInOrder: 3. Otherwise requests, but for pings, are answered side by side, and
// whichever is done first is answered first.
func (o *Options) answersInOrder() bool { return !o.StrictCompat }

// checksEvents: 6. Otherwise a subscribe with an event is accepted whoever sends it.
func (o *Options) checksEvents() bool { return !o.StrictCompat }

// answersAll: 7. Otherwise some refusals are not answered, an unknown type is passed
// over, and a close has no code.
func (o *Options) answersAll() bool { return !o.StrictCompat }

// hearsEarly: 7. Otherwise what comes between the first "auth" and its answer is lost.
func (o *Options) hearsEarly() bool { return !o.StrictCompat }

// authTime is how long Directus takes for an authentication, about.
const authTime = 5 * time.Millisecond

// forgetEarly loses what has come since the first "auth", where Directus does.
func (c *client) forgetEarly() {
	conn, ok := c.conn.(transport.Batcher)
	if !ok || c.hub.opts.hearsEarly() {
		return
	}
	time.Sleep(authTime)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	conn.ReceiveBatch(now) // an error comes again
}

// honours: Directus has no capabilities.
func (o *Options) honours() bool { return !o.StrictCompat }

// An unanswered refusal is one that Directus only logs.
type unanswered struct{ error }

func (u unanswered) Unwrap() error { return u.error }

// unanswered marks a refusal that Directus does not answer.
func (h *Hub) unanswered(err error) error {
	if h.opts.answersAll() {
		return err
	}
	return unanswered{err}
}

// answers reports whether Directus would answer with this error. What is no
// refusal it logs; failed validations come in lists, which its sockets do not know.
func (h *Hub) answers(err error) bool {
	if h.opts.answersAll() {
		return true
	}
	var silent unanswered
	var failed failedValidation
	if errors.As(err, &silent) || errors.As(err, &failed) {
		return false
	}
	var refused *protocol.Error
	var bad *query.Error
	return errors.As(err, &refused) || errors.As(err, &bad)
}

// tellStrictly tells a subscriber of a commit as Directus does: each event by
// itself, with what is there now; every deleted key to everybody, as it was
// written; an error where the subscriber may not read.
func (d *delivery) tellStrictly(s *subscription) error {
	for _, e := range d.events {
		if e.collection != s.collection || s.event != "" && s.event != e.kind {
			continue
		}
		raws := e.rawKeys()
		if s.item != "" && !slices.ContainsFunc(raws, func(raw json.RawMessage) bool { return string(raw) == string(query.AppendValue(nil, s.item)) }) {
			continue // 4
		}
		b, err := d.strictly(s, e, raws)
		if err != nil {
			refused := d.hub.refusal(err, protocol.TypeSubscribe, protocol.UID{})
			head := fmt.Appendf(nil, `{"type":"subscribe","status":"error","error":{"code":%s,"message":%s}`,
				query.AppendValue(nil, string(refused.Code)), query.AppendValue(nil, refused.Message))
			b = &body{head: head, frames: map[string][]byte{}}
		}
		if b != nil {
			s.write([]*body{b})
		}
	}
	return nil
}

// rawKeys returns the event's keys as they were written.
func (e *event) rawKeys() []json.RawMessage {
	if e.keys != nil {
		return e.keys
	}
	rows := e.rows()
	raws := make([]json.RawMessage, len(rows))
	for i, row := range rows {
		raws[i] = query.AppendValue(nil, row[e.collection.PrimaryKey])
	}
	return raws
}

func (d *delivery) strictly(s *subscription, e event, raws []json.RawMessage) (*body, error) {
	v := s.current(d.ctx)
	if e.kind == protocol.EventDelete { // 2
		data, err := json.Marshal(raws)
		if s.item != "" {
			data = query.AppendValue(nil, s.item)
		}
		b := newBody(e.kind, data)
		if v != nil && err == nil {
			var meta []byte
			meta, err = v.meta(d.ctx)
			b.addMeta(meta)
		}
		return b, err
	}
	if v == nil {
		return nil, s.refused
	}
	keys := keysOf(e.after, v.collection().PrimaryKey)
	q := withKeys(v.query, v.access, keys)
	var data []byte
	if q.Grouped() { // 5
		var err error
		if data, err = d.hub.aggregate(d.ctx, v.access, q); err != nil {
			return nil, err
		}
	} else {
		rows, err := d.hub.store.Read(d.ctx, v.collection().Name, q)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			if s.item != "" {
				return nil, errNoItem
			}
			return nil, nil // 1
		}
		texts, err := v.texts(d.ctx, rows)
		if err != nil {
			return nil, err
		}
		if data = texts[0]; s.item == "" {
			data = appendTexts(nil, texts)
		}
	}
	b := newBody(e.kind, data)
	meta, err := v.meta(d.ctx)
	b.addMeta(meta)
	return b, err
}
