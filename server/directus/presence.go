package directus

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"leveret/protocol"
)

// This file is who else is there: rooms, one for an item or a collection, whose
// members see each other and talk to each other. A stock Directus ignores these
// messages; package protocol says what they are.
//
// Who may read the item may be in its room, and only as long: before a member is
// told anything it is checked, by its present identity, the present permissions and
// the row as it is now. Who fails is put out.

// The bounds of rooms.
const (
	defaultTTL = 30 // seconds
	minTTL     = 5
	maxTTL     = 300

	maxRoom          = 256      // members
	maxPlaces        = 32       // of a socket, in all rooms
	maxPresenceData  = 4 << 10  // bytes that a member tells of itself
	maxBroadcastData = 16 << 10 // bytes
	maxChannel       = 256      // bytes
)

// presence answers a message of rooms, and reports whether it was one.
func (c *client) presence(ctx context.Context, raw protocol.Raw) bool {
	if c.hub.opts.StrictCompat {
		return false
	}
	var err error
	switch raw.Type {
	case protocol.TypePresence:
		var m protocol.Presence
		if m, err = protocol.DecodePresence(raw); err != nil {
			break
		}
		switch m.Action {
		case protocol.PresenceJoin:
			err = c.join(ctx, m)
		case protocol.PresenceLeave:
			c.leave(ctx, m)
		default:
			err = c.stay(ctx, m)
		}
	case protocol.TypeBroadcast:
		var m protocol.Broadcast
		if m, err = protocol.DecodeBroadcast(raw); err == nil {
			err = c.talk(ctx, m)
		}
	default:
		return false
	}
	if err != nil {
		c.send(c.hub.refusal(err, raw.Type, raw.UID))
	}
	return true
}

// join takes a place in a room.
func (c *client) join(ctx context.Context, m protocol.Presence) error {
	switch {
	case len(m.Data) > maxPresenceData:
		return errPresenceData(m.Data)
	case m.TTL == 0:
		m.TTL = defaultTTL
	case m.TTL < minTTL || m.TTL > maxTTL:
		return invalidPayload("The ttl of a presence is %d to %d seconds, not %d.", minTTL, maxTTL, m.TTL)
	}
	if p := c.place(m.UID); p != nil {
		p.end(ctx)
	}
	r, err := c.hub.newRoom(m.Collection, m.Item)
	if err != nil {
		return err
	}
	p := &member{client: c, room: r, uid: m.UID, ttl: time.Duration(m.TTL) * time.Second}
	p.who = protocol.Attendee{ID: newToken(21), Data: m.Data}
	if err := p.check(ctx); err != nil { // before a room is made that others would find
		return err
	}
	for joined := false; !joined && err == nil; {
		p.room = c.hub.rooms.take(r)
		p.room.with(func() { joined, err = p.room.add(ctx, p) })
	}
	return err
}

// stay answers a heartbeat or an update.
func (c *client) stay(ctx context.Context, m protocol.Presence) error {
	if len(m.Data) > maxPresenceData {
		return errPresenceData(m.Data)
	}
	return c.act(ctx, m.UID, func(p *member) {
		if m.Action == protocol.PresenceUpdate {
			p.who.Data = m.Data
			p.room.tell(ctx, p, change(protocol.EventUpdate, p.who))
		}
	})
}

// talk answers a broadcast.
func (c *client) talk(ctx context.Context, m protocol.Broadcast) error {
	if len(m.Data) > maxBroadcastData || len(m.Channel) > maxChannel {
		return invalidPayload("A broadcast has at most %d bytes of data and %d of a channel's name, not %d and %d.",
			maxBroadcastData, maxChannel, len(m.Data), len(m.Channel))
	}
	return c.act(ctx, m.UID, func(p *member) {
		m.From = p.who.ID
		p.room.tell(ctx, p, func(uid protocol.UID) (protocol.Raw, error) {
			m.UID = uid
			return m.Raw()
		})
	})
}

func errPresenceData(data []byte) error {
	return invalidPayload("The data of a presence has at most %d bytes, not %d.", maxPresenceData, len(data))
}

// act lets the member of a uid do something, which is a sign of life.
func (c *client) act(ctx context.Context, uid protocol.UID, do func(*member)) error {
	err := error(&protocol.Error{Code: protocol.CodeForbidden,
		Message: fmt.Sprintf("There is no presence %q on this connection any more. Join first.", uid)})
	if p := c.place(uid); p != nil {
		p.room.with(func() {
			if p.gone {
				return
			}
			if err = p.check(ctx); err != nil {
				p.room.remove(ctx, p)
				return
			}
			p.until = time.Now().Add(p.ttl)
			do(p)
		})
	}
	return err
}

