package directus_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"leveret/protocol/protocoltest"
	"leveret/protocol/transport"
	"leveret/server/directus"
)

// A server is a world behind HTTP.
type server struct {
	*world
	url string
}

func serve(t *testing.T, opts *directus.Options) *server {
	w := newWorld(t, opts)
	s := httptest.NewServer(w.hub.Handler())
	t.Cleanup(s.Close)
	return &server{w, s.URL}
}

// call makes a request and returns the status, the headers and the body. header
// is "Name: value" pairs.
func (s *server) call(method, path, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response, string(text)
}

// expect makes a request and compares the status and the body with a pattern.
func (s *server) expect(method, path, body, token string, status int, pattern string) {
	s.t.Helper()
	var header []string
	if token != "" {
		header = []string{"Authorization: Bearer " + token}
	}
	response, text := s.call(method, path, body, header...)
	if response.StatusCode != status {
		s.t.Errorf("%s %s: got %d, want %d: %s", method, path, response.StatusCode, status, text)
		return
	}
	if pattern == "" && text != "" {
		s.t.Errorf("%s %s: got %s, want no body", method, path, text)
	}
	if pattern != "" {
		if found := protocoltest.Match([]byte(pattern), []byte(text), nil); found != nil {
			s.t.Errorf("%s %s: got %s: %v", method, path, text, found)
		}
	}
}

func restError(code string) string {
	return `{"errors":[{"message":"<_>","extensions":{"code":"` + code + `"}}]}`
}

