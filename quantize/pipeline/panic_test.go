package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/quantize/pipeline"
)

// broken has a bug.
type broken struct{ stopper }

func (*broken) Wrote(*pipeline.Step, int64) { panic("a bug of the watcher") }

// TestH4Panic: a bug in a goroutine of the run comes back as an error with its stack; the partial stays
// and the next run goes on.
func TestH4Panic(t *testing.T) {
	out := t.TempDir()
	p := planCheckpoint(t, tiny, "Q8_0", pipeline.Options{FileName: "out.gguf", Threads: 2})
	_, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: out, Watcher: &broken{}})
	var bug *pipeline.Panic
	if !errors.As(err, &bug) || !strings.Contains(string(bug.Stack), "panic_test.go") {
		t.Fatalf("got %v, want the panic with its stack", err)
	}
	if _, err := os.Stat(filepath.Join(out, "out.gguf.partial.journal")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: out}); err != nil {
		t.Fatal(err)
	}
}
