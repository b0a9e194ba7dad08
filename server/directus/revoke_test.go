package directus_test

import (
	"testing"
	"time"

	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
	"leveret/server/directus"
)

const expired = `{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}`

// mayReadNothing asserts that a socket may read nothing.
func mayReadNothing(c *protocoltest.Peer) {
	c.Say(`{"type":"items","collection":"messages","action":"read","uid":1}`)
	c.Expect(`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":1}`)
}

// signedIn asserts that a socket may still read.
func signedIn(c *protocoltest.Peer) {
	c.Say(`{"type":"items","collection":"messages","action":"read","query":{"fields":["text"],"limit":1,"sort":"text"},"uid":1}`)
	c.Expect(`{"type":"items","data":[{"text":"first"}],"uid":1}`)
}

// A login takes half a second. Who is shut out meanwhile does not come in.
func TestShutOutWhileSigningIn(t *testing.T) {
	login := `{"type":"auth","email":"editor@example.com","password":"editor-demo"}`
	suspended := `{"status":"suspended"}`
	for name, c := range map[string]struct {
		mode          directus.Mode
		change, login string
		out           bool
	}{
		"suspended":                       {directus.ModeHandshake, suspended, "", true},
		"suspended, in public mode":       {directus.ModePublic, suspended, "", true},
		"another password":                {directus.ModePublic, `{"password":"another"}`, "", true},
		"another name":                    {directus.ModePublic, `{"first_name":"Ed"}`, "", false},
		"demoted, and may read something": {directus.ModePublic, `{"role":"` + directus.RoleReader + `"}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, &directus.Options{Mode: c.mode, Heartbeat: -1})
				peer := w.dial(directus.Peer{})
				peer.Say(login)
				time.Sleep(100 * time.Millisecond)
				if err := directus.Change(t.Context(), w.hub, "directus_users", eddie, c.change); err != nil {
					t.Fatal(err)
				}
				if !c.out {
					peer.Expect(`{"type":"auth","status":"ok","refresh_token":"<_>"}`)
					signedIn(peer)
					peer.Say(change("messages", "create", `"data":{"text":"x"},"query":{"fields":["text"]},"uid":"u"`))
					if name == "another name" {
						peer.Expect(`{"type":"items","data":{"text":"x"},"uid":"u"}`)
					} else {
						peer.Expect(`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":"u"}`)
					}
					return
				}
				peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_FAILED","message":"<_>"}}`)
				if c.mode == directus.ModePublic {
					mayReadNothing(peer)
				} else {
					peer.ExpectClose(transport.CloseAuthFailed)
				}
			})
		})
	}
}

// A socket is what it is for as long as what it signed in with counts.
func TestRevoked(t *testing.T) {
	auths := map[string]string{
		"token":    `{"type":"auth","access_token":"` + editor + `"}`,
		"password": `{"type":"auth","email":"editor@example.com","password":"editor-demo"}`,
	}
	for name, c := range map[string]struct {
		auth, change string
		out          bool
	}{
		"another token":                {"token", `{"token":"another"}`, true},
		"no token":                     {"token", `{"token":null}`, true},
		"a token, another password":    {"token", `{"password":"another"}`, false},
		"a token, written back":        {"token", `{"token":"**********"}`, false},
		"another password":             {"password", `{"password":"another"}`, true},
		"a password, another token":    {"password", `{"token":"another"}`, false},
		"a password, and another name": {"password", `{"last_name":"Ed"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t, &directus.Options{AuthTimeout: time.Second, Heartbeat: -1})
				peer, other := w.dial(directus.Peer{}), w.connect(reader)
				peer.Say(auths[c.auth])
				peer.Next()
				// Also once what is known of the user was renewed.
				for _, data := range []string{`{"first_name":"Ed"}`, c.change} {
					if err := directus.Change(t.Context(), w.hub, "directus_users", eddie, data); err != nil {
						t.Fatal(err)
					}
				}
				signedIn(other)
				if !c.out {
					signedIn(peer)
					return
				}
				peer.Expect(expired)
				mayReadNothing(peer)
				time.Sleep(2 * time.Second)
				peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":"Authentication timed out."}}`)
				peer.ExpectClose(transport.CloseAuthFailed)
			})
		})
	}
}

// A logout ends the session's sockets too, and no others.
func TestLogoutEndsSockets(t *testing.T) {
	s := serve(t, nil)
	here, there := s.session("/auth/login", sessionLogin), s.session("/auth/login", sessionLogin)
	mine, others, static := s.dial(directus.Peer{Token: here.Value}), s.dial(directus.Peer{Token: there.Value}), s.connect(editor)
	signedIn(mine)
	if response, text := s.call("POST", "/auth/logout", `{"mode":"session"}`, cookieHeader(here)); response.StatusCode != 204 {
		t.Fatal(response.StatusCode, text)
	}
	mine.Expect(expired)
	mayReadNothing(mine)
	signedIn(others)

	// Who changes the password stays signed in where he does it.
	another := s.session("/auth/login", sessionLogin)
	elsewhere := s.dial(directus.Peer{Token: another.Value})
	signedIn(elsewhere)
	if response, text := s.call("PATCH", "/users/me", `{"password":"another"}`, cookieHeader(there)); response.StatusCode != 200 {
		t.Fatal(response.StatusCode, text)
	}
	elsewhere.Expect(expired)
	signedIn(others)
	signedIn(static)
}
