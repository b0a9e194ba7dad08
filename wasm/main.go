//go:build !js

// Command wasm lends package realtime to JavaScript: it is the program inside the
// ES module of wasm/module. It runs in JavaScript only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "this program runs in a page: build it with GOOS=js GOARCH=wasm, as make build does")
	os.Exit(2)
}
