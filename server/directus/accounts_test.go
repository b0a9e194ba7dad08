package directus_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

func TestAccessTokensAreDirectus(t *testing.T) {
	bubble(t, func(t *testing.T) {
		session := newWorld(t, nil).login()
		claims := jwt.MapClaims{}
		token, _, err := jwt.NewParser().ParseUnverified(session.AccessToken, claims)
		if err != nil {
			t.Fatal(err)
		}
		now := float64(time.Now().Unix())
		if token.Header["alg"] != "HS256" || claims["iss"] != "directus" || claims["role"] != directus.RoleEditor ||
			claims["admin_access"] != false || claims["app_access"] != false || claims["id"] == nil ||
			claims["exp"] != now-1+900 && claims["exp"] != now+900 || claims["iat"] == nil {
			t.Errorf("got %v %v", token.Header, claims)
		}
		if len(session.RefreshToken) != 64 || session.Expires != 15*time.Minute {
			t.Errorf("got %+v", session)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	sign := func(method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			panic(err)
		}
		return token
	}
	const user, secret = "00000000-0000-4000-8000-0000000000e2", "a secret"
	later := time.Now().Add(time.Hour).Unix()
	for name, c := range map[string]struct {
		token string
		code  protocol.Code
	}{
		"static":             {editor, ""},
		"signed":             {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"id": user, "iss": "directus", "exp": later}), ""},
		"empty":              {"", protocol.CodeInvalidCredentials},
		"unknown":            {"nobody", protocol.CodeInvalidCredentials},
		"another secret":     {sign(jwt.SigningMethodHS256, []byte("other"), jwt.MapClaims{"id": user, "iss": "directus", "exp": later}), protocol.CodeInvalidToken},
		"not signed":         {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"id": user, "iss": "directus", "exp": later}), protocol.CodeInvalidToken},
		"another method":     {sign(jwt.SigningMethodHS512, []byte(secret), jwt.MapClaims{"id": user, "iss": "directus", "exp": later}), protocol.CodeInvalidToken},
		"another issuer":     {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"id": user, "iss": "else", "exp": later}), protocol.CodeInvalidCredentials},
		"without an end":     {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"id": user, "iss": "directus"}), protocol.CodeInvalidToken},
		"expired":            {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"id": user, "iss": "directus", "exp": 1}), protocol.CodeTokenExpired},
		"of a user who left": {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"id": "x", "iss": "directus", "exp": later}), protocol.CodeInvalidCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			accounts, err := directus.NewAccounts(t.Context(), newWorld(t, nil).store, &directus.AccountsOptions{Secret: secret})
			if err != nil {
				t.Fatal(err)
			}
			who, err := accounts.Authenticate(t.Context(), c.token)
			if c.code == "" && (err != nil || who.User != user || who.Role != directus.RoleEditor) {
				t.Errorf("got %+v, %v", who, err)
			}
			if c.code != "" && !errors.Is(err, c.code) {
				t.Errorf("got %v, want %v", err, c.code)
			}
		})
	}
}

func TestASuspendedUserIsOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		session := w.login()
		err := w.store.Write(t.Context(), func(tx directus.Tx) error {
			return tx.Update(t.Context(), "directus_users", []any{session.Identity.User}, query.Row{"status": "suspended"})
		})
		if err != nil {
			t.Fatal(err)
		}
		_, byPassword := w.accounts.Login(t.Context(), "editor@example.com", "editor-demo", directus.KindTokens)
		_, byRefresh := w.accounts.Refresh(t.Context(), session.RefreshToken, directus.KindTokens)
		_, byAccess := w.accounts.Authenticate(t.Context(), session.AccessToken)
		_, byStatic := w.accounts.Authenticate(t.Context(), editor)
		for _, err := range []error{byPassword, byRefresh, byAccess, byStatic} {
			if !errors.Is(err, protocol.CodeUserSuspended) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestLoginStallsAlike(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for _, email := range []string{"editor@example.com", "nobody@example.com"} {
			began := time.Now()
			_, err := w.accounts.Login(t.Context(), email, "wrong", directus.KindTokens)
			if took := time.Since(began); !errors.Is(err, protocol.CodeInvalidCredentials) || took != 500*time.Millisecond {
				t.Errorf("%s: got %v after %v", email, err, took)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := w.accounts.Login(ctx, "editor@example.com", "wrong", directus.KindTokens); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v from a login that nobody waits for", err)
		}
	})
}

func TestRefreshTokens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		session := w.login()
		time.Sleep(6 * 24 * time.Hour)
		second, err := w.accounts.Refresh(t.Context(), session.RefreshToken, directus.KindTokens)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.accounts.Refresh(t.Context(), session.RefreshToken, directus.KindTokens); !errors.Is(err, protocol.CodeInvalidCredentials) {
			t.Errorf("a token that was exchanged: %v", err)
		}
		time.Sleep(7 * 24 * time.Hour)
		if _, err := w.accounts.Refresh(t.Context(), second.RefreshToken, directus.KindTokens); !errors.Is(err, protocol.CodeInvalidCredentials) {
			t.Errorf("a token that ended: %v", err)
		}
	})
}

