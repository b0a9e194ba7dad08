package realtime_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

func TestSubscribeIterateBreakAndGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "a"})
		c := connected(t, b, 1, realtime.Options{})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := 2; n <= 4; n++ {
			b.create(n, "b")
		}
		sameWords(t, take(t, s, 1), `init [{"id":1,"text":"a"}]`)
		sameWords(t, take(t, s, 2), `create [{"id":2,"text":"b"}]`, `create [{"id":3,"text":"b"}]`)
		for range s.Events(timeout(t, 0)) {
			t.Error("an event was yielded with an ended context")
		}
		sameWords(t, take(t, s, 1), `create [{"id":4,"text":"b"}]`)
		time.AfterFunc(time.Second, func() { b.create(5, "b") })
		sameWords(t, take(t, s, 1), `create [{"id":5,"text":"b"}]`)
	})
}

func TestBatchesHandsOverAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			b.create(n+1, "b")
		}
		synctest.Wait()
		for events, err := range s.Batches(t.Context()) {
			if err != nil || len(events) != 6 {
				t.Errorf("the batch is %v, %v", words(events), err)
			}
			break
		}
	})
}

func TestASecondLoopIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range s.Events(t.Context()) {
			for _, err := range s.Batches(t.Context()) {
				if !errors.Is(err, realtime.ErrReading) {
					t.Errorf("the second loop got %v", err)
				}
			}
			break
		}
		b.create(1, "a")
		take(t, s, 1) // the first is over: another may begin
	})
}

func TestWhatWasMissedIsToldAsADifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "a", 2: "b", 3: "c"})
		c := connected(t, b, 2, realtime.Options{})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		take(t, s, 1)
		b.cut()
		b.set(map[int]string{2: "changed", 4: "new"})
		b.remove(3)
		seen := map[string]bool{}
		for _, word := range words(take(t, s, 3)) {
			seen[word] = true
		}
		for _, want := range []string{`create [{"id":4,"text":"new"}] (resync)`, `update [{"id":2,"text":"changed"}] (resync)`, `delete [3] (resync)`} {
			if !seen[want] {
				t.Errorf("not told: %s; told: %v", want, seen)
			}
		}
		until(t, c, session.Live)
		b.create(5, "after")
		sameWords(t, take(t, s, 1), `create [{"id":5,"text":"after"}]`)
	})
}

func TestASlowConsumerMissesNothingThatLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{Session: session.Config{MaxQueue: 4}})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		const n = 50
		for i := range n {
			b.create(i, "x")
			time.Sleep(10 * time.Millisecond)
		}
		rows := map[string]int{}
		for event, err := range s.Events(timeout(t, time.Minute)) {
			if err != nil {
				t.Fatal(err)
			}
			items, _ := protocol.Elements(event.Data)
			for _, item := range items {
				rows[string(item)]++
			}
		}
		for i := range n {
			if item := fmt.Sprintf(`{"id":%d,"text":"x"}`, i); rows[item] != 1 {
				t.Errorf("%s was told %d times", item, rows[item])
			}
		}
	})
}

func TestSubscribeFails(t *testing.T) {
	for _, test := range []struct {
		name    string
		options *realtime.SubscribeOptions
		serve   func(peer *protocoltest.Peer)
		want    error
	}{
		{"when the server refuses", nil, func(peer *protocoltest.Peer) {
			peer.Expect(`{"type":"subscribe","collection":"messages","uid":"<u>","...":"..."}`)
			peer.Say(`{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"No."},"uid":"<u>"}`)
		}, protocol.CodeForbidden},
		{"when the context ends first", nil, func(peer *protocoltest.Peer) {
			peer.Expect(`{"type":"subscribe","collection":"messages","uid":"<u>","...":"..."}`)
			peer.Expect(`{"type":"unsubscribe","uid":"<u>"}`)
		}, context.DeadlineExceeded},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := protocoltest.NewDialer(t)
				o := token("t")
				o.Dialer = d
				c, err := realtime.New(url, &o)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				c.Connect()
				done := make(chan struct{})
				go func() {
					defer close(done)
					peer := d.Accept()
					peer.AcceptAuth()
					test.serve(peer)
				}()
				_, err = c.Subscribe(timeout(t, 5*time.Second), "messages", test.options)
				if !errors.Is(err, test.want) {
					t.Errorf("it ended with %v", err)
				}
				<-done
			})
		})
	}
}

func TestSubscribeOptionsAreChecked(t *testing.T) {
	c, err := realtime.New(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, o := range []realtime.SubscribeOptions{
		{Item: []int{1}},
		{Item: ""},
		{Item: func() {}},
		{RawQuery: json.RawMessage("{")},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if s, err := c.Subscribe(ctx, "messages", &o); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v gave %v, %v", o, s, err)
		}
		cancel()
	}
}

func TestCloseEndsASubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		s, err := c.Subscribe(t.Context(), "messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		take(t, s, 1)
		ended := make(chan error)
		go func() {
			var last error
			for event, err := range s.Events(t.Context()) {
				if err == nil {
					t.Errorf("told %v", event)
				}
				last = err
			}
			ended <- last
		}()
		synctest.Wait()
		s.Close()
		if err := <-ended; !errors.Is(err, realtime.ErrUnsubscribed) {
			t.Errorf("it ended with %v", err)
		}
		s.Close()
		synctest.Wait()
		b.create(1, "a")
		b.mu.Lock()
		left := len(b.subs)
		b.mu.Unlock()
		if left != 0 {
			t.Errorf("the server still has %d subscriptions", left)
		}
	})
}

func TestMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		c := connected(t, b, 1, realtime.Options{})
		got := make(chan string)
		go func() {
			for m, err := range c.Messages(t.Context()) {
				if err != nil {
					got <- err.Error()
					return
				}
				got <- m.Kind()
			}
			got <- "end"
		}()
		synctest.Wait()
		b.say(`{"type":"chat","text":"hi"}`)
		if kind := <-got; kind != "chat" {
			t.Errorf("got %s", kind)
		}
		b.say(`{"type":"chat"}`)
		synctest.Wait() // the loop is stuck handing over this one
		for range 1100 {
			b.say(`{"type":"chat"}`)
		}
		synctest.Wait()
		var last string
		for range 1025 {
			last = <-got
		}
		for last == "chat" {
			last = <-got
		}
		if last != realtime.ErrBehind.Error() {
			t.Errorf("a slow loop ended with %s", last)
		}
	})
}
