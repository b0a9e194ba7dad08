package session

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"leveret/protocol"
)

// An Outbox decides what becomes of writes that are kept until the server has answered
// them. It is a pure machine beside the Session: its driver keeps what it is told to
// keep, sends what it is told to send, and says what came of that.
//
// A write is on disk before its caller is told that it is kept, and marked as sent on
// disk before it is sent. So after a crash, or a lost link, what is marked and
// unanswered may have been carried out. A create that brings its primary key is then
// sent again (Do.Again); any other write becomes [WriteUnknown] and is never repeated by
// itself. Writes to one item are sent in the order in which they were asked for, each
// once the one before it is answered; what follows one whose outcome is unknown, or a
// create that was refused, waits for a person to retry or discard that.
type Outbox struct {
	config OutboxConfig

	// Of the present step.
	now     time.Time
	effects []OutboxEffect

	loaded     bool
	live       bool
	entries    []*pending // in order of ID
	active     []*pending // marked as sent, or about to be
	byID       map[string]*pending
	lines      map[string]*line
	unreadable []string
	turn       int64
	lastMilli  int64 // of the last ID
	lastCount  int64
	pauses     int
	paused     time.Time // nothing is sent before; zero = nothing holds it up
}

// An OutboxConfig is an Outbox's settings. The zero value of a field is its default.
type OutboxConfig struct {
	// Rand returns a number in [0, 1): for IDs and pauses. Required.
	Rand func() float64
	// PrimaryKey names a collection's primary key. Default: "id" for all.
	PrimaryKey  func(collection string) string
	MaxWrites   int // that are kept; default 10,000
	MaxInFlight int // that are unanswered; default 16
}

// Errors of an Outbox.
var (
	ErrOutboxFull  = errors.New("the outbox is full: too many writes wait to be sent")
	ErrNoSuchWrite = errors.New("the outbox has no such write")
	ErrWriteSent   = errors.New("the write was sent: wait for its answer")
	ErrDiscarded   = errors.New("the write was discarded")
)

// A pending write is one that is kept.
type pending struct {
	write   Write
	line    *line
	ticket  int64       // of the caller who waits for it to be kept; 0 = none
	disk    WriteStatus // as the last finished put left it; "" = none has
	putting WriteStatus // as the put under way will; "" = it is an erase
	busy    bool        // the store works on it
	dirty   bool        // and is to once more
	flight  bool        // sent over the present link, not answered yet
	again   bool        // it may have been carried out before
	ended   bool        // it is only there to be erased
}

// A line is what is asked of one item.
type line struct {
	key     string
	entries int
	turn    int64 // the turn of sending in which it had its say
}

// An OutboxInput is something that happened.
type OutboxInput interface{ outboxInput() }

// The inputs.
type (
	// OutboxLoaded: what the store has, once. Nothing is taken or sent before.
	OutboxLoaded struct{ Values []StoredWrite }
	// OutboxAsk asks for a write. Its end is one OutboxKept with that Ticket, which is
	// not 0.
	OutboxAsk struct {
		Ticket     int64
		Collection string
		Action     protocol.Action // create, update or delete
		Key        json.RawMessage // of an update or delete
		Data       json.RawMessage // an object; of a create or update
	}
	// OutboxStored answers OutboxPut and OutboxErase.
	OutboxStored struct {
		ID  string
		Err error
	}
	// OutboxLink: the session's state is now this. It comes after the answers that
	// came before.
	OutboxLink struct{ State State }
	// OutboxAnswered answers OutboxSend, as a Resolve does.
	OutboxAnswered struct {
		ID   string
		Data json.RawMessage
		Err  error
	}
	// OutboxRetry has a refused write, or one whose outcome is unknown, sent again.
	OutboxRetry struct{ ID string }
	// OutboxDiscard forgets a write that is not under way.
	OutboxDiscard struct{ ID string }
	// OutboxTick: Deadline has come. It is harmless at any other time.
	OutboxTick struct{}
)

func (OutboxLoaded) outboxInput()   {}
func (OutboxAsk) outboxInput()      {}
func (OutboxStored) outboxInput()   {}
func (OutboxLink) outboxInput()     {}
func (OutboxAnswered) outboxInput() {}
func (OutboxRetry) outboxInput()    {}
func (OutboxDiscard) outboxInput()  {}
func (OutboxTick) outboxInput()     {}

// An OutboxEffect is something to do, in the order in which Step returns them.
type OutboxEffect interface{ outboxEffect() }

