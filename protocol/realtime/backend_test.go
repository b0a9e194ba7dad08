package realtime_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

// A backend answers as a server with one collection, messages, would: enough of
// one to recover against. It is played on protocoltest.Peers.
type backend struct {
	*protocoltest.Dialer
	wg sync.WaitGroup

	mu    sync.Mutex
	rows  map[string]string // key as JSON → item as JSON
	peer  *protocoltest.Peer
	subs  map[string]protocol.Subscribe // by uid, of the present connection
	mute  map[string]bool               // types that are not answered
	stock bool                          // answers with no capability
	drop  string                        // drop the link instead of answering this action, once
	heard []protocol.Message            // all that was understood
}

func newBackend(t protocoltest.T) *backend {
	b := &backend{Dialer: protocoltest.NewDialer(t), rows: map[string]string{}, mute: map[string]bool{}}
	return b
}

// serve answers so many connections, one after the other.
func (b *backend) serve(connections int) {
	b.wg.Go(func() {
		for range connections {
			peer := b.AcceptWithin(24 * time.Hour)
			peer.AcceptAuth()
			b.mu.Lock()
			b.peer, b.subs = peer, map[string]protocol.Subscribe{}
			b.mu.Unlock()
			for frame := next(peer); frame != nil; frame = next(peer) {
				b.answer(peer, frame)
			}
		}
	})
}

// next waits for a frame as long as it takes.
func next(peer *protocoltest.Peer) []byte {
	return peer.NextWithin(24 * time.Hour)
}

func (b *backend) answer(peer *protocoltest.Peer, frame []byte) {
	m, err := protocol.DecodeFromClient(frame)
	if err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, m)
	if b.mute[m.Kind()] {
		return
	}
	switch m := m.(type) {
	case protocol.Subscribe:
		if m.Collection != "messages" {
			say(peer, &protocol.Error{Type: m.Kind(), Code: protocol.CodeForbidden, Message: "You don't have permission to access this.", UID: m.UID})
			return
		}
		b.subs[m.UID.String()] = m
		init := protocol.Subscription{Event: protocol.EventInit, UID: m.UID}
		if m.Event == "" {
			init.Data = b.all()
		}
		if !b.stock {
			init.Capabilities = []string{protocol.CapabilityOrder}
		}
		say(peer, init)
	case protocol.Unsubscribe:
		delete(b.subs, m.UID.String())
		say(peer, protocol.Subscription{Event: protocol.EventUnsubscribe, UID: m.UID})
	case protocol.Items:
		b.items(peer, m)
	case protocol.Ping:
		say(peer, protocol.Pong{UID: m.UID})
	}
}

func (b *backend) items(peer *protocoltest.Peer, m protocol.Items) {
	refuse := func(code protocol.Code, message string) {
		say(peer, &protocol.Error{Type: m.Kind(), Code: code, Message: message, UID: m.UID})
	}
	reply := protocol.Reply{UID: m.UID}
	switch {
	case m.Collection != "messages":
		refuse(protocol.CodeForbidden, "You don't have permission to access this.")
		return
	case m.Action == protocol.ActionCreate:
		key := string(protocol.Member(m.Data, "id"))
		if key == "" {
			key = fmt.Sprintf(`"made-%d"`, len(b.rows)+1)
			m.Data = withKey(key, m.Data)
		}
		if _, ok := b.rows[key]; ok {
			refuse(protocol.CodeRecordNotUnique, "Value has to be unique.")
			return
		}
		b.rows[key] = string(m.Data)
		reply.Data = m.Data
	case m.Action == protocol.ActionRead && m.ID != nil:
		row, ok := b.rows[string(m.ID)]
		if !ok {
			refuse(protocol.CodeForbidden, "It does not exist.")
			return
		}
		reply.Data = json.RawMessage(row)
	case m.Action == protocol.ActionRead:
		reply.Data = b.all()
	case m.Action == protocol.ActionUpdate:
		b.rows[string(m.ID)] = string(withKey(string(m.ID), m.Data))
		reply.Data = json.RawMessage(b.rows[string(m.ID)])
	case m.Action == protocol.ActionDelete:
		reply.Data = m.ID
		for _, key := range append(m.IDs, m.ID) {
			delete(b.rows, string(key))
		}
	}
	if b.drop == string(m.Action) {
		b.drop = ""
		peer.Drop()
		return
	}
	say(peer, reply)
}

