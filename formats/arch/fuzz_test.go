package arch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// FuzzConfig lays a fuzzed config over a sound one of every Spec: each outcome is a binding that
// keeps its promises, or a fault.
func FuzzConfig(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.tsv")
	if err != nil {
		f.Fatal(err)
	}
	var specs []*golden
	for _, s := range List() {
		specs = append(specs, readGolden(f, "testdata/"+one[s.Name]+".tsv"))
	}
	for _, p := range paths {
		doc, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		if line, _, _ := strings.Cut(string(doc), "\n"); strings.HasPrefix(line, "config\t") {
			for i := range specs {
				f.Add(uint8(i), strings.TrimPrefix(line, "config\t"))
			}
		}
	}
	for _, doc := range []string{`{"num_hidden_layers": 1e9}`, `{"num_attention_heads": 0}`, `{"head_dim": null, "hidden_size": 1}`,
		`{"rope_scaling": {"type": "yarn", "factor": 1e300}}`, `{"rope_parameters": {"full_attention": {"rope_type": "llama3"}}}`,
		`{"rope_scaling": {"rope_type": "dynamic", "alpha": 0}}`, `{"n_group": 0, "topk_group": -1}`, `{"text_config": {"vocab_size": "x"}}`,
		`{"moe_topk": [], "num_shared_expert": [1, 2]}`, `{"mrope_section": [1]}`, `{"rope_scaling": {"mrope_section": [1, 2, 3, 4, 5]}}`,
		`{"quantization_config": {"quant_method": "fp8", "weight_block_size": [9223372036854775807, 1]}}`} {
		for i := range specs {
			f.Add(uint8(i), doc)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, doc string) {
		over, err := strictjson.Parse([]byte(doc), 64)
		if err != nil {
			return
		}
		g := specs[int(which)%len(specs)]
		cfg := over
		if over.Kind == strictjson.Object {
			cfg = strictjson.Value{Kind: strictjson.Object, Pairs: append([]strictjson.Member(nil), over.Pairs...)}
			for _, p := range g.config.Pairs {
				if over.Get(p.Name).Kind == 0 {
					cfg.Pairs = append(cfg.Pairs, p)
				}
			}
		}
		s, err := Match(cfg)
		if err != nil {
			wantAFault(t, err)
			return
		}
		b, err := s.Bind(cfg, g.src)
		if err != nil {
			wantAFault(t, err)
			return
		}
		sound(t, b, g.src)
	})
}

func wantAFault(t *testing.T, err error) {
	t.Helper()
	var fe *fault.Error
	if !errors.As(err, &fe) || fe.Kind < fault.Malformed || fe.Kind > fault.Unsupported {
		t.Fatalf("error %v of type %T is no refusal", err, err)
	}
	for _, r := range err.Error() {
		if r < ' ' {
			t.Fatalf("error %q holds a control character", err)
		}
	}
}

// sound checks what a Binding promises.
func sound(t *testing.T, b *Binding, src []Source) {
	t.Helper()
	names := map[string]bool{}
	for i := range b.Targets {
		x := &b.Targets[i]
		if names[x.Name] || len(x.Name) >= 64 || len(x.Src) != len(x.Scale) {
			t.Fatalf("target %+v", x)
		}
		names[x.Name] = true
		want, have := int64(1), int64(len(x.Values))
		for _, n := range x.Shape {
			want *= n
		}
		for k, s := range x.Src {
			n := int64(1)
			for _, d := range src[s].Shape {
				n *= d
			}
			if x.Op == Split || x.Op == SplitTransposed {
				n = x.Heads * x.Take * src[s].Shape[1]
			}
			have += n
			if c := x.Scale[k]; c >= len(src) || c < -1 || c >= 0 && b.ScaleBlock == nil && len(src[c].Shape) > len(src[s].Shape) {
				t.Fatalf("scale %d of %+v", c, x)
			}
		}
		if want != have {
			t.Fatalf("target %+v of %d elements is made from %d", x, want, have)
		}
	}
	keys := map[string]bool{}
	for _, kv := range b.KVs {
		if keys[kv.Key] || kv.Value == nil {
			t.Fatalf("key %+v", kv)
		}
		keys[kv.Key] = true
	}
	if !keys[fileTypeKey] || !keys[b.Arch+".block_count"] {
		t.Fatalf("keys %v", b.KVs)
	}
}

// FuzzShapeExpr: an expression has a value that is not negative, or an error.
func FuzzShapeExpr(f *testing.F) {
	for _, s := range List() {
		for _, r := range s.Rules {
			for _, e := range r.Shape {
				f.Add(e)
			}
		}
	}
	for _, e := range []string{"((1", "1/0", "a-b", "9223372036854775807*2", "a a", "", strings.Repeat("(", 64)} {
		f.Add(e)
	}
	m := &Model{nums: map[string]int64{"a": 3, "b": 5, "hidden_size": 4096, "num_attention_heads": 32}}
	f.Fuzz(func(t *testing.T, expr string) {
		n, err := m.eval(expr)
		if err == nil && n < 0 {
			t.Fatalf("%q = %d", expr, n)
		}
		if err != nil && fault.KindOf(err) != fault.Malformed {
			t.Fatalf("%q: %v", expr, err)
		}
	})
}
