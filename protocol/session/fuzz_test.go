package session_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A guard drives a session by any inputs and checks what must hold whatever comes.
type guard struct {
	t       testing.TB
	session *session.Session
	now     time.Time
	log     strings.Builder

	state    session.State
	next     time.Time
	epoch    int  // of the latest FetchCredential
	open     int  // the epoch that has a socket, or 0
	dialed   bool // that socket is open
	awaiting bool // the credential was sent over it, and not answered
	pending  map[session.RequestID]bool
	posts    map[session.RequestID]bool // of those, what was posted
	lastID   session.RequestID
	subs     session.SubID
	inits    map[session.SubID]int
	ended    map[session.SubID]bool
	visit    map[session.State]int // counts the inputs of each state, or is nil
}

func newGuard(t testing.TB, config session.Config) *guard {
	return &guard{
		t:       t,
		session: session.New(config),
		now:     time.Unix(1_000_000_000, 0),
		state:   session.Idle,
		pending: map[session.RequestID]bool{},
		posts:   map[session.RequestID]bool{},
		inits:   map[session.SubID]int{},
		ended:   map[session.SubID]bool{},
	}
}

func (g *guard) failf(format string, args ...any) {
	g.t.Helper()
	g.t.Fatalf("%s\nafter:\n%s", fmt.Sprintf(format, args...), g.log.String())
}

func (g *guard) step(in session.Input) {
	fmt.Fprintf(&g.log, "%T %+v\n", in, in)
	if g.visit != nil {
		g.visit[g.state]++
	}
	for _, e := range g.session.Step(g.now, in) {
		switch e := e.(type) {
		case session.FetchCredential:
			if e.Epoch < g.epoch || g.open != 0 && e.Epoch != g.open {
				g.failf("FetchCredential of epoch %d after %d", e.Epoch, g.epoch)
			}
			g.epoch = e.Epoch
		case session.Dial:
			if g.open != 0 {
				g.failf("Dial with the socket of epoch %d still open", g.open)
			}
			g.open, g.dialed, g.awaiting = e.Epoch, false, false
		case session.Hangup:
			if g.open != e.Epoch {
				g.failf("Hangup of epoch %d, open is %d", e.Epoch, g.open)
			}
			g.open = 0
		case session.Send:
			if g.open != e.Epoch || !g.dialed {
				g.failf("Send without a socket: %s", e.Frame)
			}
			if g.awaiting {
				g.failf("Send between a credential and its answer: %s", e.Frame)
			}
			kind, _ := protocol.Text(protocol.Member(e.Frame, "type"))
			if g.state == session.Authenticating && kind != protocol.TypeAuth {
				g.failf("Send while a credential is awaited: %s", e.Frame)
			}
			if kind == "" {
				g.failf("Send of no message: %s", e.Frame)
			}
			if kind == protocol.TypeAuth {
				g.awaiting = true
			}
		case session.Changed:
			if e.From != g.state {
				g.failf("Changed from %s, but the state was %s", e.From, g.state)
			}
			if e.From == e.To && e.To != session.Waiting {
				g.failf("Changed from %s to itself", e.From)
			}
			if (e.To == session.Waiting) == e.Next.IsZero() {
				g.failf("Changed to %s with Next %v", e.To, e.Next)
			}
			if e.Cause.Reason == "" {
				g.failf("Changed to %s without a reason", e.To)
			}
			g.state, g.next = e.To, e.Next
		case session.Resolve:
			if !g.pending[e.ID] {
				g.failf("Resolve of request %d, which is not pending", e.ID)
			}
			delete(g.pending, e.ID)
			if !g.posts[e.ID] && (e.Reply == nil) == (e.Err == nil) {
				g.failf("Resolve with reply %v and error %v", e.Reply, e.Err)
			}
		case session.Ready:
			if e.ID < 1 || e.ID > g.subs {
				g.failf("Ready of a subscription that nobody made: %d", e.ID)
			}
		}
		fmt.Fprintf(&g.log, "  %T %+v\n", e, e)
	}
	if g.session.State() != g.state {
		g.failf("State is %s, told was %s", g.session.State(), g.state)
	}
	linked := g.state == session.Authenticating || g.state == session.Resyncing || g.state == session.Live
	if linked && (g.open == 0 || !g.dialed) {
		g.failf("%s without a socket", g.state)
	}
	if !linked && g.dialed && g.open != 0 {
		g.failf("%s with an open socket", g.state)
	}
	if _, ok := in.(session.Disconnect); ok && len(g.pending) > 0 {
		g.failf("after Disconnect these are pending: %v", g.pending)
	}
	if _, ok := in.(session.Tick); ok {
		if due := g.session.Deadline(); !due.IsZero() && !due.After(g.now) {
			g.failf("the deadline %v is still due after a tick at %v", due, g.now)
		}
	}
	if due := g.session.Deadline(); g.state == session.Waiting && !due.Equal(g.next) {
		g.failf("waiting until %v, but the deadline is %v", g.next, due)
	} else if (linked || g.state == session.Dialing) && due.IsZero() {
		g.failf("%s for ever", g.state)
	}
}

