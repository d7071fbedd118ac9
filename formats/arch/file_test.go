package arch

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// setOf is the file that a binding describes, without data.
func setOf(b *Binding) *gguf.Set {
	set := &gguf.Set{First: &gguf.File{Name: "model.gguf"}, KVs: append([]gguf.KV{{Key: "general.architecture", Value: b.Arch}}, b.KVs...)}
	for i := range b.Targets {
		set.Tensors = append(set.Tensors, gguf.Tensor{Name: b.Targets[i].Name, Shape: slices.Clone(b.Targets[i].Shape)})
	}
	return set
}

// TestFromGGUF reads the recipe of every recorded checkpoint back from the keys and tensors that the reference writes
// for it. What the keys do not say is named here.
func TestFromGGUF(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.tsv")
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".tsv")
		if strings.HasPrefix(name, "published-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, path)
			b := bindConfig(t, g.config, g.src)
			spec, got, err := FromGGUF(setOf(b))
			if b.Block.Rope.Scaling == RopeOther {
				return // llama.cpp takes the angles as they are, and so does the file
			}
			if name == "mistral-yarn" {
				wantFault(t, err, fault.Unsupported, "yarn_ext_factor")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if spec != b.Spec {
				t.Errorf("architecture %s, want %s", spec.Name, b.Spec.Name)
			}
			want := b.Block
			want.Attention.Window, want.Attention.WindowFrom = 0, 0 // there is no key
			want.Rope.Type, got.Rope.Type = "", ""
			if want.Experts.Count > 0 && want.Experts.Groups == 0 {
				want.Experts.Groups, want.Experts.GroupsUsed, want.Experts.GroupTop = 1, 1, 1
			}
			if got.MLP.Width == 0 {
				want.MLP.Width = 0 // no layer is dense
			}
			for _, f := range []struct{ got, want *float64 }{
				{&got.Norm.Eps, &want.Norm.Eps}, {&got.Attention.Scale, &want.Attention.Scale}, {&got.Rope.Base, &want.Rope.Base},
				{&got.Rope.Factor, &want.Rope.Factor}, {&got.Rope.Magnitude, &want.Rope.Magnitude}, {&got.Experts.WeightScale, &want.Experts.WeightScale},
				{&got.Rope.BetaFast, &want.Rope.BetaFast}, {&got.Rope.BetaSlow, &want.Rope.BetaSlow},
			} {
				if math.Abs(*f.got-*f.want) <= 2e-7*math.Abs(*f.want) { // keys are float32
					*f.got = *f.want
				}
			}
			if got != want {
				t.Errorf("\n got %+v\nwant %+v", got, want)
			}
		})
	}
}

// TestFromGGUFFaults breaks a file's keys and tensors one by one.
func TestFromGGUFFaults(t *testing.T) {
	g := readGolden(t, "testdata/deepseek3.tsv")
	fresh := func() *gguf.Set { return setOf(bindConfig(t, g.config, g.src)) }
	set := func(key string, v any) func(*gguf.Set) {
		return func(s *gguf.Set) {
			for i := range s.KVs {
				if s.KVs[i].Key == key {
					s.KVs[i].Value = v
					return
				}
			}
			s.KVs = append(s.KVs, gguf.KV{Key: key, Value: v})
		}
	}
	remove := func(key string) func(*gguf.Set) {
		return func(s *gguf.Set) { s.KVs = slices.DeleteFunc(s.KVs, func(kv gguf.KV) bool { return kv.Key == key }) }
	}
	shape := func(name string, shape ...int64) func(*gguf.Set) {
		return func(s *gguf.Set) {
			for i := range s.Tensors {
				if s.Tensors[i].Name == name {
					s.Tensors[i].Shape = shape
				}
			}
		}
	}
	for _, c := range []struct {
		name   string
		damage func(*gguf.Set)
		kind   fault.Kind
		says   string
	}{
		{"no architecture", remove("general.architecture"), fault.Malformed, "general.architecture"},
		{"unknown architecture", set("general.architecture", "gemma"), fault.Unsupported, "gemma"},
		{"no layers", remove("deepseek2.block_count"), fault.Malformed, "block_count"},
		{"too many layers", set("deepseek2.block_count", uint32(1<<31)), fault.Limit, "block_count"},
		{"layers that are not there", set("deepseek2.block_count", uint32(1000)), fault.Mismatch, "blk."},
		{"width of a string", set("deepseek2.embedding_length", "wide"), fault.Unsupported, "embedding_length"},
		{"another width", set("deepseek2.embedding_length", uint32(64)), fault.Mismatch, "token_embd.weight"},
		{"NaN epsilon", set("deepseek2.attention.layer_norm_rms_epsilon", float32(math.NaN())), fault.Malformed, "layer_norm_rms_epsilon"},
		{"zero epsilon", set("deepseek2.attention.layer_norm_rms_epsilon", float32(0)), fault.Malformed, "layer_norm_rms_epsilon"},
		{"odd rotation", set("deepseek2.rope.dimension_count", uint32(5)), fault.Malformed, "rope.dimension_count"},
		{"infinite base", set("deepseek2.rope.freq_base", float32(math.Inf(1))), fault.Malformed, "rope.freq_base"},
		{"unknown scaling", set("deepseek2.rope.scaling.type", "longrope"), fault.Unsupported, "longrope"},
		{"more experts used than there are", set("deepseek2.expert_used_count", uint32(9)), fault.Limit, "expert_used_count"},
		{"unknown gating", set("deepseek2.expert_gating_func", uint32(7)), fault.Unsupported, "expert_gating_func"},
		{"groups that do not divide", set("deepseek2.expert_group_count", uint32(3)), fault.Malformed, "expert_group_count"},
		{"heads that differ", set("deepseek2.attention.head_count", []uint32{2, 4}), fault.Unsupported, "head_count"},
		{"transposed matrix", shape("blk.0.attn_kv_a_mqa.weight", 272, 128), fault.Mismatch, "blk.0.attn_kv_a_mqa.weight"},
		{"layers that are not counted", set("deepseek2.block_count", uint32(1)), fault.Mismatch, `"blk.1.attn_k_b.weight": key "deepseek2.block_count" is 1, so that layers are numbered 0 to 0`},
		{"tensor that nobody knows", func(s *gguf.Set) {
			s.Tensors = append(s.Tensors, gguf.Tensor{Name: "blk.0.attn_q_norm.weight", Shape: []int64{8}})
		}, fault.Unsupported, `"blk.0.attn_q_norm.weight": it is not known what a model of architecture deepseek2 does`},
		{"tensor missing", func(s *gguf.Set) { s.Tensors = s.Tensors[:len(s.Tensors)-1] }, fault.Mismatch, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fresh()
			c.damage(s)
			_, _, err := FromGGUF(s)
			wantFault(t, err, c.kind, c.says)
		})
	}
	// A layer that predicts further tokens is not run, whatever it has.
	further := fresh()
	set("deepseek2.nextn_predict_layers", uint32(1))(further)
	further.Tensors = append(further.Tensors, gguf.Tensor{Name: "blk.11.nextn.eh_proj.weight", Shape: []int64{8, 4}})
	if _, b, err := FromGGUF(further); err != nil || b.Layers != 11 {
		t.Errorf("%d layers, %v", b.Layers, err)
	}
}
