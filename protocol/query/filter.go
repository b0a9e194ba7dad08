package query

import "slices"

// An Op is a filter operator, or "_and" or "_or".
type Op string

// The operators. The comment is what a bound leaf means in SQL; see [Filter] for
// the type of its Value.
const (
	OpAnd Op = "_and"
	OpOr  Op = "_or"

	OpEq  Op = "_eq"  // f = ?
	OpNeq Op = "_neq" // f <> ?
	OpLt  Op = "_lt"  // f < ?
	OpLte Op = "_lte" // f <= ?
	OpGt  Op = "_gt"  // f > ?
	OpGte Op = "_gte" // f >= ?

	OpIEq  Op = "_ieq"  // LOWER(f) = ?
	OpNIEq Op = "_nieq" // LOWER(f) <> ?

	OpIn       Op = "_in"       // f IN (…), an empty list is false
	OpNin      Op = "_nin"      // f NOT IN (…), an empty list is true
	OpBetween  Op = "_between"  // f BETWEEN ? AND ?
	OpNBetween Op = "_nbetween" // f NOT BETWEEN ? AND ?

	OpNull   Op = "_null"   // f IS NULL
	OpNNull  Op = "_nnull"  // f IS NOT NULL
	OpEmpty  Op = "_empty"  // (f IS NULL OR f = '')
	OpNEmpty Op = "_nempty" // (f IS NOT NULL AND f <> '')

	OpContains    Op = "_contains"     // f LIKE '%' || ? || '%'
	OpNContains   Op = "_ncontains"    // f NOT LIKE '%' || ? || '%'
	OpStartsWith  Op = "_starts_with"  // f LIKE ? || '%'
	OpNStartsWith Op = "_nstarts_with" // f NOT LIKE ? || '%'
	OpEndsWith    Op = "_ends_with"    // f LIKE '%' || ?
	OpNEndsWith   Op = "_nends_with"   // f NOT LIKE '%' || ?

	// Of a relation: Nodes[0] is what is asked of the related rows.
	OpOne  Op = "_one"  // m2o: of the related row, or of a row of nulls if there is none (LEFT JOIN). Never on the wire.
	OpSome Op = "_some" // o2m: EXISTS a related row
	OpNone Op = "_none" // o2m: NOT EXISTS a related row

	// Never in a bound filter: SQLite's LIKE ignores the case of ASCII letters
	// anyway, so Bind turns each of these into the one without "i".
	OpIContains    Op = "_icontains"
	OpNIContains   Op = "_nicontains"
	OpIStartsWith  Op = "_istarts_with"
	OpNIStartsWith Op = "_nistarts_with"
	OpIEndsWith    Op = "_iends_with"
	OpNIEndsWith   Op = "_niends_with"
)

