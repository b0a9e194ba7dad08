package directus

import (
	"leveret/protocol"
	"leveret/protocol/query"
)

// The roles that [Seed] makes.
const (
	RoleAdmin  = "00000000-0000-4000-8000-0000000000a0"
	RoleEditor = "00000000-0000-4000-8000-0000000000e0"
	RoleReader = "00000000-0000-4000-8000-0000000000b0"
)

// The policies of those roles, and the public's.
const (
	policyAdmin  = "00000000-0000-4000-8000-0000000000a1"
	policyEditor = "00000000-0000-4000-8000-0000000000e1"
	policyReader = "00000000-0000-4000-8000-0000000000b1"
	policyPublic = "00000000-0000-4000-8000-0000000000c1"
)

// AdminRules allow the administrator of [Seed] everything and nobody else
// anything: the rules of a project that brings none.
func AdminRules() Rules {
	return Rules{
		Roles:    []Role{{ID: RoleAdmin, Name: "Administrator"}},
		Policies: []Policy{{ID: policyAdmin, Name: "Administrator", Admin: true, App: true}},
		Grants:   []Grant{{Role: RoleAdmin, Policy: policyAdmin}},
	}
}

// DemoRules are the rules of the demonstration project. Editors create, read,
// update and delete everything in it, see who else is there and what was done, and
// have notifications. Readers read the project and have notifications. In demo
// mode the public reads messages, otherwise it may do nothing.
func DemoRules(demo bool) Rules {
	r := AdminRules()
	r.Roles = append(r.Roles, Role{ID: RoleEditor, Name: "Editor"}, Role{ID: RoleReader, Name: "Reader"})
	r.Policies = append(r.Policies, Policy{ID: policyEditor, Name: "Editor"}, Policy{ID: policyReader, Name: "Reader"},
		Policy{ID: policyPublic, Name: "$t:public_label"})
	r.Grants = append(r.Grants, Grant{Role: RoleEditor, Policy: policyEditor}, Grant{Role: RoleReader, Policy: policyReader},
		Grant{Policy: policyPublic})

	allow := func(policy, collection string, action protocol.Action, filter *query.Filter, fields ...string) {
		r.Permissions = append(r.Permissions, Permission{Policy: policy, Collection: collection, Action: action, Filter: filter, Fields: fields})
	}
	own := func(field string) *query.Filter {
		return &query.Filter{Op: query.OpEq, Field: field, Value: "$CURRENT_USER"}
	}
	project := []string{"messages", "articles", "categories", "articles_categories", "presence"}
	for _, collection := range project {
		for _, action := range []protocol.Action{protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete} {
			allow(policyEditor, collection, action, nil)
		}
		allow(policyReader, collection, protocol.ActionRead, nil)
	}
	for _, policy := range []string{policyEditor, policyReader} {
		for _, action := range []protocol.Action{protocol.ActionRead, protocol.ActionDelete} {
			allow(policy, notificationsCollection, action, own("recipient"))
		}
		allow(policy, notificationsCollection, protocol.ActionUpdate, own("recipient"), "status")
	}
	allow(policyEditor, notificationsCollection, protocol.ActionCreate, nil)
	allow(policyEditor, usersCollection, protocol.ActionRead, nil, "id", "first_name", "last_name", "email", "title", "avatar", "status", "role")
	allow(policyEditor, rolesCollection, protocol.ActionRead, nil, "id", "name")
	// What was done to accounts and notifications is nobody else's business, nor
	// where somebody sits.
	done := &query.Filter{Op: query.OpIn, Field: "collection"}
	values := make([]any, len(project))
	for i, collection := range project {
		values[i] = collection
	}
	done.Value = values
	allow(policyEditor, activityCollection, protocol.ActionRead, done, "id", "action", "user", "timestamp", "collection", "item")
	if demo {
		allow(policyPublic, "messages", protocol.ActionRead, nil)
	}
	return r
}

// DemoPermissions returns the permissions of [DemoRules].
func DemoPermissions(demo bool) *Permissions { return PermissionsOf(DemoRules(demo)) }
