package pipeline_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/safetensors"
	"github.com/qconv/qconv/quantize/pipeline"
)

// rewrite copies a checkpoint with its config edited. A BF16 tensor for which dtype says F32 is stored so, with the same
// values; extra vectors go to the last shard.
func rewrite(t *testing.T, from string, config func(string) string, dtype func(name string) safetensors.Dtype, extra map[string][]float32) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), filepath.Base(from)) // general.name comes from it
	check(t, os.CopyFS(dir, os.DirFS(from)))
	c, err := os.ReadFile(filepath.Join(from, "config.json"))
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config(string(c))), 0o666))
	ck := planCheckpointFiles(t, from)
	for i, f := range ck.Files {
		var list []safetensors.Tensor
		var data []byte
		for k := range ck.Tensors {
			x := &ck.Tensors[k]
			if x.File != i {
				continue
			}
			raw := make([]byte, x.Bytes)
			check(t, ck.ReadAt(x, raw, 0))
			stored := x.Dtype
			if stored == "BF16" && dtype(x.Name) == "F32" {
				stored, raw = "F32", widened(raw)
			}
			list = append(list, safetensors.Tensor{Name: x.Name, Dtype: stored, Shape: x.Shape})
			data = append(data, raw...)
		}
		if i == len(ck.Files)-1 {
			for name, v := range extra {
				list = append(list, safetensors.Tensor{Name: name, Dtype: "F32", Shape: []int64{int64(len(v))}})
				for _, x := range v {
					data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
				}
			}
		}
		head, err := safetensors.WriteHeader(list, nil)
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, f.Name), append(head, data...), 0o666))
	}
	return dir
}

func widened(bf16 []byte) (f32 []byte) {
	for i := 0; i < len(bf16); i += 2 {
		f32 = append(f32, 0, 0, bf16[i], bf16[i+1])
	}
	return f32
}

func same(s string) string { return s }

// TestMixedExperts stores some experts of a stack as F32 with the values of their BF16: the output is that of the plain
// checkpoint, copied rows and encoded ones alike.
func TestMixedExperts(t *testing.T) {
	const dir = "../../testdata/fixtures/mixtral"
	mixed := rewrite(t, dir, same, func(name string) safetensors.Dtype {
		if strings.Contains(name, ".experts.1.") || strings.Contains(name, ".experts.6.") {
			return "F32"
		}
		return ""
	}, nil)
	for _, typ := range []string{"BF16", "F32", "Q4_K_M"} {
		want, _ := convert(t, dir, typ, pipeline.Options{})
		if got, _ := convert(t, mixed, typ, pipeline.Options{}); !bytes.Equal(got, want) {
			t.Errorf("%s: other bytes", typ)
		}
	}
}

// TestPermutedBias moves the elements of query and key biases as the rows of their weights: a head's two halves
// interleave (ggml.md 2.4, Llama).
func TestPermutedBias(t *testing.T) {
	const heads, kvHeads, d = 4, 2, 16
	count := func(n int) (v []float32) {
		for i := range n {
			v = append(v, float32(i))
		}
		return v
	}
	extra := map[string][]float32{}
	for _, l := range []string{"0", "1"} {
		p := "model.layers." + l + ".self_attn."
		extra[p+"q_proj.bias"], extra[p+"k_proj.bias"] = count(heads*d), count(kvHeads*d)
		extra[p+"v_proj.bias"], extra[p+"o_proj.bias"] = count(kvHeads*d), count(64)
	}
	dir := rewrite(t, "../../testdata/fixtures/mistral", func(c string) string {
		c = strings.Replace(c, "MistralForCausalLM", "LlamaForCausalLM", 1)
		return strings.Replace(c, `"model_type": "mistral"`, `"model_type": "llama", "attention_bias": true`, 1)
	}, func(string) safetensors.Dtype { return "" }, extra)
	b, _ := convert(t, dir, "Q8_0", pipeline.Options{})
	f, err := gguf.Open(bytes.NewReader(b), int64(len(b)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	for i := range f.Tensors {
		x := &f.Tensors[i]
		if !strings.HasSuffix(x.Name, ".bias") {
			continue
		}
		raw := make([]byte, x.Bytes())
		check(t, f.ReadAt(x, raw, 0))
		for k := range int(x.Shape[0]) {
			want := k
			if strings.Contains(x.Name, "attn_q.") || strings.Contains(x.Name, "attn_k.") {
				want = k/d*d + k%2*(d/2) + k%d/2
			}
			if got := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:])); got != float32(want) {
				t.Fatalf("%s: element %d is %v, want %d", x.Name, k, got, want)
			}
		}
	}
}
