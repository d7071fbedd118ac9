package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestListHoldsEverySpec: a Spec that is declared but not listed would never be found.
func TestListHoldsEverySpec(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("list.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				for i, value := range v.Values {
					lit, ok := value.(*ast.CompositeLit)
					if !ok {
						continue
					}
					if id, ok := lit.Type.(*ast.Ident); ok && id.Name == "Spec" {
						declared++
						if !strings.Contains(string(list), "&"+v.Names[i].Name) {
							t.Errorf("%s: %s is not in list.go", f.Name(), v.Names[i].Name)
						}
					}
				}
			}
		}
	}
	if declared != len(List()) {
		t.Errorf("%d Specs are declared, %d listed", declared, len(List()))
	}
}

// TestSpecsAreUnambiguous: names, classes, patterns and targets occur once, every pattern can be
// matched, passes the name filters, and gives GGUF names that fit.
func TestSpecsAreUnambiguous(t *testing.T) {
	classes, names := map[string]string{}, map[string]bool{}
	for _, s := range List() {
		if names[s.Name] {
			t.Errorf("%s is listed twice", s.Name)
		}
		names[s.Name] = true
		for _, hf := range s.HF {
			if classes[hf] != "" {
				t.Errorf("%s belongs to %s and %s", hf, classes[hf], s.Name)
			}
			classes[hf] = s.Name
		}
		for _, b := range s.Bare {
			if classes[b] != s.Name {
				t.Errorf("%s: bare class %s is not among HF", s.Name, b)
			}
		}
		nums := map[string]int64{}
		for _, n := range s.Nums {
			if _, twice := nums[n.Name]; twice || n.Max < n.Min || n.Max == 0 {
				t.Errorf("%s: number %+v", s.Name, n)
			}
			nums[n.Name] = 8
		}
		m := &Model{nums: nums}
		from, to := map[string]bool{}, map[string]bool{}
		check := func(expr string) {
			if _, err := m.eval(expr); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
		}
		for _, r := range s.Rules {
			if from[r.From] {
				t.Errorf("%s: %s stands twice", s.Name, r.From)
			}
			from[r.From] = true
			example := strings.NewReplacer("{l}", "1023", "{e}", "4095").Replace(r.From)
			p, _, _ := pattern(nil, example)
			if string(p) != r.From {
				t.Errorf("%s: %s reads as %s", s.Name, example, p)
			}
			if name, keep := s.textName(example, false); !keep || name != example {
				t.Errorf("%s: the name filters turn %s into %q, %v", s.Name, example, name, keep)
			}
			for _, e := range s.Ignore {
				if strings.HasSuffix(example, e) {
					t.Errorf("%s: %s is ignored by its ending %s", s.Name, example, e)
				}
			}
			if r.experts() && (len(r.To) != 1 || r.To[0].Op != Stack || !r.layered() || s.Experts == "") {
				t.Errorf("%s: %s has an expert but is no stack", s.Name, r.From)
			}
			for _, e := range r.Shape {
				check(e)
			}
			for _, o := range r.To {
				name := strings.Replace(o.To, "{l}", "1023", 1)
				if to[name] || len(name) >= 64 || !regexp.MustCompile(`^[a-z0-9_.]+\.(weight|bias)$`).MatchString(name) || strings.Contains(o.To, "{l}") != r.layered() {
					t.Errorf("%s: target %q", s.Name, name)
				}
				to[name] = true
				for _, e := range []string{o.Heads, o.Skip, o.Take} {
					if e != "" {
						check(e)
					}
				}
				if (o.Op != Copy && o.Op != Stack) != (o.Heads != "") || (o.Op == Split || o.Op == SplitTransposed) != (o.Take != "") {
					t.Errorf("%s: %s: operation %v with heads %q, rows %q", s.Name, name, o.Op, o.Heads, o.Take)
				}
			}
		}
		for _, k := range s.Keys {
			ways := 0
			for _, given := range []bool{k.From != nil, k.Rope != nil, k.Expr != "", k.Make != nil} {
				if given {
					ways++
				}
			}
			if ways != 1 {
				t.Errorf("%s: key %s has %d sources", s.Name, k.Name, ways)
			}
			if k.Expr != "" {
				check(k.Expr)
			}
		}
		if s.Block.Norm.Kind == 0 || s.Block.Attention.Kind == 0 || s.Block.Rope.Pairing == 0 || s.Block.MLP.Kind == 0 || (s.Experts != "") != (s.Block.Experts.Gating != 0) {
			t.Errorf("%s: the forward pass is not said: %+v", s.Name, s.Block)
		}
		if _, recorded := one[s.Name]; !recorded {
			t.Errorf("%s: no recording of the reference stands in for it", s.Name)
		}
	}
}

