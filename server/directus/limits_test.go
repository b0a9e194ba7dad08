package directus_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"leveret/server/directus"
)

func TestQueryLimits(t *testing.T) {
	s := serve(t, &directus.Options{QueryLimitDefault: 1, QueryLimitMax: 2, MaxRelationalDepth: 2, MaxBatch: 2})
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		expect             string
	}{
		"no limit":                      {"GET", "/items/messages?fields=text", "", 200, `{"data":[{"text":"first"}]}`},
		"the most":                      {"GET", "/items/messages?fields=text&limit=2", "", 200, `{"data":[{"text":"first"},{"text":"second"}]}`},
		"all is the most":               {"GET", "/items/messages?fields=text&limit=-1", "", 200, `{"data":[{"text":"first"},{"text":"second"}]}`},
		"too many":                      {"GET", "/items/messages?limit=3", "", 400, restError("INVALID_QUERY")},
		"too many in deep":              {"SEARCH", "/items/articles", `{"query":{"fields":["categories.id"],"deep":{"categories":{"_limit":3}}}}`, 400, restError("INVALID_QUERY")},
		"by keys":                       {"SEARCH", "/items/messages?fields=text", `{"keys":["` + first + `","` + second + `"]}`, 200, `{"data":[{"text":"first"},{"text":"second"}]}`},
		"groups":                        {"GET", "/items/messages?groupBy=text&sort=text", "", 200, `{"data":[{"text":"first"}]}`},
		"deep enough":                   {"GET", "/items/articles?fields=author.email", "", 200, `{"data":[]}`},
		"too deep":                      {"GET", "/items/articles?fields=author.role.name", "", 400, `{"errors":[{"message":"Invalid query. Max relational depth exceeded.","extensions":{"code":"INVALID_QUERY"}}]}`},
		"too deep a filter":             {"GET", "/items/articles?filter[author][role][name]=x", "", 400, restError("INVALID_QUERY")},
		"a batch":                       {"POST", "/items/messages?fields=text", `[{"text":"a"},{"text":"b"}]`, 200, `{"data":[{"text":"a"},{"text":"b"}]}`},
		"too large a batch":             {"POST", "/items/messages", `[{},{},{}]`, 400, `{"errors":[{"message":"Invalid payload. Exceeded max batch mutation limit of 2.","extensions":{"code":"INVALID_PAYLOAD"}}]}`},
		"too large a batch of updates":  {"PATCH", "/items/messages", `[{"id":"` + first + `"},{"id":"` + second + `"},{"id":"` + third + `"}]`, 400, restError("INVALID_PAYLOAD")},
		"an update of too many":         {"PATCH", "/items/messages", `{"keys":["` + first + `","` + second + `","` + third + `"],"data":{}}`, 400, restError("INVALID_PAYLOAD")},
		"a delete of too many":          {"DELETE", "/items/messages", `["` + first + `","` + second + `","` + third + `"]`, 400, restError("INVALID_PAYLOAD")},
		"an update by query, no limit":  {"PATCH", "/items/messages?fields=text", `{"query":{"filter":{"user":{"_eq":"Ann"}}},"data":{"status":"x"}}`, 200, `{"data":[{"text":"first"}]}`},
		"an update by query, too large": {"PATCH", "/items/messages", `{"query":{"limit":3},"data":{"status":"x"}}`, 400, restError("INVALID_QUERY")},
		"told by the server":            {"GET", "/server/info", "", 200, `{"data":{"queryLimit":{"default":1,"max":2},"...":"..."}}`},
	} {
		t.Run(name, func(t *testing.T) {
			server := s
			if c.method != "GET" && c.method != "SEARCH" && c.status == 200 {
				server = serve(t, &directus.Options{QueryLimitDefault: 1, QueryLimitMax: 2, MaxBatch: 2})
			}
			server.t = t
			server.expect(c.method, c.path, c.body, admin, c.status, c.expect)
		})
	}
}

