package main

import (
	"context"
	"errors"
	"runtime"
	"syscall/js"
	"time"

	"github.com/hack-pad/safejs"

	"leveret/protocol"
	"leveret/protocol/realtime"
	"leveret/protocol/session"
	"leveret/protocol/transport"
	"leveret/wasm/bridge"
)

// A client is one of JavaScript's, and what it is told through.
type client struct {
	ctx    context.Context
	cancel context.CancelFunc
	rt     *realtime.Client
	hooks  js.Value
	subs   map[int]*subscription
}

// maxQueue is how many events of one subscription wait in Go, while JavaScript is
// busy with those it has. Above that the subscription is brought up to date by
// comparing, once it has caught up.
const maxQueue = 4_096

// newClient makes a client. settings holds url, mode, token (whether hooks.token is
// to be asked), delay and dialTimeout (milliseconds; 0 = the default), attempts,
// pings (whether to answer the server's), prefix (of the program's own uids) and
// WebSocket (a constructor). The hooks are
// called within a callback, so they only note down what they are told:
//
//	socket(ws)                              a WebSocket was made
//	changed(to, reason, last, detail, code, error, next)
//	events(subscription, text) → room       a JSON array; false: call resume for more
//	ended(subscription, code, message, refusal)
//	answered(number, text, code, message)   of an ask: a reply, or else null and why
//	token() → promise of a token or null
func newClient(settings, hooks js.Value) (*client, error) {
	c := &client{hooks: hooks, subs: map[int]*subscription{}}
	milliseconds := func(name string) time.Duration {
		return time.Duration(settings.Get(name).Float() * float64(time.Millisecond))
	}
	delay := milliseconds("delay")
	options := &realtime.Options{
		Mode:    realtime.Mode(settings.Get("mode").String()),
		Backoff: realtime.Backoff{Base: delay, Attempts: settings.Get("attempts").Int()},
		Dialer: transport.Browser{
			WebSocket: safejs.Safe(settings.Get("WebSocket")),
			Created:   func(ws safejs.Value) { hooks.Call("socket", safejs.Unsafe(ws)) },
			Gather:    gathererOf(js.Global().Get("leveretGather")),
		},
		Session: session.Config{
			UIDPrefix:   settings.Get("prefix").String(),
			DialTimeout: milliseconds("dialTimeout"),
			IgnorePings: !settings.Get("pings").Bool(),
			MaxQueue:    maxQueue,
		},
	}
	if most := 20 * time.Second; delay > most {
		options.Backoff.Cap = delay
	}
	if settings.Get("token").Bool() {
		options.Token = c.token
	}
	rt, err := realtime.New(settings.Get("url").String(), options)
	if err != nil {
		return nil, bridge.WithCode("INVALID_URL", err)
	}
	c.rt = rt
	c.ctx, c.cancel = context.WithCancel(context.Background())
	rt.Watch(c.changed)
	return c, nil
}

// methods are what JavaScript calls on a client. None of them waits.
var methods = map[string]func(c *client, args []js.Value) any{
	"connect":    func(c *client, _ []js.Value) any { c.rt.Connect(); return nil },
	"disconnect": func(c *client, _ []js.Value) any { c.rt.Disconnect(); return nil },
	"send":       func(c *client, args []js.Value) any { return c.send(args[0].String()) },
	"ask":        func(c *client, args []js.Value) any { go c.ask(args[0].Int(), args[1].String()); return nil },
	"subscribe":  func(c *client, args []js.Value) any { c.subscribe(args); return nil },
	"unsubscribe": func(c *client, args []js.Value) any {
		c.unsubscribe(args[0].Int())
		return nil
	},
	"resume": func(c *client, args []js.Value) any {
		if s := c.subs[args[0].Int()]; s != nil {
			s.resume()
		}
		return nil
	},
}

// token asks the page for an access token; none is the zero credential.
func (c *client) token(ctx context.Context) (realtime.Credential, error) {
	v, err := bridge.Await(ctx, c.hooks.Call("token"))
	if err != nil || v.Type() != js.TypeString {
		return realtime.Credential{}, err
	}
	return realtime.Credential{AccessToken: v.String()}, nil
}

