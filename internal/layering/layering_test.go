package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestChecksImports(t *testing.T) {
	const ours = "leveret/"
	for name, c := range map[string]struct {
		p    pkg
		want string // part of the one complaint; "" = none
	}{
		"a query may use strings":          {pkg{ImportPath: ours + "protocol/query", Imports: list("strings", "net/url")}, ""},
		"a query reads no file":            {pkg{ImportPath: ours + "protocol/query", Imports: list("os")}, "protocol/query must never import os"},
		"a query knows no message":         {pkg{ImportPath: ours + "protocol/query", Imports: list(ours + "protocol")}, "protocol/query may not import protocol"},
		"protocol knows queries":           {pkg{ImportPath: ours + "protocol", Imports: list(ours + "protocol/query")}, ""},
		"a session knows both":             {pkg{ImportPath: ours + "protocol/session", Imports: list("time", ours+"protocol", ours+"protocol/query")}, ""},
		"a session has no lock":            {pkg{ImportPath: ours + "protocol/session", Imports: list("sync/atomic")}, "must never import sync/atomic"},
		"a session does not log":           {pkg{ImportPath: ours + "protocol/session", Imports: list("log/slog")}, "must never import log/slog"},
		"a session knows no URL":           {pkg{ImportPath: ours + "protocol/session", Imports: list("net/url")}, "must never import net/url"},
		"a transport knows no frame":       {pkg{ImportPath: ours + "protocol/transport", Imports: list(ours + "protocol")}, "may not import protocol"},
		"a transport uses what it likes":   {pkg{ImportPath: ours + "protocol/transport", Imports: list("net/http", "github.com/coder/websocket")}, ""},
		"the client knows no js":           {pkg{ImportPath: ours + "protocol/realtime", Imports: list("syscall/js")}, "must never import syscall/js"},
		"the client has no fake":           {pkg{ImportPath: ours + "protocol/realtime", Imports: list(ours + "protocol/protocoltest")}, "for tests only"},
		"the state has no effects":         {pkg{ImportPath: ours + "app/state", Imports: list(ours + "protocol/realtime")}, "may not import protocol/realtime"},
		"the state knows no go-app":        {pkg{ImportPath: ours + "app/state", Imports: list("github.com/maxence-charriere/go-app/v10/pkg/app")}, "may not import github.com/maxence-charriere"},
		"the screen knows go-app":          {pkg{ImportPath: ours + "app/ui", Imports: list("github.com/maxence-charriere/go-app/v10/pkg/app")}, ""},
		"the app knows no server":          {pkg{ImportPath: ours + "app", Imports: list(ours + "server/directus")}, "may not import server/directus"},
		"the app reads web as files":       {pkg{ImportPath: ours + "app", Imports: list(ours + "web")}, "may not import web"},
		"the module links no net/http":     {pkg{ImportPath: ours + "wasm", Deps: list("fmt", "net/http")}, "must not import net/http, transitively either"},
		"the bridge is nobody's":           {pkg{ImportPath: ours + "wasm/bridge", Imports: list(ours + "protocol")}, "may not import protocol"},
		"the backend has no SQL":           {pkg{ImportPath: ours + "server/directus", Imports: list("database/sql")}, "must never import database/sql"},
		"the backend is not the client":    {pkg{ImportPath: ours + "server/directus", Imports: list(ours + "protocol/session")}, "may not import protocol/session"},
		"the store has no HTTP":            {pkg{ImportPath: ours + "server/sqlite", Imports: list("net/http")}, "must never import net/http"},
		"files are nobody's":               {pkg{ImportPath: ours + "server/fileserver", Imports: list(ours + "web")}, "may not import web"},
		"the server wires":                 {pkg{ImportPath: ours + "server", Imports: list(ours+"server/sqlite", ours+"web")}, ""},
		"the server does not test":         {pkg{ImportPath: ours + "server", Imports: list(ours + "server/e2e")}, "for tests only"},
		"the server needs no works":        {pkg{ImportPath: ours + "server", Imports: list(ours + "internal/chromium")}, "may not import internal/chromium"},
		"the works may all":                {pkg{ImportPath: ours + "internal/load", Imports: list(ours+"server", ours+"protocol/realtime", ours+"internal/chromium")}, ""},
		"a stranger":                       {pkg{ImportPath: ours + "protocol/extra"}, "not in the table"},
		"a name that says nothing":         {pkg{ImportPath: ours + "protocol/utils"}, "the name says nothing"},
		"a package name of that kind":      {pkg{ImportPath: ours + "internal/x", Name: "helpers"}, "the name says nothing"},
		"tests are exempt":                 {pkg{ImportPath: ours + "protocol/query", TestImports: list("os", ours+"server")}, ""},
		"session's tests read transcripts": {pkg{ImportPath: ours + "protocol/session", TestImports: list("os", "testing", "testing/synctest", ours+"protocol/protocoltest")}, ""},
		"session's tests are no server":    {pkg{ImportPath: ours + "protocol/session", XTestImports: list(ours + "server/directus")}, "session_test may not import server/directus"},
		"session's tests have no net":      {pkg{ImportPath: ours + "protocol/session", TestImports: list("net")}, "must never import net"},
		"a test imports what it tests":     {pkg{ImportPath: ours + "protocol/session", XTestImports: list(ours + "protocol/session")}, ""},
		"the backend's tests have SQLite":  {pkg{ImportPath: ours + "server/directus", XTestImports: list(ours+"server/sqlite", ours+"protocol/protocoltest")}, ""},
		"but only from outside":            {pkg{ImportPath: ours + "server/directus", TestImports: list(ours + "server/sqlite")}, "may not import server/sqlite"},
		"and are not the client":           {pkg{ImportPath: ours + "server/directus", XTestImports: list(ours + "protocol/realtime")}, "may not import protocol/realtime"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := (&checker{module: "leveret", rules: table}).check(c.p)
			got := strings.Join(wrong, "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("complaints: %q; want %q", got, c.want)
			}
		})
	}
}

