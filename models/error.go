package models

import (
	"errors"
	"fmt"
)

// Kind says what went wrong in words the domain owns. It knows nothing of HTTP
// or MLflow: package api turns a Kind into a status and an error code.
type Kind string

// The kinds of error. Each has one row in api/reply's table.
const (
	KindInvalid         Kind = "invalid"
	KindNotFound        Kind = "not_found"
	KindExists          Kind = "exists"
	KindConflict        Kind = "conflict"
	KindForbidden       Kind = "forbidden"
	KindUnauthenticated Kind = "unauthenticated"
	KindLimited         Kind = "limited"
	KindTooLarge        Kind = "too_large"
	KindFull            Kind = "full" // no room left to store it
	KindUnsupported     Kind = "unsupported"
	KindUnavailable     Kind = "unavailable"
	KindInternal        Kind = "internal"
)

// Detail names one field of a request and what is wrong with it.
type Detail struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error is the only error type that crosses a package border with a meaning.
type Error struct {
	Kind    Kind
	Message string   // shown to the caller; names the thing and the way out
	Details []Detail // the fields at fault, where there are several
	Err     error    // cause; logged, never shown
}

// Errorf makes an Error of a kind with a message for the caller.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Because adds the cause, which is logged and never shown.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf tells an error's kind; KindInternal for one that has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// Reason is what a record keeps of an error for people: what went wrong inside
// is the log's.
func Reason(err error) string {
	if KindOf(err) != KindInternal {
		return err.Error()
	}
	return "something went wrong inside Slipway, which its log tells"
}

// IsKind tells whether an error is of a kind.
func IsKind(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
