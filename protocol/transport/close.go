package transport

import (
	"fmt"
	"unicode/utf8"
)

// checkClose says whether an endpoint may end a connection with a code (RFC 6455
// §7.4 and the IANA registry of close codes): 1005 stands for a close frame
// without a code.
func checkClose(code int) error {
	switch {
	case code >= 1000 && code <= 1003, code == CloseNoStatus, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
		return nil
	}
	return fmt.Errorf("a connection cannot be closed with code %d: use 1000 to 1003, 1005, 1007 to 1014, or 3000 to 4999", code)
}

// clipReason cuts a reason to the 123 bytes that fit in a close frame (RFC 6455
// §5.5), between two characters.
func clipReason(reason string) string {
	const room = 123
	if len(reason) <= room {
		return reason
	}
	n := room
	for n > 0 && !utf8.RuneStart(reason[n]) {
		n--
	}
	return reason[:n]
}
