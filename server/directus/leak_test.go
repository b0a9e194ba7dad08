package directus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/protocol/transport"
	"leveret/server/directus"
	"leveret/server/sqlite"
)

// Every cell that the test writes holds a number of seven digits that no other cell
// has. So each such number in a frame says which cell it came from, whatever the
// frame's form; and it may be there only if its receiver could read that cell
// immediately before or after the commit.
var marks = regexp.MustCompile(`1\d{6}`)

// leakSchema has a relation in both directions.
func leakSchema() *query.Schema {
	return directus.NewSchema(
		&query.Collection{Name: "people", PrimaryKey: "id", Fields: []query.Field{
			{Name: "id", Type: query.String, Required: true, Unique: true},
			{Name: "name", Type: query.String},
			{Name: "team", Type: query.String},
			{Name: "posts", Type: query.Alias, Special: []string{"o2m"},
				Relation: &query.Relation{Many: true, Collection: "posts", Local: "id", Foreign: "author"}},
		}},
		&query.Collection{Name: "posts", PrimaryKey: "id", Fields: []query.Field{
			{Name: "id", Type: query.String, Required: true, Unique: true},
			{Name: "title", Type: query.String},
			{Name: "status", Type: query.String},
			{Name: "views", Type: query.Integer},
			{Name: "author", Type: query.String, Special: []string{"m2o"},
				Relation: &query.Relation{Collection: "people", Local: "author", Foreign: "id"}},
		}},
	)
}

// What rules and subscriptions are made of.
var (
	leakFilters = map[string][]string{
		"people": {`{}`, `{"team":{"_starts_with":"red"}}`, `{"team":{"_nstarts_with":"red"}}`, `{"posts":{"_some":{"status":{"_starts_with":"draft"}}}}`,
			`{"posts":{"_none":{"status":{"_starts_with":"draft"}}}}`, `{"_or":[{"team":{"_null":true}},{"count(posts)":{"_gt":1}}]}`},
		"posts": {`{}`, `{"status":{"_starts_with":"draft"}}`, `{"status":{"_starts_with":"open"}}`, `{"author":{"team":{"_starts_with":"red"}}}`,
			`{"author":{"_null":true}}`, `{"_or":[{"status":{"_starts_with":"open"}},{"author":{"posts":{"_some":{"status":{"_starts_with":"draft"}}}}}]}`},
	}
	leakFields = map[string][]string{"people": {"name", "team", "posts"}, "posts": {"title", "status", "views", "author"}}
	leakAsked  = map[string][]string{
		"people": {`["*"]`, `["id"]`, `["*.*"]`, `["id","posts.*"]`, `["id","posts.author.name"]`, `["*","posts"]`, `["count(posts)"]`},
		"posts":  {`["*"]`, `["id"]`, `["*.*"]`, `["*.*.*"]`, `["id","author.team"]`, `["title","author.posts"]`, `["author.posts.title"]`},
	}
	leakSorts = map[string][]string{"people": {`"id"`, `"-team"`, `"name"`}, "posts": {`"id"`, `"-views"`, `"author.team"`}}
	leakKinds = []string{"", "", "", `,"event":"create"`, `,"event":"update"`, `,"event":"delete"`}
	leakTeams = []string{"red", "blue"}
	leakState = []string{"draft", "open", "closed"}
)

// A leakRole is somebody with a socket, and what it may see.
type leakRole struct {
	id    string
	conn  transport.Conn
	rules []directus.Permission

	aggregates map[string]leakAggregate // by the uid of a subscription
}

// A leakAggregate is a subscription to numbers.
type leakAggregate struct{ collection, filter, field string }

// A leakView is what somebody can read of one state of the database.
type leakView struct {
	marks map[string]bool
	// The aggregates' answers, by collection, filter and field.
	counts map[leakAggregate][]int64
}

