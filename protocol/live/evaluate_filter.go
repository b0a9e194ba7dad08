package live

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A condition is a node of a filter, ready to be asked of items.
type condition struct {
	op    query.Op // _and, _or, _some of the row that a member shows, or a leaf's
	nodes []*condition
	field string
	path  string
	// unsure: it cannot be told from an item, whatever it shows.
	unsure bool

	leaf    *query.Filter // as it was parsed
	usesNow bool
	bound   *query.Filter // for a field of the type boundAs, at boundAt
	boundAs query.Type
	boundAt time.Time
}

// compile takes a filter on the rows that above leads to, and notes what it looks at.
func (e *evaluator) compile(f *query.Filter, above []string) *condition {
	if f == nil {
		return nil
	}
	c := &condition{op: f.Op, field: f.Field}
	if f.Op == query.OpAnd || f.Op == query.OpOr {
		for _, node := range f.Nodes {
			c.nodes = append(c.nodes, e.compile(node, above))
		}
		return c
	}
	names := append(above[:len(above):len(above)], f.Field)
	c.path = strings.Join(names, ".")
	_, renamed := e.aliases[names[0]]
	c.unsure = renamed
	switch f.Op {
	case query.OpSome, query.OpNone, query.OpOne:
		// Written out, it is about any number of rows, of which an item need not show all.
		_, cut := e.deep[names[0]]
		if c.unsure = c.unsure || cut || f.Value != nil || f.Op != query.OpSome || len(f.Nodes) != 1; !c.unsure {
			c.nodes = []*condition{e.compile(f.Nodes[0], names)}
		}
		return c
	}
	e.watch(path{names: names, text: c.path})
	c.leaf, c.usesNow = f, f.UsesNow()
	c.unsure = c.unsure || namesSomebody(f.Value)
	return c
}

// namesSomebody reports whether an operand stands for what only the server knows.
func namesSomebody(operand any) bool {
	switch v := operand.(type) {
	case string:
		return strings.HasPrefix(v, "$CURRENT_")
	case []any:
		for _, element := range v {
			if namesSomebody(element) {
				return true
			}
		}
	}
	return false
}

// verdict asks it of an item; nil stands for a row of nulls. A nil condition matches.
func (c *condition) verdict(e *evaluator, now time.Time, item json.RawMessage) verdict {
	switch {
	case c == nil:
		return matches
	case c.unsure:
		return unknown
	case c.op == query.OpAnd, c.op == query.OpOr:
		decides := differs // one such node is enough
		if c.op == query.OpOr {
			decides = matches
		}
		result := matches + differs - decides
		for _, node := range c.nodes {
			switch node.verdict(e, now, item) {
			case decides:
				return decides
			case unknown:
				result = unknown
			}
		}
		return result
	}
	value := json.RawMessage("null")
	if item != nil {
		value = protocol.Member(item, c.field)
	}
	switch {
	case value == nil:
		return unknown
	case c.op != query.OpSome:
		return c.leafVerdict(e, now, value)
	case isNull(value):
		return c.nodes[0].verdict(e, now, nil)
	case value[0] == '{':
		return c.nodes[0].verdict(e, now, value)
	}
	return unknown
}

func (c *condition) leafVerdict(e *evaluator, now time.Time, raw json.RawMessage) verdict {
	t := e.typeOf(c.path, raw)
	presence := c.op == query.OpNull || c.op == query.OpNNull || c.op == query.OpEmpty || c.op == query.OpNEmpty
	composite := raw[0] == '{' || raw[0] == '['
	switch {
	case t == "", t == query.Alias, t == query.Hash && !presence:
		return unknown
	case isNull(raw):
		return verdictOf(c.bindTo(t, now).Match(nil))
	case composite && t != query.JSON && t != query.CSV:
		if raw[0] == '{' && presence { // the related row
			return verdictOf(c.bindTo(query.UUID, now).Match(query.Row{c.field: "there"}))
		}
		return unknown
	case !e.ours() && !composite:
		return c.guess(t, now, raw)
	}
	return c.decide(t, now, raw)
}

// decide is what package query says of a value of a type.
func (c *condition) decide(t query.Type, now time.Time, raw json.RawMessage) verdict {
	value, err := query.DecodeValue(raw, &query.Field{Name: c.field, Type: t})
	if err != nil {
		return unknown
	}
	return verdictOf(c.bindTo(t, now).Match(query.Row{c.field: value}))
}

