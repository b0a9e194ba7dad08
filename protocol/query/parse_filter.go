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
	}
	return f, nil
}

var (
	errFilterJSON   = invalidQuery("Invalid JSON for filter object")
	errFilterObject = invalidQuery("Invalid filter object")
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
		case strings.HasPrefix(key, "_"):
			node, err = p.leaf(field, Op(key))
		case field != "":
			err = refusePath(field+"."+key, "filter")
		case key == "":
			err = invalidQuery(`The name of a field in "filter" must not be empty`)
		default:
			if err = refusePath(key, "filter"); err == nil {
				node, err = p.filter(key, depth+1)
			}
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
	return And(nodes...), nil
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
		return And(nodes...), nil
	}
	return Or(nodes...), nil
}

func (p *filterParser) count() error {
	if p.nodes++; p.nodes > MaxNodes {
		return invalidQuery(fmt.Sprintf("The filter has more than %d conditions", MaxNodes))
	}
	return nil
}

// leaf takes an operator's operand.
func (p *filterParser) leaf(field string, op Op) (*Filter, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	switch op {
	case "_some", "_none", "_json", "_intersects", "_nintersects", "_intersects_bbox", "_nintersects_bbox":
		return nil, notServed(string(op))
	}
	f := &Filter{Op: op, Field: field}
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
// what is not served.
func coerce(op Op, v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	if variableOf(text) == variableField {
		return nil, notServed(text)
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
