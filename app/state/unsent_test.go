package state

import (
	"strings"
	"testing"
)

// byPassword is signed in with that e-mail address, live, with one message on its
// way and another in the form.
func byPassword(t *testing.T, email string) Model {
	t.Helper()
	m := after(New(), Tick{t0}, StoredLoaded{}, ConfigLoaded{Config: &Config{URL: "http://h", Mode: ModeHandshake}},
		Typed{FieldEmail, email}, Typed{FieldPassword, "secret"}, SubmitSignIn{}, live(t0), initial(),
		Typed{FieldText, "on its way"}, SubmitCreate{"k"}, Typed{FieldText, "half a sen"})
	if m.Unsent() != 2 {
		t.Fatalf("%d unsent, want 2", m.Unsent())
	}
	return m
}

func TestSigningOutAsksBeforeItLosesAnything(t *testing.T) {
	m, cmds := play(byPassword(t, "a@b"), SignOut{})
	if m.Phase != Inside || m.Dialog.Kind != LeaveDialog || has[Disconnect](cmds) || m.Unsent() != 2 {
		t.Fatalf("it leaves without asking: %+v", m.Dialog)
	}
	if stayed := after(m, CloseDialog{}); stayed.Unsent() != 2 || stayed.Phase != Inside {
		t.Error("staying loses something")
	}
	left, cmds := play(m, ConfirmSignOut{})
	if left.Phase != SigningIn || !has[Disconnect](cmds) || left.Unsent() != 0 {
		t.Errorf("after the yes: %s, %d unsent", left.Phase, left.Unsent())
	}
	draft := after(inside(t), Typed{FieldText, "only a draft"}, SignOut{})
	if draft.Dialog.Kind != LeaveDialog {
		t.Error("a draft is lost without a question")
	}
}

func TestSigningInAgainKeepsWhatIsNotSent(t *testing.T) {
	expired := after(byPassword(t, "a@b"), ConnChanged{State: NeedsAuth, Reason: "auth-failed", At: t0})
	form, cmds := play(expired, SignInAgain{})
	if form.Phase != SigningIn || form.Unsent() != 2 || !has[Disconnect](cmds) {
		t.Fatalf("%s, %d unsent", form.Phase, form.Unsent())
	}

	m, cmds := play(form, Typed{FieldPassword, "secret"}, SubmitSignIn{})
	if create := the[Create](t, cmds); create.Key != "k" || m.Outbox[0].Refused || m.Compose.Text != "half a sen" {
		t.Errorf("the same account: %#v, %+v", create, m.Outbox)
	}

	other, cmds := play(form, Typed{FieldEmail, "c@d"}, Typed{FieldPassword, "x"}, SubmitSignIn{})
	if has[Create](cmds) || !other.Outbox[0].Refused || !strings.Contains(other.Outbox[0].Failure.Message, "written as a@b. Retry sends it as c@d") {
		t.Errorf("another account sends it unasked: %#v, %+v", cmds, other.Outbox)
	}
	if _, cmds := play(other, RetryCreate{"k"}); the[Create](t, cmds).Key != "k" {
		t.Error("retrying does not send it")
	}
	back, cmds := play(other, SignInAgain{}, Typed{FieldEmail, "a@b"}, Typed{FieldPassword, "secret"}, SubmitSignIn{})
	if the[Create](t, cmds).Key != "k" || back.Outbox[0].Refused {
		t.Errorf("the first account again: %+v", back.Outbox)
	}
}

func TestWhatTheServerRefusedIsNotSentAgainByItself(t *testing.T) {
	m := after(byPassword(t, "a@b"), CreateDone{"k", Failure{"FORBIDDEN", "no"}}, SignInAgain{})
	m, cmds := play(m, Typed{FieldPassword, "secret"}, SubmitSignIn{})
	if has[Create](cmds) || m.Outbox[0].Failure.Code != "FORBIDDEN" {
		t.Errorf("%#v, %+v", cmds, m.Outbox)
	}
}

// What is written while the first attempt is made survives its refusal.
func TestARefusedSignInKeepsWhatIsNotSent(t *testing.T) {
	m := after(opened(t), Typed{FieldText, "early"}, SubmitCreate{"k"}, ConnChanged{State: NeedsAuth, Reason: "auth-failed", At: t0})
	if m.Phase != SigningIn || m.Unsent() != 1 {
		t.Errorf("%s, %d unsent", m.Phase, m.Unsent())
	}
}

func TestAFirstRefusalSaysWhatToDo(t *testing.T) {
	refused := ConnChanged{State: NeedsAuth, Reason: "auth-failed", Detail: "No.", At: t0}
	config := ConfigLoaded{Config: &Config{URL: "http://h", Mode: ModeHandshake}}
	for _, test := range []struct {
		name string
		m    Model
		want string
		next string
	}{
		{"by password", after(New(), StoredLoaded{}, config, Typed{FieldEmail, "a@b"}, Typed{FieldPassword, "x"}, SubmitSignIn{}),
			"does not accept this e-mail and password", "sign-in-password"},
		{"by token", after(New(), StoredLoaded{}, config, ChooseTab{TabToken}, Typed{FieldToken, "x"}, SubmitSignIn{}),
			"does not accept this token", "sign-in-token"},
		{"as a guest", after(New(), StoredLoaded{}, config, ChooseTab{TabGuest}, SubmitSignIn{}), "lets no guests in", "sign-in-send"},
		{"by a refresh token that another tab has used", after(New(), config, StoredLoaded{Stored{Session: Session{URL: "http://h", Kind: TabPassword, Email: "a@b", Refresh: "r"}}}),
			"another tab", "sign-in-password"},
	} {
		m, cmds := play(test.m, refused)
		if m.Phase != SigningIn || !strings.Contains(m.SignIn.Failure.Message, test.want) || the[Focus](t, cmds).ID != test.next {
			t.Errorf("%s: %s, %q, %#v", test.name, m.Phase, m.SignIn.Failure.Message, cmds)
		}
	}
}

func TestWithoutAConfigurationThePageSaysWhy(t *testing.T) {
	m := after(New(), StoredLoaded{}, ConfigLoaded{Why: "Type the address."})
	if m.Phase != SigningIn || m.SignIn.Failure.Message != "Type the address." || m.Announcement != "Type the address." {
		t.Errorf("%s %+v", m.Phase, m.SignIn)
	}
}

func TestCopyingThatFailsIsSaid(t *testing.T) {
	if m := after(inside(t), Copied{OK: true}); len(m.Toasts) != 1 || m.Toasts[0].Text != "Copied" {
		t.Errorf("%+v", m.Toasts)
	}
	if m := after(inside(t), Copied{}); len(m.Toasts) != 1 || !m.Toasts[0].Error {
		t.Errorf("%+v", m.Toasts)
	}
}