func TestREST(t *testing.T) {
	invalid := func(message string) string {
		return `{"errors":[{"message":"Invalid payload. ` + message + `","extensions":{"code":"INVALID_PAYLOAD"}}]}`
	}
	const missing = "99999999-9999-4999-8999-999999999999"
	reads := serve(t, nil) // for those that change nothing
	for name, c := range map[string]struct {
		method, path, body, token string
		status                    int
		expect                    string
	}{
		"ping":                                {"GET", "/server/ping", "", "", 200, `pong`},
		"health":                              {"GET", "/server/health", "", "", 200, `{"status":"ok"}`},
		"info for anybody":                    {"GET", "/server/info", "", "", 200, `{"data":{"project":{"project_name":"Leveret"}}}`},
		"info for who is signed in":           {"GET", "/server/info", "", reader, 200, `{"data":{"project":{"project_name":"Leveret"},"queryLimit":{"default":100,"max":-1},"rateLimit":{"points":400,"duration":2},"websocket":{"rest":{"authentication":"handshake","path":"/websocket"},"graphql":false,"heartbeat":30,"logs":false,"collaborativeEditing":false}}}`},
		"me":                                  {"GET", "/users/me", "", editor, 200, `{"data":{"id":"<_>","first_name":"Eddie","last_name":"Editor","email":"editor@example.com","role":"` + directus.RoleEditor + `","status":"active","provider":"default","email_notifications":true,"location":null,"title":null,"description":null,"tags":null,"avatar":null,"language":null,"last_access":null,"last_page":null,"external_identifier":null,"appearance":null}}`},
		"me, fields":                          {"GET", "/users/me?fields=email,first_name", "", editor, 200, `{"data":{"email":"editor@example.com","first_name":"Eddie"}}`},
		"me, the password":                    {"GET", "/users/me?fields=password", "", editor, 403, restError("FORBIDDEN")},
		"me, by the password":                 {"GET", "/users/me?filter[password][_nnull]=true", "", editor, 403, restError("FORBIDDEN")},
		"me, anonymous":                       {"GET", "/users/me", "", "", 403, restError("FORBIDDEN")},
		"me, changed":                         {"PATCH", "/users/me?fields=first_name,language", `{"first_name":"Ed","language":"de-DE"}`, editor, 200, `{"data":{"first_name":"Ed","language":"de-DE"}}`},
		"me, another role":                    {"PATCH", "/users/me", `{"role":"` + directus.RoleAdmin + `"}`, editor, 403, restError("FORBIDDEN")},
		"me, another status":                  {"PATCH", "/users/me", `{"status":"active"}`, editor, 403, restError("FORBIDDEN")},
		"me, another token":                   {"PATCH", "/users/me", `{"token":"mine"}`, editor, 403, restError("FORBIDDEN")},
		"me, another e-mail":                  {"PATCH", "/users/me", `{"email":"a@b.example"}`, editor, 403, restError("FORBIDDEN")},
		"me, gone":                            {"DELETE", "/users/me", "", admin, 405, restError("METHOD_NOT_ALLOWED")},
		"me, changed by nobody":               {"PATCH", "/users/me", `{"first_name":"Ed"}`, "", 403, restError("FORBIDDEN")},
		"roles, read":                         {"GET", "/roles?fields=name&sort=name", "", admin, 200, `{"data":[{"name":"Administrator"},{"name":"Editor"},{"name":"Reader"}]}`},
		"roles, one":                          {"GET", "/roles/" + directus.RoleEditor + "?fields=name", "", admin, 200, `{"data":{"name":"Editor"}}`},
		"roles, searched":                     {"SEARCH", "/roles", `{"query":{"fields":["name"],"filter":{"name":{"_eq":"Editor"}}}}`, admin, 200, `{"data":[{"name":"Editor"}]}`},
		"roles, made":                         {"POST", "/roles", `{"name":"Mine"}`, admin, 405, restError("METHOD_NOT_ALLOWED")},
		"roles, deleted":                      {"DELETE", "/roles/" + directus.RoleEditor, "", admin, 405, restError("METHOD_NOT_ALLOWED")},
		"roles, not allowed":                  {"GET", "/roles", "", reader, 403, restError("FORBIDDEN")},
		"activity, changed":                   {"PATCH", "/activity/1", `{"item":"x"}`, admin, 405, restError("METHOD_NOT_ALLOWED")},
		"users, read":                         {"GET", "/users?fields=email&sort=email", "", admin, 200, `{"data":[{"email":"admin@example.com"},{"email":"editor@example.com"},{"email":"reader@example.com"}]}`},
		"users, not allowed":                  {"GET", "/users", "", reader, 403, restError("FORBIDDEN")},
		"users, too long a route":             {"GET", "/users/1/2", "", admin, 404, `{"errors":[{"message":"<_>","extensions":{"code":"ROUTE_NOT_FOUND","path":"/users/1/2"}}]}`},
		"sessions":                            {"GET", "/sessions", "", admin, 404, `{"errors":[{"message":"<_>","extensions":{"code":"ROUTE_NOT_FOUND","path":"<_>"}}]}`},
		"sessions, as items":                  {"GET", "/items/directus_sessions", "", admin, 403, restError("FORBIDDEN")},
		"notifications":                       {"GET", "/notifications", "", admin, 200, `{"data":[]}`},
		"collections":                         {"GET", "/collections", "", reader, 200, `{"data":[{"collection":"messages","meta":{"singleton":false,"...":"..."},"schema":{"name":"messages","comment":null}}]}`},
		"a collection":                        {"GET", "/collections/articles", "", admin, 200, `{"data":{"collection":"articles","...":"..."}}`},
		"a hidden collection":                 {"GET", "/collections/articles", "", reader, 403, restError("FORBIDDEN")},
		"a collection that is none":           {"GET", "/collections/nope", "", admin, 403, restError("FORBIDDEN")},
		"collections, nobody's":               {"GET", "/collections", "", "", 200, `{"data":[]}`},
		"a collection is made":                {"POST", "/collections", `{"collection":"x"}`, admin, 405, restError("METHOD_NOT_ALLOWED")},
		"fields of nobody":                    {"GET", "/fields", "", "", 200, `{"data":[]}`},
		"fields of a collection":              {"GET", "/fields/categories", "", admin, 200, `{"data":[{"field":"id","...":"..."},{"field":"name","...":"..."},{"field":"articles","type":"alias","schema":null,"...":"..."}]}`},
		"fields that are hidden":              {"GET", "/fields/articles", "", reader, 403, restError("FORBIDDEN")},
		"a field":                             {"GET", "/fields/articles/author", "", admin, 200, `{"data":{"collection":"articles","field":"author","type":"uuid","schema":{"foreign_key_table":"directus_users","foreign_key_column":"id","is_nullable":true,"...":"..."},"meta":{"special":["m2o"],"...":"..."}}}`},
		"a field that is none":                {"GET", "/fields/articles/nope", "", admin, 403, restError("FORBIDDEN")},
		"fields, too long":                    {"GET", "/fields/a/b/c", "", admin, 404, `{"errors":[{"message":"<_>","extensions":{"code":"ROUTE_NOT_FOUND","path":"<_>"}}]}`},
		"relations":                           {"GET", "/relations/articles_categories", "", admin, 200, `{"data":[{"collection":"articles_categories","field":"articles_id","related_collection":"articles","schema":{"on_delete":"CASCADE","...":"..."},"meta":{"one_field":"categories","...":"..."}},{"field":"categories_id","related_collection":"categories","...":"..."}]}`},
		"a relation":                          {"GET", "/relations/articles/author", "", admin, 200, `{"data":{"related_collection":"directus_users","...":"..."}}`},
		"a relation that is none":             {"GET", "/relations/articles/title", "", admin, 403, restError("FORBIDDEN")},
		"relations, hidden":                   {"GET", "/relations", "", reader, 200, `{"data":[]}`},
		"GraphQL":                             {"POST", "/graphql", `{"query":"{ server_info { project } }"}`, editor, 501, restError("SERVICE_UNAVAILABLE")},
		"files":                               {"GET", "/files", "", editor, 404, `{"errors":[{"message":"Route /files doesn't exist: files are not served here.","extensions":{"code":"ROUTE_NOT_FOUND","path":"/files"}}]}`},
		"flows":                               {"GET", "/flows/trigger/1", "", editor, 404, `{"errors":[{"message":"Route /flows/trigger/1 doesn't exist: /flows is not served here.","extensions":{"code":"ROUTE_NOT_FOUND","path":"/flows/trigger/1"}}]}`},
		"utils":                               {"POST", "/utils/cache/clear", "", admin, 404, `{"errors":[{"message":"Route /utils/cache/clear doesn't exist: of these only /utils/broadcast is served here.","extensions":{"code":"ROUTE_NOT_FOUND","path":"/utils/cache/clear"}}]}`},
		"a key with a slash":                  {"GET", "/items/articles/a%2Fb?fields=id", "", admin, 403, restError("FORBIDDEN")},
		"unknown route":                       {"GET", "/nope", "", "", 404, `{"errors":[{"message":"Route /nope doesn't exist.","extensions":{"code":"ROUTE_NOT_FOUND","path":"/nope"}}]}`},
		"the socket's path":                   {"GET", "/websocket", "", "", 404, `{"errors":[{"message":"<_>","extensions":{"code":"ROUTE_NOT_FOUND","path":"<_>"}}]}`},
		"too long a route":                    {"GET", "/items/messages/1/2", "", editor, 404, `{"errors":[{"message":"<_>","extensions":{"code":"ROUTE_NOT_FOUND","path":"<_>"}}]}`},
		"a token in the URL":                  {"GET", "/items/messages?fields=text&limit=1&access_token=" + editor, "", "", 200, `{"data":[{"text":"first"}]}`},
		"two tokens":                          {"GET", "/items/messages?access_token=" + editor, "", editor, 400, restError("INVALID_PAYLOAD")},
		"a wrong static token":                {"GET", "/items/messages", "", "wrong", 401, restError("INVALID_CREDENTIALS")},
		"a wrong access token":                {"GET", "/items/messages", "", "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJkaXJlY3R1cyJ9.AAAA", 403, restError("INVALID_TOKEN")},
		"read, anonymous":                     {"GET", "/items/messages", "", "", 403, restError("FORBIDDEN")},
		"read":                                {"GET", "/items/messages?fields=text", "", editor, 200, `{"data":[{"text":"first"},{"text":"second"},{"text":"third"}]}`},
		"read, brackets":                      {"GET", "/items/messages?fields[]=text&fields[]=user&filter[status][_eq]=published&sort[]=-date_created&meta=*", "", editor, 200, `{"data":[{"text":"third","user":"Ann"},{"text":"first","user":"Ann"}],"meta":{"total_count":3,"filter_count":2}}`},
		"read, one field in brackets":         {"GET", "/items/messages?fields[]=text&limit=1", "", editor, 200, `{"data":[{"text":"first"}]}`},
		"read, numbered brackets":             {"GET", "/items/messages?fields[0]=text&filter[_or][0][user][_eq]=Bob&filter[_or][1][text][_eq]=third", "", editor, 200, `{"data":[{"text":"second"},{"text":"third"}]}`},
		"read, a filter as JSON":              {"GET", `/items/messages?fields=text&filter={"user":{"_eq":"Bob"}}`, "", editor, 200, `{"data":[{"text":"second"}]}`},
		"read, a list":                        {"GET", "/items/messages?fields=text&filter[user][_in]=Bob,Cat", "", editor, 200, `{"data":[{"text":"second"}]}`},
		"read, search and pages":              {"GET", "/items/messages?fields=text&search=ir&limit=1&page=2", "", editor, 200, `{"data":[{"text":"third"}]}`},
		"read, an unknown operator":           {"GET", "/items/messages?filter[user][_zz]=Bob", "", editor, 400, restError("INVALID_QUERY")},
		"read, an unknown field":              {"GET", "/items/messages?fields=nope", "", editor, 403, restError("FORBIDDEN")},
		"read, aggregates":                    {"GET", "/items/messages?aggregate[count]=*", "", editor, 200, `{"data":[{"count":3}]}`},
		"read, groups":                        {"SEARCH", "/items/messages", `{"query":{"aggregate":{"count":["id"]},"groupBy":["user"]}}`, editor, 200, `{"data":[{"user":"Ann","count":{"id":2}},{"user":"Bob","count":{"id":1}}]}`},
		"read, an unnamed list":               {"GET", "/items/messages?fields[]=text&filter[_or][][user][_eq]=Bob", "", editor, 200, `{"data":[{"text":"second"}]}`},
		"read, an unnamed list of two":        {"GET", "/items/messages?fields[]=text&filter[_or][][user][_eq]=Bob&filter[_or][][text][_eq]=third", "", editor, 200, `{"data":[{"text":"second"},{"text":"third"}]}`},
		"read, names and none":                {"GET", "/items/messages?filter[_or][][user][_eq]=Bob&filter[_or][1][text][_eq]=third", "", editor, 400, restError("INVALID_QUERY")},
		"read, too many parameters":           {"GET", "/items/messages?" + strings.Repeat("a=b&", 1001), "", editor, 400, restError("INVALID_QUERY")},
		"read, too many brackets":             {"GET", "/items/messages?filter" + strings.Repeat("[_and]", 30) + "=1", "", editor, 400, restError("INVALID_QUERY")},
		"read, a semicolon":                   {"GET", "/items/messages?filter[user][_eq]=Ann;Bob", "", editor, 200, `{"data":[]}`},
		"read, a broken escape":               {"GET", "/items/messages?limit=1&filter[user][_eq]=%zz", "", editor, 400, restError("INVALID_QUERY")},
		"read, two filters":                   {"GET", "/items/messages?filter={}&filter[user][_eq]=Bob", "", editor, 400, restError("INVALID_QUERY")},
		"read one":                            {"GET", "/items/messages/" + first, "", reader, 200, `{"data":` + oneItem + `}`},
		"read one that is hidden":             {"GET", "/items/messages/" + second, "", reader, 403, restError("FORBIDDEN")},
		"read one that is missing":            {"GET", "/items/messages/" + missing, "", admin, 403, restError("FORBIDDEN")},
		"read an unknown collection":          {"GET", "/items/nope", "", admin, 403, restError("FORBIDDEN")},
		"read a system collection":            {"GET", "/items/directus_users", "", admin, 403, restError("FORBIDDEN")},
		"search by query":                     {"SEARCH", "/items/messages", `{"query":{"fields":["text"],"limit":1}}`, editor, 200, `{"data":[{"text":"first"}]}`},
		"search by keys":                      {"SEARCH", "/items/messages?fields=text", `{"keys":["` + third + `"]}`, editor, 200, `{"data":[{"text":"third"}]}`},
		"create":                              {"POST", "/items/messages?fields=text,user", `{"text":"a","user":"b"}`, editor, 200, `{"data":{"text":"a","user":"b"}}`},
		"create many":                         {"POST", "/items/messages?fields=text", `[{"text":"a"},{"text":"b"}]`, editor, 200, `{"data":[{"text":"a"},{"text":"b"}]}`},
		"create, not unique":                  {"POST", "/items/messages", `{"id":"` + first + `"}`, editor, 400, restError("RECORD_NOT_UNIQUE")},
		"create, too long":                    {"POST", "/items/messages", `{"user":"` + strings.Repeat("x", 256) + `"}`, editor, 400, restError("VALUE_TOO_LONG")},
		"create, not allowed":                 {"POST", "/items/messages", `{"text":"a"}`, reader, 403, restError("FORBIDDEN")},
		"create, no object":                   {"POST", "/items/messages", `"text"`, editor, 400, restError("INVALID_PAYLOAD")},
		"create, no JSON":                     {"POST", "/items/messages", `{`, editor, 400, restError("INVALID_PAYLOAD")},
		"create, too large":                   {"POST", "/items/messages", `{"text":"` + strings.Repeat("x", 1<<20) + `"}`, editor, 413, restError("CONTENT_TOO_LARGE")},
		"update one":                          {"PATCH", "/items/messages/" + first + "?fields=text", `{"text":"new"}`, editor, 200, `{"data":{"text":"new"}}`},
		"update one that is missing":          {"PATCH", "/items/messages/" + missing, `{"text":"new"}`, editor, 403, restError("FORBIDDEN")},
		"update one, no object":               {"PATCH", "/items/messages/" + first, `[]`, editor, 400, restError("INVALID_PAYLOAD")},
		"update by keys":                      {"PATCH", "/items/messages?fields=text,user", `{"keys":["` + first + `","` + second + `"],"data":{"user":"x"}}`, editor, 200, `{"data":[{"text":"first","user":"x"},{"text":"second","user":"x"}]}`},
		"update by query":                     {"PATCH", "/items/messages?fields=text", `{"query":{"filter":{"user":{"_eq":"Ann"}}},"data":{"user":"x"}}`, editor, 200, `{"data":[{"text":"first"},{"text":"third"}]}`},
		"update by query, shown by the URL's": {"PATCH", "/items/messages?fields=text&filter[user]=x&meta=*", `{"query":{"filter":{"user":{"_eq":"Ann"}}},"data":{"user":"x"}}`, editor, 200, `{"data":[{"text":"first"},{"text":"third"}]}`},
		"create what the filter hides":        {"POST", "/items/messages?filter[text]=y", `{"text":"x"}`, editor, 204, ``},
		"create, a field that is unknown":     {"POST", "/items/messages?fields=nope", `{"text":"x"}`, editor, 204, ``},
		"update a batch":                      {"PATCH", "/items/messages?fields=text", `[{"id":"` + first + `","text":"1"},{"id":"` + third + `","text":"3"}]`, editor, 200, `{"data":[{"text":"1"},{"text":"3"}]}`},
		"update all by mistake":               {"PATCH", "/items/messages", `{"text":"x"}`, editor, 400, restError("INVALID_PAYLOAD")},
		"delete one":                          {"DELETE", "/items/messages/" + first, "", editor, 204, ""},
		"delete one that is missing":          {"DELETE", "/items/messages/" + missing, "", editor, 403, restError("FORBIDDEN")},
		"delete by keys":                      {"DELETE", "/items/messages", `["` + first + `"]`, editor, 204, ""},
		"delete by keys, another form":        {"DELETE", "/items/messages", `{"keys":["` + first + `"]}`, editor, 204, ""},
		"delete by query":                     {"DELETE", "/items/messages", `{"query":{"filter":{"user":{"_eq":"Ann"}}}}`, editor, 204, ""},
		"delete all by mistake":               {"DELETE", "/items/messages", "", editor, 400, restError("INVALID_PAYLOAD")},
		"an unknown method":                   {"PUT", "/items/messages", "{}", editor, 405, restError("METHOD_NOT_ALLOWED")},
		"login, wrong":                        {"POST", "/auth/login", `{"email":"editor@example.com","password":"wrong"}`, "", 401, `{"errors":[{"message":"Invalid user credentials.","extensions":{"code":"INVALID_CREDENTIALS"}}]}`},
		"login, nothing":                      {"POST", "/auth/login", `{}`, "", 400, invalid(`\"email\" is required.`)},
		"login, no address":                   {"POST", "/auth/login", `{"email":"nobody","password":"x"}`, "", 400, invalid(`\"email\" must be a valid email.`)},
		"login, no password":                  {"POST", "/auth/login", `{"email":"editor@example.com"}`, "", 400, invalid(`\"password\" is required.`)},
		"login, an empty password":            {"POST", "/auth/login", `{"email":"editor@example.com","password":""}`, "", 400, invalid(`\"password\" is not allowed to be empty.`)},
		"one item has no meta":                {"GET", "/items/messages/" + first + "?fields=text&meta=*", "", editor, 200, `{"data":{"text":"first"}}`},
		"login, an unknown mode":              {"POST", "/auth/login", `{"email":"editor@example.com","password":"editor-demo","mode":"saml"}`, "", 400, restError("INVALID_PAYLOAD")},
		"refresh, nothing":                    {"POST", "/auth/refresh", `{}`, "", 400, `{"errors":[{"message":"Invalid payload. The refresh token is required in either the payload or cookie.","extensions":{"code":"INVALID_PAYLOAD"}}]}`},
		"refresh, wrong":                      {"POST", "/auth/refresh", `{"refresh_token":"wrong"}`, "", 401, restError("INVALID_CREDENTIALS")},
		"login by GET":                        {"GET", "/auth/login", ``, "", 405, restError("METHOD_NOT_ALLOWED")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{&world{t: t}, reads.url}
			if c.method != "GET" && c.method != "SEARCH" {
				s = serve(t, nil)
			}
			s.expect(c.method, strings.NewReplacer("{", "%7B", "}", "%7D", `"`, "%22").Replace(c.path), c.body, c.token, c.status, c.expect)
		})
	}
}

