package state

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	announceEvery = 4 * time.Second // new rows are announced together, at most so often
	toastFor      = 6 * time.Second
	maxToasts     = 3
)

// Update returns the model after msg, and what to do. It is pure.
func Update(m Model, msg Msg) (Model, []Cmd) {
	switch msg := msg.(type) {
	case Tick:
		return m.tick(msg.Now), nil
	case ConfigLoaded:
		m.config, m.configWhy, m.configKnown = msg.Config, msg.Why, true
		return m.begin()
	case StoredLoaded:
		m.stored, m.storedKnown = msg.Stored, true
		if msg.Stored.Theme != "" {
			m.Theme = msg.Stored.Theme
		}
		m.KeysOff = msg.Stored.KeysOff
		m, cmds := m.begin()
		return m, append(cmds, ApplyTheme{m.Theme})
	case FromConnection:
		if msg.Gen != m.Gen || m.Phase != Inside {
			return m, nil
		}
		return Update(m, msg.Msg)

	case ConnChanged:
		return m.connChanged(msg)
	case Refreshed:
		m.Session.Refresh = msg.Token
		return m, []Cmd{SaveSession{m.Session}}
	case PersonLoaded:
		m.Session.Name = msg.Name
		if msg.Name != "" && !m.Compose.userTyped {
			m.Compose.User = msg.Name
		}
		return m, []Cmd{SaveSession{m.Session}}
	case Events:
		return m.events(msg.Events)
	case ListEnded:
		m.List.Failure = msg.Failure
		return m.announce("The list cannot be shown: " + msg.Failure.String()), nil
	case CreateDone:
		return m.createDone(msg), nil
	case UpdateDone:
		return m.editDone(EditDialog, msg.Key, msg.Failure, "Saved", "The change was not saved"), nil
	case DeleteDone:
		return m.editDone(DeleteDialog, msg.Key, msg.Failure, "Deleted", "The message was not deleted"), nil
	case ReadDone:
		if msg.Sequence != m.readSequence {
			return m, nil
		}
		m.Read = m.Read.answered(msg)
		if !msg.Failure.IsZero() {
			return m.announce("Refused: " + msg.Failure.String()), nil
		}
		return m.announce("Answer: " + m.Read.Summary), nil
	case Copied:
		if !msg.OK {
			return m.toast("The browser does not let this page copy: select the text and copy it yourself.", true), nil
		}
		return m.toast("Copied", false), nil
	case NewVersion:
		m.UpdateReady = true
		return m.announce("A new version of this page is ready."), nil

	case Typed:
		return m.typed(msg.Field, msg.Value), nil
	case ChooseTab:
		m.SignIn.Tab, m.SignIn.Failure, m.SignIn.Wrong = msg.Tab, Failure{}, ""
		return m, nil
	case ToggleReveal:
		m.SignIn.Reveal = !m.SignIn.Reveal
		return m, nil
	case SubmitSignIn:
		session, wrong, why := m.SignIn.session()
		if why != "" {
			m.SignIn.Failure, m.SignIn.Wrong = Failure{Message: why}, wrong
			return m.announce(why), []Cmd{Focus{"sign-in-" + string(wrong)}}
		}
		m.SignIn.Failure, m.SignIn.Wrong = Failure{}, ""
		return m.connect(session)
	case SignOut:
		if m.Unsent() > 0 {
			m.Dialog = Dialog{Kind: LeaveDialog}
			return m, []Cmd{Focus{"leave-stay"}}
		}
		return m.signOut()
	case ConfirmSignOut:
		m.Outbox, m.Compose = nil, ComposeForm{}
		return m.signOut()
	case SignInAgain:
		return m.signOut()
	case SubmitCreate:
		return m.submitCreate(msg.Key)
	case RetryCreate:
		return m.retryCreate(msg.Key)
	case DiscardCreate:
		m.Outbox = slices.DeleteFunc(slices.Clone(m.Outbox), func(s Sending) bool { return s.Key == msg.Key })
		return m, []Cmd{CancelCreate{msg.Key}, Focus{"create-text"}}
	case OpenEdit:
		return m.open(EditDialog, msg.Key, "edit-text")
	case OpenDelete:
		return m.open(DeleteDialog, msg.Key, "delete-confirm")
	case SubmitEdit:
		return m.submitEdit()
	case ConfirmDelete:
		if m.Dialog.Kind != DeleteDialog || m.Dialog.Busy {
			return m, nil
		}
		m.Dialog.Busy, m.Dialog.Failure = true, Failure{}
		row := m.Dialog.Row
		return m, []Cmd{Delete{Collection: Collection, Key: row.Key, ID: json.RawMessage(row.ID)}}
	case OpenHelp:
		m.Dialog = Dialog{Kind: HelpDialog}
		return m, []Cmd{Focus{"help-close"}}
	case CloseDialog:
		m.Dialog = Dialog{}
		m.PillOpen = false
		return m, nil
	case ChooseRead:
		m.Read.By, m.Read.Failure, m.Read.Wrong = msg.By, Failure{}, ""
		if msg.By == ReadLatest { // there is nothing to fill in
			return m.submitRead()
		}
		return m, nil
	case SubmitRead:
		return m.submitRead()
	case CopyAnswer:
		return m, []Cmd{CopyText{m.Read.Answer}}
	case RetryNow:
		return m, []Cmd{Reconnect{}}
	case RetryList:
		m.List.Failure, m.List.Loaded = Failure{}, false
		return m, []Cmd{m.subscribe()}
	case TogglePause:
		m.List = m.List.togglePause()
		if m.List.Paused {
			return m.announce("Paused: the list stands still."), nil
		}
		return m.announce("The list goes on."), nil
	case Scrolled:
		m.List.AtTop = msg.AtTop
		if msg.AtTop {
			m.List.Above = 0
		}
		return m, nil
	case ShowNewest:
		m.List.Above = 0
		m.List.Jump++
		return m, nil
	case TogglePill:
		m.PillOpen = !m.PillOpen
		return m, nil
	case ChooseView:
		m.View = msg.View
		return m, nil
	case NextTheme:
		switch m.Theme {
		case ThemeSystem:
			m.Theme = ThemeLight
		case ThemeLight:
			m.Theme = ThemeDark
		default:
			m.Theme = ThemeSystem
		}
		return m.announce("Theme: " + string(m.Theme)), []Cmd{ApplyTheme{m.Theme}, m.savePreferences()}
	case ToggleKeys:
		m.KeysOff = !m.KeysOff
		return m, []Cmd{m.savePreferences()}
	case DismissToast:
		m.Toasts = slices.DeleteFunc(slices.Clone(m.Toasts), func(t Toast) bool { return t.ID == msg.ID })
		return m, nil
	case ReloadPage:
		return m, []Cmd{Reload{}}
	}
	return m, nil
}