func (c *condition) bindTo(t query.Type, now time.Time) *query.Filter {
	if c.boundAs != t || c.usesNow && !c.boundAt.Equal(now) {
		collection := &query.Collection{PrimaryKey: c.field, Fields: []query.Field{{Name: c.field, Type: t}}}
		c.bound = c.leaf.Bind(collection, query.Env{Now: now})
		c.boundAs, c.boundAt = t, now
	}
	return c.bound
}

// guess is decide for a server whose types are inferred, and whose database is not known.
func (c *condition) guess(t query.Type, now time.Time, raw json.RawMessage) verdict {
	switch c.leaf.Func {
	case "":
	case "year", "month", "day", "hour", "minute", "second":
		if t == query.Timestamp { // in which time zone?
			return unknown
		}
	default: // each database counts weeks in its own way
		return unknown
	}
	if t != query.String {
		return c.decide(t, now, raw)
	}
	text, ok := protocol.Text(raw)
	switch c.op {
	case query.OpLt, query.OpLte, query.OpGt, query.OpGte, query.OpBetween, query.OpNBetween:
		return c.decide(query.Decimal, now, raw) // Directus orders no text: it is a number
	case query.OpContains, query.OpNContains, query.OpStartsWith, query.OpNStartsWith, query.OpEndsWith, query.OpNEndsWith:
		return c.guessPart(text, now)
	}
	if !ok {
		return unknown
	}
	asText := c.decide(t, now, raw)
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		if c.decide(query.Decimal, now, raw) != asText {
			return unknown
		}
		return asText
	}
	if c.inCase(strings.ToLower(text), now) != (asText == matches) {
		return unknown // to some databases "A" equals "a"
	}
	return asText
}

// inCase is whether a text in lower case matches once the operand is in lower case too.
func (c *condition) inCase(text string, now time.Time) bool {
	lower := *c.leaf
	switch v := lower.Value.(type) {
	case string:
		lower.Value = strings.ToLower(v)
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			if s, ok := element.(string); ok {
				element = strings.ToLower(s)
			}
			list[i] = element
		}
		lower.Value = list
	}
	folded := condition{field: c.field, leaf: &lower}
	return folded.bindTo(query.String, now).Match(query.Row{c.field: text})
}

// guessPart is guess for an operand that is a part of the text: what is not found in
// either case is not there; what is found may differ in case.
func (c *condition) guessPart(text string, now time.Time) verdict {
	found := c.bindTo(query.String, now).Match(query.Row{c.field: text})
	part, ok := c.leaf.Value.(string)
	same := false
	switch c.op {
	case query.OpContains, query.OpNContains:
		same = strings.Contains(text, part)
	case query.OpStartsWith, query.OpNStartsWith:
		same = strings.HasPrefix(text, part)
	default:
		same = strings.HasSuffix(text, part)
	}
	not := strings.HasPrefix(string(c.op), "_n")
	if ok && (found == not || same) {
		return verdictOf(found)
	}
	return unknown
}

// matchSearch looks for the search term in what the item shows.
func (e *evaluator) matchSearch(item json.RawMessage) verdict {
	sure := e.allFields // else a field that is not shown may hold it
	found := false
	protocol.Members(item, func(quoted, raw []byte) {
		name, _ := protocol.Text(quoted)
		if _, renamed := e.aliases[name]; renamed {
			return
		}
		t := e.typeOf(name, raw)
		switch {
		case isNull(raw) || found:
		case raw[0] == '"' && (t == query.String || t == query.Text):
			text, _ := protocol.Text(raw)
			found = searchIn(name, query.String, e.search, text)
		case raw[0] == '"' && t == query.UUID:
			text, _ := protocol.Text(raw)
			found = strings.EqualFold(text, e.search)
		case traitsOf(raw) == sawNumber:
			value, err := query.DecodeValue(raw, nil)
			found = err == nil && searchIn(name, query.Float, e.search, value)
		case t == "":
			sure = false // its type was not told
		}
	})
	switch {
	case found:
		return matches
	case sure:
		return differs
	}
	return unknown
}

func searchIn(name string, t query.Type, term string, value any) bool {
	collection := &query.Collection{PrimaryKey: name, Fields: []query.Field{{Name: name, Type: t}}}
	return query.SearchFilter(collection, term).Match(query.Row{name: value})
}
