package protocoltest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
)

// What a line tells, in its field "dir".
const (
	DirMeta        = "meta"      // what the conversation shows, and the server's settings
	DirOpen        = "open"      // the upgrade request: {"url":…,"headers":{…}}
	DirHTTP        = "http"      // its answer: {"status":…}
	DirToServer    = "c2s"       // a frame of the client, as text
	DirToClient    = "s2c"       // a frame of the server, as text
	DirClientClose = "c2s-close" // the client closes: {"code":…,"why":…}
	DirClose       = "close"     // the connection's end as the client saw it: {"code":…,"reason":…}
	DirREST        = "rest"      // an HTTP call beside the sockets, with its answer
	DirNote        = "note"      // for the reader
)

// A Line is one line of a recorded conversation: a JSON object in a file of one
// object a line.
type Line struct {
	// Number is the line's place in its file, from 1. It is not written.
	Number int `json:"-"`
	// T is when it happened, in milliseconds since the start.
	T float64 `json:"t_ms"`
	// Conn names the connection: A, B, …; "" where there is none.
	Conn string `json:"conn,omitempty"`
	// Dir says what happened: see the Dir constants.
	Dir string `json:"dir"`
	// Binary says that the frame was a binary one; its text is base64.
	Binary bool `json:"binary,omitempty"`
	// Data is the frame as a JSON string, or an object.
	Data json.RawMessage `json:"data,omitempty"`
}

// Text returns the data of a line that carries a frame or a note.
func (l Line) Text() string {
	var s string
	if json.Unmarshal(l.Data, &s) != nil {
		return ""
	}
	return s
}

// ReadConversation reads the lines of a conversation. Empty lines are passed over.
// Fields that a [Line] does not have are ignored, so that a client's debug log,
// written as JSON, is a conversation too.
func ReadConversation(r io.Reader) ([]Line, error) {
	var lines []Line
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 64<<20)
	for n := 1; scanner.Scan(); n++ {
		if len(scanner.Bytes()) == 0 {
			continue
		}
		line := Line{Number: n}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read a conversation: line %d: %w", n, err)
		}
		if line.Dir == "" {
			return nil, fmt.Errorf("read a conversation: line %d has no \"dir\"", n)
		}
		lines = append(lines, line)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read a conversation: %w", err)
	}
	return lines, nil
}

// WriteConversation writes lines as [ReadConversation] reads them.
func WriteConversation(w io.Writer, lines []Line) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, line := range lines {
		if err := e.Encode(line); err != nil {
			return fmt.Errorf("write a conversation: %w", err)
		}
	}
	return nil
}
