package session_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A player drives a session by the lines of a script and writes down what comes
// of each, in the same notation. What goes in:
//
//	config silence=5s capabilities=order,commit   before anything else
//	connect, disconnect, wake, tick
//	credential token=x | refresh=x | email=x password=y | none | error: text | refused
//	opened | unopened 401 | unopened              the socket
//	< {frame}                                     from the server
//	lost 1006 why
//	probed ok | probed refused | probed down
//	do 1 {frame}, cancel 1, post 2 {frame}
//	subscribe a messages {"query":{…}}, unsubscribe a
//	advance 20s                                   ticking at every deadline
//	sleep 1h                                      and one late tick
//	hold a, pull a                                take nothing of a by itself; take one event
//	online                                        connect, sign in, open, be accepted
//
// and what comes out:
//
//	> {frame}
//	state waiting link-lost next=250ms code=1006 "detail"
//	fetch, dial token=x, hangup 1000 why, probe token=x, rotated x
//	resolve 1 {frame} | resolve 1 sent | resolve 1 error: text
//	take a create resync […]
//	accepted a order,types {types}                of one that wants snapshots
//	end a error: text
//
// An input's epoch is the latest one; "lost@1 1006" gives an older one.
type player struct {
	config    session.Config
	session   *session.Session
	now       time.Time
	epoch     int
	names     []string // of subscriptions; the index is the ID
	held      map[string]bool
	ended     map[string]bool
	accepted  map[string]int  // how often
	snapshots map[string]bool // want snapshots
	arrived   bool
	asks      int               // of a recorded conversation
	sent      [][]byte          // the same: what was sent and not looked at yet
	asked     string            // the same: the uid of the subscribe that the raw client sent
	nameless  string            // the same: the uid of the subscription that the raw client gave none
	answers   map[string]string // the same: the server's last answer to each subscribe, by uid
	queries   map[string]string // the same: the uid of the subscribe that asked for collection, item and query
	requests  map[string]bool   // the same: the uids of what the raw client asked for
	out       strings.Builder
}

func newPlayer() *player {
	return &player{
		config: session.Config{Rand: func() float64 { return 0.5 }},
		now:    time.Unix(1_000_000_000, 0),
		names:  []string{""},
		held:   map[string]bool{},
		ended:  map[string]bool{},

		accepted:  map[string]int{},
		snapshots: map[string]bool{},
	}
}

// outputs are the words that begin what a player writes.
var outputs = []string{">", "state", "fetch", "dial", "hangup", "probe", "rotated", "resolve", "take", "accepted", "end", "arrived", "!"}

func isOutput(line string) bool {
	word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	return slices.Contains(outputs, word)
}

// play plays a script and returns it with the outputs as they were now.
func play(script string) string {
	p := newPlayer()
	prose, rest, _ := strings.Cut(script, "\n\n")
	p.out.WriteString(prose + "\n\n")
	for line := range strings.Lines(rest) {
		line = strings.TrimRight(line, "\n")
		if isOutput(line) {
			continue
		}
		p.out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p.line(line)
	}
	return p.out.String()
}

func (p *player) printf(format string, args ...any) { fmt.Fprintf(&p.out, "  "+format+"\n", args...) }

