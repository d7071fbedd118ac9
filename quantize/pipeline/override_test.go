package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/pipeline"
)

// TestOverrides sets keys in order, behind those of llama-quantize.
func TestOverrides(t *testing.T) {
	file := crafted(t, 0, llamaKVs(2, gguf.KV{Key: "llama.x", Value: []int32{1, 2}}, gguf.KV{Key: "general.file_type", Value: uint32(0)}), layers(2)...)
	p, err := ggufPlan(t, file, "COPY", pipeline.Options{Prune: []int64{0}, Overrides: []gguf.KV{{Key: "new", Value: true}, {Key: "general.name", Value: "a"},
		{Key: "general.file_type", Value: uint32(7)}, {Key: "llama.x", Value: uint32(3)}, {Key: "general.name", Value: "b"}, {Key: "llama.block_count", Value: uint32(9)}}})
	check(t, err)
	var got []string
	for _, kv := range opened(t, written(t, p)).KVs {
		got = append(got, fmt.Sprintf("%s=%v", kv.Key, kv.Value))
	}
	want := "general.architecture=llama llama.attention.head_count=1 general.quantization_version=2 new=true general.file_type=7 llama.x=3 general.name=b llama.block_count=1"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("keys are %s, want %s", s, want)
	}
}

// TestOverrideKinds refuses a value that readers of the key would refuse.
func TestOverrideKinds(t *testing.T) {
	kvs := llamaKVs(2, gguf.KV{Key: "i8", Value: int8(1)}, gguf.KV{Key: "u64", Value: uint64(1)}, gguf.KV{Key: "f64", Value: 1.0}, gguf.KV{Key: "bool", Value: true},
		gguf.KV{Key: "ints", Value: []uint16{1}}, gguf.KV{Key: "floats", Value: []float32{1}}, gguf.KV{Key: "bools", Value: []bool{true}}, gguf.KV{Key: "strs", Value: []string{"a"}})
	file := crafted(t, 0, kvs, layers(2)...)
	fits := map[string]string{"i8": "int", "u64": "int", "f64": "float", "bool": "bool", "ints": "int", "floats": "float", "bools": "", "strs": "",
		"general.name": "str", "llama.block_count": "int", "absent": "int float bool str", "split.no": "", "split.count": "", "split.tensors.count": "", "general.alignment": ""}
	for key, kinds := range fits {
		for kind, v := range map[string]any{"int": uint32(2), "float": float32(2), "bool": false, "str": "x"} {
			_, err := ggufPlan(t, file, "Q8_0", pipeline.Options{Overrides: []gguf.KV{{Key: key, Value: v}}})
			if ok := strings.Contains(kinds, kind); ok != (err == nil) || !ok && fault.KindOf(err) != fault.Usage {
				t.Errorf("%s as %s: %v", key, kind, err)
			}
		}
	}
}

