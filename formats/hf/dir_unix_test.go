//go:build unix

package hf

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
)

// within fails the test when f hangs, as opening a pipe would.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("hangs")
	}
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

func TestB6Symlinks(t *testing.T) {
	root := t.TempDir()
	put := func(path, data string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("plain/real.safetensors", shard(t, "a"))
	put("plain/deep/real.safetensors", shard(t, "a"))
	put("else/x.safetensors", shard(t, "a"))
	put("hub/blobs/0123", shard(t, "a"))
	put("hub/blobs/deeper/0123", shard(t, "a"))
	put("hub/blobs/4567", "{}")
	put("hub/snapshots/rev/README.md", "x")
	put("hub/other/rev/README.md", "x")
	at := func(p string) string { return filepath.Join(root, p) }
	symlink(t, at("plain"), at("link-to-dir"))
	symlink(t, at("hub/snapshots/rev"), at("link-to-snapshot"))
	for _, x := range []struct {
		name, dir, target string
		ok                bool
	}{
		{"inside", "plain", "real.safetensors", true},
		{"inside, absolute", "plain", at("plain/real.safetensors"), true},
		{"inside, deeper", "plain", "deep/real.safetensors", true},
		{"inside, the long way", "plain", "../plain/real.safetensors", true},
		{"inside a linked directory", "link-to-dir", "real.safetensors", true},
		{"hub cache", "hub/snapshots/rev", "../../blobs/0123", true},
		{"hub cache through a link", "link-to-snapshot", "../../blobs/0123", true},
		{"hub cache, absolute", "hub/snapshots/rev", at("hub/blobs/0123"), true},
		{"below blobs", "hub/snapshots/rev", "../../blobs/deeper/0123", false},
		{"not a snapshot", "hub/other/rev", "../../blobs/0123", false},
		{"elsewhere", "plain", "../else/x.safetensors", false},
		{"elsewhere, absolute", "plain", at("else/x.safetensors"), false},
		{"system file", "plain", "/etc/passwd", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			link := filepath.Join(at(x.dir), singleName)
			symlink(t, x.target, link)
			defer os.Remove(link)
			config := filepath.Join(at(x.dir), configName)
			if err := os.WriteFile(config, []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(config)
			b, err := Dir(at(x.dir), false).Open(singleName)
			if err == nil {
				defer b.Close()
				if err := b.Unchanged(); err != nil {
					t.Error(err)
				}
			}
			if !x.ok {
				refuse(t, err, fault.Malformed, singleName, "--follow-symlinks")
			} else if err != nil {
				t.Error(err)
			}
			b, err = Dir(at(x.dir), true).Open(singleName)
			if err != nil {
				t.Errorf("with followSymlinks: %v", err)
			} else {
				b.Close()
			}
			if x.ok {
				names, err := Dir(at(x.dir), false).List()
				if err != nil || len(names) == 0 {
					t.Errorf("list %q, %v", names, err)
				}
				c, err := Open(Dir(at(x.dir), false), DefaultLimits())
				if err != nil && x.dir != "plain" && x.dir != "link-to-dir" {
					t.Error(err)
				} else if err == nil {
					c.Close()
				}
			}
		})
	}
}

func TestB6BrokenSymlinks(t *testing.T) {
	dir := t.TempDir()
	symlink(t, "absent", filepath.Join(dir, "broken"))
	symlink(t, "loop", filepath.Join(dir, "loop"))
	_, err := Dir(dir, false).Open("broken")
	refuse(t, err, fault.IO, "broken")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not ErrNotExist", err)
	}
	_, err = Dir(dir, true).Open("loop")
	refuse(t, err, fault.IO, "loop")
}

