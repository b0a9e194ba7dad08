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

// BenchmarkRelations asks 10,000 articles of 100 authors in 10 cities.
func BenchmarkRelations(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "x.db"), library()...)
	for i := range 10 {
		insert(b, s, "cities", query.Row{"id": fmt.Sprint(i), "name": fmt.Sprintf("City %d", i)})
	}
	authors := make([]query.Row, 100)
	for i := range authors {
		authors[i] = query.Row{"id": fmt.Sprint(i), "name": fmt.Sprintf("Author %02d", i), "city": fmt.Sprint(i % 10)}
	}
	insert(b, s, "authors", authors...)
	articles := make([]query.Row, 10_000)
	for i := range articles {
		articles[i] = query.Row{"title": "an article", "author": fmt.Sprint(i % 100), "views": int64(i), "date": fmt.Sprintf("20%02d-11-21T09:00:00.000Z", i%30)}
	}
	insert(b, s, "articles", articles...)

	author, city := query.Hop{Relation: toAuthor}, query.Hop{Relation: toCity}
	notZero := leaf("id", query.OpNeq, "0")
	for _, test := range []struct {
		name, collection string
		q                query.Query
		want             int
	}{
		{"100 of one author's by name", "articles", query.Query{Filter: related(query.OpOne, toAuthor, notZero, leaf("name", query.OpEq, "Author 07")), Limit: 100}, 100},
		{"100 through two relations", "articles", query.Query{Filter: related(query.OpOne, toAuthor, notZero, related(query.OpOne, toCity, nil, leaf("name", query.OpEq, "City 7"))), Limit: 100}, 100},
		{"authors with a certain article", "authors", query.Query{Filter: related(query.OpSome, toArticles, nil, leaf("views", query.OpEq, int64(9_999))), Limit: -1}, 1},
		{"authors without a certain article", "authors", query.Query{Filter: related(query.OpNone, toArticles, nil, leaf("views", query.OpEq, int64(9_999))), Limit: -1}, 99},
		{"100 sorted through two relations", "articles", query.Query{Sort: []query.SortKey{{Field: "name", Path: []query.Hop{author, city}}}, Limit: 100}, 100},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				rows, err := s.Read(b.Context(), test.collection, test.q)
				if err != nil || len(rows) != test.want {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
	b.Run("sums of 30 years", func(b *testing.B) {
		q := query.Query{Aggregate: []query.Aggregation{{Func: "count", Field: "*"}, {Func: "sum", Field: "views"}}, GroupBy: []string{"year(date)"}, Limit: -1}
		for b.Loop() {
			groups, err := s.Aggregate(b.Context(), "articles", q)
			if err != nil || len(groups) != 30 {
				b.Fatal(len(groups), err)
			}
		}
	})
}