func TestRESTSession(t *testing.T) {
	s := serve(t, nil)
	session := func(path, body string) (access, refresh string) {
		t.Helper()
		response, text := s.call("POST", path, body)
		var got struct {
			Data struct {
				Expires      int
				AccessToken  string `json:"access_token"`
				RefreshToken string `json:"refresh_token"`
			}
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || response.StatusCode != 200 {
			t.Fatalf("%s: %d %s", path, response.StatusCode, text)
		}
		if got.Data.Expires != 900000 || len(got.Data.RefreshToken) != 64 {
			t.Errorf("%s: %s", path, text)
		}
		return got.Data.AccessToken, got.Data.RefreshToken
	}
	access, refresh := session("/auth/login", `{"email":"editor@example.com","password":"editor-demo","mode":"json"}`)
	s.expect("GET", "/users/me?fields=email", "", access, 200, `{"data":{"email":"editor@example.com"}}`)
	access, rotated := session("/auth/refresh", `{"refresh_token":"`+refresh+`","mode":"json"}`)
	s.expect("GET", "/users/me?fields=email", "", access, 200, `{"data":{"email":"editor@example.com"}}`)
	s.expect("POST", "/auth/refresh", `{"refresh_token":"`+refresh+`"}`, "", 401, restError("INVALID_CREDENTIALS"))
	s.expect("POST", "/auth/logout", `{"refresh_token":"`+rotated+`"}`, "", 204, "")
	s.expect("POST", "/auth/refresh", `{"refresh_token":"`+rotated+`"}`, "", 401, restError("INVALID_CREDENTIALS"))
	for _, secret := range []string{access, refresh, rotated, "editor-demo"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func TestRESTCookies(t *testing.T) {
	s := serve(t, nil)
	answer := `{"data":{"expires":900000,"access_token":"<_>"}}`
	// cookie makes a request that must set the cookie, and returns it.
	cookie := func(path, body, sent string, status int, expect string) *http.Cookie {
		t.Helper()
		response, text := s.call("POST", path, body, "Cookie: "+sent)
		cookies := response.Cookies()
		if response.StatusCode != status || len(cookies) != 1 || cookies[0].Name != "directus_refresh_token" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
			t.Fatalf("%s: %d %s %v", path, response.StatusCode, text, cookies)
		}
		if expect != text && protocoltest.Match([]byte(expect), []byte(text), nil) != nil {
			t.Errorf("%s: got %s", path, text)
		}
		return cookies[0]
	}
	login := cookie("/auth/login", `{"email":"editor@example.com","password":"editor-demo","mode":"cookie"}`, "", 200, answer)
	if login.MaxAge != 7*24*3600 {
		t.Errorf("got %v", login)
	}
	rotated := cookie("/auth/refresh", `{"mode":"cookie"}`, login.Name+"="+login.Value, 200, answer)
	gone := cookie("/auth/logout", `{"mode":"cookie"}`, rotated.Name+"="+rotated.Value, 204, "")
	if gone.MaxAge != -1 || gone.Value != "" {
		t.Errorf("got %v", gone)
	}
	for _, c := range []*http.Cookie{login, rotated} {
		if response, text := s.call("POST", "/auth/refresh", `{}`, "Cookie: "+c.Name+"="+c.Value); response.StatusCode != 401 {
			t.Errorf("a token that is void: %d %s", response.StatusCode, text)
		}
	}
}

func TestRESTWantsJSON(t *testing.T) {
	s := serve(t, nil)
	response, text := s.call("POST", "/items/messages", "text=a", "Authorization: Bearer "+editor, "Content-Type: application/x-www-form-urlencoded")
	if response.StatusCode != 415 || !strings.Contains(text, "UNSUPPORTED_MEDIA_TYPE") {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
	response, _ = s.call("GET", "/items/messages", "", "Authorization: Bearer "+editor)
	if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("got the Content-Type %q", got)
	}
}

func TestRESTTellsSubscribers(t *testing.T) {
	s := serve(t, nil)
	peer := s.socket("", nil)
	peer.Say(`{"type":"auth","access_token":"editor-demo-token"}`)
	peer.Expect(`{"type":"auth","status":"ok"}`)
	peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"]},"uid":"s"}`)
	peer.Expect(`{"type":"subscription","event":"init","...":"..."}`)
	s.expect("POST", "/items/messages", `[{"text":"r2"},{"text":"r3"}]`, editor, 200, `{"data":["<_>","<_>"]}`)
	peer.Expect(told("create", `[{"text":"r2"}]`, "s"))
	peer.Expect(told("create", `[{"text":"r3"}]`, "s"))
	s.expect("PATCH", "/items/messages", `{"keys":["`+first+`","`+third+`"],"data":{"text":"rm"}}`, editor, 200, `{"data":["<_>","<_>"]}`)
	peer.Expect(told("update", `[{"text":"rm"},{"text":"rm"}]`, "s"))
	s.expect("DELETE", "/items/messages/"+first, "", editor, 204, "")
	peer.Expect(told("delete", `["`+first+`"]`, "s"))
	quiet(peer)
}

// socket opens a WebSocket; the test plays the client. status, if not nil, gets
// the status of a refusal.
func (s *server) socket(query string, status *int, header ...string) *protocoltest.Peer {
	s.t.Helper()
	r, err := http.NewRequest("GET", s.url+"/websocket"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if len(header) == 0 && status == nil {
		conn, err := transport.Default.Dial(s.t.Context(), "ws"+strings.TrimPrefix(r.URL.String(), "http"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { conn.Close(transport.CloseNormal, "") })
		return protocoltest.NewPeer(s.t, conn)
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	*status = response.StatusCode
	return nil
}

func TestUpgrade(t *testing.T) {
	for name, c := range map[string]struct {
		opts   directus.Options
		query  string
		origin string
		status int
	}{
		"handshake":                     {directus.Options{}, "", "", 101},
		"a right token":                 {directus.Options{}, "?access_token=" + editor, "", 101},
		"a wrong token":                 {directus.Options{}, "?access_token=wrong", "", 401},
		"strict, no token":              {directus.Options{Mode: directus.ModeStrict}, "", "", 401},
		"strict, a right token":         {directus.Options{Mode: directus.ModeStrict}, "?access_token=" + editor, "", 101},
		"public, a wrong token":         {directus.Options{Mode: directus.ModePublic}, "?access_token=wrong", "", 401},
		"same host":                     {directus.Options{}, "", "http://HOST", 101},
		"another origin":                {directus.Options{}, "", "http://evil.example", 403},
		"no origin at all":              {directus.Options{CORS: true, CORSOrigins: []string{"true"}}, "", "null", 403},
		"the public URL":                {directus.Options{PublicURL: "https://app.example/directus"}, "", "https://app.example", 101},
		"the public URL's host, no TLS": {directus.Options{PublicURL: "https://app.example"}, "", "http://app.example", 403},
		"a listed origin":               {directus.Options{CORS: true, CORSOrigins: []string{"https://a.example", "https://b.example"}}, "", "https://b.example", 101},
		"a listed origin, CORS off":     {directus.Options{CORSOrigins: []string{"https://b.example"}}, "", "https://b.example", 403},
		"every origin":                  {directus.Options{CORS: true, CORSOrigins: []string{"true"}}, "", "https://b.example", 101},
		"a star authorises nobody":      {directus.Options{CORS: true, CORSOrigins: []string{"*"}}, "", "https://b.example", 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &c.opts)
			status := 0
			s.socket(c.query, &status, "Origin: "+strings.Replace(c.origin, "HOST", strings.TrimPrefix(s.url, "http://"), 1))
			if status != c.status {
				t.Errorf("got %d, want %d", status, c.status)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		s := serve(t, &directus.Options{MaxConnections: 1})
		peer := s.socket("", nil)
		peer.Say(`{"type":"auth","access_token":"editor-demo-token"}`)
		peer.Expect(`{"type":"auth","status":"ok"}`)
		status := 0
		s.socket("", &status)
		if status != http.StatusForbidden {
			t.Errorf("got %d", status)
		}
	})
}

func TestCORS(t *testing.T) {
	off := serve(t, nil)
	response, _ := off.call("GET", "/server/ping", "", "Origin: https://a.example")
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("without CORS: got %q", got)
	}
	on := serve(t, &directus.Options{CORS: true, CORSOrigins: []string{"https://a.example"}})
	response, _ = on.call("OPTIONS", "/items/messages", "", "Origin: https://a.example", "Access-Control-Request-Method: PATCH")
	if response.StatusCode != 204 || response.Header.Get("Access-Control-Allow-Origin") != "https://a.example" ||
		!strings.Contains(response.Header.Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("preflight: got %d %v", response.StatusCode, response.Header)
	}
	response, _ = on.call("GET", "/server/ping", "", "Origin: https://b.example")
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("another origin: got %q", got)
	}
}

func TestRESTKeysWithASlash(t *testing.T) {
	s := serve(t, nil)
	s.expect("POST", "/items/articles?fields=id", `{"id":"a/b c","title":"one"}`, admin, 200, `{"data":{"id":"a/b c"}}`)
	s.expect("GET", "/items/articles/a%2Fb%20c?fields=title", "", admin, 200, `{"data":{"title":"one"}}`)
	s.expect("GET", "/items/articles/a/b%20c", "", admin, 404, `{"errors":[{"message":"<_>","extensions":{"code":"ROUTE_NOT_FOUND","path":"/items/articles/a/b c"}}]}`)
	s.expect("DELETE", "/items/articles/a%2Fb%20c", "", admin, 204, "")
}
