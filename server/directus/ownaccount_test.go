package directus_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// served returns a server of a project of its own, whose users are [leakUsers]'s.
func served(t *testing.T, schema *query.Schema, rules *directus.Permissions, fill func(context.Context, directus.Tx) error) *server {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: t.TempDir() + "/served.db", Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if fill != nil {
		if err := store.Write(t.Context(), func(tx directus.Tx) error { return fill(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, store: store, hub: directus.NewHub(store, leakUsers{}, &directus.Options{Permissions: rules})}
	s := httptest.NewServer(w.hub.Handler())
	t.Cleanup(s.Close)
	t.Cleanup(func() { w.hub.Shutdown(context.Background()) })
	return &server{w, s.URL}
}

// Who may change others' roles may not give himself one.
func TestThePermissionForOthersIsNotForOneself(t *testing.T) {
	s := serve(t, &directus.Options{Permissions: directus.PermissionsOf(directus.Rules{
		Policies: []directus.Policy{{ID: "others"}, {ID: "own"}},
		Grants:   []directus.Grant{{Role: directus.RoleEditor, Policy: "others"}, {Role: directus.RoleReader, Policy: "own"}},
		Permissions: []directus.Permission{
			{Policy: "others", Collection: "directus_users", Action: protocol.ActionUpdate, Fields: []string{"role", "status", "title", "provider"},
				Presets: map[string]json.RawMessage{"provider": json.RawMessage(`"preset"`)}, Filter: parseFilter(t, `{"id":{"_neq":"$CURRENT_USER"}}`)},
			{Policy: "others", Collection: "directus_users", Action: protocol.ActionRead, Filter: parseFilter(t, `{"id":{"_neq":"$CURRENT_USER"}}`)},
			{Policy: "own", Collection: "directus_users", Action: protocol.ActionUpdate, Fields: []string{"email"},
				Filter: parseFilter(t, `{"id":{"_eq":"$CURRENT_USER"}}`)},
		},
	})})
	toAdmin := `{"role":"` + directus.RoleAdmin + `"}`
	s.expect("PATCH", "/users/"+eddie, toAdmin, editor, 403, restError("FORBIDDEN"))
	s.expect("PATCH", "/users/me", toAdmin, editor, 403, restError("FORBIDDEN"))
	s.expect("PATCH", "/users/me", `{"title":"Dr","status":"suspended"}`, editor, 403, restError("FORBIDDEN"))
	s.expect("PATCH", "/users/me?fields=title,role,provider", `{"title":"Dr"}`, editor, 200,
		`{"data":{"title":"Dr","role":"`+directus.RoleEditor+`","provider":"default"}}`)
	s.expect("PATCH", "/users/"+rita+"?fields=title,provider", `{"title":"Mx"}`, editor, 200, `{"data":{"title":"Mx","provider":"preset"}}`)
	s.expect("PATCH", "/users/me?fields=email,title", `{"email":"r@example.com"}`, reader, 200, `{"data":{"email":"r@example.com","title":"Mx"}}`)
	s.expect("PATCH", "/users/me", toAdmin, reader, 403, restError("FORBIDDEN"))
}

// What the rules go by is not for those to change whom they are about.
func TestTheOwnAccountGivesNoRights(t *testing.T) {
	s := serve(t, &directus.Options{Permissions: directus.NewPermissions(
		directus.Rule{Role: directus.RoleReader, Collection: "messages", Action: protocol.ActionRead, Filter: parseFilter(t, `{"user":{"_eq":"$CURRENT_USER.title"}}`)},
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: protocol.ActionRead},
	)})
	for _, token := range []string{reader, editor} {
		s.expect("PATCH", "/users/me", `{"title":"Bob"}`, token, 403, restError("FORBIDDEN"))
		s.expect("PATCH", "/users/me?fields=title,location", `{"location":"Bobtown"}`, token, 200, `{"data":{"title":null,"location":"Bobtown"}}`)
	}
	s.expect("GET", "/items/messages?fields=text", "", reader, 200, `{"data":[]}`)
}

// What a project adds to accounts may be about their owners and not for them.
func TestTheOwnAccountShowsWhatEveryAccountHas(t *testing.T) {
	schema := directus.NewSchema()
	users := schema.Collections["directus_users"]
	users.Fields = append(users.Fields, query.Field{Name: "opinion", Type: query.String})
	user := query.Row{"id": eddie, "status": "active", "opinion": "difficult", "first_name": "Eddie", "email_notifications": true}
	for name, c := range map[string]struct {
		rules  []directus.Rule
		fields string
		status int
		want   string
	}{
		"without a permission":          {nil, "first_name,opinion", 403, restError("FORBIDDEN")},
		"without a permission, all":     {nil, "*", 200, ""},
		"with one":                      {[]directus.Rule{{Role: "r"}}, "first_name,opinion", 200, `{"data":{"first_name":"Eddie","opinion":"difficult"}}`},
		"with one for others":           {[]directus.Rule{{Role: "r", Filter: parseFilter(t, `{"id":{"_neq":"$CURRENT_USER"}}`)}}, "first_name,opinion", 200, `{"data":{"first_name":"Eddie","opinion":null}}`},
		"with one for others, as a key": {[]directus.Rule{{Role: "r", Filter: parseFilter(t, `{"id":{"_neq":"$CURRENT_USER"}}`)}}, "first_name&filter[opinion][_eq]=difficult", 403, restError("FORBIDDEN")},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.rules {
				c.rules[i].Collection, c.rules[i].Action = "directus_users", protocol.ActionRead
			}
			s := served(t, schema, directus.NewPermissions(c.rules...), func(ctx context.Context, tx directus.Tx) error {
				_, err := tx.Insert(ctx, "directus_users", user)
				return err
			})
			response, text := s.call("GET", "/users/me?fields="+c.fields, "", "Authorization: Bearer "+eddie+" r")
			if c.want == "" {
				if response.StatusCode != 200 || strings.Contains(text, "difficult") || !strings.Contains(text, "Eddie") {
					t.Errorf("got %d %s", response.StatusCode, text)
				}
				return
			}
			s.expect("GET", "/users/me?fields="+c.fields, "", eddie+" r", c.status, c.want)
		})
	}
}
