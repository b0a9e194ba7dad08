package directus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// openStore opens a database of this test.
func openStore(t *testing.T, path string, schema *query.Schema) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func seed(t *testing.T, store directus.Store, opts directus.SeedOptions) directus.Seeded {
	t.Helper()
	seeded, err := directus.Seed(t.Context(), store, &opts)
	if err != nil {
		t.Fatal(err)
	}
	return seeded
}

// all returns the rows of a collection by a field of theirs.
func all(t *testing.T, store directus.Store, collection, by string) map[any]query.Row {
	t.Helper()
	q := query.New()
	q.Limit = -1
	rows, err := store.Read(t.Context(), collection, q)
	if err != nil {
		t.Fatal(err)
	}
	found := map[any]query.Row{}
	for _, row := range rows {
		found[row[by]] = row
	}
	if len(found) != len(rows) {
		t.Errorf("%s: %d rows share %s", collection, len(rows), by)
	}
	return found
}

func login(t *testing.T, store directus.Store, email, password string) error {
	t.Helper()
	accounts, err := directus.NewAccounts(t.Context(), store, &directus.AccountsOptions{Secret: "of the tests", LoginStall: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = accounts.Login(t.Context(), email, password, directus.KindTokens)
	return err
}

func removeRows(t *testing.T, store directus.Store, collection string, keys ...any) {
	t.Helper()
	if err := store.Write(t.Context(), func(tx directus.Tx) error { return tx.Delete(t.Context(), collection, keys) }); err != nil {
		t.Fatal(err)
	}
}

// previous is a schema as the version before this one had it.
func previous() *query.Schema {
	whole := directus.DemoSchema()
	schema := &query.Schema{Collections: map[string]*query.Collection{"messages": whole.Collections["messages"]}}
	for name, fields := range map[string][]string{
		"directus_roles":    {"id", "name", "admin_access", "app_access"},
		"directus_users":    {"id", "first_name", "last_name", "email", "password", "token", "role", "status"},
		"directus_sessions": {"token", "user", "expires"},
	} {
		c := &query.Collection{Name: name, PrimaryKey: whole.Collections[name].PrimaryKey, System: true}
		for _, field := range fields {
			f := *whole.Collections[name].Field(field)
			f.Relation = nil
			c.Fields = append(c.Fields, f)
		}
		schema.Collections[name] = c
	}
	return schema
}

// A database of the previous version opens and gets what is new, and no message.
func TestSeedAfterThePreviousVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	store := openStore(t, path, previous())
	hash, err := directus.HashPassword(t.Context(), "their-own")
	if err != nil {
		t.Fatal(err)
	}
	err = store.Write(t.Context(), func(tx directus.Tx) error {
		for _, row := range []query.Row{{"id": directus.RoleAdmin, "name": "Administrator", "admin_access": true, "app_access": true},
			{"id": directus.RoleEditor, "name": "Editor", "admin_access": false, "app_access": false},
			{"id": directus.RoleReader, "name": "Reader", "admin_access": false, "app_access": false}} {
			if _, err := tx.Insert(t.Context(), "directus_roles", row); err != nil {
				return err
			}
		}
		_, err := tx.Insert(t.Context(), "directus_users", query.Row{"id": "90000000-0000-4000-8000-000000000000", "first_name": "Old", "last_name": nil,
			"email": "old@example.com", "password": hash, "token": nil, "role": directus.RoleAdmin, "status": "active"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}

	store = openStore(t, path, directus.DemoSchema())
	if seeded := seed(t, store, directus.SeedOptions{Demo: true, Items: true}); seeded.First || seeded.AdminPassword != "" {
		t.Errorf("got %+v", seeded)
	}
	if err := login(t, store, "old@example.com", "their-own"); err != nil {
		t.Errorf("the old administrator cannot sign in: %v", err)
	}
	if messages := all(t, store, "messages", "id"); len(messages) != 0 {
		t.Errorf("messages came back: %v", messages)
	}
	articles := all(t, store, "articles", "id")
	if len(articles) != 3 || articles["article-id"]["author"] != all(t, store, "directus_users", "email")["editor@example.com"]["id"] {
		t.Errorf("the articles are %v", articles)
	}
	if articles["what-is-live"]["author"] != nil { // there is no demo administrator here
		t.Errorf("an article's author is %v", articles["what-is-live"]["author"])
	}
	if len(all(t, store, "categories", "name")) != 2 || len(all(t, store, "articles_categories", "id")) != 3 || len(all(t, store, "presence", "id")) != 1 {
		t.Error("something new is empty")
	}

	// Who deletes them does not get them back.
	removeRows(t, store, "articles_categories", int64(1), int64(2), int64(3))
	removeRows(t, store, "articles", "article-id", "what-is-live", "to-be-written")
	seed(t, store, directus.SeedOptions{Demo: true, Items: true})
	if articles := all(t, store, "articles", "id"); len(articles) != 0 {
		t.Errorf("articles came back: %v", articles)
	}
}

const (
	boss  = "00000000-0000-4000-8000-00000000000b"
	clerk = "00000000-0000-4000-8000-00000000000c"
	ann   = "10000000-0000-4000-8000-00000000000a"
)

// office are the roles of a project of its own: the clerk's role comes before its parent's.
func office() *directus.Rules {
	return &directus.Rules{
		Roles:    []directus.Role{{ID: clerk, Name: "Clerk", Parent: boss}, {ID: boss, Name: "Boss", Icon: "badge", Description: "All"}},
		Policies: []directus.Policy{{ID: "p", Admin: true}},
		Grants:   []directus.Grant{{Role: boss, Policy: "p"}},
	}
}

func TestSeedProject(t *testing.T) {
	path := filepath.Join(t.TempDir(), "project.db")
	store := openStore(t, path, directus.NewSchema())
	// It was a demonstration once.
	seed(t, store, directus.SeedOptions{Demo: true})

	users := []directus.SeedUser{
		{Fields: query.Row{"id": ann, "email": "Ann@Example.com", "first_name": "Ann", "role": boss, "last_page": "/file"}, Password: "ann-1", Token: "ann-token"},
		{Fields: query.Row{"email": "bob@example.com", "role": clerk, "status": "suspended"}, Password: "bob-1"},
	}
	opts := directus.SeedOptions{Demo: true, Rules: office(), Users: users}
	if seeded := seed(t, store, opts); seeded.First || seeded.AdminPassword != "" || len(seeded.Warnings) > 0 {
		t.Errorf("got %+v", seeded)
	}
	roles := all(t, store, "directus_roles", "id")
	if r := roles[clerk]; r["name"] != "Clerk" || r["parent"] != boss || r["admin_access"] != true || r["icon"] != "supervised_user_circle" {
		t.Errorf("the clerk's role is %v", r)
	}
	if r := roles[boss]; r["icon"] != "badge" || r["description"] != "All" || r["parent"] != nil {
		t.Errorf("the boss's role is %v", r)
	}
	if r := roles[directus.RoleAdmin]; r["admin_access"] != false {
		t.Errorf("a role that the project does not have kept its rights: %v", r)
	}
	for _, account := range directus.DemoAccounts {
		if login(t, store, account.Email, account.Password) == nil {
			t.Errorf("%s can still sign in", account.Email)
		}
	}
	before := all(t, store, "directus_users", "email")
	if a := before["ann@example.com"]; a["id"] != ann || a["token"] != directus.HashToken("ann-token") || a["provider"] != "default" || a["status"] != "active" {
		t.Errorf("a user is %v", a)
	}
	if err := login(t, store, "ann@example.com", "ann-1"); err != nil {
		t.Error(err)
	}

	// A second start writes the same; a third what has changed.
	err := store.Write(t.Context(), func(tx directus.Tx) error {
		return tx.Update(t.Context(), "directus_users", []any{ann}, query.Row{"first_name": "Changed", "title": "Kept", "last_page": "/here"})
	})
	if err != nil {
		t.Fatal(err)
	}
	seed(t, store, opts)
	after := all(t, store, "directus_users", "email")
	if len(after) != len(before) || after["ann@example.com"]["password"] != before["ann@example.com"]["password"] {
		t.Error("a password that was right already was hashed anew, or a user made twice")
	}
	if a := after["ann@example.com"]; a["first_name"] != "Ann" || a["title"] != "Kept" || a["last_page"] != "/here" {
		t.Errorf("a user is %v", a)
	}
	users[0].Password, users[0].Token = "ann-2", ""
	users[0].Fields["token"] = nil
	opts.Rules.Grants = nil
	seed(t, store, opts)
	if login(t, store, "ann@example.com", "ann-1") == nil || login(t, store, "ann@example.com", "ann-2") != nil {
		t.Error("the new password does not count")
	}
	if a := all(t, store, "directus_users", "email")["ann@example.com"]; a["token"] != nil {
		t.Errorf("the token is still %v", a["token"])
	}
	if r := all(t, store, "directus_roles", "id")[boss]; r["admin_access"] != false {
		t.Errorf("the boss's role is still %v", r)
	}

	// A hash is taken as it is; who was deleted is not made again at once.
	hash, err := directus.HashPassword(t.Context(), "ann-3")
	if err != nil {
		t.Fatal(err)
	}
	users[0].Password = hash
	seed(t, store, opts)
	if err := login(t, store, "ann@example.com", "ann-3"); err != nil {
		t.Error(err)
	}
	removeRows(t, store, "directus_users", ann)
	if seeded := seed(t, store, opts); len(seeded.Warnings) != 1 || !strings.HasPrefix(seeded.Warnings[0], "the user ann@example.com was deleted less than a day ago") {
		t.Errorf("got %+v", seeded)
	}

	users[0].Fields["id"], users[0].Fields["email"] = "20000000-0000-4000-8000-000000000000", "BOB@example.com"
	if _, err := directus.Seed(t.Context(), store, &opts); err == nil || !strings.Contains(err.Error(), "the e-mail bob@example.com of the user 2") {
		t.Errorf("a taken e-mail: got %v", err)
	}
}

// The same file can be a demonstration, a project, and a demonstration again.
func TestSeedBetweenProjectAndDemo(t *testing.T) {
	admins := directus.AdminRules()
	for name, project := range map[string]directus.SeedOptions{
		"a project's own roles": {Demo: true, Rules: office(), Users: []directus.SeedUser{{Fields: query.Row{"id": ann, "email": "ann@example.com", "role": boss}, Password: "ann"}}},
		"an administrator only": {Demo: true, Rules: &admins, AdminEmail: "root@example.com", AdminPassword: "root"},
	} {
		for _, demoFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, demo first: %v", name, demoFirst), func(t *testing.T) {
				store := openStore(t, filepath.Join(t.TempDir(), "both.db"), directus.DemoSchema())
				demo := directus.SeedOptions{Demo: true, Items: true}
				if demoFirst {
					seed(t, store, demo)
				}
				for range 2 {
					seed(t, store, project)
					for _, account := range directus.DemoAccounts {
						if login(t, store, account.Email, account.Password) == nil {
							t.Errorf("in the project %s can sign in", account.Email)
						}
					}
					seed(t, store, demo)
					if r := all(t, store, "directus_roles", "id")[directus.RoleAdmin]; r["admin_access"] != true {
						t.Errorf("the administrator's role is %v", r)
					}
					for _, account := range directus.DemoAccounts {
						if err := login(t, store, account.Email, account.Password); err != nil && (account.Role != directus.RoleAdmin || project.AdminEmail == "") {
							t.Errorf("in the demo %s: %v", account.Email, err)
						}
					}
				}
			})
		}
	}
}

// What was the project's account stays so.
func TestSeedDemoOverAnAccountOfAProject(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "both.db"), directus.DemoSchema())
	admins := directus.AdminRules()
	made := seed(t, store, directus.SeedOptions{Rules: &admins})
	seeded := seed(t, store, directus.SeedOptions{Demo: true})
	if len(seeded.Warnings) != 1 || seeded.Warnings[0] != "the account admin@example.com is the project's and keeps its password" {
		t.Errorf("got %q", seeded.Warnings)
	}
	if err := login(t, store, made.AdminEmail, made.AdminPassword); err != nil {
		t.Error(err)
	}
	if seeded := seed(t, store, directus.SeedOptions{Demo: true}); len(seeded.Warnings) > 0 {
		t.Errorf("again: %q", seeded.Warnings)
	}
}

