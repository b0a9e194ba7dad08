package query

import (
	"fmt"
	"slices"
)

// Validate checks the query against the collection: every field exists, every
// operator is one that Directus has for the field's type, every operand can be cast
// to it. An unknown field is FORBIDDEN, as Directus tells it apart from no permission
// to nobody; anything else is INVALID_QUERY.
func (q Query) Validate(c *Collection) error {
	for _, bound := range []struct {
		key   string
		value int
		least int
	}{{"limit", q.Limit, -1}, {"offset", q.Offset, 0}, {"page", q.Page, 0}} {
		if bound.value < bound.least && !(bound.key == "limit" && bound.value == Unset) {
			return errLeast(bound.key, bound.least)
		}
	}
	if err := checkMeta(q.Meta); err != nil {
		return err
	}
	if err := q.Filter.Validate(c); err != nil {
		return err
	}
	for _, name := range q.Fields {
		if !isStar(name) && c.Field(name) == nil {
			return errField(c, name)
		}
	}
	for _, key := range q.Sort {
		field := c.Field(key.Field)
		if field == nil {
			return errField(c, key.Field)
		}
		if field.Type == JSON || field.Type == CSV {
			return invalidQuery(fmt.Sprintf("Sorting by %s is not served: its type is %q", quote(key.Field), field.Type))
		}
	}
	return nil
}

// errField is FORBIDDEN for a field; "Queried in root" is where Directus says the
// field was asked for, and root is all there is without relations.
func errField(c *Collection, name string) *Error {
	return &Error{
		Code:    "FORBIDDEN",
		Message: fmt.Sprintf(`You don't have permission to access field "%s" in collection "%s" or it does not exist. Queried in root.`, name, c.Name),
	}
}

// Validate checks the filter's fields, operators and operands against the
// collection; nil is valid.
func (f *Filter) Validate(c *Collection) error {
	if f == nil {
		return nil
	}
	if f.Op == OpAnd || f.Op == OpOr {
		for _, node := range f.Nodes {
			if err := node.Validate(c); err != nil {
				return err
			}
		}
		return nil
	}
	if f.Field == "" {
		return invalidQuery(fmt.Sprintf(`Invalid filter key "%s" on "%s"`, f.Op, c.Name))
	}
	field := c.Field(f.Field)
	if field == nil {
		return errField(c, f.Field)
	}
	if !slices.Contains(operatorsOf(field.Type), f.Op) {
		return invalidQuery(fmt.Sprintf(`"%s" field type does not contain the "%s" filter operator`, field.Type, f.Op))
	}
	if field.Is("conceal") && !f.Op.isPresence() {
		return invalidQuery(fmt.Sprintf(`Field with "conceal" special does not allow the "%s" filter operator`, f.Op))
	}
	if f.Op.isPresence() {
		switch f.Value {
		case nil, true, false, "":
			return nil
		}
		return invalidQuery(fmt.Sprintf("%q has to be a boolean", f.Op))
	}
	if !f.Op.isList() {
		if err := checkScalar(f.Op, f.Value); err != nil {
			return err
		}
		return checkOperand(f, field, f.Value)
	}
	list, ok := f.Value.([]any)
	if !ok {
		return invalidQuery(fmt.Sprintf("%q has to be an array of values", f.Op))
	}
	for _, v := range list {
		if err := checkOperand(f, field, v); err != nil {
			return err
		}
	}
	return nil
}

func checkOperand(f *Filter, field *Field, v any) error {
	if text, ok := v.(string); ok {
		switch variable := variableOf(text); {
		case variable == variableNow && !field.Type.isNumber() && field.Type != Boolean:
			return nil
		case variable == variableNow && field.Type.isNumber():
			return nil // in milliseconds
		case variable == variableField:
			return notServed(text)
		case variable.isList() && !f.Op.isList():
			return invalidQuery(fmt.Sprintf(`%s is a list: use it with "_in" or "_nin"`, quote(text)))
		}
	}
	if f.Op.isText() {
		if v == nil {
			return nil
		}
		_, err := castText(v)
		return err
	}
	_, err := castTo(field.Type, v)
	return err
}

// The operators of each type are Directus's own lists. _ieq and _nieq are in none
// of them, so a client may not use them; rules that are not validated may.
var (
	presenceOperators = []Op{OpNull, OpNNull, OpEmpty, OpNEmpty}
	textOperators     = []Op{
		OpContains, OpNContains, OpIContains, OpNIContains,
		OpStartsWith, OpNStartsWith, OpIStartsWith, OpNIStartsWith,
		OpEndsWith, OpNEndsWith, OpIEndsWith, OpNIEndsWith,
		OpEq, OpNeq, OpEmpty, OpNEmpty, OpNull, OpNNull, OpIn, OpNin,
	}
	uuidOperators    = []Op{OpEq, OpNeq, OpNull, OpNNull, OpIn, OpNin}
	booleanOperators = []Op{OpEq, OpNeq, OpNull, OpNNull}
	orderedOperators = []Op{OpEq, OpNeq, OpLt, OpLte, OpGt, OpGte, OpBetween, OpNBetween, OpNull, OpNNull, OpIn, OpNin}
	jsonOperators    = []Op{OpNull, OpNNull}
	defaultOperators = []Op{
		OpContains, OpNContains, OpEq, OpNeq, OpLt, OpLte, OpGt, OpGte, OpBetween, OpNBetween,
		OpEmpty, OpNEmpty, OpNull, OpNNull, OpIn, OpNin,
	}
)

func operatorsOf(t Type) []Op {
	switch t {
	case String, Text, CSV:
		return textOperators
	case UUID:
		return uuidOperators
	case Integer, BigInteger, Float, Decimal, DateTime, Date, Time:
		return orderedOperators
	case Boolean:
		return booleanOperators
	case JSON:
		return jsonOperators
	case Hash:
		return presenceOperators
	}
	return defaultOperators // timestamp, and types that are not listed
}
