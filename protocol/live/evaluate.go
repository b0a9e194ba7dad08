package live

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A verdict is what can be said of an item and a query without asking the server.
type verdict int

const (
	unknown verdict = iota
	matches
	differs
)

// verdictOf is one that is certain.
func verdictOf(match bool) verdict {
	if match {
		return matches
	}
	return differs
}

// An evaluator says what can be said of an item without asking the server. Our server
// tells the types of fields; of any other they are inferred from values, and where its
// database might decide otherwise than ours, nothing is said.
type evaluator struct {
	primaryKey string
	filter     *condition // nil = every item
	search     string
	allFields  bool     // the query asks for every field
	fields     []string // else the first names of what it asks for
	aliases    map[string]string
	deep       map[string]query.Query
	sort       []sortField
	now        bool // the filter depends on the time

	watched []path // what the filter and the sort keys look at
	told    map[string]query.Type
	seen    map[string]traits
	learned int  // counts what may have changed the order
	highest bool // nulls are the highest values, as in PostgreSQL, not the lowest
}

func newEvaluator(q query.Query, primaryKey string) *evaluator {
	e := &evaluator{
		primaryKey: primaryKey,
		search:     q.Search,
		allFields:  len(q.Fields) == 0,
		aliases:    q.Alias,
		deep:       q.Deep,
		now:        q.Filter.UsesNow(),
		told:       map[string]query.Type{},
		seen:       map[string]traits{},
	}
	for _, field := range q.Fields {
		name := pathOf(field).names[0]
		e.allFields = e.allFields || name == "*"
		e.fields = append(e.fields, name)
	}
	e.filter = e.compile(q.Filter, nil)
	for _, key := range q.Sort {
		p := pathOf(key.Field)
		e.watch(p)
		e.sort = append(e.sort, sortField{path: p, desc: key.Desc})
	}
	return e
}

// A path leads through members of an item to a field, or to a function of one.
type path struct {
	names    []string // at least one
	function string
	text     string // the names joined by dots
}

func pathOf(text string) path {
	var p path
	p.names = strings.Split(text, ".")
	last := &p.names[len(p.names)-1]
	if function, field, ok := strings.Cut(*last, "("); ok {
		p.function, *last = function, strings.TrimSuffix(field, ")")
	}
	p.text = strings.Join(p.names, ".")
	return p
}

// at returns what the path leads to: null beyond a null, nil where the item does not
// show it.
func (p *path) at(item json.RawMessage) json.RawMessage {
	for _, name := range p.names {
		if item = protocol.Member(item, name); isNull(item) {
			break
		}
	}
	return item
}

func isNull(raw json.RawMessage) bool { return len(raw) == 4 && raw[0] == 'n' }

func (e *evaluator) watch(p path) {
	if !slices.ContainsFunc(e.watched, func(known path) bool { return known.text == p.text }) {
		e.watched = append(e.watched, p)
	}
}

// needs returns the fields, as paths, that the filter and the sort keys look at.
func (e *evaluator) needs() []string {
	var names []string
	for i := range e.watched {
		names = append(names, e.watched[i].text)
	}
	return names
}

// usesNow reports whether what the filter finds changes with time.
func (e *evaluator) usesNow() bool { return e.now }

// asks reports whether the query asks for a field of the item itself.
func (e *evaluator) asks(name string) bool {
	return e.allFields || name == e.primaryKey || slices.Contains(e.fields, name) ||
		slices.ContainsFunc(e.watched, func(p path) bool { return p.names[0] == name })
}

// learn takes the server's word on the types of fields.
func (e *evaluator) learn(types json.RawMessage) {
	protocol.Members(types, func(name, value []byte) {
		field, named := protocol.Text(name)
		word, ok := protocol.Text(value)
		if t := query.Type(word); named && ok && e.told[field] != t {
			e.told[field] = t
			e.learned++
		}
	})
}

// ours reports whether the server is one that tells types: it decides as package query.
func (e *evaluator) ours() bool { return len(e.told) > 0 }

// traits are what the values of a field were.
type traits uint8

const (
	sawNumber traits = 1 << iota
	sawBoolean
	sawTimestamp
	sawDateTime
	sawDate
	sawTime
	sawUUID
	sawText
)

// observe infers types from an item's values; changed says that it learned something.
func (e *evaluator) observe(item json.RawMessage) (changed bool) {
	if e.ours() {
		return false
	}
	for i := range e.watched {
		p := &e.watched[i]
		before := e.seen[p.text]
		if now := before | traitsOf(p.at(item)); now != before {
			e.seen[p.text] = now
			changed = true
		}
	}
	return changed
}

func traitsOf(raw json.RawMessage) traits {
	switch {
	case len(raw) == 0:
	case raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9':
		return sawNumber
	case raw[0] == 't' || raw[0] == 'f':
		return sawBoolean
	case raw[0] == '"':
		return traitsOfText(raw[1 : len(raw)-1])
	}
	return 0
}

// traitsOfText knows the one form that each type has in Directus's answers.
func traitsOfText(text []byte) traits {
	has := func(form string) bool {
		if len(text) < len(form) {
			return false
		}
		for i := range len(form) {
			if c := text[i]; form[i] == '0' && (c < '0' || c > '9') || form[i] != '0' && c != form[i] {
				return false
			}
		}
		return true
	}
	switch {
	case has("0000-00-00T00:00:00"):
		if text[len(text)-1] == 'Z' {
			return sawTimestamp
		}
		return sawDateTime
	case len(text) == 10 && has("0000-00-00"):
		return sawDate
	case len(text) == 8 && has("00:00:00"):
		return sawTime
	case len(text) == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-':
		return sawUUID
	}
	return sawText
}

// typeOf returns a field's type; the empty one if it cannot be told.
func (e *evaluator) typeOf(path string, raw json.RawMessage) query.Type {
	if e.ours() {
		return e.told[path]
	}
	switch e.seen[path] | traitsOf(raw) {
	case sawNumber:
		if !bytes.ContainsAny(raw, ".eE") { // a float64 would round it from 2^53 on
			return query.BigInteger
		}
		return query.Float
	case sawBoolean:
		return query.Boolean
	case sawTimestamp:
		return query.Timestamp
	case sawDateTime:
		return query.DateTime
	case sawDate:
		return query.Date
	case sawTime:
		return query.Time
	case sawUUID:
		return query.UUID
	}
	return query.String
}

// match says whether the query's filter and search find the item.
func (e *evaluator) match(now time.Time, item json.RawMessage) verdict {
	found := e.filter.verdict(e, now, item)
	if found == differs || e.search == "" {
		return found
	}
	if searched := e.matchSearch(item); searched != matches {
		return searched
	}
	return found
}
