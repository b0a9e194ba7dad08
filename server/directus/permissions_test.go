package directus

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
)

func leafOf(field string, value any) *query.Filter {
	return &query.Filter{Op: query.OpEq, Field: field, Value: value}
}

// fieldNames are a collection's fields, joined by spaces.
func fieldNames(c *query.Collection) string {
	if c == nil {
		return "<nil>"
	}
	names := make([]string, len(c.Fields))
	for i := range c.Fields {
		names[i] = c.Fields[i].Name
	}
	return strings.Join(names, " ")
}

func reads(policy, collection string, filter *query.Filter, fields ...string) Permission {
	return Permission{Policy: policy, Collection: collection, Action: protocol.ActionRead, Filter: filter, Fields: fields}
}

func TestPolicies(t *testing.T) {
	p := PermissionsOf(Rules{
		Roles: []Role{{ID: "boss", Parent: "clerk"}, {ID: "clerk", Parent: "staff"}, {ID: "staff"},
			{ID: "a", Parent: "b"}, {ID: "b", Parent: "a"}},
		Policies: []Policy{{ID: "p-boss", Admin: true}, {ID: "p-clerk", App: true}, {ID: "p-staff"}, {ID: "p-ann"}, {ID: "p-public"}, {ID: "p-a"}, {ID: "p-b"}},
		Grants: []Grant{{Role: "boss", Policy: "p-boss"}, {Role: "clerk", Policy: "p-clerk"}, {Role: "staff", Policy: "p-staff"},
			{User: "ann", Policy: "p-ann"}, {User: "ann", Policy: "p-staff"}, {Policy: "p-public"}, {Role: "a", Policy: "p-a"}, {Role: "b", Policy: "p-b"}},
	})
	for name, c := range map[string]struct {
		user  string
		roles []string
		ids   string
		admin bool
		app   bool
	}{
		"the public":            {"", nil, "p-public", false, false},
		"a role":                {"bob", []string{"staff"}, "p-staff", false, false},
		"a role with parents":   {"bob", []string{"boss"}, "p-staff p-clerk p-boss", true, true},
		"parents named as well": {"bob", []string{"clerk", "staff"}, "p-staff p-clerk", false, true},
		"a user's own":          {"ann", []string{"clerk"}, "p-staff p-clerk p-ann", false, true},
		"a user without a role": {"ann", nil, "p-ann p-staff", false, false},
		"a user with nothing":   {"bob", nil, "", false, false},
		"a circle of parents":   {"bob", []string{"a"}, "p-b p-a", false, false},
		"an unknown role":       {"bob", []string{"nope"}, "", false, false},
	} {
		ids, admin, app := p.policies(c.user, c.roles)
		if got := strings.Join(ids, " "); got != c.ids || admin != c.admin || app != c.app {
			t.Errorf("%s: got %q, admin %v, app %v", name, got, admin, app)
		}
	}
}

