package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"leveret/protocol"
)

func ExampleEncode() {
	frame, err := protocol.Encode(protocol.Subscribe{
		Collection: "messages",
		Query:      json.RawMessage(`{"fields":["id","text"]}`),
		UID:        protocol.StringUID("s1"),
	})
	fmt.Println(string(frame), err)
	// Output: {"type":"subscribe","collection":"messages","query":{"fields":["id","text"]},"uid":"s1"} <nil>
}

func ExampleDecodeFromServer() {
	for _, frame := range []string{
		`{"type":"subscription","event":"create","data":[{"id":4}],"uid":"s1"}`,
		`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to access this."},"uid":1}`,
		`{"type":"weather","sky":"blue"}`,
	} {
		switch m := protocol.DecodeFromServer([]byte(frame)).(type) {
		case protocol.Subscription:
			fmt.Println(m.Event, string(m.Data), m.UID)
		case *protocol.Error:
			fmt.Println(m, errors.Is(m, protocol.CodeForbidden))
		case protocol.Raw:
			fmt.Println("not the protocol's:", m.Type)
		}
	}
	// Output:
	// create [{"id":4}] s1
	// items: FORBIDDEN: You don't have permission to access this. true
	// not the protocol's: weather
}
