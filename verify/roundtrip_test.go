package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// fromFile is a GGUF source in memory.
func fromFile(t testing.TB, file []byte) *Source {
	s := subject(t, file, nil)
	return FromGGUF(s.Set, "source.gguf", func() error { return nil })
}

// TestErrors changes rows of an F32 file by known amounts: the figures are those that follow from them.
func TestErrors(t *testing.T) {
	file := healthy(t, "F32", false)
	p := open(t, file)
	const name = "blk.1.ffn_down.weight"
	cols := int(p.tensor(name).Shape[0])
	values := func(b []byte) []float64 {
		v := make([]float64, len(b)/4)
		for i := range v {
			v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
		}
		return v
	}
	source := values(p.data[name])
	put := func(row int, f func(float64) float64) {
		b := p.row(name, int64(row))
		for i, x := range values(b) {
			binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(float32(f(x))))
		}
	}
	put(7, func(x float64) float64 { return 2 * x })
	put(90, func(x float64) float64 { return -x })
	put(91, func(float64) float64 { return 0 })
	norm := func(v []float64) (n float64) {
		for _, x := range v {
			n += x * x
		}
		return n
	}
	r7, r90, r91 := source[7*cols:8*cols], source[90*cols:91*cols], source[91*cols:92*cols]
	all := norm(source)
	wantRMSE := math.Sqrt((norm(r7) + 4*norm(r90) + norm(r91)) / all)
	wantCosine := (all + norm(r7) - 2*norm(r90) - norm(r91)) / math.Sqrt(all*(all+3*norm(r7)-norm(r91)))
	wantLargest := 0.0
	for _, x := range r7 {
		wantLargest = max(wantLargest, math.Abs(x))
	}
	for _, x := range r90 {
		wantLargest = max(wantLargest, 2*math.Abs(x))
	}
	r := static(t, subject(t, p.file(), FromCheckpoint(checkpoint(t, tiny), "")))
	for _, v := range r.Tensors {
		if v.Name != name {
			if !v.Compared || v.RMSE != 0 || v.Cosine != 1 && math.Abs(v.Cosine-1) > 1e-12 || v.Largest != 0 || v.Remade != "same" {
				t.Errorf("%+v", v)
			}
			continue
		}
		if math.Abs(v.RMSE-wantRMSE) > 1e-12 || math.Abs(v.Cosine-wantCosine) > 1e-12 || v.Largest != wantLargest || v.WorstRow != 90 || math.Abs(v.RowRMSE-2) > 1e-12 || v.Remade != "different" {
			t.Errorf("%+v, want error %v, cosine %v, largest %v, row 90 with 2", v, wantRMSE, wantCosine, wantLargest)
		}
	}
	if got := findings(r); got != "remade: tensor \""+name+"\": row 7 is not what the source gives (rows that differ: 3 of 256): damaged or altered\n" {
		t.Error(got)
	}
}

// TestPasses: files of every architecture pass against the checkpoint, and against a GGUF file of it, and all tensors are what
// is made again.
func TestPasses(t *testing.T) {
	t.Parallel()
	dirs, _ := filepath.Glob(testdata + "fixtures/*/config.json")
	dirs = append(dirs, tiny+"/config.json", "../../shared/data/models/stories260K/hf-bf16/config.json")
	for _, config := range dirs {
		if matches, _ := filepath.Glob(config); len(matches) == 0 {
			t.Logf("%s is not there: left out", config)
			continue
		}
		ck := checkpoint(t, filepath.Dir(config))
		between := fromFile(t, converted(t, ck, pipeline.Options{Recipe: pipeline.SourceRecipe(ck)}))
		for _, typ := range []string{"F32", "F16", "BF16", "Q8_0", "Q4_K_M", "Q5_1"} {
			recipe, _ := mix.ParseRecipe(typ)
			file := converted(t, ck, pipeline.Options{Recipe: recipe})
			for _, src := range []*Source{FromCheckpoint(ck, ""), between} {
				if src == between && recipe.Converter() && strings.HasSuffix(config, "fp8/config.json") {
					continue // its values are no BF16
				}
				r := static(t, subject(t, file, src))
				if !r.Pass {
					t.Errorf("%s to %s, against %s:\n%s", config, typ, src.Name, findings(r))
				}
				for _, v := range r.Tensors {
					if !v.Compared || v.Remade != remadeSame && !(src == between && recipe.Converter()) {
						t.Errorf("%s to %s, against %s: %+v", config, typ, src.Name, v)
					}
				}
			}
		}
	}
}

