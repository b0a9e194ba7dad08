package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"

	"leveret/protocol/protocoltest"
	"leveret/protocol/realtime"
)

// Message is an item of the collection messages.
type Message struct {
	ID   int    `json:"id,omitempty"`
	Text string `json:"text"`
}

// fakeServer is what the examples talk to instead of a Directus.
func fakeServer(say ...string) *protocoltest.Dialer {
	dialer := protocoltest.NewDialer(protocoltest.Panic)
	go func() {
		peer := dialer.Accept()
		peer.AcceptAuth()
		for frame := peer.Next(); frame != nil && len(say) > 0; frame = peer.Next() {
			protocoltest.Match([]byte(`{"uid":"<uid>","...":"..."}`), frame, peer.Vars)
			for len(say) > 0 {
				peer.Say(say[0])
				if say = say[1:]; len(say) > 0 && say[0] == "" {
					say = say[1:] // the rest answers the next frame
					break
				}
			}
		}
	}()
	return dialer
}

// The items of a collection and every change to them, decoded. If the link is
// lost, the loop goes on with what was missed.
func ExampleCollection_Subscribe() {
	ctx := context.Background()
	server := fakeServer(
		`{"type":"subscription","event":"init","data":[{"id":1,"text":"first"}],"capabilities":["order"],"uid":"<uid>"}`,
		`{"type":"subscription","event":"create","data":[{"id":2,"text":"second"}],"uid":"<uid>"}`,
	)
	client, err := realtime.Dial(ctx, "http://localhost:8055", &realtime.Options{Token: realtime.StaticToken("editor-demo-token"), Dialer: server})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	for event, err := range realtime.CollectionOf[Message](client, "messages").Subscribe(ctx, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Kind, event.Items)
		if event.Kind == "create" {
			break
		}
	}
	// Output:
	// init [{1 first}]
	// create [{2 second}]
}

// An item is created, and comes back as the server has it.
func ExampleCollection_Create() {
	ctx := context.Background()
	server := fakeServer(`{"type":"items","data":{"id":4,"text":"hello"},"uid":"<uid>"}`)
	client, err := realtime.Dial(ctx, "http://localhost:8055", &realtime.Options{Token: realtime.StaticToken("editor-demo-token"), Dialer: server})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	item, err := realtime.CollectionOf[Message](client, "messages").Create(ctx, Message{Text: "hello"})
	fmt.Println(item, err)
	// Output:
	// {4 hello} <nil>
}

// A client tells where it stands, and why.
func ExampleClient_States() {
	ctx := context.Background()
	client, err := realtime.Dial(ctx, "http://localhost:8055", &realtime.Options{Token: realtime.StaticToken("editor-demo-token"), Dialer: fakeServer()})
	if err != nil {
		fmt.Println(err)
		return
	}
	go client.Close()
	for change := range client.States(ctx) {
		if change.To == "closed" {
			fmt.Println(change.To, change.Cause.Reason)
		}
	}
	// Output:
	// closed asked
}

// Who else is at an item: the members, each change among them, and what they say.
func ExampleClient_Presence() {
	ctx := context.Background()
	server := fakeServer(
		`{"type":"presence","event":"init","id":"me","ttl":30,"members":[{"id":"b","user":"bob"},{"id":"me","user":"ann","data":"title"}],"uid":"<uid>"}`,
		`{"type":"broadcast","channel":"cursor","data":[3,7],"from":"b","uid":"<uid>"}`,
		`{"type":"presence","event":"leave","members":[{"id":"b"}],"uid":"<uid>"}`,
	)
	client, err := realtime.Dial(ctx, "http://localhost:8055", &realtime.Options{Token: realtime.StaticToken("editor-demo-token"), Dialer: server})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	presence, err := client.Presence(ctx, "articles", 5, &realtime.PresenceOptions{Data: "title"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer presence.Leave(ctx)
	for event, err := range presence.Events(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, member := range event.Members {
			fmt.Printf("%s: %s%s\n", event.Kind, member.User, event.Data)
		}
		if event.Kind == realtime.PresenceLeave {
			break
		}
	}
	// Output:
	// init: bob
	// init: ann
	// broadcast: bob[3,7]
	// leave: bob
}

// A write is kept before it is sent: Create returns although there is no connection
// yet, and Wait once the server has answered.
func ExampleClient_Outbox() {
	ctx := context.Background()
	server := fakeServer(`{"type":"items","data":{"id":"a1","text":"hello"},"uid":"<uid>"}`)
	client, err := realtime.New("http://localhost:8055", &realtime.Options{Token: realtime.StaticToken("editor-demo-token"), Dialer: server})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	client.Connect()
	write, err := client.Outbox().Create(ctx, "messages", json.RawMessage(`{"id":"a1","text":"hello"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := client.Outbox().Wait(ctx, write.ID)
	fmt.Println(string(reply.Data), err)
	// Output: {"id":"a1","text":"hello"} <nil>
}
