package realtime

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"leveret/protocol"
	"leveret/protocol/session"
	"leveret/protocol/transport"
)

// A Logger takes the lines of the conversation; a *slog.Logger is one. (That type
// is not named here, since log/slog would add 30 kB to every page.)
type Logger interface {
	// Debug is given a message and pairs of names and values.
	Debug(message string, pairs ...any)
}

// A Log writes the conversation down: see [LogTo].
type Log struct {
	step func(c *Client, now time.Time, in session.Input, effects []session.Effect)
}

// LogTo returns the value of Options.Log that gives a logger one Debug record for each
// line of the conversation, in the form of a recorded one: t_ms, conn, dir, data.
// Through slog.NewJSONHandler it is a file that package protocoltest can play. Secrets
// in it are masked: <access_token>, <refresh_token>, <password>, <token>. A logger that
// is too slow misses lines, and is told how many.
//
// (A program that does not call it does not link the 20 kB that this takes.)
func LogTo(logger Logger) *Log {
	return &Log{step: func(c *Client, now time.Time, in session.Input, effects []session.Effect) {
		c.log(logger, now, in, effects)
	}}
}

// A logLine is one line of a conversation.
type logLine struct {
	at    time.Time
	epoch int
	dir   string
	frame []byte // of c2s and s2c
	data  any    // of all others
}

// log queues the lines of one step: what came in, then what it led to.
func (c *Client) log(logger Logger, now time.Time, in session.Input, effects []session.Effect) {
	lines := make([]logLine, 0, 4)
	add := func(epoch int, dir string, data any) {
		lines = append(lines, logLine{at: now, epoch: epoch, dir: dir, data: data})
	}
	switch in := in.(type) {
	case session.Dialed:
		var refused *transport.RefusedError
		switch {
		case in.Err == nil:
			add(in.Epoch, "http", object("status", 101))
		case errors.As(in.Err, &refused):
			add(in.Epoch, "http", object("status", refused.Status))
		default:
			add(in.Epoch, "error", in.Err.Error())
		}
	case session.Received:
		for _, frame := range in.Frames {
			lines = append(lines, logLine{at: now, epoch: in.Epoch, dir: "s2c", frame: frame})
		}
	case session.Lost:
		add(in.Epoch, "close", object("code", in.Code, "reason", in.Reason))
	case session.GotCredential:
		add(in.Epoch, "note", "credential: "+describeCredential(in.Credential, in.Err))
	case session.Probed:
		add(in.Epoch, "note", fmt.Sprintf("probe over HTTP: %v", orOK(in.Err)))
	case session.Wake:
		add(0, "note", "wake: "+in.Why)
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case session.Dial:
			add(e.Epoch, "open", object("headers", object(), "url", withToken(c.url, e.Token)))
		case session.Send:
			lines = append(lines, logLine{at: now, epoch: e.Epoch, dir: "c2s", frame: e.Frame})
		case session.Hangup:
			add(e.Epoch, "c2s-close", object("code", e.Code, "why", e.Reason))
		case session.Changed:
			add(0, "note", Change{To: e.To, Cause: e.Cause}.String())
		}
	}
	if len(lines) == 0 {
		return
	}
	if len(c.told.queue) >= logLimit {
		c.told.unlogged += len(lines)
		return
	}
	if n := c.told.unlogged; n > 0 {
		c.told.unlogged = 0
		gap := logLine{at: now, dir: "note", data: fmt.Sprintf("%d lines are left out: the logger is too slow", n)}
		lines = append([]logLine{gap}, lines...)
	}
	c.tell(func() { c.write(logger, lines) })
}

// logLimit is how many steps wait for a slow logger.
const logLimit = 4096

// write writes the lines. It runs without the lock.
func (c *Client) write(logger Logger, lines []logLine) {
	for _, line := range lines {
		pairs := make([]any, 0, 8)
		pairs = append(pairs, "t_ms", float64(line.at.Sub(c.born).Microseconds())/1000)
		if line.epoch > 0 {
			pairs = append(pairs, "conn", connName(line.epoch))
		}
		pairs = append(pairs, "dir", line.dir)
		switch data := line.data.(type) {
		case nil:
			pairs = append(pairs, "data", maskedFrame(line.frame))
		case string:
			pairs = append(pairs, "data", maskText(data))
		default:
			pairs = append(pairs, "data", data)
		}
		logger.Debug("realtime", pairs...)
	}
}

// A maskedFrame is a frame that is masked when it is written, and so not at all
// while the Logger's level is above Debug.
type maskedFrame []byte

func (f maskedFrame) String() string               { return maskFrame(f) }
func (f maskedFrame) MarshalText() ([]byte, error) { return []byte(maskFrame(f)), nil }

