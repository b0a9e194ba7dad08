// Package ui draws what package state says.
//
// One component, [Page], owns the model. It hands each part of the screen a
// component with just what that part shows: go-app draws a component again only
// when one of its exported fields has changed, and the model's slices are never
// changed in place, so comparing them is cheap.
//
// Two rules come from the page's Content-Security-Policy and from go-app: no
// style attributes (classes, and heights set through the CSSOM), and no flat
// lists (go-app compares children by position, so a list is drawn as a window of
// rows).
//
// # Hooks
//
// Tests and scripts may rely on these; nothing else of the markup is stable.
//
//	#pill[data-state]        the connection: idle, dialing, authenticating, resyncing,
//	                         live, waiting, needs-auth, closed
//	#messages                the list; [data-key=<id>] is a row, with .row-text,
//	                         [data-action=edit] and [data-action=delete]
//	                         (only rows near the viewport are in the document)
//	#count[data-count=n]     how many rows there are, drawn or not, before the search
//	#search                  the field that narrows the list by text
//	#create-form             with #create-text, #create-user, #create-send; each submit
//	                         sends what #create-text holds, however fast they follow
//	#outbox                  [data-sending=<id>] is a message on its way; [data-refused]
//	                         marks one that was refused, with [data-action=retry|discard]
//	#edit-form               with #edit-text, #edit-save, #edit-cancel
//	#delete-form             asks before a delete: #delete-confirm, #delete-cancel
//	#read-form               with #read-latest (which asks at once), #read-by-id and
//	                         #read-by-query; #read-id, #read-filter, #read-sort,
//	                         #read-limit, #read-fields, #read-send; the answer, or the
//	                         refusal with its code, is in #read-answer, a field that is
//	                         filled in wrongly in #read-error
//	#sign-in                 the form: #sign-in-by-email, -token, -guest, #sign-in-url,
//	                         #sign-in-mode, #sign-in-email, #sign-in-password,
//	                         #sign-in-token, #sign-in-send; a refusal in #sign-in-error
//	                         #sign-in-unsent says that messages wait for the same account
//	#leave-form              asks before signing out loses what is not sent: #leave-stay,
//	                         #leave-confirm
//	#sign-out, #theme, #help, #pause, #retry-now, #banner, #announcer
package ui

