package session

import (
	"time"

	"leveret/protocol"
)

// A Session is one client's connection over its whole life, through any number of
// sockets. It is not safe for concurrent use; its driver holds a lock.
type Session struct {
	config Config

	// Of the present step.
	now     time.Time
	effects []Effect
	quiet   bool // of the protocol's own messages no Arrived is wanted
	steps   int64

	phase phase
	state State // as last told
	cause Cause
	epoch int       // of the latest attempt
	due   time.Time // when the phase ends by itself; zero = never

	backoff  backoff
	auth     auth
	liveness liveness
	requests requests
	subs     subscriptions
	uids     uids
}

// New returns an idle session. It panics if config.Rand is nil.
func New(config Config) *Session {
	s := &Session{config: config.withDefaults(), state: Idle}
	s.uids = uids{prefix: s.config.UIDPrefix}
	s.requests.unanswered = map[protocol.UID]*request{}
	s.requests.byID = map[RequestID]*request{}
	s.subs.byID = map[SubID]*subscription{}
	s.subs.byUID = map[protocol.UID]*subscription{}
	s.subs.private = map[protocol.UID]*request{}
	return s
}

// A phase is a state with the steps inside it told apart: what exactly the
// session waits for.
type phase int

const (
	idle phase = iota
	// fetching: an attempt has begun; the credential is awaited.
	fetching
	// dialing: the socket is awaited.
	dialing
	// authenticating: the socket is open, the credential was sent, its answer is awaited.
	authenticating
	// renewing: the token of an open connection expired; a fresh credential is awaited.
	renewing
	// reauthenticating: the fresh credential was sent over the open connection.
	reauthenticating
	resyncing
	live
	waiting
	needsAuth
	closed
	// between: the socket has just ended and this step has not yet said what is
	// next. No step ends here.
	between
)

// stateOf is the one vocabulary: what each phase is called outside.
var stateOf = [between]State{
	idle:             Idle,
	fetching:         Dialing,
	dialing:          Dialing,
	authenticating:   Authenticating,
	renewing:         Authenticating,
	reauthenticating: Authenticating,
	resyncing:        Resyncing,
	live:             Live,
	waiting:          Waiting,
	needsAuth:        NeedsAuth,
	closed:           Closed,
}

// hasSocket: an epoch's Dial is under way or done, and a Hangup would end it.
func (p phase) hasSocket() bool { return p == dialing || p.linked() }

// linked: the socket is open.
func (p phase) linked() bool { return p >= authenticating && p <= live }

// online: authenticated, and nothing holds the writer back.
func (p phase) online() bool { return p == resyncing || p == live }

// State returns the present state.
func (s *Session) State() State { return s.state }

// Cause returns why the session is in its present state.
func (s *Session) Cause() Cause { return s.cause }

// Deadline returns when to Tick; zero means never. A time that has passed means
// at once. Step and Take may both change it.
func (s *Session) Deadline() time.Time {
	if s.subs.drained && s.phase.online() {
		return s.now // a subscription fell behind and its consumer caught up: ask again now
	}
	d := s.due
	if s.phase.online() {
		d = earlier(d, s.liveness.deadline(&s.config))
	}
	if s.phase.linked() {
		d = earlier(d, s.requests.deadline())
		d = earlier(d, s.subs.askAgain)
	}
	return d
}

// earlier returns the earlier of two deadlines, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Step tells the session what happened and returns what to do about it, in order.
func (s *Session) Step(now time.Time, in Input) []Effect {
	s.now, s.effects = now, nil
	s.steps++
	switch in := in.(type) {
	case Connect:
		s.connect()
	case Disconnect:
		s.disconnect()
	case GotCredential:
		if in.Epoch == s.epoch {
			s.gotCredential(in)
		}
	case Dialed:
		if in.Epoch == s.epoch && s.phase == dialing {
			s.dialed(in.Err)
		}
	case Received:
		if in.Epoch == s.epoch && s.phase.linked() {
			s.received(in)
		}
	case Lost:
		if in.Epoch == s.epoch && s.phase.hasSocket() {
			s.lost(in)
		}
	case Probed:
		if in.Epoch == s.epoch && s.phase == waiting {
			s.probed(in.Err)
		}
	case Wake:
		s.wake(in.Why)
	case Tick:
		s.tick()
	case Do:
		s.do(in)
	case Cancel:
		s.requests.cancel(in.ID)
	case Post:
		s.post(in)
	case Subscribe:
		s.subscribe(in)
	case Unsubscribe:
		s.unsubscribe(in.ID)
	}
	s.write()
	effects := s.effects
	s.effects = nil
	return effects
}