// receive hands a frame over; an answer to the credential ends the waiting.
func (g *guard) receive(epoch int, frame []byte) {
	if epoch == g.open && g.dialed {
		switch m := protocol.DecodeFromServer(frame).(type) {
		case protocol.AuthOK:
			g.awaiting = false
		case *protocol.Error:
			if m.Type == protocol.TypeAuth && m.Code != protocol.CodeTokenExpired {
				g.awaiting = false
			}
		}
	}
	g.step(session.Received{Epoch: epoch, Frames: [][]byte{frame}})
}

func (g *guard) take(id session.SubID) {
	e, ok, err := g.session.Take(id)
	switch {
	case ok && err != nil:
		g.failf("Take gave an event and an error")
	case err != nil:
		g.ended[id] = true
	case ok:
		if g.ended[id] {
			g.failf("Take gave %v after the end", e)
		}
		if e.Kind == session.Init {
			if g.inits[id]++; g.inits[id] > 1 {
				g.failf("subscription %d was told two inits", id)
			}
		} else if g.inits[id] == 0 {
			g.failf("subscription %d was told %s before its init", id, e.Kind)
		}
	}
}

// settle answers everything well: whatever happened, the session comes to rest.
func (g *guard) settle() {
	g.step(session.Connect{})
	for range 200 {
		switch {
		case g.state == session.Waiting:
			g.step(session.Wake{})
		case g.state == session.Dialing && g.open == 0:
			g.step(session.GotCredential{Epoch: g.epoch, Credential: session.Credential{AccessToken: "good"}})
		case g.state == session.Dialing:
			g.dialed = true
			g.step(session.Dialed{Epoch: g.open})
		case g.awaiting:
			g.receive(g.open, []byte(`{"type":"auth","status":"ok"}`))
		case g.state == session.Authenticating:
			g.step(session.GotCredential{Epoch: g.epoch, Credential: session.Credential{AccessToken: "good"}})
		case g.state == session.NeedsAuth || g.state == session.Closed:
			g.step(session.Connect{})
		default:
			return
		}
	}
	g.failf("the session does not come online")
}

