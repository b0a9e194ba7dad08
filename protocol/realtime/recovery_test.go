package realtime_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

// A view that is built from events alone equals the server's rows, whatever
// happened to the link, and however slow its owner was.
func TestAViewEqualsTheServerAfterAnyOutage(t *testing.T) {
	const cuts = 5
	for seed := range seeds(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 0))
				b := newBackend(t)
				b.stock = seed%2 == 0
				c := connected(t, b, cuts+1, realtime.Options{Session: session.Config{MaxQueue: 8}})
				s, err := c.Subscribe(t.Context(), "messages", nil)
				if err != nil {
					t.Fatal(err)
				}
				view, resyncs := map[string]string{}, 0
				go func() {
					slow := rand.New(rand.NewPCG(seed, 1))
					for event, err := range s.Events(t.Context()) {
						if err != nil {
							return // the client was closed
						}
						apply(t, view, event)
						if event.Resync {
							resyncs++
						}
						time.Sleep(time.Duration(slow.IntN(400)) * time.Millisecond)
					}
				}()
				for range cuts {
					for range 40 {
						b.change(random)
						time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
					}
					b.cut()
					for range random.IntN(20) {
						b.change(random) // nobody is told, or somebody is, just before the end
					}
					time.Sleep(time.Minute)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				b.mu.Lock()
				defer b.mu.Unlock()
				if resyncs == 0 {
					t.Error("nothing was recovered: the test tests nothing")
				}
				if !maps.Equal(view, b.rows) {
					t.Errorf("the view is %v, the server has %v", view, b.rows)
				}
			})
		})
	}
}

// apply keeps a view as any consumer would, and checks what it is told.
func apply(t *testing.T, view map[string]string, event realtime.Event) {
	elements, _ := protocol.Elements(event.Data)
	for _, element := range elements {
		key := string(element)
		if event.Kind != session.Delete {
			key = string(protocol.Member(element, "id"))
		}
		was, had := view[key]
		switch event.Kind {
		case session.Init, session.Create:
			if had {
				t.Errorf("%s is created twice", key)
			}
			view[key] = string(element)
		case session.Update:
			if !had || event.Resync && was == string(element) {
				t.Errorf("%s is updated to %s, and was %q", key, element, was)
			}
			view[key] = string(element)
		case session.Delete:
			if !had {
				t.Errorf("%s is deleted, and was not there", key)
			}
			delete(view, key)
		default:
			t.Errorf("told %s", event.Kind)
		}
	}
}

// change creates, updates or deletes one of few rows and tells the subscribers.
func (b *backend) change(random *rand.Rand) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := fmt.Sprint(random.IntN(30))
	event := protocol.Subscription{Event: protocol.EventCreate}
	if _, ok := b.rows[key]; ok {
		event.Event = protocol.EventUpdate
	}
	if event.Event == protocol.EventUpdate && random.IntN(2) == 0 {
		event.Event = protocol.EventDelete
		event.Data = json.RawMessage("[" + key + "]")
		delete(b.rows, key)
	} else {
		b.rows[key] = fmt.Sprintf(`{"id":%s,"text":"%d"}`, key, random.Uint32())
		event.Data = json.RawMessage("[" + b.rows[key] + "]")
	}
	for _, subscribe := range b.subs {
		event.UID = subscribe.UID
		say(b.peer, event)
	}
}
