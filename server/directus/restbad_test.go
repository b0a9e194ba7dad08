package directus_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// bad is a hub for requests that nobody should make, with its log.
type bad struct {
	calls   int
	handler http.Handler
	log     *logBuffer
}

func newBad(t testing.TB) *bad {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "bad.db"), Schema: directus.DemoSchema()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if _, err := directus.Seed(t.Context(), store, &directus.SeedOptions{Demo: true, Items: true}); err != nil {
		t.Fatal(err)
	}
	permissions := directus.DemoPermissions(true)
	accounts, err := directus.NewAccounts(t.Context(), store, &directus.AccountsOptions{LoginStall: -1, Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	b := &bad{log: &logBuffer{}}
	hub := directus.NewHub(store, accounts, &directus.Options{Permissions: permissions, Metrics: true, MaxFailedLogins: -1,
		Logger: slog.New(slog.NewTextHandler(b.log, nil))})
	b.handler = hub.Handler()
	return b
}

// call makes a request and checks its answer: JSON, in the envelope if it is an
// error, with a code and a sentence, and never a 500.
//
// Under the race detector only every tenth request is made: make test makes all of
// them without it.
func (b *bad) call(t testing.TB, method, target, body string, header ...string) int {
	t.Helper()
	if b.calls++; underRace && b.calls%10 != 0 {
		return 0
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://hub", io.NopCloser(strings.NewReader(body)))
	if err != nil {
		return 0 // not even a request
	}
	path, params, _ := strings.Cut(target, "?")
	if r.URL.Path, r.URL.RawPath = path, ""; !strings.HasPrefix(path, "/") {
		return 0
	}
	if u, err := r.URL.Parse(path); err == nil && u.Host == "hub" {
		r.URL.Path, r.URL.RawPath = u.Path, u.RawPath
	}
	r.URL.RawQuery = params
	r.RemoteAddr = "192.0.2.1:5"
	r.Header.Set("Authorization", "Bearer "+admin)
	r.Header.Set("Content-Type", "application/json")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	b.handler.ServeHTTP(recorder, r)
	answer := recorder.Body.Bytes()
	what := method + " " + target + " " + body
	switch {
	case recorder.Code >= 500 && recorder.Code != http.StatusNotImplemented:
		t.Errorf("%.300s: got %d %s\n%s", what, recorder.Code, answer, b.log.String())
	case recorder.Code == http.StatusNoContent || method == "HEAD" || strings.HasPrefix(recorder.Header().Get("Content-Type"), "text/plain"):
	case recorder.Code >= 400:
		var envelope struct {
			Errors []struct {
				Message    string
				Extensions struct{ Code string }
			}
		}
		if json.Unmarshal(answer, &envelope) != nil || len(envelope.Errors) == 0 || envelope.Errors[0].Message == "" || envelope.Errors[0].Extensions.Code == "" {
			t.Errorf("%.300s: got %d %q", what, recorder.Code, answer)
		}
	case !json.Valid(answer):
		t.Errorf("%.300s: got %d %q", what, recorder.Code, answer)
	}
	if strings.Contains(b.log.String(), "panic") {
		t.Fatalf("%.300s: %s", what, b.log.String())
	}
	return recorder.Code
}

// Every route, with everything that can be wrong with a request.
func TestBadRequests(t *testing.T) {
	b := newBad(t)
	long := strings.Repeat("x", 70_000)
	paths := []string{
		"/", "//", "/nope", "/items", "/items/", "/items/messages", "/items/messages/", "/items/messages/" + first, "/items/messages/%2F", "/items/messages/1/2",
		"/items/articles", "/items/articles/" + long, "/items/categories", "/items/categories/1", "/items/categories/1e400", "/items/directus_users",
		"/items/directus_sessions", "/items/%00", "/items/messages/%00", "/items/" + long, "/items/messages/%ff",
		"/users", "/users/me", "/users/me/x", "/users/1", "/users/" + first, "/roles", "/roles/1", "/roles/" + directus.RoleEditor, "/activity", "/activity/1", "/activity/x",
		"/notifications", "/notifications/1", "/notifications/x", "/collections", "/collections/messages", "/collections/nope", "/collections/%00",
		"/fields", "/fields/messages", "/fields/messages/text", "/fields/x/y", "/relations", "/relations/articles", "/relations/articles/author", "/relations/x/y",
		"/auth/login", "/auth/refresh", "/auth/logout", "/auth/login/google", "/auth/nope",
		"/server/ping", "/server/info", "/server/health", "/server/specs/oas", "/graphql", "/graphql/system", "/metrics", "/metrics/x",
		"/utils/broadcast", "/utils/hash/generate", "/files", "/assets/x", "/websocket",
	}
	params := []string{
		"", "?%zz", "?fields", "?fields=", "?fields=*.*.*.*.*.*.*.*.*.*.*.*", "?fields[a][b]=c", "?fields=count(", "?fields=year(text)", "?filter", "?filter=", "?filter=[]", "?filter={",
		"?filter={%22_and%22:5}", "?filter[id]=", "?filter[][][]=1", "?filter[_or]=x", "?filter[id][_in]=", "?filter[id][_between]=1", "?filter=null", "?filter=1", "?filter[x]=1&filter=2",
		"?filter[id][_eq][_eq]=1", "?filter" + strings.Repeat("[_and][0]", 9) + "=1", "?limit=x", "?limit=-2", "?limit=1e9", "?limit=99999999999999999999", "?limit[a]=1", "?offset=-1",
		"?offset=99999999999999999999", "?page=-1", "?page=1.5", "?page=9223372036854775807&limit=9223372036854775807", "?sort=", "?sort=nope", "?sort=-", "?sort=a.b.c", "?search=", "?search[a]=b",
		"?search=" + strings.Repeat("%25", 3000), "?meta=nope", "?meta[a]=b", "?deep=x", "?deep={%22a%22:1}", "?deep[x][_limit]=x", "?alias[a]=b", "?alias=1", "?alias[id]=text&fields=id",
		"?aggregate[count]=nope", "?aggregate[nope]=id", "?aggregate=1", "?groupBy=nope", "?groupBy[a][b]=c", "?groupBy=id&aggregate[sum]=text", "?access_token=a&access_token=b", "?filter[%00]=1",
		"?filter[text][_contains]=%00", "?filter[text][_regex]=(", "?filter[id][_eq]=$NOW(x)", "?filter[date_created][_gt]=$NOW(1e400 days)",
	}
	bodies := []string{
		"", "{", "null", "1", `"x"`, "[]", "[1]", "[null]", "[[]]", "{}", `{"keys":5}`, `{"keys":[{}],"data":{}}`, `{"keys":[null],"data":{}}`, `{"keys":[],"data":{}}`, `{"query":5,"data":{}}`, `{"query":{},"data":5}`,
		`{"query":{"filter":5}}`, `{"query":{"limit":"x"},"data":{}}`, `{"query":null}`, `{"data":{}}`, `{"id":{}}`, `{"id":1e400}`, `{"id":null}`, `{"text":{}}`, `{"text":"\u0000"}`, `{"text":"\ud800"}`, `{"nope":1}`,
		`{"email":5,"password":[]}`, `{"email":"a@b.example","password":"x","mode":"nope"}`, `{"email":"a@b.example","password":"x","otp":"1"}`, `{"mode":5}`, `{"refresh_token":{}}`, `{"refresh_token":"x"}`,
		`{"refresh_token":"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJkaXJlY3R1cyJ9.AAAA"}`, `{"message":5}`, `{"message":{},"filter":5}`, "\xff\xfe", strings.Repeat("[", 20_000), `{"a":` + strings.Repeat(`{"a":`, 9_000) + "1" + strings.Repeat("}", 9_001),
		`[{"id":"` + first + `"},{"id":"` + first + `"}]`, `{"role":"nobody"}`, `{"status":"` + long + `"}`, `{"date_created":"yesterday"}`, `{"date_created":1e300}`, `{"recipient":"x","subject":5}`,
	}
	headers := []string{
		"Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic YTpi", "Authorization: Bearer \x01", "Authorization: Metrics", "Content-Type: text/html", "Content-Type: ;;;", "Content-Type: multipart/form-data",
		"Cookie: directus_session_token=x", "Cookie: directus_refresh_token=x", "Cookie: ;=;", "Origin: null", "Origin: http://evil.example", "X-Forwarded-For: ,,,", "Upgrade: websocket",
	}
	changes := []string{"POST", "PATCH", "DELETE"}
	for n, path := range paths {
		for _, method := range []string{"GET", "HEAD", "SEARCH", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "TRACE", "NONSENSE"} {
			b.call(t, method, path, "")
		}
		for _, p := range params {
			b.call(t, "GET", path+p, "")
		}
		for i, body := range bodies {
			b.call(t, changes[(n+i)%len(changes)], path, body)
		}
		for _, header := range headers {
			b.call(t, []string{"GET", "POST"}[n%2], path, "{}", header)
		}
	}
	for _, method := range []string{"POST", "PATCH", "DELETE", "SEARCH"} {
		for _, body := range bodies {
			b.call(t, method, "/items/messages", body)
			b.call(t, method, "/items/articles/a", body)
			b.call(t, method, "/notifications", body)
			b.call(t, method, "/users/me", body)
			b.call(t, method, "/items/categories", body)
		}
	}
}

func FuzzREST(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/items/messages?fields[]=text&filter[_or][0][user][_eq]=Bob&sort=-text&meta=*", ""},
		{"GET", "/items/articles?fields=*.*&deep[categories][_limit]=1&alias[x]=title&aggregate[count]=*&groupBy=year(date_created)", ""},
		{"SEARCH", "/items/messages", `{"query":{"search":"a","limit":1},"keys":["` + first + `"]}`},
		{"POST", "/items/messages", `[{"text":"a"}]`},
		{"PATCH", "/items/messages", `{"query":{"filter":{"user":{"_eq":"Ann"}}},"data":{"text":"b"}}`},
		{"DELETE", "/items/messages", `["` + first + `"]`},
		{"PATCH", "/users/me", `{"first_name":"a"}`},
		{"POST", "/notifications", `{"recipient":"` + first + `","subject":"a"}`},
		{"GET", "/fields/messages/text", ""}, {"GET", "/collections", ""}, {"GET", "/metrics", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	b := newBad(f)
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if strings.Contains(target, "auth") || strings.Contains(body, "password") {
			return // hashes take their time
		}
		b.call(t, method, target, body)
	})
}

func FuzzURLQuery(f *testing.F) {
	for _, seed := range []string{
		"fields=a,b&fields[]=c", "filter={%22a%22:1}", "filter[a][_eq]=1&filter[b][_in][]=2&filter[b][_in][]=3", "filter[_or][][a]=1&filter[_or][][b]=2", "sort[0]=a&sort[1]=-b", "limit=5;x&%zz=1", "deep[a][_filter][b]=c", "fields[", "fields]]=", "alias[a]=b&alias=c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		asked, err := directus.QueryOf(raw)
		if err != nil {
			if !errors.Is(err, protocol.CodeInvalidQuery) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		if asked != nil && !json.Valid(asked) {
			t.Fatalf("%q is the query %q", raw, asked)
		}
		query.Parse(asked)
		// What stands in the URL as JSON is what is asked.
		if again, err := directus.QueryOf("filter=" + hex(raw)); err != nil {
			t.Fatalf("%q: %v", raw, err)
		} else if utf8.ValidString(raw) {
			var got struct{ Filter string }
			if json.Unmarshal(again, &got) != nil || got.Filter != raw {
				t.Fatalf("%q came back as %q", raw, again)
			}
		}
	})
}

// hex escapes every byte.
func hex(s string) string {
	var b bytes.Buffer
	for i := range len(s) {
		b.WriteString("%" + string("0123456789abcdef"[s[i]>>4]) + string("0123456789abcdef"[s[i]&15]))
	}
	return b.String()
}
