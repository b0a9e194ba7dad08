package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"leveret/protocol"
	"leveret/protocol/platform"
	"leveret/protocol/session"
)

// Errors of an Outbox.
var (
	ErrOutboxFull  = session.ErrOutboxFull
	ErrNoSuchWrite = session.ErrNoSuchWrite
	ErrWriteSent   = session.ErrWriteSent
	ErrDiscarded   = session.ErrDiscarded
	// ErrNoIdentity: the credential does not say whom it stands for (a refresh token
	// alone, a browser's cookie), so nothing can be kept for that person.
	ErrNoIdentity = errors.New("the credential does not say who signs in: set Options.Identity")
)

// An Outbox keeps writes until the server has answered them: over lost links, and, with
// Options.Store, over the end of the program. What becomes of a write is said at
// session.Outbox.
//
// It holds the writes of one identity, that of the credential in use; with another
// credential it holds another person's.
type Outbox struct {
	c     *Client
	store platform.Store

	// Guarded by the client's mu.
	credential Credential
	asked      bool   // a credential was seen
	scope      *scope // nil: nobody is known
	ticket     int64
	news       chan struct{} // closed, and replaced, at each change
	err        error
	ended      bool
}

// A scope is the writes of one URL and identity.
type scope struct {
	prefix  string // of the store's keys
	machine *session.Outbox
	ctx     context.Context // ends with the scope
	end     context.CancelFunc
	ops     sync.WaitGroup // what the store is at
	loaded  bool
	sent    map[string]session.RequestID
	asks    map[int64]chan session.OutboxKept
	results map[string]result // of the writes that ended last
	order   []string
	touched bool // the writes have changed, and nobody was told yet
}

type result struct {
	data json.RawMessage
	err  error
}

// maxResults bounds the results that are remembered for Wait.
const maxResults = 1024

// storePatience bounds one put or erase, also after Close.
const storePatience = 10 * time.Second

// Outbox returns the client's outbox; it is there, and sends what was left, from the
// first call on.
func (c *Client) Outbox() *Outbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.parts {
		if o, ok := p.(*Outbox); ok {
			return o
		}
	}
	o := &Outbox{c: c, store: c.options.Store, news: make(chan struct{})}
	if o.store == nil {
		o.store = platform.NewMemory()
	}
	c.attach(o)
	o.identify()
	if c.closed {
		o.ended = true
	}
	return o
}

// Create keeps a new item, a JSON object, to be created. It returns once the write is
// on disk, and does not wait for the server. Without the primary key in the item a lost
// link may leave unknown whether it was created; with one, a UUID say, it is created
// exactly once.
//
// It waits until it is known who signs in. If ctx ends before it returns, the write may
// be kept all the same.
func (o *Outbox) Create(ctx context.Context, collection string, item json.RawMessage) (session.Write, error) {
	return o.ask(ctx, session.OutboxAsk{Collection: collection, Action: protocol.ActionCreate, Data: item})
}

// Update keeps changes, a JSON object, to an item; see Create.
func (o *Outbox) Update(ctx context.Context, collection string, key, changes json.RawMessage) (session.Write, error) {
	return o.ask(ctx, session.OutboxAsk{Collection: collection, Action: protocol.ActionUpdate, Key: key, Data: changes})
}

// Delete keeps that an item is to be deleted; see Create.
func (o *Outbox) Delete(ctx context.Context, collection string, key json.RawMessage) (session.Write, error) {
	return o.ask(ctx, session.OutboxAsk{Collection: collection, Action: protocol.ActionDelete, Key: key})
}

