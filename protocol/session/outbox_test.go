package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// An outboxWorld is a disk, a server and one outbox at a time between them, which can
// be killed between any two things that happen.
type outboxWorld struct {
	t       *testing.T
	rand    *rand.Rand
	now     time.Time
	disk    map[string][]byte
	rows    map[string]string // of the server, by key
	done    []string          // what the server carried out, in order
	outbox  *session.Outbox
	todo    []session.OutboxEffect // not carried out yet
	replies []session.OutboxAnswered
	kept    map[int64]session.Write
	settled map[string]error
}

func newOutboxWorld(t *testing.T, seed uint64) *outboxWorld {
	w := &outboxWorld{t: t, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_000_000_000, 0),
		disk: map[string][]byte{}, rows: map[string]string{}, kept: map[int64]session.Write{}, settled: map[string]error{}}
	w.start()
	return w
}

// start begins a run: the one before was killed, and all that it had not done is lost.
func (w *outboxWorld) start() {
	w.todo, w.replies = nil, nil
	w.outbox = session.NewOutbox(session.OutboxConfig{Rand: w.rand.Float64})
	var values []session.StoredWrite
	for _, id := range slices.Sorted(maps.Keys(w.disk)) {
		values = append(values, session.StoredWrite{ID: id, Value: w.disk[id]})
	}
	w.step(session.OutboxLoaded{Values: values})
}

func (w *outboxWorld) step(in session.OutboxInput) {
	for _, effect := range w.outbox.Step(w.now, in) {
		switch e := effect.(type) {
		case session.OutboxKept:
			if e.Err == nil {
				if _, ok := w.disk[e.Write.ID]; !ok {
					w.t.Errorf("%s was told as kept and is not on disk", e.Write.ID)
				}
				w.kept[e.Ticket] = e.Write
			}
		case session.OutboxSettled:
			w.settled[e.Write.ID] = e.Err
		case session.OutboxRecall:
			w.replies = slices.DeleteFunc(w.replies, func(r session.OutboxAnswered) bool { return r.ID == e.ID })
		case session.OutboxSend:
			if value, ok := w.disk[e.ID]; !ok || !strings.Contains(string(value), `"status":"sent"`) {
				w.t.Errorf("%s is sent and on disk it is %s", e.ID, value)
			}
			w.todo = append(w.todo, e)
		case session.OutboxPut, session.OutboxErase:
			w.todo = append(w.todo, e)
		}
	}
}

// one carries out one thing that waits; false: there is none.
func (w *outboxWorld) one() bool {
	n := len(w.todo) + len(w.replies)
	if n == 0 {
		return false
	}
	i := w.rand.IntN(n)
	if i >= len(w.todo) {
		i -= len(w.todo)
		reply := w.replies[i]
		w.replies = slices.Delete(w.replies, i, i+1)
		w.step(reply)
		return true
	}
	effect := w.todo[i]
	w.todo = slices.Delete(w.todo, i, i+1)
	switch e := effect.(type) {
	case session.OutboxPut:
		w.disk[e.ID] = e.Value
		w.step(session.OutboxStored{ID: e.ID})
	case session.OutboxErase:
		delete(w.disk, e.ID)
		w.step(session.OutboxStored{ID: e.ID})
	case session.OutboxSend:
		w.serve(e)
	}
	return true
}

// serve is the server, and the session's part in a repeated create.
func (w *outboxWorld) serve(e session.OutboxSend) {
	m := e.Message
	key := string(m.ID)
	if m.Action == protocol.ActionCreate {
		key = string(protocol.Member(m.Data, "id"))
	}
	answer := session.OutboxAnswered{ID: e.ID, Data: m.Data}
	_, exists := w.rows[key]
	switch {
	case m.Action == protocol.ActionCreate && key != "" && exists:
		if !e.Again {
			answer = session.OutboxAnswered{ID: e.ID, Err: &protocol.Error{Code: protocol.CodeRecordNotUnique}}
		}
	default:
		if key != "" {
			w.rows[key] = string(m.Data)
		}
		w.done = append(w.done, string(protocol.Member(m.Data, "n")))
	}
	w.replies = append(w.replies, answer)
}

