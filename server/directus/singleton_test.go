package directus_test

import (
	"log/slog"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// A singleton is one object: it is read before it is there, and an update makes it.
func TestSingleton(t *testing.T) {
	bubble(t, func(t *testing.T) {
		schema := directus.NewSchema(&query.Collection{Name: "settings", PrimaryKey: "id", Singleton: true, Fields: []query.Field{
			{Name: "id", Type: query.Integer, Required: true, Unique: true, Generated: true},
			{Name: "title", Type: query.String, Default: "Untitled"},
			{Name: "open", Type: query.Boolean},
		}})
		store, err := sqlite.Open(t.Context(), sqlite.Options{Path: t.TempDir() + "/singleton.db", Schema: schema})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		rules := directus.NewPermissions(
			directus.Rule{Role: "r1", Collection: "settings", Action: protocol.ActionRead},
			directus.Rule{Role: "r1", Collection: "settings", Action: protocol.ActionCreate},
			directus.Rule{Role: "r1", Collection: "settings", Action: protocol.ActionUpdate},
		)
		w := &world{t: t, hub: directus.NewHub(store, leakUsers{}, &directus.Options{Permissions: rules, Logger: slog.New(slog.DiscardHandler)})}
		t.Cleanup(func() { w.hub.Shutdown(t.Context()) })
		peer, watcher := w.dial(directus.Peer{Token: " r1"}), w.dial(directus.Peer{Token: " r1"})
		watcher.Say(subscribe("settings", `"query":{}`))
		watcher.Expect(told("init", `[]`, "s"))
		for _, s := range []step{
			{read("settings", `{}`), `{"type":"items","data":{"id":null,"title":"Untitled","open":null},"uid":"u"}`},
			{change("settings", "update", `"data":{"open":true},"uid":"u"`), `{"type":"items","data":{"id":1,"title":"Untitled","open":true},"uid":"u"}`},
			{change("settings", "update", `"data":{"title":"Ours"},"uid":"u"`), `{"type":"items","data":{"id":1,"title":"Ours","open":true},"uid":"u"}`},
			{read("settings", `{"fields":["title"]}`), `{"type":"items","data":{"title":"Ours"},"uid":"u"}`},
		} {
			peer.Say(s.say)
			peer.Expect(s.expect)
		}
		watcher.Expect(told("create", `[{"id":1,"title":"Untitled","open":true}]`, "s"))
		watcher.Expect(told("update", `[{"id":1,"title":"Ours","open":true}]`, "s"))
		peer.Say(`{"type":"collab","action":"join","uid":"u"}`)
		peer.Expect(`{"type":"collab","status":"error","error":{"code":"SERVICE_UNAVAILABLE","message":"<_>"},"uid":"u"}`)
		quiet(peer, watcher)
	})
}
