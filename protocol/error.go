package protocol

import "strings"

// A Code names a failure, in Directus's own words. A Code is an error, so that
// errors.Is(err, protocol.CodeForbidden) works on everything this module returns.
type Code string

// The codes that Directus sends over the socket or in a REST error's extensions.
const (
	CodeAuthFailed          Code = "AUTH_FAILED"
	CodeAuthTimeout         Code = "AUTH_TIMEOUT"
	CodeTokenExpired        Code = "TOKEN_EXPIRED"
	CodeInvalidPayload      Code = "INVALID_PAYLOAD"
	CodeInvalidQuery        Code = "INVALID_QUERY"
	CodeInvalidCollection   Code = "INVALID_COLLECTION"
	CodeInvalidCredentials  Code = "INVALID_CREDENTIALS"
	CodeInvalidToken        Code = "INVALID_TOKEN"
	CodeInvalidForeignKey   Code = "INVALID_FOREIGN_KEY"
	CodeForbidden           Code = "FORBIDDEN"
	CodeCollectionInactive  Code = "COLLECTION_INACTIVE"
	CodeRecordNotUnique     Code = "RECORD_NOT_UNIQUE"
	CodeNotNullViolation    Code = "NOT_NULL_VIOLATION"
	CodeContainsNullValues  Code = "CONTAINS_NULL_VALUES"
	CodeValueTooLong        Code = "VALUE_TOO_LONG"
	CodeValueOutOfRange     Code = "VALUE_OUT_OF_RANGE"
	CodeFailedValidation    Code = "FAILED_VALIDATION"
	CodeUnprocessable       Code = "UNPROCESSABLE_CONTENT"
	CodeRequestsExceeded    Code = "REQUESTS_EXCEEDED"
	CodeLimitExceeded       Code = "LIMIT_EXCEEDED"
	CodeContentTooLarge     Code = "CONTENT_TOO_LARGE"
	CodeUnsupportedMedia    Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeMethodNotAllowed    Code = "METHOD_NOT_ALLOWED"
	CodeRouteNotFound       Code = "ROUTE_NOT_FOUND"
	CodeUserSuspended       Code = "USER_SUSPENDED"
	CodeOutOfTime           Code = "OUT_OF_TIME"
	CodeServiceUnavailable  Code = "SERVICE_UNAVAILABLE"
	CodeInternalServerError Code = "INTERNAL_SERVER_ERROR"
)

// Error returns the code itself.
func (c Code) Error() string { return string(c) }

// An Error is a refusal that travels over the socket:
//
//	{"type":"items","status":"error","error":{"code":"FORBIDDEN","message":"…"},"uid":"x"}
//
// Before Directus 12.4 most errors have no uid, so UID may be zero although the
// request had one.
type Error struct {
	Type    string // whose error it is: "auth", "server", "subscribe", "unsubscribe", "items", …
	Code    Code
	Message string // a sentence for a person
	UID     UID
}

// Error returns "items: FORBIDDEN: You don't have permission to access this.".
func (e *Error) Error() string {
	parts := make([]string, 0, 3)
	for _, part := range []string{e.Type, string(e.Code), e.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Is makes errors.Is(err, code) true for the error's own [Code].
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}
