package directus_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
	"leveret/server/directus"
)

// do sends a request that must succeed; its own events come first.
func do(c *protocoltest.Peer, say string) {
	c.Say(say)
	c.Expect(`{"type":"items","data":"<_>"}`)
}

const (
	create = `{"type":"items","collection":"messages","action":"create","data":`
	update = `{"type":"items","collection":"messages","action":"update","id":"`
	remove = `{"type":"items","collection":"messages","action":"delete","id":"`
)

func told(event, data, uid string) string {
	return `{"type":"subscription","event":"` + event + `","data":` + data + `,"uid":"` + uid + `"}`
}

func TestSubscribe(t *testing.T) {
	for name, s := range map[string]step{
		"all":                         {`{"type":"subscribe","collection":"messages","query":{"fields":["text"]},"uid":"u"}`, told("init", `[{"text":"first"},{"text":"second"},{"text":"third"}]`, "u")},
		"without uid":                 {`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"limit":1}}`, `{"type":"subscription","event":"init","data":[{"text":"first"}]}`},
		"a number as uid":             {`{"type":"subscribe","collection":"messages","query":{"limit":0},"uid":1}`, told("init", `[]`, "1")},
		"the SDK's strings":           {`{"type":"subscribe","collection":"messages","query":{"fields":"user,text","sort":"-date_created","limit":"1"},"uid":"u"}`, told("init", `[{"user":"Ann","text":"third"}]`, "u")},
		"filter":                      {`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"filter":{"status":{"_eq":"draft"}}},"uid":"u"}`, told("init", `[{"text":"second"}]`, "u")},
		"meta":                        {`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"filter":{"status":{"_eq":"draft"}},"meta":"*"},"uid":"u"}`, `{"type":"subscription","event":"init","data":[{"text":"second"}],"meta":{"total_count":3,"filter_count":1},"uid":"u"}`},
		"an event":                    {`{"type":"subscribe","collection":"messages","event":"create","uid":"u"}`, `{"type":"subscription","event":"init","uid":"u"}`},
		"an item":                     {`{"type":"subscribe","collection":"messages","item":"` + first + `","query":{"fields":["text"]},"uid":"u"}`, told("init", `{"text":"first"}`, "u")},
		"a missing item":              {`{"type":"subscribe","collection":"messages","item":"99999999-9999-4999-8999-999999999999","uid":"u"}`, strings.Replace(forbidden, "items", "subscribe", 1)},
		"unknown collection":          {`{"type":"subscribe","collection":"nope","uid":"u"}`, `{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to access collection \"nope\" or it does not exist. Queried in root."},"uid":"u"}`},
		"system collection":           {`{"type":"subscribe","collection":"directus_users","uid":"u"}`, refused("subscribe", "FORBIDDEN")},
		"unknown field":               {`{"type":"subscribe","collection":"messages","query":{"fields":["nope"]},"uid":"u"}`, strings.Replace(noField, "items", "subscribe", 1)},
		"unknown field with an event": {`{"type":"subscribe","collection":"messages","event":"create","query":{"fields":["nope"]},"uid":"u"}`, strings.Replace(noField, "items", "subscribe", 1)},
		"limit":                       {`{"type":"subscribe","collection":"messages","query":{"limit":-5},"uid":"u"}`, `{"type":"subscribe","status":"error","error":{"code":"INVALID_QUERY","message":"Invalid query. \"limit\" must be greater than or equal to -1."},"uid":"u"}`},
		"aggregate":                   {`{"type":"subscribe","collection":"messages","query":{"aggregate":{"count":"*"}},"uid":"u"}`, told("init", `[{"count":3}]`, "u")},
		"capabilities":                {`{"type":"subscribe","collection":"messages","query":{"limit":0},"capabilities":["order","teleport","commit","leave","tombstones"],"uid":"u"}`, `{"type":"subscription","event":"init","data":[],"capabilities":["order","commit","leave","tombstones"],"uid":"u"}`},
		"types":                       {`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"filter":{"status":{"_eq":"draft"}},"sort":"-date_created"},"capabilities":["types"],"uid":"u"}`, `{"type":"subscription","event":"init","data":[{"text":"second"}],"capabilities":["types"],"types":{"date_created":"timestamp","status":"string","text":"text"},"uid":"u"}`},
		"no capabilities":             {`{"type":"subscribe","collection":"messages","query":{"limit":0},"capabilities":["teleport"],"uid":"u"}`, told("init", `[]`, "u")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				w := newWorld(t, nil)
				peer := w.connect(editor)
				peer.Say(s.say)
				peer.Expect(s.expect)
				if strings.Contains(s.expect, "error") {
					do(w.connect(editor), create+`{"text":"nobody is told"}}`)
				}
				quiet(peer)
			})
		})
	}
	t.Run("with an event, without permission", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			peer := newWorld(t, &directus.Options{Mode: directus.ModePublic}).dial(directus.Peer{})
			peer.Say(`{"type":"subscribe","collection":"messages","event":"delete","uid":"u"}`)
			peer.Expect(strings.Replace(noMessages, "items", "subscribe", 1))
		})
	})
}

