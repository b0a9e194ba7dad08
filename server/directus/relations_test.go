package directus_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/query"
	"leveret/server/directus"
)

const (
	ada   = "00000000-0000-4000-8000-0000000000a2" // the demo's administrator
	eddie = "00000000-0000-4000-8000-0000000000e2" // and its editor
	rita  = "00000000-0000-4000-8000-0000000000b2" // and its reader
)

// parseFilter reads a filter of a test.
func parseFilter(t testing.TB, text string) *query.Filter {
	t.Helper()
	f, err := query.ParseFilter([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// articleRules: editors do everything with articles and categories, and read users
// without their e-mail; readers read what is published, and categories that are not
// secret; nobody but the administrator reads roles.
func articleRules(t testing.TB) *directus.Permissions {
	rules := []directus.Rule{
		{Role: directus.RoleEditor, Collection: "directus_users", Action: protocol.ActionRead, Fields: []string{"id", "first_name", "last_name"}},
		{Role: directus.RoleReader, Collection: "directus_users", Action: protocol.ActionRead, Fields: []string{"id", "first_name"},
			Filter: parseFilter(t, `{"id":{"_neq":"`+ada+`"}}`)},
		{Role: directus.RoleReader, Collection: "articles", Action: protocol.ActionRead, Filter: parseFilter(t, `{"status":{"_eq":"published"}}`)},
		{Role: directus.RoleReader, Collection: "articles_categories", Action: protocol.ActionRead},
		{Role: directus.RoleReader, Collection: "categories", Action: protocol.ActionRead, Filter: parseFilter(t, `{"name":{"_nstarts_with":"secret"}}`)},
	}
	for _, collection := range []string{"articles", "categories", "articles_categories", "messages", "directus_notifications"} {
		for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
			rules = append(rules, directus.Rule{Role: directus.RoleEditor, Collection: collection, Action: action})
		}
	}
	return directus.NewPermissions(rules...)
}

// newLibrary returns a world with three articles: a and c are Eddie's, b is Ada's
// and a draft. a is about go (1) and secret things (2), c about go.
func newLibrary(t testing.TB, opts *directus.Options) *world {
	t.Helper()
	var o directus.Options
	if opts != nil {
		o = *opts
	}
	if o.Permissions == nil {
		o.Permissions = articleRules(t)
	}
	w := newWorld(t, &o)
	err := w.store.Write(t.Context(), func(tx directus.Tx) error {
		for _, row := range []struct {
			collection string
			row        query.Row
		}{
			{"categories", query.Row{"name": "go"}},
			{"categories", query.Row{"name": "secret things"}},
			{"articles", query.Row{"id": "a", "title": "A", "status": "published", "author": eddie, "views": int64(10)}},
			{"articles", query.Row{"id": "b", "title": "B", "status": "draft", "author": ada, "views": int64(20)}},
			{"articles", query.Row{"id": "c", "title": "C", "status": "published", "author": eddie, "views": int64(30)}},
			{"articles_categories", query.Row{"articles_id": "a", "categories_id": int64(1)}},
			{"articles_categories", query.Row{"articles_id": "a", "categories_id": int64(2)}},
			{"articles_categories", query.Row{"articles_id": "c", "categories_id": int64(1)}},
		} {
			if _, err := tx.Insert(t.Context(), row.collection, row.row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func read(collection, q string) string {
	return `{"type":"items","collection":"` + collection + `","action":"read","query":` + q + `,"uid":"u"}`
}

func TestReadRelations(t *testing.T) {
	data := func(data string) string { return `{"type":"items","data":` + data + `,"uid":"u"}` }
	for name, c := range map[string]struct{ token, collection, query, expect string }{
		"m2o":                        {editor, "articles", `{"fields":["id","author.first_name"],"limit":1}`, data(`[{"id":"a","author":{"first_name":"Eddie"}}]`)},
		"m2o, a key":                 {editor, "articles", `{"fields":["author"],"limit":1}`, data(`[{"author":"` + eddie + `"}]`)},
		"m2o, every field":           {editor, "articles", `{"fields":["author.*"],"limit":1}`, data(`[{"author":{"id":"` + eddie + `","first_name":"Eddie","last_name":"Editor"}}]`)},
		"m2o, of nobody":             {admin, "directus_users", `{}`, refused("items", "INVALID_COLLECTION")},
		"m2o, a hidden field":        {editor, "articles", `{"fields":["author.email"]}`, refused("items", "FORBIDDEN")},
		"m2o, a hidden item":         {reader, "articles", `{"fields":["title","author.first_name"]}`, data(`[{"title":"A","author":{"first_name":"Eddie"}},{"title":"C","author":{"first_name":"Eddie"}}]`)},
		"o2m, keys":                  {editor, "articles", `{"fields":["id","categories"]}`, data(`[{"id":"a","categories":[1,2]},{"id":"b","categories":[]},{"id":"c","categories":[3]}]`)},
		"o2m, nested":                {editor, "articles", `{"fields":["categories.categories_id.name"],"limit":1}`, data(`[{"categories":[{"categories_id":{"name":"go"}},{"categories_id":{"name":"secret things"}}]}]`)},
		"o2m, items that are hidden": {reader, "articles", `{"fields":["categories.categories_id.name"],"limit":1}`, data(`[{"categories":[{"categories_id":{"name":"go"}},{"categories_id":null}]}]`)},
		"o2m, count":                 {editor, "articles", `{"fields":["id","count(categories)"]}`, data(`[{"id":"a","categories_count":2},{"id":"b","categories_count":0},{"id":"c","categories_count":1}]`)},
		"o2m back, hidden":           {reader, "categories", `{"fields":["name","articles.articles_id.title"]}`, data(`[{"name":"go","articles":[{"articles_id":{"title":"A"}},{"articles_id":{"title":"C"}}]}]`)},
		"alias":                      {editor, "articles", `{"fields":["writer.first_name"],"alias":{"writer":"author"},"limit":1}`, data(`[{"writer":{"first_name":"Eddie"}}]`)},
		"deep, a limit":              {editor, "articles", `{"fields":["id","categories"],"deep":{"categories":{"_limit":1}}}`, data(`[{"id":"a","categories":[1]},{"id":"b","categories":[]},{"id":"c","categories":[3]}]`)},
		"deep, a sort and an offset": {editor, "articles", `{"fields":["categories"],"deep":{"categories":{"_sort":["-id"],"_limit":1,"_offset":1}},"limit":1}`, data(`[{"categories":[1]}]`)},
		"deep, a filter":             {editor, "articles", `{"fields":["categories.categories_id.id"],"deep":{"categories":{"_filter":{"categories_id":{"name":{"_eq":"go"}}}}},"limit":1}`, data(`[{"categories":[{"categories_id":{"id":1}}]}]`)},
		"deep, an m2o":               {editor, "articles", `{"fields":["id","author.first_name"],"deep":{"author":{"_filter":{"first_name":{"_eq":"Ada"}}}}}`, data(`[{"id":"a","author":null},{"id":"b","author":{"first_name":"Ada"}},{"id":"c","author":null}]`)},
		"a function":                 {editor, "messages", `{"fields":["year(date_created)"],"limit":1}`, data(`[{"date_created_year":2026}]`)},
		"filter m2o":                 {editor, "articles", `{"fields":["id"],"filter":{"author":{"first_name":{"_eq":"Ada"}}}}`, data(`[{"id":"b"}]`)},
		"filter m2o, a hidden field": {editor, "articles", `{"filter":{"author":{"email":{"_eq":"x"}}}}`, refused("items", "FORBIDDEN")},
		"filter o2m":                 {editor, "articles", `{"fields":["id"],"filter":{"categories":{"categories_id":{"name":{"_contains":"secret"}}}}}`, data(`[{"id":"a"}]`)},
		"filter o2m, hidden":         {reader, "articles", `{"fields":["id"],"filter":{"categories":{"categories_id":{"name":{"_contains":"secret"}}}}}`, data(`[]`)},
		"filter o2m, none":           {editor, "articles", `{"fields":["id"],"filter":{"categories":{"_none":{"categories_id":{"_eq":2}}}}}`, data(`[{"id":"b"},{"id":"c"}]`)},
		"filter count":               {editor, "articles", `{"fields":["id"],"filter":{"count(categories)":{"_gt":1}}}`, data(`[{"id":"a"}]`)},
		"sort m2o":                   {editor, "articles", `{"fields":["id"],"sort":["author.first_name","-id"]}`, data(`[{"id":"b"},{"id":"c"},{"id":"a"}]`)},
		"aggregate":                  {editor, "articles", `{"aggregate":{"count":"*","sum":["views"],"max":["views"]}}`, data(`[{"count":3,"sum":{"views":60},"max":{"views":30}}]`)},
		"aggregate, hidden items":    {reader, "articles", `{"aggregate":{"count":"*","sum":["views"]}}`, data(`[{"count":2,"sum":{"views":40}}]`)},
		"group":                      {editor, "articles", `{"aggregate":{"count":"id"},"groupBy":["status"]}`, data(`[{"status":"draft","count":{"id":1}},{"status":"published","count":{"id":2}}]`)},
		"group by a relation":        {reader, "articles", `{"aggregate":{"count":"*"},"groupBy":["author"]}`, data(`[{"author":"` + eddie + `","count":2}]`)},
		"meta":                       {reader, "articles", `{"fields":["id"],"filter":{"author":{"first_name":{"_eq":"Eddie"}}},"limit":1,"meta":"*"}`, `{"type":"items","data":[{"id":"a"}],"meta":{"total_count":2,"filter_count":2},"uid":"u"}`},
		"search, guarded":            {reader, "articles", `{"fields":["id"],"search":"draft"}`, data(`[]`)},
		"unknown relation":           {editor, "articles", `{"fields":["author.nope"]}`, refused("items", "FORBIDDEN")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				peer := newLibrary(t, nil).connect(c.token)
				peer.Say(read(c.collection, c.query))
				peer.Expect(c.expect)
			})
		})
	}
}

// What may not be read of a related item is neither shown nor found.
func TestRelationsShowNoSecrets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, nil)
		a := w.connect(admin)
		a.Say(read("articles", `{"fields":["author.*"],"limit":1}`))
		var frame struct {
			Data []struct{ Author map[string]any }
		}
		if err := json.Unmarshal(a.Next(), &frame); err != nil || len(frame.Data) != 1 {
			t.Fatal(err, frame)
		}
		for _, secret := range []string{"password", "token"} {
			if got := frame.Data[0].Author[secret]; got != "**********" {
				t.Errorf("%s is shown as %v", secret, got)
			}
		}
		a.Say(read("articles", `{"fields":["id"],"filter":{"author":{"token":{"_eq":"`+directus.HashToken(editor)+`"}}}}`))
		a.Expect(refused("items", "INVALID_QUERY"))
	})
}

