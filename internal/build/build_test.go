package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/maxence-charriere/go-app/v10/pkg/app"
)

var long = strings.Repeat("a line that repeats itself\n", 200)

func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func tree(t *testing.T, dir string) []string {
	t.Helper()
	sizes, err := regularFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for path := range sizes {
		name, err := filepath.Rel(dir, path)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	slices.Sort(names)
	return names
}

func read(t *testing.T, path string, reader func(io.Reader) io.Reader) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(reader(f))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(content)
}

func unbrotli(r io.Reader) io.Reader { return brotli.NewReader(r) }

func gunzip(r io.Reader) io.Reader {
	z, err := gzip.NewReader(r)
	if err != nil {
		return strings.NewReader("no gzip: " + err.Error())
	}
	return z
}

func TestCompressTree(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	writeTree(t, dir, map[string]string{
		"index.html": long, "web/app.wasm": long + "wasm", "icon.png": "1",
	})
	did, err := compressTree(dir, cache, 9)
	if err != nil {
		t.Fatal(err)
	}
	if did != (packed{files: 3, anew: 3}) {
		t.Errorf("did %+v", did)
	}
	want := []string{"icon.png", "icon.png.br", "icon.png.gz", "index.html", "index.html.br", "index.html.gz",
		"web/app.wasm", "web/app.wasm.br", "web/app.wasm.gz"}
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("the site has %q, want %q", got, want)
	}
	if read(t, filepath.Join(dir, "web/app.wasm.br"), unbrotli) != long+"wasm" {
		t.Error("the brotli variant is another file")
	}
	if read(t, filepath.Join(dir, "index.html.gz"), gunzip) != long {
		t.Error("the gzip variant is another file")
	}
}

func TestUnchangedFilesCostNothing(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	writeTree(t, dir, map[string]string{"a.js": long, "b.js": long + "b"})
	compress := func(level int) packed {
		t.Helper()
		did, err := compressTree(dir, cache, level)
		if err != nil {
			t.Fatal(err)
		}
		return did
	}
	compress(9)
	if did := compress(9); did.anew != 0 {
		t.Errorf("a second run compressed %d files anew", did.anew)
	}
	if did := compress(11); did.anew != 2 {
		t.Errorf("level 11 took %d files from level 9", 2-did.anew)
	}
	writeTree(t, dir, map[string]string{"b.js": long + "changed"})
	if did := compress(11); did.anew != 1 {
		t.Errorf("after one change %d files were compressed anew", did.anew)
	}
	best := read(t, filepath.Join(dir, "b.js.br"), func(r io.Reader) io.Reader { return r })
	if did := compress(9); did.anew != 0 {
		t.Errorf("level 9 did not use what level 11 had made: %d anew", did.anew)
	}
	if got := read(t, filepath.Join(dir, "b.js.br"), func(r io.Reader) io.Reader { return r }); got != best {
		t.Error("level 9 replaced what level 11 had made")
	}
}

func TestTheCacheForgetsWhatIsNotUsed(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	writeTree(t, dir, map[string]string{"a.js": long})
	if _, err := compressTree(dir, cache, 5); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * forgetAfter)
	for _, name := range tree(t, cache) {
		if err := os.Chtimes(filepath.Join(cache, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	writeTree(t, cache, map[string]string{"left.br9": "x"})
	if err := os.Chtimes(filepath.Join(cache, "left.br9"), old, old); err != nil {
		t.Fatal(err)
	}
	if did, err := compressTree(dir, cache, 5); err != nil || did.anew != 0 {
		t.Fatalf("%+v, %v", did, err)
	}
	if got := tree(t, cache); len(got) != 2 {
		t.Errorf("the cache holds %q, want what is in use and nothing else", got)
	}
}

func TestPublishReplacesTheSite(t *testing.T) {
	staging, out := filepath.Join(t.TempDir(), "site.new"), t.TempDir()
	writeTree(t, staging, map[string]string{"index.html": "new", "web/app.wasm": "new"})
	writeTree(t, out, map[string]string{".gitkeep": "", "old.js": "old", "web/old.wasm": "old"})
	if err := publish(staging, out); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, out), []string{".gitkeep", "index.html", "web/app.wasm"}; !slices.Equal(got, want) {
		t.Errorf("the site has %q, want %q", got, want)
	}
	if _, err := os.Stat(staging); err == nil {
		t.Error("the unfinished site was left behind")
	}
}

func TestRunSaysWhatWentWrong(t *testing.T) {
	err := run([]string{"GOOS=js"}, "go", "build", "./no-such-package")
	if err == nil || !strings.Contains(err.Error(), "no-such-package") || !strings.Contains(err.Error(), "GOOS=js go build") {
		t.Errorf("got %v", err)
	}
}

// go-app carries a copy of wasm_exec.js. We serve the toolchain's, and go-app's
// scripts must work with it: so the two must be the same.
func TestTheGlueOfGoAppIsTheToolchains(t *testing.T) {
	w := httptest.NewRecorder()
	(&app.Handler{}).ServeHTTP(w, httptest.NewRequest("GET", "/wasm_exec.js", nil))
	glue, err := toolchainGlue()
	if err != nil {
		t.Fatal(err)
	}
	if w.Code != 200 || !bytes.Equal(bytes.TrimSpace(w.Body.Bytes()), bytes.TrimSpace(glue)) {
		t.Errorf("go-app serves another wasm_exec.js (%d, %d bytes) than the toolchain has (%d bytes): see whether go-app can be updated",
			w.Code, w.Body.Len(), len(glue))
	}
}