func TestMay(t *testing.T) {
	schema := DemoSchema()
	articles, users := schema.Collections["articles"], schema.Collections[usersCollection]
	p := PermissionsOf(Rules{
		Policies: []Policy{{ID: "writers"}, {ID: "names"}, {ID: "app", App: true}, {ID: "root", Admin: true}},
		Grants: []Grant{{Role: "writer", Policy: "writers"}, {Role: "namer", Policy: "names"}, {Role: "both", Policy: "writers"}, {Role: "both", Policy: "names"},
			{Role: "app", Policy: "app"}, {Role: "root", Policy: "root"}},
		Permissions: []Permission{
			reads("writers", "articles", leafOf("status", "published"), "id", "title", "author", "categories"),
			{Policy: "writers", Collection: "articles", Action: protocol.ActionUpdate, Fields: []string{"title", "status"},
				Validation: leafOf("status", "draft"), Presets: map[string]json.RawMessage{"status": json.RawMessage(`"draft"`)}},
			{Policy: "writers", Collection: "articles", Action: protocol.ActionCreate, Fields: []string{}},
			reads("names", usersCollection, leafOf("status", "active"), "id", "first_name"),
			reads("names", sessionsCollection, nil),
		},
	})
	someone := func(role string) *Identity { return &Identity{User: "u", Role: role, Roles: []string{role}} }

	a := p.may(someone("writer"), protocol.ActionRead, articles)
	if a == nil || !reflect.DeepEqual(a.filter, leafOf("status", "published")) || a.whole != articles || a.cases != nil {
		t.Fatalf("a writer reads articles: got %+v", a)
	}
	if got := fieldNames(a.seen); got != "id title author" { // no categories: the junction may not be read
		t.Errorf("a writer sees %s", got)
	}
	if author := a.seen.Field("author"); a.seen.Related(author.Relation) != nil {
		t.Error("a writer may follow the author, but not read users")
	}
	if f := a.guard(usersCollection); f == nil || f.Bind(users, query.Env{}).Match(query.Row{"id": "x"}) {
		t.Errorf("the guard of an unreadable collection lets rows through: %+v", f)
	}
	if p.may(someone("writer"), protocol.ActionRead, users) != nil || p.may(someone("writer"), protocol.ActionDelete, articles) != nil {
		t.Error("a writer may what nothing allows")
	}
	if again := p.may(&Identity{User: "v", Role: "writer"}, protocol.ActionRead, articles); again != a {
		t.Error("the same rules made another access")
	}

	a = p.may(someone("both"), protocol.ActionRead, articles)
	if author := a.seen.Field("author"); fieldNames(a.seen.Related(author.Relation)) != "id first_name" {
		t.Errorf("who reads both follows to %s", fieldNames(a.seen.Related(author.Relation)))
	}
	if got := a.guard(usersCollection); !reflect.DeepEqual(got, leafOf("status", "active")) {
		t.Errorf("the guard is %+v", got)
	}

	a = p.may(someone("writer"), protocol.ActionUpdate, articles)
	if fieldNames(a.seen) != "title status" || !reflect.DeepEqual(a.validation, leafOf("status", "draft")) || string(a.presets["status"]) != `"draft"` {
		t.Errorf("a writer updates: got %+v", a)
	}
	if a = p.may(someone("writer"), protocol.ActionCreate, articles); a == nil || len(a.seen.Fields) != 0 {
		t.Errorf("without fields there are no fields: got %+v", a)
	}

	if a = p.may(someone("app"), protocol.ActionRead, users); a == nil || !reflect.DeepEqual(a.filter, leafOf("id", "$CURRENT_USER")) {
		t.Errorf("an app user reads users: got %+v", a)
	}
	if a.seen.Field("token") != nil || p.may(someone("app"), protocol.ActionUpdate, users) != nil {
		t.Errorf("an app user sees %s", fieldNames(a.seen))
	}

	if a = p.may(someone("root"), protocol.ActionDelete, users); a == nil || a.filter != nil || a.seen != users || a.guard != nil {
		t.Errorf("an administrator deletes users: got %+v", a)
	}
	for _, role := range []string{"root", "namer"} {
		if p.may(someone(role), protocol.ActionRead, schema.Collections[sessionsCollection]) != nil {
			t.Errorf("%s may read the sessions", role)
		}
	}
	// The rules name administrators, so an old identity's word does not count.
	old := someone("writer")
	old.Admin = true
	if a = p.may(old, protocol.ActionRead, articles); a == nil || a.filter == nil {
		t.Errorf("who was an administrator still is: %+v", a)
	}
}