func TestFieldCases(t *testing.T) {
	// Whatever is published shows its title; of the own articles, views too.
	rules := directus.NewPermissions(
		directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionRead, Filter: parseFilter(t, `{"status":{"_eq":"published"}}`), Fields: []string{"id", "title"}},
		directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionRead, Filter: parseFilter(t, `{"author":{"_eq":"$CURRENT_USER"}}`), Fields: []string{"id", "views"}},
		directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionUpdate, Filter: parseFilter(t, `{"author":{"first_name":{"_eq":"$CURRENT_USER.first_name"}}}`), Fields: []string{"title", "author"}},
	)
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, &directus.Options{Permissions: rules})
		e, a := w.connect(editor), w.connect(admin)
		do(a, `{"type":"items","collection":"articles","action":"update","id":"c","data":{"author":"`+ada+`"}}`)
		for _, s := range []step{
			{read("articles", `{}`), `{"type":"items","data":[{"id":"a","title":"A","views":10},{"id":"c","title":"C","views":null}],"uid":"u"}`},
			{read("articles", `{"fields":["id"],"filter":{"views":{"_gt":5}}}`), `{"type":"items","data":[{"id":"a"}],"uid":"u"}`},
			{read("articles", `{"fields":["id"],"filter":{"_or":[{"views":{"_gt":5}},{"id":{"_eq":"c"}}]}}`), `{"type":"items","data":[{"id":"a"},{"id":"c"}],"uid":"u"}`},
			{read("articles", `{"fields":["id"],"sort":"-views"}`), `{"type":"items","data":[{"id":"a"}],"uid":"u"}`},
			{read("articles", `{"aggregate":{"sum":"views"}}`), `{"type":"items","data":[{"sum":{"views":10}}],"uid":"u"}`},
			{read("articles", `{"aggregate":{"count":"*"},"groupBy":["views"]}`), `{"type":"items","data":[{"views":10,"count":1}],"uid":"u"}`},
			{read("articles", `{"aggregate":{"count":"*"},"groupBy":["id"],"sort":["-count","-id"]}`), `{"type":"items","data":[{"id":"c","count":1},{"id":"a","count":1}],"uid":"u"}`},
			{`{"type":"items","collection":"articles","action":"update","id":"c","data":{"title":"mine"},"uid":"u"}`, refused("items", "FORBIDDEN")},
			{`{"type":"items","collection":"articles","action":"update","id":"a","data":{"title":"mine"},"uid":"u"}`, `{"type":"items","data":{"id":"a","title":"mine","views":10},"uid":"u"}`},
		} {
			e.Say(s.say)
			e.Expect(s.expect)
		}
		e.Say(`{"type":"subscribe","collection":"articles","event":"update","uid":"s"}`)
		e.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
		do(a, `{"type":"items","collection":"articles","action":"update","ids":["a","b","c"],"data":{"views":7}}`)
		e.Expect(told("update", `[{"id":"a","title":"mine","views":7},{"id":"c","title":"C","views":null}]`, "s"))
		quiet(e)
	})
}

