// Package fileserver serves the files of an fs.FS over HTTP.
//
// It knows what a WebAssembly site needs and nothing else: the right MIME types,
// the precompressed variants name.br and name.gz that lie beside a file, strong
// ETags made from the content, caching that never shows an old page, and security
// headers, with which a page runs no script that was not in it when the site was
// built. It lists no directory and never leaves its tree.
package fileserver

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultContentSecurityPolicy lets a page of this origin run scripts, styles,
// workers and WebAssembly of this origin, none of them inline, and connect to any
// server over HTTP or WebSocket, since the page may be pointed at any Directus.
const DefaultContentSecurityPolicy = "default-src 'self'; " +
	"script-src 'self' 'wasm-unsafe-eval'; " +
	"style-src 'self'; " +
	"img-src 'self' data:; " +
	"connect-src 'self' http: https: ws: wss:; " +
	"worker-src 'self'; " +
	"manifest-src 'self'; " +
	"base-uri 'none'; " +
	"frame-ancestors 'none'; " +
	"form-action 'self'; " +
	"object-src 'none'"

// Options are the settings of a [Handler]; nil is the default of every field.
type Options struct {
	// ContentSecurityPolicy is sent with every response. Default:
	// DefaultContentSecurityPolicy.
	ContentSecurityPolicy string

	// InlineScripts are the scripts that stand in a page and may run there: by the
	// page's name in the tree (demo/index.html), their hashes (sha256-…). With that
	// page the policy's script-src allows them too. Default: none.
	InlineScripts map[string][]string
}

// A Handler serves files. It is safe for concurrent use.
type Handler struct {
	fsys     fs.FS
	csp      string
	policies map[string]string // of the pages that have another policy, by name
	tags     tagCache
}

// New returns a handler of the files in fsys. Use [Dir] for a folder on disk.
func New(fsys fs.FS, opts *Options) *Handler {
	if opts == nil {
		opts = &Options{}
	}
	h := &Handler{fsys: fsys, csp: opts.ContentSecurityPolicy}
	if h.csp == "" {
		h.csp = DefaultContentSecurityPolicy
	}
	h.policies = make(map[string]string, len(opts.InlineScripts))
	for name, hashes := range opts.InlineScripts {
		if len(hashes) > 0 {
			h.policies[name] = allowScripts(h.csp, hashes)
		}
	}
	return h
}

// Dir opens a folder on disk for [New]. Unlike os.DirFS it is never left, not even
// through a symbolic link. The folder stays open until the program ends.
func Dir(path string) (fs.FS, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
}

// ServeHTTP answers GET and HEAD. Any other method is a 405, and any path that is
// not a file's is a plain 404.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", h.csp)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")

	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "only GET and HEAD are served here")
		return
	}
	name, ok := fileName(r.URL.Path)
	if !ok || h.isVariant(name) {
		refuse(w, http.StatusNotFound, "there is no such file")
		return
	}
	f, err := openFile(h.fsys, name)
	if errors.Is(err, errIsDir) {
		h.redirectToIndex(w, r, name)
		return
	}
	if err != nil {
		refuseOpen(w, err)
		return
	}
	defer f.Close()
	h.serve(w, r, name, f)
}

// redirectToIndex answers the path of a directory without its final slash.
func (h *Handler) redirectToIndex(w http.ResponseWriter, r *http.Request, dir string) {
	index, err := openFile(h.fsys, dir+"/index.html")
	if err != nil {
		refuse(w, http.StatusNotFound, "there is no such file")
		return
	}
	index.Close()
	// fileName let no empty element through, so that this cannot become
	// "//elsewhere", which a browser takes for another host.
	u := *r.URL
	u.Path, u.RawPath = "/"+dir+"/", ""
	u.Scheme, u.Host, u.User = "", "", nil
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Location", u.String())
	w.WriteHeader(http.StatusPermanentRedirect)
}

// serve answers with a file, or with the best of its variants that the client accepts.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string, f *file) {
	header := w.Header()
	variants := h.openVariants(name, f)
	defer func() {
		for _, v := range variants {
			v.Close()
		}
	}()
	chosen, encoding := f, ""
	if len(variants) > 0 {
		header.Set("Vary", "Accept-Encoding")
		encoding = chooseEncoding(r.Header.Values("Accept-Encoding"), func(coding string) bool {
			_, ok := variants[coding]
			return ok
		})
		if v, ok := variants[encoding]; ok {
			chosen = v
		}
	}
	tag, err := h.tags.of(chosen)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the file could not be read")
		return
	}
	header.Set("ETag", tag)
	header.Set("Content-Type", contentType(name))
	header.Set("Cache-Control", cacheControl(name))
	if policy, ok := h.policies[name]; ok {
		header.Set("Content-Security-Policy", policy)
	}

	if encoding == "" {
		// No modification time: the ETag says all, and an embedded file has none.
		http.ServeContent(w, r, "", time.Time{}, f.ReadSeeker)
		return
	}
	// A range of compressed bytes is of no use to anybody: Range is not looked at.
	switch {
	case r.Header.Get("If-Match") != "" && !matchesTag(r.Header.Get("If-Match"), tag, false):
		refuse(w, http.StatusPreconditionFailed, "the file is another one by now")
	case matchesTag(r.Header.Get("If-None-Match"), tag, true):
		header.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
	default:
		header.Set("Content-Encoding", encoding)
		header.Set("Content-Length", strconv.FormatInt(chosen.size, 10))
		w.WriteHeader(http.StatusOK)
		if r.Method == http.MethodGet {
			io.Copy(w, chosen)
		}
	}
}

// refuse answers with a sentence as plain text. It takes back what described a file.
func refuse(w http.ResponseWriter, status int, sentence string) {
	header := w.Header()
	header.Del("ETag")
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	io.WriteString(w, strconv.Itoa(status)+": "+sentence+"\n") // net/http leaves it out for HEAD
}

// refuseOpen answers a file that cannot be opened. What is forbidden, or lies
// behind a link out of the tree, looks like what is not there.
func refuseOpen(w http.ResponseWriter, err error) {
	for _, ours := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EIO} {
		if errors.Is(err, ours) {
			refuse(w, http.StatusInternalServerError, "the file could not be opened")
			return
		}
	}
	refuse(w, http.StatusNotFound, "there is no such file")
}

// fileName turns the path of a URL into a name of fs.FS. It refuses, rather than
// cleans, a path that is not in its one plain form: with an empty, "." or ".."
// element, a hidden one (a dotfile), a backslash or a NUL.
func fileName(urlPath string) (name string, ok bool) {
	name, ok = strings.CutPrefix(urlPath, "/")
	if !ok || strings.ContainsAny(name, "\\\x00") {
		return "", false
	}
	if name == "" || strings.HasSuffix(name, "/") {
		name += "index.html"
	}
	if !fs.ValidPath(name) {
		return "", false
	}
	for element := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(element, ".") {
			return "", false
		}
	}
	return name, true
}
