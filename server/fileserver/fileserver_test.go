package fileserver

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// site is a small tree with everything in it that has a rule.
func site() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"index.html":                    file("<p>page"),
		"app.js":                        file("let it be = plain"),
		"app.js.br":                     file("brotli bytes"),
		"app.js.gz":                     file("gzip bytes"),
		"app.css":                       file("p { color: red }"),
		"app.css.gz":                    file("gzip css"),
		"logo.svg":                      file("<svg/>"),
		"logo.svg.gz":                   file("larger than the file"),
		"web/app.wasm":                  file("\x00asm"),
		"web/app-0123456789abcdef.wasm": file("\x00asm hashed"),
		"docs/index.html":               file("docs"),
		"docs/a b.txt":                  file("blank"),
		"empty/keep.txt":                file(""),
		"archive.tar.gz":                file("an archive"),
		".secret":                       file("hidden"),
		".git/config":                   file("hidden"),
		"web/.env":                      file("hidden"),
	}
}

func get(t *testing.T, h http.Handler, method, target string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "http://site.test/", nil)
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestServesAFileUnderItsType(t *testing.T) {
	h := New(site(), nil)
	for target, want := range map[string]struct{ mime, body string }{
		"/":                              {"text/html; charset=utf-8", "<p>page"},
		"/index.html":                    {"text/html; charset=utf-8", "<p>page"},
		"/app.js":                        {"text/javascript; charset=utf-8", "let it be = plain"},
		"/app.css":                       {"text/css; charset=utf-8", "p { color: red }"},
		"/web/app.wasm":                  {"application/wasm", "\x00asm"},
		"/docs/":                         {"text/html; charset=utf-8", "docs"},
		"/docs/a%20b.txt":                {"text/plain; charset=utf-8", "blank"},
		"/archive.tar.gz":                {"application/gzip", "an archive"},
		"/empty/keep.txt":                {"text/plain; charset=utf-8", ""},
		"/app.js?v=2":                    {"text/javascript; charset=utf-8", "let it be = plain"},
		"/web/app-0123456789abcdef.wasm": {"application/wasm", "\x00asm hashed"},
	} {
		r := get(t, h, "GET", target)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != want.mime || body(t, r) != want.body {
			t.Errorf("GET %s: %d %q; want 200 %q with %q", target, r.StatusCode, r.Header.Get("Content-Type"), want.mime, want.body)
		}
		if r.Header.Get("Content-Encoding") != "" {
			t.Errorf("GET %s: compressed for a client that did not ask for it", target)
		}
	}
}

func TestTypes(t *testing.T) {
	for name, want := range map[string]string{
		"a.mjs": "text/javascript; charset=utf-8", "a.svg": "image/svg+xml", "a.json": "application/json",
		"a.webmanifest": "application/manifest+json", "a.ico": "image/x-icon", "a.png": "image/png",
		"A.PNG": "image/png", "noextension": "application/octet-stream", "a.unknown": "application/octet-stream",
		"a.d.ts": "text/plain; charset=utf-8",
	} {
		if got := contentType(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestNotFound(t *testing.T) {
	h := New(site(), nil)
	for name, target := range map[string]string{
		"no such file":             "/nosuch.js",
		"no such page":             "/nosuch",
		"directory without index":  "/web/",
		"directory, no slash":      "/web",
		"parent":                   "/../fileserver.go",
		"parent inside":            "/web/../index.html",
		"parent, encoded":          "/%2e%2e/fileserver.go",
		"parent, slash encoded":    "/..%2ffileserver.go",
		"parent, backslash":        `/..%5cfileserver.go`,
		"dot":                      "/./index.html",
		"empty element":            "//index.html",
		"another host":             "//docs",
		"empty element inside":     "/docs//index.html",
		"dotfile":                  "/.secret",
		"dotfile, encoded":         "/%2esecret",
		"dotfile in a folder":      "/web/.env",
		"dot directory":            "/.git/config",
		"NUL":                      "/index.html%00.js",
		"not UTF-8":                "/%ff%fe",
		"file taken for directory": "/app.js/",
		"below a file":             "/app.js/x",
		"brotli variant as such":   "/app.js.br",
		"gzip variant as such":     "/app.js.gz",
		"very long":                "/" + strings.Repeat("a/", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			r := get(t, h, "GET", target)
			if r.StatusCode != 404 {
				t.Fatalf("GET %.80s: %d, want 404", target, r.StatusCode)
			}
			if got := r.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("a 404 is %q, want plain text", got)
			}
			if r.Header.Get("ETag") != "" || strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("a 404 may be kept: %v", r.Header)
			}
		})
	}
}

