package query

import (
	"math"
	"strings"
	"time"
)

// Times are text in a Row, in a form whose order by bytes is the order in time.
// That holds for the years 0 to 9999, so no others are taken.
var (
	firstMilli = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastMilli  = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() - 1
)

func formatTimestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// castTime casts to a timestamp, dateTime, date or time in its text form. It takes
// ISO 8601 (without a zone it is UTC; a day alone is its midnight), milliseconds
// since 1970 as a number, and, for a time, "15:04" and "15:04:05". A date drops the
// time of day and a time drops the day. Milliseconds stay in a dateTime or time
// where they are not zero, so that an operand like $NOW compares exactly.
func castTime(t Type, v any) (any, error) {
	var at time.Time
	ok := false
	switch v := v.(type) {
	case time.Time:
		at, ok = v.UTC(), true
	case int64:
		if ok = v >= firstMilli && v <= lastMilli; ok {
			at = time.UnixMilli(v).UTC()
		}
	case int:
		return castTime(t, int64(v))
	case float64:
		if v >= float64(firstMilli) && v <= float64(lastMilli) {
			return castTime(t, int64(math.Floor(v)))
		}
	case string:
		at, ok = parseTime(v, t == Time)
	}
	if ok {
		milli := at.UnixMilli()
		ok = milli >= firstMilli && milli <= lastMilli
	}
	if !ok {
		if t == Time {
			return nil, invalidQuery(quote(v) + " is not a time: use hours, minutes and seconds, as in 09:30:00")
		}
		return nil, invalidQuery(quote(v) + " is not a date: use ISO 8601, as in 2026-11-21T09:30:00Z, or milliseconds since 1970")
	}
	if s, isText := v.(string); isText && t == Timestamp && len(s) == len("2006-01-02T15:04:05.000Z") && s[10] == 'T' && s[19] == '.' && s[23] == 'Z' && s[11:13] != "24" {
		return v, nil // it has the form already
	}
	switch t {
	case DateTime:
		return at.Format("2006-01-02T15:04:05.999"), nil
	case Date:
		return at.Format("2006-01-02"), nil
	case Time:
		return at.Format("15:04:05.999"), nil
	}
	return formatTimestamp(at), nil
}

// parseTime reads the forms of ISO 8601 that JavaScript's Date reads, more or less:
// 2026, 2026-11, 2026-11-21, each of the longest with T or a space and 09:30, 09:30:00 or
// 09:30:00.123, then Z, +01:00, +0100, +01 or nothing. timeOnly takes a time of
// day without a date too.
func parseTime(s string, timeOnly bool) (time.Time, bool) {
	r := timeReader{s: strings.TrimSpace(s), ok: true}
	if timeOnly && len(r.s) > 2 && r.s[2] == ':' {
		return r.clock(1970, 1, 1)
	}
	year, month, day := r.digits(4), 1, 1
	if r.skip("-") {
		month = r.digits(2)
		if r.skip("-") {
			day = r.digits(2)
			if r.skip("Tt ") {
				return r.clock(year, month, day)
			}
		}
	}
	return r.done(year, month, day, 0, 0, 0, 0, 0)
}

type timeReader struct {
	s  string
	ok bool
}

// skip takes one of these characters if it comes next.
func (r *timeReader) skip(chars string) bool {
	if r.s == "" || strings.IndexByte(chars, r.s[0]) < 0 {
		return false
	}
	r.s = r.s[1:]
	return true
}

// digits takes exactly n digits.
func (r *timeReader) digits(n int) int {
	if len(r.s) < n {
		r.ok = false
		return 0
	}
	value := 0
	for i := range n {
		if r.s[i] < '0' || r.s[i] > '9' {
			r.ok = false
			return 0
		}
		value = value*10 + int(r.s[i]-'0')
	}
	r.s = r.s[n:]
	return value
}

func (r *timeReader) clock(year, month, day int) (time.Time, bool) {
	hour := r.digits(2)
	r.ok = r.ok && r.skip(":")
	minute, second, nano, zone := r.digits(2), 0, 0, 0
	if r.skip(":") {
		second = r.digits(2)
		if r.skip(".,") {
			scale := 100_000_000
			r.ok = r.ok && r.s != "" && '0' <= r.s[0] && r.s[0] <= '9'
			for r.s != "" && '0' <= r.s[0] && r.s[0] <= '9' {
				nano += int(r.s[0]-'0') * scale
				scale /= 10
				r.s = r.s[1:]
			}
		}
	}
	if sign := strings.IndexByte("+-", firstByte(r.s)); sign >= 0 {
		r.s = r.s[1:]
		zone = r.digits(2) * 3600
		if r.skip(":") || r.s != "" {
			minutes := r.digits(2)
			r.ok = r.ok && minutes < 60
			zone += minutes * 60
		}
		r.ok = r.ok && zone < 24*3600
		if sign == 1 {
			zone = -zone
		}
	} else {
		r.skip("Zz")
	}
	return r.done(year, month, day, hour, minute, second, nano, zone)
}

func firstByte(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

func (r *timeReader) done(year, month, day, hour, minute, second, nano, zone int) (time.Time, bool) {
	t := time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC)
	// time.Date would turn the 31st of June into the 1st of July.
	midnight := hour == 24 && minute == 0 && second == 0 && nano == 0
	if !r.ok || r.s != "" || month < 1 || month > 12 || day < 1 || hour > 23 && !midnight || minute > 59 || second > 59 ||
		!midnight && t.Day() != day || midnight && t.AddDate(0, 0, -1).Day() != day {
		return time.Time{}, false
	}
	return t.Add(-time.Duration(zone) * time.Second), true
}
