package state

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// play runs messages through Update and returns the last model and all commands.
func play(m Model, msgs ...Msg) (Model, []Cmd) {
	var all []Cmd
	for _, msg := range msgs {
		var cmds []Cmd
		m, cmds = Update(m, msg)
		all = append(all, cmds...)
	}
	return m, all
}

func after(m Model, msgs ...Msg) Model {
	m, _ = play(m, msgs...)
	return m
}

// the returns the one command of that type, and fails otherwise.
func the[C Cmd](t *testing.T, cmds []Cmd) C {
	t.Helper()
	var found []C
	for _, cmd := range cmds {
		if c, ok := cmd.(C); ok {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d commands of type %T in %#v, want 1", len(found), *new(C), cmds)
	}
	return found[0]
}

func has[C Cmd](cmds []Cmd) bool {
	for _, cmd := range cmds {
		if _, ok := cmd.(C); ok {
			return true
		}
	}
	return false
}

// opened is a model as the demo user sees it while the first connection is made.
func opened(t *testing.T) Model {
	t.Helper()
	return after(New(), Tick{t0},
		StoredLoaded{}, ConfigLoaded{Config: &Config{URL: "http://127.0.0.1:8055", Mode: ModeHandshake, Token: "demo"}})
}

func live(at time.Time) Msg { return ConnChanged{State: Live, Reason: "caught-up", At: at} }

func row(key, created, text string) string {
	return fmt.Sprintf(`{"id":%q,"text":%q,"user":"Ada","status":"published","date_created":%q,"date_updated":null}`, key, text, created)
}

func event(kind EventKind, items ...string) Event {
	return Event{Kind: kind, Data: json.RawMessage("[" + strings.Join(items, ",") + "]")}
}

func initial(items ...string) Msg { return Events{[]Event{event(EventInit, items...)}} }

// shown is the keys of the list, as it is drawn.
func shown(m Model) string {
	keys := make([]string, len(m.List.Shown))
	for i, r := range m.List.Shown {
		keys[i] = r.Key
	}
	return strings.Join(keys, " ")
}

const (
	noon    = "2026-05-04T12:00:00.000Z"
	oneLate = "2026-05-04T12:00:01.000Z"
	twoLate = "2026-05-04T12:00:02.000Z"
)

func inside(t *testing.T) Model {
	t.Helper()
	return after(opened(t), live(t0), initial(row("a", noon, "first"), row("b", oneLate, "second")))
}

func TestHowThePageOpens(t *testing.T) {
	config := &Config{URL: "http://h", Mode: ModeStrict, Token: "demo"}
	kept := Session{URL: "http://kept", Mode: ModeHandshake, Kind: TabPassword, Email: "a@b.c", Refresh: "r"}
	demo := Session{URL: "http://h", Mode: ModeStrict, Kind: TabToken, Token: "demo", Demo: true}
	oldDemo := demo
	oldDemo.Token = "of an earlier server"
	for _, test := range []struct {
		name    string
		config  *Config
		stored  Stored
		phase   Phase
		session Session
		formURL string
	}{
		{"configuration with a demo user: signed in as it", config, Stored{}, Inside, demo, ""},
		{"configuration without one: the form, with its URL", &Config{URL: "http://h", Mode: ModePublic}, Stored{}, SigningIn, Session{}, "http://h"},
		{"no configuration, as on static hosting: the empty form", nil, Stored{}, SigningIn, Session{}, ""},
		{"a session kept for the reload wins", config, Stored{Session: kept}, Inside, kept, ""},
		{"the demo user's token is always the configuration's", config, Stored{Session: oldDemo}, Inside, demo, ""},
		{"but with the server away, the kept one is tried", nil, Stored{Session: oldDemo}, Inside, oldDemo, ""},
		{"signed out on purpose: not signed in again by itself", config, Stored{SignedOut: true}, SigningIn, Session{}, "http://h"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, order := range [][]Msg{
				{ConfigLoaded{Config: test.config}, StoredLoaded{test.stored}},
				{StoredLoaded{test.stored}, ConfigLoaded{Config: test.config}},
			} {
				m, cmds := play(New(), order[0])
				if m.Phase != Starting || has[Connect](cmds) {
					t.Fatalf("half informed it is already %s", m.Phase)
				}
				m, cmds = play(m, order[1])
				if m.Phase != test.phase || m.Session != test.session || m.SignIn.URL != test.formURL {
					t.Errorf("phase %s, session %+v, form URL %q", m.Phase, m.Session, m.SignIn.URL)
				}
				if test.phase == SigningIn {
					if has[Connect](cmds) {
						t.Error("it connects without a credential")
					}
					continue
				}
				if got := the[Connect](t, cmds); got.Session != test.session || got.Gen != m.Gen {
					t.Errorf("Connect is %+v", got)
				}
				if got := the[Subscribe](t, cmds); got.Collection != "messages" || strings.Contains(string(got.Query), "limit") {
					t.Errorf("Subscribe is %+v %s", got, got.Query)
				}
			}
		})
	}
}

