package directus_test

import (
	"context"
	"fmt"
	"log"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// A program that takes a message type of its own, and tells everybody.
func ExampleWebSocketService() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory, Schema: directus.DemoSchema()})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if _, err := directus.Seed(ctx, store, &directus.SeedOptions{Demo: true}); err != nil {
		log.Fatal(err)
	}
	accounts, err := directus.NewAccounts(ctx, store, nil)
	if err != nil {
		log.Fatal(err)
	}
	hub := directus.NewHub(store, accounts, nil)
	defer hub.Shutdown(ctx)

	service := directus.NewWebSocketService(hub)
	service.Filter(func(_ context.Context, c directus.Client, m protocol.Message) (protocol.Message, error) {
		raw, ok := m.(protocol.Raw)
		if !ok || raw.Type != "chat" {
			return m, nil // it is for somebody else
		}
		_, err := service.Broadcast(`{"type":"chat","text":`+string(protocol.Member(raw.Frame, "text"))+`}`, directus.BroadcastFilter{Role: directus.RoleEditor})
		return nil, err // it is taken
	})
	closed := make(chan int)
	closing := service.On(directus.CloseHandler(func(_ directus.Client, code int) { closed <- code }))
	defer service.Off(closing)

	near, far := transport.Pipe()
	go hub.Serve(ctx, far, directus.Peer{Token: directus.DemoAccounts[1].Token})
	peer := protocoltest.NewPeer(protocoltest.Panic, near)
	peer.Say(`{"type":"chat","text":"Is anybody there?"}`)
	fmt.Println(string(peer.Next()))
	fmt.Println(len(service.Clients()), "socket is open.")
	peer.Close(transport.CloseNormal, "")
	fmt.Println("It closed with", <-closed)
	// Output:
	// {"type":"chat","text":"Is anybody there?"}
	// 1 socket is open.
	// It closed with 1000
}
