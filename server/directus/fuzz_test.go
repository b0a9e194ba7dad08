package directus_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// Whatever a client sends, what comes back is JSON, nothing panics, and the
// connection lives.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		`{"type":"items","collection":"messages","action":"create","data":[{"text":"a"},{"date_created":5}],"uid":1}`,
		`{"type":"items","collection":"messages","action":"read","query":{"filter":{"_or":[{"text":{"_contains":"a"}},{"date_created":{"_lt":"$NOW(-1 day)"}}]},"sort":"-text","meta":"*"}}`,
		`{"type":"items","collection":"messages","action":"update","query":{"filter":{"user":{"_eq":"$CURRENT_USER"}}},"data":{"text":"b"}}`,
		`{"type":"items","collection":"messages","action":"update","data":[{"id":"` + first + `","text":"b"}]}`,
		`{"type":"items","collection":"messages","action":"delete","ids":["` + first + `"],"uid":"d"}`,
		`{"type":"subscribe","collection":"messages","event":"update","item":"` + first + `","query":{"fields":"text"},"uid":"s","capabilities":["commit"]}`,
		`{"type":"subscribe","collection":"messages","query":{"search":"a","limit":"2","page":1,"meta":["filter_count"]}}`,
		`{"type":"presence","action":"join","collection":"messages","item":"` + first + `","data":{"a":[1]},"ttl":30,"uid":"p"}`,
		`{"type":"presence","action":"leave","uid":"p"}`, `{"type":"broadcast","channel":"c","data":1,"uid":1}`,
		`{"type":"unsubscribe","uid":"s"}`, `{"type":"ping","uid":null}`, `{"type":"auth"}`, `{"type":5}`, `[`, ``,
	} {
		f.Add(seed)
	}
	store, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(f.TempDir(), "fuzz.db"), Schema: directus.DemoSchema()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { store.Close() })
	if _, err := directus.Seed(context.Background(), store, &directus.SeedOptions{Demo: true, Items: true}); err != nil {
		f.Fatal(err)
	}
	accounts, err := directus.NewAccounts(context.Background(), store, nil)
	if err != nil {
		f.Fatal(err)
	}
	var log logBuffer
	hub := directus.NewHub(store, accounts, &directus.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Permissions: directus.DemoPermissions(true)})
	f.Fuzz(func(t *testing.T, frame string) {
		if strings.Contains(frame, "auth") && frame != `{"type":"auth"}` {
			return // a wrong credential closes
		}
		near, far := transport.Pipe()
		done := make(chan error, 1)
		go func() { done <- hub.Serve(context.Background(), far, directus.Peer{Token: editor}) }()
		near.Send([]byte(frame))
		near.Send([]byte(`{"type":"unsubscribe","uid":"the end"}`))
		for peer := protocoltest.NewPeer(t, near); ; {
			answer := peer.Next()
			if answer == nil {
				break // invalid UTF-8
			}
			if !json.Valid(answer) {
				t.Fatalf("%q was answered with %q", frame, answer)
			}
			if string(answer) == `{"type":"subscription","event":"unsubscribe","uid":"the end"}` {
				break
			}
		}
		near.Close(transport.CloseNormal, "")
		<-done
		if strings.Contains(log.String(), "panic") {
			t.Fatalf("%q: %s", frame, log.String())
		}
	})
}
