package pipeline_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/pipeline"
)

func ggufPlan(t *testing.T, file []byte, typ string, o pipeline.Options) (*pipeline.Plan, error) {
	t.Helper()
	return planFiles(t, map[string][]byte{"in.gguf": file}, "in.gguf", typ, o)
}

// TestFromGGUF quantizes a GGUF file: from BF16 the bytes are those of the checkpoint's own conversion.
func TestFromGGUF(t *testing.T) {
	whole, _ := convert(t, tiny, "BF16", pipeline.Options{})
	want, _ := convert(t, tiny, "Q4_K_M", pipeline.Options{})
	p, err := ggufPlan(t, whole, "Q4_K_M", pipeline.Options{})
	check(t, err)
	if got := written(t, p); !bytes.Equal(got, want) {
		t.Error("the two-step route gives other bytes")
	}
}

// TestD16Requantize refuses to quantize twice unless asked.
func TestD16Requantize(t *testing.T) {
	q8, _ := convert(t, tiny, "Q8_0", pipeline.Options{})
	if _, err := ggufPlan(t, q8, "Q4_0", pipeline.Options{}); err == nil {
		t.Error("a quantized source was accepted")
	}
	p, err := ggufPlan(t, q8, "Q4_0", pipeline.Options{AllowRequantize: true})
	check(t, err)
	written(t, p)
}

// TestRawCopy carries tensors over that have no codec: integers that a model looks up.
func TestRawCopy(t *testing.T) {
	kvs := []gguf.KV{{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(1)},
		{Key: "llama.attention.head_count", Value: uint32(1)}}
	l, err := gguf.NewLayout(kvs, []gguf.Tensor{
		{Name: "blk.0.ffn_gate_tid2eid.weight", Type: gguf.TypeI32, Shape: []int64{8, 2}},
		{Name: "blk.0.ffn_up.weight", Type: gguf.TypeF32, Shape: []int64{32, 2}},
	}, gguf.DefaultAlignment)
	check(t, err)
	file := make([]byte, l.Size)
	copy(file, l.Header)
	ids := file[l.DataStart+l.Tensors[0].Offset:][:64]
	for i := range ids {
		ids[i] = byte(0xf0 + i) // as floats some of these would be NaN
	}
	p, err := ggufPlan(t, file, "Q8_0", pipeline.Options{})
	check(t, err)
	out := written(t, p)
	f, err := gguf.Open(bytes.NewReader(out), int64(len(out)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	got := make([]byte, 64)
	check(t, f.ReadAt(&f.Tensors[0], got, 0))
	if f.Tensors[0].Type != gguf.TypeI32 || !bytes.Equal(got, ids) {
		t.Errorf("tensor of type %v holds %x", f.Tensors[0].Type, got)
	}
}

func written(t *testing.T, p *pipeline.Plan) []byte {
	t.Helper()
	dir := t.TempDir()
	_, err := p.WriteFiles(context.Background(), pipeline.Output{Dir: dir})
	check(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "out.gguf"))
	check(t, err)
	return b
}
