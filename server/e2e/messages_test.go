package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

// Two people and a script share one collection: what one does, the others see.
func TestTwoTabsAndCurl(t *testing.T) {
	s := startServer(t)
	ann := openTab(t, "ann", s.url)
	bob := openTab(t, "bob", s.url)
	ann.live()
	bob.live()
	agree(t, s, ann, bob)

	ann.typeInto("#create-user", "Ann")
	ann.typeInto("#create-text", "Hello from Ann")
	ann.press("Enter")
	t.Logf("created in one tab, seen in the other after %v", bob.shows("Hello from Ann"))
	ann.shows("Hello from Ann")

	var created row
	if status := s.call("POST", "/items/messages", editorToken, map[string]string{"text": "Hello from curl", "user": "curl"}, &created); status != http.StatusOK {
		t.Fatalf("POST answered %d", status)
	}
	t.Logf("created over REST, seen in a tab after %v", ann.shows("Hello from curl"))
	bob.shows("Hello from curl")

	bob.click(button(created.ID, "edit"))
	bob.typeInto("#edit-text", "Edited by Bob")
	bob.click("#edit-save")
	t.Logf("edited in one tab, seen in the other after %v", ann.shows("Edited by Bob"))
	ann.until("the old text gone", "!"+has("Hello from curl"))

	if status := s.call("PATCH", "/items/messages/"+created.ID, editorToken, map[string]string{"text": "Edited by curl"}, nil); status != http.StatusOK {
		t.Fatalf("PATCH answered %d", status)
	}
	bob.shows("Edited by curl")

	ann.click(button(created.ID, "delete"))
	ann.confirmDelete()
	t.Logf("deleted in one tab, gone in the other after %v", bob.until("the row gone", "!"+has("Edited by curl")))
	if status := s.call("GET", "/items/messages/"+created.ID, editorToken, nil, nil); status != http.StatusForbidden {
		t.Errorf("GET of the deleted item answered %d, want 403", status)
	}
	agree(t, s, ann, bob)
}

// button selects a button on a row.
func button(key, action string) string {
	return fmt.Sprintf(`#messages [data-key="%s"] [data-action="%s"]`, key, action)
}

// confirmDelete answers the question that a delete asks.
func (p *tab) confirmDelete() {
	p.t.Helper()
	p.click("#delete-confirm")
}

// agree checks that every tab shows exactly what the server's query returns.
func agree(t *testing.T, s *server, tabs ...*tab) {
	t.Helper()
	want := s.rows()
	for _, p := range tabs {
		p.until("all rows", fmt.Sprintf(`JSON.parse(window.leveret.rows()).length === %d`, len(want)))
		got := p.pageRows()
		for i := range want {
			if show(got[i]) != show(want[i]) {
				t.Errorf("tab %s, row %d:\n got %s\nwant %s", p.name, i, show(got[i]), show(want[i]))
			}
		}
	}
}

func show(r row) string {
	text := func(s *string) string {
		if s == nil {
			return "null"
		}
		return fmt.Sprintf("%q", *s)
	}
	return fmt.Sprint(r.ID, " ", text(r.Text), " ", text(r.User), " ", text(r.Status), " ", text(r.DateCreated), " ", text(r.DateUpdated))
}

// What people write is text, whatever it looks like.
func TestHostileTextIsShownAsText(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "reader", s.url)
	p.live()
	for _, text := range []string{
		`<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>`,
		"right\u202eto left", "👩‍👩‍👧‍👦 and \u0000 and \u001e", `"quotes" & 'more' \ {{ }} ${x}`,
	} {
		if status := s.call("POST", "/items/messages", editorToken, map[string]string{"text": text}, nil); status != http.StatusOK {
			t.Fatalf("%q: POST answered %d", text, status)
		}
		p.shows(text)
	}
	if title := eval[string](p, "document.title"); title == "hacked" {
		t.Error("a message ran as a script")
	}
	agree(t, s, p)
}

