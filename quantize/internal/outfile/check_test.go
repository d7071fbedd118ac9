package outfile

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// put writes a file and returns its path.
func put(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// refuses checks that Check and Begin give the same refusal and leave dir as it was.
func refuses(t *testing.T, s sample, o Options, k fault.Kind, phrases ...string) {
	t.Helper()
	dir := filepath.Dir(s.parts[0].Path)
	before := tree(t, dir)
	err := Check(s.parts, o)
	refused(t, err, k, phrases...)
	set, err := Begin(s.parts, o)
	if set != nil {
		set.Discard()
	}
	refused(t, err, k, phrases...)
	if after := tree(t, dir); after != before {
		t.Fatalf("a refusal changed the directory:\n%s\nto\n%s", before, after)
	}
}

// tree is a listing of dir with modes and sizes; "" when there is none.
func tree(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(e.Name() + " " + fi.Mode().String() + " " + fi.ModTime().String() + "\n")
	}
	return b.String()
}

// TestE4TooLarge: space is checked before the work, for parts of one file system together.
func TestE4TooLarge(t *testing.T) {
	dir := t.TempDir()
	_, free, ok := volume(dir)
	if !ok {
		t.Skip("this system does not tell free space")
	}
	one := sample{parts: []Part{{Path: filepath.Join(dir, "out"), Size: free + 1<<30}}}
	refuses(t, one, opts, fault.IO, "needs", "free")
	half := free/2 + 1<<30
	refuses(t, sample{parts: []Part{{Path: filepath.Join(dir, "a"), Size: half}, {Path: filepath.Join(dir, "b"), Size: half}}},
		opts, fault.IO, "needs", "free")
	huge := sample{parts: []Part{{Path: filepath.Join(dir, "a"), Size: 1<<63 - 1}, {Path: filepath.Join(dir, "b"), Size: 1<<63 - 1}}}
	refuses(t, huge, opts, fault.IO, "needs 9223372036854775807 bytes")
	listing(t, dir)
}

// TestE4OwnPartial: what a partial already takes is not needed again.
func TestE4OwnPartial(t *testing.T) {
	s := newSample(t.TempDir(), 8, 1<<20, "out")
	s.interrupt(t, opts, 1)
	rec, err := recall(osDisk{}, s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	need, err := checkTarget(&s.parts[0], 0, rec, opts)
	if err != nil || need > 1<<16 {
		t.Errorf("a reserved partial of %d bytes still needs %d: %v", s.parts[0].Size, need, err)
	}
}

func TestE10Directory(t *testing.T) {
	dir := t.TempDir()
	refuses(t, newSample(filepath.Join(dir, "absent"), 1, 10, "out"), opts, fault.IO, "does not exist")
	put(t, filepath.Join(dir, "file"), "x")
	refuses(t, newSample(filepath.Join(dir, "file"), 1, 10, "out"), opts, fault.IO)
}

// TestE11Exists: an output that exists is refused, with Force it is replaced at the end.
func TestE11Exists(t *testing.T) {
	for _, names := range [][]string{{"out"}, {"a", "b"}} {
		dir := t.TempDir()
		s := newSample(dir, 3, 1000, names...)
		old := put(t, s.parts[len(names)-1].Path, "old")
		refuses(t, s, opts, fault.Busy, "exists", "--force")
		set, err := Begin(s.parts, with(force))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.fill(set); err != nil {
			t.Fatal(err)
		}
		if b, _ := os.ReadFile(old); string(b) != "old" {
			t.Error("the old output changed before the commit")
		}
		if _, err := set.Commit(t.Context(), s.headers, nil); err != nil {
			t.Fatal(err)
		}
		s.finished(t)
	}
}

// TestE12Target: what cannot be a regular file is refused before the work.
func TestE12Target(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) sample { return newSample(dir, 1, 10, name) }
	sub := filepath.Join(dir, "dir")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"dangling": "nowhere", "loop": "loop", "todir": "dir", "tonull": os.DevNull, "b.partial": "dir/x"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here:", err)
		}
	}
	os.Mkdir(filepath.Join(dir, "c.partial"), 0o777)
	os.Mkdir(filepath.Join(dir, "d.partial.journal"), 0o777)
	slash := at("x")
	slash.parts[0].Path = sub + string(filepath.Separator)
	null := at("x")
	null.parts[0].Path = os.DevNull
	unnamed := at("x")
	unnamed.parts[0].Path = ""
	for name, s := range map[string]sample{
		"directory": at("dir"), "trailing slash": slash, "device": null, "no name": unnamed, "dot": at("dir/."),
		"dangling link": at("dangling"), "loop": at("loop"), "link to directory": at("todir"), "link to device": at("tonull"),
		"partial is a link": at("b"), "partial is a directory": at("c"), "journal is a directory": at("d"),
	} {
		t.Run(name, func(t *testing.T) { refuses(t, s, with(force), fault.Usage) })
	}
	if _, err := os.Lstat(filepath.Join(sub, "x")); err == nil {
		t.Error("the link of a partial was followed")
	}
}

