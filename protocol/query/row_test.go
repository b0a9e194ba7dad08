package query_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"leveret/protocol/query"
)

func TestDecodeValue(t *testing.T) {
	text := func(s string) json.RawMessage { return json.RawMessage(s) }
	for _, test := range []struct {
		typ  query.Type
		raw  string
		want any
	}{
		{query.Integer, `5`, int64(5)},
		{query.Integer, `"5"`, int64(5)},
		{query.Integer, `5.0`, int64(5)},
		{query.Integer, `1e3`, int64(1000)},
		{query.Integer, `-9223372036854775808`, int64(math.MinInt64)},
		{query.Integer, `null`, nil},
		{query.BigInteger, `"9223372036854775807"`, int64(math.MaxInt64)},
		{query.Float, `5`, 5.0},
		{query.Float, `"2.5"`, 2.5},
		{query.Decimal, `-0`, 0.0},
		{query.Boolean, `true`, true},
		{query.Boolean, `0`, false},
		{query.Boolean, `"1"`, true},
		{query.String, `"a\u00e4\n"`, "aä\n"},
		{query.String, `5.0`, "5"},
		{query.String, `1.50`, "1.5"},
		{query.String, `12345678901234567890`, "12345678901234567000"},
		{query.String, `true`, "true"},
		{query.Text, `{"a": 1, "b": [ 1, "x y" ]}`, `{"a":1,"b":[1,"x y"]}`},
		{query.Text, `[]`, `[]`},
		{query.UUID, `"x"`, "x"},
		{"geometry.Point", `"x"`, "x"},
		{query.Timestamp, `"2026-11-21T10:00:00+01:00"`, "2026-11-21T09:00:00.000Z"},
		{query.Timestamp, `0`, "1970-01-01T00:00:00.000Z"},
		{query.Timestamp, `-1.5`, "1969-12-31T23:59:59.998Z"},
		{query.Timestamp, `"2026-11-21"`, "2026-11-21T00:00:00.000Z"},
		{query.Timestamp, `"2026-11-21T24:00:00Z"`, "2026-11-22T00:00:00.000Z"},
		{query.Timestamp, `"2026-11-21T24:00:00.000Z"`, "2026-11-22T00:00:00.000Z"},
		{query.Timestamp, `"2026-11-21T23:59:59.999Z"`, "2026-11-21T23:59:59.999Z"},
		{query.Timestamp, `"2026-12-31 23:59:59,999999"`, "2026-12-31T23:59:59.999Z"},
		{query.Timestamp, `"2026-11-21t10:00:00-0530"`, "2026-11-21T15:30:00.000Z"},
		{query.DateTime, `"2026-11-21T10:00:00.5"`, "2026-11-21T10:00:00"},
		{query.Date, `"2026-11-21T10:00:00.5"`, "2026-11-21"},
		{query.Time, `"10:00"`, "10:00:00"},
		{query.Time, `"10:00:30.5"`, "10:00:30"},
		{query.Time, `"01:00+02:00"`, "23:00:00"},
		{query.JSON, ` { "a" : [ 1 , "x\" y" ] } `, text(`{"a":[1,"x\" y"]}`)},
		{query.JSON, `"x"`, text(`"x"`)},
		{query.JSON, `null`, nil},
		{query.CSV, `["a", "b"]`, text(`["a","b"]`)},
		{query.CSV, `"a,b"`, text(`["a","b"]`)},
		{query.CSV, `""`, text(`[]`)},
		{query.CSV, `[1,null,true]`, text(`["1","","true"]`)},
		{query.CSV, `5`, text(`["5"]`)},
		{query.Hash, `"x"`, "x"},
	} {
		got, err := query.DecodeValue([]byte(test.raw), &query.Field{Name: "f", Type: test.typ})
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s %s: got %#v, %v, want %#v", test.typ, test.raw, got, err, test.want)
		}
	}
}

func TestDecodeValueRefuses(t *testing.T) {
	const (
		whole = `Invalid payload. Invalid numeric value for "f": it has to be a whole number of at most 64 bits.`
		num   = `Invalid payload. Invalid numeric value for "f".`
		truth = `Invalid payload. "f" has to be a boolean: true or false.`
		date  = ` is not a date: use ISO 8601, as in 2026-11-21T09:30:00Z, or milliseconds since 1970.`
	)
	for _, test := range []struct {
		typ       query.Type
		raw, want string
	}{
		{query.Integer, `5.5`, whole},
		{query.Integer, `9223372036854775808`, whole},
		{query.Integer, `1e300`, whole},
		{query.Integer, `"1.5"`, whole},
		{query.Integer, `1e400`, `Invalid payload. Invalid numeric value for "f": it is too large.`},
		{query.Integer, `"x"`, num},
		{query.Integer, `""`, num},
		{query.Integer, `"1_000"`, num},
		{query.Integer, `true`, num},
		{query.Integer, `[1]`, num},
		{query.Float, `"Infinity"`, num},
		{query.Float, `"NaN"`, num},
		{query.Float, `{}`, num},
		{query.Boolean, `2`, truth},
		{query.Boolean, `"yes"`, truth},
		{query.Boolean, `{}`, truth},
		{query.Timestamp, `"soon"`, `Invalid payload. Invalid value for "f": "soon"` + date},
		{query.Timestamp, `"2026-02-29"`, `Invalid payload. Invalid value for "f": "2026-02-29"` + date},
		{query.Timestamp, `"2026-11-21T25:00"`, `Invalid payload. Invalid value for "f": "2026-11-21T25:00"` + date},
		{query.Timestamp, `"2026-11-21T10:00:00.Z"`, `Invalid payload. Invalid value for "f": "2026-11-21T10:00:00.Z"` + date},
		{query.Timestamp, `"2026-11-21T10:00:00+25:00"`, `Invalid payload. Invalid value for "f": "2026-11-21T10:00:00+25:00"` + date},
		{query.Timestamp, `"0000-01-01T00:00+01:00"`, `Invalid payload. Invalid value for "f": "0000-01-01T00:00+01:00"` + date},
		{query.Timestamp, `1e17`, `Invalid payload. Invalid value for "f": 100000000000000000` + date},
		{query.Timestamp, `true`, `Invalid payload. Invalid value for "f": true` + date},
		{query.Timestamp, `{}`, `Invalid payload. Invalid value for "f": an object` + date},
		{query.Time, `"25:00"`, `Invalid payload. Invalid value for "f": "25:00" is not a time: use hours, minutes and seconds, as in 09:30:00.`},
		{query.CSV, `[["a"]]`, `Invalid payload. "f" has to be a list of texts.`},
		{query.Text, `tru`, `Invalid payload. "f" has to be valid JSON.`},
		{query.Text, `"a`, `Invalid payload. "f" has to be valid JSON.`},
		{query.Text, `1 2`, `Invalid payload. "f" has to be valid JSON.`},
		{query.JSON, `{"a":1,}`, `Invalid payload. "f" has to be valid JSON.`},
		{query.Text, ``, `Invalid payload. "f" has to be valid JSON.`},
	} {
		got, err := query.DecodeValue([]byte(test.raw), &query.Field{Name: "f", Type: test.typ})
		if err == nil || err.Error() != test.want {
			t.Errorf("%s %s: got %#v, %v, want %s", test.typ, test.raw, got, err, test.want)
		} else if code := err.(*query.Error).Code; code != "INVALID_PAYLOAD" {
			t.Errorf("%s %s: code %s", test.typ, test.raw, code)
		}
	}
}

