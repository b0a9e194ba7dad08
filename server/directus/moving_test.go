package directus_test

import (
	"fmt"
	"testing"
	"time"

	"leveret/protocol"
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
	t.Run("months are seen every second", func(t *testing.T) {
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