func (m Model) savePreferences() Cmd {
	return SavePreferences{Preferences{Theme: m.Theme, KeysOff: m.KeysOff}}
}

// tick moves the clock: toasts go, and what is new is announced together.
func (m Model) tick(now time.Time) Model {
	m.Now = now
	if len(m.Toasts) > 0 {
		m.Toasts = slices.DeleteFunc(slices.Clone(m.Toasts), func(t Toast) bool { return !now.Before(t.until) })
	}
	if m.unannounced > 0 && now.Sub(m.announced) >= announceEvery {
		m = m.announce(count(m.unannounced, "new message", "new messages"))
		m.unannounced, m.announced = 0, now
	}
	return m
}

// announce tells assistive technology. The same text twice running differs by a
// space that is not read, or it would not be told again.
func (m Model) announce(text string) Model {
	if m.Announcement == text {
		text += "\u00a0"
	}
	m.Announcement = text
	return m
}

func (m Model) toast(text string, isError bool) Model {
	m.nextToast++
	toasts := append(slices.Clone(m.Toasts), Toast{ID: m.nextToast, Text: text, Error: isError, until: m.Now.Add(toastFor)})
	m.Toasts = toasts[max(0, len(toasts)-maxToasts):]
	return m
}

// begin decides how the page opens, once it knows the configuration and what the
// browser kept.
func (m Model) begin() (Model, []Cmd) {
	if !m.configKnown || !m.storedKnown || m.Phase != Starting {
		return m, nil
	}
	switch c := m.config; {
	case m.stored.Session.URL != "" && (c == nil || !m.stored.Session.Demo):
		// The demo user's token is the configuration's to say, where there is one.
		return m.connect(m.stored.Session)
	case c != nil && c.Token != "" && !m.stored.SignedOut:
		return m.connect(Session{URL: c.URL, Mode: c.Mode, Kind: TabToken, Token: c.Token, Demo: true})
	case c != nil:
		m.SignIn.URL, m.SignIn.Mode = c.URL, c.Mode
		fallthrough
	default:
		m.Phase = SigningIn
		if m.configWhy != "" {
			m.SignIn.Failure = Failure{Message: m.configWhy}
			return m.announce(m.configWhy), nil
		}
		return m, nil
	}
}