func (w *outboxWorld) lose() {
	w.todo = slices.DeleteFunc(w.todo, func(e session.OutboxEffect) bool { _, send := e.(session.OutboxSend); return send })
	w.replies = nil
	w.step(session.OutboxLink{State: session.Waiting})
}

func (w *outboxWorld) settle() {
	for range 10_000 {
		if w.one() {
			continue
		}
		at := w.outbox.Deadline()
		if at.IsZero() {
			return
		}
		w.now = at
		w.step(session.OutboxTick{})
	}
	w.t.Fatal("the outbox does not come to rest")
}

// Whenever the program is killed, or the link lost: what was kept is carried out
// exactly once where the client made the key, else at most once, and then it is still
// there for a person to decide; and each item's writes come in their order.
func TestOutboxLosesAndDoublesNothing(t *testing.T) {
	for seed := range uint64(400) {
		w := newOutboxWorld(t, seed)
		crashes := 0
		ticket := int64(0)
		repeatable := map[string]bool{}
		for ticket < 24 {
			switch w.rand.IntN(14) {
			case 0:
				w.step(session.OutboxLink{State: session.Live})
			case 1:
				w.lose()
			case 2:
				crashes++
				w.start()
			case 3, 4:
				ticket++
				ask := session.OutboxAsk{Ticket: ticket, Collection: "m"}
				n := fmt.Sprint(ticket)
				switch w.rand.IntN(3) {
				case 0:
					ask.Action, ask.Data = protocol.ActionCreate, json.RawMessage(fmt.Sprintf(`{"id":"c%s","n":%s}`, n, n))
					repeatable[n] = true
				case 1:
					ask.Action, ask.Data = protocol.ActionCreate, json.RawMessage(fmt.Sprintf(`{"n":%s}`, n))
				default:
					ask.Action, ask.Key, ask.Data = protocol.ActionUpdate, json.RawMessage(fmt.Sprint(w.rand.IntN(3))), json.RawMessage(fmt.Sprintf(`{"n":%s}`, n))
				}
				w.step(ask)
			default:
				w.one()
			}
		}
		w.step(session.OutboxLink{State: session.Live})
		w.settle()
		w.start() // what a later run sees
		w.step(session.OutboxLink{State: session.Live})
		w.settle()

		times := map[string]int{}
		for _, n := range w.done {
			times[n]++
		}
		still := map[string]session.Write{}
		for _, write := range w.outbox.Writes() {
			still[string(protocol.Member(write.Data, "n"))] = write
		}
		blocked := map[string]bool{}
		for _, write := range w.outbox.Writes() {
			if write.Status == session.WriteUnknown {
				blocked[string(write.Key)] = true
			}
		}
		for _, write := range w.kept {
			n := string(protocol.Member(write.Data, "n"))
			left, kept := still[n]
			switch {
			case times[n] > 1:
				t.Errorf("seed %d: write %s was carried out %d times", seed, n, times[n])
			case repeatable[n] && (times[n] != 1 || kept):
				t.Errorf("seed %d: the create %s was carried out %d times, and is left: %v", seed, n, times[n], kept)
			case times[n] == 0 && !kept:
				t.Errorf("seed %d: write %s is lost", seed, n)
			case kept && left.Status != session.WriteUnknown && !blocked[string(left.Key)]:
				t.Errorf("seed %d: write %s is left as %s", seed, n, left.Status)
			}
		}
		last := map[string]int{}
		for _, n := range w.done {
			for _, write := range w.kept {
				if write.Key == nil || string(protocol.Member(write.Data, "n")) != n {
					continue
				}
				var at int
				fmt.Sscan(n, &at)
				if at < last[string(write.Key)] {
					t.Errorf("seed %d: write %s of item %s came after %d", seed, n, write.Key, last[string(write.Key)])
				}
				last[string(write.Key)] = at
			}
		}
		if t.Failed() {
			return
		}
	}
}

