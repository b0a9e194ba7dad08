package sqlite_test

import (
	"context"
	"fmt"
	"log"

	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

func Example() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{
		Path: sqlite.Memory, // or a file
		Schema: &query.Schema{Collections: map[string]*query.Collection{
			"notes": {Name: "notes", PrimaryKey: "id", Fields: []query.Field{
				{Name: "id", Type: query.Integer, Generated: true},
				{Name: "text", Type: query.String, Required: true},
			}},
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	err = store.Write(ctx, func(tx directus.Tx) error {
		for _, text := range []string{"Milk", "Bread", "Butter"} {
			if _, err := tx.Insert(ctx, "notes", query.Row{"text": text}); err != nil {
				return err // nothing of it is stored then
			}
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}

	q := query.New()
	q.Filter = &query.Filter{Op: query.OpStartsWith, Field: "text", Value: "b"}
	q.Sort = []query.SortKey{{Field: "text", Desc: true}}
	rows, err := store.Read(ctx, "notes", q)
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range rows {
		fmt.Println(row["id"], row["text"])
	}
	// Output:
	// 3 Butter
	// 2 Bread
}
