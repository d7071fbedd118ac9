package outfile

import (
	"os/exec"
	"testing"
)

// tmpfs is a wrapper that mounts a file system of a size over dir, in a name space of its own, does
// something there before the child and lists it afterwards.
func tmpfs(t *testing.T, dir, options, after string) []string {
	t.Helper()
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("no right to mount here: %s", out)
	}
	script := `mount -t tmpfs -o "$1" none "$2" && shift && dir=$1 && shift && "$@"; code=$?; ` + after + `; exit $code`
	return []string{"unshare", "-m", "sh", "-c", script, "sh", options, dir}
}

// TestE4SmallDisk: too small a file system is refused before the work.
func TestE4SmallDisk(t *testing.T) {
	dir := t.TempDir()
	exits(t, command(t, tmpfs(t, dir, "size=1m", `test -z "$(ls -A $dir)" && echo clean`), "dir="+dir, "size=500000"), 5,
		"needs 3000448 bytes", "1048576 free", "clean")
}

// TestE5FullDisk: the disk fills up after the space was asked for, where it cannot be reserved.
func TestE5FullDisk(t *testing.T) {
	dir := t.TempDir()
	wrap := append(tmpfs(t, dir, "size=1m", `ls $dir`), strace(t, "fallocate:error=EOPNOTSUPP")...)
	exits(t, command(t, wrap, "dir="+dir, "size=90000", "fill="+dir+"/filler"), 5, "no space left", "out.partial")
}

// TestE5Reserved: where the space was reserved, a disk that others fill does not matter.
func TestE5Reserved(t *testing.T) {
	dir := t.TempDir()
	wrap := tmpfs(t, dir, "size=2m", `ls $dir | grep -v filler`)
	exits(t, command(t, wrap, "dir="+dir, "size=90000", "fill="+dir+"/filler"), 0, "0\nout")
}

// TestE10ReadOnlyDisk: a file system that is mounted read-only.
func TestE10ReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	exits(t, command(t, tmpfs(t, dir, "ro", "true"), "dir="+dir), 5, "not writable", "read-only")
}
