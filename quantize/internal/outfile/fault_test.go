package outfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

var errInjected = errors.New("injected")

func refusedBusy(t *testing.T, err error) {
	t.Helper()
	refused(t, err, fault.Busy)
}

// brokenDisk is the machine's file system with faults. fail is asked before each operation; before runs
// ahead of it; write, where set, takes the place of WriteAt.
type brokenDisk struct {
	osDisk
	mu     sync.Mutex
	seen   []string
	fail   func(op, path string) error
	before func(op, path string)
	write  func(f *os.File, p []byte, off int64) (int, error)
}

type brokenFile struct {
	*os.File
	d *brokenDisk
}

func (d *brokenDisk) step(op, path string) error {
	d.mu.Lock()
	d.seen = append(d.seen, op)
	d.mu.Unlock()
	if d.before != nil {
		d.before(op, path)
	}
	if d.fail != nil {
		return d.fail(op, path)
	}
	return nil
}

func (d *brokenDisk) open(path string, how opening) (file, error) {
	if err := d.step("open", path); err != nil {
		return nil, err
	}
	f, err := openFile(path, how)
	if err != nil {
		return nil, err
	}
	return brokenFile{f, d}, nil
}

func (d *brokenDisk) lock(f file) error {
	if err := d.step("lock", ""); err != nil {
		return err
	}
	return lockFile(f.(brokenFile).File)
}

func (d *brokenDisk) reserve(f file, size int64) error {
	if err := d.step("reserve", ""); err != nil {
		return err
	}
	return d.osDisk.reserve(f.(brokenFile).File, size)
}

func (d *brokenDisk) rename(from, to string, replace bool) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	return renameFile(from, to, replace)
}

func (d *brokenDisk) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

func (d *brokenDisk) syncDir(path string) error {
	if err := d.step("syncdir", path); err != nil {
		return err
	}
	return syncDirectory(path)
}

func (f brokenFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.step("write", f.Name()); err != nil {
		return 0, err
	}
	if f.d.write != nil {
		return f.d.write(f.File, p, off)
	}
	return f.File.WriteAt(p, off)
}

