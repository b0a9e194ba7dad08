package ui

import (
	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

// reader is the form that asks the server, and shows what it answers.
type reader struct {
	app.Compo

	Page *Page
	Form state.ReadForm
}

func (r *reader) Render() app.UI {
	p, f := r.Page, r.Form
	return el("aside.reader#reader[aria-label=Read]").Body(
		el("h2").Text("Read"),
		el("form#read-form.read-form").OnSubmit(p.submits(state.SubmitRead{})).Body(
			el("fieldset.segments").Body(
				el("legend.unseen").Text("What to read"),
				r.choice(state.ReadLatest, "Latest"),
				r.choice(state.ReadByID, "By id"),
				r.choice(state.ReadQuery, "Query"),
			),
			app.If(f.By == state.ReadLatest, func() app.UI {
				return el("p.muted.hint").Text("The newest message, as the server has it now.")
			}),
			app.If(f.By == state.ReadByID, func() app.UI {
				return r.field(state.FieldReadID, "Id", f.ID, "018f…", "")
			}),
			app.If(f.By == state.ReadQuery, func() app.UI {
				return el("div.read-query").Body(
					r.filter(),
					r.field(state.FieldReadSort, "Sort", f.Sort, "-date_created", "Fields with a comma between; - is descending."),
					el("div.pair").Body(
						r.field(state.FieldReadLimit, "Limit", f.Limit, "100", ""),
						r.field(state.FieldReadFields, "Fields", f.Fields, "id,text,user", ""),
					),
				)
			}),
			slot(f.Wrong != "", func() app.UI {
				return el("p#read-error.error").DataSet("code", f.Failure.Code).Text(f.Failure.String())
			}),
			el("button#read-send[type=submit].secondary").Text(readWord(f.Busy)),
		),
		app.If(f.Answer != "", func() app.UI {
			return el("div.answer").Class(when(!f.Failure.IsZero(), "answer-refused")).Body(
				el("div.answer-head").Body(
					el("span#read-summary.muted").Text(f.Summary),
					el("button[type=button].quiet#read-copy").Text("Copy").OnClick(p.does(state.CopyAnswer{})),
				),
				el("pre#read-answer[tabindex=0][aria-label=Answer]").Text(f.Answer),
			)
		}),
	)
}

func readWord(busy bool) string {
	if busy {
		return "Reading…"
	}
	return "Read"
}

func (r *reader) choice(by state.ReadBy, label string) app.UI {
	id := "read-by-" + string(by)
	if by == state.ReadLatest {
		id = "read-latest"
	}
	return el("label.segment").Attr("for", id).Body(
		el("input[type=radio][name=read-by]").ID(id).Attr("value", string(by)).Attr("checked", r.Form.By == by).
			OnClick(r.Page.does(state.ChooseRead{By: by}), app.EventScope(string(by))),
		el("span").Text(label),
	)
}

func (r *reader) field(field state.Field, label, value, placeholder, hint string) app.UI {
	id := string(field)
	input := el("input[type=text][autocomplete=off][autocapitalize=off][spellcheck=false]").ID(id).
		Attr("placeholder", placeholder).Attr("value", value).OnInput(r.Page.typed(field), app.EventScope(id))
	if r.Form.Wrong == field {
		input.Aria("invalid", true).Aria("describedby", "read-error")
	} else if hint != "" {
		input.Aria("describedby", id+"-hint")
	}
	return labelled(id, label, input,
		app.If(hint != "", func() app.UI { return el("span.hint.muted").ID(id + "-hint").Text(hint) }),
	)
}

func (r *reader) filter() app.UI {
	input := el("textarea#read-filter[rows=3][spellcheck=false].code").
		Attr("placeholder", `{"user":{"_eq":"Ada"}}`).Attr("value", r.Form.Filter).OnInput(r.Page.typed(state.FieldReadFilter))
	if r.Form.Wrong == state.FieldReadFilter {
		input.Aria("invalid", true).Aria("describedby", "read-error")
	}
	return labelled("read-filter", "Filter", input)
}
