package e2e

import (
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/realtime"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// hubOf returns a hub behind HTTP, with the demo accounts, one message, and a
// collection presence that everybody may use.
func hubOf(t *testing.T, opts directus.Options) (hub *directus.Hub, url, message string) {
	t.Helper()
	schema := directus.DemoSchema()
	schema.Collections["presence"] = &query.Collection{Name: "presence", PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.UUID, Special: []string{"uuid"}},
		{Name: "collection", Type: query.String},
		{Name: "item", Type: query.String},
		{Name: "user", Type: query.UUID},
		{Name: "timestamp", Type: query.Timestamp},
		{Name: "data", Type: query.JSON},
	}}
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "presence.db"), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if _, err := directus.Seed(ctx, store, &directus.SeedOptions{Demo: true}); err != nil {
		t.Fatal(err)
	}
	err = store.Write(ctx, func(tx directus.Tx) error {
		key, err := tx.Insert(ctx, "messages", query.Row{"id": "11111111-1111-4111-8111-111111111111", "text": "Hello", "status": "published"})
		message, _ = key.(string)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := directus.NewAccounts(ctx, store, nil)
	if err != nil {
		t.Fatal(err)
	}
	var rules []directus.Rule
	for _, role := range []string{directus.RoleEditor, directus.RoleReader} {
		for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
			rules = append(rules, directus.Rule{Role: role, Collection: "presence", Action: action})
		}
		rules = append(rules, directus.Rule{Role: role, Collection: "messages", Action: protocol.ActionRead})
	}
	opts.Permissions = directus.NewPermissions(rules...)
	hub = directus.NewHub(store, accounts, &opts)
	server := httptest.NewServer(hub.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(func() { hub.Shutdown(ctx) })
	return hub, server.URL, message
}

// clientOf returns a connected client of a demo account.
func clientOf(t *testing.T, url string, account directus.DemoAccount) *realtime.Client {
	t.Helper()
	c, err := realtime.Dial(t.Context(), url, &realtime.Options{
		Token:   realtime.StaticToken(account.Token),
		Backoff: realtime.Backoff{Base: time.Millisecond, Cap: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// attends joins; the test ends with it.
func attends(t *testing.T, c *realtime.Client, item any, o realtime.PresenceOptions) *realtime.Presence {
	t.Helper()
	p, err := c.Presence(t.Context(), "messages", item, &o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told waits for events until one is as it should be.
func told(t *testing.T, p *realtime.Presence, what string, is func(realtime.PresenceEvent) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for event, err := range p.Events(ctx) {
		if err != nil {
			t.Fatalf("no %s: %v", what, err)
		}
		if is(event) {
			return
		}
	}
	t.Fatalf("no %s", what)
}

func kind(k realtime.PresenceKind) func(realtime.PresenceEvent) bool {
	return func(e realtime.PresenceEvent) bool { return e.Kind == k }
}

// usersOf returns the users who are present, sorted.
func usersOf(p *realtime.Presence) (users []string) {
	for _, m := range p.Members() {
		users = append(users, m.User)
	}
	slices.Sort(users)
	return users
}

// The client's presence and the server's, together.
func TestPresenceOnOurServer(t *testing.T) {
	hub, url, message := hubOf(t, directus.Options{})
	service := directus.NewWebSocketService(hub)
	editor, reader := clientOf(t, url, directus.DemoAccounts[1]), clientOf(t, url, directus.DemoAccounts[2])
	a := attends(t, editor, message, realtime.PresenceOptions{Data: "title"})
	b := attends(t, reader, message, realtime.PresenceOptions{})
	told(t, a, "join", kind(realtime.PresenceJoin))
	if users := usersOf(a); len(users) != 2 || !slices.Equal(users, usersOf(b)) || users[0] == users[1] {
		t.Errorf("present are %v and %v", users, usersOf(b))
	}
	if err := a.Update(t.Context(), "body"); err != nil {
		t.Error(err)
	}
	told(t, b, "update", func(e realtime.PresenceEvent) bool {
		return e.Kind == realtime.PresenceUpdate && string(e.Members[0].Data) == `"body"`
	})
	if err := a.Broadcast("chat", "hi"); err != nil {
		t.Error(err)
	}
	told(t, b, "broadcast", func(e realtime.PresenceEvent) bool {
		return e.Kind == realtime.PresenceSaid && e.Channel == "chat" && string(e.Data) == `"hi"` && e.Members[0].ID == a.ID()
	})

	// A connection is lost: the other sees it go and come back.
	before := b.ID()
	for _, c := range service.Clients() {
		if c.Accountability().Role == directus.RoleReader {
			c.Close(4999, "For the test.")
		}
	}
	told(t, a, "leave", kind(realtime.PresenceLeave))
	told(t, a, "second join", kind(realtime.PresenceJoin))
	for deadline := time.Now().Add(patience); b.ID() == "" || b.ID() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come back")
		}
	}
	if m := b.Members(); len(m) != 2 || string(m[0].Data) != `"body"` {
		t.Errorf("present are %v", m)
	}
	if err := b.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	told(t, a, "second leave", kind(realtime.PresenceLeave))
	_, err := reader.Presence(t.Context(), "messages", "99999999-9999-4999-8999-999999999999", nil)
	if !errors.Is(err, protocol.CodeForbidden) {
		t.Errorf("at an item that does not exist: %v", err)
	}
}

// The same on a stock server, in a table.
func TestPresenceInATable(t *testing.T) {
	_, url, message := hubOf(t, directus.Options{StrictCompat: true})
	editor, reader := clientOf(t, url, directus.DemoAccounts[1]), clientOf(t, url, directus.DemoAccounts[2])
	table := &realtime.PresenceTable{Data: "data"}
	const ann, bob = "00000000-0000-4000-8000-0000000000e2", "00000000-0000-4000-8000-0000000000b2"
	a := attends(t, editor, message, realtime.PresenceOptions{Data: "title", User: ann, TTL: 3 * time.Second, Table: table})
	b := attends(t, reader, message, realtime.PresenceOptions{User: bob, TTL: 3 * time.Second, Table: table})
	elsewhere := attends(t, reader, nil, realtime.PresenceOptions{User: bob, TTL: 3 * time.Second, Table: table})
	told(t, a, "join", kind(realtime.PresenceJoin))
	if want := []string{bob, ann}; !slices.Equal(usersOf(a), want) || !slices.Equal(usersOf(b), want) || !slices.Equal(usersOf(elsewhere), []string{bob}) {
		t.Errorf("present are %v, %v and %v", usersOf(a), usersOf(b), usersOf(elsewhere))
	}
	if err := a.Update(t.Context(), "body"); err != nil {
		t.Error(err)
	}
	told(t, b, "update", func(e realtime.PresenceEvent) bool {
		return e.Kind == realtime.PresenceUpdate && string(e.Members[0].Data) == `"body"`
	})
	if err := a.Broadcast("chat", "hi"); !errors.Is(err, realtime.ErrNoBroadcast) {
		t.Errorf("a broadcast: %v", err)
	}
	// Who goes without a word is gone after its time to live; the others are not.
	reader.Close()
	start := time.Now()
	told(t, a, "leave", kind(realtime.PresenceLeave))
	if took := time.Since(start); took < time.Second || !slices.Equal(usersOf(a), []string{ann}) {
		t.Errorf("gone after %v; present are %v", took, usersOf(a))
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	rows, err := realtime.CollectionOf[map[string]any](editor, "presence").Read(t.Context(), nil)
	if err != nil || len(rows) != 2 {
		t.Errorf("left are %v, %v", rows, err)
	}
}
