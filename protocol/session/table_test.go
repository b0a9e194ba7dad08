package session

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
)

// A stage is a session brought into one phase, with a subscription and a request.
type stage struct {
	*Session
	now time.Time
}

func (st *stage) step(in Input) []Effect { return st.Session.Step(st.now, in) }

func (st *stage) frame(frame string) []Effect {
	return st.step(Received{Epoch: st.epoch, Frames: [][]byte{[]byte(frame)}})
}

const (
	authOKFrame  = `{"type":"auth","status":"ok"}`
	expiredFrame = `{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}`
	initFrame    = `{"type":"subscription","event":"init","data":[{"id":1}],"uid":"sub","capabilities":["order"]}`
)

// to brings a stage into a phase; it reports whether it knows how.
func (st *stage) to(p phase) bool {
	switch p {
	case idle:
	case fetching:
		st.step(Connect{})
	case dialing:
		st.to(fetching)
		st.step(GotCredential{Epoch: 1, Credential: Credential{AccessToken: "t"}})
	case authenticating:
		st.to(dialing)
		st.step(Dialed{Epoch: 1})
	case renewing:
		st.to(live)
		st.frame(expiredFrame)
	case reauthenticating:
		st.to(renewing)
		st.step(GotCredential{Epoch: 1, Credential: Credential{AccessToken: "u"}})
	case resyncing:
		st.to(authenticating)
		st.frame(authOKFrame)
	case live:
		st.to(resyncing)
		st.frame(initFrame)
	case waiting:
		st.to(live)
		st.step(Lost{Epoch: 1, Code: 1006})
	case needsAuth:
		st.to(fetching)
		st.step(GotCredential{Epoch: 1})
	case closed:
		st.to(live)
		st.step(Disconnect{})
	default:
		return false
	}
	return st.phase == p
}

func stageOf(p phase) *stage {
	st := &stage{
		Session: New(Config{Rand: func() float64 { return 0.5 }, HasProbe: true}),
		now:     time.Unix(1_000_000_000, 0),
	}
	st.step(Subscribe{ID: 1, Collection: "m", Options: SubscribeOptions{UID: protocol.StringUID("sub")}})
	st.to(p)
	return st
}

var tableReply = protocol.Items{Collection: "m", Action: protocol.ActionRead}