func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		subscribe string // query and the like; the uid is s
		do        string // by another client
		expect    []string
	}{
		"create":                       {`"query":{"fields":["text"]}`, create + `{"text":"new"}}`, []string{told("create", `[{"text":"new"}]`, "s")}},
		"create many: one each":        {`"query":{"fields":["text"]}`, create + `[{"text":"a"},{"text":"b"}]}`, []string{told("create", `[{"text":"a"}]`, "s"), told("create", `[{"text":"b"}]`, "s")}},
		"create many, marked":          {`"query":{"fields":["text"]},"capabilities":["commit"]`, create + `[{"text":"a"},{"text":"b"}]}`, []string{told("create", `[{"text":"a"}]`, "s"), `{"type":"subscription","event":"create","data":[{"text":"b"}],"commit":true,"uid":"s"}`}},
		"create outside":               {`"query":{"filter":{"status":{"_eq":"draft"}}}`, create + `{"text":"new"}}`, nil},
		"create, of updates":           {`"event":"update"`, create + `{"text":"new"}}`, nil},
		"update":                       {`"query":{"fields":["text"]}`, update + first + `","data":{"text":"new"}}`, []string{told("update", `[{"text":"new"}]`, "s")}},
		"update with nothing":          {`"query":{"fields":["text"]}`, update + first + `","data":{}}`, []string{told("update", `[{"text":"first"}]`, "s")}},
		"update many: one for all":     {`"query":{"fields":["text"]}`, `{"type":"items","collection":"messages","action":"update","ids":["` + third + `","` + first + `"],"data":{"user":"x"}}`, []string{told("update", `[{"text":"first"},{"text":"third"}]`, "s")}},
		"update by query: one for all": {`"query":{"fields":["text"]}`, `{"type":"items","collection":"messages","action":"update","query":{"filter":{"user":{"_eq":"Ann"}}},"data":{"user":"x"}}`, []string{told("update", `[{"text":"first"},{"text":"third"}]`, "s")}},
		"update a batch: one each":     {`"query":{"fields":["text"]}`, `{"type":"items","collection":"messages","action":"update","data":[{"id":"` + first + `","text":"1"},{"id":"` + third + `","text":"3"}]}`, []string{told("update", `[{"text":"1"}]`, "s"), told("update", `[{"text":"3"}]`, "s")}},
		"update many, limit and sort":  {`"query":{"fields":["text"],"limit":1,"sort":["-date_created"]}`, `{"type":"items","collection":"messages","action":"update","ids":["` + third + `","` + first + `"],"data":{"user":"x"}}`, []string{told("update", `[{"text":"third"}]`, "s")}},
		"entering":                     {`"query":{"fields":["text"],"filter":{"status":{"_eq":"draft"}}}`, update + first + `","data":{"status":"draft"}}`, []string{told("update", `[{"text":"first"}]`, "s")}},
		"leaving":                      {`"query":{"fields":["text"],"filter":{"status":{"_eq":"draft"}}}`, update + second + `","data":{"status":"published"}}`, []string{told("delete", `["`+second+`"]`, "s")}},
		"leaving, of deletes":          {`"event":"delete","query":{"filter":{"status":{"_eq":"draft"}}}`, update + second + `","data":{"status":"published"}}`, []string{told("delete", `["`+second+`"]`, "s")}},
		"leaving, of updates":          {`"event":"update","query":{"filter":{"status":{"_eq":"draft"}}}`, update + second + `","data":{"status":"published"}}`, nil},
		"one stays, one leaves": {`"query":{"fields":["text"],"filter":{"text":{"_neq":"x"}}},"capabilities":["commit"]`, `{"type":"items","collection":"messages","action":"update","data":[{"id":"` + first + `","text":"1"},{"id":"` + third + `","text":"x"}]}`,
			[]string{told("update", `[{"text":"1"}]`, "s"), `{"type":"subscription","event":"delete","data":["` + third + `"],"commit":true,"uid":"s"}`}},
		"staying outside":          {`"query":{"filter":{"status":{"_eq":"draft"}}}`, update + first + `","data":{"text":"x"}}`, nil},
		"delete":                   {`"query":{"fields":["text"]}`, remove + first + `"}`, []string{told("delete", `["`+first+`"]`, "s")}},
		"delete outside":           {`"query":{"filter":{"status":{"_eq":"draft"}}}`, remove + first + `"}`, nil},
		"delete many: one for all": {`"event":"delete"`, `{"type":"items","collection":"messages","action":"delete","ids":["` + third + `","` + first + `"]}`, []string{told("delete", `["`+first+`","`+third+`"]`, "s")}},
		"search":                   {`"query":{"fields":["text"],"search":"new"}`, create + `[{"text":"old"},{"text":"New"}]}`, []string{told("create", `[{"text":"New"}]`, "s")}},
		"meta":                     {`"query":{"fields":["text"],"meta":"*","filter":{"status":{"_eq":"published"}}}`, create + `{"text":"new"}}`, []string{`{"type":"subscription","event":"create","data":[{"text":"new"}],"meta":{"total_count":4,"filter_count":3},"uid":"s"}`}},
		"item: update":             {`"item":"` + first + `","query":{"fields":["text"]}`, update + first + `","data":{"text":"new"}}`, []string{told("update", `{"text":"new"}`, "s")}},
		"item: bulk update":        {`"item":"` + first + `","query":{"fields":["text"]}`, `{"type":"items","collection":"messages","action":"update","ids":["` + third + `","` + first + `"],"data":{"user":"x"}}`, []string{told("update", `{"text":"first"}`, "s")}},
		"item: another":            {`"item":"` + first + `"`, update + third + `","data":{"text":"new"}}`, nil},
		"item: delete":             {`"item":"` + first + `"`, remove + first + `"}`, []string{told("delete", `"`+first+`"`, "s")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				w := newWorld(t, nil)
				subscriber, other := w.connect(editor), w.connect(editor)
				subscriber.Say(`{"type":"subscribe","collection":"messages",` + c.subscribe + `,"uid":"s"}`)
				subscriber.Expect(`{"type":"subscription","event":"init","uid":"s","...":"..."}`)
				do(other, c.do)
				for _, frame := range c.expect {
					subscriber.Expect(frame)
				}
				quiet(subscriber, other)
			})
		})
	}
}