// leave answers a leave.
func (c *client) leave(ctx context.Context, m protocol.Presence) {
	told := change(protocol.EventLeave)
	if p := c.place(m.UID); p != nil {
		p.end(ctx)
		told = left(p)
	}
	c.tellOf(m.UID, told)
}

// leaveRooms gives every place up: the socket has ended.
func (c *client) leaveRooms() {
	for _, p := range c.allPlaces() {
		p.end(context.Background())
	}
}

// identified is called when somebody else has become the socket's identity: who may
// not stay is put out at once, and the others are told who is there now.
func (c *client) identified(ctx context.Context) {
	for _, p := range c.allPlaces() {
		p.room.with(func() {
			if p.gone {
				return
			}
			if err := p.check(ctx); err != nil {
				p.room.putOut(ctx, p, err)
			} else if user := p.checked.identity.User; user != p.who.User {
				p.who.User = user
				p.room.tell(ctx, nil, change(protocol.EventUpdate, p.who))
			}
		})
	}
}

// place returns the socket's place in a room, or nil.
func (c *client) place(uid protocol.UID) *member {
	for _, p := range c.allPlaces() {
		if p.uid.String() == uid.String() {
			return p
		}
	}
	return nil
}

func (c *client) allPlaces() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.places)
}

// take notes a place, unless there are too many.
func (c *client) take(p *member) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.places) >= maxPlaces {
		return false
	}
	c.places = append(c.places, p)
	return true
}

// drop forgets a place.
func (c *client) drop(p *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.places = slices.DeleteFunc(c.places, func(other *member) bool { return other == p })
}

// tellOf tells the socket, whether it has a place with that uid or not.
func (c *client) tellOf(uid protocol.UID, what telling) {
	raw, err := what(uid)
	if err != nil {
		c.hub.log.Error("what a room is told cannot be encoded", "error", err)
		return
	}
	c.write(raw.Frame)
}

// A telling makes the frame of what members are told, for the uid of each.
type telling func(uid protocol.UID) (protocol.Raw, error)

// change tells of members.
func change(event protocol.Event, members ...protocol.Attendee) telling {
	return func(uid protocol.UID) (protocol.Raw, error) {
		return protocol.PresenceEvent{Event: event, Members: members, UID: uid}.Raw()
	}
}

// left tells that a member is gone.
func left(p *member) telling { return change(protocol.EventLeave, protocol.Attendee{ID: p.who.ID}) }

// rooms are a hub's rooms that have members. Its mutex is taken before a room's, and
// that before a client's.
type rooms struct {
	mu    sync.Mutex
	byKey map[roomKey]*room
}

type roomKey struct{ collection, item string } // item "" = the collection's own

// take returns the hub's room with r's key, which is r if there was none.
func (all *rooms) take(r *room) *room {
	all.mu.Lock()
	defer all.mu.Unlock()
	if other := all.byKey[r.key]; other != nil {
		return other
	}
	if all.byKey == nil {
		all.byKey = map[roomKey]*room{}
	}
	all.byKey[r.key] = r
	return r
}

// close forgets a room that is still empty.
func (all *rooms) close(r *room) {
	all.mu.Lock()
	defer all.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.members) == 0 && all.byKey[r.key] == r {
		delete(all.byKey, r.key)
		r.closed = true
	}
}

// A room is who is present at one item, or in one collection. What is told there is
// told under its mutex, so that all are told it in the same order.
type room struct {
	hub  *Hub
	key  roomKey
	item json.RawMessage // nil = the collection's own

	mu      sync.Mutex
	members []*member // in the order in which they joined
	closed  bool      // it was empty: nobody finds it any more
}

// newRoom returns a room that is not among the hub's yet.
func (h *Hub) newRoom(collection string, item json.RawMessage) (*room, error) {
	r := &room{hub: h, key: roomKey{collection: collection}, item: item}
	if item == nil {
		return r, nil
	}
	c, err := h.collection(collection, reachItems)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(item, c)
	if err != nil || !isKey(item) {
		return nil, errNoItem
	}
	r.key.item = keyText(key)
	return r, nil
}