// The read form shows the answer to each way of asking.
func TestReadForm(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "reader", s.url)
	p.live()
	newest := s.rows()[0]

	p.click("#read-latest")
	p.until("the latest item", fmt.Sprintf(`document.querySelector('#read-answer').textContent.includes(%s)`, quote(newest.ID)))

	p.click("#read-by-id")
	p.typeInto("#read-id", newest.ID)
	p.click("#read-send")
	p.until("the item", fmt.Sprintf(`document.querySelector('#read-answer').textContent.includes(%s)`, quote(newest.ID)))

	p.click("#read-by-query")
	p.typeInto("#read-filter", `{"text":{"_eq":"nothing like it"}}`)
	p.typeInto("#read-fields", "id,text")
	p.click("#read-send")
	p.until("an empty answer", `document.querySelector('#read-answer').textContent.trim() === '[]'`)

	p.typeInto("#read-filter", `{"nope":{"_eq":1}}`)
	p.click("#read-send")
	p.until("the refusal with its code", `document.querySelector('#read-answer').textContent.includes('FORBIDDEN')`)
	p.live()
}

// A server that goes away politely is named as the cause, and comes back.
func TestRestart(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "reader", s.url)
	p.live()
	took, err := s.stop()
	if err != nil {
		t.Errorf("the server ended with %v, want a clean exit", err)
	}
	t.Logf("the server stopped in %v", took)
	p.until("offline", `['waiting','dialing'].includes(document.querySelector('#pill').dataset.state)`)
	s.start()
	s.call("POST", "/items/messages", editorToken, map[string]string{"text": "while you were away"}, nil)
	p.live()
	p.shows("while you were away")
	agree(t, s, p)
}

// Signed out, a person may sign in again in each of the three ways.
func TestSigningInAndOut(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "person", s.url)
	p.live()

	p.click("#sign-out")
	p.until("the sign-in form", `document.querySelector('#sign-in')`)
	p.click("#sign-in-by-email")
	p.typeInto("#sign-in-email", "reader@example.com")
	p.typeInto("#sign-in-password", "wrong")
	p.click("#sign-in-send")
	p.until("the refusal", `document.querySelector('#sign-in-error')?.textContent.trim()`)
	p.typeInto("#sign-in-password", "reader-demo")
	p.click("#sign-in-send")
	p.live()

	p.click("#sign-out")
	p.click("#sign-in-by-token")
	p.typeInto("#sign-in-token", "editor-demo-token")
	p.click("#sign-in-send")
	p.live()
	p.typeInto("#create-text", "Signed in by token")
	p.press("Enter")
	p.shows("Signed in by token")

	if address := eval[string](p, "location.href"); address != s.url+"/" {
		t.Errorf("the address is %s: it must hold nothing of the sign-in", address)
	}
}

// Where nothing tells the page its backend, it asks for the URL; pointed at a
// Directus on another origin that allows it, the same page works.
func TestStaticHosting(t *testing.T) {
	site := startStaticSite(t)
	s := startServer(t, "CORS_ENABLED=true", "CORS_ORIGIN="+site)
	p := openTab(t, "person", site)
	p.until("the sign-in form", `document.querySelector('#sign-in-url')`)
	p.typeInto("#sign-in-url", s.url)
	p.click("#sign-in-by-token")
	p.typeInto("#sign-in-token", editorToken)
	p.click("#sign-in-send")
	p.live()
	agree(t, s, p)
}

// In every mode of authentication the page opens signed in and live.
func TestModes(t *testing.T) {
	for _, mode := range []string{"strict", "public"} {
		t.Run(mode, func(t *testing.T) {
			s := startServer(t, "WEBSOCKETS_REST_AUTH="+mode)
			p := openTab(t, mode, s.url)
			p.live()
			p.typeInto("#create-text", "Hello in mode "+mode)
			p.press("Enter")
			p.shows("Hello in mode " + mode)
			agree(t, s, p)
		})
	}
}

// The page runs under its Content-Security-Policy without a complaint.
func TestNothingInTheConsole(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "quiet", "about:blank")
	messages := chromedp.Console(p.ctx)
	p.open(s.url)
	p.live()
	p.typeInto("#create-text", "Quietly")
	p.press("Enter")
	p.shows("Quietly")
	eval[bool](p, `(console.log('the end of the test'), true)`)
	for m, err := range messages {
		if err != nil {
			t.Fatal(err)
		}
		if m.Text == "the end of the test" {
			return
		}
		if m.IsException() || m.Type == "error" || m.Type == "warning" {
			t.Errorf("console: %s", m)
		}
	}
}
