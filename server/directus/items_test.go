package directus_test

import (
	"fmt"
	"strings"
	"testing"

	"leveret/protocol/query"
	"leveret/server/directus"
)

// A step is a request and what must be answered, and by default nothing else.
type step struct{ say, expect string }

const (
	newFields  = `"user":null,"status":"published","date_created":"<_>","date_updated":null`
	oneItem    = `{"id":"` + first + `","text":"first","user":"Ann","status":"published","date_created":"2026-01-01T00:00:00.000Z","date_updated":null}`
	forbidden  = `{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to access this."},"uid":"u"}`
	noUpdate   = `{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permissions to perform \"update\" for the field(s) \"text\" in collection \"messages\" or it does not exist."},"uid":"u"}`
	noDelete   = `{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to perform \"delete\" for collection \"messages\" or it does not exist."},"uid":"u"}`
	noField    = `{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to access field \"nope\" in collection \"messages\" or it does not exist. Queried in root."},"uid":"u"}`
	noFields   = `{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to access fields \"nope2\", \"nope\" in collection \"messages\" or they do not exist. Queried in root."},"uid":"u"}`
	noMessages = `{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"You don't have permission to access collection \"messages\" or it does not exist. Queried in root."},"uid":"u"}`
)

func refused(kind, code string) string {
	return `{"type":"` + kind + `","status":"error","error":{"code":"` + code + `","message":"<_>"},"uid":"u"}`
}

// items is the beginning of a request, for short tables.
const items = `{"type":"items","uid":"u","collection":"messages","action":`

