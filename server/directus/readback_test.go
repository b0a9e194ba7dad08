package directus_test

import (
	"testing"

	"leveret/server/directus"
)

// What may not be shown as it was asked is written and told all the same, and then
// refused, as Directus has it.
func TestReadBack(t *testing.T) {
	const key = "44444444-4444-4444-8444-444444444444"
	for name, c := range map[string]struct {
		say, event, told, expect string
	}{
		"create, an unknown field":     {items + `"create","data":{"id":"` + key + `"},"query":{"fields":["nope"]}}`, "create", `[{"id":"` + key + `"}]`, noField},
		"create, by a hidden filter":   {items + `"create","data":{"id":"` + key + `"},"query":{"filter":{"nope":1}}}`, "create", `[{"id":"` + key + `"}]`, noField},
		"create, not matching":         {items + `"create","data":{"id":"` + key + `","text":"a"},"query":{"filter":{"text":"b"}}}`, "create", `[{"id":"` + key + `"}]`, forbidden},
		"create, matching":             {items + `"create","data":{"id":"` + key + `","text":"a"},"query":{"fields":["text"],"filter":{"text":"a"}}}`, "create", `[{"id":"` + key + `"}]`, `{"type":"items","data":{"text":"a"},"uid":"u"}`},
		"create, with another's key":   {items + `"create","data":{"id":"` + key + `","text":"a"},"query":{"fields":["text"],"filter":{"id":"` + first + `"}}}`, "create", `[{"id":"` + key + `"}]`, `{"type":"items","data":{"text":"a"},"uid":"u"}`},
		"create several, not matching": {items + `"create","data":[{"id":"` + key + `"}],"query":{"filter":{"text":"b"}}}`, "create", `[{"id":"` + key + `"}]`, `{"type":"items","data":[],"uid":"u"}`},
		"update by ids":                {items + `"update","ids":["` + first + `"],"data":{"text":"x"},"query":{"fields":["nope"]}}`, "update", `[{"id":"` + first + `"}]`, noField},
		"update by query":              {items + `"update","data":{"text":"x"},"query":{"fields":["nope2","nope"],"filter":{"text":"first"}}}`, "update", `[{"id":"` + first + `"}]`, noFields},
		"update a batch":               {items + `"update","data":[{"id":"` + first + `","text":"x"}],"query":{"fields":["nope"]}}`, "update", `[{"id":"` + first + `"}]`, noField},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, strict := range []bool{false, true} {
				bubble(t, func(t *testing.T) {
					w := newWorld(t, &directus.Options{StrictCompat: strict})
					peer, subscriber := w.connect(editor), w.connect(editor)
					subscriber.Say(`{"type":"subscribe","collection":"messages","event":"` + c.event + `","query":{"fields":["id"]},"uid":"s"}`)
					subscriber.Expect(`{"type":"subscription","event":"init","uid":"s"}`)
					peer.Say(c.say)
					peer.Expect(c.expect)
					subscriber.Expect(told(c.event, c.told, "s"))
					quiet(peer, subscriber)
				})
			}
		})
	}
}
