package sqlite

import "testing"

// WriterPragma reads a PRAGMA of the connection that writes.
func WriterPragma(t *testing.T, s *Store, name string) (value string) {
	t.Helper()
	c := <-s.writer
	defer func() { s.writer <- c }()
	if err := c.row(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// StatementsKept returns the largest number of statements that an idle reader keeps.
func StatementsKept(s *Store) (kept int) {
	for range len(s.readers) {
		c := <-s.readers
		kept = max(kept, c.used.Len(), len(c.known))
		s.readers <- c
	}
	return kept
}
