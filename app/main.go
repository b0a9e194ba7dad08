//go:build !js

// Command app is the page: a live list of messages, kept by a Directus realtime
// connection.
//
// Built for js/wasm it runs the page; built natively it writes the static site
// that the page is served from:
//
//	go run ./app -o web/dist -wasm app.wasm
//
// It is to be run in the module's folder, where it finds web/static. The program
// itself is not copied: put it at web/app.wasm in the site, and this toolchain's
// wasm_exec.js over the one written here.
//
// The site names its files from the root, so it must be served from the root of an
// origin (https://live.example.com/); under a sub-path (…/leveret/) it does not run.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("o", "web/dist", "the `folder` to write the site into")
	wasm := flag.String("wasm", "", "the `file` that the page's program was built into; required")
	static := flag.String("static", "web/static", "the `folder` with the style sheet, the icons and so on")
	flag.Parse()
	if flag.NArg() > 0 || *wasm == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := writeSite(*out, *wasm, *static); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}
