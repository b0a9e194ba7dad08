package query

import (
	"fmt"
	"strings"
)

// ParseFilter reads a filter object, or a string that holds one. {} and null are
// nil, which matches everything. The error is an *Error of code INVALID_QUERY.
//
// Several keys in one object are joined by _and; {"field": value} is _eq; _and and
// _or may also stand below a field. The strings "true", "false", "null" and "NULL"
// become what they say, except where the operand is text by the operator
// (_contains and its like). "_or": [] and an _or with {} in it match everything.
func ParseFilter(raw []byte) (*Filter, error) {
	p := filterParser{scanner: scanner{b: raw}}
	if p.peek() == '"' { // the SDK's form
		inside := p.text()
		if !p.end() {
			return nil, errFilterJSON
		}
		if inside == "" {
			return nil, nil
		}
		p.scanner = scanner{b: []byte(inside)}
	}
	switch p.peek() {
	case 0, '{', '[', '"':
	case 'n', 'f':
		if p.raw(); !p.end() {
			return nil, errFilterJSON
		}
		return nil, nil
	default:
		if p.raw(); !p.end() {
			return nil, errFilterJSON
		}
		return nil, errFilterObject
	}
	if p.peek() == 0 {
		return nil, nil
	}
	f, err := p.filter("", 1)
	switch {
	case err != nil:
		return nil, err
	case !p.end():
		return nil, errFilterJSON
	case f.depth() > MaxDepth:
		return nil, errDepth
	case f.paths() > MaxRelations:
		return nil, errRelations
	case f.size() > MaxNodes:
		return nil, errNodes
	}
	return f, nil
}

var (
	errFilterJSON   = invalidQuery("Invalid JSON for filter object")
	errFilterObject = invalidQuery("Invalid filter object")
	errNodes        = invalidQuery(fmt.Sprintf("The filter has more than %d conditions", MaxNodes))
	errDepth        = invalidQuery(fmt.Sprintf("The filter is nested deeper than %d levels", MaxDepth))
)

type filterParser struct {
	scanner
	nodes, values int
}

