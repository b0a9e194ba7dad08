package directus_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"leveret/server/directus"
)

// measured returns the value of a metric with its labels; "" = it is not there.
func (s *server) measured(name string) string {
	s.t.Helper()
	response, text := s.call("GET", "/metrics", "", "Authorization: Bearer "+admin)
	if response.StatusCode != 200 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		s.t.Fatalf("got %d %v", response.StatusCode, response.Header)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (.*)$`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

func TestMetrics(t *testing.T) {
	s := serve(t, &directus.Options{Metrics: true})
	peer, other := s.socket("", nil), s.socket("", nil)
	peer.Say(`{"type":"auth","access_token":"editor-demo-token"}`)
	peer.Expect(`{"type":"auth","status":"ok"}`)
	peer.Say(`{"type":"subscribe","collection":"messages","uid":"s"}`)
	peer.Expect(`{"type":"subscription","event":"init","...":"..."}`)
	peer.Say(`{"type":"items","collection":"messages","action":"create","data":[{"text":"a"},{"text":"b"}]}`)
	peer.Expect(`{"type":"subscription","event":"create","...":"..."}`)
	peer.Expect(`{"type":"subscription","event":"create","...":"..."}`)
	peer.Expect(`{"type":"items","...":"..."}`)
	peer.Say(`{"type":"items","collection":"nope","action":"read"}`)
	peer.Expect(`{"type":"items","status":"error","...":"..."}`)
	for _, say := range []string{`{"type":"presence","action":"leave","uid":"p"}`, `{"type":"broadcast","channel":"c","data":1,"uid":"p"}`, `{"type":"nonsense"}`} {
		peer.Say(say)
		peer.Next()
	}
	s.expect("GET", "/items/messages", "", "", 403, restError("FORBIDDEN"))
	s.expect("POST", "/auth/login", `{"email":"editor@example.com","password":"editor-demo"}`, "", 200, `{"data":{"...":"..."}}`)
	s.expect("POST", "/auth/login", `{"email":"editor@example.com","password":"wrong"}`, "", 401, restError("INVALID_CREDENTIALS"))
	status := 0
	s.socket("?access_token=wrong", &status)
	for name, want := range map[string]string{
		`leveret_connections{state="authenticating"}`:                     "1",
		`leveret_connections{state="anonymous"}`:                          "0",
		`leveret_connections{state="authenticated"}`:                      "1",
		`leveret_subscriptions{collection="messages"}`:                    "1",
		`leveret_events_total{collection="messages",event="create"}`:      "2",
		`leveret_deliveries_total`:                                        "2",
		`leveret_commit_seconds_count`:                                    "1",
		`leveret_delivery_seconds_count`:                                  "1",
		`leveret_request_seconds_count{kind="subscribe",way="socket"}`:    "1",
		`leveret_request_seconds_count{kind="items create",way="socket"}`: "1",
		`leveret_request_seconds_count{kind="presence",way="socket"}`:     "1",
		`leveret_request_seconds_count{kind="broadcast",way="socket"}`:    "1",
		`leveret_request_seconds_count{kind="other",way="socket"}`:        "1",
		`leveret_request_seconds_count{kind="auth",way="rest"}`:           "2",
		`leveret_refusals_total{code="FORBIDDEN"}`:                        "3",
		`leveret_refusals_total{code="INVALID_CREDENTIALS"}`:              "1",
		`leveret_logins_total{result="ok"}`:                               "1",
		`leveret_logins_total{result="failed"}`:                           "1",
		`leveret_upgrades_total{status="101"}`:                            "2",
		`leveret_upgrades_total{status="401"}`:                            "1",
		`leveret_queue_bytes`:                                             "0",
		`leveret_queue_frames`:                                            "0",
	} {
		if got := s.measured(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	other.Say(`{"type":"ping"}`) // no auth
	other.Expect(handshakeFailed)
	other.ExpectClose(4401)
	if got := s.measured(`leveret_closes_total{code="4401"}`); got != "1" {
		t.Errorf("got %q closes", got)
	}
}

func TestWhoMayReadMetrics(t *testing.T) {
	on := serve(t, &directus.Options{Metrics: true, MetricsTokens: []string{"scrape"}})
	off := serve(t, &directus.Options{MetricsTokens: []string{"scrape"}})
	for name, c := range map[string]struct {
		s      *server
		header string
		status int
	}{
		"an administrator":      {on, "Authorization: Bearer " + admin, 200},
		"somebody else":         {on, "Authorization: Bearer " + editor, 403},
		"nobody":                {on, "X-Nothing: 1", 403},
		"a token for it":        {on, "Authorization: Metrics scrape", 200},
		"another token":         {on, "Authorization: Metrics scrapes", 403},
		"the token, as another": {on, "Authorization: Bearer scrape", 401},
		"switched off":          {off, "Authorization: Bearer " + admin, 404},
	} {
		if response, text := c.s.call(http.MethodGet, "/metrics", "", c.header); response.StatusCode != c.status {
			t.Errorf("%s: got %d %s", name, response.StatusCode, text)
		}
	}
}
