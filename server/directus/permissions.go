package directus

import (
	"encoding/json"
	"slices"
	"strings"
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
