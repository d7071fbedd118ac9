//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// grown is the tiny model with its layers repeated, each copy's values shifted, so that a conversion lasts long
// enough to be disturbed. It returns the checkpoint's directory.
func grown(t *testing.T, layers int) string {
	t.Helper()
	src := testdata(t, "harbour-2m")
	dir := filepath.Join(t.TempDir(), "grown")
	must(t, os.CopyFS(dir, os.DirFS(src)))
	cfg, err := os.ReadFile(filepath.Join(src, "config.json"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), bytes.Replace(cfg, []byte(`"num_hidden_layers": 3`),
		fmt.Appendf(nil, `"num_hidden_layers": %d`, layers), 1), 0o666))
	must(t, os.Remove(filepath.Join(dir, "model.safetensors.index.json")))
	type tensor struct {
		Dtype string `json:"dtype"`
		Shape []int  `json:"shape"`
		Range [2]int `json:"data_offsets"`
		data  []byte
	}
	all := map[string]tensor{}
	shards, err := filepath.Glob(filepath.Join(src, "*.safetensors"))
	must(t, err)
	for _, path := range shards {
		b, err := os.ReadFile(path)
		must(t, err)
		n := int(binary.LittleEndian.Uint64(b))
		header := map[string]json.RawMessage{}
		must(t, json.Unmarshal(b[8:8+n], &header))
		for name, raw := range header {
			var x tensor
			if name == "__metadata__" {
				continue
			}
			must(t, json.Unmarshal(raw, &x))
			x.data = b[8+n+x.Range[0] : 8+n+x.Range[1]]
			if layer, rest, ok := strings.Cut(strings.TrimPrefix(name, "model.layers."), "."); ok && strings.HasPrefix(name, "model.layers.") {
				no, err := strconv.Atoi(layer)
				must(t, err)
				for i := no; i < layers; i += 3 {
					cut := 2 * (i * 37) % len(x.data)
					x.data = append(x.data[cut:len(x.data):len(x.data)], x.data[:cut]...)
					all[fmt.Sprintf("model.layers.%d.%s", i, rest)] = x
				}
				continue
			}
			all[name] = x
		}
	}
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	for part, path := range shards {
		header, data := map[string]tensor{}, []byte(nil)
		for i := part; i < len(names); i += len(shards) {
			x := all[names[i]]
			x.Range = [2]int{len(data), len(data) + len(x.data)}
			data = append(data, x.data...)
			header[names[i]] = x
		}
		must(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), safetensorsBytes(header, data), 0o666))
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// process is a running qconv.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err bytes.Buffer
	ended    chan struct{}
}

// launch starts qconv, behind the words of a wrapper such as strace.
func launch(t *testing.T, wrapper []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, ended: make(chan struct{})}
	words := append(append(append([]string{}, wrapper...), "qconv"), args...)
	p.cmd = exec.Command(words[0], words[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	must(t, p.cmd.Start())
	go func() { p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.ended })
	return p
}

// code waits for the end and gives the exit code, -1 after a signal that qconv does not handle.
func (p *process) code() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.t.Fatalf("does not end: %s", p.err.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// ends fails unless the process ends with a code and its standard error says the phrases.
func (p *process) ends(code int, phrases ...string) {
	p.t.Helper()
	if got := p.code(); got != code {
		p.t.Fatalf("exit code %d, want %d: %s%s", got, code, p.out.String(), p.err.String())
	}
	for _, s := range phrases {
		if !strings.Contains(p.err.String(), s) {
			p.t.Fatalf("%q does not say %q", p.err.String(), s)
		}
	}
}

// worked waits until the journal of an output names some units, and fails when the run ends before.
func (p *process) worked(out string) {
	p.t.Helper()
	p.journaled(out, 5)
}

// journaled waits until the journal of an output has more than n lines.
func (p *process) journaled(out string, n int) {
	p.t.Helper()
	for {
		b, _ := os.ReadFile(out + ".partial.journal")
		if bytes.Count(b, []byte("\n")) > n {
			return
		}
		select {
		case <-p.ended:
			p.t.Fatalf("ended before it could be disturbed: %s", p.err.String())
		case <-time.After(time.Millisecond):
		}
	}
}

// during stops the process while it works, does something, and lets it go on.
func (p *process) during(out string, do func()) {
	p.t.Helper()
	p.worked(out)
	p.signal(syscall.SIGSTOP)
	do()
	if _, err := os.Stat(out + ".partial"); err != nil {
		p.t.Fatal("was too late: ", err)
	}
	p.signal(syscall.SIGCONT)
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(s))
}

// fresh converts without any disturbance and gives the output's bytes.
func fresh(t *testing.T, src, typ string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "fresh.gguf")
	launch(t, nil, "convert", src, "--type", typ, "-o", out).ends(0)
	return contents(t, out)
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// holds fails unless the directory holds these files and no other.
func holds(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Fatalf("the directory holds %q, want %q", got, names)
	}
}

func qconvCommand(args ...string) *exec.Cmd { return exec.Command("qconv", args...) }
