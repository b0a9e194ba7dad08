package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
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

// random is a choice of n random bytes.
func random(seed uint64, n int) *choice {
	source := rand.New(rand.NewPCG(seed, 2))
	bytes := make([]byte, n)
	for i := range bytes {
		bytes[i] = byte(source.Uint32())
	}
	return &choice{bytes}
}

// A world is collections with relations between them, the first of which is asked.
type world []*query.Collection

// worlds are the schemas of the test: everything, and others as they happen to come.
func worlds(n uint64) []world {
	all := []world{{everything}}
	for seed := range seeds(n) {
		all = append(all, newWorld(fmt.Sprintf("w%d_", len(all)), random(seed, 200)))
	}
	return all
}

// newWorld makes up to three collections with a key of any type, fields of any type,
// relations to one another and to themselves, and the ways back.
func newWorld(prefix string, c *choice) world {
	w := make(world, 1+c.of(3))
	for i := range w {
		w[i] = &query.Collection{Name: fmt.Sprintf("%s%d", prefix, i), PrimaryKey: "id"}
		w[i].Fields = append(w[i].Fields, query.Field{Name: "id", Type: one(c, query.Integer, query.UUID, query.String, query.BigInteger)})
		for n := range 2 + c.of(4) {
			f := everything.Fields[1+c.of(len(everything.Fields)-1)]
			f.Name = fmt.Sprintf("f%d", n)
			w[i].Fields = append(w[i].Fields, f)
		}
	}
	for i, from := range w {
		for n := range 1 + c.of(2) {
			to := w[c.of(len(w))]
			name := fmt.Sprintf("to%d", n)
			from.Fields = append(from.Fields, query.Field{Name: name, Type: to.Fields[0].Type, Relation: &query.Relation{Collection: to.Name, Local: name, Foreign: "id"}})
			to.Fields = append(to.Fields, query.Field{Name: fmt.Sprintf("from%d_%d", i, n), Type: query.Alias, Relation: &query.Relation{Many: true, Collection: from.Name, Local: "id", Foreign: name}})
		}
	}
	for i, f := range w[0].Fields { // not always at the end
		if f.Type == query.Alias {
			w[0].Fields = slices.Insert(slices.Delete(w[0].Fields, i, i+1), 0, f)
		}
	}
	schema := schemaOf(w...)
	for _, collection := range w {
		collection.Schema = schema
	}
	return w
}