func subscribe(collection, rest string) string {
	return `{"type":"subscribe","collection":"` + collection + `",` + rest + `,"uid":"s"}`
}

func change(collection, action, rest string) string {
	return `{"type":"items","collection":"` + collection + `","action":"` + action + `",` + rest + `}`
}

func TestRelationalEvents(t *testing.T) {
	type deed struct {
		do     string
		expect []string // of the subscriber
	}
	for name, c := range map[string]struct {
		token, collection, subscribe, init string
		deeds                              []deed
	}{
		"nested fields in events": {editor, "articles", `"query":{"fields":["id","author.first_name"],"limit":1}`, `[{"id":"a","author":{"first_name":"Eddie"}}]`, []deed{
			{change("articles", "create", `"data":{"id":"d","author":"`+rita+`"}`), []string{told("create", `[{"id":"d","author":{"first_name":"Rita"}}]`, "s")}},
			{change("articles", "update", `"ids":["a","d"],"data":{"author":null}`), []string{told("update", `[{"id":"a","author":null}]`, "s")}},
			{change("articles", "delete", `"id":"d"`), []string{told("delete", `["d"]`, "s")}},
		}},
		"a relational filter": {editor, "articles", `"query":{"fields":["id"],"filter":{"author":{"first_name":{"_eq":"Eddie"}}}}`, `[{"id":"a"},{"id":"c"}]`, []deed{
			{change("articles", "update", `"id":"b","data":{"author":"`+eddie+`"}`), []string{told("update", `[{"id":"b"}]`, "s")}},
			{change("articles", "update", `"id":"a","data":{"author":"`+ada+`"}`), []string{told("delete", `["a"]`, "s")}},
			{change("articles", "update", `"id":"a","data":{"views":1}`), nil},
			{change("articles", "delete", `"ids":["a","b"]`), []string{told("delete", `["b"]`, "s")}},
			{change("articles", "create", `"data":[{"id":"x","author":"`+eddie+`"},{"id":"y"}]`), []string{told("create", `[{"id":"x"}]`, "s")}},
		}},
		"an o2m filter, and a related item comes and goes": {editor, "articles", `"query":{"fields":["id"],"filter":{"categories":{"categories_id":{"name":{"_eq":"go"}}}}}`, `[{"id":"a"},{"id":"c"}]`, []deed{
			{change("articles_categories", "create", `"data":{"articles_id":"b","categories_id":1}`), []string{told("update", `[{"id":"b"}]`, "s")}},
			{change("articles_categories", "delete", `"id":3`), []string{told("delete", `["c"]`, "s")}},
			{change("categories", "update", `"id":1,"data":{"name":"rust"}`), []string{told("delete", `["a","b"]`, "s")}},
			{change("categories", "update", `"id":2,"data":{"name":"go"}`), []string{told("update", `[{"id":"a"}]`, "s")}},
			{change("categories", "update", `"id":2,"data":{"name":"go"}`), nil},
		}},
		"a related item that is shown changes": {editor, "articles", `"query":{"fields":["id","categories.categories_id.name"],"filter":{"id":{"_neq":"b"}},"sort":"-id"}`, `[{"id":"c","categories":[{"categories_id":{"name":"go"}}]},{"id":"a","categories":[{"categories_id":{"name":"go"}},{"categories_id":{"name":"secret things"}}]}]`, []deed{
			{change("categories", "update", `"id":1,"data":{"name":"Go"}`), []string{told("update", `[{"id":"c","categories":[{"categories_id":{"name":"Go"}}]},{"id":"a","categories":[{"categories_id":{"name":"Go"}},{"categories_id":{"name":"secret things"}}]}]`, "s")}},
			{change("categories", "update", `"id":1,"data":{"name":"Go"}`), nil},
			{change("articles_categories", "delete", `"id":3`), []string{told("update", `[{"id":"c","categories":[]}]`, "s")}},
			{change("categories", "delete", `"id":2`), []string{told("update", `[{"id":"a","categories":[{"categories_id":{"name":"Go"}}]}]`, "s")}},
		}},
		"what is hidden changes unseen": {reader, "articles", `"query":{"fields":["id","categories.categories_id.name"],"limit":1}`, `[{"id":"a","categories":[{"categories_id":{"name":"go"}},{"categories_id":null}]}]`, []deed{
			{change("categories", "update", `"id":2,"data":{"name":"secret still"}`), nil},
			{change("articles", "update", `"id":"b","data":{"title":"x"}`), nil},
			{change("categories", "update", `"id":2,"data":{"name":"open"}`), []string{told("update", `[{"id":"a","categories":[{"categories_id":{"name":"go"}},{"categories_id":{"name":"open"}}]}]`, "s")}},
			{change("articles", "update", `"id":"a","data":{"status":"draft"}`), []string{told("delete", `["a"]`, "s")}},
			{change("articles", "delete", `"id":"b"`), nil},
		}},
		"sorted by a relation": {editor, "articles", `"query":{"fields":["id"],"sort":["author.first_name"],"limit":2}`, `[{"id":"b"},{"id":"a"}]`, []deed{
			{change("articles", "update", `"ids":["a","b","c"],"data":{"views":1}`), []string{told("update", `[{"id":"b"},{"id":"a"}]`, "s")}},
		}},
		"an item": {editor, "articles", `"item":"a","query":{"fields":["author.first_name"]}`, `{"author":{"first_name":"Eddie"}}`, []deed{
			{change("articles", "update", `"ids":["a","c"],"data":{"author":"`+ada+`"}`), []string{told("update", `{"author":{"first_name":"Ada"}}`, "s")}},
			{change("articles", "delete", `"ids":["a","c"]`), []string{told("delete", `"a"`, "s")}},
		}},
		"an alias and a function": {editor, "articles", `"query":{"fields":["id","n","count(categories)"],"alias":{"n":"title"},"filter":{"id":{"_eq":"c"}}}`, `[{"id":"c","n":"C","categories_count":1}]`, []deed{
			{change("articles_categories", "create", `"data":{"articles_id":"c","categories_id":2}`), []string{told("update", `[{"id":"c","n":"C","categories_count":2}]`, "s")}},
		}},
		"set null and cascade tell": {admin, "articles_categories", `"query":{"fields":["id"]}`, `[{"id":1},{"id":2},{"id":3}]`, []deed{
			{change("articles", "delete", `"id":"a"`), []string{told("delete", `[1,2]`, "s")}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				w := newLibrary(t, nil)
				peer, other := w.connect(c.token), w.connect(admin)
				peer.Say(subscribe(c.collection, c.subscribe))
				peer.Expect(told("init", c.init, "s"))
				for _, d := range c.deeds {
					do(other, d.do)
					for _, expect := range d.expect {
						peer.Expect(expect)
					}
					quiet(peer)
				}
			})
		})
	}
}

