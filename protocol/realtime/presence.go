package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"leveret/protocol"
)

// PresenceOptions is how to be present; nil = the defaults.
type PresenceOptions struct {
	// Data is what the others are told beside who this is: anything that encodes as
	// JSON. nil = nothing.
	Data any
	// TTL is how long the others are told of this one once nothing is heard of it any
	// more; default 30 s. Our server takes 5 s to 5 min.
	TTL time.Duration
	// User is the user's id, for Table alone: a client does not know its own. "" = it is
	// not written, as where the field is filled in by the server (user-created).
	User string
	// Table is where rows stand for members on a server without presence; nil = the
	// defaults.
	Table *PresenceTable
	// NoTable leaves such a server alone: Presence then fails with ErrNoPresence.
	NoTable bool
}

// A PresenceTable is a collection of rows that stand for members, for a stock
// Directus. Whoever is to be present must be allowed to create, read, update and
// delete its own rows there, and to read those of others.
type PresenceTable struct {
	Name string // of the collection; default "presence"
	// The names of its fields; default "collection", "item", "user" and "timestamp". The
	// first two are strings, and item is null for a whole collection.
	Collection, Item, User, Timestamp string
	// Data is the name of a json field; "" = there is none, and no data is told.
	Data string
}

// Errors of presence.
var (
	// ErrNoPresence: the server ignores presence, and Options say not to use a table.
	ErrNoPresence = errors.New("the server has no presence")
	// ErrNoBroadcast: presence is kept in a table, over which nothing can be said.
	ErrNoBroadcast = errors.New("the server has no broadcasts among clients: it is a stock Directus")
	// ErrLeft ends the events after Leave.
	ErrLeft = errors.New("the presence was left")
)

// An Attendee is one who is present. ID is another one each time that it joins.
type Attendee = protocol.Attendee

// A PresenceKind is what a [PresenceEvent] tells.
type PresenceKind string

// The kinds.
const (
	PresenceInit    PresenceKind = "init"      // who is present
	PresenceJoin    PresenceKind = "join"      // somebody came
	PresenceUpdate  PresenceKind = "update"    // somebody's data or user is another
	PresenceLeave   PresenceKind = "leave"     // somebody went
	PresenceSaid    PresenceKind = "broadcast" // somebody said something
	PresenceRefused PresenceKind = "refused"   // an Update or a Broadcast was
)

// A PresenceEvent is a change among those who are present, or something said.
type PresenceEvent struct {
	Kind PresenceKind
	// Members is everybody for the init, this one included; for a join, an update and a
	// leave, whom it is about; for a broadcast, who said it.
	Members []Attendee
	Channel string          // of a broadcast; "" = none
	Data    json.RawMessage // of a broadcast; nil = none
	Gap     bool            // of an init: the consumer was slow, and missed what was told and said before
	Err     error           // of what was refused
}

// A Presence is one's being there, at an item or in a collection. It is kept up by
// itself, over lost connections too, until Leave. Its methods are safe for concurrent
// use.
type Presence struct {
	c          *Client
	collection string
	item       json.RawMessage // nil = the collection
	options    PresenceOptions
	uid        protocol.UID

	ctx    context.Context // ends with Leave, and with the client
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing is done any more
	first  chan struct{} // closed when it is there, or has failed

	mu      sync.Mutex
	data    json.RawMessage
	id      string // its own among the members, the last one while it is not there
	there   bool
	row     string // the key of its row as JSON, if it has one
	members []Attendee
	told    bool // the init
	queue   []PresenceEvent
	err     error         // the end
	ready   chan struct{} // a token: there is something in the queue, or the end
	reading bool
}

// presenceQueue is how many events wait for the consumer.
const presenceQueue = 256