func TestQueryLimitsOfSubscriptions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, &directus.Options{QueryLimitDefault: 1, QueryLimitMax: 2}).connect(editor)
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"fields":["text"]},"uid":"s"}`)
		peer.Expect(`{"type":"subscription","event":"init","data":[{"text":"first"}],"uid":"s"}`)
		peer.Say(`{"type":"subscribe","collection":"messages","query":{"limit":3},"uid":"t"}`)
		peer.Expect(`{"type":"subscribe","status":"error","error":{"code":"INVALID_QUERY","message":"<_>"},"uid":"t"}`)
		// The default is no limit on what is told.
		peer.Say(`{"type":"items","collection":"messages","action":"update","ids":["` + first + `","` + third + `"],"data":{"text":"x"},"query":{"fields":["text"]},"uid":"u"}`)
		peer.Expect(told("update", `[{"text":"x"},{"text":"x"}]`, "s"))
		peer.Expect(`{"type":"items","data":[{"text":"x"},{"text":"x"}],"uid":"u"}`)
	})
}

func TestManyFailedValidations(t *testing.T) {
	s := serve(t, nil)
	s.expect("POST", "/notifications", `{}`, admin, 400, fmt.Sprintf(`{"errors":[%s,%s]}`,
		`{"message":"<_>","extensions":{"code":"FAILED_VALIDATION"}}`, `{"message":"<_>","extensions":{"code":"FAILED_VALIDATION"}}`))
}

func TestAdministeredUsers(t *testing.T) {
	s := serve(t, nil)
	_, text := s.call("POST", "/users?fields=id", `{"email":"New@Example.com","password":"a password","token":"a-token","role":"`+directus.RoleReader+`"}`, "Authorization: Bearer "+admin)
	_, id, _ := strings.Cut(text, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	s.expect("GET", "/users/me?fields=email", "", "a-token", 200, `{"data":{"email":"new@example.com"}}`)
	s.expect("GET", "/users/"+id+"?fields=password,token", "", admin, 200, `{"data":{"password":"**********","token":"**********"}}`)
	s.expect("POST", "/auth/login", `{"email":"new@example.COM","password":"a password"}`, "", 200, `{"data":{"...":"..."}}`)
	s.expect("PATCH", "/users/me?fields=email", `{"password":"another"}`, "a-token", 200, `{"data":{"email":"new@example.com"}}`)
	s.expect("POST", "/auth/login", `{"email":"new@example.com","password":"a password"}`, "", 401, restError("INVALID_CREDENTIALS"))
	s.expect("POST", "/auth/login", `{"email":"new@example.com","password":"another"}`, "", 200, `{"data":{"...":"..."}}`)
	// Another password ends the sessions, but for the one in which it was changed.
	login := func() *http.Cookie {
		response, _ := s.call("POST", "/auth/login", `{"email":"new@example.com","password":"another","mode":"session"}`)
		return response.Cookies()[0]
	}
	here, there := login(), login()
	if response, text := s.call("PATCH", "/users/me", `{"password":"a third"}`, cookieHeader(here)); response.StatusCode != 200 {
		t.Errorf("got %d %s", response.StatusCode, text)
	}
	for cookie, status := range map[*http.Cookie]int{here: 200, there: 401} {
		if response, _ := s.call("GET", "/users/me", "", cookieHeader(cookie)); response.StatusCode != status {
			t.Errorf("after another password: got %d, want %d", response.StatusCode, status)
		}
	}
	s.expect("PATCH", "/users/"+id+"?fields=status", `{"status":"suspended"}`, admin, 200, `{"data":{"status":"suspended"}}`)
	s.expect("GET", "/users/me", "", "a-token", 401, restError("USER_SUSPENDED"))
	s.expect("DELETE", "/users/"+id, "", admin, 204, "")
	s.expect("GET", "/users/me", "", "a-token", 401, restError("INVALID_CREDENTIALS"))

	// Somebody stays an administrator.
	_, text = s.call("GET", "/users/me?fields=id", "", "Authorization: Bearer "+admin)
	_, id, _ = strings.Cut(text, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	s.expect("DELETE", "/users/"+id, "", admin, 422, `{"errors":[{"message":"You can't remove the last admin user from the system.","extensions":{"code":"UNPROCESSABLE_CONTENT"}}]}`)
	for _, change := range []string{`{"status":"suspended"}`, `{"role":null}`, `{"role":"` + directus.RoleReader + `"}`} {
		s.expect("PATCH", "/users/"+id, change, admin, 422, restError("UNPROCESSABLE_CONTENT"))
	}
	s.expect("POST", "/users?fields=email", `{"email":"second@example.com","role":"`+directus.RoleAdmin+`"}`, admin, 200, `{"data":{"email":"second@example.com"}}`)
	s.expect("DELETE", "/users/"+id, "", admin, 204, "")
}