// A permission that looks at related items is followed like a filter.
func TestRelationalPermissions(t *testing.T) {
	rules := directus.NewPermissions(
		directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionRead, Fields: []string{"id"},
			Filter: parseFilter(t, `{"categories":{"categories_id":{"name":{"_eq":"go"}}}}`)},
	)
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, &directus.Options{Permissions: rules})
		e, a := w.connect(editor), w.connect(admin)
		e.Say(subscribe("articles", `"query":{}`))
		e.Expect(told("init", `[{"id":"a"},{"id":"c"}]`, "s"))
		do(a, change("articles", "update", `"id":"b","data":{"views":1}`))
		do(a, change("articles", "delete", `"id":"b"`))
		quiet(e)
		do(a, change("categories", "update", `"id":1,"data":{"name":"rust"}`))
		e.Expect(told("delete", `["a","c"]`, "s"))
		do(a, change("articles", "update", `"id":"a","data":{"views":1}`))
		do(a, change("articles", "delete", `"id":"c"`))
		quiet(e)
		do(a, change("categories", "update", `"id":2,"data":{"name":"go"}`))
		e.Expect(told("update", `[{"id":"a"}]`, "s"))
	})
}

// Subscribers of one view share one read a side, however many there are.
func TestReadsAreShared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, nil)
		counting := &countingStore{Store: w.store}
		w.hub = directus.NewHub(counting, w.accounts, &directus.Options{Permissions: articleRules(t)})
		var peers []*protocoltest.Peer
		for range 20 {
			peer := w.connect(editor)
			peer.Say(subscribe("articles", `"query":{"fields":["id","author.first_name"],"filter":{"author":{"first_name":{"_eq":"Eddie"}}}}`))
			peer.Expect(`{"type":"subscription","event":"init","...":"..."}`)
			peers = append(peers, peer)
		}
		other := w.connect(admin)
		counting.reads = 0
		do(other, change("articles", "update", `"id":"a","data":{"title":"new"}`))
		for _, peer := range peers {
			peer.Expect(told("update", `[{"id":"a","author":{"first_name":"Eddie"}}]`, "s"))
		}
		// What it had before, what it has now, and the authors.
		if counting.reads > 3 {
			t.Errorf("%d reads for one event", counting.reads)
		}
	})
}

