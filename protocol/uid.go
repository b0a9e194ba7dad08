package protocol

import (
	"errors"
	"strconv"
)

// A UID correlates a request with its answers. On the wire it is a JSON string
// or a JSON number, and it is encoded as it came. The zero UID means "none" and
// is left out of a message.
//
// UIDs are comparable, but 1 and "1" are different UIDs; Directus answers a
// subscription's uid as a string whatever was sent, so compare [UID.String].
type UID struct {
	raw string // the JSON text; empty means none
}

// StringUID returns the UID that is the JSON string s. An empty s is a UID too.
func StringUID(s string) UID { return UID{raw: string(appendString(nil, s))} }

// IntUID returns the UID that is the JSON number n.
func IntUID(n int64) UID { return UID{raw: strconv.FormatInt(n, 10)} }

// errUID is what a uid that is neither string nor number gets.
var errUID = errors.New("uid must be a string or a number")

// ParseUID returns the UID of a JSON value: a string or a number. JSON null and
// no bytes at all are the zero UID.
func ParseUID(raw []byte) (UID, error) {
	switch kindOf(raw) {
	case kindNone, kindNull:
		return UID{}, nil
	case kindString, kindNumber:
		return UID{raw: string(raw)}, nil
	}
	return UID{}, errUID
}

// IsZero reports whether there is no uid. encoding/json calls it for omitzero.
func (u UID) IsZero() bool { return u.raw == "" }

// String returns the uid as text: a string's value, or a number's digits. This
// is what Directus keeps for a subscription.
func (u UID) String() string {
	if u.raw == "" || u.raw[0] != '"' {
		return u.raw
	}
	s, ok := unquote([]byte(u.raw))
	if !ok {
		return u.raw
	}
	return s
}

// JSON returns the uid as it stands on the wire, or "" for none.
func (u UID) JSON() string { return u.raw }

// MarshalJSON encodes the uid as it came.
func (u UID) MarshalJSON() ([]byte, error) {
	if u.raw == "" {
		return []byte("null"), nil
	}
	return []byte(u.raw), nil
}

// UnmarshalJSON is [ParseUID].
func (u *UID) UnmarshalJSON(data []byte) error {
	parsed, err := ParseUID(data)
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}
