package sqlite

import (
	"context"
	"database/sql"
	"errors"
)

// Setting returns a stored setting, "" if there is none.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	c, err := s.borrowReader(ctx)
	if err != nil {
		return "", err
	}
	defer func() { s.readers <- c }()
	var value string
	err = c.row(ctx, `SELECT "value" FROM "_leveret_settings" WHERE "name" = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, s.failure(ctx, "read the setting", name, err)
}

// SetSetting stores a setting; when it returns nil, it is on disk.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	c, err := s.borrowWriter(ctx)
	if err != nil {
		return err
	}
	defer func() { s.writer <- c }()
	err = c.transaction(ctx, func() error {
		_, err := c.change(context.WithoutCancel(ctx), `INSERT OR REPLACE INTO "_leveret_settings" VALUES (?, ?)`, name, value)
		return err
	})
	return s.failure(ctx, "store the setting", name, err)
}
