package state

import (
	"slices"
	"strings"
)

// A List is the live list.
type List struct {
	Rows    []*Row // all of them, newest first
	Shown   []*Row // what is drawn: held still by a pause, narrowed by the search
	Loaded  bool   // the server has answered at least once
	Failure Failure
	Search  string
	Paused  bool
	Waiting int  // changes that came since the pause
	AtTop   bool // the newest row is in view
	Above   int  // rows that came while it was not
	Jump    int  // grows each time the person asks for the newest row

	held []*Row // what is shown while paused
}

// A ListFace is which of its looks the list has.
type ListFace string

// The looks. Forbidden is not the same as empty.
const (
	FaceLoading   ListFace = "loading"
	FaceOffline   ListFace = "offline" // nothing is known yet, and there is no connection
	FaceForbidden ListFace = "forbidden"
	FaceFailed    ListFace = "failed"
	FaceEmpty     ListFace = "empty"
	FaceNoMatch   ListFace = "no-match"
	FaceRows      ListFace = "rows"
)

// Face returns which look the list has.
func (m Model) Face() ListFace {
	l := m.List
	switch {
	case l.Failure.Code == "FORBIDDEN":
		return FaceForbidden
	case !l.Failure.IsZero():
		return FaceFailed
	case !l.Loaded && m.Conn.offline():
		return FaceOffline
	case !l.Loaded:
		return FaceLoading
	case len(l.Shown) > 0:
		return FaceRows
	case l.Search != "" && len(l.base()) > 0:
		return FaceNoMatch
	}
	return FaceEmpty
}

// Count returns how many rows there are, and how many of them are shown.
func (l List) Count() (all, shown int) { return len(l.base()), len(l.Shown) }

// base is the rows before the search.
func (l List) base() []*Row {
	if l.Paused {
		return l.held
	}
	return l.Rows
}

// narrow works out again what is shown.
func (l List) narrow() List {
	term := strings.ToLower(strings.TrimSpace(l.Search))
	if term == "" {
		l.Shown = l.base()
		return l
	}
	shown := make([]*Row, 0, 64)
	for _, row := range l.base() {
		if strings.Contains(strings.ToLower(row.Text), term) || strings.Contains(strings.ToLower(row.User), term) {
			shown = append(shown, row)
		}
	}
	l.Shown = shown
	return l
}

// togglePause holds the list still, or lets it go on.
func (l List) togglePause() List {
	l.Paused = !l.Paused
	l.Waiting = 0
	l.held = nil
	if l.Paused {
		l.held = l.Rows
	}
	return l.narrow()
}

// events applies a batch to the model: the list, what is on its way, the dialog.
func (m Model) events(events []Event) (Model, []Cmd) {
	before := m.List.Rows
	rows, did, err := applyEvents(before, events)
	m.List.Rows = rows
	if did.initial {
		m.List.Loaded, m.List.Failure = true, Failure{}
	}
	if err != nil {
		m.List.Failure = Failure{Message: "The server sent a change that this page cannot read: " + err.Error()}
	}
	m.Conn.CaughtUp += did.caught
	if !did.initial {
		m.unannounced += did.created
		if m.List.Paused {
			m.List.Waiting += len(did.touched)
		} else if !m.List.AtTop {
			m.List.Above += did.created
		}
	}
	m.List = m.List.narrow()

	// A message of ours that is in the list is no longer on its way: in no painted
	// frame is it both.
	if len(m.Outbox) > 0 {
		m.Outbox = slices.DeleteFunc(slices.Clone(m.Outbox), func(s Sending) bool {
			return did.touched[s.Key] != nil
		})
	}
	m.Dialog = m.Dialog.meanwhile(did, m.List.Rows)
	if did.gap {
		return m, []Cmd{m.subscribe()}
	}
	return m, nil
}

// meanwhile tells an open dialog what others did to its message.
func (d Dialog) meanwhile(did changes, rows []*Row) Dialog {
	if d.Row == nil || d.Busy {
		return d
	}
	now, touched := did.touched[d.Row.Key]
	if !touched && !did.initial {
		return d
	}
	switch {
	case now == nil:
		d.Notice = "This message was deleted meanwhile."
	case now.Text != d.Row.Text:
		d.Notice = "This message was changed meanwhile. It now says: " + now.Text
	}
	return d
}

// subscribe is the page's one subscription. No limit is given: the session then
// asks for everything, up to its own bound.
func (m Model) subscribe() Cmd {
	return Subscribe{Collection: Collection, Query: []byte(`{"fields":["*"],"sort":["-date_created"]}`)}
}