func TestOwnEventsComeBeforeTheReply(t *testing.T) {
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, nil).connect(editor)
		for _, uid := range []string{``, `,"uid":"s1"`, `,"uid":2`} {
			peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"limit":0}` + uid + `}`)
			peer.Expect(`{"type":"subscription","event":"init","data":[],"...":"..."}`)
		}
		peer.Say(`{"type":"unsubscribe"}`)
		peer.Expect(`{"type":"subscription","event":"unsubscribe"}`)
		for _, uid := range []string{``, `,"uid":"s1"`, `,"uid":2`} {
			peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"]}` + uid + `}`)
			peer.Expect(`{"type":"subscription","event":"init","...":"..."}`)
		}
		peer.Say(create + `{"text":"hi"},"query":{"fields":["text"]},"uid":"c"}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"hi"}]}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"hi"}],"uid":"s1"}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"hi"}],"uid":"2"}`)
		peer.Expect(`{"type":"items","data":{"text":"hi"},"uid":"c"}`)
		quiet(peer)
	})
}

func TestUnsubscribe(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		peer, other := w.connect(editor), w.connect(editor)
		subscribe := func(uid, query string) {
			peer.Say(`{"type":"subscribe","collection":"messages","query":` + query + uid + `}`)
			peer.Expect(`{"type":"subscription","event":"init","...":"..."}`)
		}
		fields := `{"fields":["text"]}`
		subscribe(`,"uid":"a"`, fields)
		subscribe(`,"uid":"b"`, fields)
		subscribe(`,"uid":3`, fields)
		subscribe(``, fields)
		subscribe(`,"uid":"b"`, `{"fields":["user"]}`) // replaces the earlier b, and is the youngest

		do(other, create+`{"text":"1","user":"U"}}`)
		peer.Expect(told("create", `[{"text":"1"}]`, "a"))
		peer.Expect(told("create", `[{"text":"1"}]`, "3"))
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"1"}]}`)
		peer.Expect(told("create", `[{"user":"U"}]`, "b"))

		for _, uid := range []string{`"a"`, `"unknown"`, `3`} {
			peer.Say(`{"type":"unsubscribe","uid":` + uid + `}`)
			peer.Expect(`{"type":"subscription","event":"unsubscribe","uid":` + uid + `}`)
		}
		do(other, create+`{"text":"2","user":"U"}}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"2"}]}`)
		peer.Expect(told("create", `[{"user":"U"}]`, "b"))

		// A refused one with the same uid ends the earlier one.
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["nope"]},"uid":"b"}`)
		peer.Expect(`{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":"b"}`)
		do(other, create+`{"text":"3"}}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"3"}]}`)

		for range 2 {
			peer.Say(`{"type":"unsubscribe"}`)
			peer.Expect(`{"type":"subscription","event":"unsubscribe"}`)
		}
		do(other, create+`{"text":"4"}}`)
		quiet(peer)
	})
}

