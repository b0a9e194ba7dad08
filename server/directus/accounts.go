package directus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"leveret/protocol"
	"leveret/protocol/query"
)

// An Identity is on whose behalf something is done. The zero Identity is the
// public.
type Identity struct {
	User     string    // the user's id; "" = nobody has signed in
	Role     string    // the id of the user's own role; "" = none
	Roles    []string  // that role and those it inherits from
	Policies []string  // the ids of all policies that apply to the user
	Admin    bool      // may do everything
	App      bool      // may use Directus's own app
	Expires  time.Time // when the token ends; zero = never

	program bool // this program itself, which fills its store
}

// env returns what dynamic variables stand for.
func (who *Identity) env(now time.Time) query.Env {
	return query.Env{Now: now, User: who.User, Role: who.Role, Roles: who.Roles, Policies: who.Policies}
}

// A Session is what a login or a refresh gives.
type Session struct {
	Identity     Identity
	AccessToken  string
	RefreshToken string
	Expires      time.Duration // how long the access token lives
	// RefreshExpires is how long the refresh token lives.
	RefreshExpires time.Duration
}

// An Authenticator knows who somebody is. Its refusals are *protocol.Errors with
// the codes INVALID_CREDENTIALS, INVALID_TOKEN, TOKEN_EXPIRED or USER_SUSPENDED;
// any other error is internal.
type Authenticator interface {
	// Authenticate tells whose access token or static token this is.
	Authenticate(ctx context.Context, token string) (Identity, error)
	// Login signs in with e-mail and password.
	Login(ctx context.Context, email, password string) (Session, error)
	// Refresh exchanges a refresh token for a new one; the old one is void.
	Refresh(ctx context.Context, refreshToken string) (Session, error)
	// Logout voids a refresh token. It is no error if there is no such token.
	Logout(ctx context.Context, refreshToken string) error
}

// AccountsOptions configures [NewAccounts]. Nil and zero mean the defaults.
type AccountsOptions struct {
	// Secret signs access tokens (Directus: SECRET). "" = one is made at the first
	// start and kept in the store.
	Secret string
	// AccessTokenTTL is how long an access token lives (ACCESS_TOKEN_TTL); 0 = 15 minutes.
	AccessTokenTTL time.Duration
	// RefreshTokenTTL is how long a refresh token lives (REFRESH_TOKEN_TTL); 0 = 7 days.
	RefreshTokenTTL time.Duration
	// LoginStall is the least time that a login takes, so that time tells nothing
	// (LOGIN_STALL_TIME); 0 = 500 ms, negative = none.
	LoginStall time.Duration
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Accounts is the [Authenticator] of the accounts in a [Store].
type Accounts struct {
	store  Store
	secret []byte
	opts   AccountsOptions
}

// NewAccounts returns the accounts of a store. It fails if the secret cannot be
// read or kept.
func NewAccounts(ctx context.Context, store Store, opts *AccountsOptions) (*Accounts, error) {
	a := &Accounts{store: store}
	if opts != nil {
		a.opts = *opts
	}
	setDefault(&a.opts.AccessTokenTTL, 15*time.Minute)
	setDefault(&a.opts.RefreshTokenTTL, 7*24*time.Hour)
	setDefault(&a.opts.LoginStall, 500*time.Millisecond)
	if a.opts.Now == nil {
		a.opts.Now = time.Now
	}
	secret := a.opts.Secret
	if secret == "" {
		var err error
		if secret, err = store.Setting(ctx, "secret"); err != nil {
			return nil, fmt.Errorf("read the secret that signs access tokens: %w", err)
		}
	}
	if secret == "" {
		secret = newToken(64)
		if err := store.SetSetting(ctx, "secret", secret); err != nil {
			return nil, fmt.Errorf("keep the secret that signs access tokens: %w", err)
		}
	}
	a.secret = []byte(secret)
	return a, nil
}

// setDefault sets what is zero.
func setDefault[T comparable](value *T, def T) {
	var zero T
	if *value == zero {
		*value = def
	}
}

var (
	errCredentials  = &protocol.Error{Code: protocol.CodeInvalidCredentials, Message: "Invalid user credentials."}
	errInvalidToken = &protocol.Error{Code: protocol.CodeInvalidToken, Message: "Invalid token."}
	errTokenExpired = &protocol.Error{Code: protocol.CodeTokenExpired, Message: "Token expired."}
	errSuspended    = &protocol.Error{Code: protocol.CodeUserSuspended, Message: "User suspended."}
)

// claims is the payload of Directus's access tokens.
type claims struct {
	ID    string `json:"id"`
	Role  string `json:"role"`
	App   bool   `json:"app_access"`
	Admin bool   `json:"admin_access"`
	jwt.RegisteredClaims
}

const issuer = "directus"

// Authenticate implements [Authenticator].
//
// The role and its rights come from the store and not from the token, so that a
// user who was suspended is out at once, and not when the token ends.
func (a *Accounts) Authenticate(ctx context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, errCredentials
	}
	if !isAccessToken(token) {
		user, err := a.findUser(ctx, "token", hashToken(token))
		if err != nil {
			return Identity{}, fmt.Errorf("look up a static token: %w", err)
		}
		return a.identify(ctx, user)
	}
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(a.opts.Now))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Identity{}, errTokenExpired
	case err != nil:
		return Identity{}, errInvalidToken
	}
	user, err := a.findUser(ctx, "id", c.ID)
	if err != nil {
		return Identity{}, fmt.Errorf("look up the user of an access token: %w", err)
	}
	who, err := a.identify(ctx, user)
	who.Expires = c.ExpiresAt.Time
	return who, err
}

