package ui

import (
	"strconv"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

// maxSending is how many messages on their way are named; the rest are counted.
const maxSending = 4

// composer is the form for a new message, with those on their way below it.
type composer struct {
	app.Compo

	Page   *Page
	Form   state.ComposeForm
	Outbox []state.Sending
	Online bool
}

func (c *composer) Render() app.UI {
	p := c.Page
	text := el("textarea#create-text.create-text[rows=1][placeholder=Write a message][aria-keyshortcuts=n][enterkeyhint=send]").Attr("value", c.Form.Text).
		OnInput(p.typed(state.FieldText)).OnKeyDown(onEnter(c.submit))
	if c.Form.Failure != "" {
		text.Aria("invalid", true).Aria("describedby", "create-error")
	}
	return el("section.composer[aria-label=New message]").Body(
		el("form#create-form.create").OnSubmit(c.onSubmit).Body(
			el("div.create-fields").Body(
				el("div.field.field-user").Body(
					el("label.unseen[for=create-user]").Text("Your name"),
					el("input#create-user[type=text][autocomplete=nickname][placeholder=Your name]").
						Attr("value", c.Form.User).OnInput(p.typed(state.FieldUser)),
				),
				el("div.field.field-text").Body(
					el("label.unseen[for=create-text]").Text("Message. Enter sends, Shift and Enter makes a new line."),
					text,
				),
				el("button#create-send[type=submit].primary").Text("Send"),
			),
			app.If(c.Form.Failure != "", func() app.UI {
				return el("p#create-error.error").Text(c.Form.Failure)
			}),
		),
		app.If(len(c.Outbox) > 0, func() app.UI { return c.renderOutbox() }),
	)
}

// onSubmit sends what the input holds. The handler runs before the event returns,
// so a script that submits in a loop loses nothing.
func (c *composer) onSubmit(ctx app.Context, e app.Event) {
	e.PreventDefault()
	c.submit()
}

func (c *composer) submit() {
	key := ""
	if c.Page.runtime != nil {
		key = c.Page.runtime.NewKey()
	}
	c.Page.apply(state.SubmitCreate{Key: key})
}

// onEnter makes Enter in a textarea do what its form's button does, and leaves
// Shift+Enter and the Enter that ends an input method's composition alone. It does
// not go through the form: an event that Go itself causes is handled only after it
// is over, when it is too late to prevent what the browser does.
func onEnter(submit func()) app.EventHandler {
	return func(ctx app.Context, e app.Event) {
		if e.Get("key").String() != "Enter" || e.Get("shiftKey").Bool() || e.Get("isComposing").Bool() {
			return
		}
		e.PreventDefault()
		submit()
	}
}

func (c *composer) renderOutbox() app.UI {
	// What was refused needs the person, so it comes first.
	var shown []state.Sending
	for _, s := range c.Outbox {
		if s.Refused {
			shown = append(shown, s)
		}
	}
	more := 0
	for _, s := range c.Outbox {
		switch {
		case s.Refused:
		case len(shown) < maxSending:
			shown = append(shown, s)
		default:
			more++
		}
	}
	return el("ul#outbox.outbox").DataSet("count", len(c.Outbox)).Aria("label", "On their way").Body(
		app.Range(shown).Slice(func(i int) app.UI { return c.renderSending(shown[i]) }),
		app.If(more > 0, func() app.UI {
			return el("li.sending").Body(el("span.muted").Text("and " + strconv.Itoa(more) + " more on their way"))
		}),
	)
}

func (c *composer) renderSending(s state.Sending) app.UI {
	p := c.Page
	row := el("li.sending").DataSet("sending", s.Key)
	if !s.Refused {
		word := "sending…"
		if !c.Online {
			word = "waiting for the connection…"
		}
		return row.Body(
			el("span.sending-text").Text(s.Text),
			el("span.sending-word").Text(word),
			app.If(!c.Online, func() app.UI { return c.discard(s) }),
		)
	}
	return row.Class("refused").DataSet("refused", "yes").Body(
		el("span.sending-text").Text(s.Text),
		el("span.error").Text("Not sent: "+s.Failure.String()),
		el("span.sending-actions").Body(
			el("button[type=button].quiet[data-action=retry]").Text("Retry").
				OnClick(p.does(state.RetryCreate{Key: s.Key}), app.EventScope("retry", s.Key)),
			c.discard(s),
		),
	)
}

func (c *composer) discard(s state.Sending) app.UI {
	return el("button[type=button].quiet[data-action=discard]").Text("Discard").
		OnClick(c.Page.does(state.DiscardCreate{Key: s.Key}), app.EventScope("discard", s.Key))
}
