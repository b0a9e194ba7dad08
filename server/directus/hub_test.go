package directus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/query"
	"leveret/protocol/transport"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// The ids of the three items that every world has.
const (
	first  = "11111111-1111-4111-8111-111111111111"
	second = "22222222-2222-4222-8222-222222222222"
	third  = "33333333-3333-4333-8333-333333333333"
)

// A world is a hub with a database of its own, filled with the demo accounts and
// three messages.
type world struct {
	t        testing.TB
	store    *sqlite.Store
	accounts *directus.Accounts
	hub      *directus.Hub
	log      *logBuffer
}

// template is a seeded database file, made once: hashing passwords takes time.
var template = sync.OnceValues(func() ([]byte, error) {
	return databaseFile(directus.DemoSchema(), func(ctx context.Context, tx directus.Tx) error {
		for i, row := range []query.Row{
			{"id": first, "text": "first", "user": "Ann", "status": "published"},
			{"id": second, "text": "second", "user": "Bob", "status": "draft"},
			{"id": third, "text": "third", "user": "Ann", "status": "published"},
		} {
			row["date_created"] = fmt.Sprintf("2026-01-0%dT00:00:00.000Z", i+1)
			if _, err := tx.Insert(ctx, "messages", row); err != nil {
				return err
			}
		}
		return nil
	})
})

// databaseFile returns the bytes of a database with the demo accounts and what
// fill writes.
func databaseFile(schema *query.Schema, fill func(context.Context, directus.Tx) error) ([]byte, error) {
	return database(schema, true, fill)
}

// databaseOf is databaseFile without the accounts.
func databaseOf(schema *query.Schema, fill func(context.Context, directus.Tx) error) ([]byte, error) {
	return database(schema, false, fill)
}

func database(schema *query.Schema, demo bool, fill func(context.Context, directus.Tx) error) ([]byte, error) {
	dir, err := os.MkdirTemp("", "leveret-directus-test")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "test.db")
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: path, Schema: schema})
	if err != nil {
		return nil, err
	}
	if demo {
		if _, err := directus.Seed(ctx, store, &directus.SeedOptions{Demo: true}); err != nil {
			return nil, err
		}
	}
	if err := store.Write(ctx, func(tx directus.Tx) error { return fill(ctx, tx) }); err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func TestMain(m *testing.M) {
	directus.CheapHashes()
	if _, err := template(); err != nil { // outside any bubble
		fmt.Fprintln(os.Stderr, "make the template database:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// newWorld returns a world; opts may be nil. By default readers see only what is
// published, so that there is somebody with a filter.
func newWorld(t testing.TB, opts *directus.Options) *world {
	t.Helper()
	file, err := template()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "leveret.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: &logBuffer{}}
	if w.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: path, Schema: directus.DemoSchema()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	if w.accounts, err = directus.NewAccounts(t.Context(), w.store, &directus.AccountsOptions{Secret: "of the tests"}); err != nil {
		t.Fatal(err)
	}
	var o directus.Options
	if opts != nil {
		o = *opts
	}
	if o.Permissions == nil {
		o.Permissions = publishedForReaders()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.hub = directus.NewHub(w.store, w.accounts, &o)
	t.Cleanup(func() {
		if err := w.hub.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// newCustom returns a world with a schema, rules and items of its own. Tokens are
// those of leakUsers.
func newCustom(t testing.TB, schema *query.Schema, p *directus.Permissions, fill func(ctx context.Context, tx directus.Tx) error) *world {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "custom.db"), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.Write(t.Context(), func(tx directus.Tx) error { return fill(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, log: &logBuffer{}}
	w.hub = directus.NewHub(store, leakUsers{}, &directus.Options{Permissions: p, MessageRate: -1, Heartbeat: -1,
		Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	t.Cleanup(func() { w.hub.Shutdown(context.Background()) })
	return w
}

// publishedForReaders are the rules of the recorded project: editors do
// everything with messages, readers read what is published, the public nothing.
func publishedForReaders() *directus.Permissions {
	published, err := query.ParseFilter([]byte(`{"status":{"_eq":"published"}}`))
	if err != nil {
		panic(err)
	}
	rules := []directus.Rule{{Role: directus.RoleReader, Collection: "messages", Action: protocol.ActionRead, Filter: published}}
	for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
		rules = append(rules, directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: action})
	}
	return directus.NewPermissions(rules...)
}

// A logBuffer keeps what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}

// dial connects a socket; the test plays the client.
func (w *world) dial(peer directus.Peer) *protocoltest.Peer {
	w.t.Helper()
	near, far := transport.BoundedPipe(1<<20, 1024)
	return w.attach(near, far, peer)
}

func (w *world) attach(near, far transport.Conn, peer directus.Peer) *protocoltest.Peer {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.hub.Serve(context.Background(), far, peer)
	}()
	w.t.Cleanup(func() {
		near.Close(transport.CloseNormal, "")
		<-done
	})
	return protocoltest.NewPeer(w.t, near)
}

// connect connects a socket and signs it in with a static token.
func (w *world) connect(token string) *protocoltest.Peer {
	w.t.Helper()
	c := w.dial(directus.Peer{})
	c.Say(`{"type":"auth","access_token":"` + token + `"}`)
	c.Expect(`{"type":"auth","status":"ok"}`)
	return c
}

const (
	admin  = "admin-demo-token"
	editor = "editor-demo-token"
	reader = "reader-demo-token"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// quiet asserts that none of the sockets is told anything more.
func quiet(clients ...*protocoltest.Peer) {
	for _, c := range clients {
		c.Say(`{"type":"unsubscribe","uid":"barrier"}`)
		c.Expect(`{"type":"subscription","event":"unsubscribe","uid":"barrier"}`)
	}
}
