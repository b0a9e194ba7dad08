package realtime

import (
	"encoding/base64"
	"hash/fnv"
	"strconv"
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

// hashOf tells names apart and shortens them. Of its 64 bits a token of random
// characters cannot be found, since many have the same. (A cryptographic hash would cost
// every program 40 kB, whether it asks for an identity or not.)
func hashOf(text string) string {
	h := fnv.New64a()
	h.Write([]byte(text))
	return strconv.FormatUint(h.Sum64(), 16)
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
