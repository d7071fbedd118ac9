//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runs are command lines that run a model, in every way there is; %s is the text or prompt, a file.
func runs(t *testing.T) [][]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model.gguf")
	dir := testdata(t, "harbour-2m")
	launch(t, nil, "convert", dir, "--type", "Q8_0", "-o", file).ends(0)
	experts := testdata(t, "fixtures/mixtral")
	layers := grown(t, 8)
	return [][]string{
		{"perplexity", file, "--ctx", "128", "--chunks", "40", "-f", "%s"},
		{"perplexity", dir, "--ctx", "128", "--chunks", "40", "-f", "%s"},
		{"perplexity", layers, "--ctx", "16", "--chunks", "512", "--ram", "30MiB", "-f", "%s"}, // layer by layer
		{"perplexity", experts, "--ctx", "128", "--chunks", "40", "-f", "%s"},
		{"run", file, "--raw", "-n", "300", "-f", "%s"},
		{"run", dir, "-n", "300", "--json", "-f", "%s"},
		{"run", experts, "--raw", "-n", "50", "-f", "%s"},
	}
}

// input is the text for a command: much of it for perplexity.
func input(t *testing.T, command string) string {
	t.Helper()
	if command == "run" {
		return "3 March 1907."
	}
	return string(contents(t, filepath.Join(testdata(t, "harbour-2m"), "held-out.txt")))
}

// with puts a file's name into a command line.
func with(line []string, name string) []string {
	line = append([]string{}, line...)
	line[len(line)-1] = name
	return line
}

// TestF6Cancelled cancels runs of a model inside this process at random moments: the exit code is that of the signal, and no
// goroutine, open file or file on the disk is left. It must not run beside other tests, which have files open.
func TestF6Cancelled(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1)) // the command's --ram is this process's
	cancelled := 0
	texts := map[string]string{"perplexity": input(t, "perplexity"), "run": input(t, "run")}
	for _, line := range runs(t) {
		dir := t.TempDir()
		t.Chdir(dir)
		must(t, os.WriteFile("text.txt", []byte(texts[line[0]]), 0o666))
		line = with(line, "text.txt")
		start := time.Now()
		if code, text := cancelledAfter(line, time.Hour); code != 0 {
			t.Fatalf("%q: exit code %d: %s", line, code, text)
		}
		whole := time.Since(start)
		goroutines, files := runtime.NumGoroutine(), openFiles(t)
		for range 7 {
			code, text := cancelledAfter(line, time.Duration(rand.Float64()*float64(whole)))
			if code != 130 && code != 0 {
				t.Errorf("%q: exit code %d: %s", line, code, text)
			}
			if code == 130 {
				cancelled++
			}
		}
		for i := 0; runtime.NumGoroutine() > goroutines; i++ {
			if i == 200 {
				stacks := make([]byte, 1<<16)
				t.Fatalf("%q: %d goroutines, %d before:\n%s", line, runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
			}
			time.Sleep(5 * time.Millisecond)
		}
		if now := openFiles(t); now != files {
			t.Errorf("%q: open files are now\n%sand were\n%s", line, now, files)
		}
		holds(t, dir, "text.txt")
	}
	if cancelled < 20 {
		t.Errorf("only %d runs were cancelled before they ended", cancelled)
	}
}

// cancelledAfter runs a command line in this process and cancels it as SIGINT does, after a time. It gives the exit code and
// what was said.
func cancelledAfter(line []string, after time.Duration) (int, string) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer time.AfterFunc(after, func() { cancel(stopped{syscall.SIGINT}) }).Stop()
	var out, text bytes.Buffer
	u := newUI(strings.NewReader(""), &out, &text)
	root := newRoot(u)
	root.SetArgs(line)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK, ""
	}
	return exitCode(ctx, err), text.String() + err.Error()
}

// openFiles lists the open descriptors of this process, where the system tells.
func openFiles(t *testing.T) (list string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return ""
	}
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil {
			list += e.Name() + " " + to + "\n"
		} // else it was that of reading the list
	}
	return list
}

// TestE20Runs: a signal at a random moment ends a run of a model with the shell's exit code, within the time in which a run
// must end by itself, and leaves no file.
func TestE20Runs(t *testing.T) {
	t.Parallel()
	interrupted := 0
	for _, line := range runs(t) {
		start := time.Now()
		p := begun(t, line)
		p.ends(0)
		whole := time.Since(start)
		for i := range 3 {
			signal, code := syscall.SIGINT, 130
			if i%2 == 1 {
				signal, code = syscall.SIGTERM, 143
			}
			p := begun(t, line)
			time.Sleep(time.Duration(rand.Float64() * float64(whole)))
			p.cmd.Process.Signal(signal) // the run may be over
			switch got := p.code(); {
			case got == code && p.said(fmt.Sprintf("interrupted by SIG%s", map[int]string{130: "INT", 143: "TERM"}[code])):
				interrupted++
			case got != 0 && p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != signal: // which may meet a process that is done and goes away
				t.Errorf("%q: exit code %d after %v: %s%s", line, got, signal, p.out.String(), p.err.String())
			}
			holds(t, p.cmd.Dir)
		}
	}
	if interrupted < 8 {
		t.Errorf("only %d runs were interrupted before they ended", interrupted)
	}
}

// said tells whether the process named the reason why it ended, where that belongs: as the last thing.
func (p *process) said(what string) bool {
	if i := strings.LastIndex(strings.TrimSuffix(p.out.String(), "\n"), "\n"); strings.Contains(p.out.String()[i+1:], `{"error":{"message":"`+what+`"`) {
		return p.err.Len() == 0
	}
	return strings.HasSuffix(p.err.String(), "qconv: "+what+"\n")
}

// begun starts a command in an empty directory and waits until it reads its text, which a pipe with a name holds back: from
// then on it obeys signals.
func begun(t *testing.T, line []string) *process {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "text")
	must(t, syscall.Mkfifo(pipe, 0o600))
	p := &process{t: t, ended: make(chan struct{})}
	p.cmd = exec.Command("qconv", with(line, pipe)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = t.TempDir(), &p.out, &p.err
	must(t, p.cmd.Start())
	go func() { p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(func() { p.cmd.Process.Kill(); <-p.ended })
	for {
		f, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			_, err = f.WriteString(input(t, line[0]))
			must(t, err)
			must(t, f.Close())
			return p
		}
		if !errors.Is(err, syscall.ENXIO) {
			t.Fatal(err)
		}
		select {
		case <-p.ended:
			t.Fatalf("ended before it read its text: %s", p.err.String())
		case <-time.After(time.Millisecond):
		}
	}
}
