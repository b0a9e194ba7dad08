package project_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"leveret/server/directus"
	"leveret/server/project"
)

const (
	boss  = "00000000-0000-4000-8000-00000000000b"
	clerk = "00000000-0000-4000-8000-00000000000c"
	ann   = "10000000-0000-4000-8000-00000000000a"
)

func TestAccess(t *testing.T) {
	path := write(t, "access.json", `{
	"roles": {"data": [{"id":"`+clerk+`","name":"Clerk","parent":"`+boss+`","users":[],"icon":"badge","description":null}, {"id":"`+boss+`","name":"Boss"}]},
	"policies": [{"id":"p","name":"P","admin_access":false,"app_access":true,"ip_access":null}, {"id":"root","name":"Root","admin_access":true}],
	"access": [{"id":1,"role":"`+clerk+`","user":null,"policy":"p","sort":1}, {"role":null,"user":"`+ann+`","policy":"root"}],
	"permissions": [
		{"id":1,"policy":"p","collection":"articles","action":"read","permissions":{"_and":[{"author":{"_eq":"$CURRENT_USER"}},{"date_created":{"_gte":"$NOW(-1 day)"}}]},"fields":["id","title"],"presets":null,"validation":null},
		{"policy":"p","collection":"articles","action":"create","permissions":null,"fields":["*"],"presets":{"status":"draft","author":"$CURRENT_USER"},"validation":{"status":{"_eq":"draft"}}},
		{"policy":"p","collection":"articles","action":"delete","permissions":{},"fields":null},
		{"policy":"p","collection":"articles","action":"share","permissions":{},"fields":["*"]},
		{"policy":"p","collection":"directus_files","action":"read","permissions":{"folder":{"_null":true}},"fields":["*"]},
		{"policy":"p","collection":"directus_sessions","action":"read","permissions":{},"fields":["*"]},
		{"policy":"p","collection":"directus_users","action":"read","permissions":{"theme_dark":{"_null":true}},"fields":["*"]},
		{"policy":"p","collection":"elsewhere","action":"read","permissions":{},"fields":["*"]}],
	"users": [
		{"id":"`+ann+`","email":"Ann@example.com","first_name":"Ann","role":null,"status":"active","tags":["a"],"tfa_secret":null,"password":"**********","token":"**********"},
		{"id":"20000000-0000-4000-8000-00000000000a","email":"bob@example.com","role":"`+clerk+`","password":"$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","token":null},
		{"email":"cat@example.com","password":"secret"}]}`)
	p, err := project.Read(project.Files{Schema: recorded.Schema, Access: path})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		path + `: permissions[6] (read of directus_users) is left out: permissions: You don't have permission to access field "theme_dark" in collection "directus_users" or it does not exist. Queried in root.`,
		path + `: a permission is for the collection "elsewhere", which is not in the schema`,
		path + `: the user Ann@example.com has a masked password and token, which stays as it is in the database: write it in clear text, and it is hashed at the start`,
	}
	if !slices.Equal(p.Warnings, want) {
		t.Errorf("the warnings are\n\t%s", strings.Join(p.Warnings, "\n\t"))
	}
	if r := p.Rules.Roles; len(r) != 2 || r[0] != (directus.Role{ID: clerk, Name: "Clerk", Parent: boss, Icon: "badge"}) {
		t.Errorf("the roles are %+v", r)
	}
	if r := p.Rules.Policies; len(r) != 2 || r[0] != (directus.Policy{ID: "p", Name: "P", App: true}) || !r[1].Admin {
		t.Errorf("the policies are %+v", r)
	}
	if r := p.Rules.Grants; len(r) != 2 || r[1] != (directus.Grant{User: ann, Policy: "root"}) {
		t.Errorf("the grants are %+v", r)
	}
	if r := p.Rules.Permissions; len(r) != 3 || r[0].Filter == nil || string(r[1].Presets["author"]) != `"$CURRENT_USER"` || r[1].Filter != nil || r[1].Validation == nil ||
		r[2].Fields == nil || len(r[2].Fields) != 0 {
		t.Errorf("the permissions are %+v", r)
	}
	if u := p.Users; len(u) != 3 || u[0].Password != "" || u[0].Token != "" || u[1].Password == "" || u[2].Password != "secret" || u[2].Fields["id"] != nil {
		t.Errorf("the users are %+v", u)
	}
	if token, ok := p.Users[1].Fields["token"]; !ok || token != nil {
		t.Error("a token that is null does not take away what there is")
	}
	if _, ok := p.Users[0].Fields["token"]; ok {
		t.Error("a masked token takes away what there is")
	}
}

