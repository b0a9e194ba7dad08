package directus_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/query"
	"leveret/protocol/transport"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// A whole server: a store, its accounts, a hub, and the hub's handler.
func ExampleNewHub() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory, Schema: directus.DemoSchema()})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if _, err := directus.Seed(ctx, store, &directus.SeedOptions{Demo: true, Items: true}); err != nil {
		log.Fatal(err)
	}
	accounts, err := directus.NewAccounts(ctx, store, nil)
	if err != nil {
		log.Fatal(err)
	}
	hub := directus.NewHub(store, accounts, &directus.Options{Permissions: directus.DemoPermissions(true)})
	server := httptest.NewServer(hub.Handler())
	defer server.Close()
	defer hub.Shutdown(ctx)

	request, _ := http.NewRequest("POST", server.URL+"/items/messages?fields=user,text,status", strings.NewReader(`{"user":"Ben","text":"Hello"}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+directus.DemoAccounts[1].Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body := make([]byte, 100)
	n, _ := response.Body.Read(body)
	fmt.Println(response.StatusCode, string(body[:n]))
	// Output: 200 {"data":{"user":"Ben","text":"Hello","status":"published"}}
}

// A hub serves any connection, also one without a network.
func ExampleHub_Serve() {
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
	client, conn := transport.Pipe()
	go hub.Serve(ctx, conn, directus.Peer{Token: directus.DemoAccounts[1].Token})

	peer := protocoltest.NewPeer(protocoltest.Panic, client)
	peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"]},"uid":"1"}`)
	fmt.Println(string(peer.Next()))
	peer.Say(`{"type":"items","collection":"messages","action":"create","data":{"text":"Hello"},"query":{"fields":["text"]},"uid":2}`)
	fmt.Println(string(peer.Next()))
	fmt.Println(string(peer.Next()))
	client.Close(transport.CloseNormal, "")
	hub.Shutdown(ctx)
	// Output:
	// {"type":"subscription","event":"init","data":[],"uid":"1"}
	// {"type":"subscription","event":"create","data":[{"text":"Hello"}],"uid":"1"}
	// {"type":"items","data":{"text":"Hello"},"uid":2}
}

// A role that may see what is published and change what is its own.
func ExampleNewPermissions() {
	const role = "11111111-2222-4333-8444-555555555555"
	own, err := query.ParseFilter([]byte(`{"user":{"_eq":"$CURRENT_USER"}}`))
	if err != nil {
		log.Fatal(err)
	}
	published, err := query.ParseFilter([]byte(`{"status":{"_eq":"published"}}`))
	if err != nil {
		log.Fatal(err)
	}
	directus.NewPermissions(
		directus.Rule{Role: role, Collection: "messages", Action: protocol.ActionRead, Filter: published},
		directus.Rule{Role: role, Collection: "messages", Action: protocol.ActionUpdate, Filter: own, Fields: []string{"text"}},
	)
	// Output:
}
