package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"

	"leveret/internal/chromium"
	"leveret/server/fileserver"
)

//go:embed page.js
var script []byte

// handler serves the page, both libraries as they are installed, and the stub.
func (b *bench) handler(directus http.Handler) http.Handler {
	files := func(library, folder string) http.Handler {
		serve := fileserver.New(os.DirFS(folder), nil)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b.files.add(library, filepath.Join(folder, filepath.FromSlash(r.URL.Path)))
			serve.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><title>bench</title><script type="module" src="/bench.js"></script>`)
	})
	mux.HandleFunc("GET /bench.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(script)
	})
	mux.Handle("GET /sdk/", http.StripPrefix("/sdk", files("sdk", filepath.Join(b.sdk, "dist"))))
	mux.Handle("GET /module/", http.StripPrefix("/module", files("leveret", b.module)))
	mux.Handle("GET /websocket", directus)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Isolated from other origins, a page's clock has steps of 5 µs and not of 100.
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		mux.ServeHTTP(w, r)
	})
}

// A fileLog remembers which files of a library were fetched.
type fileLog struct {
	mu    sync.Mutex
	files map[string]map[string]bool
}

func (l *fileLog) add(library, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = make(map[string]map[string]bool)
	}
	if l.files[library] == nil {
		l.files[library] = make(map[string]bool)
	}
	l.files[library][name] = true
}

func (l *fileLog) of(library string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.files[library]))
}

// A page is the one that is measured in.
type page struct{ ctx context.Context }

// openPage opens the page in a browser's first tab.
func openPage(browser context.Context, url string) (*page, error) {
	p := &page{browser}
	ctx, cancel := context.WithTimeout(browser, patience)
	defer cancel()
	// The threadTicks domain counts CPU time, and not the time for which the
	// thread was ready and another process had the core.
	domain := performance.EnableTimeDomainThreadTicks
	if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{TimeDomain: domain}); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		return nil, err
	}
	// chromedp has the browser tell it of each frame, which costs more than the frame.
	if _, err := chromedp.Call(ctx, network.Disable, cdp.Empty{}); err != nil {
		return nil, err
	}
	if ready, err := eval[bool](p, `new Promise((resolve) => { const look = () => window.bench ? resolve(crossOriginIsolated) : setTimeout(look, 5); look(); })`); err != nil || !ready {
		return nil, fmt.Errorf("the page is not as it should be: isolated %v, %w", ready, err)
	}
	return p, nil
}

// eval returns what an expression, or its promise, comes to.
func eval[T any](p *page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// cpu is the CPU time of the page's main thread so far, in seconds.
//
// It is ThreadTime, the thread's own clock: the tasks in which the browser hands over
// frames, the handlers and microtasks that these run, and the garbage that the main
// thread collects. What other threads do (the network, the compiler, the concurrent
// part of the collector) is in none of the numbers.
func (p *page) cpu() (float64, error) {
	result, err := chromedp.Call(p.ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		return 0, err
	}
	for _, m := range result.Metrics {
		if m.Name == "ThreadTime" {
			return m.Value, nil
		}
	}
	return 0, fmt.Errorf("the browser has no metric called ThreadTime")
}

// A burst is what one way made of one burst of events.
type burst struct {
	Received int     `json:"received"` // events
	Gaps     int     `json:"gaps"`     // how often it said itself that some are missing
	Ms       float64 `json:"ms"`       // from asking to the last event
	cpu      float64 // seconds
}

// burst measures one way once.
func (p *page) burst(way string, events int) (burst, error) {
	if _, err := eval[bool](p, fmt.Sprintf(`bench.open(%q).then(() => true)`, way)); err != nil {
		return burst{}, err
	}
	// Nobody is to collect the garbage of the one before.
	if _, err := chromedp.Call(p.ctx, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
		return burst{}, err
	}
	before, err := p.cpu()
	if err != nil {
		return burst{}, err
	}
	measured, err := eval[burst](p, fmt.Sprintf(`bench.burst(%d)`, events))
	if err != nil {
		return burst{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return burst{}, err
	}
	measured.cpu = after - before
	if measured.Received == 0 {
		return burst{}, fmt.Errorf("no event arrived")
	}
	_, err = eval[bool](p, `(bench.close(), true)`)
	return measured, err
}

// A firstConnect is how long a library took from nothing, in milliseconds.
type firstConnect struct {
	Imported  float64 `json:"imported"`
	Connected float64 `json:"connected"`
}

func (b *bench) coldConnect(ctx context.Context, library string) (firstConnect, error) {
	browser, stop, err := chromium.Start(ctx)
	if err != nil {
		return firstConnect{}, err
	}
	defer stop()
	p, err := openPage(browser, b.url)
	if err != nil {
		return firstConnect{}, err
	}
	return eval[firstConnect](p, fmt.Sprintf(`bench.cold(%q)`, library))
}
