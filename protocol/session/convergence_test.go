package session_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A world is a session, a consumer of one subscription and a server of one small
// collection, joined by a link that breaks at any time and loses what is on it.
type world struct {
	*rand.Rand
	t       *testing.T
	session *session.Session
	now     time.Time
	epoch   int
	event   protocol.Event

	// The server.
	ordered    bool // as ours; else as a stock server, which reads before it registers
	items      map[int]int
	last       int // the last key given
	registered map[string]protocol.Event
	reading    []reading // subscribes between their read and their registration
	link       [][]byte  // frames on their way to the session
	open       bool

	// The consumer.
	view map[int]int
	gaps int
	told int
}

type reading struct {
	m    protocol.Subscribe
	init []byte
}

func (w *world) step(in session.Input) {
	for _, e := range w.session.Step(w.now, in) {
		switch e := e.(type) {
		case session.FetchCredential:
			w.epoch = e.Epoch
			w.step(session.GotCredential{Epoch: e.Epoch, Credential: session.Credential{AccessToken: "t"}})
		case session.Dial:
			w.open = true
			w.step(session.Dialed{Epoch: e.Epoch})
		case session.Hangup:
			w.cut()
		case session.Send:
			w.serve(e.Frame)
		}
	}
}

// cut ends the link: what is on it is lost.
func (w *world) cut() {
	w.open = false
	w.link, w.reading = nil, nil
	clear(w.registered)
}

func (w *world) reply(m protocol.Message) {
	frame, err := protocol.Encode(m)
	if err != nil {
		w.t.Fatal(err)
	}
	w.link = append(w.link, frame)
}

