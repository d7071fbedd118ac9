package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/pipeline"
)

// layers gives one tensor a layer, and one outside any.
func layers(n int) []gguf.Tensor {
	list := []gguf.Tensor{{Name: "output_norm.weight", Type: gguf.TypeF32, Shape: []int64{4}}}
	for l := range n {
		list = append(list, gguf.Tensor{Name: fmt.Sprintf("blk.%d.attn_norm.weight", l), Type: gguf.TypeF32, Shape: []int64{4}})
	}
	return list
}

// firstValues gives each tensor with its first value, which tells where it comes from.
func firstValues(t *testing.T, f *gguf.File) (list []string) {
	t.Helper()
	for i := range f.Tensors {
		b := make([]byte, 4)
		check(t, f.ReadAt(&f.Tensors[i], b, 0))
		v := math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
		list = append(list, fmt.Sprintf("%s=%v", f.Tensors[i].Name, v))
	}
	return list
}

func opened(t *testing.T, b []byte) *gguf.File {
	t.Helper()
	f, err := gguf.Open(bytes.NewReader(b), int64(len(b)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	return f
}

// TestPrune leaves layers out and numbers the others anew; the data stay those of the layer.
func TestPrune(t *testing.T) {
	file := crafted(t, 0, llamaKVs(5), layers(5)...)
	for _, c := range []struct {
		prune []int64
		want  string
	}{
		{[]int64{0}, "output_norm.weight=0 blk.0.attn_norm.weight=2000 blk.1.attn_norm.weight=3000 blk.2.attn_norm.weight=4000 blk.3.attn_norm.weight=5000"},
		{[]int64{1, 3, 1}, "output_norm.weight=0 blk.0.attn_norm.weight=1000 blk.1.attn_norm.weight=3000 blk.2.attn_norm.weight=5000"},
		{[]int64{4}, "output_norm.weight=0 blk.0.attn_norm.weight=1000 blk.1.attn_norm.weight=2000 blk.2.attn_norm.weight=3000 blk.3.attn_norm.weight=4000"},
		{[]int64{3, 2, 1, 0}, "output_norm.weight=0 blk.0.attn_norm.weight=5000"},
	} {
		p, err := ggufPlan(t, file, "COPY", pipeline.Options{Prune: c.prune})
		check(t, err)
		f := opened(t, written(t, p))
		if got := strings.Join(firstValues(t, f), " "); got != c.want {
			t.Errorf("%v: %s, want %s", c.prune, got, c.want)
		}
		last := f.KVs[len(f.KVs)-1]
		if last.Key != "llama.block_count" || last.Value != uint32(len(f.Tensors)-1) {
			t.Errorf("%v: the last key is %v", c.prune, last)
		}
	}
	// What is left of equal layers has one header; only the digest tells one plan from the other.
	a, err := ggufPlan(t, file, "COPY", pipeline.Options{Prune: []int64{1}})
	check(t, err)
	b, err := ggufPlan(t, file, "COPY", pipeline.Options{Prune: []int64{2}})
	check(t, err)
	if !bytes.Equal(a.Parts[0].Layout.Header, b.Parts[0].Layout.Header) || a.Digest == b.Digest {
		t.Error("two prunings have one digest, or different headers")
	}
}

// TestPruneNotices names keys that count layers and are left alone.
func TestPruneNotices(t *testing.T) {
	file := crafted(t, 0, llamaKVs(3, gguf.KV{Key: "llama.feed_forward_length", Value: []uint32{1, 2, 3}}, gguf.KV{Key: "llama.rope.scaling", Value: []float32{1, 2}},
		gguf.KV{Key: "llama.leading_dense_block_count", Value: uint32(1)}, gguf.KV{Key: "llama.nextn_predict_layers", Value: uint32(0)},
		gguf.KV{Key: "tokenizer.x", Value: []uint32{1, 2, 3}}), layers(3)...)
	p, err := ggufPlan(t, file, "COPY", pipeline.Options{Prune: []int64{1}})
	check(t, err)
	if len(p.Notices) != 2 || !strings.HasPrefix(p.Notices[0], "llama.feed_forward_length holds a value for each of 3 layers") ||
		!strings.HasPrefix(p.Notices[1], "llama.leading_dense_block_count stays 1") {
		t.Errorf("notices %q", p.Notices)
	}
	if p, err = ggufPlan(t, file, "COPY", pipeline.Options{}); err != nil || len(p.Notices) > 0 {
		t.Errorf("without pruning: notices %q (%v)", p.Notices, err)
	}
}

// TestPruneRefused refuses what would leave a file that cannot be loaded.
func TestPruneRefused(t *testing.T) {
	named := func(name string) []gguf.Tensor {
		return append(layers(2), gguf.Tensor{Name: name, Type: gguf.TypeF32, Shape: []int64{4}})
	}
	for _, c := range []struct {
		tensors []gguf.Tensor
		prune   int64
		kind    fault.Kind
		text    string
	}{
		{layers(2), 2, fault.Usage, "has no layer 2 to prune: its layers are 0 to 1"},
		{layers(2), -1, fault.Usage, "has no layer -1"},
		{layers(1), 0, fault.Usage, "all 1 layers would be pruned"},
		{layers(0), 0, fault.Usage, "has no tensor of a layer"},
		{named("enc.blk.1.attn_norm.weight"), 0, fault.Unsupported, "named blk.N. only"},
		{named("blk.99999999999.attn_norm.weight"), 0, fault.Malformed, "no number that fits"},
	} {
		_, err := ggufPlan(t, crafted(t, 0, llamaKVs(2), c.tensors...), "Q8_0", pipeline.Options{Prune: []int64{c.prune}})
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%v: %v, want %q", c.prune, err, c.text)
		}
	}
}

// splitSet makes parts that hold the given tensors.
func splitSet(t *testing.T, parts ...[]gguf.Tensor) map[string][]byte {
	t.Helper()
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	files, first := map[string][]byte{}, 0
	for no, p := range parts {
		files[gguf.SplitName("in", no+1, len(parts))] = crafted(t, first, gguf.ShardKVs(llamaKVs(4), no, len(parts), n), p...)
		first += len(p)
	}
	return files
}

// TestKeepSplit keeps each tensor in its part and the parts in their order, with their own order of tensors.
func TestKeepSplit(t *testing.T) {
	all := layers(4)
	slices.Reverse(all)
	for _, c := range []struct {
		parts [][]gguf.Tensor
		prune []int64
		want  []string
	}{
		{[][]gguf.Tensor{all[:2], all[2:]}, nil, []string{"blk.3.attn_norm.weight=0 blk.2.attn_norm.weight=1000",
			"blk.1.attn_norm.weight=2000 blk.0.attn_norm.weight=3000 output_norm.weight=4000"}},
		{[][]gguf.Tensor{nil, all, nil}, nil, []string{"", "blk.3.attn_norm.weight=0 blk.2.attn_norm.weight=1000 blk.1.attn_norm.weight=2000 blk.0.attn_norm.weight=3000 output_norm.weight=4000"}},
		{[][]gguf.Tensor{all[3:], all[:1], all[1:3]}, []int64{3}, []string{"blk.0.attn_norm.weight=0 output_norm.weight=1000", "",
			"blk.2.attn_norm.weight=3000 blk.1.attn_norm.weight=4000"}},
		{[][]gguf.Tensor{all[1:], all[:1]}, []int64{3}, []string{"blk.2.attn_norm.weight=0 blk.1.attn_norm.weight=1000 blk.0.attn_norm.weight=2000 output_norm.weight=3000"}},
		{[][]gguf.Tensor{all}, nil, []string{"blk.3.attn_norm.weight=0 blk.2.attn_norm.weight=1000 blk.1.attn_norm.weight=2000 blk.0.attn_norm.weight=3000 output_norm.weight=4000"}},
	} {
		p, err := planFiles(t, splitSet(t, c.parts...), gguf.SplitName("in", 1, len(c.parts)), "COPY", pipeline.Options{KeepSplit: true, Prune: c.prune})
		check(t, err)
		dir := t.TempDir()
		_, err = p.WriteFiles(context.Background(), pipeline.Output{Dir: dir})
		check(t, err)
		if left, _ := os.ReadDir(dir); len(left) != len(c.want) {
			t.Errorf("%d files, want %d", len(left), len(c.want))
		}
		for no, want := range c.want {
			b, err := os.ReadFile(filepath.Join(dir, gguf.SplitName("out", no+1, len(c.want))))
			check(t, err)
			f := opened(t, b)
			if got := strings.Join(firstValues(t, f), " "); got != want {
				t.Errorf("part %d: %s, want %s", no, got, want)
			}
			n, found := f.Get("split.count")
			if split := len(c.want) > 1; found != split || split && n != uint16(len(c.want)) {
				t.Errorf("part %d: split.count is %v", no, n)
			}
			if arch, _ := f.Get("general.architecture"); (arch != nil) != (no == 0) {
				t.Errorf("part %d: general.architecture is %v", no, arch)
			}
		}
	}
}