// What a server does not carry out for want of time is sent again; a refusal is kept.
func TestOutboxRefusals(t *testing.T) {
	w := newOutboxWorld(t, 1)
	w.step(session.OutboxLink{State: session.Live})
	ask := func(ticket int64, data string) string {
		w.step(session.OutboxAsk{Ticket: ticket, Collection: "m", Action: protocol.ActionUpdate, Key: json.RawMessage(`7`), Data: json.RawMessage(data)})
		for i := 0; i < len(w.todo); i++ {
			if put, ok := w.todo[i].(session.OutboxPut); ok {
				w.todo = slices.Delete(w.todo, i, i+1)
				w.disk[put.ID] = put.Value
				w.step(session.OutboxStored{ID: put.ID})
				break
			}
		}
		return w.kept[ticket].ID
	}
	first := ask(1, `{"n":1}`)
	ask(2, `{"n":2}`)
	if n := len(w.todo); n != 1 {
		t.Fatalf("%d things wait, want the one send", n)
	}
	w.todo = nil
	w.step(session.OutboxAnswered{ID: first, Err: &protocol.Error{Code: protocol.CodeRequestsExceeded}})
	if got, _ := w.outbox.Write(first); got.Status != session.WriteQueued || w.outbox.Deadline().IsZero() {
		t.Errorf("after REQUESTS_EXCEEDED it is %s, and nothing is due", got.Status)
	}
	w.settle()
	if !slices.Equal(w.done, []string{"1", "2"}) || len(w.disk) != 0 {
		t.Errorf("carried out: %v; on disk: %d", w.done, len(w.disk))
	}
	third := ask(3, `{"n":3}`)
	w.todo = nil
	w.step(session.OutboxAnswered{ID: third, Err: &protocol.Error{Code: protocol.CodeForbidden, Message: "no"}})
	w.settle()
	w.start()
	if got, _ := w.outbox.Write(third); got.Status != session.WriteRefused || got.Code != protocol.CodeForbidden || got.Reason != "no" {
		t.Errorf("after a refusal and a restart: %+v", got)
	}
	w.step(session.OutboxLink{State: session.Live})
	w.step(session.OutboxRetry{ID: third})
	w.settle()
	if !slices.Equal(w.done, []string{"1", "2", "3"}) {
		t.Errorf("carried out: %v", w.done)
	}
}

// A store that fails keeps nothing, and its caller is told.
func TestOutboxWithoutADisk(t *testing.T) {
	o := session.NewOutbox(session.OutboxConfig{Rand: func() float64 { return 0 }, MaxWrites: 1})
	now := time.Unix(1, 0)
	o.Step(now, session.OutboxLoaded{Values: []session.StoredWrite{{ID: "x", Value: []byte(`{"v":2}`)}}})
	if got := o.Unreadable(); !slices.Equal(got, []string{"x"}) {
		t.Errorf("unreadable: %v", got)
	}
	ask := session.OutboxAsk{Ticket: 1, Collection: "m", Action: protocol.ActionCreate, Data: json.RawMessage(`{"id":"a"}`)}
	put := o.Step(now, ask)[0].(session.OutboxPut)
	full := o.Step(now, session.OutboxAsk{Ticket: 2, Collection: "m", Action: protocol.ActionCreate, Data: json.RawMessage(`{}`)})[0].(session.OutboxKept)
	if !errors.Is(full.Err, session.ErrOutboxFull) {
		t.Errorf("a second write: %v", full.Err)
	}
	broken := errors.New("no space left")
	kept := o.Step(now, session.OutboxStored{ID: put.ID, Err: broken})[0].(session.OutboxKept)
	if kept.Err != broken || len(o.Writes()) != 0 {
		t.Errorf("told %v, kept %v", kept.Err, o.Writes())
	}
}
