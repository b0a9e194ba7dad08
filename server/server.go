package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"leveret/server/directus"
	"leveret/server/fileserver"
	"leveret/server/project"
	"leveret/server/sqlite"
	"leveret/web"
)

// How long a stop may take. Together they stay under the ten seconds that
// container runtimes give before they kill.
const (
	socketsStopIn  = 4 * time.Second
	requestsStopIn = 3 * time.Second
)

// Main is the whole program: the backend, the page and the listener. Open it, run
// it until its context ends, close it.
type Main struct {
	Config *Config
	Log    *slog.Logger // nil = slog.Default()

	listener net.Listener
	server   *http.Server
	store    *sqlite.Store // nil when only files are served, or the page is pointed elsewhere
	hub      *directus.Hub // nil with it
	seeded   directus.Seeded
	closing  sync.Once
	closeErr error
}

// Open takes the address and opens the database; nothing is answered before Run.
// Its errors are one sentence.
func (m *Main) Open(ctx context.Context) error {
	if m.Log == nil {
		m.Log = slog.Default()
	}
	site, err := m.site()
	if err != nil {
		return err
	}
	scripts, err := fileserver.InlineScripts(site)
	if err != nil {
		return fmt.Errorf("the site does not say which scripts its pages may run: %w: build it anew, or remove that file", err)
	}
	// The address first: when it is taken, perhaps by an earlier start of this
	// program, its database is left alone.
	if m.listener, err = net.Listen("tcp", m.Config.Addr); err != nil {
		return m.explainListen(err)
	}
	// A name may stand for several addresses, and for another one by now.
	if addr := m.listener.Addr().(*net.TCPAddr); m.Config.Demo && !addr.IP.IsLoopback() {
		return errors.Join(errBeyondLoopback(m.Config.Addr), m.Close())
	}
	var backend http.Handler
	if m.Config.Directus == "" && !m.Config.onlyFiles() {
		if err := m.openBackend(ctx); err != nil {
			return errors.Join(err, m.Close())
		}
		backend = m.hub.Handler()
	}
	files := fileserver.New(site, &fileserver.Options{InlineScripts: scripts})
	m.server = &http.Server{
		Handler:           m.routes(site, files, backend),
		ReadHeaderTimeout: 10 * time.Second,
		// A socket is not affected by these two: taking over the connection clears
		// its deadlines. The second allows 7 MB in ten minutes.
		ReadTimeout:    time.Minute,
		WriteTimeout:   10 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	return nil
}

// site returns the files to serve.
func (m *Main) site() (fs.FS, error) {
	if m.Config.Site == "" {
		if !web.Built() {
			return nil, errors.New("this program was built without its page: build it with make, or name a folder with --site")
		}
		return web.Site(), nil
	}
	site, err := fileserver.Dir(m.Config.Site)
	if err != nil {
		return nil, fmt.Errorf("the folder of --site cannot be served: %w", err)
	}
	if m.Config.Directus == "" && !m.Config.onlyFiles() && isWithin(m.Config.DB, m.Config.Site) {
		return nil, fmt.Errorf("the database %s lies in the folder of --site, where anybody could fetch it: choose another file with --db, or --db \"\" to serve files alone", m.Config.DB)
	}
	return site, nil
}

// isWithin reports whether a file, which need not exist, lies in a folder.
func isWithin(file, folder string) bool {
	real := func(path string) string {
		path, _ = filepath.Abs(path)
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			return resolved
		}
		return path
	}
	for _, place := range []string{real(file), real(filepath.Dir(file))} {
		if rel, err := filepath.Rel(real(folder), place); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// openBackend opens the database and what answers from it.
func (m *Main) openBackend(ctx context.Context) error {
	c := m.Config
	described, err := m.project()
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Path: c.DB, Schema: described.Schema, Logger: m.Log, QueryTimeout: c.QueryTimeout})
	if err != nil {
		return err
	}
	m.store = store
	seed := directus.SeedOptions{
		Demo: c.Demo, Items: c.Demo, Users: described.Users,
		AdminEmail: c.AdminEmail, AdminPassword: c.AdminPassword, AdminToken: c.AdminToken,
	}
	if c.Project.Schema != "" {
		seed.Rules = &described.Rules
	}
	if m.seeded, err = directus.Seed(ctx, store, &seed); err != nil {
		return err
	}
	for _, warning := range append(described.Warnings, m.seeded.Warnings...) {
		m.Log.Warn(warning)
	}
	options := c.options(m.Log)
	options.Permissions = directus.PermissionsOf(described.Rules)
	options.Mentions = c.Demo
	accountOptions := c.Accounts
	accountOptions.Secret = c.Secret
	accountOptions.AccessTokenTTL = c.AccessTokenTTL
	accountOptions.RefreshTokenTTL = c.RefreshTokenTTL
	accountOptions.LoginStall = c.LoginStall
	accountOptions.Permissions = options.Permissions
	accounts, err := directus.NewAccounts(ctx, store, &accountOptions)
	if err != nil {
		return err
	}
	m.hub = directus.NewHub(store, accounts, options)
	if err := m.hub.Fill(ctx, described.Items); err != nil {
		return fmt.Errorf("%s: %w", c.Project.Items, err)
	}
	return nil
}

