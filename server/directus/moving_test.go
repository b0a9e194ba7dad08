package directus_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
)

// presence writes who is present; the presence collection's timestamps make the
// windows of these tests.
func presenceRules() *directus.Permissions {
	var rules []directus.Rule
	for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
		rules = append(rules, directus.Rule{Role: directus.RoleEditor, Collection: "presence", Action: action})
	}
	return directus.NewPermissions(rules...)
}

const (
	p1 = "44444444-4444-4444-8444-444444444441"
	p2 = "44444444-4444-4444-8444-444444444442"
)

func at(after time.Duration) string {
	return `"` + time.Now().Add(after).UTC().Format("2006-01-02T15:04:05.000Z") + `"`
}

func TestWindowsOfTime(t *testing.T) {
	world := func(t *testing.T) *world {
		return newWorld(t, &directus.Options{Permissions: presenceRules(), Heartbeat: -1})
	}
	put := func(id, timestamp string) string {
		return change("presence", "create", `"data":{"id":"`+id+`","timestamp":`+timestamp+`}`)
	}
	const recent = `"query":{"fields":["id"],"filter":{"timestamp":{"_gte":"$NOW(-5 minutes)"}}}`
	row := func(id string) string { return `[{"id":"` + id + `"}]` }

	t.Run("items age out one by one", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, second, other := w.connect(editor), w.connect(editor), w.connect(editor)
			do(other, put(p1, at(0)))
			peer.Say(subscribe("presence", recent))
			peer.Expect(told("init", row(p1), "s"))
			time.Sleep(time.Minute)
			do(other, put(p2, at(0)))
			peer.Expect(told("create", row(p2), "s"))
			time.Sleep(time.Minute)
			second.Say(subscribe("presence", recent))
			second.Expect(told("init", `[{"id":"`+p1+`"},{"id":"`+p2+`"}]`, "s"))

			peer.ExpectNothing(3 * time.Minute) // five minutes are not over before they are
			peer.Expect(told("delete", `["`+p1+`"]`, "s"))
			second.Expect(told("delete", `["`+p1+`"]`, "s"))
			peer.ExpectNothing(time.Minute - 10*time.Millisecond)
			peer.Expect(told("delete", `["`+p2+`"]`, "s"))
			second.Expect(told("delete", `["`+p2+`"]`, "s"))
			// Told once, and never again.
			do(other, change("presence", "delete", `"ids":["`+p1+`","`+p2+`"]`))
			quiet(peer, second)
			peer.ExpectNothing(time.Hour)
		})
	})
	t.Run("a heartbeat keeps an item in", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			peer.Say(subscribe("presence", recent))
			peer.Expect(told("init", `[]`, "s"))
			do(other, put(p1, at(0)))
			peer.Expect(told("create", row(p1), "s"))
			for range 5 {
				time.Sleep(4 * time.Minute)
				do(other, change("presence", "update", `"id":"`+p1+`","data":{"timestamp":`+at(0)+`}`))
				peer.Expect(told("update", row(p1), "s"))
			}
			peer.ExpectNothing(5 * time.Minute)
			peer.Expect(told("delete", `["`+p1+`"]`, "s"))
		})
	})
	t.Run("what ages out and is deleted in the same moment is told once", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			do(other, put(p1, at(0)))
			peer.Say(subscribe("presence", recent))
			peer.Expect(told("init", row(p1), "s"))
			time.Sleep(5*time.Minute + time.Millisecond)
			do(other, change("presence", "delete", `"id":"`+p1+`"`))
			peer.Expect(told("delete", `["`+p1+`"]`, "s"))
			quiet(peer)
			peer.ExpectNothing(time.Hour)
		})
	})
	t.Run("items come of age", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			peer.Say(subscribe("presence", `"query":{"fields":["id"],"filter":{"timestamp":{"_between":["$NOW(-1 hour)","$NOW"]}}}`))
			peer.Expect(told("init", `[]`, "s"))
			do(other, put(p1, at(48*time.Hour))) // further away than is looked ahead
			do(other, put(p2, at(time.Minute)))
			quiet(peer)
			peer.ExpectNothing(time.Minute - 10*time.Millisecond)
			peer.Expect(told("update", row(p2), "s"))
			peer.ExpectNothing(time.Hour - 10*time.Millisecond)
			peer.Expect(told("delete", `["`+p2+`"]`, "s"))
			peer.ExpectNothing(46*time.Hour + 58*time.Minute)
			next := peer.NextWithin(time.Hour)
			if want := told("update", row(p1), "s"); string(next) != want {
				t.Errorf("got %s, want %s", next, want)
			}
		})
	})
	t.Run("an item, and of one kind only", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			do(other, put(p1, at(0)))
			peer.Say(subscribe("presence", `"item":"`+p1+`",`+recent))
			peer.Expect(told("init", `{"id":"`+p1+`"}`, "s"))
			peer.Say(`{"type":"subscribe","collection":"presence","event":"update",` + recent + `,"uid":"u"}`)
			peer.Expect(`{"type":"subscription","event":"init","uid":"u"}`)
			peer.ExpectNothing(5 * time.Minute)
			peer.Expect(told("delete", `"`+p1+`"`, "s"))
			peer.ExpectNothing(time.Hour)
		})
	})
	t.Run("a month", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			stamp := time.Now().AddDate(0, -1, 0).Add(time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")
			peer.Say(subscribe("presence", `"query":{"fields":["id"],"filter":{"timestamp":{"_gte":"$NOW(-1 month)"}}}`))
			peer.Expect(told("init", `[]`, "s"))
			do(other, put(p1, `"`+stamp+`"`))
			peer.Expect(told("create", row(p1), "s"))
			peer.ExpectNothing(time.Minute)
			peer.Expect(told("delete", `["`+p1+`"]`, "s"))
			do(other, change("presence", "delete", `"id":"`+p1+`"`))
			quiet(peer)
		})
	})
	t.Run("the end of a month, which goes back", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			time.Sleep(time.Until(time.Date(2000, 3, 29, 6, 0, 0, 0, time.UTC)))
			peer, other := w.connect(editor), w.connect(editor)
			peer.Say(subscribe("presence", `"query":{"fields":["id"],"filter":{"timestamp":{"_gte":"$NOW(-1 month)"}}}`))
			peer.Expect(told("init", `[]`, "s"))
			do(other, put(p1, `"2000-02-29T12:00:00.000Z"`))
			peer.Expect(told("create", row(p1), "s"))
			for range 3 { // at noon of the 29th, the 30th and the 31st
				peer.ExpectNothing(6 * time.Hour)
				peer.Expect(told("delete", `["`+p1+`"]`, "s"))
				peer.ExpectNothing(12*time.Hour - 10*time.Millisecond)
				if time.Now().Day() == 31 {
					break
				}
				peer.Expect(told("update", row(p1), "s"))
				time.Sleep(time.Until(time.Now().Truncate(24 * time.Hour).Add(6 * time.Hour)))
			}
			peer.ExpectNothing(31 * 24 * time.Hour)
			do(other, change("presence", "delete", `"id":"`+p1+`"`))
			quiet(peer)
		})
	})
	t.Run("numbers move with time too", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			peer.Say(subscribe("presence", `"query":{"aggregate":{"count":"*"},"filter":{"timestamp":{"_gte":"$NOW(-5 minutes)"}}}`))
			peer.Expect(told("init", `[{"count":0}]`, "s"))
			do(other, put(p1, at(0)))
			peer.Expect(told("update", `[{"count":1}]`, "s"))
			peer.ExpectNothing(5 * time.Minute)
			peer.Expect(told("update", `[{"count":0}]`, "s"))
		})
	})
	t.Run("many at once", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			peer.Say(subscribe("presence", recent))
			peer.Expect(told("init", `[]`, "s"))
			for i := range 20 {
				do(other, put(fmt.Sprintf("44444444-4444-4444-8444-%012d", i), at(0)))
				peer.Next()
			}
			peer.ExpectNothing(5 * time.Minute)
			if got := string(peer.Next()); len(got) < 20*36 {
				t.Errorf("not all aged out together: %s", got)
			}
			quiet(peer)
		})
	})
	t.Run("nobody is left: the timer stops", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := world(t)
			peer, other := w.connect(editor), w.connect(editor)
			do(other, put(p1, at(0)))
			peer.Say(subscribe("presence", recent))
			peer.Expect(told("init", row(p1), "s"))
			peer.Say(`{"type":"unsubscribe"}`)
			peer.Expect(`{"type":"subscription","event":"unsubscribe"}`)
			peer.ExpectNothing(time.Hour)
		})
	})
}

