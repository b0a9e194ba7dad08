package directus_test

import (
	"fmt"
	"testing"

	"leveret/protocol/protocoltest"
	"leveret/server/directus"
)

// BenchmarkDeliver prints how many events reach subscribers in a second, one
// create at a time, over connections in memory: with one query that all share, and
// with a filter of its own for each.
func BenchmarkDeliver(b *testing.B) {
	for _, kind := range []string{"shared", "different"} {
		for _, subscribers := range []int{1, 100, 500, 2_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, subscribers), func(b *testing.B) {
				w := newWorld(b, &directus.Options{MessageRate: -1, Heartbeat: -1})
				got := make(chan struct{}, subscribers)
				for i := range subscribers {
					query := `{}`
					if kind == "different" {
						query = fmt.Sprintf(`{"filter":{"text":{"_neq":"%d"}}}`, i)
					}
					peer := w.connect(editor)
					peer.Say(`{"type":"subscribe","collection":"messages","event":"create","query":` + query + `,"uid":"1"}`)
					peer.Expect(`{"type":"subscription","event":"init","uid":"1"}`)
					go func(p *protocoltest.Peer) {
						for p.Next() != nil {
							got <- struct{}{}
						}
					}(peer)
				}
				writer := w.connect(editor)
				for b.Loop() {
					writer.Say(create + `{"text":"Hello World!","user":"Ben"}}`)
					writer.Next()
					for range subscribers {
						<-got
					}
				}
				b.ReportMetric(float64(subscribers*b.N)/b.Elapsed().Seconds(), "deliveries/s")
			})
		}
	}
}
