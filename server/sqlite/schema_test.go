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

func notes(fields ...query.Field) *query.Collection {
	return &query.Collection{Name: "notes", PrimaryKey: "id", Fields: append([]query.Field{{Name: "id", Type: query.UUID}}, fields...)}
}

func TestSchemaThatGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path, notes(query.Field{Name: "text", Type: query.String}))
	insert(t, s, "notes", query.Row{"id": "1", "text": "a"}, query.Row{"id": "2", "text": "b"})
	s.Close()

	s = open(t, path, counters(), notes(
		query.Field{Name: "stars", Type: query.Integer, Required: true, Default: int64(3)},
		query.Field{Name: "text", Type: query.Text, Required: true, Unique: true},
		query.Field{Name: "more", Type: query.JSON},
	))
	insert(t, s, "counters", query.Row{})
	rows, err := s.Read(t.Context(), "notes", query.New())
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	for i, text := range []string{"a", "b"} {
		if row := rows[i]; row["stars"] != int64(3) || row["more"] != nil || row["text"] != text {
			t.Errorf("row %d: %v", i, row)
		}
	}
	if err := s.Write(t.Context(), func(tx directus.Tx) error {
		return tx.Update(t.Context(), "notes", []any{"1"}, query.Row{"text": "b"})
	}); !errors.Is(err, protocol.CodeRecordNotUnique) {
		t.Errorf("the field that became unique: got %v", err)
	}
	s.Close()

	// A collection that is left out is kept, a field that is not unique any more is free.
	s = open(t, path, notes(
		query.Field{Name: "stars", Type: query.Integer},
		query.Field{Name: "text", Type: query.Text},
		query.Field{Name: "more", Type: query.JSON},
	))
	write(t, s, func(tx directus.Tx) error {
		return tx.Update(t.Context(), "notes", []any{"1"}, query.Row{"text": "b", "stars": nil})
	})
	s.Close()
	s = open(t, path, counters())
	wantKeys(t, s, "counters", int64(1))
}

func TestSchemaThatWouldLoseDataIsRefused(t *testing.T) {
	text := query.Field{Name: "text", Type: query.String}
	n := query.Field{Name: "n", Type: query.Integer}
	with := func(f query.Field, change func(*query.Field)) query.Field { change(&f); return f }
	for _, test := range []struct {
		name  string
		now   *query.Collection
		words []string
	}{
		{"a field is gone", notes(text), []string{`"n"`, `"notes"`, "no longer in the schema", "put it back", "--db"}},
		{"a type changed", notes(text, with(n, func(f *query.Field) { f.Type = query.Boolean })), []string{`"n"`, "stored as integer but declared as boolean", "declare it as integer"}},
		{"a type of the same column type changed", notes(with(text, func(f *query.Field) { f.Type = query.Timestamp }), n), []string{`"text"`, "stored as string but declared as timestamp"}},
		{"a new required field without a default", notes(text, n, query.Field{Name: "x", Type: query.String, Required: true}), []string{`"x"`, "the 2 rows", "give it a default"}},
		{"a field with nulls is required now", notes(with(text, func(f *query.Field) { f.Required = true }), n), []string{`"text"`, "1 rows in the file have no value", "let it be null"}},
		{"a field with duplicates is unique now", notes(text, with(n, func(f *query.Field) { f.Unique = true })), []string{`"n"`, "share a value"}},
		{"another primary key", &query.Collection{Name: "notes", PrimaryKey: "text", Fields: []query.Field{{Name: "id", Type: query.UUID}, text, n}}, []string{`"id"`, "was declared as a key"}},
		{"a new primary key", &query.Collection{Name: "notes", PrimaryKey: "k", Fields: []query.Field{{Name: "id", Type: query.UUID}, text, n, {Name: "k", Type: query.UUID}}}, []string{"key"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			before := notes(text, n)
			s := open(t, path, before)
			insert(t, s, "notes", query.Row{"id": "1", "text": "a", "n": int64(7)}, query.Row{"id": "2", "n": int64(7)})
			s.Close()
			wantOpenError(t, path, schemaOf(test.now), append(test.words, "--db")...)
			// Nothing was changed by the attempt: the former schema still fits.
			s = open(t, path, before)
			wantKeys(t, s, "notes", "1", "2")
		})
	}
}

func TestSchemasThatCannotBeStored(t *testing.T) {
	for name, test := range map[string]struct {
		c     *query.Collection
		words []string
	}{
		"no primary key":          {&query.Collection{Name: "x", PrimaryKey: "id", Fields: []query.Field{{Name: "a"}}}, []string{`"x"`, `"id"`}},
		"fields that fold":        {notes(query.Field{Name: "Text"}, query.Field{Name: "text"}), []string{"differ only in case"}},
		"a reserved name":         {&query.Collection{Name: "sqlite_x", PrimaryKey: "id", Fields: []query.Field{{Name: "id"}}}, []string{"reserved"}},
		"our own name":            {&query.Collection{Name: "_leveret_settings", PrimaryKey: "id", Fields: []query.Field{{Name: "id"}}}, []string{"reserved"}},
		"a nameless field":        {notes(query.Field{}), []string{`cannot be named ""`}},
		"a generated text":        {notes(query.Field{Name: "t", Type: query.Text, Generated: true}), []string{"integer primary key"}},
		"a key that is a boolean": {&query.Collection{Name: "x", PrimaryKey: "id", Fields: []query.Field{{Name: "id", Type: query.Boolean}}}, []string{"boolean is not served"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantOpenError(t, filepath.Join(t.TempDir(), "x.db"), schemaOf(test.c), test.words...)
		})
	}
	wantOpenError(t, sqlite.Memory, nil, "Schema")
}

// TestNamesAreQuoted: names are identifiers, whatever is in them.
func TestNamesAreQuoted(t *testing.T) {
	odd := &query.Collection{Name: `od"d.; DROP TABLE x --`, PrimaryKey: "id", Fields: []query.Field{
		{Name: "id", Type: query.UUID}, {Name: `or"der.`, Type: query.String, Unique: true}, {Name: "select", Type: query.Integer},
	}}
	s := open(t, sqlite.Memory, odd)
	insert(t, s, odd.Name, query.Row{"id": "1", `or"der.`: "a", "select": int64(1)})
	err := s.Write(t.Context(), func(tx directus.Tx) error {
		_, err := tx.Insert(t.Context(), odd.Name, query.Row{"id": "2", `or"der.`: "a"})
		return err
	})
	wantRefusal(t, err, protocol.CodeRecordNotUnique, `Value "a" for field "or"der." in collection "od"d.; DROP TABLE x --" has to be unique.`)
	write(t, s, func(tx directus.Tx) error {
		return errors.Join(
			tx.Update(t.Context(), odd.Name, []any{"1"}, query.Row{"select": int64(2)}),
			tx.Delete(t.Context(), odd.Name, []any{"1"}),
		)
	})
	wantKeys(t, s, odd.Name)
}
