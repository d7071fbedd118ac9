// Command qconv turns a Hugging Face checkpoint into a GGUF file in one pass.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

func main() { os.Exit(Main()) }

// Main runs the command line of this process and gives the exit code. Tests call it as a program of its own.
func Main() int {
	// A reader that goes away must not end a conversion: writing to it is an error like any other.
	signal.Ignore(syscall.SIGPIPE)
	return run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// stopped is the cause of a cancelled context.
type stopped struct{ sig syscall.Signal }

func (s stopped) Error() string {
	name := map[syscall.Signal]string{syscall.SIGINT: "SIGINT", syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP"}[s.sig]
	if name == "" {
		name = s.sig.String()
	}
	return "interrupted by " + name
}

func (s stopped) code() int { return 128 + int(s.sig) }

// grace is how long a run may take to end after the first signal.
const grace = 1500 * time.Millisecond

// run executes one command line.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	u := newUI(stdin, stdout, stderr)
	u.args = args
	u.json = asksJSON(args) // a command line that cannot be read is answered in JSON too
	defer func() {
		if r := recover(); r != nil {
			u.bug(fmt.Sprint("internal error: ", r), debug.Stack())
			code = exitBug
		}
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer close(signals)
	defer signal.Stop(signals)
	go u.obey(signals, cancel)

	root := newRoot(u)
	root.SetArgs(args)
	err := kernelsAsked()
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if e := u.flush(); err == nil {
		err = e
	}
	if err == nil {
		return exitOK
	}
	code = exitCode(ctx, err)
	if s := (stopped{}); code > 128 && !errors.As(err, &s) {
		err = context.Cause(ctx) // says which signal it was; a library only knows that it had to end
	}
	u.fail(err, code)
	return code
}

// obey cancels the run at the first signal. It ends the process at the second, or when the run has not
// ended in time, because a disk hangs for instance: an output can be resumed whenever it is left.
func (u *ui) obey(signals <-chan os.Signal, cancel context.CancelCauseFunc) {
	sig, ok := <-signals
	if !ok {
		return
	}
	s := stopped{sig.(syscall.Signal)}
	cancel(s)
	select {
	case sig, ok := <-signals:
		if ok {
			os.Exit(stopped{sig.(syscall.Signal)}.code())
		}
	case <-time.After(grace):
		told := make(chan struct{})
		go func() { u.fail(s, s.code()); close(told) }()
		select {
		case <-told:
		case <-time.After(grace / 5): // nobody reads what is printed either
		}
		os.Exit(s.code())
	}
}
