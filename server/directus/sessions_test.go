package directus_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/transport"
	"leveret/server/directus"
)

const sessionLogin = `{"email":"editor@example.com","password":"editor-demo","mode":"session"}`

// session makes a request that must set the session's cookie and nothing else.
func (s *server) session(path, body string, header ...string) *http.Cookie {
	s.t.Helper()
	response, text := s.call("POST", path, body, header...)
	cookies := response.Cookies()
	if response.StatusCode != 200 || text != `{"data":{"expires":86400000}}` || len(cookies) != 1 {
		s.t.Fatalf("%s: %d %s %v", path, response.StatusCode, text, cookies)
	}
	c := cookies[0]
	if c.Name != "directus_session_token" || c.MaxAge != 24*3600 || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Secure {
		s.t.Errorf("%s: got the cookie %v", path, c)
	}
	return c
}

func cookieHeader(c *http.Cookie) string { return "Cookie: " + c.Name + "=" + c.Value }

func TestSessionMode(t *testing.T) {
	s := serve(t, &directus.Options{CORS: true, CORSOrigins: []string{"https://app.example"}})
	login := s.session("/auth/login", sessionLogin)
	read := func(cookie *http.Cookie, status int) *http.Response {
		t.Helper()
		response, text := s.call("GET", "/items/messages?fields=text&filter[text]=first", "", cookieHeader(cookie))
		if response.StatusCode != status || status == 200 && text != `{"data":[{"text":"first"}]}` {
			t.Errorf("got %d %s, want %d", response.StatusCode, text, status)
		}
		return response
	}
	read(login, 200)

	for name, c := range map[string]struct {
		method, origin string
		status         int
	}{
		"no page":                      {"POST", "", 200},
		"the same origin":              {"POST", s.url, 200},
		"an allowed origin":            {"POST", "https://app.example", 200},
		"another site":                 {"POST", "https://evil.example", 403},
		"another port of the host":     {"POST", "http://127.0.0.1:1", 403},
		"no origin to speak of":        {"POST", "null", 403},
		"another site only reads":      {"GET", "https://evil.example", 200},
		"another site deletes":         {"DELETE", "https://evil.example", 403},
		"another site changes":         {"PATCH", "https://evil.example", 403},
		"another site uses any method": {"PURGE", "https://evil.example", 403},
	} {
		body := `{"text":"from a page"}`
		if c.method == "GET" {
			body = ""
		}
		header := []string{cookieHeader(login)}
		if c.origin != "" {
			header = append(header, "Origin: "+c.origin)
		}
		if response, text := s.call(c.method, "/items/messages", body, header...); response.StatusCode != c.status {
			t.Errorf("%s: got %d %s", name, response.StatusCode, text)
		}
	}
	for _, path := range []string{"/auth/refresh", "/auth/logout"} {
		if response, text := s.call("POST", path, "", cookieHeader(login), "Origin: https://evil.example"); response.StatusCode != 403 {
			t.Errorf("%s from another site: got %d %s", path, response.StatusCode, text)
		}
	}

	// A token beside the cookie counts in its place.
	if response, _ := s.call("POST", "/items/messages", `{"text":"a"}`, cookieHeader(login), "Authorization: Bearer "+reader); response.StatusCode != 403 {
		t.Errorf("a reader's token beside an editor's cookie: got %d", response.StatusCode)
	}

	refreshed := s.session("/auth/refresh", `{"mode":"session"}`, cookieHeader(login))
	if refreshed.Value == login.Value {
		t.Error("the token did not change")
	}
	read(refreshed, 200)
	read(login, 200) // for ten seconds
	response, _ := s.call("POST", "/auth/logout", `{"mode":"session"}`, cookieHeader(refreshed))
	if cookies := response.Cookies(); response.StatusCode != 204 || len(cookies) != 1 || cookies[0].MaxAge != -1 {
		t.Errorf("the logout: got %d %v", response.StatusCode, cookies)
	}
	for _, c := range []*http.Cookie{login, refreshed} {
		if cookies := read(c, 401).Cookies(); len(cookies) != 1 || cookies[0].Name != c.Name || cookies[0].MaxAge != -1 {
			t.Errorf("a stale cookie stays: %v", cookies)
		}
	}
	for _, secret := range []string{login.Value, refreshed.Value} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func TestSessionCookieNames(t *testing.T) {
	s := serve(t, &directus.Options{
		PublicURL:     "https://live.example.com",
		SessionCookie: directus.Cookie{Name: "sid", Domain: "example.com", SameSite: http.SameSiteStrictMode},
	})
	response, _ := s.call("POST", "/auth/login", sessionLogin)
	cookies := response.Cookies()
	if len(cookies) != 1 || cookies[0].Name != "sid" || cookies[0].Domain != "example.com" || cookies[0].SameSite != http.SameSiteStrictMode || !cookies[0].Secure {
		t.Fatalf("got %v", cookies)
	}
	if response, _ := s.call("GET", "/items/messages", "", cookieHeader(cookies[0])); response.StatusCode != 200 {
		t.Errorf("got %d", response.StatusCode)
	}
}

func TestSessionCookieAtTheUpgrade(t *testing.T) {
	for _, mode := range []directus.Mode{directus.ModeHandshake, directus.ModeStrict, directus.ModePublic} {
		t.Run(string(mode), func(t *testing.T) {
			s := serve(t, &directus.Options{Mode: mode})
			cookie := s.session("/auth/login", sessionLogin)
			for name, c := range map[string]struct {
				query, cookie, origin string
				status                int
			}{
				"the cookie":                     {"", cookie.Value, "", 101},
				"a stale cookie":                 {"", "stale", "", 401},
				"a token wins over the cookie":   {"?access_token=" + editor, "stale", "", 101},
				"a wrong token wins too":         {"?access_token=wrong", cookie.Value, "", 401},
				"a page of elsewhere, by cookie": {"", cookie.Value, "https://evil.example", 403},
			} {
				status := 0
				header := []string{"Cookie: " + cookie.Name + "=" + c.cookie}
				if c.origin != "" {
					header = append(header, "Origin: "+c.origin)
				}
				s.socket(c.query, &status, header...)
				if status != c.status {
					t.Errorf("%s: got %d, want %d", name, status, c.status)
				}
			}
		})
	}
}

func TestSessionTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		login := func() directus.Session {
			t.Helper()
			session, err := w.accounts.Login(t.Context(), "editor@example.com", "editor-demo", directus.KindSession)
			if err != nil || session.RefreshToken != "" || session.Expires != 24*time.Hour {
				t.Fatal(session, err)
			}
			return session
		}
		valid := func(token string, code protocol.Code) {
			t.Helper()
			who, err := w.accounts.Authenticate(t.Context(), token)
			if code == "" && (err != nil || who.User == "" || who.Expires.IsZero()) || code != "" && !errors.Is(err, code) {
				t.Errorf("got %+v, %v; want %q", who, err, code)
			}
		}
		refresh := func(token string, kind directus.Kind, code protocol.Code) directus.Session {
			t.Helper()
			session, err := w.accounts.Refresh(t.Context(), token, kind)
			if code == "" && err != nil || code != "" && !errors.Is(err, code) {
				t.Errorf("got %v, want %q", err, code)
			}
			return session
		}

		first := login()
		valid(first.AccessToken, "")
		time.Sleep(time.Hour)
		// Two tabs at once: both get the same session.
		var both [2]directus.Session
		var tabs sync.WaitGroup
		for i := range both {
			tabs.Go(func() { both[i] = refresh(first.AccessToken, directus.KindSession, "") })
		}
		tabs.Wait()
		if both[0].AccessToken != both[1].AccessToken || both[0].AccessToken == first.AccessToken {
			t.Error("two tabs got two sessions")
		}
		valid(first.AccessToken, "")
		time.Sleep(9 * time.Second)
		refresh(first.AccessToken, directus.KindTokens, protocol.CodeInvalidCredentials) // only for sessions
		if again := refresh(first.AccessToken, directus.KindSession, ""); again.AccessToken == "" || again.Expires > 24*time.Hour-9*time.Second {
			t.Errorf("within the grace period: got %v", again.Expires)
		}
		time.Sleep(2 * time.Second)
		valid(first.AccessToken, protocol.CodeInvalidCredentials)
		refresh(first.AccessToken, directus.KindSession, protocol.CodeInvalidCredentials)
		valid(both[0].AccessToken, "")

		// From one kind to the other: nothing is left of the first.
		tokens := refresh(both[0].AccessToken, directus.KindTokens, "")
		valid(both[0].AccessToken, protocol.CodeInvalidCredentials)
		back := refresh(tokens.RefreshToken, directus.KindSession, "")
		refresh(tokens.RefreshToken, directus.KindTokens, protocol.CodeInvalidCredentials)
		// An access token is none to refresh with.
		refresh(tokens.AccessToken, directus.KindSession, protocol.CodeInvalidCredentials)

		time.Sleep(24*time.Hour + time.Second)
		valid(back.AccessToken, protocol.CodeTokenExpired)
		refresh(back.AccessToken, directus.KindSession, protocol.CodeTokenExpired)
		if err := w.accounts.Logout(t.Context(), back.AccessToken); err != nil {
			t.Errorf("the logout of what has ended: %v", err)
		}

		// A logout ends what was exchanged a moment ago, and what it was exchanged for.
		for _, which := range []int{0, 1} {
			old := login()
			pair := []directus.Session{old, refresh(old.AccessToken, directus.KindSession, "")}
			if err := w.accounts.Logout(t.Context(), pair[which].AccessToken); err != nil {
				t.Fatal(err)
			}
			for _, s := range pair {
				valid(s.AccessToken, protocol.CodeInvalidCredentials)
				refresh(s.AccessToken, directus.KindSession, protocol.CodeInvalidCredentials)
			}
		}

		// Of a user who is suspended nothing counts.
		last := login()
		err := w.store.Write(t.Context(), func(tx directus.Tx) error {
			return tx.Update(t.Context(), "directus_users", []any{last.Identity.User}, query.Row{"status": "suspended"})
		})
		if err != nil {
			t.Fatal(err)
		}
		valid(last.AccessToken, protocol.CodeUserSuspended)
		refresh(last.AccessToken, directus.KindSession, protocol.CodeUserSuspended)
	})
}

func TestSessionSocketExpiresWithItsToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Heartbeat: -1, AuthTimeout: time.Second})
		session, err := w.accounts.Login(t.Context(), "editor@example.com", "editor-demo", directus.KindSession)
		if err != nil {
			t.Fatal(err)
		}
		peer := w.dial(directus.Peer{Token: session.AccessToken})
		peer.ExpectNothing(24*time.Hour - time.Second)
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"TOKEN_EXPIRED","message":"Token expired."}}`)
		peer.Say(`{"type":"items","collection":"messages","action":"read","uid":1}`)
		peer.Expect(`{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":1}`)
		peer.Expect(`{"type":"auth","status":"error","error":{"code":"AUTH_TIMEOUT","message":"Authentication timed out."}}`)
		peer.ExpectClose(transport.CloseAuthFailed)
	})
}

func TestRolesInherit(t *testing.T) {
	const lead, user = "00000000-0000-4000-8000-0000000000f0", "00000000-0000-4000-8000-0000000000e2"
	w := newWorld(t, nil)
	err := w.store.Write(t.Context(), func(tx directus.Tx) error {
		if _, err := tx.Insert(t.Context(), "directus_roles", query.Row{"id": lead, "name": "Lead", "parent": directus.RoleEditor}); err != nil {
			return err
		}
		// A circle ends somewhere.
		if err := tx.Update(t.Context(), "directus_roles", []any{directus.RoleEditor}, query.Row{"parent": lead}); err != nil {
			return err
		}
		return tx.Update(t.Context(), "directus_users", []any{user}, query.Row{"role": lead})
	})
	if err != nil {
		t.Fatal(err)
	}
	identify := func(rules directus.Rules) directus.Identity {
		t.Helper()
		accounts, err := directus.NewAccounts(t.Context(), w.store, &directus.AccountsOptions{Permissions: directus.PermissionsOf(rules)})
		if err != nil {
			t.Fatal(err)
		}
		who, err := accounts.Identify(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		return who
	}
	rules := directus.Rules{
		Roles:    []directus.Role{{ID: lead, Parent: directus.RoleEditor}},
		Policies: []directus.Policy{{ID: "own"}, {ID: "role"}, {ID: "parent", App: true}, {ID: "root", Admin: true}},
		Grants:   []directus.Grant{{User: user, Policy: "own"}, {Role: lead, Policy: "role"}, {Role: directus.RoleEditor, Policy: "parent"}, {Role: directus.RoleAdmin, Policy: "root"}},
	}
	who := identify(rules)
	if strings.Join(who.Roles, " ") != lead+" "+directus.RoleEditor || strings.Join(who.Policies, " ") != "parent role own" || who.Admin || !who.App {
		t.Errorf("got %+v", who)
	}
	rules.Grants = append(rules.Grants, directus.Grant{User: user, Policy: "root"})
	if who := identify(rules); !who.Admin {
		t.Errorf("a policy makes an administrator: got %+v", who)
	}
}

func TestFailedLoginsAreThrottled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{AuthTimeout: time.Hour})
		// try logs in from an address and tells the message of the refusal, or "".
		try := func(ip, email, password string) string {
			t.Helper()
			peer := w.dial(directus.Peer{IP: ip})
			peer.Say(`{"type":"auth","email":"` + email + `","password":"` + password + `"}`)
			frame := string(peer.Next())
			if strings.Contains(frame, `"ok"`) {
				return ""
			}
			_, message, _ := strings.Cut(frame, `"code":"AUTH_FAILED","message":"`)
			message, _, _ = strings.Cut(message, `"`)
			return message
		}
		const failed, attacker, other = "Authentication handshake failed.", "192.0.2.1", "192.0.2.2"
		for i := range 10 {
			if got := try(attacker, "editor@example.com", "wrong"); got != failed {
				t.Fatalf("attempt %d: got %q", i, got)
			}
		}
		const editorEmail, readerEmail = "editor@example.com", "reader@example.com"
		for name, c := range map[string]struct {
			ip, email, password string
			refused             bool
		}{
			"the right password":            {attacker, editorEmail, "editor-demo", true},
			"another address, that account": {other, "Editor@example.com", "editor-demo", true},
			"that address, another account": {attacker, readerEmail, "reader-demo", true},
			"another of both":               {other, readerEmail, "reader-demo", false},
		} {
			if got := try(c.ip, c.email, c.password); strings.HasPrefix(got, "Too many logins failed. Try again in ") != c.refused {
				t.Errorf("%s: got %q", name, got)
			}
		}
		time.Sleep(6 * time.Second) // one more
		if got := try(other, editorEmail, "editor-demo"); got != "" {
			t.Errorf("after a while: got %q", got)
		}
		// This machine may be a proxy: its address does not count.
		for range 11 {
			try("127.0.0.1", "nobody@example.com", "wrong")
		}
		if got := try("127.0.0.1", readerEmail, "reader-demo"); got != "" {
			t.Errorf("over loopback: got %q", got)
		}
	})
}

