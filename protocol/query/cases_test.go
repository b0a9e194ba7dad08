package query_test

// testdata/cases.json is one table for two readers: this test runs it in memory,
// and the SQL store runs it in a database, so that the two cannot drift apart.
//
//	{"now", "user", "role", "roles", "policies":          the Env
//	 "collections": [{"name", "primaryKey",
//	                  "fields": [{"name", "type", "special"?}],
//	                  "rows": [{…}]}],                     as items, for DecodeRow
//	 "cases": [{"name",                                    unique
//	            "collection",
//	            "query",                                   as a client sends it
//	            "keys": […]                                the expected items' primary keys, in order
//	            "error": {"code", "message"},              or the refusal
//	            "anonymous": true,                         with an Env that has only the time
//	            "rule": true}]}                            the query is not validated, as a server's own rules
//
// A case runs as a request does: Parse, Validate, Bind, execute.

import (
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
		Name    string
		Type    query.Type
		Special []string
	}
	Rows []json.RawMessage
}

type tableCase struct {
	Name       string
	Collection string
	Query      json.RawMessage
	Keys       []json.RawMessage
	Error      *struct{ Code, Message string }
	Anonymous  bool
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
	for _, c := range tab.Collections {
		collection := &query.Collection{Name: c.Name, PrimaryKey: c.PrimaryKey}
		for _, f := range c.Fields {
			collection.Fields = append(collection.Fields, query.Field{Name: f.Name, Type: f.Type, Special: f.Special})
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
	tab.anonymous = query.Env{Now: tab.Now}
	tab.env = query.Env{Now: tab.Now, User: tab.User, Role: tab.Role, Roles: tab.Roles, Policies: tab.Policies}
	if len(tab.Cases) < 200 {
		t.Fatalf("only %d cases: the table was not read", len(tab.Cases))
	}
	return tab
}

func TestCases(t *testing.T) {
	tab := readTable(t)
	for _, test := range tab.Cases {
		t.Run(test.Name, func(t *testing.T) {
			collection, env := tab.schema[test.Collection], tab.env
			if test.Anonymous {
				env = tab.anonymous
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
				{"bound before", query.Query{Filter: q.Filter.Bind(collection, env), Search: q.Search, Sort: q.Sort, Limit: q.Limit, Offset: q.Offset, Page: q.Page}},
			} {
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
