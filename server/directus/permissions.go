package directus

import (
	"slices"
	"strings"
	"sync"

	"leveret/protocol"
	"leveret/protocol/query"
)

// The roles that [Seed] makes.
const (
	RoleAdmin  = "00000000-0000-4000-8000-0000000000a0"
	RoleEditor = "00000000-0000-4000-8000-0000000000e0"
	RoleReader = "00000000-0000-4000-8000-0000000000b0"
)

// A Rule allows one action on one collection to one role.
type Rule struct {
	Role       string // a role's id; "" is the public: whoever has not signed in
	Collection string
	Action     protocol.Action
	Filter     *query.Filter // which items; nil = all. It may hold dynamic variables.
	Fields     []string      // which fields; nil or "*" = all
}

// Permissions is a set of rules. What no rule allows is forbidden, except to an
// administrator, who may do everything. Several rules for the same thing add up.
//
// As in Directus since 11, the public's rules are for those who have not signed
// in; they are not added to anybody's own.
type Permissions struct {
	rules []Rule

	mu    sync.Mutex
	cache map[accessKey]*access
}

type accessKey struct {
	admin      bool
	roles      string
	action     protocol.Action
	collection *query.Collection
}

// NewPermissions returns the permissions that these rules make.
func NewPermissions(rules ...Rule) *Permissions {
	return &Permissions{rules: rules, cache: map[accessKey]*access{}}
}

// DemoPermissions returns the rules of the demonstration project: editors create,
// read, update and delete messages, readers read them. In demo mode the public
// reads them too, otherwise the public may do nothing.
func DemoPermissions(demo bool) *Permissions {
	rules := []Rule{{Role: RoleReader, Collection: "messages", Action: protocol.ActionRead}}
	for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
		rules = append(rules, Rule{Role: RoleEditor, Collection: "messages", Action: action})
	}
	if demo {
		rules = append(rules, Rule{Collection: "messages", Action: protocol.ActionRead})
	}
	return NewPermissions(rules...)
}

// An access is what the rules come to for somebody, a collection and an action.
// It is shared by everybody whom the same rules apply to, so its address tells
// whether two may see the same.
type access struct {
	filter *query.Filter     // which items; nil = all
	whole  *query.Collection // the collection as it is
	seen   *query.Collection // the collection with the allowed fields only
}

// may returns what the identity may do, or nil if it may not.
func (p *Permissions) may(who *Identity, action protocol.Action, c *query.Collection) *access {
	roles := who.Roles
	if len(roles) == 0 && who.Role != "" {
		roles = []string{who.Role}
	}
	key := accessKey{who.Admin, strings.Join(roles, " "), action, c}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.cache[key]; ok {
		return a
	}
	a := p.resolve(who.Admin, roles, action, c)
	p.cache[key] = a
	return a
}

func (p *Permissions) resolve(admin bool, roles []string, action protocol.Action, c *query.Collection) *access {
	if admin {
		return &access{whole: c, seen: c}
	}
	if len(roles) == 0 {
		roles = []string{""}
	}
	var filters []*query.Filter
	var fields []string
	everyItem, everyField, found := false, false, false
	for _, rule := range p.rules {
		if rule.Collection != c.Name || rule.Action != action || !slices.Contains(roles, rule.Role) {
			continue
		}
		found = true
		everyItem = everyItem || rule.Filter == nil
		everyField = everyField || rule.Fields == nil || slices.Contains(rule.Fields, "*")
		filters = append(filters, rule.Filter)
		fields = append(fields, rule.Fields...)
	}
	if !found {
		return nil
	}
	a := &access{whole: c, seen: c}
	if !everyItem {
		a.filter = query.Or(filters...)
	}
	if !everyField {
		seen := &query.Collection{Name: c.Name, PrimaryKey: c.PrimaryKey, System: c.System}
		for _, f := range c.Fields {
			if slices.Contains(fields, f.Name) {
				seen.Fields = append(seen.Fields, f)
			}
		}
		a.seen = seen
	}
	return a
}
