package arch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// one is a recording for each Spec, to break in many ways.
var one = map[string]string{
	"qwen2": "qwen2", "llama": "mixtral", "deepseek2": "deepseek3", "hunyuan-dense": "hunyuan-dense-plain", "hunyuan-moe": "hunyuan-moe-transformers",
}

// edited replaces a member of an object by a literal; "" removes it.
func edited(t testing.TB, cfg strictjson.Value, name, literal string) strictjson.Value {
	t.Helper()
	out := strictjson.Value{Kind: strictjson.Object}
	for _, p := range cfg.Pairs {
		if p.Name != name {
			out.Pairs = append(out.Pairs, p)
		}
	}
	if literal != "" {
		out.Pairs = append(out.Pairs, strictjson.Member{Name: name, Value: mustParse(t, []byte(literal))})
	}
	return out
}

func bindError(t testing.TB, cfg strictjson.Value, src []Source) error {
	t.Helper()
	s, err := Match(cfg)
	if err != nil {
		return err
	}
	b, err := s.Bind(cfg, src)
	if (b == nil) == (err == nil) {
		t.Fatalf("binding %v with error %v", b, err)
	}
	return err
}

func wantFault(t *testing.T, err error, kind fault.Kind, parts ...string) {
	t.Helper()
	if fault.KindOf(err) != kind {
		t.Fatalf("error %v of kind %d, want kind %d", err, fault.KindOf(err), kind)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Fatalf("error %q does not say %q", err, p)
		}
	}
}

// each runs f for one sound checkpoint of every Spec.
func each(t *testing.T, f func(t *testing.T, g *golden)) {
	for _, s := range List() {
		t.Run(s.Name, func(t *testing.T) { f(t, readGolden(t, "testdata/"+one[s.Name]+".tsv")) })
	}
}

func TestB16Architectures(t *testing.T) {
	for _, doc := range []string{
		`{}`, `{"architectures": null}`, `{"architectures": []}`, `{"architectures": ["GPT2LMHeadModel"]}`, `{"architectures": "LlamaForCausalLM"}`,
		`{"architectures": [7]}`, `{"architectures": ["LlamaForCausalLM"], "text_config": {"architectures": ["Gemma3ForCausalLM"]}}`,
	} {
		_, err := Match(mustParse(t, []byte(doc)))
		wantFault(t, err, fault.Unsupported, "supported: DeepseekV2ForCausalLM, DeepseekV3ForCausalLM, HunYuanDenseV1ForCausalLM", "Qwen2ForCausalLM")
	}
	for doc, want := range map[string]string{
		`{"architectures": ["QWen", "Qwen2ForCausalLM"], "text_config": {"architectures": ["MixtralForCausalLM"]}}`: "llama",
		`{"architectures": ["Qwen2ForCausalLM"], "text_config": {}}`:                                                "qwen2",
	} {
		s, err := Match(mustParse(t, []byte(doc)))
		if err != nil || s.Name != want {
			t.Errorf("%s: %v, %v, want %s", doc, s, err, want)
		}
	}
}

func TestB17ShapeContradictsConfig(t *testing.T) {
	each(t, func(t *testing.T, g *golden) {
		hidden, _ := g.config.Get("hidden_size").Int64()
		err := bindError(t, edited(t, g.config, "vocab_size", "41"), g.src)
		wantFault(t, err, fault.Mismatch, "is 40, config.json says vocab_size = 41")
		for i, src := range g.src {
			if len(src.Shape) != 2 || strings.HasSuffix(src.Name, "_scale_inv") || strings.Contains(src.Name, ".layers.12.") {
				continue
			}
			broken := slices.Clone(g.src)
			broken[i].Shape = []int64{src.Shape[0], src.Shape[1] + 1}
			wantFault(t, bindError(t, g.config, broken), fault.Mismatch, src.Name, fmt.Sprintf("is %d", src.Shape[1]+1), fmt.Sprintf("= %d", src.Shape[1]))
			broken[i].Shape = []int64{src.Shape[0], src.Shape[1], 1}
			wantFault(t, bindError(t, g.config, broken), fault.Mismatch, src.Name, "has 3 dimensions")
			broken[i].Shape = nil
			wantFault(t, bindError(t, g.config, broken), fault.Mismatch, src.Name, "has 0 dimensions")
		}
		// hidden_size stands in most shapes; a wrong one never passes
		err = bindError(t, edited(t, g.config, "hidden_size", fmt.Sprint(hidden*2)), g.src)
		wantFault(t, err, fault.Mismatch, fmt.Sprint(hidden), fmt.Sprint(hidden*2), "hidden_size")
	})
}

