package session

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"leveret/protocol"
)

// A request is a frame that the server is to answer: a caller's, or one of the
// session's own.
type request struct {
	id      RequestID // of a caller's
	uid     protocol.UID
	kind    string // the type of frame: what an error without uid goes by
	frame   []byte
	purpose purpose
	repeat  repeat

	sub      *subscription  // of forSubscribe, forBaseline, forSnapshot
	create   protocol.Items // of repeatCreate
	original *request       // of forKeys: the create that was repeated
	refusal  *protocol.Error

	seq       int64     // when it was written, in order; 0 = not yet
	due       time.Time // when its answer is overdue
	again     bool      // it was written over an earlier connection too
	postponed bool      // it waits in the queue because it was refused in the gap
	done      bool      // it was answered, or given up
	cancelled bool      // nobody waits for its answer: cancelled, or resolved already
}

// A purpose is who wants the answer.
type purpose int

const (
	forNothing purpose = iota
	forCaller
	forKeys      // was a repeated create carried out the first time?
	forSubscribe // the subscribe of a subscription
	forBaseline  // the data that a subscription with an event does not get
	forSnapshot  // one more read after a recovery
)

// A repeat says what becomes of a request whose link is lost before its answer.
type repeat int

const (
	repeatNever  repeat = iota
	repeatRead          // it changes nothing, so it may be asked again
	repeatCreate        // the client made the key, so a second create is refused as a double
)

// requests holds the requests that wait to be written, and those that wait for
// their answer.
type requests struct {
	posts      []Post // that wait for a credential to be answered
	queued     []*request
	written    []*request // in order of seq, hence of due; the done ones are dropped from its front
	unanswered map[protocol.UID]*request
	byID       map[RequestID]*request // a caller's, queued or written
	lastSeq    int64
	doubts     []doubt
}

// find returns the request that a message with that uid answers.
func (o *requests) find(uid protocol.UID) *request {
	if uid.IsZero() || len(o.unanswered) == 0 {
		return nil
	}
	r := o.unanswered[key(uid)]
	if r == nil || r.seq == 0 {
		return nil // what was not written cannot be answered
	}
	return r
}

// deadline returns when the oldest unanswered request is overdue.
func (o *requests) deadline() time.Time {
	for len(o.written) > 0 && o.written[0].done {
		o.written[0] = nil
		o.written = o.written[1:]
	}
	if len(o.written) == 0 {
		o.written = nil
		return time.Time{}
	}
	return o.written[0].due
}

// do queues a caller's request.
func (s *Session) do(in Do) {
	r, err := s.newRequest(in)
	if err == nil && len(s.requests.byID) >= s.config.MaxRequests {
		err = ErrTooManyRequests
	}
	if err != nil {
		s.emit(Resolve{ID: in.ID, Err: err})
		return
	}
	s.requests.byID[in.ID] = r
	s.requests.unanswered[key(r.uid)] = r
	s.requests.queued = append(s.requests.queued, r)
}

// newRequest prepares a caller's message.
func (s *Session) newRequest(in Do) (*request, error) {
	if s.requests.byID[in.ID] != nil {
		return nil, errors.New("a request with that ID is under way: the driver must not use an ID twice")
	}
	m := in.Message
	switch m.(type) {
	case protocol.Items, protocol.Ping, protocol.Raw:
	default:
		return nil, errors.New("only items, ping and raw messages have a reply to wait for; to subscribe, use Subscribe")
	}
	uid := protocol.UIDOf(m)
	if uid.IsZero() {
		uid = s.uids.next()
	} else {
		if s.uidTaken(uid) {
			return nil, ErrUIDInUse
		}
		s.uids.avoid(uid)
	}
	r := &request{id: in.ID, uid: uid, purpose: forCaller}
	switch typed := m.(type) {
	case protocol.Items:
		typed.UID = uid
		m = typed
		r.repeat = s.repeatOf(typed)
		if r.repeat == repeatCreate {
			r.create = typed
			r.again = in.Again
		}
	case protocol.Ping:
		typed.UID = uid
		m = typed
	case protocol.Raw:
		if typed.UID.IsZero() {
			return nil, errors.New("a raw message needs a uid, in its frame and in Raw.UID: without it no reply can be told from another")
		}
	}
	frame, err := protocol.Encode(m)
	if err != nil {
		return nil, err
	}
	r.kind, r.frame = m.Kind(), frame
	return r, nil
}

