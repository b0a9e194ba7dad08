package directus_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
	"leveret/server/directus"
)

// service returns the service of the world's hub.
func (w *world) service() *directus.WebSocketService { return directus.NewWebSocketService(w.hub) }

// userOf returns the id of the user that a socket is signed in as.
func userOf(t testing.TB, s *directus.WebSocketService, role string) string {
	t.Helper()
	for _, c := range s.Clients() {
		if c.Accountability().Role == role {
			return c.Accountability().User
		}
	}
	t.Fatalf("nobody has the role %s", role)
	return ""
}

func TestBroadcast(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Mode: directus.ModePublic})
		s := w.service()
		guest := w.dial(directus.Peer{})
		sockets := map[string]*protocoltest.Peer{"guest": guest, "admin": w.connect(admin), "editor": w.connect(editor), "editor's other": w.connect(editor), "reader": w.connect(reader)}
		synctest.Wait()
		theEditor := userOf(t, s, directus.RoleEditor)
		for name, c := range map[string]struct {
			message any
			filter  directus.BroadcastFilter
			to      []string
			frame   string
		}{
			"text as it is":           {"Hello, this is no JSON", directus.BroadcastFilter{}, []string{"guest", "admin", "editor", "editor's other", "reader"}, "Hello, this is no JSON"},
			"an object":               {map[string]any{"type": "news", "n": 1}, directus.BroadcastFilter{}, []string{"guest", "admin", "editor", "editor's other", "reader"}, `{"type":"news","n":1}`},
			"JSON":                    {json.RawMessage(`{"type":"news"}`), directus.BroadcastFilter{Role: directus.RoleReader}, []string{"reader"}, `{"type":"news"}`},
			"a message":               {protocol.Ping{UID: protocol.IntUID(7)}, directus.BroadcastFilter{Role: directus.RoleReader}, []string{"reader"}, `{"type":"ping","uid":7}`},
			"to a user":               {"hi", directus.BroadcastFilter{User: theEditor}, []string{"editor", "editor's other"}, "hi"},
			"to a role":               {"hi", directus.BroadcastFilter{Role: directus.RoleAdmin}, []string{"admin"}, "hi"},
			"to a user in a role":     {"hi", directus.BroadcastFilter{User: theEditor, Role: directus.RoleEditor}, []string{"editor", "editor's other"}, "hi"},
			"to a user in another":    {"hi", directus.BroadcastFilter{User: theEditor, Role: directus.RoleReader}, nil, ""},
			"to a user that is not":   {"hi", directus.BroadcastFilter{User: "nobody"}, nil, ""},
			"to a role that is in no": {"hi", directus.BroadcastFilter{Role: "none"}, nil, ""},
		} {
			n, err := s.Broadcast(c.message, c.filter)
			if err != nil || n != len(c.to) {
				t.Errorf("%s: told %d, %v", name, n, err)
			}
			for socket, peer := range sockets {
				if slices.Contains(c.to, socket) {
					peer.Expect(c.frame)
				}
				quiet(peer)
			}
		}
	})
}

func TestBroadcastRefusesWhatCannotBeSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		peer := w.connect(editor)
		for _, message := range []any{nil, 7, []int{1}, json.RawMessage(`{`), json.RawMessage("{\"a\":\"\xff\"}"), "\xff", func() {}, protocol.Raw{Frame: []byte("\xff")}} {
			if n, err := w.service().Broadcast(message, directus.BroadcastFilter{}); err == nil || n != 0 {
				t.Errorf("%v was sent to %d", message, n)
			}
		}
		quiet(peer)
	})
}

func TestBroadcastReachesNobodyBeforeAuth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		peer := w.dial(directus.Peer{})
		if n, _ := w.service().Broadcast("hi", directus.BroadcastFilter{}); n != 0 || len(w.service().Clients()) != 0 {
			t.Errorf("told %d", n)
		}
		peer.ExpectNothing(time.Second)
	})
}