// A Filter is a tree: a node is _and or _or of Nodes, or an operator on a field. A
// nil *Filter matches everything. A filter does not change once it is made.
//
// # As parsed
//
// Value is nil, bool, int64, float64 or string, or a []any of these for _in, _nin,
// _between and _nbetween. Dynamic variables ("$NOW(-1 day)", "$CURRENT_USER") are
// still strings. Code that builds a filter by hand may use int as well.
//
// {"author": {"name": …}} is a _some of author whose only node is about the related
// rows: what is said in one such object is said of one and the same row. Value is
// true where "_some" or "_none" was written out, which is for one-to-many relations
// alone, and then a nil node stands for {}: any row.
//
// # As bound
//
// [Filter.Bind] leaves a tree that can be executed, or compiled to SQL, without
// knowing anything else. In it:
//
//   - Nodes of _and and _or has at least two elements, none of them nil. (SQLite
//     reads "a AND b AND c" as a tree as deep as the list is long, and refuses one
//     deeper than 1,000: join the nodes as a balanced tree.)
//   - Field names a field of the collection. There are no dynamic variables.
//   - A scalar has the type of its field: string for string, text, uuid, hash, csv
//     and every type that is not listed in this package; int64 or float64 for integer, bigInteger, float and
//     decimal (int64 whenever it is whole and fits); bool for boolean; for
//     timestamp "2006-01-02T15:04:05.000Z", for dateTime "2006-01-02T15:04:05"
//     (with a fraction only if it is not zero), for date "2006-01-02", for time
//     "15:04:05" (the same), so that comparing text compares time.
//   - A csv field is compared as its elements joined by commas ([CSVText]), so it should be stored like that.
//   - A leaf with a Func compares [FieldValue] of the field, and its scalars are numbers. With
//     "count" of a one-to-many relation, Relation is set and the number is that of the
//     related rows for which Guard is true (never NULL).
//
// # Relations as bound
//
// In _one, _some and _none Relation is set, and Nodes has one element, which is about the related
// collection and may be nil: any row. Related are the rows whose Relation.Foreign
// equals the row's Relation.Local, never those of a NULL, and of these only the rows
// for which Guard is true. Field is the relation's, and has no column if it is one-to-many.
//
//	_one   the node is true of the related row, or, without one, of a row of NULLs, whose
//	       own relations lead nowhere: LEFT JOIN … ON f = id AND guard WHERE node. Only
//	       many-to-one; its node is never nil.
//	_some  EXISTS (SELECT … WHERE foreign = local AND guard AND node)
//	_none  NOT EXISTS (the same): rows for which the node is unknown do not count
//
// What Value is, by operator:
//
//	_eq _neq _lt _lte _gt _gte      a scalar, never nil
//	_ieq _nieq                      a string, its ASCII letters in lower case
//	_in _nin                        []any of scalars and nils, maybe empty
//	_between _nbetween              []any of exactly two, scalars or nil
//	_null _nnull _empty _nempty     nil: the operator says it all
//	_contains _ncontains            a string, whose % and _ are live wildcards (Directus
//	_starts_with _nstarts_with      does not escape them); there is no escape character;
//	_ends_with _nends_with          the % before and after it is not in it
//
// No other operator occurs. A nil in a list is SQL's NULL and has its effect: "f NOT IN
// (1, NULL)" is never true. Logic is SQL's: what compares with NULL is unknown, and
// unknown does not match.
//
// With a nil collection, Bind casts nothing and scalars are any Row value.
type Filter struct {
	Op    Op
	Nodes []*Filter // of _and, _or, and one of a relation
	Field string    // of a leaf or a relation; "" is refused by Validate
	Func  string    // of a leaf: "year" for "year(date)"; "" = the field itself
	Value any       // of a leaf

	// Only in a bound filter:

	Relation *Relation // of _one, _some, _none, and of a leaf with count(o2m)
	Guard    *Filter   // which related rows count at all; nil = all. It is bound.
	bound    bool      // of all but _and and _or: Bind has made it
}

// And joins filters; nils are left out, and the nodes of one that is an _and itself
// become nodes of the result. All nil gives nil.
func And(filters ...*Filter) *Filter {
	var nodes []*Filter
	for _, f := range filters {
		switch {
		case f == nil:
		case f.Op == OpAnd:
			if joined := And(f.Nodes...); joined != nil && joined.Op == OpAnd {
				nodes = append(nodes, joined.Nodes...)
			} else if joined != nil {
				nodes = append(nodes, joined)
			}
		default:
			nodes = append(nodes, f)
		}
	}
	switch len(nodes) {
	case 0:
		return nil
	case 1:
		return nodes[0]
	}
	return &Filter{Op: OpAnd, Nodes: nodes}
}

// Or joins filters as alternatives. A nil among them matches everything, and so
// does the result then; without any filter it is nil as well, as Directus reads
// "_or": [].
func Or(filters ...*Filter) *Filter {
	for _, f := range filters {
		if f == nil {
			return nil
		}
	}
	switch len(filters) {
	case 0:
		return nil
	case 1:
		return filters[0]
	}
	return &Filter{Op: OpOr, Nodes: filters}
}

