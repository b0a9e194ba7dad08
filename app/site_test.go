//go:build !js

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The site is whole, local, and of another version when anything in it changes.
func TestWriteSite(t *testing.T) {
	dir, wasm := t.TempDir(), filepath.Join(t.TempDir(), "app.wasm")
	write := func(program string) string {
		t.Helper()
		if err := os.WriteFile(wasm, []byte(program), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := writeSite(dir, wasm, "../web/static"); err != nil {
			t.Fatal(err)
		}
		worker, err := os.ReadFile(filepath.Join(dir, "app-worker.js"))
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(worker[strings.Index(string(worker), "const cacheName"):]), "\n")
		return line
	}
	first, again, other := write("one"), write("one"), write("other")
	if first != again || first == other {
		t.Errorf("versions: %s, again %s, of another program %s", first, again, other)
	}
	for _, name := range []string{"index.html", "app.js", "app-worker.js", "wasm_exec.js", "manifest.webmanifest", "app.css",
		"web/app.css", "web/boot.js", "web/icon.svg", "web/icon-192.png", "web/icon-512.png", "web/icon-maskable.png"} {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || len(content) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
	}
	index, _ := os.ReadFile(filepath.Join(dir, "index.html"))
	for _, part := range []string{`<html lang="en">`, "<noscript>", `id="app-wasm-loader-label"`, `id="pill"`, `href="/web/app.css"`, `src="/app.js"`} {
		if !strings.Contains(string(index), part) {
			t.Errorf("index.html has no %s", part)
		}
	}
	for _, part := range []string{"https://", " style=", "<script>", "{shell}", "</input>"} {
		if strings.Contains(string(index), part) {
			t.Errorf("index.html has %q in it", part)
		}
	}
	script, _ := os.ReadFile(filepath.Join(dir, "app.js"))
	if !strings.Contains(string(script), `goappWasmContentLength = "5"`) {
		t.Error("the progress does not know the program's size")
	}
}

func TestWriteSiteNeedsTheProgram(t *testing.T) {
	if err := writeSite(t.TempDir(), "nowhere.wasm", "../web/static"); err == nil || !strings.Contains(err.Error(), "nowhere.wasm") {
		t.Errorf("%v", err)
	}
}
