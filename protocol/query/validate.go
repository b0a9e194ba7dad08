package query

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate checks the query against the collection, and against those of its Schema where
// it follows relations: every field exists, every operator is one that Directus has
// for the field's type, every operand can be cast to it, every function and aggregate has a
// type that it is for. An unknown field is FORBIDDEN, as Directus tells it apart from no permission
// to nobody; anything else is INVALID_QUERY.
//
// As in Directus, fields that lead to a collection that the schema does not have are
// no mistake, but left out of the answer; a filter or a sort key must not lead there.
func (q Query) Validate(c *Collection) error {
	if err := checkMeta(q.Meta); err != nil {
		return err
	}
	if err := q.validateRows(c, ""); err != nil {
		return err
	}
	if q.Grouped() {
		return q.validateGroups(c)
	}
	s := selector{left: MaxMembers, deep: true}
	for _, name := range slices.Sorted(maps.Keys(q.Alias)) {
		if _, field := splitFunction(q.Alias[name]); c.Field(field) == nil {
			s.fail(errField(c, field, ""))
		}
	}
	switch {
	case len(q.Fields) > 0:
		s.selection(c, q.Fields, q, "")
	case len(q.Deep) > 0:
		s.selection(c, []string{"*"}, q, "")
	}
	return s.mistakes.err()
}

// validateRows checks what a query and a deep have in common; path leads to c.
func (q Query) validateRows(c *Collection, path string) error {
	for _, bound := range []struct {
		key   string
		value int
		least int
	}{{"limit", q.Limit, -1}, {"offset", q.Offset, 0}, {"page", q.Page, 0}} {
		if bound.value < bound.least && !(bound.key == "limit" && bound.value == Unset) {
			return errLeast(bound.key, bound.least)
		}
	}
	var m mistakes
	q.Filter.validate(c, path, &m)
	m.add(checkPattern("search", q.Search))
	for _, key := range q.Sort {
		if path == "" && q.sortsByAggregate(key) {
			continue // see validateGroups
		}
		_, field, fn, err := c.follow(key.Field, path, func(*Relation, *Collection) {})
		switch {
		case err != nil:
			m.add(err)
		case fn != "":
		case field.Type == JSON || field.Type == CSV || field.Type == Alias:
			m.add(invalidQuery(fmt.Sprintf("Sorting by %s is not served: its type is %q", quote(key.Field), field.Type)))
		case field.isSecret():
			m.add(invalidQuery(fmt.Sprintf("Sorting by %s is not allowed: it is concealed", quote(key.Field))))
		}
	}
	return m.err()
}

// mistakes are what is wrong with a query, as far as it is told together.
type mistakes struct {
	first   error // that is not about a field
	missing []*missing
}

// missing are the fields of a collection that do not exist; path leads to it, "" is root.
type missing struct {
	collection, path string
	fields           []string
}

func (e *missing) Error() string {
	names := make([]string, len(e.fields))
	for i, name := range e.fields {
		names[i] = `"` + name + `"`
	}
	text := `You don't have permission to access field %s in collection "%s" or it does not exist. Queried in %s.`
	if len(names) > 1 {
		text = `You don't have permission to access fields %s in collection "%s" or they do not exist. Queried in %s.`
	}
	return fmt.Sprintf(text, strings.Join(names, ", "), e.collection, place(e.path))
}

// errField is FORBIDDEN for a field; path leads to its collection, "" is root.
func errField(c *Collection, name, path string) error {
	return &missing{collection: c.Name, path: path, fields: []string{name}}
}

// add notes a mistake; nil is none.
func (m *mistakes) add(err error) {
	e, ok := err.(*missing)
	switch {
	case ok:
		for _, other := range m.missing {
			if other.path == e.path && other.collection == e.collection {
				for _, name := range e.fields {
					if !slices.Contains(other.fields, name) {
						other.fields = append(other.fields, name)
					}
				}
				return
			}
		}
		m.missing = append(m.missing, e)
	case m.first == nil:
		m.first = err
	}
}

