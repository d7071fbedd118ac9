package verify

import (
	"fmt"

	"github.com/qconv/qconv/quantize/pipeline"
)

// Converted reports what a conversion wrote, before anything was run: the errors are those that were measured when the blocks
// were made, and a slab without one was copied as it is.
func Converted(p *pipeline.Plan, errors map[pipeline.Slab]pipeline.Error) *Report {
	r := NewReport(p.Parts[0].Name)
	r.Against, r.Arch, r.Type, r.Bytes, r.Weights, r.BitsPerWeight = p.Name, p.Arch, p.Recipe.Name, p.Bytes, p.Elements, p.BitsPerWeight()
	worst := -1
	for i := range p.Steps {
		s := &p.Steps[i]
		t := Tensor{Name: s.Name, Layer: layerOf(s.Name), Type: s.Type.String(), Shape: s.Shape, Bytes: s.Bytes, Compared: true, Cosine: 1, Remade: remadeSame}
		var sum pipeline.Error
		elems := int64(1)
		for _, d := range s.Shape {
			elems *= d
		}
		t.Bits = float64(s.Bytes) * 8 / float64(elems)
		for k := range p.Slabs(i) {
			if e, ok := errors[pipeline.Slab{Step: i, Slab: k}]; ok {
				sum.Add(&e)
			}
		}
		if sum.Apart > 0 {
			t.RMSE, t.Cosine, t.Largest, t.WorstRow, t.RowRMSE = sum.RMSE(), sum.Cosine(), sum.Largest, sum.Row, sum.RowRMSE
		}
		r.Tensors = append(r.Tensors, t)
		if worst < 0 || t.RMSE > r.Tensors[worst].RMSE {
			worst = i
		}
	}
	r.Add("blocks", fmt.Sprintf("every block of %d tensors", len(r.Tensors)))
	if worst >= 0 {
		r.Add("tensors", fmt.Sprintf("%d compared, relative error at most %.3g (%s)", len(r.Tensors), r.Tensors[worst].RMSE, r.Tensors[worst].Name))
	}
	return r
}
