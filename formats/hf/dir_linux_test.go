package hf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestB14Unreadable opens a file of mode 000. Root may read it, so the test gives up root's rights on
// files for its thread, which ends with it.
func TestB14Unreadable(t *testing.T) {
	root, err := os.MkdirTemp("/tmp", "qconv-b14")
	if err != nil {
		t.Skipf("skipped: no directory that others may enter: %v", err)
	}
	defer os.RemoveAll(root)
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range good(t) {
		if err := os.WriteFile(filepath.Join(root, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, two), 0); err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0)
		}
		c, err := Open(Dir(root, false), DefaultLimits())
		if err == nil {
			c.Close()
		}
		result <- err
	}()
	err = <-result
	refuse(t, err, fault.IO, two, "permission denied", root)
	if !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v is not ErrPermission", err)
	}
}
