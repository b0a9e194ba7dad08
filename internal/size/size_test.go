package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func bytes(n int) *fstest.MapFile { return &fstest.MapFile{Data: make([]byte, n)} }

func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		site fstest.MapFS
		out  string
		err  string
	}{
		"two files": {fstest.MapFS{"web/app.wasm": bytes(30), "web/app.wasm.gz": bytes(20), "web/app.wasm.br": bytes(10),
			"module/leveret.wasm": bytes(3), "module/leveret.wasm.gz": bytes(2), "module/leveret.wasm.br": bytes(1), "index.html": bytes(9)},
			"leveret.wasm 3 2 1\napp.wasm 30 20 10\n", ""},
		"at the limit": {fstest.MapFS{"app.wasm": bytes(1), "app.wasm.gz": bytes(1), "app.wasm.br": bytes(1_650_000)},
			"app.wasm 1 1 1650000\n", ""},
		"the module above it": {fstest.MapFS{"leveret.wasm": bytes(1), "leveret.wasm.gz": bytes(1), "leveret.wasm.br": bytes(950_002)},
			"leveret.wasm 1 1 950002\n", "2 above its limit of 950000"},
		"above it": {fstest.MapFS{"app.wasm": bytes(1), "app.wasm.gz": bytes(1), "app.wasm.br": bytes(1_650_001)},
			"app.wasm 1 1 1650001\n", "1 above its limit of 1650000"},
		"not compressed": {fstest.MapFS{"app.wasm": bytes(1)}, "", "build the site first"},
		"not built":      {fstest.MapFS{".gitkeep": bytes(0)}, "", "there is no WebAssembly file"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := report(&out, c.site)
			if out.String() != c.out {
				t.Errorf("printed %q, want %q", out.String(), c.out)
			}
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

// What keeps the module small is what it does not link.
func TestWhatTheModuleLinks(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./wasm")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, "leveret/protocol/session") {
		t.Fatalf("the module does not link the session: this is not its list: %q", linked)
	}
	for _, path := range linked {
		for _, heavy := range []string{"net", "net/http", "crypto/tls", "github.com/maxence-charriere/go-app", "github.com/coder/websocket"} {
			if path == heavy || strings.HasPrefix(path, heavy+"/") && heavy != "net" {
				t.Errorf("the module links %s: go mod why, or go list -deps, says through whom", path)
			}
		}
	}
}
