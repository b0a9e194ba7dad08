package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// picture audits a look at four widths, where nothing may scroll sideways either,
// on two of them in the dark too, and takes pictures of a wide and of a small screen.
func (p *tab) picture(name string) {
	p.t.Helper()
	for _, size := range []struct {
		name          string
		width, height int64
		schemes       []string
	}{
		{"wide", 1280, 800, []string{"light", "dark"}}, {"tablet", 820, 1100, []string{"light"}},
		{"narrowest", 320, 640, []string{"light"}}, {"phone", 390, 844, []string{"light", "dark"}},
	} {
		for _, scheme := range size.schemes {
			p.look(size.width, size.height, scheme)
			if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > int(size.width) {
				p.t.Errorf("%s is %d px wide in a window of %d: it scrolls sideways", name, wide, size.width)
			}
			for _, wrong := range eval[[]string](p, fmt.Sprintf("%s(%v)", audit, size.width < 640)) {
				p.t.Errorf("%s, %s, %s: %s", name, size.name, scheme, wrong)
			}
			if size.name+scheme == "widedark" || size.name+scheme == "phonelight" {
				p.screenshot("look-" + name + "-" + size.name + "-" + scheme)
			}
		}
	}
	p.look(1280, 800, "light")
}

// says waits until the element's text has the words.
func (p *tab) says(selector, words string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s to say %q", selector, words),
		fmt.Sprintf(`document.querySelector(%s)?.textContent.includes(%s)`, quote(selector), quote(words)))
}

// Every look of the page but the ordinary one, which TestScreenshots has.
func TestLooks(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "looks", s.url)
	p.live()
	p.says(".person-name", "Eddie Editor")
	p.picture("live")
	p.click("#read-by-query")
	p.typeInto("#read-filter", "user=Ada")
	p.click("#read-send")
	p.says("#read-error", "must be a JSON object")
	p.picture("read-wrong")
	p.click("#read-latest")
	p.says("#read-summary", "1 item in ")
	p.click("#view-read")
	p.picture("read")
	p.click("#view-messages")
	p.click("#pill")
	p.says("#pill-details", "Every change arrives")
	p.picture("connection")
	p.click("#pill")

	p.click("#messages [data-action=edit]")
	p.until("the edit dialog with the focus in its field", `document.querySelector('#dialog').open && document.activeElement.id === 'edit-text'`)
	p.picture("edit")
	p.click("#edit-cancel")
	p.click("#messages [data-action=delete]")
	p.says("#dialog", "cannot be brought back")
	p.picture("delete")
	p.click("#delete-cancel")
	p.click("#help")
	p.says("#dialog", "Keyboard shortcuts")
	p.picture("help")
	p.click("#help-close")

	long := "Donaudampfschifffahrtsgesellschaftskapitän"
	for range 5 {
		long += long
	}
	s.call("POST", "/items/messages", editorToken, map[string]string{"text": long, "user": long[:200]}, nil)
	p.shows(long)
	p.picture("long")

	s.cmd.Process.Signal(syscall.SIGSTOP)
	for i := range 6 {
		p.typeInto("#create-text", fmt.Sprintf("Message %d, which is long enough to be cut where the screen is small", i))
		p.click("#create-send")
	}
	p.says("#outbox", "and 2 more on their way")
	p.picture("sending")
	s.cmd.Process.Signal(syscall.SIGCONT)
	p.until("an empty outbox", `!document.querySelector('#outbox')`)

	s.kill()
	p.until("the banner with its seconds", `/next try in \d+ s/.test(document.querySelector('#banner').textContent)`)
	p.typeInto("#create-text", "Written while offline")
	p.click("#create-send")
	p.says("#outbox", "waiting for the connection…")
	p.picture("offline")
	s.start()
	s.call("POST", "/items/messages", adminToken, map[string]string{"text": "while you were away"}, nil)
	p.says("#banner", "caught up")
	p.screenshot("look-back")
	p.shows("Written while offline")

	var ids []string
	for _, r := range s.rows() {
		ids = append(ids, r.ID)
	}
	s.call("DELETE", "/items/messages", adminToken, ids, nil)
	p.says("[data-note=empty]", "No messages yet")
	p.picture("empty")
}

// What a reader may not do is refused with the server's code, and what was typed
// stays.
func TestLooksOfRefusals(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "reader", s.url)
	p.live()
	p.click("#sign-out")
	p.says("#sign-in", "Sign in to Directus")
	p.picture("sign-in")
	p.click("#sign-in-by-token")
	p.typeInto("#sign-in-token", "wrong")
	p.click("#sign-in-send")
	p.says("#sign-in-error", "does not accept this token")
	p.picture("sign-in-refused")
	p.typeInto("#sign-in-token", "reader-demo-token")
	p.click("#sign-in-send")
	p.live()

	p.typeInto("#create-text", "May I write?")
	p.click("#create-send")
	p.says("[data-refused]", "FORBIDDEN")
	p.says("[data-refused]", "May I write?")
	p.picture("refused")
	p.click("[data-action=retry]")
	p.says("[data-refused]", "FORBIDDEN")
	p.click("[data-action=discard]")
	p.until("nothing left of it", `!document.querySelector('#outbox')`)

	p.click("#messages [data-action=edit]")
	p.typeInto("#edit-text", "May I edit?")
	p.click("#edit-save")
	p.says("#dialog-error", "FORBIDDEN")
	if text := eval[string](p, `document.querySelector('#edit-text').value`); text != "May I edit?" {
		t.Errorf("after the refusal the field holds %q", text)
	}
}

// Forbidden is not the same as empty. The guest tab is the way to see it: without
// the demo, the public may read nothing.
func TestLookOfForbidden(t *testing.T) {
	s := startServer(t, "--demo=false", "WEBSOCKETS_REST_AUTH=public")
	p := openTab(t, "guest", s.url)
	p.click("#sign-in-by-guest")
	p.click("#sign-in-send")
	p.says("[data-note=forbidden]", "You may not read the messages")
	p.says("[data-note=forbidden]", "FORBIDDEN")
	p.picture("forbidden")
	p.click("[data-note=forbidden] button")
	p.says("#sign-in", "Sign in to Directus")
}

// The audit sees what it is there for.
func TestAudit(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "audited", s.url)
	p.live()
	if wrong := eval[[]string](p, audit+"(false)"); len(wrong) > 0 {
		t.Fatalf("before anything was spoiled: %q", wrong)
	}
	for _, test := range []struct{ spoil, want string }{
		{`document.documentElement.style.setProperty('--muted', '#999')`, "contrast"},
		{`document.querySelector('label[for=create-text]').remove()`, "has no name"},
		{`document.querySelector('#pause').style.cssText = 'width:20px;min-width:0'`, "target"},
		{`document.querySelector('#search').id = 'pause'`, "there twice"},
	} {
		eval[bool](p, "(("+test.spoil+"), true)")
		if wrong := eval[[]string](p, audit+"(false)"); !strings.Contains(strings.Join(wrong, "\n"), test.want) {
			t.Errorf("%s: the audit does not say %q but %q", test.spoil, test.want, wrong)
		}
	}
}