func TestDecodeRow(t *testing.T) {
	c := readTable(t).schema["messages"]
	raw := []byte(`{"id":"4","te\u0078t":{"a":1},"nope":[1, 2],"status":"a","status":null}`)
	row, err := query.DecodeRow(raw, c)
	want := query.Row{"id": int64(4), "text": `{"a":1}`, "nope": json.RawMessage(`[1,2]`), "status": nil}
	if err != nil || !reflect.DeepEqual(row, want) {
		t.Fatalf("got %#v, %v", row, err)
	}
	for i := range raw {
		raw[i] = 'x'
	}
	if !reflect.DeepEqual(row, want) {
		t.Fatal("the row lives in the caller's bytes")
	}

	row, err = query.DecodeRow([]byte(`{"a":1,"b":1.5,"c":1e2,"d":1e20,"e":"x","f":false,"g":null,"h":{"i": []}}`), nil)
	want = query.Row{"a": int64(1), "b": 1.5, "c": int64(100), "d": 1e20, "e": "x", "f": false, "g": nil, "h": json.RawMessage(`{"i":[]}`)}
	if err != nil || !reflect.DeepEqual(row, want) {
		t.Fatalf("without a collection: got %#v, %v", row, err)
	}

	for _, raw := range []string{``, `null`, `[]`, `"x"`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{"a":1}}`, `{"a":01}`, "{\"a\":\"\t\"}", `{"a":"\ud8"}`, `{"a":1e}`, `{"a":-}`, `{"a":1.}`, `{a:1}`} {
		if row, err := query.DecodeRow([]byte(raw), nil); err == nil {
			t.Errorf("%s: taken as %#v", raw, row)
		}
	}
}

func TestDecodeRowBoundsNesting(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	}
	if _, err := query.DecodeRow(nested(1000), nil); err != nil {
		t.Error(err)
	}
	if _, err := query.DecodeRow(nested(1002), nil); err == nil {
		t.Error("nested 1,002 levels deep, and taken")
	}
}

func TestAppendRow(t *testing.T) {
	row := query.Row{
		"s": "ä\"\\/\u2028<>&\x00\x1f\b\f\n\r\t\x7f\xff", "i": int64(math.MaxInt64), "f": 1.5, "whole": 10.0, "small": 1e-7, "large": 1e21, "minus": math.Copysign(0, -1),
		"inf": math.Inf(1), "t": true, "n": nil, "j": json.RawMessage(`{"a":1}`), "empty": json.RawMessage(nil), "int": 7, "other": struct{}{},
	}
	got := string(query.AppendRow([]byte("x"), row, []string{"s", "i", "f", "whole", "small", "large", "minus", "inf", "t", "n", "j", "empty", "int", "other", "absent", "q\"k"}))
	want := `x{"s":"ä\"\\/` + "\u2028" + `<>&\u0000\u001f\b\f\n\r\t` + "\x7f" + `�","i":9223372036854775807,"f":1.5,"whole":10,"small":1e-7,"large":1e+21,"minus":0,"inf":null,"t":true,"n":null,"j":{"a":1},"empty":null,"int":7,"other":null,"absent":null,"q\"k":null}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := string(query.AppendRow(nil, nil, nil)); got != "{}" {
		t.Errorf("got %s", got)
	}
}

func TestCSVText(t *testing.T) {
	for _, test := range []struct{ raw, text, back string }{
		{`["a","b"]`, "a,b", `["a","b"]`}, {`[]`, "", `[]`}, {` [ "ä" , 1 ] `, "ä,1", `["ä","1"]`}, {`{"a":1}`, `{"a":1}`, `["{\"a\":1}"]`},
	} {
		text := query.CSVText(json.RawMessage(test.raw))
		if back := string(query.CSVFromText(text)); text != test.text || back != test.back {
			t.Errorf("%s: got %s, %s", test.raw, text, back)
		}
	}
}
