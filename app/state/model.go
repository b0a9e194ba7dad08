// Package state says what the screen shows.
//
// It is a pure reducer: [Update] takes the [Model] and one [Msg], and returns the
// next Model with the [Cmd] values to carry out. It touches no DOM, opens no
// connection and reads no clock, so that every behaviour of the page can be
// tested as a table. Package ui draws the Model; the program's main carries out
// the Cmds and feeds back what came of them.
package state

import (
	"strings"
	"time"
)

// Collection is the collection that the page shows.
const Collection = "messages"

// A Phase is which of the page's two faces is shown, or neither yet.
type Phase string

// The phases.
const (
	Starting  Phase = "starting"   // neither the configuration nor the stored session is known yet
	SigningIn Phase = "signing-in" // the sign-in form
	Inside    Phase = "inside"     // signed in, or trying to be
)

// A Model is everything that the screen depends on. Its slices are never changed
// in place, so that an older Model stays what it was.
type Model struct {
	Now   time.Time // the time of the last Tick
	Phase Phase
	// Gen counts connections: what an older one still says is dropped.
	Gen     int
	Session Session
	Conn    Conn
	SignIn  SignInForm
	List    List
	Compose ComposeForm
	Outbox  []Sending // oldest first
	// Acknowledged counts the creates that the server has answered with yes.
	Acknowledged int
	Read         ReadForm
	Dialog       Dialog
	View         View
	Theme        Theme
	KeysOff      bool // the single-key shortcuts are switched off
	Toasts       []Toast
	// PillOpen shows the details of the connection.
	PillOpen bool
	// UpdateReady says that a newer version of the page is loaded and waits.
	UpdateReady bool
	// Announcement is what assistive technology is told; it changes only as a whole.
	Announcement string

	config       *Config
	configWhy    string
	configKnown  bool
	stored       Stored
	storedKnown  bool
	nextToast    int
	announced    time.Time
	unannounced  int // rows created since the last announcement
	readSequence int
}

// New returns the model of a page that has just been opened.
func New() Model {
	return Model{
		Phase:  Starting,
		SignIn: SignInForm{Tab: TabPassword, Mode: ModeHandshake},
		List:   List{AtTop: true},
		Read:   ReadForm{By: ReadLatest, Limit: "10", Sort: "-date_created"},
		View:   ViewMessages,
		Theme:  ThemeSystem,
	}
}

// Init returns what to do first.
func Init() []Cmd { return []Cmd{LoadStored{}, FetchConfig{}} }

// A View is which part of the page a small screen shows.
type View string

// The views.
const (
	ViewMessages View = "messages"
	ViewRead     View = "read"
)

// A Theme is which colours the person chose.
type Theme string

// The themes.
const (
	ThemeSystem Theme = "system"
	ThemeLight  Theme = "light"
	ThemeDark   Theme = "dark"
)

// A Mode is how the server authenticates a socket (WEBSOCKETS_REST_AUTH).
type Mode string

// The modes.
const (
	ModeHandshake Mode = "handshake"
	ModeStrict    Mode = "strict"
	ModePublic    Mode = "public"
)

// A Failure is why something was refused.
type Failure struct {
	Code    string // as the server names it, or "" if it was not the server
	Message string
}

// IsZero reports whether nothing failed.
func (f Failure) IsZero() bool { return f == Failure{} }

// String returns "message (CODE)".
func (f Failure) String() string {
	switch {
	case f.Code == "":
		return f.Message
	case f.Message == "":
		return f.Code
	}
	return f.Message + " (" + f.Code + ")"
}

// A Config is what GET /leveret.json says: which server this page belongs to.
type Config struct {
	URL   string // of the server, or of its socket
	Mode  Mode
	Token string // of the demo user, or ""
}

// Stored is what the browser kept from before.
type Stored struct {
	Session   Session // zero if there is none
	SignedOut bool    // the person signed out: do not sign in as the demo user by ourselves
	Preferences
}

// Preferences are what this browser remembers for the person.
type Preferences struct {
	Theme   Theme `json:"theme"`
	KeysOff bool  `json:"keysOff,omitempty"`
}

// A Tab is a way to sign in.
type Tab string

// The tabs.
const (
	TabPassword Tab = "password"
	TabToken    Tab = "token"
	TabGuest    Tab = "guest"
)

