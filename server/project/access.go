package project

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"leveret/protocol"
	"leveret/protocol/query"
	"leveret/server/directus"
)

// An accessFile is what Directus's REST says of who there is and who may do what.
type accessFile struct {
	roles       []accessRole
	policies    []accessPolicy
	access      []accessGrant
	permissions []accessPermission
	users       []map[string]json.RawMessage
}

func readAccess(content []byte) (file accessFile, err error) {
	var lists struct{ Roles, Policies, Access, Permissions, Users json.RawMessage }
	if err := decodeJSON(content, &lists); err != nil {
		return file, err
	}
	if file.roles, err = listOf[accessRole]("roles", lists.Roles); err != nil {
		return file, err
	}
	if file.policies, err = listOf[accessPolicy]("policies", lists.Policies); err != nil {
		return file, err
	}
	if file.access, err = listOf[accessGrant]("access", lists.Access); err != nil {
		return file, err
	}
	if file.permissions, err = listOf[accessPermission]("permissions", lists.Permissions); err != nil {
		return file, err
	}
	file.users, err = listOf[map[string]json.RawMessage]("users", lists.Users)
	return file, err
}

type accessRole struct{ ID, Name, Parent, Icon, Description string }

type accessPolicy struct {
	ID, Name string
	Admin    bool `json:"admin_access"`
	App      bool `json:"app_access"`
}

type accessGrant struct{ Role, User, Policy string }

type accessPermission struct {
	Collection  string
	Action      string
	Permissions json.RawMessage
	Validation  json.RawMessage
	Presets     map[string]json.RawMessage
	Fields      []string
	Policy      string
}

// access reads who there is and who may do what.
func (r *reader) access(content []byte) error {
	file, err := readAccess(content)
	if err != nil {
		return err
	}
	r.Rules = directus.Rules{}
	if err := r.roles(file); err != nil {
		return err
	}
	if err := r.policies(file); err != nil {
		return err
	}
	for i, described := range file.permissions {
		if err := r.permission(described); err != nil && directus.Serves(described.Collection) {
			r.warn("permissions[%d] (%s of %s) is left out: %v", i, described.Action, described.Collection, err)
		} else if err != nil {
			return fmt.Errorf("permissions[%d] (%s of %s): %w", i, described.Action, described.Collection, err)
		}
	}
	for i, described := range file.users {
		if err := r.user(described); err != nil {
			return fmt.Errorf("users[%d]: %w", i, err)
		}
	}
	permissions := directus.PermissionsOf(r.Rules)
	if !slices.ContainsFunc(r.Users, func(u directus.SeedUser) bool {
		id, _ := u.Fields["id"].(string)
		role, _ := u.Fields["role"].(string)
		return permissions.Admin(id, role)
	}) {
		r.warn("none of the users is an administrator, so nobody may do everything")
	}
	return nil
}

// isUUID reports whether an id has the form that roles and users need.
func isUUID(id string) bool { return uuid.Validate(id) == nil }

func (r *reader) roles(file accessFile) error {
	parents := map[string]string{}
	for i, role := range file.roles {
		_, twice := parents[role.ID]
		switch {
		case !isUUID(role.ID):
			return fmt.Errorf("roles[%d]: the id %q has to be a UUID", i, role.ID)
		case role.Name == "":
			return fmt.Errorf("roles[%d]: the role has no name", i)
		case twice:
			return fmt.Errorf("roles[%d]: there are two roles with the id %s: leave one out", i, role.ID)
		}
		parents[role.ID] = role.Parent
		r.Rules.Roles = append(r.Rules.Roles, directus.Role(role))
	}
	for i, role := range file.roles {
		at, steps := role.ID, 0
		for ; parents[at] != ""; steps++ {
			at = parents[at]
			if _, ok := parents[at]; !ok {
				return fmt.Errorf("roles[%d]: the parent %s of the role %q is not among the roles", i, at, role.Name)
			}
			if steps > len(parents) {
				return fmt.Errorf("roles[%d]: the role %q is its own parent's parent", i, role.Name)
			}
		}
	}
	return nil
}

func (r *reader) hasRole(id string) bool {
	return slices.ContainsFunc(r.Rules.Roles, func(role directus.Role) bool { return role.ID == id })
}

func (r *reader) hasPolicy(id string) bool {
	return slices.ContainsFunc(r.Rules.Policies, func(policy directus.Policy) bool { return policy.ID == id })
}

func (r *reader) policies(file accessFile) error {
	for i, policy := range file.policies {
		switch {
		case policy.ID == "":
			return fmt.Errorf("policies[%d]: the policy has no id", i)
		case r.hasPolicy(policy.ID):
			return fmt.Errorf("policies[%d]: there are two policies with the id %s: leave one out", i, policy.ID)
		}
		r.Rules.Policies = append(r.Rules.Policies, directus.Policy(policy))
	}
	for i, grant := range file.access {
		switch {
		case !r.hasPolicy(grant.Policy):
			return fmt.Errorf("access[%d]: the policy %q is not among the policies", i, grant.Policy)
		case grant.Role != "" && !r.hasRole(grant.Role):
			return fmt.Errorf("access[%d]: the role %q is not among the roles", i, grant.Role)
		}
		r.Rules.Grants = append(r.Rules.Grants, directus.Grant(grant))
	}
	return nil
}

