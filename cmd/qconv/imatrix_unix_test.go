//go:build unix

package main

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestE27Killed kills imatrix at random moments, with SIGKILL and SIGINT, and runs it again until it is done: the bytes of a
// run that nobody disturbed, and nothing else is left.
func TestE27Killed(t *testing.T) {
	t.Parallel()
	dir, out := grown(t, 8), t.TempDir()
	text := filepath.Join(testdata(t, "harbour-2m"), "held-out.txt")
	file := filepath.Join(out, "i.gguf")
	line := []string{"imatrix", dir, "-f", text, "--ctx", "64", "--chunks", "40", "--save-every", "0s", "-o", file}
	start := time.Now()
	launch(t, nil, line...).ends(0)
	whole := time.Since(start)
	want := contents(t, file)
	line = append(line, "--force")
	killed, resumed := 0, 0
	for i := 0; killed < 8; i++ {
		if i == 100 {
			t.Fatalf("only %d runs were killed before they ended", killed)
		}
		p := launch(t, nil, line...)
		time.Sleep(time.Duration(rand.Float64() * float64(whole)))
		p.cmd.Process.Signal([]syscall.Signal{syscall.SIGKILL, syscall.SIGINT}[i%2])
		code := p.code()
		if strings.Contains(p.err.String(), "going on from an interrupted run: ") {
			resumed++
		}
		switch {
		case code == 0:
			if !bytes.Equal(contents(t, file), want) {
				t.Fatal("other bytes")
			}
			holds(t, out, "i.gguf")
		case code == 130 && strings.Contains(p.err.String(), "interrupted by SIGINT"), code == -1:
			killed++
		default:
			t.Fatalf("exit code %d: %s", code, p.err.String())
		}
	}
	launch(t, nil, line...).ends(0)
	if !bytes.Equal(contents(t, file), want) {
		t.Error("other bytes")
	}
	holds(t, out, "i.gguf")
	if resumed == 0 {
		t.Error("no run went on from what another one left")
	}
	t.Logf("%d runs killed, %d went on", killed, resumed)
}
