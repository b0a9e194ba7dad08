package directus_test

import (
	"testing"

	"leveret/protocol"
	"leveret/server/directus"
)

// A delete by query answers with those keys that the items show.
func TestDeleteByQueryTellsNoHiddenKeys(t *testing.T) {
	all := func(fields string) string {
		return change("articles", "delete", `"query":{"filter":{"`+fields+`":{"_nnull":true}}},"uid":"u"`)
	}
	read := func(filter string, fields ...string) directus.Rule {
		rule := directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionRead, Fields: fields}
		if filter != "" {
			rule.Filter = parseFilter(t, filter)
		}
		return rule
	}
	for name, c := range map[string]struct {
		rules []directus.Rule
		want  string
	}{
		"shown":         {[]directus.Rule{read("")}, `["a","b","c"]`},
		"hidden":        {[]directus.Rule{read("", "title")}, `[]`},
		"shown in some": {[]directus.Rule{read("", "title"), read(`{"status":{"_eq":"draft"}}`, "id")}, `["b"]`},
	} {
		t.Run(name, func(t *testing.T) {
			rules := append(c.rules, directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionDelete})
			w := newLibrary(t, &directus.Options{Permissions: directus.NewPermissions(rules...)})
			peer := w.connect(editor)
			peer.Say(all("title"))
			peer.Expect(`{"type":"items","data":` + c.want + `,"uid":"u"}`)
			if n, err := w.store.Count(t.Context(), "articles", nil, ""); n != 0 || err != nil {
				t.Errorf("%d items are left, %v", n, err)
			}
		})
	}
}

// Ten asterisks are a secret only where there are secrets.
func TestAsterisks(t *testing.T) {
	peer := newWorld(t, nil).connect(editor)
	for _, s := range []step{
		{change("messages", "create", `"data":{"text":"**********","user":"x"},"query":{"fields":["text"]},"uid":"u"`), `{"type":"items","data":{"text":"**********"},"uid":"u"}`},
		{change("messages", "update", `"ids":["`+first+`"],"data":{"text":"**********"},"query":{"fields":["text"]},"uid":"u"`), `{"type":"items","data":[{"text":"**********"}],"uid":"u"}`},
	} {
		peer.Say(s.say)
		peer.Expect(s.expect)
	}
}

// What a query cannot ask for here is refused, and not passed over.
func TestRESTRefusesWhatIsNotServed(t *testing.T) {
	s := serve(t, nil)
	for query, status := range map[string]int{
		"?version=draft": 400, "?version[]=draft": 400, "?export=csv": 400, "?version=main": 200, "?export=": 200, "?versions=draft": 200,
	} {
		for _, path := range []string{"/items/messages", "/items/messages/" + first} {
			response, text := s.call("GET", path+query, "", "Authorization: Bearer "+editor)
			if response.StatusCode != status {
				t.Errorf("%s%s: got %d %s", path, query, response.StatusCode, text)
			}
		}
	}
}