// A maskedObject is a JSON object of ours, likewise.
type maskedObject string

func (o maskedObject) String() string               { return maskText(string(o)) }
func (o maskedObject) MarshalJSON() ([]byte, error) { return []byte(o.String()), nil }

// object makes one of names and values, which are strings, ints and objects. (What
// links encoding/json costs a page 110 kB.)
func object(pairs ...any) maskedObject {
	var b strings.Builder
	b.WriteByte('{')
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", pairs[i])
		if text, ok := pairs[i+1].(string); ok {
			b.WriteString(protocol.StringUID(text).JSON())
		} else {
			fmt.Fprint(&b, pairs[i+1])
		}
	}
	b.WriteByte('}')
	return maskedObject(b.String())
}

// connName names the connections A, B, … Z, AA, as in a recorded conversation.
func connName(epoch int) string {
	var name string
	for n := epoch; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}

func describeCredential(cr Credential, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case cr.AccessToken != "":
		return "<access_token>"
	case cr.RefreshToken != "":
		return "<refresh_token>"
	case cr.Email != "":
		return cr.Email + " <password>"
	}
	return "none"
}

func orOK(err error) any {
	if err == nil {
		return "ok"
	}
	return err
}

// secretMembers are the members of a frame whose values are secrets, in whatever
// case, also written as accessToken (which old versions of Directus's documentation
// had). "token" is that of a user, which an administrator may write.
var secretMembers = []string{"access_token", "refresh_token", "password", "token"}

// maskFrame replaces every secret in a frame by its name: "<access_token>". What
// is not JSON but names a secret is left out altogether.
func maskFrame(frame []byte) string {
	lower := bytes.ToLower(frame)
	named := bytes.Contains(lower, []byte("token")) || bytes.Contains(lower, []byte("password"))
	if !named && bytes.IndexByte(frame, '\\') < 0 { // a name may be written with escapes
		return string(frame)
	}
	if !protocol.Valid(frame) {
		if named {
			return "(a frame that is no JSON and names a secret)"
		}
		return string(frame)
	}
	var out []byte
	for i := 0; i < len(frame); {
		if frame[i] != '"' {
			out = append(out, frame[i])
			i++
			continue
		}
		end := skipValue(frame, i)
		value := skipSpace(frame, end)
		if value >= len(frame) || frame[value] != ':' {
			out = append(out, maskString(frame[i:end])...)
			i = end
			continue
		}
		out = append(out, frame[i:end]...)
		name := secretName(frame[i:end])
		if name == "" {
			i = end
			continue
		}
		value = skipSpace(frame, value+1)
		after := skipValue(frame, value)
		out = append(out, frame[end:value]...)
		if masked := frame[value:after]; string(masked) == "null" {
			out = append(out, masked...)
		} else {
			out = append(out, `"<`+name+`>"`...)
		}
		i = after
	}
	return maskText(string(out))
}

// maskString masks a JSON string that is itself JSON.
func maskString(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted
	}
	text, ok := protocol.Text(quoted)
	if !ok || !protocol.Valid([]byte(text)) {
		return quoted
	}
	masked := maskFrame([]byte(text))
	if masked == text {
		return quoted
	}
	return []byte(protocol.StringUID(masked).JSON())
}

func secretName(quoted []byte) string {
	text, _ := protocol.Text(quoted)
	text = strings.NewReplacer("_", "", "-", "").Replace(text)
	for _, name := range secretMembers {
		if strings.EqualFold(text, strings.ReplaceAll(name, "_", "")) {
			return name
		}
	}
	return ""
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that starts at i of valid JSON.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// maskText replaces the values of secret URL parameters.
func maskText(s string) string {
	for _, name := range []string{"access_token", "refresh_token", "password"} {
		s = maskParameter(s, name)
	}
	return s
}

func maskParameter(s, name string) string {
	parameter := name + "="
	var b strings.Builder
	for {
		i := strings.Index(s, parameter)
		if i < 0 {
			return b.String() + s
		}
		i += len(parameter)
		b.WriteString(s[:i])
		b.WriteString("<" + name + ">")
		s = s[i:]
		if end := strings.IndexAny(s, "&#\"' \\\n\t"); end >= 0 {
			s = s[end:]
		} else {
			s = ""
		}
	}
}

// withoutSecret hides the token in an error of the dialer, which may quote the
// URL.
func withoutSecret(err error, token string) error {
	text := maskText(err.Error())
	if token != "" {
		text = strings.ReplaceAll(text, token, "<access_token>")
	}
	if text == err.Error() {
		return err
	}
	return &maskedError{text: text, err: err}
}

// A maskedError is an error with another text.
type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.err }
