package session

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"leveret/protocol"
)

// A subscription is a caller's, over its whole life: it keeps its uid, and is
// sent again over every new connection.
type subscription struct {
	id         SubID
	uid        protocol.UID
	collection string
	options    SubscribeOptions
	primaryKey string
	aggregate  bool
	arrangement

	step        subStep
	end         error    // why it ended
	holds       bool     // the session is not live before this is up to date
	established bool     // the server accepted it once
	accepted    accepted // what it said then
	confirming  bool     // it was refused by elimination only, and is asked once more
	asks        int      // how often it was sent since the last answer
	asked       *request // the one that its step waits for
	wants       purpose  // forBaseline or forSnapshot: to be asked for when something may be sent
	sent        arranged // the query of the latest snapshot asked for

	first *snapshot // the init of a recovery, while one more read is awaited
	held  []entry   // events that came meanwhile

	queue    queue
	told     baseline
	wasInit  bool  // the consumer took the init
	readyFor int64 // the step that said Ready last
}

// A subStep is where a subscription stands with the server.
type subStep int

const (
	unsent    subStep = iota // to be sent
	asking                   // sent; the init is awaited
	comparing                // a recovery: the init is there, the data is awaited
	current                  // up to date
	behind                   // its queue overflowed; sent again once the consumer has taken it
	ended
)

// An accepted is what the server said when it accepted a subscription.
type accepted struct {
	times        int
	capabilities []string
	types        json.RawMessage
}

// subscriptions are all of a session's.
type subscriptions struct {
	byID    map[SubID]*subscription
	byUID   map[protocol.UID]*subscription
	order   []*subscription           // as they were made, which is the order they are sent in
	private map[protocol.UID]*request // the session's own, until the server confirms their end

	changed  bool           // some step changed in this Step
	drained  bool           // one that was behind can be sent again
	why      Cause          // of what made one fall behind
	askAgain time.Time      // when to repeat subscribes that the server dropped; zero = never
	leave    []protocol.UID // to be unsubscribed when something may be sent again
}

// subscribe opens a subscription.
func (s *Session) subscribe(in Subscribe) {
	if s.subs.byID[in.ID] != nil {
		return // the driver's mistake: that one goes on
	}
	sub := &subscription{
		id:         in.ID,
		uid:        in.Options.UID,
		collection: in.Collection,
		options:    in.Options,
		primaryKey: s.config.PrimaryKey(in.Collection),
		aggregate:  aggregates(in.Options.Query),
	}
	sub.arrangement = arrangement{
		addKey:   !sub.aggregate,
		addLimit: !sub.aggregate && in.Options.Item == nil,
		limit:    s.config.MaxBaseline + 1,
	}
	s.subs.byID[in.ID] = sub
	s.subs.order = append(s.subs.order, sub)
	s.subs.changed = true
	if sub.uid.IsZero() {
		sub.uid = s.uids.next()
	} else if s.uidTaken(sub.uid) {
		s.endSub(sub, ErrUIDInUse)
		return
	} else {
		s.uids.avoid(sub.uid)
	}
	if _, err := protocol.Encode(sub.message(sub.uid, in.Options.Event, in.Options.Query, nil)); err != nil {
		s.endSub(sub, err)
		return
	}
	s.subs.byUID[key(sub.uid)] = sub
}

// unsubscribe ends a subscription, whatever its step, and forgets it.
func (s *Session) unsubscribe(id SubID) {
	sub := s.subs.byID[id]
	if sub == nil {
		return
	}
	delete(s.subs.byID, id)
	s.subs.order = slices.DeleteFunc(s.subs.order, func(other *subscription) bool { return other == sub })
	if sub.step != ended {
		s.stopAsking(sub)
		delete(s.subs.byUID, key(sub.uid))
		s.leave(sub.uid)
	}
	s.subs.changed = true
	s.ready(sub)
}

// leave sends an unsubscribe, as soon as something may be sent.
func (s *Session) leave(uid protocol.UID) {
	if s.phase.linked() {
		s.subs.leave = append(s.subs.leave, uid)
	}
}