var fuzzFrames = strings.Split(strings.TrimSpace(`
{"type":"auth","status":"ok"}
{"type":"auth","status":"ok","refresh_token":"next"}
{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"No."}}
{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}
{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":"Too late."}}
{"type":"ping"}
{"type":"items","data":[],"uid":"1"}
{"type":"items","data":[],"uid":"2"}
{"type":"items","data":[{"id":1}],"uid":3}
{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"No."}}
{"type":"items","status":"error","error":{"code":"RECORD_NOT_UNIQUE","message":"No."},"uid":"k"}
{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"No."}}
{"type":"subscribe","status":"error","error":{"code":"INVALID_QUERY","message":"No."}}
{"type":"server","status":"error","error":{"code":"REQUESTS_EXCEEDED","message":"No."}}
{"type":"subscription","event":"init","data":[{"id":1},{"id":2,"t":"a"}],"uid":"1"}
{"type":"subscription","event":"init","data":[{"id":2,"t":"b"}],"capabilities":["order"],"uid":"1"}
{"type":"subscription","event":"init","data":[],"uid":"2"}
{"type":"subscription","event":"init","uid":"3"}
{"type":"subscription","event":"init","data":{"id":"x"},"uid":"4"}
{"type":"subscription","event":"create","data":[{"id":5}],"uid":"1"}
{"type":"subscription","event":"update","data":[{"id":5,"t":"c"},{"t":"no key"}],"uid":"2"}
{"type":"subscription","event":"delete","data":["5",1],"uid":"1"}
{"type":"subscription","event":"delete","data":"x","uid":"4"}
{"type":"subscription","event":"unsubscribe","uid":"5"}
{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"No."},"uid":"1"}
{"type":"pong","uid":"p"}
no JSON`), "\n")

// run plays a sequence of bytes as inputs; "receive" takes the next line of frames.
func (g *guard) run(ops []byte, frames []string) {
	next := func() (frame string) {
		if len(frames) == 0 {
			return fuzzFrames[5]
		}
		frame, frames = frames[0], frames[1:]
		return frame
	}
	do := func(m protocol.Message) {
		g.lastID++
		g.pending[g.lastID] = true
		g.step(session.Do{ID: g.lastID, Message: m})
	}
	subscribe := func(o session.SubscribeOptions) {
		g.subs++
		g.step(session.Subscribe{ID: g.subs, Collection: "m", Options: o})
	}
	for i := 0; i < len(ops); i++ {
		op := ops[i]
		var arg byte
		if i+1 < len(ops) {
			arg = ops[i+1]
		}
		switch op % 32 {
		case 0:
			g.step(session.Connect{})
		case 1:
			g.step(session.Disconnect{})
		case 2:
			g.step(session.GotCredential{Epoch: g.epoch, Credential: session.Credential{AccessToken: "t"}})
		case 3:
			g.step(session.GotCredential{Epoch: g.epoch, Credential: session.Credential{RefreshToken: "r", Email: "a@b.c", Password: "p"}})
		case 4:
			g.step(session.GotCredential{Epoch: g.epoch, Err: protocol.CodeInvalidToken})
		case 5:
			g.step(session.GotCredential{Epoch: g.epoch, Err: fmt.Errorf("away")})
		case 6, 7:
			if g.open != 0 && !g.dialed {
				g.dialed = true
				g.step(session.Dialed{Epoch: g.open})
			}
		case 8:
			if epoch := g.open; epoch != 0 && !g.dialed {
				g.open = 0
				g.step(session.Dialed{Epoch: epoch, Err: fmt.Errorf("no")})
			}
		case 9:
			if epoch := g.open; epoch != 0 && g.dialed {
				g.open = 0
				g.step(session.Lost{Epoch: epoch, Code: 1000 + int(arg)})
			}
		case 10, 11, 12:
			g.receive(g.epoch, []byte(next()))
		case 13, 14, 15, 16:
			g.receive(g.epoch, []byte(fuzzFrames[int(arg)%len(fuzzFrames)]))
		case 17:
			if due := g.session.Deadline(); !due.IsZero() && due.After(g.now) {
				g.now = due
			}
			g.step(session.Tick{})
		case 18:
			g.now = g.now.Add(time.Duration(arg) * time.Second)
			g.step(session.Tick{})
		case 19:
			g.step(session.Wake{Why: "test"})
		case 20:
			do(protocol.Items{Collection: "m", Action: protocol.ActionRead})
		case 21:
			do(protocol.Items{Collection: "m", Action: protocol.ActionCreate, Data: []byte(`{"id":"k"}`), UID: protocol.StringUID("k")})
		case 22:
			do(protocol.Items{Collection: "m", Action: protocol.ActionDelete, ID: []byte(`1`)})
		case 23:
			id := session.RequestID(arg)
			delete(g.pending, id)
			g.step(session.Cancel{ID: id})
		case 24:
			g.lastID++
			g.pending[g.lastID], g.posts[g.lastID] = true, true
			if arg%32 == 0 {
				g.step(session.Post{ID: g.lastID, Message: protocol.Auth{AccessToken: "own"}})
			} else {
				g.step(session.Post{ID: g.lastID, Message: protocol.Ping{}})
			}
		case 25:
			subscribe(session.SubscribeOptions{})
		case 26:
			subscribe(session.SubscribeOptions{Event: protocol.Event([]string{"create", "update", "delete"}[arg%3])})
		case 27:
			subscribe(session.SubscribeOptions{Item: []byte(`"x"`), UID: protocol.IntUID(int64(arg))})
		case 28:
			g.step(session.Unsubscribe{ID: session.SubID(arg)})
		case 29, 30:
			g.take(session.SubID(arg%8) + 1)
		case 31:
			g.step(session.Received{Epoch: g.epoch - 1, Frames: [][]byte{[]byte(fuzzFrames[0])}})
			g.step(session.Lost{Epoch: g.epoch - 1, Code: 1006})
			g.step(session.Dialed{Epoch: g.epoch - 1})
			g.step(session.Probed{Epoch: int(arg), Err: protocol.CodeInvalidToken})
		}
	}
	g.settle()
	g.step(session.Disconnect{})
}

