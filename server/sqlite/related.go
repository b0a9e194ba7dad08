package sqlite

import (
	"fmt"
	"strconv"

	"leveret/protocol/query"
)

const (
	// maxRelations is how many relations may follow one another. What a client sends is
	// held to query's own limit; a guard at the end of that may have as many again.
	maxRelations = 24
	// maxSubqueries is how many relations there may be in one query: the time that
	// SQLite takes to plan them grows with their square, to some 30 ms here.
	maxSubqueries = 200
)

// enter starts a subquery on the rows to which a relation leads. It returns them as
// a scope and the text that selects them: " FROM … WHERE …".
func (c *compiler) enter(sc scope, r *query.Relation, guard *query.Filter, level int) (inner scope, text string, depth int, err error) {
	if c.aliases > maxSubqueries {
		return scope{}, "", 0, invalidQuery("The query follows more than %d relations.", maxSubqueries)
	}
	c.slow = true
	related := c.tables[r.Collection]
	if related == nil {
		return scope{}, "", 0, fmt.Errorf("the schema has no related collection %q", r.Collection)
	}
	if sc.relations == maxRelations {
		return scope{}, "", 0, invalidQuery("The query follows more than %d relations in a row.", maxRelations)
	}
	inner = scope{related, "t" + strconv.Itoa(c.aliases), sc.relations + 1}
	c.aliases++
	local, err := sc.name(r.Local)
	if err != nil {
		return scope{}, "", 0, err
	}
	foreign, err := inner.name(r.Foreign)
	if err != nil {
		return scope{}, "", 0, err
	}
	text = " FROM " + related.name + " AS " + inner.alias + " WHERE " + foreign + " = " + local
	depth = 3
	if guard != nil {
		condition, d, err := c.node(inner, guard, level+1)
		if err != nil {
			return scope{}, "", 0, err
		}
		text += " AND " + condition
		depth += d
	}
	return inner, text, depth, nil
}

// name returns a field's column of the row at hand.
func (sc scope) name(field string) (string, error) {
	i := sc.column(field)
	if i < 0 {
		return "", fmt.Errorf("there is no field %q", field)
	}
	return sc.alias + "." + sc.columns[i], nil
}

// related compiles a condition on related rows.
func (c *compiler) related(sc scope, f *query.Filter, level int) (string, int, error) {
	if f.Relation == nil || len(f.Nodes) > 1 {
		return "", 0, fmt.Errorf("the relation %q is not bound", f.Field)
	}
	var asked *query.Filter
	if len(f.Nodes) == 1 {
		asked = f.Nodes[0]
	}
	inner, text, depth, err := c.enter(sc, f.Relation, f.Guard, level)
	if err != nil {
		return "", 0, err
	}
	exists := "EXISTS (SELECT 1"
	if f.Op == query.OpNone {
		exists = "NOT " + exists
	}
	// A related row that is missing is a row of nulls. If that would match, the
	// condition is that no related row fails to: there is one at most.
	whether := ""
	if f.Op == query.OpOne && asked.Match(query.Row{}) {
		exists, whether = "NOT "+exists, " IS NOT TRUE"
	}
	if asked != nil {
		condition, d, err := c.node(inner, asked, level+1)
		if err != nil {
			return "", 0, err
		}
		text += " AND (" + condition + ")" + whether
		depth += d
	} else if whether != "" {
		return "1", 1, nil
	}
	if depth++; depth > maxNesting {
		return "", 0, errNesting()
	}
	return exists + text + ")", depth, nil
}

// operand writes what a leaf compares: a field, or a function of one.
func (c *compiler) operand(sc scope, f *query.Filter, level int) (string, int, error) {
	if f.Func == "count" && f.Relation != nil {
		_, text, depth, err := c.enter(sc, f.Relation, f.Guard, level)
		return "(SELECT COUNT(*)" + text + ")", depth + 1, err
	}
	text, err := sc.function(f.Func, f.Field)
	return text, functionDepth, err
}

// functionDepth is how deep function's expressions are at most.
const functionDepth = 5

// timeParts is strftime's letter for each function of a date or time. All are UTC, as
// what is stored is.
var timeParts = map[string]string{
	"year":    "%Y",
	"month":   "%m",
	"week":    "%W",
	"day":     "%d",
	"weekday": "%w",
	"hour":    "%H",
	"minute":  "%M",
	"second":  "%S",
}

// function writes a function of a field; "" is the field itself.
func (sc scope) function(name, field string) (string, error) {
	column, err := sc.name(field)
	if err != nil || name == "" {
		return column, err
	}
	if part, ok := timeParts[name]; ok {
		return "CAST(strftime('" + part + "', " + column + ") AS INTEGER)", nil
	}
	if name == "count" {
		switch sc.stores[sc.column(field)] {
		case storeJSON: // 0 for what is no array
			return "json_array_length(" + column + ")", nil
		case storeCSV:
			return "CASE WHEN " + column + " = '' THEN 0 ELSE octet_length(" + column + ") - octet_length(replace(" + column + ", ',', '')) + 1 END", nil
		}
	}
	return "", fmt.Errorf("there is no function %q of the field %q", name, field)
}