func (o *Outbox) ask(ctx context.Context, in session.OutboxAsk) (session.Write, error) {
	fail := func(err error) (session.Write, error) {
		return session.Write{}, fmt.Errorf("outbox: %s in %s: %w", in.Action, in.Collection, err)
	}
	c := o.c
	for {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		c.mu.Lock()
		s, news := o.scope, o.news
		switch {
		case o.ended:
			c.mu.Unlock()
			return fail(ErrClosed)
		case s == nil && o.asked:
			c.mu.Unlock()
			return fail(ErrNoIdentity)
		case s == nil || !s.loaded:
			c.mu.Unlock()
			select {
			case <-news:
			case <-ctx.Done():
			}
			continue
		}
		o.ticket++
		in.Ticket = o.ticket
		told := make(chan session.OutboxKept, 1)
		s.asks[in.Ticket] = told
		o.step(s, in)
		o.finish()
		c.mu.Unlock()
		select {
		case kept := <-told:
			if kept.Err != nil {
				return fail(kept.Err)
			}
			return kept.Write, nil
		case <-ctx.Done():
			return fail(ctx.Err())
		}
	}
}

// Writes returns what is kept, in the order in which it was asked for.
func (o *Outbox) Writes() []session.Write {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	return o.writes()
}

func (o *Outbox) writes() []session.Write {
	if o.scope == nil {
		return nil
	}
	return o.scope.machine.Writes()
}

// Err returns what is wrong with the store, or nil: it cannot be read or written (which
// is tried again), or holds what cannot be read (which is left there).
func (o *Outbox) Err() error {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	return o.err
}

// Changes yields what is kept now and after every change, until ctx ends or the client
// is closed. A slow consumer sees the latest, not each.
func (o *Outbox) Changes(ctx context.Context) iter.Seq[[]session.Write] {
	return func(yield func([]session.Write) bool) {
		for ctx.Err() == nil {
			o.c.mu.Lock()
			writes, news, ended := o.writes(), o.news, o.ended
			o.c.mu.Unlock()
			if !yield(writes) || ended {
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
			}
		}
	}
}

// Wait waits until a write has been carried out, and returns the server's reply; or
// until it is refused (a *protocol.Error), its outcome unknown (ErrOutcomeUnknown) or
// it is discarded (ErrDiscarded). The results of the last 1,024 that ended are
// remembered; of an older one, or of another person's, it is ErrNoSuchWrite.
func (o *Outbox) Wait(ctx context.Context, id string) (protocol.Reply, error) {
	for {
		o.c.mu.Lock()
		reply, over, err := o.result(id)
		news, ended := o.news, o.ended
		o.c.mu.Unlock()
		switch {
		case over:
			return reply, err
		case ended:
			return protocol.Reply{}, ErrClosed
		}
		select {
		case <-news:
		case <-ctx.Done():
			return protocol.Reply{}, ctx.Err()
		}
	}
}

func (o *Outbox) result(id string) (reply protocol.Reply, over bool, err error) {
	s := o.scope
	if s == nil {
		return reply, true, ErrNoSuchWrite
	}
	if r, ok := s.results[id]; ok {
		return protocol.Reply{Data: r.data}, true, r.err
	}
	w, ok := s.machine.Write(id)
	switch {
	case !ok:
		return reply, true, ErrNoSuchWrite
	case w.Status == session.WriteUnknown:
		return reply, true, ErrOutcomeUnknown
	case w.Status == session.WriteRefused:
		return reply, true, &protocol.Error{Type: protocol.TypeItems, Code: w.Code, Message: w.Reason}
	}
	return reply, false, nil
}

// Retry has a refused write, or one whose outcome is unknown, sent again; the latter
// may so be carried out twice. It does nothing to one that waits or is under way.
func (o *Outbox) Retry(id string) error {
	return o.decide(id, session.OutboxRetry{ID: id}, func(session.Write) error { return nil })
}

// Discard forgets a write. One that is under way cannot be called back: ErrWriteSent.
func (o *Outbox) Discard(id string) error {
	return o.decide(id, session.OutboxDiscard{ID: id}, func(w session.Write) error {
		if w.Status == session.WriteSent {
			return ErrWriteSent
		}
		return nil
	})
}

