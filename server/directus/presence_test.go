package directus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/query"
	"leveret/server/directus"
)

// joins lets a socket join a room, of whose members besides itself the test says the
// order. item is JSON, or "" for the collection's room.
func joins(c *protocoltest.Peer, uid, item, data string, others ...string) (id string) {
	where, self := `"collection":"messages"`, `{"id":"<`+uid+`>","user":"<userof`+uid+`>"}`
	if item != "" {
		where += `,"item":` + item
	}
	if data != "" {
		where += `,"data":` + data
		self = `{"id":"<` + uid + `>","user":"<userof` + uid + `>","data":` + data + `}`
	}
	c.Say(`{"type":"presence","action":"join",` + where + `,"uid":"` + uid + `"}`)
	delete(c.Vars, uid)
	members := strings.Join(append(others, self), ",")
	c.Expect(`{"type":"presence","event":"init","id":"<` + uid + `>","ttl":30,"members":[` + members + `],"uid":"` + uid + `"}`)
	return strings.Trim(c.Vars[uid], `"`)
}

func presenceEvent(event, member, uid string) string {
	return `{"type":"presence","event":"` + event + `","members":[` + member + `],"uid":"` + uid + `"}`
}

func presenceError(code, uid string) string {
	return `{"type":"presence","status":"error","error":{"code":"` + code + `","message":"<_>"},"uid":"` + uid + `"}`
}

func id(id string) string { return `{"id":"` + id + `"}` }

const item = `"` + first + `"`

func TestPresence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ann, bob, cat := w.connect(editor), w.connect(reader), w.connect(editor)
		a := joins(ann, "a", item, `{"field":"title"}`)
		other := joins(cat, "c", `"`+third+`"`, "") // in another room
		annIs := `{"id":"` + a + `","user":` + ann.Vars["userofa"] + `,"data":{"field":"title"}}`
		b := joins(bob, "b", item, "", annIs)
		if a == b || b == other || len(a) < 16 {
			t.Errorf("the ids are %s, %s and %s", a, b, other)
		}
		bobIs := `{"id":"` + b + `","user":"` + readerID(w) + `"}`
		ann.Expect(presenceEvent("join", bobIs, "a"))

		ann.Say(`{"type":"presence","action":"update","data":{"field":"body"},"uid":"a"}`)
		bob.Expect(presenceEvent("update", strings.Replace(annIs, "title", "body", 1), "b"))
		ann.Say(`{"type":"presence","action":"update","uid":"a"}`)
		bob.Expect(presenceEvent("update", `{"id":"`+a+`","user":`+ann.Vars["userofa"]+`}`, "b"))
		ann.Say(`{"type":"broadcast","channel":"cursor","data":[3,7],"uid":"a"}`)
		bob.Expect(`{"type":"broadcast","channel":"cursor","data":[3,7],"from":"` + a + `","uid":"b"}`)
		bob.Say(`{"type":"broadcast","uid":"b"}`)
		ann.Expect(`{"type":"broadcast","from":"` + b + `","uid":"a"}`)
		ann.Say(`{"type":"presence","action":"heartbeat","uid":"a"}`)
		quiet(ann, bob, cat)

		bob.Say(`{"type":"presence","action":"leave","uid":"b"}`)
		bob.Expect(presenceEvent("leave", id(b), "b"))
		ann.Expect(presenceEvent("leave", id(b), "a"))
		bob.Say(`{"type":"presence","action":"leave","uid":"b"}`) // always answered
		bob.Expect(`{"type":"presence","event":"leave","members":[],"uid":"b"}`)

		// A second join with the uid leaves first, and is somebody new.
		joins(bob, "b", item, "", `{"id":"`+a+`","user":"<_>"}`)
		ann.Expect(presenceEvent("join", `{"id":"<b1>","user":"<_>"}`, "a"))
		joins(bob, "b2", "", "")
		bob.Say(`{"type":"presence","action":"join","collection":"messages","item":` + item + `,"uid":"b"}`)
		ann.Expect(presenceEvent("leave", `{"id":"<b1>"}`, "a"))
		ann.Expect(presenceEvent("join", `{"id":"<b2>","user":"<_>"}`, "a"))
		bob.Expect(`{"type":"presence","event":"init","id":"<new>","ttl":30,"members":[{"id":"` + a + `","user":"<_>"},{"id":"<new>","user":"<_>"}],"uid":"b"}`)
		if ann.Vars["b1"] == ann.Vars["b2"] || ann.Vars["b1"] == `"`+b+`"` {
			t.Error("an id was used twice")
		}
		// The end of the socket is the end of its places.
		bob.Close(1000, "")
		ann.Expect(presenceEvent("leave", `{"id":"<b2>"}`, "a"))
		quiet(ann, cat)
	})
}

