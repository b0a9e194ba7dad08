package directus_test

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"leveret/server/directus"
)

// The defects that clients have to live with; what was recorded is in the conformance test.
func TestStrictCompat(t *testing.T) {
	strict := func(t *testing.T) *world { return newLibrary(t, &directus.Options{StrictCompat: true, Heartbeat: -1}) }
	t.Run("a change between the snapshot and the registration is in neither", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := strict(t)
			peer, other := w.connect(editor), w.connect(admin)
			directus.OnRace(w.hub, func() { do(other, change("articles", "create", `"data":{"id":"lost"}`)) })
			peer.Say(subscribe("articles", `"query":{"fields":["id"]}`))
			peer.Expect(told("init", `[{"id":"a"},{"id":"b"},{"id":"c"}]`, "s"))
			quiet(peer)
			do(other, change("articles", "update", `"id":"lost","data":{"views":1}`))
			peer.Expect(told("update", `[{"id":"lost"}]`, "s"))
		})
	})
	t.Run("replies come as they are ready", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := strict(t)
			var slowed atomic.Bool
			store := &faulty{Store: w.store, read: func() {
				if slowed.CompareAndSwap(false, true) {
					time.Sleep(time.Second)
				}
			}}
			w.hub = directus.NewHub(store, w.accounts, &directus.Options{StrictCompat: true, Permissions: articleRules(t), Logger: slog.New(slog.DiscardHandler)})
			peer := w.connect(editor)
			peer.Say(`{"type":"items","collection":"messages","action":"read","query":{"limit":0},"uid":1}`)
			time.Sleep(time.Millisecond)
			peer.Say(`{"type":"items","collection":"messages","action":"read","query":{"limit":0},"uid":2}`)
			peer.Expect(`{"type":"items","data":[],"uid":2}`)
			peer.Expect(`{"type":"items","data":[],"uid":1}`)
		})
	})
	t.Run("every deleted key is told to everybody, and leaving is not told", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := strict(t)
			r, other := w.connect(reader), w.connect(admin)
			r.Say(subscribe("articles", `"query":{"fields":["id"],"filter":{"title":{"_eq":"A"}}},"capabilities":["leave","commit"]`))
			r.Expect(told("init", `[{"id":"a"}]`, "s"))
			r.Say(`{"type":"subscribe","collection":"directus_users","event":"delete","uid":"u"}`) // of what it cannot read all
			r.Expect(`{"type":"subscription","event":"init","uid":"u"}`)
			do(other, change("articles", "update", `"id":"a","data":{"title":"B"}`))
			quiet(r)
			do(other, change("articles", "delete", `"id":"b"`))
			r.Expect(told("delete", `["b"]`, "s"))
		})
	})
	t.Run("an error for each event that may not be read", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := strict(t)
			r, other := w.connect(reader), w.connect(admin)
			r.Say(subscribe("messages", `"event":"create"`))
			r.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
			do(other, create+`{"text":"new"}}`)
			r.Expect(strings.Replace(strings.Replace(noMessages, "items", "subscribe", 1), `"uid":"u"`, `"uid":"s"`, 1))
		})
	})
	t.Run("$NOW is the time of the subscribe", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, &directus.Options{StrictCompat: true, Permissions: presenceRules(), Heartbeat: -1})
			peer, other := w.connect(editor), w.connect(editor)
			peer.Say(subscribe("presence", `"query":{"fields":["id"],"filter":{"timestamp":{"_gte":"$NOW(-1 minute)"}}}`))
			peer.Expect(told("init", `[]`, "s"))
			do(other, change("presence", "create", `"data":{"id":"`+p1+`","timestamp":`+at(0)+`}`))
			peer.Expect(told("create", `[{"id":"`+p1+`"}]`, "s"))
			peer.ExpectNothing(time.Hour)
			do(other, change("presence", "update", `"id":"`+p1+`","data":{"item":"x"}`))
			peer.Expect(told("update", `[{"id":"`+p1+`"}]`, "s"))
		})
	})
	t.Run("an aggregate of what changed, and no failed validation is answered", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := strict(t)
			peer := w.connect(editor)
			peer.Say(subscribe("articles", `"query":{"aggregate":{"count":"*"}}`))
			peer.Expect(told("init", `[{"count":3}]`, "s"))
			peer.Say(change("articles", "update", `"ids":["a","b"],"data":{"views":1}`))
			peer.Expect(told("update", `[{"count":2}]`, "s"))
			peer.Expect(`{"type":"items","data":"<_>"}`)
			peer.Say(change("articles", "update", `"id":"a","data":5,"uid":"x"`))
			peer.Say(change("articles", "frob", `"id":"a"`))
			peer.Next() // its form is wrong
			peer.Say(`{"type":"nope","uid":"x"}`)
			quiet(peer)
		})
	})
}
