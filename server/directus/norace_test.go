//go:build !race

package directus_test

const underRace = false