func readerID(w *world) string { return "00000000-0000-4000-8000-0000000000b2" }

func TestPresenceRefusesBadInput(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.connect(reader)
		join := `{"type":"presence","action":"join","collection":"messages",`
		for name, test := range map[string]struct{ say, expect string }{
			"without a uid":               {join + `"item":` + item + `}`, `{"type":"presence","status":"error","error":{"code":"INVALID_PAYLOAD","message":"<_>"}}`},
			"an unknown action":           {`{"type":"presence","action":"dance","uid":"u"}`, presenceError("INVALID_PAYLOAD", "u")},
			"a ttl that is too short":     {join + `"ttl":4,"uid":"u"}`, presenceError("INVALID_PAYLOAD", "u")},
			"a ttl that is too long":      {join + `"ttl":301,"uid":"u"}`, presenceError("INVALID_PAYLOAD", "u")},
			"too much data":               {join + `"data":"` + strings.Repeat("x", 4<<10) + `","uid":"u"}`, presenceError("INVALID_PAYLOAD", "u")},
			"an item that does not exist": {join + `"item":"99999999-9999-4999-8999-999999999999","uid":"u"}`, presenceError("FORBIDDEN", "u")},
			"an item that is hidden":      {join + `"item":"` + second + `","uid":"u"}`, presenceError("FORBIDDEN", "u")},
			"no key at all":               {join + `"item":"","uid":"u"}`, presenceError("FORBIDDEN", "u")},
			"an unknown collection":       {`{"type":"presence","action":"join","collection":"nope","uid":"u"}`, presenceError("FORBIDDEN", "u")},
			"a system collection":         {`{"type":"presence","action":"join","collection":"directus_users","uid":"u"}`, presenceError("INVALID_COLLECTION", "u")},
			"a system collection's item":  {`{"type":"presence","action":"join","collection":"directus_users","item":"` + readerID(w) + `","uid":"u"}`, presenceError("INVALID_COLLECTION", "u")},
			"an update before a join":     {`{"type":"presence","action":"update","uid":"u"}`, presenceError("FORBIDDEN", "u")},
			"a heartbeat before a join":   {`{"type":"presence","action":"heartbeat","uid":"u"}`, presenceError("FORBIDDEN", "u")},
			"a broadcast before a join":   {`{"type":"broadcast","uid":"u"}`, strings.Replace(presenceError("FORBIDDEN", "u"), "presence", "broadcast", 1)},
			"a broadcast without a uid":   {`{"type":"broadcast"}`, `{"type":"broadcast","status":"error","error":{"code":"INVALID_PAYLOAD","message":"<_>"}}`},
		} {
			c.Say(test.say)
			if frame := c.Next(); protocoltest.Match([]byte(test.expect), frame, nil) != nil {
				t.Errorf("%s: told %s", name, frame)
			}
			quiet(c)
		}
		// What changes nothing leaves the member where it is.
		other := w.connect(editor)
		joins(c, "u", item, "")
		joins(other, "o", item, "", `{"id":"<_>","user":"<_>"}`)
		c.Expect(presenceEvent("join", `{"id":"<_>","user":"<_>"}`, "u"))
		c.Say(`{"type":"presence","action":"update","data":"` + strings.Repeat("x", 4<<10) + `","uid":"u"}`)
		c.Expect(presenceError("INVALID_PAYLOAD", "u"))
		c.Say(`{"type":"broadcast","data":"` + strings.Repeat("x", 16<<10) + `","uid":"u"}`)
		c.Expect(strings.Replace(presenceError("INVALID_PAYLOAD", "u"), "presence", "broadcast", 1))
		c.Say(`{"type":"broadcast","data":1,"uid":"u"}`)
		other.Expect(`{"type":"broadcast","data":1,"from":"<_>","uid":"o"}`)
		// A room that was refused was never made, nor is one that all have left.
		if n := directus.Rooms(w.hub); n != 1 {
			t.Errorf("there are %d rooms", n)
		}
		c.Close(1000, "")
		other.Expect(presenceEvent("leave", `{"id":"<_>"}`, "o"))
		other.Say(`{"type":"presence","action":"leave","uid":"o"}`)
		other.Next()
		synctest.Wait()
		if n := directus.Rooms(w.hub); n != 0 {
			t.Errorf("there are %d rooms", n)
		}
	})
}