// isAccessToken tells an access token from a static one, which may have any form.
func isAccessToken(token string) bool {
	var c claims
	_, _, err := jwt.NewParser().ParseUnverified(token, &c)
	return err == nil && c.Issuer == issuer
}

// Login implements [Authenticator]. It takes at least LoginStall, and the same
// work whether or not there is such a user.
func (a *Accounts) Login(ctx context.Context, email, password string) (Session, error) {
	stall := time.NewTimer(a.opts.LoginStall)
	defer stall.Stop()
	session, err := a.login(ctx, email, password)
	select {
	case <-stall.C:
		return session, err
	case <-ctx.Done():
		return Session{}, ctx.Err()
	}
}

func (a *Accounts) login(ctx context.Context, email, password string) (Session, error) {
	user, err := a.findUser(ctx, "email", strings.ToLower(email))
	if err != nil {
		return Session{}, fmt.Errorf("look up a user: %w", err)
	}
	hash, _ := user["password"].(string)
	ok, err := verifyPassword(ctx, hash, password)
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, errCredentials
	}
	who, err := a.identify(ctx, user)
	if err != nil {
		return Session{}, err
	}
	return a.open(ctx, who, "")
}

// Refresh implements [Authenticator].
func (a *Accounts) Refresh(ctx context.Context, refreshToken string) (Session, error) {
	sessions, err := a.store.Read(ctx, sessionsCollection, a.where(sessionsCollection, "token", hashToken(refreshToken)))
	if err != nil {
		return Session{}, fmt.Errorf("look up a refresh token: %w", err)
	}
	if len(sessions) == 0 || sessions[0]["expires"].(string) <= timestamp(a.opts.Now()) {
		return Session{}, errCredentials
	}
	id, _ := sessions[0]["user"].(string)
	user, err := a.findUser(ctx, "id", id)
	if err != nil {
		return Session{}, fmt.Errorf("look up the user of a refresh token: %w", err)
	}
	who, err := a.identify(ctx, user)
	if err != nil {
		return Session{}, err
	}
	return a.open(ctx, who, hashToken(refreshToken))
}

