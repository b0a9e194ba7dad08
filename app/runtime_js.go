//go:build js

package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall/js"
	"time"

	"github.com/google/uuid"

	"leveret/app/state"
	"leveret/protocol"
	"leveret/protocol/realtime"
)

// A runtime carries out the commands of the page.
type runtime struct {
	send func(state.Msg)

	mu   sync.Mutex
	link *link // nil while signed out
}

func newRuntime() *runtime { return &runtime{} }

// Start keeps the way back to the model.
func (r *runtime) Start(send func(state.Msg)) { r.send = send }

// NewKey returns a fresh UUID.
func (r *runtime) NewKey() string { return uuid.NewString() }

// Run starts a command and returns at once.
func (r *runtime) Run(cmd state.Cmd) {
	switch cmd := cmd.(type) {
	case state.FetchConfig:
		go func() {
			config, why := fetchConfig()
			r.send(state.ConfigLoaded{Config: config, Why: why})
		}()
	case state.LoadStored:
		stored := loadStored()
		go r.send(state.StoredLoaded{Stored: stored})
	case state.SaveSession:
		saveSession(cmd.Session)
	case state.ForgetSession:
		forgetSession()
	case state.SavePreferences:
		savePreferences(cmd.Preferences)
	case state.Connect:
		r.connect(cmd)
	case state.Disconnect:
		r.disconnect()
	case state.WhoAmI:
		if l := r.current(); l != nil {
			go l.whoAmI(cmd.Session)
		}
	case state.CopyText:
		copyText(cmd.Text, func(ok bool) { r.send(state.Copied{OK: ok}) })
	case state.Reload:
		js.Global().Get("location").Call("reload")
	default:
		if l := r.current(); l != nil {
			l.run(cmd)
		}
	}
}

func (r *runtime) current() *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.link
}

func (r *runtime) disconnect() {
	r.mu.Lock()
	old := r.link
	r.link = nil
	r.mu.Unlock()
	if old != nil {
		old.close()
	}
}

func (r *runtime) connect(cmd state.Connect) {
	r.disconnect()
	l := &link{creates: map[string]context.CancelFunc{}, repeats: make(chan struct{}, maxRepeats)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tell = func(msg state.Msg) {
		if l.ctx.Err() == nil {
			r.send(state.FromConnection{Gen: cmd.Gen, Msg: msg})
		}
	}
	l.creds = newCredentials(cmd.Session, func(token string) { l.tell(state.Refreshed{Token: token}) })
	client, err := realtime.New(cmd.Session.URL, &realtime.Options{
		Mode:           realtime.Mode(cmd.Session.Mode),
		Token:          l.creds.next,
		OnRefreshToken: l.creds.refreshed,
		Probe:          l.creds.probe,
	})
	if err != nil {
		go l.tell(state.ConnChanged{State: state.NeedsAuth, Reason: "no-credential", Detail: err.Error(), At: time.Now()})
		return
	}
	l.client = client
	r.mu.Lock()
	r.link = l
	r.mu.Unlock()
	go l.watch()
	client.Connect()
}

// A link is one signed-in connection, from signing in to signing out.
type link struct {
	ctx    context.Context
	cancel context.CancelFunc
	tell   func(state.Msg)
	client *realtime.Client
	creds  *credentials

	repeats chan struct{} // one for each request that is being repeated

	mu           sync.Mutex
	endSubscribe context.CancelFunc
	endRead      context.CancelFunc
	creates      map[string]context.CancelFunc
}

func (l *link) close() {
	l.cancel()
	go l.client.Close()
}

// watch tells the model each state of the connection.
func (l *link) watch() {
	for change := range l.client.States(l.ctx) {
		if change.To == "live" {
			l.creds.accepted()
		}
		if change.To == "needs-auth" && l.creds.fallBack() {
			l.client.Connect()
			continue
		}
		detail := change.Cause.Detail
		if detail == "" && change.Cause.Err != nil {
			detail = change.Cause.Err.Error()
		}
		l.tell(state.ConnChanged{
			State:  state.ConnState(change.To),
			Reason: string(change.Cause.Reason),
			Detail: detail,
			Next:   change.Next,
			At:     change.At,
		})
	}
}

func (l *link) run(cmd state.Cmd) {
	switch cmd := cmd.(type) {
	case state.Reconnect:
		l.client.Connect()
	case state.Subscribe:
		ctx, cancel := context.WithCancel(l.ctx)
		l.mu.Lock()
		if l.endSubscribe != nil {
			l.endSubscribe()
		}
		l.endSubscribe = cancel
		l.mu.Unlock()
		go l.subscribe(ctx, cmd)
	case state.Create:
		ctx, cancel := context.WithCancel(l.ctx)
		l.mu.Lock()
		l.creates[cmd.Key] = cancel
		l.mu.Unlock()
		go func() {
			_, err := l.do(ctx, protocol.Items{
				Collection: cmd.Collection, Action: protocol.ActionCreate,
				Data: cmd.Item, Query: json.RawMessage(`{"fields":["id"]}`),
			})
			l.mu.Lock()
			delete(l.creates, cmd.Key)
			l.mu.Unlock()
			if cancelled := ctx.Err() != nil; !cancelled {
				l.tell(state.CreateDone{Key: cmd.Key, Failure: failure(err)})
			}
			cancel()
		}()
	case state.CancelCreate:
		l.mu.Lock()
		cancel := l.creates[cmd.Key]
		l.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	case state.Change:
		go func() {
			_, err := l.do(l.ctx, protocol.Items{
				Collection: cmd.Collection, Action: protocol.ActionUpdate, ID: cmd.ID, Data: cmd.Changes,
			})
			l.tell(state.UpdateDone{Key: cmd.Key, Failure: failure(err)})
		}()
	case state.Delete:
		go func() {
			_, err := l.do(l.ctx, protocol.Items{
				Collection: cmd.Collection, Action: protocol.ActionDelete, ID: cmd.ID,
			})
			l.tell(state.DeleteDone{Key: cmd.Key, Failure: failure(err)})
		}()
	case state.Read:
		ctx, cancel := context.WithCancel(l.ctx)
		l.mu.Lock()
		if l.endRead != nil {
			l.endRead()
		}
		l.endRead = cancel
		l.mu.Unlock()
		go func() {
			defer cancel()
			began := time.Now()
			reply, err := l.do(ctx, protocol.Items{
				Collection: cmd.Collection, Action: protocol.ActionRead, ID: cmd.ID, Query: cmd.Query,
			})
			l.tell(state.ReadDone{Sequence: cmd.Sequence, Data: reply.Data, Took: time.Since(began), Failure: failure(err)})
		}()
	}
}

// maxRepeats is how many requests are repeated at a time: hundreds that the server
// has refused as too many must not all come back at once.
const maxRepeats = 8

// do is the client's Do, repeated where the server says that the limit of messages
// is reached: such a request was not carried out, so the person need not know.
func (l *link) do(ctx context.Context, m protocol.Items) (protocol.Reply, error) {
	reply, err := l.client.Do(ctx, m)
	if !errors.Is(err, protocol.CodeRequestsExceeded) {
		return reply, err
	}
	select {
	case l.repeats <- struct{}{}:
		defer func() { <-l.repeats }()
	case <-ctx.Done():
		return reply, ctx.Err()
	}
	for wait := 300 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return reply, ctx.Err()
		}
		if reply, err = l.client.Do(ctx, m); !errors.Is(err, protocol.CodeRequestsExceeded) {
			return reply, err
		}
	}
}