// Presence joins those who are present at an item (a key: a string or an integer), or
// in a collection (item nil). It returns once this one is there, or was refused: who
// may not read the item may not be there.
//
// A stock Directus has no presence and ignores what asks for it. That is found out
// without waiting: behind the question goes one that every server answers. There, rows
// of Options.Table stand for the members, and Broadcast fails.
//
// If ctx ends before, nothing is left of it; once Presence has returned, ctx no longer
// matters.
func (c *Client) Presence(ctx context.Context, collection string, item any, options *PresenceOptions) (*Presence, error) {
	p := &Presence{c: c, collection: collection, done: make(chan struct{}), first: make(chan struct{}), ready: make(chan struct{}, 1)}
	fail := func(err error) (*Presence, error) { return nil, fmt.Errorf("presence in %s: %w", collection, err) }
	if options != nil {
		p.options = *options
	}
	if p.options.TTL <= 0 {
		p.options.TTL = 30 * time.Second
	}
	var err error
	if item != nil {
		if p.item, err = keyOf(item); err != nil {
			return fail(err)
		}
	}
	if p.data, err = presenceData(p.options.Data); err != nil {
		return fail(err)
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return fail(ErrClosed)
	}
	c.lastID++
	p.uid = protocol.StringUID(fmt.Sprint("presence-", c.lastID))
	p.ctx, p.cancel = context.WithCancel(c.ctx)
	c.wg.Go(p.run)
	c.mu.Unlock()
	select {
	case <-p.first:
	case <-ctx.Done():
		p.end(ctx.Err())
	}
	p.mu.Lock()
	err = p.err
	p.mu.Unlock()
	if err != nil {
		p.cancel()
		<-p.done
		p.send(protocol.Presence{Action: protocol.PresenceLeave, UID: p.uid}) // it may have joined meanwhile
		return fail(err)
	}
	return p, nil
}

func presenceData(data any) (json.RawMessage, error) {
	if data == nil {
		return nil, nil
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("the data: %w", err)
	}
	return text, nil
}

// ID returns the id that this one now has among the members: another one after each
// lost connection, and "" until it is back.
func (p *Presence) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.there {
		return ""
	}
	return p.id
}

// Members returns who is present, this one included, in the order in which they came;
// while the connection is lost, as it was last known.
func (p *Presence) Members() []Attendee {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.members)
}

// Events yields the init and then every change, until ctx ends (a later Events goes on
// from there), or the presence does, whose error is yielded last: ErrLeft, ErrClosed,
// or a *protocol.Error if the server ended it. After a lost connection it yields the
// difference. A consumer that is too slow for its queue of 256 gets another init, with
// Gap. One loop at a time: a second gets ErrReading.
func (p *Presence) Events(ctx context.Context) iter.Seq2[PresenceEvent, error] {
	return func(yield func(PresenceEvent, error) bool) {
		p.mu.Lock()
		busy := p.reading
		p.reading = true
		p.mu.Unlock()
		if busy {
			yield(PresenceEvent{}, fmt.Errorf("presence in %s: %w", p.collection, ErrReading))
			return
		}
		defer func() {
			p.mu.Lock()
			p.reading = false
			p.mu.Unlock()
		}()
		for ctx.Err() == nil {
			p.mu.Lock()
			var event *PresenceEvent
			if len(p.queue) > 0 {
				event = &p.queue[0]
				p.queue = p.queue[1:]
			}
			err := p.err
			p.mu.Unlock()
			switch {
			case event != nil:
				if !yield(*event, nil) {
					return
				}
				continue
			case err != nil:
				yield(PresenceEvent{}, fmt.Errorf("presence in %s: %w", p.collection, err))
				return
			}
			select {
			case <-p.ready:
			case <-ctx.Done():
			}
		}
	}
}

// Update replaces what the others are told of this one. While the connection is lost it
// only takes note: they are told once it is back.
func (p *Presence) Update(ctx context.Context, data any) error {
	text, err := presenceData(data)
	if err != nil {
		return p.failed("update", err)
	}
	p.mu.Lock()
	err = p.err
	row, there := p.row, p.there
	if err == nil {
		p.data = text
		p.setOwn(func(own *Attendee) { own.Data = text })
	}
	p.mu.Unlock()
	switch {
	case err != nil:
	case row != "":
		err = p.updateRow(ctx, row, text)
	case there:
		if err = p.send(protocol.Presence{Action: protocol.PresenceUpdate, Data: text, UID: p.uid}); errors.Is(err, ErrNotConnected) {
			err = nil
		}
	}
	return p.failed("update", err)
}

// Broadcast says something to everybody else who is present now: channel is the
// program's own name for what it is about. It waits for nothing; what the server
// refuses is a PresenceRefused among the events. Without a connection it fails with
// ErrNotConnected, on a stock Directus with ErrNoBroadcast.
func (p *Presence) Broadcast(channel string, data any) error {
	text, err := presenceData(data)
	if err == nil {
		p.mu.Lock()
		switch {
		case p.err != nil:
			err = p.err
		case p.row != "":
			err = ErrNoBroadcast
		case !p.there:
			err = ErrNotConnected
		}
		p.mu.Unlock()
	}
	if err == nil {
		err = p.send(protocol.Broadcast{Channel: channel, Data: text, UID: p.uid})
	}
	return p.failed("broadcast", err)
}

