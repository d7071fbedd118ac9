package mix

import (
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/gguf"
)

// Site is a tensor that needs a type.
type Site struct {
	Name  string
	Shape []int64   // innermost dimension first; trailing ones do not matter
	Type  gguf.Type // what it has now, and keeps when it must not be quantized
}

// Model holds what the rules ask about the model.
type Model struct {
	Arch    string // general.architecture
	Layers  int64  // block_count, with layers for multi-token prediction
	Heads   int64  // attention heads of layer 0
	HeadsKV int64  // key and value heads of layer 0; 0 when it has none
	Experts int64  // 0 when dense
}

// queriesPerKey is how many query heads share a key head; 0 when there are no key heads.
func (m *Model) queriesPerKey() int64 {
	if m.HeadsKV == 0 {
		return 0
	}
	return m.Heads / m.HeadsKV
}

// is70B tells whether the reference takes the model for one of 70 billion parameters with few value
// heads. It decides by layer count.
func (m *Model) is70B() bool {
	switch m.Arch {
	case "llama":
		return m.Layers == 80 && m.Heads != m.HeadsKV
	case "qwen2", "deci", "olmo":
		return m.Layers == 80
	case "jais2":
		return m.Layers == 68
	}
	return false
}

// role is what a tensor does, as far as rules care.
type role uint8

const (
	other role = iota
	output
	embedding
	attnQKV
	attnKVB
	attnV
	attnK
	attnQ
	attnOutput
	ffnUp
	ffnGate
	ffnDown
)

// parts gives roles by a part of the name; the first that occurs wins.
var parts = []struct {
	part string
	role role
}{
	{"attn_qkv.weight", attnQKV},
	{"attn_kv_b.weight", attnKVB},
	{"attn_v.weight", attnV},
	{"attn_k.weight", attnK},
	{"attn_q.weight", attnQ},
	{"attn_output.weight", attnOutput},
	{"ffn_up", ffnUp},
	{"ffn_gate", ffnGate},
	{"ffn_down", ffnDown},
}

const perLayerEmbedding = "per_layer_token_embd.weight"

func roleOf(name string) role {
	switch name {
	case "output.weight":
		return output
	case "token_embd.weight", perLayerEmbedding:
		return embedding
	}
	for _, p := range parts {
		if strings.Contains(name, p.part) {
			return p.role
		}
	}
	return other
}

// holdsValues tells tensors that make attention values; they suffer most from few bits.
func (r role) holdsValues() bool { return r == attnV || r == attnQKV || r == attnKVB }

// exact lists parts of names whose tensors are never quantized: norms, routers, convolutions, positions
// and other small tensors that matter.
var exact = []string{
	"_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj",
	"ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight",
	"time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight",
	"time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight",
	"time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight",
	"time_mix_decay_w2.weight", "time_mix_lerp_fused.weight", "attn_rel_b.weight",
	".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger",
	"a.rvq.codebook", "mm.a.code_embd",
}

// quantizable tells whether a tensor may change its type at all.
func (s *Site) quantizable(o *Options) bool {
	if o.Copy || s.dims() < 2 {
		return false
	}
	// The reference finds the ending by arithmetic that also lets names of five letters pass.
	if !strings.HasSuffix(s.Name, "weight") && len(s.Name) != 5 {
		return false
	}
	switch s.Name {
	case "position_embd.weight", "token_types.weight":
		return false
	case "output.weight":
		return !o.LeaveOutput
	}
	return !slices.ContainsFunc(exact, func(part string) bool { return strings.Contains(s.Name, part) })
}

// dims counts dimensions without trailing ones.
func (s *Site) dims() int {
	n := len(s.Shape)
	for n > 1 && s.Shape[n-1] == 1 {
		n--
	}
	return n
}

// dim gives the size of dimension i, 1 when the shape is shorter.
func (s *Site) dim(i int) int64 {
	if i < len(s.Shape) {
		return s.Shape[i]
	}
	return 1
}

// Order gives the order in which llama-quantize visits and writes tensors: by layer, those outside any
// layer first, then by name bytewise. Element k of the result is the index of the k-th tensor.
func Order(names []string) []int {
	layers := make([]int64, len(names))
	order := make([]int, len(names))
	for i, name := range names {
		order[i] = i
		layers[i] = -1
		if l, ok := layerOf(name); ok {
			layers[i] = l
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if layers[a] != layers[b] {
			if layers[a] < layers[b] {
				return -1
			}
			return 1
		}
		return strings.Compare(names[a], names[b])
	})
	return order
}

// layerOf reads the number after a leading "blk.".
func layerOf(name string) (layer int64, ok bool) {
	rest, ok := strings.CutPrefix(name, "blk.")
	if !ok {
		return 0, false
	}
	n := 0
	for ; n < len(rest) && n < 9 && rest[n] >= '0' && rest[n] <= '9'; n++ {
		layer = layer*10 + int64(rest[n]-'0')
	}
	return layer, n > 0
}
