// Package sqlite stores items: it is the directus.Store on one SQLite file.
//
// What Write has acknowledged is on disk (write-ahead log, synced at every
// commit). There is one writer and a small pool of readers, and readers never
// wait for the writer. Queries are compiled to SQL with exactly the meaning that
// package query gives them in memory: filters, sort and aggregates, relations with
// their guards included. Every value is bound. What is too large is refused, and a
// read that takes too long is interrupted.
//
// A collection is a table with a column for each field; aliases have none. What a
// many-to-one field points at exists at the end of every Write. The schema may grow
// from one start to the next; what would lose or break data is refused with a
// sentence.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"leveret/protocol/query"
	"leveret/server/directus"
)

// Memory is the Path of a store that is gone once it is closed, for tests.
const Memory = ":memory:"

// ErrClosed is returned by everything that is asked of a closed [Store].
var ErrClosed = errors.New("the store is closed")

// Options says what to open.
type Options struct {
	// Path is the database file; it is created if it does not exist, its folder
	// is not. Beside it are, while it is open, PATH-wal and PATH-shm (recent writes:
	// a backup takes them too, or is made by SQLite's own .backup), and PATH-lock,
	// empty, which keeps a second server off the file. [Memory] is a database of
	// its own that Close removes: it is kept in the system's temporary folder, so
	// that it behaves as a file does, but it is never synced.
	Path string
	// Schema is the collections to store, system ones included. Required.
	Schema *query.Schema
	// Logger is told what was created, changed or damaged. Default: nothing is logged.
	Logger *slog.Logger
	// QueryTimeout is how long a read may take before it is interrupted and refused with
	// OUT_OF_TIME. Default: 10 seconds; negative: no limit.
	QueryTimeout time.Duration
	// Now is the clock that tombstones are dated by. Default: time.Now.
	Now func() time.Time
}

// A Store is a directus.Store on an SQLite file. Its methods may be called from
// many goroutines.
type Store struct {
	path    string // absolute
	schema  *query.Schema
	tables  map[string]*table
	log     *slog.Logger
	now     func() time.Time
	timeout time.Duration // of a read; negative: none
	cleanup func()        // removes a Memory store's folder

	lock    *database     // held open: says that the file is in use
	writers *database     // the one connection that writes
	pool    *database     // the connections that read
	writer  chan *session // holds the writer while nobody writes
	readers chan *session // holds the readers that are idle
	unborn  chan struct{} // holds one for each reader that is not opened yet

	closeOnce sync.Once
	closed    chan struct{}
	closeErr  error

	pruned time.Time // when tombstones were last pruned; guarded by holding the writer
}

var _ directus.Store = (*Store)(nil)

// readerCount is how many reads run at once; more wait for one to end. A reader is
// opened when all others are busy: each prepares its statements anew.
const readerCount = 4

// Open opens the store, creating the file, or the tables and columns that the
// schema has and the file has not. It refuses, and says what to do: a file that is
// in use, cannot be written, is no SQLite database or another program's, is
// damaged, was written by a newer version; and a schema that would lose data.
func Open(ctx context.Context, o Options) (_ *Store, err error) {
	if o.Schema == nil {
		return nil, errors.New("sqlite.Open: Options.Schema is missing")
	}
	if o.Path == "" {
		return nil, errors.New("the path of the database file is empty: name a file with --db")
	}
	s := &Store{
		schema:  o.Schema,
		log:     o.Logger,
		now:     o.Now,
		timeout: o.QueryTimeout,
		cleanup: func() {},
		closed:  make(chan struct{}),
		writer:  make(chan *session, 1),
		readers: make(chan *session, readerCount),
		unborn:  make(chan struct{}, readerCount),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.timeout == 0 {
		s.timeout = defaultQueryTimeout
	}
	if s.tables, err = tablesOf(o.Schema); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.closeFiles()
		}
	}()

	synced := "FULL"
	if o.Path == Memory {
		dir, err := os.MkdirTemp("", "leveret-*")
		if err != nil {
			return nil, fmt.Errorf("make a folder for a temporary database: %w", err)
		}
		s.cleanup = func() { os.RemoveAll(dir) }
		s.path = filepath.Join(dir, "memory.db")
		synced = "OFF"
	} else if s.path, err = resolve(o.Path); err != nil {
		return nil, err
	}

	if s.lock, err = lockFile(ctx, s.path); err != nil {
		return nil, err
	}
	isNew, err := inspect(s.path)
	if err != nil {
		return nil, err
	}
	if s.writers, err = openDatabase(s.path, "_synchronous="+synced); err != nil {
		return nil, err
	}
	writer, err := s.writers.session(ctx)
	if err != nil {
		return nil, explain(s.path, err)
	}
	if err := s.prepareFile(ctx, writer); err != nil {
		return nil, explain(s.path, err)
	}
	s.writer <- writer
	if s.pool, err = openDatabase(s.path, "_query_only=1"); err != nil {
		return nil, err
	}
	for range readerCount {
		s.unborn <- struct{}{}
	}
	s.log.Debug("database opened", "path", s.path, "new", isNew)
	return s, nil
}

// Schema returns the schema that the store was opened with.
func (s *Store) Schema() *query.Schema { return s.schema }

// Path returns the database file's absolute path.
func (s *Store) Path() string { return s.path }

// Close waits for the reads and the write under way, writes the log back into the
// database file, and closes. What is asked afterwards gets [ErrClosed]. A second
// Close returns what the first did. It must not be called within a Write.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		for range readerCount {
			select {
			case <-s.readers:
			case <-s.unborn:
			}
		}
		writer := <-s.writer
		_, err := writer.exec(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
		s.closeErr = explain(s.path, errors.Join(err, s.closeFiles()))
	})
	return s.closeErr
}

// closeFiles closes whatever is open. The lock goes last: until then the file is in use.
func (s *Store) closeFiles() error {
	err := errors.Join(s.pool.close(), s.writers.close(), s.lock.close())
	s.cleanup()
	return err
}

// borrowReader borrows a connection that reads; give it back by sending it to readers.
func (s *Store) borrowReader(ctx context.Context) (*session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case c := <-s.readers: // rather than one that has to be opened
		return c, nil
	default:
	}
	select {
	case c := <-s.readers:
		return c, nil
	case <-s.unborn:
		c, err := s.pool.session(ctx)
		if err != nil {
			s.unborn <- struct{}{} // the next read tries again
			return nil, explain(s.path, err)
		}
		return c, nil
	case <-s.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// usable says why nothing is to be begun, if so.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closed:
		return ErrClosed
	default:
		return nil
	}
}

// borrowWriter borrows the connection that writes; give it back by sending it to writer.
func (s *Store) borrowWriter(ctx context.Context) (*session, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case c := <-s.writer:
		return c, nil
	case <-s.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// table returns the collection's table.
func (s *Store) table(collection string) (*table, error) {
	if t := s.tables[collection]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("sqlite: the schema has no collection %q", collection)
}
