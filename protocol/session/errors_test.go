package session_test

import (
	"errors"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// TestDoubtfulErrors: a request that an error without uid may have been about ends
// in an error that is both: unknown, and that code.
func TestDoubtfulErrors(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	s := session.New(session.Config{Mode: session.Public, Rand: func() float64 { return 0 }})
	s.Step(now, session.Connect{})
	s.Step(now, session.GotCredential{Epoch: 1})
	s.Step(now, session.Dialed{Epoch: 1})
	if s.State() != session.Live || s.Cause().Reason != session.ReasonOpened {
		t.Fatalf("the state is %s because of %s, want live and opened", s.State(), s.Cause().Reason)
	}
	for id := range session.RequestID(2) {
		s.Step(now, session.Do{ID: id, Message: protocol.Items{Collection: "m", Action: protocol.ActionDelete, ID: []byte("1")}})
	}
	frame := []byte(`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"No."}}`)
	s.Step(now, session.Received{Epoch: 1, Frames: [][]byte{frame}})
	now = now.Add(30 * time.Second)
	var got []error
	for _, e := range s.Step(now, session.Tick{}) {
		if r, ok := e.(session.Resolve); ok {
			got = append(got, r.Err)
		}
	}
	if len(got) != 2 {
		t.Fatalf("%d requests ended, want 2", len(got))
	}
	for _, err := range got {
		if !errors.Is(err, session.ErrOutcomeUnknown) || !errors.Is(err, protocol.CodeForbidden) {
			t.Errorf("%v is not both ErrOutcomeUnknown and FORBIDDEN", err)
		}
		var refusal *protocol.Error
		if !errors.As(err, &refusal) || refusal.Message != "No." {
			t.Errorf("%v does not hold the server's error", err)
		}
	}
}

func TestNewNeedsRand(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New without Rand did not panic")
		}
	}()
	session.New(session.Config{})
}