func (f brokenFile) Sync() error {
	if err := f.d.step("sync", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

// nth fails the n-th operation of a kind, counted from 1.
func nth(kind string, n int, err error) func(op, path string) error {
	var mu sync.Mutex
	return func(op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == kind {
			if n--; n == 0 {
				return err
			}
		}
		return nil
	}
}

func (d *brokenDisk) count(op string) (n int) {
	for _, o := range d.seen {
		if o == op {
			n++
		}
	}
	return n
}

// TestE5NoSpaceLater: a disk that fills up while units are written. Work stays, the next run goes on.
func TestE5NoSpaceLater(t *testing.T) {
	for _, reason := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO} {
		s := newSample(t.TempDir(), 6, 1000, "out")
		// write 1 is the journal's first line; then a unit and its line alternate
		for n := 2; n <= 12; n++ {
			os.RemoveAll(s.parts[0].partial())
			os.RemoveAll(journalPath(s.parts))
			d := &brokenDisk{fail: nth("write", n, reason)}
			_, _, err := s.convert(d, opts)
			refused(t, err, fault.IO, reason.Error())
			if reason == syscall.ENOSPC && !strings.Contains(err.Error(), "free some space") {
				t.Fatal(err)
			}
			listing(t, filepath.Dir(s.parts[0].Path), "out.partial", "out.partial.journal")
		}
		s.resumes(t, opts, 5)
	}
}

// TestE5Reserve: no room when the space is taken: refused, nothing left.
func TestE5Reserve(t *testing.T) {
	s := newSample(t.TempDir(), 6, 1000, "a", "b")
	for n := 1; n <= 2; n++ {
		d := &brokenDisk{fail: nth("reserve", n, syscall.ENOSPC)}
		_, _, err := s.convert(d, opts)
		refused(t, err, fault.IO, "needs", "free")
		listing(t, filepath.Dir(s.parts[0].Path))
	}
}

// TestE7Sync: a sync that fails is final: no rename, no second try, and the next run starts anew.
func TestE7Sync(t *testing.T) {
	// per part: data, header; then the journal
	for n := 1; n <= 5; n++ {
		s := newSample(t.TempDir(), 4, 1000, "a", "b")
		d := &brokenDisk{fail: nth("sync", n, syscall.EIO)}
		set, err := begin(d, s.parts, opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.fill(set); err != nil {
			t.Fatal(err)
		}
		_, err = set.Commit(t.Context(), s.headers, nil)
		refused(t, err, fault.IO, "sync")
		syncs := d.count("sync")
		_, again := set.Commit(t.Context(), s.headers, nil)
		if again != err || set.Write(0, 0, s.unit(0, 0)) != err || d.count("sync") != syncs {
			t.Errorf("after a failed sync: %v", again)
		}
		set.Close()
		if d.count("sync") != n || d.count("rename") != 1 { // the journal's own
			t.Errorf("%d syncs, %d renames", d.count("sync"), d.count("rename"))
		}
		listing(t, filepath.Dir(s.parts[0].Path), "a.partial", "b.partial")
		s.resumes(t, opts, 0)
	}
}

// TestE7SyncDirectory: names that may not be durable are reported; the next run finds its own files.
func TestE7SyncDirectory(t *testing.T) {
	for n := 1; n <= 3; n++ {
		s := newSample(t.TempDir(), 4, 1000, "a", "b")
		_, _, err := s.convert(&brokenDisk{fail: nth("syncdir", n, syscall.EIO)}, opts)
		refused(t, err, fault.IO, "sync the directory")
		if _, err := os.Stat(s.parts[0].Path); (err == nil) != (n == 3) {
			t.Errorf("sync %d: first part: %v", n, err)
		}
		s.resumes(t, opts, s.units())
	}
}

// TestE8WriteLies: a write that reports more than it stored. Every write of a run in turn.
func TestE8WriteLies(t *testing.T) {
	for n := 1; ; n++ {
		s := newSample(t.TempDir(), 3, 5000, "out")
		d := &brokenDisk{}
		calls, journal := 0, false
		d.write = func(f *os.File, p []byte, off int64) (int, error) {
			if calls++; calls != n {
				return f.WriteAt(p, off)
			}
			journal = !strings.HasSuffix(f.Name(), ".partial")
			f.WriteAt(p[:len(p)/2], off)
			return len(p), nil
		}
		_, _, err := s.convert(d, opts)
		if calls < n {
			if n < 9 {
				t.Fatalf("only %d writes", calls)
			}
			return
		}
		if journal { // costs work after a kill, not bytes
			if err != nil {
				t.Fatalf("write %d: %v", n, err)
			}
			s.finished(t)
			continue
		}
		refused(t, err, fault.IO, "read back")
		if _, err := os.Stat(s.parts[0].Path); err == nil {
			t.Fatalf("write %d: published", n)
		}
		if _, _, err := s.convert(osDisk{}, opts); err != nil {
			t.Fatalf("write %d, next run: %v", n, err)
		}
		s.finished(t)
	}
}

// TestE8StrayWrite: bytes that somebody puts between the units or into the file's length.
func TestE8StrayWrite(t *testing.T) {
	s := newSample(t.TempDir(), 3, 1000, "out")
	for name, stray := range map[string]func(path string){
		"gap":     func(path string) { corrupt(t, path, 480+1000) },
		"tail":    func(path string) { corrupt(t, path, s.parts[0].Size-1) },
		"longer":  func(path string) { os.Truncate(path, s.parts[0].Size+1) },
		"shorter": func(path string) { os.Truncate(path, s.parts[0].Size-1) },
	} {
		t.Run(name, func(t *testing.T) {
			set, err := Begin(s.parts, opts)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Discard()
			s.fill(set)
			stray(s.parts[0].partial())
			_, err = set.Commit(t.Context(), s.headers, nil)
			refused(t, err, fault.IO)
		})
	}
}

// TestE9ShortWrite: a write that stores less and says so, or is interrupted, is continued.
func TestE9ShortWrite(t *testing.T) {
	s := newSample(t.TempDir(), 3, 5000, "out")
	d := &brokenDisk{}
	calls := 0
	d.write = func(f *os.File, p []byte, off int64) (int, error) {
		calls++
		n, err := f.WriteAt(p[:min(len(p), 1+calls%700)], off)
		if err == nil && calls%3 == 0 {
			err = syscall.EINTR
		}
		return n, err
	}
	if _, _, err := s.convert(d, opts); err != nil {
		t.Fatal(err)
	}
	s.finished(t)

	s = newSample(t.TempDir(), 3, 5000, "out")
	d.write = func(*os.File, []byte, int64) (int, error) { return 0, nil }
	_, _, err := s.convert(d, opts)
	refused(t, err, fault.IO, "short write")
}

// TestE11Appears: an output that appears during the run is not overwritten; with Force it is. seen is
// when it appears: before the names are looked at, or between that and the rename.
func TestE11Appears(t *testing.T) {
	for _, late := range []bool{false, true} {
		for _, which := range []string{"a", "b"} {
			s := newSample(t.TempDir(), 3, 1000, "a", "b")
			other := filepath.Join(filepath.Dir(s.parts[0].Path), which)
			d := &brokenDisk{before: func(op, path string) {
				if (late && op == "rename" && path == other) || (!late && op == "sync") {
					put(t, other, "theirs")
				}
			}}
			_, _, err := s.convert(d, opts)
			refused(t, err, fault.Busy, "appeared")
			if b, _ := os.ReadFile(other); string(b) != "theirs" {
				t.Fatal("the other file changed")
			}
			refusedBusy(t, Check(s.parts, opts))
			s.resumes(t, with(force), s.units())
		}
	}
}

// TestE15Window: the first run finishes between the second's open and its lock.
func TestE15Window(t *testing.T) {
	for _, o := range []Options{opts, with(force)} {
		s := newSample(t.TempDir(), 3, 1000, "out")
		first, err := Begin(s.parts, opts)
		if err != nil {
			t.Fatal(err)
		}
		s.fill(first)
		once := sync.OnceFunc(func() {
			if _, err := first.Commit(t.Context(), s.headers, nil); err != nil {
				t.Error(err)
			}
		})
		d := &brokenDisk{before: func(op, _ string) {
			if op == "lock" {
				once()
			}
		}}
		second, err := begin(d, s.parts, o)
		if !o.Force {
			refused(t, err, fault.Busy, "exists")
			s.finished(t)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if second.Reused(0, 0) {
			t.Error("a clean start reuses a unit")
		}
		if err := second.Write(0, 0, s.unit(0, 0)); err != nil {
			t.Error(err)
		}
		s.finished(t, "out.partial", "out.partial.journal")
		if err := second.Discard(); err != nil {
			t.Error(err)
		}
		s.finished(t)
	}
}

// TestE16NoLocks: a file system without locks is told apart from one that is locked.
func TestE16NoLocks(t *testing.T) {
	s := newSample(t.TempDir(), 3, 1000, "out")
	d := &brokenDisk{fail: nth("lock", 1, errNoLocks)}
	_, _, err := s.convert(d, opts)
	refused(t, err, fault.IO, "no locks", "--no-lock")
	listing(t, filepath.Dir(s.parts[0].Path))
	d = &brokenDisk{}
	if _, _, err := s.convert(d, with(func(o *Options) { o.NoLock = true })); err != nil || d.count("lock") != 0 {
		t.Fatal(err)
	}
	s.finished(t)
}

// TestE24DirectoryGone: the directory is removed, or the partial replaced, during the run.
func TestE24DirectoryGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	for name, harm := range map[string]func(path string){
		"directory removed": func(string) { os.RemoveAll(dir) },
		"partial replaced": func(path string) {
			os.Remove(path)
			put(t, path, "theirs")
		},
	} {
		os.Mkdir(dir, 0o777)
		s := newSample(dir, 3, 1000, "out")
		set, err := Begin(s.parts, opts)
		if err != nil {
			t.Fatal(err)
		}
		s.fill(set)
		harm(s.parts[0].partial())
		_, err = set.Commit(t.Context(), s.headers, nil)
		refused(t, err, fault.IO, "removed or replaced")
		if err := set.Discard(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if b, err := os.ReadFile(s.parts[0].partial()); err == nil && string(b) != "theirs" {
			t.Error("the other file changed")
		}
		os.RemoveAll(dir)
	}
}

// TestKilledBetweenLinkAndUnlink: a published file that still has the partial's name is never written.
func TestKilledBetweenLinkAndUnlink(t *testing.T) {
	for _, o := range []Options{opts, with(force)} {
		s := newSample(t.TempDir(), 3, 1000, "a", "b")
		d := &brokenDisk{fail: func(op, path string) error {
			if op == "rename" && filepath.Base(path) == "b" {
				return errors.Join(os.Link(path+".partial", path), errInjected)
			}
			return nil
		}}
		_, _, err := s.convert(d, opts)
		refused(t, err, fault.IO)
		s.resumes(t, o, s.units())
	}
}

// TestOtherHeader: an adopted part whose header is not the one of this run is not published over.
func TestOtherHeader(t *testing.T) {
	s := newSample(t.TempDir(), 3, 1000, "a", "b")
	_, _, err := s.convert(&brokenDisk{fail: nth("rename", 3, syscall.EIO)}, opts) // journal, b, a
	refused(t, err, fault.IO)
	changed := s
	changed.headers = [][]byte{s.headers[0], bytes.ToUpper(s.headers[1])}
	_, _, err = changed.convert(osDisk{}, opts)
	refused(t, err, fault.IO, "another header")
	changed.resumes(t, with(force), 0)
}

// TestLinkFile: the way without renameat2.
func TestLinkFile(t *testing.T) {
	dir := t.TempDir()
	a, b := put(t, filepath.Join(dir, "a"), "new"), put(t, filepath.Join(dir, "b"), "old")
	if err := linkFile(a, b); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if err := linkFile(a, filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	listing(t, dir, "b", "c")
	if got, _ := os.ReadFile(b); string(got) != "old" {
		t.Error("overwritten")
	}
}
