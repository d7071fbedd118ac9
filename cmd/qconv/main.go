// Command qconv turns a Hugging Face checkpoint into a GGUF file in one pass.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() { os.Exit(Main()) }

// Main runs the command line of this process and gives the exit code. Tests call it as a program of its own.
func Main() int {
	return run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// stopped is the cause of a cancelled context.
type stopped struct{ sig syscall.Signal }

func (s stopped) Error() string { return "interrupted by " + s.sig.String() }

// run executes one command line. A signal cancels the context once; the second one ends the process.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	u := &ui{in: stdin, out: stdout, err: stderr}
	defer func() {
		if r := recover(); r != nil {
			u.bug(fmt.Sprint(r), debug.Stack())
			code = exitBug
		}
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go func() {
		sig, ok := <-signals
		if !ok {
			return
		}
		cancel(stopped{sig.(syscall.Signal)})
		if sig, ok = <-signals; ok {
			os.Exit(128 + int(sig.(syscall.Signal)))
		}
	}()
	defer close(signals)

	root := newRoot(u)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	code = exitCode(ctx, err)
	u.fail(err, code)
	return code
}