type countingStore struct {
	directus.Store
	reads int
}

func (s *countingStore) Read(ctx context.Context, collection string, q query.Query) ([]query.Row, error) {
	s.reads++
	return s.Store.Read(ctx, collection, q)
}

func TestActivityAndNotifications(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, &directus.Options{Mentions: true})
		e, a := w.connect(editor), w.connect(admin)
		a.Say(subscribe("directus_activity", `"event":"create","query":{"fields":["action","collection","item","user.first_name"],"filter":{"collection":{"_eq":"articles"}}}`))
		a.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
		e.Say(subscribe("directus_notifications", `"query":{"fields":["recipient","subject","message"],"filter":{"status":{"_eq":"unread"}}}`))
		e.Expect(told("init", `[]`, "s"))
		do(e, change("articles", "create", `"data":{"id":"d"}`))
		a.Expect(told("create", `[{"action":"create","collection":"articles","item":"d","user":{"first_name":"Eddie"}}]`, "s"))
		do(e, change("articles", "update", `"ids":["a","d"],"data":{"views":1}`))
		for _, id := range []string{"a", "d"} {
			a.Expect(told("create", `[{"action":"update","collection":"articles","item":"`+id+`","user":{"first_name":"Eddie"}}]`, "s"))
		}
		e.Say(change("messages", "create", `"data":{"text":"Hello @Rita and @admin, not @nobody"}`))
		for _, recipient := range []string{ada, rita} {
			e.Expect(told("create", `[{"recipient":"`+recipient+`","subject":"Eddie Editor mentioned you","message":"Hello @Rita and @admin, not @nobody"}]`, "s"))
		}
		e.Expect(`{"type":"items","data":"<_>"}`)
		quiet(a, e)
		// Who may not read the activity may not subscribe to it.
		e.Say(strings.Replace(subscribe("directus_activity", `"query":{}`), `"s"`, `"x"`, 1))
		e.Expect(`{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":"x"}`)
		for _, collection := range []string{"directus_sessions", "directus_fields"} {
			a.Say(strings.Replace(subscribe(collection, `"query":{}`), `"s"`, `"x"`, 1))
			a.Expect(`{"type":"subscribe","status":"error","error":{"code":"FORBIDDEN","message":"<_>"},"uid":"x"}`)
		}
	})
}