// A field is shown by those permissions alone that allow it.
func TestCases(t *testing.T) {
	mine, published := leafOf("author", "$CURRENT_USER"), leafOf("status", "published")
	articles := DemoSchema().Collections["articles"]
	for name, c := range map[string]struct {
		permissions []Permission
		cases       int
		seen        string
		content     *query.Filter // which rows may show it
	}{
		"one":                    {[]Permission{reads("p", "articles", mine, "id", "content")}, 0, "id content", nil},
		"the same fields":        {[]Permission{reads("p", "articles", mine, "id", "content"), reads("p", "articles", published, "content", "id")}, 0, "id content", nil},
		"the same filter":        {[]Permission{reads("p", "articles", mine, "id"), reads("p", "articles", mine, "content")}, 0, "id content", nil},
		"more of some":           {[]Permission{reads("p", "articles", published, "id", "title"), reads("p", "articles", mine, "id", "content")}, 2, "id title content", mine},
		"all of some":            {[]Permission{reads("p", "articles", nil, "id"), reads("p", "articles", mine, "*")}, 2, "id title status content author views date_created date_updated", mine},
		"all of all":             {[]Permission{reads("p", "articles", published, "id"), reads("p", "articles", nil)}, 0, "id title status content author views date_created date_updated", nil},
		"nothing of some":        {[]Permission{{Policy: "p", Collection: "articles", Action: "read", Filter: mine, Fields: []string{}}, reads("p", "articles", published, "id", "content")}, 2, "id content", published},
		"three":                  {[]Permission{reads("p", "articles", mine, "content"), reads("p", "articles", published, "content"), reads("p", "articles", nil, "id")}, 3, "id content", query.Or(mine, published)},
		"the wider one is equal": {[]Permission{reads("p", "articles", nil, "id", "title"), reads("p", "articles", mine, "title")}, 0, "id title", nil},
	} {
		p := PermissionsOf(Rules{Grants: []Grant{{Role: "r", Policy: "p"}}, Permissions: c.permissions})
		a := p.may(&Identity{User: "u", Role: "r"}, protocol.ActionRead, articles)
		if len(a.cases) != c.cases || fieldNames(a.seen) != c.seen {
			t.Errorf("%s: %d cases and the fields %s", name, len(a.cases), fieldNames(a.seen))
		}
		if got := a.fieldFilter("content"); !reflect.DeepEqual(got, c.content) {
			t.Errorf("%s: content shows in %+v, want %+v", name, got, c.content)
		}
		if want := query.And(a.filter, c.content); !reflect.DeepEqual(a.filterFor("content"), want) {
			t.Errorf("%s: by content may be asked for %+v, want %+v", name, a.filterFor("content"), want)
		}
	}
}

// What only some items of another collection may show is not reached by a relation.
func TestCasesBehindRelations(t *testing.T) {
	schema := DemoSchema()
	p := PermissionsOf(Rules{Grants: []Grant{{Role: "r", Policy: "p"}}, Permissions: []Permission{
		reads("p", "articles", nil),
		reads("p", usersCollection, nil, "id", "first_name"),
		reads("p", usersCollection, leafOf("id", "$CURRENT_USER"), "id", "email"),
	}})
	who := &Identity{User: "u", Role: "r"}
	articles := p.may(who, protocol.ActionRead, schema.Collections["articles"]).seen
	if got := fieldNames(articles.Related(articles.Field("author").Relation)); got != "id first_name" {
		t.Errorf("an article's author shows %s", got)
	}
	users := p.may(who, protocol.ActionRead, schema.Collections[usersCollection])
	if got := fieldNames(users.seen); got != "id first_name email" {
		t.Errorf("a user shows %s", got)
	}
	if !reflect.DeepEqual(users.fieldFilter("email"), leafOf("id", "$CURRENT_USER")) || users.fieldFilter("id") != nil {
		t.Errorf("the e-mail shows in %+v", users.fieldFilter("email"))
	}
}

// Which rows a one-to-many relation leads to is told by their keys and by the
// fields that point back.
func TestFollows(t *testing.T) {
	schema := DemoSchema()
	junction := "articles_categories"
	for name, c := range map[string]struct {
		permissions []Permission
		want        bool
	}{
		"all":             {[]Permission{reads("p", junction, nil)}, true},
		"some rows":       {[]Permission{reads("p", junction, leafOf("id", 1))}, true},
		"no way back":     {[]Permission{reads("p", junction, nil, "id", "categories_id")}, false},
		"no key":          {[]Permission{reads("p", junction, nil, "articles_id")}, false},
		"a way back":      {[]Permission{reads("p", junction, nil, "id", "articles_id")}, true},
		"only in some":    {[]Permission{reads("p", junction, nil, "id"), reads("p", junction, leafOf("id", 1), "articles_id")}, false},
		"nothing":         {nil, false},
		"only to create":  {[]Permission{{Policy: "p", Collection: junction, Action: protocol.ActionCreate}}, false},
		"of other people": {[]Permission{reads("q", junction, nil)}, false},
	} {
		permissions := append(slices.Clone(c.permissions), reads("p", "articles", nil))
		p := PermissionsOf(Rules{Grants: []Grant{{Role: "r", Policy: "p"}}, Permissions: permissions})
		a := p.may(&Identity{User: "u", Role: "r"}, protocol.ActionRead, schema.Collections["articles"])
		if got := a.seen.Field("categories") != nil; got != c.want {
			t.Errorf("%s: categories shown: %v", name, got)
		}
	}
}