func TestPresenceIsBounded(t *testing.T) {
	const places, members = 32, 256
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{MessageRate: -1, Heartbeat: -1})
		for range members / places {
			c := w.connect(editor)
			for i := range places {
				c.Say(fmt.Sprintf(`{"type":"presence","action":"join","collection":"messages","item":%s,"uid":%d}`, item, i))
			}
			c.Say(`{"type":"presence","action":"join","collection":"messages","uid":"more"}`)
			for frame := c.Next(); string(protocol.Member(frame, "uid")) != `"more"`; frame = c.Next() {
				if protocol.Member(frame, "event") == nil {
					t.Fatalf("told %s", frame)
				}
			}
			go func() {
				for c.NextWithin(time.Hour) != nil {
				}
			}()
		}
		c := w.connect(reader)
		c.Say(`{"type":"presence","action":"join","collection":"messages","item":` + item + `,"uid":"u"}`)
		c.Expect(presenceError("LIMIT_EXCEEDED", "u"))
		joins(c, "u", "", "")
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.connect(editor)
		for i := range places {
			joins(c, fmt.Sprint("u", i), `"`+[]string{first, second, third}[i%3]+`"`, "", slices.Repeat([]string{`{"id":"<_>","user":"<_>"}`}, i/3)...)
			for j := i % 3; j < i; j += 3 {
				c.Expect(presenceEvent("join", `{"id":"<_>","user":"<_>"}`, fmt.Sprint("u", j)))
			}
		}
		c.Say(`{"type":"presence","action":"join","collection":"messages","uid":"more"}`)
		c.Expect(presenceError("LIMIT_EXCEEDED", "more"))
		quiet(c)
	})
}

// Who is silent for its time to live is gone; a heartbeat, an update and a broadcast
// are signs of life.
func TestPresenceEndsWithItsTimeToLive(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Heartbeat: -1})
		ann, bob := w.connect(editor), w.connect(reader)
		a := joins(ann, "a", "", "")
		bob.Say(`{"type":"presence","action":"join","collection":"messages","ttl":5,"uid":"b"}`)
		bob.Expect(`{"type":"presence","event":"init","id":"<b>","ttl":5,"members":[{"id":"<_>","user":"<_>"},{"id":"<b>","user":"<_>"}],"uid":"b"}`)
		ann.Expect(presenceEvent("join", `{"id":"<b>","user":"<_>"}`, "a"))
		for _, sign := range []string{`"presence","action":"heartbeat"`, `"presence","action":"update"`, `"broadcast"`, `"presence","action":"heartbeat"`} {
			time.Sleep(4900 * time.Millisecond)
			bob.Say(`{"type":` + sign + `,"uid":"b"}`)
		}
		ann.Expect(`{"type":"presence","event":"update","...":"..."}`)
		ann.Expect(`{"type":"broadcast","...":"..."}`)
		start := time.Now()
		ann.Expect(presenceEvent("leave", `{"id":"<b>"}`, "a"))
		if took := time.Since(start); took < 4*time.Second || took > 5*time.Second {
			t.Errorf("it was gone after %v", took)
		}
		bob.Expect(presenceEvent("leave", `{"id":"<b>"}`, "b"))
		bob.Say(`{"type":"presence","action":"heartbeat","uid":"b"}`)
		bob.Expect(presenceError("FORBIDDEN", "b"))
		ann.Expect(presenceEvent("leave", id(a), "a")) // 30 s after it joined
	})
}

