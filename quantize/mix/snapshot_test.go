package mix

import (
	"bufio"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

var (
	snapshotDir = flag.String("snapshots", "", "llama.cpp's tests/snapshots")
	update      = flag.Bool("update", false, "write the goldens anew from -snapshots")
)

// architectures of the snapshots, which name models only.
var architectures = map[string]string{
	"deepseek-v3.1": "deepseek2", "gemma-3-4b-it": "gemma3", "glm-4.6v": "glm4moe", "gpt-oss-120b": "gpt-oss",
	"meta-llama-3.1-70b-instruct": "llama", "nvidia-nemotron-3-nano-30b-a3b": "nemotron_h_moe", "qwen3-0.6b": "qwen3",
	"qwen3-14b": "qwen3", "qwen3-coder-next": "qwen3next", "qwen3.5-397b-a17b": "qwen35moe", "qwen3.6-27b": "qwen35", "step-3.5-flash": "step35",
}

// snapshot is one file of the reference: for each file type the tensors that do not get its default.
type snapshot struct {
	model    *testModel
	recipes  []string
	defaults map[string]gguf.Type
	types    map[string]map[string]gguf.Type // by recipe, then tensor
}

var fact = regexp.MustCompile(`(\w+)=(\d+)`)

func readSnapshot(t *testing.T, path string) *snapshot {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	name := strings.TrimSuffix(filepath.Base(path), ".schema")
	arch, ok := architectures[name]
	if !ok {
		t.Fatalf("%s: the architecture is not known here; add it", name)
	}
	s := &snapshot{model: &testModel{name: name, model: Model{Arch: arch}}, defaults: map[string]gguf.Type{}, types: map[string]map[string]gguf.Type{}}
	var names []string
	recipe := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
		case line[0] == '#':
			for _, m := range fact.FindAllStringSubmatch(line, -1) {
				n := number(t, m[2])
				switch m[1] {
				case "n_layer":
					s.model.model.Layers = n
				case "n_head":
					s.model.model.Heads = n
				case "n_head_kv":
					s.model.model.HeadsKV = n
				case "n_expert":
					s.model.model.Experts = n
				}
			}
		case line[0] == '[':
			name, typ, _ := strings.Cut(line[1:], "] ")
			recipe = name
			s.recipes = append(s.recipes, recipe)
			s.defaults[recipe] = typeOf(t, typ)
			s.types[recipe] = map[string]gguf.Type{}
		default:
			name, typ, _ := strings.Cut(line, " ")
			s.types[recipe][name] = typeOf(t, typ)
			names = append(names, name)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	// The file gives no shapes. Two of its sections show what matters of them: under Q6_K a tensor whose
	// rows are no whole blocks of 256 is listed, under MXFP4_MOE every tensor of two dimensions is.
	for _, name := range slices.Compact(names) {
		row, slabs := int64(256), int64(2)
		switch s.types["Q6_K"][name] {
		case gguf.TypeQ8_0:
			row = 32
		case gguf.TypeF16:
			row = 1
		}
		if _, listed := s.types["MXFP4_MOE"][name]; listed {
			slabs = 1
		}
		s.model.sites = append(s.model.sites, Site{Name: name, Shape: shape(row, slabs), Type: gguf.TypeF32})
	}
	s.model.sort()
	return s
}

func typeOf(t *testing.T, name string) gguf.Type {
	t.Helper()
	typ, ok := gguf.ParseType(name)
	if !ok {
		t.Fatalf("%q is no type", name)
	}
	return typ
}

func snapshots(t *testing.T) (all []*snapshot) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(*snapshotDir, "*.schema"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no *.schema in %s (%v)", *snapshotDir, err)
	}
	for _, p := range paths {
		all = append(all, readSnapshot(t, p))
	}
	return all
}

// TestSnapshots compares with what the reference expects of itself: 12 models in 33 file types each.
func TestSnapshots(t *testing.T) {
	if *snapshotDir == "" {
		t.Skip("give -snapshots llama.cpp/tests/snapshots to compare with the reference's own expectations; the goldens hold the result")
	}
	sections, tensors, deviations := 0, 0, 0
	for _, s := range snapshots(t) {
		for _, name := range s.recipes {
			r, ok := ParseRecipe(name)
			if !ok || r.Default != s.defaults[name] {
				t.Errorf("%s: recipe %s has the default %v", s.model.name, name, s.defaults[name])
				continue
			}
			choices, err := choose(s.model.model, s.model.sites, r, Options{})
			if err != nil {
				t.Errorf("%s %s: %v", s.model.name, name, err)
				continue
			}
			sections++
			for i, c := range choices {
				want, ok := s.types[name][s.model.sites[i].Name]
				if ok {
					deviations++
				} else {
					want = r.Default
				}
				tensors++
				if c.Type != want {
					t.Errorf("%s %s: %s is %v, want %v", s.model.name, name, s.model.sites[i].Name, c.Type, want)
				}
			}
		}
	}
	t.Logf("%d sections, %d tensors, %d of them listed as not the default", sections, tensors, deviations)
}

// goldenModels are the snapshots' models that the goldens keep: dense, 70B, tied, with experts, with heads
// compressed, without attention in most layers, with rows that do not fit blocks of 256.
var goldenModels = []string{"meta-llama-3.1-70b-instruct", "qwen3-0.6b", "gemma-3-4b-it", "deepseek-v3.1", "gpt-oss-120b", "nvidia-nemotron-3-nano-30b-a3b", "glm-4.6v"}

func TestGoldens(t *testing.T) {
	if *update {
		for _, s := range snapshots(t) {
			if slices.Contains(goldenModels, s.model.name) {
				if err := os.WriteFile(filepath.Join("testdata", s.model.name+".tsv"), []byte(s.model.golden(t)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, name := range goldenModels {
		m, want := readModel(t, filepath.Join("testdata", name+".tsv"))
		if got := m.golden(t); got != want {
			t.Errorf("%s: types changed:\n%s", name, firstDifference(got, want))
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}