func TestB7NotRegular(t *testing.T) {
	within(t, func() {
		dir := writeDir(t, good(t))
		pipe := filepath.Join(dir, two)
		if err := os.Remove(pipe); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(pipe, 0o644); err != nil {
			t.Skipf("skipped: no named pipes here: %v", err)
		}
		_, err := Open(Dir(dir, false), DefaultLimits())
		refuse(t, err, fault.Malformed, two, "named pipe")
		// The same without an index: the pipe is not listed, but not called missing either.
		os.Remove(filepath.Join(dir, indexName))
		_, err = Open(Dir(dir, false), DefaultLimits())
		refuse(t, err, fault.Malformed, two, "named pipe")

		alone := writeDir(t, map[string]string{configName: "{}"})
		if err := syscall.Mkfifo(filepath.Join(alone, singleName), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = Open(Dir(alone, false), DefaultLimits())
		refuse(t, err, fault.Malformed, singleName, "named pipe")
		symlink(t, singleName, filepath.Join(alone, cardName))
		_, _, err = ReadFile(Dir(alone, false), cardName, 10)
		refuse(t, err, fault.Malformed, cardName, "named pipe")

		if err := os.Mkdir(filepath.Join(alone, "d"), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err = Dir(alone, false).Open("d")
		refuse(t, err, fault.Malformed, "d: is a directory")
		symlink(t, "/dev/zero", filepath.Join(alone, "zero"))
		_, err = Dir(alone, true).Open("zero")
		refuse(t, err, fault.Malformed, "zero: is a device")
		l, err := net.Listen("unix", filepath.Join(alone, "s"))
		if err != nil {
			t.Logf("no unix sockets here: %v", err)
			return
		}
		defer l.Close()
		_, err = Dir(alone, false).Open("s")
		refuse(t, err, fault.Malformed, "s: is a socket")
	})
}

func TestB12Changed(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for _, x := range []struct {
		name   string
		change func(t *testing.T, path string) error
		words  string
		reopen bool // a descriptor opened after the change must be refused too
	}{
		{"replaced", func(t *testing.T, path string) error {
			other := path + ".new"
			if err := os.WriteFile(other, []byte(shard(t, "c")), 0o644); err != nil {
				return err
			}
			return os.Rename(other, path)
		}, "replaced", true},
		{"grown", func(t *testing.T, path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("x")
			return err
		}, "bytes and has", true},
		{"truncated", func(t *testing.T, path string) error { return os.Truncate(path, 40) }, "bytes and has 40", true},
		{"written to", func(t *testing.T, path string) error { return os.Chtimes(path, later, later) }, "written to", true},
		{"removed", func(t *testing.T, path string) error { return os.Remove(path) }, "no such file", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := writeDir(t, good(t))
			c, err := Open(Dir(dir, false), DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Unchanged(); err != nil {
				t.Fatal(err)
			}
			if err := x.change(t, filepath.Join(dir, two)); err != nil {
				t.Fatal(err)
			}
			refuse(t, c.Unchanged(), fault.IO, two, "changed while it was read", x.words)
			if !x.reopen {
				return
			}
			b := c.Files[1].Blob.(*dirBlob)
			b.pool.mu.Lock()
			b.pool.idle.Remove(b.at)
			b.pool.shut(b)
			b.pool.mu.Unlock()
			refuse(t, c.ReadAt(&c.Tensors[2], make([]byte, 16), 0), fault.IO, two, `tensor "c"`, "changed while it was read")
		})
	}
}

// TestB13TruncatedWhileOpen cuts a file behind an open descriptor: an error, not SIGBUS, and no stale bytes.
func TestB13TruncatedWhileOpen(t *testing.T) {
	dir := writeDir(t, good(t))
	c, err := Open(Dir(dir, false), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	size := c.Files[1].Size
	if err := os.Truncate(filepath.Join(dir, two), size-5); err != nil {
		t.Fatal(err)
	}
	refuse(t, c.ReadAt(&c.Tensors[2], make([]byte, 16), 0), fault.IO, two, `tensor "c"`, "ends early", "changed while it was read")
	refuse(t, c.Unchanged(), fault.IO, two)
}

func TestB12SymlinkRetargeted(t *testing.T) {
	dir := writeDir(t, map[string]string{"x": "same", "y": "same"})
	link := filepath.Join(dir, "l")
	symlink(t, "x", link)
	b, err := Dir(dir, false).Open("l")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	os.Remove(link)
	symlink(t, "y", link)
	refuse(t, b.Unchanged(), fault.IO, "replaced")
}

// TestF4UlimitChild is the body of TestF4Ulimit, run in a process that may have 32 descriptors.
func TestF4UlimitChild(t *testing.T) {
	if os.Getenv("QCONV_TEST_F4") == "" {
		t.Skip("skipped: run by TestF4Ulimit")
	}
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Max != 32 {
		t.Fatalf("limit %v, %v", lim, err)
	}
	TestF4Descriptors(t)
}

func TestF4Ulimit(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `ulimit -n 32 && exec "$0" -test.run '^TestF4UlimitChild$' -test.count 1 -test.v`, self)
	cmd.Env = append(os.Environ(), "QCONV_TEST_F4=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
