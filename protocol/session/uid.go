package session

import (
	"strconv"
	"strings"

	"leveret/protocol"
)

// uids makes uids: a prefix and a count that never starts again, so that an
// answer to a forgotten request can never be taken for another's.
//
// Uids are compared as text, as Directus does: it answers a subscription's uid
// as a string whatever was sent. Map keys are therefore always string UIDs.
type uids struct {
	prefix string
	last   int64
}

func (u *uids) next() protocol.UID {
	u.last++
	return protocol.StringUID(u.prefix + strconv.FormatInt(u.last, 10))
}

// avoid makes sure that no later uid equals one that the caller chose.
func (u *uids) avoid(uid protocol.UID) {
	digits, ok := strings.CutPrefix(uid.String(), u.prefix)
	if !ok {
		return
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n > u.last && n < 1<<53 {
		u.last = n
	}
}

// key returns the UID under which a uid is filed.
func key(uid protocol.UID) protocol.UID {
	if json := uid.JSON(); len(json) > 1 && json[0] == '"' && strings.IndexByte(json, '\\') < 0 {
		return uid
	}
	return protocol.StringUID(uid.String())
}

// uidTaken reports whether a subscription or a request has that uid.
func (s *Session) uidTaken(uid protocol.UID) bool {
	k := key(uid)
	return s.subs.byUID[k] != nil || s.requests.unanswered[k] != nil || s.subs.private[k] != nil
}
