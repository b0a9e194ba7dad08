//go:build js

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"leveret/app/state"
)

// fetch makes one request with the browser's fetch: net/http would add a third to
// the program. token, if not empty, goes into the Authorization header.
func fetch(ctx context.Context, method, url, token, body string) (status int, answer string, err error) {
	type result struct {
		status int
		answer string
		err    error
	}
	done := make(chan result, 1)
	abort := js.Global().Get("AbortController").New()
	headers := map[string]any{"Accept": "application/json"}
	if token != "" {
		headers["Authorization"] = "Bearer " + token
	}
	options := map[string]any{"method": method, "headers": headers, "signal": abort.Get("signal"), "cache": "no-store"}
	if body != "" {
		headers["Content-Type"] = "application/json"
		options["body"] = body
	}

	var r result
	failed := js.FuncOf(func(this js.Value, args []js.Value) any {
		message := "the server cannot be reached"
		if len(args) > 0 && args[0].Type() == js.TypeObject {
			message += " (" + args[0].Get("message").String() + ")"
		}
		done <- result{err: errors.New(message)}
		return nil
	})
	read := js.FuncOf(func(this js.Value, args []js.Value) any {
		r.answer = args[0].String()
		done <- r
		return nil
	})
	answered := js.FuncOf(func(this js.Value, args []js.Value) any {
		r.status = args[0].Get("status").Int()
		return args[0].Call("text")
	})
	settled := make(chan struct{})
	last := js.FuncOf(func(this js.Value, args []js.Value) any { close(settled); return nil })
	js.Global().Call("fetch", url, options).Call("then", answered).Call("then", read, failed).Call("then", last)
	go func() { // the functions go when the browser is done with them, also after an abort
		<-settled
		for _, f := range []js.Func{answered, read, failed, last} {
			f.Release()
		}
	}()

	select {
	case r := <-done:
		return r.status, r.answer, r.err
	case <-ctx.Done():
		abort.Call("abort")
		return 0, "", ctx.Err()
	}
}

// fetchConfig asks the server of this page which backend it belongs to. nil: there
// is none, as on static hosting; why says so where that was surely not meant.
func fetchConfig() (config *state.Config, why string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	status, answer, err := fetch(ctx, "GET", "/leveret.json", "", "")
	switch {
	case err != nil:
		return nil, "The server of this page does not answer. Check the connection, then reload the page."
	case status >= 500:
		return nil, fmt.Sprintf("The server of this page is in trouble (/leveret.json answered HTTP %d). Reload the page, or type the server's address.", status)
	case status != 200:
		return nil, ""
	}
	if config = readConfig(answer); config == nil {
		return nil, "This page cannot read /leveret.json, which tells it its server. Type the server's address."
	}
	return config, ""
}

// readConfig reads /leveret.json; nil if it is not what it should be.
func readConfig(answer string) *state.Config {
	var config struct {
		URL  string     `json:"url"`
		Mode state.Mode `json:"mode"`
		Path string     `json:"path"`
		Demo struct {
			Token string `json:"token"`
		} `json:"demo"`
	}
	if json.Unmarshal([]byte(answer), &config) != nil || config.URL == "" {
		return nil
	}
	url := strings.TrimRight(config.URL, "/")
	if config.Path != "" && config.Path != "/websocket" && strings.HasPrefix(url, "http") {
		url = "ws" + strings.TrimPrefix(url, "http") + config.Path
	}
	return &state.Config{URL: url, Mode: config.Mode, Token: config.Demo.Token}
}

// What is kept: the session until the tab is closed, preferences for good.
const (
	sessionKey     = "leveret.session"
	preferencesKey = "leveret.preferences"
)

// storage returns a Storage, or null where the browser refuses it.
func storage(name string) (found js.Value) {
	defer func() {
		if recover() != nil { // the getter throws where storage is blocked
			found = js.Null()
		}
	}()
	return js.Global().Get(name)
}

func store(name, key string, value any) {
	raw, err := json.Marshal(value)
	box := storage(name)
	if err != nil || !box.Truthy() {
		return
	}
	defer func() { recover() }() // the quota: the page works without
	box.Call("setItem", key, string(raw))
}

func load(name, key string, value any) {
	if box := storage(name); box.Truthy() {
		if raw := box.Call("getItem", key); raw.Type() == js.TypeString {
			_ = json.Unmarshal([]byte(raw.String()), value) // what cannot be read is as good as none
		}
	}
}

// kept is what stands in sessionStorage.
type kept struct {
	state.Session
	SignedOut bool `json:"signedOut,omitempty"`
}

func saveSession(s state.Session) { store("sessionStorage", sessionKey, kept{Session: s}) }

func forgetSession() { store("sessionStorage", sessionKey, kept{SignedOut: true}) }

func savePreferences(p state.Preferences) { store("localStorage", preferencesKey, p) }

func loadStored() state.Stored {
	var k kept
	var stored state.Stored
	load("sessionStorage", sessionKey, &k)
	load("localStorage", preferencesKey, &stored.Preferences)
	stored.Session, stored.SignedOut = k.Session, k.SignedOut
	return stored
}

// copyText puts the text on the clipboard, where the browser lets it.
func copyText(text string, done func(ok bool)) {
	clipboard := js.Global().Get("navigator").Get("clipboard")
	if !clipboard.Truthy() { // so it is on a page that came over plain HTTP
		go done(false)
		return
	}
	var yes, no js.Func
	settled := func(ok bool) any {
		yes.Release()
		no.Release()
		go done(ok)
		return nil
	}
	yes = js.FuncOf(func(js.Value, []js.Value) any { return settled(true) })
	no = js.FuncOf(func(js.Value, []js.Value) any { return settled(false) })
	clipboard.Call("writeText", text).Call("then", yes, no)
}
