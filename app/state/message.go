package state

import (
	"encoding/json"
	"time"
)

// A Msg is something that happened: a person did something, an answer came, time
// passed.
type Msg interface{ msg() }

// What the program tells.
type (
	// Tick is the one clock of the page; it comes about once a second.
	Tick struct{ Now time.Time }
	// ConfigLoaded answers FetchConfig; nil if the page is served without one, and
	// then Why says what to do about it if that was not meant.
	ConfigLoaded struct {
		Config *Config
		Why    string
	}
	// StoredLoaded answers LoadStored.
	StoredLoaded struct{ Stored Stored }
	// FromConnection wraps what the connection of that generation says.
	FromConnection struct {
		Gen int
		Msg Msg
	}
	// ConnChanged says that the connection's state is another.
	ConnChanged struct {
		State  ConnState
		Reason string // the session's name of the cause
		Detail string // a sentence, or ""
		Next   time.Time
		At     time.Time
	}
	// Refreshed says that the server gave a new refresh token.
	Refreshed struct{ Token string }
	// PersonLoaded says whom the server takes the person for.
	PersonLoaded struct{ Name string }
	// Events are changes of the list, oldest first.
	Events struct{ Events []Event }
	// ListEnded says that the list's subscription was refused or ended.
	ListEnded struct{ Failure Failure }
	// CreateDone answers Create. A zero Failure is success.
	CreateDone struct {
		Key     string
		Failure Failure
	}
	// UpdateDone answers Update.
	UpdateDone struct {
		Key     string
		Failure Failure
	}
	// DeleteDone answers Delete.
	DeleteDone struct {
		Key     string
		Failure Failure
	}
	// ReadDone answers Read.
	ReadDone struct {
		Sequence int
		Data     json.RawMessage
		Took     time.Duration
		Failure  Failure
	}
	// Copied answers CopyText.
	Copied struct{ OK bool }
	// NewVersion says that a newer version of the page is ready.
	NewVersion struct{}
)

// What a person does.
type (
	// Typed: the field now holds the value.
	Typed struct {
		Field Field
		Value string
	}
	// ChooseTab chooses a way to sign in.
	ChooseTab struct{ Tab Tab }
	// ToggleReveal shows or hides the secret of the sign-in form.
	ToggleReveal struct{}
	// SubmitSignIn signs in with what stands in the form.
	SubmitSignIn struct{}
	// SignOut leaves, and forgets the credential. If that would lose what is not
	// sent, it asks first.
	SignOut struct{}
	// ConfirmSignOut leaves all the same.
	ConfirmSignOut struct{}
	// SignInAgain goes to the sign-in form and keeps what is not sent.
	SignInAgain struct{}
	// SubmitCreate sends the new message. Key is a fresh UUID: a create whose key
	// the client made can be repeated safely.
	SubmitCreate struct{ Key string }
	// RetryCreate sends a refused message again.
	RetryCreate struct{ Key string }
	// DiscardCreate gives a message up.
	DiscardCreate struct{ Key string }
	// OpenEdit opens the edit dialog for a row.
	OpenEdit struct{ Key string }
	// SubmitEdit saves the edit dialog.
	SubmitEdit struct{}
	// OpenDelete asks whether to delete a row.
	OpenDelete struct{ Key string }
	// ConfirmDelete deletes the row of the dialog.
	ConfirmDelete struct{}
	// OpenHelp opens the sheet of keyboard shortcuts.
	OpenHelp struct{}
	// CloseDialog closes whichever dialog is open.
	CloseDialog struct{}
	// ChooseRead chooses what the read form asks.
	ChooseRead struct{ By ReadBy }
	// SubmitRead asks it.
	SubmitRead struct{}
	// CopyAnswer copies the answer to the clipboard.
	CopyAnswer struct{}
	// RetryNow tries to connect at once.
	RetryNow struct{}
	// RetryList subscribes to the list again.
	RetryList struct{}
	// TogglePause holds the list still, or lets it go on.
	TogglePause struct{}
	// Scrolled says whether the top of the list is in view.
	Scrolled struct{ AtTop bool }
	// ShowNewest scrolls to the top of the list.
	ShowNewest struct{}
	// TogglePill shows or hides the details of the connection.
	TogglePill struct{}
	// ChooseView chooses what a small screen shows.
	ChooseView struct{ View View }
	// NextTheme goes from system to light to dark.
	NextTheme struct{}
	// ToggleKeys switches the single-key shortcuts on or off.
	ToggleKeys struct{}
	// DismissToast takes a toast away.
	DismissToast struct{ ID int }
	// ReloadPage loads the newer version.
	ReloadPage struct{}
)

func (Tick) msg()           {}
func (ConfigLoaded) msg()   {}
func (StoredLoaded) msg()   {}
func (FromConnection) msg() {}
func (ConnChanged) msg()    {}
func (Refreshed) msg()      {}
func (PersonLoaded) msg()   {}
func (Events) msg()         {}
func (ListEnded) msg()      {}
func (CreateDone) msg()     {}
func (UpdateDone) msg()     {}
func (DeleteDone) msg()     {}
func (ReadDone) msg()       {}
func (Copied) msg()         {}
func (NewVersion) msg()     {}

func (Typed) msg()          {}
func (ChooseTab) msg()      {}
func (ToggleReveal) msg()   {}
func (SubmitSignIn) msg()   {}
func (SignOut) msg()        {}
func (ConfirmSignOut) msg() {}
func (SignInAgain) msg()    {}
func (SubmitCreate) msg()   {}
func (RetryCreate) msg()    {}
func (DiscardCreate) msg()  {}
func (OpenEdit) msg()       {}
func (SubmitEdit) msg()     {}
func (OpenDelete) msg()     {}
func (ConfirmDelete) msg()  {}
func (OpenHelp) msg()       {}
func (CloseDialog) msg()    {}
func (ChooseRead) msg()     {}
func (SubmitRead) msg()     {}
func (CopyAnswer) msg()     {}
func (RetryNow) msg()       {}
func (RetryList) msg()      {}
func (TogglePause) msg()    {}
func (Scrolled) msg()       {}
func (ShowNewest) msg()     {}
func (TogglePill) msg()     {}
func (ChooseView) msg()     {}
func (NextTheme) msg()      {}
func (ToggleKeys) msg()     {}
func (DismissToast) msg()   {}
func (ReloadPage) msg()     {}
