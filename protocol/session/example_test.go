package session_test

import (
	"fmt"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A driver hands inputs to Step and carries out the effects it returns. Here the
// other side is written by hand, so that each step can be seen.
func Example() {
	s := session.New(session.Config{Rand: func() float64 { return 0.5 }})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

	step := func(in session.Input) {
		for _, effect := range s.Step(now, in) {
			switch e := effect.(type) {
			case session.Changed:
				fmt.Printf("%s -> %s: %s\n", e.From, e.To, e.Cause.Reason)
			case session.FetchCredential:
				fmt.Println("  fetch a credential")
			case session.Dial:
				fmt.Println("  open a socket")
			case session.Send:
				fmt.Printf("  send %s\n", e.Frame)
			case session.Resolve:
				fmt.Printf("  request %d is answered: %s\n", e.ID, e.Reply.(protocol.Reply).Data)
			}
		}
	}

	step(session.Do{ID: 1, Message: protocol.Items{Collection: "messages", Action: protocol.ActionRead}})
	step(session.Connect{})
	step(session.GotCredential{Epoch: 1, Credential: session.Credential{AccessToken: "secret"}})
	step(session.Dialed{Epoch: 1})
	step(session.Received{Epoch: 1, Frames: [][]byte{[]byte(`{"type":"auth","status":"ok"}`)}})
	step(session.Received{Epoch: 1, Frames: [][]byte{[]byte(`{"type":"items","data":[{"id":1}],"uid":"1"}`)}})
	step(session.Lost{Epoch: 1, Code: 1006})
	fmt.Println("next tick in", s.Deadline().Sub(now))

	// Output:
	// idle -> dialing: asked
	//   fetch a credential
	//   open a socket
	// dialing -> authenticating: opened
	//   send {"type":"auth","access_token":"secret"}
	// authenticating -> live: authenticated
	//   send {"type":"items","collection":"messages","action":"read","uid":"1"}
	//   request 1 is answered: [{"id":1}]
	// live -> waiting: link-lost
	// next tick in 250ms
}

// After a reconnect a subscription's consumer is told what changed meanwhile, and
// nothing else.
func ExampleSession_Take() {
	s := session.New(session.Config{Rand: func() float64 { return 0 }})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	epoch := 0
	connect := func(init string) {
		epoch++
		s.Step(now, session.Connect{})
		s.Step(now, session.GotCredential{Epoch: epoch, Credential: session.Credential{AccessToken: "secret"}})
		s.Step(now, session.Dialed{Epoch: epoch})
		s.Step(now, session.Received{Epoch: epoch, Frames: [][]byte{
			[]byte(`{"type":"auth","status":"ok"}`),
		}})
		s.Step(now, session.Received{Epoch: epoch, Frames: [][]byte{[]byte(init)}})
		for {
			e, ok, err := s.Take(7)
			if !ok || err != nil {
				break
			}
			fmt.Println(e.Kind, string(e.Data))
		}
	}

	s.Step(now, session.Subscribe{ID: 7, Collection: "messages", Options: session.SubscribeOptions{UID: protocol.StringUID("m")}})
	connect(`{"type":"subscription","event":"init","data":[{"id":1,"text":"a"},{"id":2,"text":"b"}],"capabilities":["order"],"uid":"m"}`)
	s.Step(now, session.Lost{Epoch: epoch, Code: 1006})
	fmt.Println("-- the link was lost")
	connect(`{"type":"subscription","event":"init","data":[{"id":2,"text":"b"},{"id":3,"text":"c"}],"capabilities":["order"],"uid":"m"}`)

	// Output:
	// init [{"id":1,"text":"a"},{"id":2,"text":"b"}]
	// -- the link was lost
	// create [{"id":3,"text":"c"}]
	// delete [1]
}