// Logout implements [Authenticator].
func (a *Accounts) Logout(ctx context.Context, refreshToken string) error {
	err := a.store.Write(ctx, func(tx Tx) error {
		return deleteWhere(ctx, tx, sessionsCollection, a.where(sessionsCollection, "token", hashToken(refreshToken)))
	})
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// open gives somebody a new session, in place of the one whose refresh token has
// the hash old ("" = none).
func (a *Accounts) open(ctx context.Context, who Identity, old string) (Session, error) {
	now := a.opts.Now()
	refreshToken := newToken(64)
	err := a.store.Write(ctx, func(tx Tx) error {
		if old != "" {
			// Seen again inside the transaction: of two that refresh with the same
			// token at once, one wins.
			live, err := tx.Read(ctx, sessionsCollection, a.where(sessionsCollection, "token", old))
			if err != nil {
				return err
			}
			if len(live) == 0 {
				return errCredentials
			}
			if err := tx.Delete(ctx, sessionsCollection, []any{old}); err != nil {
				return err
			}
		}
		expired := a.where(sessionsCollection, "user", who.User)
		expired.Filter = query.And(expired.Filter, &query.Filter{Op: query.OpLte, Field: "expires", Value: timestamp(now)})
		if err := deleteWhere(ctx, tx, sessionsCollection, expired); err != nil {
			return err
		}
		_, err := tx.Insert(ctx, sessionsCollection, query.Row{
			"token":   hashToken(refreshToken),
			"user":    who.User,
			"expires": timestamp(now.Add(a.opts.RefreshTokenTTL)),
		})
		return err
	})
	if err != nil {
		var refusal *protocol.Error
		if errors.As(err, &refusal) {
			return Session{}, err
		}
		return Session{}, fmt.Errorf("open a session: %w", err)
	}
	who.Expires = now.Add(a.opts.AccessTokenTTL).Truncate(time.Second)
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		ID: who.User, Role: who.Role, App: who.App, Admin: who.Admin,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(who.Expires),
		},
	}).SignedString(a.secret)
	if err != nil {
		return Session{}, fmt.Errorf("sign an access token: %w", err)
	}
	return Session{Identity: who, AccessToken: token, RefreshToken: refreshToken,
		Expires: a.opts.AccessTokenTTL, RefreshExpires: a.opts.RefreshTokenTTL}, nil
}

// findUser returns the user with that value, or nil if there is none.
func (a *Accounts) findUser(ctx context.Context, field, value string) (query.Row, error) {
	users, err := a.store.Read(ctx, usersCollection, a.where(usersCollection, field, value))
	if err != nil || len(users) == 0 {
		return nil, err
	}
	return users[0], nil
}

// identify turns a user's row into an identity.
func (a *Accounts) identify(ctx context.Context, user query.Row) (Identity, error) {
	if user == nil {
		return Identity{}, errCredentials
	}
	if user["status"] != "active" {
		return Identity{}, errSuspended
	}
	who := Identity{}
	who.User, _ = user["id"].(string)
	who.Role, _ = user["role"].(string)
	if who.Role == "" {
		return who, nil
	}
	who.Roles = []string{who.Role}
	roles, err := a.store.Read(ctx, rolesCollection, a.where(rolesCollection, "id", who.Role))
	if err != nil {
		return Identity{}, fmt.Errorf("look up a role: %w", err)
	}
	if len(roles) > 0 {
		who.Admin, _ = roles[0]["admin_access"].(bool)
		who.App, _ = roles[0]["app_access"].(bool)
	}
	return who, nil
}

// where returns the query for the rows whose field has that value.
func (a *Accounts) where(collection, field string, value any) query.Query {
	return where(a.store.Schema().Collections[collection], field, value)
}

func where(c *query.Collection, field string, value any) query.Query {
	q := query.New()
	q.Limit = -1
	q.Filter = (&query.Filter{Op: query.OpEq, Field: field, Value: value}).Bind(c, query.Env{})
	return q
}

func deleteWhere(ctx context.Context, tx Tx, collection string, q query.Query) error {
	rows, err := tx.Read(ctx, collection, q)
	if err != nil || len(rows) == 0 {
		return err
	}
	keys := make([]any, len(rows))
	for i, row := range rows {
		keys[i] = row["token"]
	}
	return tx.Delete(ctx, collection, keys)
}

// timestamp is how a time is stored and sent.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
