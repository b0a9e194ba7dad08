package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"leveret/protocol"
)

// uniqueness reports whether err is about a value that has to be unique, and which:
// "messages.id".
func uniqueness(err error) (column string, ok bool) {
	var e *driver.Error
	if !errors.As(err, &e) {
		return "", false
	}
	switch e.Code() {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY, codes.SQLITE_CONSTRAINT_ROWID:
	default:
		return "", false
	}
	_, column, _ = strings.Cut(e.Error(), "UNIQUE constraint failed: ")
	return strings.TrimSuffix(column, fmt.Sprintf(" (%d)", e.Code())), true // the driver adds the code
}

// The messages are Directus's (@directus/errors).

func notUnique(collection, field string, value any) error {
	return &protocol.Error{
		Code:    protocol.CodeRecordNotUnique,
		Message: fmt.Sprintf(`Value "%v" for field "%s" in collection "%s" has to be unique.`, value, field, collection),
	}
}

func notNull(collection, field string) error {
	return &protocol.Error{
		Code:    protocol.CodeNotNullViolation,
		Message: fmt.Sprintf(`Value for field "%s" in collection "%s" can't be null.`, field, collection),
	}
}

// tooLong does not repeat the value, which Directus's message allows.
func tooLong(collection, field string) error {
	return &protocol.Error{
		Code:    protocol.CodeValueTooLong,
		Message: fmt.Sprintf(`Value for field "%s" in collection "%s" is too long.`, field, collection),
	}
}

// errForeignKey does not name the field: to Directus SQLite does not tell it.
var errForeignKey = &protocol.Error{Code: protocol.CodeInvalidForeignKey, Message: "Invalid foreign key."}

// invalidQuery refuses a query that SQLite cannot take, in the form of Directus's
// own INVALID_QUERY messages.
func invalidQuery(format string, args ...any) error {
	return &protocol.Error{
		Code:    protocol.CodeInvalidQuery,
		Message: "Invalid query. " + fmt.Sprintf(format, args...),
	}
}

// failure says what was being done. What was interrupted because the context ended
// is the context's error.
func (s *Store) failure(ctx context.Context, doing, collection string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil && (errors.Is(err, ended) || codeOf(err) == codes.SQLITE_INTERRUPT) {
		return ended
	}
	var refusal *protocol.Error
	if errors.As(err, &refusal) {
		return err
	}
	err = explain(s.path, err)
	if codeOf(err) == codes.SQLITE_CORRUPT {
		s.log.Error("the database is damaged", "path", s.path, "collection", collection, "err", err)
	}
	return fmt.Errorf("sqlite: %s %q: %w", doing, collection, err)
}

// isOverflow reports whether err is SUM's, of integers that together pass 64 bits.
func isOverflow(err error) bool {
	return codeOf(err) == codes.SQLITE_ERROR && strings.Contains(err.Error(), "integer overflow")
}
