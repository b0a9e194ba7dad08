package directus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/protocoltest"
	"leveret/protocol/query"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// leakWrites is how many writes TestNoLeak makes, and leakSoak in make soak. Under
// the race detector it makes a tenth; make test runs it once more without.
const (
	leakWrites = 2_000
	leakSoak   = 100_000
)

// Random roles with random permissions subscribe to random queries while random
// writes are made. No frame may hold a row, a field, a key or a count that its
// receiver could not have read just before or just after the commit; and what a
// client makes of the frames is what a read returns.
//
// Every value says what it is of: keys lie in a range of their own for each
// collection, and every other value is written once.
func TestNoLeak(t *testing.T) {
	writes, first := leakWrites, 0
	if round, err := strconv.Atoi(os.Getenv("LEVERET_SOAK")); err == nil {
		writes, first = leakSoak, 1_000*round
	}
	if underRace {
		writes /= 10
	}
	const each = 100 // of a world
	for i := range writes / each {
		seed := first + i
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) { newLeak(t, uint64(seed)).run(each) })
		})
	}
}

func leakSchema() *query.Schema {
	key := query.Field{Name: "id", Type: query.Integer, Required: true, Unique: true}
	m2o := func(name, to, onDelete string) query.Field {
		return query.Field{Name: name, Type: query.Integer, Relation: &query.Relation{Collection: to, Local: name, Foreign: "id", OnDelete: onDelete}}
	}
	o2m := func(name, to, foreign string) query.Field {
		return query.Field{Name: name, Type: query.Alias, Relation: &query.Relation{Many: true, Collection: to, Local: "id", Foreign: foreign}}
	}
	text := func(name string) query.Field { return query.Field{Name: name, Type: query.String} }
	number := query.Field{Name: "n", Type: query.Integer}
	return directus.NewSchema(
		&query.Collection{Name: "authors", PrimaryKey: "id", Fields: []query.Field{key, text("name"), text("secret"), text("owner"), o2m("posts", "posts", "author")}},
		&query.Collection{Name: "posts", PrimaryKey: "id", Fields: []query.Field{key, text("title"), text("status"), number, text("owner"),
			m2o("author", "authors", "SET NULL"), o2m("comments", "comments", "post")}},
		&query.Collection{Name: "comments", PrimaryKey: "id", Fields: []query.Field{key, text("text"), text("status"), text("owner"), m2o("post", "posts", "CASCADE")}},
	)
}

var leakCollections = []string{"authors", "posts", "comments"}

// A leak is one world of the test.
type leak struct {
	t      *testing.T
	random *rand.Rand
	schema *query.Schema
	store  *sqlite.Store
	hub    *directus.Hub
	rules  directus.Rules
	permit *directus.Permissions

	receivers []*receiver
	writer    *protocoltest.Peer
	next      int // makes values that nobody has
	before    state
	after     state
	known     [2]map[string]known // of before and after, by who
}

// A receiver is a socket and what it has been told.
type receiver struct {
	name  string
	who   directus.Identity
	peer  *protocoltest.Peer
	views []*leakView
}

type leakView struct {
	uid, collection string
	query           query.Query
	raw             string
	keyed           bool // its rows can be told apart, and nothing is cut off
	rows            map[string]string
	total           string // of an aggregate
}

// A state is every row of the database, by collection.
type state map[string][]query.Row

// A known is what somebody may read in a state: the values, as text, and the state
// without the rest.
type known struct {
	values map[string]bool
	shown  state
}

func (l *leak) state() state {
	s := state{}
	for _, name := range leakCollections {
		q := query.New()
		q.Limit = -1
		rows, err := l.store.Read(l.t.Context(), name, q)
		if err != nil {
			l.t.Fatal(err)
		}
		s[name] = rows
	}
	return s
}

func (s state) lookup(r *query.Relation, value any) (found []query.Row) {
	for _, row := range s[r.Collection] {
		if row[r.Foreign] == value {
			found = append(found, row)
		}
	}
	return found
}

// roles are four, some of which a policy shares.
var leakRoles = []string{"", "r1", "r2", "r3"}

