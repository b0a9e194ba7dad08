package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"leveret/protocol/query"
	"leveret/server/directus"
)

func BenchmarkInsert(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("%d a transaction", size), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "x.db"))
			n := 0
			for b.Loop() {
				write(b, s, func(tx directus.Tx) error {
					for range size {
						n++
						row := query.Row{"id": fmt.Sprintf("%032d", n), "text": "a message of some length", "n": int64(n)}
						if _, err := tx.Insert(b.Context(), "messages", row); err != nil {
							return err
						}
					}
					return nil
				})
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "x.db"))
	write(b, s, func(tx directus.Tx) error {
		for i := range 10_000 {
			row := query.Row{"id": fmt.Sprintf("%05d", i), "text": "a message of some length", "n": int64(i), "at": fmt.Sprintf("2026-11-21T09:%02d:%02d.000Z", i/60%60, i%60)}
			if _, err := tx.Insert(b.Context(), "messages", row); err != nil {
				return err
			}
		}
		return nil
	})
	for _, test := range []struct {
		name string
		q    query.Query
		want int
	}{
		{"1 row by key", query.Query{Filter: leaf("id", query.OpEq, "05000"), Limit: 1}, 1},
		{"newest 100 of 10,000", query.Query{Sort: []query.SortKey{{Field: "at", Desc: true}}, Limit: 100}, 100},
		{"10,000 rows", query.Query{Limit: -1}, 10_000},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				rows, err := s.Read(b.Context(), "messages", test.q)
				if err != nil || len(rows) != test.want {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
}
