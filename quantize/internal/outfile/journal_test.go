package outfile

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// resumes runs s to its end and fails unless exactly kept units were reused.
func (s sample) resumes(t *testing.T, o Options, kept int) {
	t.Helper()
	got, _, err := s.convert(osDisk{}, o)
	if err != nil {
		t.Fatal(err)
	}
	if got != kept {
		t.Fatalf("%d units reused, want %d", got, kept)
	}
	s.finished(t)
}

// TestE17OtherPlan: work of another plan is not used, and a notice says so.
func TestE17OtherPlan(t *testing.T) {
	s := newSample(t.TempDir(), 5, 1000, "out")
	shifted := newSample(filepath.Dir(s.parts[0].Path), 5, 999, "out")
	for name, next := range map[string]struct {
		s      sample
		o      Options
		notice string
	}{
		"other digest": {s, Options{Digest: "plan 2"}, "another plan"},
		"other layout": {shifted, opts, "another plan"},
		"no resume":    {s, with(func(o *Options) { o.NoResume = true }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.interrupt(t, opts, 4)
			set, err := Begin(next.s.parts, next.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(set.Notices(), "\n"); !strings.Contains(got, next.notice) || (next.notice == "") != (got == "") {
				t.Errorf("notices %q, want %q", got, next.notice)
			}
			set.Close()
			next.s.resumes(t, next.o, 0)
			os.Remove(s.parts[0].Path)
		})
	}
	t.Run("no journal", func(t *testing.T) {
		s.interrupt(t, opts, 4)
		os.Remove(journalPath(s.parts))
		set, err := Begin(s.parts, opts)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Discard()
		if set.Reused(0, 0) || len(set.Notices()) != 1 {
			t.Errorf("notices %q", set.Notices())
		}
		b, _ := os.ReadFile(s.parts[0].partial())
		if nonZero(b) >= 0 || int64(len(b)) != s.parts[0].Size {
			t.Error("old bytes are still in the partial")
		}
	})
}

// TestE18Journal: a torn, wrong, empty or huge journal costs at most the units that it no longer names.
func TestE18Journal(t *testing.T) {
	s := newSample(t.TempDir(), 4, 200, "a", "b")
	s.interrupt(t, opts, s.units())
	whole, err := os.ReadFile(journalPath(s.parts))
	if err != nil {
		t.Fatal(err)
	}
	var partials [2][]byte
	for k := range partials {
		partials[k], _ = os.ReadFile(s.parts[k].partial())
	}
	first := bytes.IndexByte(whole, '\n') + 1
	long := strings.Repeat("0 0 ", 1<<20)
	try := func(name string, journal []byte, kept int) {
		t.Helper()
		for k := range partials {
			os.Remove(s.parts[k].Path)
			put(t, s.parts[k].partial(), string(partials[k]))
		}
		put(t, journalPath(s.parts), string(journal))
		got, _, err := s.convert(osDisk{}, opts)
		if err != nil || got != kept {
			t.Fatalf("%s: reused %d, want %d, error %v", name, got, kept, err)
		}
		s.finished(t)
	}
	for n := 0; n <= len(whole); n++ {
		want, got := max(0, bytes.Count(whole[:n], []byte("\n"))-1), 0
		for _, units := range parseJournal(bytes.NewReader(whole[:n]), opts.Digest, s.parts).units {
			for _, m := range units {
				if m.state != absent {
					got++
				}
			}
		}
		if got != want {
			t.Fatalf("torn at byte %d: %d units, want %d", n, got, want)
		}
		if n%67 == 0 || n == first-1 || n == len(whole)-1 {
			try(fmt.Sprintf("torn at byte %d", n), whole[:n], want)
		}
	}
	lines := bytes.SplitAfter(whole[first:], []byte("\n"))
	swapped := append(bytes.Clone(whole[:first]), bytes.Replace(lines[0], []byte("0 0 "), []byte("0 1 "), 1)...)
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-2] ^= 1
	try("garbage in between", append(append(bytes.Clone(whole[:first]), "\x00\xff 1 2 3\n\n0 0\n9 0 00\n-1 0 x\n"...), whole[first:]...), s.units())
	try("a line of 4 MiB in between is past the limit", append(append(bytes.Clone(whole[:first]), long+"\n"...), whole[first:]...), 0)
	try("4 MiB after the end", append(bytes.Clone(whole), long...), s.units())
	try("other unit's hash", swapped, 0)
	try("wrong hash", flipped, s.units()-1)
	try("out of range", append(bytes.Clone(whole[:first]), strings.ReplaceAll(string(whole[first:]), "0 0 ", "7 99 ")...), s.units()-1)
	try("other version", bytes.Replace(whole, []byte("journal 1"), []byte("journal 2"), 1), 0)
	try("repeated", append(bytes.Clone(whole), whole[first:]...), s.units())
}

