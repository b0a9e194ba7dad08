package state

import (
	"net/url"
	"strings"
)

// session returns what the sign-in form describes, or the field that is wrong and
// what to do about it.
func (f SignInForm) session() (Session, Field, string) {
	address, why := serverURL(f.URL)
	if why != "" {
		return Session{}, FieldURL, why
	}
	s := Session{URL: address, Mode: f.Mode, Kind: f.Tab}
	switch f.Tab {
	case TabPassword:
		s.Email, s.Password = strings.TrimSpace(f.Email), f.Password
		if !strings.Contains(s.Email, "@") {
			return s, FieldEmail, "Type the e-mail address of your account."
		}
		if s.Password == "" {
			return s, FieldPassword, "Type your password."
		}
	case TabToken:
		s.Token = strings.TrimSpace(f.Token)
		if s.Token == "" {
			return s, FieldToken, "Paste the static token of your account."
		}
	case TabGuest:
		// A guest sends no credential, which is what the mode public means. A server
		// in another mode refuses, and says so.
		s.Mode = ModePublic
	}
	return s, "", ""
}

// serverURL completes and checks the address that a person typed.
func serverURL(typed string) (address, why string) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return "", "Type the address of the Directus server, such as https://cms.example.com."
	}
	if !strings.Contains(typed, "://") {
		scheme := "https://"
		host, _, _ := strings.Cut(typed, "/")
		if name, _, _ := strings.Cut(host, ":"); name == "localhost" || strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "[::1]") {
			scheme = "http://"
		}
		typed = scheme + typed
	}
	u, err := url.Parse(typed)
	if err != nil || u.Host == "" {
		return "", "This is not a web address. It looks like https://cms.example.com."
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss":
	default:
		return "", "The address must begin with http, https, ws or wss."
	}
	if u.User != nil || u.RawQuery != "" {
		return "", "Leave names, passwords and tokens out of the address: addresses are kept in histories and logs."
	}
	u.Fragment = ""
	return strings.TrimSuffix(u.String(), "/"), ""
}

// first returns the id of the element that a person fills in next.
func (f SignInForm) first() string {
	switch {
	case f.URL == "":
		return "sign-in-url"
	case f.Tab == TabToken:
		return "sign-in-token"
	case f.Tab == TabGuest:
		return "sign-in-send"
	case f.Email == "":
		return "sign-in-email"
	}
	return "sign-in-password"
}

// form returns the form that describes the session, to sign in again.
func (s Session) form() SignInForm {
	f := SignInForm{Tab: s.Kind, URL: s.URL, Mode: s.Mode, Email: s.Email}
	if f.Tab == "" || s.Demo {
		f.Tab = TabPassword
	}
	if f.Mode == "" {
		f.Mode = ModeHandshake
	}
	return f
}
