package ui

import (
	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

// rail is where one goes, the connection, and who is signed in: at the side of a
// wide screen, at the top and the bottom of a small one.
type rail struct {
	app.Compo

	Page     *Page
	Pill     state.Pill
	Open     bool
	Session  state.Session
	View     state.View
	Theme    state.Theme
	Starting bool
}

func (r *rail) Render() app.UI {
	p := r.Page
	return el("div.rail").Body(
		el("div.brand").Body(mark(), el("span.brand-name").Text("Leveret")),
		el("nav.places[aria-label=Pages]").Body(
			r.place(state.ViewMessages, "Messages", iconMessages),
			r.place(state.ViewRead, "Read", iconRead),
		),
		el("div.rail-tools").Body(
			el("button#theme[type=button].icon-button").
				Aria("label", "Theme: "+string(r.Theme)).Title("Theme: "+string(r.Theme)).
				OnClick(p.does(state.NextTheme{})).Body(icon(themeIcon(r.Theme))),
			el("button#help[type=button].icon-button[aria-label=Keyboard shortcuts][title=Keyboard shortcuts (?)]").OnClick(p.does(state.OpenHelp{})).Body(icon(iconHelp)),
		),
		el("div.rail-foot").Body(
			el("div.pill-place").Body(
				el("button#pill[type=button].pill").DataSet("state", string(r.Pill.State)).
					Title(r.Pill.Cause).Aria("expanded", r.Open).Aria("controls", "pill-details").
					OnClick(p.does(state.TogglePill{})).Body(
					el("span.dot"),
					el("span.pill-word").Text(r.Pill.Word),
					app.If(r.Pill.Short != "", func() app.UI {
						return el("span.pill-short").Text(r.Pill.Short)
					}),
				),
				app.If(r.Open, func() app.UI { return r.renderDetails() }),
			),
			el("div.person").Body(
				el("div.person-names").Body(
					el("span.person-name").Title(r.Session.Person()).Text(r.personName()),
					el("span.person-host").Title(r.Session.URL).Text(r.Session.Host()),
				),
				el("button#sign-out[type=button].icon-button[aria-label=Sign out][title=Sign out]").
					OnClick(p.does(state.SignOut{})).Body(icon(iconOut)),
			),
		),
	)
}

func (r *rail) personName() string {
	if r.Starting {
		return "\u00a0"
	}
	return r.Session.Person()
}

func (r *rail) place(view state.View, label, picture string) app.UI {
	current := r.View == view
	b := el("button[type=button].place").Class(when(current, "current")).ID("view-"+string(view)).
		OnClick(r.Page.goTo(view), app.EventScope(string(view))).
		Body(icon(picture), el("span.place-name").Text(label))
	if current {
		b.Aria("current", "page")
	}
	return b
}

// goTo shows a part of the page; on a wide screen, where all are shown, it goes
// to that part's first field.
func (p *Page) goTo(view state.View) app.EventHandler {
	return func(ctx app.Context, e app.Event) {
		p.apply(state.ChooseView{View: view})
		if wide := app.Window().Call("matchMedia", "(min-width: 1100px)"); view == state.ViewRead && wide.Get("matches").Bool() {
			p.run(state.Focus{ID: "read-send"})
		}
	}
}

func (r *rail) renderDetails() app.UI {
	return el("div#pill-details.pill-details").Body(
		el("p.pill-title").Text(r.Pill.Word),
		el("p").Text(r.Pill.Cause),
		el("p.muted").Text(r.Session.URL),
		el("div.pill-actions").Body(
			app.If(r.Pill.State == state.Waiting || r.Pill.State == state.Closed, func() app.UI {
				return el("button[type=button].quiet").Text("Retry now").OnClick(r.Page.does(state.RetryNow{}))
			}),
			el("button[type=button].quiet").Text("Close").OnClick(r.Page.does(state.TogglePill{})),
		),
	)
}

func themeIcon(theme state.Theme) string {
	switch theme {
	case state.ThemeLight:
		return iconLight
	case state.ThemeDark:
		return iconDark
	}
	return iconSystem
}