// err returns the fields that are missing at one place, as Directus tells them: at
// that before any place that it leads to. Without any it returns the first mistake.
func (m *mistakes) err() error {
	if len(m.missing) == 0 {
		return m.first
	}
	told := m.missing[0]
	for _, e := range m.missing {
		if e.path == "" || strings.HasPrefix(told.path, e.path+".") {
			told = e
		}
	}
	return &Error{Code: "FORBIDDEN", Message: told.Error()}
}

// errCollection is the same for a collection that path leads to.
func errCollection(name, path string) *Error {
	return &Error{
		Code:    "FORBIDDEN",
		Message: fmt.Sprintf(`You don't have permission to access collection "%s" or it does not exist. Queried in %s.`, name, place(path)),
	}
}

func place(path string) string {
	if path == "" {
		return "root"
	}
	return `"` + path + `"`
}

// Validate checks the filter's fields, operators and operands against the
// collection, and those of its relations; nil is valid.
func (f *Filter) Validate(c *Collection) error {
	var m mistakes
	f.validate(c, "", &m)
	return m.err()
}

// validate notes what is wrong with the filter; path leads to c.
func (f *Filter) validate(c *Collection, path string, m *mistakes) {
	if f != nil && (f.Op == OpAnd || f.Op == OpOr) {
		for _, node := range f.Nodes {
			node.validate(c, path, m)
		}
	} else if f != nil {
		m.add(f.validateField(c, path, m))
	}
}

// validateField returns what is wrong with a condition itself, and notes what is
// wrong with those in it.
func (f *Filter) validateField(c *Collection, path string, m *mistakes) error {
	if f.Field == "" {
		return invalidQuery(fmt.Sprintf(`Invalid filter key "%s" on "%s"`, f.Op, c.Name))
	}
	field := c.Field(f.Field)
	if field == nil {
		return errField(c, f.Field, path)
	}
	related := c.Related(field.Relation)
	if field.Relation != nil && related == nil && (f.Op.isRelation() || field.Type == Alias) {
		return errCollection(field.Relation.Collection, join(path, f.Field))
	}
	switch {
	case f.Op.isRelation() && related == nil:
		f.node().validate(c, path, m) // Directus looks for it in the same collection
		return invalidQuery(quote(f.Field) + " leads to no other items")
	case f.Op.isRelation():
		if f.Value != nil && !field.Relation.Many {
			return invalidQuery(fmt.Sprintf("%q is for one-to-many fields: leave it out of the filter on %s", f.Op, quote(f.Field)))
		}
		f.node().validate(related, join(path, f.Field), m)
		return nil
	case f.Func != "":
		if !slices.Contains(functionsOf(field.Type), f.Func) || field.Type == Alias && related == nil {
			return errFunction(f.Func)
		}
		field = &Field{Name: f.Field, Type: Integer}
	case field.Type == Alias && related == nil:
		return invalidQuery(quote(f.Field) + " holds no value to filter by")
	case field.Type == Alias && !f.Op.isPresence(): // it is about their keys
		key := *f
		key.Field = related.PrimaryKey
		return key.validateField(related, join(path, f.Field), m)
	case field.Type == Alias:
	case !slices.Contains(operatorsOf(field.Type), f.Op):
		return errOperator(field, f.Op)
	case field.isSecret() && !f.Op.isPresence():
		return invalidQuery(fmt.Sprintf(`Field with "conceal" special does not allow the "%s" filter operator`, f.Op))
	}
	if f.Func != "" && !slices.Contains(orderedOperators, f.Op) {
		return errOperator(field, f.Op)
	}
	return f.validateOperand(field)
}

func errOperator(field *Field, op Op) *Error {
	return invalidQuery(fmt.Sprintf(`"%s" field type does not contain the "%s" filter operator`, field.Type, op))
}

func (f *Filter) validateOperand(field *Field) error {
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
			return nil // it is known when the query is bound
		case variable.isList() && !f.Op.isList():
			return invalidQuery(fmt.Sprintf(`%s is a list: use it with "_in" or "_nin"`, quote(text)))
		}
	}
	if f.Op.isText() {
		if v == nil {
			return nil
		}
		text, err := castText(v)
		if err != nil {
			return err
		}
		if f.Op == OpIEq || f.Op == OpNIEq {
			return nil
		}
		return checkPattern(string(f.Op), text)
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
