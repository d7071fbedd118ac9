package outfile

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// strace is a wrapper that makes system calls of a child fail. The test is skipped where it cannot run.
func strace(t *testing.T, inject ...string) []string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	if out, err := exec.Command(path, "-f", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %s", out)
	}
	words := []string{path, "-f", "-qq", "-o", "/dev/null"}
	for _, i := range inject {
		call, _, _ := strings.Cut(i, ":")
		words = append(words, "-e", "trace="+call, "-e", "inject="+i)
	}
	return words
}

// TestE2KillAt kills a run at the N-th call of each kind, for all N, and runs it again: a new output, and
// one that replaces an old one.
func TestE2KillAt(t *testing.T) {
	strace(t)
	for _, c := range []struct {
		call   string
		before []byte
		least  int // calls of one run
	}{
		{"pwrite64", nil, 15}, {"pwrite64", old, 15}, {"fsync", nil, 8}, {"fsync", old, 8}, {"renameat", nil, 1},
		{"renameat2", nil, 2}, {"renameat", old, 3}, {"unlinkat", nil, 3}, {"flock", nil, 2}, {"fallocate", old, 2},
	} {
		t.Run(fmt.Sprintf("%s old %v", c.call, c.before != nil), func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				dir := t.TempDir()
				s := newSample(dir, 2, 3000, "a", "b")
				args := []string{"dir=" + dir, "names=a,b", "n=2", "size=3000"}
				if c.before != nil {
					args = append(args, "force=1")
					put(t, s.parts[0].Path, string(c.before))
					put(t, s.parts[1].Path, string(c.before))
				}
				code, text := outcome(t, command(t, strace(t, fmt.Sprintf("%s:signal=KILL:when=%d", c.call, n)), args...))
				whole := s.untouched(t, c.before)
				if code == 0 {
					if !whole || n-1 < c.least {
						t.Fatalf("killed at %d calls, want at least %d; output whole: %v", n-1, c.least, whole)
					}
					return
				}
				if code != -1 && code != 137 {
					t.Fatalf("call %d: exit code %d: %s", n, code, text)
				}
				code, text = outcome(t, command(t, nil, args...))
				if code != 0 && !(code == 6 && whole) { // killed when all was done
					t.Fatalf("killed at call %d, next run: %d %s; directory %s", n, code, text, tree(t, dir))
				}
				s.finished(t)
			}
		})
	}
}

// TestE18KillAtUnlink: the journal that a kill leaves after the rename goes with the next run.
func TestE18KillAtUnlink(t *testing.T) {
	dir := t.TempDir()
	s := newSample(dir, 6, 5000, "out")
	// The first two find no file and no directory that an earlier run had prepared as its journal.
	code, text := outcome(t, command(t, strace(t, "unlinkat:signal=KILL:when=3"), "dir="+dir))
	if code != -1 && code != 137 {
		t.Fatalf("exit code %d: %s", code, text)
	}
	s.finished(t, "out.partial.journal")
	exits(t, command(t, nil, "dir="+dir), 0, fmt.Sprint(s.units()))
	s.finished(t)
}

// TestInjected: one fault of the system a row, its exit code and words, what it leaves, and that the run
// after it ends well.
func TestInjected(t *testing.T) {
	kept := []string{"out.partial", "out.partial.journal"}
	for _, c := range []struct {
		row, inject string
		code        int
		says        string
		leaves      []string
	}{
		{"E4 no space at reserve", "fallocate:error=ENOSPC", 5, "needs", nil},
		{"E5 fallocate unsupported", "fallocate:error=EOPNOTSUPP", 0, "0", []string{"out"}},
		{"E5 no space at a unit", "pwrite64:error=ENOSPC:when=4", 5, "free some space", kept},
		{"E6 quota", "pwrite64:error=EDQUOT:when=6", 5, "quota", kept},
		{"E7 data", "fsync:error=EIO:when=1", 5, "sync the data", kept[:1]},
		{"E7 header", "fsync:error=EIO:when=2", 5, "sync the header", kept[:1]},
		{"E7 journal", "fsync:error=EIO:when=3", 5, "sync the journal", kept[:1]},
		{"E7 directory", "fsync:error=EIO:when=4", 5, "sync the directory", []string{"out", "out.partial.journal"}},
		{"E7 rename", "renameat2:error=EIO", 5, "rename", kept},
		{"E8 unit", "pwrite64:retval=4987:when=4", 5, "read back", kept},
		{"E8 header", "pwrite64:retval=405:when=15", 5, "read back the header", kept},
		{"E9 short write", "pwrite64:retval=0:when=4", 5, "", kept},
		{"E9 interrupted write", "pwrite64:error=EINTR:when=4", 0, "0", []string{"out"}},
		{"E9 interrupted lock", "flock:error=EINTR:when=1", 0, "0", []string{"out"}},
		{"E11 no renameat2", "renameat2:error=EINVAL", 0, "0", []string{"out"}},
		{"E15 lock held", "flock:error=EAGAIN", 6, "another run", kept[:1]},
		{"E16 no locks", "flock:error=ENOLCK", 5, "--no-lock", nil},
		{"E16 locks unsupported", "flock:error=EOPNOTSUPP", 5, "--no-lock", nil},
	} {
		t.Run(c.row, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := newSample(dir, 6, 5000, "out")
			exits(t, command(t, strace(t, c.inject), "dir="+dir), c.code, c.says)
			listing(t, dir, c.leaves...)
			if b, err := os.ReadFile(filepath.Join(dir, "out.partial")); err == nil && c.says != "rename" &&
				!strings.HasPrefix(c.row, "E7 header") && !strings.HasPrefix(c.row, "E7 journal") && strings.HasPrefix(string(b), "GGUF") {
				t.Error("the partial begins with GGUF")
			}
			if c.code != 0 {
				exits(t, command(t, nil, "dir="+dir), 0)
			}
			s.finished(t)
		})
	}
}