func TestInitAsksForWhatItNeeds(t *testing.T) {
	if got := Init(); !has[LoadStored](got) || !has[FetchConfig](got) || len(got) != 2 {
		t.Errorf("Init() = %#v", got)
	}
}

func TestPill(t *testing.T) {
	for _, test := range []struct {
		change ConnChanged
		word   string
		short  string
		cause  string
	}{
		{ConnChanged{State: Dialing, Reason: "asked"}, "Connecting", "", "Opening the connection."},
		{ConnChanged{State: Authenticating, Reason: "opened"}, "Connecting", "", "checks the credential"},
		{ConnChanged{State: Resyncing, Reason: "authenticated"}, "Resyncing", "", "brought up to date"},
		{ConnChanged{State: Live, Reason: "caught-up", Detail: "x"}, "Live", "", "as it happens."},
		{ConnChanged{State: Waiting, Reason: "link-lost", Detail: "closed with 1006", Next: t0.Add(6500 * time.Millisecond)}, "Offline", "retry in 7\u00a0s", "closed with 1006"},
		{ConnChanged{State: Waiting, Reason: "server-restart", Next: t0}, "Offline", "retrying", "restarting"},
		{ConnChanged{State: NeedsAuth, Reason: "auth-failed"}, "Session expired", "", "refused the credential"},
		{ConnChanged{State: Closed, Reason: "asked"}, "Closed", "", "on request"},
		{ConnChanged{State: Idle}, "Offline", "", "No connection was asked for"},
	} {
		t.Run(string(test.change.State)+" "+test.change.Reason, func(t *testing.T) {
			m := after(opened(t), live(t0)) // once live, so that needs-auth stays on the page
			test.change.At = t0
			p := after(m, test.change).Pill()
			if p.State != test.change.State || p.Word != test.word || p.Short != test.short || !strings.Contains(p.Cause, test.cause) {
				t.Errorf("%+v", p)
			}
		})
	}
	if p := New().Pill(); p.State != Idle || p.Word != "Starting" {
		t.Errorf("before anything: %+v", p)
	}
}

