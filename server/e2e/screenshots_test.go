package e2e

import (
	"fmt"
	"testing"
)

// The page as a person sees it, in all four combinations. The pictures are for
// looking at; the test fails when there is nothing to look at.
func TestScreenshots(t *testing.T) {
	s := startServer(t)
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"wide", 1280, 800}, {"phone", 390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(size.name+"-"+scheme, func(t *testing.T) {
				p := openTab(t, size.name, "about:blank")
				p.look(size.width, size.height, scheme)
				p.open(s.url)
				p.live()
				p.until("rows", `document.querySelectorAll('#messages [data-key]').length > 0`)
				if state := eval[string](p, `document.querySelector('#pill').textContent`); state != "Live" {
					t.Errorf("the pill says %q, want Live", state)
				}
				if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > int(size.width) {
					t.Errorf("the page is %d px wide in a window of %d: it scrolls sideways", wide, size.width)
				}
				t.Log(p.screenshot(fmt.Sprintf("page-%s-%s", size.name, scheme)))
			})
		}
	}
}

// At 320 px, the narrowest that people use, nothing scrolls sideways either.
func TestNarrowest(t *testing.T) {
	s := startServer(t)
	p := openTab(t, "narrow", "about:blank")
	p.look(320, 640, "light")
	p.open(s.url)
	p.live()
	if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 320 {
		t.Errorf("the page is %d px wide in a window of 320", wide)
	}
}
