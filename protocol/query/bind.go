package query

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bind returns the filter with every dynamic variable replaced by what it stands
// for and every operand cast to its field's type, so that Match, and the SQL
// compiler, need nothing else: see [Filter] for what may be in it. c may be nil:
// then nothing is cast. A bound filter may be bound again.
//
// Bind cannot fail: an operand that Validate would refuse makes a condition that
// matches nothing. A _between with other than two values is left out, as in Directus.
func (f *Filter) Bind(c *Collection, env Env) *Filter {
	if f == nil {
		return nil
	}
	if f.Op == OpAnd || f.Op == OpOr {
		nodes := make([]*Filter, 0, len(f.Nodes))
		for _, node := range f.Nodes {
			bound := node.Bind(c, env)
			if bound == nil && node == nil && f.Op == OpOr {
				return nil // an alternative that matches everything
			}
			if bound != nil {
				nodes = append(nodes, bound)
			}
		}
		if f.Op == OpAnd {
			return And(nodes...)
		}
		return Or(nodes...)
	}
	return f.bindLeaf(c, env)
}

// nothing is a bound leaf that matches no row.
func nothing(field string) *Filter { return &Filter{Op: OpIn, Field: field, Value: []any{}} }

func (f *Filter) bindLeaf(c *Collection, env Env) *Filter {
	cast := func(v any) (any, error) { return castAny(v), nil }
	if c != nil {
		field := c.Field(f.Field)
		if field == nil {
			return nothing(c.PrimaryKey)
		}
		if !f.Op.isText() {
			cast = func(v any) (any, error) { return castTo(field.Type, v) }
		}
	}

	if f.Op.isPresence() {
		op := f.Op
		if f.Value == false {
			op = op.opposite()
		}
		return &Filter{Op: op, Field: f.Field}
	}

	if f.Op.isList() {
		list := []any{}
		given, ok := f.Value.([]any)
		if !ok {
			return nothing(f.Field)
		}
		for _, v := range given {
			values, isList := env.resolve(v).([]any)
			if !isList {
				values = []any{env.resolve(v)}
			}
			for _, value := range values {
				value, err := cast(value)
				if err != nil {
					return nothing(f.Field)
				}
				list = append(list, value)
			}
		}
		if (f.Op == OpBetween || f.Op == OpNBetween) && len(list) != 2 {
			return nil
		}
		return &Filter{Op: f.Op, Field: f.Field, Value: list}
	}

	value, err := cast(env.resolve(f.Value))
	if err != nil {
		return nothing(f.Field)
	}
	if value == nil {
		switch f.Op {
		case OpEq:
			return &Filter{Op: OpNull, Field: f.Field}
		case OpNeq:
			return &Filter{Op: OpNNull, Field: f.Field}
		}
		return nothing(f.Field) // unknown, whatever the row
	}

	op := f.Op
	if op.isText() {
		text, err := castText(value)
		if err != nil {
			return nothing(f.Field)
		}
		value = text
		switch op {
		case OpIEq, OpNIEq:
			value = lowerASCII(text)
		case OpIContains, OpIStartsWith, OpIEndsWith:
			op = "_" + op[len("_i"):]
		case OpNIContains, OpNIStartsWith, OpNIEndsWith:
			op = "_n" + op[len("_ni"):]
		}
	} else if _, isList := value.([]any); isList || !op.isComparison() {
		return nothing(f.Field)
	}
	return &Filter{Op: op, Field: f.Field, Value: value}
}

func (t Type) isNumber() bool {
	return t == Integer || t == BigInteger || t == Float || t == Decimal
}

func (t Type) isTime() bool {
	return t == Timestamp || t == DateTime || t == Date || t == Time
}

// castTo casts an operand to a field's type: nil stays nil. What it returns for
// each type is told at [Filter].
func castTo(t Type, v any) (any, error) {
	switch {
	case v == nil:
		return nil, nil
	case t.isNumber():
		return castNumber(v)
	case t == Boolean:
		return castBool(v)
	case t.isTime():
		return castTime(t, v)
	}
	return castText(v)
}

// castAny is castTo without a type.
func castAny(v any) any {
	switch v := v.(type) {
	case time.Time:
		return formatTimestamp(v)
	case int:
		return int64(v)
	}
	return v
}

func invalidQuery(reason string) *Error {
	return &Error{Code: "INVALID_QUERY", Message: "Invalid query. " + reason + "."}
}

var errNumber = invalidQuery("Invalid numeric value")

// castNumber gives int64 for what is whole and fits, else float64. A bool is 1 or
// 0 and a time its milliseconds since 1970, as JavaScript's Number has them.
func castNumber(v any) (any, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case int:
		return int64(v), nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case time.Time:
		return v.UnixMilli(), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errNumber
		}
		if v == math.Trunc(v) && v >= -(1<<63) && v < 1<<63 {
			return int64(v), nil
		}
		return v, nil
	case string:
		v = strings.TrimSpace(v)
		if i, err := strconv.ParseInt(v, 10, 64); err == nil {
			return i, nil
		}
		// ParseFloat reads more than numbers are written with: "0x1p-2", "Inf", "1_000".
		if strings.Trim(v, "0123456789+-.eE") != "" {
			return nil, errNumber
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, errNumber
		}
		return castNumber(f)
	}
	return nil, errNumber
}

func castBool(v any) (any, error) {
	switch v {
	case true, int64(1), 1, 1.0, "1", "true":
		return true, nil
	case false, int64(0), 0, 0.0, "0", "false":
		return false, nil
	}
	return nil, invalidQuery(quote(v) + " is not a boolean: use true or false")
}

func castText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case time.Time:
		return formatTimestamp(v), nil
	case bool, int64, int, float64:
		return string(AppendValue(nil, v)), nil
	}
	return "", invalidQuery(quote(v) + " is not text")
}

// quote shows a value in an error, shortened.
func quote(v any) string {
	switch v := v.(type) {
	case string:
		const most = 40
		if len(v) > most {
			v = strings.ToValidUTF8(v[:most], "") + "…"
		}
		return string(appendString(nil, v))
	case nil, bool, int, int64, float64:
		return string(AppendValue(nil, v))
	case []any:
		return "a list"
	case json.RawMessage:
		return "an object"
	}
	return "a value"
}
