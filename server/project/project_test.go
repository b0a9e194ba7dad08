package project_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/project"
)

// write puts a file of a description into a folder of the test.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// show writes a field as a short text: its type, and what is particular about it.
func show(f *query.Field) string {
	text := fmt.Sprintf("%s %s", f.Name, f.Type)
	if f.MaxLength > 0 {
		text += fmt.Sprintf("(%d)", f.MaxLength)
	}
	for _, flag := range []struct {
		is   bool
		name string
	}{{f.Required, "required"}, {f.Unique, "unique"}, {f.Generated, "counted"}} {
		if flag.is {
			text += " " + flag.name
		}
	}
	if f.Default != nil {
		text += fmt.Sprintf(" = %#v", f.Default)
	}
	if r := f.Relation; r != nil && r.Many {
		text += fmt.Sprintf(" <- %s.%s sorted by %q, from %s", r.Collection, r.Foreign, r.Sort, r.Local)
	} else if r != nil {
		text += fmt.Sprintf(" -> %s.%s %s, from %s", r.Collection, r.Foreign, r.OnDelete, r.Local)
	}
	if len(f.Special) > 0 {
		text += " " + strings.Join(f.Special, ",")
	}
	return text
}

func expectFields(t *testing.T, c *query.Collection, want ...string) {
	t.Helper()
	if c == nil {
		t.Error("there is no such collection")
		return
	}
	var got []string
	for i := range c.Fields {
		got = append(got, show(&c.Fields[i]))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has the fields\n\t%s\nwant\n\t%s", c.Name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// recorded is the project that the recorded conversations are about.
var recorded = project.Files{
	Schema: "testdata/recorded/snapshot.yaml",
	Access: "testdata/recorded/access.json",
	Items:  "testdata/recorded/items.json",
}

func TestRecordedProject(t *testing.T) {
	p, err := project.Read(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) > 0 {
		t.Errorf("warnings: %q", p.Warnings)
	}
	expectFields(t, p.Schema.Collections["articles"],
		"id integer required unique counted",
		"title string",
		"status string",
		"author string -> directus_users.id SET NULL, from author m2o",
		"views integer",
		"date_created timestamp date-created,cast-timestamp",
		"date_updated timestamp date-updated,cast-timestamp")
	expectFields(t, p.Schema.Collections["messages"],
		"id integer required unique counted",
		"text text",
		"user string",
		"date_created timestamp date-created,cast-timestamp",
		"status string")
	expectFields(t, p.Schema.Collections["secrets"], "id integer required unique counted", "v string")
	for _, name := range []string{"articles", "messages", "secrets", "directus_users", "directus_roles"} {
		if c := p.Schema.Collections[name]; c == nil || c.Schema != p.Schema || c.PrimaryKey != "id" {
			t.Errorf("the collection %s is %+v", name, c)
		}
	}
	if p.Schema.Collections["presence"] != nil {
		t.Error("the demonstration is still there")
	}

	if len(p.Rules.Roles) != 3 || len(p.Rules.Policies) != 4 || len(p.Rules.Grants) != 4 || len(p.Rules.Permissions) != 11 {
		t.Errorf("the rules are %+v", p.Rules)
	}
	reader := p.Rules.Permissions[9]
	if reader.Collection != "messages" || reader.Action != "read" || string(reader.Filter.AppendJSON(nil)) != `{"status":{"_eq":"published"}}` ||
		reader.Validation != nil || !slices.Equal(reader.Fields, []string{"*"}) {
		t.Errorf("a permission is %+v", reader)
	}
	if len(p.Users) != 3 || p.Users[0].Password != "reader-pass-1" || p.Users[0].Token != "reader-static-token" || p.Users[0].Fields["password"] != nil {
		t.Errorf("the users are %+v", p.Users)
	}
	if len(p.Items) != 2 || p.Items[0].Collection != "articles" || len(p.Items[1].Items) != 3 {
		t.Errorf("the items are %+v", p.Items)
	}
}

// A description is the same as YAML, as JSON and as a REST answer.
func TestFormats(t *testing.T) {
	yaml := `
collections:
  - collection: notes
    meta: {singleton: true}
    schema: {name: notes}
fields:
  - collection: notes
    field: id
    type: uuid
    schema: {is_primary_key: true, is_nullable: false, default_value: null}
    meta: {special: [uuid]}
  - collection: notes
    field: at
    type: date
    schema: &s {default_value: 2026-01-02, is_nullable: true}
    meta: &m {special: null}
  - {collection: notes, field: until, type: date, schema: *s, meta: *m}
`
	plain := `{"collections":[{"collection":"notes","meta":{"singleton":true},"schema":{"name":"notes"}}],"fields":[
		{"collection":"notes","field":"id","type":"uuid","schema":{"is_primary_key":true,"is_nullable":false,"default_value":null},"meta":{"special":["uuid"]}},
		{"collection":"notes","field":"at","type":"date","schema":{"default_value":"2026-01-02","is_nullable":true},"meta":null},
		{"collection":"notes","field":"until","type":"date","schema":{"default_value":"2026-01-02"},"meta":{}}]}`
	for name, content := range map[string]string{"yaml": yaml, "json": plain, "answer": `{"data":` + plain + `}`, "mark": "\ufeff" + plain} {
		p, err := project.Read(project.Files{Schema: write(t, "snapshot", content)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		expectFields(t, p.Schema.Collections["notes"], "id uuid required unique uuid", `at date = "2026-01-02"`, `until date = "2026-01-02"`)
		if !p.Schema.Collections["notes"].Singleton {
			t.Errorf("%s: no singleton", name)
		}
		if !directus.PermissionsOf(p.Rules).Admin("", directus.RoleAdmin) || len(p.Rules.Permissions) > 0 {
			t.Errorf("%s: without a file of access the rules are %+v", name, p.Rules)
		}
	}
}

// A member is a piece of a snapshot, written short.
type member = map[string]any

func collection(name string) member {
	return member{"collection": name, "meta": nil, "schema": member{"name": name}}
}

func field(collection, name, kind string, schema member, meta member) member {
	return member{"collection": collection, "field": name, "type": kind, "schema": schema, "meta": meta}
}

func key(collection string) member {
	return field(collection, "id", "integer", member{"is_primary_key": true, "is_nullable": false, "has_auto_increment": true, "default_value": "nextval('x'::regclass)"}, nil)
}

func snapshot(t *testing.T, collections, fields, relations []member) string {
	t.Helper()
	content, err := json.Marshal(member{"version": 1, "directus": "12.4.0", "future": true, "collections": collections, "fields": fields, "relations": relations})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestSnapshot(t *testing.T) {
	one := func(special ...string) member { return member{"special": special} }
	folder := member{"collection": "blog", "meta": member{"icon": "x"}, "schema": nil}
	path := write(t, "snapshot.json", snapshot(t,
		[]member{folder, collection("posts"), collection("tags"), collection("posts_tags"), collection("blocks")},
		[]member{
			key("tags"),
			field("tags", "name", "string", member{"is_unique": true, "is_nullable": false, "max_length": 40, "default_value": "none"}, nil),
			field("posts", "last", "json", member{"default_value": []any{1}}, member{"sort": 9, "special": []string{"cast-json"}}),
			key("posts"),
			field("posts", "ready", "boolean", member{"default_value": 0}, member{"sort": 2}),
			field("posts", "tags", "alias", nil, member{"sort": 3, "special": []string{"m2m"}}),
			field("posts", "blocks", "alias", nil, one("m2a")),
			field("posts", "divider", "alias", nil, one("alias", "no-data")),
			field("posts", "cover", "uuid", member{}, one("file")),
			field("posts", "body", "text", member{"max_length": -1}, nil),
			field("posts", "score", "decimal", member{"default_value": "1.50"}, nil),
			field("posts", "owner", "uuid", member{"max_length": 36}, one("m2o")),
			field("posts", "parent", "integer", member{}, one("m2o")),
			field("posts", "created", "timestamp", member{"default_value": "CURRENT_TIMESTAMP"}, one("date-created")),
			field("posts", "due", "dateTime", member{"default_value": "now()"}, nil),
			key("posts_tags"),
			field("posts_tags", "posts_id", "integer", member{}, nil),
			field("posts_tags", "tags_id", "integer", member{}, nil),
			field("posts_tags", "sort", "integer", member{}, nil),
			key("blocks"),
			field("blocks", "item", "string", member{}, one("m2o")),
			field("directus_users", "department", "string", member{"is_nullable": false}, nil),
			field("directus_users", "posts", "alias", nil, one("o2m")),
			field("directus_users", "email", "string", member{}, nil),
			field("directus_files", "licence", "string", member{}, nil),
			field("blog", "notice", "alias", nil, one("alias")),
		},
		[]member{
			{"collection": "posts", "field": "owner", "related_collection": "directus_users", "meta": member{"one_field": "posts", "sort_field": nil}, "schema": member{"on_delete": "CASCADE"}},
			{"collection": "posts", "field": "parent", "related_collection": "posts", "meta": member{"one_field": nil}, "schema": nil},
			{"collection": "posts", "field": "cover", "related_collection": "directus_files", "meta": nil, "schema": member{"on_delete": "SET NULL"}},
			{"collection": "posts_tags", "field": "posts_id", "related_collection": "posts", "meta": member{"one_field": "tags", "sort_field": "sort", "junction_field": "tags_id"}, "schema": member{"on_delete": "CASCADE"}},
			{"collection": "posts_tags", "field": "tags_id", "related_collection": "tags", "meta": member{"junction_field": "posts_id"}, "schema": member{"on_delete": "NO ACTION"}},
			{"collection": "blocks", "field": "item", "related_collection": nil, "meta": member{"one_allowed_collections": []string{"posts"}}},
			{"collection": "directus_shares", "field": "collection", "related_collection": "directus_collections"},
		}))
	p, err := project.Read(project.Files{Schema: path})
	if err != nil {
		t.Fatal(err)
	}
	expectFields(t, p.Schema.Collections["posts"],
		"ready boolean = false",
		`tags alias <- posts_tags.posts_id sorted by "sort", from id m2m`,
		`last json = json.RawMessage{0x5b, 0x31, 0x5d} cast-json`,
		"id integer required unique counted",
		"cover uuid file",
		"body text",
		"score decimal = 1.5",
		"owner uuid -> directus_users.id CASCADE, from owner m2o",
		"parent integer -> posts.id , from parent m2o",
		"created timestamp date-created",
		"due dateTime")
	expectFields(t, p.Schema.Collections["tags"], "id integer required unique counted", `name string(40) required unique = "none"`)
	expectFields(t, p.Schema.Collections["posts_tags"], "id integer required unique counted",
		"posts_id integer -> posts.id CASCADE, from posts_id", "tags_id integer -> tags.id NO ACTION, from tags_id", "sort integer")
	expectFields(t, p.Schema.Collections["blocks"], "id integer required unique counted", "item string m2o")
	users := p.Schema.Collections["directus_users"]
	if f := users.Field("department"); f == nil || f.Required {
		t.Errorf("a further field of the users is %+v", f)
	}
	if f := users.Field("posts"); f == nil || show(f) != `posts alias <- posts.owner sorted by "", from id o2m` {
		t.Errorf("the posts of a user are %+v", f)
	}
	if p.Schema.Collections["blog"] != nil || p.Schema.Collections["directus_files"] != nil {
		t.Error("a folder or a collection that is not served is there")
	}
	want := []string{
		`the field "due" of the collection "posts" has the default now(), which only its database computes: a new item has none`,
		`the relation of the field "cover" of the collection "posts" leads to directus_files, which is not served: the field is a plain value`,
		`the relation of the field "item" of the collection "blocks" leads to any of several collections, which is not served: the field is a plain value`,
		`the field "blocks" of the collection "posts" is left out, for no relation says what it shows`,
	}
	for i := range want {
		want[i] = path + ": " + want[i]
	}
	if !slices.Equal(p.Warnings, want) {
		t.Errorf("the warnings are\n\t%s", strings.Join(p.Warnings, "\n\t"))
	}
}

// SQLite does not look at how long a column may be.
func TestLengthsOfSQLite(t *testing.T) {
	for vendor, want := range map[string]string{"sqlite": "name string", "postgres": "name string(40)"} {
		path := write(t, "snapshot.json", `{"vendor":"`+vendor+`",`+snapshot(t, []member{collection("tags")},
			[]member{key("tags"), field("tags", "name", "string", member{"max_length": 40}, nil)}, nil)[1:])
		p, err := project.Read(project.Files{Schema: path})
		if err != nil {
			t.Fatal(err)
		}
		expectFields(t, p.Schema.Collections["tags"], "id integer required unique counted", want)
	}
}

func TestSnapshotRefused(t *testing.T) {
	ab := []member{collection("a"), collection("b")}
	keys := []member{key("a"), key("b")}
	with := func(more ...member) []member { return append(slices.Clone(keys), more...) }
	for name, c := range map[string]struct {
		content string
		want    string
	}{
		"nothing":        {"", `this is no schema snapshot, for it has no "collections": make one with "directus schema snapshot"`},
		"another file":   {`{"roles":[]}`, `this is no schema snapshot, for it has no "collections": make one with "directus schema snapshot"`},
		"broken JSON":    {"{\n\"collections\": [,]}", "this is not JSON: line 2: "},
		"broken YAML":    {"a: [", "this is neither JSON nor YAML: "},
		"a wrong type":   {`{"collections":[{"collection":5}]}`, `"collections.collection" has to be a text and is a number`},
		"no name":        {`{"collections":[{"schema":{}}]}`, "one of the collections has no name"},
		"twice":          {snapshot(t, append(ab, collection("a")), keys, nil), `there are two collections "a": leave one out`},
		"no key":         {snapshot(t, ab, []member{key("a")}, nil), `the collection "b" has no primary key, which it needs`},
		"two keys":       {snapshot(t, ab, with(field("a", "k", "integer", member{"is_primary_key": true}, nil)), nil), `the field "k" of the collection "a" is a primary key beside "id": a collection has one`},
		"a key of dates": {snapshot(t, ab, []member{key("a"), field("b", "k", "date", member{"is_primary_key": true}, nil)}, nil), `the field "k" of the collection "b" is a primary key of the type date, which is not served: make it an integer, a uuid or a string`},
		"geometry":       {snapshot(t, ab, with(field("a", "place", "geometry.Point", member{}, nil)), nil), `the field "place" of the collection "a" has the type geometry.Point, which is not served: leave the field out`},
		"binary":         {snapshot(t, ab, with(field("a", "blob", "binary", member{}, nil)), nil), `the field "blob" of the collection "a" has the type binary, which is not served: leave the field out`},
		"computed":       {snapshot(t, ab, with(field("a", "sum", "integer", member{"is_generated": true}, nil)), nil), `the field "sum" of the collection "a" is computed by its database, which is not served: leave the field out`},
		"a field twice":  {snapshot(t, ab, with(key("a")), nil), `the field "id" of the collection "a" is there twice: leave one out`},
		"a lost field":   {snapshot(t, ab, with(key("c")), nil), `the field "id" is in the collection "c", which is not among the collections`},
		"a bad default":  {snapshot(t, ab, with(field("a", "n", "integer", member{"default_value": "many"}, nil)), nil), `the field "n" of the collection "a" has the default "many", which does not fit: `},
		"no field":       {snapshot(t, ab, keys, []member{{"collection": "a", "field": "x", "related_collection": "b"}}), `the relation of the field "x" of the collection "a" has no such field`},
		"nowhere":        {snapshot(t, ab, with(field("a", "x", "integer", member{}, nil)), []member{{"collection": "a", "field": "x", "related_collection": "c"}}), `the relation of the field "x" of the collection "a" leads to the collection "c", which is not described`},
		"no alias":       {snapshot(t, ab, with(field("a", "x", "integer", member{}, nil)), []member{{"collection": "a", "field": "x", "related_collection": "b", "meta": member{"one_field": "as"}}}), `the relation of the field "x" of the collection "a" is shown as the field "as" of the collection "b", which is not described`},
		"on delete":      {snapshot(t, ab, with(field("a", "x", "integer", member{}, nil)), []member{{"collection": "a", "field": "x", "related_collection": "b", "schema": member{"on_delete": "SET DEFAULT"}}}), `the relation of the field "x" of the collection "a" has on_delete "SET DEFAULT", which is not served: make it SET NULL, CASCADE, NO ACTION or RESTRICT`},
	} {
		path := write(t, "snapshot", c.content)
		_, err := project.Read(project.Files{Schema: path})
		if err == nil || !strings.HasPrefix(err.Error(), path+": "+c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	if _, err := project.Read(project.Files{Schema: "nowhere.yaml"}); err == nil || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("a file that is not there: got %v", err)
	}
}