// with does something with the room's mutex held, and closes the room if it is empty
// then.
func (r *room) with(do func()) {
	r.mu.Lock()
	defer func() {
		empty := len(r.members) == 0
		r.mu.Unlock()
		if empty {
			r.hub.rooms.close(r)
		}
	}()
	do()
}

// add lets a member in; false without an error says that the room is closed.
func (r *room) add(ctx context.Context, p *member) (joined bool, err error) {
	if r.closed {
		return false, nil
	}
	if err := p.check(ctx); err != nil { // the token may have ended meanwhile
		return false, err
	}
	if len(r.members) >= maxRoom {
		return false, &protocol.Error{Code: protocol.CodeLimitExceeded, Message: fmt.Sprintf(
			"There are %d members in this room already. Try again later.", len(r.members))}
	}
	if !p.client.take(p) {
		return false, &protocol.Error{Code: protocol.CodeLimitExceeded, Message: fmt.Sprintf(
			"This connection is in %d rooms already. Leave one first.", maxPlaces)}
	}
	p.who.User = p.checked.identity.User
	p.until = time.Now().Add(p.ttl)
	p.timer = time.AfterFunc(p.ttl, p.expire)
	r.members = append(r.members, p)
	init := protocol.PresenceEvent{Event: protocol.EventInit, ID: p.who.ID, TTL: int(p.ttl / time.Second), UID: p.uid}
	for _, other := range r.members {
		init.Members = append(init.Members, other.who)
	}
	p.client.tellOf(p.uid, func(protocol.UID) (protocol.Raw, error) { return init.Raw() })
	r.tell(ctx, p, change(protocol.EventJoin, p.who))
	return true, nil
}

// tell tells every member but one. Those who may not be told are put out.
func (r *room) tell(ctx context.Context, but *member, what telling) {
	for _, p := range slices.Clone(r.members) {
		if p == but || p.gone {
			continue
		}
		if err := p.check(ctx); err != nil {
			r.putOut(ctx, p, err)
			continue
		}
		p.client.tellOf(p.uid, what)
	}
}

// putOut removes a member that may not stay, and tells it why.
func (r *room) putOut(ctx context.Context, p *member, why error) {
	p.client.send(r.hub.refusal(why, protocol.TypePresence, p.uid))
	r.remove(ctx, p)
}

// remove takes a member out and tells the others.
func (r *room) remove(ctx context.Context, p *member) {
	p.gone = true
	p.timer.Stop()
	p.client.drop(p)
	r.members = slices.DeleteFunc(r.members, func(other *member) bool { return other == p })
	r.tell(ctx, nil, left(p))
}

// A member is one place in a room, which a socket has taken.
type member struct {
	client *client
	room   *room
	uid    protocol.UID
	ttl    time.Duration

	// The room's mu guards these.
	who     protocol.Attendee
	until   time.Time // it is gone then, unless something is heard of it
	timer   *time.Timer
	gone    bool
	checked check
}

// end takes a member out, if it is still there.
func (p *member) end(ctx context.Context) {
	p.room.with(func() {
		if !p.gone {
			p.room.remove(ctx, p)
		}
	})
}

// expire is what the timer calls.
func (p *member) expire() {
	p.room.with(func() {
		rest := time.Until(p.until)
		switch {
		case p.gone:
		case rest > 0:
			p.timer.Reset(rest)
		default:
			p.client.tellOf(p.uid, left(p))
			p.room.remove(context.Background(), p)
		}
	})
}

// A check is what a member was let in by: as long as all of it is the same, the
// answer is too.
type check struct {
	identity *Identity
	access   *access
	commits  int64
}

// checkTime bounds the reading of one item.
const checkTime = 5 * time.Second

// check finds out whether the member may be where it is; nil = it may.
func (p *member) check(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil { // it may run in a timer's goroutine, and holds a mutex
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	h, key := p.room.hub, p.room.key
	now := check{identity: p.client.who(), commits: h.committed.Load()}
	if now.access, err = h.allowed(now.identity, protocol.ActionRead, key.collection, reachItems); err != nil {
		return err
	}
	if now == p.checked && !now.access.filter.UsesNow() {
		return nil
	}
	m := protocol.Items{Collection: key.collection, Action: protocol.ActionRead, ID: p.room.item}
	if m.ID == nil {
		m.Query = json.RawMessage(`{"limit":0}`)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTime)
	defer cancel()
	if _, err = h.read(ctx, now.identity, m, reachItems); err == nil {
		p.checked = now
	}
	return err
}
