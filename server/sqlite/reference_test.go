package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// pointsAt is a many-to-one field.
func pointsAt(name string, fieldType query.Type, collection string) query.Field {
	return query.Field{Name: name, Type: fieldType, Relation: &query.Relation{Collection: collection, Local: name, Foreign: "id"}}
}

// library is collections with relations: articles have an author and are nested in
// one another, authors have a city, and the way back is an alias.
func library() []*query.Collection {
	back := func(name, collection, field string) query.Field {
		return query.Field{Name: name, Type: query.Alias, Relation: &query.Relation{Many: true, Collection: collection, Local: "id", Foreign: field}}
	}
	collections := []*query.Collection{
		{Name: "articles", PrimaryKey: "id", Fields: []query.Field{
			{Name: "id", Type: query.Integer, Generated: true},
			{Name: "title", Type: query.String},
			pointsAt("author", query.UUID, "authors"),
			pointsAt("parent", query.Integer, "articles"),
			{Name: "date", Type: query.Timestamp},
			{Name: "views", Type: query.Integer},
			{Name: "tags", Type: query.CSV},
			{Name: "extra", Type: query.JSON},
			back("children", "articles", "parent"),
		}},
		{Name: "authors", PrimaryKey: "id", Fields: []query.Field{
			back("articles", "articles", "author"),
			{Name: "id", Type: query.UUID},
			{Name: "name", Type: query.String},
			pointsAt("city", query.String, "cities"),
		}},
		{Name: "cities", PrimaryKey: "id", Fields: []query.Field{
			{Name: "id", Type: query.String},
			{Name: "name", Type: query.String},
			back("authors", "authors", "city"),
		}},
	}
	schema := schemaOf(collections...)
	for _, c := range collections {
		c.Schema = schema
	}
	return collections
}

func TestReferences(t *testing.T) {
	const refused = "Invalid foreign key." // which one it was is not told
	ctx := t.Context()
	insertOne := func(tx directus.Tx, collection string, row query.Row) error {
		_, err := tx.Insert(ctx, collection, row)
		return err
	}
	for _, test := range []struct {
		name string
		do   func(tx directus.Tx) error
		want string // the refusal; "" = none
	}{
		{"a row that exists", func(tx directus.Tx) error {
			return insertOne(tx, "articles", query.Row{"author": "ann"})
		}, ""},
		{"none", func(tx directus.Tx) error { return insertOne(tx, "articles", query.Row{"author": nil}) }, ""},
		{"a row that does not exist", func(tx directus.Tx) error {
			return insertOne(tx, "articles", query.Row{"author": "nobody"})
		}, refused},
		{"two rows that do not exist", func(tx directus.Tx) error {
			return errors.Join(
				insertOne(tx, "authors", query.Row{"id": "x", "city": "nowhere"}),
				insertOne(tx, "articles", query.Row{"author": "nobody"}),
			)
		}, refused},
		{"a row that comes later", func(tx directus.Tx) error {
			return errors.Join(
				insertOne(tx, "articles", query.Row{"author": "zoe"}),
				insertOne(tx, "authors", query.Row{"id": "zoe"}),
			)
		}, ""},
		{"itself", func(tx directus.Tx) error {
			return insertOne(tx, "articles", query.Row{"id": int64(9), "parent": int64(9)})
		}, ""},
		{"a circle", func(tx directus.Tx) error {
			return errors.Join(
				insertOne(tx, "articles", query.Row{"id": int64(8), "parent": int64(9)}),
				insertOne(tx, "articles", query.Row{"id": int64(9), "parent": int64(8)}),
			)
		}, ""},
		{"an update to a missing row", func(tx directus.Tx) error {
			return tx.Update(ctx, "articles", []any{int64(1), int64(2)}, query.Row{"author": "nobody"})
		}, refused},
		{"an update that is taken back", func(tx directus.Tx) error {
			return errors.Join(
				tx.Update(ctx, "articles", []any{int64(1)}, query.Row{"author": "nobody"}),
				tx.Update(ctx, "articles", []any{int64(1)}, query.Row{"author": nil}),
			)
		}, ""},
		{"an update of no row", func(tx directus.Tx) error {
			return tx.Update(ctx, "articles", []any{int64(77)}, query.Row{"author": "nobody"})
		}, ""},
		{"a row that goes while it is pointed at", func(tx directus.Tx) error {
			return tx.Delete(ctx, "authors", []any{"ann"})
		}, refused},
		{"rows that go while they are pointed at", func(tx directus.Tx) error {
			return tx.Delete(ctx, "authors", []any{"bob", "ann", "nobody"})
		}, refused},
		{"a row that nothing points at", func(tx directus.Tx) error {
			return tx.Delete(ctx, "authors", []any{"bob"})
		}, ""},
		{"a parent with its children, in either order", func(tx directus.Tx) error {
			return errors.Join(
				tx.Delete(ctx, "articles", []any{int64(1)}),
				tx.Delete(ctx, "articles", []any{int64(2)}),
			)
		}, ""},
		{"a parent alone", func(tx directus.Tx) error {
			return tx.Delete(ctx, "articles", []any{int64(1)})
		}, refused},
		{"what pointed is cleared after", func(tx directus.Tx) error {
			return errors.Join(
				tx.Delete(ctx, "articles", []any{int64(1)}),
				tx.Update(ctx, "articles", []any{int64(2)}, query.Row{"parent": nil}),
			)
		}, ""},
		{"a key that changes while it is pointed at", func(tx directus.Tx) error {
			return tx.Update(ctx, "authors", []any{"ann"}, query.Row{"id": "anna"})
		}, refused},
		{"a key that changes to itself", func(tx directus.Tx) error {
			return tx.Update(ctx, "authors", []any{"ann"}, query.Row{"id": "ann"})
		}, ""},
		{"an insert that was refused for another reason", func(tx directus.Tx) error {
			if err := insertOne(tx, "articles", query.Row{"id": int64(1), "author": "nobody"}); !errors.Is(err, protocol.CodeRecordNotUnique) {
				t.Errorf("got %v", err)
			}
			return nil
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, sqlite.Memory, library()...)
			insert(t, s, "authors", query.Row{"id": "ann"}, query.Row{"id": "bob"})
			insert(t, s, "articles", query.Row{"author": "ann"}, query.Row{"parent": int64(1)})
			before := keys(t, s, "articles", query.New())
			err := s.Write(ctx, test.do)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantRefusal(t, err, protocol.CodeInvalidForeignKey, test.want)
			wantKeys(t, s, "articles", before...)
			wantKeys(t, s, "authors", "ann", "bob")
		})
	}
}

