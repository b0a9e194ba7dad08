package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// everything has a field of every type that is served, and one of a type that is not.
var everything = &query.Collection{Name: "everything", PrimaryKey: "id", Fields: []query.Field{
	{Name: "id", Type: query.String},
	{Name: "string", Type: query.String},
	{Name: "text", Type: query.Text},
	{Name: "uuid", Type: query.UUID},
	{Name: "integer", Type: query.Integer},
	{Name: "big", Type: query.BigInteger},
	{Name: "float", Type: query.Float},
	{Name: "decimal", Type: query.Decimal},
	{Name: "boolean", Type: query.Boolean},
	{Name: "timestamp", Type: query.Timestamp},
	{Name: "dateTime", Type: query.DateTime},
	{Name: "date", Type: query.Date},
	{Name: "time", Type: query.Time},
	{Name: "json", Type: query.JSON},
	{Name: "csv", Type: query.CSV},
	{Name: "hash", Type: query.Hash, Special: []string{"conceal"}},
	{Name: "color", Type: "color"},
}}

var env = query.Env{
	Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), User: "5e8a3c1e-0000-4000-8000-000000000001",
	Role: "r", Roles: []string{"r", "s"}, Policies: []string{"p"},
}

// A choice turns bytes into decisions, so that the same bytes are the same test.
// When they are used up, every decision is the first.
type choice struct{ bytes []byte }

