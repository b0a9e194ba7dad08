package directus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"leveret/protocol/query"
)

// A DemoAccount is an account of demo mode. Everybody knows it.
type DemoAccount struct {
	Name     string // "admin", "editor", "reader"
	Role     string // the role's id
	Email    string
	Password string
	Token    string // a static token, which never expires

	user        string // the user's id
	first, last string
}

// DemoAccounts are the accounts that [Seed] makes in demo mode.
var DemoAccounts = [...]DemoAccount{
	{"admin", RoleAdmin, "admin@example.com", "admin-demo", "admin-demo-token", "00000000-0000-4000-8000-0000000000a2", "Ada", "Admin"},
	{"editor", RoleEditor, "editor@example.com", "editor-demo", "editor-demo-token", "00000000-0000-4000-8000-0000000000e2", "Eddie", "Editor"},
	{"reader", RoleReader, "reader@example.com", "reader-demo", "reader-demo-token", "00000000-0000-4000-8000-0000000000b2", "Rita", "Reader"},
}

// SeedOptions configures [Seed].
type SeedOptions struct {
	// Demo makes the [DemoAccounts]. Without it they are shut out, also where an
	// earlier start in demo mode had made them.
	Demo bool
	// AdminEmail, AdminPassword and AdminToken set the administrator of the first
	// start, as ADMIN_EMAIL, ADMIN_PASSWORD and ADMIN_TOKEN do for Directus. An
	// empty one is the demo administrator's in demo mode; otherwise the e-mail is
	// admin@example.com, the password is made up, and there is no token.
	AdminEmail, AdminPassword, AdminToken string
	// Items puts a few items into those collections of the demonstration project
	// that are new.
	Items bool
	// Rules are those of a project that is not the demonstration: its roles are
	// written at each start, and the demo accounts have no place in it. nil = the
	// demonstration.
	Rules *Rules
	// Users are the accounts of that project, written at each start. With none there
	// is an administrator as in the demonstration, if the rules have [RoleAdmin].
	Users []SeedUser
}

// A SeedUser is an account of a project that is not the demonstration.
type SeedUser struct {
	// Fields are those of directus_users that the account has. A password or a token
	// in it is nil and takes away what there is. Without an id it is the user with
	// that e-mail, or a new one.
	Fields query.Row
	// Password is in clear text, or an argon2id hash that [IsPasswordHash] knows;
	// Token is in clear text. "" = as it is.
	Password, Token string
}

// Seeded is what [Seed] has done.
type Seeded struct {
	// First says that this was the first start with this store.
	First bool
	// AdminEmail and AdminPassword are the administrator that was made with a
	// password nobody else knows: print them. Both are "" otherwise.
	AdminEmail, AdminPassword string
	// Warnings are sentences about what was not done.
	Warnings []string
}

// Seed prepares a store: at the first start it makes the roles, the accounts and
// a few items. Later it keeps what is there, except that it shuts the demo
// accounts out or lets them in again when Demo has changed since: a database
// filled in demo mode must not keep well-known passwords when it goes public.
func Seed(ctx context.Context, store Store, opts *SeedOptions) (Seeded, error) {
	s := seeder{store: store, now: time.Now()}
	if opts != nil {
		s.opts = *opts
	}
	roles, err := store.Read(ctx, rolesCollection, everything())
	if err != nil {
		return Seeded{}, fmt.Errorf("read the roles: %w", err)
	}
	s.result.First = len(roles) == 0
	switch {
	case s.opts.Rules != nil:
		err = s.project(ctx, roles)
	case s.result.First:
		err = s.first(ctx)
	case lacksDemo(roles):
		err = s.afterProject(ctx, roles)
	default:
		err = s.again(ctx)
	}
	if err == nil && s.opts.Items {
		err = s.items(ctx)
	}
	if err != nil {
		return Seeded{}, err
	}
	return s.result, nil
}

type seeder struct {
	store  Store
	opts   SeedOptions
	now    time.Time
	result Seeded

	wasProject bool // the store was a project's until now
}

func everything() query.Query {
	q := query.New()
	q.Limit = -1
	return q
}

