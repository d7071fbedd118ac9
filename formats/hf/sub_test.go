package hf

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestSubFollowsTheRulesOfItsSource: a file in a directory of a checkpoint is opened and refused as one beside it.
func TestSubFollowsTheRulesOfItsSource(t *testing.T) {
	cache := t.TempDir()
	dir := filepath.Join(cache, "snapshots", "abc")
	folder := filepath.Join(dir, "more")
	for _, d := range []string{folder, filepath.Join(cache, "blobs")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(folder, "b.txt"), "plain")
	write(filepath.Join(cache, "blobs", "123"), "blob")
	write(filepath.Join(cache, "secret"), "outside")
	write(filepath.Join(dir, "file"), "no directory")
	for link, target := range map[string]string{"a.txt": "../../../blobs/123", "c.txt": "../../../secret"} {
		if err := os.Symlink(target, filepath.Join(folder, link)); err != nil {
			t.Skip("no symbolic links here")
		}
	}

	src := Dir(dir, false)
	sub, found, err := Sub(src, "more")
	if err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	if names, err := sub.List(); err != nil || !slices.Equal(names, []string{"a.txt", "b.txt", "c.txt"}) {
		t.Fatalf("%q, %v", names, err)
	}
	for name, want := range map[string]string{"a.txt": "blob", "b.txt": "plain"} {
		if got, found, err := ReadFile(sub, name, 100); err != nil || !found || string(got) != want {
			t.Errorf("%s: %q, %v, %v", name, got, found, err)
		}
	}
	if _, _, err := ReadFile(sub, "c.txt", 100); fault.KindOf(err) != fault.Malformed {
		t.Errorf("a link out of the checkpoint: %v", err)
	}
	if _, found, err := ReadFile(sub, "none", 100); found || err != nil {
		t.Errorf("a missing file: %v, %v", found, err)
	}
	if _, _, err := ReadFile(sub, "../file", 100); fault.KindOf(err) != fault.Malformed {
		t.Errorf("a path: %v", err)
	}
	for _, name := range []string{"none", "file"} {
		if _, found, err := Sub(src, name); found || err != nil {
			t.Errorf("Sub(%q): %v, %v", name, found, err)
		}
	}
	if _, _, err := Sub(src, ".."); fault.KindOf(err) != fault.Malformed {
		t.Errorf(`Sub(".."): %v`, err)
	}
}
