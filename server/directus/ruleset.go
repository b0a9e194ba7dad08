package directus

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"

	"leveret/protocol"
	"leveret/protocol/query"
)

// A ruleset is Rules that do not change any more, and what was made of them so far.
type ruleset struct {
	version     uint64
	parents     map[string]string // role to role
	policies    map[string]Policy
	ofRole      map[string][]string // role to policies
	ofUser      map[string][]string // user to policies
	ofPublic    []string
	permissions map[string][]Permission // of a policy
	namesAdmins bool

	mu        sync.Mutex
	variables []string // with a field; nil = not looked for yet
	accesses  map[accessKey]*access
	readables map[readableKey]*readable
}

type accessKey struct {
	admin      bool
	policies   string
	action     protocol.Action
	collection *query.Collection
}

type readableKey struct {
	policies string
	schema   *query.Schema
}

func newRuleset(r Rules) *ruleset {
	s := &ruleset{
		parents:     map[string]string{},
		policies:    map[string]Policy{},
		ofRole:      map[string][]string{},
		ofUser:      map[string][]string{},
		permissions: map[string][]Permission{},
		accesses:    map[accessKey]*access{},
		readables:   map[readableKey]*readable{},
	}
	for _, role := range r.Roles {
		s.parents[role.ID] = role.Parent
	}
	for _, policy := range r.Policies {
		s.policies[policy.ID] = policy
		s.namesAdmins = s.namesAdmins || policy.Admin
		if policy.App {
			s.permissions[policy.ID] = appPermissions()
		}
	}
	for _, grant := range r.Grants {
		switch {
		case grant.User != "":
			s.ofUser[grant.User] = append(s.ofUser[grant.User], grant.Policy)
		case grant.Role != "":
			s.ofRole[grant.Role] = append(s.ofRole[grant.Role], grant.Policy)
		default:
			s.ofPublic = append(s.ofPublic, grant.Policy)
		}
	}
	for _, permission := range r.Permissions {
		s.permissions[permission.Policy] = append(s.permissions[permission.Policy], permission)
	}
	return s
}

// appPermissions are what Directus allows to everybody who may use its app, as far
// as there are these collections here (system-data/app-access-permissions.yaml).
func appPermissions() []Permission {
	own := func(field string) *query.Filter {
		return &query.Filter{Op: query.OpEq, Field: field, Value: "$CURRENT_USER"}
	}
	return []Permission{
		{Collection: usersCollection, Action: protocol.ActionRead, Filter: own("id"),
			Fields: []string{"id", "first_name", "last_name", "last_page", "email", "password", "location", "title", "description",
				"tags", "avatar", "language", "appearance", "status", "role"}},
		{Collection: rolesCollection, Action: protocol.ActionRead,
			Filter: &query.Filter{Op: query.OpIn, Field: "id", Value: []any{"$CURRENT_ROLES"}}},
		{Collection: activityCollection, Action: protocol.ActionRead, Filter: own("user")},
		{Collection: notificationsCollection, Action: protocol.ActionRead, Filter: own("recipient")},
		{Collection: notificationsCollection, Action: protocol.ActionUpdate, Filter: own("recipient"), Fields: []string{"status"}},
	}
}