func (p *player) line(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	verb, at, older := strings.Cut(verb, "@")
	epoch := p.epoch
	if older {
		epoch, _ = strconv.Atoi(at)
	}
	if verb == "config" {
		p.configure(rest)
		return
	}
	if p.session == nil {
		p.session = session.New(p.config)
	}
	first, second, _ := strings.Cut(rest, " ")
	switch verb {
	case "connect":
		p.step(session.Connect{})
	case "disconnect":
		p.step(session.Disconnect{})
	case "wake":
		p.step(session.Wake{Why: rest})
	case "tick":
		p.step(session.Tick{})
	case "credential":
		c, err := parseCredential(rest)
		p.step(session.GotCredential{Epoch: epoch, Credential: c, Err: err})
	case "opened":
		p.step(session.Dialed{Epoch: epoch})
	case "unopened":
		var err error = errors.New("no connection")
		if status, e := strconv.Atoi(first); e == nil {
			err = statusError(status)
		}
		p.step(session.Dialed{Epoch: epoch, Err: err})
	case "<":
		p.step(session.Received{Epoch: epoch, Frames: [][]byte{[]byte(rest)}})
	case "lost":
		code, _ := strconv.Atoi(first)
		p.step(session.Lost{Epoch: epoch, Code: code, Reason: second})
	case "probed":
		var err error
		switch rest {
		case "refused":
			err = protocol.CodeInvalidToken
		case "down":
			err = errors.New("no answer")
		}
		p.step(session.Probed{Epoch: epoch, Err: err})
	case "do":
		id, _ := strconv.Atoi(first)
		p.step(session.Do{ID: session.RequestID(id), Message: clientMessage(second)})
	case "post":
		id, _ := strconv.Atoi(first)
		p.step(session.Post{ID: session.RequestID(id), Message: clientMessage(second)})
	case "cancel":
		id, _ := strconv.Atoi(first)
		p.step(session.Cancel{ID: session.RequestID(id)})
	case "subscribe":
		collection, options, _ := strings.Cut(second, " ")
		p.subscribe(first, collection, options)
	case "unsubscribe":
		p.step(session.Unsubscribe{ID: p.id(first)})
	case "advance":
		p.advance(duration(rest))
	case "sleep":
		p.now = p.now.Add(duration(rest))
		p.step(session.Tick{})
	case "hold":
		p.held[first] = true
	case "pull":
		p.take(first)
		p.due()
	case "online":
		for _, line := range []string{"connect", "credential token=secret", "opened", `< {"type":"auth","status":"ok"}`} {
			p.line(line)
		}
	default:
		p.printf("! unknown line")
	}
}

func (p *player) configure(settings string) {
	for setting := range strings.FieldsSeq(settings) {
		name, value, _ := strings.Cut(setting, "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "mode":
			p.config.Mode = session.Mode(value)
		case "capabilities":
			p.config.Capabilities = strings.Split(value, ",")
		case "prefix":
			p.config.UIDPrefix = value
		case "key":
			p.config.PrimaryKey = func(string) string { return value }
		case "probe":
			p.config.HasProbe = value == "yes"
		case "pings":
			p.config.IgnorePings = value == "ignore"
		case "arrived":
			p.arrived = value == "yes"
		case "attempts":
			p.config.Backoff.Attempts = n
		case "baseline":
			p.config.MaxBaseline = n
		case "queue":
			p.config.MaxQueue = n
		case "requests":
			p.config.MaxRequests = n
		default:
			p.printf("! unknown setting %s", name)
		}
	}
}

// advance lets time pass, with a tick at every deadline.
func (p *player) advance(d time.Duration) {
	until := p.now.Add(d)
	for range 1000 {
		due := p.session.Deadline()
		if due.IsZero() || due.After(until) {
			p.now = until
			return
		}
		if due.After(p.now) {
			p.now = due
		}
		p.step(session.Tick{})
	}
	p.printf("! the deadline does not move")
}

// due ticks if the deadline has passed, as a driver's timer would.
func (p *player) due() {
	if due := p.session.Deadline(); !due.IsZero() && !due.After(p.now) {
		p.step(session.Tick{})
	}
}

func (p *player) subscribe(name, collection, options string) {
	p.names = append(p.names, name)
	var o session.SubscribeOptions
	raw := []byte(options)
	event, _ := protocol.Text(protocol.Member(raw, "event"))
	o.Event = protocol.Event(event)
	o.Item = protocol.Member(raw, "item")
	o.Query = protocol.Member(raw, "query")
	o.UID, _ = protocol.ParseUID(protocol.Member(raw, "uid"))
	o.Snapshots = string(protocol.Member(raw, "snapshots")) == "true"
	if o.Snapshots {
		o.Capabilities = []string{protocol.CapabilityTypes}
		p.snapshots[name] = true
	}
	p.step(session.Subscribe{ID: session.SubID(len(p.names) - 1), Collection: collection, Options: o})
}

func (p *player) id(name string) session.SubID {
	for i := len(p.names) - 1; i > 0; i-- {
		if p.names[i] == name {
			return session.SubID(i)
		}
	}
	return 0
}

