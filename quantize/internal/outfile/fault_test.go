package outfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

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

// TestWriteAgain: a unit that is written again and fails is not there any more.
func TestWriteAgain(t *testing.T) {
	s := newSample(t.TempDir(), 3, 1000, "out")
	s.interrupt(t, opts, 3)
	d := &brokenDisk{fail: func(op, path string) error {
		if op == "write" && strings.HasSuffix(path, ".partial") {
			return syscall.EIO
		}
		return nil
	}}
	set, err := begin(d, s.parts, with(func(o *Options) { o.NoLock = true }))
	refused(t, err, fault.IO, "clear the header")
	writes := 0
	d.fail = func(op, path string) error {
		if writes++; op == "write" && strings.HasSuffix(path, ".partial") && writes > 8 {
			return syscall.EIO
		}
		return nil
	}
	if set, err = begin(d, s.parts, opts); err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	writes = 8
	if !set.Reused(0, 1) {
		t.Fatal("nothing is reused")
	}
	refused(t, set.Write(0, 1, s.unit(0, 1)), fault.IO, "write")
	if set.Reused(0, 1) {
		t.Error("a unit whose write failed counts as there")
	}
}