// A limitedConn notes the limits that are set on it.
type limitedConn struct {
	transport.Conn
	limits chan int64
}

func (c limitedConn) SetMaxFrame(n int64) { c.limits <- n }

// Frames arrive as soon as the connection is open: who signed in with the upgrade
// must never find the small limit.
func TestATokenAtTheUpgradeLiftsTheLimitAtOnce(t *testing.T) {
	for token, want := range map[string]int64{"": 64 << 10, editor: 8 << 20} {
		bubble(t, func(t *testing.T) {
			near, far := transport.Pipe()
			conn := limitedConn{far, make(chan int64, 9)}
			newWorld(t, nil).attach(near, conn, directus.Peer{Token: token})
			if got := <-conn.limits; got != want {
				t.Errorf("with the token %q the first limit is %d, want %d", token, got, want)
			}
		})
	}
}

// A commit of any size costs nobody the connection: not who made it, nor who is told.
func TestOneCommitFillsNoQueue(t *testing.T) {
	const many = 300
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		near, far := transport.BoundedPipe(1<<20, 10)
		peer := w.attach(near, far, directus.Peer{Token: editor})
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"limit":0,"filter":{"status":{"_eq":"published"}}},"uid":"none"}`)
		peer.Expect(told("init", `[]`, "none"))
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"filter":{"text":{"_null":true}},"meta":"filter_count"},"capabilities":["commit"],"uid":"s"}`)
		peer.Expect(`{"type":"subscription","event":"init","...":"..."}`)
		var data, batch, texts, keys []string
		for i := range many {
			key := fmt.Sprintf(`"44444444-4444-4444-8444-%012d"`, i)
			keys = append(keys, key)
			data = append(data, `{"id":`+key+`}`)
			texts = append(texts, `{"text":null}`)
			batch = append(batch, `{"id":`+key+`,"text":"x"}`)
		}
		list := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
		commit := func(event, data string, count int) string {
			return fmt.Sprintf(`{"type":"subscription","event":%q,"data":%s,"meta":{"filter_count":%d},"commit":true,"uid":"s"}`, event, data, count)
		}
		peer.Say(items + `"create","data":` + list(data) + `,"query":{"fields":["text"]}}`)
		peer.Expect(commit("create", list(texts), many))
		peer.Expect(`{"type":"items","data":` + list(texts) + `,"uid":"u"}`)
		peer.Say(items + `"update","data":` + list(batch) + `,"query":{"fields":["id"],"limit":0}}`)
		peer.Expect(commit("delete", list(keys), 0))
		peer.Expect(`{"type":"items","data":[],"uid":"u"}`)
		quiet(peer)
	})
}

