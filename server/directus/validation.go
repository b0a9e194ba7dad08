package directus

import (
	"errors"
	"fmt"
	"strings"

	"leveret/protocol"
	"leveret/protocol/query"
)

// This file checks what is written against what its fields and the permission
// demand, with Directus's messages.

// A failedValidation is one error for each field that failed.
type failedValidation []*protocol.Error

// Error returns the messages.
func (f failedValidation) Error() string {
	texts := make([]string, len(f))
	for i, err := range f {
		texts[i] = err.Message
	}
	return strings.Join(texts, " ")
}

// Unwrap returns the errors, so that the first one answers where one is all there
// is room for.
func (f failedValidation) Unwrap() []error {
	errs := make([]error, len(f))
	for i, err := range f {
		errs[i] = err
	}
	return errs
}

// or joins the failures with those of another check.
func (f failedValidation) or(err error) error {
	var more failedValidation
	if err != nil && !errors.As(err, &more) {
		return err
	}
	if f = append(f, more...); len(f) == 0 {
		return nil
	}
	return f
}

func failure(field, reason string) *protocol.Error {
	return &protocol.Error{Code: protocol.CodeFailedValidation, Message: fmt.Sprintf("Validation failed for field %q. %s.", field, reason)}
}

// validate checks a new item or a change against the permission's validation. What
// a change does not name is not looked at.
func (w *work) validate(row query.Row) error {
	var failed failedValidation
	w.check(w.access.validation, row, &failed)
	return failed.or(nil)
}

// check reports whether the row passes, and adds why it does not.
func (w *work) check(f *query.Filter, row query.Row, failed *failedValidation) bool {
	if f == nil {
		return true
	}
	switch f.Op {
	case query.OpAnd:
		passes := true
		for _, node := range f.Nodes {
			passes = w.check(node, row, failed) && passes
		}
		return passes
	case query.OpOr:
		var reasons failedValidation
		for _, node := range f.Nodes {
			if w.check(node, row, &reasons) {
				return true
			}
		}
		*failed = append(*failed, reasons...)
		return len(f.Nodes) == 0
	}
	if _, given := row[f.Field]; !given {
		return true
	}
	bound := f.Bind(w.access.whole, w.rules)
	if bound.Match(row) {
		return true
	}
	*failed = append(*failed, failure(f.Field, demand(f, bound)))
	return false
}

// demand says what an operator wants, as Directus words it.
func demand(f, bound *query.Filter) string {
	value := func() string { return string(query.AppendValue(nil, textOf(bound.Value))) }
	list := func() string {
		values, _ := bound.Value.([]any)
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = string(query.AppendValue(nil, textOf(v)))
		}
		return strings.Join(texts, ", ")
	}
	switch bound.Op {
	case query.OpEq:
		return "Value has to be " + value()
	case query.OpNeq:
		return "Value can't be " + value()
	case query.OpLt:
		return "Value has to be less than " + value()
	case query.OpLte:
		return "Value has to be less than or equal to " + value()
	case query.OpGt:
		return "Value has to be greater than " + value()
	case query.OpGte:
		return "Value has to be greater than or equal to " + value()
	case query.OpIn:
		return "Value has to be one of " + list()
	case query.OpNin:
		return "Value can't be one of " + list()
	case query.OpNull:
		return "Value has to be null"
	case query.OpNNull:
		return "Value can't be null"
	case query.OpEmpty:
		return "Value has to be empty"
	case query.OpNEmpty:
		return "Value can't be empty"
	case query.OpContains:
		return "Value has to contain the substring " + value()
	case query.OpNContains:
		return "Value can't contain the substring " + value()
	case query.OpStartsWith:
		return "Value has to start with " + value()
	case query.OpNStartsWith:
		return "Value can't start with " + value()
	case query.OpEndsWith:
		return "Value has to end with " + value()
	case query.OpNEndsWith:
		return "Value can't end with " + value()
	}
	return fmt.Sprintf("Value does not satisfy %q", f.Op)
}

// textOf is a value as it stands in a message.
func textOf(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return string(query.AppendValue(nil, v))
}