func newLeak(t *testing.T, seed uint64) *leak {
	l := &leak{t: t, random: rand.New(rand.NewPCG(seed, 1)), schema: leakSchema(), next: 1}
	var err error
	if l.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "leak.db"), Schema: l.schema}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.store.Close() })
	l.rules = l.randomRules()
	l.permit = directus.PermissionsOf(l.rules)
	l.hub = directus.NewHub(l.store, leakUsers{}, &directus.Options{Permissions: l.permit, MessageRate: -1, Heartbeat: -1,
		Logger: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelError}))})
	t.Cleanup(func() { l.hub.Shutdown(context.Background()) })
	return l
}

// A testLog fails the test for whatever is logged: only errors are.
type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Errorf("logged: %s", p)
	return len(p), nil
}

// leakUsers knows everybody by name: a token is "user role"; the administrator has none.
type leakUsers struct{ directus.Authenticator }

func (leakUsers) Authenticate(_ context.Context, token string) (directus.Identity, error) {
	user, role, _ := strings.Cut(token, " ")
	if role == "admin" {
		return directus.Identity{Admin: true}, nil
	}
	who := directus.Identity{User: user, Role: role}
	if role != "" {
		who.Roles = []string{role}
	}
	return who, nil
}

func (leakUsers) Identify(context.Context, string) (directus.Identity, error) {
	return directus.Identity{}, errors.New("nobody changes")
}

func (l *leak) pick(texts ...string) string { return texts[l.random.IntN(len(texts))] }

func (l *leak) randomRules() directus.Rules {
	var r directus.Rules
	for i := range 5 {
		id := fmt.Sprintf("p%d", i)
		r.Policies = append(r.Policies, directus.Policy{ID: id})
		for range 1 + l.random.IntN(2) {
			r.Grants = append(r.Grants, directus.Grant{Role: leakRoles[l.random.IntN(len(leakRoles))], Policy: id})
		}
		for _, name := range leakCollections {
			if l.random.IntN(4) == 0 {
				continue
			}
			permission := directus.Permission{Policy: id, Collection: name, Action: protocol.ActionRead}
			if l.random.IntN(3) > 0 {
				permission.Filter = parseFilter(l.t, l.randomFilter(name, true))
			}
			if l.random.IntN(2) == 0 {
				for _, f := range l.schema.Collections[name].Fields {
					if f.Name == "id" && l.random.IntN(3) > 0 || l.random.IntN(3) > 0 {
						permission.Fields = append(permission.Fields, f.Name)
					}
				}
				if permission.Fields == nil {
					permission.Fields = []string{}
				}
			}
			r.Permissions = append(r.Permissions, permission)
		}
	}
	return r
}

// randomFilter returns a filter on a collection.
func (l *leak) randomFilter(collection string, ofRule bool) string {
	leaves := map[string][]string{
		"authors":  {`{"name":{"_nnull":true}}`, `{"secret":{"_null":true}}`, `{"id":{"_gt":1000003}}`, `{"posts":{"status":{"_starts_with":"open"}}}`, `{"posts":{"_none":{"status":{"_starts_with":"shut"}}}}`, `{"count(posts)":{"_gt":0}}`},
		"posts":    {`{"status":{"_starts_with":"open"}}`, `{"n":{"_gt":4000020}}`, `{"author":{"name":{"_nnull":true}}}`, `{"author":{"secret":{"_null":true}}}`, `{"comments":{"status":{"_starts_with":"open"}}}`, `{"count(comments)":{"_lt":2}}`, `{"author":{"_null":true}}`},
		"comments": {`{"status":{"_starts_with":"open"}}`, `{"post":{"status":{"_starts_with":"open"}}}`, `{"post":{"author":{"name":{"_nnull":true}}}}`, `{"text":{"_nnull":true}}`},
	}[collection]
	if ofRule {
		leaves = append(leaves, `{"owner":{"_eq":"$CURRENT_USER"}}`)
	}
	leaf := l.pick(leaves...)
	switch l.random.IntN(4) {
	case 0:
		return `{"_and":[` + leaf + `,` + l.pick(leaves...) + `]}`
	case 1:
		return `{"_or":[` + leaf + `,` + l.pick(leaves...) + `]}`
	}
	return leaf
}

