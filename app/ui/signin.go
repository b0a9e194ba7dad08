package ui

import (
	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

// signIn is the sign-in form. Secrets stay in the form: they are never put into
// the page's address.
type signIn struct {
	app.Compo

	Page   *Page
	Form   state.SignInForm
	Unsent int // messages that wait for somebody to sign in
}

func (s *signIn) Render() app.UI {
	p, f := s.Page, s.Form
	return el("main.sign-in-page#content").Body(
		el("form#sign-in.card[novalidate=novalidate]").OnSubmit(p.submits(state.SubmitSignIn{})).Body(
			el("div.brand").Body(mark(), el("span.brand-name").Text("Leveret")),
			el("h1").Text("Sign in to Directus"),
			el("div.tabs[role=tablist][aria-label=Way to sign in]").OnKeyDown(s.onTabKey).Body(
				s.tab(state.TabPassword, "E-mail"),
				s.tab(state.TabToken, "Static token"),
				s.tab(state.TabGuest, "Guest"),
			),
			s.input(state.FieldURL, "Server address", "url", f.URL, "https://cms.example.com", "url"),
			el("div#tab-panel.tab-panel[role=tabpanel]").Aria("labelledby", tabID(f.Tab)).Body(
				app.If(f.Tab == state.TabPassword, func() app.UI {
					return el("div.stack").Body(
						s.input(state.FieldEmail, "E-mail", "email", f.Email, "you@example.com", "username"),
						s.secret(state.FieldPassword, "Password", f.Password, "current-password"),
					)
				}).ElseIf(f.Tab == state.TabToken, func() app.UI {
					return el("div.stack").Body(
						s.secret(state.FieldToken, "Static token", f.Token, "off"),
					)
				}).Else(func() app.UI {
					return el("p.muted.hint").Text("Guests see what the public may see. The server must run in the mode public.")
				}),
			),
			slot(f.Tab != state.TabGuest, func() app.UI { return s.mode() }),
			slot(!f.Failure.IsZero(), func() app.UI {
				return el("p#sign-in-error.error").Text(f.Failure.String())
			}),
			slot(s.Unsent > 0, func() app.UI {
				return el("p#sign-in-unsent.notice").Text(unsent(s.Unsent) + " yet. Sign in with the same account to send what you wrote.")
			}),
			el("button#sign-in-send[type=submit].primary.wide").Text(signInWord(f.Tab)),
		),
	)
}

func signInWord(tab state.Tab) string {
	if tab == state.TabGuest {
		return "Continue as guest"
	}
	return "Sign in"
}

func tabID(tab state.Tab) string {
	if tab == state.TabPassword {
		return "sign-in-by-email"
	}
	return "sign-in-by-" + string(tab)
}

func (s *signIn) tab(tab state.Tab, label string) app.UI {
	selected := s.Form.Tab == tab
	index := -1
	if selected {
		index = 0
	}
	return el("button").ID(tabID(tab)).Attr("type", "button").Role("tab").Class("tab").Class(when(selected, "current")).
		DataSet("tab", string(tab)).Aria("selected", selected).Aria("controls", "tab-panel").TabIndex(index).
		OnClick(s.Page.does(state.ChooseTab{Tab: tab}), app.EventScope(string(tab))).Text(label)
}

// onTabKey moves between the tabs with the arrow keys, as tabs do.
func (s *signIn) onTabKey(ctx app.Context, e app.Event) {
	tabs := []state.Tab{state.TabPassword, state.TabToken, state.TabGuest}
	step := 1
	switch e.Get("key").String() {
	case "ArrowRight":
	case "ArrowLeft":
		step = len(tabs) - 1
	default:
		return
	}
	e.PreventDefault()
	for i, tab := range tabs {
		if tab == s.Form.Tab {
			next := tabs[(i+step)%len(tabs)]
			s.Page.apply(state.ChooseTab{Tab: next})
			s.Page.run(state.Focus{ID: tabID(next)})
			return
		}
	}
}

func (s *signIn) input(field state.Field, label, kind, value, placeholder, autocomplete string) app.UI {
	return labelled("sign-in-"+string(field), label, s.box(field, kind, value, autocomplete).Attr("placeholder", placeholder))
}

func (s *signIn) secret(field state.Field, label, value, autocomplete string) app.UI {
	kind, word := "password", "Show"
	if s.Form.Reveal {
		kind, word = "text", "Hide"
	}
	return labelled("sign-in-"+string(field), label, el("div.secret").Body(
		s.box(field, kind, value, autocomplete),
		el("button[type=button].quiet#sign-in-reveal").Aria("pressed", s.Form.Reveal).
			Aria("label", word+" the "+label).Text(word).OnClick(s.Page.does(state.ToggleReveal{})),
	))
}

// box is the input itself.
func (s *signIn) box(field state.Field, kind, value, autocomplete string) app.HTMLElem {
	id := "sign-in-" + string(field)
	input := el("input[autocapitalize=off][spellcheck=false]").ID(id).Attr("type", kind).Attr("name", string(field)).
		Attr("autocomplete", autocomplete).Attr("value", value).OnInput(s.Page.typed(field), app.EventScope(id))
	if s.Form.Wrong == field {
		input.Aria("invalid", true).Aria("describedby", "sign-in-error")
	}
	return input
}

// labelled is a field with its label above it.
func labelled(id, label string, field ...app.UI) app.UI {
	return el("div.field").Body(append([]app.UI{el("label").Attr("for", id).Text(label)}, field...)...)
}

func (s *signIn) mode() app.UI {
	option := func(mode state.Mode, text string) app.UI {
		return el("option").Attr("value", string(mode)).Attr("selected", s.Form.Mode == mode).Text(text)
	}
	choice := el("select#sign-in-mode[aria-describedby=sign-in-mode-hint]").
		OnChange(s.Page.typed(state.FieldMode)).Body(
		option(state.ModeHandshake, "handshake"),
		option(state.ModeStrict, "strict"),
		option(state.ModePublic, "public"),
	)
	if s.Form.Wrong == state.FieldMode {
		choice.Aria("invalid", true)
	}
	return el("div.field").Body(
		el("label[for=sign-in-mode]").Text("Server mode"),
		choice,
		el("span#sign-in-mode-hint.hint.muted").Text("As the server has it in WEBSOCKETS_REST_AUTH. Handshake is the default."),
	)
}
