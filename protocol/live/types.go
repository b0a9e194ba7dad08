// Package live keeps a query's result right.
//
// So far it has what that is made of, and nothing uses it yet: the types in which a view
// is told and tells (types.go), what of a query is asked of the server (plan.go), and
// what can be said of an item without asking (evaluate.go). The view itself will be a
// pure machine, as package session is.
package live

import (
	"encoding/json"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A Row is an item of the result, as it is to be shown.
type Row struct {
	// Key is the primary key as text; of a group, its values as a JSON array; of a
	// create whose key the server makes, the write's ID until the server has said it.
	Key string
	// Data is the item: the server's, with the pending writes applied. It is not to be
	// modified.
	Data json.RawMessage
	// Pending says that the server has not confirmed all of it yet. (A row whose
	// delete is pending is not shown.)
	Pending bool
}

// A ChangeKind is what a Change does to the rows.
type ChangeKind string

// The kinds.
const (
	Enter  ChangeKind = "enter"  // the row is new, at To
	Leave  ChangeKind = "leave"  // the row that was at From is gone; Row is as it was last
	Move   ChangeKind = "move"   // the row went from From to To, and may have changed too
	Update ChangeKind = "change" // the row, at To, has changed where it is
)

// A Change is one step from what the consumer was told before to what there is now.
// From is a position before the change, To one after it; where there is none it is -1.
type Change struct {
	Kind     ChangeKind
	Row      Row
	From, To int
}

// A Delta is what has happened since the consumer took the last one: Changes, to be
// applied in order; or, if Reset, the rows as they are now, because it is the first
// or because the consumer was too slow to be told each change.
type Delta struct {
	Reset   bool
	Rows    []Row // with Reset
	Changes []Change
}

// A State is where a view stands.
type State string

// The states.
const (
	Offline   State = "offline"   // there is no connection; the rows are as they were
	Resyncing State = "resyncing" // the rows are being brought up to date
	Live      State = "live"      // the rows are the server's
	Stale     State = "stale"     // connected, but this view alone could not be made right
	Closed    State = "closed"    // it has ended
)

// A Status is a view's state with its particulars.
type Status struct {
	State State
	Cause session.Cause
	Since time.Time
	Next  time.Time // when the next attempt is due (to connect, or of a stale view to read); zero = none
	// CaughtUp is how many items the latest recovery found created, changed or gone.
	CaughtUp int
}

// A Sub names one of a view's subscriptions.
type Sub int

// The subscriptions.
const (
	Main  Sub = iota // the query itself
	Guard            // against a server that does not tell what leaves
)

// An Input is something that happened.
type Input interface{ input() }

// The inputs.
type (
	// Link: the session's state is now this. It comes after all that was told before it.
	Link struct {
		State session.State
		Cause session.Cause
		Next  time.Time
	}
	// Accepted: the server accepted a subscription (again). Types is the server's word
	// on the types of the fields, an object, or nil.
	Accepted struct {
		Sub          Sub
		Capabilities []string
		Types        json.RawMessage
	}
	// Told: events of a subscription, oldest first. Every snapshot comes as an Init
	// with data.
	Told struct {
		Sub    Sub
		Events []session.Event
	}
	// Ended: the server ended a subscription, or refused it.
	Ended struct {
		Sub Sub
		Err error
	}
	// Answered answers Ask.
	Answered struct {
		ID   int64
		Data json.RawMessage
		Err  error
	}
	// Writes: the writes of this collection that are kept, in their order.
	Writes struct{ Writes []session.Write }
	// Settled: a write has ended. Data is the item in the server's answer, if any. It
	// comes before the Writes that no longer has it.
	Settled struct {
		Write session.Write
		Data  json.RawMessage
		Err   error
	}
	// Tick: Deadline has come. It is harmless at any other time.
	Tick struct{}
)

func (Link) input()     {}
func (Accepted) input() {}
func (Told) input()     {}
func (Ended) input()    {}
func (Answered) input() {}
func (Writes) input()   {}
func (Settled) input()  {}
func (Tick) input()     {}

// An Effect is something to do, in the order in which Step returns them.
type Effect interface{ effect() }

// The effects.
type (
	// Subscribe: open the subscription, for the first time or instead of the one that
	// has that name.
	Subscribe struct {
		Sub     Sub
		Options session.SubscribeOptions
	}
	// Unsubscribe: end it. Nothing more is to be handed over of it.
	Unsubscribe struct{ Sub Sub }
	// Ask: send a read; answer with Answered.
	Ask struct {
		ID      int64
		Message protocol.Items
	}
	// News: Take or Status may have something new.
	News struct{}
)

func (Subscribe) effect()   {}
func (Unsubscribe) effect() {}
func (Ask) effect()         {}
func (News) effect()        {}