func (r *reader) permission(described accessPermission) error {
	action := protocol.Action(described.Action)
	switch action {
	case protocol.ActionCreate, protocol.ActionRead, protocol.ActionUpdate, protocol.ActionDelete:
	case "share":
		return nil // there are no shares
	default:
		return fmt.Errorf("the action %q has to be create, read, update or delete", described.Action)
	}
	switch {
	case described.Policy == "":
		return errors.New("the permission has no policy; Directus has policies since version 11, so export it from there")
	case !r.hasPolicy(described.Policy):
		return fmt.Errorf("the policy %q is not among the policies", described.Policy)
	}
	c := r.Schema.Collections[described.Collection]
	if c == nil || c.System && !directus.Serves(c.Name) {
		if !isSystem(described.Collection) {
			r.warn("a permission is for the collection %q, which is not in the schema", described.Collection)
		}
		return nil
	}
	permission := directus.Permission{Policy: described.Policy, Collection: c.Name, Action: action,
		Presets: described.Presets, Fields: described.Fields}
	if permission.Fields == nil {
		permission.Fields = []string{} // as Directus has it; a delete needs none
	}
	var err error
	if permission.Filter, err = filterOf(described.Permissions, c); err != nil {
		return fmt.Errorf("permissions: %w", err)
	}
	if permission.Validation, err = filterOf(described.Validation, c); err != nil {
		return fmt.Errorf("validation: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(permission.Presets)) {
		f := c.Field(name)
		if f == nil || f.Type == query.Alias {
			r.warn("a preset is for the field %q of the collection %q, which there is not", name, c.Name)
			continue
		}
		var text string
		if json.Unmarshal(permission.Presets[name], &text) == nil && strings.HasPrefix(text, "$") {
			continue
		}
		if _, err := query.DecodeValue(permission.Presets[name], f); err != nil {
			return fmt.Errorf("presets: %w", err)
		}
	}
	r.Rules.Permissions = append(r.Rules.Permissions, permission)
	return nil
}

// filterOf reads a filter that has to fit the collection. Nothing and {} are nil:
// every item.
func filterOf(raw json.RawMessage, c *query.Collection) (*query.Filter, error) {
	if isNull(raw) {
		return nil, nil
	}
	if raw[0] != '{' {
		return nil, errors.New("the filter has to be an object")
	}
	filter, err := query.ParseFilter(raw)
	if err != nil {
		return nil, err
	}
	q := query.New()
	q.Filter = filter
	return filter, q.Validate(c)
}

// masked is what Directus's REST shows in place of a secret.
const masked = "**********"

// user reads an account. What directus_users has not here is left out.
func (r *reader) user(described map[string]json.RawMessage) error {
	user := directus.SeedUser{Fields: query.Row{}}
	schema := r.Schema.Collections["directus_users"]
	for i := range schema.Fields {
		f := &schema.Fields[i]
		raw, ok := described[f.Name]
		if !ok || f.Type == query.Alias {
			continue
		}
		value, err := query.DecodeValue(raw, f)
		if err != nil {
			return fmt.Errorf("the field %q: %w", f.Name, err)
		}
		user.Fields[f.Name] = value
	}
	email, _ := user.Fields["email"].(string)
	id, _ := user.Fields["id"].(string)
	name := email
	if name == "" {
		name = id
	}
	switch {
	case name == "":
		return errors.New("the user has neither an id nor an e-mail")
	case id != "" && !isUUID(id):
		return fmt.Errorf("the id %q has to be a UUID", id)
	}
	if id == "" {
		delete(user.Fields, "id")
	}
	if role, _ := user.Fields["role"].(string); role != "" && !r.hasRole(role) {
		return fmt.Errorf("the role %q of the user %s is not among the roles", role, name)
	}
	for _, other := range r.Users {
		if id != "" && other.Fields["id"] == id || email != "" && strings.EqualFold(text(other.Fields["email"]), email) {
			return fmt.Errorf("the user %s is there twice: leave one out", name)
		}
	}
	var hidden []string
	for field, secret := range map[string]*string{"password": &user.Password, "token": &user.Token} {
		value := text(user.Fields[field])
		if value == "" {
			continue // null takes away what there is
		}
		delete(user.Fields, field)
		if value == masked {
			hidden = append(hidden, field)
			continue
		}
		*secret = value
	}
	if strings.HasPrefix(user.Password, "$argon2") && !directus.IsPasswordHash(user.Password) {
		return fmt.Errorf("the password of the user %s is a hash that cannot be verified here: write the password itself, which is hashed at the start", name)
	}
	if len(hidden) > 0 {
		slices.Sort(hidden)
		r.warn("the user %s has a masked %s, which stays as it is in the database: write it in clear text, and it is hashed at the start", name, strings.Join(hidden, " and "))
	}
	r.Users = append(r.Users, user)
	return nil
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
