package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// leaving reports whether the browser would ask before the page goes.
const leaving = `(e => (window.dispatchEvent(e), e.defaultPrevented))(new Event('beforeunload', {cancelable: true}))`

// signIn fills in the form for an account and sends it.
func (p *tab) signIn(email, password string) {
	p.t.Helper()
	p.click("#sign-in-by-email")
	p.typeInto("#sign-in-email", email)
	p.typeInto("#sign-in-password", password)
	p.click("#sign-in-send")
}

// Nothing that was typed is lost without a question.
func TestNothingTypedIsLost(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "writer", s.url)
	p.live()
	if eval[bool](p, leaving) {
		t.Error("the browser asks before leaving a page where nothing is unsent")
	}
	p.typeInto("#create-text", "half a sen")
	p.until("the model to know", leaving)
	p.click("#sign-out")
	p.says("#dialog", "1 message is not sent")
	p.picture("leave")
	p.click("#leave-stay")
	p.until("the dialog closed", `!document.querySelector('#dialog').open`)
	if text := eval[string](p, `document.querySelector('#create-text').value`); text != "half a sen" {
		t.Errorf("after staying the field holds %q", text)
	}
	p.click("#sign-out")
	p.click("#leave-confirm")
	p.until("the sign-in form", `document.querySelector('#sign-in')`)
	if eval[bool](p, leaving) {
		t.Error("signed out, the browser still asks before leaving")
	}

	// Written while the server is away; the session ends before it is back.
	p.signIn("editor@example.com", "editor-demo")
	p.live()
	s.cmd.Process.Signal(syscall.SIGSTOP)
	p.typeInto("#create-text", "written in a bad moment")
	p.click("#create-send")
	p.says("#outbox", "sending…")
	s.kill()
	s.env = append(s.env, "REFRESH_TOKEN_TTL=1s")
	s.start()
	p.shows("written in a bad moment")
	agree(t, s, p)
}

// When a session has expired, signing in again sends what was written meanwhile.
func TestSessionExpired(t *testing.T) {
	s := startServer(t, "ACCESS_TOKEN_TTL=2s", "REFRESH_TOKEN_TTL=3s")
	p := openTab(t, "writer", s.url)
	p.live()
	p.click("#sign-out")
	p.signIn("editor@example.com", "editor-demo")
	p.live()
	p.do(chromedp.Reload()) // after it, the page has the refresh token only
	p.live()
	s.cmd.Process.Signal(syscall.SIGSTOP) // longer than the refresh token is good for
	time.Sleep(4 * time.Second)
	s.cmd.Process.Signal(syscall.SIGCONT)
	p.says("#pill", "Session expired")
	p.says("#banner", "what you wrote is kept")
	p.picture("expired")
	p.typeInto("#create-text", "written after it")
	p.click("#create-send")
	p.click("#sign-in-again")
	p.says("#sign-in-unsent", "not sent yet")
	p.picture("sign-in-unsent")
	p.signIn("editor@example.com", "editor-demo")
	p.shows("written after it")
	p.until("an empty outbox", `!document.querySelector('#outbox')`)
}

// A duplicated tab has the same refresh token, which is good for one use: one of
// the two goes on, the other says what to do.
func TestDuplicatedTab(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "first", s.url)
	p.live()
	p.click("#sign-out")
	p.signIn("editor@example.com", "editor-demo")
	p.live()
	kept := eval[string](p, `sessionStorage.getItem('leveret.session')`)

	twin := openTab(t, "twin", s.url)
	twin.live()
	eval[bool](twin, fmt.Sprintf(`(sessionStorage.setItem('leveret.session', %s), true)`, quote(kept)))
	twin.do(chromedp.Reload())
	twin.live()
	if person := eval[string](twin, `document.querySelector('.person-name').textContent`); person != "editor@example.com" {
		t.Errorf("the twin is signed in as %q", person)
	}

	p.do(chromedp.Reload())
	p.says("#sign-in-error", "another tab has taken it over")
	if email := eval[string](p, `document.querySelector('#sign-in-email').value`); email != "editor@example.com" {
		t.Errorf("the form has forgotten the e-mail address: %q", email)
	}
	p.focused("#sign-in-password")
	p.typeInto("#sign-in-password", "editor-demo")
	p.click("#sign-in-send")
	p.live()
	twin.live()
}

