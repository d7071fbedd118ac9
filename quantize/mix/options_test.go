package mix

import (
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

func TestOptions(t *testing.T) {
	m, sites := small(16)
	q8, q4_0, bf16 := gguf.TypeQ8_0, gguf.TypeQ4_0, gguf.TypeBF16
	pattern := func(expr string, typ gguf.Type) []Pattern {
		p, err := NewPattern(expr, typ)
		if err != nil {
			t.Fatal(err)
		}
		return []Pattern{p}
	}
	perLayer := append(slices.Clone(sites), Site{"per_layer_token_embd.weight", []int64{256, 4}, gguf.TypeF32})
	for _, c := range []struct {
		why          string
		sites        []Site
		recipe       string
		o            Options
		tensor, want string
	}{
		{"pure", sites, "Q4_K_M", Options{Pure: true}, "output.weight", "Q4_K"},
		{"pure", sites, "Q4_K_M", Options{Pure: true}, "blk.0.ffn_down.weight", "Q4_K"},
		{"leave output", sites, "Q4_K_M", Options{LeaveOutput: true}, "output.weight", "F16"},
		{"leave output leaves the embeddings alone", sites, "Q4_K_M", Options{LeaveOutput: true}, "token_embd.weight", "Q4_K"},
		{"output", sites, "Q4_K_M", Options{Output: &q8}, "output.weight", "Q8_0"},
		{"output for floats", sites, "F16", Options{Output: &q8}, "output.weight", "Q8_0"},
		{"output under pure", sites, "Q4_K_M", Options{Output: &q8, Pure: true}, "output.weight", "Q8_0"},
		{"output, tied", sites[2:], "Q4_K_M", Options{Output: &q8}, "token_embd.weight", "Q8_0"},
		{"output, tied, pure", sites[2:], "Q4_K_M", Options{Output: &q8, Pure: true}, "token_embd.weight", "Q4_K"},
		{"embedding", sites, "Q4_K_M", Options{Embedding: &q8}, "token_embd.weight", "Q8_0"},
		{"embedding, tied, wins over output", sites[2:], "Q4_K_M", Options{Embedding: &bf16, Output: &q8}, "token_embd.weight", "BF16"},
		{"embedding wins over a pattern", sites, "Q4_K_M", Options{Embedding: &q8, Patterns: pattern("token_embd", q4_0)}, "token_embd.weight", "Q8_0"},
		{"a pattern wins for the embedding of layers", perLayer, "Q4_K_M", Options{Embedding: &q8, Patterns: pattern("per_layer", q4_0)}, "per_layer_token_embd.weight", "Q4_0"},
		{"embedding of layers", perLayer, "Q4_K_M", Options{Embedding: &q8, Patterns: pattern("ffn", q4_0)}, "per_layer_token_embd.weight", "Q8_0"},
		{"pattern", sites, "Q4_K_M", Options{Patterns: pattern(`blk\.1[0-5]\.ffn_(up|gate)`, q8)}, "blk.12.ffn_gate.weight", "Q8_0"},
		{"pattern elsewhere", sites, "Q4_K_M", Options{Patterns: pattern(`blk\.1[0-5]\.ffn_(up|gate)`, q8)}, "blk.2.ffn_gate.weight", "Q4_K"},
		{"patterns do not apply to floats", sites, "BF16", Options{Patterns: pattern("ffn", q8)}, "blk.2.ffn_gate.weight", "BF16"},
		{"patterns do not apply to norms", sites, "Q4_K_M", Options{Patterns: pattern("norm", q8)}, "output_norm.weight", "F32"},
		{"patterns are lower-cased", sites, "Q4_K_M", Options{Patterns: pattern("FFN_UP", q8)}, "blk.2.ffn_up.weight", "Q8_0"},
		{"lookahead of ECMAScript", sites, "Q4_K_M", Options{Patterns: pattern(`ffn_(?!down)`, q8)}, "blk.2.ffn_up.weight", "Q8_0"},
		{"backward reference of ECMAScript", sites, "Q4_K_M", Options{Patterns: pattern(`blk\.(\d)\1\.ffn_up`, q8)}, "blk.11.ffn_up.weight", "Q8_0"},
	} {
		if got := selected(t, m, c.sites, c.recipe, c.o)[c.tensor]; got.String() != c.want {
			t.Errorf("%s: %s of %s is %v, want %s", c.why, c.tensor, c.recipe, got, c.want)
		}
	}
	// The first pattern that matches decides; a tensor that a pattern names is not counted by the rules.
	o := Options{Patterns: append(pattern(`blk\.0\.attn_v`, q8), pattern(`attn_v`, q4_0)...)}
	got := selected(t, m, sites, "Q4_K_S", o)
	if got["blk.0.attn_v.weight"] != q8 || got["blk.1.attn_v.weight"] != q4_0 {
		t.Errorf("two patterns: %v and %v", got["blk.0.attn_v.weight"], got["blk.1.attn_v.weight"])
	}
	got = selected(t, m, sites, "Q4_K_S", Options{Patterns: pattern(`blk\.0\.attn_v`, q8)})
	if got["blk.4.attn_v.weight"] != gguf.TypeQ5_K || got["blk.5.attn_v.weight"] != gguf.TypeQ4_K {
		t.Errorf("values four and five after a pattern took the first: %v, %v", got["blk.4.attn_v.weight"], got["blk.5.attn_v.weight"])
	}
	// Types that patterns give must fit too; the dedicated options are taken at their word.
	narrow := []Site{{"output.weight", []int64{48, 4}, gguf.TypeF32}, {"blk.0.ffn_up.weight", []int64{48, 4}, gguf.TypeF32}}
	got = selected(t, m, narrow, "Q8_0", Options{Output: &q8, Patterns: pattern("ffn_up", q4_0)})
	if got["output.weight"] != q8 || got["blk.0.ffn_up.weight"] != gguf.TypeF16 {
		t.Errorf("rows of 48: output %v, pattern %v", got["output.weight"], got["blk.0.ffn_up.weight"])
	}
}

func TestRefusals(t *testing.T) {
	m, sites := small(16)
	for _, bad := range []string{"", "(", "[z-a]", `a{2,1}`, `(?<n>a`} {
		if _, err := NewPattern(bad, gguf.TypeQ8_0); fault.KindOf(err) != fault.Usage {
			t.Errorf("pattern %q: %v, want a usage error", bad, err)
		}
	}
	if _, err := NewPattern("blk.[[:digit:]]", gguf.TypeQ8_0); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("a POSIX class: %v, want unsupported", err)
	}
	for _, r := range Recipes() {
		_, err := Select(m, sites, r, Options{})
		switch need := r.NeedsImportance(); {
		case need && (fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "give --imatrix")):
			t.Errorf("%s without importance: %v, want a usage error that names --imatrix", r.Name, err)
		case !need && err != nil:
			t.Errorf("%s needs no importance: %v", r.Name, err)
		}
		if _, err := Select(m, sites, r, Options{Importance: true}); err != nil {
			t.Errorf("%s with importance: %v", r.Name, err)
		}
	}
	m.Experts = 4
	for _, name := range []string{"blk.16.ffn_down.weight", "ffn_down.weight", "blk.999999999.ffn_up.weight"} {
		if _, err := Select(m, []Site{{name, []int64{256, 2}, gguf.TypeF32}}, recipe(t, "Q4_K_M"), Options{}); fault.KindOf(err) != fault.Malformed {
			t.Errorf("%s in a model of 16 layers with experts: %v, want malformed", name, err)
		}
	}
}
