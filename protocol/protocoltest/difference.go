package protocoltest

import (
	"fmt"
	"strings"
)

// A Kind says how what happened differs from what was recorded.
type Kind string

// The kinds.
const (
	Missing     Kind = "missing"     // a recorded frame did not come
	Unexpected  Kind = "unexpected"  // a frame came that was not recorded
	Changed     Kind = "changed"     // a frame, or a REST answer, came with another content
	Order       Kind = "order"       // a frame came after one that it was recorded before
	Closed      Kind = "close"       // the connection ended otherwise: code, reason, or not at all
	Upgraded    Kind = "upgrade"     // the upgrade was answered with another status
	Unsupported Kind = "unsupported" // the line cannot be played: a binary or control frame
)

// A Difference is one way in which what happened is not what was recorded. It is
// data, so that a suite can list those it allows.
type Difference struct {
	Line int    // the line of the conversation, from 1; 0 = none (an unexpected frame)
	Conn string // the connection's name; "" for REST
	Kind Kind
	Path string // where in the frame: "data[0].id"; "" = the whole
	Want string // as recorded, JSON; "" = nothing
	Got  string // what came, JSON; "" = nothing
}

// String returns "line 7, A: changed data[0].id: want 4, got "4"".
func (d Difference) String() string {
	var b strings.Builder
	var where []string
	if d.Line > 0 {
		where = append(where, fmt.Sprintf("line %d", d.Line))
	}
	if d.Conn != "" {
		where = append(where, d.Conn)
	}
	if where != nil {
		b.WriteString(strings.Join(where, ", ") + ": ")
	}
	b.WriteString(string(d.Kind))
	if d.Path != "" {
		b.WriteString(" " + d.Path)
	}
	fmt.Fprintf(&b, ": want %s, got %s", orNothing(d.Want), orNothing(d.Got))
	return b.String()
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// describe joins differences, one a line.
func describe(found []Difference) string {
	var b strings.Builder
	for _, d := range found {
		b.WriteString("\n\t" + d.String())
	}
	return b.String()
}
