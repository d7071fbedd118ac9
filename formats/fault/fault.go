// Package fault says whose problem an error is and where it was found.
//
// Libraries return *Error; only the command turns a Kind into an exit code and prints.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Kind tells whose problem an error is.
type Kind uint8

const (
	Malformed   Kind = iota + 1 // bytes break a rule of their format
	Mismatch                    // two inputs contradict each other
	Limit                       // a documented limit is exceeded
	Unsupported                 // valid, but qconv cannot do it
	Usage                       // the caller asked for something impossible
	IO                          // the system failed: read, write, space, a file that changed while it was read
	Busy                        // another run holds the output, or a file would be overwritten
	Budget                      // the memory budget cannot be met
	Failed                      // a verification did not hold
)

// Error is a problem with its place. Messages are lower case, without a full stop:
// what was found, what was expected, what to do.
type Error struct {
	Kind   Kind
	File   string // base name of the file, never a URL with credentials; "" when unknown
	Tensor string // tensor name; "" when it does not matter
	Off    int64  // byte offset in File; -1 when unknown
	Err    error
}

// New builds an Error whose offset is unknown. format may use %w.
func New(k Kind, file, format string, args ...any) *Error {
	return &Error{Kind: k, File: file, Off: -1, Err: fmt.Errorf(format, args...)}
}

// In returns e with the tensor set.
func (e *Error) In(tensor string) *Error { e.Tensor = tensor; return e }

// At returns e with the byte offset set.
func (e *Error) At(off int64) *Error { e.Off = off; return e }

// Error prints `file: tensor "name": message (byte N)`. Names from files are quoted, so no
// control character of theirs reaches a terminal.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(Printable(e.File))
		b.WriteString(": ")
	}
	if e.Tensor != "" {
		fmt.Fprintf(&b, "tensor %q: ", e.Tensor)
	}
	b.WriteString(e.Err.Error())
	if e.Off >= 0 {
		fmt.Fprintf(&b, " (byte %d)", e.Off)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the outermost Error in err's chain, or 0.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// Printable gives s as it is when every rune is printable, else quoted.
func Printable(s string) string {
	q := fmt.Sprintf("%q", s)
	if q[1:len(q)-1] == s {
		return s
	}
	return q
}

// Cause takes operation and path off an error of package os: an Error names its file itself.
func Cause(err error) error {
	var pe *fs.PathError
	var le *os.LinkError
	var se *os.SyscallError
	switch {
	case errors.As(err, &pe):
		return Cause(pe.Err)
	case errors.As(err, &le):
		return Cause(le.Err)
	case errors.As(err, &se):
		return se.Err
	}
	return err
}