// withKey puts a key before an item's other members.
func withKey(key string, item json.RawMessage) json.RawMessage {
	rest := string(item[1:])
	if rest != "}" {
		rest = "," + rest
	}
	return json.RawMessage(`{"id":` + key + rest)
}

func say(peer *protocoltest.Peer, m protocol.Message) {
	frame, err := protocol.Encode(m)
	if err != nil {
		panic(err)
	}
	peer.Send(frame) // the client may have hung up meanwhile
}

// all returns every row, by key.
func (b *backend) all() json.RawMessage {
	keys := make([]string, 0, len(b.rows))
	for key := range b.rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y string) int { return cmp.Or(len(x)-len(y), strings.Compare(x, y)) })
	rows := make([]string, 0, len(keys))
	for _, key := range keys {
		rows = append(rows, b.rows[key])
	}
	return json.RawMessage("[" + strings.Join(rows, ",") + "]")
}

// set writes rows {"id":n,"text":…} without telling anybody.
func (b *backend) set(texts map[int]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, text := range texts {
		b.rows[fmt.Sprint(n)] = fmt.Sprintf(`{"id":%d,"text":%q}`, n, text)
	}
}

func (b *backend) remove(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.rows, fmt.Sprint(n))
}

// create writes a row and tells the subscribers.
func (b *backend) create(n int, text string) {
	b.set(map[int]string{n: text})
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.subs {
		if s.Event == "" || s.Event == protocol.EventCreate {
			say(b.peer, protocol.Subscription{Event: protocol.EventCreate, UID: s.UID, Data: json.RawMessage("[" + b.rows[fmt.Sprint(n)] + "]")})
		}
	}
}

// say sends a frame on the present connection.
func (b *backend) say(frame string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.peer.Say(frame)
}

// cut drops the present connection.
func (b *backend) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.peer.Drop()
}

// count counts what was heard.
func (b *backend) count(is func(protocol.Message) bool) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, m := range b.heard {
		if is(m) {
			n++
		}
	}
	return n
}

func creates(m protocol.Message) bool {
	items, ok := m.(protocol.Items)
	return ok && items.Action == protocol.ActionCreate
}

// token is a Token function for one that does not change.
func token(t string) realtime.Options {
	return realtime.Options{Token: realtime.StaticToken(t)}
}

// until waits for a state.
func until(t *testing.T, c *realtime.Client, want session.State) realtime.Change {
	t.Helper()
	for change := range c.States(timeout(t, time.Hour)) {
		if change.To == want {
			return change
		}
	}
	t.Fatalf("the client did not come to be %s: it is %s", want, c.State())
	return realtime.Change{}
}

// take reads so many events and stops.
func take(t *testing.T, s *realtime.Subscription, n int) []realtime.Event {
	t.Helper()
	var events []realtime.Event
	for event, err := range s.Events(timeout(t, time.Minute)) {
		if err != nil {
			t.Fatal(err)
		}
		if events = append(events, event); len(events) == n {
			break
		}
	}
	if len(events) < n {
		t.Fatalf("got %d events in a minute, want %d: %v", len(events), n, words(events))
	}
	return events
}

// words says events as text.
func words(events []realtime.Event) []string {
	var out []string
	for _, e := range events {
		s := string(e.Kind) + " " + string(e.Data)
		if e.Resync {
			s += " (resync)"
		}
		out = append(out, s)
	}
	return out
}

func sameWords(t *testing.T, got []realtime.Event, want ...string) {
	t.Helper()
	if !slices.Equal(words(got), want) {
		t.Errorf("the events are\n\t%s\nwant\n\t%s", strings.Join(words(got), "\n\t"), strings.Join(want, "\n\t"))
	}
}