// project returns the project to serve.
func (m *Main) project() (*project.Project, error) {
	if m.Config.Project.Schema == "" {
		return &project.Project{Schema: directus.DemoSchema(), Rules: directus.DemoRules(m.Config.Demo)}, nil
	}
	return project.Read(m.Config.Project)
}

// explainListen says in one sentence why the address cannot be had.
func (m *Main) explainListen(err error) error {
	addr := m.Config.Addr
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use, perhaps by a leveret that is already running: stop it, or choose another port with --addr", addr)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("this user may not listen on %s: choose a port above 1023 with --addr", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is not an address of this machine: choose another with --addr", addr)
	}
	return fmt.Errorf("cannot listen on %s: %w", addr, err)
}

// routes sends each request to the backend, if there is one, or to the files.
func (m *Main) routes(site fs.FS, files, backend http.Handler) http.Handler {
	if m.Config.onlyFiles() {
		return files
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case m.Config.Demo && !m.isOurName(r.Host):
			http.Error(w, fmt.Sprintf("With the demo accounts this server answers only as localhost or by its IP address, not as %q: set PUBLIC_URL to its address, or start it with --demo=false.", r.Host), http.StatusMisdirectedRequest)
		case r.URL.Path == "/leveret.json":
			m.servePageConfig(w, r)
		case backend == nil:
			files.ServeHTTP(w, r)
		case r.URL.Path == m.Config.SocketPath:
			if !m.Config.WebSockets {
				http.Error(w, "WebSockets are switched off by WEBSOCKETS_ENABLED or WEBSOCKETS_REST_ENABLED", http.StatusNotFound)
				return
			}
			backend.ServeHTTP(w, r)
		case isBackendPath(r.URL.Path) || isDirectusPath(r.URL.Path) && !hasEntry(site, r.URL.Path):
			backend.ServeHTTP(w, r)
		default:
			files.ServeHTTP(w, r)
		}
	})
}

// isOurName reports whether a Host is one under which a demo server is to be
// reached: this machine, an address, or PUBLIC_URL. By any other name it may be a
// page from elsewhere whose name was made to point here (DNS rebinding), and which
// then is of the same origin as we are; and the demo accounts are known to all.
func (m *Main) isOurName(host string) bool {
	u := url.URL{Host: host}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	public, err := url.Parse(m.Config.PublicURL)
	return name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || net.ParseIP(name) != nil ||
		err == nil && strings.EqualFold(name, public.Hostname())
}

// firstElement returns "items" for "/items/messages".
func firstElement(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}

// isBackendPath reports whether the backend answers the path, whatever files there are.
func isBackendPath(path string) bool {
	switch firstElement(path) {
	case "items", "auth", "users", "roles", "activity", "notifications", "collections", "fields", "relations", "server", "utils", "graphql", "metrics":
		return true
	}
	return false
}

// isDirectusPath reports whether Directus 12.4 has the path. What the backend does
// not serve it refuses in Directus's own form, which an SDK understands; but a site
// may have a folder called assets.
func isDirectusPath(path string) bool {
	switch firstElement(path) {
	case "access", "assets", "comments", "dashboards", "deployments", "extensions", "files", "flows", "folders", "operations", "panels",
		"permissions", "policies", "presets", "revisions", "schema", "settings", "shares", "translations", "versions":
		return true
	}
	return false
}

// hasEntry reports whether the site has the first element of the path.
func hasEntry(site fs.FS, path string) bool {
	_, err := fs.Stat(site, firstElement(path))
	return err == nil
}

// URL is where the page is. It is known once Open has returned.
func (m *Main) URL() string {
	addr := m.listener.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d", addr.Port)
	}
	return "http://" + addr.String()
}

// Run answers until ctx ends, then stops gracefully: sockets are closed with 1012,
// requests under way are finished, and it returns nil within ten seconds.
func (m *Main) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- m.server.Serve(m.listener) }()
	m.Log.Info("listening", "url", m.URL(), "version", version)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	m.Log.Info("stopping")
	m.stop()
	<-failed
	return m.Close()
}

// stop closes the sockets, then waits for requests, each for a while.
func (m *Main) stop() {
	// Keep-alive connections would otherwise bring more requests meanwhile.
	m.server.SetKeepAlivesEnabled(false)
	m.listener.Close() // nobody connects again before the next start
	if m.hub != nil {
		ctx, cancel := context.WithTimeout(context.Background(), socketsStopIn)
		defer cancel()
		if err := m.hub.Shutdown(ctx); err != nil {
			m.Log.Warn("some sockets did not close in time", "error", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestsStopIn)
	defer cancel()
	if err := m.server.Shutdown(ctx); err != nil {
		m.Log.Warn("some requests were not finished in time", "error", err)
	}
}

// Close gives the address and the database back. Run does it too; a second Close
// does nothing.
func (m *Main) Close() error {
	m.closing.Do(func() {
		if m.server != nil {
			m.server.Close()
		}
		if m.listener != nil {
			m.listener.Close()
		}
		if m.store != nil {
			if err := m.store.Close(); err != nil {
				m.closeErr = fmt.Errorf("close the database: %w", err)
			}
		}
	})
	return m.closeErr
}
