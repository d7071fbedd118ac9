package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/qconv/qconv/formats/fault"
)

// ui does all printing. Results go to standard output; progress, notices and errors to standard
// error. Messages are lower case and without a full stop. With --json, standard output holds JSON only.
type ui struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	quiet    bool
}

// object prints v as one line of JSON.
func (u *ui) object(v any) error {
	e := json.NewEncoder(u.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printf prints a result.
func (u *ui) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(u.out, format, args...)
	return err
}

// note prints something a person wants to know while waiting.
func (u *ui) note(format string, args ...any) {
	if !u.quiet && !u.json {
		fmt.Fprintf(u.err, format+"\n", args...)
	}
}

// notices prints what a plan or report noticed.
func (u *ui) notices(list []string) {
	for _, n := range list {
		u.note("note: %s", n)
	}
}

// fail prints an error: one line, or one JSON object.
func (u *ui) fail(err error, code int) {
	if u.json {
		var f struct {
			Error struct {
				Message string `json:"message"`
				Kind    string `json:"kind"`
				Exit    int    `json:"exit"`
			} `json:"error"`
		}
		f.Error.Message, f.Error.Kind, f.Error.Exit = err.Error(), kindName(code), code
		u.object(f)
		return
	}
	fmt.Fprintf(u.err, "qconv: %s\n", err)
	if code == exitBug {
		fmt.Fprintln(u.err, "qconv: this is a bug; please report it with the command line and the output of `qconv version`")
	}
}

// bug reports a panic.
func (u *ui) bug(what string, stack []byte) {
	fmt.Fprintf(u.err, "qconv: internal error: %s\n%s\nqconv: this is a bug; please report it with the lines above. A partial output is kept and can be resumed\n", what, stack)
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

// size prints bytes with a binary unit and three significant digits.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	switch {
	case f < 10:
		return fmt.Sprintf("%.2f %ciB", f, units[i])
	case f < 100:
		return fmt.Sprintf("%.1f %ciB", f, units[i])
	}
	return fmt.Sprintf("%.0f %ciB", f, units[i])
}

// weights prints a count of parameters with a decimal unit.
func weights(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f B", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.2f M", float64(n)/1e6)
	}
	return fmt.Sprintf("%d", n)
}

// quoted prints a name from a file without control characters.
func quoted(s string) string { return fault.Printable(s) }
