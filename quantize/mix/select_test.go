package mix

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

func recipe(t *testing.T, name string) *Recipe {
	t.Helper()
	r, ok := ParseRecipe(name)
	if !ok {
		t.Fatalf("recipe %s is unknown", name)
	}
	return r
}

func TestRecipes(t *testing.T) {
	if n := len(Recipes()); n != 35 {
		t.Errorf("%d recipes, llama-quantize v0.5.0 has 35", n)
	}
	last := -1
	for _, r := range Recipes() {
		if int(r.FileType) <= last {
			t.Errorf("%s: number %d is not above %d", r.Name, r.FileType, last)
		}
		last = int(r.FileType)
		for _, spelling := range []string{r.Name, strings.ToLower(r.Name), fmt.Sprint(r.FileType)} {
			if got, ok := ParseRecipe(spelling); !ok || got != r {
				t.Errorf("%q does not give %s", spelling, r.Name)
			}
		}
	}
	for alias, want := range map[string]string{"q3_k": "Q3_K_M", "Q4_K": "Q4_K_M", "q5_K": "Q5_K_M"} {
		if got, ok := ParseRecipe(alias); !ok || got.Name != want {
			t.Errorf("alias %s gives %v, want %s", alias, got, want)
		}
	}
	for _, unknown := range []string{"", "Q4", "Q4_K_XL", "NVFP4", "39", "-1", "4", "5", "6", "33", "1e1", " 15", "15 ", "4294967311", "Q6_K_M"} {
		if r, ok := ParseRecipe(unknown); ok {
			t.Errorf("%q gives %s", unknown, r.Name)
		}
	}
	converted := 0
	for _, r := range Recipes() {
		if r.Converter() {
			converted++
		}
	}
	if converted != 3 {
		t.Errorf("%d recipes are the converter's, want F32, F16 and BF16", converted)
	}
}

func TestOrder(t *testing.T) {
	names := []string{"blk.10.attn_q.weight", "token_embd.weight", "blk.2.ffn_up.weight", "blk.2.attn_q.weight", "output.weight", "blk.2.attn_q.bias", "blk.x.weight", "blk.02.a"}
	var got []string
	for _, k := range Order(names) {
		got = append(got, names[k])
	}
	want := []string{"blk.x.weight", "output.weight", "token_embd.weight", "blk.02.a", "blk.2.attn_q.bias", "blk.2.attn_q.weight", "blk.2.ffn_up.weight", "blk.10.attn_q.weight"}
	if !slices.Equal(got, want) {
		t.Errorf("order\n%v, want\n%v", got, want)
	}
}

func TestMoreBits(t *testing.T) {
	// ggml.md 4.4: of 80 layers the first ten, the last ten, and every third between.
	var got []int64
	for i := range int64(80) {
		if moreBits(i, 80) {
			got = append(got, i)
		}
	}
	want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57, 60, 63, 66, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79}
	if !slices.Equal(got, want) {
		t.Errorf("layers %v, want %v", got, want)
	}
	for i := range int64(3) { // fewer than eight layers: no first eighth
		if want := i == 2; moreBits(i, 3) != want {
			t.Errorf("layer %d of 3: %v", i, !want)
		}
	}
}

// small is a dense model of n layers.
func small(layers int64) (Model, []Site) {
	sites := []Site{{"output.weight", []int64{256, 1000}, gguf.TypeF16}, {"output_norm.weight", []int64{256}, gguf.TypeF32}, {"token_embd.weight", []int64{256, 1000}, gguf.TypeF16}}
	for l := range layers {
		for _, n := range []string{"attn_k", "attn_output", "attn_q", "attn_v", "ffn_down", "ffn_gate", "ffn_up"} {
			sites = append(sites, Site{fmt.Sprintf("blk.%d.%s.weight", l, n), []int64{256, 256}, gguf.TypeF16})
		}
	}
	return Model{Arch: "llama", Layers: layers, Heads: 8, HeadsKV: 8}, sites
}