// connect signs in. What somebody wrote before signing in again is sent if it is
// the same account, and otherwise waits for a word of the person.
func (m Model) connect(s Session) (Model, []Cmd) {
	m.Phase, m.Session = Inside, s
	m.Gen++
	m.Conn = Conn{State: Dialing, Reason: "asked", Since: m.Now, DownSince: m.Now}
	m.List = List{AtTop: true}
	m.Read = New().Read
	m.Dialog = Dialog{}
	m.PillOpen = false
	cmds := []Cmd{Connect{Gen: m.Gen, Session: s}, m.subscribe()}
	m.Outbox = slices.Clone(m.Outbox)
	for i := range m.Outbox {
		switch sending := &m.Outbox[i]; {
		case sending.Refused && !sending.parted:
		case sending.by == s.account():
			sending.Refused, sending.parted, sending.Failure = false, false, Failure{}
			cmds = append(cmds, sending.create())
		default:
			sending.Refused, sending.parted = true, true
			sending.Failure = Failure{Message: "it was written as " + sending.by.Person() + ". Retry sends it as " + s.Person() + "."}
		}
	}
	if s.Kind != TabGuest {
		cmds = append(cmds, WhoAmI{s})
	}
	return m, cmds
}

// signOut leaves, with the form as it was but for the secrets. What is not sent
// stays.
func (m Model) signOut() (Model, []Cmd) {
	form := m.Session.form()
	m.Gen++
	m.Phase, m.Session, m.Conn = SigningIn, Session{}, Conn{}
	m.List, m.Dialog, m.PillOpen = List{AtTop: true}, Dialog{}, false
	if !m.Compose.userTyped {
		m.Compose.User = ""
	}
	m.SignIn = form
	return m.announce("Signed out."), []Cmd{Disconnect{}, ForgetSession{}, Focus{form.first()}}
}

func (m Model) connChanged(msg ConnChanged) (Model, []Cmd) {
	before := m.Conn
	m.Conn = m.Conn.change(msg)
	if msg.At.After(m.Now) {
		m.Now = msg.At
	}
	switch {
	case msg.State == Live && !before.EverLive:
		// The credential is good: now it may be kept for a reload, and the form need
		// not hold the secret any longer.
		m.SignIn.Password, m.SignIn.Token = "", ""
		return m.announce("Live."), []Cmd{SaveSession{m.Session}}
	case msg.State == Live && before.State != Live:
		return m.announce("Live again."), nil
	case msg.State == NeedsAuth && !before.EverLive:
		// Refused at the first attempt: the form is the place to mend it.
		cause := m.refusal()
		form := m.Session.form()
		form.Password, form.Token = m.SignIn.Password, m.SignIn.Token
		next, cmds := m.signOut()
		next.SignIn = form
		next.SignIn.Failure = Failure{Message: cause}
		return next.announce(cause), cmds
	case msg.State == NeedsAuth && before.State != NeedsAuth:
		return m.announce("Session expired."), nil
	case msg.State == Waiting && before.State == Live:
		return m.announce("Offline. " + m.Conn.cause()), nil
	}
	return m, nil
}

