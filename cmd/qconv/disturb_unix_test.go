//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const partialName, journalName = "out.gguf.partial", "out.gguf.partial.journal"

// oneThread makes a run that is to be disturbed last longer.
const oneThread = "--threads=1"

// TestE20Signals: a signal ends a conversion in order, with the shell's exit code; the same command
// goes on from there and gives the bytes of an uninterrupted run.
func TestE20Signals(t *testing.T) {
	t.Parallel()
	src := grown(t, 8)
	want := fresh(t, src, "Q4_K_M")
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{
		{"SIGINT", syscall.SIGINT, 130},
		{"SIGTERM", syscall.SIGTERM, 143},
		{"SIGHUP", syscall.SIGHUP, 129},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.gguf")
			line := []string{"convert", src, "--type", "Q4_K_M", "-o", out}
			p := launch(t, nil, append(line, oneThread)...)
			p.worked(out)
			at := time.Now()
			p.signal(c.signal)
			p.ends(c.code, "qconv: interrupted by "+c.name+"; the same command goes on from "+out+".partial\n")
			t.Logf("ended after %v", time.Since(at).Round(time.Millisecond)) // promised: 2 s
			holds(t, dir, partialName, journalName)
			launch(t, nil, line...).ends(0, "going on from an interrupted run: ")
			holds(t, dir, "out.gguf")
			if !bytes.Equal(contents(t, out), want) {
				t.Error("other bytes after the interruption")
			}
		})
	}
	t.Run("json", func(t *testing.T) {
		dir := t.TempDir()
		out := filepath.Join(dir, "out.gguf")
		p := launch(t, nil, "convert", src, "--type", "Q4_K_M", "-o", out, "--json", oneThread)
		p.worked(out)
		p.signal(syscall.SIGTERM)
		p.ends(143)
		lines := strings.Split(strings.TrimSuffix(p.out.String(), "\n"), "\n")
		var v struct {
			Error struct {
				Message, Kind string
				Exit          int
			}
		}
		must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &v))
		if v.Error.Exit != 143 || v.Error.Kind != "interrupted" || !strings.Contains(v.Error.Message, "SIGTERM") || p.err.Len() > 0 {
			t.Errorf("got %s and %q", p.out.String(), p.err.String())
		}
	})
}

// TestE21SecondSignal: a second signal ends the process at once; what is left can be resumed, in the checkpoint's
// own directory too.
func TestE21SecondSignal(t *testing.T) {
	t.Parallel()
	src := grown(t, 8)
	out := filepath.Join(src, "out.gguf")
	p := launch(t, nil, "convert", src, "--type", "Q4_K_M", "-o", out, oneThread)
	p.worked(out)
	p.signal(syscall.SIGINT)
	p.cmd.Process.Signal(syscall.SIGINT)
	p.ends(130)
	launch(t, nil, "convert", src, "--type", "Q4_K_M", "-o", out).ends(0, "going on from an interrupted run: ")
	if !bytes.Equal(contents(t, out), fresh(t, src, "Q4_K_M")) {
		t.Error("other bytes after two signals")
	}
}

// TestE14TwoRuns: the second run to one output is refused and the first does not notice.
func TestE14TwoRuns(t *testing.T) {
	t.Parallel()
	src := grown(t, 8)
	out := filepath.Join(t.TempDir(), "out.gguf")
	line := []string{"convert", src, "--type", "Q4_K_M", "-o", out}
	first := launch(t, nil, append(line, oneThread)...)
	first.during(out, func() {
		launch(t, nil, line...).ends(6, "another run writes this output")
		launch(t, nil, "convert", src, "--type", "Q8_0", "-o", out).ends(6, "another run writes this output")
		launch(t, nil, "convert", src, "--type", "Q8_0", "-o", out, "--no-resume", "--force").ends(6)
	})
	first.ends(0)
	if !bytes.Equal(contents(t, out), fresh(t, src, "Q4_K_M")) {
		t.Error("the second run changed the first one's output")
	}
}

// TestE11Appears: an output that appears during the run is not overwritten, and the work is not lost.
func TestE11Appears(t *testing.T) {
	t.Parallel()
	src := grown(t, 12)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.gguf")
	p := launch(t, nil, "convert", src, "--type", "Q4_0", "-o", out, oneThread)
	p.during(out, func() { must(t, os.WriteFile(out, []byte("precious"), 0o666)) })
	p.ends(6, "out.gguf: the output appeared while it was made and is not overwritten")
	if string(contents(t, out)) != "precious" {
		t.Fatal("the other file was overwritten")
	}
	holds(t, dir, "out.gguf", partialName, journalName)
	launch(t, nil, "convert", src, "--type", "Q4_0", "-o", out, "--force").ends(0, "going on from an interrupted run: ")
	holds(t, dir, "out.gguf")
	if !bytes.Equal(contents(t, out), fresh(t, src, "Q4_0")) {
		t.Error("other bytes")
	}
}