// The effects.
type (
	// OutboxPut: keep the value under the ID; answer with OutboxStored. There is never
	// more than one put or erase of an ID under way.
	OutboxPut struct {
		ID    string
		Value []byte
	}
	// OutboxErase: forget the value; answer with OutboxStored.
	OutboxErase struct{ ID string }
	// OutboxSend: send the message as a Do; answer with OutboxAnswered.
	OutboxSend struct {
		ID      string
		Message protocol.Items
		Again   bool
	}
	// OutboxRecall: Cancel what was sent; it has no answer any more.
	OutboxRecall struct{ ID string }
	// OutboxKept answers OutboxAsk: the write is on disk, or could not be.
	OutboxKept struct {
		Ticket int64
		Write  Write
		Err    error
	}
	// OutboxSettled: a write was carried out (Err is nil, Data the server's item),
	// refused (a *protocol.Error), left unanswered (ErrOutcomeUnknown) or discarded
	// (ErrDiscarded). It comes before the OutboxChanged that shows it.
	OutboxSettled struct {
		Write Write
		Data  json.RawMessage
		Err   error
	}
	// OutboxChanged: the writes of that collection have changed.
	OutboxChanged struct{ Collection string }
)

func (OutboxPut) outboxEffect()     {}
func (OutboxErase) outboxEffect()   {}
func (OutboxSend) outboxEffect()    {}
func (OutboxRecall) outboxEffect()  {}
func (OutboxKept) outboxEffect()    {}
func (OutboxSettled) outboxEffect() {}
func (OutboxChanged) outboxEffect() {}

// NewOutbox returns an empty outbox. It panics if config.Rand is nil.
func NewOutbox(config OutboxConfig) *Outbox {
	if config.Rand == nil {
		panic("session: OutboxConfig.Rand is required, for example math/rand/v2.Float64")
	}
	if config.PrimaryKey == nil {
		config.PrimaryKey = func(string) string { return "id" }
	}
	setInt(&config.MaxWrites, 10_000)
	setInt(&config.MaxInFlight, 16)
	return &Outbox{config: config, byID: map[string]*pending{}, lines: map[string]*line{}}
}

// Writes returns the writes that are kept, in the order in which they were asked for.
func (o *Outbox) Writes() []Write {
	out := make([]Write, 0, len(o.entries))
	for _, e := range o.entries {
		out = append(out, e.write)
	}
	return out
}

// Write returns one that is kept.
func (o *Outbox) Write(id string) (w Write, ok bool) {
	if e := o.byID[id]; e != nil && !e.ended {
		return e.write, true
	}
	return Write{}, false
}

// Unreadable returns the IDs of what the store has and nobody can read. It stays there.
func (o *Outbox) Unreadable() []string { return o.unreadable }

// Deadline returns when to tick; zero means never.
func (o *Outbox) Deadline() time.Time { return o.paused }

// Step tells the outbox what happened and returns what to do about it, in order.
func (o *Outbox) Step(now time.Time, in OutboxInput) []OutboxEffect {
	o.now, o.effects = now, nil
	switch in := in.(type) {
	case OutboxLoaded:
		o.load(in.Values)
	case OutboxAsk:
		o.ask(in)
	case OutboxStored:
		o.stored(in)
	case OutboxLink:
		o.link(in.State)
	case OutboxAnswered:
		o.answered(in)
	case OutboxRetry:
		if e := o.byID[in.ID]; e != nil && !e.ended && !e.write.Shows() {
			o.set(e, WriteQueued, "", "")
			o.keep(e)
		}
	case OutboxDiscard:
		if e := o.byID[in.ID]; e != nil && !e.ended && e.write.Status != WriteSent {
			o.end(e, nil, ErrDiscarded)
		}
	}
	if !o.paused.IsZero() && !now.Before(o.paused) {
		o.paused = time.Time{}
		for _, e := range inOrder(o.byID) {
			if e.dirty && !e.busy {
				o.keep(e)
			}
		}
	}
	o.pump()
	effects := o.effects
	o.effects = nil
	return effects
}

func inOrder(byID map[string]*pending) []*pending {
	out := make([]*pending, 0, len(byID))
	for _, e := range byID {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *pending) int { return strings.Compare(a.write.ID, b.write.ID) })
	return out
}

func (o *Outbox) emit(e OutboxEffect) { o.effects = append(o.effects, e) }

// load takes over what an earlier run left. What that had marked as sent may have been
// carried out.
func (o *Outbox) load(values []StoredWrite) {
	if o.loaded {
		return
	}
	o.loaded = true
	for _, v := range values {
		w, err := DecodeWrite(v.ID, v.Value)
		if err != nil || o.byID[v.ID] != nil {
			o.unreadable = append(o.unreadable, v.ID)
			continue
		}
		o.lastMilli, o.lastCount = max(o.lastMilli, milliOf(v.ID)), maxCount // so the next is of a later millisecond
		e := o.add(w)
		e.disk = w.Status
		switch {
		case w.Status != WriteSent:
		case o.repeatable(w):
			e.again = true
			o.active = append(o.active, e)
		default:
			o.unsure(e)
		}
		o.emit(OutboxChanged{w.Collection})
	}
}