func TestRedirectsADirectoryWithAnIndex(t *testing.T) {
	r := get(t, New(site(), nil), "GET", "/docs?x=1")
	if r.StatusCode != http.StatusPermanentRedirect || r.Header.Get("Location") != "/docs/?x=1" {
		t.Errorf("got %d to %q", r.StatusCode, r.Header.Get("Location"))
	}
}

func TestMethods(t *testing.T) {
	h := New(site(), nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"} {
		r := get(t, h, method, "/app.js")
		if r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, r.StatusCode, r.Header.Get("Allow"))
		}
	}
	// A real server, since it is net/http that leaves the body of a HEAD out.
	server := httptest.NewServer(h)
	defer server.Close()
	for _, accept := range []string{"identity", "br"} {
		request, _ := http.NewRequest("HEAD", server.URL+"/app.js", nil)
		request.Header.Set("Accept-Encoding", accept)
		r, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		want := map[string]int64{"identity": 17, "br": 12}[accept]
		if r.StatusCode != 200 || r.ContentLength != want || body(t, r) != "" {
			t.Errorf("HEAD, %s: %d, length %d (want %d)", accept, r.StatusCode, r.ContentLength, want)
		}
	}
}

func TestEncodings(t *testing.T) {
	h := New(site(), nil)
	for _, c := range []struct{ target, accept, encoding, body string }{
		{"/app.js", "gzip, deflate, br", "br", "brotli bytes"},
		{"/app.js", "gzip", "gzip", "gzip bytes"},
		{"/app.js", "x-gzip", "gzip", "gzip bytes"},
		{"/app.js", "GZIP", "gzip", "gzip bytes"},
		{"/app.js", "br;q=0.5, gzip;q=0.8", "gzip", "gzip bytes"},
		{"/app.js", "br;q=0, gzip", "gzip", "gzip bytes"},
		{"/app.js", "br; Q = 0.2 , gzip;q=0.1", "br", "brotli bytes"},
		{"/app.js", "*", "br", "brotli bytes"},
		{"/app.js", "*;q=0.3, br;q=0", "gzip", "gzip bytes"},
		{"/app.js", "gzip, br, identity", "br", "brotli bytes"},
		{"/app.js", "identity, br;q=0.5", "", "let it be = plain"},
		{"/app.js", "", "", "let it be = plain"},
		{"/app.js", "identity;q=0", "", "let it be = plain"},
		{"/app.js", "deflate, zstd", "", "let it be = plain"},
		{"/app.js", "br;q=nonsense", "", "let it be = plain"},
		{"/app.js", "br;q=NaN", "", "let it be = plain"},
		{"/app.js", "br;q=5", "", "let it be = plain"},
		{"/app.js", ";;,,;q=1", "", "let it be = plain"},
		{"/logo.svg", "gzip", "", "<svg/>"}, // a variant that is not smaller helps nobody
		{"/app.css", "br, gzip;q=0.1", "gzip", "gzip css"},
		{"/index.html", "br, gzip", "", "<p>page"},
	} {
		r := get(t, h, "GET", c.target, "Accept-Encoding", c.accept)
		if got := body(t, r); r.StatusCode != 200 || r.Header.Get("Content-Encoding") != c.encoding || got != c.body {
			t.Errorf("%s, Accept-Encoding %q: %d %q %q; want %q %q", c.target, c.accept, r.StatusCode, r.Header.Get("Content-Encoding"), got, c.encoding, c.body)
		}
		if c.encoding != "" && r.Header.Get("Content-Type") == "application/gzip" {
			t.Errorf("%s: the type is the variant's, not the file's", c.target)
		}
		wantVary := "Accept-Encoding"
		if c.target == "/index.html" || c.target == "/logo.svg" {
			wantVary = "" // it has no variants to choose from
		}
		if got := r.Header.Get("Vary"); got != wantVary {
			t.Errorf("%s, Accept-Encoding %q: Vary %q, want %q", c.target, c.accept, got, wantVary)
		}
	}
	// Two header lines are one list.
	if r := get(t, h, "GET", "/app.js", "Accept-Encoding", "gzip;q=0.5", "Accept-Encoding", "br"); r.Header.Get("Content-Encoding") != "br" {
		t.Errorf("the second Accept-Encoding line was not read")
	}
}