func (c *client) changed(ch realtime.Change) {
	failure, next := "", 0.0
	if ch.Cause.Err != nil {
		failure = ch.Cause.Err.Error()
	}
	if !ch.Next.IsZero() {
		next = float64(ch.Next.UnixMilli())
	}
	c.hooks.Call("changed", string(ch.To), string(ch.Cause.Reason), string(ch.Cause.Last), ch.Cause.Detail, ch.Cause.Code, failure, next)
}

// send sends a frame as it is, now or not at all.
func (c *client) send(frame string) any {
	if err := c.rt.Send(rawMessage(frame)); err != nil {
		return bridge.Error(coded(err))
	}
	return nil
}

// rawMessage is a frame of the caller's, of which nothing is changed.
func rawMessage(frame string) protocol.Raw {
	raw := protocol.Raw{Frame: []byte(frame)}
	raw.Type, _ = protocol.Text(protocol.Member(raw.Frame, "type"))
	raw.UID, _ = protocol.ParseUID(protocol.Member(raw.Frame, "uid"))
	return raw
}

// ask sends a request, and tells the text of its reply under the number that JavaScript
// gave it.
func (c *client) ask(number int, frame string) {
	text, err := c.do(frame)
	if err == nil {
		c.hooks.Call("answered", number, text)
		return
	}
	err = coded(err)
	c.hooks.Call("answered", number, js.Null(), codeOf(err), err.Error())
}

func (c *client) do(frame string) (string, error) {
	m, err := protocol.DecodeFromClient([]byte(frame))
	if err != nil {
		return "", err
	}
	_, isItems := m.(protocol.Items)
	if !isItems {
		m = rawMessage(frame)
	}
	reply, err := c.rt.Do(context.Background(), m) // close resolves it
	switch {
	case err != nil:
		return "", err
	case !isItems && len(reply.Data) > 0:
		return string(reply.Data), nil // the frame itself
	}
	text, err := protocol.Encode(reply)
	return string(text), err
}

// close ends the client and waits until all it held is released.
func (c *client) close() {
	c.cancel()
	c.rt.Close()
	// Go leaves the timeout of a timer that was stopped with JavaScript until another
	// takes its place, and Node runs until it is over.
	time.Sleep(time.Millisecond)
	// JavaScript keeps the WebSocket, and all that came over it, until this program has
	// collected what refers to it; what is garbage there is too little here to be seen.
	runtime.GC()
}

// coded gives an error the code that JavaScript sees. A server's refusal keeps its
// own, and its own words.
func coded(err error) error {
	var refusal *protocol.Error
	if errors.As(err, &refusal) && !errors.Is(err, realtime.ErrOutcomeUnknown) {
		return bridge.WithCode(string(refusal.Code), errors.New(refusal.Message))
	}
	for _, known := range []struct {
		err  error
		code string
	}{
		{realtime.ErrOutcomeUnknown, "OUTCOME_UNKNOWN"},
		{realtime.ErrNotConnected, "NOT_CONNECTED"},
		{realtime.ErrDisconnected, "DISCONNECTED"},
		{realtime.ErrUIDInUse, "UID_IN_USE"},
		{realtime.ErrTooManyRequests, "TOO_MANY_REQUESTS"},
		{realtime.ErrUnanswered, "UNANSWERED"},
		{realtime.ErrUnsubscribed, "UNSUBSCRIBED"},
	} {
		if errors.Is(err, known.err) {
			return bridge.WithCode(known.code, err)
		}
	}
	var code bridge.Coded
	if errors.As(err, &code) {
		return err
	}
	return bridge.WithCode("INVALID_MESSAGE", err)
}

// codeOf returns the code of an error that coded returned.
func codeOf(err error) string {
	if c := bridge.Coded(nil); errors.As(err, &c) {
		return c.ErrorCode()
	}
	return bridge.DefaultCode
}