func TestBannerComesLateAndGoesWithANumber(t *testing.T) {
	m := inside(t)
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	lost := ConnChanged{State: Waiting, Reason: "link-lost", At: at(10 * time.Second), Next: at(20 * time.Second)}
	m = after(m, Tick{at(10 * time.Second)}, lost, Tick{at(14 * time.Second)})
	if b := m.Banner(); b.Kind != NoBanner {
		t.Errorf("after four seconds: %+v", b)
	}
	m = after(m, Tick{at(15 * time.Second)})
	if b := m.Banner(); b.Kind != BannerOffline || !strings.HasSuffix(b.Text, "next try in 5 s.") {
		t.Errorf("after five seconds: %+v", b)
	}
	// A new attempt that fails is the same outage.
	m = after(m, ConnChanged{State: Dialing, Reason: "retry", At: at(16 * time.Second)}, Tick{at(17 * time.Second)})
	if b := m.Banner(); b.Kind != BannerOffline || !strings.Contains(b.Text, "trying now") {
		t.Errorf("while trying: %+v", b)
	}
	resync := Event{Kind: EventCreate, Resync: true, Data: json.RawMessage("[" + row("c", twoLate, "missed") + "]")}
	gone := Event{Kind: EventDelete, Resync: true, Data: json.RawMessage(`["a"]`)}
	m = after(m, ConnChanged{State: Resyncing, Reason: "authenticated", At: at(18 * time.Second)},
		Events{[]Event{resync}}, live(at(19*time.Second)), Events{[]Event{gone}})
	if b := m.Banner(); b.Kind != BannerBack || b.Text != "Back online: 2 changes caught up" {
		t.Errorf("back: %+v", b)
	}
	m = after(m, Tick{at(25 * time.Second)})
	if b := m.Banner(); b.Kind != NoBanner {
		t.Errorf("six seconds later: %+v", b)
	}
	// A short interruption without changes is not worth a word.
	m = after(m, ConnChanged{State: Waiting, At: at(30 * time.Second)}, live(at(31*time.Second)))
	if b := m.Banner(); b.Kind != NoBanner {
		t.Errorf("after a short interruption: %+v", b)
	}
}

func TestBannerOfAFirstConnectionThatFails(t *testing.T) {
	m := after(opened(t), ConnChanged{State: Waiting, Reason: "dial-failed", At: t0.Add(time.Second), Next: t0.Add(9 * time.Second)}, Tick{t0.Add(6 * time.Second)})
	if b := m.Banner(); b.Kind != BannerOffline || b.Text != "No connection to 127.0.0.1:8055 yet: next try in 3 s." {
		t.Errorf("%+v", b)
	}
	if m.Face() != FaceOffline {
		t.Errorf("the list looks %s", m.Face())
	}
}

func TestRefusedCredential(t *testing.T) {
	refused := ConnChanged{State: NeedsAuth, Reason: "auth-failed", At: t0}
	t.Run("at the first attempt: back to the form, with what was typed and why", func(t *testing.T) {
		m := after(New(), Tick{t0}, StoredLoaded{}, ConfigLoaded{},
			Typed{FieldURL, "localhost:8055"}, Typed{FieldEmail, "ada@example.com"}, Typed{FieldPassword, "wrong"}, SubmitSignIn{})
		m, cmds := play(m, FromConnection{m.Gen, refused})
		if m.Phase != SigningIn || m.SignIn.Email != "ada@example.com" || m.SignIn.Password != "wrong" || m.SignIn.Failure.IsZero() {
			t.Errorf("%s %+v", m.Phase, m.SignIn)
		}
		if !has[Disconnect](cmds) {
			t.Error("the connection is left open")
		}
	})
	t.Run("later: the page stays, and says so", func(t *testing.T) {
		m := after(inside(t), refused)
		if m.Phase != Inside || m.Banner().Kind != BannerExpired || shown(m) != "b a" {
			t.Errorf("%s %+v %q", m.Phase, m.Banner(), shown(m))
		}
	})
}