func (o *Outbox) decide(id string, in session.OutboxInput, check func(session.Write) error) error {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if o.ended {
		return ErrClosed
	}
	if o.scope == nil {
		return ErrNoSuchWrite
	}
	w, ok := o.scope.machine.Write(id)
	if !ok {
		return ErrNoSuchWrite
	}
	if err := check(w); err != nil {
		return err
	}
	o.step(o.scope, in)
	o.finish()
	return nil
}

// identify takes the writes of whoever signs in now, under the lock.
func (o *Outbox) identify() {
	credential, asked := o.c.session.Credential()
	fixed := o.c.options.Identity != ""
	if o.ended || o.scope != nil && fixed || asked == o.asked && credential == o.credential && !(fixed && o.scope == nil) {
		return
	}
	o.credential, o.asked = credential, asked
	prefix := ""
	if identity := o.c.options.identity(credential); identity != "" && (asked || fixed) {
		prefix = "outbox/" + hashOf(o.c.url+"\n"+identity) + "/"
	}
	if s := o.scope; s != nil {
		if s.prefix == prefix {
			return
		}
		o.leave(ErrNoSuchWrite)
	}
	if prefix != "" {
		o.enter(prefix)
	}
	o.announce()
}

func (o *Outbox) enter(prefix string) {
	s := &scope{
		prefix:  prefix,
		machine: session.NewOutbox(session.OutboxConfig{Rand: rand.Float64, PrimaryKey: o.c.options.PrimaryKey}),
		sent:    map[string]session.RequestID{},
		asks:    map[int64]chan session.OutboxKept{},
		results: map[string]result{},
	}
	s.ctx, s.end = context.WithCancel(o.c.ctx)
	o.scope = s
	o.c.wg.Go(func() { o.keepOpen(s) })
}

// leave lets go of the scope: what is under way is not waited for.
func (o *Outbox) leave(err error) {
	s := o.scope
	o.scope = nil
	for _, id := range s.sent {
		o.c.unask(id)
	}
	for _, told := range s.asks {
		told <- session.OutboxKept{Err: err}
	}
	clear(s.asks)
	s.end()
}

// keepOpen loads a scope, and holds its lock until the scope ends and the store is at
// rest.
func (o *Outbox) keepOpen(s *scope) {
	if name := o.c.options.StoreLock; name != "" {
		lock, err := platform.Acquire(s.ctx, name+"-"+s.prefix[len("outbox/"):len(s.prefix)-1])
		switch {
		case err == nil:
			defer lock.Release()
		case s.ctx.Err() != nil:
			return
		case !errors.Is(err, platform.ErrNoLock):
			o.trouble(s, fmt.Errorf("outbox: %w", err))
			return
		}
	}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		values, err := o.list(s)
		if err == nil {
			o.loaded(s, values)
			break
		}
		o.trouble(s, fmt.Errorf("outbox: read the store: %w", err))
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return
		}
	}
	<-s.ctx.Done()
	s.ops.Wait()
}

func (o *Outbox) list(s *scope) (values []session.StoredWrite, err error) {
	keys, err := o.store.List(s.ctx, s.prefix)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		value, err := o.store.Get(s.ctx, key)
		if errors.Is(err, platform.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		values = append(values, session.StoredWrite{ID: key[len(s.prefix):], Value: value})
	}
	return values, nil
}

func (o *Outbox) trouble(s *scope, err error) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if o.scope == s {
		o.err = err
		o.announce()
	}
}

func (o *Outbox) loaded(s *scope, values []session.StoredWrite) {
	o.c.mu.Lock()
	defer o.c.mu.Unlock()
	if o.scope != s {
		return
	}
	o.err = nil
	s.loaded = true
	o.step(s, session.OutboxLoaded{Values: values})
	if n := len(s.machine.Unreadable()); n > 0 {
		o.err = fmt.Errorf("outbox: %d of the kept writes cannot be read, and are left where they are", n)
	}
	o.step(s, session.OutboxLink{State: o.c.session.State()})
	o.finish()
	o.announce()
}