// TestRelationsOfAFile: a file takes a relation that its rows keep, and only that.
func TestRelationsOfAFile(t *testing.T) {
	plain := func() []*query.Collection {
		collections := library()
		for _, c := range collections {
			fields := c.Fields[:0:0]
			for _, f := range c.Fields {
				if f.Relation = nil; f.Type != query.Alias {
					fields = append(fields, f)
				}
			}
			c.Fields = fields
		}
		return collections
	}
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path, plain()...)
	insert(t, s, "articles", query.Row{"author": "ann"}, query.Row{"author": "bob"}, query.Row{"author": "ann"})
	insert(t, s, "authors", query.Row{"id": "bob"})
	s.Close()
	wantOpenError(t, path, schemaOf(library()...), `"author"`, `"articles"`, `"authors"`, "2 rows", "--db")

	s = open(t, path, plain()...) // nothing was changed by the attempt
	insert(t, s, "authors", query.Row{"id": "ann"})
	s.Close()
	// Files of the first version have no table of relations.
	raw(t, path, "DROP TABLE _leveret_relations", "PRAGMA user_version = 1").Close()
	s = open(t, path, library()...)
	wantKeys(t, s, "articles", int64(1), int64(2), int64(3))
	err := s.Write(t.Context(), func(tx directus.Tx) error { return tx.Delete(t.Context(), "authors", []any{"ann"}) })
	wantRefusal(t, err, protocol.CodeInvalidForeignKey, "Invalid foreign key.")
	s.Close()

	// A relation that is left out binds no more, and is looked at again when it is back.
	s = open(t, path, plain()...)
	write(t, s, func(tx directus.Tx) error { return tx.Delete(t.Context(), "authors", []any{"ann"}) })
	s.Close()
	wantOpenError(t, path, schemaOf(library()...), `"author"`, "2 rows")
}

func TestRelationsThatCannotBeStored(t *testing.T) {
	other := &query.Collection{Name: "other", PrimaryKey: "id", Fields: []query.Field{{Name: "id", Type: query.Integer}, {Name: "name", Type: query.UUID}}}
	to := func(foreign string, fieldType query.Type) *query.Collection {
		f := pointsAt("x", fieldType, "other")
		f.Relation.Foreign = foreign
		return notes(f)
	}
	for name, test := range map[string]struct {
		c     *query.Collection
		words []string
	}{
		"to no primary key":      {to("name", query.UUID), []string{`"notes"`, `"x"`, `primary key "id" of "other"`}},
		"of another type":        {to("id", query.UUID), []string{`"x"`, "is of type uuid", "of type integer", "declare it"}},
		"an alias that is a key": {&query.Collection{Name: "notes", PrimaryKey: "id", Fields: []query.Field{{Name: "id", Type: query.Alias}}}, []string{`"id"`, "not one of its fields"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantOpenError(t, filepath.Join(t.TempDir(), "x.db"), schemaOf(test.c, other), test.words...)
		})
	}
	// To a collection that is not served, it is a field like any other.
	s := open(t, sqlite.Memory, notes(pointsAt("x", query.UUID, "directus_files")))
	insert(t, s, "notes", query.Row{"id": "1", "x": "no file"})
}

// TestKeysOfEveryType: a collection's key may be of these types.
func TestKeysOfEveryType(t *testing.T) {
	for _, test := range []struct {
		key  query.Field
		want any
	}{
		{query.Field{Type: query.Integer, Generated: true}, int64(1)},
		{query.Field{Type: query.BigInteger, Generated: true}, int64(1)},
		{query.Field{Type: query.Integer}, int64(-7)},
		{query.Field{Type: query.BigInteger}, int64(9007199254740993)},
		{query.Field{Type: query.UUID}, "5e8a3c1e-0000-4000-8000-000000000001"},
		{query.Field{Type: query.String}, "a key"},
	} {
		test.key.Name = "id"
		s := open(t, sqlite.Memory, &query.Collection{Name: "x", PrimaryKey: "id", Fields: []query.Field{test.key, pointsAt("again", test.key.Type, "x")}})
		row := query.Row{"id": test.want, "again": test.want}
		if test.key.Generated {
			row = query.Row{}
		}
		insert(t, s, "x", row)
		wantKeys(t, s, "x", test.want)
		if test.key.Generated {
			continue
		}
		err := s.Write(t.Context(), func(tx directus.Tx) error {
			_, err := tx.Insert(t.Context(), "x", query.Row{})
			return err
		})
		if !errors.Is(err, protocol.CodeNotNullViolation) {
			t.Errorf("%s: a row without a key: %v", test.key.Type, err)
		}
	}
}
