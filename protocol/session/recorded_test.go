package session_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
)

// A recordedLine is one line of a conversation recorded from Directus 11.17.
type recordedLine struct {
	Ms   float64         `json:"t_ms"`
	Conn string          `json:"conn"`
	Dir  string          `json:"dir"`
	Data json.RawMessage `json:"data"`
}

func (l recordedLine) text() string {
	s, _ := protocol.Text(l.Data)
	return s
}

func recording(t testing.TB, name string) (lines []recordedLine) {
	t.Helper()
	for line := range strings.Lines(readFile(t, "testdata/recorded/"+name+".jsonl")) {
		var l recordedLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lines = append(lines, l)
	}
	return lines
}

// TestRecorded lets a session have the conversations that a raw client once had
// with a real Directus: the server's lines are fed to it, what the raw client sent
// is asked of it, and what it does is written to NAME.txt (by -update), a player's
// transcript for each connection.
func TestRecorded(t *testing.T) {
	for _, name := range namesIn(t, "testdata/recorded", ".jsonl") {
		t.Run(name, func(t *testing.T) {
			lines := recording(t, name)
			got := replay(lines)
			path := "testdata/recorded/" + name + ".txt"
			want, err := os.ReadFile(path)
			if err != nil && !*update {
				t.Fatal(err)
			}
			compare(t, path, string(want), got)
		})
	}
}

// replay has each connection of a recording with a session of its own.
func replay(lines []recordedLine) string {
	meta := struct{ Desc, Env string }{}
	_ = json.Unmarshal(lines[0].Data, &meta)
	out := "Recorded from Directus 11.17: " + meta.Desc + ".\n"
	done := map[string]bool{"": true}
	for _, l := range lines {
		if done[l.Conn] {
			continue
		}
		done[l.Conn] = true
		var own []recordedLine
		for _, other := range lines {
			if other.Conn == l.Conn {
				own = append(own, other)
			}
		}
		out += "\n# connection " + l.Conn + "\n" + replayConnection(own, meta.Env)
	}
	return out
}

func replayConnection(lines []recordedLine, env string) string {
	p := newPlayer()
	p.answers, p.queries, p.requests = map[string]string{}, map[string]string{}, map[string]bool{}
	switch {
	case strings.Contains(env, "AUTH=public"):
		p.config.Mode = session.Public
	case strings.Contains(env, "AUTH=strict"):
		p.config.Mode = session.Strict
	}
	var start float64
	for i, l := range lines {
		if p.session != nil {
			p.advance(time.Duration((l.Ms-start)*1000) * time.Microsecond)
		}
		start = l.Ms
		switch l.Dir {
		case "open":
			p.open(l, lines[i+1:])
		case "http":
			var answer struct{ Status int }
			_ = json.Unmarshal(l.Data, &answer)
			if answer.Status == 101 {
				p.say("opened")
				p.step(session.Dialed{Epoch: p.epoch})
			} else {
				p.say("unopened")
				p.step(session.Dialed{Epoch: p.epoch, Err: statusError(answer.Status)})
			}
		case "s2c":
			p.hear(l.text())
		case "c2s":
			p.ask(l.text())
		case "c2s-close":
			p.say("disconnect")
			p.step(session.Disconnect{})
		case "close":
			var end struct{ Code int }
			_ = json.Unmarshal(l.Data, &end)
			p.say("closed")
			p.step(session.Lost{Epoch: p.epoch, Code: end.Code})
		}
		p.makeUp()
	}
	return p.out.String()
}

func (p *player) say(line string) { p.out.WriteString(line + "\n") }

// hear takes a frame from the server.
func (p *player) hear(frame string) {
	m := protocol.DecodeFromServer([]byte(frame))
	uid := protocol.UIDOf(m).String()
	switch m := m.(type) {
	case protocol.Subscription:
		if m.UID.IsZero() && p.nameless != "" {
			// The raw client's had no uid; the session always gives one.
			m.UID = protocol.StringUID(p.nameless)
			named, _ := protocol.Encode(m)
			frame, uid = string(named), p.nameless
		}
		if m.Event == protocol.EventInit {
			p.answers[uid] = frame
		}
	case *protocol.Error:
		if m.Type == protocol.TypeSubscribe && p.asked != "" {
			m.UID = protocol.StringUID(p.asked)
			answer, _ := protocol.Encode(m)
			p.answers[p.asked] = string(answer)
		}
	}
	p.asked = ""
	p.say("< " + frame)
	p.step(session.Received{Epoch: p.epoch, Frames: [][]byte{[]byte(frame)}})
}

