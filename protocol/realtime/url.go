package realtime

import (
	"errors"
	"fmt"
	"strings"
)

// This file takes URLs apart by hand: net/url would add 40 kB to every page.

// endpoint returns the WebSocket URL that a caller's URL means: a ws: or wss: URL
// as it is, an http: or https: URL as that of the Directus installation, whose
// socket is at /websocket below it (WEBSOCKETS_REST_PATH's default).
func endpoint(raw string) (string, error) {
	scheme, rest, ok := strings.Cut(raw, "://")
	shown := maskText(raw) // in errors
	if at := strings.LastIndex(shown, "@"); at >= 0 {
		shown = "…" + shown[at:]
	}
	if !ok {
		return "", fmt.Errorf("the URL %q has no scheme: write it as wss://host/websocket or https://host", shown)
	}
	for _, c := range raw {
		if c <= ' ' || c == 0x7f {
			return "", fmt.Errorf("the URL %q has a space or a control character in it", shown)
		}
	}
	if strings.Contains(rest, "#") {
		return "", fmt.Errorf("the URL %q has a fragment, which a WebSocket URL cannot have: leave out the # and what follows", shown)
	}
	rest, query, hasQuery := strings.Cut(rest, "?")
	host, path, hasPath := strings.Cut(rest, "/")
	if hasPath {
		path = "/" + path
	}
	switch {
	case host == "" || strings.HasPrefix(host, ":"):
		return "", fmt.Errorf("the URL %q names no host", shown)
	case strings.Contains(host, "@"):
		return "", errors.New("the URL has a user or a password in it: leave it out, and give the credential apart from the URL")
	}
	const socket = "/websocket"
	switch scheme = strings.ToLower(scheme); scheme {
	case "ws", "wss":
		if path == "" || path == "/" {
			path = socket
		}
	case "http", "https":
		scheme = "ws" + strings.TrimPrefix(scheme, "http")
		path = strings.TrimRight(path, "/")
		if !strings.HasSuffix(path, socket) {
			path += socket
		}
	default:
		return "", fmt.Errorf("the URL %q has the scheme %q: use ws, wss, http or https", shown, scheme)
	}
	if hasQuery {
		path += "?" + query
	}
	return scheme + "://" + host + path, nil
}

// withToken adds the parameter that mode Strict wants.
func withToken(url, token string) string {
	if token == "" {
		return url
	}
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	return url + sep + "access_token=" + escapeQuery(token)
}

func escapeQuery(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
