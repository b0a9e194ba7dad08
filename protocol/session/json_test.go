package session

import (
	"encoding/json"
	"testing"

	"leveret/protocol"
)

func TestHashOf(t *testing.T) {
	same := [][2]string{
		{`{"a":1,"b":[1,2]}`, ` { "b" : [ 1 , 2 ] , "a" : 1 } `},
		{`{"a":{"x":1,"y":"}"}}`, `{"a":{"y":"}","x":1}}`},
		{`[]`, `[ ]`},
	}
	for _, pair := range same {
		if hashOf([]byte(pair[0])) != hashOf([]byte(pair[1])) {
			t.Errorf("%s and %s have different hashes", pair[0], pair[1])
		}
	}
	seen := map[uint64]string{}
	for _, v := range []string{
		`null`, `0`, `"0"`, `""`, `[]`, `{}`, `[0]`, `[[0]]`, `{"a":0}`, `{"a":1}`, `{"b":0}`, `{"a":0,"b":1}`, `{"a":1,"b":0}`,
		`[0,1]`, `[1,0]`, `{"a":[0],"b":1}`, `{"a":{"b":0}}`, `{"b":{"a":0}}`, `"a b"`, `"ab"`, `true`, `false`,
	} {
		h := hashOf([]byte(v))
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", v, other)
		}
		seen[h] = v
	}
}

func TestWithField(t *testing.T) {
	for fields, want := range map[string]string{
		``:                       ``,
		`["a"]`:                  `["a","id"]`,
		`[ "a" , "b" ]`:          `["a","b","id"]`,
		`[]`:                     `["id"]`,
		`["a","id"]`:             ``,
		`["*"]`:                  ``,
		`["*.*","a"]`:            ``,
		`["author.id"]`:          `["author.id","id"]`,
		`["i\u0064"]`:            ``,
		`"a,b"`:                  `"a,b,id"`,
		`"a, id"`:                ``,
		`"*"`:                    ``,
		`"a\"b"`:                 `"a\"b,id"`,
		`{"a":1}`:                ``,
		`["a",{"b":["c"]},"d."]`: `["a",{"b":["c"]},"d.","id"]`,
	} {
		if got := string(withField([]byte(fields), "id")); got != want {
			t.Errorf("withField(%s) = %s, want %s", fields, got, want)
		}
	}
}

func TestArrange(t *testing.T) {
	all := arrangement{addKey: true, addLimit: true, limit: 11}
	for _, test := range []struct {
		name, query, want  string
		with               arrangement
		limit              int
		added, own, window bool
	}{
		{"no query", ``, `{"limit":11}`, all, 11, false, true, false},
		{"an empty one", `{}`, `{"limit":11}`, all, 11, false, true, false},
		{"a null limit", `{"limit":null,"sort":"a"}`, `{"sort":"a","limit":11}`, all, 11, false, true, false},
		{"a limit", `{"limit":5}`, `{"limit":5}`, all, 5, false, false, false},
		{"a limit as text", `{"limit":"5"}`, `{"limit":"5"}`, all, 5, false, false, false},
		{"no limit at all", `{"limit":-1}`, `{"limit":-1}`, all, -1, false, false, false},
		{"a page", `{"page":2}`, `{"page":2}`, all, 100, false, false, true},
		{"the first page", `{"page":"1"}`, `{"page":"1"}`, all, 100, false, false, false},
		{"an offset", `{"offset":3}`, `{"offset":3,"limit":11}`, all, 11, false, true, true},
		{"fields", `{"fields":["a"],"limit":1}`, `{"limit":1,"fields":["a","id"]}`, all, 1, true, false, false},
		{"nothing to add", `{"fields":["a"]}`, `{"fields":["a"]}`, arrangement{}, -1, false, false, false},
		{"the fallback", `{}`, `{"limit":-1}`, arrangement{addLimit: true, limit: -1}, -1, false, true, false},
		{"no object", `"text"`, `"text"`, all, -1, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var query json.RawMessage
			if test.query != "" {
				query = json.RawMessage(test.query)
			}
			got := test.with.arrange(query, "id")
			if string(got.query) != test.want {
				t.Errorf("the query is %s, want %s", got.query, test.want)
			}
			if got.limit != test.limit || got.added != test.added || got.own != test.own || got.window != test.window {
				t.Errorf("got limit %d, added %t, own %t, window %t", got.limit, got.added, got.own, got.window)
			}
		})
	}
}

func TestKeyText(t *testing.T) {
	for raw, want := range map[string]string{`5`: "5", `"5"`: "5", ` "a\u0062" `: "ab", `-1.5`: "-1.5", `""`: ""} {
		if got, _, ok := keyText([]byte(raw)); !ok || got != want {
			t.Errorf("keyText(%s) = %q, %t", raw, got, ok)
		}
	}
	for _, raw := range []string{``, `null`, `true`, `{}`, `[1]`} {
		if _, _, ok := keyText([]byte(raw)); ok {
			t.Errorf("%q is taken for a key", raw)
		}
	}
}

// FuzzScanners compares the scanners, which trust their input, with those that
// do not; on what is no JSON they only have to end.
func FuzzScanners(f *testing.F) {
	for _, seed := range []string{`[1,"a,]",{"b":[2]}]`, `{"a":1,"b":{"c":"}"}}`, `[]`, `{}`, `5`, `"\"`, `[`, `{"a"`, `[,]`, `[1 2]`,
		`[{"a":"0123456789\\"abcdefghijk","b":[{"a":1}]}, {"b":2 , "a" : "x"} ,{"a":1,"a":2},{},7]`, ` {"a":"12345678"} `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got []string
		for r := rows(raw); r.next(); {
			got = append(got, string(r.row))
			hashOf(r.row)
			without(r.row, "a")
			keyText(r.row)
		}
		n := 0
		for r := items(raw, "a"); r.next(); n++ {
			if !protocol.Valid(raw) {
				continue
			}
			if key := member(r.row, "a"); string(r.row) != got[n] || string(r.key) != string(key) || r.hash != hashOf(r.row) {
				t.Fatalf("item %d of %q is %q with key %q, want %q with %q, or its hash differs", n, raw, r.row, r.key, got[n], key)
			}
		}
		if protocol.Valid(raw) && n != len(got) {
			t.Fatalf("%q has %d items, got %d", raw, len(got), n)
		}
		for m := members(raw); m.next(); {
			hashOf(m.value)
		}
		withField(raw, "id")
		want, ok := protocol.Elements(raw)
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q has %d elements, got %d", raw, len(want), len(got))
		}
		for i := range want {
			if got[i] != string(want[i]) {
				t.Fatalf("element %d of %q is %q, want %q", i, raw, got[i], want[i])
			}
		}
	})
}
