package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"leveret/internal/chromium"
)

const (
	editorToken = "editor-demo-token"
	adminToken  = "admin-demo-token"

	patience = 20 * time.Second // how long a person would wait on a slow machine
)

// browser is the context of the one browser that all tests share.
var browser context.Context

func TestMain(m *testing.M) {
	if _, err := os.Stat(binary()); err != nil {
		fmt.Fprintln(os.Stderr, "the server is not built: run make e2e, or make build before go test")
		os.Exit(1)
	}
	ctx, stop, err := chromium.Start(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	browser = ctx
	code := m.Run()
	stop()
	os.Exit(code)
}

func binary() string {
	path, err := filepath.Abs("../../bin/leveret")
	if err != nil {
		panic(err)
	}
	return path
}

// A server is the program as a process.
type server struct {
	t    *testing.T
	url  string
	args []string
	env  []string
	cmd  *exec.Cmd
	log  *lockedBuffer
}

// startServer starts the program on a free port with a database of its own and
// waits until it answers. env is "NAME=value"; an entry that begins with "-" is a flag.
func startServer(t *testing.T, settings ...string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	s := &server{t: t, url: "http://" + addr, log: &lockedBuffer{}}
	s.args = []string{"--addr", addr, "--db", filepath.Join(t.TempDir(), "test.db")}
	for _, setting := range settings {
		if strings.HasPrefix(setting, "-") {
			s.args = append(s.args, setting)
		} else {
			s.env = append(s.env, setting)
		}
	}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("the server said:\n%s", s.log)
		}
	})
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(binary(), s.args...)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for {
		response, err := http.Get(s.url + "/server/ping")
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if string(body) == "pong" {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not answer (%v); it said:\n%s", err, s.log)
		}
		time.Sleep(20 * time.Millisecond) // a process starts in real time
	}
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
}

// stop asks the process to end and returns how long it took and its exit error.
func (s *server) stop() (time.Duration, error) {
	began := time.Now()
	s.cmd.Process.Signal(syscall.SIGTERM)
	err := s.cmd.Wait()
	return time.Since(began), err
}

// call makes one REST request as curl would, and decodes the envelope's data into
// out if it is not nil.
func (s *server) call(method, path, token string, body, out any) int {
	s.t.Helper()
	status, err := s.tryCall(method, path, token, body, out)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status
}

func (s *server) tryCall(method, path, token string, body, out any) (int, error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		return 0, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if out == nil || len(answer) == 0 {
		return response.StatusCode, nil
	}
	envelope := struct{ Data any }{out}
	if err := json.Unmarshal(answer, &envelope); err != nil {
		return response.StatusCode, fmt.Errorf("answered %s: %w", answer, err)
	}
	return response.StatusCode, nil
}

// A row is a message as the server has it.
type row struct {
	ID          string  `json:"id"`
	Text        *string `json:"text"`
	User        *string `json:"user"`
	Status      *string `json:"status"`
	DateCreated *string `json:"date_created"`
	DateUpdated *string `json:"date_updated"`
}

// rows reads all messages, newest first, as the page lists them.
func (s *server) rows() []row {
	s.t.Helper()
	var rows []row
	s.call("GET", "/items/messages?limit=-1&sort=-date_created,id", adminToken, nil, &rows)
	return rows
}

// A tab is one page in the browser.
type tab struct {
	t    *testing.T
	name string
	ctx  context.Context
}

// openTab opens a URL in a tab of its own, 1280 by 800 unless changed.
func openTab(t *testing.T, name, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &tab{t: t, name: name, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // opens the tab; a time limit here would end it
		t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(1280, 800))
	p.open(url)
	return p
}

func (p *tab) open(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("tab %s: %v", p.name, err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("tab %s: %s: %v", p.name, expression, err)
	}
	return value
}

// until waits for a JavaScript condition to hold and says how long that took.
func (p *tab) until(what, condition string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		held, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		cancel()
		if err == nil && held {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			p.screenshot("failed-" + p.t.Name() + "-" + p.name)
			body, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			p.t.Fatalf("tab %s: %s did not come about in %v (%v); the page says:\n%.2000s", p.name, what, patience, err, body)
		}
		time.Sleep(10 * time.Millisecond) // the page lives in real time
	}
}

// live waits until the pill says so.
func (p *tab) live() {
	p.t.Helper()
	p.until("the state live", `document.querySelector('#pill')?.dataset.state === 'live'`)
}

// shows waits until a row with that text is in the list.
func (p *tab) shows(text string) time.Duration {
	p.t.Helper()
	return p.until(fmt.Sprintf("a row %q", text), has(text))
}

// has is the JavaScript condition that a row with that text is on the screen.
func has(text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#messages .row-text')].some(e => e.textContent === %s)`, quote(text))
}

// quote returns s as a JavaScript string.
func quote(s string) string {
	encoded, _ := json.Marshal(s)
	return string(encoded)
}

// typeInto replaces what a field holds, as a person would.
func (p *tab) typeInto(selector, text string) {
	p.t.Helper()
	p.until(selector, fmt.Sprintf(`document.querySelector(%s)`, quote(selector)))
	eval[bool](p, fmt.Sprintf(`(e => { e.focus(); e.select?.(); return true })(document.querySelector(%s))`, quote(selector)))
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// click clicks the first element that matches.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.until(selector, fmt.Sprintf(`document.querySelector(%s)`, quote(selector)))
	eval[bool](p, fmt.Sprintf(`(document.querySelector(%s).click(), true)`, quote(selector)))
}

// pageRows returns all rows that the page holds, in its order.
func (p *tab) pageRows() []row {
	p.t.Helper()
	var rows []row
	if err := json.Unmarshal([]byte(eval[string](p, `window.leveret.rows()`)), &rows); err != nil {
		p.t.Fatalf("tab %s: %v", p.name, err)
	}
	return rows
}

// look sets the size and the colour scheme.
func (p *tab) look(width, height int64, scheme string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// screenshots is where pictures of the page go.
const screenshots = "../../.cache/screenshots"

func (p *tab) screenshot(name string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("screenshot of tab %s: %v", p.name, err)
		return ""
	}
	path := filepath.Join(screenshots, strings.ReplaceAll(name, "/", "-")+".png")
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// A lockedBuffer collects what a process says.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
