// Package modeltest makes GGUF files of checkpoints for the tests of packages that run models.
package modeltest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// Converted writes the checkpoint in dir as a GGUF file of type typ and opens it for the time of the test.
func Converted(t testing.TB, dir, typ string) *gguf.Set {
	t.Helper()
	ck, err := hf.Open(hf.Dir(dir, false), hf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer ck.Close()
	recipe, ok := mix.ParseRecipe(typ)
	if !ok {
		t.Fatal("no such type: ", typ)
	}
	plan, err := pipeline.FromCheckpoint(ck, pipeline.Options{Recipe: recipe, FileName: "model.gguf"})
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	if _, err := plan.WriteFiles(context.Background(), pipeline.Output{Dir: out}); err != nil {
		t.Fatal(err)
	}
	return Opened(t, filepath.Join(out, "model.gguf"))
}

// Opened opens a GGUF file, or the split set that it begins, for the time of the test.
func Opened(t testing.TB, path string) *gguf.Set {
	t.Helper()
	set, err := gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		f, err := os.Open(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			return nil, 0, err
		}
		t.Cleanup(func() { f.Close() })
		st, err := f.Stat()
		if err != nil {
			return nil, 0, err
		}
		return f, st.Size(), nil
	}, filepath.Base(path), gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return set
}
