package realtime_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"leveret/protocol/realtime"
)

func TestIdentityOf(t *testing.T) {
	jwt := func(claims string) string {
		return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	cases := []struct {
		name       string
		credential realtime.Credential
		want       string
	}{
		{"nobody", realtime.Credential{}, "public"},
		{"a JWT", realtime.Credential{AccessToken: jwt(`{"id":"u1","role":"r","exp":1}`)}, "user:u1"},
		{"a JWT renewed", realtime.Credential{AccessToken: jwt(`{"id":"u1","exp":2}`), Email: "a@b"}, "user:u1"},
		{"a JWT with sub", realtime.Credential{AccessToken: jwt(`{"sub":"u2"}`)}, "user:u2"},
		{"an address", realtime.Credential{Email: "Ada@Example.com", Password: "x"}, "email:ada@example.com"},
		{"an address and a refresh token", realtime.Credential{RefreshToken: "r", Email: "a@b", Password: "x"}, "email:a@b"},
		{"a refresh token", realtime.Credential{RefreshToken: "r"}, ""},
	}
	for _, c := range cases {
		if got := realtime.IdentityOf(c.credential); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	token := realtime.IdentityOf(realtime.Credential{AccessToken: "a-static-token"})
	if !strings.HasPrefix(token, "token:") || strings.Contains(token, "static") {
		t.Errorf("the identity of a static token is %q", token)
	}
	for _, other := range []string{"a-static-tokem", "a.b.c", jwt(`{"role":"r"}`), jwt(`nothing`)} {
		got := realtime.IdentityOf(realtime.Credential{AccessToken: other})
		if !strings.HasPrefix(got, "token:") || got == token {
			t.Errorf("the identity of %q is %q", other, got)
		}
	}
}
