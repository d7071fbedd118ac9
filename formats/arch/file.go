package arch

import (
	"math"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// FromGGUF finds the architecture of a model in GGUF form and fills its forward recipe from the keys, with the defaults
// that llama.cpp v0.5.0 takes (src/llama-model.cpp, src/models/*.cpp). Numbers that no key gives come from the tensors'
// shapes. Faults are Unsupported for an architecture or feature that is not known, Malformed, Limit and Mismatch for keys
// that are missing, wrong, or contradicted by the tensors. A sliding window has no key and is not known here.
func FromGGUF(set *gguf.Set) (*Spec, Block, error) {
	k := &fileKeys{file: set.First.Name, values: map[string]any{}, tensors: map[string][]int64{}}
	for _, kv := range set.KVs {
		k.values[kv.Key] = kv.Value
	}
	for i := range set.Tensors {
		k.tensors[set.Tensors[i].Name] = set.Tensors[i].Shape
	}
	name, ok := k.values["general.architecture"].(string)
	if !ok {
		return nil, Block{}, fault.New(fault.Malformed, k.file, "key %q is missing or no string", "general.architecture")
	}
	i := slices.IndexFunc(List(), func(s *Spec) bool { return s.Name == name })
	if i < 0 {
		var known []string
		for _, s := range List() {
			known = append(known, s.Name)
		}
		return nil, Block{}, fault.New(fault.Unsupported, k.file, "architecture %s is not known; known are %s", fault.Printable(name), strings.Join(known, ", "))
	}
	spec := List()[i]
	k.arch = name + "."
	b := k.block(spec)
	if k.err != nil {
		return nil, Block{}, k.err
	}
	return spec, b, k.check(&b)
}

// fileKeys reads {arch}.* keys; the first fault stays in err, and numbers after it are zero.
type fileKeys struct {
	file, arch string
	values     map[string]any
	tensors    map[string][]int64 // shapes, innermost first
	err        error
}

func (k *fileKeys) fail(kind fault.Kind, format string, args ...any) {
	if k.err == nil {
		k.err = fault.New(kind, k.file, format, args...)
	}
}

func (k *fileKeys) has(name string) bool { _, ok := k.values[k.arch+name]; return ok }

// num reads an integer. A list of equal integers, as some writers make one entry a layer, counts as one.
func (k *fileKeys) num(name string, low, high int64) int64 {
	v, ok := k.values[k.arch+name]
	if !ok {
		k.fail(fault.Malformed, "key %q is missing", k.arch+name)
		return 0
	}
	n, ok := whole(v)
	if !ok {
		k.fail(fault.Unsupported, "key %q is %s, expected one integer", k.arch+name, describe(v))
		return 0
	}
	if n < low {
		k.fail(fault.Malformed, "key %q is %d, expected at least %d", k.arch+name, n, low)
	} else if n > high {
		k.fail(fault.Limit, "key %q is %d, the limit is %d", k.arch+name, n, high)
	}
	return n
}

func (k *fileKeys) numOr(name string, byDefault, low, high int64) int64 {
	if !k.has(name) {
		return byDefault
	}
	return k.num(name, low, high)
}

// float reads a finite number.
func (k *fileKeys) float(name string, byDefault float64) float64 {
	v, ok := k.values[k.arch+name]
	if !ok {
		return byDefault
	}
	f := math.NaN()
	switch v := v.(type) {
	case float32:
		f = float64(v)
	case float64:
		f = v
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		k.fail(fault.Malformed, "key %q is %s, expected a finite float", k.arch+name, describe(v))
		return byDefault
	}
	return f
}

func (k *fileKeys) flag(name string) bool {
	v, ok := k.values[k.arch+name]
	b, isBool := v.(bool)
	if ok && !isBool {
		k.fail(fault.Malformed, "key %q is %s, expected a bool", k.arch+name, describe(v))
	}
	return b
}

// whole gives an integer value of any width, or the one value of a list of equal integers.
func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case uint8:
		return int64(v), true
	case int8:
		return int64(v), true
	case uint16:
		return int64(v), true
	case int16:
		return int64(v), true
	case uint32:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	case []uint32:
		return allEqual(v)
	case []int32:
		return allEqual(v)
	}
	return 0, false
}

func allEqual[T uint32 | int32](v []T) (int64, bool) {
	if len(v) == 0 {
		return 0, false
	}
	return int64(v[0]), !slices.ContainsFunc(v, func(x T) bool { return x != v[0] })
}

// describe says what a key's value is, for messages.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "the string " + fault.Printable(v)
	case []uint32, []int32:
		return "a list that differs between layers"
	}
	if n, ok := whole(v); ok {
		return "the integer " + itoa(n)
	}
	return "of another type"
}