// A variable's field may be at the end of relations: whatever changes along them
// counts from the next event on.
func TestVariablesFollowTheirPath(t *testing.T) {
	key := query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true}
	schema := directus.NewSchema(
		&query.Collection{Name: "teams", PrimaryKey: "id", Fields: []query.Field{key, {Name: "code", Type: query.String}}},
		&query.Collection{Name: "docs", PrimaryKey: "id", Fields: []query.Field{key, {Name: "code", Type: query.String}}},
	)
	users := schema.Collections["directus_users"]
	users.Fields = append(users.Fields, query.Field{Name: "team", Type: query.Integer,
		Relation: &query.Relation{Collection: "teams", Local: "team", Foreign: "id", OnDelete: "SET NULL"}})
	p := directus.NewPermissions(
		directus.Rule{Role: "rule", Collection: "docs", Action: protocol.ActionRead, Filter: parseFilter(t, `{"code":{"_eq":"$CURRENT_USER.team.code"}}`)},
		directus.Rule{Role: "query", Collection: "docs", Action: protocol.ActionRead},
		directus.Rule{Role: "query", Collection: "teams", Action: protocol.ActionRead},
		directus.Rule{Role: "query", Collection: "directus_users", Action: protocol.ActionRead},
	)
	bubble(t, func(t *testing.T) {
		w := newCustom(t, schema, p, func(ctx context.Context, tx directus.Tx) error {
			if _, err := tx.Insert(ctx, "teams", query.Row{"id": int64(1), "code": "red"}); err != nil {
				return err
			}
			_, err := tx.Insert(ctx, "directus_users", query.Row{"id": rita, "status": "active", "team": int64(1), "email_notifications": true})
			return err
		})
		byRule, byQuery, a := w.connect(rita+" rule"), w.connect(rita+" query"), w.connect("x admin")
		byRule.Say(subscribe("docs", `"query":{"fields":["id"]}`))
		byQuery.Say(subscribe("docs", `"query":{"fields":["id"],"filter":{"code":{"_eq":"$CURRENT_USER.team.code"}}}`))
		byRule.Expect(told("init", `[]`, "s"))
		byQuery.Expect(told("init", `[]`, "s"))
		do(a, change("teams", "update", `"id":1,"data":{"code":"blue"}`))
		do(a, change("docs", "create", `"data":[{"id":7,"code":"red"},{"id":8,"code":"blue"}]`))
		byRule.Expect(told("create", `[{"id":8}]`, "s"))
		byQuery.Expect(told("create", `[{"id":8}]`, "s"))
		quiet(byRule, byQuery)
	})
}