// endSub ends one subscription; the rest go on.
func (s *Session) endSub(sub *subscription, err error) {
	s.stopAsking(sub)
	if s.subs.byUID[key(sub.uid)] == sub {
		delete(s.subs.byUID, key(sub.uid))
	}
	sub.end = err
	sub.held = nil
	s.to(sub, ended)
	s.ready(sub)
}

// stopAsking forgets what a subscription waits for.
func (s *Session) stopAsking(sub *subscription) {
	sub.wants = forNothing
	if r := sub.asked; r != nil {
		s.forget(r)
	}
}

// to moves a subscription to a step.
func (s *Session) to(sub *subscription, step subStep) {
	sub.step = step
	s.subs.changed = true
	if step == current || step == ended {
		sub.holds = false
	}
}

// ready tells the consumer, once a step.
func (s *Session) ready(sub *subscription) {
	if sub.readyFor != s.steps {
		sub.readyFor = s.steps
		s.emit(Ready{ID: sub.id})
	}
}

// message is the subscribe of a subscription, or of the private one beside it.
func (sub *subscription) message(uid protocol.UID, event protocol.Event, query json.RawMessage, capabilities []string) protocol.Subscribe {
	return protocol.Subscribe{
		Collection:   sub.collection,
		Event:        event,
		Item:         sub.options.Item,
		Query:        query,
		UID:          uid,
		Extra:        sub.options.Extra,
		Capabilities: capabilities,
	}
}

// ask sends what is to be sent about subscriptions.
func (s *Session) ask() {
	for _, uid := range s.subs.leave {
		s.sendMessage(protocol.Unsubscribe{UID: uid})
	}
	s.subs.leave = nil
	if !s.subs.changed {
		return
	}
	s.subs.drained = false
	for _, sub := range s.subs.order {
		wants := sub.wants
		sub.wants = forNothing
		switch {
		case sub.step == unsent:
			s.askSubscribe(sub)
		case wants == forBaseline:
			s.askBaseline(sub)
		case wants == forSnapshot:
			s.askSnapshot(sub)
		}
	}
}

// want has something asked for at the end of this step, or when the credential is
// answered.
func (s *Session) want(sub *subscription, p purpose) {
	sub.wants = p
	s.subs.changed = true
}

// askSubscribe sends the subscribe itself.
func (s *Session) askSubscribe(sub *subscription) {
	a := sub.arrangement
	if sub.options.Event != "" {
		a.addLimit = false // this one brings no data
	}
	sub.sent = a.arrange(sub.options.Query, sub.primaryKey)
	sub.asks++
	capabilities := slices.Concat(s.config.Capabilities, sub.options.Capabilities)
	s.askFor(sub, forSubscribe, sub.message(sub.uid, sub.options.Event, sub.sent.query, capabilities))
	s.to(sub, asking)
}

// askFor writes a request of a subscription's.
func (s *Session) askFor(sub *subscription, p purpose, m protocol.Message) *request {
	frame, err := protocol.Encode(m)
	if err != nil {
		return nil // its payloads were checked when they came in
	}
	r := &request{uid: protocol.UIDOf(m), kind: m.Kind(), frame: frame, purpose: p, sub: sub}
	s.requests.unanswered[key(r.uid)] = r
	sub.asked = r
	s.writeRequest(r)
	return r
}

// settle tells whether all subscriptions are up to date.
func (s *Session) settle() {
	if !s.subs.changed {
		return
	}
	s.subs.changed = false
	holding := s.subs.holding()
	switch {
	case s.phase == live && holding:
		s.enter(resyncing, s.subs.why, time.Time{})
	case s.phase == resyncing && !holding:
		s.enter(live, Cause{Reason: ReasonCaughtUp}, time.Time{})
	}
}

func (o *subscriptions) holding() bool {
	return slices.ContainsFunc(o.order, func(sub *subscription) bool { return sub.holds })
}

// asking reports whether a subscribe is unanswered.
func (o *subscriptions) asking() bool {
	return slices.ContainsFunc(o.order, func(sub *subscription) bool { return sub.asked != nil })
}