// repeatOf decides what a lost link means to a request. A create may be repeated
// only if every item brings its key: then a second one cannot make a second row.
func (s *Session) repeatOf(m protocol.Items) repeat {
	switch m.Action {
	case protocol.ActionRead:
		return repeatRead
	case protocol.ActionCreate:
		if len(s.keysOf(m)) > 0 {
			return repeatCreate
		}
	}
	return repeatNever
}

// keysOf returns the keys of the items that a create brings, or nil if one has none.
func (s *Session) keysOf(m protocol.Items) (keys []json.RawMessage) {
	name := s.config.PrimaryKey(m.Collection)
	for r := rows(m.Data); r.next(); {
		k := protocol.Member(r.row, name)
		if _, _, ok := keyText(k); !ok {
			return nil
		}
		keys = append(keys, k)
	}
	return keys
}

// post sends a message at once, or not at all; but while a fresh credential is on
// its way, it waits for the answer to that.
func (s *Session) post(in Post) {
	auth, signsIn := authOf(in.Message)
	wait := s.inGap() && !(signsIn && s.phase == renewing)
	uid, subscribes := subscribeOf(in.Message)
	var frame []byte
	var err error
	switch {
	case !s.phase.online() && !s.inGap():
		err = ErrNotConnected
	case subscribes && s.uidTaken(uid):
		err = ErrUIDInUse // it would take the place of that one
	case wait && len(s.requests.posts) >= s.config.MaxRequests:
		err = ErrTooManyRequests
	default:
		frame, err = protocol.Encode(in.Message)
	}
	switch {
	case err != nil:
	case wait:
		s.requests.posts = append(s.requests.posts, in)
		return
	case signsIn:
		s.signInAs(auth, frame)
	default:
		s.uids.avoid(protocol.UIDOf(in.Message))
		s.send(frame)
	}
	s.emit(Resolve{ID: in.ID, Err: err})
}

// subscribeOf returns the uid of a subscribe, typed or raw.
func subscribeOf(m protocol.Message) (uid protocol.UID, ok bool) {
	switch m := m.(type) {
	case protocol.Subscribe:
		return m.UID, true
	case protocol.Raw:
		return m.UID, m.Type == protocol.TypeSubscribe
	}
	return protocol.UID{}, false
}

// authOf returns the credential that a message brings, typed or raw.
func authOf(m protocol.Message) (auth protocol.Auth, ok bool) {
	if raw, isRaw := m.(protocol.Raw); isRaw && raw.Type == protocol.TypeAuth {
		m, _ = protocol.DecodeFromClient(raw.Frame)
	}
	auth, ok = m.(protocol.Auth)
	return auth, ok
}

// write sends what waits, subscribes first, and tells when all is caught up.
func (s *Session) write() {
	if !s.phase.online() {
		return
	}
	s.ask()
	posts := s.requests.posts
	s.requests.posts = nil
	for _, p := range posts {
		s.post(p) // one that signs in lets the rest wait again
	}
	if !s.phase.online() {
		return
	}
	for _, r := range s.requests.queued {
		if !r.done {
			s.writeRequest(r)
		}
	}
	s.requests.queued = nil
	s.settle()
}

func (s *Session) writeRequest(r *request) {
	o := &s.requests
	o.lastSeq++
	r.seq, r.postponed = o.lastSeq, false
	r.due = s.now.Add(s.config.RequestTimeout)
	o.written = append(o.written, r)
	s.send(r.frame)
}

