package directus

import (
	"testing"

	"leveret/protocol/query"
)

// What a query looks at is listed by its paths, along m2o relations and no others, and
// not what the collection as it is seen does not have.
func TestTypesOf(t *testing.T) {
	schema := &query.Schema{Collections: map[string]*query.Collection{}}
	for _, c := range []*query.Collection{
		{Name: "posts", PrimaryKey: "id", Schema: schema, Fields: []query.Field{
			{Name: "id", Type: query.Integer}, {Name: "title", Type: query.String}, {Name: "at", Type: query.Timestamp},
			{Name: "author", Type: query.UUID, Relation: &query.Relation{Collection: "authors", Local: "author", Foreign: "id"}},
			{Name: "hidden", Type: query.UUID, Relation: &query.Relation{Collection: "unseen", Local: "hidden", Foreign: "id"}}}},
		{Name: "authors", PrimaryKey: "id", Schema: schema, Fields: []query.Field{
			{Name: "id", Type: query.UUID}, {Name: "age", Type: query.Integer}, {Name: "name", Type: query.String},
			{Name: "posts", Type: query.Alias, Relation: &query.Relation{Many: true, Collection: "posts", Local: "id", Foreign: "author"}}}},
	} {
		schema.Collections[c.Name] = c
	}
	for _, tt := range []struct{ query, want string }{
		{`{}`, `{"at":"timestamp","author":"uuid","hidden":"uuid","id":"integer","title":"string"}`},
		{`{"fields":["id","author.name"],"filter":{"_or":[{"title":{"_eq":"a"}},{"author":{"age":{"_gt":1}}}]},"sort":["-author.id","year(at)"]}`,
			`{"at":"timestamp","author":"uuid","author.age":"integer","author.id":"uuid","author.name":"string","id":"integer","title":"string"}`},
		{`{"fields":["title"],"alias":{"other":"id"},"filter":{"author":{"posts":{"_some":{"id":{"_eq":1}}}}}}`, `{"author":"uuid","title":"string"}`},
		{`{"fields":["id"],"filter":{"hidden":{"_null":true}},"sort":"nope"}`, `{"hidden":"uuid","id":"integer"}`},
		{`{"aggregate":{"count":"*"},"filter":{"title":{"_nnull":true}}}`, `{"title":"string"}`},
	} {
		q, err := query.Parse([]byte(tt.query))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(typesOf(q, schema.Collections["posts"])); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.query, got, tt.want)
		}
	}
}
