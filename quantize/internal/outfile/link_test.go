//go:build !windows

package outfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

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
