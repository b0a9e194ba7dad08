package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// press presses a key as the keyboard does: one event that a page may prevent.
func (p *tab) press(key string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	params := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key}
	switch {
	case key == "Enter":
		params.Code, params.Text, params.WindowsVirtualKeyCode = key, "\r", 13
	case key == "Tab":
		params.Code, params.WindowsVirtualKeyCode = key, 9
	case key == "Escape":
		params.Code, params.WindowsVirtualKeyCode = key, 27
	case len(key) == 1:
		params.Text = key
	}
	for _, modifier := range modifiers {
		params.Modifiers |= int64(modifier)
	}
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, params); err != nil {
			return err
		}
		params.Type, params.Text = input.DispatchKeyEventTypeKeyUp, ""
		_, err := chromedp.Call(ctx, input.DispatchKeyEvent, params)
		return err
	}))
}

// focused waits until the focus is on the element.
func (p *tab) focused(selector string) {
	p.t.Helper()
	p.until("the focus on "+selector, fmt.Sprintf(`document.activeElement?.matches(%s)`, quote(selector)))
}

// Everything can be done from the keyboard.
func TestKeyboard(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "typist", s.url)
	p.live()

	p.press("n")
	p.focused("#create-text")
	p.press("a")
	p.press("Enter", chromedp.ModifierShift)
	p.press("b")
	p.press("Enter")
	p.shows("a\nb")
	if left := eval[string](p, `document.querySelector('#create-text').value`); left != "" {
		t.Errorf("after sending, %q is left in the field", left)
	}
	p.press("Enter")
	p.says("#create-error", "Write something first")
	p.press("Escape")
	p.focused("body")

	p.press("/")
	p.focused("#search")
	p.press("b")
	p.until("the list narrowed", `document.querySelector('#count').textContent.includes(' of ')`)
	p.press("Escape")
	p.until("the search cleared", `document.querySelector('#search').value === '' && !document.querySelector('#count').textContent.includes(' of ')`)
	p.press("Escape")

	p.press("?")
	p.focused("#help-close")
	p.press("Escape")
	p.until("the help closed", `!document.querySelector('#dialog').open`)

	eval[bool](p, `(document.querySelector('#messages [tabindex="0"]').focus(), true)`)
	p.press("ArrowDown")
	p.focused("#messages li:nth-child(2)")
	if shadow := eval[string](p, `getComputedStyle(document.activeElement).outlineStyle`); shadow != "solid" {
		t.Errorf("the focus on a row is not visible: outline %s", shadow)
	}
	p.press("ArrowUp")
	p.focused("#messages li:nth-child(1)")
	p.press("End")
	p.focused("#messages li:last-child")
	p.press("Home")
	p.press("Enter")
	p.focused("#edit-text")
	p.press("Escape")
	p.until("the edit dialog closed", `!document.querySelector('#dialog').open`)
	p.focused("#messages li:nth-child(1)")
	p.press("Delete")
	p.focused("#delete-confirm")
	p.press("Enter")
	p.until("the row gone", "!"+has("a\nb"))

	p.press("p")
	p.until("paused", `document.querySelector('#pause').getAttribute('aria-pressed') === 'true'`)
	p.press("p")
	p.until("going on", `document.querySelector('#pause').getAttribute('aria-pressed') === 'false'`)

	// A password manager fills in forms with events that only look like keys.
	eval[bool](p, `(document.querySelector('#search').dispatchEvent(new Event('keydown', {bubbles: true})),
		document.querySelector('#messages li').dispatchEvent(new Event('click', {bubbles: true})), true)`)
	p.typeInto("#create-text", "still alive")
	p.press("Enter")
	p.shows("still alive")
}

// Tab reaches every part of the page in the order in which it is read, and each
// stop shows that it has the focus.
func TestFocusOrder(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "typist", s.url)
	p.live()
	p.until("rows", `document.querySelector('#messages li')`)
	var stops []string
	for range 20 {
		p.press("Tab")
		stop := eval[string](p, `(e => e.id || e.dataset.action || (e.matches('li') ? 'row' : e.tagName))(document.activeElement)`)
		if stop == "BODY" {
			break
		}
		stops = append(stops, stop)
		if !eval[bool](p, `(e => (e.matches('input[type=radio]') ? getComputedStyle(e.nextElementSibling) : getComputedStyle(e)).outlineStyle === 'solid')(document.activeElement)`) {
			t.Errorf("the focus on %s is not visible", stop)
		}
	}
	want := "[view-messages view-read theme help pill sign-out search pause create-user create-text create-send row edit delete read-latest read-send]"
	if got := fmt.Sprint(stops); got != want {
		t.Errorf("Tab goes\n%s, want\n%s", got, want)
	}
}

// New rows are announced together, and what moves stands still for who asks.
func TestAnnouncementsAndReducedMotion(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "listener", s.url)
	p.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
	p.live()
	eval[bool](p, `(() => {
		window.said = []
		new MutationObserver(() => window.said.push(document.querySelector('#announcer').textContent))
			.observe(document.querySelector('#announcer'), {childList: true, characterData: true, subtree: true})
		window.moved = 0
		const look = () => { window.moved += document.getAnimations().length; requestAnimationFrame(look) }
		look()
		return true
	})()`)
	const made = 40
	for i := range made {
		s.call("POST", "/items/messages", editorToken, map[string]string{"text": fmt.Sprint("row ", i)}, nil)
		time.Sleep(5 * time.Millisecond)
	}
	p.until("all rows announced", fmt.Sprintf(`window.said.reduce((n, text) => n + (Number(/^(\d+) new message/.exec(text)?.[1]) || 0), 0) === %d`, made))
	if said := eval[[]string](p, `window.said`); len(said) > 4 {
		t.Errorf("%d rows were announced one by one: %q", made, said)
	}
	if moved := eval[int](p, `window.moved`); moved != 0 {
		t.Errorf("%d animations ran", moved)
	}
}
