package session

import (
	"encoding/json"
	"time"

	"leveret/protocol"
)

// A Write is a change to one item that is kept until the server has answered it.
type Write struct {
	// ID names it; IDs sort in the order in which the writes were asked for.
	ID         string
	Collection string
	Action     protocol.Action // create, update or delete
	// Key is the item's primary key; nil for a create whose key the server makes.
	Key    json.RawMessage
	Data   json.RawMessage // the item, or the changes; nil for a delete
	At     time.Time       // when it was asked for
	Status WriteStatus
	Code   protocol.Code // why it was refused
	Reason string        // in words; "" unless it was refused or its outcome is unknown
}

// A WriteStatus is how far a Write has come. A write that was carried out is not
// kept any longer, so there is no status for it.
type WriteStatus string

// The statuses.
const (
	WriteQueued  WriteStatus = "queued"  // not sent yet
	WriteSent    WriteStatus = "sent"    // sent, and not answered yet
	WriteUnknown WriteStatus = "unknown" // sent and never answered: a person decides (ErrOutcomeUnknown)
	WriteRefused WriteStatus = "refused" // the server refused it: a person decides
)

// Shows reports whether a view shows the write's effect before the server does.
func (w *Write) Shows() bool { return w.Status == WriteQueued || w.Status == WriteSent }
