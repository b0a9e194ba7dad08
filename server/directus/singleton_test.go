package directus_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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

// ours are the rules of who may do with settings whatever there is to do.
func ours(actions ...protocol.Action) *directus.Permissions {
	var rules []directus.Rule
	for _, action := range actions {
		rules = append(rules, directus.Rule{Role: "r", Collection: "settings", Action: action})
	}
	return directus.NewPermissions(rules...)
}

func settings() *query.Schema {
	return directus.NewSchema(
		&query.Collection{Name: "settings", PrimaryKey: "id", Singleton: true, Fields: []query.Field{
			{Name: "id", Type: query.Integer, Required: true, Unique: true, Generated: true},
			{Name: "title", Type: query.String, Default: "Untitled"}, {Name: "data", Type: query.String}}},
		&query.Collection{Name: "lists", PrimaryKey: "id", Fields: []query.Field{
			{Name: "id", Type: query.Integer, Required: true, Unique: true, Generated: true}}},
	)
}

func withEddie(ctx context.Context, tx directus.Tx) error {
	_, err := tx.Insert(ctx, "directus_users", query.Row{"id": eddie, "status": "active", "email_notifications": true})
	return err
}

// Of several first updates one makes the item.
func TestSingletonIsMadeOnce(t *testing.T) {
	s := served(t, settings(), ours(protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate), withEddie)
	var all sync.WaitGroup
	for i := range 8 {
		c := s.connect(eddie + " r")
		all.Go(func() {
			c.Say(change("settings", "update", fmt.Sprintf(`"data":{"title":"%d"},"uid":"u"`, i)))
			c.Next()
		})
	}
	all.Wait()
	if n, err := s.store.Count(t.Context(), "settings", nil, ""); n != 1 || err != nil {
		t.Errorf("got %d items, %v", n, err)
	}
	c := s.connect(eddie + " r")
	refused := `{"type":"items","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Invalid payload. \"settings\" is a singleton: it has one item at most. Update it, without an id."},"uid":"u"}`
	for _, say := range []string{
		change("settings", "create", `"data":{"title":"again"},"uid":"u"`),
		change("settings", "create", `"data":[{"title":"again"},{"title":"and again"}],"uid":"u"`),
	} {
		c.Say(say)
		c.Expect(refused)
	}
	c.Say(change("settings", "update", `"data":[{"title":"x"}],"uid":"u"`))
	c.Expect(`{"type":"items","status":"error","error":{"code":"INVALID_PAYLOAD","message":"<_>"},"uid":"u"}`)
}

// Its first update is a create, for which a permission is needed.
func TestSingletonPermissions(t *testing.T) {
	for name, c := range map[string]struct {
		actions       []protocol.Action
		first, second int
	}{
		"create and update": {[]protocol.Action{protocol.ActionCreate, protocol.ActionUpdate, protocol.ActionRead}, 200, 200},
		"create":            {[]protocol.Action{protocol.ActionCreate, protocol.ActionRead}, 200, 403},
		"update":            {[]protocol.Action{protocol.ActionUpdate, protocol.ActionRead}, 403, 403},
		"read":              {[]protocol.Action{protocol.ActionRead}, 403, 403},
		"nothing":           {nil, 400, 400}, // as if it were any collection
	} {
		t.Run(name, func(t *testing.T) {
			s := served(t, settings(), ours(c.actions...), withEddie)
			for _, status := range []int{c.first, c.second} {
				response, text := s.call("PATCH", "/items/settings", `{"title":"x"}`, "Authorization: Bearer "+eddie+" r")
				if response.StatusCode != status {
					t.Errorf("got %d %s, want %d", response.StatusCode, text, status)
				}
			}
		})
	}
}

func TestSingletonOverREST(t *testing.T) {
	s := served(t, settings(), ours(protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate), withEddie)
	const token = eddie + " r"
	s.expect("GET", "/items/settings", "", token, 200, `{"data":{"id":null,"title":"Untitled","data":null}}`)
	s.expect("PATCH", "/items/settings", `{"title":"A"}`, token, 200, `{"data":{"id":1,"title":"A","data":null}}`)
	s.expect("PATCH", "/items/settings?fields=data", `{"data":"B"}`, token, 200, `{"data":{"data":"B"}}`)
	s.expect("GET", "/items/settings", "", token, 200, `{"data":{"id":1,"title":"A","data":"B"}}`)
	s.expect("PATCH", "/items/settings", `{"keys":[1],"data":{"title":"C"}}`, token, 200, `{"data":[{"id":1,"title":"C","data":"B"}]}`)
	s.expect("PATCH", "/items/settings", `"C"`, token, 400, restError("INVALID_PAYLOAD"))
	s.expect("POST", "/items/settings", `{"title":"D"}`, token, 400, restError("INVALID_PAYLOAD"))
	s.expect("PATCH", "/items/settings", `{"nope":1}`, token, 403, restError("FORBIDDEN"))
	s.expect("PATCH", "/items/lists", `{}`, "x admin", 400, restError("INVALID_PAYLOAD"))
	s.expect("GET", "/items/settings?fields=title", "", token, 200, `{"data":{"title":"C"}}`)
}