func TestB18HostileNumbers(t *testing.T) {
	names := []string{"num_attention_heads", "num_key_value_heads", "hidden_size", "intermediate_size", "vocab_size", "num_hidden_layers",
		"max_position_embeddings"}
	extra := map[string][]string{
		"llama":       {"num_local_experts", "num_experts_per_tok"},
		"deepseek2":   {"q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "n_routed_experts", "n_shared_experts", "moe_intermediate_size", "first_k_dense_replace", "num_experts_per_tok", "n_group", "topk_group"},
		"hunyuan-moe": {"num_experts", "moe_topk", "moe_intermediate_size", "num_shared_expert"},
	}
	each(t, func(t *testing.T, g *golden) {
		s, _ := Match(g.config)
		for _, name := range append(extra[s.Name], names...) {
			for _, literal := range []string{"0", "-1", "-9223372036854775808", "2.5", "4.0", "1e30", "99999999999999999999999999", `"8"`, "true", "[]", "{}", "9223372036854775807", "NaN", "-Infinity"} {
				err := bindError(t, edited(t, g.config, name, literal), g.src)
				switch k := fault.KindOf(err); {
				case k == fault.Malformed || k == fault.Limit || k == fault.Mismatch:
				case literal == "0" && name == "max_position_embeddings" && err == nil: // the reference writes it too
				default:
					t.Errorf("%s = %s: %v of kind %d", name, literal, err, k)
				}
			}
		}
		for _, literal := range []string{"0", "-8", "1.5", "1e30", `"4"`} {
			wantFault(t, bindError(t, edited(t, g.config, "num_attention_heads", literal), g.src), fault.Malformed, "num_attention_heads is")
		}
		wantFault(t, bindError(t, edited(t, g.config, "num_key_value_heads", "3"), g.src), fault.Malformed, "3")
		for _, literal := range []string{"-1", `"x"`, "1e39", "[]", "NaN"} {
			wantFault(t, bindError(t, edited(t, g.config, "rms_norm_eps", literal), g.src), fault.Malformed, "rms_norm_eps is")
		}
		for _, literal := range []string{`"linear"`, "7", `[1]`, `{"type": 3}`, `{"full_attention": 1}`} {
			wantFault(t, bindError(t, edited(t, edited(t, g.config, "rope_parameters", literal), "model_type", ""), g.src), fault.Malformed)
		}
		wantFault(t, bindError(t, edited(t, g.config, "tie_word_embeddings", `"yes"`), g.src), fault.Malformed, "tie_word_embeddings is a string yes")
		wantFault(t, bindError(t, edited(t, g.config, "hidden_act", `"gelu"`), g.src), fault.Unsupported, "gelu")
	})
}

// TestB19Limits: a number beyond a documented limit is refused before anything is made of its size.
func TestB19Limits(t *testing.T) {
	each(t, func(t *testing.T, g *golden) {
		wantFault(t, bindError(t, edited(t, g.config, "num_hidden_layers", "1000000000"), nil), fault.Limit, "num_hidden_layers is 1000000000, the limit is 1024")
		wantFault(t, bindError(t, edited(t, g.config, "num_hidden_layers", "1025"), nil), fault.Limit, "1025")
		wantFault(t, bindError(t, edited(t, g.config, "num_hidden_layers", "1024"), nil), fault.Mismatch, "missing ")
		wantFault(t, bindError(t, edited(t, g.config, "vocab_size", "4194305"), g.src), fault.Limit, "the limit is 4194304")
		wantFault(t, bindError(t, edited(t, g.config, "vocab_size", "4194304"), g.src), fault.Mismatch)
		s, _ := Match(g.config)
		if s.Experts != "" {
			wantFault(t, bindError(t, edited(t, g.config, s.Experts, "4097"), g.src), fault.Limit, "the limit is 4096")
			wantFault(t, bindError(t, edited(t, g.config, s.Experts, "4096"), nil), fault.Mismatch, "missing ")
		}
	})
}

func TestB20MissingAndUnknown(t *testing.T) {
	each(t, func(t *testing.T, g *golden) {
		s, _ := Match(g.config)
		for i, src := range g.src {
			name := strings.Replace(src.Name, "e_score_correction_bias", "e_score_correction.bias", 1)
			err := bindError(t, g.config, slices.Delete(slices.Clone(g.src), i, i+1))
			if s.PastLayers && strings.HasPrefix(src.Name, "model.layers.12.") {
				if err != nil {
					t.Errorf("without %s: %v", src.Name, err)
				}
				continue
			}
			wantFault(t, err, fault.Mismatch, "missing 1 of the tensors that config.json implies: "+name)
		}
		more := append(slices.Clone(g.src), Source{"model.layers.0.self_attn.sinks", "BF16", []int64{4}}, Source{"zz\x1b[2J.weight", "BF16", []int64{4}})
		err := bindError(t, g.config, more)
		wantFault(t, err, fault.Mismatch, "no place in a "+s.Name+" model for 2 of the tensors: model.layers.0.self_attn.sinks", `\x1b`)
		if strings.ContainsRune(err.Error(), 0x1b) {
			t.Error("an escape reaches the message")
		}
		wantFault(t, bindError(t, g.config, nil), fault.Mismatch, " and ", "more")
		twice := append(slices.Clone(g.src), g.src[0])
		wantFault(t, bindError(t, g.config, twice), fault.Mismatch, "the same tensor")
		err = bindError(t, g.config, append(g.src[5:len(g.src):len(g.src)], more[len(g.src)]))
		wantFault(t, err, fault.Mismatch, "missing 5 of the tensors", "for 1 of the tensors")
	})
	// a layer beyond the last, an expert beyond the last, and names that only look like numbers
	g := readGolden(t, "testdata/mixtral.tsv")
	for _, name := range []string{"model.layers.3.input_layernorm.weight", "model.layers.00.input_layernorm.weight", "model.layers.-1.input_layernorm.weight",
		"model.layers.0.block_sparse_moe.experts.4.w1.weight", "model.layers.9999999999.input_layernorm.weight", "model.layers..input_layernorm.weight",
		"model.layers.0.mlp.gate_proj.weight", "model.layers.{l}.input_layernorm.weight"} {
		wantFault(t, bindError(t, g.config, append(slices.Clone(g.src), Source{name, "BF16", []int64{32}})), fault.Mismatch, "no place", name)
	}
	// biases: in every layer or in none
	g = readGolden(t, "testdata/llama-bias.tsv")
	at := slices.IndexFunc(g.src, func(s Source) bool { return s.Name == "model.layers.1.self_attn.o_proj.bias" })
	wantFault(t, bindError(t, g.config, slices.Delete(g.src, at, at+1)), fault.Mismatch, "missing 1 of the tensors that config.json implies: model.layers.1.self_attn.o_proj.bias")
}

func TestB21TiedHead(t *testing.T) {
	head := func(s Source) bool { return s.Name == "lm_head.weight" }
	output := func(t *Target) bool { return t.Name == "output.weight" }
	has := func(b *Binding) bool {
		for i := range b.Targets {
			if output(&b.Targets[i]) {
				return true
			}
		}
		return false
	}
	each(t, func(t *testing.T, g *golden) {
		s, _ := Match(g.config)
		src := slices.DeleteFunc(slices.Clone(g.src), head)
		with := append(slices.Clone(src), Source{"lm_head.weight", "BF16", []int64{40, g.src[slices.IndexFunc(g.src, func(s Source) bool { return s.Name == "model.embed_tokens.weight" })].Shape[1]}})
		tied, untied := edited(t, g.config, "tie_word_embeddings", "true"), edited(t, g.config, "tie_word_embeddings", "false")

		if b := bindConfig(t, tied, src); has(b) || !b.Block.TiedOutput || len(b.Notices) != 0 {
			t.Errorf("tied, absent: output %v, tied %v, notices %q", has(b), b.Block.TiedOutput, b.Notices)
		}
		if b := bindConfig(t, untied, with); !has(b) || b.Block.TiedOutput || len(b.Notices) != 0 {
			t.Errorf("untied, present: output %v, tied %v, notices %q", has(b), b.Block.TiedOutput, b.Notices)
		}
		b := bindConfig(t, tied, with)
		if s.DropTied {
			if has(b) || len(b.Tied) != 1 || with[b.Tied[0]].Name != "lm_head.weight" || !slices.Contains(b.Dropped, "lm_head.weight") {
				t.Errorf("tied, present: output %v, tied sources %v, dropped %q", has(b), b.Tied, b.Dropped)
			}
		} else if !has(b) || len(b.Notices) != 1 || !strings.Contains(b.Notices[0], "lm_head.weight is present although tie_word_embeddings is true") {
			t.Errorf("tied, present: output %v, notices %q", has(b), b.Notices)
		}
		wantFault(t, bindError(t, untied, src), fault.Mismatch, "missing 1 of the tensors that config.json implies: lm_head.weight")
	})
}

func TestB22Quantized(t *testing.T) {
	each(t, func(t *testing.T, g *golden) {
		for _, method := range []string{"gptq", "awq", "bitsandbytes", "compressed-tensors", "modelopt", "mxfp4", "fbgemm_fp8", "bitnet", "new\x1b"} {
			quoted, _ := json.Marshal(map[string]string{"quant_method": method})
			wantFault(t, bindError(t, edited(t, g.config, "quantization_config", string(quoted)), g.src), fault.Unsupported, fmt.Sprintf("%q", method))
		}
		for literal, kind := range map[string]fault.Kind{
			`{"quant_method": 3}`: fault.Malformed,
			`{"quant_method": "fp8", "weight_block_size": [128]}`:      fault.Unsupported,
			`{"quant_method": "fp8", "weight_block_size": [0, 1]}`:     fault.Malformed,
			`{"quant_method": "fp8", "weight_block_size": [128, 2.5]}`: fault.Malformed,
		} {
			wantFault(t, bindError(t, edited(t, g.config, "quantization_config", literal), g.src), kind)
		}
		for _, dtype := range []string{"I32", "U8", "F4", "F8_E8M0", "BOOL", "C64", ""} {
			broken := slices.Clone(g.src)
			broken[0].Dtype = dtype
			wantFault(t, bindError(t, g.config, broken), fault.Unsupported, broken[0].Name, "dtype")
		}
	})
	g := readGolden(t, "testdata/deepseek3-fp8.tsv")
	b := bindConfig(t, g.config, g.src)
	if !slices.Equal(b.ScaleBlock, []int64{16, 16}) {
		t.Errorf("scale block %v", b.ScaleBlock)
	}
	for i, src := range g.src {
		if !strings.HasSuffix(src.Name, "_scale_inv") || strings.HasPrefix(src.Name, "model.layers.2.") {
			continue
		}
		broken := slices.Clone(g.src)
		broken[i].Shape = []int64{src.Shape[0] + 1, src.Shape[1]}
		wantFault(t, bindError(t, g.config, broken), fault.Mismatch, src.Name, "blocks of [16 16]")
		broken[i] = src
		broken[i].Dtype = "I8"
		wantFault(t, bindError(t, g.config, broken), fault.Unsupported, src.Name, "dtype I8")
		broken[i] = src
		broken[i].Name = "x" + src.Name
		wantFault(t, bindError(t, g.config, broken), fault.Mismatch, "no place", "x"+src.Name)
	}
	// without the config's word for it, scales are tensors that nothing explains
	wantFault(t, bindError(t, edited(t, g.config, "quantization_config", ""), g.src), fault.Mismatch, "no place", "_scale_inv")

	// one scale a tensor or a row
	g = readGolden(t, "testdata/qwen2.tsv")
	at := slices.IndexFunc(g.src, func(s Source) bool { return s.Name == "model.layers.0.mlp.up_proj.weight" })
	perTensor := edited(t, g.config, "quantization_config", `{"quant_method": "fp8"}`)
	for _, c := range []struct {
		shape []int64
		ok    bool
	}{{nil, true}, {[]int64{1}, true}, {[]int64{48}, true}, {[]int64{48, 1}, true}, {[]int64{1, 32}, true}, {[]int64{32}, false}, {[]int64{48, 2}, false}, {[]int64{48, 1, 1}, false}} {
		src := append(slices.Clone(g.src), Source{g.src[at].Name + "_scale_inv", "F32", c.shape}, Source{"model.layers.0.mlp.up_proj.activation_scale", "F32", nil})
		src[at].Dtype = "F8_E4M3"
		if !c.ok {
			wantFault(t, bindError(t, perTensor, src), fault.Mismatch, "broadcast")
			continue
		}
		b := bindConfig(t, perTensor, src)
		i := slices.IndexFunc(b.Targets, func(x Target) bool { return x.Name == "blk.0.ffn_up.weight" })
		if b.ScaleBlock != nil || b.Targets[i].Scale[0] != len(g.src) || !slices.Equal(b.Dropped, []string{"model.layers.0.mlp.up_proj.activation_scale"}) {
			t.Errorf("scale %v: block %v, source %v, dropped %q", c.shape, b.ScaleBlock, b.Targets[i].Scale, b.Dropped)
		}
	}
}

// TestB23CustomCode: auto_map changes nothing.
func TestB23CustomCode(t *testing.T) {
	each(t, func(t *testing.T, g *golden) {
		want := facts(bindConfig(t, g.config, g.src), nil)
		got := facts(bindConfig(t, edited(t, g.config, "auto_map", `{"AutoConfig": "evil--configuration.Config", "AutoModel": "../../etc/passwd"}`), g.src), nil)
		compareFacts(t, got, want)
	})
}

func TestB29NotANumber(t *testing.T) {
	each(t, func(t *testing.T, g *golden) {
		for _, name := range []string{"rms_norm_eps", "rope_theta", "hidden_size"} {
			for _, literal := range []string{"NaN", "Infinity", "-Infinity"} {
				cfg := edited(t, g.config, name, literal)
				if name == "rope_theta" {
					cfg = edited(t, cfg, "rope_scaling", "null")
				}
				wantFault(t, bindError(t, cfg, g.src), fault.Malformed, name+" is a number "+literal)
			}
		}
		want := facts(bindConfig(t, g.config, g.src), nil)
		compareFacts(t, facts(bindConfig(t, edited(t, g.config, "initializer_range", "NaN"), g.src), nil), want)
	})
	g := readGolden(t, "testdata/llama31.tsv")
	for _, name := range []string{"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings", "rope_theta"} {
		for _, literal := range []string{"NaN", "0", "-1", `"8"`} {
			scaling := edited(t, g.config.Get("rope_scaling"), name, literal)
			cfg := edited(t, g.config, "rope_scaling", "")
			cfg.Pairs = append(cfg.Pairs, strictjson.Member{Name: "rope_scaling", Value: scaling})
			wantFault(t, bindError(t, cfg, g.src), fault.Malformed, name)
		}
	}
}
