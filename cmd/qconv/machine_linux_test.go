package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mounted is a wrapper that mounts a file system over dir in a name space of its own.
func mounted(t *testing.T, dir, options string) []string {
	t.Helper()
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("no right to mount here: %s", strings.TrimSpace(string(out)))
	}
	script := `mount -t tmpfs -o "$1" none "$2" && dir=$2 && shift 2 && "$@"; code=$?; ls -A "$dir" >&2; exit $code`
	return []string{"unshare", "-m", "sh", "-c", script, "sh", options, dir}
}

// TestE4SmallDisk: what does not fit is refused before the work, with both numbers, and nothing is left there.
func TestE4SmallDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := []string{"convert", testdata(t, "harbour-2m"), "--type", "Q8_0", "-o", filepath.Join(dir, "out.gguf")}
	p := launch(t, mounted(t, dir, "size=1m"), line...)
	p.ends(5, "qconv: out.gguf: directory "+dir+" needs 2", " bytes, 1048576 free\n")
	if !strings.HasSuffix(p.err.String(), " free\n") {
		t.Errorf("left on the disk: %s", p.err.String())
	}
	p = launch(t, mounted(t, dir, "size=1m"), append(line, "--json")...)
	p.ends(5)
	if !strings.HasPrefix(p.out.String(), `{"error":{"message":"out.gguf: directory `) {
		t.Errorf("with --json: %s", p.out.String())
	}
	p = launch(t, mounted(t, dir, "size=1m"), "plan", testdata(t, "harbour-2m"), "--type", "Q8_0", "-o", dir)
	p.ends(0)
	if !strings.Contains(p.out.String(), "only 1.00 MiB free: not enough\n") {
		t.Errorf("plan: %s", p.out.String())
	}
}

// TestE10ReadOnlyDisk: a file system that is mounted read-only.
func TestE10ReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	launch(t, mounted(t, dir, "ro"), "convert", testdata(t, "harbour-2m"), "--type", "Q8_0", "-o", filepath.Join(dir, "out.gguf")).
		ends(5, "qconv: out.gguf: ", "read-only")
}

// traced is a wrapper that records or injects system calls.
func traced(t *testing.T, args ...string) []string {
	t.Helper()
	if out, err := exec.Command("strace", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace does not run here: %v %s", err, out)
	}
	return append([]string{"strace", "-f", "-o", filepath.Join(t.TempDir(), "trace")}, args...)
}

// TestB5B11NotOpened: files that an index names elsewhere, and pickles, are never opened.
func TestB5B11NotOpened(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	must(t, os.CopyFS(filepath.Join(work, "other"), os.DirFS(testdata(t, "harbour-2m"))))
	for name, evil := range map[string]string{"up": "../other/model-00001-of-00002.safetensors", "absolute": filepath.Join(work, "other/model-00001-of-00002.safetensors")} {
		dir := filepath.Join(work, name)
		must(t, os.CopyFS(dir, os.DirFS(testdata(t, "harbour-2m"))))
		index := filepath.Join(dir, "model.safetensors.index.json")
		must(t, os.WriteFile(index, []byte(strings.ReplaceAll(string(contents(t, index)), "model-00001-of-00002.safetensors", evil)), 0o666))
		notOpened(t, dir, 3, "other")
	}
	pickle := filepath.Join(work, "pickle")
	must(t, os.Mkdir(pickle, 0o777))
	must(t, os.WriteFile(filepath.Join(pickle, "config.json"), contents(t, filepath.Join(testdata(t, "harbour-2m"), "config.json")), 0o666))
	must(t, os.WriteFile(filepath.Join(pickle, "pytorch_model.bin"), []byte("x"), 0o666))
	notOpened(t, pickle, 4, "pytorch_model.bin")
}

// notOpened converts a checkpoint, which fails, and looks for a word in the paths of all files that were opened.
func notOpened(t *testing.T, dir string, code int, word string) {
	t.Helper()
	wrapper := traced(t, "-e", "trace=open,openat,openat2")
	launch(t, wrapper, "convert", dir, "--type", "Q4_0", "-o", filepath.Join(t.TempDir(), "x.gguf")).ends(code)
	trace := string(contents(t, wrapper[3]))
	if !strings.Contains(trace, filepath.Join(dir, "config.json")) {
		t.Fatalf("the trace does not even show config.json: %s", trace)
	}
	for line := range strings.Lines(trace) {
		if _, path, _ := strings.Cut(line, `"`); strings.Contains(path, word) {
			t.Errorf("was opened: %s", line)
		}
	}
}

// TestB15ReadError: a disk that fails to read: the file, the tensor and the place are named.
func TestB15ReadError(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "m")
	must(t, os.CopyFS(dir, os.DirFS(testdata(t, "harbour-2m"))))
	shard := filepath.Join(dir, "model-00002-of-00002.safetensors")
	out := filepath.Join(t.TempDir(), "x.gguf")
	wrapper := traced(t, "-P", shard, "-e", "trace=pread64", "-e", "inject=pread64:error=EIO:when=4+")
	launch(t, wrapper, "convert", dir, "--type", "Q4_0", "-o", out).
		ends(5, "qconv: model-00002-of-00002.safetensors: ", "input/output error (byte ")
	if _, err := os.Stat(out); err == nil {
		t.Error("an output was made")
	}
}

// TestE8WriteLies: a write that stores less than it says is found when the output is read back.
func TestE8WriteLies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "x.gguf")
	wrapper := traced(t, "-P", out+".partial", "-e", "trace=pwrite64", "-e", "inject=pwrite64:retval=512:when=2")
	p := launch(t, wrapper, "convert", testdata(t, "harbour-2m"), "--type", "Q4_0", "-o", out, oneThread)
	p.ends(5, "qconv: x.gguf: read back: ")
	if _, err := os.Stat(out); err == nil {
		t.Error("an output was made")
	}
	launch(t, nil, "convert", testdata(t, "harbour-2m"), "--type", "Q4_0", "-o", out).ends(0)
}