// What rules say of an item counts wherever in the query the item's collection is
// met first.
func TestRulesOfACollectionRelatedToItself(t *testing.T) {
	key := query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true}
	m2o := func(name, to string) query.Field {
		return query.Field{Name: name, Type: query.Integer, Relation: &query.Relation{Collection: to, Local: name, Foreign: "id", OnDelete: "SET NULL"}}
	}
	schema := directus.NewSchema(
		&query.Collection{Name: "topics", PrimaryKey: "id", Fields: []query.Field{key, {Name: "public", Type: query.Boolean}}},
		&query.Collection{Name: "docs", PrimaryKey: "id", Fields: []query.Field{key, {Name: "title", Type: query.String}, {Name: "body", Type: query.String}, m2o("parent", "docs"), m2o("topic", "topics")}},
	)
	p := directus.PermissionsOf(directus.Rules{
		Policies: []directus.Policy{{ID: "p"}},
		Grants:   []directus.Grant{{Role: "r", Policy: "p"}},
		Permissions: []directus.Permission{
			{Policy: "p", Collection: "docs", Action: protocol.ActionRead, Fields: []string{"id", "title", "parent"}},
			{Policy: "p", Collection: "docs", Action: protocol.ActionRead, Fields: []string{"body"}, Filter: parseFilter(t, `{"topic":{"public":{"_eq":true}}}`)},
		},
	})
	for name, c := range map[string]struct{ query, before, after string }{
		"the item":                 {`"fields":["id","body"],"filter":{"id":{"_eq":2}}`, `[{"id":2,"body":"b"}]`, `[{"id":2,"body":null}]`},
		"after a filter by itself": {`"fields":["id","body"],"filter":{"parent":{"title":{"_eq":"root"}}}`, `[{"id":2,"body":"b"}]`, `[{"id":2,"body":null}]`},
		"after a sort by itself":   {`"fields":["id","body"],"sort":["-parent.title"],"filter":{"id":{"_eq":2}}`, `[{"id":2,"body":"b"}]`, `[{"id":2,"body":null}]`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newCustom(t, schema, p, func(ctx context.Context, tx directus.Tx) error {
					if _, err := tx.Insert(ctx, "topics", query.Row{"id": int64(1), "public": true}); err != nil {
						return err
					}
					for _, row := range []query.Row{{"id": int64(1), "title": "root"}, {"id": int64(2), "body": "b", "parent": int64(1), "topic": int64(1)}} {
						if _, err := tx.Insert(ctx, "docs", row); err != nil {
							return err
						}
					}
					return nil
				})
				r, a := w.connect("u r"), w.connect("x admin")
				r.Say(subscribe("docs", `"query":{`+c.query+`}`))
				r.Expect(told("init", c.before, "s"))
				do(a, change("topics", "update", `"id":1,"data":{"public":false}`))
				r.Expect(told("update", c.after, "s"))
				quiet(r)
			})
		})
	}
}

// Whoever reads their own activity finds no keys there of items that went with
// what they deleted.
func TestActivityIsOfTheRequest(t *testing.T) {
	p := directus.PermissionsOf(directus.Rules{
		Policies: []directus.Policy{{ID: "p", App: true}},
		Grants:   []directus.Grant{{Role: directus.RoleEditor, Policy: "p"}},
		Permissions: []directus.Permission{
			{Policy: "p", Collection: "articles", Action: protocol.ActionRead},
			{Policy: "p", Collection: "articles", Action: protocol.ActionDelete},
			{Policy: "p", Collection: "messages", Action: protocol.ActionCreate},
		},
	})
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, &directus.Options{Permissions: p, Mentions: true})
		e := w.connect(editor)
		e.Say(subscribe("directus_activity", `"query":{"fields":["action","collection","item"]}`))
		e.Expect(told("init", `[]`, "s"))
		e.Say(change("articles", "delete", `"ids":["a","c"]`))
		for _, id := range []string{"a", "c"} {
			e.Expect(told("create", `[{"action":"delete","collection":"articles","item":"`+id+`"}]`, "s"))
		}
		e.Expect(`{"type":"items","data":["a","c"]}`)
		e.Say(change("messages", "create", `"data":{"text":"Hello @rita"}`))
		e.Expect(told("create", `[{"action":"create","collection":"messages","item":"<_>"}]`, "s"))
		e.Expect(`{"type":"items"}`)
		quiet(e)
	})
}

