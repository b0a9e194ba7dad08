package transport_test

import (
	"context"
	"errors"
	"fmt"

	"leveret/protocol/transport"
)

// What was sent arrives before the close, and the close says its code.
func ExamplePipe() {
	client, server := transport.Pipe()
	server.Send([]byte(`{"type":"ping"}`))
	server.Close(transport.CloseRestart, "restarting")

	for {
		frame, err := client.Receive(context.Background())
		var closed *transport.CloseError
		if errors.As(err, &closed) {
			fmt.Println(closed.Code, closed.Reason)
			return
		}
		fmt.Println(string(frame))
	}
	// Output:
	// {"type":"ping"}
	// 1012 restarting
}
