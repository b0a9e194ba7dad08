package realtime

import (
	"strings"
	"testing"
)

func TestEndpoint(t *testing.T) {
	for _, test := range []struct{ name, url, want, err string }{
		{"ws as it is", "ws://host:8055/websocket", "ws://host:8055/websocket", ""},
		{"wss with another path", "wss://host/live/socket?a=b", "wss://host/live/socket?a=b", ""},
		{"ws without a path", "ws://host:8055", "ws://host:8055/websocket", ""},
		{"ws with an empty path and a query", "ws://host?a=b", "ws://host/websocket?a=b", ""},
		{"ws with a slash for a path", "wss://host/", "wss://host/websocket", ""},
		{"http", "http://localhost:8055", "ws://localhost:8055/websocket", ""},
		{"https in capitals", "HTTPS://Host/", "wss://Host/websocket", ""},
		{"https below a path", "https://host/directus/", "wss://host/directus/websocket", ""},
		{"https with the socket's own path", "https://host/directus/websocket", "wss://host/directus/websocket", ""},
		{"https with a query", "https://host/d?a=b", "wss://host/d/websocket?a=b", ""},
		{"an IPv6 host", "ws://[::1]:8055", "ws://[::1]:8055/websocket", ""},
		{"no scheme", "localhost:8055", "", "wss://host/websocket"},
		{"another scheme", "ftp://host", "", "use ws, wss, http or https"},
		{"no host", "ws:///websocket", "", "names no host"},
		{"a port only", "ws://:80/", "", "names no host"},
		{"a fragment", "ws://host/#a", "", "fragment"},
		{"a space", "ws://ho st/", "", "space"},
		{"a token", "ws://ho st/?access_token=pw", "", "space"},
		{"a user and a space", "ws://me:pw@ho st/", "", "space"},
		{"a user and no scheme", "me:pw@host", "", "no scheme"},
		{"a user", "ws://me:pw@host/", "", "apart from the URL"},
		{"nothing", "", "", "no scheme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := endpoint(test.url)
			if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("endpoint(%q) = %q, %v", test.url, got, err)
			}
			if err != nil && strings.Contains(err.Error(), "pw") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestWithToken(t *testing.T) {
	for _, test := range []struct{ url, token, want string }{
		{"ws://h/w", "", "ws://h/w"},
		{"ws://h/w", "a-b_c.d~9", "ws://h/w?access_token=a-b_c.d~9"},
		{"ws://h/w?x=y", "a b&c/ü", "ws://h/w?x=y&access_token=a%20b%26c%2F%C3%BC"},
	} {
		if got := withToken(test.url, test.token); got != test.want {
			t.Errorf("withToken(%q, %q) = %q, want %q", test.url, test.token, got, test.want)
		}
	}
}
