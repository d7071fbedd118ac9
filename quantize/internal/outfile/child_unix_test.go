//go:build linux || darwin || freebsd

package outfile

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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

// TestE1Kill kills a run at random times, up to three times, then lets it end.
func TestE1Kill(t *testing.T) {
	kills, whole, reusedUnits := 0, 0, 0
	var full time.Duration // of a run that nobody kills
	for trial := range *trials {
		r := rand.New(rand.NewPCG(uint64(trial), 1))
		names := []string{"out"}
		if trial%3 == 2 {
			names = []string{"a", "b", "c"}
		}
		dir := t.TempDir()
		s := newSample(dir, 24/len(names), 60_000, names...)
		args := []string{"dir=" + dir, "names=" + strings.Join(names, ","), "n=" + strconv.Itoa(24/len(names)), "size=60000", "sleep=300"}
		var before []byte
		if trial%2 == 1 {
			before = old
			args = append(args, "force=1")
			for k := range s.parts {
				put(t, s.parts[k].Path, string(before))
			}
		}
		if full == 0 {
			begun := time.Now()
			exits(t, command(t, nil, args...), 0)
			full = time.Since(begun)
			os.Remove(s.parts[0].Path)
		}
		for range 3 {
			cmd := command(t, nil, args...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.Int64N(int64(full)/2)))
			cmd.Process.Kill()
			cmd.Wait()
			if !cmd.ProcessState.Success() {
				kills++
			}
			if s.untouched(t, before) {
				whole++
				break
			}
		}
		code, text := outcome(t, command(t, nil, args...))
		if code != 0 && !(code == 6 && s.untouched(t, nil)) {
			t.Fatalf("last run: %d %s", code, text)
		}
		n, _ := strconv.Atoi(text)
		reusedUnits += n
		s.finished(t)
	}
	t.Logf("%d trials, %d kills, %d whole before the last run, %d units reused", *trials, kills, whole, reusedUnits)
}

// TestE6FileSize: a file size limit is met before the work.
func TestE6FileSize(t *testing.T) {
	dir := t.TempDir()
	exits(t, command(t, nil, "dir="+dir, "fsize=20000"), 5, "reserve space")
	listing(t, dir)
}

// TestE10NotWritable: a directory, and a partial, that are another user's.
func TestE10NotWritable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to become another user")
	}
	base := filepath.Join(os.TempDir(), fmt.Sprintf("outfile-%d", os.Getpid()))
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(base)
	exits(t, command(t, nil, "dir="+base, "uid=65534"), 5, "not writable", "permission denied")
	listing(t, base)
	dir := filepath.Join(base, "d")
	os.Mkdir(dir, 0o777)
	os.Chmod(dir, 0o777)
	put(t, filepath.Join(dir, "out.partial"), "root's")
	exits(t, command(t, nil, "dir="+dir, "uid=65534"), 5, "permission denied")
	listing(t, dir, "out.partial")
}

// TestE12FIFO: neither an output nor a partial that is a FIFO stops the run; it is refused.
func TestE12FIFO(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"out", "b.partial", "c.partial.journal"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o666); err != nil {
			t.Skip("no FIFO here:", err)
		}
	}
	for _, name := range []string{"out", "b", "c"} {
		refuses(t, newSample(dir, 1, 10, name), with(force), fault.Usage, "a FIFO")
	}
}

// TestE14Processes: two processes on one output; the first holds it until it ends.
func TestE14Processes(t *testing.T) {
	dir := t.TempDir()
	s := newSample(dir, 6, 5000, "out")
	set, err := Begin(s.parts, Options{Digest: "child"})
	if err != nil {
		t.Fatal(err)
	}
	exits(t, command(t, nil, "dir="+dir), 6, "another run")
	if _, err := s.fill(set); err != nil {
		t.Fatal(err)
	}
	exits(t, command(t, nil, "dir="+dir, "force=1"), 6, "another run")
	if _, err := set.Commit(t.Context(), s.headers, nil); err != nil {
		t.Fatal(err)
	}
	exits(t, command(t, nil, "dir="+dir), 6, "exists")
	s.finished(t)
}

// TestE15Loop: several processes at once on one output. Each makes it, finds it made, or is busy.
func TestE15Loop(t *testing.T) {
	for round := range 6 {
		dir := t.TempDir()
		s := newSample(dir, 6, 5000, "out")
		made, found := 0, 0
		var cmds []*exec.Cmd
		for range 4 {
			cmd := command(t, nil, "dir="+dir, "sleep=100")
			if round%2 == 1 {
				cmd.Args = append(cmd.Args, "force=1")
			}
			cmd.Stdout = new(bytes.Buffer)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			cmds = append(cmds, cmd)
			time.Sleep(time.Duration(round) * time.Millisecond)
		}
		for _, cmd := range cmds {
			cmd.Wait()
			switch code := cmd.ProcessState.ExitCode(); code {
			case 0:
				// The journal is there for a moment after the rename: who starts then verifies and is done.
				if strings.TrimSpace(cmd.Stdout.(*bytes.Buffer).String()) == fmt.Sprint(s.units()) {
					found++
				} else {
					made++
				}
			case 6:
			default:
				t.Errorf("exit code %d", code)
			}
		}
		if made == 0 || round%2 == 0 && made != 1 {
			t.Errorf("%d runs made the output, %d found it", made, found)
		}
		s.finished(t)
	}
}

// TestE23Mapped: who has the old output mapped goes on seeing it.
func TestE23Mapped(t *testing.T) {
	s := newSample(t.TempDir(), 3, 5000, "out")
	put(t, s.parts[0].Path, string(old))
	f, err := os.Open(s.parts[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	view, err := syscall.Mmap(int(f.Fd()), 0, len(old), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(view)
	if _, _, err := s.convert(osDisk{}, with(force)); err != nil {
		t.Fatal(err)
	}
	s.finished(t)
	if !bytes.Equal(view, old) {
		t.Error("the mapping changed")
	}
}

// TestE26Umask: the output has the mode that any new file would have.
func TestE26Umask(t *testing.T) {
	for umask, want := range map[string]os.FileMode{"077": 0o600, "022": 0o644, "002": 0o664} {
		dir := t.TempDir()
		exits(t, command(t, nil, "dir="+dir, "umask="+umask), 0)
		fi, err := os.Stat(filepath.Join(dir, "out"))
		if err != nil || fi.Mode() != want {
			t.Errorf("umask %s: mode %v, want %v: %v", umask, fi.Mode(), want, err)
		}
	}
}