func TestEventsRespectPermissions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		e, r, other := w.connect(editor), w.connect(reader), w.connect(editor)
		for c, uid := range map[*protocoltest.Peer]string{e: "e", r: "r"} {
			c.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["status"]},"uid":"` + uid + `"}`)
			c.Expect(`{"type":"subscription","event":"init","...":"..."}`)
		}
		do(other, create+`{"status":"draft"}}`)
		e.Expect(told("create", `[{"status":"draft"}]`, "e"))
		quiet(r)

		do(other, update+second+`","data":{"status":"published"}}`)
		e.Expect(told("update", `[{"status":"published"}]`, "e"))
		r.Expect(told("update", `[{"status":"published"}]`, "r"))

		do(other, update+second+`","data":{"status":"draft"}}`)
		e.Expect(told("update", `[{"status":"draft"}]`, "e"))
		r.Expect(told("delete", `["`+second+`"]`, "r"))

		// Nobody learns the key of what was never shown.
		do(other, remove+second+`"}`)
		e.Expect(told("delete", `["`+second+`"]`, "e"))
		do(other, remove+first+`"}`)
		e.Expect(told("delete", `["`+first+`"]`, "e"))
		r.Expect(told("delete", `["`+first+`"]`, "r"))
		quiet(e, r, other)
	})
}

// Every subscriber is told of all commits in the order in which they were made,
// from its snapshot on, without a gap.
func TestCommitOrder(t *testing.T) {
	const writers, each = 4, 25
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{MessageRate: -1})
		early := w.connect(editor)
		early.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"limit":0},"uid":"s"}`)
		early.Expect(told("init", `[]`, "s"))
		early.Say(`{"type":"unsubscribe"}`)
		early.Expect(`{"type":"subscription","event":"unsubscribe"}`)
		early.Say(`{"type":"subscribe","collection":"messages","event":"create","query":{"fields":["text"],"limit":-1},"uid":"s"}`)
		early.Expect(`{"type":"subscription","event":"init","uid":"s"}`)

		late := w.connect(editor)
		done := make(chan struct{})
		for i := range writers {
			writer := w.connect(editor)
			go func() {
				for j := range each {
					do(writer, fmt.Sprintf(create+`{"text":"%d-%d"}}`, i, j))
				}
				done <- struct{}{}
			}()
		}
		late.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"limit":-1,"sort":["date_created"]},"uid":"s"}`)
		snapshot := protocol.DecodeFromServer(late.Next()).(protocol.Subscription)
		seen, _ := protocol.Elements(snapshot.Data)
		for range writers {
			<-done
		}
		synctest.Wait()
		var order []string
		for range writers * each {
			order = append(order, string(protocol.DecodeFromServer(early.Next()).(protocol.Subscription).Data))
		}
		quiet(early)
		rest := writers*each + 3 - len(seen)
		for _, want := range order[len(order)-rest:] {
			if got := string(protocol.DecodeFromServer(late.Next()).(protocol.Subscription).Data); got != want {
				t.Fatalf("the late subscriber was told of %s, the early one of %s", got, want)
			}
		}
		quiet(late)
	})
}

