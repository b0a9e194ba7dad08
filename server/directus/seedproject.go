package directus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file writes the roles and the accounts of a project that is not the
// demonstration.

// names reports whether the project brings the user with that id.
func (s *seeder) names(id string) bool {
	return slices.ContainsFunc(s.opts.Users, func(u SeedUser) bool { return u.Fields["id"] == id })
}

// project writes the roles and the accounts, and shuts the demo accounts out.
func (s *seeder) project(ctx context.Context, roles []query.Row) error {
	s.opts.Demo = false
	if err := s.writeRoles(ctx, s.opts.Rules, roles); err != nil {
		return fmt.Errorf("write the roles: %w", err)
	}
	for _, user := range s.opts.Users {
		if err := s.writeUser(ctx, user); err != nil {
			return err
		}
	}
	if err := s.again(ctx); err != nil {
		return err
	}
	if len(s.opts.Users) > 0 || !slices.ContainsFunc(s.opts.Rules.Roles, func(r Role) bool { return r.ID == RoleAdmin }) {
		return nil
	}
	return s.needAdministrator(ctx)
}

// lacksDemo reports whether the roles in the store are a project's: those of the
// demonstration are missing, or have lost their rights to it.
func lacksDemo(roles []query.Row) bool {
	for _, role := range DemoRules(false).Roles {
		if !contains(roles, role.ID) {
			return true
		}
	}
	return slices.ContainsFunc(roles, func(row query.Row) bool { return row["id"] == RoleAdmin && row["admin_access"] != true })
}

// afterProject makes the demonstration of a store that a project was in. The
// project's accounts stay, without any rights here.
func (s *seeder) afterProject(ctx context.Context, roles []query.Row) error {
	s.wasProject = true
	rules := DemoRules(s.opts.Demo)
	if err := s.writeRoles(ctx, &rules, roles); err != nil {
		return fmt.Errorf("write the roles: %w", err)
	}
	if err := s.again(ctx); err != nil {
		return err
	}
	return s.needAdministrator(ctx)
}

// writeRoles makes the roles in the store those of the rules. Others stay, since
// users may have them, but without any rights.
func (s *seeder) writeRoles(ctx context.Context, rules *Rules, stored []query.Row) error {
	permissions := PermissionsOf(*rules)
	parents := map[string]string{}
	for _, role := range rules.Roles {
		parents[role.ID] = role.Parent
	}
	// A role's parent has to be there before it.
	depth := func(id string) (n int) {
		for id = parents[id]; id != "" && n <= len(parents); id = parents[id] {
			n++
		}
		return n
	}
	ordered := slices.Clone(rules.Roles)
	slices.SortStableFunc(ordered, func(a, b Role) int { return depth(a.ID) - depth(b.ID) })
	return s.store.Write(ctx, func(tx Tx) error {
		for _, role := range ordered {
			_, admin, app := permissions.policies("", []string{role.ID})
			row := query.Row{"id": role.ID, "name": role.Name, "parent": nil, "description": nil, "icon": "supervised_user_circle",
				"admin_access": admin, "app_access": app}
			for name, value := range map[string]string{"parent": role.Parent, "description": role.Description, "icon": role.Icon} {
				if value != "" {
					row[name] = value
				}
			}
			var err error
			if contains(stored, role.ID) {
				delete(row, "id")
				err = tx.Update(ctx, rolesCollection, []any{role.ID}, row)
			} else {
				_, err = tx.Insert(ctx, rolesCollection, row)
			}
			if err != nil {
				return fmt.Errorf("the role %q: %w", role.Name, err)
			}
		}
		for _, row := range stored {
			id, _ := row["id"].(string)
			if _, ok := parents[id]; ok || row["admin_access"] != true && row["app_access"] != true {
				continue
			}
			if err := tx.Update(ctx, rolesCollection, []any{id}, query.Row{"admin_access": false, "app_access": false}); err != nil {
				return err
			}
		}
		return nil
	})
}

func contains(rows []query.Row, id string) bool {
	return slices.ContainsFunc(rows, func(row query.Row) bool { return row["id"] == id })
}

