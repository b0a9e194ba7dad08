package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

// attended returns a connected client and the far end of its connection, which the
// test plays.
func attended(t *testing.T) (*realtime.Client, *protocoltest.Dialer, *protocoltest.Peer) {
	t.Helper()
	d := protocoltest.NewDialer(t)
	c, err := realtime.New(url, &realtime.Options{Dialer: d, Token: realtime.StaticToken("t"), Backoff: session.Backoff{Base: time.Millisecond, Cap: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.Connect()
	peer := d.Accept()
	peer.AcceptAuth()
	until(t, c, session.Live)
	return c, d, peer
}

// present starts a Presence; its result comes once the server has answered.
func present(t *testing.T, c *realtime.Client, item any, o *realtime.PresenceOptions) <-chan *realtime.Presence {
	t.Helper()
	result := make(chan *realtime.Presence, 1)
	go func() {
		p, err := c.Presence(t.Context(), "articles", item, o)
		if err != nil {
			t.Error(err)
		}
		result <- p
	}()
	return result
}

// accepts plays a server with presence up to the init of a join.
func accepts(peer *protocoltest.Peer, item, data, members string) {
	where := `"collection":"articles"`
	if item != "" {
		where += `,"item":` + item
	}
	if data != "" {
		where += `,"data":` + data
	}
	peer.Expect(`{"type":"presence","action":"join",` + where + `,"ttl":30,"uid":"<p>"}`)
	peer.Expect(`{"type":"unsubscribe","uid":"<probe>"}`)
	peer.Say(`{"type":"presence","event":"init","id":"me","ttl":30,"members":[` + members + `],"uid":"<p>"}`)
	peer.Say(`{"type":"subscription","event":"unsubscribe","uid":"<probe>"}`)
}

// attendance collects what a Presence tells, in words.
type attendance struct {
	t   *testing.T
	got chan string
}

func follow(t *testing.T, p *realtime.Presence) *attendance {
	e := &attendance{t: t, got: make(chan string, 1024)}
	go func() {
		for event, err := range p.Events(context.Background()) {
			if err != nil {
				e.got <- "end: " + err.Error()
				break
			}
			e.got <- presenceWords(event)
		}
		close(e.got)
	}()
	return e
}

func presenceWords(e realtime.PresenceEvent) string {
	s := string(e.Kind)
	for _, m := range e.Members {
		s += " " + m.ID
		if m.User != "" {
			s += "=" + m.User
		}
		if m.Data != nil {
			s += string(m.Data)
		}
	}
	if e.Channel != "" || e.Data != nil {
		s += fmt.Sprintf(" %s:%s", e.Channel, e.Data)
	}
	if e.Gap {
		s += " gap"
	}
	if e.Err != nil {
		s += " " + e.Err.Error()
	}
	return s
}

func (e *attendance) expect(lines ...string) {
	e.t.Helper()
	for _, line := range lines {
		select {
		case got, ok := <-e.got:
			if !ok || !strings.HasPrefix(got, line) {
				e.t.Errorf("told %q, want %q", got, line)
			}
		case <-time.After(time.Second):
			e.t.Errorf("told nothing, want %q", line)
		}
	}
	synctest.Wait()
	select {
	case got, ok := <-e.got:
		if ok {
			e.t.Errorf("told %q too", got)
		}
	default:
	}
}

func ids(p *realtime.Presence) string {
	var all []string
	for _, m := range p.Members() {
		all = append(all, m.ID)
	}
	return strings.Join(all, " ")
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := attended(t)
		result := present(t, c, 5, &realtime.PresenceOptions{Data: map[string]int{"x": 1}})
		accepts(peer, `5`, `{"x":1}`, `{"id":"bob","user":"b","data":[1]},{"id":"me","user":"a","data":{"x":1}}`)
		p := <-result
		e := follow(t, p)
		e.expect(`init bob=b[1] me=a{"x":1}`)
		if p.ID() != "me" || ids(p) != "bob me" {
			t.Errorf("it is %s of %s", p.ID(), ids(p))
		}
		tell := func(event, members string) {
			peer.Say(`{"type":"presence","event":"` + event + `","members":[` + members + `],"uid":"<p>"}`)
		}
		tell("join", `{"id":"cat","user":null}`)
		tell("update", `{"id":"bob","user":"b","data":[2]}`)
		tell("update", `{"id":"bob","user":"b","data":[2]}`) // nothing new
		peer.Say(`{"type":"broadcast","channel":"chat","data":"hi","from":"bob","uid":"<p>"}`)
		tell("leave", `{"id":"bob"}`)
		tell("leave", `{"id":"nobody"}`)
		peer.Say(`{"type":"broadcast","from":"ghost","uid":"<p>"}`)
		peer.Say(`{"type":"presence","event":"join","members":[{"id":"z"}],"uid":"another's"}`)
		peer.Say(`{"type":"broadcast","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Too much."},"uid":"<p>"}`)
		e.expect(`join cat`, `update bob=b[2]`, `broadcast bob=b[2] chat:"hi"`, `leave bob=b[2]`, `broadcast ghost`, `refused broadcast: INVALID_PAYLOAD: Too much.`)

		if err := p.Update(t.Context(), map[string]int{"x": 2}); err != nil {
			t.Error(err)
		}
		peer.Expect(`{"type":"presence","action":"update","data":{"x":2},"uid":"<p>"}`)
		if err := p.Broadcast("chat", []int{1}); err != nil {
			t.Error(err)
		}
		peer.Expect(`{"type":"broadcast","channel":"chat","data":[1],"uid":"<p>"}`)
		if m := p.Members(); len(m) != 2 || string(m[0].Data) != `{"x":2}` || m[1].ID != "cat" {
			t.Errorf("there are %v", m)
		}
		start := time.Now()
		if frame := peer.NextWithin(time.Minute); protocoltest.Match([]byte(`{"type":"presence","action":"heartbeat","uid":"<p>"}`), frame, peer.Vars) != nil {
			t.Errorf("it said %s", frame)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("a heartbeat came after %v", took)
		}
		if err := p.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		peer.Expect(`{"type":"presence","action":"leave","uid":"<p>"}`)
		e.expect("end: presence in articles: the presence was left")
		for _, err := range []error{p.Update(t.Context(), 1), p.Broadcast("", 1)} {
			if !errors.Is(err, realtime.ErrLeft) {
				t.Errorf("after it: %v", err)
			}
		}
		if err := p.Leave(t.Context()); err != nil || p.ID() != "" {
			t.Errorf("%v, %s", err, p.ID())
		}
	})
}

// After a lost connection it joins again and tells the difference; its own entry is
// none, and neither is what the server still knows of its last one.
func TestPresenceJoinsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, peer := attended(t)
		result := present(t, c, "k", nil)
		accepts(peer, `"k"`, "", `{"id":"bob","user":"b"},{"id":"cat"},{"id":"me"}`)
		p := <-result
		e := follow(t, p)
		e.expect(`init bob=b cat me`)
		peer.Drop()
		peer = d.Accept()
		if err := p.Broadcast("c", 1); !errors.Is(err, realtime.ErrNotConnected) {
			t.Errorf("without a connection: %v", err)
		}
		if err := p.Update(t.Context(), 7); err != nil || p.ID() != "" || ids(p) != "bob cat me" {
			t.Errorf("without a connection: %v, %q of %s", err, p.ID(), ids(p))
		}
		peer.AcceptAuth()
		peer.Expect(`{"type":"presence","action":"join","collection":"articles","item":"k","data":7,"ttl":30,"uid":"<p>"}`)
		peer.Expect(`{"type":"unsubscribe","uid":"<probe>"}`)
		peer.Say(`{"type":"presence","event":"init","id":"me2","members":[{"id":"me"},{"id":"bob","user":"b","data":1},{"id":"dan"},{"id":"me2","data":7}],"uid":"<p>"}`)
		peer.Say(`{"type":"subscription","event":"unsubscribe","uid":"<probe>"}`)
		peer.Say(`{"type":"presence","event":"leave","members":[{"id":"me"}],"uid":"<p>"}`)
		e.expect(`leave cat`, `update bob=b1`, `join dan`)
		if p.ID() != "me2" || ids(p) != "bob dan me2" {
			t.Errorf("it is %s of %s", p.ID(), ids(p))
		}
		// The server puts it out, and lets it in again.
		peer.Say(`{"type":"presence","event":"leave","members":[{"id":"me2"}],"uid":"<p>"}`)
		peer.Expect(`{"type":"presence","action":"join","...":"..."}`)
		peer.Expect(`{"type":"unsubscribe","...":"..."}`)
		peer.Say(`{"type":"presence","event":"init","id":"me3","members":[{"id":"bob","user":"b","data":1},{"id":"dan"},{"id":"me3","data":7}],"uid":"<p>"}`)
		e.expect()
		// It puts it out, and refuses it twice.
		peer.Say(`{"type":"presence","status":"error","error":{"code":"FORBIDDEN","message":"No."},"uid":"<p>"}`)
		for range 2 {
			peer.Expect(`{"type":"presence","action":"join","...":"..."}`)
			peer.Expect(`{"type":"unsubscribe","...":"..."}`)
			peer.Say(`{"type":"presence","status":"error","error":{"code":"FORBIDDEN","message":"No."},"uid":"<p>"}`)
			synctest.Wait()
			if p.ID() != "" {
				t.Error("it believes that it is there")
			}
		}
		e.expect("end: presence in articles: presence: FORBIDDEN: No.")
	})
}

func TestPresenceIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := attended(t)
		result := make(chan error)
		go func() {
			_, err := c.Presence(t.Context(), "articles", nil, nil)
			result <- err
		}()
		peer.Expect(`{"type":"presence","action":"join","collection":"articles","ttl":30,"uid":"<p>"}`)
		peer.Expect(`{"type":"unsubscribe","uid":"<_>"}`)
		peer.Say(`{"type":"presence","status":"error","error":{"code":"FORBIDDEN","message":"No."},"uid":"<p>"}`)
		if err := <-result; !errors.Is(err, protocol.CodeForbidden) {
			t.Errorf("it was refused with %v", err)
		}
		// A server that drops the join is asked again.
		peer.Expect(`{"type":"presence","action":"leave","uid":"<p>"}`)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := c.Presence(ctx, "articles", nil, nil)
			result <- err
		}()
		delete(peer.Vars, "p")
		peer.Expect(`{"type":"presence","action":"join","collection":"articles","ttl":30,"uid":"<p>"}`)
		peer.Expect(`{"type":"unsubscribe","uid":"<_>"}`)
		peer.Say(`{"type":"server","status":"error","error":{"code":"REQUESTS_EXCEEDED","message":"Slowly."},"uid":"<p>"}`)
		peer.Expect(`{"type":"presence","action":"join","collection":"articles","ttl":30,"uid":"<p>"}`)
		peer.Expect(`{"type":"unsubscribe","uid":"<_>"}`)
		if err := <-result; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		peer.Expect(`{"type":"presence","action":"leave","uid":"<p>"}`)
		for _, item := range []any{"", []int{1}} {
			if _, err := c.Presence(t.Context(), "articles", item, nil); err == nil {
				t.Errorf("%v is a key", item)
			}
		}
		if _, err := c.Presence(t.Context(), "articles", 1, &realtime.PresenceOptions{Data: func() {}}); err == nil {
			t.Error("a function is data")
		}
	})
}