func TestETags(t *testing.T) {
	h := New(site(), nil)
	tags := map[string]bool{}
	for _, accept := range []string{"identity", "gzip", "br"} {
		first := get(t, h, "GET", "/app.js", "Accept-Encoding", accept)
		tag := first.Header.Get("ETag")
		if len(tag) < 10 || tag[0] != '"' || tags[tag] {
			t.Fatalf("%s: ETag %s is weak, or that of another encoding", accept, tag)
		}
		tags[tag] = true
		for _, c := range []struct {
			header, value string
			want          int
		}{
			{"If-None-Match", tag, 304},
			{"If-None-Match", "W/" + tag, 304},
			{"If-None-Match", `"other", ` + tag, 304},
			{"If-None-Match", "*", 304},
			{"If-None-Match", `"other"`, 200},
			{"If-Match", tag, 200},
			{"If-Match", `"other"`, 412},
		} {
			r := get(t, h, "GET", "/app.js", "Accept-Encoding", accept, c.header, c.value)
			if r.StatusCode != c.want {
				t.Errorf("%s, %s %s: %d, want %d", accept, c.header, c.value, r.StatusCode, c.want)
			}
			if c.want == 304 {
				if r.Header.Get("ETag") != tag || r.Header.Get("Vary") != "Accept-Encoding" || r.Header.Get("Cache-Control") != "no-cache" {
					t.Errorf("%s: a 304 lacks headers: %v", accept, r.Header)
				}
				if body(t, r) != "" {
					t.Errorf("%s: a 304 has a body", accept)
				}
			}
		}
	}
	// A tag of one encoding is no match for another.
	br := get(t, h, "GET", "/app.js", "Accept-Encoding", "br").Header.Get("ETag")
	if r := get(t, h, "GET", "/app.js", "Accept-Encoding", "gzip", "If-None-Match", br); r.StatusCode != 200 {
		t.Errorf("gzip was answered %d for the tag of br", r.StatusCode)
	}
}

func TestRanges(t *testing.T) {
	h := New(site(), nil)
	tag := get(t, h, "GET", "/app.js").Header.Get("ETag")
	for _, c := range []struct {
		name    string
		headers []string
		status  int
		body    string
	}{
		{"part of the file", []string{"Range", "bytes=0-2"}, 206, "let"},
		{"its end", []string{"Range", "bytes=-5"}, 206, "plain"},
		{"unchanged", []string{"Range", "bytes=0-2", "If-Range", tag}, 206, "let"},
		{"changed", []string{"Range", "bytes=0-2", "If-Range", `"other"`}, 200, "let it be = plain"},
		{"past the end", []string{"Range", "bytes=100-"}, 416, ""},
		{"of a compressed file", []string{"Range", "bytes=0-2", "Accept-Encoding", "br"}, 200, "brotli bytes"},
	} {
		r := get(t, h, "GET", "/app.js", c.headers...)
		got := body(t, r)
		if r.StatusCode != c.status || c.status < 300 && got != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.name, r.StatusCode, got, c.status, c.body)
		}
	}
}