func (s *ruleset) policiesOf(user string, roles []string) []string {
	if user == "" && len(roles) == 0 {
		return s.ofPublic
	}
	var line []string // the roles and their parents, these first
	var climb func(role string)
	climb = func(role string) {
		if slices.Contains(line, role) {
			return
		}
		line = append(line, role) // here already, for a circle of parents ends so
		if parent := s.parents[role]; parent != "" {
			climb(parent)
		}
	}
	for _, role := range roles {
		climb(role)
	}
	slices.Reverse(line)
	var ids []string
	add := func(policies []string) {
		for _, id := range policies {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	for _, role := range line {
		add(s.ofRole[role])
	}
	if user != "" {
		add(s.ofUser[user])
	}
	return ids
}

// find returns the permissions of these policies for one thing.
func (s *ruleset) find(policies []string, action protocol.Action, collection string) []Permission {
	var found []Permission
	for _, id := range policies {
		for _, permission := range s.permissions[id] {
			if permission.Collection == collection && permission.Action == action {
				found = append(found, permission)
			}
		}
	}
	return found
}

// access makes an access. The caller holds the mutex.
func (s *ruleset) access(key accessKey, policies []string) *access {
	c := key.collection
	if c.Name == sessionsCollection {
		return nil // what is in there lets people in
	}
	if key.admin {
		return &access{whole: c, seen: c}
	}
	found := s.find(policies, key.action, c.Name)
	if len(found) == 0 {
		return nil
	}
	r := s.readable(key.policies, policies, c.Schema)
	a := &access{whole: c, guard: r.guard, cases: casesOf(found)}
	a.filter = filterOf(found)
	a.seen = r.narrow(c, fieldsOf(c, found))
	for _, permission := range found {
		a.validation = query.And(a.validation, permission.Validation)
		if len(permission.Presets) > 0 {
			if a.presets == nil {
				a.presets = map[string]json.RawMessage{}
			}
			maps.Copy(a.presets, permission.Presets)
		}
	}
	return a
}

// filterOf returns which items any of these permissions is for.
func filterOf(permissions []Permission) *query.Filter {
	filters := make([]*query.Filter, len(permissions))
	for i, permission := range permissions {
		filters[i] = permission.Filter
	}
	return query.Or(filters...)
}

// casesOf returns the cases of permissions that add up, or nil if each item may
// show whatever any of them allows.
func casesOf(permissions []Permission) []accessCase {
	var cases []accessCase
next:
	for _, permission := range permissions {
		fields := permission.Fields
		if slices.Contains(fields, "*") {
			fields = nil
		}
		for i := range cases {
			if c := &cases[i]; reflect.DeepEqual(c.filter, permission.Filter) {
				if c.fields != nil {
					c.fields = union(c.fields, fields)
				}
				continue next
			}
		}
		cases = append(cases, accessCase{permission.Filter, fields})
	}
	all := cases[0].fields
	for _, c := range cases[1:] {
		if all != nil {
			all = union(all, c.fields)
		}
	}
	has := func(c accessCase) bool {
		if c.fields == nil || all == nil {
			return c.fields == nil
		}
		return !slices.ContainsFunc(all, func(field string) bool { return !c.allows(field) })
	}
	missing := 0
	for _, c := range cases {
		if !has(c) {
			missing++
		} else if c.filter == nil {
			return nil
		}
	}
	if missing == 0 {
		return nil
	}
	return cases
}

// union returns the fields of both; nil is all there are.
func union(a, b []string) []string {
	if b == nil {
		return nil
	}
	both := append(make([]string, 0, len(a)+len(b)), a...)
	for _, field := range b {
		if !slices.Contains(both, field) {
			both = append(both, field)
		}
	}
	return both
}

// A readable is what of a whole schema may be read by following relations: those
// who read an item get no further than that.
type readable struct {
	whole *query.Schema
	// schema holds the collections that may be read, with those fields that each of
	// their readable items may show.
	//
	// Differs from Directus: 2, which follows relations to the other fields too and
	// shows them in some items.
	schema  *query.Schema
	filters map[string]*query.Filter
	fields  map[string]map[string]bool
}

// readable makes it once for the same policies. The caller holds the mutex.
func (s *ruleset) readable(key string, policies []string, whole *query.Schema) *readable {
	if r := s.readables[readableKey{key, whole}]; r != nil {
		return r
	}
	r := &readable{
		whole:   whole,
		schema:  &query.Schema{Collections: map[string]*query.Collection{}},
		filters: map[string]*query.Filter{},
		fields:  map[string]map[string]bool{},
	}
	s.readables[readableKey{key, whole}] = r
	if whole == nil {
		return r
	}
	for name, c := range whole.Collections {
		found := s.find(policies, protocol.ActionRead, name)
		if len(found) == 0 || name == sessionsCollection {
			continue
		}
		fields, cases := fieldsOf(c, found), casesOf(found)
		for field := range fields {
			if fieldFilter(cases, field) != nil {
				delete(fields, field)
			}
		}
		r.filters[name], r.fields[name] = filterOf(found), fields
	}
	for name, fields := range r.fields {
		r.schema.Collections[name] = r.narrow(whole.Collections[name], fields)
	}
	return r
}

// fieldsOf returns which of a collection's fields any of the permissions allows.
func fieldsOf(c *query.Collection, permissions []Permission) map[string]bool {
	fields := map[string]bool{}
	for _, permission := range permissions {
		for i := range c.Fields {
			name := c.Fields[i].Name
			if permission.Fields == nil || slices.Contains(permission.Fields, "*") || slices.Contains(permission.Fields, name) {
				fields[name] = true
			}
		}
	}
	return fields
}

// guard implements access.guard.
func (r *readable) guard(collection string) *query.Filter {
	if r.schema.Collections[collection] != nil {
		return r.filters[collection]
	}
	key := "id"
	if r.whole != nil && r.whole.Collections[collection] != nil {
		key = r.whole.Collections[collection].PrimaryKey
	}
	return never(key)
}

// narrow returns the collection with these fields, among the collections that may
// be read. A many-to-one relation to any other stays, as a key with nothing behind
// it; a one-to-many relation to it is left out.
func (r *readable) narrow(c *query.Collection, fields map[string]bool) *query.Collection {
	seen := *c
	seen.Fields = nil
	seen.Schema = nil
	if c.Schema != nil {
		seen.Schema = r.schema
	}
	for _, f := range c.Fields {
		if fields[f.Name] && (f.Relation == nil || !f.Relation.Many || r.follows(f.Relation)) {
			seen.Fields = append(seen.Fields, f)
		}
	}
	return &seen
}

// follows reports whether somebody may see which items a one-to-many relation
// leads to: the keys of those items and the fields that point back at this one.
//
// Differs from Directus: 2, which asks for neither.
func (r *readable) follows(to *query.Relation) bool {
	if r.whole == nil || r.whole.Collections[to.Collection] == nil {
		return false
	}
	key := r.whole.Collections[to.Collection].PrimaryKey
	return r.fields[to.Collection][key] && r.fields[to.Collection][to.Foreign]
}