func TestItems(t *testing.T) {
	const missing = "99999999-9999-4999-8999-999999999999"
	for name, c := range map[string]struct {
		as    string // "" = editor
		steps []step
	}{
		"create one": {"", []step{{items + `"create","data":{"text":"hi"}}`, `{"type":"items","data":{"id":"<_>","text":"hi",` + newFields + `},"uid":"u"}`}}},
		"create with the client's key": {"", []step{
			{items + `"create","data":{"id":"` + missing + `","text":"mine"},"query":{"fields":["id"]}}`, `{"type":"items","data":{"id":"` + missing + `"},"uid":"u"}`},
			{items + `"create","data":{"id":"` + missing + `","text":"again"}}`, refused("items", "RECORD_NOT_UNIQUE")},
		}},
		"a key is made where it is empty":                {"", []step{{items + `"create","data":{"id":"","text":"x"},"query":{"fields":["text"]}}`, `{"type":"items","data":{"text":"x"},"uid":"u"}`}}},
		"a key that is no uuid is refused":               {"", []step{{items + `"create","data":{"id":"abc"}}`, refused("items", "INVALID_PAYLOAD")}}},
		"create many":                                    {"", []step{{items + `"create","data":[{"text":"a"},{"text":"b"}],"query":{"fields":["text"]}}`, `{"type":"items","data":[{"text":"a"},{"text":"b"}],"uid":"u"}`}}},
		"create none":                                    {"", []step{{items + `"create","data":[]}`, `{"type":"items","data":[],"uid":"u"}`}}},
		"create without data":                            {"", []step{{items + `"create"}`, `{"type":"items","data":{"id":"<_>","text":null,` + newFields + `},"uid":"u"}`}}},
		"create passes over unknown fields, as recorded": {"", []step{{items + `"create","data":{"nope":"x"},"query":{"fields":["text"]}}`, `{"type":"items","data":{"text":null},"uid":"u"}`}}},
		"create keeps an object in a text field as JSON": {"", []step{{items + `"create","data":{"text":{"a":1}},"query":{"fields":["text"]}}`, `{"type":"items","data":{"text":"{\"a\":1}"},"uid":"u"}`}}},
		"create: the server sets the dates":              {"", []step{{items + `"create","data":{"date_created":0,"date_updated":0},"query":{"fields":["date_created","date_updated"]}}`, `{"type":"items","data":{"date_created":"2000-01-01T00:00:00.000Z","date_updated":null},"uid":"u"}`}}},
		"create: an element that is no object":           {"", []step{{items + `"create","data":[{"text":"a"},5]}`, refused("items", "INVALID_PAYLOAD")}, {items + `"read","query":{"limit":0,"meta":"*"}}`, `{"type":"items","data":[],"meta":{"total_count":3,"filter_count":3},"uid":"u"}`}}},
		"create: of a batch all or none is done": {"", []step{
			{items + `"create","data":[{"text":"a"},{"id":"` + first + `"}]}`, refused("items", "RECORD_NOT_UNIQUE")},
			{items + `"read","query":{"limit":0,"meta":"total_count"}}`, `{"type":"items","data":[],"meta":{"total_count":3},"uid":"u"}`},
		}},
		"create: a bad query leaves nothing behind": {"", []step{
			{items + `"create","data":{"text":"a"},"query":{"limit":-5}}`, refused("items", "INVALID_QUERY")},
			{items + `"read","query":{"limit":0,"meta":"total_count"}}`, `{"type":"items","data":[],"meta":{"total_count":3},"uid":"u"}`},
		}},
		"create: not allowed": {reader, []step{{items + `"create","data":{"text":"x"}}`, noMessages}}},

		"read by id":                    {"", []step{{items + `"read","id":"` + first + `"}`, `{"type":"items","data":` + oneItem + `,"uid":"u"}`}}},
		"read by id counts":             {"", []step{{items + `"read","id":"` + first + `","query":{"fields":["text"],"meta":"*"}}`, `{"type":"items","data":{"text":"first"},"meta":{"total_count":3,"filter_count":3},"uid":"u"}`}}},
		"read by id with fields":        {"", []step{{items + `"read","id":"` + first + `","query":{"fields":["user","text"]}}`, `{"type":"items","data":{"user":"Ann","text":"first"},"uid":"u"}`}}},
		"an id wins over ids":           {"", []step{{items + `"read","id":"` + first + `","ids":["` + second + `"]}`, `{"type":"items","data":` + oneItem + `,"uid":"u"}`}}},
		"read by ids, missing left out": {"", []step{{items + `"read","ids":["` + third + `","` + missing + `","` + first + `"],"query":{"fields":["text"]}}`, `{"type":"items","data":[{"text":"first"},{"text":"third"}],"uid":"u"}`}}},
		"read by no ids":                {"", []step{{items + `"read","ids":[]}`, `{"type":"items","data":[],"uid":"u"}`}}},
		"an empty id counts as none":    {"", []step{{items + `"read","id":"","query":{"fields":["text"],"limit":1}}`, `{"type":"items","data":[{"text":"first"}],"uid":"u"}`}}},
		"id 0 counts as none":           {"", []step{{items + `"read","id":0,"query":{"fields":["text"],"limit":1}}`, `{"type":"items","data":[{"text":"first"}],"uid":"u"}`}}},
		"read by query": {"", []step{{items + `"read","query":{"fields":["text"],"filter":{"user":{"_eq":"Ann"}},"sort":["-date_created"],"limit":1,"meta":"*"}}`,
			`{"type":"items","data":[{"text":"third"}],"meta":{"total_count":3,"filter_count":2},"uid":"u"}`}}},
		"read by the SDK's stringified query": {"", []step{{items + `"read","query":{"fields":"text","filter":"{\"user\":{\"_eq\":\"Ann\"}}","sort":"-date_created","limit":"1","page":"2"}}`,
			`{"type":"items","data":[{"text":"first"}],"uid":"u"}`}}},
		"search":                      {"", []step{{items + `"read","query":{"search":"SEC","fields":["text"]}}`, `{"type":"items","data":[{"text":"second"}],"uid":"u"}`}}},
		"$CURRENT_USER":               {"", []step{{items + `"read","query":{"filter":{"user":{"_eq":"$CURRENT_USER"}}}}`, `{"type":"items","data":[],"uid":"u"}`}}},
		"read a missing item":         {"", []step{{items + `"read","id":"` + missing + `"}`, forbidden}}},
		"read a key that cannot be":   {"", []step{{items + `"read","id":5}`, forbidden}}},
		"read what is hidden":         {reader, []step{{items + `"read","id":"` + second + `"}`, forbidden}}},
		"read only what is allowed":   {reader, []step{{items + `"read","query":{"fields":["text"],"meta":"*"}}`, `{"type":"items","data":[{"text":"first"},{"text":"third"}],"meta":{"total_count":2,"filter_count":2},"uid":"u"}`}}},
		"an administrator may do all": {admin, []step{{items + `"delete","id":"` + second + `"}`, `{"type":"items","data":"` + second + `","uid":"u"}`}}},
		"unknown field":               {"", []step{{items + `"read","query":{"fields":["nope"]}}`, noField}}},
		"unknown field in a filter":   {"", []step{{items + `"read","query":{"filter":{"nope":{"_eq":1}}}}`, noField}}},
		"unknown field in a sort":     {"", []step{{items + `"read","query":{"sort":["nope"]}}`, noField}}},
		"unknown operator":            {"", []step{{items + `"read","query":{"filter":{"text":{"_zz":1}}}}`, refused("items", "INVALID_QUERY")}}},
		"negative limit":              {"", []step{{items + `"read","query":{"limit":-5}}`, refused("items", "INVALID_QUERY")}}},
		"aggregates":                  {"", []step{{items + `"read","query":{"aggregate":{"count":"*"}}}`, `{"type":"items","data":[{"count":3}],"uid":"u"}`}}},
		"unknown collection":          {admin, []step{{`{"type":"items","uid":"u","collection":"nope","action":"read"}`, strings.Replace(noMessages, "messages", "nope", 1)}}},
		"system collection": {admin, []step{{`{"type":"items","uid":"u","collection":"directus_users","action":"read"}`,
			`{"type":"items","status":"error","error":{"code":"INVALID_COLLECTION","message":"Cannot trigger an action on a system collection."},"uid":"u"}`}}},

		"update by id shows every field, as recorded": {"", []step{
			{items + `"update","id":"` + first + `","data":{"text":"new"},"query":{"fields":["id"]}}`,
				`{"type":"items","data":{"id":"` + first + `","text":"new","user":"Ann","status":"published","date_created":"2026-01-01T00:00:00.000Z","date_updated":"2000-01-01T00:00:00.000Z"},"uid":"u"}`}}},
		"update by ids":   {"", []step{{items + `"update","ids":["` + second + `","` + first + `"],"data":{"user":"Zed"},"query":{"fields":["text","user"]}}`, `{"type":"items","data":[{"text":"first","user":"Zed"},{"text":"second","user":"Zed"}],"uid":"u"}`}}},
		"update by query": {"", []step{{items + `"update","query":{"filter":{"user":{"_eq":"Ann"}},"fields":["text"]},"data":{"text":"new"}}`, `{"type":"items","data":[{"text":"new"},{"text":"new"}],"uid":"u"}`}}},
		"update by query shows what still matches": {"", []step{
			{items + `"update","query":{"filter":{"user":{"_eq":"Ann"}},"fields":["text"]},"data":{"user":"Anna"}}`, `{"type":"items","data":[],"uid":"u"}`},
			{items + `"read","query":{"filter":{"user":{"_eq":"Anna"}},"fields":["text"]}}`, `{"type":"items","data":[{"text":"first"},{"text":"third"}],"uid":"u"}`}}},
		"update by query counts": {"", []step{{items + `"update","query":{"filter":{"user":{"_eq":"Ann"}},"fields":["text"],"limit":1,"meta":"*"},"data":{"user":"Anna"}}`, `{"type":"items","data":[],"meta":{"total_count":3,"filter_count":1},"uid":"u"}`}}},
		"update by ids counts":   {"", []step{{items + `"update","ids":["` + first + `"],"data":{"text":"x"},"query":{"fields":["text"],"meta":["filter_count"]}}`, `{"type":"items","data":[{"text":"x"}],"meta":{"filter_count":3},"uid":"u"}`}}},
		"update a batch counts":  {"", []step{{items + `"update","data":[{"id":"` + first + `","text":"x"}],"query":{"fields":["text"],"meta":"*"}}`, `{"type":"items","data":[{"text":"x"}],"meta":{"total_count":3,"filter_count":3},"uid":"u"}`}}},
		"others do not count": {"", []step{
			{items + `"update","id":"` + first + `","data":{"text":"x"},"query":{"meta":"*"}}`, `{"type":"items","data":{"id":"` + first + `","text":"x","user":"Ann","status":"published","date_created":"<_>","date_updated":"<_>"},"uid":"u"}`},
			{items + `"create","data":[{"text":"x"}],"query":{"fields":["text"],"meta":"*"}}`, `{"type":"items","data":[{"text":"x"}],"uid":"u"}`},
			{items + `"delete","ids":["` + first + `"],"query":{"meta":"*"}}`, `{"type":"items","data":["` + first + `"],"uid":"u"}`}}},
		"update sets the date of creation": {"", []step{
			{items + `"update","ids":["` + first + `"],"data":{"date_created":"2020-02-02T00:00:00Z"},"query":{"fields":["date_created"]}}`, `{"type":"items","data":[{"date_created":"2020-02-02T00:00:00.000Z"}],"uid":"u"}`}}},
		"update a missing item: the fields in their order": {"", []step{
			{items + `"update","id":"` + missing + `","data":{"user":"x","text":"x"}}`, strings.Replace(noUpdate, `\"text\"`, `\"user\", \"text\"`, 1)},
			{items + `"update","id":"` + missing + `","data":{}}`, strings.Replace(noDelete, "delete", "update", 1)},
			{items + `"update","data":[{"id":"` + missing + `","user":"x","text":"x"}]}`, strings.Replace(noUpdate, `\"text\"`, `\"user\", \"text\"`, 1)}}},
		"update unknown fields":        {"", []step{{items + `"update","id":"` + first + `","data":{"nope2":1,"text":"x","nope":1}}`, noFields}}},
		"update a batch":               {"", []step{{items + `"update","data":[{"id":"` + first + `","text":"b1"},{"id":"` + second + `","text":"b2"}],"query":{"fields":["text"]}}`, `{"type":"items","data":[{"text":"b1"},{"text":"b2"}],"uid":"u"}`}}},
		"update a batch without a key": {"", []step{{items + `"update","data":[{"text":"b1"}]}`, `{"type":"items","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Invalid payload. Item in update misses primary key."},"uid":"u"}`}}},
		"update a batch, one missing: nothing is done": {"", []step{
			{items + `"update","data":[{"id":"` + first + `","text":"b1"},{"id":"` + missing + `","text":"b2"}]}`, noUpdate},
			{items + `"read","id":"` + first + `","query":{"fields":["text"]}}`, `{"type":"items","data":{"text":"first"},"uid":"u"}`}}},
		"update with nothing":             {"", []step{{items + `"update","id":"` + first + `","data":{},"query":{}}`, `{"type":"items","data":{"id":"` + first + `","...":"..."},"uid":"u"}`}}},
		"update a missing item":           {"", []step{{items + `"update","id":"` + missing + `","data":{"text":"x"}}`, noUpdate}}},
		"update no ids":                   {"", []step{{items + `"update","ids":[],"data":{"text":"x"}}`, noUpdate}}},
		"update an unknown field":         {"", []step{{items + `"update","id":"` + first + `","data":{"nope":1}}`, noField}}},
		"update without data":             {"", []step{{items + `"update","id":"` + first + `"}`, refused("items", "INVALID_PAYLOAD")}}},
		"update without id, ids or query": {"", []step{{items + `"update","data":{"text":"x"}}`, refused("items", "INVALID_PAYLOAD")}}},
		"update the key":                  {"", []step{{items + `"update","id":"` + first + `","data":{"id":"` + missing + `"}}`, refused("items", "INVALID_PAYLOAD")}}},
		"update not allowed":              {reader, []step{{items + `"update","id":"` + first + `","data":{"text":"x"}}`, noMessages}}},

		"delete by id":                    {"", []step{{items + `"delete","id":"` + first + `"}`, `{"type":"items","data":"` + first + `","uid":"u"}`}, {items + `"read","id":"` + first + `"}`, forbidden}}},
		"delete by ids":                   {"", []step{{items + `"delete","ids":["` + second + `","` + first + `"]}`, `{"type":"items","data":["` + second + `","` + first + `"],"uid":"u"}`}}},
		"delete by query":                 {"", []step{{items + `"delete","query":{"filter":{"user":{"_eq":"Ann"}}}}`, `{"type":"items","data":["` + first + `","` + third + `"],"uid":"u"}`}, {items + `"delete","query":{"filter":{"user":{"_eq":"Ann"}}}}`, `{"type":"items","data":[],"uid":"u"}`}}},
		"delete a missing item":           {"", []step{{items + `"delete","id":"` + missing + `"}`, noDelete}}},
		"delete no ids":                   {"", []step{{items + `"delete","ids":[]}`, noDelete}}},
		"delete without id, ids or query": {"", []step{{items + `"delete"}`, `{"type":"items","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Either 'ids', 'id' or 'query' is required for a DELETE request."},"uid":"u"}`}}},
		"delete not allowed":              {reader, []step{{items + `"delete","id":"` + first + `"}`, noMessages}, {items + `"delete"}`, refused("items", "INVALID_PAYLOAD")}}},
		"a deleted key cannot come back": {"", []step{
			{items + `"delete","id":"` + first + `"}`, `{"type":"items","data":"` + first + `","uid":"u"}`},
			{items + `"create","data":{"id":"` + first + `"}}`, refused("items", "RECORD_NOT_UNIQUE")}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				as := c.as
				if as == "" {
					as = editor
				}
				peer := newWorld(t, nil).connect(as)
				for _, s := range c.steps {
					peer.Say(s.say)
					peer.Expect(s.expect)
				}
				quiet(peer)
			})
		})
	}
}