// subscribe hands the model each batch of changes in one message, so that however
// fast they come the page is drawn once a batch.
func (l *link) subscribe(ctx context.Context, cmd state.Subscribe) {
	end := func(err error) {
		if ctx.Err() == nil {
			l.tell(state.ListEnded{Failure: failure(err)})
		}
	}
	sub, err := l.client.Subscribe(ctx, cmd.Collection, &realtime.SubscribeOptions{RawQuery: cmd.Query})
	if err != nil {
		end(err)
		return
	}
	defer sub.Close()
	for batch, err := range sub.Batches(ctx) {
		if err != nil {
			end(err)
			return
		}
		events := make([]state.Event, len(batch))
		for i, event := range batch {
			events[i] = state.Event{Kind: state.EventKind(event.Kind), Data: event.Data, Resync: event.Resync}
		}
		l.tell(state.Events{Events: events})
	}
}

// whoAmI asks whom the server takes a token for. Where it does not say (a Directus
// elsewhere that allows no cross-origin requests) the page says "Static token".
func (l *link) whoAmI(s state.Session) {
	if s.Kind != state.TabToken {
		return
	}
	status, body, err := fetch(l.ctx, "GET", restBase(s.URL)+"/users/me", s.Token, "")
	if err != nil || status != 200 {
		return
	}
	var answer struct {
		Data struct {
			FirstName string `json:"first_name"`
			LastName  string `json:"last_name"`
			Email     string `json:"email"`
		} `json:"data"`
	}
	if json.Unmarshal([]byte(body), &answer) != nil {
		return
	}
	name := answer.Data.FirstName
	if answer.Data.LastName != "" {
		if name != "" {
			name += " "
		}
		name += answer.Data.LastName
	}
	if name == "" {
		name = answer.Data.Email
	}
	if name != "" {
		l.tell(state.PersonLoaded{Name: name})
	}
}

// failure is an error in the words of the page; nil is none.
func failure(err error) state.Failure {
	if err == nil {
		return state.Failure{}
	}
	var refusal *protocol.Error
	switch {
	case errors.As(err, &refusal):
		return state.Failure{Code: string(refusal.Code), Message: refusal.Message}
	case errors.Is(err, realtime.ErrOutcomeUnknown):
		return state.Failure{Message: "The connection was lost before the server answered, so nobody knows yet whether it was done. Look at the list before you try again."}
	}
	return state.Failure{Message: err.Error()}
}
