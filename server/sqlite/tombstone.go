package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A tombstone is the key of a deleted row. A client that sends a create again,
// because it never saw the answer, must not bring back a row that somebody has
// deleted in between.
const (
	tombstoneAge  = 24 * time.Hour   // how long a key is remembered
	pruneInterval = 10 * time.Minute // how often older ones are removed, at most
)

// bury remembers the keys of the rows that match a condition.
func (t *tx) bury(ctx context.Context, table *table, where string, args ...any) error {
	args = append([]any{table.Name, t.store.now().UnixMilli()}, args...)
	_, err := t.c.change(ctx, `INSERT OR REPLACE INTO "_leveret_tombstones" ("collection", "key", "deleted") `+
		"SELECT ?, CAST("+table.columns[table.key]+" AS TEXT), ? FROM "+table.name+" WHERE "+where, args...)
	return err
}

// wasDeleted reports whether a row with this key was deleted within tombstoneAge.
func (t *tx) wasDeleted(ctx context.Context, table *table, key any) (bool, error) {
	stmt, err := t.c.prepare(ctx, `SELECT 1 FROM "_leveret_tombstones" WHERE "collection" = ? AND "key" = ? AND "deleted" > ?`)
	if err != nil {
		return false, err
	}
	var one int
	err = stmt.QueryRowContext(ctx, table.Name, fmt.Sprint(key), t.store.now().Add(-tombstoneAge).UnixMilli()).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// prune removes tombstones that are too old to count, now and then.
func (t *tx) prune(ctx context.Context) error {
	now := t.store.now()
	if since := now.Sub(t.store.pruned); since >= 0 && since < pruneInterval {
		return nil
	}
	_, err := t.c.change(context.WithoutCancel(ctx), `DELETE FROM "_leveret_tombstones" WHERE "deleted" <= ?`, now.Add(-tombstoneAge).UnixMilli())
	if err == nil {
		t.store.pruned = now
	}
	return err
}
