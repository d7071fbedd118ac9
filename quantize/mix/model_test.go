package mix

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

// A model of the tests is what type selection sees of a real one: a few numbers and its tensors that may be
// quantized. Of shapes only that matters which a rule can ask: whether rows are whole blocks of 256 or of
// 32, and whether there are three dimensions.
type testModel struct {
	name  string
	model Model
	sites []Site
}

// span is tensors of one name in several layers, or one tensor outside layers.
type span struct {
	name   string // "blk.*.ffn_up.weight"
	layers []int64
}

// spans collects tensors; names come in visiting order.
func spans(names []string) (all []span) {
	at := map[string]int{}
	for _, name := range names {
		key, layer, inLayer := name, int64(0), false
		if layer, inLayer = layerOf(name); inLayer {
			key = "blk.*" + strings.TrimPrefix(name, fmt.Sprintf("blk.%d", layer))
		}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, span{name: key})
		}
		if inLayer {
			all[i].layers = append(all[i].layers, layer)
		}
	}
	return all
}

// String writes layers as ranges: blk.{0-3,5}.ffn_up.weight.
func (s span) String() string {
	if len(s.layers) == 0 {
		return s.name
	}
	var b []string
	for i := 0; i < len(s.layers); {
		j := i
		for j+1 < len(s.layers) && s.layers[j+1] == s.layers[j]+1 {
			j++
		}
		if i == j {
			b = append(b, fmt.Sprint(s.layers[i]))
		} else {
			b = append(b, fmt.Sprintf("%d-%d", s.layers[i], s.layers[j]))
		}
		i = j + 1
	}
	return strings.Replace(s.name, "*", "{"+strings.Join(b, ",")+"}", 1)
}

// expand gives the names that String stands for.
func expand(t *testing.T, s string) (names []string) {
	t.Helper()
	before, rest, ok := strings.Cut(s, "{")
	if !ok {
		return []string{s}
	}
	ranges, after, _ := strings.Cut(rest, "}")
	for r := range strings.SplitSeq(ranges, ",") {
		lo, hi, two := strings.Cut(r, "-")
		if !two {
			hi = lo
		}
		for l := number(t, lo); l <= number(t, hi); l++ {
			names = append(names, fmt.Sprintf("%s%d%s", before, l, after))
		}
	}
	return names
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// shape makes the smallest shape with the properties: rows of 256, of 32 or of neither, and slabs.
func shape(row, slabs int64) []int64 {
	if slabs > 1 {
		return []int64{row, 2, slabs}
	}
	return []int64{row, 2}
}

// listing gives, for every recipe, the tensors whose type is not the recipe's default.
func (m *testModel) listing(t *testing.T) (lines []string) {
	t.Helper()
	for _, r := range Recipes() {
		choices, err := choose(m.model, m.sites, r, Options{})
		if err != nil {
			lines = append(lines, fmt.Sprintf("%s\terror\t%v", r.Name, err))
			continue
		}
		byType := map[gguf.Type][]string{}
		var types []gguf.Type
		for i, c := range choices {
			if c.Type == r.Default {
				continue
			}
			if byType[c.Type] == nil {
				types = append(types, c.Type)
			}
			byType[c.Type] = append(byType[c.Type], m.sites[i].Name)
		}
		slices.Sort(types)
		for _, typ := range types {
			for _, s := range spans(byType[typ]) {
				lines = append(lines, fmt.Sprintf("%s\t%v\t%v", r.Name, typ, s))
			}
		}
	}
	return lines
}

const goldenHeader = `# Which types the tensors of a model get, for every recipe: what type selection chose after it agreed with
# llama.cpp v0.5.0 on every tensor (TestSnapshots). Made by TestGoldens -update -snapshots DIR; look at the
# difference before you commit it. Model facts (numbers, names) are those of the model itself.
# model: architecture, layers, heads, key-value heads, experts; tensor: name, row length as far as it
# matters, slabs; then recipe, type, tensors that do not have the recipe's default type.
`

func (m *testModel) golden(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(goldenHeader)
	fmt.Fprintf(&b, "model\t%s\t%d\t%d\t%d\t%d\n", m.model.Arch, m.model.Layers, m.model.Heads, m.model.HeadsKV, m.model.Experts)
	byShape := map[string][]string{}
	var keys []string
	for _, s := range m.sites {
		slabs := int64(1)
		if len(s.Shape) > 2 {
			slabs = s.Shape[2]
		}
		key := fmt.Sprintf("%d\t%d", s.Shape[0], slabs)
		if byShape[key] == nil {
			keys = append(keys, key)
		}
		byShape[key] = append(byShape[key], s.Name)
	}
	slices.Sort(keys)
	for _, key := range keys {
		for _, s := range spans(byShape[key]) {
			fmt.Fprintf(&b, "tensor\t%v\t%s\n", s, key)
		}
	}
	for _, line := range m.listing(t) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// readModel reads the facts of a golden.
func readModel(t *testing.T, path string) (m *testModel, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m = &testModel{name: path}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch f[0] {
		case "model":
			m.model = Model{Arch: f[1], Layers: number(t, f[2]), Heads: number(t, f[3]), HeadsKV: number(t, f[4]), Experts: number(t, f[5])}
		case "tensor":
			for _, name := range expand(t, f[1]) {
				m.sites = append(m.sites, Site{Name: name, Shape: shape(number(t, f[2]), number(t, f[3])), Type: gguf.TypeF32})
			}
		}
	}
	m.sort()
	return m, string(data)
}

func (m *testModel) sort() {
	names := make([]string, len(m.sites))
	for i := range m.sites {
		names[i] = m.sites[i].Name
	}
	sorted := make([]Site, len(m.sites))
	for i, k := range Order(names) {
		sorted[i] = m.sites[k]
	}
	m.sites = sorted
}
