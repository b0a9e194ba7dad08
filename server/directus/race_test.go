//go:build race

package directus_test

// underRace says that the race detector watches, which makes the database ten times as slow.
const underRace = true