func TestAccessRefused(t *testing.T) {
	role := `"roles":[{"id":"` + boss + `","name":"Boss"}],"policies":[{"id":"p"}],`
	permission := func(text string) string {
		return `{` + role + `"permissions":[{"policy":"p","collection":"articles","action":"read",` + text + `}]}`
	}
	user := func(text string) string { return `{` + role + `"users":[{"email":"a@b.c",` + text + `}]}` }
	for name, c := range map[string]struct{ content, want string }{
		"no JSON":               {"roles: []", "this is not JSON: line 1: "},
		"no array":              {`{"roles":5}`, `"roles" has to be an array`},
		"a wrong type":          {`{"roles":[{"id":5}]}`, `roles[0]: "id" has to be a text and is a number`},
		"no uuid":               {`{"roles":[{"id":"boss","name":"Boss"}]}`, `roles[0]: the id "boss" has to be a UUID`},
		"no name":               {`{"roles":[{"id":"` + boss + `"}]}`, `roles[0]: the role has no name`},
		"a role twice":          {`{"roles":[{"id":"` + boss + `","name":"A"},{"id":"` + boss + `","name":"B"}]}`, `roles[1]: there are two roles with the id ` + boss + `: leave one out`},
		"a lost parent":         {`{"roles":[{"id":"` + boss + `","name":"A","parent":"` + clerk + `"}]}`, `roles[0]: the parent ` + clerk + ` of the role "A" is not among the roles`},
		"a circle of parents":   {`{"roles":[{"id":"` + boss + `","name":"A","parent":"` + clerk + `"},{"id":"` + clerk + `","name":"B","parent":"` + boss + `"}]}`, `roles[0]: the role "A" is its own parent's parent`},
		"a policy twice":        {`{"policies":[{"id":"p"},{"id":"p"}]}`, `policies[1]: there are two policies with the id p: leave one out`},
		"a grant of nothing":    {`{"access":[{"role":null,"policy":"p"}]}`, `access[0]: the policy "p" is not among the policies`},
		"a grant to nobody":     {`{` + role + `"access":[{"role":"` + clerk + `","policy":"p"}]}`, `access[0]: the role "` + clerk + `" is not among the roles`},
		"an old export":         {`{"permissions":[{"role":"` + boss + `","collection":"articles","action":"read"}]}`, `permissions[0] (read of articles): the permission has no policy; `},
		"an unknown policy":     {`{"permissions":[{"policy":"p","collection":"articles","action":"read"}]}`, `permissions[0] (read of articles): the policy "p" is not among the policies`},
		"an unknown action":     {`{` + role + `"permissions":[{"policy":"p","collection":"articles","action":"see"}]}`, `permissions[0] (see of articles): the action "see" has to be create, read, update or delete`},
		"no filter":             {permission(`"permissions":"all"`), `permissions[0] (read of articles): permissions: the filter has to be an object`},
		"an unknown operator":   {permission(`"permissions":{"status":{"_is":1}}`), `permissions[0] (read of articles): permissions: `},
		"an unknown field":      {permission(`"permissions":{"state":{"_eq":1}}`), `permissions[0] (read of articles): permissions: `},
		"an unknown validation": {permission(`"validation":{"state":{"_eq":1}}`), `permissions[0] (read of articles): validation: `},
		"a preset that no fits": {permission(`"presets":{"views":"many"}`), `permissions[0] (read of articles): presets: `},
		"fields that are none":  {permission(`"fields":"id"`), `permissions[0]: "fields" has to be an array and is a string`},
		"a user without a name": {`{"users":[{"first_name":"A"}]}`, `users[0]: the user has neither an id nor an e-mail`},
		"a user's id":           {user(`"id":"ann"`), `users[0]: the id "ann" has to be a UUID`},
		"a user's role":         {user(`"role":"` + clerk + `"`), `users[0]: the role "` + clerk + `" of the user a@b.c is not among the roles`},
		"another hash":          {user(`"password":"$argon2i$v=19$m=1,t=1,p=1$AAAA$AAAA"`), `users[0]: the password of the user a@b.c is a hash that cannot be verified here: `},
		"a user twice":          {`{"users":[{"email":"a@b.c"},{"email":"A@b.c"}]}`, `users[1]: the user A@b.c is there twice: leave one out`},
	} {
		path := write(t, "access.json", c.content)
		_, err := project.Read(project.Files{Schema: recorded.Schema, Access: path})
		if err == nil || !strings.HasPrefix(err.Error(), path+": "+c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// Somebody should be an administrator.
func TestNoAdministrator(t *testing.T) {
	p, err := project.Read(project.Files{Schema: recorded.Schema, Access: write(t, "access.json", `{}`)})
	if err != nil || len(p.Warnings) != 1 || !strings.HasSuffix(p.Warnings[0], "none of the users is an administrator, so nobody may do everything") {
		t.Errorf("got %v and %q", err, p.Warnings)
	}
}

func TestItems(t *testing.T) {
	schema := write(t, "snapshot.json", snapshot(t,
		[]member{collection("a"), collection("z"), collection("n")},
		[]member{key("a"), field("a", "z", "integer", member{}, nil), key("z"), field("z", "a", "integer", member{}, nil),
			key("n"), field("n", "parent", "integer", member{}, nil), field("n", "all", "alias", nil, nil), field("n", "x", "boolean", member{}, nil)},
		[]member{{"collection": "a", "field": "z", "related_collection": "z"}, {"collection": "z", "field": "a", "related_collection": "a"},
			{"collection": "n", "field": "parent", "related_collection": "n", "meta": member{"one_field": "all"}}}))
	read := func(content string) (string, error) {
		p, err := project.Read(project.Files{Schema: schema, Items: write(t, "items.json", content)})
		if err != nil {
			return "", err
		}
		var text []string
		for _, items := range p.Items {
			text = append(text, items.Collection)
			for _, item := range items.Items {
				text = append(text, string(item))
			}
		}
		return strings.Join(text, " "), nil
	}
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {`{}`, ``},
		"relations first":   {`{"a":[{"id":1,"z":5}],"z":[{"id":5,"a":null}]}`, `z {"id":5,"a":null} a {"id":1,"z":5}`},
		"an answer":         {`{"a":{"data":[{"id":1}]}}`, `a {"id":1}`},
		"parents first":     {`{"n":[{"id":1,"parent":2},{"id":2,"parent":"3"},{"id":3},{"id":4,"parent":4},{"x":true}]}`, `n {"id":3} {"id":2,"parent":"3"} {"id":1,"parent":2} {"id":4,"parent":4} {"x":true}`},
		"related elsewhere": {`{"a":[{"z":5}]}`, `a {"z":5}`},
	} {
		if got, err := read(c.content); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	for name, c := range map[string]struct{ content, want string }{
		"no object":        {`[]`, `the items have to be an object: {"collection": [items]}`},
		"no array":         {`{"a":5}`, `"a" has to be an array`},
		"no collection":    {`{"b":[]}`, `the collection "b" is not in the schema`},
		"a system's":       {`{"directus_users":[]}`, `the collection "directus_users" is the system's: users and roles are written in the file of --access`},
		"no item":          {`{"a":[1]}`, `a[0]: an item has to be an object`},
		"an unknown field": {`{"a":[{},{"b":1}]}`, `a[1]: there is no field "b"`},
		"an alias":         {`{"n":[{"all":[1]}]}`, `n[0]: the field "all" shows items of "n": write them there`},
		"a nested item":    {`{"a":[{"z":{"id":1}}]}`, `a[0]: the field "z" has to be a key: write the item it leads to under "z"`},
		"a wrong value":    {`{"n":[{"x":"perhaps"}]}`, `n[0]: the field "x": Invalid payload. `},
		"each other":       {`{"a":[{"id":1,"z":5}],"z":[{"id":5,"a":1}]}`, `the items of "z" and "a" lead to each other, so that neither can be written first: leave the field "a" of one of them empty`},
		"a circle":         {`{"n":[{"id":1,"parent":2},{"id":2,"parent":1}]}`, `n[1]: the field "parent" leads round in a circle`},
	} {
		if _, err := read(c.content); err == nil || !strings.Contains(err.Error(), "items.json: "+c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// Whatever is in the files, reading them ends with a project or a sentence.
func FuzzRead(f *testing.F) {
	for _, path := range []string{recorded.Schema, recorded.Access, recorded.Items} {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content), "", "")
		f.Add("", string(content), "")
		f.Add("", "", string(content))
	}
	f.Fuzz(func(t *testing.T, schema, access, items string) {
		files := recorded
		for content, path := range map[*string]*string{&schema: &files.Schema, &access: &files.Access, &items: &files.Items} {
			if *content != "" {
				*path = write(t, "file", *content)
			}
		}
		p, err := project.Read(files)
		if err == nil && p.Schema == nil {
			t.Error("neither a project nor an error")
		}
	})
}