// Leave ends the presence. On a stock Directus it waits, until ctx ends at most, until
// the row is gone. A second Leave does nothing.
func (p *Presence) Leave(ctx context.Context) error {
	p.mu.Lock()
	row, there, over := p.row, p.there, p.err != nil
	p.mu.Unlock()
	if over {
		return nil
	}
	p.end(ErrLeft)
	p.cancel()
	<-p.done
	var err error
	switch {
	case row != "":
		err = p.deleteRow(ctx, row)
	case there:
		if err = p.send(protocol.Presence{Action: protocol.PresenceLeave, UID: p.uid}); errors.Is(err, ErrNotConnected) {
			err = nil
		}
	}
	return p.failed("leave", err)
}

func (p *Presence) failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s in the presence in %s: %w", doing, p.collection, err)
}

// send sends a message of presence.
func (p *Presence) send(m interface{ Raw() (protocol.Raw, error) }) error {
	raw, err := m.Raw()
	if err != nil {
		return err
	}
	return p.c.Send(raw)
}

// end makes err the end, if there is none yet.
func (p *Presence) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endLocked(err)
}

func (p *Presence) endLocked(err error) {
	if p.err == nil {
		p.err, p.there = err, false
	}
	p.started()
	p.wake()
}

// started says that Presence need not wait any more.
func (p *Presence) started() {
	select {
	case <-p.first:
	default:
		close(p.first)
	}
}

func (p *Presence) wake() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
}

// tell queues an event. The caller holds mu.
func (p *Presence) tell(e PresenceEvent) {
	if len(p.queue) >= presenceQueue {
		p.queue = nil
		e = PresenceEvent{Kind: PresenceInit, Members: slices.Clone(p.members), Gap: true}
	}
	p.queue = append(p.queue, e)
	p.wake()
}

// arrive makes members who is present, one of them with its own id, and tells the
// difference; the first time, all. Its own entry is never a difference: it has another
// id after each lost connection, and the server may know of the last one for a while.
// The caller holds mu.
func (p *Presence) arrive(members []Attendee, id string) {
	before, last := p.members, p.id
	if last != id {
		members = slices.DeleteFunc(members, func(m Attendee) bool { return m.ID == last })
	}
	p.members, p.id, p.there = members, id, true
	if !p.told {
		p.told = true
		p.tell(PresenceEvent{Kind: PresenceInit, Members: slices.Clone(members)})
		p.started()
		return
	}
	for _, old := range before {
		if old.ID != last && index(members, old.ID) < 0 {
			p.tell(PresenceEvent{Kind: PresenceLeave, Members: []Attendee{old}})
		}
	}
	for _, m := range members {
		i := index(before, m.ID)
		switch {
		case m.ID == id:
		case i < 0:
			p.tell(PresenceEvent{Kind: PresenceJoin, Members: []Attendee{m}})
		case !same(before[i], m):
			p.tell(PresenceEvent{Kind: PresenceUpdate, Members: []Attendee{m}})
		}
	}
}

// change takes in one event of others. The caller holds mu.
func (p *Presence) change(kind PresenceKind, m Attendee) {
	i := index(p.members, m.ID)
	switch {
	case kind == PresenceLeave && i < 0, kind != PresenceLeave && i >= 0 && same(p.members[i], m):
		return
	case kind == PresenceLeave:
		m = p.members[i]
		p.members = slices.Delete(slices.Clone(p.members), i, i+1)
	case i < 0:
		kind = PresenceJoin
		p.members = append(slices.Clip(p.members), m)
	default:
		kind = PresenceUpdate
		p.members = slices.Clone(p.members)
		p.members[i] = m
	}
	p.tell(PresenceEvent{Kind: kind, Members: []Attendee{m}})
}

// setOwn changes its own entry. The caller holds mu.
func (p *Presence) setOwn(set func(*Attendee)) {
	if i := index(p.members, p.id); i >= 0 {
		p.members = slices.Clone(p.members)
		set(&p.members[i])
	}
}

func index(members []Attendee, id string) int {
	return slices.IndexFunc(members, func(m Attendee) bool { return m.ID == id })
}

func same(a, b Attendee) bool { return a.User == b.User && bytes.Equal(a.Data, b.Data) }
