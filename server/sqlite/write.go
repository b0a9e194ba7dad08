package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
)

// errOver is what a Tx answers once its Write has returned.
var errOver = errors.New("sqlite: the transaction is over")

// Write runs fn in a transaction; the next Write waits. When it returns nil, all
// that fn did is on disk; otherwise nothing of it is. If ctx ends before COMMIT has
// started, all is rolled back and the error is the context's; after that, the
// outcome reported is the outcome. fn must not call Write or SetSetting of the same
// store, which would wait for itself; Read is allowed and does not see what fn wrote.
//
// A refusal (*protocol.Error) undoes only the call that it answers, and fn may go on
// after it. After any other failure nothing more is done, and Write fails with it.
//
// What a many-to-one relation points at has to exist when fn has returned, not before:
// rows may be written in any order. If it does not, Write fails with the refusal of the
// first call that left it so (INVALID_FOREIGN_KEY), be it one that named a missing row
// or one that deleted a row that others point at.
func (s *Store) Write(ctx context.Context, fn func(directus.Tx) error) error {
	c, err := s.borrowWriter(ctx)
	if err != nil {
		return err
	}
	defer func() { s.writer <- c }()
	t := &tx{store: s, c: c}
	var reason error // why fn wants nothing of it to stay
	err = c.transaction(ctx, func() error {
		defer func() { t.over = true }()
		if reason = fn(t); reason == nil {
			reason = t.failed
		}
		if reason == nil {
			reason = t.fail(ctx, "check the references of", s.path, t.settle(context.WithoutCancel(ctx)))
		}
		if reason != nil {
			return reason
		}
		return t.prune(ctx)
	})
	if reason != nil {
		return reason
	}
	return s.failure(ctx, "write to", s.path, err)
}

// A tx is a directus.Tx. Its statements are not interrupted when ctx ends (see
// session.transaction); it is looked at before each of them.
type tx struct {
	store  *Store
	c      *session
	failed error   // why nothing more may be done
	over   bool    // Write has returned
	doubts []doubt // in the order of the calls
}

// table checks that the transaction can go on and returns the collection's table.
func (t *tx) table(ctx context.Context, collection string) (*table, error) {
	if t.over {
		return nil, errOver
	}
	if t.failed != nil {
		return nil, t.failed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return t.store.table(collection)
}

// fail makes the answer to err: a refusal is passed on, anything else ends the transaction.
func (t *tx) fail(ctx context.Context, doing, collection string, err error) error {
	var refusal *protocol.Error
	if err == nil || errors.As(err, &refusal) {
		return err
	}
	t.failed = t.store.failure(ctx, doing, collection, err)
	return t.failed
}

// Read returns whole rows, as Store.Read does, and sees what the transaction wrote.
func (t *tx) Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error) {
	table, err := t.table(ctx, collection)
	if err != nil {
		return nil, err
	}
	var rows []query.Row
	err = t.store.timed(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
		rows, err = t.store.read(ctx, t.c, table, q)
		return err
	})
	return rows, t.fail(ctx, "read", collection, err)
}

// Aggregate returns the groups of a query, as Store.Aggregate does, and sees what the
// transaction wrote.
func (t *tx) Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error) {
	table, err := t.table(ctx, collection)
	if err != nil {
		return nil, err
	}
	var groups []query.Group
	err = t.store.timed(context.WithoutCancel(ctx), func(ctx context.Context) (err error) {
		groups, err = t.store.aggregate(ctx, t.c, table, q)
		return err
	})
	return groups, t.fail(ctx, "aggregate", collection, err)
}

// Insert adds a row and returns its key. Fields that the row lacks are null.
func (t *tx) Insert(ctx context.Context, collection string, row query.Row) (any, error) {
	table, err := t.table(ctx, collection)
	if err != nil {
		return nil, err
	}
	key, err := t.insert(context.WithoutCancel(ctx), table, row)
	return key, t.fail(ctx, "insert into", collection, err)
}

func (t *tx) insert(ctx context.Context, table *table, row query.Row) (any, error) {
	for name := range row {
		if table.column(name) < 0 {
			return nil, fmt.Errorf("there is no field %q", name)
		}
	}
	args := make([]any, len(table.fields))
	for i := range table.fields {
		value, err := table.check(i, row[table.fields[i].Name])
		if err != nil {
			return nil, err
		}
		args[i] = value
	}
	key := args[table.key]
	if key != nil {
		deleted, err := t.wasDeleted(ctx, table, key)
		if err != nil {
			return nil, err
		}
		if deleted {
			return nil, notUnique(table.Name, table.PrimaryKey, key)
		}
	}
	result, err := t.c.change(ctx, table.insert, args...)
	if err != nil {
		return nil, table.refusal(err, row)
	}
	if key == nil {
		if key, err = result.LastInsertId(); err != nil {
			return nil, err
		}
	}
	return key, t.doubtRow(ctx, table, args)
}

