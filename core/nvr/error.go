package nvr

import "errors"

// Code classifies an error for whoever must react to it; the HTTP layer alone maps codes to statuses.
type Code string

// The codes.
const (
	CodeInvalid      Code = "invalid"      // the caller's input is wrong
	CodeNotFound     Code = "not_found"    // no such thing, or the caller may not know of it
	CodeConflict     Code = "conflict"     // the state forbids it
	CodeUnauthorized Code = "unauthorized" // who are you
	CodeForbidden    Code = "forbidden"    // you may not
	CodeTooMany      Code = "too_many"     // slow down
	CodeUnavailable  Code = "unavailable"  // a part Nightjar needs is away; try again
	CodeInternal     Code = "internal"
)

// Error is a domain error. Message is shown to people: it names the thing, what was expected and the next step.
// Err is the cause and never leaves the process except into the log.
type Error struct {
	Code    Code
	Message string
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the code of the first *Error in err's chain, CodeInternal when there is none, "" for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}
