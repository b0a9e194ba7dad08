package directus_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol/transport"
	"leveret/server/directus"
)

const handshakeFailed = `{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"Authentication handshake failed."}}`

func TestHandshakeAcceptsEveryCredential(t *testing.T) {
	for name, c := range map[string]struct{ say, expect string }{
		"static token":           {`{"type":"auth","access_token":"editor-demo-token"}`, `{"type":"auth","status":"ok"}`},
		"uid is echoed as it is": {`{"type":"auth","access_token":"editor-demo-token","uid":7}`, `{"type":"auth","status":"ok","uid":7}`},
		"e-mail and password":    {`{"type":"auth","email":"Editor@example.com","password":"editor-demo","uid":"q"}`, `{"type":"auth","status":"ok","refresh_token":"<token>","uid":"q"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				peer := newWorld(t, nil).dial(directus.Peer{})
				began := time.Now()
				peer.Say(c.say)
				peer.Expect(c.expect)
				stalled := time.Since(began)
				if strings.Contains(c.say, "email") != (stalled >= 500*time.Millisecond) || stalled >= time.Second {
					t.Errorf("the answer took %v; a login must take half a second, and the official SDK waits one", stalled)
				}
			})
		})
	}
}

func TestHandshakeRefuses(t *testing.T) {
	for name, say := range map[string]string{
		"wrong token":         `{"type":"auth","access_token":"nope","uid":"u1"}`,
		"wrong password":      `{"type":"auth","email":"editor@example.com","password":"wrong"}`,
		"unknown e-mail":      `{"type":"auth","email":"nobody@example.com","password":"wrong"}`,
		"wrong refresh token": `{"type":"auth","refresh_token":"nope"}`,
		"forged token":        `{"type":"auth","access_token":"eyJhbGciOiJub25lIn0.eyJpZCI6IjEifQ."}`,
		"no e-mail":           `{"type":"auth","email":"not-an-email","password":"x"}`,
		"no credential":       `{"type":"auth"}`,
		"another type":        `{"type":"ping"}`,
		"no JSON":             `{bad`,
		"nothing":             "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				peer := newWorld(t, nil).dial(directus.Peer{})
				began := time.Now()
				if say != "" {
					peer.Say(say)
				}
				time.Sleep(9900 * time.Millisecond)
				if say == "" {
					peer.ExpectNothing(50 * time.Millisecond)
				}
				peer.Expect(handshakeFailed)
				peer.ExpectClose(transport.CloseAuthFailed)
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestFramesBehindTheAuthAreAnsweredAfterIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, nil).dial(directus.Peer{})
		peer.Say(`{"type":"auth","access_token":"editor-demo-token"}`)
		peer.Say(`{"type":"ping","uid":"p"}`)
		peer.Expect(`{"type":"auth","status":"ok"}`)
		peer.Expect(`{"type":"pong","uid":"p"}`)
	})
}

func TestTokenAtTheUpgrade(t *testing.T) {
	for _, mode := range []directus.Mode{directus.ModeHandshake, directus.ModeStrict, directus.ModePublic} {
		t.Run(string(mode), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, &directus.Options{Mode: mode})
				peer := w.dial(directus.Peer{Token: editor})
				peer.Say(`{"type":"items","collection":"messages","action":"read","query":{"fields":["text"],"limit":1}}`)
				peer.Expect(`{"type":"items","data":[{"text":"first"}]}`)
				wrong := w.dial(directus.Peer{Token: "wrong"})
				wrong.ExpectClose(transport.CloseAuthFailed)
			})
		})
	}
	t.Run("none in strict mode", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			newWorld(t, &directus.Options{Mode: directus.ModeStrict}).dial(directus.Peer{}).ExpectClose(transport.CloseAuthFailed)
		})
	})
}

func TestPublicModeStaysOpen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, &directus.Options{Mode: directus.ModePublic, Permissions: directus.DemoPermissions(true)}).dial(directus.Peer{})
		read := func(code string) {
			t.Helper()
			peer.Say(`{"type":"items","collection":"messages","action":"delete","id":"` + third + `","uid":1}`)
			peer.Expect(`{"type":"items","status":"error","error":{"code":"` + code + `","message":"<_>"},"uid":1}`)
		}
		peer.Say(`{"type":"items","collection":"messages","action":"read","query":{"fields":"text","limit":"1"},"uid":"r"}`)
		peer.Expect(`{"type":"items","data":[{"text":"first"}],"uid":"r"}`)
		read("FORBIDDEN")
		peer.Say(`{"type":"auth","access_token":"wrong","uid":"a"}`)
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"Authentication failed."},"uid":"a"}`)
		read("FORBIDDEN") // anonymous, never unrestricted
		peer.Say(`{"type":"auth","access_token":"admin-demo-token","uid":"b"}`)
		peer.Expect(`{"type":"auth","status":"ok","uid":"b"}`)
		peer.Say(`{"type":"items","collection":"messages","action":"delete","id":"` + third + `","uid":2}`)
		peer.Expect(`{"type":"items","data":"` + third + `","uid":2}`)
	})
}