var letters = []string{"a", "A", "b", "B", "%", "_", "é", "É", "ß", "😀", "\x00", " ", "'", `"`, `\`, ",", "0", "1", "[", "{", "\u2028", "<"}

func (c *choice) text() string {
	text := ""
	for range c.of(6) {
		text += letters[c.of(len(letters))]
	}
	if c.of(8) == 7 { // longer than LIKE is used for
		return strings.Repeat(one(c, "aB", "Ab", "ab", "é"), 20+c.of(4)) + one(c, "", "\x00", "\x00abab", "%")
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
		return one[any](c, "2026-11-21T09:00:00.000Z", "2026-11-21T08:59:59.999Z", "1999-12-31T23:59:59.000Z", "2024-02-29T00:00:00.000Z", "0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "2023-01-01T12:30:45.500Z")
	case query.DateTime:
		return one[any](c, "2026-11-21T09:00:00", "2026-11-21T08:59:59", "1999-12-31T23:59:59", "2024-12-30T00:00:00.5", "2000-03-01T06:07:08")
	case query.Date:
		return one[any](c, "2026-11-21", "1999-12-31", "2026-11-22", "2024-02-29", "2021-01-03", "2021-01-04")
	case query.Time:
		return one[any](c, "09:00:00", "23:59:59", "00:00:00", "12:34:56.789")
	}
	return c.text()
}

// stored is a value as a row has it.
func (c *choice) stored(f *query.Field) any {
	value := c.value(f)
	text, isText := value.(string)
	switch {
	case f.Type == query.JSON && isText && c.of(2) == 1:
		return one(c, json.RawMessage(`[]`), json.RawMessage(`[1,[2,3],{"a":4}]`), json.RawMessage(`{"a":[1,2]}`), json.RawMessage(` [ 1 ] `), json.RawMessage(`7`))
	case f.Type == query.JSON && isText:
		return json.RawMessage(query.AppendValue(nil, text))
	case f.Type == query.CSV && isText:
		return query.CSVFromText(text)
	}
	return value
}

// key is the nth primary key of a type.
func key(t query.Type, n int) any {
	switch t {
	case query.Integer, query.BigInteger:
		return int64(n - 2)
	case query.UUID:
		return fmt.Sprintf("5e8a3c1e-0000-4000-8000-%012d", n)
	}
	return string(rune('a' + n))
}

// row is the nth row of a collection. What it points at may be missing.
func (c *choice) row(collection *query.Collection, n int) query.Row {
	row := query.Row{}
	for i := range collection.Fields {
		switch f := &collection.Fields[i]; {
		case f.Type == query.Alias:
		case f.Name == collection.PrimaryKey:
			row[f.Name] = key(f.Type, n)
		case f.Relation != nil:
			if at := c.of(6); at < 5 {
				row[f.Name] = key(f.Type, at)
			} else {
				row[f.Name] = nil
			}
		default:
			row[f.Name] = c.stored(f)
		}
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

// functions is those that a type has.
func functions(t query.Type) []string {
	day, clock := []string{"year", "month", "week", "day", "weekday"}, []string{"hour", "minute", "second"}
	switch t {
	case query.Timestamp, query.DateTime:
		return append(day, clock...)
	case query.Date:
		return day
	case query.Time:
		return clock
	case query.JSON, query.CSV, query.Alias:
		return []string{"count"}
	}
	return nil
}

// filter is a filter as a client could have sent it (nil is one).
func (c *choice) filter(of *query.Collection, depth int) *query.Filter {
	if depth > 0 && c.of(3) == 2 {
		f := &query.Filter{Op: one(c, query.OpAnd, query.OpOr)}
		for range c.of(4) {
			f.Nodes = append(f.Nodes, c.filter(of, depth-1))
		}
		return f
	}
	field := &of.Fields[c.of(len(of.Fields))]
	f := &query.Filter{Field: field.Name}
	if related := of.Related(field.Relation); related != nil && depth > 0 && c.of(4) > 0 {
		f.Op = query.OpSome
		if field.Relation.Many && c.of(2) == 1 {
			f.Op, f.Value = one(c, query.OpSome, query.OpNone), true
		}
		f.Nodes = []*query.Filter{c.filter(related, depth-1)}
		if f.Nodes[0] == nil && f.Value == nil {
			f.Nodes = nil
		}
		return f
	}
	if names := functions(field.Type); len(names) > 0 && c.of(2) == 1 {
		f.Func = one(c, names...)
		number := &query.Field{Type: query.Integer}
		c.leaf(f, number, false)
		if c.of(2) == 1 && f.Op != query.OpNull { // numbers that it may well be
			small := func() any {
				return one[any](c, int64(0), int64(1), int64(2), int64(3), int64(9), int64(11), int64(59), int64(2026))
			}
			if list, ok := f.Value.([]any); ok {
				for i := range list {
					list[i] = small()
				}
			} else if _, ok := f.Value.(int64); ok {
				f.Value = small()
			}
		}
		return f
	}
	switch field.Type {
	case query.JSON:
		f.Op, f.Value = presence[c.of(2)], true
		return f
	case query.Alias:
		related := of.Related(field.Relation)
		key := &related.Fields[slices.IndexFunc(related.Fields, func(f query.Field) bool { return f.Name == "id" })]
		c.leaf(f, key, false)
		return f
	}
	c.leaf(f, field, slices.Contains([]query.Type{query.String, query.Text, query.CSV, query.Hash, "color"}, field.Type))
	return f
}

// leaf completes a condition on a field.
func (c *choice) leaf(f *query.Filter, field *query.Field, isText bool) {
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
}

// sortable leaves out csv, which memory sorts by the bytes of its JSON and SQL by its
// elements joined by commas, as Directus does.
func sortable(f *query.Field) bool { return f.Type != query.CSV && f.Type != query.Alias }

// path is a field, a path or a function to sort by; "" if none was found.
func (c *choice) path(of *query.Collection, depth int) string {
	f := &of.Fields[c.of(len(of.Fields))]
	if related := of.Related(f.Relation); related != nil && !f.Relation.Many && depth > 0 && c.of(3) > 0 {
		if rest := c.path(related, depth-1); rest != "" {
			return f.Name + "." + rest
		}
	}
	if names := functions(f.Type); len(names) > 0 && (c.of(2) == 1 || !sortable(f)) {
		return one(c, names...) + "(" + f.Name + ")"
	}
	if !sortable(f) {
		return ""
	}
	return f.Name
}

func (c *choice) query(of *query.Collection) query.Query {
	q := query.Query{
		Filter: c.filter(of, 4),
		Limit:  one(c, -1, query.Unset, 0, 1, 3),
		Offset: one(c, 0, 0, 1, 4),
		Page:   one(c, 0, 0, 1, 2),
		Search: one(c, "", "", "", "a", "%", "1", "1.5", env.User, c.text()),
	}
	for range c.of(4) {
		if path := c.path(of, 3); path != "" {
			q.Sort = append(q.Sort, query.SortKey{Field: path, Desc: c.of(2) == 1})
		}
	}
	return q
}

// groups makes a query one for groups.
func (c *choice) groups(of *query.Collection, q query.Query) query.Query {
	q.Sort = nil
	for range c.of(3) {
		if name := c.path(of, 0); name != "" && !slices.Contains(q.GroupBy, name) && !isCountOfMany(of, name) {
			q.GroupBy = append(q.GroupBy, name)
		}
	}
	for range 1 + c.of(4) {
		a := query.Aggregation{Func: one(c, "count", "countAll", "countDistinct", "sum", "sumDistinct", "avg", "avgDistinct", "min", "max"), Field: "*"}
		f := &of.Fields[c.of(len(of.Fields))]
		switch {
		case (a.Func == "countAll" || a.Func == "count") && c.of(2) == 1:
		case f.Type == query.Alias, f.Type == query.JSON, f.Type == query.CSV:
			continue
		case slices.Contains([]string{"sum", "sumDistinct", "avg", "avgDistinct"}, a.Func) && !isNumber(f.Type):
			continue
		default:
			a.Field = f.Name
		}
		if !slices.Contains(q.Aggregate, a) {
			q.Aggregate = append(q.Aggregate, a)
		}
	}
	if !q.Grouped() {
		q.Aggregate = []query.Aggregation{{Func: "count", Field: "*"}}
	}
	for _, name := range q.GroupBy {
		if c.of(2) == 1 {
			q.Sort = append(q.Sort, query.SortKey{Field: name, Desc: c.of(2) == 1})
		}
	}
	return q
}

func isNumber(t query.Type) bool {
	return t == query.Integer || t == query.BigInteger || t == query.Float || t == query.Decimal
}

func isCountOfMany(of *query.Collection, name string) bool {
	for _, f := range of.Fields {
		if f.Type == query.Alias && name == "count("+f.Name+")" {
			return true
		}
	}
	return false
}

var errUndo = errors.New("undo")

// agree inserts rows and asks SQL and memory the same; then all is undone.
func agree(t *testing.T, s *sqlite.Store, worlds []world, bytes []byte) {
	t.Helper()
	c := &choice{bytes}
	ctx := context.Background()
	w := worlds[c.of(len(worlds))]
	asked := w[0]
	err := s.Write(ctx, func(tx directus.Tx) error {
		rows := map[string][]query.Row{}
		guards := map[string]*query.Filter{}
		for i, collection := range w {
			count := c.of(6)
			if i == 0 {
				count = 1 + c.of(12)
			}
			for n := range count {
				if _, err := tx.Insert(ctx, collection.Name, c.row(collection, n)); err != nil {
					t.Fatal(err)
				}
			}
			all, err := tx.Read(ctx, collection.Name, query.Query{Limit: -1})
			if err != nil {
				t.Fatal(err)
			}
			rows[collection.Name] = all
			if c.of(2) == 1 {
				guards[collection.Name] = c.filter(collection, 2)
			}
		}
		env := env
		env.Guard = func(collection string) *query.Filter { return guards[collection] }
		env.Lookup = lookup(rows)
		for range 8 {
			q := c.query(asked)
			if c.of(3) == 2 {
				q = c.groups(asked, q)
				want := q.Groups(asked, rows[asked.Name], env)
				got, err := tx.Aggregate(ctx, asked.Name, q.Bind(asked, env))
				if err != nil {
					t.Fatalf("%s: %v", q.JSON(), err)
				}
				if !sameGroups(got, want) {
					t.Errorf("%s\nSQL    %v\nmemory %v", q.JSON(), got, want)
				}
			} else {
				want := q.Execute(asked, rows[asked.Name], env)
				got, err := tx.Read(ctx, asked.Name, q.Bind(asked, env))
				if err != nil {
					t.Fatalf("%s: %v", q.JSON(), err)
				}
				if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
					t.Errorf("%s\nSQL    %v\nmemory %v", q.JSON(), ids(got), ids(want))
				}
			}
		}
		if t.Failed() {
			for _, collection := range w {
				t.Logf("%s, guarded by %s", collection.Name, guards[collection.Name].AppendJSON(nil))
				for _, row := range rows[collection.Name] {
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

// sameGroups compares groups; sums and averages may differ in their last digits, and in
// whether a sum that passed 64 bits on the way is a float.
func sameGroups(a, b []query.Group) bool {
	return slices.EqualFunc(a, b, func(a, b query.Group) bool {
		return slices.EqualFunc(a.Keys, b.Keys, reflect.DeepEqual) && slices.EqualFunc(a.Values, b.Values, func(a, b any) bool {
			x, ok := float(a)
			y, okToo := float(b)
			if ok && okToo {
				return x == y || math.Abs(x-y) <= 1e-9*math.Max(math.Abs(x), math.Abs(y))
			}
			return reflect.DeepEqual(a, b)
		})
	})
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

func ids(rows []query.Row) (list []any) {
	for _, row := range rows {
		list = append(list, row["id"])
	}
	return list
}

func TestSQLAgreesWithMemory(t *testing.T) {
	worlds := worlds(8)
	s := open(t, sqlite.Memory, slices.Concat(worlds...)...)
	rounds := uint64(200)
	if underRace { // make test makes all of them without it
		rounds = 50
	}
	for seed := range seeds(rounds) {
		c := random(seed, 100+int(seed*7919%1000))
		if agree(t, s, worlds, c.bytes); t.Failed() {
			t.Fatalf("this was seed %d", seed)
		}
	}
}

func FuzzSQLAgreesWithMemory(f *testing.F) {
	worlds := worlds(8)
	s, err := sqlite.Open(context.Background(), sqlite.Options{Path: sqlite.Memory, Schema: schemaOf(slices.Concat(worlds...)...)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	for seed := range uint64(20) {
		f.Add(random(1000+seed, 600).bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { agree(t, s, worlds, bytes) })
}
