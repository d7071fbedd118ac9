package main

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"qconv": func() { os.Exit(Main()) }})
}

// TestScript runs the command as a user would: each file of testdata/script is one story.
func TestScript(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TINY", filepath.Join(repo, "testdata", "harbour-2m"))
			e.Setenv("FIXTURES", filepath.Join(repo, "testdata", "fixtures"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"copydir":  copyDir,
			"patch":    patch,
			"exitcode": exitCodeIs,
		},
	})
}

// copyDir copies the files of a directory: copydir FROM TO.
func copyDir(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: copydir FROM TO")
	}
	to := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(to, 0o777))
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), e.Name()))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(to, e.Name()), b, 0o666))
	}
}

// patch overwrites bytes at an offset from the start, or from the end when negative: patch FILE OFFSET HEX.
func patch(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: patch FILE OFFSET HEX")
	}
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	off, raw, err := parsePatch(args[1], args[2])
	ts.Check(err)
	if off < 0 {
		off += len(b)
	}
	copy(b[off:], raw)
	ts.Check(os.WriteFile(path, b, 0o666))
}

// exitCodeIs runs a command line and compares its exit code: exitcode N CMD ARGS...
func exitCodeIs(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exitcode N CMD ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := exitOf(err); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func parsePatch(off, raw string) (int, []byte, error) {
	n, err := strconv.Atoi(off)
	if err != nil {
		return 0, nil, err
	}
	b, err := hex.DecodeString(raw)
	return n, b, err
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
