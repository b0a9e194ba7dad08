package directus

import (
	"slices"
	"strings"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file says what everybody may do with the own account.

// ownFields are what everybody may change of the own account: nothing by which it
// is found, and nothing that gives it rights.
var ownFields = []string{"first_name", "last_name", "password", "location", "title", "description", "tags",
	"avatar", "language", "email_notifications", "appearance", "last_page"}

// ownAccount adds to an access, which may be nil, what everybody may do with the
// own account: read those of its fields that every account has, but its secrets, and
// change ownFields, but not those that the rules go by (variables, as
// [Permissions.variables] returns them). What the access itself allows it allows
// here too, if the own account is among its items.
//
// Differs from Directus: beyond its list. There whoever is not an app user needs a
// permission for it, and reads nothing but the own id otherwise.
func ownAccount(a *access, who *Identity, action protocol.Action, c *query.Collection, variables []string) *access {
	var own accessCase
	switch action {
	case protocol.ActionRead:
		own.fields = readableOfOwn()
	case protocol.ActionUpdate:
		own.fields = slices.DeleteFunc(slices.Clone(ownFields), func(field string) bool {
			return slices.ContainsFunc(variables, func(name string) bool {
				return strings.HasPrefix(name+".", "$CURRENT_USER."+field+".")
			})
		})
	default:
		return nil
	}
	mine := &access{whole: c, filter: &query.Filter{Op: query.OpEq, Field: c.PrimaryKey, Value: who.User}}
	seen := *c
	seen.Fields, seen.Schema = nil, nil
	if a != nil {
		mine.validation, mine.guard = a.validation, a.guard
		seen.Schema = a.seen.Schema
		if a.filter == nil && a.cases == nil { // else they may be meant for others
			mine.presets = a.presets
		}
		if a.filter != nil || a.cases != nil {
			mine.cases = append([]accessCase{own}, a.casesOfAll()...)
		}
	}
	for _, f := range c.Fields {
		switch {
		case f.Type == query.Alias || action == protocol.ActionRead && f.Is("conceal"):
			// Related items are others' permissions, and secrets are nobody's.
		case own.allows(f.Name), a != nil && a.seen.Field(f.Name) != nil:
			seen.Fields = append(seen.Fields, f)
		}
	}
	mine.seen = &seen
	return mine
}

// readableOfOwn returns the fields that every account has in every project. Those
// that a project adds may say what others think of somebody.
func readableOfOwn() []string {
	var names []string
	for _, c := range systemCollections() {
		if c.Name == usersCollection {
			for _, f := range c.Fields {
				names = append(names, f.Name)
			}
		}
	}
	return names
}

// casesOfAll returns the access's cases; if it has none, the one that it is.
func (a *access) casesOfAll() []accessCase {
	if a.cases != nil {
		return a.cases
	}
	fields := []string{}
	for _, f := range a.seen.Fields {
		fields = append(fields, f.Name)
	}
	return []accessCase{{a.filter, fields}}
}

// settle draws the consequences of a change of accounts, inside its transaction:
// who has another password or was shut out has no sessions any more, and somebody
// stays an administrator.
func (w *work) settle(tx Tx) error {
	lost := false
	w.revoked = map[any]bool{}
	for _, e := range w.events {
		if e.collection.Name == usersCollection || e.collection.Name == rolesCollection {
			w.hub.changes++
		}
		if e.collection.Name != usersCollection {
			continue
		}
		for i, before := range e.before {
			var after query.Row // nil = deleted
			if e.kind != protocol.EventDelete {
				after = e.after[i]
			}
			if after["status"] != "active" || before["password"] != after["password"] {
				if err := w.endSessions(tx, before["id"]); err != nil {
					return err
				}
			}
			if before["password"] != after["password"] || before["token"] != after["token"] {
				w.revoked[before["id"]] = true
			}
			was, err := w.isAdmin(tx, before)
			if err != nil {
				return err
			}
			is, err := w.isAdmin(tx, after)
			if err != nil {
				return err
			}
			lost = lost || was && !is
		}
	}
	if !lost {
		return nil
	}
	users, err := tx.Read(w.ctx, usersCollection, everyItem())
	if err != nil {
		return err
	}
	for _, user := range users {
		if is, err := w.isAdmin(tx, user); is || err != nil {
			return err
		}
	}
	return &protocol.Error{Code: protocol.CodeUnprocessable, Message: "You can't remove the last admin user from the system."}
}

// endSessions ends the sessions of a user, but for the one that this change is
// made in.
func (w *work) endSessions(tx Tx, user any) error {
	c := w.hub.store.Schema().Collections[sessionsCollection]
	q := everyItem()
	q.Filter = oneOf(c, "user", []any{user})
	sessions, err := tx.Read(w.ctx, sessionsCollection, q)
	if err != nil {
		return err
	}
	keys := keysOf(sessions, c.PrimaryKey)
	keys = slices.DeleteFunc(keys, func(key any) bool { return key == w.who.Session })
	if len(keys) == 0 {
		return nil
	}
	return tx.Delete(w.ctx, sessionsCollection, keys)
}

// isAdmin reports whether a user's item, which may be nil, is that of an
// administrator who can sign in.
func (w *work) isAdmin(tx Tx, user query.Row) (bool, error) {
	if user["status"] != "active" {
		return false, nil
	}
	id, _ := user["id"].(string)
	role, _ := user["role"].(string)
	roles, admin, _, err := rolesOf(role, func(role string) ([]query.Row, error) {
		return tx.Read(w.ctx, rolesCollection, keysQuery(w.hub.store.Schema().Collections[rolesCollection], []any{role}))
	})
	if p := w.hub.opts.Permissions; p.namesAdmins() {
		_, admin, _ = p.policies(id, roles)
	}
	return admin, err
}

// rolesOf returns a role and those it inherits from, and what they themselves say
// of administrators and the app.
func rolesOf(role string, read func(role string) ([]query.Row, error)) (roles []string, admin, app bool, err error) {
	for role != "" && !slices.Contains(roles, role) { // a circle ends
		roles = append(roles, role)
		rows, err := read(role)
		if err != nil {
			return nil, false, false, err
		}
		role = ""
		if len(rows) > 0 {
			admin = admin || rows[0]["admin_access"] == true
			app = app || rows[0]["app_access"] == true
			role, _ = rows[0]["parent"].(string)
		}
	}
	return roles, admin, app, nil
}