type leakTest struct {
	*testing.T
	random      *rand.Rand
	schema      *query.Schema
	store       *sqlite.Store
	permissions *directus.Permissions
	hub         *directus.Hub
	roles       []*leakRole
	admin       transport.Conn
	next        int
	state       map[string][]query.Row

	events, numbers, seen, hidden int // so that the test cannot be empty
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// mark returns a number that no cell had before.
func (l *leakTest) mark() int {
	l.next++
	return 1_000_000 + l.next
}

// TestNothingLeaks makes random roles, rules, subscriptions and writes.
func TestNothingLeaks(t *testing.T) {
	writes, seed := 2_000, uint64(1)
	if round, err := strconv.ParseUint(os.Getenv("LEVERET_SOAK"), 10, 64); err == nil {
		writes, seed = 100_000, round
	}
	bubble(t, func(t *testing.T) {
		l := &leakTest{T: t, random: rand.New(rand.NewPCG(seed, 4)), schema: leakSchema()}
		l.open()
		for i := range writes {
			if i%400 == 0 {
				l.newRules()
			}
			if i%40 == 0 {
				l.newSubscriptions()
			}
			l.write()
			if t.Failed() {
				t.Fatalf("after %d writes of seed %d", i+1, seed)
			}
		}
		t.Logf("%d writes, %d events with %d marks, %d numbers; %d marks were hidden from somebody", writes, l.events, l.seen, l.numbers, l.hidden)
		if l.events < writes || l.numbers < writes/20 || l.hidden < 10*writes {
			t.Error("too little was told, or hidden, for the test to show anything")
		}
	})
}

func (l *leakTest) open() {
	ctx := l.Context()
	var err error
	if l.store, err = sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(l.TempDir(), "leak.db"), Schema: l.schema}); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { l.store.Close() })
	// Whoever writes is noted in directus_activity, so there must be such a user.
	err = l.store.Write(ctx, func(tx directus.Tx) error {
		_, err := tx.Insert(ctx, "directus_users", query.Row{"id": leakUser("admin"), "status": "active"})
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	l.permissions = directus.PermissionsOf(directus.Rules{})
	auth := leakAuth{}
	l.hub = directus.NewHub(l.store, auth, &directus.Options{
		Mode: directus.ModePublic, Permissions: l.permissions, MessageRate: -1, Logger: slog.New(slog.DiscardHandler), Heartbeat: -1,
	})
	l.Cleanup(func() { l.hub.Shutdown(context.Background()) })
	connect := func(token string) transport.Conn {
		near, far := transport.BoundedPipe(64<<20, 100_000)
		go l.hub.Serve(context.Background(), far, directus.Peer{Token: token})
		return near
	}
	l.admin = connect("admin")
	for i := range 5 {
		id := fmt.Sprintf("role-%d", i)
		l.roles = append(l.roles, &leakRole{id: id, conn: connect(id)})
	}
	l.roles = append(l.roles, &leakRole{conn: connect("")})
	l.state = l.read()
}

// leakAuth knows everybody by the name of the role.
type leakAuth struct{ directus.Authenticator }

func (leakAuth) Authenticate(_ context.Context, token string) (directus.Identity, error) {
	return directus.Identity{User: leakUser(token), Role: token, Roles: []string{token}, Admin: token == "admin"}, nil
}

func leakUser(role string) string { return "user of " + role }

// newRules gives everybody other rights, in the midst of everything.
func (l *leakTest) newRules() {
	var rules directus.Rules
	for _, role := range l.roles {
		policy := "policy of " + role.id
		rules.Policies = append(rules.Policies, directus.Policy{ID: policy})
		rules.Grants = append(rules.Grants, directus.Grant{Role: role.id, Policy: policy})
		role.rules = nil
		for collection, filters := range leakFilters {
			for range l.random.IntN(3) {
				filter, err := query.ParseFilter([]byte(pick(l.random, filters)))
				if err != nil {
					l.Fatal(err)
				}
				fields := []string{"id"}
				for _, field := range leakFields[collection] {
					if l.random.IntN(2) == 0 {
						fields = append(fields, field)
					}
				}
				role.rules = append(role.rules, directus.Permission{Policy: policy, Collection: collection, Action: protocol.ActionRead, Filter: filter, Fields: fields})
			}
		}
		rules.Permissions = append(rules.Permissions, role.rules...)
	}
	l.permissions.Replace(rules)
	l.drain() // nothing was written: what was told belongs to the rules before
}

func (l *leakTest) newSubscriptions() {
	l.drain()
	views := l.views(l.state)
	for i, role := range l.roles {
		l.say(role.conn, `{"type":"unsubscribe"}`)
		l.settle()
		l.frames(role.conn)
		role.aggregates = map[string]leakAggregate{}
		for n := range 6 {
			collection := pick(l.random, []string{"people", "posts"})
			filter := pick(l.random, leakFilters[collection])
			uid := fmt.Sprintf("s%d", n)
			if n >= 4 {
				// Only filters on the collection's own fields: the oracle of numbers is simple.
				filter = pick(l.random, leakFilters[collection][:2])
				field := pick(l.random, []string{"*", "id", "views"})
				if collection == "people" && field == "views" {
					field = "name"
				}
				role.aggregates[uid] = leakAggregate{collection, filter, field}
				aggregate := fmt.Sprintf(`{"count":%q}`, field)
				if field == "views" {
					aggregate = `{"count":["views"],"sum":["views"]}`
				} else if field != "*" {
					aggregate = fmt.Sprintf(`{"count":[%q]}`, field)
				}
				l.say(role.conn, fmt.Sprintf(`{"type":"subscribe","collection":%q,"uid":%q,"query":{"aggregate":%s,"filter":%s}}`, collection, uid, aggregate, filter))
				continue
			}
			meta, sort := "", pick(l.random, leakSorts[collection])
			if l.random.IntN(3) == 0 {
				// Who sorts by a field that some items hide does not see these.
				meta, sort = `,"meta":"*"`, `"id"`
				role.aggregates[uid] = leakAggregate{collection, filter, ""}
			}
			l.say(role.conn, fmt.Sprintf(`{"type":"subscribe","collection":%q,"uid":%q%s,"query":{"fields":%s,"filter":%s,"sort":%s,"limit":-1%s}}`, collection, uid,
				pick(l.random, leakKinds), pick(l.random, leakAsked[collection]), filter, sort, meta))
		}
		l.settle()
		for _, frame := range l.frames(role.conn) {
			l.check(role, frame, views[i], views[i])
		}
	}
}

// write changes something as the administrator and checks what everybody is told.
func (l *leakTest) write() {
	before := l.views(l.state)
	l.say(l.admin, l.change())
	l.settle()
	if reply := l.frames(l.admin); len(reply) != 1 || strings.Contains(string(reply[0]), `"error"`) {
		l.Fatalf("the write was answered %s", reply)
	}
	l.state = l.read()
	after := l.views(l.state)
	for i, role := range l.roles {
		for _, frame := range l.frames(role.conn) {
			l.check(role, frame, before[i], after[i])
		}
	}
}

// change returns a random create, update or delete.
func (l *leakTest) change() string {
	collection := pick(l.random, []string{"people", "posts", "posts"})
	rows := l.state[collection]
	const most = 12
	action := pick(l.random, []string{"create", "update", "update", "update", "delete"})
	switch {
	case len(rows) == 0:
		action = "create"
	case len(rows) >= most && action == "create":
		action = "delete"
	}
	data := map[string]any{}
	set := func(field string, value any) {
		if action == "create" || l.random.IntN(3) == 0 {
			data[field] = value
		}
	}
	if collection == "people" {
		set("name", fmt.Sprintf("name %d", l.mark()))
		set("team", fmt.Sprintf("%s %d", pick(l.random, leakTeams), l.mark()))
	} else {
		set("title", fmt.Sprintf("title %d", l.mark()))
		set("status", fmt.Sprintf("%s %d", pick(l.random, leakState), l.mark()))
		set("views", l.mark())
		var author any
		if people := l.state["people"]; len(people) > 0 && l.random.IntN(4) > 0 {
			author = pick(l.random, people)["id"]
		}
		set("author", author)
	}
	message := map[string]any{"type": "items", "collection": collection, "action": action, "data": data}
	switch action {
	case "create":
		data["id"] = strconv.Itoa(l.mark())
	case "update":
		ids := []any{pick(l.random, rows)["id"]}
		if other := pick(l.random, rows)["id"]; other != ids[0] && len(data) == 1 && data["author"] != nil {
			ids = append(ids, other) // the other fields hold marks, which are of one cell
		}
		message["ids"] = ids
	case "delete":
		message["id"] = pick(l.random, rows)["id"]
		delete(message, "data")
	}
	frame, err := json.Marshal(message)
	if err != nil {
		l.Fatal(err)
	}
	return string(frame)
}

// read returns everything that there is.
func (l *leakTest) read() map[string][]query.Row {
	state := map[string][]query.Row{}
	for collection := range leakFields {
		all := query.New()
		all.Limit = -1
		rows, err := l.store.Read(l.Context(), collection, all)
		if err != nil {
			l.Fatal(err)
		}
		state[collection] = rows
	}
	return state
}

// views returns what each role can read of a state. It asks nothing of the hub.
func (l *leakTest) views(state map[string][]query.Row) []leakView {
	lookup := func(r *query.Relation, value any) (found []query.Row) {
		for _, row := range state[r.Collection] {
			if row[r.Foreign] == value {
				found = append(found, row)
			}
		}
		return found
	}
	views := make([]leakView, len(l.roles))
	for i, role := range l.roles {
		cells := map[string]map[string]bool{} // of each row that can be read: its fields
		for collection, rows := range state {
			c := l.schema.Collections[collection]
			for _, row := range rows {
				for _, rule := range role.rules {
					if rule.Collection == collection && rule.Filter.Bind(c, query.Env{}).MatchWith(row, lookup) {
						key := row["id"].(string)
						if cells[key] == nil {
							cells[key] = map[string]bool{}
						}
						for _, field := range rule.Fields {
							cells[key][field] = true
						}
					}
				}
			}
		}
		view := leakView{marks: map[string]bool{}, counts: map[leakAggregate][]int64{}}
		for collection, rows := range state {
			c := l.schema.Collections[collection]
			for _, row := range rows {
				readable := cells[row["id"].(string)]
				for field := range readable {
					if value := row[field]; value != nil { // an alias is keys, which are the other rows' own
						for _, mark := range marks.FindAllString(fmt.Sprint(value), -1) {
							view.marks[mark] = true
						}
					}
				}
			}
			for _, text := range leakFilters[collection][:2] {
				for _, field := range append([]string{"", "*", "id"}, leakFields[collection]...) {
					filter, _ := query.ParseFilter([]byte(text))
					bound := filter.Bind(c, query.Env{})
					var count, total, sum int64
					for _, row := range rows {
						readable := cells[row["id"].(string)]
						if readable == nil {
							continue
						}
						total++
						if filter != nil && !readable[filter.Field] || !bound.Match(row) {
							continue
						}
						if field == "" || field == "*" || readable[field] && row[field] != nil {
							count++
							if n, ok := row[field].(int64); ok {
								sum += n
							}
						}
					}
					numbers := []int64{count}
					if field == "views" {
						numbers = append(numbers, sum)
					} else if field == "" {
						numbers = []int64{total, count}
					}
					view.counts[leakAggregate{collection, text, field}] = numbers
				}
			}
		}
		views[i] = view
	}
	return views
}

// check looks at one frame.
func (l *leakTest) check(role *leakRole, frame []byte, before, after leakView) {
	var m struct {
		Type, Event, Status, UID string
		Error                    struct{ Code string }
		Data                     json.RawMessage
		Meta                     map[string]int64
	}
	if err := json.Unmarshal(frame, &m); err != nil {
		l.Fatalf("%s: %v", frame, err)
	}
	if m.Status == "error" {
		if m.Error.Code != "FORBIDDEN" && m.Error.Code != "INVALID_QUERY" {
			l.Errorf("%s was told %s", role.id, frame)
		}
		return
	}
	l.events++
	aggregate, isNumbers := role.aggregates[m.UID]
	if isNumbers && m.Data != nil && aggregate.field != "" {
		l.numbers++
		var got []int64
		for _, number := range regexp.MustCompile(`:(null|-?[0-9.]+)`).FindAllStringSubmatch(string(m.Data), -1) {
			n, _ := strconv.ParseInt(number[1], 10, 64) // null is 0: the sum of nothing
			got = append(got, n)
		}
		if !slices.Equal(got, before.counts[aggregate]) && !slices.Equal(got, after.counts[aggregate]) {
			l.Errorf("%s, who sees %v or %v of %v, was told %s", role.id, before.counts[aggregate], after.counts[aggregate], aggregate, frame)
		}
		return
	}
	if m.Meta != nil {
		got := []int64{m.Meta["total_count"], m.Meta["filter_count"]}
		was, ok := before.counts[aggregate]
		if is := after.counts[aggregate]; ok && !slices.Equal(got, was) && !slices.Equal(got, is) {
			l.Errorf("%s, who sees %v or %v of %v, was told %s", role.id, was, is, aggregate, frame)
		}
	}
	for _, mark := range marks.FindAllString(string(m.Data), -1) {
		l.seen++
		if !before.marks[mark] && !after.marks[mark] {
			l.Errorf("%s was told %s, which it cannot read, in %s", role.id, mark, frame)
		}
	}
	l.hidden += l.next - len(after.marks)
}

func (l *leakTest) say(conn transport.Conn, frame string) {
	if err := conn.Send([]byte(frame)); err != nil {
		l.Fatal(err)
	}
}

// settle lets everything be told; an aggregate takes its time.
func (l *leakTest) settle() { time.Sleep(150 * time.Millisecond) }

// frames returns what has come.
func (l *leakTest) frames(conn transport.Conn) (frames [][]byte) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Microsecond)
		frame, err := conn.Receive(ctx)
		waited := ctx.Err() != nil
		cancel()
		if err != nil {
			if !waited {
				l.Fatal(err)
			}
			return frames
		}
		frames = append(frames, frame)
	}
}

func (l *leakTest) drain() {
	l.settle()
	for _, role := range l.roles {
		l.frames(role.conn)
	}
}