func (s *seeder) first(ctx context.Context) error {
	admin, err := s.administrator(ctx)
	if err != nil {
		return err
	}
	users := []query.Row{admin}
	if s.opts.Demo {
		for _, account := range DemoAccounts[1:] {
			row, err := account.row(ctx)
			if err != nil {
				return err
			}
			users = append(users, row)
		}
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		for _, role := range []query.Row{
			{"id": RoleAdmin, "name": "Administrator", "admin_access": true, "app_access": true},
			{"id": RoleEditor, "name": "Editor", "admin_access": false, "app_access": false},
			{"id": RoleReader, "name": "Reader", "admin_access": false, "app_access": false},
		} {
			if _, err := tx.Insert(ctx, rolesCollection, role); err != nil {
				return err
			}
		}
		for _, user := range users {
			if _, err := tx.Insert(ctx, usersCollection, user); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set up the store: %w", err)
	}
	return nil
}

// administrator returns the row of the administrator whom the options ask for.
func (s *seeder) administrator(ctx context.Context) (query.Row, error) {
	demo := DemoAccounts[0]
	id := uuid.NewString()
	email, password, token := s.opts.AdminEmail, s.opts.AdminPassword, s.opts.AdminToken
	if s.opts.Demo {
		// With a password or a token of its own it is nobody's demo account.
		if password == "" || token == "" {
			id = demo.user
		}
		setDefault(&password, demo.Password)
		setDefault(&token, demo.Token)
	}
	setDefault(&email, demo.Email)
	if password == "" {
		password = newToken(20)
		s.result.AdminEmail, s.result.AdminPassword = email, password
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	return userRow(id, demo.first, demo.last, email, hash, token, RoleAdmin), nil
}

func (d *DemoAccount) row(ctx context.Context) (query.Row, error) {
	hash, err := hashPassword(ctx, d.Password)
	if err != nil {
		return nil, err
	}
	return userRow(d.user, d.first, d.last, d.Email, hash, d.Token, d.Role), nil
}

func userRow(id, first, last, email, hash, token, role string) query.Row {
	row := query.Row{"id": id, "first_name": first, "last_name": last, "email": strings.ToLower(email),
		"password": hash, "token": nil, "role": role, "status": "active", "provider": "default", "email_notifications": true}
	if token != "" {
		row["token"] = hashToken(token)
	}
	return row
}

// again takes the well-known passwords and tokens away, or gives them back.
func (s *seeder) again(ctx context.Context) error {
	schema := s.store.Schema().Collections[usersCollection]
	for _, account := range DemoAccounts {
		if s.names(account.user) {
			continue
		}
		users, err := s.store.Read(ctx, usersCollection, where(schema, "id", account.user))
		if err != nil {
			return fmt.Errorf("read the demo accounts: %w", err)
		}
		if len(users) == 0 {
			if err := s.add(ctx, account); err != nil {
				return err
			}
			continue
		}
		changes, err := s.lock(ctx, account, users[0])
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			continue
		}
		err = s.store.Write(ctx, func(tx Tx) error {
			return tx.Update(ctx, usersCollection, []any{account.user}, changes)
		})
		if err != nil {
			return fmt.Errorf("change the demo account %s: %w", account.Email, err)
		}
	}
	return nil
}

// add makes a demo account that the first start did not make. There is an
// administrator already, and an e-mail that is taken stays whose it is.
func (s *seeder) add(ctx context.Context, account DemoAccount) error {
	if !s.opts.Demo {
		return nil
	}
	schema := s.store.Schema().Collections[usersCollection]
	taken, err := s.store.Read(ctx, usersCollection, where(schema, "email", account.Email))
	if err != nil {
		return err
	}
	if len(taken) > 0 && s.wasProject {
		s.result.Warnings = append(s.result.Warnings, fmt.Sprintf("the account %s is the project's and keeps its password", account.Email))
	}
	if len(taken) > 0 || account.Role == RoleAdmin {
		return nil
	}
	row, err := account.row(ctx)
	if err != nil {
		return err
	}
	err = s.store.Write(ctx, func(tx Tx) error {
		_, err := tx.Insert(ctx, usersCollection, row)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the demo account %s: %w", account.Email, err)
	}
	return nil
}

// lock returns how a demo account must change. An account without a password is
// one that was shut out.
func (s *seeder) lock(ctx context.Context, account DemoAccount, user query.Row) (query.Row, error) {
	changes := query.Row{}
	hash, _ := user["password"].(string)
	if s.opts.Demo {
		if hash == "" {
			fresh, err := hashPassword(ctx, account.Password)
			if err != nil {
				return nil, err
			}
			changes["password"], changes["token"], changes["status"] = fresh, hashToken(account.Token), "active"
		}
		return changes, nil
	}
	if user["token"] == hashToken(account.Token) {
		changes["token"] = nil
	}
	known, err := verifyPassword(ctx, hash, account.Password)
	if err != nil || !known {
		return changes, err
	}
	if account.Role != RoleAdmin || len(s.opts.Users) > 0 {
		changes["password"], changes["status"] = nil, "suspended"
		return changes, nil
	}
	// Somebody must be able to get in.
	password := s.opts.AdminPassword
	if password == "" {
		password = newToken(20)
		s.result.AdminEmail, _ = user["email"].(string)
		s.result.AdminPassword = password
	}
	if changes["password"], err = hashPassword(ctx, password); err != nil {
		return nil, err
	}
	if s.opts.AdminToken != "" {
		changes["token"] = hashToken(s.opts.AdminToken)
	}
	return changes, nil
}