// step tells the machine what happened and carries out what it decided, under the
// lock. Outside a step of the client follow it by finish.
func (o *Outbox) step(s *scope, in session.OutboxInput) {
	for _, effect := range s.machine.Step(time.Now(), in) {
		switch e := effect.(type) {
		case session.OutboxPut:
			o.storing(s, e.ID, func(ctx context.Context) error { return o.store.Put(ctx, s.prefix+e.ID, e.Value) })
		case session.OutboxErase:
			o.storing(s, e.ID, func(ctx context.Context) error { return o.store.Delete(ctx, s.prefix+e.ID) })
		case session.OutboxSend:
			o.send(s, e)
		case session.OutboxRecall:
			if id, ok := s.sent[e.ID]; ok {
				delete(s.sent, e.ID)
				o.c.unask(id)
			}
		case session.OutboxKept:
			if told, ok := s.asks[e.Ticket]; ok {
				delete(s.asks, e.Ticket)
				told <- e
			}
		case session.OutboxSettled:
			o.settled(s, e)
		case session.OutboxChanged:
			s.touched = true
		}
	}
}

// finish runs what was decided outside a step of the client.
func (o *Outbox) finish() {
	o.c.run()
	o.settle(time.Now())
}

// storing runs one operation. It is not cut short by Close, after which the store is
// its owner's: the wait for it is bounded.
func (o *Outbox) storing(s *scope, id string, work func(context.Context) error) {
	s.ops.Add(1)
	o.c.wg.Go(func() {
		defer s.ops.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), storePatience)
		defer cancel()
		err := work(ctx)
		o.c.mu.Lock()
		defer o.c.mu.Unlock()
		if o.scope != s || o.ended {
			return
		}
		if err != nil {
			o.err = fmt.Errorf("outbox: write to the store: %w", err)
		}
		o.step(s, session.OutboxStored{ID: id, Err: err})
		o.finish()
	})
}

func (o *Outbox) send(s *scope, e session.OutboxSend) {
	var id session.RequestID
	id = o.c.ask(e.Message, e.Again, func(reply protocol.Reply, err error) {
		if o.scope != s || s.sent[e.ID] != id {
			return
		}
		delete(s.sent, e.ID)
		o.step(s, session.OutboxAnswered{ID: e.ID, Data: reply.Data, Err: err})
	})
	s.sent[e.ID] = id
}

func (o *Outbox) settled(s *scope, e session.OutboxSettled) {
	id := e.Write.ID
	if e.Err == nil || errors.Is(e.Err, ErrDiscarded) {
		s.results[id] = result{e.Data, e.Err}
		s.order = append(s.order, id)
		if len(s.order) > maxResults {
			delete(s.results, s.order[0])
			s.order = s.order[1:]
		}
	}
}

func (o *Outbox) announce() {
	close(o.news)
	o.news = make(chan struct{})
}

// The part of it.

func (o *Outbox) changed(ch Change) {
	if s := o.scope; s != nil {
		o.step(s, session.OutboxLink{State: ch.To})
	}
}

func (o *Outbox) settle(time.Time) {
	o.identify()
	if s := o.scope; s != nil && s.touched {
		s.touched = false
		o.announce()
	}
}

func (o *Outbox) deadline() time.Time {
	if o.scope == nil {
		return time.Time{}
	}
	return o.scope.machine.Deadline()
}

func (o *Outbox) tick(time.Time) {
	if o.scope != nil {
		o.step(o.scope, session.OutboxTick{})
	}
}

func (o *Outbox) end() {
	o.ended = true
	if s := o.scope; s != nil {
		for _, told := range s.asks {
			told <- session.OutboxKept{Err: ErrClosed}
		}
		clear(s.asks)
		s.end()
	}
	o.announce()
}