// reply handles any other message: an answer if its uid says so.
func (s *Session) reply(m protocol.Message) {
	if r := s.requests.find(protocol.UIDOf(m)); r != nil && r.purpose != forSubscribe {
		s.answer(r, m, nil)
	}
}

// answer ends a request with its answer: a message or a refusal.
func (s *Session) answer(r *request, m protocol.Message, refusal *protocol.Error) {
	if s.inGap() && refusal != nil && refusal.Code == protocol.CodeForbidden {
		s.postpone(r)
		s.eliminate(r.kind)
		return
	}
	s.forget(r)
	switch r.purpose {
	case forCaller:
		s.answerCaller(r, m, refusal)
	case forKeys:
		s.answerKeys(r, m, refusal)
	case forSubscribe:
		s.subscribeRefused(r.sub, refusal)
	case forBaseline:
		delete(s.subs.private, key(r.uid))
		s.baselineRefused(r.sub, refusal)
	case forSnapshot:
		s.snapshotRead(r.sub, m, refusal)
	}
	s.eliminate(r.kind)
}

// inGap: the token expired and its successor is not accepted yet. The server takes
// what was written before we knew as the public's, and forbids most of it.
func (s *Session) inGap() bool { return s.phase == renewing || s.phase == reauthenticating }

// postpone puts a request that was refused in the gap, hence not carried out, back
// into the queue, before what was never written. A subscription needs nothing:
// all of them are sent again once the fresh credential is accepted.
func (s *Session) postpone(r *request) {
	o := &s.requests
	if r.sub != nil {
		s.forget(r)
		delete(s.subs.private, key(r.uid))
		return
	}
	o.written = slices.DeleteFunc(o.written, func(other *request) bool { return other == r })
	if r.cancelled {
		s.forget(r)
		return
	}
	r.seq = 0
	n := 0
	for n < len(o.queued) && o.queued[n].postponed {
		n++
	}
	r.postponed = true
	o.queued = slices.Insert(o.queued, n, r)
}

func (s *Session) answerCaller(r *request, m protocol.Message, refusal *protocol.Error) {
	switch {
	case r.cancelled:
	case refusal == nil:
		s.resolve(r, m, nil)
	case r.again && r.repeat == repeatCreate:
		s.checkKeys(r, refusal)
	default:
		s.resolve(r, nil, refusal)
	}
}

// checkKeys asks whether the row of a repeated create that was refused is there to
// be read: then the create was carried out the first time. RECORD_NOT_UNIQUE says
// so nearly; but any other refusal, of too many requests say, is of the repeat alone.
func (s *Session) checkKeys(r *request, refusal *protocol.Error) {
	keys := s.keysOf(r.create)
	read := protocol.Items{Collection: r.create.Collection, Action: protocol.ActionRead, Query: r.create.Query, UID: s.uids.next()}
	if _, many := firstByte(r.create.Data); many {
		read.IDs = keys
	} else {
		read.ID = keys[0]
	}
	frame, err := protocol.Encode(read)
	if err != nil {
		s.resolve(r, nil, refusal)
		return
	}
	check := &request{
		uid: read.UID, kind: protocol.TypeItems, frame: frame,
		purpose: forKeys, repeat: repeatRead, original: r, refusal: refusal,
	}
	s.requests.unanswered[key(check.uid)] = check
	s.requests.queued = append(s.requests.queued, check)
	s.requests.byID[r.id] = check // so that Cancel finds it
}

// answerKeys: the row is there (the create was done), or it is not (it is refused).
func (s *Session) answerKeys(check *request, m protocol.Message, refusal *protocol.Error) {
	r := check.original
	r.cancelled = r.cancelled || check.cancelled
	reply, ok := m.(protocol.Reply)
	switch {
	case ok && s.foundAll(r, reply):
		s.resolve(r, reply, nil)
	case ok, refusal != nil && refusal.Code == protocol.CodeForbidden:
		s.resolve(r, nil, check.refusal)
	default:
		s.resolve(r, nil, ErrOutcomeUnknown)
	}
}

