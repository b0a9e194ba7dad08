package protocoltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"leveret/protocol/transport"
)

// moves are the lines that are more than something to wait for.
var moves = map[string]func(*player, context.Context, Line) error{
	DirOpen:        (*player).open,
	DirHTTP:        (*player).upgraded,
	DirToServer:    (*player).say,
	DirClientClose: (*player).hangUp,
	DirClose:       (*player).ended,
	DirREST:        (*player).call,
	"c2s-ctl":      (*player).raw,
	"s2c-ctl":      (*player).unsupported,
}

func (p *player) open(ctx context.Context, line Line) error {
	c := p.conn(line.Conn)
	if c.conn != nil {
		return fmt.Errorf("the connection %q is open already", line.Conn)
	}
	data, err := p.fill(line.Data)
	if err != nil {
		return err
	}
	upgrade := Upgrade{Conn: line.Conn}
	if err := json.Unmarshal(data, &upgrade); err != nil {
		return err
	}
	conn, err := p.server.Open(ctx, upgrade)
	if err != nil {
		c.end = err
		if refused := (*transport.RefusedError)(nil); !errors.As(err, &refused) {
			p.found = append(p.found, Difference{Line: line.Number, Conn: line.Conn, Kind: Upgraded, Want: "an answer", Got: err.Error()})
		}
		return nil
	}
	c.conn = conn
	p.readers.Add(1)
	go func() {
		defer p.readers.Done()
		for {
			frame, err := conn.Receive(ctx)
			p.mu.Lock()
			if err != nil {
				c.end = err
			} else {
				c.inbox = append(c.inbox, frame)
			}
			p.mu.Unlock()
			select {
			case p.news <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return nil
}

func (p *player) upgraded(_ context.Context, line Line) error {
	var want struct{ Status int }
	if err := json.Unmarshal(line.Data, &want); err != nil {
		return err
	}
	c := p.conn(line.Conn)
	got := 101
	if refused := (*transport.RefusedError)(nil); c.conn == nil && errors.As(c.end, &refused) {
		got = refused.Status
	}
	if got != want.Status {
		p.found = append(p.found, Difference{Line: line.Number, Conn: line.Conn, Kind: Upgraded, Path: "status", Want: fmt.Sprint(want.Status), Got: fmt.Sprint(got)})
	}
	return nil
}

func (p *player) say(_ context.Context, line Line) error {
	text := line.Text()
	if line.Binary || strings.HasPrefix(text, "(") {
		return p.raw(nil, line)
	}
	frame, err := p.fill([]byte(text))
	if err != nil {
		return err
	}
	c := p.conn(line.Conn)
	if c.conn == nil {
		return nil // refused, and told as such
	}
	if err := c.conn.Send(frame); err != nil && !c.compared {
		c.compared = true
		p.found = append(p.found, Difference{Line: line.Number, Conn: line.Conn, Kind: Closed, Want: "open", Got: err.Error()})
	}
	return nil
}

// raw sends what a transport.Conn cannot, on a connection that can.
func (p *player) raw(_ context.Context, line Line) error {
	raw, ok := p.conn(line.Conn).conn.(RawSender)
	if !ok {
		return p.unsupported(nil, line)
	}
	return raw.SendLine(line)
}

func (p *player) unsupported(_ context.Context, line Line) error {
	p.found = append(p.found, Difference{Line: line.Number, Conn: line.Conn, Kind: Unsupported, Want: string(line.Data)})
	return nil
}

func (p *player) hangUp(_ context.Context, line Line) error {
	c := p.conn(line.Conn)
	if c.conn == nil {
		return nil
	}
	data := struct {
		Code int
		Why  string
	}{Code: transport.CloseNoStatus}
	if err := json.Unmarshal(line.Data, &data); err != nil {
		return err
	}
	c.closed = true
	return c.conn.Close(data.Code, data.Why)
}

// ended compares how a connection ended, unless we ended it.
func (p *player) ended(ctx context.Context, line Line) error {
	c := p.conn(line.Conn)
	if c.conn == nil || c.closed || c.compared {
		return nil
	}
	c.compared = true
	timer := time.NewTimer(p.Patience)
	defer timer.Stop()
	began := time.Now()
	defer func() { p.shift += time.Since(began) }()
	var end error
	for end == nil {
		p.mu.Lock()
		end = c.end
		p.mu.Unlock()
		if end != nil {
			break
		}
		select {
		case <-p.news:
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			p.found = append(p.found, Difference{Line: line.Number, Conn: line.Conn, Kind: Closed, Want: string(line.Data), Got: "open"})
			return nil
		}
	}
	p.takeIn()
	var want struct {
		Code   int    `json:"code"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(line.Data, &want); err != nil {
		return err
	}
	differ := func(path, want, got string) {
		p.found = append(p.found, Difference{Line: line.Number, Conn: line.Conn, Kind: Closed, Path: path, Want: want, Got: got})
	}
	var closed *transport.CloseError
	if !errors.As(end, &closed) {
		differ("", string(line.Data), end.Error())
		return nil
	}
	if closed.Code != want.Code {
		differ("code", fmt.Sprint(want.Code), fmt.Sprint(closed.Code))
	}
	if closed.Reason != want.Reason {
		differ("reason", text(want.Reason), text(closed.Reason))
	}
	return nil
}

func (p *player) call(ctx context.Context, line Line) error {
	data, err := p.fill(line.Data)
	if err != nil {
		return err
	}
	var call Call
	if err := json.Unmarshal(data, &call); err != nil {
		return err
	}
	var recorded struct {
		Status   int
		Response json.RawMessage
	}
	if err := json.Unmarshal(line.Data, &recorded); err != nil {
		return err
	}
	answer, err := p.server.Call(ctx, call)
	if err != nil {
		p.found = append(p.found, Difference{Line: line.Number, Kind: Changed, Want: fmt.Sprint(recorded.Status), Got: err.Error()})
		return nil
	}
	if answer.Status != recorded.Status {
		p.found = append(p.found, Difference{Line: line.Number, Kind: Changed, Path: "status", Want: fmt.Sprint(recorded.Status), Got: fmt.Sprint(answer.Status)})
	}
	got := answer.Body
	if len(got) == 0 {
		got = []byte(`""`) // an empty body is recorded as an empty string
	}
	for _, d := range p.differences(recorded.Response, got) {
		d.Line, d.Path = line.Number, join("response", d.Path)
		p.found = append(p.found, d)
	}
	return nil
}