func TestShapeExpressions(t *testing.T) {
	m := &Model{nums: map[string]int64{"a": 6, "b": 4, "big": 1 << 62, "zero": 0}}
	for expr, want := range map[string]int64{
		"a": 6, "7": 7, "a*b": 24, "a+b*2": 14, "(a+b)*2": 20, "a / b": 1, "a - b - 1": 1, " ( ( a ) ) ": 6, "a*(b-1)/2": 9, "zero*big": 0,
	} {
		if got, err := m.eval(expr); err != nil || got != want {
			t.Errorf("%s = %d, %v, want %d", expr, got, err, want)
		}
	}
	for expr, part := range map[string]string{
		"": "missing", "a+": "missing", "a b": `unexpected "b"`, "c": "c is not a number", "a/zero": "division by zero", "b-a": "-2 is negative",
		"big*big": "exceeds 64 bits", "big+big": "exceeds 64 bits", "(a": "not closed", "a)": "unexpected", "99999999999999999999": "out of range",
		strings.Repeat("(", 1000) + "a": "nest deeper", "-a": "missing", "a**b": "missing", "a%b": "a%b is not a number",
	} {
		if got, err := m.eval(expr); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s = %d, %v, want an error with %q", expr, got, err, part)
		}
	}
}

// TestNameFilters: parts of other models are dropped, wrappers' prefixes removed, as the reference does.
func TestNameFilters(t *testing.T) {
	for _, c := range []struct {
		spec *Spec
		name string
		bare bool
		want string
		keep bool
	}{
		{&qwen2, "model.visual.blocks.0.attn.qkv.weight", false, "", false},
		{&qwen2, "audio_tower.layers.0.fc1.weight", false, "", false},
		{&qwen2, "mlp1.0.weight", false, "", false},
		{&llama, "language_model.model.norm.weight", false, "model.norm.weight", true},
		{&llama, "model.text_model.norm.weight", false, "model.norm.weight", true},
		{&qwen2, "model.text_model.norm.weight", false, "model.text_model.norm.weight", true},
		{&qwen2, "norm.weight", true, "model.norm.weight", true},
		{&deepseek2, "model.layers.3.mlp.gate.e_score_correction_bias", false, "model.layers.3.mlp.gate.e_score_correction.bias", true},
		{&deepseek2, "model.layers.3.mlp.gate.weight", false, "model.layers.3.mlp.gate.weight", true},
	} {
		if got, keep := c.spec.textName(c.name, c.bare); got != c.want || keep != c.keep {
			t.Errorf("%s: %q, %v, want %q, %v", c.name, got, keep, c.want, c.keep)
		}
	}
	for name, want := range map[string]bool{"blk.0.ffn_gate_inp.weight": true, "blk.0.attn_norm.weight": true, "blk.0.attn_q.weight": false, "blk.0.attn_q.bias": true,
		"output.weight": false, "token_embd.weight": false, "blk.1.ffn_gate_exps.weight": false, "blk.0.exp_probs_b.bias": true} {
		if keptF32(name, 2) != want || !keptF32(name, 1) || !keptF32(name, 0) {
			t.Errorf("%s of two dimensions stays F32: %v, want %v", name, !want, want)
		}
	}
}
