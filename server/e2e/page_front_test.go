package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// A front stands before a server, as a proxy does, and may answer in its place.
type front struct {
	url    string
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

// startFront stands before s. answer reports whether it has answered the request.
func startFront(t *testing.T, s *server, answer func(http.ResponseWriter, *http.Request) bool) *front {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	f := &front{}
	f.answer.Store(&answer)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !(*f.answer.Load())(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		site.CloseClientConnections()
		site.Close()
	})
	f.url = site.URL
	return f
}

// at answers one path, and leaves the others to the server.
func at(path string, handler http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != path {
			return false
		}
		handler(w, r)
		return true
	}
}

func notFound(w http.ResponseWriter, r *http.Request) { http.Error(w, "not here", http.StatusNotFound) }

// Whatever is missing for the page to run, it says so in a plain sentence.
func TestThePageCannotStart(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		{"no-webassembly", func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/" {
				return false
			}
			w.Header().Set("Content-Security-Policy", "script-src 'self'") // as where an administrator forbids it
			s.copyTo(w, "/", "text/html")
			return true
		}, "needs WebAssembly"},
		{"no-program", at("/web/app.wasm", notFound), "could not be loaded"},
		{"a-page-for-a-program", at("/web/app.wasm", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("<!doctype html><title>Login to the guest network</title>"))
		}), "could not be loaded"},
		{"no-script", at("/wasm_exec.js", notFound), "could not be loaded"},
		{"no-app-script", at("/app.js", notFound), "could not be loaded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := startFront(t, s, test.answer)
			p := openTab(t, test.name, f.url)
			p.says("#app-wasm-loader[role=alert]", test.want)
			p.screenshot("start-" + test.name)
			if !eval[bool](p, `document.querySelector('.page').inert`) {
				t.Error("the shell takes what is typed, and nothing will ever read it")
			}
		})
	}
}

// copyTo answers with the body that the server has for a path.
func (s *server) copyTo(w http.ResponseWriter, path, contentType string) {
	response, err := http.Get(s.url + path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.Header().Set("Content-Type", contentType)
	io.Copy(w, response.Body)
}

// /leveret.json may be missing, broken, or not what it should be: the sign-in form
// says what to do.
func TestThePageDoesNotLearnItsServer(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"static hosting", notFound, ""},
		{"trouble", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "oh", http.StatusBadGateway) }, "HTTP 502"},
		{"a page", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<!doctype html>")) }, "cannot read /leveret.json"},
		{"no url", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"mode":"handshake"}`)) }, "cannot read /leveret.json"},
		{"cut off", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, "does not answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := startFront(t, s, at("/leveret.json", test.answer))
			p := openTab(t, test.name, f.url)
			p.until("the sign-in form", `document.querySelector('#sign-in-url')`)
			said := eval[string](p, `document.querySelector('#sign-in-error')?.textContent ?? ''`)
			if test.want == "" && said != "" {
				t.Errorf("it complains: %q", said)
			}
			p.says("#sign-in", test.want)
			p.typeInto("#sign-in-url", s.url) // the form works all the same
			if url := eval[string](p, `document.querySelector('#sign-in-url').value`); url != s.url {
				t.Errorf("the field holds %q", url)
			}
		})
	}
}

// A newer version is offered, not forced: who is writing goes on.
func TestUpdateReady(t *testing.T) {
	s := startServer(t)
	f := startFront(t, s, func(http.ResponseWriter, *http.Request) bool { return false })
	p := openTab(t, "reader", f.url)
	p.live()
	p.until("the service worker", `navigator.serviceWorker.controller`)

	newer := at("/app-worker.js", func(w http.ResponseWriter, r *http.Request) {
		s.copyTo(w, "/app-worker.js", "text/javascript")
		io.WriteString(w, "\n// a newer one\n")
	})
	f.answer.Store(&newer)
	eval[bool](p, `(navigator.serviceWorker.getRegistration().then(r => r.update()), true)`)
	p.says(".toasts", "A new version is ready")
	p.picture("update")
	eval[bool](p, `(window.before = true)`)
	p.click("#reload")
	p.until("the page anew", `window.before === undefined`)
	p.live()
}
