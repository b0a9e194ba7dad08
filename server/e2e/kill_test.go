package e2e

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// burst submits the create form n times in one turn of the page's event loop.
const burst = `(() => {
	const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set
	const field = document.querySelector('#create-text')
	for (let i = 0; i < %d; i++) {
		set.call(field, %s + ' ' + i)
		field.dispatchEvent(new Event('input', {bubbles: true}))
		field.form.requestSubmit()
	}
	return true
})()`

// The server is killed while two tabs write, and started again: every row that
// was acknowledged is there exactly once, every row that was not yet is there
// exactly once too, since its key was made by the page and the page repeats it,
// and both tabs show what the server has.
func TestKilledWhileTwoTabsWrite(t *testing.T) {
	each := 300
	if os.Getenv("LEVERET_SOAK") != "" {
		each = 1000
	}
	s := startServer(t)
	ann := openTab(t, "ann", s.url)
	bob := openTab(t, "bob", s.url)
	ann.live()
	bob.live()
	before := len(s.rows())

	eval[bool](ann, fmt.Sprintf(burst, each/2, quote("ann")))
	eval[bool](bob, fmt.Sprintf(burst, each/2, quote("bob")))
	for len(s.rows()) < before+20 { // the pages are too busy to be asked
	}
	// On a slow machine all would be acknowledged before the kill: the rest is
	// written to a server that stands still, goes on for a moment, and dies in the
	// middle of its work.
	s.cmd.Process.Signal(syscall.SIGSTOP)
	eval[bool](ann, fmt.Sprintf(burst, each/2, quote("ann late")))
	eval[bool](bob, fmt.Sprintf(burst, each/2, quote("bob late")))
	s.cmd.Process.Signal(syscall.SIGCONT)
	time.Sleep(5 * time.Millisecond) // a process works in real time
	s.kill()
	acknowledged := [2]int{eval[int](ann, `window.leveret.acknowledged()`), eval[int](bob, `window.leveret.acknowledged()`)}
	unacknowledged := 2*each - acknowledged[0] - acknowledged[1]
	t.Logf("killed with %d + %d writes acknowledged and %d not", acknowledged[0], acknowledged[1], unacknowledged)
	if unacknowledged < 20 {
		t.Errorf("only %d writes were unacknowledged at the kill: the test shows nothing", unacknowledged)
	}

	began := time.Now()
	s.start()
	for _, p := range []*tab{ann, bob} {
		p.live()
		p.until("all its writes acknowledged", fmt.Sprintf(`window.leveret.acknowledged() === %d`, each))
	}
	t.Logf("both tabs were live with all writes acknowledged %v after the start", time.Since(began))

	count := map[string]int{}
	rows := s.rows()
	for _, r := range rows {
		if r.Text != nil {
			count[*r.Text]++
		}
	}
	for _, who := range []string{"ann", "bob", "ann late", "bob late"} {
		for i := range each / 2 {
			if text := fmt.Sprintf("%s %d", who, i); count[text] != 1 {
				t.Errorf("%q is in the database %d times", text, count[text])
			}
		}
	}
	if want := before + 2*each; len(rows) != want {
		t.Errorf("the database holds %d rows, want %d", len(rows), want)
	}
	agree(t, s, ann, bob)
}
