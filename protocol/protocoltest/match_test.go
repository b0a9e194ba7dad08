package protocoltest

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		name, pattern, frame string
		differs              string // in the first difference; "" = they match
	}{
		{"equal", `{"type":"ping"}`, `{"type":"ping"}`, ""},
		{"the order of keys does not count", `{"type":"pong","uid":1}`, ` {"uid":1, "type":"pong"}`, ""},
		{"a uid's type does", `{"uid":1}`, `{"uid":"1"}`, `changed uid: want 1, got "1"`},
		{"a number as it is written", `{"n":1.0}`, `{"n":1}`, "changed n: want 1.0, got 1"},
		{"a large number is not rounded", `{"n":9007199254740993}`, `{"n":9007199254740992}`, "changed n"},
		{"a missing member", `{"a":1,"b":2}`, `{"a":1}`, "changed b: want 2, got nothing"},
		{"a member too many", `{"a":1}`, `{"a":1,"b":null}`, "changed b: want nothing, got null"},
		{"members that are not named", `{"a":1,"...":"..."}`, `{"a":1,"b":2}`, ""},
		{"order in an array counts", `[1,2]`, `[2,1]`, "changed [0]: want 1, got 2"},
		{"an element too few", `{"data":[1,2]}`, `{"data":[1]}`, "changed data[1]: want 2, got nothing"},
		{"elements that are not named", `[1,"..."]`, `[1,2,3]`, ""},
		{"null is not absent", `{"a":null}`, `{}`, "changed a: want null, got nothing"},
		{"a variable twice", `{"a":"<x>","b":"<x>"}`, `{"a":[1],"b":[1]}`, ""},
		{"a variable that changes", `{"a":"<x>","b":"<x>"}`, `{"a":1,"b":"1"}`, `changed b: want 1, got "1"`},
		{"anything", `{"a":"<_>","b":"<_>"}`, `{"a":1,"b":2}`, ""},
		{"a tag is no variable", `{"a":"<B>"}`, `{"a":"x"}`, `changed a: want "<B>"`},
		{"what is no JSON, equal", `{"type":`, `{"type":`, ""},
		{"what is no JSON, different", `{"type":`, `{}`, "changed"},
		{"JSON expected", `{}`, `{`, "changed"},
		{"two values are none", `{}`, `{}{}`, "changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := Match([]byte(test.pattern), []byte(test.frame), nil)
			switch {
			case test.differs == "" && found != nil:
				t.Errorf("differs:%s", describe(found))
			case test.differs != "" && (found == nil || !strings.Contains(found[0].String(), test.differs)):
				t.Errorf("found %v, want %q", found, test.differs)
			}
		})
	}
}

func TestMatchBindsOnlyWhenAllOfItMatches(t *testing.T) {
	vars := Vars{}
	Match([]byte(`{"uid":"<u>","a":1}`), []byte(`{"uid":"x","a":2}`), vars)
	if len(vars) != 0 {
		t.Errorf("a frame that does not match bound %v", vars)
	}
	Match([]byte(`{"uid":"<u>","a":1}`), []byte(`{"uid":7,"a":1}`), vars)
	if vars["u"] != "7" {
		t.Errorf("u is bound to %q, want the number 7", vars["u"])
	}
}

func TestFill(t *testing.T) {
	vars := Vars{"u": `7`, "s": `"a\"b"`}
	got, err := Fill([]byte(`{"uid":"<u>","t":"\"<u>","s":"<s>"}`), vars)
	if want := `{"uid":7,"t":"\"<u>","s":"a\"b"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := Fill([]byte(`{"uid":"<other>"}`), vars); err == nil || !strings.Contains(err.Error(), "<other>") {
		t.Errorf("an unbound variable gave %v", err)
	}
}