func TestBadMessages(t *testing.T) {
	unreadable := `{"type":"server","status":"error","error":{"code":"INVALID_PAYLOAD","message":"Unable to parse the incoming message."}}`
	noForm := `{"type":"server","status":"error","error":{"code":"INVALID_PAYLOAD","message":"<_>"}}`
	for name, s := range map[string]step{
		"no JSON":            {`{bad`, unreadable},
		"empty":              {``, unreadable},
		"a string":           {`"str"`, noForm},
		"a number":           {`5`, noForm},
		"null":               {`null`, noForm},
		"an array":           {`[{"type":"ping"}]`, noForm},
		"no type":            {`{"uid":"x"}`, noForm},
		"type is a number":   {`{"type":5}`, noForm},
		"unknown type":       {`{"type":"nope","uid":"u"}`, refused("server", "INVALID_PAYLOAD")},
		"capital letters":    {`{"type":"PING","uid":"u"}`, refused("server", "INVALID_PAYLOAD")},
		"uid is an object":   {`{"type":"ping","uid":{"a":1}}`, noForm},
		"uid twice":          {`{"type":"ping","uid":"a","uid":"b"}`, `{"type":"pong","uid":"b"}`},
		"unknown action":     {`{"type":"items","collection":"messages","action":"frob","uid":"u"}`, refused("items", "INVALID_PAYLOAD")},
		"no collection":      {`{"type":"subscribe","uid":"u"}`, refused("subscribe", "INVALID_PAYLOAD")},
		"unknown event":      {`{"type":"subscribe","collection":"messages","event":"bogus","uid":"u"}`, refused("subscribe", "INVALID_PAYLOAD")},
		"query is a string":  {`{"type":"subscribe","collection":"messages","query":"x","uid":"u"}`, refused("subscribe", "INVALID_PAYLOAD")},
		"a number too large": {`{"type":"items","collection":"messages","action":"read","query":{"limit":1e999},"uid":"u"}`, `{"type":"items","...":"...","uid":"u"}`},
		"deep nesting":       {`{"type":"items","collection":"messages","action":"create","data":{"text":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}}`, unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				peer := newWorld(t, nil).connect(editor)
				peer.Say(s.say)
				peer.Expect(s.expect)
				quiet(peer) // still open, and nothing else was said
			})
		})
	}
	t.Run("pong is never answered", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			peer := newWorld(t, nil).connect(editor)
			peer.Say(`{"type":"pong","uid":1}`)
			quiet(peer)
		})
	})
}

