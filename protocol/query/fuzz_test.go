package query_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"leveret/protocol/query"
)

// FuzzParse: no input makes Parse, Validate, Bind, Match or Execute panic; what is
// accepted comes back the same from its own JSON; what is bound is what Filter
// documents, and binding it again changes nothing.
func FuzzParse(f *testing.F) {
	tab := readTable(f)
	for _, test := range tab.Cases {
		f.Add([]byte(test.Query))
	}
	f.Add([]byte(`{"fields":"*","filter":"{\"a\":{\"_eq\":1}}","sort":"-id","limit":"5"}`))
	f.Add([]byte(`{"filter":` + strings.Repeat(`{"_or":[{"n":1,"_or":[`, 20)))
	f.Add([]byte(`{"filter":{"author":{"_or":[{"name":"Ann","_eq":1},{"articles":{"_none":{"year(published)":2026}}}],"_and":[{"name":"x"},{}]}},"sort":"-year(author.born)"}`))
	f.Add([]byte(`{"fields":"*.*.id,x.name","alias":{"x":"author"},"deep":{"x":{"_filter":{"boss":{"name":"Bob"}},"articles":{"_limit":"1"}}}}`))
	f.Add([]byte(`{"aggregate":{"count":["*","id"],"sum":"words"},"groupBy":["status","year(published)"],"sort":"-status"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := query.Parse(raw)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		parseAgain(t, q)
		q.UsesNow()
		q.Filter.Variables()
		for _, name := range []string{"things", "articles", "authors"} {
			env := tab.env
			if name == "authors" {
				env.Guard = tab.guard(t)
			}
			execute(t, tab, q, tab.schema[name], env)
		}
	})
}

// execute does with an accepted query all that a server does.
func execute(t *testing.T, tab *table, q query.Query, c *query.Collection, env query.Env) {
	valid := true
	if err := q.Validate(c); err != nil {
		wantRefusal(t, err)
		valid = false
	}
	bound := q.Filter.Bind(c, env)
	wantBound(t, bound, c)
	if again := bound.Bind(c, env); !reflect.DeepEqual(again, bound) {
		t.Fatalf("bound again: %s\nbefore: %s", again.AppendJSON(nil), bound.AppendJSON(nil))
	}
	bound.Collections(c)
	q.Filter.Bind(nil, env).Match(tab.rows[c.Name][0])
	found := q.Execute(c, tab.rows[c.Name], env)
	if len(found) > len(tab.rows[c.Name]) {
		t.Fatalf("%d rows of %d", len(found), len(tab.rows[c.Name]))
	}
	wantMembers(t, q.Selection(c))
	if !valid {
		return // a group by what is no column has no value
	}
	groups := q.Groups(c, tab.rows[c.Name], env)
	if text := q.AppendGroups(nil, groups); !json.Valid(text) {
		t.Fatalf("not JSON: %s", text)
	}
}

// wantMembers checks that what is selected is there.
func wantMembers(t *testing.T, s *query.Selection) {
	t.Helper()
	names := map[string]bool{}
	for _, m := range s.Members {
		if names[m.Name] || s.Collection.Field(m.Field.Name) == nil {
			t.Fatalf("%q is there twice, or of another collection", m.Name)
		}
		names[m.Name] = true
		related := s.Collection.Related(m.Field.Relation)
		if m.Nested != nil {
			if m.Nested.Collection != related || m.Func != "" {
				t.Fatalf("%q leads to %q", m.Name, m.Nested.Collection.Name)
			}
			wantMembers(t, m.Nested)
		} else if m.Field.Type == query.Alias && related == nil {
			t.Fatalf("%q has nothing to show", m.Name)
		}
	}
}

// FuzzFilter does the same with the filter alone, and with rows of any shape.
func FuzzFilter(f *testing.F) {
	tab := readTable(f)
	for _, test := range tab.Cases {
		var q struct{ Filter json.RawMessage }
		if json.Unmarshal(test.Query, &q) == nil && q.Filter != nil {
			f.Add([]byte(q.Filter), []byte(`{"n":10,"name":"alpha","tags":["a","b"]}`))
		}
	}
	things := tab.schema["things"]
	f.Fuzz(func(t *testing.T, rawFilter, rawRow []byte) {
		filter, err := query.ParseFilter(rawFilter)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		if filter != nil { // nil is written as {}, and that is nil again
			again, err := query.ParseFilter(filter.AppendJSON(nil))
			if err != nil || !reflect.DeepEqual(again, filter) {
				t.Fatalf("%s comes back as %s, %v", filter.AppendJSON(nil), again.AppendJSON(nil), err)
			}
		}
		row, err := query.DecodeRow(rawRow, nil)
		if err != nil {
			return
		}
		filter.UsesNow()
		filter.Bind(nil, tab.env).Match(row)
		filter.Bind(things, tab.anonymous).Match(row)
		query.And(filter, query.SearchFilter(things, string(rawRow))).Match(row)
	})
}

// FuzzRow: a decoded row is encoded as valid JSON that decodes to the same row, and
// the decoder takes exactly what encoding/json takes.
func FuzzRow(f *testing.F) {
	tab := readTable(f)
	for _, c := range tab.Collections {
		for _, row := range c.Rows {
			f.Add([]byte(row))
		}
	}
	for _, seed := range []string{`{}`, `{"a":1,"a":2}`, `{"a":"\ud83d\ude00\ud800 \u0000"}`, `{"a":-0,"b":1e400}`, `{"a":[1,{"b":[]}],}`, `{"n":"12","done":"1","at":0,"tags":"x,y","name":{"a": 1}}`, "{\"name\":{\"a\xa5\xa5\":1},\"data\":\"\xa5\"}"} {
		f.Add([]byte(seed))
	}
	things := tab.schema["things"]
	var names []string
	for _, field := range things.Fields {
		names = append(names, field.Name)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var object map[string]json.RawMessage
		valid := json.Unmarshal(raw, &object) == nil && object != nil
		row, err := query.DecodeRow(raw, nil)
		if err != nil {
			wantRefusal(t, err)
			if valid && !strings.Contains(err.Error(), "too large") && strings.Count(string(raw), "[")+strings.Count(string(raw), "{") < 1000 {
				t.Fatalf("refused: %v", err)
			}
		} else {
			if !valid {
				t.Fatal("no JSON object, but taken")
			}
			keys := make([]string, 0, len(row))
			for key := range row {
				keys = append(keys, key)
			}
			wantSameRow(t, row, query.AppendRow(nil, row, keys), nil)
		}

		row, err = query.DecodeRow(raw, things)
		if err != nil {
			wantRefusal(t, err)
			return
		}
		known := query.Row{}
		for _, name := range names {
			known[name] = row[name]
		}
		wantSameRow(t, known, query.AppendRow(nil, row, names), things)
	})
}

// FuzzLike holds LIKE against a regular expression.
func FuzzLike(f *testing.F) {
	for _, seed := range [][2]string{{"a%b_c", "aXXbYc"}, {"%%_", "ä"}, {"", ""}, {"_", "é"}, {"A", "ba"}, {"%a%a%a%b", "aaaaaaaaaaaa"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if !utf8.ValidString(pattern) || !utf8.ValidString(text) || strings.ContainsRune(pattern+text, 0) || len(pattern) > 100 {
			return
		}
		var re strings.Builder
		for _, r := range withoutFolding(pattern) {
			switch {
			case r == '%':
				re.WriteString(`.*`)
			case r == '_':
				re.WriteString(`.`)
			case r < utf8.RuneSelf:
				re.WriteString(`(?i:` + regexp.QuoteMeta(string(r)) + `)`)
			default:
				re.WriteString(regexp.QuoteMeta(string(r)))
			}
		}
		for op, form := range map[query.Op]string{query.OpContains: `(?s)\A.*%s.*\z`, query.OpStartsWith: `(?s)\A%s.*\z`, query.OpEndsWith: `(?s)\A.*%s\z`} {
			want := regexp.MustCompile(strings.Replace(form, "%s", re.String(), 1)).MatchString(withoutFolding(text))
			filter := &query.Filter{Op: op, Field: "f", Value: pattern}
			if got := filter.Match(query.Row{"f": text}); got != want {
				t.Errorf("%q %s %q: got %v, want %v", text, op, pattern, got, want)
			}
		}
	})
}

// withoutFolding takes out the two characters, the Kelvin sign and the long s, that
// a case-insensitive regular expression would match with an ASCII letter, and LIKE
// would not.
func withoutFolding(text string) string {
	return strings.NewReplacer("\u212A", "\uE000", "\u017F", "\uE001").Replace(text)
}

func wantRefusal(t *testing.T, err error) {
	t.Helper()
	var refusal *query.Error
	if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Message == "" || !strings.HasSuffix(refusal.Message, ".") {
		t.Fatalf("not a refusal with a sentence: %#v", err)
	}
	if !utf8.ValidString(refusal.Message) {
		t.Fatalf("not UTF-8: %q", refusal.Message)
	}
}

func wantSameRow(t *testing.T, row query.Row, raw []byte, c *query.Collection) {
	t.Helper()
	if !json.Valid(raw) {
		t.Fatalf("not JSON: %s", raw)
	}
	again, err := query.DecodeRow(raw, c)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if !reflect.DeepEqual(again, row) {
		t.Fatalf("%s\nis %#v\nnot %#v", raw, again, row)
	}
}

// wantBound checks what the documentation of Filter promises to whoever compiles a
// bound filter.
func wantBound(t *testing.T, f *query.Filter, c *query.Collection) {
	t.Helper()
	if f == nil {
		return
	}
	fail := func(why string) {
		t.Helper()
		t.Fatalf("%s: %s (Value %#v)", f.AppendJSON(nil), why, f.Value)
	}
	if f.Op == query.OpAnd || f.Op == query.OpOr {
		if len(f.Nodes) < 2 || f.Value != nil || f.Field != "" {
			fail("a group is of two or more")
		}
		for _, node := range f.Nodes {
			if node == nil {
				fail("nil in a group")
			}
			wantBound(t, node, c)
		}
		return
	}
	field := c.Field(f.Field)
	if field == nil {
		fail("no such field")
	}
	if f.Op == query.OpOne || f.Op == query.OpSome || f.Op == query.OpNone {
		related := c.Related(f.Relation)
		switch {
		case len(f.Nodes) != 1 || f.Value != nil || f.Func != "" || related == nil || field.Relation != f.Relation:
			fail("a relation has one node and leads somewhere")
		case f.Op == query.OpOne && (f.Relation.Many || f.Nodes[0] == nil):
			fail("_one is for many-to-one, and asks something")
		}
		wantBound(t, f.Nodes[0], related)
		wantBound(t, f.Guard, related)
		return
	}
	isCount := f.Func == "count" && field.Type == query.Alias
	if isCount != (f.Relation != nil) || f.Guard != nil && !isCount || f.Nodes != nil {
		fail("only count of a relation has a relation")
	}
	if isCount {
		wantBound(t, f.Guard, c.Related(f.Relation))
	} else if field.Type == query.Alias {
		fail("there is no such column")
	}
	if f.Func != "" {
		field = &query.Field{Type: query.Integer}
	}
	scalar := func(v any) bool {
		switch field.Type {
		case query.Integer, query.BigInteger, query.Float, query.Decimal:
			switch v := v.(type) {
			case int64:
				return true
			case float64:
				return v != float64(int64(v)) || v >= 1<<63 || v < -(1<<63)
			}
			return false
		case query.Boolean:
			_, ok := v.(bool)
			return ok
		case query.Timestamp:
			text, ok := v.(string)
			return ok && regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(text)
		case query.DateTime:
			text, ok := v.(string)
			return ok && regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?$`).MatchString(text)
		case query.Date:
			text, ok := v.(string)
			return ok && regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(text)
		case query.Time:
			text, ok := v.(string)
			return ok && regexp.MustCompile(`^\d\d:\d\d:\d\d(\.\d{1,3})?$`).MatchString(text)
		}
		_, ok := v.(string)
		return ok
	}
	switch f.Op {
	case query.OpEq, query.OpNeq, query.OpLt, query.OpLte, query.OpGt, query.OpGte:
		if !scalar(f.Value) {
			fail("not of the field's type " + string(field.Type))
		}
	case query.OpIn, query.OpNin, query.OpBetween, query.OpNBetween:
		list, ok := f.Value.([]any)
		if !ok || (f.Op == query.OpBetween || f.Op == query.OpNBetween) && len(list) != 2 {
			fail("no list, or no pair")
		}
		for _, v := range list {
			if v != nil && !scalar(v) {
				fail("an element is not of the field's type " + string(field.Type))
			}
		}
	case query.OpNull, query.OpNNull, query.OpEmpty, query.OpNEmpty:
		if f.Value != nil {
			fail("a presence operator has no operand")
		}
	case query.OpIEq, query.OpNIEq, query.OpContains, query.OpNContains, query.OpStartsWith, query.OpNStartsWith, query.OpEndsWith, query.OpNEndsWith:
		if _, ok := f.Value.(string); !ok {
			fail("not text")
		}
	default:
		fail("not an operator of a bound filter")
	}
}
