package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"

	"leveret/protocol/query"
)

// SQLite's limits, and ours below them. Where a query would pass one it is refused
// by name, instead of failing with SQLite's own words. What a client may send is
// bounded far below by query.Parse; these bound what is joined to it. They hold for
// the whole tree, relations and guards included.
const (
	// maxConditions is how many operators there may be: the time that SQLite takes to
	// plan a query grows with their square, to some 30 ms here.
	maxConditions = 2_000
	// maxValues is how many values are bound: SQLITE_MAX_VARIABLE_NUMBER is 32,766,
	// and the window takes two.
	maxValues = 32_000
	// maxNesting is how deep an expression may be: SQLITE_MAX_EXPR_DEPTH is 1,000.
	maxNesting = 500
	// maxPattern is how many bytes of text _contains and its like search for:
	// SQLITE_MAX_LIKE_PATTERN_LENGTH is 50,000, the wildcards around it included.
	maxPattern = 49_998
	// inlineList is the longest list that is bound value by value. A longer one is
	// bound as one JSON array, so that its length is not in the statement's text.
	inlineList = 16
	// manyConditions make a query that is slow for each row.
	manyConditions = 50
)

// rootAlias names the row at hand of the collection that is read.
const rootAlias = "t0"

// A compiler writes the parts of one SELECT. Values are bound, never spliced.
type compiler struct {
	tables     map[string]*table
	args       []any
	window     []any // bound after args
	conditions int
	aliases    int
	slow       bool // a single row may take long
}

// A scope is a row at hand, by the alias of its table.
type scope struct {
	*table
	alias     string
	relations int // how many were followed to come here
}

// root starts a SELECT and returns the scope of its table.
func (s *Store) root(t *table) (*compiler, scope) {
	return &compiler{tables: s.tables, aliases: 1}, scope{t, rootAlias, 0}
}

// where compiles a bound filter and a search term to " WHERE …", or "" if
// everything matches. The meaning is Filter.Match's: package query's comment on
// Filter has the SQL of every operator.
func (c *compiler) where(sc scope, filter *query.Filter, search string) (string, error) {
	filter = query.And(filter, query.SearchFilter(sc.Collection, search))
	if filter == nil {
		return "", nil
	}
	text, _, err := c.node(sc, filter, 0)
	return " WHERE " + text, err
}

// count counts a condition.
func (c *compiler) count() error {
	if c.conditions++; c.conditions > maxConditions {
		return invalidQuery("The filter has more than %d conditions.", maxConditions)
	}
	return nil
}

// node returns the text of a filter and how deep it is.
func (c *compiler) node(sc scope, f *query.Filter, level int) (string, int, error) {
	if level > maxNesting {
		return "", 0, errNesting()
	}
	switch f.Op {
	case query.OpAnd, query.OpOr:
	case query.OpOne, query.OpSome, query.OpNone:
		return c.related(sc, f, level)
	default:
		return c.leaf(sc, f, level)
	}
	texts := make([]string, len(f.Nodes))
	depth := 0
	for i, node := range f.Nodes {
		text, d, err := c.node(sc, node, level+1)
		if err != nil {
			return "", 0, err
		}
		texts[i], depth = text, max(depth, d)
	}
	if len(texts) == 0 {
		return "1", 1, nil
	}
	operator := " AND "
	if f.Op == query.OpOr {
		operator = " OR "
	}
	text, joins := balance(texts, operator)
	if depth += joins; depth > maxNesting {
		return "", 0, errNesting()
	}
	return text, depth, nil
}

func errNesting() error {
	return invalidQuery("The filter is nested too deeply.")
}

// balance joins conditions as a balanced tree and returns its depth: SQLite reads
// "a AND b AND c AND …" as one level for each.
func balance(texts []string, operator string) (string, int) {
	if len(texts) == 1 {
		return texts[0], 0
	}
	half := (len(texts) + 1) / 2
	left, depth := balance(texts[:half], operator)
	right, _ := balance(texts[half:], operator)
	return "(" + left + operator + right + ")", depth + 1
}

