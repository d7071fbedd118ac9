package pipeline_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

const mixtral = "../../testdata/fixtures/mixtral"

// importanceOf reads a file of testdata/golden/importance.
func importanceOf(t *testing.T, name string) *imatrix.Matrix {
	t.Helper()
	b, err := os.ReadFile(goldens + "/importance/" + name)
	check(t, err)
	m, err := imatrix.Open(bytes.NewReader(b), int64(len(b)), name, imatrix.DefaultLimits())
	check(t, err)
	return m
}

// edited gives a copy of the entries in which one has other values; nil takes it out.
func edited(m *imatrix.Matrix, name string, values []float32) *imatrix.Matrix {
	c := *m
	c.Entries = slices.DeleteFunc(slices.Clone(m.Entries), func(e imatrix.Entry) bool { return e.Name == name })
	if values != nil {
		c.Entries = append(c.Entries, imatrix.Entry{Name: name, Values: values, Largest: slices.Max(values), Matrices: 1})
		slices.SortFunc(c.Entries, func(a, b imatrix.Entry) int { return strings.Compare(a.Name, b.Name) })
	}
	return &c
}

// filled gives n values.
func filled(n int, v float32) []float32 { return slices.Repeat([]float32{v}, n) }

// TestReferenceImportance makes every quantized file type of some sources, without an importance matrix and with one in
// both forms: whole files equal those of the reference, its keys included, and what it refuses is refused
// (testdata/record_importance.py).
func TestReferenceImportance(t *testing.T) {
	b, err := os.ReadFile(goldens + "/importance/reference.tsv")
	check(t, err)
	dirs := map[string]string{"harbour-2m": tiny, "mixtral": mixtral, "deepseek-v3": "../../testdata/fixtures/deepseek-v3"}
	matrices := map[string]*imatrix.Matrix{}
	equal, refused := 0, 0
	for line := range strings.Lines(string(b)) {
		w := strings.Split(strings.TrimSpace(line), "\t")
		name, file, typ, want := w[0], w[1], w[2], w[3]
		o := pipeline.Options{FileName: "out.gguf"}
		if file != "plain" {
			if matrices[file] == nil {
				matrices[file] = importanceOf(t, file)
			}
			o.Importance, o.ImportanceFile = matrices[file], file
		}
		p, err := planWith(t, dirs[name], typ, o)
		switch {
		case want == "refused":
			if refused++; err == nil {
				t.Errorf("%s to %s, importance %s: accepted; the reference refuses", name, typ, file)
			}
		case err != nil:
			t.Errorf("%s to %s, importance %s: %v", name, typ, file, err)
		default:
			equal++
			if sum := sha256.Sum256(written(t, p)); hex.EncodeToString(sum[:]) != want {
				t.Errorf("%s to %s, importance %s: not the reference's bytes", name, typ, file)
			}
		}
	}
	if equal != 223 || refused != 33 {
		t.Errorf("%d files equal and %d refused, expected 223 and 33", equal, refused)
	}
}

// TestImportanceFromGGUF: experts that lie in one tensor get their own weights too, however units are cut.
func TestImportanceFromGGUF(t *testing.T) {
	m := importanceOf(t, "mixtral.gguf")
	whole, _ := convert(t, mixtral, "BF16", pipeline.Options{})
	for _, typ := range []string{"Q4_K_M", "Q5_1"} {
		o := pipeline.Options{Importance: m, ImportanceFile: "a path/of it"}
		want, _ := convert(t, mixtral, typ, o)
		p, err := ggufPlan(t, whole, typ, o)
		check(t, err)
		if !bytes.Equal(written(t, p), want) {
			t.Errorf("%s: the two-step route gives other bytes", typ)
		}
		for _, o := range []pipeline.Options{{Threads: 1}, {Threads: 5}, {RAM: 64 << 20}} {
			o.Importance, o.ImportanceFile = m, "a path/of it"
			if got, _ := convert(t, mixtral, typ, o); !bytes.Equal(got, want) {
				t.Errorf("%s: threads %d, RAM %d: other bytes", typ, o.Threads, o.RAM)
			}
		}
	}
}

