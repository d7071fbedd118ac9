package verify

import (
	"slices"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/pipeline"
)

// match pairs the file's tensors with the source's.
func (s *Subject) match(r *Report) (list []compared, found []Finding, err error) {
	index := s.Source.whole.Tensors().Index()
	have := map[string]bool{}
	for i := range s.Set.Tensors {
		t := &s.Set.Tensors[i]
		have[t.Name] = true
		step, ok := index[t.Name]
		if !ok {
			found = append(found, finding(t.Name, "it is in the file, the source gives no such tensor"))
			continue
		}
		want := s.Source.whole.Tensors().Tensor(step)
		if !slices.Equal(trimmed(t.Shape), trimmed(want.Shape)) {
			found = append(found, finding(t.Name, "its shape is %v, the source's is %v", t.Shape, want.Shape))
			continue
		}
		codec, ok := quantize.For(t.Type)
		if !ok {
			r.note("%s is of type %v, which is not compared", t.Name, t.Type)
			continue
		}
		c := compared{number: i, codec: codec, rows: t.Rows()}
		c.cols, c.rowLen = rowOf(t)
		if c.matrix = c.rows; len(t.Shape) > 2 {
			c.matrix = t.Shape[1]
		}
		each := max(unitValues/c.cols, 1)
		c.units = make([]sums, (c.rows+each-1)/each)
		list = append(list, c)
	}
	for i := range s.Source.whole.Steps {
		if t := s.Source.whole.Tensors().Tensor(i); !have[t.Name] {
			found = append(found, finding(t.Name, "it is missing; the source gives it with the shape %v", t.Shape))
		}
	}
	return list, found, nil
}

// trimmed drops trailing dimensions of 1, which some writers leave out.
func trimmed(shape []int64) []int64 {
	for len(shape) > 1 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	return shape
}

// options are those that make the file's tensors of the source.
func (s *Subject) options(list []compared) pipeline.Options {
	o := s.Source.options
	o.Types = map[string]gguf.Type{}
	floats := true
	for _, c := range list {
		t := &s.Set.Tensors[c.number]
		o.Types[t.Name] = t.Type
		floats = floats && isFloat(t.Type)
	}
	recipe := s.recipe()
	switch {
	case recipe != nil:
		o.Recipe = recipe
	case !floats: // any recipe will do that is not a converter's
		o.Recipe = anyQuantized()
	}
	if o.Recipe.Converter() && !floats {
		o.Recipe = anyQuantized()
	}
	if !s.Source.checkpoint || !o.Recipe.Converter() {
		o.Importance, o.ImportanceFile = s.Source.Importance, s.Source.ImportanceFile
	}
	return o
}

// isFloat tells types that hold single floats, which every program rounds alike.
func isFloat(t gguf.Type) bool { return t == gguf.TypeF32 || t == gguf.TypeF16 || t == gguf.TypeBF16 }