// repeatable: a second create with that key cannot make a second item.
func (o *Outbox) repeatable(w Write) bool { return w.Action == protocol.ActionCreate && w.Key != nil }

// add files a write in its place.
func (o *Outbox) add(w Write) *pending {
	name := w.ID // a create whose key the server makes is like no other
	if text, _, ok := keyText(w.Key); ok {
		name = w.Collection + "\x00" + text
	}
	l := o.lines[name]
	if l == nil {
		l = &line{key: name}
		o.lines[name] = l
	}
	l.entries++
	e := &pending{write: w, line: l}
	o.byID[w.ID] = e
	at, _ := o.place(w.ID)
	o.entries = slices.Insert(o.entries, at, e)
	return e
}

func (o *Outbox) place(id string) (int, bool) {
	return slices.BinarySearchFunc(o.entries, id, func(e *pending, id string) int { return strings.Compare(e.write.ID, id) })
}

// ask takes a new write.
func (o *Outbox) ask(in OutboxAsk) {
	w := Write{Collection: in.Collection, Action: in.Action, Key: in.Key, Data: in.Data, At: o.now, Status: WriteQueued}
	err := o.check(&w)
	if err != nil {
		o.emit(OutboxKept{Ticket: in.Ticket, Write: w, Err: err})
		return
	}
	w.ID = o.nextID()
	e := o.add(w)
	e.ticket = in.Ticket
	e.dirty = true
	o.pump() // which may mark it as sent at once: then that is one put
	if !e.busy {
		o.keep(e)
	}
	o.emit(OutboxChanged{w.Collection})
}

func (o *Outbox) check(w *Write) error {
	object := func(raw json.RawMessage) bool {
		c, array := firstByte(raw)
		return c == '{' && !array && protocol.Valid(raw)
	}
	switch {
	case !o.loaded:
		return errors.New("the outbox is not loaded yet")
	case len(o.byID) >= o.config.MaxWrites:
		return ErrOutboxFull
	case w.Collection == "":
		return errors.New("a write needs a collection")
	case w.Action == protocol.ActionCreate && object(w.Data):
		w.Key = nil
		key := protocol.Member(w.Data, o.config.PrimaryKey(w.Collection))
		if text, _, ok := keyText(key); ok && text != "" && text != "0" {
			w.Key = key
		}
		return nil
	case w.Action == protocol.ActionCreate, w.Action == protocol.ActionUpdate && !object(w.Data):
		return errors.New("the item must be a JSON object")
	case w.Action != protocol.ActionUpdate && w.Action != protocol.ActionDelete:
		return errors.New("a write is a create, an update or a delete")
	}
	if text, _, ok := keyText(w.Key); !ok || text == "" || !protocol.Valid(w.Key) {
		return errors.New("the key must be a string or a number")
	}
	return nil
}

// keep has the store hold what the write is now.
func (o *Outbox) keep(e *pending) {
	if e.busy {
		e.dirty = true
		return
	}
	e.busy, e.dirty = true, false
	if e.ended {
		e.putting = ""
		o.emit(OutboxErase{e.write.ID})
		return
	}
	e.putting = e.write.Status
	o.emit(OutboxPut{e.write.ID, EncodeWrite(e.write)})
}

func (o *Outbox) stored(in OutboxStored) {
	e := o.byID[in.ID]
	if e == nil || !e.busy {
		return
	}
	e.busy = false
	switch {
	case in.Err != nil && e.ticket != 0:
		// It is not kept, and its caller is told so; in case that it is there after all, it
		// is taken away.
		o.emit(OutboxKept{Ticket: e.ticket, Write: e.write, Err: in.Err})
		e.ticket = 0
		o.end(e, nil, in.Err)
		return
	case in.Err != nil:
		e.dirty = true
		o.pause()
		return
	case e.putting == "" && e.ended:
		delete(o.byID, in.ID)
		return
	}
	e.disk = e.putting
	if e.ticket != 0 {
		o.emit(OutboxKept{Ticket: e.ticket, Write: e.write})
		e.ticket = 0
	}
	if e.dirty {
		o.keep(e)
	}
}

