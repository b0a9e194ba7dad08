package directus

import (
	"net/http"
	"strings"
	"time"

	"leveret/protocol"
)

// This file serves /auth: login, refresh and logout. In mode "json" the refresh
// token travels in the body, in mode "cookie" in a cookie that scripts cannot
// read. Mode "session", where the access token is a cookie too, is refused.

// refreshCookie is the name of Directus's cookie (REFRESH_TOKEN_COOKIE_NAME).
const refreshCookie = "directus_refresh_token"

// checkMode refuses the modes that are not served.
func checkMode(mode string) error {
	switch mode {
	case "", "json", "cookie":
		return nil
	}
	return invalidPayload("The mode %q is not served here; use \"json\" or \"cookie\".", mode)
}

func (c *call) login() error {
	var body struct{ Email, Password, Mode, OTP string }
	if err := c.object(&body); err != nil {
		return err
	}
	if err := checkMode(body.Mode); err != nil {
		return err
	}
	if body.Email == "" || body.Password == "" {
		return invalidPayload("\"email\" and \"password\" are required.")
	}
	if body.OTP != "" {
		return invalidPayload("One-time passwords are not served here.")
	}
	session, err := c.hub.auth.Login(c.r.Context(), body.Email, body.Password)
	if err != nil {
		return err
	}
	return c.session(session, body.Mode)
}

func (c *call) refresh() error {
	token, mode, err := c.refreshToken()
	if err != nil {
		return err
	}
	session, err := c.hub.auth.Refresh(c.r.Context(), token)
	if err != nil {
		return err
	}
	return c.session(session, mode)
}

func (c *call) logout() error {
	token, mode, err := c.refreshToken()
	if err != nil {
		return err
	}
	if err := c.hub.auth.Logout(c.r.Context(), token); err != nil {
		return err
	}
	if mode == "cookie" {
		c.setRefreshCookie("", -1)
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// refreshToken returns the refresh token of the body or the cookie.
func (c *call) refreshToken() (token, mode string, err error) {
	var body struct {
		RefreshToken string `json:"refresh_token"`
		Mode         string
	}
	if err := c.object(&body); err != nil {
		return "", "", err
	}
	if err := checkMode(body.Mode); err != nil {
		return "", "", err
	}
	token, mode = body.RefreshToken, body.Mode
	if token == "" && mode != "json" {
		if cookie, err := c.r.Cookie(refreshCookie); err == nil {
			token, mode = cookie.Value, "cookie"
		}
	}
	if token == "" {
		return "", "", &protocol.Error{Code: protocol.CodeInvalidPayload,
			Message: "Invalid payload. The refresh token is required in either the payload or cookie."}
	}
	return token, mode, nil
}

// session answers with a session's tokens.
func (c *call) session(s Session, mode string) error {
	answer := struct {
		Expires      int64  `json:"expires"` // milliseconds
		RefreshToken string `json:"refresh_token,omitempty"`
		AccessToken  string `json:"access_token"`
	}{s.Expires.Milliseconds(), s.RefreshToken, s.AccessToken}
	if mode == "cookie" {
		answer.RefreshToken = ""
		c.setRefreshCookie(s.RefreshToken, s.RefreshExpires)
	}
	return c.data(answer)
}

// setRefreshCookie keeps a refresh token in the browser; a negative age removes it.
func (c *call) setRefreshCookie(token string, age time.Duration) {
	cookie := &http.Cookie{
		Name:     refreshCookie,
		Value:    token,
		Path:     "/",
		MaxAge:   int(age.Seconds()),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
		Secure:   c.r.TLS != nil || strings.HasPrefix(c.hub.opts.PublicURL, "https:"),
	}
	if age < 0 {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.w, cookie)
}
