// Command broadcast shows what a program can do with the sockets of a hub: it
// listens to what happens on them, takes a message type of its own, lists them, and
// tells some or all of them something.
//
//	go run ./server/examples/broadcast
//
// It plays both sides and ends. With -stay it goes on, for sockets of yours.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"

	"leveret/protocol"
	"leveret/protocol/transport"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "the `address` to listen on; port 0 is any that is free")
	stay := flag.Bool("stay", false, "go on until the program is interrupted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &printer{w: os.Stdout}, *addr, *stay); err != nil {
		fmt.Fprintln(os.Stderr, "broadcast:", err)
		os.Exit(1)
	}
}

// run starts a server with the demo accounts, lets two of them talk, and stops it.
func run(ctx context.Context, out *printer, addr string, stay bool) error {
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory, Schema: directus.DemoSchema()})
	if err != nil {
		return err
	}
	defer store.Close()
	if _, err := directus.Seed(ctx, store, &directus.SeedOptions{Demo: true}); err != nil {
		return err
	}
	accounts, err := directus.NewAccounts(ctx, store, nil)
	if err != nil {
		return err
	}
	hub := directus.NewHub(store, accounts, &directus.Options{Permissions: directus.DemoPermissions(true)})
	listen(directus.NewWebSocketService(hub), out)

	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: hub.Handler()}
	go server.Serve(listener)
	defer server.Close()
	defer hub.Shutdown(context.Background())

	url := "http://" + listener.Addr().String()
	if err := talk(ctx, directus.NewWebSocketService(hub), out, url); err != nil || !stay {
		return err
	}
	out.line(`Connect to %s/websocket, say {"type":"auth","access_token":%q} and then {"type":"chat","text":"…"}.`, url, directus.DemoAccounts[1].Token)
	<-ctx.Done()
	return nil
}

// listen says what happens on the sockets, and makes a chat of messages of the
// type "chat".
func listen(service *directus.WebSocketService, out *printer) {
	service.On(directus.ConnectHandler(func(c directus.Client) {
		out.line("connect: user %q from %s", c.Accountability().User, c.Accountability().IP)
	}))
	service.On(directus.MessageHandler(func(c directus.Client, m protocol.Message) {
		out.line("message: %s from user %q", m.Kind(), c.Accountability().User)
	}))
	service.On(directus.ErrorHandler(func(c directus.Client, err error) {
		out.line("error: %v", err)
	}))
	service.On(directus.CloseHandler(func(c directus.Client, code int) {
		out.line("close: user %q with %d", c.Accountability().User, code)
	}))
	service.Filter(func(_ context.Context, c directus.Client, m protocol.Message) (protocol.Message, error) {
		raw, ok := m.(protocol.Raw)
		if !ok || raw.Type != "chat" {
			return m, nil // the hub answers it
		}
		text, ok := protocol.Text(protocol.Member(raw.Frame, "text"))
		if !ok {
			return nil, &protocol.Error{Code: protocol.CodeInvalidPayload, Message: `A chat has a "text".`}
		}
		// To all, the public included; a filter would choose a user or a role.
		_, err := service.Broadcast(map[string]any{"type": "chat", "from": c.Accountability().User, "text": text}, directus.BroadcastFilter{})
		return nil, err // it is taken: nothing more is answered
	})
}

// talk lets the demo's editor and reader connect, one of them chat, and the server
// tell the reader something.
func talk(ctx context.Context, service *directus.WebSocketService, out *printer, url string) error {
	editor, err := visit(ctx, out, url, directus.DemoAccounts[1])
	if err != nil {
		return err
	}
	defer editor.conn.Close(transport.CloseNormal, "")
	reader, err := visit(ctx, out, url, directus.DemoAccounts[2])
	if err != nil {
		return err
	}
	defer reader.conn.Close(transport.CloseNormal, "")

	if err := editor.say(`{"type":"chat","text":"Hello!"}`); err != nil {
		return err
	}
	if err := errors.Join(editor.hear(ctx), reader.hear(ctx)); err != nil {
		return err
	}
	for _, c := range service.Clients() {
		out.line("there is %s, user %q", c.UID(), c.Accountability().User)
	}
	n, err := service.Broadcast(map[string]any{"type": "notice", "text": "For readers only."}, directus.BroadcastFilter{Role: directus.RoleReader})
	if err != nil {
		return err
	}
	out.line("told %d", n)
	if err := reader.hear(ctx); err != nil {
		return err
	}
	if err := editor.say(`{"type":"ping"}`); err != nil { // a message for the hub
		return err
	}
	return editor.hear(ctx)
}

// A visitor is the other end of a socket. (Programs that want live data use
// leveret/protocol/realtime; here the bare frames say more.)
type visitor struct {
	name string
	conn transport.Conn
	out  *printer
}

// visit connects and signs in.
func visit(ctx context.Context, out *printer, url string, account directus.DemoAccount) (*visitor, error) {
	conn, err := transport.Default.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/websocket")
	if err != nil {
		return nil, err
	}
	v := &visitor{account.Name, conn, out}
	if err := v.say(fmt.Sprintf(`{"type":"auth","access_token":%q}`, account.Token)); err != nil {
		return nil, err
	}
	return v, v.hear(ctx)
}

func (v *visitor) say(frame string) error { return v.conn.Send([]byte(frame)) }

func (v *visitor) hear(ctx context.Context) error {
	frame, err := v.conn.Receive(ctx)
	if err == nil {
		v.out.line("the %s hears %s", v.name, frame)
	}
	return err
}

// A printer prints whole lines, from any goroutine.
type printer struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *printer) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.w, format+"\n", args...)
}