// TestImportancePruned: a layer that moves up keeps its weights, and those of a layer that is left out are not missed.
func TestImportancePruned(t *testing.T) {
	whole, _ := convert(t, tiny, "BF16", pipeline.Options{})
	o := pipeline.Options{Importance: importanceOf(t, "harbour-2m.gguf"), Mix: mix.Options{Pure: true}}
	all, err := ggufPlan(t, whole, "Q4_K_M", o)
	check(t, err)
	o.Prune = []int64{0}
	some, err := ggufPlan(t, whole, "Q4_K_M", o)
	check(t, err)
	if says(some.Notices, "does not have") {
		t.Errorf("notices %q", some.Notices)
	}
	a, b := written(t, all), written(t, some)
	for _, name := range []string{"attn_q", "attn_v", "ffn_down"} { // layers 1 and 2 are 0 and 1 now
		for l, was := range []string{"1", "2"} {
			got, want := decoded(t, b, "blk."+string(rune('0'+l))+"."+name+".weight"), decoded(t, a, "blk."+was+"."+name+".weight")
			if !slices.Equal(got, want) {
				t.Errorf("%s of layer %s changed", name, was)
			}
		}
	}
}

// TestD7Importance: a matrix that does not fit the model is refused before any data is read.
func TestD7Importance(t *testing.T) {
	m := importanceOf(t, "harbour-2m.gguf")
	const down = "blk.1.ffn_down.weight"
	iq2 := gguf.TypeIQ2_XXS
	for _, c := range []struct {
		name, typ string
		m         *imatrix.Matrix
		mix       mix.Options
		kind      fault.Kind
		parts     []string
	}{
		{"none where one is needed", "Q2_K_S", nil, mix.Options{}, fault.Usage, []string{`tensor "blk.`, "Q2_K in a Q2_K_S file needs an importance matrix: give --imatrix"}},
		{"an entry missing where one is needed", "Q2_K_S", edited(m, down, nil), mix.Options{}, fault.Mismatch, []string{"harbour-2m.gguf: ", down, "has no entry, and Q2_K needs one"}},
		{"too short", "Q4_K_M", edited(m, down, filled(256, 1)), mix.Options{}, fault.Mismatch, []string{"harbour-2m.gguf: ", down, "has 256 values, expected 512: 512 columns × 1", "another model"}},
		{"too long", "Q4_K_M", edited(m, down, filled(1024, 1)), mix.Options{}, fault.Mismatch, []string{down, "has 1024 values, expected 512"}},
		{"wrong where the type needs no weights", "Q8_0", edited(m, down, filled(256, 1)), mix.Options{}, fault.Mismatch, []string{down, "has 256 values"}},
		{"another model", "Q4_K_M", importanceOf(t, "mixtral.gguf").Filter([]string{"exps"}, false), mix.Options{}, fault.Mismatch, []string{"mixtral.gguf: none of its 6 entries is for a tensor of this model (blk.0.ffn_down_exps.weight, ", "another model"}},
		{"a file of whole floats", "BF16", m, mix.Options{}, fault.Usage, []string{"BF16 files", "leave --imatrix out"}},
		{"none for embeddings", "Q4_K_M", nil, mix.Options{Embedding: &iq2}, fault.Usage, []string{"token_embd.weight", "IQ2_XXS needs an importance matrix: give --imatrix"}},
		{"no entry for embeddings", "Q4_K_M", m, mix.Options{Embedding: &iq2}, fault.Mismatch, []string{"token_embd.weight", "has no entry, and IQ2_XXS needs one"}},
	} {
		_, err := planWith(t, tiny, c.typ, pipeline.Options{FileName: "x.gguf", Mix: c.mix, Importance: c.m})
		if fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want kind %d", c.name, err, c.kind)
			continue
		}
		for _, part := range c.parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", c.name, err, part)
			}
		}
	}
}

// TestImportanceEmbeddings: an entry of the embeddings counts when it fits; when not, the reference does without it.
func TestImportanceEmbeddings(t *testing.T) {
	const embd = "token_embd.weight"
	m := importanceOf(t, "harbour-2m.gguf")
	data := func(m *imatrix.Matrix) ([]byte, []string) {
		p := planCheckpoint(t, tiny, "Q4_K_M", pipeline.Options{FileName: "out.gguf", Importance: m})
		b := written(t, p)
		return b[p.Parts[0].Layout.DataStart:], p.Notices
	}
	without, _ := data(m)
	wrong, notices := data(edited(m, embd, filled(768, 2)))
	if !bytes.Equal(wrong, without) {
		t.Error("an entry of wrong length changed the bytes")
	}
	if !says(notices, "the entry of token_embd.weight has 768 values, its rows have 256: it is not used") {
		t.Errorf("notices %q", notices)
	}
	weights := filled(256, 2)
	weights[0] = 1000
	if right, _ := data(edited(m, embd, weights)); bytes.Equal(right, without) {
		t.Error("an entry that fits made no difference")
	}
}

func says(notices []string, text string) bool {
	return slices.ContainsFunc(notices, func(n string) bool { return strings.Contains(n, text) })
}

