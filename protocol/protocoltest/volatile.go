package protocoltest

import "strings"

// A volatility says of which kind a string that differs from run to run is.
type volatility int

const (
	lasting volatility = iota
	date
	uuid
	jwt
	token
)

// kindOf tells a string's kind by its form, and a token by the member it is in.
func kindOf(member, s string) volatility {
	switch {
	case shaped(s, "0000-00-00T00:00:00.000Z"), shaped(s, "0000-00-00T00:00:00"), shaped(s, "0000-00-00T00:00:00Z"):
		return date
	case shaped(s, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"):
		return uuid
	case strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2:
		return jwt
	case (member == "refresh_token" || member == "access_token") && s != "":
		return token
	}
	return lasting
}

// shaped compares a string with a form in which 0 stands for a digit and x for a
// hexadecimal digit.
func shaped(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		digit := '0' <= c && c <= '9'
		switch form[i] {
		case '0':
			if !digit {
				return false
			}
		case 'x':
			if !digit && !('a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
				return false
			}
		default:
			if c != form[i] {
				return false
			}
		}
	}
	return true
}