func (s *Session) foundAll(r *request, reply protocol.Reply) bool {
	return count(reply.Data) == len(s.keysOf(r.create))
}

// resolve tells a caller the end of its request.
func (s *Session) resolve(r *request, m protocol.Message, err error) {
	delete(s.requests.byID, r.id)
	if !r.cancelled {
		r.cancelled = true
		s.emit(Resolve{ID: r.id, Reply: m, Err: err})
	}
}

// forget takes a request off the list of those that can be answered.
func (s *Session) forget(r *request) {
	r.done = true
	r.frame = nil // in written it may stay behind one that is not answered
	delete(s.requests.unanswered, key(r.uid))
	if r.purpose == forCaller {
		delete(s.requests.byID, r.id)
	}
	if r.sub != nil && r.sub.asked == r {
		r.sub.asked = nil
	}
}

// cancel forgets a caller's request. One that was written stays on the list until
// it is answered, since an error without uid may be about it.
func (o *requests) cancel(id RequestID) {
	r := o.byID[id]
	if r == nil {
		return
	}
	delete(o.byID, id)
	r.cancelled = true
	if r.original != nil {
		r.original.cancelled = true
	}
	if r.seq == 0 && r.purpose == forCaller {
		r.done = true
		delete(o.unanswered, key(r.uid))
		o.queued = slices.DeleteFunc(o.queued, func(other *request) bool { return other == r })
	}
}

// expire gives up the requests whose answer is overdue.
func (o *requests) expire(s *Session) {
	for {
		due := o.deadline()
		if due.IsZero() || s.now.Before(due) {
			return
		}
		s.overdue(o.written[0])
	}
}

func (s *Session) overdue(r *request) {
	s.giveUpDoubts(r)
	s.forget(r)
	switch r.purpose {
	case forCaller:
		s.resolve(r, nil, ErrOutcomeUnknown)
	case forKeys:
		s.resolve(r.original, nil, ErrOutcomeUnknown)
	case forSubscribe:
		s.subscribeUnanswered(r.sub)
	case forBaseline:
		s.baselineRefused(r.sub, nil)
	case forSnapshot:
		s.snapshotRead(r.sub, nil, nil)
	}
}

// cut is the end of the link. What can be asked again goes back into the queue,
// before what was never written.
func (o *requests) cut(s *Session) {
	for _, p := range o.posts {
		s.emit(Resolve{ID: p.ID, Err: ErrNotConnected})
	}
	o.posts = nil
	written := o.written
	o.written, o.doubts = nil, nil
	var again []*request
	for _, r := range written {
		if r.done {
			continue
		}
		private := r.purpose == forSubscribe || r.purpose == forBaseline || r.purpose == forSnapshot
		switch {
		case private || r.cancelled:
			s.forget(r)
		case r.repeat == repeatNever:
			s.forget(r)
			s.resolve(r, nil, ErrOutcomeUnknown)
		default:
			r.seq, r.again = 0, true
			again = append(again, r)
		}
	}
	o.queued = append(again, o.queued...)
}

// disconnect resolves everything.
func (o *requests) disconnect(s *Session) {
	pending := append(o.written, o.queued...)
	o.written, o.queued, o.doubts = nil, nil, nil
	for _, r := range pending {
		if r.done {
			continue
		}
		s.forget(r)
		err := ErrOutcomeUnknown
		if r.seq == 0 && !r.again {
			err = ErrDisconnected
		}
		switch r.purpose {
		case forCaller:
			s.resolve(r, nil, err)
		case forKeys:
			s.resolve(r.original, nil, ErrOutcomeUnknown)
		}
	}
}
