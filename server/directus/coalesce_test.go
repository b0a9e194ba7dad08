package directus_test

import (
	"context"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
)

// A commit is told as what it comes to: nobody is told of a state between its items.
func TestOneCommitIsOneStep(t *testing.T) {
	batch := func(items string) string {
		return `{"type":"items","collection":"messages","action":"update","data":[` + items + `]}`
	}
	item := func(id, rest string) string { return `{"id":"` + id + `",` + rest + `}` }
	t.Run("what was never there is not told", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, nil)
			r, e, a := w.connect(reader), w.connect(editor), w.connect(admin)
			r.Say(subscribe("messages", `"query":{"fields":["text"]}`))
			r.Next()
			e.Say(subscribe("messages", `"query":{"fields":["text","status"],"filter":{"id":{"_in":["`+second+`","`+first+`"]}}}`))
			e.Next()
			do(a, batch(item(second, `"status":"published"`)+`,`+item(first, `"text":"1"`)+`,`+item(second, `"status":"draft","text":"x"`)))
			r.Expect(told("update", `[{"text":"1"}]`, "s"))
			e.Expect(told("update", `[{"text":"x","status":"draft"}]`, "s"))
			e.Expect(told("update", `[{"text":"1","status":"published"}]`, "s"))
			// There and back: what was there all the time is not told to have gone.
			do(a, batch(item(first, `"status":"draft"`)+`,`+item(first, `"status":"published","text":"2"`)))
			r.Expect(told("update", `[{"text":"2"}]`, "s"))
			e.Expect(told("update", `[{"text":"2","status":"published"}]`, "s"))
			quiet(r, e)
		})
	})
	t.Run("what forgets an item and then goes with it, goes", func(t *testing.T) {
		key := query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true}
		m2o := func(name, to, onDelete string) query.Field {
			return query.Field{Name: name, Type: query.Integer, Relation: &query.Relation{Collection: to, Local: name, Foreign: "id", OnDelete: onDelete}}
		}
		bubble(t, func(t *testing.T) {
			w := newCustom(t, directus.NewSchema(
				&query.Collection{Name: "posts", PrimaryKey: "id", Fields: []query.Field{key}},
				&query.Collection{Name: "comments", PrimaryKey: "id", Fields: []query.Field{key, m2o("about", "posts", "SET NULL"), m2o("post", "posts", "CASCADE")}},
			), directus.NewPermissions(
				directus.Rule{Role: "r", Collection: "comments", Action: protocol.ActionRead, Filter: parseFilter(t, `{"about":{"_null":true}}`)},
			), func(ctx context.Context, tx directus.Tx) error {
				for _, one := range []struct {
					collection string
					row        query.Row
				}{
					{"posts", query.Row{"id": int64(1)}},
					{"comments", query.Row{"id": int64(2), "about": int64(1), "post": int64(1)}},
					{"comments", query.Row{"id": int64(3), "about": int64(1)}},
				} {
					if _, err := tx.Insert(ctx, one.collection, one.row); err != nil {
						return err
					}
				}
				return nil
			})
			c, a := w.connect("u r"), w.connect("x admin")
			c.Say(subscribe("comments", `"query":{"fields":["id"]}`))
			c.Expect(told("init", `[]`, "s"))
			a.Say(subscribe("comments", `"query":{"fields":["id"]}`))
			a.Next()
			a.Say(change("posts", "delete", `"id":1`))
			a.Expect(told("update", `[{"id":3}]`, "s"))
			a.Expect(told("delete", `[2]`, "s"))
			a.Expect(`{"type":"items","data":"<_>"}`)
			c.Expect(told("update", `[{"id":3}]`, "s"))
			quiet(c, a)
		})
	})
}