// scalarSQL is the operators that compare a field with one value.
var scalarSQL = map[query.Op]string{
	query.OpEq:  "%s = ?",
	query.OpNeq: "%s <> ?",
	query.OpLt:  "%s < ?",
	query.OpLte: "%s <= ?",
	query.OpGt:  "%s > ?",
	query.OpGte: "%s >= ?",

	query.OpIEq:  "LOWER(%s) = ?",
	query.OpNIEq: "LOWER(%s) <> ?",
}

// presenceSQL is the operators without a value.
var presenceSQL = map[query.Op]string{
	query.OpNull:   "%[1]s IS NULL",
	query.OpNNull:  "%[1]s IS NOT NULL",
	query.OpEmpty:  "(%[1]s IS NULL OR %[1]s = '')",
	query.OpNEmpty: "(%[1]s IS NOT NULL AND %[1]s <> '')",
}

func (c *compiler) leaf(sc scope, f *query.Filter, level int) (string, int, error) {
	if err := c.count(); err != nil {
		return "", 0, err
	}
	operand, depth, err := c.operand(sc, f, level)
	if err != nil {
		return "", 0, err
	}
	text, err := c.condition(operand, f)
	return text, depth + 3, err // no operator below is deeper than NOT (f BETWEEN ? AND ?)
}

// condition writes what is asked of an operand, whose values are bound already.
func (c *compiler) condition(operand string, f *query.Filter) (string, error) {
	op := f.Op
	if f.Func != "" { // a number: it is there, or it is null
		switch op {
		case query.OpEmpty:
			op = query.OpNull
		case query.OpNEmpty:
			op = query.OpNNull
		}
	}
	if text, ok := presenceSQL[op]; ok {
		return fmt.Sprintf(text, operand), nil
	}
	if text, ok := scalarSQL[op]; ok {
		return fmt.Sprintf(text, operand), c.bind(f.Value)
	}
	if pattern, ok := patternSQL[op]; ok {
		value, isText := f.Value.(string)
		if !isText {
			return "", fmt.Errorf("the operand of %s is a %T", op, f.Value)
		}
		return c.pattern(operand, op, pattern, value)
	}
	list, isList := f.Value.([]any)
	switch op {
	case query.OpIn, query.OpNin:
		if !isList {
			return "", fmt.Errorf("the operand of %s is a %T", op, f.Value)
		}
		return c.in(operand, op == query.OpNin, list)
	case query.OpBetween, query.OpNBetween:
		if len(list) != 2 {
			return "", fmt.Errorf("the operand of %s has %d elements", op, len(list))
		}
		not := ""
		if op == query.OpNBetween {
			not = "NOT "
		}
		if err := c.bind(list[0]); err != nil {
			return "", err
		}
		return "(" + operand + " " + not + "BETWEEN ? AND ?)", c.bind(list[1])
	}
	return "", fmt.Errorf("the operator %q is not one of a bound filter", op)
}

func (c *compiler) in(operand string, not bool, list []any) (string, error) {
	operator := " IN "
	if not {
		operator = " NOT IN "
	}
	if len(list) > inlineList {
		text, err := jsonList(list)
		if err == nil {
			c.args = append(c.args, text)
			return operand + operator + "(SELECT value FROM json_each(?))", nil
		}
	}
	for _, v := range list {
		if err := c.bind(v); err != nil {
			return "", err
		}
	}
	// SQLite, unlike the SQL standard, knows empty lists; they are false, or true with NOT.
	return operand + operator + "(" + strings.TrimSuffix(strings.Repeat("?, ", len(list)), ", ") + ")", nil
}

// bind adds a value of a bound filter. The driver binds a bool as 0 or 1, which is
// how columns hold it.
func (c *compiler) bind(v any) error {
	switch v.(type) {
	case nil, bool, int, int64, float64, string:
		c.args = append(c.args, v)
		return nil
	}
	return fmt.Errorf("cannot compare a field with a %T", v)
}

// jsonList writes values as a JSON array for json_each. It fails for fractions,
// since SQLite reads some of them from text a bit differently than Go writes them.
func jsonList(values []any) (string, error) {
	for _, v := range values {
		switch v.(type) {
		case nil, bool, int, int64, string:
		default:
			return "", fmt.Errorf("a list with a %T cannot be bound as one value", v)
		}
	}
	text, err := json.Marshal(values)
	return string(text), err
}
