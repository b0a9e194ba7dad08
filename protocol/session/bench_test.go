package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// BenchmarkReceived hands over frames of 300 bytes, a hundred a batch as in a
// burst, and takes their events. b.N counts frames.
func BenchmarkReceived(b *testing.B) {
	now := time.Unix(1_000_000_000, 0)
	s := session.New(session.Config{Rand: func() float64 { return 0 }, Capabilities: []string{protocol.CapabilityOrder}})
	s.Step(now, session.Subscribe{ID: 1, Collection: "messages"})
	s.Step(now, session.Connect{})
	s.Step(now, session.GotCredential{Epoch: 1, Credential: session.Credential{AccessToken: "t"}})
	s.Step(now, session.Dialed{Epoch: 1})
	receive := func(frames ...[]byte) {
		s.Step(now, session.Received{Epoch: 1, Frames: frames, Quiet: true})
	}
	receive([]byte(`{"type":"auth","status":"ok"}`))
	receive([]byte(`{"type":"subscription","event":"init","data":[],"capabilities":["order"],"uid":"1"}`))
	frames := make([][]byte, 100)
	for i := range frames {
		frames[i] = fmt.Appendf(nil,
			`{"type":"subscription","event":"create","data":[{"id":"00000000-0000-4000-8000-%012d","text":%q,"user":"Ann","status":"published","date_created":"2026-11-21T06:43:50.670Z"}],"uid":"1"}`,
			i, strings.Repeat("x", 95))
	}
	b.SetBytes(int64(len(frames[0])))
	b.ReportAllocs()
	told := 0
	for n := 0; n < b.N; n += len(frames) {
		receive(frames...)
		for {
			if _, ok, _ := s.Take(1); !ok {
				break
			}
			told++
		}
	}
	if told < b.N {
		b.Fatalf("%d events of %d were told", told, b.N)
	}
}