func (l *leak) randomQuery(collection string) string {
	fields := map[string][]string{
		"authors":  {`["*"]`, `["id","name"]`, `["id","posts.title","posts.comments.text"]`, `["name","count(posts)"]`, `["*.*"]`},
		"posts":    {`["*"]`, `["id","title","author.name"]`, `["*","author.*","comments.*"]`, `["title","comments"]`, `["id","author.secret","count(comments)"]`, `["*.*"]`},
		"comments": {`["*"]`, `["id","text","post.title"]`, `["*","post.author.*"]`, `["text"]`, `["*.*"]`},
	}[collection]
	parts := []string{`"fields":` + l.pick(fields...)}
	if l.random.IntN(6) == 0 {
		parts = []string{l.pick(`"aggregate":{"count":"*"}`, `"aggregate":{"countDistinct":"id","max":"id"}`, `"aggregate":{"count":"*"},"groupBy":["owner"]`)}
	} else {
		if l.random.IntN(4) == 0 {
			parts = append(parts, `"sort":["`+l.pick(map[string][]string{"authors": {"name", "-id"}, "posts": {"author.name", "-title"}, "comments": {"post.title", "text"}}[collection]...)+`"]`)
		}
		if l.random.IntN(5) == 0 {
			parts = append(parts, `"limit":`+l.pick("1", "3"))
		} else {
			parts = append(parts, `"limit":-1`)
		}
	}
	if l.random.IntN(2) == 0 {
		parts = append(parts, `"filter":`+l.randomFilter(collection, false))
	}
	if l.random.IntN(6) == 0 {
		parts = append(parts, `"meta":"*"`)
	}
	if l.random.IntN(8) == 0 {
		parts = append(parts, `"search":"o"`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// connect connects a socket with some subscriptions.
func (l *leak) connect(i int) *receiver {
	r := &receiver{name: fmt.Sprintf("u%d", i%3)}
	role := leakRoles[l.random.IntN(len(leakRoles))]
	if role == "" {
		r.name = ""
	}
	r.who, _ = leakUsers{}.Authenticate(context.Background(), r.name+" "+role)
	r.peer = l.dial(r.name + " " + role)
	l.subscribe(r)
	return r
}

// replace puts other rules in place of those there are, and has everybody
// subscribe anew.
func (l *leak) replace() {
	l.rules = l.randomRules()
	l.permit.Replace(l.rules)
	l.before, l.known = l.after, [2]map[string]known{}
	for _, r := range l.receivers {
		r.peer.Say(`{"type":"unsubscribe"}`)
		r.peer.Expect(`{"type":"subscription","event":"unsubscribe"}`)
		r.views = nil
		l.subscribe(r)
	}
}

// subscribe makes some subscriptions. Those that are refused are none.
func (l *leak) subscribe(r *receiver) {
	for j := range 6 {
		collection := leakCollections[l.random.IntN(len(leakCollections))]
		v := &leakView{uid: fmt.Sprintf("s%d", j), collection: collection, raw: l.randomQuery(collection), rows: map[string]string{}}
		q, err := query.Parse([]byte(v.raw))
		if err != nil {
			l.t.Fatalf("%s: %v", v.raw, err)
		}
		v.query = q
		r.peer.Say(`{"type":"subscribe","collection":"` + collection + `","query":` + v.raw + `,"uid":"` + v.uid + `"}`)
		frame := r.peer.Next()
		var answer struct{ Status string }
		if json.Unmarshal(frame, &answer); answer.Status == "error" {
			continue
		}
		v.keyed = q.Limit == -1 && q.Search == "" && l.showsKeys(r.who, collection) && slices.ContainsFunc(q.Fields, func(name string) bool { return name == "id" || strings.HasPrefix(name, "*") })
		r.views = append(r.views, v)
		l.check(r, frame)
	}
}

func (l *leak) dial(token string) *protocoltest.Peer {
	w := &world{t: l.t, hub: l.hub}
	return w.dial(directus.Peer{Token: token})
}

// value returns a value that was never there.
func (l *leak) value(field string) any {
	l.next++
	switch field {
	case "n":
		return 4_000_000 + l.next%50*1_000_000/50 + l.next
	case "owner":
		return l.pick("u0", "u1", "u2")
	case "status":
		return fmt.Sprintf("%s %d", l.pick("open", "shut"), l.next)
	}
	if l.random.IntN(5) == 0 {
		return nil
	}
	return fmt.Sprintf("%s %d", field, l.next)
}

func (l *leak) someKey(collection string) any {
	rows := l.after[collection]
	if len(rows) == 0 || l.random.IntN(8) == 0 {
		return nil
	}
	return rows[l.random.IntN(len(rows))]["id"]
}

func (l *leak) item(collection string, all bool) map[string]any {
	item := map[string]any{}
	for _, f := range l.schema.Collections[collection].Fields {
		switch {
		case f.Name == "id" || f.Type == query.Alias || !all && l.random.IntN(3) > 0:
		case f.Relation != nil:
			item[f.Name] = l.someKey(f.Relation.Collection)
		default:
			item[f.Name] = l.value(f.Name)
		}
	}
	return item
}

// write makes a random change.
func (l *leak) write() {
	collection := leakCollections[l.random.IntN(len(leakCollections))]
	m := map[string]any{"type": "items", "collection": collection}
	var keys []any
	for range 1 + l.random.IntN(3) {
		if key := l.someKey(collection); key != nil && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	switch n := l.random.IntN(10); {
	case n < 4 || len(keys) == 0:
		var items []any
		for range 1 + l.random.IntN(2) {
			item := l.item(collection, true)
			l.next++
			item["id"] = (1+slices.Index(leakCollections, collection))*1_000_000 + l.next
			items = append(items, item)
		}
		m["action"], m["data"] = "create", items
	case n < 7:
		m["action"], m["ids"], m["data"] = "update", keys, l.item(collection, false)
	case n < 8: // which may name an item more than once
		var items []any
		for range 1 + l.random.IntN(4) {
			item := l.item(collection, false)
			item["id"] = keys[l.random.IntN(len(keys))]
			items = append(items, item)
		}
		m["action"], m["data"] = "update", items
	default:
		m["action"], m["ids"] = "delete", keys[:1]
	}
	text, err := json.Marshal(m)
	if err != nil {
		l.t.Fatal(err)
	}
	l.writer.Say(string(text))
	if reply := l.writer.Next(); bytes.Contains(reply, []byte(`"error"`)) {
		l.t.Fatalf("%s: %s", text, reply)
	}
}

func (l *leak) run(writes int) {
	l.writer = l.dial("root admin")
	l.after = l.state()
	for range 12 {
		l.write()
		l.step()
	}
	l.before = l.after
	for i := range 5 {
		l.receivers = append(l.receivers, l.connect(i))
	}
	for i := range writes {
		if i == writes/2 {
			l.replace()
		}
		l.write()
		l.step()
		for _, r := range l.receivers {
			r.peer.Say(`{"type":"unsubscribe","uid":"barrier"}`)
			for {
				frame := r.peer.Next()
				if bytes.Contains(frame, []byte(`"barrier"`)) {
					break
				}
				l.check(r, frame)
			}
			if i%5 == 0 {
				l.compare(r)
			}
		}
		if l.t.Failed() {
			l.t.Fatalf("after write %d; the rules are %s", i, l.describe())
		}
		time.Sleep(200 * time.Millisecond) // beyond an aggregate's period
	}
}

func (l *leak) describe() string {
	var b strings.Builder
	for _, g := range l.rules.Grants {
		fmt.Fprintf(&b, "\n%q has %s", g.Role, g.Policy)
	}
	for _, p := range l.rules.Permissions {
		fmt.Fprintf(&b, "\n%s reads %s %q of %s", p.Policy, p.Collection, p.Fields, p.Filter.AppendJSON(nil))
	}
	return b.String()
}

// permissions returns what an identity may read of a collection.
func (l *leak) permissions(who directus.Identity, collection string) (found []directus.Permission) {
	for _, p := range l.rules.Permissions {
		if p.Collection == collection && slices.ContainsFunc(l.rules.Grants, func(g directus.Grant) bool { return g.Policy == p.Policy && g.Role == who.Role }) {
			found = append(found, p)
		}
	}
	return found
}

// shows reports whether an identity may read a field of a row in a state; "" is the row.
func (l *leak) shows(who directus.Identity, s state, collection string, row query.Row, field string) bool {
	c := l.schema.Collections[collection]
	env := query.Env{Now: time.Now(), User: who.User, Role: who.Role, Roles: who.Roles}
	for _, p := range l.permissions(who, collection) {
		if p.Filter.Bind(c, env).MatchWith(row, s.lookup) && (field == "" || p.Fields == nil || slices.Contains(p.Fields, field)) {
			return true
		}
	}
	return false
}

func (l *leak) showsKeys(who directus.Identity, collection string) bool {
	for _, p := range l.permissions(who, collection) {
		if p.Fields != nil && !slices.Contains(p.Fields, "id") {
			return false
		}
	}
	return true
}

// knows returns what somebody may read just before (0) or just after (1) the commit.
func (l *leak) knows(who directus.Identity, i int) known {
	name := who.User + " " + who.Role
	if k, ok := l.known[i][name]; ok {
		return k
	}
	s := []state{l.before, l.after}[i]
	k := known{values: map[string]bool{}, shown: state{}}
	for _, collection := range leakCollections {
		for _, row := range s[collection] {
			if !l.shows(who, s, collection, row, "") {
				continue
			}
			clean := query.Row{}
			for field, v := range row {
				if l.shows(who, s, collection, row, field) {
					clean[field] = v
					k.values[fmt.Sprint(v)] = true
				}
			}
			k.shown[collection] = append(k.shown[collection], clean)
		}
	}
	if l.known[i] == nil {
		l.known[i] = map[string]known{}
	}
	l.known[i][name] = k
	return k
}

// step is after a write.
func (l *leak) step() {
	l.before, l.after = l.after, l.state()
	l.known[0], l.known[1] = l.known[1], nil
}

// readable reports whether a value is one that somebody could have read.
func (l *leak) readable(who directus.Identity, value any) bool {
	text := fmt.Sprint(value)
	return l.knows(who, 0).values[text] || l.knows(who, 1).values[text]
}

// check looks at everything that a frame holds, and keeps the view.
func (l *leak) check(r *receiver, text []byte) {
	var frame struct {
		Type, Event, UID string
		Data             json.RawMessage
		Meta             map[string]int
	}
	if err := json.Unmarshal(text, &frame); err != nil || frame.Type != "subscription" {
		l.t.Errorf("%v is told %s", r.who, text)
		return
	}
	i := slices.IndexFunc(r.views, func(v *leakView) bool { return v.uid == frame.UID })
	v := r.views[i]
	fail := func(format string, args ...any) {
		l.t.Errorf("%+v, %s of %s: %s\nin %s", r.who, v.raw, v.collection, fmt.Sprintf(format, args...), text)
	}
	for name, n := range frame.Meta {
		if !slices.Contains(l.counts(r.who, v, name), n) {
			fail("%s is %d", name, n)
		}
	}
	if v.query.Grouped() {
		if !slices.Contains(l.totals(r.who, v), string(frame.Data)) {
			fail("the result is none of %q", l.totals(r.who, v))
		}
		v.total = string(frame.Data)
		return
	}
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				if strings.HasSuffix(name, "_count") {
					if n, ok := member.(json.Number); member != nil && (!ok || !l.plausible(r.who, name, n.String())) {
						fail("%s is %v", name, member)
					}
					continue
				}
				walk(member)
			}
		case []any:
			for _, element := range value {
				walk(element)
			}
		case nil:
		default:
			if !l.readable(r.who, value) {
				fail("%v may not be read", value)
			}
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(frame.Data))
	decoder.UseNumber()
	var data any
	if err := decoder.Decode(&data); err != nil {
		fail("%v", err)
		return
	}
	walk(data)
	if !v.keyed {
		return
	}
	var elements []json.RawMessage
	json.Unmarshal(frame.Data, &elements)
	for _, element := range elements {
		if frame.Event == "delete" {
			if _, ok := v.rows[string(element)]; !ok {
				fail("%s goes that never came", element)
			}
			delete(v.rows, string(element))
			continue
		}
		var row struct{ ID json.RawMessage }
		json.Unmarshal(element, &row)
		v.rows[string(row.ID)] = string(element)
	}
}

// env is how a query of somebody sees a state.
func (l *leak) env(who directus.Identity, s state) query.Env {
	return query.Env{Now: time.Now(), User: who.User, Role: who.Role, Roles: who.Roles, Lookup: s.lookup}
}

// counts are what a meta count may be. total_count is exact; filter_count is at
// most that, since what a filter sees of hidden fields has its own tests.
func (l *leak) counts(who directus.Identity, v *leakView, name string) (counts []int) {
	for i := range 2 {
		n := len(l.knows(who, i).shown[v.collection])
		if name == "total_count" {
			counts = append(counts, n)
			continue
		}
		for i := range n + 1 {
			counts = append(counts, i)
		}
	}
	return counts
}

// totals are what a result may be. Where no field of the collection is hidden from
// the receiver in some rows only, there are just two.
func (l *leak) totals(who directus.Identity, v *leakView) (totals []string) {
	for i := range 2 {
		clean := l.knows(who, i).shown // a filter over it matches what it may
		rows := clean[v.collection]
		for _, filtered := range []query.Query{v.query} {
			filtered.Fields = nil
			// Rows that do not show what is asked about count for nothing.
			rows = slices.DeleteFunc(slices.Clone(rows), func(row query.Row) bool {
				for _, name := range append(slices.Clone(filtered.GroupBy), "id") {
					uses := name != "id" || slices.ContainsFunc(filtered.Aggregate, func(a query.Aggregation) bool { return a.Field == "id" })
					if _, ok := row[name]; uses && !ok {
						return true
					}
				}
				return false
			})
			totals = append(totals, string(filtered.AppendGroups(nil, filtered.Groups(l.schema.Collections[v.collection], rows, l.env(who, clean)))))
		}
	}
	return totals
}

// plausible reports whether a count of related rows is one of those that could be read.
func (l *leak) plausible(who directus.Identity, name, n string) bool {
	for i, s := range []state{l.before, l.after} {
		for _, collection := range leakCollections {
			f := l.schema.Collections[collection].Field(strings.TrimSuffix(name, "_count"))
			if f == nil || f.Relation == nil {
				continue
			}
			for _, row := range l.knows(who, i).shown[collection] {
				count := 0
				for _, related := range s.lookup(f.Relation, row["id"]) { // of a row whose key is hidden it is not known
					if l.shows(who, s, f.Relation.Collection, related, "") {
						count++
					}
				}
				if strconv.Itoa(count) == n {
					return true
				}
			}
		}
	}
	return false
}

// compare reads what each view should be now, and compares.
func (l *leak) compare(r *receiver) {
	for _, v := range r.views {
		if !v.keyed && !v.query.Grouped() {
			continue
		}
		r.peer.Say(`{"type":"items","collection":"` + v.collection + `","action":"read","query":` + v.raw + `,"uid":"compare"}`)
		frame := r.peer.Next()
		var reply struct{ Data json.RawMessage }
		if err := json.Unmarshal(frame, &reply); err != nil || reply.Data == nil {
			l.t.Errorf("%s: %s", v.raw, frame)
			continue
		}
		if v.query.Grouped() {
			if v.total != string(reply.Data) {
				l.t.Errorf("%+v, %s of %s: the client has\n%s, a read returns\n%s", r.who, v.raw, v.collection, v.total, reply.Data)
			}
			continue
		}
		var elements []json.RawMessage
		json.Unmarshal(reply.Data, &elements)
		rows := map[string]string{}
		for _, element := range elements {
			var row struct{ ID json.RawMessage }
			json.Unmarshal(element, &row)
			rows[string(row.ID)] = string(element)
		}
		for id, row := range rows {
			if v.rows[id] != row {
				l.t.Errorf("%+v, %s of %s: the client has\n%s, a read returns\n%s", r.who, v.raw, v.collection, v.rows[id], row)
			}
		}
		for id := range v.rows {
			if _, ok := rows[id]; !ok {
				l.t.Errorf("%+v, %s of %s: the client has\n%s, a read does not return it", r.who, v.raw, v.collection, v.rows[id])
			}
		}
	}
}