// AppendJSON appends the filter as a JSON object that ParseFilter reads back; nil
// is {}.
func (f *Filter) AppendJSON(dst []byte) []byte {
	if f == nil {
		return append(dst, '{', '}')
	}
	dst = append(dst, '{')
	if f.Op == OpAnd || f.Op == OpOr {
		dst = appendString(dst, string(f.Op))
		dst = append(dst, ':', '[')
		for i, node := range f.Nodes {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = node.AppendJSON(dst)
		}
		return append(dst, ']', '}')
	}
	if f.Field != "" {
		name := f.Field
		if f.Func != "" {
			name = f.Func + "(" + name + ")"
		}
		dst = appendString(dst, name)
		dst = append(dst, ':')
		if (f.Op == OpOne || f.Op == OpSome && f.Value == nil) && f.node() != nil {
			return append(f.node().AppendJSON(dst), '}')
		}
		dst = append(dst, '{')
	}
	dst = appendString(dst, string(f.Op))
	dst = append(dst, ':')
	if f.Op.isRelation() {
		dst = f.node().AppendJSON(dst)
	} else if list, ok := f.Value.([]any); ok {
		dst = append(dst, '[')
		for i, value := range list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, value)
		}
		dst = append(dst, ']')
	} else {
		dst = AppendValue(dst, f.Value)
	}
	if f.Field != "" {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// UsesNow reports whether the filter depends on the time, so that what it matches
// changes although no row does. Ask before Bind, which replaces the variables. What
// Env.Guard adds is to be asked for itself.
func (f *Filter) UsesNow() bool {
	uses := false
	f.operands(func(text string) { uses = uses || variableOf(text) == variableNow })
	return uses
}

// Variables returns the names of the fields of the user, the role and the like that
// the filter uses ("$CURRENT_USER.first_name"), each once, sorted: what Env.Fields has
// to hold before Bind.
func (f *Filter) Variables() []string {
	var names []string
	f.operands(func(text string) {
		if variableOf(text) == variableField && !slices.Contains(names, text) {
			names = append(names, text)
		}
	})
	slices.Sort(names)
	return names
}

// operands calls yield for every operand that is text.
func (f *Filter) operands(yield func(text string)) {
	if f == nil {
		return
	}
	for _, node := range f.Nodes {
		node.operands(yield)
	}
	list, ok := f.Value.([]any)
	if !ok {
		list = []any{f.Value}
	}
	for _, v := range list {
		if text, ok := v.(string); ok {
			yield(text)
		}
	}
}

// node is what is asked of the related rows, maybe nil.
func (f *Filter) node() *Filter {
	if len(f.Nodes) == 0 {
		return nil
	}
	return f.Nodes[0]
}

func (op Op) isRelation() bool { return op == OpOne || op == OpSome || op == OpNone }

func (op Op) isList() bool {
	return op == OpIn || op == OpNin || op == OpBetween || op == OpNBetween
}

func (op Op) isPresence() bool {
	return op == OpNull || op == OpNNull || op == OpEmpty || op == OpNEmpty
}

// opposite is what a presence operator becomes with the operand false.
func (op Op) opposite() Op {
	switch op {
	case OpNull:
		return OpNNull
	case OpNNull:
		return OpNull
	case OpEmpty:
		return OpNEmpty
	}
	return OpEmpty
}

func (op Op) isComparison() bool {
	switch op {
	case OpEq, OpNeq, OpLt, OpLte, OpGt, OpGte:
		return true
	}
	return false
}

// isText reports whether the operand is a piece of text whatever the field's type.
func (op Op) isText() bool {
	switch op {
	case OpIEq, OpNIEq,
		OpContains, OpNContains, OpIContains, OpNIContains,
		OpStartsWith, OpNStartsWith, OpIStartsWith, OpNIStartsWith,
		OpEndsWith, OpNEndsWith, OpIEndsWith, OpNIEndsWith:
		return true
	}
	return false
}

// paths is how deep fields are nested, 1 for a field of the collection itself.
func (f *Filter) paths() int {
	if f == nil {
		return 0
	}
	deepest := 0
	for _, node := range f.Nodes {
		deepest = max(deepest, node.paths())
	}
	if f.Field != "" {
		deepest++
	}
	return deepest
}

// size is the number of nodes.
func (f *Filter) size() int {
	if f == nil {
		return 0
	}
	n := 1
	for _, node := range f.Nodes {
		n += node.size()
	}
	return n
}

// depth is the number of levels of the tree, 1 for a leaf.
func (f *Filter) depth() int {
	if f == nil {
		return 0
	}
	deepest := 0
	for _, node := range f.Nodes {
		deepest = max(deepest, node.depth())
	}
	return deepest + 1
}

// lowerASCII is SQLite's LOWER: only A to Z change.
func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			lowered := []byte(s)
			for ; i < len(lowered); i++ {
				lowered[i] = lowerByte(lowered[i])
			}
			return string(lowered)
		}
	}
	return s
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