func (w *world) rows() json.RawMessage {
	out := []byte("[")
	for _, id := range slices.Sorted(maps.Keys(w.items)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"id":%d,"n":%d}`, id, w.items[id])
	}
	return append(out, ']')
}

// serve is the server's side of one frame.
func (w *world) serve(frame []byte) {
	m, err := protocol.DecodeFromClient(frame)
	if err != nil {
		w.t.Fatalf("%s: %v", frame, err)
	}
	switch m := m.(type) {
	case protocol.Auth:
		w.reply(protocol.AuthOK{})
	case protocol.Subscribe:
		init := protocol.Subscription{Event: protocol.EventInit, UID: m.UID}
		if m.Event == "" {
			init.Data = w.rows()
		}
		if w.ordered {
			init.Capabilities = []string{protocol.CapabilityOrder}
		}
		delete(w.registered, m.UID.String())
		answer, _ := protocol.Encode(init)
		w.reading = append(w.reading, reading{m, answer})
		if w.ordered {
			w.register()
		}
	case protocol.Unsubscribe:
		delete(w.registered, m.UID.String())
		w.reply(protocol.Subscription{Event: protocol.EventUnsubscribe, UID: m.UID})
	case protocol.Items:
		w.reply(protocol.Reply{Data: w.rows(), UID: m.UID})
	}
}

// register is the second half of a subscribe.
func (w *world) register() {
	for _, r := range w.reading {
		w.registered[r.m.UID.String()] = r.m.Event
		w.link = append(w.link, r.init)
	}
	w.reading = nil
}

// write changes an item, and tells who is registered.
func (w *world) write() {
	id := w.IntN(6)
	if w.event != "" {
		// A consumer of creates alone cannot know that a key was used before.
		if id = 1 + w.IntN(w.last); w.IntN(2) == 0 || w.items[id] == 0 {
			w.last++
			id = w.last
		}
	}
	_, had := w.items[id]
	e := protocol.Subscription{Event: protocol.EventCreate}
	switch {
	case had && w.IntN(2) == 0:
		delete(w.items, id)
		e.Event, e.Data = protocol.EventDelete, fmt.Appendf(nil, `["%d"]`, id)
	default:
		w.items[id] = 1 + w.IntN(3)
		e.Data = fmt.Appendf(nil, `[{"n":%d,"id":%d}]`, w.items[id], id)
		if had {
			e.Event = protocol.EventUpdate
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(w.registered)) {
		if kind := w.registered[uid]; kind == "" || kind == e.Event {
			e.UID = protocol.StringUID(uid)
			w.reply(e)
		}
	}
}

// deliver hands over the first n frames that are on the link.
func (w *world) deliver(n int) {
	for range n {
		if !w.open || len(w.link) == 0 {
			return
		}
		frame := w.link[0]
		w.link = w.link[1:]
		w.step(session.Received{Epoch: w.epoch, Frames: [][]byte{frame}})
	}
}

// take is the consumer: it applies an event to its view.
func (w *world) take() bool {
	e, ok, err := w.session.Take(1)
	if err != nil {
		w.t.Fatalf("the subscription ended: %v", err)
	}
	if !ok {
		return false
	}
	w.told++
	switch e.Kind {
	case session.Init:
		clear(w.view)
		if w.told > 1 {
			w.t.Fatal("a second init")
		}
		fallthrough
	case session.Create, session.Update:
		var items []struct{ ID, N int }
		if e.Data != nil && json.Unmarshal(e.Data, &items) != nil {
			w.t.Fatalf("%s is no array of items", e.Data)
		}
		for _, item := range items {
			if _, has := w.view[item.ID]; has && e.Kind == session.Create {
				w.t.Errorf("%d is created, and was there", item.ID)
			}
			if n, has := w.view[item.ID]; w.event == "" && e.Resync && has && n == item.N {
				w.t.Errorf("a resync told the unchanged item %d", item.ID)
			}
			w.view[item.ID] = item.N
		}
	case session.Delete:
		var keys []any
		if err := json.Unmarshal(e.Data, &keys); err != nil {
			w.t.Fatal(err)
		}
		for _, k := range keys {
			id, _ := strconv.Atoi(fmt.Sprint(k))
			delete(w.view, id)
		}
	case session.Gap:
		w.gaps++
	}
	return true
}

// settle lets everything come to rest, with the link up.
func (w *world) settle() {
	for range 1000 {
		w.register()
		w.deliver(len(w.link))
		for w.take() {
		}
		due := w.session.Deadline()
		if !due.IsZero() && !due.After(w.now) || w.session.State() == session.Waiting {
			w.now = due
			w.step(session.Tick{})
			continue
		}
		if len(w.link) == 0 && len(w.reading) == 0 && w.session.State() == session.Live {
			return
		}
	}
	w.t.Fatalf("the session does not come to rest: %s", w.session.State())
}

// TestConvergence breaks the link, stalls the consumer and overflows its queue while
// items are written, and asserts that the consumer's view is the server's when all
// is quiet, on a server that keeps the order and on one that does not. Every second
// run is calm and short: nothing is lost but what such a server loses at the first
// subscribe, and few later events hide it.
func TestConvergence(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		for _, event := range []protocol.Event{"", protocol.EventCreate} {
			name := fmt.Sprintf("ordered=%t event=%s", ordered, event)
			t.Run(name, func(t *testing.T) {
				runs, gapped := 0, 0
				for seed := range seeds(150) {
					runs++
					if converge(t, ordered, event, seed) > 0 {
						gapped++
					}
				}
				if gapped > runs/2 {
					t.Errorf("%d of %d runs ended in a gap: the test shows little", gapped, runs)
				}
			})
		}
	}
}

func converge(t *testing.T, ordered bool, event protocol.Event, seed uint64) (gaps int) {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), t: t, now: time.Unix(1_000_000_000, 0),
		ordered: ordered, event: event,
		items: map[int]int{1: 1, 2: 2}, last: 2, registered: map[string]protocol.Event{}, view: map[int]int{},
	}
	config := session.Config{Rand: w.Float64, MaxQueue: 3, Capabilities: []string{protocol.CapabilityOrder}}
	calm, steps := seed%2 == 0, 120
	if calm {
		config.MaxQueue, steps = 1000, 12
	}
	w.session = session.New(config)
	w.step(session.Subscribe{ID: 1, Collection: "m", Options: session.SubscribeOptions{Event: event}})
	w.step(session.Connect{})
	// Up to the first init, from which on creates are told.
	for event != "" && w.told == 0 {
		w.register()
		w.deliver(1)
		w.take()
	}
	for range steps {
		switch w.IntN(12) {
		case 0, 1, 2, 3:
			w.write()
		case 4, 5, 6:
			w.deliver(1 + w.IntN(4))
		case 7, 8:
			w.take()
		case 9:
			w.register()
		case 10:
			w.now = w.now.Add(time.Duration(w.IntN(1000)) * time.Millisecond)
			w.step(session.Tick{})
		case 11:
			if w.open && !calm && w.IntN(3) == 0 {
				w.cut()
				w.step(session.Lost{Epoch: w.epoch, Code: 1006})
			}
		}
	}
	w.settle()
	if w.told == 0 {
		t.Errorf("seed %d: the consumer was told nothing", seed)
	}
	if event == protocol.EventCreate {
		// Every item that was created since and is there must have been told, unless
		// the consumer was told that it cannot know.
		for id := range w.items {
			if _, has := w.view[id]; !has && id > 2 && w.gaps == 0 {
				t.Errorf("seed %d: the create of %d was not told", seed, id)
			}
		}
		return w.gaps
	}
	if w.gaps > 0 {
		t.Errorf("seed %d: %d gaps, though the collection is small", seed, w.gaps)
	}
	if !maps.Equal(w.view, w.items) {
		t.Errorf("seed %d: the view is %v, the server has %v", seed, w.view, w.items)
	}
	return w.gaps
}
