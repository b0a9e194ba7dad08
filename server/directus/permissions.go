package directus

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"leveret/protocol"
	"leveret/protocol/query"
)

// Rules say who may do what, in Directus's own terms: permissions belong to
// policies, and a policy is granted to roles, to users or to the public. What
// nothing allows is forbidden, except to an administrator. Several permissions for
// the same thing add up.
type Rules struct {
	Roles       []Role
	Policies    []Policy
	Grants      []Grant
	Permissions []Permission
}

// A Role has, besides its own grants, those of its parent, its parent's parent and so on.
type Role struct {
	ID          string
	Name        string
	Parent      string // another role's id; "" = none
	Icon        string // for Directus's own app; "" = its default
	Description string
}

// A Policy is a set of permissions.
type Policy struct {
	ID    string
	Name  string
	Admin bool // allows everything
	App   bool // allows what Directus's own app needs: the own account and notifications
}

// A Grant gives a policy to a role or to a user; with neither it is the public's
// (Directus: a row of directus_access). As in Directus since 11, what is the
// public's is for those who have not signed in; it is not added to anybody's own.
type Grant struct {
	Role   string
	User   string
	Policy string
}

// A Permission allows one action on one collection to whoever has its policy.
type Permission struct {
	Policy     string
	Collection string
	Action     protocol.Action
	Filter     *query.Filter // which items; nil = all. It may hold dynamic variables.
	Validation *query.Filter // what an item has to be like after a create or an update; nil = anything
	// Presets are the values of a create or an update that names none of its own.
	Presets map[string]json.RawMessage
	Fields  []string // which fields; nil or "*" = all, empty = none
}

// A Rule allows one action on one collection to one role. It is a [Permission] for
// when a policy a role is enough.
type Rule struct {
	Role       string // a role's id; "" is the public
	Collection string
	Action     protocol.Action
	Filter     *query.Filter // which items; nil = all. It may hold dynamic variables.
	Fields     []string      // which fields; nil or "*" = all
}

// Permissions answers who may do what, by [Rules] that can be replaced while it is
// used, by any number of goroutines.
type Permissions struct {
	current atomic.Pointer[ruleset]
}

// NewPermissions returns the permissions that these rules make. Who is an
// administrator is not among them, so it is whoever the role in the store says.
func NewPermissions(rules ...Rule) *Permissions {
	var r Rules
	granted := map[string]bool{}
	for _, rule := range rules {
		policy := rule.Role
		setDefault(&policy, "public")
		if !granted[policy] {
			granted[policy] = true
			r.Policies = append(r.Policies, Policy{ID: policy})
			r.Grants = append(r.Grants, Grant{Role: rule.Role, Policy: policy})
		}
		r.Permissions = append(r.Permissions, Permission{Policy: policy,
			Collection: rule.Collection, Action: rule.Action, Filter: rule.Filter, Fields: rule.Fields})
	}
	return PermissionsOf(r)
}

// PermissionsOf returns the permissions that these rules make. Nobody may change
// what they hold afterwards; see [Permissions.Replace].
//
// If one of the policies is an administrator's, then whoever it is granted to is
// an administrator and nobody else is. Otherwise it is whoever the role in the
// store says.
func PermissionsOf(r Rules) *Permissions {
	p := &Permissions{}
	p.Replace(r)
	return p
}

// Replace puts these rules in place of those there are. They hold for every
// request and every event from now on, on open connections too.
func (p *Permissions) Replace(r Rules) {
	s := newRuleset(r)
	for {
		old := p.current.Load()
		if old != nil {
			s.version = old.version + 1
		}
		if p.current.CompareAndSwap(old, s) {
			return
		}
	}
}

// version changes whenever the rules are replaced: what may returned under another
// version no longer counts.
func (p *Permissions) version() uint64 { return p.current.Load().version }

// policies returns the policies that apply to a user with these roles, those of
// the roles' parents first and the user's own last. Without a user and roles it is
// the public's.
func (p *Permissions) policies(user string, roles []string) (ids []string, admin, app bool) {
	s := p.current.Load()
	ids = s.policiesOf(user, roles)
	for _, id := range ids {
		admin = admin || s.policies[id].Admin
		app = app || s.policies[id].App
	}
	return ids, admin, app
}

// Admin reports whether a user with that role is an administrator by the rules.
func (p *Permissions) Admin(user, role string) bool {
	var roles []string
	if role != "" {
		roles = []string{role}
	}
	_, admin, _ := p.policies(user, roles)
	return admin
}

// namesAdmins reports whether the policies say who is an administrator.
func (p *Permissions) namesAdmins() bool { return p.current.Load().namesAdmins }

// may returns what the identity may do, or nil if it may not. Equal accesses are
// the same pointer for as long as the rules are not replaced.
func (p *Permissions) may(who *Identity, action protocol.Action, c *query.Collection) *access {
	roles := who.Roles
	if len(roles) == 0 && who.Role != "" {
		roles = []string{who.Role}
	}
	s := p.current.Load()
	ids := s.policiesOf(who.User, roles)
	admin := who.Admin
	if s.namesAdmins {
		admin = slices.ContainsFunc(ids, func(id string) bool { return s.policies[id].Admin })
	}
	admin = admin || who.program
	key := accessKey{admin: admin, action: action, collection: c}
	if !admin {
		key.policies = strings.Join(ids, "\x00")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accesses[key]
	if !ok {
		a = s.access(key, ids)
		s.accesses[key] = a
	}
	return a
}

// An access is what the rules come to for somebody, a collection and an action.
// It is shared by everybody whom the same rules apply to, so its address tells
// whether two may see the same.
type access struct {
	filter *query.Filter     // which items (unbound); nil = all
	whole  *query.Collection // the collection as it is
	// seen is the collection with the allowed fields only. The collections of its
	// schema are those that may be read, with the fields that may always be read.
	seen *query.Collection
	// guard returns which items of another collection may be read (query.Env.Guard);
	// a nil guard is an administrator's.
	guard      func(collection string) *query.Filter
	validation *query.Filter // of a create or update; nil = none
	presets    map[string]json.RawMessage

	// cases is set where not every item may show every field of seen: an item shows
	// the fields of those cases whose filter it matches, and others as null.
	cases []accessCase
}

// An accessCase is one of several permissions that add up.
type accessCase struct {
	filter *query.Filter // nil = every item
	fields []string      // nil = all
}

func (c *accessCase) allows(field string) bool {
	return c.fields == nil || slices.Contains(c.fields, field)
}

// fieldFilter returns which items may show a field, beyond the access's own
// filter; nil = all of them.
func (a *access) fieldFilter(field string) *query.Filter { return fieldFilter(a.cases, field) }

func fieldFilter(cases []accessCase, field string) *query.Filter {
	var filters []*query.Filter
	for i := range cases {
		if cases[i].allows(field) {
			filters = append(filters, cases[i].filter)
		}
	}
	if len(filters) == len(cases) {
		return nil
	}
	if len(filters) == 0 {
		return never(field)
	}
	return query.Or(filters...)
}

// filterFor returns which items may be filtered, sorted, grouped or changed by
// these fields: those that may show, or take, all of them.
func (a *access) filterFor(fields ...string) *query.Filter {
	filter := a.filter
	for _, field := range fields {
		filter = query.And(filter, a.fieldFilter(field))
	}
	return filter
}

// never returns a filter that nothing matches.
func never(field string) *query.Filter {
	return &query.Filter{Op: query.OpIn, Field: field, Value: []any{}}
}

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