// A hookedStore calls a hook before it aggregates or reads.
type hookedStore struct {
	directus.Store
	hook atomic.Pointer[func(method string)]
}

func (s *hookedStore) on(hook func(method string)) { s.hook.Store(&hook) }

func (s *hookedStore) call(method string) {
	if hook := s.hook.Load(); hook != nil {
		(*hook)(method)
	}
}

func (s *hookedStore) Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error) {
	s.call("aggregate")
	return s.Store.Aggregate(ctx, collection, q)
}

func (s *hookedStore) Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error) {
	s.call("read")
	return s.Store.Read(ctx, collection, q)
}

// Time alone cannot be foreseen where a related item says when.
func TestCoarseWindowsOfTime(t *testing.T) {
	key := query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true}
	schema := func() *query.Schema {
		return directus.NewSchema(
			&query.Collection{Name: "shows", PrimaryKey: "id", Fields: []query.Field{key, {Name: "until", Type: query.Timestamp}}},
			&query.Collection{Name: "seats", PrimaryKey: "id", Fields: []query.Field{key, {Name: "text", Type: query.String},
				{Name: "show", Type: query.Integer, Relation: &query.Relation{Collection: "shows", Local: "show", Foreign: "id", OnDelete: "SET NULL"}}}},
		)
	}
	p := directus.NewPermissions(
		directus.Rule{Role: "r", Collection: "seats", Action: protocol.ActionRead},
		directus.Rule{Role: "r", Collection: "shows", Action: protocol.ActionRead},
		directus.Rule{Role: "keyless", Collection: "seats", Action: protocol.ActionRead, Fields: []string{"text", "show"}},
		directus.Rule{Role: "keyless", Collection: "shows", Action: protocol.ActionRead},
	)
	// Two shows, which end in a minute and in an hour, with a seat each, and more of the second.
	world := func(t *testing.T, more int) (*world, *hookedStore) {
		w := newCustom(t, schema(), p, func(ctx context.Context, tx directus.Tx) error {
			for i, after := range []time.Duration{time.Minute, time.Hour} {
				if _, err := tx.Insert(ctx, "shows", query.Row{"id": int64(i + 1), "until": strings.Trim(at(after), `"`)}); err != nil {
					return err
				}
			}
			for i := range 2 + more {
				if _, err := tx.Insert(ctx, "seats", query.Row{"id": int64(i + 1), "text": "t", "show": int64(min(i, 1) + 1)}); err != nil {
					return err
				}
			}
			return nil
		})
		store := &hookedStore{Store: w.store}
		w.hub = directus.NewHub(store, leakUsers{}, &directus.Options{Permissions: p, MessageRate: -1, Heartbeat: -1,
			Logger: slog.New(slog.NewTextHandler(w.log, nil))})
		t.Cleanup(func() { w.hub.Shutdown(context.Background()) })
		return w, store
	}
	const running = `"query":{"fields":["id"],"filter":{"show":{"until":{"_gt":"$NOW"}}}}`

	t.Run("within a second or two", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w, _ := world(t, 0)
			r, keyless, a := w.connect("u r"), w.connect("u keyless"), w.connect("x admin")
			r.Say(subscribe("seats", running))
			r.Expect(told("init", `[{"id":1},{"id":2}]`, "s"))
			r.Say(strings.Replace(subscribe("seats", `"query":{"aggregate":{"count":"*"},"filter":{"show":{"until":{"_gt":"$NOW"}}}}`), `"s"`, `"n"`, 1))
			r.Expect(told("init", `[{"count":2}]`, "n"))
			keyless.Say(subscribe("seats", `"query":{"fields":["text"],"filter":{"show":{"until":{"_gt":"$NOW"}}}}`))
			keyless.Expect(told("init", `[{"text":"t"},{"text":"t"}]`, "s"))
			r.ExpectNothing(time.Minute - time.Second)
			for range 2 {
				frame := string(r.Next())
				if frame != told("delete", `[1]`, "s") && frame != told("update", `[{"count":1}]`, "n") {
					t.Error(frame)
				}
			}
			r.ExpectNothing(time.Minute)
			// What a commit moves is told at once, and once.
			do(a, change("seats", "create", `"data":{"id":3,"show":2}`))
			r.Expect(told("create", `[{"id":3}]`, "s"))
			r.Expect(told("update", `[{"count":2}]`, "n"))
			do(a, change("shows", "update", `"id":1,"data":{"until":`+at(time.Minute)+`}`))
			r.Expect(told("update", `[{"id":1}]`, "s"))
			r.Expect(told("update", `[{"count":3}]`, "n"))
			time.Sleep(10 * time.Second)
			do(a, change("seats", "delete", `"id":3`))
			r.Expect(told("delete", `[3]`, "s"))
			r.Expect(told("update", `[{"count":2}]`, "n"))
			r.ExpectNothing(30 * time.Second)
			keyless.Expect(told("create", `[{"text":null}]`, "s"))
			keyless.Expect(told("update", `[{"text":"t"}]`, "s"))
			quiet(keyless)
		})
	})
	t.Run("what time and a commit do together is told once", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w, _ := world(t, 0)
			r, a := w.connect("u r"), w.connect("x admin")
			r.Say(subscribe("seats", running))
			r.Expect(told("init", `[{"id":1},{"id":2}]`, "s"))
			time.Sleep(time.Minute + time.Millisecond) // over, but not seen yet
			do(a, change("seats", "update", `"id":1,"data":{"text":"x"}`))
			r.Expect(told("delete", `[1]`, "s"))
			r.ExpectNothing(time.Minute)
		})
	})
	t.Run("a commit does not wait for it", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w, store := world(t, 0)
			r, a := w.connect("u r"), w.connect("x admin")
			r.Say(subscribe("seats", running))
			r.Expect(told("init", `[{"id":1},{"id":2}]`, "s"))
			var looks atomic.Int32
			store.on(func(method string) {
				if method == "aggregate" {
					looks.Add(1)
					time.Sleep(2 * time.Second)
				}
			})
			time.Sleep(1500 * time.Millisecond)
			if looks.Load() != 1 {
				t.Fatalf("looked %d times", looks.Load())
			}
			began := time.Now()
			do(a, change("seats", "create", `"data":{"id":3,"show":2}`))
			r.Expect(told("create", `[{"id":3}]`, "s"))
			if took := time.Since(began); took > 100*time.Millisecond {
				t.Errorf("a commit took %v", took)
			}
			// And what takes long rests for long.
			if got, want := string(r.NextWithin(90*time.Second)), told("delete", `[1]`, "s"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			r.ExpectNothing(8 * time.Minute)
			if n := looks.Load(); n < 5 || n > 15 {
				t.Errorf("looked %d times in ten minutes", n)
			}
		})
	})
	t.Run("a panic costs the subscribers", func(t *testing.T) {
		for name, panics := range map[string]string{"while looking": "aggregate", "after a crossing": "read"} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					w, store := world(t, 0)
					r, a := w.connect("u r"), w.connect("x admin")
					r.Say(subscribe("seats", running))
					r.Next()
					exact := w.connect("u r")
					exact.Say(subscribe("shows", `"query":{"fields":["id"],"filter":{"until":{"_gt":"$NOW"}}}`))
					exact.Next()
					store.on(func(method string) {
						if method == panics {
							panic("a test")
						}
					})
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					r.ExpectClose(1011)
					if panics == "read" {
						exact.ExpectClose(1011)
					}
					store.on(func(string) {})
					do(a, change("seats", "create", `"data":{"id":3,"show":2}`))
				})
			})
		}
	})
	t.Run("too many to follow", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w, _ := world(t, 10_000)
			r := w.connect("u r")
			r.Say(subscribe("seats", running))
			r.Expect(`{"type":"subscribe","status":"error","error":{"code":"INVALID_QUERY","message":"<_>"},"uid":"s"}`)
			r.Say(subscribe("seats", `"query":{"fields":["id"],"filter":{"id":{"_lt":3},"show":{"until":{"_gt":"$NOW"}}}}`))
			r.Expect(told("init", `[{"id":1},{"id":2}]`, "s"))
			r.ExpectNothing(time.Minute - time.Second)
			r.Expect(told("delete", `[1]`, "s"))
		})
	})
}

