package kequn

import (
	"errors"
	"fmt"
)

// Kind is whose trouble an error is. It decides the exit code.
type Kind string

// The kinds of error, as they appear in JSON.
const (
	KindInternal  Kind = "internal"   // a defect of ours
	KindUsage     Kind = "usage"      // wrong flags or arguments
	KindPlan      Kind = "plan"       // kequn.yaml says something that cannot be
	KindInput     Kind = "input"      // a file was refused
	KindNotEnough Kind = "not_enough" // the data cannot answer the question
	KindDenied    Kind = "denied"     // not allowed
	KindDamaged   Kind = "damaged"    // the workspace is damaged, or the key is wrong
	KindBusy      Kind = "busy"       // somebody else is writing
)

var exitCodes = map[Kind]int{
	KindInternal: 1, KindUsage: 2, KindPlan: 2, KindInput: 3, KindNotEnough: 4, KindDenied: 5, KindDamaged: 6, KindBusy: 7,
}

// Error is trouble that a user can do something about.
//
// Message starts with the thing that failed, in lower case, without a full stop. Where is a place: a file, a line,
// a column, a field of the plan. Hint is the next step. None of them ever holds a personal value.
type Error struct {
	Kind    Kind
	Message string
	Where   string
	Hint    string
	Err     error
}

// Error returns place, message and cause on one line.
func (e *Error) Error() string {
	s := e.Message
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// WithHint returns a copy of the error with another hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Errorf makes an error of a kind at a place (which may be empty).
func Errorf(kind Kind, where, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Where: where, Message: err.Error()}
}

// KindOf returns the kind of the first [Error] in the chain, or KindInternal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// ExitCode returns the program's exit code for an error: 0 for nil.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if c, ok := exitCodes[KindOf(err)]; ok {
		return c
	}
	return 1
}
