package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// applicationID marks our files ("Levr"): PRAGMA application_id, which SQLite
// keeps for this purpose at offset 68 of the file.
const applicationID = 0x4c657672

// busyTimeout is how many milliseconds a connection waits for a lock that another
// program (the sqlite3 shell, a backup) holds on the database.
const busyTimeout = "5000"

// resolve makes the path absolute and checks what is there before SQLite is asked,
// whose own words ("unable to open database file") do not say what is wrong.
func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("database file %s: %w", path, err)
	}
	// One file has one lock, by whatever name it is reached.
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	switch info, err := os.Stat(abs); {
	case err != nil: // it is not there, or the folder will tell
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder: name a file in it with --db", abs)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not an ordinary file: choose another file with --db", abs)
	}
	folder := filepath.Dir(abs)
	switch info, err := os.Stat(folder); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the folder %s does not exist: create it, or choose another file with --db", folder)
	case err != nil:
		return "", fmt.Errorf("the folder of the database file cannot be used: %w; choose another file with --db", err)
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a folder: choose another file with --db", folder)
	}
	return abs, nil
}

// lockFile takes the lock that says "in use" and holds it while the database
// returned is open. It is SQLite's own lock on an empty file beside the database:
// the same on every system, seen within a process as well as between processes,
// and released by the system when a process dies. The database itself cannot serve:
// our readers and our writer are separate connections to it. The file stays, since
// removing it could give two processes a lock each.
func lockFile(ctx context.Context, path string) (_ *database, err error) {
	name := path + "-lock"
	lock, err := openDatabase(name, "_busy_timeout=0&_journal_mode=OFF")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.close()
		}
	}()
	c, err := lock.session(ctx)
	if err == nil {
		_, err = c.exec(ctx, "BEGIN EXCLUSIVE")
	}
	switch code := codeOf(err); {
	case err == nil:
		return lock, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case code == codes.SQLITE_BUSY:
		return nil, fmt.Errorf("%s is in use by another leveret: stop that one, or choose another file with --db", path)
	case code == codes.SQLITE_CANTOPEN, code == codes.SQLITE_READONLY:
		return nil, fmt.Errorf("cannot write in the folder %s (for %s): let this user write there, or choose another file with --db", filepath.Dir(path), filepath.Base(name))
	default:
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	}
}

// inspect creates the file, or looks at its first bytes and refuses what is not ours,
// before SQLite could write to it. Call it with the lock held.
func inspect(path string) (isNew bool, err error) {
	defer func() {
		if err != nil {
			os.Remove(path + "-lock") // beside a file of somebody else's we leave nothing
		}
	}()
	// A new file is only its owner's: it will hold tokens and password hashes. The
	// log beside it gets the same mode from SQLite.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return false, fmt.Errorf("%s cannot be written: let this user write it, or choose another file with --db", path)
	case err != nil:
		return false, fmt.Errorf("%s cannot be opened: %w; choose another file with --db", path, err)
	}
	defer f.Close()
	header := make([]byte, 100)
	n, err := io.ReadFull(f, header)
	switch {
	case n == 0:
		return true, nil // SQLite takes an empty file for a new database, and so do we
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return false, fmt.Errorf("%s cannot be read: %w", path, err)
	case n < len(header) || !strings.HasPrefix(string(header), "SQLite format 3\x00"):
		return false, fmt.Errorf("%s is not a SQLite database, so leveret will not touch it: choose another file with --db", path)
	case binary.BigEndian.Uint32(header[68:]) != applicationID:
		return false, fmt.Errorf("%s is a SQLite database of another program, so leveret will not touch it: choose another file with --db", path)
	}
	return false, nil
}

// prepareFile brings the file to this version's form and the schema's tables.
func (s *Store) prepareFile(ctx context.Context, c *session) error {
	id, err := c.integer(ctx, "PRAGMA application_id")
	if err != nil {
		return err
	}
	if id != applicationID {
		// The file is new, or this was interrupted. It is done before the write-ahead
		// log is switched on, so that the mark is in the file itself, where inspect
		// looks for it, from the first moment.
		if _, err := c.exec(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
	}
	version, err := c.integer(ctx, "PRAGMA user_version")
	if err != nil {
		return err
	}
	if version > formatVersion {
		return fmt.Errorf("%s was written by a newer version of leveret; start that version or choose another file with --db", s.path)
	}
	var mode string
	if err := c.row(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("%s cannot have a write-ahead log where it is (SQLite stays in mode %q), perhaps because the folder is on a network: choose a file on a local disk with --db", s.path, mode)
	}
	return c.transaction(ctx, func() error { return s.migrate(ctx, c) })
}

// A database is a handle of database/sql and the connections taken from it.
type database struct {
	db *sql.DB

	mu       sync.Mutex
	sessions []*session
}

// openDatabase prepares a handle; nothing is opened yet.
func openDatabase(path, params string) (*database, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: slashed}
	// The last of two equal parameters wins, so params may override the defaults.
	// dqs: a misspelt "name" is an error and never a string.
	// error_rc: an error's text is about that error.
	values := url.Values{"_busy_timeout": {busyTimeout}, "_foreign_keys": {"1"}, "_dqs": {"0"}, "_error_rc": {"1"}}
	more, err := url.ParseQuery(params)
	if err != nil {
		return nil, err
	}
	for name := range more {
		values.Set(name, more.Get(name))
	}
	u.RawQuery = values.Encode()
	connector, err := driver.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("database file %s: %w", path, err)
	}
	return &database{db: sql.OpenDB(connector)}, nil
}

// session opens a connection.
func (d *database) session(ctx context.Context) (*session, error) {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c := newSession(conn)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions = append(d.sessions, c)
	return c, nil
}

// close closes the connections and the handle, which nobody uses any more; d may be nil.
func (d *database) close() error {
	if d == nil {
		return nil
	}
	var err error
	for _, c := range d.sessions {
		err = errors.Join(err, c.close())
	}
	return errors.Join(err, d.db.Close())
}

// codeOf returns the primary result code of an SQLite error, 0 for any other.
func codeOf(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// explain says in words what to do about the failures that a person can mend.
func explain(path string, err error) error {
	switch codeOf(err) {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("%s is locked by another program: close what has it open (a sqlite3 shell, a backup), or choose another file with --db: %w", path, err)
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("%s is not a SQLite database: choose another file with --db: %w", path, err)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("%s is damaged: put a backup in its place, or choose another file with --db: %w", path, err)
	case codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return fmt.Errorf("%s cannot be written: let this user write it and its folder, or choose another file with --db: %w", path, err)
	case codes.SQLITE_CANTOPEN:
		return fmt.Errorf("%s cannot be opened: let this user write it and its folder, or choose another file with --db: %w", path, err)
	case codes.SQLITE_FULL:
		return fmt.Errorf("%s cannot grow: the disk is full: %w", path, err)
	}
	return err
}