// inputs are all inputs, in the shapes that matter, for the present epoch and for
// an older one.
func inputs(st *stage) []struct {
	name string
	in   Input
} {
	e := st.epoch
	received := func(frame string) Input { return Received{Epoch: e, Frames: [][]byte{[]byte(frame)}} }
	return []struct {
		name string
		in   Input
	}{
		{"Connect", Connect{}},
		{"Disconnect", Disconnect{}},
		{"GotCredential", GotCredential{Epoch: e, Credential: Credential{AccessToken: "new"}}},
		{"GotCredential none", GotCredential{Epoch: e}},
		{"GotCredential refused", GotCredential{Epoch: e, Err: protocol.CodeInvalidCredentials}},
		{"GotCredential failed", GotCredential{Epoch: e, Err: errors.New("away")}},
		{"GotCredential old", GotCredential{Epoch: e - 1, Credential: Credential{AccessToken: "new"}}},
		{"Dialed", Dialed{Epoch: e}},
		{"Dialed failed", Dialed{Epoch: e, Err: errors.New("no")}},
		{"Dialed old", Dialed{Epoch: e - 1}},
		{"Received auth ok", received(authOKFrame)},
		{"Received AUTH_FAILED", received(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":""}}`)},
		{"Received AUTH_TIMEOUT", received(`{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":""}}`)},
		{"Received TOKEN_EXPIRED", received(expiredFrame)},
		{"Received ping", received(`{"type":"ping"}`)},
		{"Received init", received(initFrame)},
		{"Received event", received(`{"type":"subscription","event":"create","data":[{"id":2}],"uid":"sub"}`)},
		{"Received subscribe error", received(`{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":""},"uid":"sub"}`)},
		{"Received anything", received(`{"type":"x"}`)},
		{"Received old", Received{Epoch: e - 1, Frames: [][]byte{[]byte(authOKFrame)}}},
		{"Lost", Lost{Epoch: e, Code: 1006}},
		{"Lost 4401", Lost{Epoch: e, Code: 4401}},
		{"Lost old", Lost{Epoch: e - 1, Code: 1006}},
		{"Probed", Probed{Epoch: e}},
		{"Probed refused", Probed{Epoch: e, Err: protocol.CodeInvalidToken}},
		{"Wake", Wake{}},
		{"Tick early", Tick{}},
		{"Tick due", Tick{}},
		{"Do", Do{ID: 7, Message: tableReply}},
		{"Cancel", Cancel{ID: 1}},
		{"Post", Post{ID: 8, Message: protocol.Ping{}}},
		{"Subscribe", Subscribe{ID: 2, Collection: "m"}},
		{"Unsubscribe", Unsubscribe{ID: 1}},
	}
}

var phaseNames = [between]string{
	idle: "idle", fetching: "fetching", dialing: "dialing", authenticating: "authenticating", renewing: "renewing",
	reauthenticating: "reauthenticating", resyncing: "resyncing", live: "live", waiting: "waiting",
	needsAuth: "needs-auth", closed: "closed",
}

// TestTable writes down what every input does in every phase: the phase after it,
// and the kinds of its effects. A phase or an input that is not listed fails.
func TestTable(t *testing.T) {
	var b strings.Builder
	for p := range between {
		fmt.Fprintf(&b, "%s (%s)\n", phaseNames[p], stateOf[p])
		for i, row := range inputs(stageOf(p)) {
			st := stageOf(p)
			if st.phase != p {
				t.Fatalf("the stage of %s is in phase %s", phaseNames[p], phaseNames[st.phase])
			}
			if row.name == "Tick due" && !st.Deadline().IsZero() {
				st.now = st.Deadline()
			}
			effects := st.step(inputs(st)[i].in)
			fmt.Fprintf(&b, "  %-25s %-17s%s\n", row.name, phaseNames[st.phase], kinds(effects))
			if strings.HasSuffix(row.name, " old") && (st.phase != p || len(effects) > 0) {
				t.Errorf("%s: %s of an older epoch changed something", phaseNames[p], row.name)
			}
		}
		b.WriteString("\n")
	}
	got := strings.ReplaceAll(b.String(), " \n", "\n")
	path := "testdata/table.txt"
	if f := flag.Lookup("update"); f.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		wants, gots := strings.Split(string(want), "\n"), strings.Split(got, "\n")
		for i := range min(len(wants), len(gots)) {
			if wants[i] != gots[i] {
				t.Fatalf("%s:%d:\n got %s\nwant %s", path, i+1, gots[i], wants[i])
			}
		}
		t.Fatalf("%s has another length", path)
	}
}

// kinds names effects; Arrived is left out, since every frame has it.
func kinds(effects []Effect) string {
	var names []string
	for _, e := range effects {
		if _, ok := e.(Arrived); ok {
			continue
		}
		name := strings.TrimPrefix(fmt.Sprintf("%T", e), "session.")
		switch e := e.(type) {
		case Send:
			kind, _ := protocol.Text(protocol.Member(e.Frame, "type"))
			name += " " + kind
		case Changed:
			name += " " + string(e.Cause.Reason)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// TestTableIsComplete finds every input and state in the source, so that a new one
// fails until it has its row.
func TestTableIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range inputs(stageOf(live)) {
		listed[strings.TrimPrefix(fmt.Sprintf("%T", row.in), "session.")] = true
	}
	found := 0
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == "input" {
				found++
				if name := d.Recv.List[0].Type.(*ast.Ident).Name; !listed[name] {
					t.Errorf("the input %s has no row in the table", name)
				}
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok || v.Type == nil || fmt.Sprint(v.Type) != "State" {
					continue
				}
				found++
				word := strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)
				if !slices.Contains(stateOf[:], State(word)) {
					t.Errorf("no phase is called %q", word)
				}
			}
		}
	}
	if found != len(listed)+8 {
		t.Errorf("found %d inputs and states in types.go, the table has %d inputs and 8 states", found, len(listed))
	}
	for p := range between {
		if !stageOf(p).to(p) && stageOf(p).phase != p || stateOf[p] == "" || phaseNames[p] == "" {
			t.Errorf("phase %d has no stage, no state or no name", p)
		}
	}
}