// set gives a write another status.
func (o *Outbox) set(e *pending, status WriteStatus, code protocol.Code, reason string) {
	e.write.Status, e.write.Code, e.write.Reason = status, code, reason
	if i := slices.Index(o.active, e); i >= 0 && status != WriteSent {
		o.active = slices.Delete(o.active, i, i+1)
	}
	o.emit(OutboxChanged{e.write.Collection})
}

// end takes a write off the list: it was carried out, or discarded.
func (o *Outbox) end(e *pending, data json.RawMessage, err error) {
	o.emit(OutboxSettled{Write: e.write, Data: data, Err: err})
	if at, ok := o.place(e.write.ID); ok {
		o.entries = slices.Delete(o.entries, at, at+1)
	}
	if e.line.entries--; e.line.entries == 0 {
		delete(o.lines, e.line.key)
	}
	e.ended = true
	o.set(e, WriteQueued, "", "")
	o.keep(e)
}

// unsure: nobody knows whether it was carried out.
func (o *Outbox) unsure(e *pending) {
	o.emit(OutboxSettled{Write: e.write, Err: ErrOutcomeUnknown})
	o.set(e, WriteUnknown, "", "It was sent and not answered: it may have been carried out.")
	o.keep(e)
}

// requeue: it was certainly not carried out.
func (o *Outbox) requeue(e *pending) {
	e.again = false
	o.set(e, WriteQueued, "", "")
	o.keep(e)
}

// link follows the session. While the link is up, answers may still come.
func (o *Outbox) link(state State) {
	o.live = state == Live
	switch state {
	case Live, Resyncing, Authenticating:
		return
	}
	for _, e := range slices.Clone(o.active) {
		switch {
		case !e.flight && !e.again:
			o.requeue(e) // marked, and not sent
			continue
		case !e.flight:
			continue
		}
		e.flight = false
		o.emit(OutboxRecall{e.write.ID})
		if e.again = o.repeatable(e.write); !e.again {
			o.unsure(e)
		}
	}
}

func (o *Outbox) answered(in OutboxAnswered) {
	e := o.byID[in.ID]
	if e == nil || !e.flight {
		return
	}
	e.flight = false
	var refusal *protocol.Error
	switch {
	case in.Err == nil:
		o.pauses = 0
		o.end(e, in.Data, nil)
	case errors.Is(in.Err, ErrOutcomeUnknown):
		if o.repeatable(e.write) {
			e.again = true
			o.pause()
			return
		}
		o.unsure(e)
	case errors.Is(in.Err, protocol.CodeRequestsExceeded), errors.Is(in.Err, protocol.CodeServiceUnavailable):
		o.requeue(e)
		o.pause()
	case errors.Is(in.Err, ErrDisconnected), errors.Is(in.Err, ErrTooManyRequests):
		if !e.again {
			o.requeue(e)
		}
		o.pause()
	default:
		e.again = false
		var code protocol.Code
		reason := in.Err.Error()
		if errors.As(in.Err, &refusal) {
			code, reason = refusal.Code, refusal.Message
		}
		o.emit(OutboxSettled{Write: e.write, Err: in.Err})
		o.set(e, WriteRefused, code, reason)
		o.keep(e)
	}
}

// pause lets a server, or a disk, that is in trouble come to itself: a second,
// doubling to a minute.
func (o *Outbox) pause() {
	wait := time.Second << min(o.pauses, 6)
	o.pauses++
	wait = min(wait, time.Minute)
	at := o.now.Add(wait/2 + time.Duration(o.config.Rand()*float64(wait/2)))
	if o.paused.IsZero() || at.After(o.paused) {
		o.paused = at
	}
}

// pump sends what is due.
func (o *Outbox) pump() {
	if !o.live || !o.loaded || !o.paused.IsZero() {
		return
	}
	o.turn++
	for _, e := range o.active {
		e.line.turn = o.turn
		if !e.flight && !e.busy && !e.dirty && e.disk == WriteSent {
			e.flight = true
			w := e.write
			m := protocol.Items{Collection: w.Collection, Action: w.Action, Data: w.Data}
			if w.Action != protocol.ActionCreate {
				m.ID = w.Key
			}
			o.emit(OutboxSend{ID: w.ID, Message: m, Again: e.again})
		}
	}
	for _, e := range o.entries {
		if len(o.active) >= o.config.MaxInFlight {
			return
		}
		w := &e.write
		if e.line.turn == o.turn || w.Status == WriteRefused && w.Action != protocol.ActionCreate {
			continue
		}
		e.line.turn = o.turn
		if w.Status == WriteQueued && !e.busy {
			o.active = append(o.active, e)
			o.set(e, WriteSent, "", "")
			o.keep(e)
		}
	}
}
