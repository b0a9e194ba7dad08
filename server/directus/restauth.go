package directus

import (
	"net/http"
	"net/mail"
	"strings"
	"time"

	"leveret/protocol"
)

// This file serves /auth: login, refresh and logout. In mode "json" the refresh
// token travels in the body, in mode "cookie" in a cookie that scripts cannot
// read; in mode "session" there is one such cookie, with the session token.

// The login modes, as Directus names them.
const (
	modeJSON    = "json"
	modeCookie  = "cookie"
	modeSession = "session"
)

// kindOf returns the kind of session that a mode asks for; "" is json.
func kindOf(mode string) (Kind, error) {
	switch mode {
	case "", modeJSON, modeCookie:
		return KindTokens, nil
	case modeSession:
		return KindSession, nil
	}
	return 0, invalidPayload(`There is no mode %q; there are "json", "cookie" and "session".`, mode)
}

func (c *call) login() error {
	var body struct {
		Email, Password *string
		Mode, OTP       string
	}
	if err := c.object(&body); err != nil {
		return err
	}
	switch {
	case body.Email == nil:
		return invalidPayload(`"email" is required.`)
	case *body.Email == "":
		return invalidPayload(`"email" is not allowed to be empty.`)
	case !isAddress(*body.Email):
		return invalidPayload(`"email" must be a valid email.`)
	case body.Password == nil:
		return invalidPayload(`"password" is required.`)
	case *body.Password == "":
		return invalidPayload(`"password" is not allowed to be empty.`)
	}
	kind, err := kindOf(body.Mode)
	if err != nil {
		return err
	}
	if body.OTP != "" {
		return invalidPayload("One-time passwords are not served here.")
	}
	session, err := c.hub.login(c.r.Context(), c.hub.address(c.r), *body.Email, *body.Password, kind)
	if err != nil {
		return err
	}
	return c.session(session, body.Mode)
}

// isAddress reports whether text is an e-mail address and nothing else.
func isAddress(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

func (c *call) refresh() error {
	token, mode, err := c.refreshToken()
	if err != nil {
		return err
	}
	kind, err := kindOf(mode)
	if err != nil {
		return err
	}
	session, err := c.hub.auth.Refresh(c.r.Context(), token, kind)
	if err != nil {
		return err
	}
	return c.session(session, mode)
}

func (c *call) logout() error {
	token, _, err := c.refreshToken()
	if err != nil {
		return err
	}
	if err := c.hub.logout(c.r.Context(), token); err != nil {
		return err
	}
	for _, cookie := range []Cookie{c.hub.opts.RefreshCookie, c.hub.opts.SessionCookie} {
		if cookieOf(c.r, cookie) != "" {
			c.setCookie(cookie, "", -1)
		}
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// refreshToken returns the refresh token of the body, else that of the mode's
// cookie, else that of either cookie.
func (c *call) refreshToken() (token, mode string, err error) {
	var body struct {
		RefreshToken string `json:"refresh_token"`
		Mode         string
	}
	if err := c.object(&body); err != nil {
		return "", "", err
	}
	if _, err := kindOf(body.Mode); err != nil {
		return "", "", err
	}
	if body.RefreshToken != "" {
		return body.RefreshToken, body.Mode, nil
	}
	refresh, session := cookieOf(c.r, c.hub.opts.RefreshCookie), cookieOf(c.r, c.hub.opts.SessionCookie)
	switch {
	case body.Mode == modeJSON:
	case session != "" && (body.Mode == modeSession || body.Mode == "" && refresh == ""):
		token, mode = session, modeSession
	case refresh != "":
		token, mode = refresh, body.Mode
		setDefault(&mode, modeCookie)
	case session != "":
		token, mode = session, body.Mode
	}
	if token == "" {
		return "", "", &protocol.Error{Code: protocol.CodeInvalidPayload,
			Message: "Invalid payload. The refresh token is required in either the payload or cookie."}
	}
	return token, mode, c.sameOrigin()
}

// session answers with a session's tokens.
func (c *call) session(s Session, mode string) error {
	answer := struct {
		Expires      int64  `json:"expires"` // milliseconds
		RefreshToken string `json:"refresh_token,omitempty"`
		AccessToken  string `json:"access_token,omitempty"`
	}{s.Expires.Milliseconds(), s.RefreshToken, s.AccessToken}
	switch mode {
	case modeCookie:
		answer.RefreshToken = ""
		c.setCookie(c.hub.opts.RefreshCookie, s.RefreshToken, s.RefreshExpires)
	case modeSession:
		answer.AccessToken = ""
		c.setCookie(c.hub.opts.SessionCookie, s.AccessToken, s.Expires)
	}
	return c.data(answer)
}

// cookieOf returns the value of a request's cookie; "" = there is none.
func cookieOf(r *http.Request, cookie Cookie) string {
	if found, err := r.Cookie(cookie.Name); err == nil {
		return found.Value
	}
	return ""
}

// setCookie keeps a token in the browser; a negative age removes it.
func (c *call) setCookie(as Cookie, token string, age time.Duration) {
	cookie := &http.Cookie{
		Name:     as.Name,
		Value:    token,
		Path:     "/",
		Domain:   as.Domain,
		MaxAge:   int(age.Seconds()),
		HttpOnly: true,
		SameSite: as.SameSite,
		Secure:   as.Secure || c.r.TLS != nil || strings.HasPrefix(c.hub.opts.PublicURL, "https:"),
	}
	if age < 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.w, cookie)
}