// TestE18Orphan: a journal that a kill left after the last rename. The finished output is verified and
// kept, the journal goes; an output that is not ours is refused as ever.
func TestE18Orphan(t *testing.T) {
	for _, names := range [][]string{{"out"}, {"a", "b"}} {
		s := newSample(t.TempDir(), 4, 500, names...)
		d := &brokenDisk{}
		d.fail = func(op, path string) error {
			if op == "remove" && strings.HasSuffix(path, ".journal") {
				return errInjected
			}
			return nil
		}
		if _, _, err := s.convert(d, opts); err != nil {
			t.Fatal(err)
		}
		orphan := filepath.Base(journalPath(s.parts))
		s.finished(t, orphan)
		before, _ := os.Stat(s.parts[0].Path)

		_, _, err := s.convert(osDisk{}, Options{Digest: "plan 2"})
		refusedBusy(t, err)
		s.finished(t, orphan)

		s.resumes(t, opts, s.units())
		if after, _ := os.Stat(s.parts[0].Path); !os.SameFile(before, after) {
			t.Error("the finished output was written again")
		}
		_, _, err = s.convert(osDisk{}, opts)
		refusedBusy(t, err)
	}
}

// TestE18OrphanChanged: the finished output was changed since, in its data, a gap or its header.
func TestE18OrphanChanged(t *testing.T) {
	for name, off := range map[string]int64{"unit": 481, "gap": 480 + 500, "header": 5, "tail": -1} {
		t.Run(name, func(t *testing.T) {
			s := newSample(t.TempDir(), 4, 500, "out")
			d := &brokenDisk{fail: func(op, path string) error {
				if op == "remove" && strings.HasSuffix(path, ".journal") {
					return errInjected
				}
				return nil
			}}
			if _, _, err := s.convert(d, opts); err != nil {
				t.Fatal(err)
			}
			if off < 0 {
				off = s.parts[0].Size - 1
			}
			corrupt(t, s.parts[0].Path, off)
			_, err := Begin(s.parts, opts)
			refusedBusy(t, err)
			s.resumes(t, with(force), 0)
		})
	}
}

// TestE19BitFlip: a bit that flips between runs costs one unit; in the header area or a gap, none.
func TestE19BitFlip(t *testing.T) {
	s := newSample(t.TempDir(), 6, 1000, "a", "b")
	for _, c := range []struct {
		off  int64
		lost int
	}{{0, 0}, {479, 0}, {480, 1}, {480 + 999, 1}, {480 + 1000, 0}, {s.parts[1].Units[3].Off, 1}, {s.parts[1].Size - 1, 0}} {
		s.interrupt(t, opts, s.units())
		corrupt(t, s.parts[1].partial(), c.off)
		s.resumes(t, opts, s.units()-c.lost)
		for k := range s.parts {
			os.Remove(s.parts[k].Path)
		}
	}
	for name, size := range map[string]int64{"shorter": 700, "longer": 99999} {
		s.interrupt(t, opts, s.units())
		if err := os.Truncate(s.parts[1].partial(), size); err != nil {
			t.Fatal(err)
		}
		kept, _, err := s.convert(osDisk{}, opts)
		if want := map[string]int{"shorter": 8, "longer": 14}[name]; err != nil || kept != want {
			t.Fatalf("%s: kept %d, want %d: %v", name, kept, want, err)
		}
		s.finished(t)
		for k := range s.parts {
			os.Remove(s.parts[k].Path)
		}
	}
}

// FuzzJournal: any bytes are read without a panic, what is taken is in range, and writing down what was
// taken and reading it again changes nothing.
func FuzzJournal(f *testing.F) {
	s := newSample("/x", 3, 50, "a", "b")
	head := planLine("d", s.parts) + "\n"
	sum := sha256.Sum256([]byte("x"))
	good := string(appendLine(appendLine(appendLine([]byte(head), 0, 1, sum), 1, -1, sum), 1, 3, sum))
	f.Add([]byte(""))
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)-5]))
	f.Add([]byte(head + "0 4 " + good[len(good)-65:]))
	f.Add([]byte(head + "99999999999999999999 0 x\n-1 0 0\n0  0\n\x00\n"))
	f.Add([]byte(head + strings.Repeat("a", 70000) + "\n" + good[len(head):]))
	f.Fuzz(func(t *testing.T, in []byte) {
		rec := parseJournal(bytes.NewReader(in), "d", s.parts)
		out := []byte(head)
		taken := 0
		for k := range rec.units {
			for u, m := range rec.units[k] {
				if m.state != absent {
					out = appendLine(out, k, u, m.sum)
					taken++
				}
			}
			if m := rec.seals[k]; m.state != absent {
				out = appendLine(out, k, -1, m.sum)
				taken++
			}
		}
		if taken > 0 && !bytes.HasPrefix(in, []byte(head)) {
			t.Fatal("units were taken from a journal of another plan")
		}
		if taken > bytes.Count(in, []byte("\n")) {
			t.Fatal("more units than lines")
		}
		again := parseJournal(bytes.NewReader(out), "d", s.parts)
		for k := range rec.units {
			for u := range rec.units[k] {
				if rec.units[k][u] != again.units[k][u] {
					t.Fatalf("part %d unit %d changed", k, u)
				}
			}
			if rec.seals[k] != again.seals[k] {
				t.Fatalf("header of part %d changed", k)
			}
		}
	})
}
