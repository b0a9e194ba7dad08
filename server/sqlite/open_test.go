package sqlite_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

func raw(t *testing.T, path string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, text := range statements {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return db
}

func wantOpenError(t *testing.T, path string, schema *query.Schema, words ...string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Schema: schema})
	if err == nil {
		s.Close()
		t.Fatalf("Open took it; want an error with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(t *testing.T, dir string) (path string)
		words []string
	}{
		{"no path", func(t *testing.T, dir string) string { return "" }, []string{"empty", "--db"}},
		{"a folder", func(t *testing.T, dir string) string { return dir }, []string{"is a folder"}},
		{"a device", func(t *testing.T, dir string) string { return os.DevNull }, []string{"is not an ordinary file", "--db"}},
		{"in no folder", func(t *testing.T, dir string) string { return filepath.Join(dir, "none", "x.db") }, []string{filepath.FromSlash("/none"), "does not exist", "--db"}},
		{"below a file", func(t *testing.T, dir string) string {
			writeFile(t, filepath.Join(dir, "file"), []byte("x"))
			return filepath.Join(dir, "file", "x.db")
		}, []string{"not a folder", "--db"}},
		{"a text", func(t *testing.T, dir string) string {
			return writeFile(t, filepath.Join(dir, "x.db"), []byte("Dear diary"))
		}, []string{"x.db", "is not a SQLite database", "--db"}},
		{"a long text", func(t *testing.T, dir string) string {
			return writeFile(t, filepath.Join(dir, "x.db"), bytes.Repeat([]byte("Dear diary\n"), 1000))
		}, []string{"x.db", "is not a SQLite database", "--db"}},
		{"another program's", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "x.db")
			raw(t, path, "CREATE TABLE directus_users (id TEXT)").Close()
			return path
		}, []string{"x.db", "another program", "--db"}},
		{"a newer version's", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "x.db")
			open(t, path).Close()
			raw(t, path, "PRAGMA user_version = 99").Close()
			return path
		}, []string{"x.db was written by a newer version of leveret; start that version or choose another file with --db"}},
		{"ours, but cut short", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "x.db")
			open(t, path).Close()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return writeFile(t, path, content[:4096+100])
		}, []string{"x.db", "damaged", "backup", "--db"}},
		{"ours, but overwritten", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "x.db")
			open(t, path).Close()
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 200; i < len(content); i++ {
				content[i] = 0xA5
			}
			return writeFile(t, path, content)
		}, []string{"x.db", "damaged", "backup", "--db"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := test.make(t, dir)
			before := contents(t, dir)
			wantOpenError(t, path, schemaOf(messages()), test.words...)
			if test.name != "a newer version's" && !strings.HasPrefix(test.name, "ours") {
				if after := contents(t, dir); !slices.Equal(before, after) {
					t.Errorf("the folder was changed: %q became %q", before, after)
				}
			}
		})
	}
}

func writeFile(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// contents lists a folder's files with a digest of each.
func contents(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, _ := os.ReadFile(filepath.Join(dir, entry.Name()))
		sum := sha256.Sum256(content)
		list = append(list, entry.Name()+" "+string(sum[:4]))
	}
	return list
}

func TestFileInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	s := open(t, path)
	wantOpenError(t, path, schemaOf(messages()), "x.db is in use by another leveret", "stop that one", "--db")
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, link, schemaOf(messages()), "x.db is in use by another leveret")
	insert(t, s, "messages", query.Row{"id": "1", "text": "the first goes on"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, open(t, path), "messages", "1")
}

func TestEmptyFileIsANewDatabase(t *testing.T) {
	path := writeFile(t, filepath.Join(t.TempDir(), "x.db"), nil)
	s := open(t, path)
	insert(t, s, "messages", query.Row{"id": "1", "text": "x"})
	wantKeys(t, s, "messages", "1")
}

func TestPathWithSpecialCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c=d&e#f%41+ü")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "x?mode=memory.db")
	s := open(t, path)
	insert(t, s, "messages", query.Row{"id": "1", "text": "x"})
	s.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	wantKeys(t, open(t, path), "messages", "1")
}

func TestMemoryLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	a, b := open(t, sqlite.Memory), open(t, sqlite.Memory)
	insert(t, a, "messages", query.Row{"id": "1", "text": "x"})
	wantKeys(t, a, "messages", "1")
	wantKeys(t, b, "messages")
	a.Close()
	b.Close()
	if left := contents(t, os.TempDir()); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestFilesAreTheirOwnersOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	insert(t, s, "messages", query.Row{"id": "1", "text": "x"})
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v, want mode 0600", suffix, info, err)
		}
	}
}

// TestDurability: what SQLite must be told for an acknowledged write to survive
// kill -9 and a power cut, read back from the connection that writes.
func TestDurability(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000", "application_id": "1281717874", "user_version": "2"} {
		if got := sqlite.WriterPragma(t, s, pragma); got != want {
			t.Errorf("PRAGMA %s is %s, want %s", pragma, got, want)
		}
	}
	// A copy of the files as a kill at this moment would leave them holds the row.
	insert(t, s, "messages", query.Row{"id": "1", "text": "x"})
	killed := filepath.Join(t.TempDir(), "x.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, killed+suffix, content)
	}
	wantKeys(t, open(t, killed), "messages", "1")
	// A graceful end leaves one file, without a log to replay.
	s.Close()
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("the log is still there: %v", err)
	}
}

func TestWritesWaitForAnotherProgramsLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	other, err := raw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Write(ctx, func(directus.Tx) error { t.Error("ran"); return nil }) }()
	cancel() // The wait ends with the context…
	if err := <-ended; err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
	go func() {
		ended <- s.Write(t.Context(), func(tx directus.Tx) error {
			_, err := tx.Insert(t.Context(), "messages", query.Row{"id": "1", "text": "x"})
			return err
		})
	}()
	if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil { // …or with the lock.
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	wantKeys(t, s, "messages", "1")
}

func TestDamagedPageIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	for i := range 200 {
		insert(t, s, "messages", query.Row{"id": string(rune('A' + i)), "text": strings.Repeat("x", 500)})
	}
	s.Close()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 2; i < len(content); i++ {
		content[i] = 0xA5
	}
	writeFile(t, path, content)
	var log bytes.Buffer
	s, err = sqlite.Open(t.Context(), sqlite.Options{Path: path, Schema: schemaOf(messages(), counters()), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Read(t.Context(), "messages", query.Query{Limit: -1})
	if err == nil || !strings.Contains(err.Error(), "x.db is damaged: put a backup in its place") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "the database is damaged") {
		t.Errorf("the log says nothing of it: %s", log.String())
	}
}