// TestImportanceNotices: what a person should know of the matrix is said at once, the first names with a count.
func TestImportanceNotices(t *testing.T) {
	plan := func(dir string, m *imatrix.Matrix, typ string, correct bool) []string {
		return planCheckpoint(t, dir, typ, pipeline.Options{FileName: "x.gguf", Importance: m, Correct: correct}).Notices
	}
	harbour := importanceOf(t, "harbour-2m.gguf")
	for _, c := range []struct {
		notices []string
		want    string
	}{
		{plan(tiny, harbour, "Q4_K_M", false), "tensors without an entry in harbour-2m.gguf, quantized without weights: 2 (output.weight, token_embd.weight)"},
		{plan(tiny, harbour.Filter([]string{"blk.0."}, true), "Q4_K_M", false), "quantized without weights: 9 (output.weight, token_embd.weight, blk.0.attn_k.weight, blk.0.attn_output.weight, blk.0.attn_q.weight and 4 more)"},
		{plan(tiny, edited(harbour, "blk.9.attn_q.weight", filled(256, 1)), "Q4_K_M", false), "entries of harbour-2m.gguf for tensors that this model does not have: 1 (blk.9.attn_q.weight)"},
		{plan(mixtral, importanceOf(t, "mixtral.gguf"), "Q4_K_M", false), "experts for which mixtral.gguf has no data, whose columns all count the same: 7, in tensors: 5 (blk.0.ffn_down_exps.weight, "},
		{plan(tiny, harbour, "Q4_K_M", false), "matrices of which harbour-2m.gguf says that no column matters (most types then hold only zeros, as in llama.cpp; with --correct all their columns count the same): 1, in tensors: 1 (blk.1.attn_v.weight)"},
		{plan(tiny, harbour, "Q4_K_M", true), "no column matters (all their columns count the same instead): 1, in tensors: 1 (blk.1.attn_v.weight)"},
	} {
		if !says(c.notices, c.want) {
			t.Errorf("%q do not say %q", c.notices, c.want)
		}
	}
	if n := plan(tiny, harbour, "Q8_0", false); len(n) != 0 {
		t.Errorf("Q8_0 takes no weights, but notices are %q", n)
	}
}

// TestImportanceCorrect: with Correct, weights that are all zero are ones.
func TestImportanceCorrect(t *testing.T) {
	m := importanceOf(t, "harbour-2m.gguf")
	o := pipeline.Options{Importance: m, ImportanceFile: "x"}
	plain, _ := convert(t, tiny, "Q6_K", o)
	o.Correct = true
	corrected, _ := convert(t, tiny, "Q6_K", o)
	o.Correct, o.Importance = false, edited(m, "blk.1.attn_v.weight", filled(256, 1))
	ones, _ := convert(t, tiny, "Q6_K", o)
	if bytes.Equal(plain, corrected) || !bytes.Equal(corrected, ones) {
		t.Error("zeros were not taken for ones, or already were")
	}
	if e := m.Find("blk.1.attn_v.weight"); slices.Max(e.Values) != 0 {
		t.Error("the caller's matrix was changed")
	}
}

// TestImportanceDigest: a partial output is resumed only with the same weights.
func TestImportanceDigest(t *testing.T) {
	m := importanceOf(t, "harbour-2m.gguf")
	digest := func(typ string, o pipeline.Options) string {
		o.FileName = "x.gguf"
		return planCheckpoint(t, tiny, typ, o).Digest
	}
	values := slices.Clone(m.Find("blk.0.attn_q.weight").Values)
	values[255] *= 1.0000001
	seen := map[string]string{}
	for name, o := range map[string]pipeline.Options{
		"none":         {},
		"one":          {Importance: m},
		"other value":  {Importance: edited(m, "blk.0.attn_q.weight", values)},
		"entry less":   {Importance: edited(m, "blk.0.attn_q.weight", nil)},
		"another name": {Importance: m, ImportanceFile: "x"},
		"corrected":    {Importance: m, Correct: true},
		"only correct": {Correct: true},
	} {
		d := digest("Q4_K_M", o)
		if seen[d] != "" {
			t.Errorf("%s and %s have the same digest", name, seen[d])
		}
		seen[d] = name
		if digest("Q4_K_M", o) != d {
			t.Errorf("%s: two digests", name)
		}
	}
}