// dim gives dimension i of a tensor, 0 when there is none.
func (k *fileKeys) dim(tensor string, i int) int64 {
	if s := k.tensors[tensor]; i < len(s) {
		return s[i]
	}
	return 0
}

// anywhere tells whether some layer has a tensor.
func (k *fileKeys) anywhere(layers int64, ending string) bool {
	for l := range layers {
		if _, ok := k.tensors["blk."+itoa(l)+"."+ending]; ok {
			return true
		}
	}
	return false
}

func (k *fileKeys) block(s *Spec) Block {
	b := s.Block
	b.Layers = k.num("block_count", 1, maxLayers)
	b.Layers -= k.numOr("nextn_predict_layers", 0, 0, b.Layers-1)
	b.Width = k.num("embedding_length", 1, maxWidth)
	b.Context = k.num("context_length", 1, math.MaxUint32)
	b.Vocab = k.dim("token_embd.weight", 1)
	if b.Vocab > maxVocab {
		k.fail(fault.Limit, "tensor token_embd.weight has %d rows, the limit is %d", b.Vocab, int64(maxVocab))
	}
	_, hasHead := k.tensors["output.weight"]
	b.TiedOutput = !hasHead
	b.Norm.Eps = k.float("attention.layer_norm_rms_epsilon", 0)
	if b.Norm.Eps <= 0 {
		k.fail(fault.Malformed, "key %q is %v, expected a positive number", k.arch+"attention.layer_norm_rms_epsilon", b.Norm.Eps)
	}
	if k.err != nil {
		return b // layers bound the loops that follow
	}
	k.attention(&b)
	k.rotation(&b)
	k.experts(s, &b)
	if b.Experts.LeadingDense > 0 || b.Experts.Count == 0 {
		b.MLP.Width = k.num("feed_forward_length", 1, maxWidth)
	}
	b.MLP.Bias = k.anywhere(b.Layers, "ffn_up.bias")
	return b
}

func (k *fileKeys) attention(b *Block) {
	a := &b.Attention
	a.Heads = k.num("attention.head_count", 1, maxWidth)
	a.HeadsKV = k.numOr("attention.head_count_kv", a.Heads, 1, maxWidth)
	a.QKVBias = k.anywhere(b.Layers, "attn_q.bias")
	a.OutBias = k.anywhere(b.Layers, "attn_output.bias")
	if k.err != nil {
		return
	}
	if a.Kind == MLA {
		a.HeadsKV = a.Heads
		a.KVRank = k.num("attention.kv_lora_rank", 1, maxWidth)
		a.RopeDim = k.num("rope.dimension_count", 2, maxWidth)
		a.KeyDim = k.num("attention.key_length_mla", a.RopeDim+1, maxWidth)
		a.ValueDim = k.num("attention.value_length_mla", 1, maxWidth)
		a.NopeDim = a.KeyDim - a.RopeDim
		a.QRank = k.dim("blk.0.attn_q_a.weight", 1) // 0 without; a key q_lora_rank may stand beside a plain attn_q
	} else {
		each := b.Width / a.Heads
		a.KeyDim = k.numOr("attention.key_length", each, 1, maxWidth)
		a.ValueDim = k.numOr("attention.value_length", each, 1, maxWidth)
		if a.Heads%a.HeadsKV != 0 {
			k.fail(fault.Malformed, "key %q is %d, which does not divide %q = %d", k.arch+"attention.head_count_kv", a.HeadsKV, k.arch+"attention.head_count", a.Heads)
		}
	}
	a.Scale = 1 / math.Sqrt(float64(a.KeyDim))
}

func (k *fileKeys) rotation(b *Block) {
	r := &b.Rope
	r.Magnitude, r.Factor = 1, 1
	if r.Dims = b.Attention.RopeDim; b.Attention.Kind == GQA {
		r.Dims = k.numOr("rope.dimension_count", b.Attention.KeyDim, 2, maxWidth)
	}
	if k.err == nil && (r.Dims%2 != 0 || r.Dims > b.Attention.KeyDim) {
		k.fail(fault.Malformed, "key %q is %d, expected an even number up to the head's %d", k.arch+"rope.dimension_count", r.Dims, b.Attention.KeyDim)
	}
	if r.Base = k.float("rope.freq_base", 10000); r.Base <= 1 {
		k.fail(fault.Malformed, "key %q is %v, expected more than 1", k.arch+"rope.freq_base", r.Base)
	}
	factor := k.float("rope.scaling.factor", k.float("rope.scale_linear", 0))
	if factor == 0 {
		factor = 1
	}
	if factor < 0 {
		k.fail(fault.Malformed, "key %q is %v, expected a positive number", k.arch+"rope.scaling.factor", factor)
	}
	r.Type, _ = k.values[k.arch+"rope.scaling.type"].(string)
	switch r.Type {
	case "none":
	case "", "linear":
		if factor != 1 {
			r.Scaling, r.Factor = RopeLinear, factor
		}
	case "yarn":
		r.Scaling, r.Factor = RopeYaRN, factor
		k.yarn(b)
	default:
		k.fail(fault.Unsupported, "key %q is %s; known are none, linear and yarn", k.arch+"rope.scaling.type", fault.Printable(r.Type))
	}
	if _, ok := k.tensors["rope_freqs.weight"]; ok {
		if r.Scaling != RopePlain {
			k.fail(fault.Unsupported, "the tensor rope_freqs.weight and rope scaling of type %s together", r.Type)
		}
		r.Scaling = RopeDivided
	}
}