func TestCacheControl(t *testing.T) {
	const always, forever = "no-cache", "public, max-age=31536000, immutable"
	for name, want := range map[string]string{
		"index.html": always, "app.js": always, "web/app.wasm": always,
		"web/app-0123456789abcdef.wasm": forever,
		"web/app.0123456789abcdef.css":  forever,
		"photo-20260101123000.png":      always, // a time, not a hash
		"app-0123456789ABCDEF.wasm":     always,
		"app-0123456789abcdef":          always,
		"app0123456789abcdef.js":        always,
		"0123456789abcdef-x/app.js":     always,
		"app-0123456789abcdeg.js":       always,
	} {
		if got := cacheControl(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSecurityHeadersAreOnEveryResponse(t *testing.T) {
	h := New(site(), nil)
	for _, c := range []struct{ method, target string }{
		{"GET", "/"}, {"GET", "/web/app.wasm"}, {"GET", "/nosuch"}, {"POST", "/"}, {"GET", "/docs"},
	} {
		r := get(t, h, c.method, c.target)
		for name, want := range map[string]string{
			"Content-Security-Policy":    DefaultContentSecurityPolicy,
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", c.method, c.target, name, got)
			}
		}
	}
	own := New(site(), &Options{ContentSecurityPolicy: "default-src 'none'"})
	if got := get(t, own, "GET", "/").Header.Get("Content-Security-Policy"); got != "default-src 'none'" {
		t.Errorf("the policy of the options was not sent: %q", got)
	}
	for _, unsafe := range []string{"unsafe-inline", "'unsafe-eval'", "*"} {
		if strings.Contains(DefaultContentSecurityPolicy, unsafe) {
			t.Errorf("the policy allows %s", unsafe)
		}
	}
}

// The scripts in a page are allowed in that page, and nowhere else.
func TestInlineScripts(t *testing.T) {
	const one, two = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha256-BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB="
	h := New(site(), &Options{InlineScripts: map[string][]string{"docs/index.html": {one, two}, "app.js": {}}})
	allowed := strings.Replace(DefaultContentSecurityPolicy, "'wasm-unsafe-eval'", "'wasm-unsafe-eval' '"+one+"' '"+two+"'", 1)
	tag := get(t, h, "GET", "/docs/").Header.Get("ETag")
	for _, c := range []struct {
		method, target, condition string
		status                    int
		want                      string
	}{
		{"GET", "/docs/", "", 200, allowed},
		{"GET", "/docs/index.html", "", 200, allowed},
		{"GET", "/docs/", tag, 304, allowed}, // its headers replace those that were kept
		{"HEAD", "/docs/", "", 200, allowed},
		{"POST", "/docs/", "", 405, DefaultContentSecurityPolicy},
		{"GET", "/docs", "", 308, DefaultContentSecurityPolicy},
		{"GET", "/", "", 200, DefaultContentSecurityPolicy},
		{"GET", "/app.js", "", 200, DefaultContentSecurityPolicy},
		{"GET", "/docs/nosuch", "", 404, DefaultContentSecurityPolicy},
	} {
		r := get(t, h, c.method, c.target, "If-None-Match", c.condition)
		if got := r.Header.Values("Content-Security-Policy"); r.StatusCode != c.status || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s %s: %d with %q, want %d with %q", c.method, c.target, r.StatusCode, got, c.status, c.want)
		}
	}
}

func TestAllowScripts(t *testing.T) {
	for policy, want := range map[string]string{
		"script-src 'self'":                          "script-src 'self' 'h'",
		"default-src 'none'; Script-Src 'self' ; x":  "default-src 'none'; Script-Src 'self' 'h'; x",
		"script-src a; script-src b":                 "script-src a 'h'; script-src b",
		"script-src":                                 "script-src 'h'",
		"default-src 'self'; script-src-elem 'self'": "default-src 'self'; script-src-elem 'self'",
		"": "",
	} {
		if got := allowScripts(policy, []string{"h"}); got != want {
			t.Errorf("%q becomes %q, want %q", policy, got, want)
		}
	}
}

func TestReadingInlineScripts(t *testing.T) {
	const hash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, c := range map[string]struct{ text, err string }{
		"one":              {`{"a/b.html": ["` + hash + `"]}`, ""},
		"none":             {`{}`, ""},
		"not JSON":         {`{"a/b.html": `, InlineScriptsName},
		"another form":     {`["` + hash + `"]`, InlineScriptsName},
		"no hash":          {`{"a/b.html": ["unsafe-inline"]}`, "is not the hash of a script"},
		"more than a hash": {`{"a/b.html": ["` + hash + `' 'unsafe-inline"]}`, "is not the hash of a script"},
		"a line more":      {`{"a/b.html": ["` + hash + `\n"]}`, "is not the hash of a script"},
	} {
		scripts, err := InlineScripts(fstest.MapFS{InlineScriptsName: {Data: []byte(c.text)}})
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
		if name == "one" && (len(scripts) != 1 || len(scripts["a/b.html"]) != 1 || scripts["a/b.html"][0] != hash) {
			t.Errorf("%s: %v", name, scripts)
		}
	}
	if scripts, err := InlineScripts(site()); scripts != nil || err != nil {
		t.Errorf("without the file: %v, %v", scripts, err)
	}
	for _, form := range []string{"", ".gz", ".br"} {
		fsys := site()
		fsys[InlineScriptsName+form] = &fstest.MapFile{Data: []byte("{}")}
		if r := get(t, New(fsys, nil), "GET", "/"+InlineScriptsName+form); r.StatusCode != 404 {
			t.Errorf("%s is served: %d", InlineScriptsName+form, r.StatusCode)
		}
	}
}

func TestFolderOnDisk(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret.txt"), "secret")
	write(filepath.Join(dir, "page.txt"), "one")
	write(filepath.Join(dir, "page.txt.gz"), "gz")
	for name, target := range map[string]string{
		"link.txt": filepath.Join(outside, "secret.txt"), "folder": outside, "inside.txt": "page.txt",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	fsys, err := Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	h := New(fsys, nil)

	for _, target := range []string{"/link.txt", "/folder/secret.txt"} {
		if r := get(t, h, "GET", target); r.StatusCode != 404 {
			t.Errorf("GET %s left the folder: %d %q", target, r.StatusCode, body(t, r))
		}
	}
	if r := get(t, h, "GET", "/inside.txt"); r.StatusCode != 200 || body(t, r) != "one" {
		t.Errorf("a link inside the folder gives %d", r.StatusCode)
	}

	before := get(t, h, "GET", "/page.txt", "Accept-Encoding", "gzip")
	if before.Header.Get("Content-Encoding") != "gzip" {
		t.Error("the variant was not served")
	}
	plain := get(t, h, "GET", "/page.txt").Header.Get("ETag")
	write(filepath.Join(dir, "page.txt"), "two")
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(filepath.Join(dir, "page.txt"), later, later); err != nil {
		t.Fatal(err)
	}
	after := get(t, h, "GET", "/page.txt", "Accept-Encoding", "gzip", "If-None-Match", plain)
	if after.StatusCode != 200 || after.Header.Get("Content-Encoding") != "" || body(t, after) != "two" {
		t.Errorf("after an edit: %d, encoding %q: the old content is still served", after.StatusCode, after.Header.Get("Content-Encoding"))
	}
	if _, err := Dir(filepath.Join(dir, "nosuch")); err == nil {
		t.Error("a folder that does not exist was opened")
	}
}

// A browser, or Go's client, must be able to read what is announced as gzip.
func TestCompressedBodyOverARealConnection(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, strings.Repeat("hello ", 1000))
	z.Close()
	server := httptest.NewServer(New(fstest.MapFS{
		"a.txt":    {Data: []byte(strings.Repeat("hello ", 1000))},
		"a.txt.gz": {Data: packed.Bytes()},
	}, nil))
	defer server.Close()
	r, err := server.Client().Get(server.URL + "/a.txt") // asks for gzip by itself
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if got := body(t, r); !r.Uncompressed || got != strings.Repeat("hello ", 1000) {
		t.Errorf("uncompressed %v, %d bytes", r.Uncompressed, len(got))
	}
}

func FuzzFileName(f *testing.F) {
	for _, seed := range []string{"/", "/app.js", "/docs/", "/../x", "//x", "/.x", "/a/./b", `/a\b`, "/a\x00", "", "x", "/%2e", "/a/../..", "/\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		name, ok := fileName(path)
		if !ok {
			return
		}
		if !fs.ValidPath(name) || name == "." {
			t.Fatalf("%q gives %q, which is no name of a file", path, name)
		}
		if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, "\\\x00") {
			t.Fatalf("%q gives %q, which leaves the folder", path, name)
		}
		for _, element := range strings.Split(name, "/") {
			if element[0] == '.' {
				t.Fatalf("%q gives the hidden %q", path, name)
			}
		}
		if want := strings.TrimPrefix(path, "/"); name != want && name != want+"index.html" {
			t.Fatalf("%q was rewritten to %q", path, name)
		}
	})
}
