// Package directus answers as a Directus server would, over HTTP and WebSocket.
package directus

import (
	"context"

	"leveret/protocol/query"
)

// A Store keeps items. It knows nothing of users or permissions: what it is asked
// for already has them ANDed in. Filters that reach it are bound (query.Filter.Bind).
//
// A failure that a client should see is a *protocol.Error without type and uid
// (RECORD_NOT_UNIQUE, NOT_NULL_VIOLATION, VALUE_TOO_LONG, …); anything else is an
// internal error and only logged.
type Store interface {
	// Schema returns the collections, system ones included. It does not change.
	Schema() *query.Schema
	// Read returns whole rows: the query's filter, search, sort and window are
	// applied, its fields are not.
	Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error)
	// Count returns how many rows match.
	Count(ctx context.Context, collection string, filter *query.Filter, search string) (int, error)
	// Aggregate returns the groups of a query with Aggregate or GroupBy: its filter,
	// search, sort (of the groups) and window are applied.
	Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error)
	// Write runs fn in a transaction, one at a time. When Write returns nil, all
	// that fn did is on disk; when it returns an error, nothing of it is.
	Write(ctx context.Context, fn func(Tx) error) error
	// Setting returns a stored setting, "" if there is none.
	Setting(ctx context.Context, name string) (string, error)
	// SetSetting stores a setting.
	SetSetting(ctx context.Context, name, value string) error
	// Close closes the store; nothing may use it afterwards.
	Close() error
}

// A Tx is a transaction. It sees its own writes.
type Tx interface {
	Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error)
	Aggregate(ctx context.Context, collection string, q query.Query) ([]query.Group, error)
	// Insert adds a row and returns its key in the primary key's own type. The
	// caller has filled in specials and defaults; an absent Generated key is made.
	// A key that was deleted within the last 24 hours is refused with
	// RECORD_NOT_UNIQUE (architecture: tombstones).
	Insert(ctx context.Context, collection string, row query.Row) (key any, err error)
	// Update sets fields of the rows with these keys.
	Update(ctx context.Context, collection string, keys []any, changes query.Row) error
	// Delete removes the rows with these keys and remembers the keys for 24 hours.
	Delete(ctx context.Context, collection string, keys []any) error
}
