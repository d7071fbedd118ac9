package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/pipeline"
)

// ui does all printing. Results go to standard output; progress, notices and errors to standard
// error. Messages are lower case, without a full stop, one line each. With --json, standard output holds
// JSON only.
type ui struct {
	in    io.Reader
	out   *output
	err   io.Writer
	json  bool
	quiet bool

	args    []string // the command line
	partial string   // what an interrupted conversion leaves; "" when there is none

	mu     sync.Mutex // of failed, and one line at a time on standard error
	failed bool       // the error is printed
}

func newUI(in io.Reader, out, err io.Writer) *ui {
	return &ui{in: in, out: &output{to: bufio.NewWriterSize(out, 64<<10)}, err: err}
}

// output is standard output with a buffer, for several goroutines.
type output struct {
	mu sync.Mutex
	to *bufio.Writer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(b)
}

// Flush prints what is buffered, with last behind it.
func (o *output) Flush(last []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to.Write(last) // an error stays until Flush
	return o.to.Flush()
}

// asksJSON finds --json in a command line.
func asksJSON(args []string) (yes bool) {
	for _, a := range args {
		if a == "--" {
			break
		}
		if a == "--json" {
			yes = true
		} else if v, ok := strings.CutPrefix(a, "--json="); ok {
			yes, _ = strconv.ParseBool(v)
		}
	}
	return yes
}

// object prints v as one line of JSON, at once.
func (u *ui) object(v any) error {
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	return printFault(u.out.Flush(line.Bytes()))
}

// printf prints a part of the result. What goes wrong shows at the latest when it is flushed.
func (u *ui) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(u.out, format, args...)
	return printFault(err)
}

func (u *ui) flush() error { return printFault(u.out.Flush(nil)) }

// unprinted is a failure of standard output.
type unprinted struct{ error }

func (p unprinted) Unwrap() error { return p.error }

func printFault(err error) error {
	if err == nil || errors.As(err, new(unprinted)) {
		return err
	}
	return unprinted{fault.New(fault.IO, "", "cannot print the result: %w", fault.Cause(err))}
}

// note prints something a person wants to know while waiting.
func (u *ui) note(format string, args ...any) {
	if u.quiet || u.json {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintln(u.err, oneLine(fmt.Sprintf(format, args...)))
}

// notices prints what a plan or report noticed.
func (u *ui) notices(list []string) {
	for _, n := range list {
		u.note("note: %s", n)
	}
}

// fail prints the error that ends the command: one line, or one JSON object. Only the first call prints.
func (u *ui) fail(err error, code int) {
	var p *pipeline.Panic
	if errors.As(err, &p) {
		u.bug(err.Error(), p.Stack)
		return
	}
	message := oneLine(err.Error())
	if code > 128 && u.partial != "" {
		if _, err := os.Stat(u.partial); err == nil {
			message += "; the same command goes on from " + quoted(u.partial)
		}
	}
	if u.first() && !u.failObject(message, code) && !nobodyReads(err) {
		if code > 128 && u.terminal() {
			fmt.Fprint(u.err, "\r\x1b[K") // the ^C that the terminal printed, and a bar that could not be removed in time
		}
		fmt.Fprintf(u.err, "qconv: %s\n", message)
		if code == exitBug {
			fmt.Fprintln(u.err, "qconv: this is a bug; please report it with the command line and the output of `qconv version`")
		}
	}
}

// first tells whether no error was printed yet.
func (u *ui) first() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	was := u.failed
	u.failed = true
	return !was
}

// failObject prints an error as JSON, where JSON is wanted.
func (u *ui) failObject(message string, code int) bool {
	if !u.json {
		return false
	}
	var f struct {
		Error struct {
			Message string `json:"message"`
			Kind    string `json:"kind"`
			Exit    int    `json:"exit"`
		} `json:"error"`
	}
	f.Error.Message, f.Error.Kind, f.Error.Exit = message, kindName(code), code
	return u.object(f) == nil
}

// nobodyReads tells that the reader of standard output has gone: `qconv inspect x | head` is no error to
// talk about.
func nobodyReads(err error) bool {
	p, ok := err.(unprinted)
	return ok && errors.Is(p, syscall.EPIPE)
}

// bug reports a panic.
func (u *ui) bug(what string, stack []byte) {
	if u.first() {
		u.failObject(oneLine(what), exitBug)
		fmt.Fprintf(u.err, "qconv: %s\n%s\nqconv: this is a bug; please report it with the lines above. A partial output is kept and can be resumed\n", what, stack)
	}
}

func kindName(code int) string {
	switch code {
	case exitUsage:
		return "usage"
	case exitRefused:
		return "refused"
	case exitUnsupported:
		return "unsupported"
	case exitIO:
		return "io"
	case exitBusy:
		return "busy"
	case exitFailed:
		return "failed"
	case exitBudget:
		return "budget"
	case exitBug:
		return "bug"
	}
	return "interrupted"
}

// terminal tells whether progress may be drawn.
func (u *ui) terminal() bool {
	f, ok := u.err.(*os.File)
	return ok && !u.quiet && !u.json && term.IsTerminal(int(f.Fd()))
}

// columns is how wide the terminal is, on which progress is drawn.
func (u *ui) columns() int {
	if f, ok := u.err.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}

// oneLine makes a message fit on one line of a terminal: line ends become "; ", other control characters
// and what is not UTF-8 are escaped.
func oneLine(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			b.WriteString("; ")
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}

// quoted prints a name from a file without control characters.
func quoted(s string) string { return fault.Printable(s) }
