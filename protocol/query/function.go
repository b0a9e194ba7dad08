package query

import (
	"encoding/json"
	"strings"
	"time"
)

// The functions that each type has are Directus's own lists.
var (
	dateFunctions  = []string{"year", "month", "week", "day", "weekday"}
	clockFunctions = []string{"hour", "minute", "second"}
	timeFunctions  = append(dateFunctions[:len(dateFunctions):len(dateFunctions)], clockFunctions...)
	countFunctions = []string{"count"}
)

func functionsOf(t Type) []string {
	switch t {
	case Timestamp, DateTime:
		return timeFunctions
	case Date:
		return dateFunctions
	case Time:
		return clockFunctions
	case JSON, CSV, Alias:
		return countFunctions
	}
	return nil
}

// FieldValue returns a function of a field's value, as an int64, or nil if there is
// none; fn "" gives the value itself. The field may be nil.
//
// Times are taken in UTC. week is the week of the year that begins on Monday, 0
// before the first Monday (SQLite's '%W'), and weekday is 0 on Sunday ('%w'). count
// is the number of elements of a json array (0 for anything else but null) or of a csv
// list. The number of related rows is not in a value: see [Filter.MatchWith].
func FieldValue(fn string, v any, f *Field) any {
	if fn == "" || v == nil {
		return v
	}
	return apply(fn, v, f)
}

func apply(fn string, v any, f *Field) any {
	if fn == "count" {
		return countElements(v, f)
	}
	text, _ := v.(string)
	day, clock := "", text
	if len(text) >= len("2006-01-02") && text[4] == '-' {
		day = text[:len("2006-01-02")]
		_, clock, _ = strings.Cut(text, "T")
	}
	part := func(s string, from, to int) any {
		if len(s) < to {
			return nil
		}
		r := timeReader{s: s[from:to], ok: true}
		n := r.digits(to - from)
		if !r.ok {
			return nil
		}
		return int64(n)
	}
	switch fn {
	case "year":
		return part(day, 0, 4)
	case "month":
		return part(day, 5, 7)
	case "day":
		return part(day, 8, 10)
	case "hour":
		return part(clock, 0, 2)
	case "minute":
		return part(clock, 3, 5)
	case "second":
		return part(clock, 6, 8)
	}
	date, ok := parseTime(day, false)
	if day == "" || !ok {
		return nil
	}
	switch fn {
	case "weekday":
		return int64(date.Weekday())
	case "week":
		sinceMonday := (int(date.Weekday()) - int(time.Monday) + 7) % 7
		return int64((date.YearDay() - 1 + 7 - sinceMonday) / 7)
	}
	return nil
}

func countElements(v any, f *Field) any {
	raw, ok := v.(json.RawMessage)
	if !ok {
		return nil
	}
	if f != nil && f.Type == CSV {
		raw = CSVFromText(CSVText(raw))
	}
	s := scanner{b: raw}
	n := int64(0)
	if s.peek() != '[' {
		return n
	}
	s.open('[')
	for first := true; s.more(']', &first); n++ {
		s.skip(0)
	}
	return n
}