// writeUser makes an account what the project says it is.
func (s *seeder) writeUser(ctx context.Context, user SeedUser) error {
	schema := s.store.Schema().Collections[usersCollection]
	row := query.Row{}
	for name, value := range user.Fields {
		row[name] = value
	}
	email, _ := row["email"].(string)
	email = strings.ToLower(email)
	name := email
	if row["email"] != nil {
		row["email"] = email
	}
	var sameEmail []query.Row
	var err error
	if email != "" {
		if sameEmail, err = s.store.Read(ctx, usersCollection, where(schema, "email", email)); err != nil {
			return fmt.Errorf("read the user %s: %w", email, err)
		}
	}
	if row["id"] == nil && len(sameEmail) > 0 {
		row["id"] = sameEmail[0]["id"]
	}
	if row["id"] == nil {
		row["id"] = uuid.NewString()
	}
	id := row["id"].(string)
	setDefault(&name, id)
	if len(sameEmail) > 0 && sameEmail[0]["id"] != id {
		return fmt.Errorf("the e-mail %s of the user %s belongs to the user %v in the database: give one of them another, or choose another file with --db", email, id, sameEmail[0]["id"])
	}
	stored, err := s.store.Read(ctx, usersCollection, where(schema, "id", id))
	if err != nil {
		return fmt.Errorf("read the user %s: %w", name, err)
	}
	var old query.Row
	if len(stored) > 0 {
		old = stored[0]
	}
	if err := s.secrets(ctx, row, old, user); err != nil {
		return err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		if old != nil {
			changes := query.Row{}
			for field, value := range row {
				// When somebody was last there is the database's to know.
				if field != "id" && field != "last_access" && field != "last_page" {
					changes[field] = value
				}
			}
			return tx.Update(ctx, usersCollection, []any{id}, changes)
		}
		for i := range schema.Fields {
			if f := &schema.Fields[i]; f.Default != nil {
				if _, given := row[f.Name]; !given {
					row[f.Name] = f.Default
				}
			}
		}
		_, err := tx.Insert(ctx, usersCollection, row)
		return err
	})
	var refused *protocol.Error
	if old == nil && errors.As(err, &refused) && refused.Code == protocol.CodeRecordNotUnique && strings.Contains(refused.Message, `"id"`) {
		s.result.Warnings = append(s.result.Warnings, fmt.Sprintf("the user %s was deleted less than a day ago and is not made again until then", name))
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the user %s: %w", name, err)
	}
	return nil
}

// secrets puts the hashes of a user's password and token into its row. What is
// right already is left, for a new hash would differ.
func (s *seeder) secrets(ctx context.Context, row, old query.Row, user SeedUser) error {
	if user.Token != "" {
		row["token"] = hashToken(user.Token)
	}
	switch {
	case user.Password == "":
		return nil
	case IsPasswordHash(user.Password):
		row["password"] = user.Password
		return nil
	}
	if hash, _ := old["password"].(string); hash != "" {
		known, err := verifyPassword(ctx, hash, user.Password)
		if err != nil || known {
			return err
		}
	}
	hash, err := hashPassword(ctx, user.Password)
	row["password"] = hash
	return err
}

// needAdministrator makes an administrator if there is none who can sign in.
func (s *seeder) needAdministrator(ctx context.Context) error {
	schema := s.store.Schema().Collections[usersCollection]
	users, err := s.store.Read(ctx, usersCollection, where(schema, "role", RoleAdmin))
	if err != nil {
		return fmt.Errorf("read the administrators: %w", err)
	}
	if slices.ContainsFunc(users, func(u query.Row) bool {
		return u["status"] == "active" && (u["token"] != nil || u["password"] != nil && u["email"] != nil)
	}) {
		return nil
	}
	row, err := s.administrator(ctx)
	if err != nil {
		return err
	}
	taken, err := s.store.Read(ctx, usersCollection, where(schema, "email", row["email"]))
	if err != nil {
		return fmt.Errorf("read the administrators: %w", err)
	}
	if len(taken) > 0 {
		return fmt.Errorf("the e-mail %v of the administrator belongs to somebody who is none: choose another with ADMIN_EMAIL", row["email"])
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		_, err := tx.Insert(ctx, usersCollection, row)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the administrator: %w", err)
	}
	return nil
}
