package state

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A Row is a message in the list. It is never changed: an update makes another.
// Raw is the whole item as the server wrote it.
type Row struct {
	Key     string // the primary key as text
	ID      string // the primary key as JSON
	Text    string
	User    string
	Status  string
	Created string    // as the server wrote it
	Updated string    // as the server wrote it, or ""
	At      time.Time // Created; zero if it is no time
	Raw     json.RawMessage
}

// Edited reports whether the message was changed after it was written.
func (r *Row) Edited() bool { return r.Updated != "" && r.Updated != r.Created }

// item is a row as the server writes it. Fields that it does not send stay empty.
type item struct {
	ID      json.RawMessage `json:"id"`
	Text    label           `json:"text"`
	User    label           `json:"user"`
	Status  label           `json:"status"`
	Created label           `json:"date_created"`
	Updated label           `json:"date_updated"`
}

func decodeRow(raw json.RawMessage) (*Row, error) {
	var i item
	if err := json.Unmarshal(raw, &i); err != nil {
		return nil, err
	}
	key, err := keyText(i.ID)
	if err != nil {
		return nil, err
	}
	at, _ := time.Parse(time.RFC3339, string(i.Created))
	return &Row{
		Key: key, ID: string(i.ID),
		Text: string(i.Text), User: string(i.User), Status: string(i.Status),
		Created: string(i.Created), Updated: string(i.Updated), At: at, Raw: raw,
	}, nil
}

// A label is a JSON value as text to show: a string's content, nothing for null,
// and otherwise the JSON itself. So a collection whose fields have other types
// than ours is still readable.
type label string

func (l *label) UnmarshalJSON(raw []byte) error {
	switch {
	case string(raw) == "null":
		*l = ""
	case raw[0] == '"':
		return json.Unmarshal(raw, (*string)(l))
	default:
		*l = label(raw)
	}
	return nil
}

// keyText returns a primary key, a JSON string or number, as text.
func keyText(raw json.RawMessage) (string, error) {
	var key label
	if len(raw) == 0 || key.UnmarshalJSON(raw) != nil || key == "" {
		return "", fmt.Errorf("an item without a primary key: %q", raw)
	}
	return string(key), nil
}

// decodeRows reads an array of items, or one.
func decodeRows(data json.RawMessage) ([]*Row, error) {
	items, err := decodeMany(data)
	if err != nil {
		return nil, err
	}
	rows := make([]*Row, len(items))
	for i := range items {
		if rows[i], err = decodeRow(items[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// decodeKeys reads an array of keys, or one.
func decodeKeys(data json.RawMessage) ([]string, error) {
	raws, err := decodeMany(data)
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(raws))
	for i, raw := range raws {
		if keys[i], err = keyText(raw); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// decodeMany takes an array apart; one value is an array of one.
func decodeMany(data json.RawMessage) ([]json.RawMessage, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] != '[' {
		return []json.RawMessage{data}, nil
	}
	var many []json.RawMessage
	return many, json.Unmarshal(data, &many)
}

// An EventKind is what an Event tells, in the session's words.
type EventKind string

// The kinds.
const (
	EventInit   EventKind = "init"
	EventCreate EventKind = "create"
	EventUpdate EventKind = "update"
	EventDelete EventKind = "delete"
	EventGap    EventKind = "gap"
)

// An Event is a change of the list.
type Event struct {
	Kind   EventKind
	Data   json.RawMessage // items; for a delete, keys
	Resync bool            // it was found by comparing, after the connection was lost
}

// changes is what a batch of events did.
type changes struct {
	created int // rows that were not there before
	caught  int // items told by a resync
	touched map[string]*Row
	initial bool // the batch began the list anew
	gap     bool // some changes cannot be told: subscribe again
}

// applyEvents returns the rows after the events. rows is left as it is: one pass
// merges all changes of the batch, so that a batch of any size costs one copy of
// the list's pointers.
func applyEvents(rows []*Row, events []Event) ([]*Row, changes, error) {
	did := changes{touched: map[string]*Row{}}
	var failed error
	for _, event := range events {
		var count int
		switch event.Kind {
		case EventInit:
			decoded, err := decodeRows(event.Data)
			if err != nil {
				failed = err
				continue
			}
			rows, did.initial, did.gap = nil, true, false
			did.touched = make(map[string]*Row, len(decoded))
			for _, row := range decoded {
				did.touched[row.Key] = row
			}
		case EventCreate, EventUpdate:
			decoded, err := decodeRows(event.Data)
			if err != nil {
				failed = err
				continue
			}
			for _, row := range decoded {
				did.touched[row.Key] = row
			}
			count = len(decoded)
		case EventDelete:
			keys, err := decodeKeys(event.Data)
			if err != nil {
				failed = err
				continue
			}
			for _, key := range keys {
				did.touched[key] = nil
			}
			count = len(keys)
		case EventGap:
			did.gap = true
		}
		if event.Resync {
			did.caught += count
		}
	}
	if len(did.touched) == 0 && !did.initial {
		return rows, did, failed
	}

	fresh := make([]*Row, 0, len(did.touched))
	for _, row := range did.touched {
		if row != nil {
			fresh = append(fresh, row)
		}
	}
	sort.Sort(inOrder(fresh))

	next := make([]*Row, 0, len(rows)+len(fresh))
	known := 0 // rows that were there and stay
	f := 0
	for _, old := range rows {
		if now, ok := did.touched[old.Key]; ok {
			if now != nil {
				known++
			}
			continue
		}
		for f < len(fresh) && compareRows(fresh[f], old) < 0 {
			next = append(next, fresh[f])
			f++
		}
		next = append(next, old)
	}
	next = append(next, fresh[f:]...)
	did.created = len(fresh) - known
	return next, did, failed
}

// compareRows is the order of the list, and of the server for the sort
// -date_created: newest first, those without a date last, and rows of the same
// instant by their primary key, so that the order is total.
func compareRows(a, b *Row) int {
	if c := strings.Compare(b.Created, a.Created); c != 0 {
		return c
	}
	if a.ID != "" && b.ID != "" && a.ID[0] != '"' && b.ID[0] != '"' {
		x, errX := strconv.ParseInt(a.ID, 10, 64)
		y, errY := strconv.ParseInt(b.ID, 10, 64)
		if errX == nil && errY == nil {
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		}
	}
	return strings.Compare(a.Key, b.Key)
}

// inOrder sorts rows. It is for sort.Sort, which is linked into the page anyway:
// slices.SortFunc would add a sorting of its own for this one type.
type inOrder []*Row

func (r inOrder) Len() int           { return len(r) }
func (r inOrder) Less(i, j int) bool { return compareRows(r[i], r[j]) < 0 }
func (r inOrder) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// find returns the row with that key, or nil.
func find(rows []*Row, key string) *Row {
	for _, row := range rows {
		if row.Key == key {
			return row
		}
	}
	return nil
}

// ExportRows returns rows as a JSON array of items, in their order, as the server
// wrote them.
func ExportRows(rows []*Row) []byte {
	out := []byte{'['}
	for i, row := range rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, row.Raw...)
	}
	return append(out, ']')
}
