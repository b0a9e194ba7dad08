package session

import (
	"fmt"
	"testing"

	"leveret/protocol"
)

// A page that asks again and again while it is offline, and gives up each time, must
// not fill the memory.
func TestCancelledRequestsAreForgotten(t *testing.T) {
	for p := range between {
		if !p.online() {
			t.Run(phaseNames[p], func(t *testing.T) {
				st := stageOf(p)
				before := len(st.requests.queued)
				for id := range RequestID(100) {
					st.step(Do{ID: 100 + id, Message: tableReply})
					st.step(Cancel{ID: 100 + id})
				}
				if n := len(st.requests.queued) - before; n != 0 || len(st.requests.byID) != 0 || len(st.requests.unanswered) > 1 {
					t.Errorf("%d wait, %d are known, %d unanswered", n, len(st.requests.byID), len(st.requests.unanswered))
				}
			})
		}
	}
}

// An answered request is let go of, also behind one that is never answered.
func TestAnsweredRequestsLetGoOfTheirFrames(t *testing.T) {
	st := stageOf(live)
	st.step(Do{ID: 1, Message: protocol.Items{Collection: "m", Action: protocol.ActionRead, UID: protocol.StringUID("never")}})
	for id := range RequestID(10) {
		uid := fmt.Sprint("r", id)
		st.step(Do{ID: 10 + id, Message: protocol.Items{Collection: "m", Action: protocol.ActionRead, UID: protocol.StringUID(uid)}})
		st.frame(`{"type":"items","data":[],"uid":"` + uid + `"}`)
	}
	held := 0
	for _, r := range st.requests.written {
		if r.frame != nil {
			held++
		}
	}
	if held != 1 {
		t.Errorf("%d frames are held, want that of the unanswered request", held)
	}
}
