package query_test

// testdata/cases.json is one table for two readers: this test runs it in memory,
// and the SQL store runs it in a database, so that the two cannot drift apart.
//
//	{"now", "user", "role", "roles", "policies":          the Env
//	 "variables": {"$CURRENT_USER.first_name": …},        Env.Fields
//	 "guards": {"articles": {…}},                         Env.Guard of a guarded case: filters
//	 "collections": [{"name", "primaryKey",
//	                  "fields": [{"name", "type", "special"?, "relation"?}],
//	                  "rows": [{…}]}],                     as items, for DecodeRow
//	 "cases": [{"name",                                    unique
//	            "collection",
//	            "query",                                   as a client sends it
//	            "keys": […]                                the expected items' primary keys, in order
//	            "groups": […],                             or what AppendGroups writes
//	            "error": {"code", "message"},              or the refusal
//	            "anonymous": true,                         with an Env that has only the time
//	            "guarded": true,                           with Env.Guard
//	            "rule": true}]}                            the query is not validated, as a server's own rules
//
// A relation is {"collection", "many"?, "foreign"?, "sort"?}: without "many" it leads
// from the field to the other's primary key, with it from the own primary key to the other's
// field "foreign". All collections are in one Schema; one of the relations leads to a
// collection that is not there. Rows come after those that they point at.
//
// A case runs as a request does: Parse, Validate, Bind, execute.

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"leveret/protocol/query"
)

type table struct {
	Now            time.Time
	User, Role     string
	Roles          []string
	Policies       []string
	Variables      map[string]any
	Guards         map[string]json.RawMessage
	Collections    []tableCollection
	Cases          []tableCase
	schema         map[string]*query.Collection
	rows           map[string][]query.Row
	env, anonymous query.Env
}

type tableCollection struct {
	Name       string
	PrimaryKey string
	Fields     []struct {
		Name     string
		Type     query.Type
		Special  []string
		Relation *query.Relation
	}
	Rows []json.RawMessage
}

type tableCase struct {
	Name       string
	Collection string
	Query      json.RawMessage
	Keys       []json.RawMessage
	Groups     json.RawMessage
	Error      *struct{ Code, Message string }
	Anonymous  bool
	Guarded    bool
	Rule       bool
}

func readTable(t testing.TB) *table {
	t.Helper()
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	tab := &table{schema: map[string]*query.Collection{}, rows: map[string][]query.Row{}}
	if err := json.Unmarshal(raw, tab); err != nil {
		t.Fatal(err)
	}
	schema := &query.Schema{Collections: tab.schema}
	for _, c := range tab.Collections {
		collection := &query.Collection{Name: c.Name, PrimaryKey: c.PrimaryKey, Schema: schema}
		for _, f := range c.Fields {
			collection.Fields = append(collection.Fields, query.Field{Name: f.Name, Type: f.Type, Special: f.Special, Relation: f.Relation})
		}
		tab.schema[c.Name] = collection
		for _, raw := range c.Rows {
			row, err := query.DecodeRow(raw, collection)
			if err != nil {
				t.Fatalf("%s: %s: %v", c.Name, raw, err)
			}
			tab.rows[c.Name] = append(tab.rows[c.Name], row)
		}
	}
	for _, c := range tab.schema {
		for i := range c.Fields {
			switch r := c.Fields[i].Relation; {
			case r == nil:
			case r.Many:
				r.Local = c.PrimaryKey
			default:
				r.Local = c.Fields[i].Name
				if related := tab.schema[r.Collection]; related != nil {
					r.Foreign = related.PrimaryKey
				}
			}
		}
	}
	tab.anonymous = query.Env{Now: tab.Now, Lookup: tab.lookup}
	tab.env = query.Env{Now: tab.Now, User: tab.User, Role: tab.Role, Roles: tab.Roles, Policies: tab.Policies, Fields: map[string]any{}, Lookup: tab.lookup}
	for name, v := range tab.Variables {
		if number, ok := v.(float64); ok {
			v = int64(number)
		}
		tab.env.Fields[name] = v
	}
	if len(tab.Cases) < 400 {
		t.Fatalf("only %d cases: the table was not read", len(tab.Cases))
	}
	return tab
}

func (tab *table) lookup(r *query.Relation, value any) (found []query.Row) {
	for _, row := range tab.rows[r.Collection] {
		if row[r.Foreign] != nil && query.CompareValues(row[r.Foreign], value) == 0 {
			found = append(found, row)
		}
	}
	return found
}

func (tab *table) guard(t testing.TB) func(string) *query.Filter {
	filters := map[string]*query.Filter{}
	for name, raw := range tab.Guards {
		f, err := query.ParseFilter(raw)
		if err == nil {
			err = f.Validate(tab.schema[name])
		}
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		filters[name] = f
	}
	return func(collection string) *query.Filter { return filters[collection] }
}

func TestCases(t *testing.T) {
	tab := readTable(t)
	for _, test := range tab.Cases {
		t.Run(test.Name, func(t *testing.T) {
			collection, env := tab.schema[test.Collection], tab.env
			if test.Anonymous {
				env = tab.anonymous
			}
			if test.Guarded {
				env.Guard = tab.guard(t)
			}
			q, err := query.Parse(test.Query)
			if err == nil && !test.Rule {
				err = q.Validate(collection)
			}
			if test.Error != nil {
				var refusal *query.Error
				if !errors.As(err, &refusal) || refusal.Code != test.Error.Code || refusal.Message != test.Error.Message {
					t.Fatalf("got %v (%#v)\nwant %s %s", err, refusal, test.Error.Code, test.Error.Message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, way := range []struct {
				name string
				q    query.Query
			}{
				{"as parsed", q},
				{"as encoded and parsed again", parseAgain(t, q)},
				{"bound before", q.Bind(collection, env)},
			} {
				if test.Groups != nil {
					var want bytes.Buffer
					if err := json.Compact(&want, test.Groups); err != nil {
						t.Fatal(err)
					}
					groups := way.q.Groups(collection, tab.rows[test.Collection], env)
					if got := string(way.q.AppendGroups(nil, groups)); got != want.String() {
						t.Errorf("%s: got %s, want %s", way.name, got, want.String())
					}
					continue
				}
				keys := []string{}
				for _, row := range way.q.Execute(collection, tab.rows[test.Collection], env) {
					keys = append(keys, string(query.AppendValue(nil, row[collection.PrimaryKey])))
				}
				want := []string{}
				for _, key := range test.Keys {
					want = append(want, string(key))
				}
				if !reflect.DeepEqual(keys, want) {
					t.Errorf("%s: got %v, want %v", way.name, keys, want)
				}
			}
		})
	}
}

func parseAgain(t *testing.T, q query.Query) query.Query {
	t.Helper()
	again, err := query.Parse(q.JSON())
	if err != nil {
		t.Fatalf("%s: %v", q.JSON(), err)
	}
	if !reflect.DeepEqual(again, q) {
		t.Fatalf("%s\nis %#v\nnot %#v", q.JSON(), again, q)
	}
	return again
}
