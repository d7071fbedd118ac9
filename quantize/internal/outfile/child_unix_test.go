//go:build linux || darwin

package outfile

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
)

var trials = flag.Int("trials", 20, "runs of the random kill test")

// childWord makes this test binary a program that writes one sample.
const childWord = "write-a-sample"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childWord {
		runtime.LockOSThread() // strace counts calls by thread
		os.Exit(child(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// child writes the sample that its arguments describe: dir=, names=a,b n=, size=, sleep=MICROSECONDS,
// force=1, nolock=1, uid=, umask=OCTAL, fsize=BYTES, fill=FILE. It prints how many units it reused and
// answers with qconv's exit codes.
func child(args []string) int {
	arg := map[string]string{"n": "6", "size": "5000", "sleep": "0", "names": "out"}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		arg[k] = v
	}
	num := func(k string) int { n, _ := strconv.Atoi(arg[k]); return n }
	if arg["umask"] != "" {
		m, _ := strconv.ParseUint(arg["umask"], 8, 12)
		syscall.Umask(int(m))
	}
	if arg["uid"] != "" {
		if err := syscall.Setuid(num("uid")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if arg["fsize"] != "" {
		l := syscall.Rlimit{Cur: uint64(num("fsize")), Max: uint64(num("fsize"))}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	s := newSample(arg["dir"], num("n"), num("size"), strings.Split(arg["names"], ",")...)
	err := s.childRun(arg, time.Duration(num("sleep"))*time.Microsecond)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return map[fault.Kind]int{fault.IO: 5, fault.Busy: 6, fault.Usage: 2, 0: 1}[fault.KindOf(err)]
}

func (s sample) childRun(arg map[string]string, pause time.Duration) error {
	set, err := Begin(s.parts, Options{Digest: "child", Force: arg["force"] != "", NoLock: arg["nolock"] != ""})
	if err != nil {
		return err
	}
	defer set.Close()
	if arg["fill"] != "" {
		f, err := os.Create(arg["fill"])
		if err != nil {
			return err
		}
		for err == nil {
			_, err = f.Write(zeros[:4096])
		}
		f.Close()
	}
	kept := 0
	for k := range s.parts {
		for u := range s.parts[k].Units {
			if set.Reused(k, u) {
				kept++
				continue
			}
			if err := set.Write(k, u, s.unit(k, u)); err != nil {
				return err
			}
			time.Sleep(pause)
		}
	}
	if _, err := set.Commit(testContext{}, s.headers, nil); err != nil {
		return err
	}
	fmt.Println(kept)
	return nil
}

// testContext never ends.
type testContext struct{}

func (testContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (testContext) Done() <-chan struct{}       { return nil }
func (testContext) Err() error                  { return nil }
func (testContext) Value(any) any               { return nil }

// command is a child process, behind a wrapper such as strace.
func command(t *testing.T, wrapper []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := append(append(append([]string{}, wrapper...), exe, childWord), args...)
	return exec.Command(words[0], words[1:]...)
}

// outcome runs a child and returns its exit code, -1 when a signal ended it, and its words.
func outcome(t *testing.T, cmd *exec.Cmd) (code int, text string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), strings.TrimSpace(string(out))
}

// exits fails unless the child ends with the code and says the phrases.
func exits(t *testing.T, cmd *exec.Cmd, code int, phrases ...string) {
	t.Helper()
	got, text := outcome(t, cmd)
	if got != code {
		t.Fatalf("exit code %d, want %d: %s", got, code, text)
	}
	for _, p := range phrases {
		if !strings.Contains(text, p) {
			t.Fatalf("%q does not say %q", text, p)
		}
	}
}

// untouched fails unless each output is absent, as it was, or whole. It says whether all are whole.
func (s sample) untouched(t *testing.T, before []byte) (whole bool) {
	t.Helper()
	n := 0
	for k := range s.parts {
		got, err := os.ReadFile(s.parts[k].Path)
		switch {
		case err != nil && before == nil:
		case err == nil && before != nil && bytes.Equal(got, before):
		case err == nil && bytes.Equal(got, s.want(k)):
			n++
		default:
			t.Fatalf("%s is neither as it was nor whole: %v", s.parts[k].Path, err)
		}
	}
	return n == len(s.parts)
}