// TestImportanceMemory: the plan counts what the values take.
func TestImportanceMemory(t *testing.T) {
	m := importanceOf(t, "harbour-2m.gguf")
	base := planCheckpoint(t, tiny, "Q4_0", pipeline.Options{FileName: "x.gguf"}).Memory.Base
	with := planCheckpoint(t, tiny, "Q4_0", pipeline.Options{FileName: "x.gguf", Importance: m}).Memory.Base
	if m.Bytes() != 3*(6*256+512)*4 || with-base < m.Bytes() || with-base > m.Bytes()+4096 {
		t.Errorf("%d bytes of values, the base grows by %d", m.Bytes(), with-base)
	}
}

// TestImportanceKeys: the keys of llama-quantize in its order, texts cut where it cuts them, at the end of the file's.
func TestImportanceKeys(t *testing.T) {
	l, err := gguf.NewLayout([]gguf.KV{{Key: "quantize.imatrix.chunks_count", Value: uint32(1)}, {Key: "quantize.imatrix.dataset", Value: "old"},
		{Key: "general.architecture", Value: "llama"}, {Key: "llama.block_count", Value: uint32(1)}, {Key: "llama.attention.head_count", Value: uint32(1)}},
		[]gguf.Tensor{{Name: "blk.0.ffn_up.weight", Type: gguf.TypeF32, Shape: []int64{32, 2}}}, gguf.DefaultAlignment)
	check(t, err)
	file := append(slices.Clone(l.Header), make([]byte, l.Size-int64(len(l.Header)))...)
	entries := []imatrix.Entry{{Name: "blk.0.ffn_up.weight", Values: filled(32, 1), Largest: 1, Matrices: 1}}
	long := strings.Repeat("0123456789", 12) + "12345é" // é is bytes 126 and 127
	for _, c := range []struct {
		m    imatrix.Matrix
		path string
		want []any // keys and values behind general.file_type
	}{
		{imatrix.Matrix{}, "/tmp/x.gguf", []any{"quantize.imatrix.file", "/tmp/x.gguf", "quantize.imatrix.entries_count", uint32(1)}},
		{imatrix.Matrix{Datasets: []string{"", "b"}, Chunks: 3}, long + "6", []any{"quantize.imatrix.file", long, "quantize.imatrix.dataset", "",
			"quantize.imatrix.entries_count", uint32(1), "quantize.imatrix.chunks_count", uint32(3)}},
		{imatrix.Matrix{Datasets: []string{"a\x00b"}}, "0" + long, []any{"quantize.imatrix.file", "0" + long[:126], "quantize.imatrix.dataset", "a",
			"quantize.imatrix.entries_count", uint32(1)}},
	} {
		c.m.Entries = entries
		p, err := ggufPlan(t, file, "Q4_0", pipeline.Options{Importance: &c.m, ImportanceFile: c.path})
		check(t, err)
		i := slices.IndexFunc(p.KVs, func(kv gguf.KV) bool { return kv.Key == "general.file_type" })
		var got []any
		for _, kv := range p.KVs[i+1:] {
			got = append(got, kv.Key, kv.Value)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
		for _, kv := range p.KVs[:i] { // the key that is not set anew stays where it was
			if kv.Key == "quantize.imatrix.dataset" && len(c.m.Datasets) > 0 || kv.Key == "quantize.imatrix.chunks_count" && c.m.Chunks > 0 {
				t.Errorf("%s is there twice", kv.Key)
			}
		}
	}
	p, err := ggufPlan(t, file, "Q4_0", pipeline.Options{})
	check(t, err)
	if p.KVs[0].Key != "quantize.imatrix.chunks_count" || p.KVs[1].Value != "old" {
		t.Error("without a matrix, keys of the source do not stay")
	}
}

// TestD7Overflow: a value that would make the quantizers' sums overflow under large weights is refused; they would write
// zeros in silence.
func TestD7Overflow(t *testing.T) {
	const down = "blk.1.ffn_down.weight"
	m := importanceOf(t, "harbour-2m.gguf")
	dir := damaged(t, "model.layers.1.mlp.down_proj.weight", 3*512+5, []byte{0x18, 0x4b}) // about 10^7
	for _, c := range []struct {
		weight float32
		ok     bool
	}{{1, true}, {1e16, true}, {1e20, false}} {
		o := pipeline.Options{FileName: "out.gguf", Importance: edited(m, down, filled(512, c.weight))}
		o.Mix.Pure = true
		p := planCheckpoint(t, dir, "Q6_K", o)
		_, err := p.WriteFiles(t.Context(), pipeline.Output{Dir: t.TempDir()})
		if c.ok && err != nil {
			t.Errorf("weights of %g: %v", c.weight, err)
		}
		if !c.ok && (fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "row 3, column 5 is") || !strings.Contains(err.Error(), down)) {
			t.Errorf("weights of %g: %v", c.weight, err)
		}
	}
}
