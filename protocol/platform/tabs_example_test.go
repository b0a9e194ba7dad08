package platform_test

import (
	"context"
	"fmt"

	"leveret/protocol/platform"
)

func ExampleOpenChannel() {
	ctx := context.Background()
	here, _ := platform.OpenChannel("news")
	defer here.Close()
	there, _ := platform.OpenChannel("news") // in another tab, usually
	defer there.Close()
	here.Send([]byte("hello"))
	for message, err := range there.Messages(ctx) {
		if err != nil {
			break // platform.ErrMissed: read anew what the messages were about
		}
		fmt.Println(string(message))
		break
	}
	// Output: hello
}
