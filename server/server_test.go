package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leveret/protocol/transport"
	"leveret/server/fileserver"
)

// testSite is a folder with a page.
func testSite(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"index.html": "<p>the page", "assets/logo.svg": "<svg/>"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func testConfig(t *testing.T, args []string, environ ...string) *Config {
	t.Helper()
	args = append([]string{"--addr", "127.0.0.1:0", "--db", filepath.Join(t.TempDir(), "test.db"), "--site", testSite(t)}, args...)
	c, err := ParseConfig(args, append(environ, "LOGIN_STALL_TIME=0"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A program is a Main that runs.
type program struct {
	*Main
	t    *testing.T
	log  *bytes.Buffer // read it only after stop
	stop func() error
}

func start(t *testing.T, c *Config) *program {
	t.Helper()
	p := &program{t: t, log: &bytes.Buffer{}}
	p.Main = &Main{Config: c, Log: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if err := p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	stopped := false
	p.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return p
}

func (p *program) get(path string, headers ...string) (*http.Response, string) {
	p.t.Helper()
	r, err := http.NewRequest("GET", p.URL()+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return response, string(body)
}

func TestServesThePageAndTheBackend(t *testing.T) {
	p := start(t, testConfig(t, nil))
	for path, want := range map[string]string{
		"/":                "<p>the page",
		"/assets/logo.svg": "<svg/>", // a folder of the site, although Directus has /assets
		"/server/ping":     "pong",
		"/collections":     `"collection":"messages"`,
		"/flows":           "ROUTE_NOT_FOUND", // Directus's own form, since Directus has it
		"/nosuch":          "there is no such file",
	} {
		if _, body := p.get(path); !strings.Contains(body, want) {
			t.Errorf("GET %s: %q, want %q", path, body, want)
		}
	}
	r, body := p.get("/items/messages", "Authorization", "Bearer editor-demo-token")
	if r.StatusCode != 200 || !strings.Contains(body, "Welcome to Leveret") {
		t.Errorf("GET /items/messages: %d %s", r.StatusCode, body)
	}
}

// Scripts that were in a page when the site was built may run there; which these
// are the built site says itself, also when it is the folder of --site.
func TestInlineScriptsOfTheSite(t *testing.T) {
	const hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, args := range map[string][]string{"with the backend": nil, "files alone": {"--db", ""}} {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t, args)
			if err := os.WriteFile(filepath.Join(c.Site, fileserver.InlineScriptsName), []byte(`{"index.html": ["`+hash+`"]}`), 0o644); err != nil {
				t.Fatal(err)
			}
			p := start(t, c)
			for path, want := range map[string]bool{"/": true, "/index.html": true, "/assets/logo.svg": false} {
				if r, _ := p.get(path); strings.Contains(r.Header.Get("Content-Security-Policy"), "'"+hash+"'") != want {
					t.Errorf("GET %s: policy %q", path, r.Header.Get("Content-Security-Policy"))
				}
			}
			if r, _ := p.get("/" + fileserver.InlineScriptsName); r.StatusCode != 404 {
				t.Errorf("the list itself is served: %d", r.StatusCode)
			}
		})
	}
}

func TestPageConfig(t *testing.T) {
	for name, c := range map[string]struct {
		args, env, headers []string
		want               string
	}{
		"demo":                {nil, nil, nil, `{"url":"http://HOST","mode":"handshake","path":"/websocket","demo":{"token":"editor-demo-token"}}`},
		"no demo":             {[]string{"--demo=false"}, nil, nil, `{"url":"http://HOST","mode":"handshake","path":"/websocket"}`},
		"mode and path":       {[]string{"--demo=false"}, []string{"WEBSOCKETS_REST_AUTH=public", "WEBSOCKETS_REST_PATH=/live"}, nil, `{"url":"http://HOST","mode":"public","path":"/live"}`},
		"another name":        {[]string{"--demo=false"}, nil, []string{"Host", "box.local:9"}, `{"url":"http://box.local:9","mode":"handshake","path":"/websocket"}`},
		"behind TLS":          {[]string{"--demo=false"}, nil, []string{"Host", "a.example", "X-Forwarded-Proto", "https"}, `{"url":"https://a.example","mode":"handshake","path":"/websocket"}`},
		"public URL":          {[]string{"--demo=false"}, []string{"PUBLIC_URL=https://a.example/"}, []string{"Host", "A.example"}, `{"url":"https://a.example","mode":"handshake","path":"/websocket"}`},
		"not the public name": {[]string{"--demo=false"}, []string{"PUBLIC_URL=https://a.example"}, []string{"Host", "b.example"}, `{"url":"http://b.example","mode":"handshake","path":"/websocket"}`},
		"a real Directus":     {[]string{"--directus", "https://directus.example.com/"}, []string{"WEBSOCKETS_REST_AUTH=strict"}, nil, `{"url":"https://directus.example.com","mode":"strict","path":"/websocket"}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, testConfig(t, c.args, c.env...))
			r, body := p.get("/leveret.json", c.headers...)
			want := strings.ReplaceAll(c.want, "http://HOST", p.URL())
			if r.StatusCode != 200 || strings.TrimSpace(body) != want {
				t.Errorf("%d %s, want %s", r.StatusCode, body, want)
			}
			if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Content-Type") != "application/json" || !json.Valid([]byte(body)) {
				t.Errorf("headers %v", r.Header)
			}
		})
	}
}

// A page elsewhere whose name points to this machine must not get at the demo accounts.
func TestDemoAnswersOnlyToItsOwnNames(t *testing.T) {
	p := start(t, testConfig(t, nil, "PUBLIC_URL=https://live.example.com"))
	for host, want := range map[string]int{
		"localhost:8055": 200, "LOCALHOST": 200, "app.localhost:1": 200, "127.0.0.1": 200, "[::1]:8055": 200, "192.0.2.7:80": 200, "live.example.com": 200,
		"evil.example": 421, "evil.example:8055": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "live.example.com.evil.example": 421,
	} {
		for _, path := range []string{"/", "/leveret.json", "/items/messages?access_token=editor-demo-token"} {
			if r, body := p.get(path, "Host", host); r.StatusCode != want {
				t.Errorf("GET %s of %s: %d %s, want %d", path, host, r.StatusCode, body, want)
			}
		}
	}
	public := start(t, testConfig(t, []string{"--demo=false"}))
	if r, _ := public.get("/leveret.json", "Host", "any.example"); r.StatusCode != 200 {
		t.Errorf("without the demo accounts: %d", r.StatusCode)
	}
}

func TestARealDirectusNeedsNoDatabase(t *testing.T) {
	c := testConfig(t, []string{"--directus", "https://directus.example.com"})
	p := start(t, c)
	if r, _ := p.get("/server/ping"); r.StatusCode != 404 {
		t.Errorf("GET /server/ping: %d: something of ours, or a proxy, answers", r.StatusCode)
	}
	if _, err := os.Stat(c.DB); err == nil {
		t.Error("a database was made")
	}
	var welcome strings.Builder
	p.PrintWelcome(&welcome)
	if !strings.Contains(welcome.String(), "https://directus.example.com") || strings.Contains(welcome.String(), "demo") {
		t.Errorf("the welcome says\n%s", &welcome)
	}
}

func TestFilesAlone(t *testing.T) {
	t.Chdir(t.TempDir())
	c := testConfig(t, []string{"--db", "", "--addr", "127.0.0.1:0"})
	p := start(t, c)
	for path, want := range map[string]string{
		"/":               "<p>the page",
		"/leveret.json":   "there is no such file",
		"/items/messages": "there is no such file",
		"/server/ping":    "there is no such file",
		"/websocket":      "there is no such file",
	} {
		if _, body := p.get(path); !strings.Contains(body, want) {
			t.Errorf("GET %s: %q, want %q", path, body, want)
		}
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("files were made: %v, %v", made, err)
	}
	if err := os.WriteFile(filepath.Join(c.Site, "leveret.json"), []byte(`{"of":"the folder"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, body := p.get("/leveret.json"); body != `{"of":"the folder"}` {
		t.Errorf("GET /leveret.json: %q", body)
	}
	var welcome strings.Builder
	p.PrintWelcome(&welcome)
	if !strings.Contains(welcome.String(), c.Site) || strings.Contains(welcome.String(), "demo") {
		t.Errorf("the welcome says\n%s", &welcome)
	}
}

func TestWelcomeNamesURLAccountsAndToken(t *testing.T) {
	p := start(t, testConfig(t, nil))
	var welcome strings.Builder
	p.PrintWelcome(&welcome)
	for _, want := range []string{p.URL(), "ws://127.0.0.1:", "admin@example.com", "editor@example.com", "reader@example.com", "editor-demo ", "editor-demo-token"} {
		if !strings.Contains(welcome.String(), want) {
			t.Errorf("the welcome does not say %q:\n%s", want, &welcome)
		}
	}
}

func TestWithoutDemoTheAdministratorsPasswordIsShownOnce(t *testing.T) {
	c := testConfig(t, []string{"--demo=false"})
	welcome := func() string {
		p := start(t, c)
		var b strings.Builder
		p.PrintWelcome(&b)
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if first := welcome(); !strings.Contains(first, "admin@example.com") || strings.Contains(first, "demo-token") {
		t.Errorf("the first welcome says\n%s", first)
	}
	if second := welcome(); strings.Contains(second, "admin@example.com") {
		t.Errorf("the second welcome says\n%s", second)
	}
}

// recordedProject are the flags of the project that the recorded conversations are about.
func recordedProject() []string {
	const folder = "project/testdata/recorded/"
	return []string{"--schema", folder + "snapshot.yaml", "--access", folder + "access.json", "--items", folder + "items.json"}
}

func TestProject(t *testing.T) {
	c := testConfig(t, recordedProject())
	p := start(t, c)
	for _, want := range []struct {
		path, token string
		status      int
		body        string
	}{
		{"/items/messages?fields=id,text", "admin-static-token", 200, `{"data":[{"id":1,"text":"first"},{"id":2,"text":"second"},{"id":3,"text":"third"}]}`},
		{"/items/messages?fields=id,text", "reader-static-token", 200, `{"data":[{"id":1,"text":"first"},{"id":3,"text":"third"}]}`},
		{"/items/articles?fields=title,author.first_name&filter[views][_lt]=25", "editor-static-token", 200, `{"data":[{"title":"A1","author":{"first_name":"Ed"}},{"title":"A2","author":null}]}`},
		{"/items/articles?fields=title,author.first_name", "reader-static-token", 200, `{"data":[{"title":"A1"},{"title":"A3"}]}`},
		{"/items/articles?filter[author][first_name]=Ed", "reader-static-token", 403, `"code":"FORBIDDEN"`},
		{"/items/articles?fields=author", "reader-static-token", 200, `{"data":[{"author":"00000000-0000-4000-8000-0000000000e2"},{"author":"00000000-0000-4000-8000-0000000000e2"}]}`},
		{"/items/secrets", "editor-static-token", 403, `"code":"FORBIDDEN"`},
		{"/items/secrets", "admin-static-token", 200, `{"data":[]}`},
		{"/items/messages", "editor-demo-token", 401, `"code":"INVALID_CREDENTIALS"`},
		{"/items/presence", "admin-static-token", 403, `"code":"FORBIDDEN"`},
		{"/activity", "admin-static-token", 200, `{"data":[]}`},
	} {
		r, body := p.get(want.path, "Authorization", "Bearer "+want.token)
		if r.StatusCode != want.status || !strings.Contains(body, want.body) {
			t.Errorf("%s of %s: got %d %s", want.path, want.token, r.StatusCode, body)
		}
	}
	if r, body := p.get("/items/messages"); r.StatusCode != 403 {
		t.Errorf("the public: got %d %s", r.StatusCode, body)
	}
	var welcome strings.Builder
	p.PrintWelcome(&welcome)
	if strings.Contains(welcome.String(), "administrator, made now") || strings.Contains(welcome.String(), "demo") {
		t.Errorf("the welcome says\n%s", &welcome)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	// A second start keeps what is there, and does not fill it again.
	p = start(t, c)
	if _, body := p.get("/items/messages?aggregate[count]=*", "Authorization", "Bearer admin-static-token"); body != `{"data":[{"count":3}]}` {
		t.Errorf("after a second start: got %s", body)
	}
}

// Without users of its own a project has an administrator.
func TestProjectWithoutAccess(t *testing.T) {
	c := testConfig(t, recordedProject()[:2], "ADMIN_TOKEN=mine")
	p := start(t, c)
	var welcome strings.Builder
	p.PrintWelcome(&welcome)
	if !strings.Contains(welcome.String(), "administrator, made now") || !strings.Contains(welcome.String(), "admin@example.com") {
		t.Errorf("the welcome says\n%s", &welcome)
	}
	if r, body := p.get("/items/articles", "Authorization", "Bearer mine"); r.StatusCode != 200 || body != `{"data":[]}` {
		t.Errorf("the administrator: got %d %s", r.StatusCode, body)
	}
}

func TestProjectRefused(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "items.json")
	if err := os.WriteFile(broken, []byte(`{"messages":[{"id":1,"text":"a"},{"id":1,"text":"b"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a file that is not there": {[]string{"--schema", "nowhere.yaml"}, "cannot read the project's description: open nowhere.yaml"},
		"a key twice":              {append(recordedProject()[:4], "--items", broken), broken + `: the items of "messages": `},
	} {
		m := &Main{Config: testConfig(t, c.args), Log: slog.New(slog.DiscardHandler)}
		if err := m.Open(t.Context()); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What the guides of Directus ask of articles, users, activity and presence, the
// demonstration has.
func TestDemoProject(t *testing.T) {
	p := start(t, testConfig(t, nil))
	for path, want := range map[string]string{
		"/items/articles?fields=id,title,author.email&filter[status][_eq]=published&sort=id":                            `{"data":[{"id":"article-id","title":"A first article","author":{"email":"editor@example.com"}},{"id":"what-is-live",`,
		"/items/articles/what-is-live?fields=author.first_name,categories.categories_id.name":                           `{"data":{"author":{"first_name":"Ada"},"categories":[{"categories_id":{"name":"Guides"}},{"categories_id":{"name":"News"}}]}}`,
		"/items/articles?fields=*,author.*,categories.*&filter[date_created][_gte]=$NOW(-7%20days)&sort=-date_created":  `{"data":[{"id":"to-be-written"`,
		"/items/articles?aggregate[count]=*&filter[status][_eq]=published":                                              `{"data":[{"count":2}]}`,
		"/users?aggregate[count]=*&filter[status][_eq]=active":                                                          `{"data":[{"count":3}]}`,
		"/items/presence?fields=item,user.first_name&filter[item][_eq]=article-id&filter[timestamp][_gte]=$NOW(-1 day)": `{"data":[{"item":"article-id","user":{"first_name":"Eddie"}}]}`,
		"/activity?fields=*,user.first_name&sort=-timestamp":                                                            `{"data":[]}`,
		"/notifications":               `{"data":[]}`,
		"/roles?fields=name&sort=name": `{"data":[{"name":"Administrator"},{"name":"Editor"},{"name":"Reader"}]}`,
	} {
		r, body := p.get(strings.ReplaceAll(path, " ", "%20"), "Authorization", "Bearer editor-demo-token")
		if r.StatusCode != 200 || !strings.HasPrefix(body, want) {
			t.Errorf("%s: got %d %s", path, r.StatusCode, body)
		}
	}
	// The filled collections go on counting.
	r, err := http.NewRequest("POST", p.URL()+"/items/categories", strings.NewReader(`{"name":"Notes"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer editor-demo-token")
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); !strings.Contains(string(body), `"id":3`) {
		t.Errorf("another category: got %d %s", response.StatusCode, body)
	}
}

func TestSocketsSwitchedOff(t *testing.T) {
	p := start(t, testConfig(t, nil, "WEBSOCKETS_ENABLED=false"))
	r, body := p.get("/websocket", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if r.StatusCode != 404 || !strings.Contains(body, "WEBSOCKETS_ENABLED") {
		t.Errorf("%d %q", r.StatusCode, body)
	}
}

func TestStopClosesSocketsWith1012(t *testing.T) {
	c := testConfig(t, nil, "WEBSOCKETS_REST_AUTH=public")
	p := start(t, c)
	url := "ws" + strings.TrimPrefix(p.URL(), "http") + "/websocket"
	conn, err := transport.Default.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Send([]byte(`{"type":"ping","uid":1}`)); err != nil {
		t.Fatal(err)
	}
	if frame, err := conn.Receive(t.Context()); err != nil || !strings.Contains(string(frame), "pong") {
		t.Fatalf("%s, %v", frame, err)
	}
	began := time.Now()
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	_, err = conn.Receive(t.Context())
	closed, ok := err.(*transport.CloseError)
	if !ok || closed.Code != transport.CloseRestart {
		t.Errorf("the socket ended with %v, want 1012", err)
	}
	if _, err := http.Get(p.URL()); err == nil {
		t.Error("it still answers")
	}
	start(t, c) // the database was given back
}

func TestTheLogHasNoTokens(t *testing.T) {
	p := start(t, testConfig(t, nil, "WEBSOCKETS_REST_AUTH=strict", "SECRET=the-secret", "ADMIN_PASSWORD=the-password"))
	url := "ws" + strings.TrimPrefix(p.URL(), "http") + "/websocket?access_token="
	conn, err := transport.Default.Dial(t.Context(), url+"editor-demo-token")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(transport.CloseNormal, "")
	if _, err := transport.Default.Dial(t.Context(), url+"wrong-demo-token"); err == nil {
		t.Error("a wrong token was accepted")
	}
	p.get("/items/messages?access_token=editor-demo-token")
	p.get("/items/messages", "Authorization", "Bearer editor-demo-token")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"demo-token", "the-secret", "the-password"} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, p.log)
		}
	}
}

// Bad input is one sentence on stderr and exit code 1.
func TestRefusalsToStart(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	noDatabase := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(noDatabase, []byte(strings.Repeat("not a database ", 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	database, site, spoiled := filepath.Join(t.TempDir(), "new.db"), testSite(t), testSite(t)
	if err := os.WriteFile(filepath.Join(spoiled, fileserver.InlineScriptsName), []byte("half a li"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"busy port":          {[]string{"--addr", busy.Addr().String(), "--db", database, "--site", site}, "is in use"},
		"foreign address":    {[]string{"--addr", "192.0.2.1:0", "--demo=false", "--db", database, "--site", site}, "is not an address of this machine"},
		"unwritable folder":  {[]string{"--addr", "127.0.0.1:0", "--db", filepath.Join(t.TempDir(), "nosuch", "x.db"), "--site", site}, "does not exist"},
		"no database":        {[]string{"--addr", "127.0.0.1:0", "--db", noDatabase, "--site", site}, "is not a SQLite database"},
		"no site":            {[]string{"--addr", "127.0.0.1:0", "--db", database, "--site", filepath.Join(site, "nosuch")}, "the folder of --site cannot be served"},
		"site is a file":     {[]string{"--addr", "127.0.0.1:0", "--db", database, "--site", filepath.Join(site, "index.html")}, "the folder of --site cannot be served"},
		"a spoiled site":     {[]string{"--addr", "127.0.0.1:0", "--db", database, "--site", spoiled}, "build it anew"},
		"beyond loopback":    {[]string{"--addr", "0.0.0.0:0", "--db", database, "--site", site}, "start with --demo=false"},
		"a wrong flag":       {[]string{"--nosuch"}, "leveret --help"},
		"a database in use":  {nil, "is in use by another leveret"},
		"a database served":  {[]string{"--addr", "127.0.0.1:0", "--db", filepath.Join(site, "assets", "x.db"), "--site", site}, "where anybody could fetch it"},
		"an occupied folder": {[]string{"--addr", "127.0.0.1:0", "--db", t.TempDir(), "--site", site}, "is a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.args == nil {
				running := testConfig(t, nil)
				start(t, running)
				c.args = []string{"--addr", "127.0.0.1:0", "--db", running.DB, "--site", site}
			}
			var stdout, stderr strings.Builder
			code := run(c.args, nil, &stdout, &stderr)
			said := strings.TrimSuffix(stderr.String(), "\n")
			if code != 1 || !strings.HasPrefix(said, "leveret: ") || !strings.Contains(said, c.want) || strings.Contains(said, "\n") {
				t.Errorf("exit code %d, said %q; want 1 and one sentence with %q", code, said, c.want)
			}
			if stdout.String() != "" {
				t.Errorf("stdout has %q", &stdout)
			}
		})
	}
	if _, err := os.Stat(database); err == nil {
		t.Error("a start that was refused made a database")
	}
}

func TestHelpAndVersion(t *testing.T) {
	for flag, want := range map[string]string{"--help": "Usage: leveret", "--version": "leveret dev\n"} {
		var stdout, stderr strings.Builder
		if code := run([]string{flag}, nil, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), want) || stderr.Len() > 0 {
			t.Errorf("%s: %d, %q, %q", flag, code, &stdout, &stderr)
		}
	}
}