// refusal says why the first attempt of a session was refused, and what to do.
func (m Model) refusal() string {
	s := m.Session
	if s.Kind == TabPassword && s.Password == "" { // kept over a reload, or in a tab that was duplicated
		return "Your session has ended, or another tab has taken it over. Sign in again."
	}
	if m.Conn.Reason != "auth-failed" {
		return m.Conn.cause()
	}
	sentence := "The server does not accept this e-mail and password. Check both, and the server mode."
	switch s.Kind {
	case TabToken:
		sentence = "The server does not accept this token. Check it, and the server mode."
	case TabGuest:
		sentence = "The server lets no guests in. Sign in with an account."
	}
	if m.Conn.Detail != "" {
		sentence += " It says: " + m.Conn.Detail
	}
	return sentence
}

func (m Model) typed(field Field, value string) Model {
	switch field {
	case FieldURL:
		m.SignIn.URL = value
	case FieldEmail:
		m.SignIn.Email = value
	case FieldPassword:
		m.SignIn.Password = value
	case FieldToken:
		m.SignIn.Token = value
	case FieldMode:
		m.SignIn.Mode = Mode(value)
	case FieldText:
		m.Compose.Text, m.Compose.Failure = value, ""
	case FieldUser:
		m.Compose.User, m.Compose.userTyped = value, true
	case FieldSearch:
		m.List.Search = value
		m.List = m.List.narrow()
	case FieldEditText:
		m.Dialog.Text = value
	case FieldReadID:
		m.Read.ID = value
	case FieldReadFilter:
		m.Read.Filter = value
	case FieldReadSort:
		m.Read.Sort = value
	case FieldReadLimit:
		m.Read.Limit = value
	case FieldReadFields:
		m.Read.Fields = value
	}
	if m.SignIn.Wrong == field {
		m.SignIn.Wrong, m.SignIn.Failure = "", Failure{}
	}
	if m.Read.Wrong == field {
		m.Read.Wrong, m.Read.Failure = "", Failure{}
	}
	return m
}

// submitCreate moves what was typed to the outbox and empties the form, which is
// never disabled: the next message can be written at once.
func (m Model) submitCreate(key string) (Model, []Cmd) {
	text := m.Compose.Text
	if strings.TrimSpace(text) == "" {
		m.Compose.Failure = "Write something first."
		return m.announce(m.Compose.Failure), []Cmd{Focus{"create-text"}}
	}
	sending := Sending{Key: key, Text: text, User: strings.TrimSpace(m.Compose.User), by: m.Session.account()}
	m.Outbox = append(slices.Clone(m.Outbox), sending)
	m.Compose.Text, m.Compose.Failure = "", ""
	return m, []Cmd{sending.create()}
}

func (s Sending) create() Cmd {
	fields := map[string]string{"id": s.Key, "text": s.Text}
	if s.User != "" {
		fields["user"] = s.User
	}
	item, err := json.Marshal(fields)
	if err != nil {
		item = json.RawMessage("{}") // cannot be: strings always have a JSON form
	}
	return Create{Collection: Collection, Key: s.Key, Item: item}
}

func (m Model) retryCreate(key string) (Model, []Cmd) {
	i := slices.IndexFunc(m.Outbox, func(s Sending) bool { return s.Key == key && s.Refused })
	if i < 0 {
		return m, nil
	}
	m.Outbox = slices.Clone(m.Outbox)
	m.Outbox[i].Refused, m.Outbox[i].parted, m.Outbox[i].Failure, m.Outbox[i].by = false, false, Failure{}, m.Session.account()
	return m, []Cmd{m.Outbox[i].create()}
}