// The probe's answer without one to the join says that the server has no presence.
func TestPresenceOnAStockServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := attended(t)
		ignores := func() {
			peer.Expect(`{"type":"presence","action":"join","...":"..."}`)
			peer.Expect(`{"type":"unsubscribe","uid":"<probe>"}`)
			peer.Say(`{"type":"subscription","event":"unsubscribe","uid":"<probe>"}`)
			delete(peer.Vars, "probe")
		}
		result := make(chan error)
		go func() {
			_, err := c.Presence(t.Context(), "articles", 5, &realtime.PresenceOptions{NoTable: true})
			result <- err
		}()
		start := time.Now()
		ignores()
		if err := <-result; !errors.Is(err, realtime.ErrNoPresence) || time.Since(start) > 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		peer.Expect(`{"type":"presence","action":"leave","...":"..."}`)

		presence := present(t, c, 5, &realtime.PresenceOptions{User: "ann", Data: 1, Table: &realtime.PresenceTable{Data: "about"}})
		ignores()
		peer.Expect(`{"type":"items","collection":"presence","action":"create","data":{"collection":"articles","item":"5","user":"ann","about":1,"timestamp":"2000-01-01T00:00:00.000Z"},"query":{"fields":["id","user","timestamp","about"]},"uid":"<create>"}`)
		peer.Say(`{"type":"items","data":{"id":7,"user":"ann","timestamp":"now","about":1},"uid":"<create>"}`)
		for range 2 { // the subscription, and the removal of what others left behind
			frame := peer.Next()
			if string(protocol.Member(frame, "type")) == `"subscribe"` {
				pattern := `{"type":"subscribe","collection":"presence","query":{"filter":{"_and":[{"collection":{"_eq":"articles"}},{"item":{"_eq":"5"}},{"timestamp":{"_gte":"$NOW(-30 seconds)"}}]},"fields":["id","user","timestamp","about"],"limit":"<_>"},"uid":"<s>","capabilities":"<_>"}`
				if found := protocoltest.Match([]byte(pattern), frame, peer.Vars); found != nil {
					t.Fatalf("%s: %v", frame, found)
				}
				continue
			}
			pattern := `{"type":"items","collection":"presence","action":"delete","query":{"filter":{"_and":[{"collection":{"_eq":"articles"}},{"item":{"_eq":"5"}},{"timestamp":{"_lt":"$NOW(-600 seconds)"}}]},"limit":-1},"uid":"<d>"}`
			if found := protocoltest.Match([]byte(pattern), frame, peer.Vars); found != nil {
				t.Fatalf("%s: %v", frame, found)
			}
			peer.Say(`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"No."},"uid":"<d>"}`)
		}
		init := `{"type":"subscription","event":"init","data":[{"id":1,"user":"bob","timestamp":"t1","about":null},{"id":7,"user":"ann","timestamp":"t0","about":1}],"capabilities":["order"],"uid":"<s>"}`
		peer.Say(init)
		p := <-presence
		e := follow(t, p)
		e.expect(`init 1=bob 7=ann1`)
		tell := func(event, data string) {
			peer.Say(`{"type":"subscription","event":"` + event + `","data":[` + data + `],"uid":"<s>"}`)
		}
		tell("create", `{"id":2,"user":null,"timestamp":"t2","about":[]}`)
		tell("update", `{"id":1,"user":"bob","timestamp":"t2","about":2}`)
		tell("delete", `"2"`)
		tell("delete", `99`)
		e.expect(`join 2[]`, `update 1=bob2`, `leave 2[]`)
		if err := p.Broadcast("c", 1); !errors.Is(err, realtime.ErrNoBroadcast) {
			t.Errorf("a broadcast: %v", err)
		}
		updated := make(chan error)
		go func() { updated <- p.Update(t.Context(), 2) }()
		peer.Expect(`{"type":"items","collection":"presence","action":"update","id":7,"data":{"about":2,"timestamp":"<_>"},"uid":"<u>"}`)
		peer.Say(`{"type":"items","data":{"id":7},"uid":"<u>"}`)
		if err := <-updated; err != nil {
			t.Error(err)
		}
		// Heartbeats; bob has none, and is gone after 30 s.
		beats := 0
		for strings.Contains(ids(p), "1") {
			frame := peer.NextWithin(time.Minute)
			m, _ := protocol.DecodeFromClient(frame)
			if items, ok := m.(protocol.Items); ok {
				if items.Action != protocol.ActionUpdate || string(items.ID) != "7" || protocol.Member(items.Data, "timestamp") == nil {
					t.Errorf("it asked %s", frame)
				}
				say(peer, protocol.Reply{Data: items.Data, UID: items.UID})
				beats++
			}
			synctest.Wait()
			if time.Since(start) > time.Minute {
				t.Fatal("bob is still there")
			}
		}
		if beats < 3 {
			t.Errorf("there were %d heartbeats", beats)
		}
		e.expect(`leave 1=bob2`)
		if age := time.Since(start); age < 30*time.Second || age > 45*time.Second {
			t.Errorf("bob was gone after %v", age)
		}
		tell("update", `{"id":1,"user":"bob","timestamp":"t3","about":2}`)
		e.expect(`join 1=bob2`)
		left := make(chan error)
		go func() { left <- p.Leave(t.Context()) }()
		for {
			m, _ := protocol.DecodeFromClient(peer.Next())
			if items, ok := m.(protocol.Items); ok && items.Action == protocol.ActionDelete {
				if string(items.ID) != "7" {
					t.Errorf("it removed %s", items.ID)
				}
				say(peer, protocol.Reply{Data: json.RawMessage("7"), UID: items.UID})
				break
			}
		}
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
}