func TestWrites(t *testing.T) {
	rules := directus.PermissionsOf(directus.Rules{
		Policies: []directus.Policy{{ID: "p"}},
		Grants:   []directus.Grant{{Role: directus.RoleEditor, Policy: "p"}},
		Permissions: []directus.Permission{
			{Policy: "p", Collection: "articles", Action: protocol.ActionRead},
			{Policy: "p", Collection: "articles", Action: protocol.ActionCreate, Filter: parseFilter(t, `{"author":{"_eq":"$CURRENT_USER"}}`),
				Validation: parseFilter(t, `{"_and":[{"status":{"_in":["draft","review"]}},{"views":{"_lt":100}}]}`),
				Presets:    map[string]json.RawMessage{"author": json.RawMessage(`"$CURRENT_USER"`), "title": json.RawMessage(`"untitled"`)}},
			{Policy: "p", Collection: "articles", Action: protocol.ActionUpdate, Validation: parseFilter(t, `{"status":{"_neq":"published"}}`)},
		},
	})
	failed := func(message string) string {
		return `{"type":"items","status":"error","error":{"code":"FAILED_VALIDATION","message":"` + message + `"},"uid":"u"}`
	}
	bubble(t, func(t *testing.T) {
		e := newLibrary(t, &directus.Options{Permissions: rules}).connect(editor)
		for _, s := range []step{
			{change("articles", "create", `"data":{"id":"d"},"query":{"fields":["title","author"]},"uid":"u"`), `{"type":"items","data":{"title":"untitled","author":"` + eddie + `"},"uid":"u"}`},
			{change("articles", "create", `"data":{"author":"`+ada+`"},"uid":"u"`), forbidden},
			{change("articles", "create", `"data":{"status":"published"},"uid":"u"`), failed(`Validation failed for field \"status\". Value has to be one of \"draft\", \"review\".`)},
			{change("articles", "create", `"data":{"views":100},"uid":"u"`), failed(`Validation failed for field \"views\". Value has to be less than \"100\".`)},
			{change("articles", "update", `"id":"a","data":{"views":100},"query":{},"uid":"u"`), `{"type":"items","data":{"id":"a","...":"..."},"uid":"u"}`},
			{change("articles", "update", `"id":"a","data":{"status":"published"},"uid":"u"`), failed(`Validation failed for field \"status\". Value can't be \"published\".`)},
			{change("articles", "update", `"id":"a","data":{"author":{"first_name":"x"}},"uid":"u"`), strings.Replace(noMessages, "messages", "directus_users", 1)},
			{change("articles", "update", `"id":"a","data":{"author":{"id":"`+ada+`","first_name":"x"}},"uid":"u"`), strings.Replace(noMessages, "messages", "directus_users", 1)},
			{change("articles", "update", `"ids":["a"],"data":{"author":{"id":"`+ada+`"}},"query":{"fields":["author"]},"uid":"u"`), `{"type":"items","data":[{"author":"` + ada + `"}],"uid":"u"}`},
			{change("articles", "update", `"id":"a","data":{"categories":[1]},"uid":"u"`), refused("items", "FORBIDDEN")}, // it may not be read
			{change("articles", "update", `"id":"a","data":{"author":"`+first+`"},"uid":"u"`), refused("items", "INVALID_FOREIGN_KEY")},
		} {
			e.Say(s.say)
			e.Expect(s.expect)
		}
	})
}

// A key is told of what has gone only if the item showed it.
func TestHiddenKeysAreNotTold(t *testing.T) {
	rules := directus.NewPermissions(
		directus.Rule{Role: directus.RoleReader, Collection: "articles", Action: protocol.ActionRead, Fields: []string{"title"}},
		directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionRead, Fields: []string{"title", "status"}},
		directus.Rule{Role: directus.RoleEditor, Collection: "articles", Action: protocol.ActionRead, Fields: []string{"id"}, Filter: parseFilter(t, `{"status":{"_eq":"draft"}}`)},
	)
	bubble(t, func(t *testing.T) {
		w := newLibrary(t, &directus.Options{Permissions: rules})
		r, e, other := w.connect(reader), w.connect(editor), w.connect(admin)
		r.Say(subscribe("articles", `"query":{"fields":["title"]}`))
		r.Expect(told("init", `[{"title":"A"},{"title":"B"},{"title":"C"}]`, "s"))
		e.Say(subscribe("articles", `"query":{"fields":["id"]}`))
		e.Expect(told("init", `[{"id":null},{"id":"b"},{"id":null}]`, "s"))
		do(other, change("articles", "delete", `"ids":["a","b"]`))
		e.Expect(told("delete", `["b"]`, "s"))
		quiet(r, e)
	})
}