// tick does what is due.
func (s *Session) tick() {
	if s.phase.linked() {
		s.requests.expire(s)
		if s.subs.due(s.now) {
			s.askAgain()
		}
	}
	if s.phase.online() {
		s.checkLiveness()
	}
	if s.due.IsZero() || s.now.Before(s.due) {
		return
	}
	switch s.phase {
	case fetching:
		s.failAttempt(Cause{Reason: ReasonCredentialTimeout, Detail: "The credential did not arrive in time."})
	case dialing:
		s.backoff.upgrades++
		s.failAttempt(Cause{Reason: ReasonDialTimeout, Detail: "The server did not accept the connection in time."})
	case authenticating, reauthenticating:
		s.failAttempt(Cause{Reason: ReasonAuthTimeout, Detail: "The server did not answer the credential."})
	case renewing:
		s.failAttempt(Cause{Reason: ReasonCredentialTimeout, Detail: "The token expired and a fresh credential did not arrive in time."})
	case waiting:
		s.begin(Cause{Reason: ReasonRetry})
	}
}

// wake hurries: the machine may have slept, or changed its network.
func (s *Session) wake(why string) {
	switch s.phase {
	case waiting:
		s.begin(Cause{Reason: ReasonWake, Detail: why})
	case resyncing, live:
		s.probeLink()
	}
}

// received takes frames in, oldest first. Any frame is a sign of life.
func (s *Session) received(in Received) {
	if len(in.Frames) == 0 {
		return
	}
	s.liveness.heard(s.now)
	s.quiet = in.Quiet
	if !s.quiet {
		s.effects = make([]Effect, 0, 2*len(in.Frames)+2)
	}
	for _, frame := range in.Frames {
		if !s.phase.linked() {
			return // a frame before this one ended the connection
		}
		s.frame(frame)
	}
}

// frame handles one frame.
func (s *Session) frame(frame []byte) {
	if s.quiet {
		if m, ok := protocol.DecodeSubscription(frame); ok {
			if !s.privateSubscription(&m) {
				s.subscriptionFrame(&m)
			}
			return
		}
	}
	m := protocol.DecodeFromServer(frame)
	if _, ok := m.(protocol.Ping); ok && !s.config.IgnorePings {
		s.pong()
		return
	}
	if s.private(m) {
		return
	}
	if !s.quiet || beyond(m) {
		s.emit(Arrived{Message: m, Frame: frame})
	}
	switch m := m.(type) {
	case protocol.Subscription:
		s.subscriptionFrame(&m)
	case protocol.AuthOK:
		s.authOK(m)
	case *protocol.Error:
		s.errorFrame(m)
	default:
		s.reply(m)
	}
}

// beyond reports whether a message may be one of a server's own extensions, for which
// somebody listens who has no use for the rest.
func beyond(m protocol.Message) bool {
	switch m.(type) {
	case protocol.Raw, *protocol.Error:
		return true
	}
	return false
}

// errorFrame finds out whose error it is.
func (s *Session) errorFrame(e *protocol.Error) {
	if r := s.requests.find(e.UID); r != nil {
		s.answer(r, nil, e)
		return
	}
	switch {
	case e.Type == protocol.TypeAuth:
		s.authError(e)
	case e.UID.IsZero():
		s.unattributed(e)
	}
}

// enter goes to a phase, tells of it if the state has another name, and gives it
// a time to end; zero = none.
func (s *Session) enter(p phase, c Cause, due time.Time) {
	from, to := s.state, stateOf[p]
	s.phase, s.state, s.due = p, to, due
	if from == to && p != waiting {
		return
	}
	s.cause = c
	change := Changed{From: from, To: to, Cause: c}
	if p == waiting {
		change.Next = due
	}
	s.emit(change)
}

func (s *Session) emit(e Effect) { s.effects = append(s.effects, e) }

func (s *Session) send(frame []byte) { s.emit(Send{Epoch: s.epoch, Frame: frame}) }

// sendMessage sends a message of the session's own making.
func (s *Session) sendMessage(m protocol.Message) {
	frame, err := protocol.Encode(m)
	if err != nil {
		return // its payloads were checked when they came in
	}
	s.send(frame)
}