// In the mode strict, where the socket's URL carries the token, a person signs in
// with e-mail and password all the same.
func TestSigningInStrictly(t *testing.T) {
	s := startServer(t, "WEBSOCKETS_REST_AUTH=strict")
	p := openTab(t, "person", s.url)
	p.live()
	p.click("#sign-out")
	p.signIn("editor@example.com", "wrong")
	p.says("#sign-in-error", "does not accept this e-mail and password")
	p.typeInto("#sign-in-password", "editor-demo")
	p.click("#sign-in-send")
	p.live()
	p.do(chromedp.Reload())
	p.live()
	p.typeInto("#create-text", "Strictly speaking")
	p.click("#create-send")
	p.shows("Strictly speaking")
}

// A guest reads what the public may, and is told where guests are not let in.
func TestGuest(t *testing.T) {
	s := startServer(t, "WEBSOCKETS_REST_AUTH=public")
	p := openTab(t, "guest", s.url)
	p.live()
	p.click("#sign-out")
	p.click("#sign-in-by-guest")
	p.click("#sign-in-send")
	p.live()
	agree(t, s, p)
	if person := eval[string](p, `document.querySelector('.person-name').textContent`); person != "Guest" {
		t.Errorf("signed in as %q", person)
	}
	p.typeInto("#create-text", "May a guest write?")
	p.click("#create-send")
	p.says("[data-refused]", "FORBIDDEN")

	strict := startServer(t)
	q := openTab(t, "turned away", strict.url)
	q.live()
	q.click("#sign-out")
	q.click("#sign-in-by-guest")
	q.click("#sign-in-send")
	q.says("#sign-in-error", "lets no guests in")
}

// An address where something else answers leads nowhere, and back.
func TestSigningInToSomethingElse(t *testing.T) {
	site := startStaticSite(t)
	p := openTab(t, "person", site)
	p.typeInto("#sign-in-url", site)
	p.click("#sign-in-by-token")
	p.typeInto("#sign-in-token", "token")
	p.click("#sign-in-send")
	p.says("[data-note=offline]", "The server cannot be reached")
	p.screenshot("look-nothing-there")
	p.click("#sign-out")
	p.until("the form with the address", fmt.Sprintf(`document.querySelector('#sign-in-url')?.value === %s`, quote(site)))
}

// A click is not lost when what it hits is drawn anew in the same moment: so it
// would be if the button were made anew.
func TestButtonsStayWhileThePageChanges(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "quick", s.url)
	p.live()
	kept := func(what, button string, change func()) {
		t.Helper()
		p.until(button, fmt.Sprintf(`window.button = document.querySelector(%s)`, quote(button)))
		change()
		if !eval[bool](p, `window.button.isConnected`) {
			t.Errorf("%s: %s was made anew", what, button)
		}
	}
	newest := s.rows()[0].ID
	p.click(button(newest, "edit"))
	kept("somebody else edits the message", "#edit-save", func() {
		s.call("PATCH", "/items/messages/"+newest, adminToken, map[string]string{"text": "theirs"}, nil)
		p.says("#dialog", "It now says: theirs")
	})
	p.click("#edit-cancel")
	p.click("#read-by-query")
	p.typeInto("#read-filter", "x")
	kept("the filter is wrong", "#read-send", func() {
		p.click("#read-send")
		p.says("#read-error", "must be a JSON object")
	})
	p.click("#sign-out")
	kept("another way to sign in", "#sign-in-send", func() {
		p.click("#sign-in-by-guest")
		p.says("#sign-in-send", "Continue as guest")
	})
	kept("the server refuses", "#sign-in-send", func() {
		p.click("#sign-in-by-token")
		p.click("#sign-in-send")
		p.says("#sign-in-error", "Paste the static token")
	})
}
