package session

import (
	"encoding/json"
	"strconv"
	"strings"

	"leveret/protocol"
)

// To be brought up to date by comparing, a subscription needs the primary key in
// every item, and all items. This file arranges both in the query that is sent.

// An arrangement is what the session adds to the caller's query. Servers may
// refuse either part; then it is left out.
type arrangement struct {
	addKey   bool // the primary key goes into a field list that lacks it
	addLimit bool // a limit is set where the caller gave none
	limit    int  // the limit to set
}

// An arranged is a query as it is sent.
type arranged struct {
	query  json.RawMessage
	added  bool // the key was added, and is taken out of what is told
	limit  int  // how many rows a snapshot may have; -1 = no limit
	own    bool // that limit is the session's, not the caller's
	window bool // the caller asked for a later page: rows may be missing at the front
}

// arrange returns the query to send for a snapshot.
func (a arrangement) arrange(query json.RawMessage, primaryKey string) arranged {
	out := arranged{query: query, limit: -1}
	if c, _ := firstByte(query); c != '{' && query != nil {
		return out // no query: the server says so
	}
	var limit, fields []byte
	paged := false
	for m := members(query); m.next(); {
		switch v := m.value; {
		case string(v) == "null":
		case m.is("fields"):
			fields = v
		case m.is("limit"):
			limit = v
		case m.is("page"):
			paged = true
			out.window = out.window || !isText(v, "0") && !isText(v, "1")
		case m.is("offset"):
			out.window = out.window || !isText(v, "0")
		}
	}
	if a.addKey {
		if longer := withField(fields, primaryKey); longer != nil {
			out.query = withMember(out.query, "fields", longer)
			out.added = true
		}
	}
	switch {
	case limit != nil:
		out.limit = intOf(limit)
	case paged:
		out.limit = 100 // the pages are Directus's default size: another would be other pages
	case a.addLimit:
		out.limit, out.own = a.limit, true
		out.query = withMember(out.query, "limit", strconv.AppendInt(nil, int64(a.limit), 10))
	}
	return out
}

// isText compares a JSON string or number with a text.
func isText(raw []byte, text string) bool {
	got, _, ok := keyText(raw)
	return ok && got == text
}

// intOf reads a limit, 5 or "5"; what is none is -1.
func intOf(raw []byte) int {
	text, _, _ := keyText(raw)
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

// withField returns a field list with one more field, or nil if it has that
// already. A list is an array, or a string with commas (as the official SDK sends).
func withField(fields []byte, name string) []byte {
	c, array := firstByte(fields)
	switch {
	case array:
		var all []json.RawMessage
		for r := rows(fields); r.next(); {
			if text, ok := protocol.Text(r.row); ok && hasField(text, name) {
				return nil
			}
			all = append(all, r.row)
		}
		return joined(append(all, quote(name)))
	case c == '"':
		text, _ := protocol.Text(fields)
		for _, field := range strings.Split(text, ",") {
			if hasField(strings.TrimSpace(field), name) {
				return nil
			}
		}
		return quote(text + "," + name)
	}
	return nil // no list: every field
}

// hasField reports whether an entry of a field list brings a field. "*" does, and
// so does "*.*": all fields, and those of all relations.
func hasField(entry, name string) bool {
	return entry == name || entry == "*" || strings.HasPrefix(entry, "*.")
}

// withMember returns an object with one member set. nil counts as {}.
func withMember(object []byte, name string, value []byte) []byte {
	out := appendWithout(nil, object, name)
	if len(out) > 2 {
		out[len(out)-1] = ','
	} else {
		out = []byte{'{'}
	}
	out = append(out, quote(name)...)
	out = append(out, ':')
	out = append(out, value...)
	return append(out, '}')
}

func quote(text string) []byte { return []byte(protocol.StringUID(text).JSON()) }

// aggregates reports whether a query's result are not items but sums over them.
func aggregates(query json.RawMessage) bool {
	for m := members(query); m.next(); {
		if (m.is("aggregate") || m.is("groupBy")) && string(m.value) != "null" {
			return true
		}
	}
	return false
}
