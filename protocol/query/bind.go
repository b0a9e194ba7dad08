package query

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bind returns the filter with every dynamic variable replaced by what it stands
// for, every operand cast to its field's type and every relation found, so that
// Match, and the SQL compiler, need nothing else: see [Filter] for what may be in it. c may be nil:
// then nothing is cast, and what asks for a relation matches nothing. A bound filter
// stays as it is, whatever the collection (without one it is not yet bound).
//
// Bind cannot fail: an operand that Validate would refuse makes a condition that
// matches nothing. A _between with other than two values is left out, as in Directus.
func (f *Filter) Bind(c *Collection, env Env) *Filter {
	switch {
	case f == nil:
		return nil
	case f.bound:
		return f
	case f.Op.isRelation():
		return f.bindRelation(c, env)
	case f.Op != OpAnd && f.Op != OpOr:
		return f.bindLeaf(c, env)
	}
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

// nothing is a bound leaf that matches no row.
func nothing(c *Collection, field string) *Filter {
	if c != nil {
		if f := c.Field(field); f == nil || f.Type == Alias {
			field = c.PrimaryKey
		}
	}
	return &Filter{Op: OpIn, Field: field, Value: []any{}, bound: c != nil}
}

func (f *Filter) bindLeaf(c *Collection, env Env) *Filter {
	cast := func(v any) (any, error) { return castAny(v), nil }
	leaf := Filter{Op: f.Op, Field: f.Field, Func: f.Func, bound: c != nil}
	if c != nil {
		field := c.Field(f.Field)
		if field == nil {
			return nothing(c, f.Field)
		}
		t := field.Type
		if f.Func != "" {
			if t = Integer; !slices.Contains(functionsOf(field.Type), f.Func) || f.Op.isText() {
				return nothing(c, f.Field)
			}
		}
		if field.Type == Alias {
			if f.Func == "" {
				return f.bindMany(c, env)
			}
			relation, related := c.relation(f.Field)
			if related == nil {
				return nothing(c, f.Field)
			}
			leaf.Relation, leaf.Guard = relation, env.guard(related)
		}
		if !f.Op.isText() {
			cast = func(v any) (any, error) { return castTo(t, v) }
		}
	}

	if f.Op.isPresence() {
		if f.Value == false {
			leaf.Op = f.Op.opposite()
		}
		return &leaf
	}

	if f.Op.isList() {
		list := []any{}
		given, ok := f.Value.([]any)
		if !ok {
			return nothing(c, f.Field)
		}
		for _, v := range given {
			values, isList := env.resolve(v).([]any)
			if !isList {
				values = []any{env.resolve(v)}
			}
			for _, value := range values {
				value, err := cast(value)
				if err != nil {
					return nothing(c, f.Field)
				}
				list = append(list, value)
			}
		}
		if (f.Op == OpBetween || f.Op == OpNBetween) && len(list) != 2 {
			return nil
		}
		leaf.Value = list
		return &leaf
	}

	value, err := cast(env.resolve(f.Value))
	if err != nil {
		return nothing(c, f.Field)
	}
	if value == nil {
		switch f.Op {
		case OpEq:
			leaf.Op = OpNull
			return &leaf
		case OpNeq:
			leaf.Op = OpNNull
			return &leaf
		}
		return nothing(c, f.Field) // unknown, whatever the row
	}

	if f.Op.isText() {
		text, err := castText(value)
		if err != nil {
			return nothing(c, f.Field)
		}
		value = text
		switch f.Op {
		case OpIEq, OpNIEq:
			value = lowerASCII(text)
		case OpIContains, OpIStartsWith, OpIEndsWith:
			leaf.Op = "_" + f.Op[len("_i"):]
		case OpNIContains, OpNIStartsWith, OpNIEndsWith:
			leaf.Op = "_n" + f.Op[len("_ni"):]
		}
	} else if _, isList := value.([]any); isList || !f.Op.isComparison() {
		return nothing(c, f.Field)
	}
	leaf.Value = value
	return &leaf
}

// Bind returns the query with its filter and its sort keys bound, guards at every
// hop; the rest stays as it is. What cannot be sorted by is left out of the keys. A
// bound query may be bound again.
func (q Query) Bind(c *Collection, env Env) Query {
	q.Filter = q.Filter.Bind(c, env)
	sort := q.Sort
	q.Sort = nil
	for _, key := range sort {
		if _, ok := q.SortedAggregation(key); !ok && key.Func == "" && key.Path == nil {
			var hops []Hop
			_, field, fn, err := c.follow(key.Field, "", func(r *Relation, related *Collection) {
				hops = append(hops, Hop{Relation: r, Guard: env.guard(related)})
			})
			if err != nil {
				continue
			}
			key.Field, key.Func, key.Path = field.Name, fn, hops
		}
		q.Sort = append(q.Sort, key)
	}
	return q
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