// fuzzConfig makes bounds small, so that they are met.
func fuzzConfig(ops []byte) session.Config {
	jitter := 0.0
	config := session.Config{
		Rand:        func() float64 { jitter += 0.37; return jitter - float64(int(jitter)) },
		MaxQueue:    2,
		MaxBaseline: 2,
		MaxRequests: 4,
		HasProbe:    len(ops)%2 == 1,
	}
	if len(ops) > 0 {
		config.Mode = []session.Mode{session.Handshake, session.Public, session.Strict, ""}[ops[0]>>6]
	}
	return config
}

// TestRandomInputs is the fuzz target over a fixed, wide choice of sequences.
func TestRandomInputs(t *testing.T) {
	states := map[session.State]int{}
	for seed := range seeds(400) {
		random := rand.New(rand.NewPCG(seed, 2))
		ops := make([]byte, 250)
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		if seed%2 == 0 {
			// Most begin as a connection does.
			copy(ops, []byte{25, 26, 20, 21, 0, 2, 6, 13, 0, 25, 26, 27, 20})
		}
		g := newGuard(t, fuzzConfig(ops))
		g.visit = states
		g.run(ops, nil)
	}
	for _, s := range []session.State{session.Idle, session.Dialing, session.Authenticating, session.Resyncing,
		session.Live, session.Waiting, session.NeedsAuth, session.Closed} {
		if states[s] < 100 {
			t.Errorf("%d inputs only came in the state %s: the sequences are too narrow", states[s], s)
		}
	}
}

func FuzzStep(f *testing.F) {
	for _, name := range namesIn(f, "testdata/recorded", ".jsonl") {
		var frames []string
		for _, line := range recording(f, name) {
			if line.Dir == "s2c" {
				frames = append(frames, line.text())
			}
		}
		f.Add([]byte{25, 20, 0, 2, 6, 10, 10, 10, 21, 10, 10, 10, 9, 0, 10, 10, 10, 17, 2, 6, 13, 0, 10}, strings.Join(frames, "\n"))
	}
	f.Add([]byte{25, 26, 27, 5, 20, 21, 22, 0, 3, 6, 13, 1, 15, 14, 16, 17, 17, 29, 0, 9, 0, 17, 3, 7, 13, 2}, "")
	f.Fuzz(func(t *testing.T, ops []byte, frames string) {
		if len(ops) > 300 {
			return
		}
		newGuard(t, fuzzConfig(ops)).run(ops, strings.Split(frames, "\n"))
	})
}
