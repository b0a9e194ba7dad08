package session

import "encoding/json"

// Take hands the consumer the next event of a subscription. ok is false if none
// waits. err is the end of the subscription, told once its events are taken: a
// *protocol.Error if the server refused it, ErrUnsubscribed, ErrUIDInUse or
// ErrUnanswered; it is told until the driver steps Unsubscribe.
//
// Taking is what moves the baseline: an event that a full queue left out was
// never told, and is told by the resync that follows. Taking the last event may
// begin that resync: look at Deadline afterwards.
func (s *Session) Take(id SubID) (ev Event, ok bool, err error) {
	sub := s.subs.byID[id]
	if sub == nil {
		return Event{}, false, ErrUnsubscribed
	}
	for {
		e, ok := sub.queue.pop()
		if !ok {
			break
		}
		if ev, ok := s.tell(sub, e); ok {
			return ev, true, nil
		}
	}
	if sub.step == ended {
		sub.told, sub.queue = baseline{}, queue{}
		return Event{}, false, sub.end
	}
	if sub.step == behind {
		s.to(sub, unsent)
		s.subs.drained = true
	}
	return Event{}, false, nil
}

// Accepted returns how often the server has accepted a subscription, and what it said
// the last time: which capabilities it has of those that were asked for, and the types
// of the fields (protocol.Subscription).
func (s *Session) Accepted(id SubID) (times int, capabilities []string, types json.RawMessage) {
	sub := s.subs.byID[id]
	if sub == nil {
		return 0, nil, nil
	}
	return sub.accepted.times, sub.accepted.capabilities, sub.accepted.types
}

// tell makes an entry the event that the consumer is told, if any, and the
// baseline what the consumer has been told.
func (s *Session) tell(sub *subscription, e entry) (ev Event, ok bool) {
	ev = e.event
	if sub.options.Snapshots {
		return sub.tellAll(e)
	}
	switch e.kind {
	case derived:
		return ev, true
	case compared:
		return s.tellSnapshot(sub, e.snapshot)
	case silent:
		early := sub.told.early
		sub.told = s.baselineOf(sub, e.snapshot)
		sub.told.overlay(early)
		return ev, false
	}
	switch ev.Kind {
	case Init: // of a subscription with an event: without data
		sub.wasInit = true
		sub.told.early = map[string]*row{}
	case Delete:
		return sub.tellDelete(ev, e.kind == replayed)
	default:
		return s.tellItems(sub, ev, e.kind == replayed)
	}
	return ev, true
}

// tellAll tells an entry as it came, to a consumer of snapshots.
func (sub *subscription) tellAll(e entry) (ev Event, ok bool) {
	if got := e.snapshot; got != nil {
		return Event{Kind: Init, Data: sub.strip(got, got.data), Meta: got.meta}, !got.gone
	}
	ev = e.event
	ev.Resync = e.kind == replayed
	if ev.Kind != Delete && sub.sent.added {
		ev.Data = without(ev.Data, sub.primaryKey)
	}
	return ev, true
}

// tellItems tells a create or an update.
func (s *Session) tellItems(sub *subscription, ev Event, replay bool) (Event, bool) {
	b := &sub.told
	if sub.aggregate {
		// On a stock server this is a sum over the changed items only; it was told
		// all the same, and a snapshot that says otherwise will be.
		b.result = hashOf(ev.Data)
		return ev, true
	}
	b.result = 0
	b.note(ev.Data, sub.primaryKey)
	if b.rows != nil {
		data, some, known := b.move(ev.Data, sub.primaryKey, replay)
		if !some {
			return ev, false
		}
		ev.Data = data
		if known && ev.Kind == Create {
			// A snapshot told of it first, or the delete before it was not told.
			switch {
			case sub.options.Event == "":
				ev.Kind = Update
			case replay:
				return ev, false
			}
		}
		if len(b.rows) > s.config.MaxBaseline {
			b.rows = nil
		}
	}
	if sub.sent.added {
		ev.Data = without(ev.Data, sub.primaryKey)
	}
	return ev, true
}

// tellDelete tells the keys that the consumer can know. A stock server tells the
// keys of every deleted item, of whatever filter and permission (Directus 12.4).
// Where the baseline has every item of the subscription, a key that is not in it
// is passed over; where it may lack some, the key is told.
func (sub *subscription) tellDelete(ev Event, replay bool) (Event, bool) {
	b := &sub.told
	b.result = 0
	b.note(ev.Data, sub.primaryKey)
	if sub.aggregate || b.rows == nil {
		return ev, true
	}
	all := replay || b.complete && sub.options.Event == ""
	var tell []json.RawMessage
	n := 0
	for r := rows(ev.Data); r.next(); {
		n++
		text, _, _ := keyText(r.row)
		if _, has := b.rows[text]; has || !all {
			delete(b.rows, text)
			tell = append(tell, r.row)
		}
	}
	switch len(tell) {
	case n:
	case 0:
		return ev, false
	default:
		ev.Data = joined(tell)
	}
	return ev, true
}