func (p *player) step(in session.Input) {
	var ready []string
	for _, e := range p.session.Step(p.now, in) {
		switch e := e.(type) {
		case session.FetchCredential:
			p.epoch = e.Epoch
			p.printf("fetch")
		case session.Dial:
			if e.Token != "" {
				p.printf("dial token=%s", e.Token)
			} else {
				p.printf("dial")
			}
		case session.Send:
			p.printf("> %s", e.Frame)
			p.sent = append(p.sent, e.Frame)
		case session.Hangup:
			p.printf("hangup %d %s", e.Code, e.Reason)
		case session.Probe:
			p.printf("probe token=%s", e.Credential.AccessToken)
		case session.Changed:
			p.printf("state %s", changeText(e, p.now))
		case session.Resolve:
			p.printf("resolve %d %s", e.ID, resolveText(e))
		case session.Ready:
			if name := p.names[e.ID]; !slices.Contains(ready, name) {
				ready = append(ready, name)
			}
		case session.Rotated:
			p.printf("rotated %s", e.RefreshToken)
		case session.Arrived:
			if p.arrived {
				p.printf("arrived %s", e.Frame)
			}
		}
	}
	for _, name := range ready {
		if times, capabilities, types := p.session.Accepted(p.id(name)); p.snapshots[name] && times > p.accepted[name] {
			p.accepted[name] = times
			p.printf("accepted %s %s %s", name, strings.Join(capabilities, ","), types)
		}
		if !p.held[name] {
			for p.take(name) {
			}
		}
	}
}

// take takes one event, or the end.
func (p *player) take(name string) bool {
	e, ok, err := p.session.Take(p.id(name))
	switch {
	case err != nil && !p.ended[name]:
		p.ended[name] = true
		p.printf("end %s error: %v", name, err)
	case ok:
		p.printf("take %s %s", name, eventText(e))
	}
	return ok
}

func eventText(e session.Event) string {
	s := string(e.Kind)
	if e.Resync {
		s += " resync"
	}
	if e.Commit {
		s += " commit"
	}
	if e.Data != nil {
		s += " " + string(e.Data)
	}
	if e.Meta != nil {
		s += " meta " + string(e.Meta)
	}
	return s
}

func changeText(c session.Changed, now time.Time) string {
	s := fmt.Sprintf("%s %s", c.To, c.Cause.Reason)
	if !c.Next.IsZero() {
		s += " next=" + c.Next.Sub(now).String()
	}
	if c.Cause.Code != 0 {
		s += fmt.Sprintf(" code=%d", c.Cause.Code)
	}
	if c.Cause.Detail != "" {
		s += fmt.Sprintf(" %q", c.Cause.Detail)
	}
	return s
}

func resolveText(r session.Resolve) string {
	switch {
	case r.Err != nil:
		return "error: " + r.Err.Error()
	case r.Reply == nil:
		return "sent"
	}
	frame, err := protocol.Encode(r.Reply)
	if err != nil {
		return "error: " + err.Error()
	}
	return string(frame)
}

// clientMessage reads a frame as a caller's message; what no message can say is raw.
func clientMessage(frame string) protocol.Message {
	m, err := protocol.DecodeFromClient([]byte(frame))
	if err != nil {
		kind, _ := protocol.Text(protocol.Member([]byte(frame), "type"))
		uid, _ := protocol.ParseUID(protocol.Member([]byte(frame), "uid"))
		return protocol.Raw{Type: kind, UID: uid, Frame: []byte(frame)}
	}
	return m
}

func parseCredential(s string) (c session.Credential, err error) {
	if text, ok := strings.CutPrefix(s, "error: "); ok {
		return c, errors.New(text)
	}
	if s == "refused" {
		return c, &protocol.Error{Code: protocol.CodeInvalidCredentials, Message: "Invalid user credentials."}
	}
	for field := range strings.FieldsSeq(s) {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "token":
			c.AccessToken = value
		case "refresh":
			c.RefreshToken = value
		case "email":
			c.Email = value
		case "password":
			c.Password = value
		}
	}
	return c, nil
}

func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

// A statusError is what a transport says of an upgrade that was refused.
type statusError int

func (e statusError) Error() string   { return fmt.Sprintf("HTTP %d", int(e)) }
func (e statusError) HTTPStatus() int { return int(e) }