// Whoever cannot read the item any more is told nothing more of its room.
func TestPresenceEndsWithTheRightToRead(t *testing.T) {
	const change = `{"type":"items","collection":"messages","action":"update","id":` + item + `,"data":{"status":`
	for name, test := range map[string]struct {
		item string
		lose func(w *world, ann, bob *protocoltest.Peer)
		code string
	}{
		"the item leaves the permission's filter": {item, func(w *world, ann, bob *protocoltest.Peer) { do(ann, change+`"draft"}}`) }, "FORBIDDEN"},
		"the item is deleted": {item, func(w *world, ann, bob *protocoltest.Peer) {
			do(w.connect(admin), `{"type":"items","collection":"messages","action":"delete","id":`+item+`}`)
		}, "FORBIDDEN"},
		"the socket becomes the public's": {"", func(w *world, ann, bob *protocoltest.Peer) {
			bob.Say(`{"type":"auth","access_token":"wrong"}`)
			bob.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"<_>"}}`)
		}, "FORBIDDEN"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, &directus.Options{Mode: directus.ModePublic})
				ann, bob := w.connect(editor), w.connect(reader)
				joins(ann, "a", test.item, "")
				b := joins(bob, "b", test.item, "", `{"id":"<_>","user":"<_>"}`)
				ann.Expect(`{"type":"presence","event":"join","...":"..."}`)
				test.lose(w, ann, bob)
				synctest.Wait()
				ann.Say(`{"type":"broadcast","data":"a secret","uid":"a"}`)
				bob.Expect(presenceError(test.code, "b"))
				if name == "the item is deleted" {
					ann.Expect(strings.Replace(presenceError("FORBIDDEN", "a"), "presence", "broadcast", 1))
				} else {
					ann.Expect(presenceEvent("leave", id(b), "a"))
				}
				quiet(ann, bob)
			})
		})
	}
}

// A token that ends makes the member the public's, who may stay where the public
// may read, and is told as nobody; another "auth" makes it somebody again.
func TestPresenceFollowsTheIdentity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		published, err := query.ParseFilter([]byte(`{"status":{"_eq":"published"}}`))
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, &directus.Options{Heartbeat: -1, Permissions: directus.NewPermissions(
			directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: protocol.ActionRead},
			directus.Rule{Collection: "messages", Action: protocol.ActionRead, Filter: published},
		)})
		session := w.login()
		ann, bob := w.connect(admin), w.dial(directus.Peer{Token: session.AccessToken})
		user := session.Identity.User
		stay := func() {
			time.Sleep(20 * time.Second)
			for _, c := range []*protocoltest.Peer{ann, bob} {
				for _, uid := range []string{"published", "draft"} {
					c.Say(`{"type":"presence","action":"heartbeat","uid":"` + uid + `"}`)
				}
			}
		}
		for _, uid := range []string{"draft", "published"} {
			key := map[string]string{"draft": second, "published": first}[uid]
			joins(ann, uid, `"`+key+`"`, "")
			joins(bob, uid, `"`+key+`"`, "", `{"id":"<_>","user":"<_>"}`)
			ann.Expect(presenceEvent("join", `{"id":"<bob`+uid+`>","user":"`+user+`"}`, uid))
		}
		for range 44 {
			stay()
		}
		time.Sleep(15 * time.Second) // no heartbeat falls upon the end of the token
		bob.Expect(`{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"<_>"}}`)
		bob.Expect(presenceError("FORBIDDEN", "draft"))
		ann.Expect(presenceEvent("leave", `{"id":"<bobdraft>"}`, "draft"))
		ann.Expect(presenceEvent("update", `{"id":"<bobpublished>","user":null}`, "published"))
		bob.Expect(presenceEvent("update", `{"id":`+ann.Vars["bobpublished"]+`,"user":null}`, "published"))
		bob.Say(`{"type":"auth","access_token":"` + w.login().AccessToken + `"}`)
		bob.Expect(`{"type":"auth","status":"ok"}`)
		for _, c := range []*protocoltest.Peer{ann, bob} {
			c.Expect(presenceEvent("update", `{"id":`+ann.Vars["bobpublished"]+`,"user":"`+user+`"}`, "published"))
		}
	})
}

// The stock server ignores all of it.
func TestPresenceUnderStrictCompat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{StrictCompat: true})
		c := w.connect(editor)
		c.Say(`{"type":"presence","action":"join","collection":"messages","uid":"p"}`)
		c.Say(`{"type":"unsubscribe","uid":"barrier"}`)
		for {
			frame := string(c.Next())
			if strings.Contains(frame, "barrier") {
				break
			}
			if strings.Contains(frame, `"init"`) || strings.Contains(frame, `"presence","status"`) {
				t.Errorf("it said %s", frame)
			}
		}
	})
}