func (k *fileKeys) yarn(b *Block) {
	r := &b.Rope
	r.OrigContext = k.numOr("rope.scaling.original_context_length", b.Context, 1, math.MaxUint32)
	r.BetaFast = k.float("rope.scaling.yarn_beta_fast", 32)
	r.BetaSlow = k.float("rope.scaling.yarn_beta_slow", 1)
	if ext := k.float("rope.scaling.yarn_ext_factor", 1); ext != 1 {
		k.fail(fault.Unsupported, "key %q is %v; known is 1", k.arch+"rope.scaling.yarn_ext_factor", ext)
	}
	// mscale_all_dim is a tenth of this; mscale is taken for equal to it, as it is in every model that has both.
	all := 10 * k.float("rope.scaling.yarn_log_multiplier", 0)
	magnitude := yarnMagnitude(r.Factor, 1)
	if all != 0 {
		magnitude = 1
		if b.Attention.Kind == MLA {
			m := yarnMagnitude(r.Factor, all)
			b.Attention.Scale *= m * m
		}
	}
	r.Magnitude = k.float("rope.scaling.yarn_attn_factor", magnitude) * k.float("rope.scaling.attn_factor", 1)
}

func (k *fileKeys) experts(s *Spec, b *Block) {
	e := &b.Experts
	e.Count = k.numOr("expert_count", 0, 0, maxExperts)
	if e.Count == 0 || k.err != nil {
		*e = Experts{}
		return
	}
	if s.Experts == "" {
		k.fail(fault.Unsupported, "key %q is %d: experts are not known for this architecture", k.arch+"expert_count", e.Count)
		return
	}
	e.Used = k.num("expert_used_count", 1, e.Count)
	e.LeadingDense = k.numOr("leading_dense_block_count", 0, 0, b.Layers)
	if e.Width = k.numOr("expert_feed_forward_length", 0, 1, maxWidth); e.Width == 0 {
		e.Width = k.num("feed_forward_length", 1, maxWidth)
	}
	if e.LeadingDense < b.Layers {
		// The keys name the width of one shared expert, or of all, by architecture: the tensor has it.
		e.SharedWidth = k.dim("blk."+itoa(e.LeadingDense)+".ffn_gate_shexp.weight", 1)
	}
	e.Bias = k.anywhere(b.Layers, "exp_probs_b.bias")
	switch gating := k.numOr("expert_gating_func", int64(e.Gating), 1, math.MaxInt32); gating {
	case int64(Softmax), int64(Sigmoid):
		e.Gating = Gating(gating)
	default:
		k.fail(fault.Unsupported, "key %q is %d; known are 1 (softmax) and 2 (sigmoid)", k.arch+"expert_gating_func", gating)
	}
	if k.has("expert_weights_norm") {
		e.Normalize = k.flag("expert_weights_norm")
	}
	if e.WeightScale = k.float("expert_weights_scale", 1); e.WeightScale == 0 {
		e.WeightScale = 1
	}
	e.Groups, e.GroupsUsed, e.GroupTop = 1, 1, 1
	if n := k.numOr("expert_group_count", 1, 0, e.Count); n > 1 {
		e.Groups, e.GroupsUsed = n, k.num("expert_group_used_count", 1, n)
		if e.Count%n != 0 {
			k.fail(fault.Malformed, "key %q is %d, which does not divide %d experts", k.arch+"expert_group_count", n, e.Count)
		}
		if e.Bias { // DeepSeek V3's choice; V2 compares the best of each group
			e.GroupTop = 2
		}
		if k.err == nil && e.Used > e.Count/n*e.GroupsUsed {
			k.fail(fault.Malformed, "%d experts are used of %d in %d of %d groups", e.Used, e.Count, e.GroupsUsed, n)
		}
	}
}
