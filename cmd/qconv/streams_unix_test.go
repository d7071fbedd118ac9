//go:build unix

package main

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

// TestE20Waiting: a signal ends a command that waits for its input.
func TestE20Waiting(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	must(t, err)
	defer w.Close()
	p := &process{t: t, ended: make(chan struct{})}
	p.cmd = qconvCommand("tokenize", testdata(t, "harbour-2m"))
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = r, &p.out, &p.err
	must(t, p.cmd.Start())
	go func() { p.cmd.Wait(); close(p.ended) }()
	r.Close()
	// More than a pipe holds: the write ends when the command reads.
	_, err = w.Write(make([]byte, 1<<20))
	must(t, err)
	p.signal(syscall.SIGINT)
	p.ends(130, "interrupted by SIGINT")
}

// TestE20Stalled: a signal ends a command whose output nobody takes.
func TestE20Stalled(t *testing.T) {
	t.Parallel()
	src := filepath.Join(t.TempDir(), "long.gguf")
	long := gguf.KV{Key: "x.long", Value: slices.Repeat([]string{"a word"}, 1<<16)} // longer than a pipe and the buffers before it
	l, err := gguf.NewLayout([]gguf.KV{{Key: "general.architecture", Value: "x"}, long}, nil, gguf.DefaultAlignment)
	must(t, err)
	must(t, os.WriteFile(src, l.Header, 0o666))
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	p := &process{t: t, ended: make(chan struct{})}
	p.cmd = qconvCommand("inspect", src, "--all")
	p.cmd.Stdout, p.cmd.Stderr = w, &p.err
	must(t, p.cmd.Start())
	w.Close()
	go func() { p.cmd.Wait(); close(p.ended) }()
	_, err = r.Read(make([]byte, 1)) // it prints
	must(t, err)
	p.signal(syscall.SIGTERM)
	p.ends(143, "qconv: interrupted by SIGTERM\n")
}

// TestE22Readers: nobody reads what is printed. A conversion completes all the same, and says with its exit
// code that its report was lost; nothing hangs.
func TestE22Readers(t *testing.T) {
	t.Parallel()
	src := testdata(t, "harbour-2m")
	for _, c := range []struct {
		name string
		args []string
		code int
		err  string
	}{
		{"text", []string{"convert", src, "--type", "Q4_0"}, 5, "out.gguf: is complete; cannot print the result: broken pipe\n"},
		{"json", []string{"convert", src, "--type", "Q4_0", "--json"}, 5, "out.gguf: is complete; cannot print the result: broken pipe\n"},
		{"quiet", []string{"convert", src, "--type", "Q4_0", "--quiet"}, 0, ""},
		{"inspect", []string{"inspect", src}, 5, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out.gguf")
			r, w, err := os.Pipe()
			must(t, err)
			r.Close()
			args := c.args
			if args[0] == "convert" {
				args = append(args, "-o", out)
			}
			p := &process{t: t, ended: make(chan struct{})}
			p.cmd = qconvCommand(args...)
			p.cmd.Stdout, p.cmd.Stderr = w, &p.err
			must(t, p.cmd.Start())
			w.Close()
			go func() { p.cmd.Wait(); close(p.ended) }()
			p.ends(c.code, c.err)
			if c.err == "" && p.err.Len() > 0 {
				t.Errorf("said %q", p.err.String())
			}
			if _, err := os.Stat(out); args[0] == "convert" && err != nil {
				t.Error(err)
			}
		})
	}
}