// due reports whether subscribes are to be repeated.
func (o *subscriptions) due(now time.Time) bool {
	return !o.askAgain.IsZero() && !now.Before(o.askAgain)
}

// dropped hears that the server dropped a frame, there being too many: perhaps one
// of the session's own asks. That is no refusal, and can be said again.
func (s *Session) dropped() { s.subs.askAgain = s.now.Add(time.Second) }

// askAgain repeats the subscribes that were not answered. A subscribe may be
// repeated: the server replaces the one with that uid.
func (s *Session) askAgain() {
	s.subs.askAgain = time.Time{}
	for _, sub := range s.subs.order {
		if sub.asked == nil {
			continue
		}
		was := sub.asked.purpose
		s.stopAsking(sub)
		switch was {
		case forSubscribe:
			sub.asks--
			s.to(sub, unsent)
		default:
			s.want(sub, was)
		}
	}
}

// resyncAll begins a recovery of all subscriptions.
func (s *Session) resyncAll() {
	for _, sub := range s.subs.order {
		if sub.step == ended {
			continue
		}
		s.stopAsking(sub)
		sub.asks, sub.confirming, sub.holds = 0, false, true
		sub.held = nil
		s.to(sub, unsent)
	}
}

// cutSubs is the end of the link: the server has forgotten all of them.
func (s *Session) cutSubs() {
	o := &s.subs
	clear(o.private)
	o.askAgain, o.leave, o.drained = time.Time{}, nil, false
	for _, sub := range o.order {
		if sub.step != ended {
			sub.held, sub.first = nil, nil
			sub.step = unsent
		}
	}
}

// subscriptionFrame handles what a subscription is told.
func (s *Session) subscriptionFrame(m *protocol.Subscription) {
	if m.Event == protocol.EventUnsubscribe {
		s.unsubscribed(m.UID)
		return
	}
	sub := s.subs.byUID[key(m.UID)]
	if sub == nil || sub.step == ended || m.UID.IsZero() {
		return
	}
	switch m.Event {
	case protocol.EventInit:
		s.initFrame(sub, m)
	default:
		s.eventFrame(sub, m)
	}
}

// unsubscribed hears of an end that the session did not ask for: a message of the
// caller's own did. (One without uid ends every subscription of the connection.)
// What the caller still listens to is subscribed again.
func (s *Session) unsubscribed(uid protocol.UID) {
	for _, sub := range s.subs.order {
		standing := sub.step == current || sub.step == comparing
		if standing && (uid.IsZero() || key(uid) == key(sub.uid)) {
			s.stopAsking(sub)
			sub.held, sub.holds = nil, true
			s.subs.why = Cause{Reason: ReasonBehind, Detail: "The server ended the subscription to " + sub.collection + "."}
			s.to(sub, unsent)
		}
	}
}

// eventFrame queues an event for the consumer.
func (s *Session) eventFrame(sub *subscription, m *protocol.Subscription) {
	e := entry{event: Event{Kind: EventKind(m.Event), Data: m.Data, Meta: m.Meta, Commit: m.Commit}}
	switch sub.step {
	case current:
		if sub.queue.len() >= s.config.MaxQueue && !sub.options.Snapshots {
			s.overflow(sub)
			return
		}
		sub.queue.push(e)
		s.ready(sub)
	case comparing:
		if len(sub.held) >= s.config.MaxQueue {
			s.overflow(sub)
			return
		}
		e.kind = replayed
		sub.held = append(sub.held, e)
	}
	// In the other steps a snapshot will come that is younger than this event.
}

// overflow stops queueing. What is queued stays; what comes now is told by the
// resync that follows once the consumer has taken the rest. (Not before: a
// consumer that stands still would be sent one snapshot after the other.)
func (s *Session) overflow(sub *subscription) {
	s.stopAsking(sub)
	sub.held = nil
	sub.holds = true
	s.subs.why = Cause{Reason: ReasonTooSlow, Detail: "Events come faster than they are taken: " + sub.collection + " is brought up to date."}
	s.to(sub, behind)
	s.ready(sub)
}