func (c *choice) of(n int) int {
	if len(c.bytes) == 0 || n < 2 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func one[T any](c *choice, values ...T) T { return values[c.of(len(values))] }

var letters = []string{"a", "A", "b", "B", "%", "_", "é", "É", "ß", "😀", "\x00", " ", "'", `"`, `\`, ",", "0", "1", "[", "{", "\u2028", "<"}

func (c *choice) text() string {
	text := ""
	for range c.of(6) {
		text += letters[c.of(len(letters))]
	}
	return text
}

// value is a value that a client could send for the field; nil is one of them.
func (c *choice) value(f *query.Field) any {
	if c.of(5) == 4 {
		return nil
	}
	switch f.Type {
	case query.UUID:
		return one[any](c, env.User, "5E8A3C1E-0000-4000-8000-000000000001", "5e8a3c1e-0000-4000-8000-000000000002")
	case query.Integer, query.BigInteger:
		return one[any](c, int64(0), int64(1), int64(-1), int64(2), int64(9007199254740993), int64(1<<63-1), int64(-1<<63))
	case query.Float, query.Decimal:
		return one[any](c, 0.0, 1.0, -1.0, 0.1, 0.30000000000000004, 1.5, 1e300, 5e-324, 9007199254740992.0, 9223372036854775807.0, 1e19)
	case query.Boolean:
		return one[any](c, true, false)
	case query.Timestamp:
		return one[any](c, "2026-11-21T09:00:00.000Z", "2026-11-21T08:59:59.999Z", "1999-12-31T23:59:59.000Z")
	case query.DateTime:
		return one[any](c, "2026-11-21T09:00:00", "2026-11-21T08:59:59", "1999-12-31T23:59:59")
	case query.Date:
		return one[any](c, "2026-11-21", "1999-12-31", "2026-11-22")
	case query.Time:
		return one[any](c, "09:00:00", "23:59:59", "00:00:00")
	}
	return c.text()
}

func (c *choice) row(id string) query.Row {
	row := query.Row{"id": id}
	for i := range everything.Fields[1:] {
		f := &everything.Fields[i+1]
		value := c.value(f)
		if text, ok := value.(string); ok {
			switch f.Type {
			case query.JSON:
				value = json.RawMessage(query.AppendValue(nil, text))
			case query.CSV:
				value = query.CSVFromText(text)
			}
		}
		row[f.Name] = value
	}
	return row
}

var (
	comparing = []query.Op{query.OpEq, query.OpNeq, query.OpLt, query.OpLte, query.OpGt, query.OpGte}
	listing   = []query.Op{query.OpIn, query.OpNin, query.OpBetween, query.OpNBetween}
	presence  = []query.Op{query.OpNull, query.OpNNull, query.OpEmpty, query.OpNEmpty}
	texting   = []query.Op{
		query.OpContains, query.OpNContains, query.OpStartsWith, query.OpNStartsWith, query.OpEndsWith, query.OpNEndsWith,
		query.OpIContains, query.OpNIContains, query.OpIStartsWith, query.OpNIStartsWith, query.OpIEndsWith, query.OpNIEndsWith,
		query.OpIEq, query.OpNIEq,
	}
)

// filter is a filter as a client could have sent it (nil is one).
func (c *choice) filter(depth int) *query.Filter {
	if depth > 0 && c.of(3) == 2 {
		f := &query.Filter{Op: one(c, query.OpAnd, query.OpOr)}
		for range c.of(4) {
			f.Nodes = append(f.Nodes, c.filter(depth-1))
		}
		return f
	}
	field := &everything.Fields[c.of(len(everything.Fields))]
	f := &query.Filter{Field: field.Name}
	isText := false
	switch field.Type {
	case query.String, query.Text, query.CSV, query.Hash, "color":
		isText = true
	case query.JSON:
		f.Op = presence[c.of(2)]
		f.Value = true
		return f
	}
	kinds := 3
	if isText {
		kinds = 4
	}
	switch c.of(kinds) {
	case 0:
		f.Op, f.Value = comparing[c.of(len(comparing))], c.value(field)
	case 1:
		f.Op = listing[c.of(len(listing))]
		size := 2
		if f.Op == query.OpIn || f.Op == query.OpNin {
			size = one(c, 1, 2, 5, 0, 40)
		}
		list := make([]any, size)
		for i := range list {
			list[i] = c.value(field)
		}
		f.Value = list
	case 2:
		f.Op, f.Value = presence[c.of(len(presence))], one(c, true, false)
	case 3:
		f.Op, f.Value = texting[c.of(len(texting))], c.text()
	}
	return f
}

// sortable leaves out csv, which memory sorts by the bytes of its JSON and SQL by its
// elements joined by commas, as Directus does.
func sortable(f query.Field) bool { return f.Type != query.CSV }

func (c *choice) query() query.Query {
	q := query.Query{
		Filter: c.filter(3),
		Limit:  one(c, -1, query.Unset, 0, 1, 3),
		Offset: one(c, 0, 0, 1, 4),
		Page:   one(c, 0, 0, 1, 2),
		Search: one(c, "", "", "", "a", "%", "1", "1.5", env.User, c.text()),
	}
	for range c.of(4) {
		if f := everything.Fields[c.of(len(everything.Fields))]; sortable(f) {
			q.Sort = append(q.Sort, query.SortKey{Field: f.Name, Desc: c.of(2) == 1})
		}
	}
	return q
}

var errUndo = errors.New("undo")

// agree inserts rows and asks SQL and memory the same; then all is undone.
func agree(t *testing.T, s *sqlite.Store, bytes []byte) {
	t.Helper()
	c := &choice{bytes}
	ctx := context.Background()
	err := s.Write(ctx, func(tx directus.Tx) error {
		for i := range 1 + c.of(12) {
			if _, err := tx.Insert(ctx, "everything", c.row(string(rune('a'+i)))); err != nil {
				t.Fatal(err)
			}
		}
		all, err := tx.Read(ctx, "everything", query.Query{Limit: -1})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			q := c.query()
			asked := q.JSON()
			want := q.Execute(everything, all, env)
			q.Filter = q.Filter.Bind(everything, env)
			got, err := tx.Read(ctx, "everything", q)
			if err != nil {
				t.Fatalf("%s: %v", asked, err)
			}
			if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s\nSQL    %v\nmemory %v", asked, ids(got), ids(want))
				for _, row := range all {
					t.Logf("%q", row)
				}
			}
		}
		return errUndo
	})
	if err != errUndo {
		t.Fatal(err)
	}
}

func ids(rows []query.Row) (list []any) {
	for _, row := range rows {
		list = append(list, row["id"])
	}
	return list
}

func TestSQLAgreesWithMemory(t *testing.T) {
	s := open(t, sqlite.Memory, everything)
	for seed := range seeds(200) {
		random := rand.New(rand.NewPCG(seed, 2))
		bytes := make([]byte, 100+random.IntN(1000))
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		if agree(t, s, bytes); t.Failed() {
			t.Fatalf("this was seed %d", seed)
		}
	}
}

func FuzzSQLAgreesWithMemory(f *testing.F) {
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: sqlite.Memory, Schema: schemaOf(everything)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		bytes := make([]byte, 400)
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		f.Add(slices.Clone(bytes))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { agree(t, s, bytes) })
}