// TestE13Input: the output is never an input, whatever the spelling, not even with Force.
func TestE13Input(t *testing.T) {
	dir := t.TempDir()
	in := put(t, filepath.Join(dir, "shard"), "weights")
	os.Mkdir(filepath.Join(dir, "x"), 0o777)
	if err := os.Link(in, filepath.Join(dir, "hard")); err != nil {
		t.Skip("no hard links here:", err)
	}
	os.Link(in, filepath.Join(dir, "other.partial"))
	os.Link(in, filepath.Join(dir, "third.partial.journal"))
	os.Symlink("shard", filepath.Join(dir, "soft"))
	os.Symlink(dir, filepath.Join(dir, "here"))
	fi, err := os.Stat(in)
	if err != nil {
		t.Fatal(err)
	}
	o := with(func(o *Options) { o.Force, o.Inputs = true, []os.FileInfo{nil, fi} })
	for _, spelling := range []string{"shard", "./shard", "x/../shard", "soft", "hard", "here/shard", "here/soft", "other", "third"} {
		s := newSample(dir, 1, 10, "x")
		s.parts[0].Path = dir + "/" + spelling
		t.Run(spelling, func(t *testing.T) { refuses(t, s, o, fault.Busy, "input") })
	}
	t.Run("second part", func(t *testing.T) { refuses(t, newSample(dir, 1, 10, "new", "soft"), o, fault.Busy, "input") })
	if b, _ := os.ReadFile(in); string(b) != "weights" {
		t.Error("the input changed")
	}
}

// TestE14TwoRuns: the second is refused, the first does not notice.
func TestE14TwoRuns(t *testing.T) {
	s := newSample(t.TempDir(), 5, 1000, "a", "b")
	set, err := Begin(s.parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Write(1, 2, s.unit(1, 2)); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{"same plan": opts, "force": with(force), "other plan": {Digest: "2"}, "no resume": {Digest: "1", NoResume: true}} {
		_, err := Begin(s.parts, o)
		refused(t, err, fault.Busy, "another run")
		_ = name
	}
	alone := sample{parts: s.parts[1:], headers: s.headers[1:]} // shares only the second file
	_, err = Begin(alone.parts, opts)
	refused(t, err, fault.Busy, "another run")
	if kept, err := s.fill(set); kept != 0 || err != nil {
		t.Fatal(kept, err)
	}
	if _, err := set.Commit(t.Context(), s.headers, nil); err != nil {
		t.Fatal(err)
	}
	s.finished(t)
}

// TestE25LongName: the journal's name has to fit too.
func TestE25LongName(t *testing.T) {
	dir := t.TempDir()
	room := longest - len(".partial.journal")
	refuses(t, newSample(dir, 1, 10, strings.Repeat("n", room+1)), opts, fault.Usage, "256 bytes")
	s := newSample(dir, 1, 10, strings.Repeat("n", room))
	if _, _, err := s.convert(osDisk{}, opts); err != nil {
		t.Fatal(err)
	}
	s.finished(t)
}

// TestNameTwice: parts of one set do not share names.
func TestNameTwice(t *testing.T) {
	dir := t.TempDir()
	for _, names := range [][]string{{"a", "a"}, {"a", "./a"}, {"a", "a.partial"}, {"a", "a.partial.journal"}} {
		s := newSample(dir, 1, 10, "a", "b")
		s.parts[1].Path = dir + "/" + names[1]
		refuses(t, s, opts, fault.Usage, "twice")
	}
}

// TestE26SameBytes: the bytes do not depend on when, in which order, or in how many runs they were made.
func TestE26SameBytes(t *testing.T) {
	s := newSample(t.TempDir(), 9, 3000, "out")
	_, one, err := s.convert(osDisk{}, opts)
	if err != nil {
		t.Fatal(err)
	}
	s.interrupt(t, with(force), 5)
	kept, two, err := s.convert(osDisk{}, with(force))
	if err != nil || kept != 5 {
		t.Fatal(kept, err)
	}
	b, err := os.ReadFile(s.parts[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	if one[0].SHA256 != two[0].SHA256 || sha256.Sum256(b) != two[0].SHA256 || !bytes.Equal(b, s.want(0)) {
		t.Error("two runs gave different bytes")
	}
}
