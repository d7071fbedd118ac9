package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/qconv/qconv/formats/fault"
)

// Exit codes are part of the command's interface; README lists them. A signal N gives 128+N.
const (
	exitOK          = 0
	exitBug         = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnsupported = 4
	exitIO          = 5
	exitBusy        = 6
	exitFailed      = 7
	exitBudget      = 8
)

var exitCodes = map[fault.Kind]int{
	fault.Malformed:   exitRefused,
	fault.Mismatch:    exitRefused,
	fault.Limit:       exitRefused,
	fault.Unsupported: exitUnsupported,
	fault.Usage:       exitUsage,
	fault.IO:          exitIO,
	fault.Busy:        exitBusy,
	fault.Budget:      exitBudget,
	fault.Failed:      exitFailed,
}

func exitCode(ctx context.Context, err error) int {
	var s stopped
	if errors.As(err, &s) || errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &s) {
		return s.code()
	}
	if code, ok := exitCodes[fault.KindOf(err)]; ok {
		return code
	}
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	if errors.As(err, new(*fs.PathError)) || errors.As(err, new(*os.LinkError)) || errors.As(err, new(*os.SyscallError)) || errors.As(err, new(syscall.Errno)) {
		return exitIO
	}
	return exitBug
}

// ioFault is a failure with a path that the user gave; hint, which may be empty, says what belongs there.
func ioFault(path string, err error, hint string) error {
	if hint != "" {
		hint = "; " + hint
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.IO, path, "does not exist%s", hint)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.IO, path, "permission denied; look at the mode and owner of the file and of the directories above it")
	case errors.Is(err, syscall.ENOTDIR):
		return fault.New(fault.IO, path, "a part of this path is a file, not a directory%s", hint)
	}
	return fault.New(fault.IO, path, "%w", fault.Cause(err))
}
