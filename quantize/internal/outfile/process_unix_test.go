//go:build linux || darwin

package outfile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
)

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
			time.Sleep(time.Duration(r.Int64N(int64(full) / 2)))
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
