package query

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// A variable is a dynamic variable of a filter.
type variable int

const (
	variableNone variable = iota
	variableNow
	variableUser
	variableRole
	variableRoles
	variablePolicies
	variableField   // "$CURRENT_USER.first_name" and its like
	variableUnknown // whatever else begins like a variable
)

// variableOf tells which variable a text is. As in Directus every text that begins
// with a variable's name is taken for one: "$NOWHERE" is "$NOW".
func variableOf(text string) variable {
	if text == "" || text[0] != '$' {
		return variableNone
	}
	switch text {
	case "$CURRENT_USER":
		return variableUser
	case "$CURRENT_ROLE":
		return variableRole
	case "$CURRENT_ROLES":
		return variableRoles
	case "$CURRENT_POLICIES":
		return variablePolicies
	}
	if strings.HasPrefix(text, "$NOW") {
		return variableNow
	}
	name, field, _ := strings.Cut(text, ".")
	switch name {
	case "$CURRENT_USER", "$CURRENT_ROLE", "$CURRENT_ROLES", "$CURRENT_POLICIES":
		if field != "" {
			return variableField
		}
	}
	if strings.HasPrefix(text, "$CURRENT_USER") || strings.HasPrefix(text, "$CURRENT_ROLE") || strings.HasPrefix(text, "$CURRENT_POLICIES") {
		return variableUnknown
	}
	return variableNone
}

func (v variable) isList() bool { return v == variableRoles || v == variablePolicies }

// resolve returns what an operand stands for: a time.Time for $NOW, a string or
// nil for a user or role, a []any for roles and policies, anything else itself.
func (env Env) resolve(v any) any {
	text, ok := v.(string)
	if !ok {
		return v
	}
	one := func(id string) any {
		if id == "" {
			return nil
		}
		return id
	}
	many := func(ids []string) any {
		list := make([]any, len(ids))
		for i, id := range ids {
			list[i] = id
		}
		return list
	}
	switch variableOf(text) {
	case variableNow:
		_, adjustment, _ := strings.Cut(text, "(")
		adjustment, _, closed := strings.Cut(adjustment, ")")
		if !closed {
			return env.Now.UTC()
		}
		return adjust(env.Now.UTC(), adjustment)
	case variableUser:
		return one(env.User)
	case variableRole:
		return one(env.Role)
	case variableRoles:
		return many(env.Roles)
	case variablePolicies:
		return many(env.Policies)
	case variableField:
		return env.Fields[text]
	case variableUnknown:
		return nil
	}
	return v
}

// adjust moves a time by what is between the parentheses of $NOW(…): an optional
// sign, a number, optional spaces, a unit (days if there is none), in any case.
// Months and years go by the calendar and end on the last day of a shorter month;
// their fraction is dropped. What cannot be read changes nothing.
func adjust(now time.Time, adjustment string) time.Time {
	sign, rest := 1.0, adjustment
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		if rest[0] == '-' {
			sign = -1
		}
		rest = rest[1:]
	}
	end := 0
	for end < len(rest) && (strings.IndexByte("0123456789.", rest[end]) >= 0 || end == 0 && rest[0] == '-') {
		end++
	}
	if end > 0 && rest[end-1] == '.' {
		return now // "5." is no number to Directus
	}
	amount, err := strconv.ParseFloat(rest[:end], 64)
	if err != nil {
		return now
	}
	amount *= sign

	var unit float64 // in milliseconds
	switch strings.ToLower(strings.TrimLeft(rest[end:], " ")) {
	case "ms", "msec", "msecs", "millisecond", "milliseconds":
		unit = 1
	case "s", "sec", "secs", "second", "seconds":
		unit = 1000
	case "m", "min", "mins", "minute", "minutes":
		unit = 60 * 1000
	case "h", "hr", "hrs", "hour", "hours":
		unit = 60 * 60 * 1000
	case "", "d", "day", "days":
		unit = 24 * 60 * 60 * 1000
	case "w", "week", "weeks":
		unit = 7 * 24 * 60 * 60 * 1000
	case "mo", "mth", "month", "months":
		return addMonths(now, math.Trunc(amount))
	case "y", "yr", "yrs", "year", "years":
		return addMonths(now, 12*math.Trunc(amount))
	default:
		return now
	}
	ms := float64(now.UnixMilli()) + amount*unit
	return time.UnixMilli(int64(min(max(ms, float64(firstMilli)), float64(lastMilli)))).UTC()
}

func addMonths(t time.Time, months float64) time.Time {
	year, month, day := t.Date()
	n := float64(year)*12 + float64(month-1) + months
	if n < 0 || n >= 10000*12 {
		if n < 0 {
			return time.UnixMilli(firstMilli).UTC()
		}
		return time.UnixMilli(lastMilli).UTC()
	}
	year, month = int(n)/12, time.Month(int(n)%12+1)
	lastDay := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	hour, minute, second := t.Clock()
	return time.Date(year, month, min(day, lastDay), hour, minute, second, t.Nanosecond(), time.UTC)
}
