package realtime

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// This file is presence on a server that has it: join on every new connection, say
// something often enough, take in what comes.

// run keeps the presence up until it ends.
func (p *Presence) run() {
	defer close(p.done)
	defer func() { p.end(ErrClosed) }() // of nothing else, if it has not ended yet
	probe := p.probe()
	r := &messageReader{ready: make(chan struct{}, 1), wants: func(m protocol.Message) bool {
		uid := protocol.UIDOf(m)
		return uid == p.uid || uid == probe
	}}
	defer func() {
		p.c.mu.Lock()
		delete(p.c.readers, r)
		p.c.mu.Unlock()
	}()
	for refusals := 0; ; {
		l := p.online()
		if l == nil {
			return
		}
		err := p.join(r, l)
		switch {
		case errors.Is(err, errIgnored):
			p.c.mu.Lock()
			delete(p.c.readers, r)
			p.c.mu.Unlock()
			p.keepRow()
			return
		case err == nil:
			refusals = 0
			p.stay(r, l)
			p.mu.Lock()
			p.there = false
			p.mu.Unlock()
			continue
		case errors.Is(err, errAgain):
		case p.told && refusals == 0:
			// A token may just have ended, which the server says next; with a fresh one
			// the answer may be another.
			refusals++
		default:
			p.end(err)
			return
		}
		if !p.pause(presencePause) {
			return
		}
	}
}

// presencePause is how long to wait before asking again.
const presencePause = 2 * time.Second

// joinPatience is how long the answer to a join may take. There is always one, to the
// join or to the probe behind it, unless the server dropped both (a rate limit).
const joinPatience = 10 * time.Second

var (
	errIgnored = errors.New("the server ignores presence")
	errAgain   = errors.New("the join has to be sent again")
)

func (p *Presence) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// probe is the uid of what is asked behind a join: an unsubscribe of nothing, which
// every server answers.
func (p *Presence) probe() protocol.UID { return protocol.StringUID(p.uid.String() + "-probe") }

// online waits for an authenticated connection; nil = the presence has ended.
func (p *Presence) online() *link {
	for {
		p.c.mu.Lock()
		l, state, news := p.c.link, p.c.changes.last.To, p.c.changes.news
		p.c.mu.Unlock()
		if p.ctx.Err() != nil {
			return nil
		}
		if l != nil && (state == session.Resyncing || state == session.Live) {
			return l
		}
		select {
		case <-news:
		case <-p.ctx.Done():
		}
	}
}

// lost reports whether a connection is not the present one any more, and returns a
// channel that is closed when the answer may be another. (While a token is renewed the
// connection is the same, and so is the place on it.)
func (p *Presence) lost(l *link) (lost bool, news <-chan struct{}) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	switch p.c.changes.last.To {
	case session.Resyncing, session.Live, session.Authenticating:
		return p.c.link != l, p.c.changes.news
	}
	return true, nil
}

// join asks for a place and waits for the answer, which is an error unless it was given.
func (p *Presence) join(r *messageReader, l *link) error {
	p.c.mu.Lock()
	r.queue, r.behind = nil, false
	p.c.readers[r] = true
	p.c.listening++ // for the answer to the probe
	p.c.mu.Unlock()
	defer func() {
		p.c.mu.Lock()
		p.c.listening--
		p.c.mu.Unlock()
	}()
	p.mu.Lock()
	join := protocol.Presence{Action: protocol.PresenceJoin, Collection: p.collection, Item: p.item, Data: p.data,
		TTL: max(1, int(p.options.TTL.Round(time.Second)/time.Second)), UID: p.uid}
	p.mu.Unlock()
	if err := p.send(join); err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	if err := p.c.Send(protocol.Unsubscribe{UID: p.probe()}); err != nil {
		return fmt.Errorf("%w: %w", errAgain, err)
	}
	late := time.NewTimer(joinPatience)
	defer late.Stop()
	for {
		// What is lost is looked at first: then no answer can be of another connection.
		lost, news := p.lost(l)
		for _, m := range p.take(r, 1) {
			switch m := m.(type) {
			case protocol.Raw:
				if event, ok := protocol.DecodePresenceEvent(m); ok && event.Event == protocol.EventInit {
					p.mu.Lock()
					p.arrive(event.Members, event.ID)
					p.mu.Unlock()
					return nil
				}
			case *protocol.Error:
				switch {
				case m.Code == protocol.CodeRequestsExceeded:
					return errAgain
				case m.Type == protocol.TypeServer && m.Code == protocol.CodeInvalidPayload:
					return errIgnored // a server that says so of types that it does not know
				}
				return m
			case protocol.Subscription:
				return errIgnored
			}
		}
		if lost {
			return errAgain
		}
		select {
		case <-r.ready:
		case <-news:
		case <-late.C:
			return errAgain
		case <-p.ctx.Done():
			return errAgain
		}
	}
}

// take takes messages that wait, at most limit of them.
func (p *Presence) take(r *messageReader, limit int) []protocol.Message {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	n := min(limit, len(r.queue))
	taken := slices.Clone(r.queue[:n])
	r.queue = r.queue[n:]
	if len(r.queue) > 0 {
		r.wake()
	}
	return taken
}

// stay says now and then that it is still there, and takes in what comes, until it has
// to join again or the presence has ended.
func (p *Presence) stay(r *messageReader, l *link) {
	beat := time.NewTicker(p.options.TTL / 3)
	defer beat.Stop()
	for {
		lost, news := p.lost(l)
		for _, m := range p.take(r, messageLimit) {
			if !p.hear(m) {
				return
			}
		}
		p.c.mu.Lock()
		behind := r.behind
		p.c.mu.Unlock()
		if lost || behind {
			return // a join tells the difference
		}
		select {
		case <-r.ready:
		case <-news:
		case <-beat.C:
			p.send(protocol.Presence{Action: protocol.PresenceHeartbeat, UID: p.uid}) // if it is lost, so is the link
		case <-p.ctx.Done():
			return
		}
	}
}

// hear takes in one message; false = it is not there any more.
func (p *Presence) hear(m protocol.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m := m.(type) {
	case *protocol.Error:
		switch m.Code {
		case protocol.CodeRequestsExceeded, protocol.CodeLimitExceeded, protocol.CodeInvalidPayload:
			p.tell(PresenceEvent{Kind: PresenceRefused, Err: m})
			return true
		}
		return false
	case protocol.Raw:
		if m.Type == protocol.TypeBroadcast {
			if said, err := protocol.DecodeBroadcast(m); err == nil {
				from := Attendee{ID: said.From}
				if i := index(p.members, said.From); i >= 0 {
					from = p.members[i]
				}
				p.tell(PresenceEvent{Kind: PresenceSaid, Members: []Attendee{from}, Channel: said.Channel, Data: said.Data})
			}
			return true
		}
		event, ok := protocol.DecodePresenceEvent(m)
		if !ok {
			return true
		}
		if event.Event == protocol.EventInit { // of a join that was sent twice
			p.arrive(event.Members, event.ID)
			return true
		}
		for _, member := range event.Members {
			if event.Event == protocol.EventLeave && member.ID == p.id {
				return false
			}
			p.change(PresenceKind(event.Event), member)
		}
	}
	return true
}
