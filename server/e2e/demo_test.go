package e2e

import (
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"leveret/server/fileserver"
)

// A demo is a page under /demo/ that embeds the module.
type demo struct {
	name string // of its file, without .html
	live string // the condition that it is connected and has subscribed
	list string // selects what it shows of messages
}

var demos = []demo{
	{"plain", `document.querySelector('#state').textContent === 'live' && document.querySelector('#messages li')`, "#messages li"},
	{"sample", `document.querySelector('#log').textContent.includes('"init"')`, "#log li"},
	{"importmap", `document.querySelector('#state').textContent === 'open' && document.querySelector('#log').textContent.includes('init')`, "#log li"},
}

// showsIn waits until something that the selector matches has the text.
func (p *tab) showsIn(selector, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s with %q", selector, text),
		fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.textContent.includes(%s))`, quote(selector), quote(text)))
}

// complaints returns what a tab's console had to complain of until now, which
// includes what the Content-Security-Policy refused.
func (p *tab) complaints(messages iter.Seq2[chromedp.ConsoleMessage, error]) []string {
	p.t.Helper()
	const end = "the end of the test"
	eval[bool](p, fmt.Sprintf(`(console.log(%s), true)`, quote(end)))
	var complaints []string
	for m, err := range messages {
		if err != nil {
			p.t.Fatal(err)
		}
		if m.Text == end {
			break
		}
		if m.IsException() || m.Type == "error" || m.Type == "warning" {
			complaints = append(complaints, m.String())
		}
	}
	return complaints
}

// Each demo goes live under its Content-Security-Policy and shows what others write,
// on a phone too, and its console stays silent.
func TestDemos(t *testing.T) {
	s := startServer(t)
	for _, d := range demos {
		t.Run(d.name, func(t *testing.T) {
			p := openTab(t, d.name, "about:blank")
			messages := chromedp.Console(p.ctx)
			p.look(390, 844, "light")
			p.open(s.url + "/demo/" + d.name + ".html")
			p.until("the demo to be connected", d.live)

			var made row
			if status := s.call("POST", "/items/messages", editorToken, map[string]string{"text": "Made for " + d.name, "user": "curl"}, &made); status != http.StatusOK {
				t.Fatalf("POST answered %d", status)
			}
			if d.name != "sample" { // which asks for updates only
				p.showsIn(d.list, "Made for "+d.name)
			}
			s.call("PATCH", "/items/messages/"+made.ID, editorToken, map[string]string{"text": "Edited for " + d.name}, nil)
			p.showsIn(d.list, "Edited for "+d.name)

			for _, shown := range []string{"createDirectus", "for await"} {
				p.showsIn("[data-shows=script]", shown)
			}
			p.picture("demo-" + d.name)
			for _, complaint := range p.complaints(messages) {
				t.Errorf("console: %s", complaint)
			}
		})
	}
}

// The demo of ten lines follows every kind of change, and a lost connection.
func TestDemoFollows(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "plain", s.url+"/demo/plain.html")
	p.until("the demo to be connected", demos[0].live)
	texts := func() []string {
		return eval[[]string](p, `[...document.querySelectorAll('#messages li')].map(e => e.textContent)`)
	}
	agrees := func(what string) {
		t.Helper()
		var want []string
		for _, r := range s.rows() {
			user := "somebody"
			if r.User != nil {
				user = *r.User
			}
			want = append(want, user+": "+*r.Text)
		}
		p.until(what, fmt.Sprintf(`JSON.stringify([...document.querySelectorAll('#messages li')].map(e => e.textContent)) === JSON.stringify(%s)`, quoteAll(want)))
	}
	agrees("the messages that were there")

	var one row
	s.call("POST", "/items/messages", editorToken, map[string]string{"text": "one"}, &one)
	agrees("a message without a user")
	if first := texts()[0]; first != "somebody: one" {
		t.Errorf("the newest comes first: %q", first)
	}
	s.call("DELETE", "/items/messages/"+one.ID, adminToken, nil, nil)
	agrees("one message less")

	s.kill()
	p.until("the loss to be shown", `document.querySelector('#state').textContent !== 'live'`)
	s.start()
	s.call("POST", "/items/messages", editorToken, map[string]string{"text": "while it was away", "user": "curl"}, nil)
	agrees("what changed meanwhile")
	p.until("the demo to be connected again", demos[0].live)
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// The list of demos leads to each, also for who has been on the start page, whose
// service worker then stands between.
func TestListOfDemos(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "visitor", s.url)
	p.live()
	p.until("the service worker", `navigator.serviceWorker.controller`)
	messages := chromedp.Console(p.ctx)
	for _, d := range demos {
		p.open(s.url + "/demo/")
		p.click(fmt.Sprintf(`.demos a[href="%s.html"]`, d.name))
		p.until("the demo "+d.name, fmt.Sprintf(`location.pathname === '/demo/%s.html' && document.readyState === 'complete'`, d.name))
		p.until("the demo to be connected", d.live)
	}
	p.open(s.url + "/demo/")
	if n := eval[int](p, `document.querySelectorAll('.demos a').length`); n != len(demos) {
		t.Errorf("%d demos are listed, and %d tested", n, len(demos))
	}
	p.picture("demo")
	for _, complaint := range p.complaints(messages) {
		t.Errorf("console: %s", complaint)
	}
}

// A script that was put into a page after the site was built does not run; those
// that were in it then do.
func TestNoScriptButThoseOfTheBuild(t *testing.T) {
	site := t.TempDir()
	if err := os.CopyFS(site, os.DirFS("../../web/dist")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(site, "demo", "plain.html")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := strings.Replace(string(page), "</main>", "</main><script>window.sneaked = 'in'</script>", 1)
	if err := os.WriteFile(path, []byte(spoiled), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{".br", ".gz"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, "--site="+site)
	p := openTab(t, "spoiled", "about:blank")
	messages := chromedp.Console(p.ctx)
	p.open(s.url + "/demo/plain.html")
	p.until("the demo to be connected", demos[0].live)
	if eval[bool](p, `window.sneaked !== undefined`) {
		t.Error("the script that was put in ran")
	}
	complaints := p.complaints(messages)
	if len(complaints) != 1 || !strings.Contains(complaints[0], "Content Security Policy") {
		t.Errorf("the browser complains of %q, want the one script", complaints)
	}

	// Without the list nothing that is written in a page runs.
	if err := os.Remove(filepath.Join(site, fileserver.InlineScriptsName)); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, "--site="+site)
	p = openTab(t, "without the list", "about:blank")
	messages = chromedp.Console(p.ctx)
	p.open(s.url + "/demo/plain.html")
	if complaints := p.complaints(messages); len(complaints) != 2 {
		t.Errorf("the browser complains of %q, want both scripts", complaints)
	}
}
