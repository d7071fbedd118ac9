package mix

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

var (
	oraclePath = flag.String("oracle", "", "path of ggml_oracle.py, which runs llama-quantize's code")
	pythonPath = flag.String("python", "python3", "interpreter with numpy for -oracle")
	ggufFiles  = flag.String("gguf", "", "glob of small GGUF files in F32, F16 or BF16 for -oracle")
)

// TestReference quantizes whole files with the reference, for every recipe and with every option, and
// compares the type and the place of every tensor. What the reference refuses must be refused.
func TestReference(t *testing.T) {
	if *oraclePath == "" || *ggufFiles == "" {
		t.Skip("give -oracle PATH/ggml_oracle.py and -gguf GLOB to compare with the reference itself")
	}
	paths, err := filepath.Glob(*ggufFiles)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files (%v)", *ggufFiles, err)
	}
	pattern := func(expr string, typ gguf.Type) Pattern {
		p, err := NewPattern(expr, typ)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	q8, q4, iq4, f16 := gguf.TypeQ8_0, gguf.TypeQ4_K, gguf.TypeIQ4_NL, gguf.TypeF16
	variants := []struct {
		recipes string // "" for all
		args    []string
		options Options
	}{
		{"", nil, Options{}},
		{"", []string{"--imatrix"}, Options{Importance: true}},
		{"Q4_K_M IQ3_XS Q6_K Q5_0", []string{"--pure"}, Options{Pure: true}},
		{"Q4_K_M Q8_0 BF16 F16", []string{"--leave-output"}, Options{LeaveOutput: true}},
		{"Q4_K_M Q2_K F16 MXFP4_MOE", []string{"--output-type", "Q8_0"}, Options{Output: &q8}},
		{"Q4_K_M Q2_K F16 MXFP4_MOE", []string{"--embd-type", "IQ4_NL"}, Options{Embedding: &iq4}},
		{"Q5_K_M", []string{"--embd-type", "F16", "--output-type", "Q8_0"}, Options{Embedding: &f16, Output: &q8}},
		{"Q4_K_M Q3_K_L F16", []string{"--tensor-type", `ffn_(up|gate)=Q8_0`, "--tensor-type", `blk\.[02]\.attn_.*=IQ4_NL`, "--tensor-type", `ffn_up=Q4_K`, "--tensor-type", `token_embd=Q8_0`},
			Options{Patterns: []Pattern{pattern(`ffn_(up|gate)`, q8), pattern(`blk\.[02]\.attn_.*`, iq4), pattern(`ffn_up`, q4), pattern("token_embd", q8)}}},
		{"Q4_K_M", []string{"--pure", "--tensor-type", `^output\.weight$=F16`, "--tensor-type", `attn_v\.=F16`},
			Options{Pure: true, Patterns: []Pattern{pattern(`^output\.weight$`, f16), pattern(`attn_v\.`, f16)}}},
	}
	files, runs, refused, tensors := 0, 0, 0, 0
	for _, path := range paths {
		m := openModel(t, path)
		files++
		weights := onesFor(t, m)
		for _, v := range variants {
			args := slices.Clone(v.args)
			if i := slices.Index(args, "--imatrix"); i >= 0 {
				args = slices.Insert(args, i+1, weights)
			}
			for _, r := range Recipes() {
				if v.recipes != "" && !slices.Contains(strings.Fields(v.recipes), r.Name) {
					continue
				}
				what := fmt.Sprintf("%s %s %v", filepath.Base(path), r.Name, v.args)
				want, msg := quantizedBy(t, path, r, args)
				got, err := Select(m.model, m.sites, r, v.options)
				runs++
				switch {
				case err != nil && want == nil:
					refused++
					if k := fault.KindOf(err); k != fault.Usage && k != fault.Unsupported {
						t.Errorf("%s: kind %d: %v", what, k, err)
					}
					continue
				case err != nil:
					t.Errorf("%s: refused, but the reference does it: %v", what, err)
					continue
				case want == nil:
					t.Errorf("%s: the reference refuses it: %s", what, msg)
					continue
				}
				for i, s := range m.sites {
					tensors++
					if want[i].Name != s.Name || want[i].Type != got[i].Type {
						t.Errorf("%s: tensor %d is %s %v, want %s %v", what, i, s.Name, got[i].Type, want[i].Name, want[i].Type)
						break
					}
				}
			}
		}
	}
	t.Logf("%d files, %d runs of which %d were refused by both, %d tensors", files, runs, refused, tensors)
}

// openFile opens a GGUF file for the time of the test.
func openFile(t *testing.T, path string) *gguf.File {
	t.Helper()
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(r, st.Size(), filepath.Base(path), gguf.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openModel(t *testing.T, path string) *testModel {
	t.Helper()
	f := openFile(t, path)
	m := &testModel{name: path}
	m.model.Arch, _ = gguf.Value[string](f, "general.architecture")
	count := func(key string) int64 {
		n, _ := gguf.Value[uint32](f, m.model.Arch+key)
		return int64(n)
	}
	m.model.Layers, m.model.Heads, m.model.Experts = count(".block_count"), count(".attention.head_count"), count(".expert_count")
	if m.model.HeadsKV = count(".attention.head_count_kv"); m.model.HeadsKV == 0 {
		m.model.HeadsKV = m.model.Heads
	}
	for _, x := range f.Tensors {
		m.sites = append(m.sites, Site{Name: x.Name, Shape: x.Shape, Type: x.Type})
	}
	m.sort()
	return m
}

// onesFor writes an importance matrix of ones for every tensor.
func onesFor(t *testing.T, m *testModel) string {
	t.Helper()
	var list strings.Builder
	for _, s := range m.sites {
		fmt.Fprintf(&list, "%s %d\n", s.Name, s.dim(0)*s.dim(2))
	}
	out := filepath.Join(t.TempDir(), "ones.npz")
	cmd := exec.Command(*pythonPath, "-c", `import sys, numpy as np
np.savez(sys.argv[1], **{n: np.ones(int(k), np.float32) for n, k in (l.split() for l in sys.stdin)})`, out)
	cmd.Stdin = strings.NewReader(list.String())
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	return out
}

// quantizedBy gives the tensors of the reference's output, nil and its message when it refuses.
func quantizedBy(t *testing.T, path string, r *Recipe, args []string) ([]gguf.Tensor, []byte) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.gguf")
	all := append([]string{*oraclePath, "model", path, out, fmt.Sprint(r.FileType)}, args...)
	msg, err := exec.Command(*pythonPath, all...).CombinedOutput()
	if err != nil {
		return nil, bytes.TrimSpace(msg)
	}
	defer os.Remove(out)
	return openFile(t, out).Tensors, nil
}
