//go:build !js

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// page serves what a browser would load, for a package in dir.
func servePage(t *testing.T, dir string, stdout io.Writer) (url string, ended <-chan outcome) {
	t.Helper()
	b := &browser{wasmDir: dir}
	ends := make(chan outcome, 1)
	server := httptest.NewServer(b.handler(t.Context(), filepath.Join(dir, "test.wasm"), dir, []string{"-test.v"}, []string{"A=b=c"}, stdout, ends))
	t.Cleanup(server.Close)
	return server.URL, ends
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func TestThePageSeesThePackagesFolderAndNoOther(t *testing.T) {
	outer := t.TempDir()
	dir := filepath.Join(outer, "pkg")
	if err := os.MkdirAll(filepath.Join(dir, "testdata"), 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"secret": "no", "pkg/testdata/x": "yes"} {
		if err := os.WriteFile(filepath.Join(outer, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url, _ := servePage(t, dir, io.Discard)
	cases := []struct {
		path   string
		status int
		body   string
	}{
		{"/file?path=" + dir + "/testdata/x", 200, "yes"},
		{"/file?path=testdata/x", 200, "yes"},
		{"/file?path=" + dir + "/absent", 404, "ENOENT"},
		{"/file?path=" + dir + "/../secret", 404, "ENOENT"},
		{"/file?path=" + outer + "/secret", 404, "ENOENT"},
		{"/file?path=../secret", 404, "ENOENT"},
		{"/stat?path=" + outer + "/secret", 404, "ENOENT"},
		{"/stat?path=" + dir, 200, `"entries":["testdata"]`},
		{"/stat?path=" + dir + "/testdata/x", 200, `"size":3`},
		{"/config", 200, `"A":"b=c"`},
		{"/page.js", 200, "new Go()"},
		{"/", 200, "wasm_exec.js"},
	}
	for _, c := range cases {
		status, body := get(t, url+c.path)
		if status != c.status || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %q, want %d with %q", c.path, status, body, c.status, c.body)
		}
	}
}

func TestThePageReports(t *testing.T) {
	cases := []struct {
		name   string
		says   []string
		output string
		code   int
		failed bool
	}{
		{"success", []string{`{"out":"PA"}`, `{"out":"SS\n"}`, `{"exit":0}`}, "PASS\n", 0, false},
		{"failure", []string{`{"out":"FAIL\n","exit":2}`}, "FAIL\n", 2, false},
		{"a page that goes away", []string{`{"out":"so far"}`}, "so far", 1, true},
		{"nonsense", []string{`{`}, "", 1, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			url, ended := servePage(t, t.TempDir(), &out)
			ws, _, err := websocket.Dial(t.Context(), url+"/report", nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.says {
				ws.Write(t.Context(), websocket.MessageText, []byte(s))
			}
			go ws.Close(websocket.StatusNormalClosure, "")
			end := <-ended
			if out.String() != c.output || end.code != c.code || (end.err != nil) != c.failed {
				t.Errorf("printed %q and ended with %d, %v", out.String(), end.code, end.err)
			}
		})
	}
}

func TestAMissingBrowserIsToldClearly(t *testing.T) {
	t.Setenv("CHROME", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := newBrowser(""); err == nil || !strings.Contains(err.Error(), "set CHROME") {
		t.Errorf("newBrowser: %v", err)
	}
	t.Setenv("CHROME", "/no/such/browser")
	if _, err := newBrowser(""); err == nil || !strings.Contains(err.Error(), "CHROME") {
		t.Errorf("newBrowser: %v", err)
	}
}

func TestItWantsToKnowWhere(t *testing.T) {
	for _, args := range [][]string{{}, {"-node"}, {"./x"}, {"-node", "-browser", "./x"}, {"-unknown"}} {
		if code, _ := run(t.Context(), args, io.Discard, io.Discard); code != 2 {
			t.Errorf("%q: exit code %d, want 2", args, code)
		}
	}
}
