package e2e

import (
	"fmt"
	"testing"
	"time"
)

// watchFrames looks at the list in every frame, as a person would see it: what is
// in the document when the browser is about to paint, and after it has. It keeps
// what was shown twice, in the list or both in the list and on its way.
const watchFrames = `(() => {
	window.twice = []
	window.frames_seen = 0
	const look = () => {
		window.frames_seen++
		const seen = new Set()
		for (const e of document.querySelectorAll('#messages [data-key], #outbox [data-sending]')) {
			const key = e.dataset.key || e.dataset.sending
			if (seen.has(key)) window.twice.push(key)
			seen.add(key)
		}
	}
	const frame = () => { look(); setTimeout(look); requestAnimationFrame(frame) }
	requestAnimationFrame(frame)
	return true
})()`

// In no painted frame does a row appear twice, however its own event and the
// answer to its create follow each other.
func TestNoRowIsPaintedTwice(t *testing.T) {
	const each = 100
	s := startServer(t)
	ann := openTab(t, "ann", s.url)
	bob := openTab(t, "bob", s.url)
	for _, p := range []*tab{ann, bob} {
		p.live()
		eval[bool](p, watchFrames)
	}
	for range each / 10 { // in bursts, so that the frames between them are many
		eval[bool](ann, fmt.Sprintf(burst, 10, quote("ann")))
		eval[bool](bob, fmt.Sprintf(burst, 10, quote("bob")))
	}
	for _, p := range []*tab{ann, bob} {
		p.until("all its writes acknowledged", fmt.Sprintf(`window.leveret.acknowledged() === %d`, each))
		p.until("an empty outbox", `!document.querySelector('#outbox')`)
	}
	agree(t, s, ann, bob)
	for _, p := range []*tab{ann, bob} {
		if twice := eval[[]string](p, `window.twice`); len(twice) > 0 {
			t.Errorf("tab %s showed rows twice: %v", p.name, twice)
		}
		if n := eval[int](p, `window.frames_seen`); n < 10 {
			t.Errorf("tab %s painted %d frames only: the test shows nothing", p.name, n)
		}
	}
}

// With 10,000 rows, and 200 changes a second, the page still takes what is typed.
// How long its tasks last is printed, not asserted.
func TestManyRowsAndManyChanges(t *testing.T) {
	const all, changes = 9900, 600 // 10,000 is the most that is compared after an outage
	s := startServer(t)
	items := make([]map[string]string, all)
	for i := range items {
		items[i] = map[string]string{"text": fmt.Sprint("row ", i), "user": "loader"}
	}
	var made []row
	if status := s.call("POST", "/items/messages?fields=id", adminToken, items, &made); status != 200 {
		t.Fatalf("POST answered %d", status)
	}
	p := openTab(t, "busy", s.url)
	p.live()
	p.until("all rows", fmt.Sprintf(`document.querySelector('#count').dataset.count >= %d`, all))
	if drawn := eval[int](p, `document.querySelectorAll('#messages [data-key]').length`); drawn > 100 {
		t.Errorf("%d rows are in the document", drawn)
	}
	eval[bool](p, `(() => {
		window.longest = 0
		new PerformanceObserver(list => { for (const e of list.getEntries()) window.longest = Math.max(window.longest, e.duration) })
			.observe({type: 'longtask'})
		return true
	})()`)

	finished := make(chan error, 1)
	began := time.Now()
	go func() {
		for i := range changes {
			status, err := s.tryCall("PATCH", "/items/messages/"+made[i%len(made)].ID, adminToken, map[string]string{"text": fmt.Sprint("changed ", i)}, nil)
			if err == nil && status != 200 {
				err = fmt.Errorf("PATCH answered %d", status)
			}
			if err != nil {
				finished <- err
				return
			}
			time.Sleep(time.Until(began.Add(time.Duration(i) * 5 * time.Millisecond)))
		}
		finished <- nil
	}()
	p.typeInto("#create-text", "typed meanwhile")
	p.click("#create-send")
	t.Logf("sent and seen in the midst of it after %v", p.shows("typed meanwhile"))
	if err := <-finished; err != nil {
		t.Fatal(err)
	}
	p.until("the last change", fmt.Sprintf(`window.leveret.rows().includes('"changed %d"')`, changes-1))
	t.Logf("%d changes in %v; the longest task of the page took %.0f ms", changes, time.Since(began).Round(time.Millisecond), eval[float64](p, `window.longest`))
	agree(t, s, p)
}

// Refused as too many, creates are repeated until each is done, a few at a time.
func TestTooManyRequests(t *testing.T) {
	const all, limit = 120, 40
	s := startServer(t, "RATE_LIMITER_ENABLED=true", fmt.Sprint("RATE_LIMITER_POINTS=", limit))
	p := openTab(t, "eager", s.url)
	p.live()
	eval[bool](p, `(() => {
		window.sent = 0
		const send = WebSocket.prototype.send
		WebSocket.prototype.send = function (frame) {
			if (frame.includes('"create"')) window.sent++
			return send.call(this, frame)
		}
		return true
	})()`)
	eval[bool](p, fmt.Sprintf(burst, all, quote("eager")))
	took := p.until("all writes acknowledged", fmt.Sprintf(`window.leveret.acknowledged() === %d`, all))
	sent := eval[int](p, `window.sent`)
	t.Logf("%d creates at %d messages a second took %v and %d frames", all, limit, took.Round(time.Millisecond), sent)
	if sent <= all {
		t.Error("nothing was refused: the test shows nothing")
	}
	if sent > 4*all {
		t.Errorf("%d frames for %d creates", sent, all)
	}
	agree(t, s, p)
}
