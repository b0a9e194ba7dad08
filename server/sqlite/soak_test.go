package sqlite_test

import (
	"iter"
	"os"
	"strconv"
)

// seeds yields the seeds of a random test: 0 to n, or in round r of make soak, which
// sets LEVERET_SOAK to r, ten times as many of that round's own.
func seeds(n uint64) iter.Seq[uint64] {
	first := uint64(0)
	if round, err := strconv.ParseUint(os.Getenv("LEVERET_SOAK"), 10, 32); err == nil {
		first, n = round*1_000_000, 10*n
	}
	return func(yield func(uint64) bool) {
		for seed := first; seed < first+n && yield(seed); seed++ {
		}
	}
}