// TestOverriddenModel chooses types by the numbers that overrides give, as the reference does.
func TestOverriddenModel(t *testing.T) {
	many := make([]gguf.Tensor, 16)
	for l := range many {
		many[l] = gguf.Tensor{Name: fmt.Sprintf("blk.%d.attn_v.weight", l), Type: gguf.TypeF32, Shape: []int64{256, 2}}
	}
	typeOf := func(kvs []gguf.KV, over ...gguf.KV) string {
		t.Helper()
		p, err := ggufPlan(t, crafted(t, 0, kvs, many...), "Q2_K", pipeline.Options{Overrides: over})
		check(t, err)
		return p.Steps[0].Type.String()
	}
	heads, kv := "llama.attention.head_count", "llama.attention.head_count_kv"
	for _, c := range []struct {
		why  string
		kvs  []gguf.KV
		over []gguf.KV
		want string
	}{
		{"one query head for each of keys", llamaKVs(16), nil, "Q3_K"},
		{"an override of heads that are not there does not count", llamaKVs(16), []gguf.KV{{Key: kv, Value: uint32(1)}, {Key: heads, Value: uint32(8)}}, "Q3_K"},
		{"keys' heads that are there", llamaKVs(16, gguf.KV{Key: kv, Value: uint32(1)}), []gguf.KV{{Key: heads, Value: uint32(8)}}, "Q4_K"},
		{"of two overrides the first", llamaKVs(16, gguf.KV{Key: kv, Value: uint32(1)}), []gguf.KV{{Key: heads, Value: uint32(2)}, {Key: heads, Value: uint32(8)}}, "Q3_K"},
		{"heads by layer stay", llamaKVs(16, gguf.KV{Key: kv, Value: []uint32{1, 1}}), []gguf.KV{{Key: kv, Value: uint32(2)}, {Key: heads, Value: uint32(4)}}, "Q4_K"},
		{"experts are added", llamaKVs(16), []gguf.KV{{Key: "llama.expert_count", Value: uint32(8)}}, "Q8_0"},
	} {
		if got := typeOf(c.kvs, c.over...); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
	for _, over := range []gguf.KV{{Key: "llama.block_count", Value: uint32(1025)}, {Key: "llama.expert_count", Value: uint32(4097)}} {
		if _, err := ggufPlan(t, crafted(t, 0, llamaKVs(16), many...), "Q2_K", pipeline.Options{Overrides: []gguf.KV{over}}); fault.KindOf(err) != fault.Limit {
			t.Errorf("%v: %v, want a limit", over, err)
		}
	}
}

// TestZeroBytes keeps text whole and says so.
func TestZeroBytes(t *testing.T) {
	file := crafted(t, 0, llamaKVs(1, gguf.KV{Key: "text", Value: "a\x00b"}, gguf.KV{Key: "list", Value: []string{"", "\x00"}}, gguf.KV{Key: "other", Value: []string{"a"}}), layers(1)...)
	p, err := ggufPlan(t, file, "COPY", pipeline.Options{})
	check(t, err)
	if len(p.Notices) != 2 || !strings.HasPrefix(p.Notices[0], "text holds") || !strings.HasPrefix(p.Notices[1], "list holds") {
		t.Errorf("notices %q", p.Notices)
	}
	if v, _ := opened(t, written(t, p)).Get("text"); v != "a\x00b" {
		t.Errorf("the text became %q", v)
	}
}

// TestOddShapes takes a tensor without dimensions as one value, and refuses one without values.
func TestOddShapes(t *testing.T) {
	file := crafted(t, 0, llamaKVs(1), gguf.Tensor{Name: "scale", Type: gguf.TypeF32, Shape: []int64{1}})
	scalar := make([]byte, 0, len(file))
	at := strings.Index(string(file), "scale") + len("scale")
	scalar = append(append(append(scalar, file[:at]...), 0, 0, 0, 0), file[at+12:]...) // no dimensions, and their bytes cut out
	pad := make([]byte, 8)
	data := len(file) - 32
	scalar = append(append(scalar[:data-8:data-8], pad...), file[data:]...)
	p, err := ggufPlan(t, scalar, "COPY", pipeline.Options{})
	check(t, err)
	if got := firstValues(t, opened(t, written(t, p))); len(got) != 1 || got[0] != "scale=0" {
		t.Errorf("a scalar became %v", got)
	}
	_, err = ggufPlan(t, crafted(t, 0, llamaKVs(1), gguf.Tensor{Name: "none", Type: gguf.TypeF32, Shape: []int64{4, 0}}), "COPY", pipeline.Options{})
	if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "holds no value") {
		t.Errorf("a tensor without values: %v", err)
	}
}

// TestBuffers bounds the buffers, and never below what one worker needs.
func TestBuffers(t *testing.T) {
	whole, _ := convert(t, tiny, "BF16", pipeline.Options{})
	p, err := ggufPlan(t, whole, "Q4_K_M", pipeline.Options{Threads: 8})
	check(t, err)
	one := p.Memory.Slot + p.Memory.Scratch
	for _, n := range []int64{1, one, 3 * one, 1 << 40} {
		q, err := ggufPlan(t, whole, "Q4_K_M", pipeline.Options{Threads: 8, Buffers: n})
		check(t, err)
		if used := q.Memory.Peak - q.Memory.Base; used > max(n, one) || q.Memory.Slots < 1 || q.Digest != p.Digest {
			t.Errorf("%d bytes for buffers: %d used in %d", n, used, q.Memory.Slots)
		}
		if n > 1<<39 && q.Memory != p.Memory {
			t.Error("a bound that does not matter changes the plan")
		}
	}
}