// TestRemade: what is made in other ways is known too, and importance that is at hand counts.
func TestRemade(t *testing.T) {
	ck := checkpoint(t, tiny)
	src := FromCheckpoint(ck, "")
	plain := importance(t, "harbour-2m.gguf")
	with := FromCheckpoint(ck, "")
	with.Importance, with.ImportanceFile = plain, "harbour-2m.gguf"
	q4, _ := mix.ParseRecipe("Q4_1")
	f16, f32, bf16 := gguf.TypeF16, gguf.TypeF32, gguf.TypeBF16
	weighted := pipeline.Options{Recipe: q4, Importance: plain, ImportanceFile: "harbour-2m.gguf"}
	corrected := weighted
	corrected.Correct = true
	for _, c := range []struct {
		name    string
		o       pipeline.Options
		src     *Source
		same    int
		unknown int
		note    string
	}{
		{"by default", pipeline.Options{Recipe: q4}, src, 39, 0, ""},
		{"through F16", pipeline.Options{Recipe: q4, Via: &f16}, src, 39, 0, ""},
		{"through F32", pipeline.Options{Recipe: q4, Via: &f32}, src, 39, 0, ""},
		{"through BF16", pipeline.Options{Recipe: q4, Via: &bf16}, src, 39, 0, ""},
		{"with importance that is not at hand", weighted, src, 18, 21, "--imatrix names it"},
		{"with importance", weighted, with, 39, 0, ""},
		{"with importance, corrected", corrected, with, 39, 0, "tensors that were made with --correct: 1"},
		{"without the importance that is at hand", pipeline.Options{Recipe: q4}, with, 39, 0, "tensors that were made without importance: 21"},
	} {
		r := static(t, subject(t, converted(t, ck, c.o), c.src))
		same, unknown := 0, 0
		for _, v := range r.Tensors {
			switch v.Remade {
			case remadeSame:
				same++
			case remadeUnknown:
				unknown++
			}
		}
		noted := slices.ContainsFunc(r.Notices, func(n string) bool { return strings.Contains(n, c.note) })
		if same != c.same || unknown != c.unknown || c.note != "" && !noted {
			t.Errorf("%s: %d the same, %d unknown, notes %q; want %d, %d, %q", c.name, same, unknown, r.Notices, c.same, c.unknown, c.note)
		}
		for _, f := range r.Findings {
			if !zeroed[f.Tensor] || c.unknown == 0 {
				t.Errorf("%s: %v", c.name, f)
			}
		}
	}
}

// TestOtherEncoder: a file whose blocks another program made, with somewhat larger errors, passes with a note; one tensor of
// it that is far off does not.
func TestOtherEncoder(t *testing.T) {
	p := open(t, healthy(t, "Q8_0", false))
	for _, tensor := range p.list {
		if tensor.Type != gguf.TypeQ8_0 {
			continue
		}
		for b := p.data[tensor.Name]; len(b) > 0; b = b[34:] { // scales that are a little larger, as by another search
			binary.LittleEndian.PutUint16(b, binary.LittleEndian.Uint16(b)+1)
		}
	}
	src := FromCheckpoint(checkpoint(t, tiny), "")
	r := static(t, subject(t, p.file(), src))
	if !r.Pass || !slices.ContainsFunc(r.Notices, func(n string) bool { return strings.Contains(n, "other bytes than this version makes: 23;") }) {
		t.Errorf("%q\n%s", r.Notices, findings(r))
	}
	const name = "blk.0.attn_output.weight"
	d := p.data[name]
	p.data[name] = append(bytes.Clone(d[34:]), d[:34]...)
	if err := Error(static(t, subject(t, p.file(), src))); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("%s is another row's: %v", name, err)
	}
}

// TestOtherCheckpoint: one finding, not one for every tensor.
func TestOtherCheckpoint(t *testing.T) {
	p := open(t, healthy(t, "Q4_K_M", false))
	for name, d := range p.data {
		slices.Reverse(d[:len(d)/2]) // finite or not, it is not the source's
		p.data[name] = d
		if p.tensor(name).Type == gguf.TypeF32 {
			for i := 3; i < len(d); i += 4 {
				d[i] &= 0x3f
			}
		}
	}
	r := static(t, subject(t, p.file(), FromCheckpoint(checkpoint(t, tiny), "")))
	n := 0
	for _, f := range r.Findings {
		if f.Check == checkTensors || f.Check == checkRemade {
			n++
		}
	}
	if n != 1 || !strings.Contains(findings(r), "the file was made of another checkpoint, or most of it is damaged") {
		t.Error(findings(r))
	}
}

// TestSameReport: neither threads nor memory change a figure.
func TestSameReport(t *testing.T) {
	file := healthy(t, "Q3_K_M", true)
	var first []byte
	for threads, ram := range map[int]int64{1: 1 << 30, 2: 60 << 20, 5: 120 << 20} {
		s := subject(t, file, FromCheckpoint(checkpoint(t, tiny), ""))
		s.Threads, s.RAM = threads, ram
		r := static(t, s)
		b, err := json.Marshal(r)
		check(t, err)
		if first == nil {
			first = b
		} else if !bytes.Equal(b, first) {
			t.Errorf("%d threads: another report", threads)
		}
	}
}

// TestRefused: what is no finding but an error.
func TestRefused(t *testing.T) {
	file := healthy(t, "Q4_K_M", false)
	ck := checkpoint(t, tiny)
	s := subject(t, file, FromCheckpoint(ck, ""))
	s.RAM = 50 << 20
	s.Threads = 64 // as many as fit
	_, err := s.Static(context.Background())
	check(t, err)
	s = subject(t, file, FromCheckpoint(ck, ""))
	s.RAM = 1 << 20
	if _, err := s.Static(context.Background()); fault.KindOf(err) != fault.Budget {
		t.Errorf("little memory: %v", err)
	}
	s = subject(t, file, FromCheckpoint(ck, ""))
	s.Source.Importance = importance(t, "mixtral.gguf")
	s.Source.Importance.Entries = slices.DeleteFunc(s.Source.Importance.Entries, func(e imatrix.Entry) bool { return !strings.Contains(e.Name, "exps") })
	if _, err := s.Static(context.Background()); fault.KindOf(err) != fault.Mismatch {
		t.Errorf("importance of another model: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := subject(t, file, FromCheckpoint(ck, "")).Static(ctx); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}