// A table that cannot be used is an error that says so.
func TestPresenceWithoutATable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		_, err := c.Presence(t.Context(), "articles", 5, nil)
		if !errors.Is(err, protocol.CodeForbidden) || !strings.Contains(err.Error(), `the collection "presence"`) {
			t.Errorf("it failed with %v", err)
		}
	})
}

// A consumer that is too slow is told of everybody again.
func TestPresenceWithASlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, peer := attended(t)
		result := present(t, c, 5, nil)
		accepts(peer, `5`, "", `{"id":"me"}`)
		p := <-result
		for i := range 300 {
			peer.Say(fmt.Sprintf(`{"type":"presence","event":"update","members":[{"id":"bob","data":%d}],"uid":"<p>"}`, i))
			synctest.Wait()
		}
		e := follow(t, p)
		synctest.Wait()
		if first := <-e.got; first != "init me bob255 gap" {
			t.Errorf("told %s", first)
		}
		for i := 256; i < 300; i++ {
			if got, want := <-e.got, fmt.Sprintf("update bob%d", i); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
		}
		for _, err := range p.Events(t.Context()) {
			if !errors.Is(err, realtime.ErrReading) {
				t.Errorf("a second loop gets %v", err)
			}
		}
		c.Close()
		e.expect("end: presence in articles: the client is closed")
	})
}
