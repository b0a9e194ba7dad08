package directus_test

import (
	"fmt"
	"testing"
	"time"

	"leveret/server/directus"
)

func TestAggregateSubscriptions(t *testing.T) {
	const count = `"query":{"aggregate":{"count":"*"}}`
	t.Run("create, update and delete alike, and nothing when nothing changed", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newLibrary(t, nil)
			peer, other := w.connect(editor), w.connect(admin)
			peer.Say(subscribe("articles", `"query":{"aggregate":{"count":"*","sum":["views"]},"groupBy":["status"],"meta":"*"}`))
			peer.Expect(`{"type":"subscription","event":"init","data":[{"status":"draft","count":1,"sum":{"views":20}},{"status":"published","count":2,"sum":{"views":40}}],"meta":{"total_count":3,"filter_count":3},"uid":"s"}`)
			for _, s := range []step{
				{change("articles", "create", `"data":{"id":"d","views":1}`), `[{"status":"draft","count":2,"sum":{"views":21}},{"status":"published","count":2,"sum":{"views":40}}],"meta":{"total_count":4,"filter_count":4}`},
				{change("articles", "update", `"id":"d","data":{"title":"new"}`), ``},
				{change("articles", "update", `"id":"d","data":{"views":2}`), `[{"status":"draft","count":2,"sum":{"views":22}},{"status":"published","count":2,"sum":{"views":40}}],"meta":{"total_count":4,"filter_count":4}`},
				{change("articles", "delete", `"id":"d"`), `[{"status":"draft","count":1,"sum":{"views":20}},{"status":"published","count":2,"sum":{"views":40}}],"meta":{"total_count":3,"filter_count":3}`},
			} {
				time.Sleep(time.Second)
				do(other, s.say)
				if s.expect != "" {
					peer.Expect(`{"type":"subscription","event":"update","data":` + s.expect + `,"uid":"s"}`)
				}
				quiet(peer)
			}
		})
	})
	t.Run("at once, then one in 100 ms, the last never left out", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newLibrary(t, &directus.Options{Heartbeat: -1})
			peer, second, other := w.connect(editor), w.connect(editor), w.connect(admin)
			peer.Say(subscribe("articles", count))
			peer.Expect(told("init", `[{"count":3}]`, "s"))
			second.Say(subscribe("articles", count+`,"capabilities":["commit"]`))
			second.Expect(`{"type":"subscription","event":"init","data":[{"count":3}],"capabilities":["commit"],"uid":"s"}`)
			for i := range 25 { // one each 9 ms
				do(other, change("articles", "create", fmt.Sprintf(`"data":{"id":"n%d"}`, i)))
				time.Sleep(9 * time.Millisecond)
			}
			for _, n := range []int{4, 15, 26, 28} {
				peer.Expect(told("update", fmt.Sprintf(`[{"count":%d}]`, n), "s"))
				second.Expect(fmt.Sprintf(`{"type":"subscription","event":"update","data":[{"count":%d}],"commit":true,"uid":"s"}`, n))
			}
			peer.ExpectNothing(time.Minute)
			quiet(peer, second)
		})
	})
	t.Run("only what may be read counts", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newLibrary(t, nil)
			peer, other := w.connect(reader), w.connect(admin)
			peer.Say(subscribe("articles", count))
			peer.Expect(told("init", `[{"count":2}]`, "s"))
			do(other, change("articles", "create", `"data":{"id":"d"}`))
			do(other, change("articles", "delete", `"id":"d"`))
			quiet(peer)
			do(other, change("articles", "update", `"id":"b","data":{"status":"published"}`))
			peer.Expect(told("update", `[{"count":3}]`, "s"))
		})
	})
	t.Run("of one kind of event, and with a relational filter", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newLibrary(t, nil)
			peer, other := w.connect(editor), w.connect(admin)
			peer.Say(subscribe("articles", `"event":"update","query":{"aggregate":{"count":"*"},"filter":{"author":{"first_name":{"_eq":"Eddie"}}}}`))
			peer.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
			do(other, change("articles", "delete", `"id":"a"`))
			quiet(peer)
			do(other, change("articles", "update", `"id":"b","data":{"title":"x"}`))
			peer.Expect(told("update", `[{"count":1}]`, "s"))
		})
	})
	t.Run("who unsubscribes is told nothing later", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newLibrary(t, nil)
			peer, other := w.connect(editor), w.connect(admin)
			peer.Say(subscribe("articles", count))
			peer.Expect(told("init", `[{"count":3}]`, "s"))
			do(other, change("articles", "create", `"data":{"id":"d"}`))
			peer.Expect(told("update", `[{"count":4}]`, "s"))
			do(other, change("articles", "create", `"data":{"id":"e"}`))
			peer.Say(`{"type":"unsubscribe"}`)
			peer.Expect(`{"type":"subscription","event":"unsubscribe"}`)
			peer.ExpectNothing(time.Second)
		})
	})
}

// What a user or a role is counts from the next event on.
func TestChangedUsersAndRules(t *testing.T) {
	rules := func(filter string) directus.Rules {
		return directus.Rules{
			Policies: []directus.Policy{{ID: "e"}, {ID: "r"}, {ID: "public"}},
			Grants:   []directus.Grant{{Role: directus.RoleEditor, Policy: "e"}, {Role: directus.RoleReader, Policy: "r"}, {Policy: "public"}},
			Permissions: []directus.Permission{
				{Policy: "e", Collection: "articles", Action: "read", Fields: []string{"id"}, Filter: parseFilter(t, filter)},
				{Policy: "r", Collection: "articles", Action: "read", Fields: []string{"id"}, Filter: parseFilter(t, `{"title":{"_eq":"$CURRENT_USER.title"}}`)},
			},
		}
	}
	bubble(t, func(t *testing.T) {
		permissions := directus.PermissionsOf(rules(`{"id":{"_neq":"b"}}`))
		w := newLibrary(t, &directus.Options{Permissions: permissions})
		e, r, a := w.connect(editor), w.connect(reader), w.connect(admin)
		e.Say(subscribe("articles", `"query":{"fields":["id"]}`))
		e.Expect(told("init", `[{"id":"a"},{"id":"c"}]`, "s"))
		r.Say(subscribe("articles", `"query":{"fields":["id"]}`))
		r.Expect(told("init", `[]`, "s"))
		touch := func(id string) { do(a, change("articles", "update", `"id":"`+id+`","data":{"views":1}`)) }
		touch("a")
		e.Expect(told("update", `[{"id":"a"}]`, "s"))
		touch("b")

		permissions.Replace(rules(`{"id":{"_eq":"b"}}`))
		touch("a")
		touch("b")
		e.Expect(told("update", `[{"id":"b"}]`, "s"))

		// Rita's title decides what she sees, and her role whether she sees it.
		user := func(id, data string) {
			t.Helper()
			if err := directus.Change(t.Context(), w.hub, "directus_users", id, data); err != nil {
				t.Fatal(err)
			}
		}
		user(rita, `{"title":"C"}`)
		touch("c")
		r.Expect(told("update", `[{"id":"c"}]`, "s"))
		user(rita, `{"role":"`+directus.RoleEditor+`"}`)
		touch("c")
		touch("b")
		e.Expect(told("update", `[{"id":"b"}]`, "s"))
		r.Expect(told("update", `[{"id":"b"}]`, "s"))
		user(rita, `{"status":"suspended"}`)
		touch("b")
		e.Expect(told("update", `[{"id":"b"}]`, "s"))
		quiet(e, r)
	})
}
