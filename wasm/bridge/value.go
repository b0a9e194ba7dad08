//go:build js

package bridge

import (
	"errors"
	"syscall/js"
)

// A Coded is an error with a code that JavaScript can compare.
type Coded interface {
	error
	ErrorCode() string
}

// WithCode gives an error a code for JavaScript.
func WithCode(code string, err error) error { return &coded{code, err} }

type coded struct {
	code string
	err  error
}

func (c *coded) Error() string     { return c.err.Error() }
func (c *coded) Unwrap() error     { return c.err }
func (c *coded) ErrorCode() string { return c.code }

// DefaultCode is the code of an error that has none.
const DefaultCode = "ERROR"

// Error makes a JavaScript Error of a Go error. Its code is that of the first
// [Coded] in err, else DefaultCode. What JavaScript threw comes back as it was.
func Error(err error) js.Value {
	if thrown := (js.Error{}); errors.As(err, &thrown) {
		return thrown.Value
	}
	code := DefaultCode
	if c := Coded(nil); errors.As(err, &c) {
		code = c.ErrorCode()
	}
	v := js.Global().Get("Error").New(err.Error())
	v.Set("code", code)
	return v
}