// A broadcast has its place among the commits: after those that were told of
// before, and never between the frames of one.
func TestBroadcastAmongCommits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		watcher, writer := w.connect(editor), w.connect(admin)
		watcher.Say(`{"type":"subscribe","collection":"messages","event":"create","query":{"fields":["text"]},"uid":"s"}`)
		watcher.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
		const commits, items = 20, 5
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range commits {
				rows := strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"text":"%d"},`, i), items), ",")
				do(writer, create+`[`+rows+`]}`)
			}
		})
		wg.Go(func() {
			for range 50 {
				w.service().Broadcast(`{"type":"news"}`, directus.BroadcastFilter{Role: directus.RoleEditor})
			}
		})
		wg.Wait()
		w.service().Broadcast(`{"type":"last"}`, directus.BroadcastFilter{Role: directus.RoleEditor})
		for told := 0; ; {
			frame := watcher.Next()
			switch kind, _ := protocol.Text(protocol.Member(frame, "type")); {
			case kind == protocol.TypeSubscription:
				told++
			case kind == "news" && told%items != 0:
				t.Fatalf("a broadcast stands in the midst of a commit: after %d items of %d", told, items)
			case kind == "last":
				if told != commits*items {
					t.Errorf("after %d items of %d", told, commits*items)
				}
				return
			}
		}
	})
}

// Who does not take its frames loses its connection, and costs the others nothing.
func TestBroadcastToASlowSocket(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.service()
		failed, closed := make(chan error, 1), make(chan int, 1)
		s.On(directus.ErrorHandler(func(_ directus.Client, err error) { failed <- err }))
		s.On(directus.CloseHandler(func(_ directus.Client, code int) { closed <- code }))
		near, far := transport.BoundedPipe(1<<20, 4)
		slow := w.attach(near, far, directus.Peer{})
		slow.Say(`{"type":"auth","access_token":"` + reader + `"}`)
		quick := w.connect(editor)
		synctest.Wait()
		for i := range 10 {
			s.Broadcast("news", directus.BroadcastFilter{})
			quick.Expect("news")
			if n := len(s.Clients()); n != 1 && i >= 5 {
				t.Errorf("after %d messages there are %d sockets", i+1, n)
			}
		}
		if code := <-closed; code != transport.CloseTooSlow {
			t.Errorf("closed with %d", code)
		}
		if err := <-failed; !strings.Contains(err.Error(), "4413") {
			t.Errorf("failed of %v", err)
		}
	})
}

func TestClients(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Heartbeat: -1})
		s := w.service()
		session := w.login()
		peer := w.dial(directus.Peer{IP: "192.0.2.7", Origin: "https://example.com", UserAgent: "tests"})
		peer.Say(`{"type":"auth","access_token":"` + session.AccessToken + `"}`)
		peer.Expect(`{"type":"auth","status":"ok"}`)
		other := w.connect(admin)
		synctest.Wait()
		clients := s.Clients()
		if len(clients) != 2 || clients[0] == clients[1] || clients[0].UID() == clients[1].UID() || len(clients[0].UID()) != 36 || clients[0] != s.Clients()[0] {
			t.Fatalf("there are %v", clients)
		}
		a := clients[0].Accountability()
		if a.User != session.Identity.User || a.Role != session.Identity.Role || !slices.Equal(a.Roles, session.Identity.Roles) || a.Admin ||
			a.IP != "192.0.2.7" || a.Origin != "https://example.com" || a.UserAgent != "tests" {
			t.Errorf("the first is %+v", a)
		}
		if left := time.Until(clients[0].Expires()); left <= 0 || left > 15*time.Minute {
			t.Errorf("its token ends in %v", left)
		}
		if a := clients[1].Accountability(); !a.Admin || !clients[1].Expires().IsZero() {
			t.Errorf("the second is %+v", a)
		}
		if err := clients[1].Send(map[string]any{"type": "whisper"}); err != nil {
			t.Error(err)
		}
		other.Expect(`{"type":"whisper"}`)
		if err := clients[1].Send(1); err == nil {
			t.Error("1 was sent")
		}
		for _, code := range []int{1, 999, 1005, 1006, 1011, 5000} {
			if clients[1].Close(code, "") == nil {
				t.Errorf("closed with %d", code)
			}
		}
		quiet(peer, other)
		if err := clients[1].Close(4999, "Because."); err != nil {
			t.Error(err)
		}
		other.ExpectClose(4999)
		if err := clients[1].Send("late"); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a closed socket says %v", err)
		}
		if clients := s.Clients(); len(clients) != 1 {
			t.Errorf("there are %d sockets", len(clients))
		}
		clients[0].Close(0, "")
		peer.ExpectClose(transport.CloseNormal)

		// A token that ends makes the socket the public's.
		peer = w.dial(directus.Peer{Token: w.login().AccessToken})
		synctest.Wait()
		c := s.Clients()[0]
		time.Sleep(15*time.Minute + time.Second)
		if a := c.Accountability(); a.User != "" || a.Role != "" || a.Roles != nil {
			t.Errorf("after its end it is %+v", a)
		}
	})
}

// A journal notes what handlers are told, by the socket's user.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns what was noted since the last take, once everything has settled: by
// the first word, since handlers have no order among them, only each its own.
func (j *journal) take() []string {
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	slices.SortStableFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, " ")
		b, _, _ = strings.Cut(b, " ")
		return strings.Compare(a, b)
	})
	return lines
}

func (j *journal) expect(t *testing.T, lines ...string) {
	t.Helper()
	if got := j.take(); !slices.Equal(got, lines) {
		t.Errorf("told %q, want %q", got, lines)
	}
}

// listen notes everything that happens.
func (j *journal) listen(s *directus.WebSocketService) (registrations []*directus.Registration) {
	return []*directus.Registration{
		s.On(directus.ConnectHandler(func(c directus.Client) { j.add("connect %t", c.Accountability().User != "") })),
		s.On(directus.MessageHandler(func(c directus.Client, m protocol.Message) { j.add("message %s %T", m.Kind(), m) })),
		s.On(directus.ErrorHandler(func(c directus.Client, err error) { j.add("error") })),
		s.On(directus.CloseHandler(func(c directus.Client, code int) { j.add("close %d", code) })),
	}
}

func TestHandlers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.service()
		var j journal
		registrations := j.listen(s)

		peer := w.dial(directus.Peer{})
		j.expect(t) // not before it has authenticated
		peer.Say(`{"type":"auth","access_token":"` + editor + `"}`)
		j.expect(t, "connect true")
		peer.Expect(`{"type":"auth","status":"ok"}`)
		for _, frame := range []string{
			`{"type":"auth","access_token":"` + editor + `"}`, // its own, never told
			`{"type":"ping"}`,
			`{"type":"mine","x":1}`,
			`{"type":"subscribe"}`, // has not the form of one
			`no JSON`,
		} {
			peer.Say(frame)
			peer.Next()
			synctest.Wait() // a ping is answered at once while an auth is being checked
		}
		j.expect(t, "message ping protocol.Ping", "message mine protocol.Raw")
		peer.Close(4999, "Mine.")
		j.expect(t, "close 4999")

		// Who never authenticates never connected.
		peer = w.dial(directus.Peer{})
		peer.Say(`{"type":"auth","access_token":"wrong"}`)
		peer.Next()
		peer.ExpectClose(transport.CloseAuthFailed)
		j.expect(t)

		// The hub's own close, and a frame that breaks the connection.
		peer = w.connect(editor)
		j.expect(t, "connect true")
		peer.Say(`{"type":"auth","access_token":"wrong"}`)
		j.expect(t, "close 4401")
		peer = w.connect(editor)
		peer.Send([]byte("\xff"))
		j.expect(t, "close 1007", "connect true", "error")

		for _, r := range registrations {
			s.Off(r)
			s.Off(r)
		}
		s.Off(nil)
		quiet(w.connect(editor))
		j.expect(t)
	})
}

func TestALostConnectionIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		var j journal
		w.service().On(directus.ErrorHandler(func(_ directus.Client, err error) { j.add("error %v", err) }))
		w.service().On(directus.CloseHandler(func(_ directus.Client, code int) { j.add("close %d", code) }))
		near, far := transport.Pipe()
		done := make(chan error)
		go func() { done <- w.hub.Serve(context.Background(), lost{far}, directus.Peer{Token: editor}) }()
		synctest.Wait()
		near.Close(transport.CloseNormal, "")
		<-done
		got := j.take()
		if len(got) != 2 || got[0] != "close 1006" || !strings.HasPrefix(got[1], "error the connection closed with 1006") {
			t.Errorf("told %q", got)
		}
	})
}

// lost is a connection whose every end is a 1006.
type lost struct{ transport.Conn }

func (c lost) Receive(ctx context.Context) ([]byte, error) {
	frame, err := c.Conn.Receive(ctx)
	if err != nil {
		err = &transport.CloseError{Code: transport.CloseAbnormal, Err: err}
	}
	return frame, err
}

// A handler that blocks holds up nobody else, and misses what is too much for its
// queue; one that panics misses the one event.
func TestHandlersThatBlockOrPanic(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{MessageRate: -1})
		s := w.service()
		release := make(chan struct{})
		var blocked, panicked, good int
		slow := s.On(directus.MessageHandler(func(directus.Client, protocol.Message) { <-release; blocked++ }))
		s.On(directus.MessageHandler(func(directus.Client, protocol.Message) { panicked++; panic("oops") }))
		fine := s.On(directus.MessageHandler(func(directus.Client, protocol.Message) { good++ }))
		peer, other := w.connect(editor), w.connect(reader)
		const messages = directus.HandlerQueue + 100
		for range messages {
			peer.Say(`{"type":"ping"}`)
			peer.Expect(`{"type":"pong"}`)
			synctest.Wait() // the others do as they like
		}
		quiet(other)
		synctest.Wait()
		if good != messages+1 || panicked != messages+1 || blocked != 0 || fine.Dropped() != 0 {
			t.Errorf("%d, %d and %d were told", good, panicked, blocked)
		}
		close(release)
		synctest.Wait()
		// One was being handled while the queue filled up.
		if dropped := slow.Dropped(); blocked != directus.HandlerQueue+1 || dropped != messages+1-uint64(blocked) {
			t.Errorf("%d were handled and %d dropped", blocked, dropped)
		}
		quiet(peer)
		synctest.Wait()
		if blocked != directus.HandlerQueue+2 {
			t.Error("it was told no more once it had caught up")
		}
		if log := w.log.String(); strings.Count(log, "a handler is too slow") != 1 || strings.Count(log, "a handler has caught up") != 1 || !strings.Contains(log, "a handler panicked") {
			t.Errorf("the log: %s", log)
		}
	})
}

// A handler may call everything, itself and Off included.
func TestHandlersThatCallBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.service()
		var greeter *directus.Registration
		greeter = s.On(directus.ConnectHandler(func(c directus.Client) {
			c.Send(fmt.Sprintf("You are number %d.", len(s.Clients())))
			s.Broadcast("Somebody came.", directus.BroadcastFilter{})
			s.Off(greeter)
		}))
		peer := w.connect(editor)
		peer.Expect("You are number 1.")
		peer.Expect("Somebody came.")
		quiet(w.connect(reader), peer)
	})
}

func TestMessageFilter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.service()
		var j journal
		s.On(directus.MessageHandler(func(_ directus.Client, m protocol.Message) { j.add("message %s", m.Kind()) }))
		filter := s.Filter(func(_ context.Context, c directus.Client, m protocol.Message) (protocol.Message, error) {
			switch m := m.(type) {
			case protocol.Raw:
				switch m.Type {
				case "chat":
					return nil, c.Send(map[string]any{"type": "chat", "heard": json.RawMessage(m.Frame)})
				case "read":
					return protocol.Raw{Frame: []byte(`{"type":"items","action":"read","collection":"messages","query":{"fields":["text"],"limit":1},"uid":"r"}`)}, nil
				case protocol.TypeItems: // that has not the form of one
					return protocol.Pong{}, c.Send("Which action is that?")
				}
			case protocol.Items:
				if m.Action == protocol.ActionDelete {
					return nil, &protocol.Error{Code: protocol.CodeForbidden, Message: "Nothing is deleted on Sundays."}
				}
			case protocol.Ping:
				panic("oops")
			case protocol.Unsubscribe:
				return nil, errors.New("a secret")
			case protocol.Pong:
				return protocol.Raw{Frame: []byte("garbage")}, nil
			}
			return m, nil
		})
		peer := w.connect(editor)
		for _, c := range []struct{ say, expect string }{
			{`{"type":"chat","text":"hi"}`, `{"type":"chat","heard":{"type":"chat","text":"hi"}}`},
			{`{"type":"read"}`, `{"type":"items","data":[{"text":"first"}],"uid":"r"}`},
			{`{"type":"items","action":"archive"}`, `Which action is that?`},
			{`{"type":"items","action":"delete","collection":"messages","id":"` + first + `","uid":1}`, `{"type":"server","status":"error","error":{"code":"FORBIDDEN","message":"Nothing is deleted on Sundays."},"uid":1}`},
			{`{"type":"ping","uid":2}`, `{"type":"server","status":"error","error":{"code":"INTERNAL_SERVER_ERROR","message":"An unexpected error occurred."},"uid":2}`},
			{`{"type":"unsubscribe","uid":3}`, `{"type":"server","status":"error","error":{"code":"INTERNAL_SERVER_ERROR","message":"An unexpected error occurred."},"uid":3}`},
			{`{"type":"pong"}`, `{"type":"server","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Unable to parse the incoming message."}}`},
			{`{"type":"nobody's","uid":4}`, `{"type":"server","status":"error","error":{"code":"INVALID_PAYLOAD","message":"<_>"},"uid":4}`},
			{`{"type":"auth","access_token":"` + editor + `"}`, `{"type":"auth","status":"ok"}`},
		} {
			peer.Say(c.say)
			peer.Expect(c.expect)
		}
		j.expect(t, "message items", "message pong", "message nobody's") // as they were let through
		if log := w.log.String(); !strings.Contains(log, "a secret") || !strings.Contains(log, "a filter panicked: oops") {
			t.Errorf("the log: %s", log)
		}
		// Filters follow each other.
		second := s.Filter(func(_ context.Context, _ directus.Client, m protocol.Message) (protocol.Message, error) {
			if m, ok := m.(protocol.Items); ok {
				m.UID = protocol.StringUID("second")
				return m, nil
			}
			return m, nil
		})
		peer.Say(`{"type":"read"}`)
		peer.Expect(`{"type":"items","data":[{"text":"first"}],"uid":"r"}`) // a Raw is decoded at the end
		peer.Say(`{"type":"items","action":"read","collection":"messages","query":{"fields":["text"],"limit":1}}`)
		peer.Expect(`{"type":"items","data":[{"text":"first"}],"uid":"second"}`)
		s.Off(filter)
		s.Off(second)
		quiet(peer)
	})
}

// A filter that does not return costs its socket the messages, and nobody else anything.
func TestAFilterThatBlocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		s := w.service()
		release := make(chan struct{})
		var calls atomic.Int32
		ended := make(chan error, 1)
		s.Filter(func(ctx context.Context, c directus.Client, m protocol.Message) (protocol.Message, error) {
			if m.Kind() != "block" {
				return m, nil
			}
			calls.Add(1)
			<-ctx.Done()
			ended <- context.Cause(ctx)
			<-release
			return nil, nil
		})
		peer, other := w.connect(editor), w.connect(reader)
		start := time.Now()
		refused := func(uid string) string {
			return `{"type":"server","status":"error","error":{"code":"OUT_OF_TIME","message":"<_>"},"uid":` + uid + `}`
		}
		peer.Say(`{"type":"block","uid":1}`)
		peer.Say(`{"type":"block","uid":2}`)
		quiet(other)
		peer.Expect(refused("1"))
		if took := time.Since(start); took != directus.FilterTime {
			t.Errorf("it was refused after %v", took)
		}
		peer.Expect(refused("2"))
		peer.Say(`{"type":"ping","uid":3}`)
		peer.Expect(refused("3"))
		if took := time.Since(start); took != directus.FilterTime || calls.Load() != 1 {
			t.Errorf("%d filters were called, and the last message refused after %v", calls.Load(), took)
		}
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("its context ended of %v", err)
		}
		close(release)
		synctest.Wait()
		quiet(peer)
	})
}

func TestUtilsBroadcast(t *testing.T) {
	s := serve(t, nil)
	peer := s.connect(editor)
	quiet(peer)
	for name, c := range map[string]struct {
		method, body, token string
		status              int
		expect, told        string
	}{
		"an object":            {"POST", `{"message":{"type":"news"}}`, admin, 200, `{"data":{"clients":1}}`, `{"type":"news"}`},
		"text":                 {"POST", `{"message":"Fire!","filter":{"role":"` + directus.RoleEditor + `"}}`, admin, 200, `{"data":{"clients":1}}`, `Fire!`},
		"to nobody":            {"POST", `{"message":"Fire!","filter":{"role":"` + directus.RoleReader + `"}}`, admin, 200, `{"data":{"clients":0}}`, ``},
		"without a message":    {"POST", `{}`, admin, 400, restError("INVALID_PAYLOAD"), ``},
		"a list":               {"POST", `{"message":[]}`, admin, 400, restError("INVALID_PAYLOAD"), ``},
		"no object":            {"POST", `[]`, admin, 400, restError("INVALID_PAYLOAD"), ``},
		"a filter of no form":  {"POST", `{"message":"x","filter":"all"}`, admin, 400, restError("INVALID_PAYLOAD"), ``},
		"by an editor":         {"POST", `{"message":"x"}`, editor, 403, restError("FORBIDDEN"), ``},
		"by the public":        {"POST", `{"message":"x"}`, "", 403, restError("FORBIDDEN"), ``},
		"with another method":  {"GET", "", admin, 405, restError("METHOD_NOT_ALLOWED"), ``},
		"with another filter":  {"POST", `{"message":"x","filter":{"user":"nobody"}}`, admin, 200, `{"data":{"clients":0}}`, ``},
		"with an empty filter": {"POST", `{"message":"x","filter":{"user":"","role":""}}`, admin, 200, `{"data":{"clients":1}}`, `x`},
	} {
		t.Run(name, func(t *testing.T) {
			s.expect(c.method, "/utils/broadcast", c.body, c.token, c.status, c.expect)
			if c.told != "" {
				peer.Expect(c.told)
			}
			quiet(peer)
		})
	}
}
