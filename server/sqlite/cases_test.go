package sqlite_test

import (
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"time"

	"leveret/protocol/query"
	"leveret/server/sqlite"
)

// TestCases runs the table that package query runs in memory: its rows are stored,
// and each case's query is answered by SQL. What the table has parsed or validated
// in vain never reaches a store.
func TestCases(t *testing.T) {
	content, err := os.ReadFile("../../protocol/query/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Now             time.Time
		User, Role      string
		Roles, Policies []string
		Collections     []struct {
			Name, PrimaryKey string
			Fields           []struct {
				Name    string
				Type    query.Type
				Special []string
			}
			Rows []json.RawMessage
		}
		Cases []struct {
			Name, Collection string
			Query            json.RawMessage
			Keys             []json.RawMessage
			Error            *struct{}
			Anonymous        bool
		}
	}
	if err := json.Unmarshal(content, &table); err != nil {
		t.Fatal(err)
	}
	var collections []*query.Collection
	rows := map[string][]query.Row{}
	for _, from := range table.Collections {
		c := &query.Collection{Name: from.Name, PrimaryKey: from.PrimaryKey}
		for _, f := range from.Fields {
			c.Fields = append(c.Fields, query.Field{Name: f.Name, Type: f.Type, Special: f.Special})
		}
		for _, raw := range from.Rows {
			row, err := query.DecodeRow(raw, c)
			if err != nil {
				t.Fatal(err)
			}
			rows[c.Name] = append(rows[c.Name], row)
		}
		collections = append(collections, c)
	}
	s := open(t, sqlite.Memory, collections...)
	for name, rows := range rows {
		insert(t, s, name, rows...)
	}

	run := 0
	for _, test := range table.Cases {
		if test.Error != nil {
			continue
		}
		run++
		t.Run(test.Name, func(t *testing.T) {
			c := s.Schema().Collections[test.Collection]
			env := query.Env{Now: table.Now, User: table.User, Role: table.Role, Roles: table.Roles, Policies: table.Policies}
			if test.Anonymous {
				env = query.Env{Now: table.Now}
			}
			q, err := query.Parse(test.Query)
			if err != nil {
				t.Fatal(err)
			}
			unlimited := q
			unlimited.Limit, unlimited.Offset, unlimited.Page = -1, 0, 0
			all := len(unlimited.Execute(c, rows[c.Name], env))
			inMemory := q.Execute(c, rows[c.Name], env)
			q.Filter = q.Filter.Bind(c, env)

			found, err := s.Read(t.Context(), c.Name, q)
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
			if len(found) > 0 && !reflect.DeepEqual(found, inMemory) {
				t.Errorf("stored rows differ from those in memory:\n%v\n%v", found, inMemory)
			}
			if n, err := s.Count(t.Context(), c.Name, q.Filter, q.Search); n != all || err != nil {
				t.Errorf("counted %d (%v), want %d", n, err, all)
			}
		})
	}
	if run < 150 {
		t.Errorf("only %d cases: the table was not read", run)
	}
}