// Without users of its own a project has an administrator, made once.
func TestSeedProjectAdministrator(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "project.db"), directus.NewSchema())
	rules := directus.AdminRules()
	opts := directus.SeedOptions{Rules: &rules}
	first := seed(t, store, opts)
	if !first.First || first.AdminEmail != "admin@example.com" || login(t, store, first.AdminEmail, first.AdminPassword) != nil {
		t.Errorf("got %+v", first)
	}
	if roles := all(t, store, "directus_roles", "id"); len(roles) != 1 || roles[directus.RoleAdmin]["admin_access"] != true {
		t.Errorf("the roles are %v", roles)
	}
	if again := seed(t, store, opts); again.First || again.AdminPassword != "" || len(all(t, store, "directus_users", "id")) != 1 {
		t.Errorf("a second start: got %+v", again)
	}
	// Whoever locked everybody out gets in again.
	id := all(t, store, "directus_users", "email")["admin@example.com"]["id"]
	err := store.Write(t.Context(), func(tx directus.Tx) error {
		return tx.Update(t.Context(), "directus_users", []any{id}, query.Row{"status": "suspended"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := directus.Seed(t.Context(), store, &opts); err == nil || !strings.Contains(err.Error(), "choose another with ADMIN_EMAIL") {
		t.Errorf("a taken e-mail: got %v", err)
	}
	opts.AdminEmail, opts.AdminPassword = "New@example.com", "new-1"
	seed(t, store, opts)
	if err := login(t, store, "new@example.com", "new-1"); err != nil {
		t.Error(err)
	}
}

// The first items are created as a client would, once.
func TestFill(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "fill.db"), directus.DemoSchema())
	seed(t, store, directus.SeedOptions{Demo: true})
	accounts, err := directus.NewAccounts(t.Context(), store, nil)
	if err != nil {
		t.Fatal(err)
	}
	hub := directus.NewHub(store, accounts, &directus.Options{Permissions: directus.DemoPermissions(true)})
	t.Cleanup(func() { hub.Shutdown(context.Background()) })
	items := func(texts ...string) (list []json.RawMessage) {
		for _, text := range texts {
			list = append(list, json.RawMessage(text))
		}
		return list
	}
	first := []directus.FirstItems{
		{Collection: "categories", Items: items(`{"id":7,"name":"Seven"}`)},
		{Collection: "articles", Items: items(`{"id":"one","title":"One"}`, `{"title":"Two","views":"5","status":"published"}`)},
		{Collection: "articles_categories", Items: items(`{"articles_id":"one","categories_id":"7"}`)},
		{Collection: "presence"},
	}
	for range 2 { // the second time does nothing
		if err := hub.Fill(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	articles := all(t, store, "articles", "title")
	if len(articles) != 2 || articles["One"]["id"] != "one" || articles["One"]["status"] != "draft" || articles["Two"]["views"] != int64(5) ||
		articles["One"]["date_created"] == nil || articles["Two"]["id"] == nil {
		t.Errorf("the articles are %v", articles)
	}
	if junction := all(t, store, "articles_categories", "articles_id"); junction["one"]["categories_id"] != int64(7) {
		t.Errorf("the junction has %v", junction)
	}
	removeRows(t, store, "articles_categories", all(t, store, "articles_categories", "articles_id")["one"]["id"])
	if err := hub.Fill(t.Context(), first); err != nil || len(all(t, store, "articles_categories", "id")) != 0 {
		t.Errorf("what was deleted came back: %v", err)
	}
	for name, c := range map[string]struct {
		first directus.FirstItems
		want  string
	}{
		"no collection": {directus.FirstItems{Collection: "nope"}, `the items of "nope": there is no such collection`},
		"a bad value":   {directus.FirstItems{Collection: "messages", Items: items(`{"date_created":"x"}`, `{"id":"x"}`)}, `the items of "messages": `},
		"a lost key":    {directus.FirstItems{Collection: "presence", Items: items(`{"user":"30000000-0000-4000-8000-000000000000"}`)}, `the items of "presence": `},
	} {
		if err := hub.Fill(t.Context(), []directus.FirstItems{c.first}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if len(all(t, store, "messages", "id")) != 0 {
		t.Error("a refused item is there")
	}
}