func TestReauthentication(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		peer := w.connect(reader)
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"]},"uid":"s"}`)
		peer.Expect(`{"type":"subscription","event":"init","data":[{"text":"first"},{"text":"third"}],"uid":"s"}`)

		other := w.connect(editor)
		other.Say(`{"type":"items","collection":"messages","action":"create","data":{"text":"hidden","status":"draft"}}`)
		other.Expect(`{"type":"items","data":"<_>"}`)
		quiet(peer)

		peer.Say(`{"type":"auth","access_token":"editor-demo-token","uid":"re"}`)
		peer.Expect(`{"type":"auth","status":"ok","uid":"re"}`)
		other.Say(`{"type":"items","collection":"messages","action":"create","data":{"text":"seen","status":"draft"}}`)
		other.Expect(`{"type":"items","data":"<_>"}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"seen"}],"uid":"s"}`)

		peer.Say(`{"type":"auth","uid":"x"}`) // no credential: answered, and nothing else
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"Authentication failed."},"uid":"x"}`)
		quiet(peer)

		peer.Say(`{"type":"auth","access_token":"bad","uid":"re2"}`)
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"Authentication failed."},"uid":"re2"}`)
		peer.ExpectClose(transport.CloseAuthFailed)
	})
}

func TestPongsAreNotHeldUpByALogin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, nil).connect(editor)
		peer.Say(`{"type":"auth","email":"editor@example.com","password":"editor-demo","uid":"l"}`)
		time.Sleep(100 * time.Millisecond)
		peer.Say(`{"type":"ping","uid":"p"}`)
		peer.Expect(`{"type":"pong","uid":"p"}`)
		peer.Expect(`{"type":"auth","status":"ok","refresh_token":"<_>","uid":"l"}`)
	})
}

// login returns an access token and a refresh token of the editor.
func (w *world) login() directus.Session {
	w.t.Helper()
	session, err := w.accounts.Login(w.t.Context(), "editor@example.com", "editor-demo", directus.KindTokens)
	if err != nil {
		w.t.Fatal(err)
	}
	return session
}

const tokenExpired = `{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}`

func TestATokenEndsWhileConnected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Heartbeat: -1})
		session := w.login()
		peer := w.connect(session.AccessToken)
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"],"limit":1},"uid":"s"}`)
		peer.Expect(`{"type":"subscription","event":"init","data":[{"text":"first"}],"uid":"s"}`)
		time.Sleep(14 * time.Minute)
		peer.ExpectNothing(30 * time.Second)
		time.Sleep(30 * time.Second)
		peer.Expect(tokenExpired)

		// Anonymous: told nothing, and may do nothing.
		other := w.connect(editor)
		other.Say(`{"type":"items","collection":"messages","action":"create","data":{"text":"in the gap"}}`)
		other.Expect(`{"type":"items","data":"<_>"}`)
		peer.Say(`{"type":"items","collection":"messages","action":"read","uid":"r"}`)
		peer.Expect(`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":"r"}`)

		peer.Say(`{"type":"auth","refresh_token":"` + session.RefreshToken + `","uid":"again"}`)
		peer.Expect(`{"type":"auth","status":"ok","refresh_token":"<fresh>","uid":"again"}`)
		time.Sleep(time.Minute)
		other.Say(`{"type":"items","collection":"messages","action":"create","data":{"text":"after"}}`)
		other.Expect(`{"type":"items","data":"<_>"}`)
		peer.Expect(`{"type":"subscription","event":"create","data":[{"text":"after"}],"uid":"s"}`)

		// Nobody signs in after the next end.
		time.Sleep(14 * time.Minute)
		peer.Expect(tokenExpired)
		peer.ExpectNothing(8500 * time.Millisecond)
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":"Authentication timed out."}}`)
		peer.ExpectClose(transport.CloseAuthFailed)
	})
}

func TestATokenEndsInPublicMode(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Heartbeat: -1, Mode: directus.ModePublic, AuthTimeout: time.Second})
		peer := w.dial(directus.Peer{})
		peer.Say(`{"type":"auth","access_token":"` + w.login().AccessToken + `"}`)
		peer.Expect(`{"type":"auth","status":"ok"}`)
		time.Sleep(15 * time.Minute)
		peer.Expect(tokenExpired)
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":"Authentication timed out."}}`)
		peer.ExpectNothing(time.Minute)
		quiet(peer)
	})
}

func TestHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Heartbeat: 2 * time.Second})
		answers, busy, silent, reauthenticates := w.connect(editor), w.connect(editor), w.connect(editor), w.connect(editor)
		waiting := w.dial(directus.Peer{}) // has not authenticated: gets no ping
		time.Sleep(2 * time.Second)
		for range 3 {
			answers.Expect(`{"type":"ping"}`)
			answers.Say(`{"type":"pong"}`)
			busy.Expect(`{"type":"ping"}`)
			busy.Say(`{"type":"items","collection":"messages","action":"read","query":{"limit":0},"uid":1}`)
			busy.Expect(`{"type":"items","data":[],"uid":1}`)
			if silent != nil {
				silent.Expect(`{"type":"ping"}`)
				reauthenticates.Expect(`{"type":"ping"}`)
				reauthenticates.Say(`{"type":"auth","access_token":"editor-demo-token"}`)
				reauthenticates.Expect(`{"type":"auth","status":"ok"}`)
				silent.ExpectNothing(1900 * time.Millisecond)
				silent.ExpectClose(transport.CloseHeartbeat)
				reauthenticates.ExpectClose(transport.CloseHeartbeat)
				silent = nil
				continue
			}
			time.Sleep(2 * time.Second)
		}
		waiting.Expect(handshakeFailed)
	})
}

func TestNoHeartbeatNoPong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, &directus.Options{Heartbeat: -1}).connect(editor)
		peer.Say(`{"type":"ping","uid":1}`)
		peer.ExpectNothing(time.Hour)
	})
}

func TestShutdownCloses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		open, waiting := w.connect(editor), w.dial(directus.Peer{})
		synctest.Wait()
		if err := w.hub.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		open.ExpectClose(transport.CloseRestart)
		waiting.ExpectClose(transport.CloseRestart)
		w.dial(directus.Peer{}).ExpectClose(transport.CloseRestart)
	})
}
