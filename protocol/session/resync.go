package session

import (
	"encoding/json"
	"slices"

	"leveret/protocol"
)

// A snapshot is what a query returned at one moment.
type snapshot struct {
	data json.RawMessage
	meta json.RawMessage
	gone bool // of a subscription to an item: it is not there any more
	arranged
}

// initFrame handles the server's yes to a subscribe.
func (s *Session) initFrame(sub *subscription, m *protocol.Subscription) {
	if sub.step == behind || sub.step == unsent {
		return // of an earlier subscribe; it is to be sent again
	}
	s.stopAsking(sub)
	recovery := sub.established
	sub.established = true
	sub.accepted = accepted{sub.accepted.times + 1, m.Capabilities, m.Types}
	if sub.options.Snapshots {
		s.ready(sub)
	}
	sub.asks, sub.confirming = 0, false
	now := &snapshot{data: m.Data, meta: m.Meta, arranged: sub.sent}
	switch {
	case sub.options.Event != "":
		if recovery {
			s.to(sub, comparing)
		} else {
			sub.queue.push(entry{event: Event{Kind: Init, Meta: m.Meta}})
			s.to(sub, current)
			s.ready(sub)
		}
		s.want(sub, forBaseline)
	case slices.Contains(m.Capabilities, protocol.CapabilityOrder) || isSystem(sub.collection):
		s.pushSnapshot(sub, now)
	default:
		s.confirm(sub, now, recovery)
	}
	s.eliminate(protocol.TypeSubscribe)
}

// confirm reads the query once more: a stock server reads the init before it
// registers the subscription, so that what is written in between is in neither
// (Directus 12.4). Events are held back until then. Of a recovery the init is told
// only if that read fails; at the first subscribe it is told at once, and then the
// difference. Who wants snapshots is told one of them only.
//
// System collections cannot be read as items. There a change that falls in between
// stays untold until the next recovery.
func (s *Session) confirm(sub *subscription, init *snapshot, recovery bool) {
	if !recovery && !sub.options.Snapshots {
		s.pushSnapshot(sub, init)
		if s.oversize(init) {
			return // a Gap is told, and the consumer reads again by itself
		}
	}
	sub.holds = sub.holds || recovery || !sub.options.Snapshots
	s.subs.why = Cause{Reason: ReasonBehind, Detail: "The first answer of the subscription to " + sub.collection + " is confirmed by one more read."}
	sub.first = init
	s.to(sub, comparing)
	s.want(sub, forSnapshot)
}

// askBaseline asks for the data that the init of a subscription with an event
// does not bring, by a second subscription without event. (Not by an items read:
// that is refused for system collections.) It is sent once the first one is
// registered, so that nothing is between the two.
func (s *Session) askBaseline(sub *subscription) {
	uid := s.uids.next()
	sub.sent = sub.arrangement.arrange(sub.options.Query, sub.primaryKey)
	if r := s.askFor(sub, forBaseline, sub.message(uid, "", sub.sent.query, nil)); r != nil {
		s.subs.private[key(uid)] = r
	}
}

// baselineRead takes over the data that was asked for.
func (s *Session) baselineRead(sub *subscription, got *snapshot) {
	if sub.step == comparing {
		s.pushSnapshot(sub, got)
		return
	}
	// The first one: nothing was missed, so nothing is told of it.
	e := entry{kind: silent, snapshot: got}
	if sub.queue.len() == 0 {
		s.tell(sub, e)
		return
	}
	sub.queue.push(e)
}

// baselineRefused goes on without: a later recovery then tells a Gap.
func (s *Session) baselineRefused(sub *subscription, refusal *protocol.Error) {
	switch {
	case sub.lessen(refusal):
		if sub.addKey || sub.aggregate {
			s.want(sub, forBaseline)
		} else {
			s.to(sub, unsent) // the key has to go from the other one too
		}
	case sub.gone(refusal):
		s.baselineRead(sub, &snapshot{gone: true})
	case sub.step == comparing:
		s.pushSnapshot(sub, &snapshot{}) // without data
	default:
		sub.told.early = nil
	}
}

// askSnapshot reads the query once more.
func (s *Session) askSnapshot(sub *subscription) {
	s.askFor(sub, forSnapshot, protocol.Items{
		Collection: sub.collection,
		Action:     protocol.ActionRead,
		ID:         sub.options.Item,
		Query:      sub.sent.query,
		UID:        s.uids.next(),
	})
}

// snapshotRead takes over that read; where it failed, the init has to do.
func (s *Session) snapshotRead(sub *subscription, m protocol.Message, refusal *protocol.Error) {
	if sub.step != comparing {
		return
	}
	got := sub.first
	if reply, ok := m.(protocol.Reply); ok {
		got = &snapshot{data: sub.asInit(reply.Data), meta: reply.Meta, arranged: got.arranged}
	} else if sub.gone(refusal) {
		got = &snapshot{gone: true}
	}
	s.pushSnapshot(sub, got)
}

// asInit gives what was read the form of an init. The two differ for a singleton:
// it is read as an object, with a null key if it was never written, where the init
// has an array.
func (sub *subscription) asInit(data json.RawMessage) json.RawMessage {
	if c, _ := firstByte(data); c != '{' || sub.options.Item != nil {
		return data
	}
	if string(member(data, sub.primaryKey)) == "null" {
		return json.RawMessage("[]")
	}
	return joined([]json.RawMessage{data})
}

// pushSnapshot queues a snapshot, and after it the events that came since the
// subscribe. It is compared when it is taken, with what was taken until then.
func (s *Session) pushSnapshot(sub *subscription, got *snapshot) {
	if sub.options.Snapshots || sub.options.Event == "" && !sub.wasInit {
		sub.queue.clear() // nothing of what was not taken yet matters: this is the init now
	} else {
		sub.queue.dropSnapshot()
	}
	if n := len(sub.held); n > 0 && sub.queue.len()+n > s.config.MaxQueue {
		s.overflow(sub) // the consumer stands still over recoveries
		return
	}
	sub.queue.push(entry{kind: compared, snapshot: got})
	for _, e := range sub.held {
		sub.queue.push(e)
	}
	sub.held, sub.first = nil, nil
	s.to(sub, current)
	s.ready(sub)
}