// filter takes one filter; field is what it is about, "" at the top.
func (p *filterParser) filter(field string, depth int) (*Filter, error) {
	if depth > 2*MaxDepth { // objects in the JSON; a level of the tree takes up to two
		return nil, errDepth
	}
	if p.peek() != '{' {
		if p.peek() == '[' || field == "" {
			if p.raw(); p.bad {
				return nil, errFilterJSON
			}
			return nil, errFilterObject
		}
		return p.leaf(field, OpEq)
	}

	p.open('{')
	var nodes []*Filter
	for first := true; p.more('}', &first); {
		key := p.key()
		if p.bad {
			break
		}
		var node *Filter
		var err error
		switch {
		case key == string(OpAnd) || key == string(OpOr):
			node, err = p.group(Op(key), field, depth)
		case key == string(OpSome) || key == string(OpNone):
			node, err = p.related(field, Op(key), depth)
		case strings.HasPrefix(key, "_"):
			node, err = p.leaf(field, Op(key))
		default:
			node, err = p.field(field, key, depth)
		}
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	if p.bad {
		return nil, errFilterJSON
	}
	if len(nodes) > 1 {
		if err := p.count(); err != nil {
			return nil, err
		}
	}
	return together(And(nodes...), field), nil
}

// field takes what a key that is a field's name has: a filter on that field, which
// is one of the rows related by outer, if there is an outer.
func (p *filterParser) field(outer, key string, depth int) (*Filter, error) {
	if key == "" {
		return nil, invalidQuery(`The name of a field in "filter" must not be empty`)
	}
	name, err := parsePath(key, "filter")
	if err != nil {
		return nil, err
	}
	if strings.Contains(name, ".") {
		return nil, invalidQuery(fmt.Sprintf(`%s in "filter" has to be written as nested objects, as in {"author": {"name": …}}`, quote(key)))
	}
	if fn, _ := splitFunction(outer); fn != "" {
		return nil, invalidQuery(fmt.Sprintf(`%s in "filter" is a number, which has no field %s`, quote(outer), quote(key)))
	}
	node, err := p.filter(name, depth+1)
	if err != nil || node == nil || outer == "" {
		return node, err
	}
	return &Filter{Op: OpSome, Field: outer, Nodes: []*Filter{node}}, nil
}

// related takes the filter of a _some or _none.
func (p *filterParser) related(field string, op Op, depth int) (*Filter, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	if fn, _ := splitFunction(field); fn != "" {
		return nil, invalidQuery(fmt.Sprintf(`%s in "filter" is a number, which does not have %q`, quote(field), op))
	}
	node, err := p.filter("", depth+1)
	if err != nil {
		return nil, err
	}
	return &Filter{Op: op, Field: field, Value: true, Nodes: []*Filter{node}}, nil
}

// together makes the conditions of one object on rows related by the same field
// one condition on one row.
func together(f *Filter, field string) *Filter {
	if f == nil || field == "" || f.Op != OpAnd && f.Op != OpOr {
		return f
	}
	var inner, nodes []*Filter
	place := 0
	for _, node := range f.Nodes {
		if node.Op == OpSome && node.Field == field && node.Value == nil {
			if inner == nil {
				place = len(nodes)
				nodes = append(nodes, nil)
			}
			inner = append(inner, node.Nodes[0])
		} else {
			nodes = append(nodes, node)
		}
	}
	if len(inner) < 2 || f.Op == OpOr && len(nodes) > 1 {
		return f
	}
	joined := And(inner...)
	if f.Op == OpOr {
		joined = Or(inner...)
	}
	nodes[place] = &Filter{Op: OpSome, Field: field, Nodes: []*Filter{joined}}
	if len(nodes) == 1 {
		return nodes[0]
	}
	return &Filter{Op: OpAnd, Nodes: nodes}
}

// group takes the array of an _and or _or.
func (p *filterParser) group(op Op, field string, depth int) (*Filter, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	if p.peek() != '[' {
		return nil, invalidQuery(fmt.Sprintf("%q has to be an array of filters", op))
	}
	p.open('[')
	var nodes []*Filter
	for first := true; p.more(']', &first); {
		node, err := p.filter(field, depth+1)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	if p.bad {
		return nil, errFilterJSON
	}
	if op == OpAnd {
		return together(And(nodes...), field), nil
	}
	return together(Or(nodes...), field), nil
}

func (p *filterParser) count() error {
	if p.nodes++; p.nodes > MaxNodes {
		return errNodes
	}
	return nil
}

// leaf takes an operator's operand.
func (p *filterParser) leaf(field string, op Op) (*Filter, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	switch op {
	case "_json", "_intersects", "_nintersects", "_intersects_bbox", "_nintersects_bbox":
		return nil, notServed(string(op))
	}
	f := &Filter{Op: op}
	f.Func, f.Field = splitFunction(field)
	var err error
	if op.isList() {
		f.Value, err = p.list(op)
	} else {
		f.Value, err = p.operand(op)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// scalar takes one primitive value.
func (p *filterParser) scalar(op Op) (any, error) {
	v, ok, tooLarge := p.primitive()
	switch {
	case p.bad:
		return nil, errFilterJSON
	case !ok:
		return nil, invalidQuery(fmt.Sprintf(`The filter value for "%s" has to be a string, number, or boolean`, op))
	case tooLarge:
		return nil, invalidQuery(fmt.Sprintf(`The filter value for "%s" is not a valid number`, op))
	}
	return coerce(op, v)
}

// coerce turns the strings that stand for other values into these, and refuses
// what looks like a variable and is none.
func coerce(op Op, v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	if variableOf(text) == variableUnknown {
		return nil, invalidQuery("There is no variable " + quote(text))
	}
	if !op.isText() {
		switch text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		case "null", "NULL":
			return nil, nil
		}
	}
	return v, nil
}

func (p *filterParser) operand(op Op) (any, error) {
	v, err := p.scalar(op)
	if err != nil {
		return nil, err
	}
	if op.isPresence() {
		switch v {
		case nil, "", true:
			return true, nil
		case false:
			return false, nil
		}
		return nil, invalidQuery(fmt.Sprintf("%q has to be a boolean", op))
	}
	return v, checkScalar(op, v)
}

// checkScalar refuses the operands that no field of any type takes.
func checkScalar(op Op, v any) error {
	text, ok := v.(string)
	switch {
	case ok && text == "":
		return invalidQuery(fmt.Sprintf(`You can't filter for an empty string in "%s". Use "_empty" or "_nempty" instead`, op))
	case ok && op.isText() && len(text) > MaxPattern:
		return invalidQuery(fmt.Sprintf(`The filter value for "%s" is longer than %d bytes`, op, MaxPattern))
	}
	return nil
}

// list takes an array, a string with commas, an object whose values are meant (what
// a query string with many indices becomes), or a single value.
func (p *filterParser) list(op Op) (list []any, err error) {
	add := func(v any, err error) error {
		if err == nil {
			list = append(list, v)
			p.values++
			if p.values > MaxListValues {
				err = invalidQuery(fmt.Sprintf("The filter has more than %d values in its lists", MaxListValues))
			}
		}
		return err
	}
	switch p.peek() {
	case '[':
		p.open('[')
		for first := true; p.more(']', &first); {
			if err := add(p.scalar(op)); err != nil {
				return nil, err
			}
		}
	case '{':
		p.open('{')
		for first := true; p.more('}', &first); {
			p.key()
			if err := add(p.scalar(op)); err != nil {
				return nil, err
			}
		}
	case '"':
		for text := range strings.SplitSeq(p.text(), ",") {
			if err := add(coerce(op, text)); err != nil {
				return nil, err
			}
		}
	default:
		if err := add(p.scalar(op)); err != nil {
			return nil, err
		}
	}
	if p.bad {
		return nil, errFilterJSON
	}
	if len(list) == 0 {
		return nil, invalidQuery(fmt.Sprintf("%q has to be an array of values", op))
	}
	return list, nil
}
