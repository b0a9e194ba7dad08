//go:build race

package sqlite_test

// underRace says that the race detector watches, which makes the database ten times as slow.
const underRace = true
