package sqlite_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// table is the cases that package query runs in memory: its cases_test.go says what is
// in them.
type table struct {
	Now             time.Time
	User, Role      string
	Roles, Policies []string
	Variables       map[string]any
	Guards          map[string]json.RawMessage
	Collections     []struct {
		Name, PrimaryKey string
		Fields           []struct {
			Name     string
			Type     query.Type
			Special  []string
			Relation *query.Relation
		}
		Rows []json.RawMessage
	}
	Cases []struct {
		Name, Collection         string
		Query, Groups            json.RawMessage
		Keys                     []json.RawMessage
		Error                    *struct{}
		Anonymous, Guarded, Rule bool
	}
}

// collections returns the table's collections, in one schema.
func (table *table) collections() []*query.Collection {
	var collections []*query.Collection
	for _, from := range table.Collections {
		c := &query.Collection{Name: from.Name, PrimaryKey: from.PrimaryKey}
		for _, f := range from.Fields {
			c.Fields = append(c.Fields, query.Field{Name: f.Name, Type: f.Type, Special: f.Special, Relation: f.Relation})
		}
		collections = append(collections, c)
	}
	schema := schemaOf(collections...)
	for _, c := range collections {
		c.Schema = schema
		for _, f := range c.Fields {
			switch r := f.Relation; {
			case r == nil:
			case r.Many:
				r.Local = c.PrimaryKey
			default:
				r.Local = f.Name
				if related := c.Related(r); related != nil {
					r.Foreign = related.PrimaryKey
				}
			}
		}
	}
	return collections
}

// TestCases runs the table that package query runs in memory: its rows are stored,
// and each case's query is answered by SQL. What the table has parsed or validated
// in vain never reaches a store.
func TestCases(t *testing.T) {
	content, err := os.ReadFile("../../protocol/query/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var table table
	if err := json.Unmarshal(content, &table); err != nil {
		t.Fatal(err)
	}
	collections := table.collections()
	s := open(t, sqlite.Memory, collections...)
	write(t, s, func(tx directus.Tx) error {
		for i, from := range table.Collections {
			for _, raw := range from.Rows {
				row, err := query.DecodeRow(raw, collections[i])
				if err != nil {
					return err
				}
				if _, err := tx.Insert(t.Context(), from.Name, row); err != nil {
					return err
				}
			}
		}
		return nil
	})
	rows := map[string][]query.Row{}
	for _, c := range collections {
		if rows[c.Name], err = s.Read(t.Context(), c.Name, query.Query{Limit: -1}); err != nil {
			t.Fatal(err)
		}
	}
	env := query.Env{Now: table.Now, User: table.User, Role: table.Role, Roles: table.Roles, Policies: table.Policies, Fields: table.Variables}
	for name, v := range env.Fields {
		if number, ok := v.(float64); ok {
			env.Fields[name] = int64(number)
		}
	}
	guards := map[string]*query.Filter{}
	for name, raw := range table.Guards {
		if guards[name], err = query.ParseFilter(raw); err != nil {
			t.Fatal(err)
		}
	}

	run, grouped := 0, 0
	for _, test := range table.Cases {
		if test.Error != nil {
			continue
		}
		run++
		t.Run(test.Name, func(t *testing.T) {
			c := s.Schema().Collections[test.Collection]
			env := env
			if test.Anonymous {
				env = query.Env{Now: table.Now}
			}
			if test.Guarded {
				env.Guard = func(collection string) *query.Filter { return guards[collection] }
			}
			env.Lookup = lookup(rows)
			q, err := query.Parse(test.Query)
			if err != nil {
				t.Fatal(err)
			}
			bound := q.Bind(c, env)
			if test.Groups != nil {
				grouped++
				groups, err := s.Aggregate(t.Context(), c.Name, bound)
				if err != nil {
					t.Fatal(err)
				}
				var want bytes.Buffer
				if err := json.Compact(&want, test.Groups); err != nil {
					t.Fatal(err)
				}
				if got := string(q.AppendGroups(nil, groups)); got != want.String() {
					t.Errorf("got %s, want %s", got, want.String())
				}
				return
			}

			found, err := s.Read(t.Context(), c.Name, bound)
			if err != nil {
				t.Fatal(err)
			}
			got, want := []string{}, []string{}
			for _, row := range found {
				got = append(got, string(query.AppendValue(nil, row[c.PrimaryKey])))
			}
			for _, key := range test.Keys {
				want = append(want, string(key))
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			unlimited := q
			unlimited.Limit, unlimited.Offset, unlimited.Page = -1, 0, 0
			all := len(unlimited.Execute(c, rows[c.Name], env))
			if n, err := s.Count(t.Context(), c.Name, bound.Filter, bound.Search); n != all || err != nil {
				t.Errorf("counted %d (%v), want %d", n, err, all)
			}
		})
	}
	if run < 300 || grouped < 20 {
		t.Errorf("only %d cases, %d of them of groups: the table was not read", run, grouped)
	}
}

// lookup finds related rows among those in memory.
func lookup(rows map[string][]query.Row) query.Lookup {
	return func(r *query.Relation, value any) (found []query.Row) {
		for _, row := range rows[r.Collection] {
			if row[r.Foreign] != nil && query.CompareValues(row[r.Foreign], value) == 0 {
				found = append(found, row)
			}
		}
		return found
	}
}
