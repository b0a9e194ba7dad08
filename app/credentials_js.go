//go:build js

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"leveret/app/state"
	"leveret/protocol"
	"leveret/protocol/realtime"
)

// credentials hold what a person signed in with, and what the server gave for it.
// They live in memory; only what state.SaveSession says is kept for a reload.
type credentials struct {
	keep func(refreshToken string) // told each new one

	mu      sync.Mutex
	session state.Session // Refresh is the newest refresh token
	access  string        // mode strict: the access token, until
	until   time.Time
	asked   bool // the last credential was the refresh token, and it is not yet accepted
}

func newCredentials(s state.Session, keep func(refreshToken string)) *credentials {
	return &credentials{session: s, keep: keep}
}

// next is asked at every attempt to connect.
func (c *credentials) next(ctx context.Context) (realtime.Credential, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	switch s.Kind {
	case state.TabGuest:
		return realtime.Credential{}, nil
	case state.TabToken:
		return realtime.Credential{AccessToken: s.Token}, nil
	}
	if s.Mode == state.ModeStrict { // the socket's URL can carry an access token only
		access, err := c.accessToken(ctx)
		return realtime.Credential{AccessToken: access}, err
	}
	switch {
	case s.Refresh != "":
		c.mu.Lock()
		c.asked = true
		c.mu.Unlock()
		return realtime.Credential{RefreshToken: s.Refresh}, nil
	case s.Password != "":
		return realtime.Credential{Email: s.Email, Password: s.Password}, nil
	}
	return realtime.Credential{}, &protocol.Error{Type: protocol.TypeAuth, Code: protocol.CodeInvalidCredentials, Message: "The password is not kept over a reload. Sign in again."}
}

// refreshed keeps a new refresh token: the old one is void.
func (c *credentials) refreshed(token string) {
	c.mu.Lock()
	c.session.Refresh, c.asked = token, false
	c.mu.Unlock()
	c.keep(token)
}

func (c *credentials) accepted() {
	c.mu.Lock()
	c.asked = false
	c.mu.Unlock()
}

// fallBack drops a refresh token that was refused, and reports whether the
// password is there to sign in with instead. A refresh token gets lost when the
// connection breaks after the server has changed it and before it has said so.
func (c *credentials) fallBack() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked || c.session.Password == "" {
		return false
	}
	c.session.Refresh, c.asked = "", false
	return true
}

// accessToken returns an access token that is good for another half minute.
func (c *credentials) accessToken(ctx context.Context) (string, error) {
	c.mu.Lock()
	s, access, until := c.session, c.access, c.until
	c.mu.Unlock()
	if access != "" && time.Until(until) > 30*time.Second {
		return access, nil
	}
	var refused error
	if s.Refresh != "" {
		access, err := c.ask(ctx, s.URL, "/auth/refresh", map[string]string{"refresh_token": s.Refresh, "mode": "json"})
		var refusal *protocol.Error
		if err == nil || !errors.As(err, &refusal) {
			return access, err
		}
		refused = err
	}
	if s.Password != "" {
		return c.ask(ctx, s.URL, "/auth/login", map[string]string{"email": s.Email, "password": s.Password, "mode": "json"})
	}
	if refused == nil {
		refused = &protocol.Error{Type: protocol.TypeAuth, Code: protocol.CodeInvalidCredentials, Message: "The password is not kept over a reload. Sign in again."}
	}
	return "", refused
}

// ask gets tokens over HTTP. A refusal is a *protocol.Error.
func (c *credentials) ask(ctx context.Context, url, path string, request map[string]string) (string, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	status, answer, err := fetch(ctx, "POST", restBase(url)+path, "", string(body))
	if err != nil {
		return "", err
	}
	if status != 200 {
		return "", restError(status, answer)
	}
	var tokens struct {
		Data struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
			Expires      int64  `json:"expires"` // milliseconds
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(answer), &tokens); err != nil || tokens.Data.AccessToken == "" {
		return "", fmt.Errorf("%s answered without an access token", path)
	}
	c.mu.Lock()
	c.access, c.until = tokens.Data.AccessToken, time.Now().Add(time.Duration(tokens.Data.Expires)*time.Millisecond)
	c.mu.Unlock()
	if tokens.Data.RefreshToken != "" {
		c.refreshed(tokens.Data.RefreshToken)
	}
	return tokens.Data.AccessToken, nil
}

// probe asks over HTTP whether the server accepts the credential: a browser does
// not tell why a socket was refused.
func (c *credentials) probe(ctx context.Context, credential realtime.Credential) error {
	c.mu.Lock()
	base := restBase(c.session.URL)
	c.mu.Unlock()
	path := "/users/me"
	if credential.AccessToken == "" { // asking with another credential would use it up
		path = "/server/ping"
	}
	status, answer, err := fetch(ctx, "GET", base+path, credential.AccessToken, "")
	switch {
	case err != nil:
		return err
	case status == 401:
		var refusal *protocol.Error
		if errors.As(restError(status, answer), &refusal) && refusal.Code != "" {
			return refusal.Code
		}
		return protocol.CodeInvalidToken
	case status >= 500:
		return fmt.Errorf("the server answered HTTP %d", status)
	}
	return nil
}

// restError is the error of a REST answer: {"errors":[{"message","extensions":{"code"}}]}.
func restError(status int, answer string) error {
	var refusal struct {
		Errors []struct {
			Message    string `json:"message"`
			Extensions struct {
				Code string `json:"code"`
			} `json:"extensions"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(answer), &refusal) != nil || len(refusal.Errors) == 0 || status >= 500 {
		return fmt.Errorf("the server answered HTTP %d", status)
	}
	first := refusal.Errors[0]
	return &protocol.Error{Type: protocol.TypeAuth, Code: protocol.Code(first.Extensions.Code), Message: first.Message}
}

// restBase is where the server's REST is, of the address of the server or of its
// socket.
func restBase(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	switch scheme {
	case "ws", "wss":
		host, _, _ := strings.Cut(rest, "/")
		return "http" + strings.TrimPrefix(scheme, "ws") + "://" + host
	}
	return strings.TrimSuffix(strings.TrimRight(url, "/"), "/websocket")
}
