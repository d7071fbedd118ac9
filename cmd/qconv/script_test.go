package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"qconv": func() { os.Exit(Main()) }})
}

// TestScript runs the command as a user would: each file of testdata/script is one story. Those whose name
// begins with a row of the fault table (docs/FAULTS.md) hold that row.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TINY", testdata(t, "harbour-2m"))
			e.Setenv("FIXTURES", testdata(t, "fixtures"))
			e.Setenv("IMPORTANCE", testdata(t, "golden/importance"))
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, errors.New("no such condition")
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"copydir": copyDir,
			"patch":   patch,
			"resize":  resize,
			"setkey":  setKey,
			"subst":   subst,
			"shard":   shard,
			"fails":   fails,
			"exits":   exits,
			"same":    same,
		},
	})
}

// testdata gives the absolute path of a file in the repository's testdata.
func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// goisms are words that a person who does not write Go should never read.
var goisms = regexp.MustCompile(`strconv|%!|goroutine|panic|runtime error|nil pointer|<nil>|0x[0-9a-f]{8}|\berrno\b|EOF\b`)

// fails runs qconv twice, with --json and without, and holds both runs to what is promised for every
// error (rows H1, H5, H6): the exit code; one line on standard error or one JSON object on standard output, and
// nothing else; the same message in both; no control character; and no file of the working directory
// made, changed or removed.
//
//	fails [-partial] CODE ARGS...
//
// With -partial a partial output and its journal may appear. The variable AS is put before the command.
// Standard error of the second run can be looked at with stderr.
func fails(ts *testscript.TestScript, _ bool, args []string) {
	partial := len(args) > 0 && args[0] == "-partial"
	if partial {
		args = args[1:]
	}
	if len(args) < 1 {
		ts.Fatalf("usage: fails [-partial] CODE ARGS...")
	}
	code, args := args[0], args[1:]
	before := snapshot(ts)
	words := append(strings.Fields(ts.Getenv("AS")), "qconv")

	object := append(append([]string{}, words...), args...)
	if len(args) > 0 { // without a word, qconv explains itself
		object = append(object[:len(words)+1:len(words)+1], append([]string{"--json"}, args[1:]...)...)
	}
	if got := exitOf(ts.Exec(object[0], object[1:]...)); got != code {
		ts.Fatalf("with --json: exit code %s, want %s", got, code)
	}
	message := errorObject(ts, code)
	if partial {
		before = snapshot(ts)
	}

	words = append(words, args...)
	if got := exitOf(ts.Exec(words[0], words[1:]...)); got != code {
		ts.Fatalf("exit code %s, want %s", got, code)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("standard output is not empty: %q", out)
	}
	text := notes(ts.ReadFile("stderr"))
	line, ok := strings.CutSuffix(text, "\n")
	if !ok || strings.ContainsFunc(line, control) {
		ts.Fatalf("not one clean line: %q", text)
	}
	if line != "qconv: "+message {
		ts.Fatalf("another message with --json: %q", message)
	}
	if word := goisms.FindString(line); word != "" {
		ts.Fatalf("%q is a word for Go programmers", word)
	}
	for path, what := range snapshot(ts) {
		if before[path] != what {
			ts.Fatalf("%s was made or changed: %q, before %q", path, what, before[path])
		}
		delete(before, path)
	}
	for path := range before {
		ts.Fatalf("%s was removed", path)
	}
}

// notes drops the lines that are printed before the work: a headline and what was noticed.
func notes(text string) string {
	if i := strings.LastIndex(text, "\nqconv: "); i >= 0 {
		return text[i+1:]
	}
	return text
}

func control(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// errorObject checks the answer to a failing command with --json and gives its message.
func errorObject(ts *testscript.TestScript, code string) string {
	if text := ts.ReadFile("stderr"); text != "" {
		ts.Fatalf("with --json: standard error is not empty: %q", text)
	}
	lines := bytes.SplitAfter([]byte(ts.ReadFile("stdout")), []byte("\n"))
	for len(lines) > 2 && bytes.Contains(lines[0], []byte(`"event":"progress"`)) {
		lines = lines[1:]
	}
	out := bytes.Join(lines, nil)
	var v struct {
		Error struct {
			Message, Kind string
			Exit          int
		}
	}
	d := json.NewDecoder(bytes.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || d.More() || bytes.ContainsFunc(bytes.TrimSuffix(out, []byte("\n")), control) {
		ts.Fatalf("with --json: not one clean object: %q (%v)", out, err)
	}
	if strconv.Itoa(v.Error.Exit) != code || v.Error.Kind == "" || v.Error.Message == "" {
		ts.Fatalf("with --json: %s does not say exit %s", out, code)
	}
	return v.Error.Message
}

// snapshot describes every file under the script's directory: kind, mode, size and bytes.
func snapshot(ts *testscript.TestScript) map[string]string {
	list := map[string]string{}
	root := ts.Getenv("WORK")
	ts.Check(filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				return nil
			}
			return err
		}
		if e.Name() == ".tmp" { // testscript's own
			return fs.SkipDir
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		list[path] = st.Mode().String()
		switch {
		case st.Mode().IsRegular():
			b, err := os.ReadFile(path)
			list[path] += " " + st.ModTime().String() + " " + string(b)
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				return err
			}
		case st.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			list[path] += to
			return err
		}
		return nil
	}))
	return list
}

// exits runs a command line and compares its exit code: exits CODE CMD ARGS...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE CMD ARGS...")
	}
	if got := exitOf(ts.Exec(args[1], args[2:]...)); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func exitOf(err error) string {
	var e *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &e):
		return strconv.Itoa(e.ExitCode())
	}
	return err.Error()
}
