package pipeline_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/qconv/qconv/quantize/pipeline"
)

// TestTensors reads pieces of tensors without writing a file: they are what the file holds, wherever they begin and end.
func TestTensors(t *testing.T) {
	dirs, _ := filepath.Glob("../../testdata/fixtures/*/config.json")
	if len(dirs) < 8 {
		t.Fatalf("%d fixtures", len(dirs))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, config := range dirs {
		dir := filepath.Dir(config)
		for _, typ := range []string{"BF16", "F32", "Q4_K_M"} {
			file, _ := convert(t, dir, typ, pipeline.Options{})
			plan, err := planWith(t, dir, typ, pipeline.Options{})
			check(t, err)
			tensors := plan.Tensors()
			for i := range plan.Steps {
				s := &plan.Steps[i]
				if tensors.Index()[s.Name] != i || tensors.Tensor(i).Type != s.Type {
					t.Errorf("%s: tensor %d is not found", s.Name, i)
				}
				for try := range 5 {
					off, n := int64(0), s.Bytes
					if try > 0 {
						off = r.Int64N(s.Bytes)
						n = r.Int64N(s.Bytes - off + 1)
					}
					got := make([]byte, n)
					check(t, tensors.ReadAt(i, got, off))
					if !bytes.Equal(got, file[s.Offset+off:][:n]) {
						t.Fatalf("%s, %s: bytes %d to %d of %s differ from the file's", dir, typ, off, off+n, s.Name)
					}
				}
			}
		}
	}
}
