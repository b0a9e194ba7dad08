package realtime_test

import (
	"context"
	"fmt"

	"leveret/protocol/realtime"
)

// A program that prints live messages.
func ExampleDial() {
	client, err := realtime.Dial(context.Background(), "http://localhost:8055", &realtime.Options{Token: realtime.StaticToken("editor-demo-token")})
	if err != nil {
		panic(err)
	}
	for event, err := range realtime.CollectionOf[map[string]any](client, "messages").Subscribe(context.Background(), nil) {
		fmt.Println(event.Kind, event.Items, event.Keys, err)
	}
}