func TestSignInForm(t *testing.T) {
	fill := func(msgs ...Msg) (Model, []Cmd) {
		m := after(New(), StoredLoaded{}, ConfigLoaded{})
		return play(m, append(msgs, SubmitSignIn{})...)
	}
	t.Run("what is wrong is said at its field", func(t *testing.T) {
		for _, test := range []struct {
			name  string
			msgs  []Msg
			wrong Field
		}{
			{"no address", []Msg{}, FieldURL},
			{"no address at all", []Msg{Typed{FieldURL, "http://"}}, FieldURL},
			{"another scheme", []Msg{Typed{FieldURL, "ftp://h"}}, FieldURL},
			{"a token in the address", []Msg{Typed{FieldURL, "https://h/?access_token=x"}}, FieldURL},
			{"a password in the address", []Msg{Typed{FieldURL, "https://u:p@h"}}, FieldURL},
			{"no e-mail", []Msg{Typed{FieldURL, "h"}, Typed{FieldPassword, "x"}}, FieldEmail},
			{"no password", []Msg{Typed{FieldURL, "h"}, Typed{FieldEmail, "a@b"}}, FieldPassword},
			{"no token", []Msg{Typed{FieldURL, "h"}, ChooseTab{TabToken}, Typed{FieldToken, "  "}}, FieldToken},
		} {
			m, cmds := fill(test.msgs...)
			if m.Phase != SigningIn || m.SignIn.Wrong != test.wrong || m.SignIn.Failure.IsZero() || has[Connect](cmds) {
				t.Errorf("%s: %s, %q is wrong: %v", test.name, m.Phase, m.SignIn.Wrong, m.SignIn.Failure)
			}
			if the[Focus](t, cmds).ID != "sign-in-"+string(test.wrong) {
				t.Errorf("%s: the focus goes to %v", test.name, cmds)
			}
			if m = after(m, Typed{test.wrong, "something"}); !m.SignIn.Failure.IsZero() {
				t.Errorf("%s: the error stays when the field is changed", test.name)
			}
		}
	})
	t.Run("the session is what was typed", func(t *testing.T) {
		for _, test := range []struct {
			msgs []Msg
			want Session
		}{
			{[]Msg{Typed{FieldURL, "cms.example.com/"}, Typed{FieldEmail, " a@b.c "}, Typed{FieldPassword, " p "}},
				Session{URL: "https://cms.example.com", Mode: ModeHandshake, Kind: TabPassword, Email: "a@b.c", Password: " p "}},
			{[]Msg{Typed{FieldURL, "localhost:8055"}, ChooseTab{TabToken}, Typed{FieldToken, " t "}, Typed{FieldMode, "strict"}},
				Session{URL: "http://localhost:8055", Mode: ModeStrict, Kind: TabToken, Token: "t"}},
			{[]Msg{Typed{FieldURL, "wss://h/sub/websocket"}, ChooseTab{TabGuest}},
				Session{URL: "wss://h/sub/websocket", Mode: ModePublic, Kind: TabGuest}},
		} {
			m, cmds := fill(test.msgs...)
			if got := the[Connect](t, cmds).Session; got != test.want || m.Phase != Inside {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		}
	})
	t.Run("a guest is nobody to ask about", func(t *testing.T) {
		_, cmds := fill(Typed{FieldURL, "h"}, ChooseTab{TabGuest})
		if has[WhoAmI](cmds) {
			t.Error("WhoAmI of a guest")
		}
	})
}

func TestSecretsGo(t *testing.T) {
	m := after(New(), StoredLoaded{}, ConfigLoaded{}, Typed{FieldURL, "h"}, Typed{FieldEmail, "a@b"}, Typed{FieldPassword, "secret"}, SubmitSignIn{})
	m, cmds := play(m, live(t0))
	if m.SignIn.Password != "" {
		t.Error("the form keeps the password after the sign-in")
	}
	kept, err := json.Marshal(the[SaveSession](t, cmds).Session)
	if err != nil || strings.Contains(string(kept), "secret") {
		t.Errorf("kept for a reload: %s, %v", kept, err)
	}
	m, cmds = play(m, SignOut{})
	if !has[ForgetSession](cmds) || !has[Disconnect](cmds) {
		t.Errorf("signing out: %#v", cmds)
	}
	if m.Session != (Session{}) || m.SignIn.Password != "" || m.SignIn.URL != "https://h" || len(m.List.Rows) != 0 {
		t.Errorf("after signing out: %+v %+v", m.Session, m.SignIn)
	}
}

func TestAnOlderConnectionIsNotHeard(t *testing.T) {
	m := opened(t)
	old := m.Gen
	m = after(m, SignOut{}, Typed{FieldURL, "h"}, ChooseTab{TabToken}, Typed{FieldToken, "t"}, SubmitSignIn{})
	heard := after(m, FromConnection{old, initial(row("a", noon, "from before"))}, FromConnection{old, live(t0)})
	if shown(heard) != "" || heard.Conn.State == Live {
		t.Errorf("%q, %s", shown(heard), heard.Conn.State)
	}
	if now := after(m, FromConnection{m.Gen, initial(row("a", noon, "x"))}); shown(now) != "a" {
		t.Errorf("the new one is not heard: %q", shown(now))
	}
}

func TestRefreshTokenIsKept(t *testing.T) {
	m, cmds := play(opened(t), Refreshed{"new"})
	if m.Session.Refresh != "new" || the[SaveSession](t, cmds).Session.Refresh != "new" {
		t.Errorf("%+v", m.Session)
	}
}

func TestCreate(t *testing.T) {
	m, cmds := play(inside(t), Typed{FieldUser, "Bob"}, Typed{FieldText, "  hello\nthere  "}, SubmitCreate{"k1"})
	create := the[Create](t, cmds)
	if create.Key != "k1" || string(create.Item) != `{"id":"k1","text":"  hello\nthere  ","user":"Bob"}` {
		t.Errorf("%+v %s", create, create.Item)
	}
	if m.Compose.Text != "" || m.Compose.User != "Bob" || len(m.Outbox) != 1 {
		t.Errorf("%+v %+v", m.Compose, m.Outbox)
	}

	own := Events{[]Event{event(EventCreate, row("k1", twoLate, "hello"))}}
	done := CreateDone{Key: "k1"}
	for _, order := range [][]Msg{{own, done}, {done, own}} {
		next := m
		for _, msg := range order {
			next = after(next, msg)
			inList := strings.Count(shown(next), "k1")
			if inList+len(next.Outbox) > 1 {
				t.Fatalf("after %T the message is there %d times", msg, inList+len(next.Outbox))
			}
		}
		if shown(next) != "k1 b a" || len(next.Outbox) != 0 || next.Acknowledged != 1 {
			t.Errorf("%q, %d on their way, %d acknowledged", shown(next), len(next.Outbox), next.Acknowledged)
		}
	}
}

func TestManySubmitsInARow(t *testing.T) {
	m := inside(t)
	for i := range 50 {
		var cmds []Cmd
		m, cmds = play(m, Typed{FieldText, "message " + strconv.Itoa(i)}, SubmitCreate{"k" + strconv.Itoa(i)})
		if !strings.Contains(string(the[Create](t, cmds).Item), "message "+strconv.Itoa(i)+`"`) {
			t.Fatalf("submit %d sent %#v", i, cmds)
		}
	}
	if len(m.Outbox) != 50 {
		t.Errorf("%d on their way", len(m.Outbox))
	}
}

func TestEmptyMessageIsNotSent(t *testing.T) {
	m, cmds := play(inside(t), Typed{FieldText, " \n"}, SubmitCreate{"k"})
	if has[Create](cmds) || m.Compose.Failure == "" || len(m.Outbox) != 0 {
		t.Errorf("%+v %#v", m.Compose, cmds)
	}
	if m = after(m, Typed{FieldText, "x"}); m.Compose.Failure != "" {
		t.Error("the error stays")
	}
}

func TestRefusedCreateKeepsWhatWasTyped(t *testing.T) {
	m := after(inside(t), Typed{FieldText, "mine"}, SubmitCreate{"k"}, CreateDone{"k", Failure{"FORBIDDEN", "You don't have permission."}})
	if len(m.Outbox) != 1 || !m.Outbox[0].Refused || m.Outbox[0].Text != "mine" || m.Acknowledged != 0 {
		t.Fatalf("%+v", m.Outbox)
	}
	retried, cmds := play(m, RetryCreate{"k"})
	if retried.Outbox[0].Refused || the[Create](t, cmds).Key != "k" {
		t.Errorf("retry: %+v %#v", retried.Outbox, cmds)
	}
	if !m.Outbox[0].Refused {
		t.Error("the older model was changed")
	}
	if _, cmds := play(retried, RetryCreate{"k"}); has[Create](cmds) {
		t.Error("a second retry sends it twice")
	}
	discarded, cmds := play(m, DiscardCreate{"k"})
	if len(discarded.Outbox) != 0 || the[CancelCreate](t, cmds).Key != "k" {
		t.Errorf("discard: %+v", discarded.Outbox)
	}
}

func TestEdit(t *testing.T) {
	m, cmds := play(inside(t), OpenEdit{"a"})
	if m.Dialog.Kind != EditDialog || m.Dialog.Text != "first" || the[Focus](t, cmds).ID != "edit-text" {
		t.Fatalf("%+v", m.Dialog)
	}
	if same, cmds := play(m, SubmitEdit{}); same.Dialog.Kind != NoDialog || has[Change](cmds) {
		t.Error("an unchanged text is sent")
	}
	if empty, cmds := play(m, Typed{FieldEditText, " "}, SubmitEdit{}); empty.Dialog.Failure.IsZero() || has[Change](cmds) {
		t.Error("an empty text is sent")
	}
	m, cmds = play(m, Typed{FieldEditText, "changed"}, SubmitEdit{})
	change := the[Change](t, cmds)
	if string(change.ID) != `"a"` || string(change.Changes) != `{"text":"changed"}` || !m.Dialog.Busy {
		t.Errorf("%s %s", change.ID, change.Changes)
	}
	if _, cmds := play(m, SubmitEdit{}); has[Change](cmds) {
		t.Error("it is sent twice")
	}
	if ok := after(m, UpdateDone{Key: "a"}); ok.Dialog.Kind != NoDialog {
		t.Error("the dialog stays after success")
	}
	refused := after(m, UpdateDone{"a", Failure{"FORBIDDEN", "no"}})
	if refused.Dialog.Text != "changed" || refused.Dialog.Failure.Code != "FORBIDDEN" || refused.Dialog.Busy {
		t.Errorf("refused: %+v", refused.Dialog)
	}
	closed := after(m, CloseDialog{}, UpdateDone{"a", Failure{"FORBIDDEN", "no"}})
	if len(closed.Toasts) != 1 || !closed.Toasts[0].Error {
		t.Errorf("refused behind a closed dialog: %+v", closed.Toasts)
	}
}

func TestOthersChangeWhatIsBeingEdited(t *testing.T) {
	m := after(inside(t), OpenEdit{"a"}, Typed{FieldEditText, "mine"})
	changed := after(m, Events{[]Event{event(EventUpdate, row("a", noon, "theirs"))}})
	if !strings.Contains(changed.Dialog.Notice, "theirs") || changed.Dialog.Text != "mine" {
		t.Errorf("%+v", changed.Dialog)
	}
	deleted := after(m, Events{[]Event{event(EventDelete, `"a"`)}})
	if !strings.Contains(deleted.Dialog.Notice, "deleted") {
		t.Errorf("%+v", deleted.Dialog)
	}
	other := after(m, Events{[]Event{event(EventUpdate, row("b", oneLate, "x"))}})
	if other.Dialog.Notice != "" {
		t.Errorf("another row's change: %+v", other.Dialog)
	}
}

func TestDelete(t *testing.T) {
	m, cmds := play(inside(t), OpenDelete{"b"})
	if has[Delete](cmds) || m.Dialog.Kind != DeleteDialog {
		t.Fatal("it deletes without asking")
	}
	m, cmds = play(m, ConfirmDelete{}, ConfirmDelete{})
	if string(the[Delete](t, cmds).ID) != `"b"` {
		t.Errorf("%#v", cmds)
	}
	m = after(m, Events{[]Event{event(EventDelete, `"b"`)}}, DeleteDone{Key: "b"})
	if m.Dialog.Kind != NoDialog || shown(m) != "a" {
		t.Errorf("%+v %q", m.Dialog, shown(m))
	}
	if gone := after(m, OpenEdit{"b"}); gone.Dialog.Kind != NoDialog || len(gone.Toasts) != 1 {
		t.Error("a row that is gone opens")
	}
}

func TestFaces(t *testing.T) {
	m := opened(t)
	for _, test := range []struct {
		name string
		m    Model
		want ListFace
	}{
		{"before the first answer", m, FaceLoading},
		{"offline before it", after(m, ConnChanged{State: Waiting, At: t0}), FaceOffline},
		{"empty", after(m, live(t0), initial()), FaceEmpty},
		{"rows", inside(t), FaceRows},
		{"offline with rows: they stay", after(inside(t), ConnChanged{State: Waiting, At: t0}), FaceRows},
		{"no match", after(inside(t), Typed{FieldSearch, "nowhere"}), FaceNoMatch},
		{"forbidden is not empty", after(m, ListEnded{Failure{"FORBIDDEN", "no"}}), FaceForbidden},
		{"another refusal", after(m, ListEnded{Failure{"INTERNAL_SERVER_ERROR", "oh"}}), FaceFailed},
		{"a change that cannot be read", after(inside(t), Events{[]Event{{Kind: EventCreate, Data: json.RawMessage(`[{"text":"no key"}]`)}}}), FaceFailed},
		{"tried again", after(m, ListEnded{Failure{"X", ""}}, RetryList{}), FaceLoading},
	} {
		if got := test.m.Face(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestSearchPauseAndScroll(t *testing.T) {
	m := after(inside(t), Typed{FieldSearch, "SECOND"})
	if shown(m) != "b" || m.List.CountText() != "1 of 2" {
		t.Errorf("search: %q, %s", shown(m), m.List.CountText())
	}
	fresh := Events{[]Event{event(EventCreate, row("c", twoLate, "third"))}}
	m = after(m, Typed{FieldSearch, ""}, TogglePause{}, fresh)
	if shown(m) != "b a" || m.List.Waiting != 1 {
		t.Errorf("paused: %q, %d waiting", shown(m), m.List.Waiting)
	}
	if all, _ := m.List.Count(); all != 2 {
		t.Errorf("paused, the count is %d", all)
	}
	m = after(m, TogglePause{})
	if shown(m) != "c b a" || m.List.Waiting != 0 {
		t.Errorf("going on: %q", shown(m))
	}
	m = after(m, Scrolled{AtTop: false}, Events{[]Event{event(EventCreate, row("d", twoLate, "fourth"))}})
	if m.List.Above != 1 {
		t.Errorf("%d new above", m.List.Above)
	}
	if down := after(m, ShowNewest{}); down.List.Above != 0 || down.List.Jump == m.List.Jump {
		t.Error("the newest is not shown")
	}
	if m = after(m, Scrolled{AtTop: true}); m.List.Above != 0 {
		t.Error("at the top there is still something new above")
	}
}

func TestNewRowsAreAnnouncedTogether(t *testing.T) {
	m := after(inside(t), Tick{t0.Add(10 * time.Second)})
	said := m.Announcement
	for i := range 5 {
		m = after(m, Events{[]Event{event(EventCreate, row("n"+strconv.Itoa(i), twoLate, "x"))}})
	}
	if m.Announcement != said {
		t.Errorf("each row is announced: %q", m.Announcement)
	}
	m = after(m, Tick{t0.Add(11 * time.Second)})
	if m.Announcement != "5 new messages" {
		t.Errorf("%q", m.Announcement)
	}
	m = after(m, Events{[]Event{event(EventCreate, row("o", twoLate, "x"))}}, Tick{t0.Add(12 * time.Second)})
	if m.Announcement != "5 new messages" {
		t.Errorf("too soon: %q", m.Announcement)
	}
	m = after(m, Tick{t0.Add(15 * time.Second)})
	if m.Announcement != "1 new message" {
		t.Errorf("%q", m.Announcement)
	}
	twice := after(m, TogglePause{}, TogglePause{}).announce("x")
	if again := twice.announce("x"); again.Announcement == twice.Announcement {
		t.Error("the same announcement twice running would not be heard")
	}
}

func TestGapSubscribesAgain(t *testing.T) {
	_, cmds := play(inside(t), Events{[]Event{{Kind: EventGap}}})
	the[Subscribe](t, cmds)
	_, cmds = play(inside(t), Events{[]Event{{Kind: EventGap}, event(EventInit, row("a", noon, "x"))}})
	if has[Subscribe](cmds) {
		t.Error("the init that follows a gap mends it")
	}
}

func TestToastsAreFewAndGo(t *testing.T) {
	m := after(inside(t), Tick{t0})
	for range 5 {
		m = m.toast("note", false)
	}
	if len(m.Toasts) != 3 {
		t.Errorf("%d toasts", len(m.Toasts))
	}
	if left := after(m, DismissToast{m.Toasts[0].ID}); len(left.Toasts) != 2 {
		t.Errorf("%d after one was dismissed", len(left.Toasts))
	}
	if left := after(m, Tick{t0.Add(6 * time.Second)}); len(left.Toasts) != 0 {
		t.Errorf("%d after six seconds", len(left.Toasts))
	}
}

func TestPreferences(t *testing.T) {
	m, cmds := play(New(), StoredLoaded{Stored{Preferences: Preferences{Theme: ThemeDark, KeysOff: true}}})
	if m.Theme != ThemeDark || !m.KeysOff || the[ApplyTheme](t, cmds).Theme != ThemeDark {
		t.Errorf("%s %v", m.Theme, m.KeysOff)
	}
	for _, want := range []Theme{ThemeSystem, ThemeLight, ThemeDark} {
		m, cmds = play(m, NextTheme{})
		if m.Theme != want || the[SavePreferences](t, cmds).Preferences != (Preferences{want, true}) {
			t.Errorf("%s, %#v", m.Theme, cmds)
		}
	}
	m, cmds = play(m, ToggleKeys{})
	if m.KeysOff || the[SavePreferences](t, cmds).Preferences.KeysOff {
		t.Error("the shortcuts stay off")
	}
}

func TestPersonsNameFillsTheForm(t *testing.T) {
	m := after(opened(t), PersonLoaded{"Eddie"})
	if m.Compose.User != "Eddie" || m.Session.Person() != "Eddie" {
		t.Errorf("%q %q", m.Compose.User, m.Session.Person())
	}
	m = after(opened(t), Typed{FieldUser, "me"}, PersonLoaded{"Eddie"})
	if m.Compose.User != "me" {
		t.Errorf("what was typed is overwritten with %q", m.Compose.User)
	}
}

// An older model is what it was, whatever came after: nothing is changed in place.
func TestOlderModelsStay(t *testing.T) {
	m := after(inside(t), Typed{FieldText, "x"}, SubmitCreate{"k"})
	before := append([]*Row(nil), m.List.Rows...)
	firstRow := *m.List.Rows[0]
	after(m, Events{[]Event{event(EventUpdate, row("b", oneLate, "other"), row("a", noon, "other")), event(EventDelete, `"a"`)}},
		CreateDone{Key: "k"}, DiscardCreate{"k"}, SignOut{})
	if !reflect.DeepEqual(before, m.List.Rows) || !reflect.DeepEqual(*m.List.Rows[0], firstRow) || len(m.Outbox) != 1 {
		t.Error("the older model changed")
	}
}

func TestMiscellany(t *testing.T) {
	m := inside(t)
	if _, cmds := play(m, RetryNow{}); !has[Reconnect](cmds) {
		t.Error("RetryNow does not reconnect")
	}
	if m := after(m, NewVersion{}); !m.UpdateReady {
		t.Error("NewVersion is not shown")
	}
	if _, cmds := play(m, ReloadPage{}); !has[Reload](cmds) {
		t.Error("ReloadPage does not reload")
	}
	if m := after(m, ChooseView{ViewRead}); m.View != ViewRead {
		t.Error("ChooseView does not choose")
	}
	if m := after(m, TogglePill{}); !m.PillOpen || after(m, TogglePill{}).PillOpen {
		t.Error("TogglePill does not toggle")
	}
	if m := after(m, OpenHelp{}); m.Dialog.Kind != HelpDialog || after(m, CloseDialog{}).Dialog.Kind != NoDialog {
		t.Error("the help sheet does not open and close")
	}
	if m := after(m, ToggleReveal{}); !m.SignIn.Reveal {
		t.Error("the secret is not shown")
	}
}
