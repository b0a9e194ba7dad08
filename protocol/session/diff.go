package session

import (
	"bytes"
	"encoding/json"
	"slices"
)

// A baseline is what a subscription's consumer was last told.
type baseline struct {
	rows     map[string]*row // by primary key as text; nil = not known
	complete bool            // every item of the subscription is in rows
	most     int             // the largest snapshot so far
	result   uint64          // where there are no rows: the hash of the result; 0 = not known
	// early is what a subscription with an event was told of before its first baseline
	// came, which may have been read earlier; nil is a deleted item.
	early map[string]*row
}

// note takes an event into early.
func (b *baseline) note(data json.RawMessage, primaryKey string) {
	for r := rows(data); b.early != nil && r.next(); {
		if text, isString, ok := keyText(member(r.row, primaryKey)); ok {
			b.early[text] = &row{hash: hashOf(r.row), isInt: !isString}
		} else if text, _, ok := keyText(r.row); ok {
			b.early[text] = nil // a key: of a delete
		}
	}
}

// overlay applies what was told early.
func (b *baseline) overlay(early map[string]*row) {
	for text, was := range early {
		switch {
		case b.rows == nil:
		case was == nil:
			delete(b.rows, text)
		default:
			b.rows[text] = was
		}
	}
}

// A row is an item as it was told.
type row struct {
	hash  uint64
	isInt bool // the key is a JSON number
}

// baselineOf reads a snapshot. Its rows are nil if it cannot serve as a baseline:
// there is no data, an item has no key, or there are more than MaxBaseline.
func (s *Session) baselineOf(sub *subscription, got *snapshot) baseline {
	if sub.aggregate {
		return baseline{result: hashOf(got.data)}
	}
	b := baseline{complete: true, most: sub.told.most}
	if got.gone {
		b.rows = map[string]*row{}
		return b
	}
	if got.data == nil {
		return b
	}
	b.rows = make(map[string]*row, len(sub.told.rows))
	n := 0
	for r := items(got.data, sub.primaryKey); r.next(); {
		n++
		text, isString, ok := keyText(r.key)
		if !ok || n > s.config.MaxBaseline {
			b.rows = nil
			break
		}
		b.rows[text] = &row{hash: r.hash, isInt: !isString}
	}
	if b.rows == nil && !s.oversize(got) {
		b.result = hashOf(got.data) // no difference can be told, but that there is none
	}
	b.complete = b.rows != nil && !got.cut(n, b.most)
	b.most = max(b.most, n)
	return b
}

// oversize reports whether there are more rows than the session asked for on the
// consumer's behalf.
func (s *Session) oversize(got *snapshot) bool {
	return got.own && count(got.data) > s.config.MaxBaseline
}

// cut reports whether a snapshot of n rows may lack some. Where the server refused
// the session's own limit, its maximum is below that and not known; but no
// snapshot can be larger than it, so that one that is smaller than an earlier one
// was not cut.
func (a arranged) cut(n, most int) bool {
	if a.window {
		return true
	}
	if a.own && a.limit < 0 {
		return n >= most
	}
	return a.limit >= 0 && n >= a.limit
}

// move takes the items of an event into the baseline, and returns those to tell:
// all of them, or if the event may be contained in a snapshot already, those that
// differ. known says that it had all of them already.
func (b *baseline) move(data json.RawMessage, primaryKey string, replay bool) (tell json.RawMessage, some, known bool) {
	var differ []json.RawMessage
	n, had := 0, 0
	for r := items(data, primaryKey); r.next(); {
		n++
		text, isString, ok := keyBytes(r.key)
		if !ok {
			b.rows = nil // it cannot be told what changed
			return data, true, false
		}
		now := row{hash: r.hash, isInt: !isString}
		was := b.rows[string(text)] // looking it up makes no copy of the key
		if was == nil {
			b.rows[string(text)] = &now
		} else {
			had++
		}
		if replay && (was == nil || *was != now) {
			differ = append(differ, r.row)
		}
		if was != nil {
			*was = now
		}
	}
	known = n > 0 && had == n
	if !replay || len(differ) == n {
		return data, true, known
	}
	return joined(differ), len(differ) > 0, known
}