// An event shows of related items what a read would show.
func TestRelatedWindowsOfTime(t *testing.T) {
	key := query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true}
	bubble(t, func(t *testing.T) {
		w := newCustom(t, directus.NewSchema(
			&query.Collection{Name: "posts", PrimaryKey: "id", Fields: []query.Field{key, {Name: "title", Type: query.String},
				{Name: "comments", Type: query.Alias, Relation: &query.Relation{Many: true, Collection: "comments", Local: "id", Foreign: "post"}}}},
			&query.Collection{Name: "comments", PrimaryKey: "id", Fields: []query.Field{key, {Name: "at", Type: query.Timestamp},
				{Name: "post", Type: query.Integer, Relation: &query.Relation{Collection: "posts", Local: "post", Foreign: "id", OnDelete: "CASCADE"}}}},
		), directus.NewPermissions(
			directus.Rule{Role: "r", Collection: "posts", Action: protocol.ActionRead},
			directus.Rule{Role: "r", Collection: "comments", Action: protocol.ActionRead},
		), func(ctx context.Context, tx directus.Tx) error {
			_, err := tx.Insert(ctx, "posts", query.Row{"id": int64(1), "title": "p"})
			return err
		})
		r, a := w.connect("u r"), w.connect("x admin")
		r.Say(subscribe("posts", `"query":{"fields":["title","comments.id"],"deep":{"comments":{"_filter":{"at":{"_lte":"$NOW"}}}}}`))
		r.Expect(told("init", `[{"title":"p","comments":[]}]`, "s"))
		time.Sleep(time.Hour)
		do(a, change("comments", "create", `"data":{"id":5,"post":1,"at":`+at(-time.Minute)+`}`))
		r.Expect(told("update", `[{"title":"p","comments":[{"id":5}]}]`, "s"))
		do(a, change("comments", "create", `"data":{"id":6,"post":1,"at":`+at(time.Minute)+`}`))
		quiet(r)
		time.Sleep(2 * time.Minute)
		do(a, change("posts", "update", `"id":1,"data":{"title":"q"}`))
		r.Expect(told("update", `[{"title":"q","comments":[{"id":5},{"id":6}]}]`, "s"))
		quiet(r)
	})
}