func TestFieldPermissions(t *testing.T) {
	rules := directus.NewPermissions(
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: "read", Fields: []string{"id", "text"}},
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: "update", Fields: []string{"text"}},
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: "delete"},
		directus.Rule{Role: directus.RoleReader, Collection: "messages", Action: "create"},
		directus.Rule{Role: directus.RoleReader, Collection: "messages", Action: "update"},
		directus.Rule{Role: directus.RoleReader, Collection: "messages", Action: "delete"},
	)
	bubble(t, func(t *testing.T) {
		w := newWorld(t, &directus.Options{Permissions: rules})
		peer := w.connect(editor)
		for _, s := range []step{
			{items + `"read","id":"` + first + `"}`, `{"type":"items","data":{"id":"` + first + `","text":"first"},"uid":"u"}`},
			{items + `"read","query":{"fields":["*"],"limit":1}}`, `{"type":"items","data":[{"id":"` + first + `","text":"first"}],"uid":"u"}`},
			{items + `"read","query":{"fields":["user"]}}`, refused("items", "FORBIDDEN")},
			{items + `"read","query":{"filter":{"user":{"_eq":"Ann"}}}}`, refused("items", "FORBIDDEN")},
			{items + `"read","query":{"sort":["user"]}}`, refused("items", "FORBIDDEN")},
			{items + `"read","query":{"search":"Ann"}}`, `{"type":"items","data":[],"uid":"u"}`}, // looks into no hidden field
			{items + `"update","id":"` + first + `","data":{"user":"x"}}`, refused("items", "FORBIDDEN")},
			{items + `"update","id":"` + first + `","data":{"text":"x"}}`, `{"type":"items","data":{"id":"` + first + `","text":"x"},"uid":"u"}`},
			// What a filter on a hidden field changes would tell what is in it.
			{items + `"update","query":{"filter":{"user":{"_eq":"Bob"}}},"data":{"text":"y"}}`, refused("items", "FORBIDDEN")},
			{items + `"delete","query":{"filter":{"user":{"_eq":"Bob"}}}}`, refused("items", "FORBIDDEN")},
			{items + `"delete","query":{"sort":["user"],"limit":1}}`, refused("items", "FORBIDDEN")},
			{items + `"delete","query":{"search":"Bob"}}`, `{"type":"items","data":[],"uid":"u"}`},
		} {
			peer.Say(s.say)
			peer.Expect(s.expect)
		}
		// Who may create but not read is answered without the item.
		blind := w.connect(reader)
		blind.Say(items + `"create","data":{"text":"x"}}`)
		blind.Expect(`{"type":"items","uid":"u"}`)
		blind.Say(items + `"update","query":{"filter":{"user":{"_eq":"Bob"}}},"data":{"text":"y"}}`)
		blind.Expect(noMessages)
		blind.Say(items + `"delete","query":{"filter":{"user":{"_eq":"Bob"}}}}`)
		blind.Expect(noMessages)
		blind.Say(items + `"delete","id":"` + first + `"}`)
		blind.Expect(`{"type":"items","data":"` + first + `","uid":"u"}`)
	})
}

