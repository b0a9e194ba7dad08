package session

import (
	"errors"

	"leveret/protocol"
)

// Errors of requests and subscriptions.
var (
	// ErrOutcomeUnknown: the request was written and never answered. It may or may
	// not have been carried out, and is not repeated.
	ErrOutcomeUnknown = errors.New("the request was sent but not answered: whether it was carried out is unknown")
	// ErrNotConnected: Post without an authenticated connection.
	ErrNotConnected = errors.New("not connected: call Connect and wait for the state live")
	// ErrDisconnected: the session was closed with the request unsent.
	ErrDisconnected = errors.New("disconnected before the request was sent")
	// ErrTooManyRequests: MaxRequests are waiting already.
	ErrTooManyRequests = errors.New("too many requests are waiting for the connection")
	// ErrUIDInUse: another subscription or request of this session has that uid.
	ErrUIDInUse = errors.New("the uid is in use on this connection")
	// ErrUnsubscribed ends a subscription that was ended on request.
	ErrUnsubscribed = errors.New("unsubscribed")
	// ErrUnanswered ends a subscription whose subscribe the server left unanswered
	// twice, each time for RequestTimeout. (Directus 11 leaves an administrator's
	// subscribe to an unknown collection unanswered.)
	ErrUnanswered = errors.New("the server does not answer the subscribe: check that the collection exists")
)

// unsure is the end of a request that may be the one an error without uid was
// about: errors.Is finds both ErrOutcomeUnknown and the error's code.
type unsure struct{ refusal *protocol.Error }

func (e *unsure) Error() string {
	return ErrOutcomeUnknown.Error() + "; the server refused this request or another: " + e.refusal.Error()
}

func (e *unsure) Unwrap() []error { return []error{ErrOutcomeUnknown, e.refusal} }

// httpStatus returns the HTTP status that an error carries, or 0. The transport's
// RefusedError has such a method; the session must not import it.
func httpStatus(err error) int {
	var answered interface{ HTTPStatus() int }
	if errors.As(err, &answered) {
		return answered.HTTPStatus()
	}
	return 0
}

// refusesCredential reports whether an error says that a credential is no good,
// rather than that nobody could be asked.
func refusesCredential(err error) bool {
	for _, code := range []protocol.Code{
		protocol.CodeInvalidCredentials, protocol.CodeInvalidToken, protocol.CodeTokenExpired,
		protocol.CodeAuthFailed, protocol.CodeUserSuspended, "INVALID_OTP",
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return httpStatus(err) == 401
}
