package ui

import (
	"strings"

	"github.com/maxence-charriere/go-app/v10/pkg/app"
)

// slot holds what is there only sometimes. go-app compares children by position:
// without a slot, what follows would be made anew, and a button that is made anew
// in the midst of a click loses it, and the focus.
func slot(there bool, draw func() app.UI) app.UI {
	return el("div.slot").Body(app.If(there, draw))
}

// el makes an element. spec is written as a CSS selector: the tag, then #id,
// .class and [attribute=value] in any order, so el("button#help.quiet[type=button]").
// What changes is set with the element's methods.
//
// go-app also has a type for every tag, each with some eighty methods that all
// come along once the type is used: one type for all tags saves 450 kB of the
// program, 34 kB in brotli.
func el(spec string) app.HTMLElem {
	end := strings.IndexAny(spec, "#.[")
	if end < 0 {
		return app.Elem(spec)
	}
	element := app.Elem(spec[:end])
	for rest := spec[end:]; rest != ""; {
		kind := rest[0]
		rest = rest[1:]
		if kind == '[' {
			var pair string
			pair, rest, _ = strings.Cut(rest, "]")
			name, value, _ := strings.Cut(pair, "=")
			element.Attr(name, value)
			continue
		}
		word := rest
		if end := strings.IndexAny(rest, "#.["); end >= 0 {
			word = rest[:end]
		}
		rest = rest[len(word):]
		if kind == '#' {
			element.ID(word)
		} else {
			element.Class(word)
		}
	}
	return element
}
