package sqlite

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
)

// maxStatements is how many prepared statements a connection keeps. The texts of
// queries differ only in their shape (values are bound), so few are in use.
const maxStatements = 200

// A session is one connection with its prepared statements. One goroutine uses it
// at a time.
type session struct {
	conn  *sql.Conn
	known map[string]*list.Element // by SQL text
	used  *list.List               // of *statement, most recently used first
}

type statement struct {
	text     string
	prepared *sql.Stmt
}

func newSession(conn *sql.Conn) *session {
	return &session{conn: conn, known: map[string]*list.Element{}, used: list.New()}
}

// prepare returns the statement for a text, which stays valid until maxStatements
// others were used.
func (c *session) prepare(ctx context.Context, text string) (*sql.Stmt, error) {
	if e := c.known[text]; e != nil {
		c.used.MoveToFront(e)
		return e.Value.(*statement).prepared, nil
	}
	prepared, err := c.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.known[text] = c.used.PushFront(&statement{text, prepared})
	if c.used.Len() > maxStatements {
		oldest := c.used.Remove(c.used.Back()).(*statement)
		delete(c.known, oldest.text)
		oldest.prepared.Close()
	}
	return prepared, nil
}

// query runs a prepared SELECT. The rows must be closed before the next call.
func (c *session) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := c.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

// change runs a prepared statement that writes.
func (c *session) change(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := c.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

// exec runs a statement once, unprepared.
func (c *session) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	return c.conn.ExecContext(ctx, text, args...)
}

// row runs a SELECT of one row, unprepared.
func (c *session) row(ctx context.Context, text string, args ...any) *sql.Row {
	return c.conn.QueryRowContext(ctx, text, args...)
}

// integer returns the one number that a SELECT or PRAGMA gives.
func (c *session) integer(ctx context.Context, text string, args ...any) (n int64, err error) {
	err = c.row(ctx, text, args...).Scan(&n)
	return n, err
}

// transaction runs fn between BEGIN IMMEDIATE and COMMIT. If fn fails or panics, or
// ctx has ended when fn returns, all is rolled back. Once COMMIT has started it is
// not interrupted, so that the outcome reported is the one on disk; nor is a
// statement before it, because SQLite answers an interrupted change by silently
// ending the transaction.
func (c *session) transaction(ctx context.Context, fn func() error) (err error) {
	whole := context.WithoutCancel(ctx)
	committed := false
	defer func() {
		if !committed {
			// It fails when there is nothing to roll back: BEGIN failed, or SQLite
			// has done it already (disk full, I/O error).
			c.change(whole, "ROLLBACK")
		}
	}()
	if _, err := c.change(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := c.change(whole, "COMMIT"); err != nil {
		return err
	}
	committed = true
	return nil
}

func (c *session) close() error {
	var err error
	for e := c.used.Front(); e != nil; e = e.Next() {
		err = errors.Join(err, e.Value.(*statement).prepared.Close())
	}
	return errors.Join(err, c.conn.Close())
}