// createDone takes a message off the outbox. The row itself comes with the
// subscription's event, before or after this answer: so the list is always what
// the subscription says, and shows no row twice.
func (m Model) createDone(msg CreateDone) Model {
	if msg.Failure.IsZero() {
		m.Acknowledged++
	}
	i := slices.IndexFunc(m.Outbox, func(s Sending) bool { return s.Key == msg.Key })
	if i < 0 {
		return m
	}
	m.Outbox = slices.Clone(m.Outbox)
	if msg.Failure.IsZero() {
		m.Outbox = slices.Delete(m.Outbox, i, i+1)
		return m
	}
	m.Outbox[i].Refused, m.Outbox[i].Failure = true, msg.Failure
	return m.announce("Not sent: " + msg.Failure.String())
}

// open opens a dialog for a row.
func (m Model) open(kind DialogKind, key, focus string) (Model, []Cmd) {
	row := find(m.List.Rows, key)
	if row == nil {
		return m.toast("This message is gone: it was deleted meanwhile.", false), nil
	}
	m.Dialog = Dialog{Kind: kind, Row: row, Text: row.Text}
	return m, []Cmd{Focus{focus}}
}

func (m Model) submitEdit() (Model, []Cmd) {
	d := m.Dialog
	switch {
	case d.Kind != EditDialog || d.Busy:
		return m, nil
	case strings.TrimSpace(d.Text) == "":
		m.Dialog.Failure = Failure{Message: "Write something, or delete the message instead."}
		return m.announce(m.Dialog.Failure.Message), []Cmd{Focus{"edit-text"}}
	case d.Text == d.Row.Text:
		m.Dialog = Dialog{}
		return m, nil
	}
	changes, err := json.Marshal(map[string]string{"text": d.Text})
	if err != nil {
		m.Dialog.Failure = Failure{Message: err.Error()}
		return m, nil
	}
	m.Dialog.Busy, m.Dialog.Failure, m.Dialog.Notice = true, Failure{}, ""
	return m, []Cmd{Change{Collection: Collection, Key: d.Row.Key, ID: json.RawMessage(d.Row.ID), Changes: changes}}
}

// editDone ends an edit or a delete. If its dialog was closed meanwhile, a refusal
// is told by a toast.
func (m Model) editDone(kind DialogKind, key string, failure Failure, done, failed string) Model {
	open := m.Dialog.Kind == kind && m.Dialog.Row.Key == key
	switch {
	case failure.IsZero():
		if open {
			m.Dialog = Dialog{}
		}
		return m.announce(done + ".")
	case open:
		m.Dialog.Busy, m.Dialog.Failure = false, failure
		return m.announce(failed + ": " + failure.String())
	}
	return m.toast(failed+": "+failure.String(), true).announce(failed + ": " + failure.String())
}

func (m Model) submitRead() (Model, []Cmd) {
	ask, wrong, why := m.Read.submit()
	m.Read.Failure, m.Read.Wrong = Failure{}, ""
	if why != "" {
		m.Read.Failure, m.Read.Wrong = Failure{Message: why}, wrong
		return m.announce(why), []Cmd{Focus{string(wrong)}}
	}
	m.readSequence++
	ask.Sequence = m.readSequence
	m.Read.Busy = true
	return m, []Cmd{ask}
}

// CountText says how many rows there are: "1,204 messages", or "3 of 1,204".
func (l List) CountText() string {
	all, shown := l.Count()
	if strings.TrimSpace(l.Search) != "" {
		return Thousands(shown) + " of " + Thousands(all)
	}
	if all == 1 {
		return "1 message"
	}
	return Thousands(all) + " messages"
}

// Thousands is 12345 as "12,345".
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