func TestLimits(t *testing.T) {
	t.Run("subscriptions", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			peer := newWorld(t, &directus.Options{MaxSubscriptions: 1}).connect(editor)
			subscribe := `{"type":"subscribe","collection":"messages","event":"create","uid":"u"}`
			for range 2 { // the second replaces the first
				peer.Say(subscribe)
				peer.Expect(`{"type":"subscription","event":"init","uid":"u"}`)
			}
			peer.Say(strings.Replace(subscribe, `"uid":"u"`, `"uid":"v"`, 1))
			peer.Expect(`{"type":"subscribe","status":"error","error":{"code":"LIMIT_EXCEEDED","message":"There are already 1 subscriptions on this connection. Unsubscribe from one first."},"uid":"v"}`)
		})
	})
	t.Run("connections", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, &directus.Options{MaxConnections: 1})
			peer := w.connect(editor)
			w.dial(directus.Peer{}).ExpectClose(transport.CloseTooMany)
			peer.Close(transport.CloseNormal, "")
			synctest.Wait()
			w.connect(editor)
		})
	})
	t.Run("messages", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			peer := newWorld(t, &directus.Options{MessageRate: 5, MessageBurst: 5, Heartbeat: 1e12}).connect(editor)
			for range 5 {
				peer.Say(`{"type":"ping"}`)
				peer.Expect(`{"type":"pong"}`)
			}
			for say, uid := range map[string]string{
				`{"type":"ping"}`: ``,
				`{"type":"items","collection":"messages","action":"read","query":{"filter":{"uid":{"_eq":1}}},"uid":"u"}`: `,"uid":"u"`,
				`{"uid":7,"type":"subscribe"}`: `,"uid":7`,
				`{"type":"ping","uid":[1]}`:    ``,
				`{"uid":"x"`:                   ``, // no JSON
			} {
				peer.Say(say)
				peer.Expect(`{"type":"server","status":"error","error":{"code":"REQUESTS_EXCEEDED","message":"Too many messages, retry after 200ms."}` + uid + `}`)
			}
			peer.ExpectNothing(200 * 1e6)
			peer.Say(`{"type":"ping","uid":"later"}`)
			peer.Expect(`{"type":"pong","uid":"later"}`)
		})
	})
	t.Run("frames before and after authentication", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, nil)
			peer := w.dial(directus.Peer{})
			synctest.Wait()
			peer.Say(`{"type":"auth","access_token":"` + strings.Repeat("x", 65<<10) + `"}`)
			peer.ExpectClose(transport.CloseTooBig)
			peer = w.connect(editor)
			do(peer, create+`{"text":"`+strings.Repeat("x", 65<<10)+`"},"query":{"fields":["id"]}}`)
			peer.Say(create + `{"text":"` + strings.Repeat("x", 9<<20) + `"}}`)
			peer.ExpectClose(transport.CloseTooBig)
		})
	})
	t.Run("a consumer that is too slow", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, nil)
			near, far := transport.BoundedPipe(1<<20, 8)
			slow, other := w.attach(near, far, directus.Peer{Token: editor}), w.connect(editor)
			slow.Say(`{"type":"subscribe","collection":"messages","event":"create","query":{"fields":["text"]},"uid":"s"}`)
			synctest.Wait()
			for i := range 20 { // it receives none of them meanwhile
				do(other, fmt.Sprintf(create+`{"text":"%d"}}`, i))
			}
			slow.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
			for i := range 8 { // as many as may wait behind the first frame
				slow.Expect(told("create", fmt.Sprintf(`[{"text":"%d"}]`, i), "s"))
			}
			slow.ExpectClose(transport.CloseTooSlow)
			quiet(other)
		})
	})
}
