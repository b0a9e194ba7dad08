package realtime_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
)

type message struct {
	ID   any    `json:"id,omitempty"`
	Text string `json:"text"`
}

func TestCollection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "one", 2: "two", 3: "three"})
		c := connected(t, b, 1, realtime.Options{})
		messages := realtime.CollectionOf[message](c, "messages")

		items, err := messages.Read(t.Context(), nil)
		if err != nil || fmt.Sprint(items) != "[{1 one} {2 two} {3 three}]" {
			t.Errorf("Read gave %v, %v", items, err)
		}
		item, err := messages.ReadOne(t.Context(), 2)
		if err != nil || item.Text != "two" {
			t.Errorf("ReadOne gave %v, %v", item, err)
		}
		item, err = messages.Create(t.Context(), message{Text: "new"})
		if err != nil || item.ID != "made-4" {
			t.Errorf("Create gave %v, %v", item, err)
		}
		item, err = messages.Update(t.Context(), 1, map[string]any{"text": "changed"})
		if err != nil || item.Text != "changed" {
			t.Errorf("Update gave %v, %v", item, err)
		}
		if err := messages.Delete(t.Context(), 1); err != nil {
			t.Error(err)
		}
		if err := messages.Delete(t.Context(), 2, 3); err != nil {
			t.Error(err)
		}
		if err := messages.Delete(t.Context()); err != nil {
			t.Error(err)
		}
		if left, err := messages.Read(t.Context(), nil); len(left) != 1 || err != nil {
			t.Errorf("left are %v, %v", left, err)
		}
	})
}

func TestCollectionErrorsSayWhatWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "one"})
		c := connected(t, b, 1, realtime.Options{})
		secrets := realtime.CollectionOf[message](c, "secrets")
		misfit := realtime.CollectionOf[struct{ Text int }](c, "messages")
		for _, test := range []struct {
			name string
			call func() error
			says string
			code protocol.Code
		}{
			{"read", func() error { _, err := secrets.Read(t.Context(), nil); return err }, "read secrets: ", protocol.CodeForbidden},
			{"read one", func() error { _, err := secrets.ReadOne(t.Context(), "k"); return err }, "read one of secrets: ", protocol.CodeForbidden},
			{"create", func() error { _, err := secrets.Create(t.Context(), message{}); return err }, "create in secrets: ", protocol.CodeForbidden},
			{"update", func() error { _, err := secrets.Update(t.Context(), 1, message{}); return err }, "update in secrets: ", protocol.CodeForbidden},
			{"delete", func() error { return secrets.Delete(t.Context(), 1) }, "delete from secrets: ", protocol.CodeForbidden},
			{"a key that is none", func() error { return secrets.Delete(t.Context(), []int{1}) }, "the key encodes as [1]", ""},
			{"an empty key", func() error { _, err := secrets.ReadOne(t.Context(), ""); return err }, `the key encodes as ""`, ""},
			{"many items", func() error { _, err := secrets.Create(t.Context(), []message{{}}); return err }, "give one object", ""},
			{"changes that are none", func() error { _, err := secrets.Update(t.Context(), 1, "text"); return err }, "give an object", ""},
			{"an item that does not encode", func() error { _, err := secrets.Create(t.Context(), func() {}); return err }, "create in secrets: ", ""},
			{"an item that does not fit", func() error { _, err := misfit.Read(t.Context(), nil); return err }, "do not fit", ""},
		} {
			err := test.call()
			if err == nil || !strings.Contains(err.Error(), test.says) || test.code != "" && !errors.Is(err, test.code) {
				t.Errorf("%s: the error is %v", test.name, err)
			}
		}
	})
}

func TestCreateLeavesOutAnEmptyKey(t *testing.T) {
	for _, test := range []struct {
		name string
		item any
		key  string // what is sent
	}{
		{"absent", map[string]any{"text": "a"}, ""},
		{"null", map[string]any{"id": nil}, ""},
		{"empty", struct {
			ID string `json:"id"`
		}{}, ""},
		{"zero", struct {
			ID int `json:"id"`
		}{}, ""},
		{"given", map[string]any{"id": "k"}, `"k"`},
		{"a number", map[string]any{"id": 7}, "7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBackend(t)
				c := connected(t, b, 1, realtime.Options{})
				if _, err := realtime.CollectionOf[json.RawMessage](c, "messages").Create(t.Context(), test.item); err != nil {
					t.Fatal(err)
				}
				b.count(func(m protocol.Message) bool {
					if items, ok := m.(protocol.Items); ok && items.Action == protocol.ActionCreate {
						if key := protocol.Member(items.Data, "id"); string(key) != test.key && test.key != "" || test.key == "" && key != nil && !strings.HasPrefix(string(key), `"made`) {
							t.Errorf("sent the key %s, want %s", key, test.key)
						}
					}
					return false
				})
			})
		})
	}
}

func TestUpdateLeavesOutAnEmptyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "one"})
		c := connected(t, b, 1, realtime.Options{})
		changes := struct {
			ID   string `json:"id"`
			Text string `json:"text"`
		}{Text: "changed"}
		if _, err := realtime.CollectionOf[map[string]any](c, "messages").Update(t.Context(), 1, changes); err != nil {
			t.Fatal(err)
		}
		b.count(func(m protocol.Message) bool {
			if items, ok := m.(protocol.Items); ok && items.Action == protocol.ActionUpdate && string(items.Data) != `{"text":"changed"}` {
				t.Errorf("sent %s: an empty key would become the item's", items.Data)
			}
			return false
		})
	})
}

func TestTypedSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "one", 2: "two"})
		c := connected(t, b, 2, realtime.Options{})
		var got []string
		for event, err := range realtime.CollectionOf[message](c, "messages").Subscribe(timeout(t, time.Minute), nil) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(event.Kind, event.Items, event.Keys, event.Resync))
			switch event.Kind {
			case session.Init:
				b.create(3, "three")
			case session.Create:
				b.remove(1)
				b.cut()
			}
		}
		want := "init[{1 one} {2 two}] [] false; create[{3 three}] [] false; delete[] [1] true"
		if strings.Join(got, "; ") != want {
			t.Errorf("the events are %s, want %s", strings.Join(got, "; "), want)
		}
		synctest.Wait()
		b.mu.Lock()
		left := len(b.subs)
		b.mu.Unlock()
		if left != 0 {
			t.Errorf("the loop is over and the server still has %d subscriptions", left)
		}
	})
}

func TestTypedSubscribeEndsWithAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		b.set(map[int]string{1: "one"})
		c := connected(t, b, 1, realtime.Options{})
		var last error
		for _, err := range realtime.CollectionOf[struct{ Text int }](c, "messages").Subscribe(timeout(t, time.Minute), nil) {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), "events of messages: the init: the items do not fit") {
			t.Errorf("it ended with %v", last)
		}
		ended := timeout(t, 0)
		for _, err := range realtime.CollectionOf[message](c, "messages").Subscribe(ended, nil) {
			last = err
		}
		if !errors.Is(last, ended.Err()) {
			t.Errorf("with an ended context it ended with %v", last)
		}
	})
}
