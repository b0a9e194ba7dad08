//go:build !js

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"leveret/internal/chromium"
)

// A browser runs binaries in a page of headless Chromium. The page reports over a
// WebSocket what the binary prints and how it ends, so no debugging protocol is
// needed.
type browser struct{ program, wasmDir string }

func newBrowser(wasmDir string) (*browser, error) {
	program, err := chromium.Find()
	if err != nil {
		return nil, err
	}
	return &browser{program, wasmDir}, nil
}

func (b *browser) name() string { return "Chromium" }

//go:embed page.js
var pageScript []byte

const page = `<!doctype html><meta charset="utf-8"><title>wasmtest</title><script src="/wasm_exec_host.js"></script><script src="/wasm_exec.js"></script><script src="/page.js"></script>`

// A said is a message of the page: output, or the end.
type said struct {
	Out  string `json:"out"`
	Exit *int   `json:"exit"`
}

func (b *browser) run(ctx context.Context, binary, dir string, args, env []string, stdout, stderr io.Writer) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan outcome, 1)
	server := httptest.NewServer(b.handler(ctx, binary, dir, args, env, stdout, ended))
	defer server.Close()

	profile, err := os.MkdirTemp("", "wasmtest-profile")
	if err != nil {
		return 1, err
	}
	defer removeProfile(profile)
	cmd := exec.CommandContext(ctx, b.program,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding",
		"--remote-debugging-port=0", "--user-data-dir="+profile, server.URL)
	var noise strings.Builder
	cmd.Stderr = &noise
	// Its other processes end with it: they are a process group of their own.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()

	var result outcome
	select {
	case result = <-ended:
	case <-ctx.Done():
		result = outcome{1, context.Cause(ctx)}
	case err := <-gone:
		return 1, fmt.Errorf("%s ended: %v\n%s", b.program, err, noise.String())
	}
	cancel()
	<-gone
	return result.code, result.err
}

type outcome struct {
	code int
	err  error
}

// handler serves the page, its binary, the files of the package's folder, and the
// WebSocket on which the page reports.
func (b *browser) handler(ctx context.Context, binary, dir string, args, env []string, stdout io.Writer, ended chan<- outcome) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) })
	mux.HandleFunc("GET /page.js", script(pageScript))
	mux.HandleFunc("GET /wasm_exec_host.js", script(hostScript))
	mux.HandleFunc("GET /wasm_exec.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(b.wasmDir, "wasm_exec.js"))
	})
	mux.HandleFunc("GET /test.wasm", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/wasm")
		http.ServeFile(w, r, binary)
	})
	mux.HandleFunc("GET /config", func(w http.ResponseWriter, r *http.Request) {
		vars := map[string]string{"TMPDIR": "/in-memory"} // see host.js
		for _, kv := range env {
			k, v, _ := strings.Cut(kv, "=")
			vars[k] = v
		}
		json.NewEncoder(w).Encode(map[string]any{"dir": dir, "args": append([]string{binary}, args...), "env": vars})
	})
	mux.HandleFunc("GET /stat", func(w http.ResponseWriter, r *http.Request) { serveStat(w, r, dir) })
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		if data, err := readWithin(dir, r.FormValue("path")); err == nil {
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write(data)
		} else {
			http.Error(w, "ENOENT", http.StatusNotFound)
		}
	})
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		ws.SetReadLimit(-1)
		defer ws.CloseNow()
		for {
			_, frame, err := ws.Read(ctx)
			if err != nil {
				ended <- outcome{1, fmt.Errorf("the page went away: %w", err)}
				return
			}
			var m said
			if err := json.Unmarshal(frame, &m); err != nil {
				ended <- outcome{1, fmt.Errorf("the page said %q: %w", frame, err)}
				return
			}
			io.WriteString(stdout, m.Out)
			if m.Exit != nil {
				ended <- outcome{*m.Exit, nil}
				return
			}
		}
	})
	return mux
}

// removeProfile removes the browser's folder, into which its last processes may
// still write as they end.
func removeProfile(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