// makeUp answers what the session sends and the raw client did not: a subscribe
// that it repeats gets the last answer again, a private one is refused, and the
// read that confirms an init gets the items of that init.
func (p *player) makeUp() {
	for range 10 {
		sent := p.sent
		p.sent = nil
		for _, frame := range sent {
			if read, ok := clientMessage(string(frame)).(protocol.Items); ok && !p.requests[read.UID.String()] {
				init, _ := protocol.DecodeFromServer([]byte(p.answers[p.queries[read.Collection+string(read.ID)+string(read.Query)]])).(protocol.Subscription)
				answer, _ := protocol.Encode(protocol.Reply{Data: init.Data, Meta: init.Meta, UID: read.UID})
				p.say("# not recorded:")
				p.hear(string(answer))
			}
			m, ok := clientMessage(string(frame)).(protocol.Subscribe)
			if !ok {
				continue
			}
			p.queries[m.Collection+string(m.Item)+string(m.Query)] = m.UID.String()
			if m.UID.String() == p.asked {
				continue
			}
			answer := p.answers[m.UID.String()]
			if answer == "" {
				answer = `{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"Not recorded."},"uid":` + m.UID.JSON() + `}`
			}
			p.say("# not recorded:")
			p.hear(answer)
		}
	}
}

// open connects with the credential that the raw client used: in the URL, or in
// its first frame.
func (p *player) open(l recordedLine, rest []recordedLine) {
	var request struct{ URL string }
	_ = json.Unmarshal(l.Data, &request)
	var credential session.Credential
	if _, token, ok := strings.Cut(request.URL, "access_token="); ok {
		p.config.Mode = session.Strict
		credential.AccessToken = token
	}
	for _, l := range rest {
		if l.Dir != "c2s" {
			continue
		}
		if m, ok := clientMessage(l.text()).(protocol.Auth); ok && credential.IsZero() {
			credential = session.Credential{AccessToken: m.AccessToken, RefreshToken: m.RefreshToken, Email: m.Email, Password: m.Password}
		}
		break
	}
	p.session = session.New(p.config)
	p.say("connect")
	p.step(session.Connect{})
	var err error
	if credential.IsZero() && p.config.Mode == session.Handshake {
		err = errors.New("the raw client sent none")
	}
	p.say("credential")
	p.step(session.GotCredential{Epoch: p.epoch, Credential: credential, Err: err})
}

// ask asks the session for what the raw client sent. What the session says by
// itself (a credential that is awaited, a pong) is not asked for.
func (p *player) ask(frame string) {
	m := clientMessage(frame)
	switch m := m.(type) {
	case protocol.Pong:
		return
	case protocol.Auth:
		if p.session.State() == session.Authenticating || len(p.names) == 1 && p.asks == 0 {
			p.asks++
			return
		}
	case protocol.Subscribe:
		name := "sub" + string(rune('A'-1+len(p.names)))
		p.names = append(p.names, name)
		p.asked = m.UID.String()
		p.say("subscribe " + name + " " + frame)
		p.step(session.Subscribe{ID: session.SubID(len(p.names) - 1), Collection: m.Collection,
			Options: session.SubscribeOptions{Event: m.Event, Item: m.Item, Query: m.Query, UID: m.UID}})
		if m.UID.IsZero() && len(p.sent) > 0 {
			p.asked = protocol.UIDOf(clientMessage(string(p.sent[len(p.sent)-1]))).String()
			p.nameless = p.asked
		}
		return
	}
	p.asks++
	p.requests[protocol.UIDOf(m).String()] = true
	if protocol.UIDOf(m).IsZero() || m.Kind() == protocol.TypeAuth || m.Kind() == protocol.TypeUnsubscribe {
		p.say("post " + frame)
		p.step(session.Post{ID: session.RequestID(p.asks), Message: m})
		return
	}
	p.say("do " + frame)
	p.step(session.Do{ID: session.RequestID(p.asks), Message: m})
}