// TestE17OtherPlan: what an interrupted run of another plan left is not used, and that is said.
func TestE17OtherPlan(t *testing.T) {
	t.Parallel()
	src := grown(t, 12)
	want := fresh(t, src, "Q5_0")
	for name, line := range map[string][]string{
		"type":    {"--type", "Q5_1"},
		"options": {"--type", "Q5_0", "--pure"},
		"name":    {"--type", "Q5_0", "--model-name", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "out.gguf")
			p := launch(t, nil, append([]string{"convert", src, "-o", out, oneThread}, line...)...)
			p.worked(out)
			p.signal(syscall.SIGKILL)
			p.ends(-1)
			launch(t, nil, "convert", src, "--type", "Q5_0", "-o", out).ends(0, "note: "+partialName+": work of another plan, version or options is not used\n")
			holds(t, dir, "out.gguf")
			if !bytes.Equal(contents(t, out), want) {
				t.Error("other bytes")
			}
		})
	}
	t.Run("source", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out.gguf")
		p := launch(t, nil, "convert", src, "--type", "Q5_0", "-o", out, oneThread)
		p.worked(out)
		p.signal(syscall.SIGKILL)
		p.ends(-1)
		shard := filepath.Join(src, "model-00001-of-00002.safetensors")
		b := contents(t, shard)
		copy(b[len(b)-64:], make([]byte, 64)) // the same header, other data
		must(t, os.WriteFile(shard, b, 0o666))
		launch(t, nil, "convert", src, "--type", "Q5_0", "-o", out).ends(0, "work of another plan")
		if bytes.Equal(contents(t, out), want) || !bytes.Equal(contents(t, out), fresh(t, src, "Q5_0")) {
			t.Error("work from the old shard was used")
		}
	})
}

// TestB12B13SourceChanges: a shard that is replaced (B12), grows (B12) or is cut (B13) while it is read.
func TestB12B13SourceChanges(t *testing.T) {
	t.Parallel()
	const name = "model-00002-of-00002.safetensors"
	for _, c := range []struct {
		name string
		do   func(t *testing.T, path string)
	}{
		{"B12 replaced", func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".new", contents(t, path), 0o666))
			must(t, os.Rename(path+".new", path))
		}},
		{"B12 grown", func(t *testing.T, path string) { must(t, os.Truncate(path, int64(len(contents(t, path))+1))) }},
		{"B12 removed", func(t *testing.T, path string) { must(t, os.Remove(path)) }},
		{"B13 truncated", func(t *testing.T, path string) { must(t, os.Truncate(path, 4096)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := grown(t, 12)
			out := filepath.Join(t.TempDir(), "out.gguf")
			p := launch(t, nil, "convert", src, "--type", "Q4_0", "-o", out, oneThread)
			p.during(out, func() { c.do(t, filepath.Join(src, name)) })
			p.ends(5, name+": ", "changed while it was read")
			if _, err := os.Stat(out); err == nil {
				t.Error("an output was made")
			}
		})
	}
	t.Run("B12 GGUF", func(t *testing.T) {
		src := filepath.Join(t.TempDir(), "source.gguf")
		must(t, os.WriteFile(src, fresh(t, grown(t, 12), "BF16"), 0o666))
		out := filepath.Join(t.TempDir(), "out.gguf")
		p := launch(t, nil, "convert", src, "--type", "Q4_0", "-o", out, oneThread)
		p.during(out, func() { must(t, os.Truncate(src, int64(len(contents(t, src))-1))) })
		p.ends(5, "source.gguf: ", "changed while it was read")
	})
}

// TestE1Kill: a conversion that is killed again and again goes on each time, and its output is right. The kills
// come when the journal has some length, so that they hit different places; testdata/kill.py kills at random times.
func TestE1Kill(t *testing.T) {
	t.Parallel()
	src := grown(t, 12)
	dir := t.TempDir()
	out := filepath.Join(dir, "out.gguf")
	line := []string{"convert", src, "--type", "Q6_K", "-o", out, "--split-max-tensors", "60"}
	first := filepath.Join(dir, "out-00001-of-00003.gguf")
	for _, lines := range []int{2, 30, 70, 110} {
		p := launch(t, nil, append(line, oneThread)...)
		p.journaled(first, lines)
		p.signal(syscall.SIGKILL)
		p.ends(-1)
		if found, _ := filepath.Glob(filepath.Join(dir, "*.gguf")); len(found) > 0 {
			t.Fatalf("after a kill: %q", found)
		}
	}
	launch(t, nil, line...).ends(0, "going on from an interrupted run: ")
	holds(t, dir, "out-00001-of-00003.gguf", "out-00002-of-00003.gguf", "out-00003-of-00003.gguf")
	other := t.TempDir()
	line[5] = filepath.Join(other, "out.gguf")
	launch(t, nil, line...).ends(0)
	for _, name := range []string{"out-00001-of-00003.gguf", "out-00002-of-00003.gguf", "out-00003-of-00003.gguf"} {
		if !bytes.Equal(contents(t, filepath.Join(dir, name)), contents(t, filepath.Join(other, name))) {
			t.Errorf("%s: other bytes after four kills", name)
		}
	}
}