// A Session is where and as whom the person is signed in.
type Session struct {
	URL      string `json:"url"` // http(s) or ws(s)
	Mode     Mode   `json:"mode"`
	Kind     Tab    `json:"kind"`
	Email    string `json:"email,omitempty"`
	Token    string `json:"token,omitempty"`   // a static token
	Refresh  string `json:"refresh,omitempty"` // the newest refresh token
	Demo     bool   `json:"demo,omitempty"`    // signed in by the configuration
	Name     string `json:"name,omitempty"`    // as the server knows the person
	Password string `json:"-"`                 // never stored
}

// Person returns whom to show as signed in.
func (s Session) Person() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Kind == TabGuest:
		return "Guest"
	case s.Email != "":
		return s.Email
	case s.Demo:
		return "Demo user"
	}
	return "Static token"
}

// account is the session without what changes from one sign-in to the next: two
// sessions of one person at one server are equal in it.
func (s Session) account() Session {
	return Session{URL: s.URL, Kind: s.Kind, Email: s.Email, Token: s.Token}
}

// Host returns the server's name for people: no scheme, no path.
func (s Session) Host() string {
	host := s.URL
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	return host
}

// A Field is an input of the page.
type Field string

// The fields.
const (
	FieldURL        Field = "url"
	FieldEmail      Field = "email"
	FieldPassword   Field = "password"
	FieldToken      Field = "token"
	FieldMode       Field = "mode"
	FieldText       Field = "text"
	FieldUser       Field = "user"
	FieldSearch     Field = "search"
	FieldEditText   Field = "edit-text"
	FieldReadID     Field = "read-id"
	FieldReadFilter Field = "read-filter"
	FieldReadSort   Field = "read-sort"
	FieldReadLimit  Field = "read-limit"
	FieldReadFields Field = "read-fields"
)

// A SignInForm is what stands in the sign-in form.
type SignInForm struct {
	Tab      Tab
	URL      string
	Mode     Mode
	Email    string
	Password string
	Token    string
	Reveal   bool // the secret is shown
	Failure  Failure
	Wrong    Field // the field that Failure is about, or ""
}

// A ComposeForm is what stands in the form for a new message.
type ComposeForm struct {
	Text    string
	User    string
	Failure string
	// userTyped: the person chose the name; it is not overwritten any more.
	userTyped bool
}

// A Sending is a message on its way: it was sent and is neither answered nor seen
// in the list. One that was refused keeps what was typed.
type Sending struct {
	Key     string
	Text    string
	User    string
	Refused bool
	Failure Failure

	by     Session // whose account it was written with
	parted bool    // refused only because somebody else has signed in since
}

// Unsent is how many messages would be lost if the page went now: those on their
// way, those refused, and the one that stands in the form.
func (m Model) Unsent() int {
	n := len(m.Outbox)
	if strings.TrimSpace(m.Compose.Text) != "" {
		n++
	}
	return n
}

// A DialogKind is which dialog is open.
type DialogKind string

// The dialogs.
const (
	NoDialog     DialogKind = ""
	EditDialog   DialogKind = "edit"
	DeleteDialog DialogKind = "delete"
	HelpDialog   DialogKind = "help"
	LeaveDialog  DialogKind = "leave" // asks before signing out loses what is not sent
)

// A Dialog is what lies over the page.
type Dialog struct {
	Kind    DialogKind
	Row     *Row   // the message as it was when the dialog opened
	Text    string // what stands in the edit form
	Busy    bool
	Failure Failure
	// Notice says what others did to the message meanwhile, or "".
	Notice string
}

// A ReadBy is which question the read form asks.
type ReadBy string

// The questions.
const (
	ReadLatest ReadBy = "latest"
	ReadByID   ReadBy = "id"
	ReadQuery  ReadBy = "query"
)

// A ReadForm is what stands in the read form, with the last answer.
type ReadForm struct {
	By     ReadBy
	ID     string
	Filter string
	Sort   string
	Limit  string
	Fields string

	Busy    bool
	Answer  string // indented JSON (of a refusal: its error), or "" before the first answer
	Summary string // "3 items in 4 ms"
	Failure Failure
	Wrong   Field // the field that Failure is about, or ""
}

// A Toast is a short note that goes by itself.
type Toast struct {
	ID    int
	Text  string
	Error bool
	until time.Time
}
