package ui

import (
	"strconv"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

const dialogID = "dialog"

// dialogs is the page's one <dialog>. The element is always there; the browser
// keeps the focus inside it while it is open, and gives it back afterwards.
type dialogs struct {
	app.Compo

	Page    *Page
	Dialog  state.Dialog
	Unsent  int
	KeysOff bool
	Now     time.Time
}

// showDialog opens or closes the element as the model says.
func (p *Page) showDialog(app.Context) {
	element := app.Window().GetElementByID(dialogID)
	want := p.model.Dialog.Kind
	if !element.Truthy() || want == p.opened {
		return
	}
	p.opened = want
	open := element.Get("open").Bool()
	switch {
	case want == state.NoDialog && open:
		element.Call("close")
	case want != state.NoDialog && !open:
		element.Call("showModal")
	}
}

func (d *dialogs) Render() app.UI {
	p := d.Page
	var body app.UI
	label := ""
	switch d.Dialog.Kind {
	case state.EditDialog:
		label, body = "Edit message", d.renderEdit()
	case state.DeleteDialog:
		label, body = "Delete message", d.renderDelete()
	case state.LeaveDialog:
		label, body = "Sign out", d.renderLeave()
	case state.HelpDialog:
		label, body = "Keyboard shortcuts", d.renderHelp()
	default:
		body = el("div.sheet")
	}
	return el("dialog").ID(dialogID).Class("dialog").Class("dialog-"+string(d.Dialog.Kind)).Aria("label", label).
		On("cancel", p.submits(state.CloseDialog{})).
		On("close", d.onClose).
		OnClick(d.onClick).
		Body(body)
}

// onClose follows the browser where it closed the dialog by itself. The event comes
// some time after the dialog was closed: the next one may be open by then, or due.
func (d *dialogs) onClose(ctx app.Context, e app.Event) {
	if d.Page.opened == state.NoDialog || ctx.JSSrc().Get("open").Truthy() {
		return
	}
	d.Page.opened = state.NoDialog
	d.Page.apply(state.CloseDialog{})
}

// onClick closes the dialog when its backdrop is clicked.
func (d *dialogs) onClick(ctx app.Context, e app.Event) {
	if target := e.Get("target"); target.Get("id").String() == dialogID {
		d.Page.apply(state.CloseDialog{})
	}
}

func (d *dialogs) failure() app.UI {
	return slot(!d.Dialog.Failure.IsZero(), func() app.UI {
		return el("p#dialog-error.error[role=alert]").Text(d.Dialog.Failure.String())
	})
}

func (d *dialogs) notice() app.UI {
	return slot(d.Dialog.Notice != "", func() app.UI {
		return el("p.notice[role=status]").Text(d.Dialog.Notice)
	})
}

func (d *dialogs) renderEdit() app.UI {
	p, row := d.Page, d.Dialog.Row
	return el("form#edit-form.sheet").OnSubmit(p.submits(state.SubmitEdit{})).Body(
		el("h2").Text("Edit message"),
		d.facts(row),
		labelled("edit-text", "Text", el("textarea#edit-text[rows=6]").Attr("value", d.Dialog.Text).
			OnInput(p.typed(state.FieldEditText)).OnKeyDown(onEnter(func() { p.apply(state.SubmitEdit{}) }))),
		d.notice(),
		d.failure(),
		d.actions("edit-cancel", "Cancel", "button#edit-save[type=submit].primary", busyWord(d.Dialog.Busy, "Saving…", "Save")),
	)
}

func (d *dialogs) renderDelete() app.UI {
	p, row := d.Page, d.Dialog.Row
	return el("form#delete-form.sheet").OnSubmit(p.submits(state.ConfirmDelete{})).Body(
		el("h2").Text("Delete this message?"),
		el("p.muted").Text("It goes for everybody, at once, and cannot be brought back."),
		el("blockquote.quote").Text(row.Text),
		d.facts(row),
		d.notice(),
		d.failure(),
		d.actions("delete-cancel", "Keep it", "button#delete-confirm[type=submit].danger", busyWord(d.Dialog.Busy, "Deleting…", "Delete")),
	)
}

func (d *dialogs) renderLeave() app.UI {
	p := d.Page
	return el("form#leave-form.sheet").OnSubmit(p.submits(state.ConfirmSignOut{})).Body(
		el("h2").Text("Sign out and lose what is not sent?"),
		el("p.muted").Text(unsent(d.Unsent)+". Signing out discards what you wrote; stay to send it first."),
		d.actions("leave-stay", "Stay signed in", "button#leave-confirm[type=submit].danger", "Sign out"),
	)
}

// unsent is "3 messages are not sent".
func unsent(n int) string {
	if n == 1 {
		return "1 message is not sent"
	}
	return strconv.Itoa(n) + " messages are not sent"
}

// actions is the foot of a dialog that asks: a button that closes it, and the one
// that does it, as a specification for el.
func (d *dialogs) actions(noID, no, yes, word string) app.UI {
	return el("div.sheet-actions").Body(
		el("button[type=button].secondary").ID(noID).Text(no).OnClick(d.Page.does(state.CloseDialog{})),
		el(yes).Text(word),
	)
}

func busyWord(busy bool, yes, no string) string {
	if busy {
		return yes
	}
	return no
}

// facts names the message that a dialog is about.
func (d *dialogs) facts(row *state.Row) app.UI {
	fact := func(name string, value app.UI) app.UI {
		return el("div.fact").Body(el("dt").Text(name), el("dd").Body(value))
	}
	edited := ""
	if row.Edited() {
		edited = " (edited)"
	}
	return el("dl.facts").Body(
		fact("User", app.Text(orDash(row.User))),
		fact("Written", el("span").Body(timeOf(d.Now, row), app.Text(edited))),
		fact("Id", el("code").Text(row.Key)),
	)
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func (d *dialogs) renderHelp() app.UI {
	p := d.Page
	keys := [][2]string{
		{"/", "Search the list"},
		{"n", "Write a new message"},
		{"Enter", "Send; in the list, open the message"},
		{"Shift Enter", "New line"},
		{"↑ ↓ Home End", "Move in the list"},
		{"Delete", "Delete the message you are on"},
		{"p", "Pause the list, or let it go on"},
		{"Esc", "Close, or clear the search"},
		{"?", "This sheet"},
	}
	return el("div.sheet").Body(
		el("h2").Text("Keyboard shortcuts"),
		el("dl.keys").Body(
			app.Range(keys).Slice(func(i int) app.UI {
				return el("div.key").Body(el("dt").Body(el("kbd").Text(keys[i][0])), el("dd").Text(keys[i][1]))
			}),
		),
		el("label.check[for=keys-off]").Body(
			el("input#keys-off[type=checkbox]").Attr("checked", !d.KeysOff).OnChange(p.does(state.ToggleKeys{})),
			el("span").Text("Single-key shortcuts are on"),
		),
		el("div.sheet-actions").Body(
			el("button#help-close[type=button].secondary").Text("Close").OnClick(p.does(state.CloseDialog{})),
		),
	)
}