// Update sets fields of the rows with these keys, of all or of none. Keys that no
// row has are passed over. A primary key that is changed leaves a tombstone.
func (t *tx) Update(ctx context.Context, collection string, keys []any, changes query.Row) error {
	table, err := t.table(ctx, collection)
	if err != nil {
		return err
	}
	return t.fail(ctx, "update", collection, t.update(context.WithoutCancel(ctx), table, keys, changes))
}

func (t *tx) update(ctx context.Context, table *table, keys []any, changes query.Row) error {
	if len(keys) == 0 || len(changes) == 0 {
		return nil
	}
	for name := range changes {
		if table.column(name) < 0 {
			return fmt.Errorf("there is no field %q", name)
		}
	}
	var set strings.Builder
	var args []any
	written := make([]any, len(table.fields))
	// In the fields' order, so that equal changes make equal texts.
	for i := range table.fields {
		value, ok := changes[table.fields[i].Name]
		if !ok {
			continue
		}
		bound, err := table.check(i, value)
		if err != nil {
			return err
		}
		if i == table.key && bound == nil {
			return notNull(table.Name, table.PrimaryKey)
		}
		if set.Len() > 0 {
			set.WriteString(", ")
		}
		set.WriteString(table.columns[i] + " = ?")
		args = append(args, bound)
		written[i] = bound
	}
	where, list, err := table.keyIn(keys)
	if err != nil {
		return err
	}
	key, moved := changes[table.PrimaryKey]
	if moved {
		if err := t.bury(ctx, table, where+" AND "+table.columns[table.key]+" <> ?", list, key); err != nil {
			return err
		}
	}
	if _, err := t.c.change(ctx, "UPDATE "+table.name+" SET "+set.String()+" WHERE "+where, append(args, list)...); err != nil {
		return table.refusal(err, changes)
	}
	if moved {
		if err := t.doubtKeys(ctx, table, len(keys) > 1, list); err != nil {
			return err
		}
	}
	return t.doubtRow(ctx, table, written)
}

// Delete removes the rows with these keys and remembers the keys for 24 hours. Keys
// that no row has are passed over, and not remembered. What points at the rows is for
// the caller to clear or delete, within the same Write.
func (t *tx) Delete(ctx context.Context, collection string, keys []any) error {
	table, err := t.table(ctx, collection)
	if err != nil {
		return err
	}
	return t.fail(ctx, "delete from", collection, t.delete(context.WithoutCancel(ctx), table, keys))
}

func (t *tx) delete(ctx context.Context, table *table, keys []any) error {
	if len(keys) == 0 {
		return nil
	}
	where, list, err := table.keyIn(keys)
	if err != nil {
		return err
	}
	if err := t.bury(ctx, table, where, list); err != nil {
		return err
	}
	if _, err = t.c.change(ctx, "DELETE FROM "+table.name+" WHERE "+where, list); err != nil {
		return err
	}
	return t.doubtKeys(ctx, table, len(keys) > 1, list)
}

// check returns a value as it is bound, or refuses it.
func (t *table) check(i int, value any) (any, error) {
	f := t.fields[i]
	bound, err := t.stores[i].encode(value)
	if err != nil {
		return nil, fmt.Errorf("field %q: %w", f.Name, err)
	}
	if bound == nil {
		if (f.Required || i == t.key) && !f.Generated {
			return nil, notNull(t.Name, f.Name)
		}
		return nil, nil
	}
	if text, ok := bound.(string); ok && f.MaxLength > 0 && len(text) > f.MaxLength && utf8.RuneCountInString(text) > f.MaxLength {
		return nil, tooLong(t.Name, f.Name)
	}
	return bound, nil
}

// refusal makes SQLite's error about a constraint the client's.
func (t *table) refusal(err error, row query.Row) error {
	column, ok := uniqueness(err)
	if !ok {
		return err
	}
	for i := range t.fields {
		if name := t.fields[i].Name; column == t.Name+"."+name {
			return notUnique(t.Name, name, row[name])
		}
	}
	return err
}

// keyIn returns a condition on the primary key and the one value to bind to it.
func (t *table) keyIn(keys []any) (where string, bind any, err error) {
	bound := make([]any, len(keys))
	for i, key := range keys {
		if bound[i], err = t.stores[t.key].encode(key); err != nil {
			return "", nil, fmt.Errorf("primary key %q: %w", t.PrimaryKey, err)
		}
		if bound[i] == nil {
			return "", nil, fmt.Errorf("primary key %q: null is no key", t.PrimaryKey)
		}
	}
	where = t.columns[t.key] + among(len(bound) > 1)
	if len(bound) == 1 {
		return where, bound[0], nil
	}
	list, err := jsonList(bound)
	return where, list, err
}

// among is the condition for a column to be the one value bound, or one of the many
// in a list of jsonList.
func among(many bool) string {
	if many {
		return " IN (SELECT value FROM json_each(?))"
	}
	return " = ?"
}