func selected(t *testing.T, m Model, sites []Site, name string, o Options) map[string]gguf.Type {
	t.Helper()
	choices, err := Select(m, sites, recipe(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]gguf.Type{}
	for i, c := range choices {
		got[sites[i].Name] = c.Type
	}
	return got
}

func TestRules(t *testing.T) {
	m, sites := small(16)
	moe, gqa, falcon, mistral8 := m, m, m, m
	moe.Experts, mistral8.Experts, gqa.HeadsKV, falcon.Arch = 64, 8, 2, "falcon"
	big, bigSites := small(80)
	big.HeadsKV = 1
	qwen := big
	qwen.Arch, qwen.HeadsKV = "qwen2", 8
	for _, c := range []struct {
		why          string
		m            Model
		sites        []Site
		recipe       string
		importance   bool
		tensor, want string
	}{
		{"output of a mixture", m, sites, "Q4_K_M", false, "output.weight", "Q6_K"},
		{"output of Q8_0", m, sites, "Q8_0", false, "output.weight", "Q8_0"},
		{"output under falcon", falcon, sites, "Q4_K_M", false, "output.weight", "Q8_0"},
		{"output of few bits", m, sites, "IQ3_XXS", true, "output.weight", "Q5_K"},
		{"embedding of few bits", m, sites, "IQ2_M", true, "token_embd.weight", "IQ3_S"},
		{"embedding of ternary", m, sites, "TQ1_0", false, "token_embd.weight", "Q4_K"},
		{"norms stay", m, sites, "Q2_K", false, "output_norm.weight", "F32"},
		{"first values", m, sites, "Q3_K_M", false, "blk.1.attn_v.weight", "Q5_K"},
		{"later values", m, sites, "Q3_K_M", false, "blk.2.attn_v.weight", "Q4_K"},
		{"first values of S", m, sites, "Q4_K_S", false, "blk.3.attn_v.weight", "Q5_K"},
		{"later values of S", m, sites, "Q4_K_S", false, "blk.4.attn_v.weight", "Q4_K"},
		{"shared values", gqa, sites, "Q2_K", false, "blk.5.attn_v.weight", "Q4_K"},
		{"own values", m, sites, "Q2_K", false, "blk.5.attn_v.weight", "Q3_K"},
		{"values of 70B", big, bigSites, "Q3_K_M", false, "blk.40.attn_v.weight", "Q5_K"},
		{"values of 80 layers of qwen2", qwen, bigSites, "Q4_K_S", false, "blk.40.attn_v.weight", "Q5_K"},
		{"values of eight experts", mistral8, sites, "Q4_K_M", false, "blk.5.attn_v.weight", "Q8_0"},
		{"keys of eight experts", mistral8, sites, "Q4_K_M", false, "blk.5.attn_k.weight", "Q8_0"},
		{"attention output of eight experts", mistral8, sites, "Q4_K_M", false, "blk.5.attn_output.weight", "Q5_K"},
		{"attention output of many experts", moe, sites, "Q3_K_M", false, "blk.5.attn_output.weight", "Q4_K"},
		{"early down", m, sites, "Q3_K_M", false, "blk.0.ffn_down.weight", "Q5_K"},
		{"down", m, sites, "Q3_K_M", false, "blk.1.ffn_down.weight", "Q4_K"},
		{"down under falcon", falcon, sites, "Q3_K_M", false, "blk.2.ffn_down.weight", "Q3_K"},
		{"down by layer with experts", moe, sites, "Q4_K_S", false, "blk.1.ffn_down.weight", "Q5_K"},
		{"early down of Q4_0", m, sites, "Q4_0", false, "blk.1.ffn_down.weight", "Q4_0"},
		{"early down of Q4_0 with importance", m, sites, "Q4_0", true, "blk.1.ffn_down.weight", "Q4_1"},
		{"early down of Q5_0 with importance", m, sites, "Q5_0", true, "blk.1.ffn_down.weight", "Q5_1"},
		{"later down of Q5_0 with importance", m, sites, "Q5_0", true, "blk.2.ffn_down.weight", "Q5_0"},
		{"early down of IQ4_XS", m, sites, "IQ4_XS", false, "blk.1.ffn_down.weight", "Q5_K"},
		{"early down of IQ4_XS with importance", m, sites, "IQ4_XS", true, "blk.1.ffn_down.weight", "IQ4_XS"},
		{"middle gate", m, sites, "IQ3_XS", true, "blk.2.ffn_gate.weight", "IQ3_XXS"},
		{"first gate", m, sites, "IQ3_XS", true, "blk.1.ffn_gate.weight", "IQ3_S"},
		{"last up", m, sites, "IQ3_XS", true, "blk.14.ffn_up.weight", "IQ3_S"},
		{"query", m, sites, "IQ3_XXS", true, "blk.5.attn_q.weight", "IQ2_S"},
	} {
		if got := selected(t, c.m, c.sites, c.recipe, Options{Importance: c.importance})[c.tensor]; got.String() != c.want {
			t.Errorf("%s: %s of %s is %v, want %s", c.why, c.tensor, c.recipe, got, c.want)
		}
	}
	// Without output.weight the embeddings are the output.
	if got := selected(t, m, sites[2:], "Q4_K_M", Options{})["token_embd.weight"]; got != gguf.TypeQ6_K {
		t.Errorf("tied embeddings are %v, want Q6_K", got)
	}
	if got := selected(t, m, sites, "Q4_K_M", Options{})["token_embd.weight"]; got != gguf.TypeQ4_K {
		t.Errorf("embeddings are %v, want Q4_K", got)
	}
}

func TestNeverQuantized(t *testing.T) {
	for name, want := range map[string]bool{
		"blk.0.attn_q.weight": true, "blk.0.attn_q_norm.weight": false, "blk.0.ffn_gate_inp.weight": false, "blk.0.attn_q.bias": false,
		"position_embd.weight": false, "token_types.weight": false, "blk.0.ssm_conv1d.weight": false, "blk.0.ssm_in.weight": true,
		"blk.0.indexer.k_proj.weight": false, "blk.0.indexer.proj.weight": true, "blk.0.nextn.eh_proj.weight": true, "per_layer_token_embd.weight": true,
		"blk.0.time_mix_w1.weight": false, "abcde": true, "abcd": false, "abcdef": false, "weight": true,
		"rope_freqs.weight": true, "v.blk.0.attn_rel_pos.weight": true, "v.blk.0.rel_pos_h.weight": false,
	} {
		c := selected(t, Model{Arch: "llama", Layers: 1}, []Site{{name, []int64{256, 2}, gguf.TypeF32}}, "Q8_0", Options{})
		if got := c[name] != gguf.TypeF32; got != want {
			t.Errorf("%s: quantized %v, want %v", name, got, want)
		}
	}
	for _, c := range []struct {
		shape []int64
		want  bool
	}{{[]int64{256}, false}, {[]int64{256, 1}, false}, {[]int64{256, 1, 1}, false}, {nil, false}, {[]int64{256, 1, 2}, true}, {[]int64{1, 256}, true}} {
		got := selected(t, Model{Arch: "llama", Layers: 1}, []Site{{"a.weight", c.shape, gguf.TypeF32}}, "F16", Options{})["a.weight"]
		if (got != gguf.TypeF32) != c.want {
			t.Errorf("shape %v becomes %v", c.shape, got)
		}
	}
}

func TestD6Fallback(t *testing.T) {
	for _, c := range []struct {
		row          int64
		recipe, want string
	}{
		{576, "Q4_K_S", "Q5_0"}, {576, "Q5_K_S", "Q5_1"}, {576, "Q6_K", "Q8_0"}, {576, "Q3_K_S", "Q4_0"}, {576, "Q2_K", "Q4_0"}, {576, "IQ4_XS", "IQ4_NL"},
		{576, "IQ1_S", "IQ4_NL"}, {576, "TQ2_0", "Q4_0"}, {576, "Q8_0", "Q8_0"}, {48, "Q4_K_S", "F16"}, {48, "Q8_0", "F16"}, {48, "Q4_0", "F16"}, {32, "Q2_0", "Q4_0"}, {256, "Q4_K_S", "Q4_K"},
	} {
		sites := []Site{{"blk.0.x.weight", []int64{c.row, 4}, gguf.TypeF32}}
		choices, err := Select(Model{Arch: "llama", Layers: 1}, sites, recipe(t, c.recipe), Options{Importance: true})
		if err != nil {
			t.Errorf("%s with rows of %d: %v", c.recipe, c.row, err)
			continue
		}
		fell := choices[0].Type != recipe(t, c.recipe).Default
		if choices[0].Type.String() != c.want || fell != (choices[0].Reason != "") {
			t.Errorf("%s with rows of %d is %v (%q), want %s", c.recipe, c.row, choices[0].Type, choices[0].Reason, c.want)
		}
	}
	_, err := Select(Model{Layers: 1}, []Site{{"blk.0.x.weight", []int64{64, 4}, gguf.TypeF32}}, recipe(t, "Q1_0"), Options{})
	if fault.KindOf(err) != fault.Unsupported {
		t.Errorf("Q1_0 with rows of 64: %v, want unsupported", err)
	}
}

// A pattern that backtracks without end is an error after a bounded time, not a hang.
func TestPatternTime(t *testing.T) {
	p, err := NewPattern(`^(a+)+$`, gguf.TypeQ8_0)
	if err != nil {
		t.Fatal(err)
	}
	p.expr.MatchTimeout = patternTime / 20
	sites := []Site{{"blk.0." + strings.Repeat("a", 40) + ".weight", []int64{256, 2}, gguf.TypeF32}, {strings.Repeat("a", 40) + "weight", []int64{256, 2}, gguf.TypeF32}}
	_, err = Select(Model{Layers: 1}, sites, recipe(t, "Q8_0"), Options{Patterns: []Pattern{p}})
	if fault.KindOf(err) != fault.Limit {
		t.Errorf("got %v, want a limit", err)
	}
}

func FuzzSelect(f *testing.F) {
	f.Add("blk.0.attn_v.weight", int64(256), int64(2), int64(1), uint8(12), int64(8))
	f.Add("blk.-1.ffn_down.weight", int64(-5), int64(0), int64(3), uint8(3), int64(0))
	f.Add("token_embd.weight", int64(0), int64(1)<<62, int64(1), uint8(34), int64(256))
	f.Fuzz(func(t *testing.T, name string, row, rows, slabs int64, r uint8, experts int64) {
		all := Recipes()
		m := Model{Arch: "llama", Layers: 16, Heads: 8, HeadsKV: 2, Experts: experts}
		c, err := Select(m, []Site{{name, []int64{row, rows, slabs}, gguf.TypeF32}}, all[int(r)%len(all)], Options{Importance: true})
		if err != nil {
			if fault.KindOf(err) == 0 {
				t.Fatalf("an error without kind: %v", err)
			}
			return
		}
		elems, _, ok := c[0].Type.Block()
		if !ok || row%elems != 0 {
			t.Fatalf("%q with rows of %d gets %v, which does not fit", name, row, c[0].Type)
		}
	})
}
