package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/qconv/qconv/formats/fault"
)

// Exit codes are part of the command's interface; README lists them.
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

// usageError is a wrong command line.
type usageError struct{ error }

func exitCode(ctx context.Context, err error) int {
	var s stopped
	if errors.As(err, &s) || errors.Is(err, context.Canceled) && errors.As(context.Cause(ctx), &s) {
		return 128 + int(s.sig)
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
