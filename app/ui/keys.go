package ui

import (
	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

// listenToKeys serves the shortcuts that work anywhere on the page. Keys in a
// field, and keys with Ctrl, Alt or Meta, are left alone.
func (p *Page) listenToKeys() {
	if app.IsServer {
		return
	}
	// The page lives as long as the program, and so does this function.
	listener := app.FuncOf(func(this app.Value, args []app.Value) any {
		if len(args) > 0 {
			event := app.Event{Value: args[0]}
			p.ctx.Dispatch(func(app.Context) { p.onKey(event) })
		}
		return nil
	})
	app.Window().Call("addEventListener", "keydown", listener)
}

// warnBeforeLeaving makes the browser ask before the page goes while something
// that was written is not sent.
func (p *Page) warnBeforeLeaving() {
	if app.IsServer {
		return
	}
	listener := app.FuncOf(func(this app.Value, args []app.Value) any {
		if len(args) > 0 && p.model.Unsent() > 0 {
			args[0].Call("preventDefault")
		}
		return nil
	})
	app.Window().Call("addEventListener", "beforeunload", listener)
}

func (p *Page) onKey(e app.Event) {
	m := p.model
	// Truthy, not Bool: what fills in forms sends keydown events that have no keys.
	if e.Get("defaultPrevented").Truthy() || e.Get("ctrlKey").Truthy() || e.Get("metaKey").Truthy() || e.Get("altKey").Truthy() ||
		e.Get("isComposing").Truthy() {
		return
	}
	key := e.Get("key").String()
	target := e.Get("target")
	if key == "Escape" {
		p.onEscape(m, target)
		return
	}
	if m.KeysOff || m.Dialog.Kind != state.NoDialog || m.Phase != state.Inside || isField(target) {
		return
	}
	switch key {
	case "/":
		p.showThenFocus("search")
	case "n":
		p.showThenFocus("create-text")
	case "p":
		p.apply(state.TogglePause{})
	case "?":
		p.apply(state.OpenHelp{})
	default:
		return
	}
	e.PreventDefault()
}

func (p *Page) showThenFocus(id string) {
	p.apply(state.ChooseView{View: state.ViewMessages})
	p.run(state.Focus{ID: id})
}

func (p *Page) onEscape(m state.Model, target app.Value) {
	switch {
	case m.Dialog.Kind != state.NoDialog: // the dialog's own cancel event does it
	case m.PillOpen:
		p.apply(state.TogglePill{})
		p.run(state.Focus{ID: "pill"})
	case target.Get("id").String() == "search":
		if m.List.Search != "" {
			p.apply(state.Typed{Field: state.FieldSearch})
			p.stale[state.FieldSearch] = true
			p.setStale()
			return
		}
		target.Call("blur")
	case isField(target):
		target.Call("blur")
	}
}

// isField reports whether keys are typed into the element.
func isField(element app.Value) bool {
	if !element.Truthy() || !element.Get("tagName").Truthy() {
		return false
	}
	switch element.Get("tagName").String() {
	case "TEXTAREA", "SELECT":
		return true
	case "INPUT":
		kind := element.Get("type").String()
		return kind != "radio" && kind != "checkbox"
	}
	return element.Get("isContentEditable").Truthy()
}