func TestReplace(t *testing.T) {
	messages := DemoSchema().Collections["messages"]
	who := &Identity{User: "u", Role: RoleReader}
	p := NewPermissions(Rule{Role: RoleReader, Collection: "messages", Action: protocol.ActionRead})
	first, version := p.may(who, protocol.ActionRead, messages), p.version()
	if first == nil || first.filter != nil {
		t.Fatalf("got %+v", first)
	}
	p.Replace(Rules{Grants: []Grant{{Role: RoleReader, Policy: "p"}}, Permissions: []Permission{reads("p", "messages", nil)}})
	second := p.may(who, protocol.ActionRead, messages)
	if second == nil || second == first {
		t.Error("the access is the one from before")
	}
	if p.version() == version {
		t.Error("the version is the one from before")
	}
	p.Replace(Rules{})
	if p.may(who, protocol.ActionRead, messages) != nil {
		t.Error("a permission outlived its rules")
	}

	// Any number of goroutines ask meanwhile; none sees half of the rules.
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range 500 {
				a := p.may(who, protocol.ActionRead, messages)
				if a != nil && (len(a.seen.Fields) != 1 || a.filter == nil || a.filter.Value != a.seen.Fields[0].Name) {
					t.Errorf("mixed rules: %+v", a)
					return
				}
			}
		})
	}
	for i := range 200 {
		field := []string{"text", "user"}[i%2]
		p.Replace(Rules{Grants: []Grant{{Role: RoleReader, Policy: fmt.Sprint(i)}},
			Permissions: []Permission{reads(fmt.Sprint(i), "messages", leafOf("text", field), field)}})
	}
	asking.Wait()
}

// The demo shows what the guides of Directus ask for, and no more.
func TestDemoRules(t *testing.T) {
	schema := DemoSchema()
	p := DemoPermissions(true)
	editor, reader, public := &Identity{User: "e", Role: RoleEditor}, &Identity{User: "r", Role: RoleReader}, &Identity{}
	for _, c := range []struct {
		who        *Identity
		collection string
		actions    string
	}{
		{editor, "messages", "create read update delete"},
		{editor, "articles", "create read update delete"},
		{editor, "presence", "create read update delete"},
		{editor, usersCollection, "read"},
		{editor, activityCollection, "read"},
		{editor, notificationsCollection, "create read update delete"},
		{reader, "messages", "read"},
		{reader, "articles", "read"},
		{reader, usersCollection, ""},
		{reader, activityCollection, ""},
		{reader, notificationsCollection, "read update delete"},
		{public, "messages", "read"},
		{public, "articles", ""},
		{public, usersCollection, ""},
	} {
		var may []string
		for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
			if p.may(c.who, action, schema.Collections[c.collection]) != nil {
				may = append(may, string(action))
			}
		}
		if got := strings.Join(may, " "); got != c.actions {
			t.Errorf("%s and %s: got %q", c.who.Role, c.collection, got)
		}
	}
	if _, admin, _ := p.policies("a", []string{RoleAdmin}); !admin {
		t.Error("the administrator is none")
	}
	if DemoPermissions(false).may(public, protocol.ActionRead, schema.Collections["messages"]) != nil {
		t.Error("outside the demo the public reads messages")
	}
	users := p.may(editor, protocol.ActionRead, schema.Collections[usersCollection])
	for _, secret := range []string{"password", "token"} {
		if users.seen.Field(secret) != nil {
			t.Errorf("editors see the field %s", secret)
		}
	}
	// A wildcard over relations reaches the categories of an article.
	articles := p.may(editor, protocol.ActionRead, schema.Collections["articles"]).seen
	junction := articles.Related(articles.Field("categories").Relation)
	if got := fieldNames(junction.Related(junction.Field("categories_id").Relation)); got != "id name articles" {
		t.Errorf("the categories of an article show %s", got)
	}
}