func TestSecretsAreNotStored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		session := w.login()
		all := query.New()
		for _, collection := range []string{"directus_users", "directus_sessions"} {
			rows, err := w.store.Read(t.Context(), collection, all)
			if err != nil || len(rows) == 0 {
				t.Fatal(len(rows), err)
			}
			for _, row := range rows {
				for name, value := range row {
					text, _ := value.(string)
					if text == editor || text == "editor-demo" || text == session.RefreshToken {
						t.Errorf("%s.%s holds %s", collection, name, text)
					}
					if name == "password" && !strings.HasPrefix(text, "$argon2id$v=19$m=64,t=1,p=1$") {
						t.Errorf("got the hash %s", text)
					}
				}
			}
		}
	})
}

func TestHashCost(t *testing.T) {
	if directus.HashCost != "m=19456,t=2,p=1" {
		t.Errorf("a hash costs %s; OWASP's least is m=19456,t=2,p=1", directus.HashCost)
	}
}

// empty opens a store that nobody has used.
func empty(t *testing.T) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "empty.db"), Schema: directus.DemoSchema()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func TestSeed(t *testing.T) {
	seed := func(t *testing.T, store directus.Store, opts directus.SeedOptions) directus.Seeded {
		t.Helper()
		seeded, err := directus.Seed(t.Context(), store, &opts)
		if err != nil {
			t.Fatal(err)
		}
		return seeded
	}
	// enters reports whether somebody may sign in; by password if there is an e-mail.
	enters := func(t *testing.T, store directus.Store, email, secret string) bool {
		t.Helper()
		accounts, err := directus.NewAccounts(t.Context(), store, &directus.AccountsOptions{LoginStall: -1})
		if err != nil {
			t.Fatal(err)
		}
		if email == "" {
			_, err = accounts.Authenticate(t.Context(), secret)
		} else {
			_, err = accounts.Login(t.Context(), email, secret, directus.KindTokens)
		}
		return err == nil
	}
	count := func(t *testing.T, store directus.Store, collection string) int {
		t.Helper()
		n, err := store.Count(t.Context(), collection, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Run("demo, then again, then public, then demo", func(t *testing.T) {
		store := empty(t)
		if seeded := seed(t, store, directus.SeedOptions{Demo: true, Items: true}); !seeded.First || seeded.AdminPassword != "" {
			t.Errorf("got %+v", seeded)
		}
		messages := count(t, store, "messages")
		if messages == 0 || count(t, store, "directus_users") != 3 {
			t.Errorf("got %d messages", messages)
		}
		for _, account := range directus.DemoAccounts {
			if !enters(t, store, account.Email, account.Password) || !enters(t, store, "", account.Token) {
				t.Errorf("%s cannot sign in", account.Email)
			}
		}
		if seeded := seed(t, store, directus.SeedOptions{Demo: true, Items: true}); seeded.First || count(t, store, "messages") != messages {
			t.Errorf("the second start: got %+v, %d messages", seeded, count(t, store, "messages"))
		}
		seeded := seed(t, store, directus.SeedOptions{Items: true})
		if seeded.First || seeded.AdminEmail != "admin@example.com" || !enters(t, store, seeded.AdminEmail, seeded.AdminPassword) {
			t.Errorf("going public: got %+v", seeded)
		}
		for _, account := range directus.DemoAccounts {
			if enters(t, store, account.Email, account.Password) || enters(t, store, "", account.Token) {
				t.Errorf("%s can still sign in", account.Email)
			}
		}
		seed(t, store, directus.SeedOptions{Demo: true})
		if !enters(t, store, "", editor) || !enters(t, store, seeded.AdminEmail, seeded.AdminPassword) {
			t.Errorf("back in demo mode the accounts do not work")
		}
	})
	t.Run("an administrator of one's own", func(t *testing.T) {
		store := empty(t)
		seeded := seed(t, store, directus.SeedOptions{AdminEmail: "Root@Example.com", AdminPassword: "secret", AdminToken: "token"})
		if !seeded.First || seeded.AdminPassword != "" || count(t, store, "directus_users") != 1 || count(t, store, "messages") != 0 {
			t.Errorf("got %+v", seeded)
		}
		if !enters(t, store, "root@example.com", "secret") || !enters(t, store, "", "token") || enters(t, store, "", "admin-demo-token") {
			t.Error("the administrator is not the one that was asked for")
		}
	})
	t.Run("public, then demo", func(t *testing.T) {
		store := empty(t)
		seed(t, store, directus.SeedOptions{AdminPassword: "secret"})
		seed(t, store, directus.SeedOptions{Demo: true})
		if !enters(t, store, "", editor) || !enters(t, store, "", reader) || enters(t, store, "", admin) || !enters(t, store, "admin@example.com", "secret") {
			t.Error("the demo accounts were not added")
		}
	})
	t.Run("nobody", func(t *testing.T) {
		store := empty(t)
		seeded := seed(t, store, directus.SeedOptions{})
		if seeded.AdminEmail == "" || len(seeded.AdminPassword) < 16 || !enters(t, store, seeded.AdminEmail, seeded.AdminPassword) {
			t.Errorf("got %+v", seeded)
		}
	})
}
