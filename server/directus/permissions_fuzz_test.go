package directus_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
)

// Whatever the filter of a permission, who has it reads exactly the items that it
// matches in memory, and no hub breaks down over it.
func FuzzPermissionFilter(f *testing.F) {
	for _, filter := range []string{
		`{}`, `null`, `{"status":{"_eq":"published"}}`, `{"_or":[{"user":{"_eq":"Ann"}},{"text":{"_null":true}}]}`,
		`{"_and":[{"date_created":{"_lte":"2026-01-02T00:00:00Z"}},{"status":{"_neq":"draft"}}]}`, `{"text":{"_contains":"ir"}}`,
		`{"user":{"_in":["Ann","$CURRENT_USER"]}}`, `{"month(date_created)":{"_eq":1}}`, `{"id":{"_nin":["11111111-1111-4111-8111-111111111111"]}}`,
		`{"date_created":{"_between":["2026-01-02","2026-01-03T12:00:00Z"]}}`, `{"status":{"_nempty":true}}`, `{"user":{"_nistarts_with":"a"}}`,
	} {
		f.Add([]byte(filter))
	}
	permissions := directus.PermissionsOf(directus.Rules{})
	w := newWorld(f, &directus.Options{Permissions: permissions})
	messages := w.store.Schema().Collections["messages"]
	all := query.New()
	all.Limit = -1
	rows, err := w.store.Read(f.Context(), "messages", all)
	if err != nil || len(rows) == 0 {
		f.Fatal(rows, err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		filter, err := query.ParseFilter(text)
		if err != nil || filter.Validate(messages) != nil || filter.UsesNow() {
			return // refused when the rules are read; and $NOW is not the same twice
		}
		permissions.Replace(directus.Rules{
			Policies:    []directus.Policy{{ID: "public"}},
			Grants:      []directus.Grant{{Policy: "public"}},
			Permissions: []directus.Permission{{Policy: "public", Collection: "messages", Action: protocol.ActionRead, Filter: filter}},
		})
		var want []string
		bound := filter.Bind(messages, query.Env{Now: time.Now()})
		for _, row := range rows {
			if bound.Match(row) {
				want = append(want, row["id"].(string))
			}
		}
		recorder := httptest.NewRecorder()
		w.hub.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/items/messages?limit=-1&fields=id", nil))
		var answer struct {
			Data   []struct{ ID string }
			Errors []struct{ Extensions struct{ Code string } }
		}
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s: %s", text, recorder.Body)
		}
		if recorder.Code != http.StatusOK {
			// Too large, or too slow, for the database: nothing is shown.
			if len(answer.Errors) == 0 || recorder.Code >= 500 {
				t.Fatalf("%s: %d %s", text, recorder.Code, recorder.Body)
			}
			return
		}
		var got []string
		for _, row := range answer.Data {
			got = append(got, row.ID)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: reads %q, and %q match", text, got, want)
		}
	})
}
