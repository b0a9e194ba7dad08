//go:build js

// Command app is the page: a live list of messages, kept by a Directus realtime
// connection.
//
// Built for js/wasm it runs the page; built natively it writes the static site
// that the page is served from. This file wires package state, package ui and
// package realtime together.
package main

import (
	"syscall/js"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
	"leveret/app/ui"
)

func main() {
	page := ui.NewPage(newRuntime())
	app.Route("/", func() app.Composer { return page })
	offerDebuggingAid(page)
	app.RunWhenOnBrowser()
}

// offerDebuggingAid gives the browser's console, and tests, window.leveret: rows()
// is the list as it is shown, as JSON, with the rows that are not drawn because
// they are far from the viewport; acknowledged() is how many creates the server
// has said yes to. It is an aid for debugging, not an interface to build on.
func offerDebuggingAid(page *ui.Page) {
	js.Global().Set("leveret", map[string]any{
		"rows": js.FuncOf(func(this js.Value, args []js.Value) any {
			return string(state.ExportRows(page.Model().List.Shown))
		}),
		"acknowledged": js.FuncOf(func(this js.Value, args []js.Value) any {
			return page.Model().Acknowledged
		}),
	})
}
