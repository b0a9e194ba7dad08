package directus

import (
	"slices"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file says what everybody may do with the own account.

// ownFields are what everybody may change of the own account: nothing by which it
// is found, and nothing that gives it rights.
var ownFields = []string{"first_name", "last_name", "password", "location", "title", "description", "tags",
	"avatar", "language", "email_notifications", "appearance", "last_page"}

// ownAccount adds to an access, which may be nil, what everybody may do with the
// own account: read all of it but its secrets, and change ownFields.
//
// Differs from Directus: beyond its list. There whoever is not an app user needs a
// permission for it, and reads nothing but the own id otherwise.
func ownAccount(a *access, who *Identity, action protocol.Action, c *query.Collection) *access {
	if action != protocol.ActionRead && action != protocol.ActionUpdate {
		return nil
	}
	own := &access{whole: c, filter: &query.Filter{Op: query.OpEq, Field: c.PrimaryKey, Value: who.User}}
	seen := *c
	seen.Fields, seen.Schema = nil, nil
	if a != nil {
		own.validation, own.presets, own.guard = a.validation, a.presets, a.guard
		seen.Schema = a.seen.Schema
	}
	for _, f := range c.Fields {
		allowed := a != nil && len(a.cases) == 0 && a.seen.Field(f.Name) != nil
		switch {
		case f.Type == query.Alias || action == protocol.ActionRead && f.Is("conceal"):
			// Related items are others' permissions, and secrets are nobody's.
		case allowed, action == protocol.ActionRead, slices.Contains(ownFields, f.Name):
			seen.Fields = append(seen.Fields, f)
		}
	}
	own.seen = &seen
	return own
}
