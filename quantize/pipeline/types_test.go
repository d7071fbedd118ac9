package pipeline_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/pipeline"
)

// typesOf are the types of a plan's tensors.
func typesOf(p *pipeline.Plan) map[string]gguf.Type {
	types := map[string]gguf.Type{}
	for i := range p.Steps {
		types[p.Steps[i].Name] = p.Steps[i].Type
	}
	return types
}

// rows gives all values and bytes of a step, some rows at a time.
func rows(t *testing.T, p *pipeline.Plan, step int) ([]float32, []byte) {
	t.Helper()
	tensor := p.Tensors().Tensor(step)
	values, data := make([]float32, tensor.Elems()), make([]byte, tensor.Bytes())
	const n = 7
	cols, rowLen := tensor.Shape[0], tensor.Bytes()/tensor.Rows()
	for r := int64(0); r < tensor.Rows(); r += n {
		end := min(r+n, tensor.Rows())
		check(t, p.Tensors().Rows(step, r, values[r*cols:end*cols], data[r*rowLen:end*rowLen]))
	}
	return values, data
}

// TestTypes makes the tensors of files again from their types alone, and gives the source's values with them, which are those
// of an F32 file.
func TestTypes(t *testing.T) {
	dirs, _ := filepath.Glob("../../testdata/fixtures/*/config.json")
	if len(dirs) < 8 {
		t.Fatalf("%d fixtures", len(dirs))
	}
	for _, config := range dirs {
		dir := filepath.Dir(config)
		source := planCheckpoint(t, dir, "F32", pipeline.Options{})
		number := source.Tensors().Index()
		for _, typ := range []string{"F16", "Q3_K_M", "Q8_0"} {
			file, _ := convert(t, dir, typ, pipeline.Options{})
			made := planCheckpoint(t, dir, typ, pipeline.Options{})
			again := planCheckpoint(t, dir, typ, pipeline.Options{Types: typesOf(made)})
			for i := range made.Steps {
				s := &made.Steps[i]
				k := again.Tensors().Index()[s.Name]
				values, data := rows(t, again, k)
				if again.Steps[k].Type != s.Type || !bytes.Equal(data, file[s.Offset:][:s.Bytes]) {
					t.Errorf("%s, %s: %s is %v and not what the file has", dir, typ, s.Name, again.Steps[k].Type)
				}
				want := make([]byte, 4*len(values))
				check(t, source.Tensors().ReadAt(number[s.Name], want, 0))
				for j, v := range values {
					if binary.LittleEndian.Uint32(want[4*j:]) != math.Float32bits(v) {
						t.Fatalf("%s, %s: value %d of %s is %v, not what an F32 file has", dir, typ, j, s.Name, v)
					}
				}
			}
		}
	}
}

// TestTypesOther gives tensors types that no recipe gives them.
func TestTypesOther(t *testing.T) {
	const dir = "../../testdata/harbour-2m"
	types := map[string]gguf.Type{"blk.0.ffn_up.weight": gguf.TypeIQ2_XXS, "blk.0.ffn_gate.weight": gguf.TypeF16}
	p := planCheckpoint(t, dir, "Q4_0", pipeline.Options{Types: types})
	for name, want := range typesOf(p) {
		switch given, ok := types[name]; {
		case ok && want != given:
			t.Errorf("%s is %v, want %v", name, want, given)
		case !ok && want != gguf.TypeBF16 && want != gguf.TypeF32:
			t.Errorf("%s is %v, want the checkpoint's own", name, want)
		}
	}
	// Without importance, columns count the same.
	values, data := rows(t, p, p.Tensors().Index()["blk.0.ffn_up.weight"])
	codec, _ := quantize.For(gguf.TypeIQ2_XXS)
	want := make([]byte, len(data))
	codec.Encode(want, values, slices.Repeat([]float32{1}, 256))
	if !bytes.Equal(data, want) {
		t.Error("IQ2_XXS without importance is not what columns that count the same give")
	}

	_, err := planWith(t, dir, "Q4_0", pipeline.Options{Types: map[string]gguf.Type{"blk.0.ffn_up.weight": gguf.TypeQ8_0, "blk.99.x": gguf.TypeQ8_0}})
	if fault.KindOf(err) != fault.Mismatch || !strings.Contains(err.Error(), "does not have: 1 (blk.99.x)") {
		t.Errorf("a tensor that is not there: %v", err)
	}
	_, err = planWith(t, dir, "BF16", pipeline.Options{Types: map[string]gguf.Type{"blk.99.x": gguf.TypeF16}})
	if fault.KindOf(err) != fault.Mismatch {
		t.Errorf("a tensor that is not there, of a converter's file: %v", err)
	}
}

// TestVia makes what llama-quantize makes of a 16-bit file of the other kind, and of an F32 file.
func TestVia(t *testing.T) {
	for _, dir := range []string{"../../testdata/harbour-2m", "../../testdata/fixtures/llama3", "../../testdata/fixtures/hunyuan-moe", "../../testdata/fixtures/mistral"} {
		for _, via := range []gguf.Type{gguf.TypeF16, gguf.TypeBF16, gguf.TypeF32} {
			between, _ := convert(t, dir, via.String(), pipeline.Options{})
			p, err := ggufPlan(t, between, "Q4_1", pipeline.Options{})
			check(t, err)
			again := planCheckpoint(t, dir, "Q4_1", pipeline.Options{Types: typesOf(p), Via: &via})
			for i := range p.Steps {
				s := &p.Steps[i]
				_, want := rows(t, p, i)
				if _, got := rows(t, again, again.Tensors().Index()[s.Name]); !bytes.Equal(got, want) {
					t.Errorf("%s through %v: %s differs", dir, via, s.Name)
				}
			}
		}
	}
}