func TestFailedLoginsOverREST(t *testing.T) {
	s := serve(t, &directus.Options{MaxFailedLogins: 1})
	s.expect("POST", "/auth/login", `{"email":"editor@example.com","password":"wrong"}`, "", 401, restError("INVALID_CREDENTIALS"))
	s.expect("POST", "/auth/login", `{"email":"editor@example.com","password":"editor-demo"}`, "", 429, restError("REQUESTS_EXCEEDED"))
}

func TestConnectionsPerAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{MaxConnectionsPerAddress: 2, Mode: directus.ModePublic})
		open := func(ip string, code int) func() {
			t.Helper()
			near, far := transport.Pipe()
			peer := w.attach(near, far, directus.Peer{IP: ip})
			if code != 0 {
				peer.ExpectClose(code)
				return nil
			}
			quiet(peer)
			return func() {
				near.Close(transport.CloseNormal, "")
				time.Sleep(time.Second)
			}
		}
		open("2001:db8::1", 0)
		end := open("2001:db8::2", 0)
		open("2001:db8::3", transport.CloseTooMany) // of the same customer
		open("2001:db8:0:1::1", 0)
		for range 3 {
			open("127.0.0.1", 0)
			open("", 0)
		}
		end()
		open("2001:db8::4", 0)
	})
}

func TestForwardedAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		trusted   int
		forwarded string
		refused   bool // after a failure of 198.51.100.1
	}{
		"not believed":           {0, "198.51.100.1", false}, // it is loopback, which does not count
		"one proxy":              {1, "198.51.100.1", true},
		"one proxy, and a lie":   {1, "198.51.100.1, 203.0.113.9", false},
		"two proxies":            {2, "203.0.113.7, 198.51.100.1, 203.0.113.9", true},
		"fewer than there are":   {3, "198.51.100.1", true},
		"none where one must be": {1, "", false},
		"nonsense":               {1, "unknown", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &directus.Options{MaxFailedLogins: 1, TrustedProxies: c.trusted})
			s.call("POST", "/auth/login", `{"email":"nobody@example.com","password":"wrong"}`, "X-Forwarded-For: 198.51.100.1"+strings.Repeat(", 203.0.113.9", max(0, c.trusted-1)))
			response, _ := s.call("POST", "/auth/login", `{"email":"editor@example.com","password":"editor-demo"}`, "X-Forwarded-For: "+c.forwarded)
			if refused := response.StatusCode == 429; refused != c.refused {
				t.Errorf("got %d", response.StatusCode)
			}
		})
	}
}