// subscribeRefused ends a subscription, unless what was refused can be left out.
func (s *Session) subscribeRefused(sub *subscription, refusal *protocol.Error) {
	switch {
	case sub.step != asking:
	case sub.lessen(refusal):
		sub.asks = 0
		s.to(sub, unsent)
	case sub.established && refusal.UID.IsZero() && !sub.confirming:
		// It was accepted before, and that the error is about it is a guess.
		sub.confirming, sub.asks = true, 0
		s.to(sub, unsent)
	default:
		if sub.established && sub.gone(refusal) {
			s.pushSnapshot(sub, &snapshot{gone: true})
		}
		s.endSub(sub, refusal)
	}
}

// lessen leaves out the part of the arrangement that the server may have refused:
// a limit above its maximum, or a primary key of another name.
func (sub *subscription) lessen(refusal *protocol.Error) bool {
	switch {
	case refusal == nil:
	case refusal.Code == protocol.CodeInvalidQuery && sub.sent.own && sub.limit >= 0:
		sub.limit = -1
		return true
	case refusal.Code == protocol.CodeForbidden && sub.sent.added && sub.told.rows == nil:
		sub.addKey = false
		return true
	}
	return false
}

// gone reports whether a refusal says that the item of a subscription to an item
// is not there any more (or may no longer be read: Directus does not tell which).
func (sub *subscription) gone(refusal *protocol.Error) bool {
	return sub.options.Item != nil && refusal != nil && refusal.Code == protocol.CodeForbidden
}

// subscribeUnanswered asks once more, then gives up.
func (s *Session) subscribeUnanswered(sub *subscription) {
	if sub.asks < 2 {
		s.to(sub, unsent)
		return
	}
	s.endSub(sub, ErrUnanswered)
}

// private handles what comes of the session's own probes, subscriptions and
// reads; it reports whether the message was that.
func (s *Session) private(m protocol.Message) bool {
	switch m := m.(type) {
	case protocol.Subscription:
		return s.privateSubscription(&m)
	case protocol.Reply:
		if r := s.requests.find(m.UID); r != nil && (r.purpose == forKeys || r.purpose == forSnapshot) {
			s.answer(r, m, nil)
			return true
		}
	case *protocol.Error:
		if r := s.requests.find(m.UID); r != nil && r.sub != nil && m.Code == protocol.CodeRequestsExceeded {
			s.dropped()
			return true
		}
		if r := s.requests.find(m.UID); r != nil && (r.purpose == forKeys || r.purpose == forSnapshot || r.purpose == forBaseline) {
			s.answer(r, nil, m)
			return true
		}
		return len(s.subs.private) > 0 && s.subs.private[key(m.UID)] != nil
	}
	return false
}

// privateSubscription is private for what subscriptions are told.
func (s *Session) privateSubscription(m *protocol.Subscription) bool {
	if m.Event == protocol.EventUnsubscribe && !s.liveness.probeUID.IsZero() && m.UID == s.liveness.probeUID {
		return true
	}
	if len(s.subs.private) == 0 {
		return false
	}
	r := s.subs.private[key(m.UID)]
	if r == nil {
		return false
	}
	s.privateFrame(r, m)
	return true
}

// privateFrame handles a frame of a private subscription: its init is all that is
// wanted of it.
func (s *Session) privateFrame(r *request, m *protocol.Subscription) {
	switch m.Event {
	case protocol.EventInit:
		s.leave(r.uid)
		if !r.done {
			s.forget(r)
			s.baselineRead(r.sub, &snapshot{data: m.Data, meta: m.Meta, arranged: r.sub.sent})
			s.eliminate(r.kind)
		}
	case protocol.EventUnsubscribe:
		delete(s.subs.private, key(r.uid))
	}
}

// isSystem reports whether a collection is Directus's own: items requests are
// refused for those, subscriptions are not.
func isSystem(collection string) bool { return strings.HasPrefix(collection, "directus_") }
