package protocoltest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"leveret/protocol/transport"
)

// A Server is what a conversation is played against.
type Server interface {
	// Open opens a connection as the recorded upgrade did. A refusal is a
	// [*transport.RefusedError].
	Open(ctx context.Context, upgrade Upgrade) (transport.Conn, error)
	// Call makes an HTTP call beside the sockets.
	Call(ctx context.Context, call Call) (Answer, error)
}

// A RawSender is a connection that can send what a transport.Conn cannot: a binary
// or a control frame, fragments, and what a line in parentheses describes.
type RawSender interface {
	SendLine(Line) error
}

// An Upgrade is the request that opens a connection.
type Upgrade struct {
	Conn    string            `json:"-"`   // the connection's name in the conversation
	URL     string            `json:"url"` // path and query: "/websocket?access_token=…"
	Headers map[string]string `json:"headers"`
}

// A Call is an HTTP call.
type Call struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`  // with the query
	Token  string          `json:"token"` // "" = no Authorization header
	Body   json.RawMessage `json:"body"`  // nil = none
}

// An Answer is what an HTTP call brought.
type Answer struct {
	Status int
	Body   []byte
}

// PlayOptions are settings of [Play]; nil and zero fields are the defaults.
type PlayOptions struct {
	// Vars fills the variables of a masked conversation: "access_token" to the JSON
	// text of what stands for <access_token>.
	Vars Vars
	// Patience is how long to wait for a recorded frame that does not come, before
	// the client's next move; default 5 s.
	Patience time.Duration
	// Settle is how long to wait, after the last line, for frames that nobody
	// recorded; default 200 ms.
	Settle time.Duration
}

// Play plays the client's part of a conversation against a server and returns
// every way in which the server's part differs from what was recorded. The error
// says that the conversation itself cannot be played.
//
// It keeps the recorded times, so it belongs in a synctest bubble. Before each of
// the client's moves it waits for what was recorded before it. A REST call, which
// is recorded when it ends, is made before the frames of the 50 ms before.
//
// Strings that differ from run to run are recognised and need not be equal: dates
// and times, uuids, JWTs, and the values of refresh_token and access_token. But
// for dates, what came in the place of a recorded one is put in its place wherever
// the client's part has it, and has to come again where it was recorded again.
func Play(ctx context.Context, lines []Line, server Server, options *PlayOptions) ([]Difference, error) {
	p := &player{
		server: server,
		stands: map[string]string{},
		conns:  map[string]*played{},
		news:   make(chan struct{}, 1),
	}
	if options != nil {
		p.PlayOptions = *options
	}
	if p.Patience == 0 {
		p.Patience = 5 * time.Second
	}
	if p.Settle == 0 {
		p.Settle = 200 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(ctx)
	defer p.readers.Wait()
	defer cancel()
	err := p.play(ctx, stimuliFirst(lines))
	for _, name := range slices.Sorted(maps.Keys(p.conns)) {
		if c := p.conns[name]; c.conn != nil {
			c.conn.Close(transport.CloseNormal, "")
		}
	}
	slices.SortStableFunc(p.found, func(a, b Difference) int { return a.Line - b.Line })
	return p.found, err
}

// stimuliFirst moves each REST line before the frames that the call may have
// caused.
func stimuliFirst(lines []Line) []Line {
	const window = 50 // ms; a call on loopback took 12 at most, the next frame before it came 130 earlier
	lines = slices.Clone(lines)
	for i, line := range lines {
		if line.Dir != DirREST {
			continue
		}
		at := i
		for at > 0 && lines[at-1].Dir == DirToClient && line.T-lines[at-1].T <= window {
			at--
		}
		if at < i {
			line.T = lines[at].T
			lines = slices.Insert(slices.Delete(lines, i, i+1), at, line)
		}
	}
	return lines
}

type player struct {
	PlayOptions
	server  Server
	found   []Difference
	stands  map[string]string // a recorded volatile string → what stands for it in this run
	shift   time.Duration     // how far this run is behind the recorded times
	readers sync.WaitGroup

	news  chan struct{} // a token: an inbox has grown
	mu    sync.Mutex    // guards the inboxes
	conns map[string]*played
}

// played is one connection of the conversation.
type played struct {
	name     string
	conn     transport.Conn // nil: the upgrade was refused
	waiting  []expected     // recorded frames that have not come
	closed   bool           // by us
	compared bool           // its end was compared with the recorded one

	inbox [][]byte // guarded by the player's mu
	end   error    // likewise
}

// expected is a recorded frame.
type expected struct {
	line      Line
	frame     []byte
	overtaken bool // a frame recorded later has come
	givenUp   bool // it was waited for, once, in vain
}

// ahead is how far a frame may come before its turn.
const ahead = 16

func (p *player) play(ctx context.Context, lines []Line) error {
	for _, line := range lines {
		if line.Dir == DirToClient {
			c := p.conn(line.Conn)
			c.waiting = append(c.waiting, expected{line: line, frame: []byte(line.Text())})
		}
	}
	start := time.Now()
	for i, line := range lines {
		move, ok := moves[line.Dir]
		if !ok {
			continue
		}
		if err := p.until(ctx, start.Add(p.shift+time.Duration(line.T*float64(time.Millisecond)))); err != nil {
			return err
		}
		p.await(ctx, lines[:i])
		if err := move(p, ctx, line); err != nil {
			return fmt.Errorf("play a conversation: line %d: %w", line.Number, err)
		}
	}
	p.await(ctx, lines)
	if err := p.until(ctx, time.Now().Add(p.Settle)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(p.conns)) {
		for _, e := range p.conns[name].waiting {
			p.found = append(p.found, Difference{Line: e.line.Number, Conn: name, Kind: Missing, Want: string(e.frame)})
		}
	}
	return nil
}

func (p *player) conn(name string) *played {
	c, ok := p.conns[name]
	if !ok {
		c = &played{name: name}
		p.conns[name] = c
	}
	return c
}

// until takes in what arrives until then.
func (p *player) until(ctx context.Context, then time.Time) error {
	timer := time.NewTimer(time.Until(then))
	defer timer.Stop()
	for {
		select {
		case <-p.news:
			p.takeIn()
		case <-timer.C:
			p.takeIn()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await waits, with patience, for every frame recorded in the lines before.
func (p *player) await(ctx context.Context, lines []Line) {
	missing := func() (any bool) {
		for _, c := range p.conns {
			p.mu.Lock()
			over := c.conn == nil || c.end != nil && len(c.inbox) == 0
			p.mu.Unlock()
			for _, e := range c.waiting {
				past := slices.ContainsFunc(lines, func(l Line) bool { return l.Number == e.line.Number })
				if past && !e.givenUp && !over {
					any = true
				}
			}
		}
		return any
	}
	began := time.Now()
	timer := time.NewTimer(p.Patience)
	defer timer.Stop()
	for p.takeIn(); missing(); p.takeIn() {
		select {
		case <-p.news:
			continue
		case <-ctx.Done():
		case <-timer.C:
			for _, c := range p.conns {
				for i := range c.waiting {
					past := slices.ContainsFunc(lines, func(l Line) bool { return l.Number == c.waiting[i].line.Number })
					c.waiting[i].givenUp = c.waiting[i].givenUp || past
				}
			}
		}
		break
	}
	p.shift += time.Since(began)
}

// takeIn compares what has arrived with what was recorded.
func (p *player) takeIn() {
	for _, name := range slices.Sorted(maps.Keys(p.conns)) {
		c := p.conns[name]
		p.mu.Lock()
		frames := c.inbox
		c.inbox = nil
		p.mu.Unlock()
		for _, frame := range frames {
			p.compare(c, frame)
		}
	}
}

// compare finds the recorded frame that a frame is: the first that is equal, else
// the first that answers to the same name.
func (p *player) compare(c *played, frame []byte) {
	window := c.waiting[:min(ahead, len(c.waiting))]
	for i, e := range window {
		if p.differences(e.frame, frame) != nil {
			continue
		}
		for j := range i {
			c.waiting[j].overtaken = true
		}
		if e.overtaken {
			p.found = append(p.found, Difference{Line: e.line.Number, Conn: c.name, Kind: Order, Want: string(e.frame), Got: string(frame)})
		}
		c.waiting = slices.Delete(c.waiting, i, i+1)
		return
	}
	for i, e := range window {
		if !sameName(e.frame, frame) {
			continue
		}
		for _, d := range p.differences(e.frame, frame) {
			d.Line, d.Conn = e.line.Number, c.name
			p.found = append(p.found, d)
		}
		c.waiting = slices.Delete(c.waiting, i, i+1)
		return
	}
	p.found = append(p.found, Difference{Conn: c.name, Kind: Unexpected, Got: string(frame)})
}

// sameName tells whether two frames are of one type, event and uid.
func sameName(a, b []byte) bool {
	type name struct {
		Type, Event string
		UID         any
	}
	var x, y name
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return x.Type == y.Type && x.Event == y.Event && fmt.Sprint(x.UID) == fmt.Sprint(y.UID)
}

// differences compares one frame or answer. If there are none, the volatile
// strings in it are bound.
func (p *player) differences(want, got []byte) []Difference {
	bound := map[string]string{}
	m := matcher{vars: maps.Clone(p.Vars), volatile: func(member, want, got string) bool {
		kind := kindOf(member, want)
		if kind == lasting || kindOf(member, got) != kind {
			return false
		}
		if kind == date {
			return len(want) == len(got)
		}
		stands, ok := p.stands[want]
		if !ok {
			stands, ok = bound[want]
		}
		if !ok {
			bound[want] = got
		}
		return !ok || stands == got
	}}
	if m.vars == nil {
		m.vars = Vars{}
	}
	w, err := decode(want)
	if err != nil {
		return Match(want, got, nil)
	}
	g, err := decode(got)
	if err != nil {
		return Match(want, got, nil)
	}
	m.compare("", "", w, g)
	if m.found == nil {
		maps.Copy(p.stands, bound)
		p.Vars = m.vars
	}
	return m.found
}

// fill puts what stands for the volatile strings of the recording in their place.
func (p *player) fill(recorded []byte) ([]byte, error) {
	s := string(recorded)
	for was, is := range p.stands {
		if was != is {
			s = strings.ReplaceAll(s, was, is)
		}
	}
	if len(p.Vars) == 0 {
		return []byte(s), nil
	}
	return Fill([]byte(s), p.Vars)
}