// Changes by query reach only what may be read and changed.
func TestChangesByQueryRespectBothFilters(t *testing.T) {
	filter := func(text string) *query.Filter {
		f, err := query.ParseFilter([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	rules := directus.NewPermissions(
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: "read", Filter: filter(`{"status":{"_eq":"published"}}`)},
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: "update", Filter: filter(`{"text":{"_neq":"first"}}`)},
		directus.Rule{Role: directus.RoleEditor, Collection: "messages", Action: "delete", Filter: filter(`{"text":{"_neq":"first"}}`)},
	)
	bubble(t, func(t *testing.T) {
		peer := newWorld(t, &directus.Options{Permissions: rules}).connect(editor)
		peer.Say(items + `"update","query":{"fields":["id"]},"data":{"user":"x"}}`)
		peer.Expect(`{"type":"items","data":[{"id":"` + third + `"}],"uid":"u"}`)
		peer.Say(items + `"delete","query":{}}`)
		peer.Expect(`{"type":"items","data":["` + third + `"],"uid":"u"}`)
	})
}

// The limit of 100 is for queries: what is named by its key is never cut off.
func TestKeysAreNotLimited(t *testing.T) {
	const many = 130
	bubble(t, func(t *testing.T) {
		w := newWorld(t, nil)
		peer, subscriber := w.connect(editor), w.connect(editor)
		var keys, data, batch []string
		for i := range many {
			key := fmt.Sprintf(`"44444444-4444-4444-8444-%012d"`, i)
			keys = append(keys, key)
			data = append(data, `{"id":`+key+`}`)
			batch = append(batch, `{"id":`+key+`,"text":"b"}`)
		}
		list := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
		do(peer, create+list(data)+`}`)
		subscriber.Say(`{"type":"subscribe","collection":"messages","event":"update","query":{"fields":["id"]},"uid":"s"}`)
		subscriber.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
		for _, say := range []string{
			items + `"read","ids":` + list(keys) + `,"query":{"fields":["id"]}}`,
			items + `"update","ids":` + list(keys) + `,"data":{"text":"a"},"query":{"fields":["id"]}}`,
			items + `"update","data":` + list(batch) + `,"query":{"fields":["id"]}}`,
		} {
			peer.Say(say)
			peer.Expect(`{"type":"items","data":` + list(data) + `,"uid":"u"}`)
		}
		subscriber.Expect(told("update", list(data), "s"))
		peer.Say(items + `"read","ids":` + list(keys) + `,"query":{"fields":["id"],"limit":1}}`)
		peer.Expect(`{"type":"items","data":[` + data[0] + `],"uid":"u"}`)
	})
}
