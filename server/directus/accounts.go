package directus

import (
	"context"
	"errors"
	"fmt"
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
	Session  string    // of a session token: the hash of its session; "" = none

	program bool // this program itself, which fills its store
	proof   proof
	asOf    int64 // how often accounts had changed when this was found out; see Hub.changes
}

// env returns what dynamic variables stand for.
func (who *Identity) env(now time.Time) query.Env {
	return query.Env{Now: now, User: who.User, Role: who.Role, Roles: who.Roles, Policies: who.Policies}
}

// An Authenticator knows who somebody is. Its refusals are *protocol.Errors with
// the codes INVALID_CREDENTIALS, INVALID_TOKEN, TOKEN_EXPIRED or USER_SUSPENDED;
// any other error is internal.
type Authenticator interface {
	// Authenticate tells whose access token, session token or static token this is.
	Authenticate(ctx context.Context, token string) (Identity, error)
	// Identify tells who a user is now, whose token was accepted earlier.
	Identify(ctx context.Context, user string) (Identity, error)
	// Login signs in with e-mail and password.
	Login(ctx context.Context, email, password string, kind Kind) (Session, error)
	// Refresh exchanges a refresh token, or a session token, for a new one; the old
	// one is void. Either kind of session can come of it.
	Refresh(ctx context.Context, token string, kind Kind) (Session, error)
	// Logout voids a refresh token or a session token. It is no error if there is no
	// such token.
	Logout(ctx context.Context, token string) error
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
	// SessionTTL is how long a session token lives (SESSION_COOKIE_TTL); 0 = 1 day.
	SessionTTL time.Duration
	// RefreshGrace is how long a session token that was exchanged still counts, so
	// that what two tabs ask for at once does not sign one of them out
	// (SESSION_REFRESH_GRACE_PERIOD); 0 = 10 seconds, negative = not at all.
	RefreshGrace time.Duration
	// Permissions says which policies apply to whom, hence who is an administrator;
	// they have to be the hub's own. nil = the roles in the store say who is.
	Permissions *Permissions
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
	setDefault(&a.opts.SessionTTL, 24*time.Hour)
	setDefault(&a.opts.RefreshGrace, 10*time.Second)
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
	// Session is a refresh token: with it this is a session token, which counts for
	// as long as there is that session.
	Session string `json:"session,omitempty"`
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
		return a.prove(ctx, user, "token")
	}
	c, err := a.verify(token)
	if err != nil {
		return Identity{}, err
	}
	if c.Session != "" {
		session, err := a.findSession(ctx, c.Session)
		if err != nil {
			return Identity{}, err
		}
		if session["user"] != c.ID {
			return Identity{}, errCredentials
		}
	}
	who, err := a.Identify(ctx, c.ID)
	who.Expires = c.ExpiresAt.Time
	if c.Session != "" {
		who.Session = hashToken(c.Session)
		who.proof = proof{"session", who.Session}
	}
	return who, err
}

// Identify implements [Authenticator].
func (a *Accounts) Identify(ctx context.Context, id string) (Identity, error) {
	user, err := a.findUser(ctx, "id", id)
	if err != nil {
		return Identity{}, fmt.Errorf("look up a user: %w", err)
	}
	return a.identify(ctx, user)
}

// prove is identify for somebody who signed in with that field of the user's.
func (a *Accounts) prove(ctx context.Context, user query.Row, field string) (Identity, error) {
	who, err := a.identify(ctx, user)
	if hash, ok := user[field].(string); ok {
		who.proof = proof{field, hash}
	}
	return who, err
}

// verify returns what an access token says, if it is ours and has not ended.
func (a *Accounts) verify(token string) (claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.secret, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(a.opts.Now))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return c, errTokenExpired
	case err != nil:
		return c, errInvalidToken
	}
	return c, nil
}

// sign returns an access token for somebody, who.Expires included. session is the
// refresh token that makes it a session token; "" = none.
func (a *Accounts) sign(who Identity, session string) (string, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		ID: who.User, Role: who.Role, App: who.App, Admin: who.Admin, Session: session,
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			IssuedAt:  jwt.NewNumericDate(a.opts.Now()),
			ExpiresAt: jwt.NewNumericDate(who.Expires),
		},
	}).SignedString(a.secret)
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return token, nil
}

// isAccessToken tells an access token from a static one, which may have any form.
func isAccessToken(token string) bool {
	var c claims
	_, _, err := jwt.NewParser().ParseUnverified(token, &c)
	return err == nil && c.Issuer == issuer
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
	var err error
	who.Roles, who.Admin, who.App, err = rolesOf(who.Role, func(role string) ([]query.Row, error) {
		return a.store.Read(ctx, rolesCollection, a.where(rolesCollection, "id", role))
	})
	if err != nil {
		return Identity{}, fmt.Errorf("look up a role: %w", err)
	}
	if p := a.opts.Permissions; p != nil {
		var byPolicy bool
		who.Policies, byPolicy, who.App = p.policies(who.User, who.Roles)
		if p.namesAdmins() {
			who.Admin = byPolicy
		}
		who.App = who.App || who.Admin
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

// timestamp is how a time is stored and sent.
func timestamp(t time.Time) string { return t.UTC().Format(timestampForm) }

const timestampForm = "2006-01-02T15:04:05.000Z"