func TestChecksCode(t *testing.T) {
	for name, c := range map[string]struct {
		code string
		want string
	}{
		"a goroutine":             {`func f() { go f() }`, "starts a goroutine"},
		"a goroutine deep inside": {`func f() { func() { if true { go f() } }() }`, "starts a goroutine"},
		"the time":                {`var x = time.Now`, "uses time.Now"},
		"the time, renamed":       {`var x = clock.Since(clock.Time{})`, "uses time.Since"},
		"a timer":                 {`var x = time.NewTimer(0)`, "uses time.NewTimer"},
		"a duration":              {`var x = time.Second`, ""},
		"global randomness":       {`var x = rand.IntN(3)`, "draws from the global source"},
		"a source of one's own":   {`var x = rand.New(rand.NewPCG(1, 2)).IntN(3)`, ""},
		"its type":                {`func f(r *rand.Rand) int { return r.IntN(3) }`, ""},
		"another Now":             {`func f() { var time s; time.Now() }; type s struct{}; func (s) Now() {}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			source := "package p\nimport (\"time\"; clock \"time\"; \"math/rand/v2\")\n" + c.code
			file, err := parser.ParseFile(fset, "p.go", source, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(checkCode(fset, file, clock+goroutines+chance), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("complaints: %q; want %q", got, c.want)
			}
		})
	}
}

// A module with violations, seen through the toolchain, on the platform they are on.
func TestChecksAModule(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":                        "module leveret\n\ngo 1.26\n",
		"protocol/query/query.go":       "package query\n",
		"protocol/query/native.go":      "//go:build !js\n\npackage query\n\nimport _ \"os\"\n",
		"protocol/query/in_js.go":       "//go:build js\n\npackage query\n\nimport _ \"syscall/js\"\n",
		"protocol/session/session.go":   "package session\n\nimport \"time\"\n\nvar Started = time.Now()\n",
		"protocol/session/step_test.go": "package session\n\nimport _ \"net/http\"\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	packages, wrong, err := checkModule(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(wrong, "\n")
	for _, want := range []string{
		"protocol/query must never import os",
		"protocol/query must never import syscall/js",
		"session.go:5:15: uses time.Now",
		"protocol/session (test) must never import net/http",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("nothing says %q:\n%s", want, got)
		}
	}
	if packages != 2 || len(wrong) != 4 {
		t.Errorf("%d packages, %d complaints:\n%s", packages, len(wrong), got)
	}
}