import (
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

// A Runtime carries out what the model asks for. Its methods never block.
type Runtime interface {
	// Start gives the runtime the way to tell the model what happened, from any
	// goroutine.
	Start(send func(state.Msg))
	// Run carries out a command.
	Run(state.Cmd)
	// NewKey returns a fresh UUID.
	NewKey() string
}

// Page is the whole screen.
type Page struct {
	app.Compo

	runtime Runtime
	model   state.Model
	ctx     app.Context
	stale   map[state.Field]bool // inputs that the model changed by itself
	opened  state.DialogKind     // which dialog the document shows
}

// NewPage returns a page that runs on that runtime; nil draws only the shell.
func NewPage(runtime Runtime) *Page {
	return &Page{runtime: runtime, model: state.New(), stale: map[state.Field]bool{}}
}

// Model returns what is shown. It is for the goroutine that draws.
func (p *Page) Model() state.Model { return p.model }

// OnMount starts the runtime.
func (p *Page) OnMount(ctx app.Context) {
	p.ctx = ctx
	p.listenToKeys()
	p.warnBeforeLeaving()
	if p.runtime == nil {
		return
	}
	p.runtime.Start(p.Send)
	for _, cmd := range state.Init() {
		p.run(cmd)
	}
	p.ticker()
}

// OnAppUpdate is called by go-app when a newer version was fetched.
func (p *Page) OnAppUpdate(ctx app.Context) { p.apply(state.NewVersion{}) }

// Send tells the model what happened, from any goroutine: one call a batch, since
// each may draw the page again.
func (p *Page) Send(msg state.Msg) {
	p.ctx.Dispatch(func(app.Context) { p.apply(msg) })
}

// ticker is the one clock of the page.
func (p *Page) ticker() {
	p.apply(state.Tick{Now: time.Now()})
	p.ctx.After(time.Second, func(app.Context) { p.ticker() })
}

// apply updates the model and runs its commands. It is for the drawing goroutine;
// event handlers call it, and go-app then draws what changed.
func (p *Page) apply(msg state.Msg) {
	before := p.model
	next, cmds := state.Update(p.model, msg)
	p.model = next
	_, byPerson := msg.(state.Typed)
	if !byPerson {
		p.markStale(before, next)
	}
	if next.Dialog.Kind != p.opened {
		p.ctx.Defer(p.showDialog)
	}
	for _, cmd := range cmds {
		p.run(cmd)
	}
}

// run carries out the screen's own commands, and passes the others on.
func (p *Page) run(cmd state.Cmd) {
	switch cmd := cmd.(type) {
	case state.Focus:
		p.ctx.Defer(func(app.Context) { focus(cmd.ID) })
	case state.ApplyTheme:
		root := app.Window().Get("document").Get("documentElement")
		if cmd.Theme == state.ThemeSystem {
			root.Call("removeAttribute", "data-theme")
		} else {
			root.Call("setAttribute", "data-theme", string(cmd.Theme))
		}
	default:
		if p.runtime != nil {
			p.runtime.Run(cmd)
		}
	}
}

func focus(id string) {
	if element := app.Window().GetElementByID(id); element.Truthy() {
		element.Call("focus")
	}
}

// An input is a field with its element and its value in the model.
type input struct {
	field     state.Field
	id, value string
}

func inputs(m state.Model) []input {
	return []input{
		{state.FieldURL, "sign-in-url", m.SignIn.URL},
		{state.FieldEmail, "sign-in-email", m.SignIn.Email},
		{state.FieldPassword, "sign-in-password", m.SignIn.Password},
		{state.FieldToken, "sign-in-token", m.SignIn.Token},
		{state.FieldMode, "sign-in-mode", string(m.SignIn.Mode)},
		{state.FieldText, "create-text", m.Compose.Text},
		{state.FieldUser, "create-user", m.Compose.User},
		{state.FieldSearch, "search", m.List.Search},
		{state.FieldEditText, "edit-text", m.Dialog.Text},
		{state.FieldReadID, "read-id", m.Read.ID},
		{state.FieldReadFilter, "read-filter", m.Read.Filter},
		{state.FieldReadSort, "read-sort", m.Read.Sort},
		{state.FieldReadLimit, "read-limit", m.Read.Limit},
		{state.FieldReadFields, "read-fields", m.Read.Fields},
	}
}

// markStale sets the inputs that the model itself changed: at once, so that a key
// pressed before the next drawing finds what the model holds, and once more after
// it, for those that it brings. go-app leaves an input alone whose value becomes
// empty.
func (p *Page) markStale(before, after state.Model) {
	if before.Compose == after.Compose && before.SignIn == after.SignIn && before.Dialog.Text == after.Dialog.Text &&
		before.List.Search == after.List.Search && before.Read == after.Read {
		return
	}
	was, is := inputs(before), inputs(after)
	for i := range is {
		if was[i] != is[i] {
			p.stale[is[i].field] = true
		}
	}
	if len(p.stale) > 0 {
		p.setStale()
		p.ctx.Defer(func(app.Context) {
			p.setStale()
			clear(p.stale)
		})
	}
}

func (p *Page) setStale() {
	for _, input := range inputs(p.model) {
		if !p.stale[input.field] {
			continue
		}
		element := app.Window().GetElementByID(input.id)
		if element.Truthy() && element.Get("value").String() != input.value {
			element.Set("value", input.value)
		}
	}
}

// typed tells the model that the input with the handler now holds another value.
func (p *Page) typed(field state.Field) app.EventHandler {
	return func(ctx app.Context, e app.Event) {
		p.apply(state.Typed{Field: field, Value: ctx.JSSrc().Get("value").String()})
	}
}

// does makes a handler that tells the model one thing. Handlers made in one place
// look the same to go-app, so give elements that do different things over time an
// app.EventScope.
func (p *Page) does(msg state.Msg) app.EventHandler {
	return func(ctx app.Context, e app.Event) { p.apply(msg) }
}

// submits is does for a form.
func (p *Page) submits(msg state.Msg) app.EventHandler {
	return func(ctx app.Context, e app.Event) {
		e.PreventDefault()
		p.apply(msg)
	}
}

// Render draws the page.
func (p *Page) Render() app.UI {
	m := p.model
	var face app.UI
	switch m.Phase {
	case state.SigningIn:
		face = &signIn{Page: p, Form: m.SignIn, Unsent: m.Unsent()}
	default:
		face = p.renderInside(m)
	}
	return el("div.page").Body(
		// The live region is there before its text: one that comes with its text is
		// not read.
		el("div#announcer.unseen[role=status][aria-live=polite]").Text(m.Announcement),
		face,
		&dialogs{Page: p, Dialog: m.Dialog, Unsent: m.Unsent(), KeysOff: m.KeysOff, Now: m.Now.Truncate(15 * time.Second)},
		el("div.toasts").Body(
			app.If(m.UpdateReady, func() app.UI {
				return el("div.toast").Body(
					el("span").Text("A new version is ready."),
					el("button[type=button].quiet#reload").Text("Reload").OnClick(p.does(state.ReloadPage{})),
				)
			}),
			app.Range(m.Toasts).Slice(func(i int) app.UI {
				t := m.Toasts[i]
				class := "toast"
				if t.Error {
					class += " toast-error"
				}
				return el("div").Class(class).Body(
					el("span").Text(t.Text),
					el("button[type=button].icon-button[aria-label=Dismiss]").
						OnClick(p.does(state.DismissToast{ID: t.ID}), app.EventScope(t.ID)).Body(icon(iconClose)),
				)
			}),
		),
	)
}

func (p *Page) renderInside(m state.Model) app.UI {
	pill := m.Pill()
	all, _ := m.List.Count()
	return el("div.inside").DataSet("view", string(m.View)).Body(
		&rail{Page: p, Pill: pill, Open: m.PillOpen, Session: m.Session, View: m.View, Theme: m.Theme, Starting: m.Phase == state.Starting},
		el("main.content#content").Body(
			el("header.head").Body(
				el("h1").Text("Messages"),
				el("span#count.count").DataSet("count", all).Text(countText(m)),
				el("div.head-tools").Body(
					el("div.search").Body(
						el("label.unseen[for=search]").Text("Search the list by text or user"),
						icon(iconSearch),
						el("input#search[type=search][autocomplete=off][placeholder=Search][aria-keyshortcuts=/]").Attr("value", m.List.Search).OnInput(p.typed(state.FieldSearch)),
					),
					p.renderPause(m.List),
				),
			),
			p.renderBanner(m.Banner()),
			&composer{Page: p, Form: m.Compose, Outbox: m.Outbox, Online: m.Conn.State == state.Live},
			&list{Page: p, List: m.List, Face: m.Face(), Cause: pill.Cause, Now: m.Now.Truncate(15 * time.Second)},
		),
		&reader{Page: p, Form: m.Read},
	)
}

func countText(m state.Model) string {
	if !m.List.Loaded {
		return "\u00a0"
	}
	return m.List.CountText()
}

func (p *Page) renderPause(l state.List) app.UI {
	label, picture, note := "Pause the list", iconPause, ""
	if l.Paused {
		label, picture = "Let the list go on", iconPlay
		if l.Waiting > 0 {
			note = state.Changes(l.Waiting) + " waiting"
		}
	}
	return el("button#pause[type=button].icon-button").Class(when(l.Paused, "pressed")).
		Aria("pressed", l.Paused).Aria("label", label).Title(label).OnClick(p.does(state.TogglePause{})).
		Body(icon(picture), el("span.pause-note").Text(note))
}

func (p *Page) renderBanner(b state.Banner) app.UI {
	return el("div#banner.banner-place").Body(
		app.If(b.Kind != state.NoBanner, func() app.UI {
			return el("div.banner").Class("banner-"+string(b.Kind)).Body(
				el("span").Text(b.Text),
				app.If(b.Kind == state.BannerOffline, func() app.UI {
					return el("button[type=button]#retry-now.quiet").Text("Retry now").OnClick(p.does(state.RetryNow{}))
				}).ElseIf(b.Kind == state.BannerExpired, func() app.UI {
					return el("button[type=button].quiet#sign-in-again").Text("Sign in again").OnClick(p.does(state.SignInAgain{}))
				}),
			)
		}),
	)
}

// when returns the class if the condition holds.
func when(condition bool, class string) string {
	if condition {
		return class
	}
	return ""
}
