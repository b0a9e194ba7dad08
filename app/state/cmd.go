package state

import "encoding/json"

// A Cmd is something to do, as data.
type Cmd interface{ cmd() }

// What the program does.
type (
	// FetchConfig: GET /leveret.json; answer with ConfigLoaded.
	FetchConfig struct{}
	// LoadStored: read what the browser kept; answer with StoredLoaded.
	LoadStored struct{}
	// SaveSession: keep the session for a reload of this tab, not longer.
	SaveSession struct{ Session Session }
	// ForgetSession: keep only that the person signed out.
	ForgetSession struct{}
	// SavePreferences: keep them in this browser.
	SavePreferences struct{ Preferences Preferences }
	// Connect: leave any older connection and open one; what it says comes as
	// FromConnection of that generation.
	Connect struct {
		Gen     int
		Session Session
	}
	// Disconnect: close the connection; answers that wait are given up.
	Disconnect struct{}
	// Reconnect: try at once.
	Reconnect struct{}
	// Subscribe: (again) subscribe to the collection and tell its events.
	Subscribe struct {
		Collection string
		Query      json.RawMessage
	}
	// WhoAmI: ask the server who the person is; answer with PersonLoaded.
	WhoAmI struct{ Session Session }
	// Create: write an item; answer with CreateDone.
	Create struct {
		Collection string
		Key        string
		Item       json.RawMessage
	}
	// CancelCreate: stop waiting for that create.
	CancelCreate struct{ Key string }
	// Change: change fields of an item; answer with UpdateDone.
	Change struct {
		Collection string
		Key        string          // as text, for the answer
		ID         json.RawMessage // as JSON, for the server
		Changes    json.RawMessage
	}
	// Delete: delete an item; answer with DeleteDone.
	Delete struct {
		Collection string
		Key        string
		ID         json.RawMessage
	}
	// Read: read items; answer with ReadDone. A later Read replaces an earlier one.
	Read struct {
		Sequence   int
		Collection string
		ID         json.RawMessage // one item by key, or nil
		Query      json.RawMessage
	}
	// CopyText: put the text on the clipboard; answer with Copied.
	CopyText struct{ Text string }
	// Reload: load the page anew.
	Reload struct{}
)

// What the screen does.
type (
	// ApplyTheme: show the page in these colours.
	ApplyTheme struct{ Theme Theme }
	// Focus: put the keyboard's focus on the element with that id.
	Focus struct{ ID string }
)

func (FetchConfig) cmd()     {}
func (LoadStored) cmd()      {}
func (SaveSession) cmd()     {}
func (ForgetSession) cmd()   {}
func (SavePreferences) cmd() {}
func (Connect) cmd()         {}
func (Disconnect) cmd()      {}
func (Reconnect) cmd()       {}
func (Subscribe) cmd()       {}
func (WhoAmI) cmd()          {}
func (Create) cmd()          {}
func (CancelCreate) cmd()    {}
func (Change) cmd()          {}
func (Delete) cmd()          {}
func (Read) cmd()            {}
func (CopyText) cmd()        {}
func (Reload) cmd()          {}
func (ApplyTheme) cmd()      {}
func (Focus) cmd()           {}
