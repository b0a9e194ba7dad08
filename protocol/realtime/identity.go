package realtime

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"leveret/protocol"
	"leveret/protocol/session"
)

// IdentityOf says whom a credential stands for, so that what belongs to one person is
// never taken for another's: "user:" and the id (or sub) claim of a JWT, "token:" and a
// hash of any other access token, "email:" and the address in small letters, or
// "public" for no credential at all. It is "" where nobody can tell: a refresh token
// alone. Nothing is verified; it is only ever compared with another identity.
func IdentityOf(c Credential) string {
	switch {
	case c.AccessToken != "":
		if id := claimedID(c.AccessToken); id != "" {
			return "user:" + id
		}
		return "token:" + hashOf(c.AccessToken)
	case c.Email != "":
		return "email:" + strings.ToLower(c.Email)
	case c.IsZero():
		return "public"
	}
	return ""
}

// claimedID returns the person that a JWT names, or "".
func claimedID(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	for _, name := range []string{"id", "sub"} {
		if id, ok := protocol.Text(protocol.Member(claims, name)); ok && id != "" {
			return id
		}
	}
	return ""
}

// hashOf does not give away what it is the hash of: a name may be seen by others.
func hashOf(text string) string {
	const digits = "0123456789abcdef"
	sum := sha256.Sum256([]byte(text))
	var out []byte
	for _, b := range sum[:16] {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// identity returns whom a credential of this client stands for. In mode Strict none at
// all may be a browser's cookie, of whomever.
func (o *Options) identity(c Credential) string {
	switch {
	case o.Identity != "":
		return o.Identity
	case o.Mode == session.Strict && c.IsZero():
		return ""
	}
	return IdentityOf(c)
}
