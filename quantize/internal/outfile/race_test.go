package outfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

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

// TestE15Discarded: the first run gives up between the second's open and its lock: the second must not
// work on a file without a name.
func TestE15Discarded(t *testing.T) {
	s := newSample(t.TempDir(), 3, 1000, "out")
	first, err := Begin(s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	once := sync.OnceFunc(func() { first.Discard() })
	d := &brokenDisk{before: func(op, _ string) {
		if op == "lock" {
			once()
		}
	}}
	if _, _, err := s.convert(d, opts); err != nil {
		t.Fatal(err)
	}
	s.finished(t)
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
	// Without a journal nothing tells that the file is whole, and still it is an output.
	s := newSample(t.TempDir(), 3, 1000, "out")
	if _, _, err := s.convert(osDisk{}, opts); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(s.parts[0].Path, s.parts[0].partial()); err != nil {
		t.Skip("no hard links here:", err)
	}
	refusedBusy(t, Check(s.parts, opts))
	s.interrupt(t, with(force), 1)
	s.finished(t, "out.partial", "out.partial.journal")
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