// tellSnapshot tells a snapshot: the first as the init, a later one as its
// difference to the baseline, one event of each kind that was asked for, which is
// to be applied in the order create, update, delete.
func (s *Session) tellSnapshot(sub *subscription, got *snapshot) (ev Event, ok bool) {
	before, now := sub.told, s.baselineOf(sub, got)
	sub.told = now
	if sub.options.Event == "" && !sub.wasInit {
		return s.tellInit(sub, got)
	}
	var out []entry
	switch {
	case sub.aggregate:
		if before.result != now.result {
			out = sub.derive(out, Update, got, got.data)
		}
	case before.rows == nil && before.result != 0 && before.result == now.result:
	case before.rows == nil || now.rows == nil:
		out = sub.derive(out, Gap, got, nil)
	default:
		created, updated := sub.differences(before, now, got.data)
		out = sub.derive(out, Create, got, sub.shape(created))
		out = sub.derive(out, Update, got, sub.shape(updated))
		missing := before.missing(now)
		switch {
		case now.complete:
			out = sub.derive(out, Delete, got, sub.shape(missing))
		case got.own && len(missing) > 0: // the server's maximum may have cut it
			out = sub.derive(out, Gap, got, nil)
		}
	}
	if len(out) == 0 {
		return ev, false
	}
	sub.queue.unpop(out[1:])
	return out[0].event, true
}

// tellInit tells the first snapshot.
func (s *Session) tellInit(sub *subscription, got *snapshot) (ev Event, ok bool) {
	if got.gone {
		return ev, false
	}
	sub.wasInit = true
	if s.oversize(got) {
		sub.queue.unpop([]entry{{kind: derived, event: Event{Kind: Gap}}})
	}
	return Event{Kind: Init, Data: sub.strip(got, got.data), Meta: got.meta}, true
}

// derive appends an event of a difference, if that kind was asked for and there is
// something to tell.
func (sub *subscription) derive(out []entry, kind EventKind, got *snapshot, data json.RawMessage) []entry {
	asked := sub.options.Event == "" || EventKind(sub.options.Event) == kind
	if kind != Gap && (data == nil || !asked) {
		return out
	}
	if kind == Create || kind == Update {
		data = sub.strip(got, data)
	}
	return append(out, entry{kind: derived, event: Event{Kind: kind, Data: data, Meta: got.meta, Resync: true}})
}

// strip takes the key out again where the session added it.
func (sub *subscription) strip(got *snapshot, data json.RawMessage) json.RawMessage {
	if got.added {
		return without(data, sub.primaryKey)
	}
	return data
}

// differences returns the items that are new, and those that are other than they
// were, in the snapshot's order.
func (sub *subscription) differences(before, now baseline, data json.RawMessage) (created, updated []json.RawMessage) {
	for r := rows(data); r.next(); {
		text, _, _ := keyText(member(r.row, sub.primaryKey))
		if was, had := before.rows[text]; !had {
			created = append(created, r.row)
		} else if was.hash != now.rows[text].hash {
			updated = append(updated, r.row)
		}
	}
	return created, updated
}

// shape gives items, or keys, the form in which the subscription has them: one,
// or an array; nil if there are none.
func (sub *subscription) shape(values []json.RawMessage) json.RawMessage {
	if len(values) == 0 {
		return nil
	}
	if sub.options.Item != nil && len(values) == 1 {
		return values[0]
	}
	return joined(values)
}

// missing returns the keys that a later baseline does not have, in order: numbers
// by size, then texts.
func (b baseline) missing(later baseline) (keys []json.RawMessage) {
	for text, was := range b.rows {
		if _, has := later.rows[text]; has {
			continue
		}
		if was.isInt {
			keys = append(keys, json.RawMessage(text))
		} else {
			keys = append(keys, quote(text))
		}
	}
	slices.SortFunc(keys, func(a, b json.RawMessage) int {
		aText, bText := a[0] == '"', b[0] == '"'
		switch {
		case aText != bText && aText:
			return 1
		case aText != bText:
			return -1
		case !aText && len(a) != len(b):
			return len(a) - len(b)
		}
		return bytes.Compare(a, b)
	})
	return keys
}

// joined makes an array of values.
func joined(values []json.RawMessage) json.RawMessage {
	n := 2
	for _, v := range values {
		n += len(v) + 1
	}
	out := append(make([]byte, 0, n), '[')
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}
