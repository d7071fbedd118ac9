package arch

import (
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// fp8 describes weights stored in eight bits with scales in tensors of their own.
type fp8 struct {
	block []int64 // rows and columns of a scale; nil when the config gives none
}

// packedFP8 reads quantization_config: nil for plain weights, Unsupported for every method but fp8.
func packedFP8(m *Model) (*fp8, error) {
	q := m.value("quantization_config")
	method := q.Get("quant_method")
	if q.Kind != strictjson.Object || !method.Present() {
		return nil, nil
	}
	name, ok := method.Str()
	if !ok {
		return nil, fault.New(fault.Malformed, configFile, "quant_method is %s, expected a string", found(method))
	}
	if name != "fp8" {
		return nil, fault.New(fault.Unsupported, configFile, "quantization_config: weights packed by %q cannot be read; supported: fp8, or a checkpoint that is not quantized", name)
	}
	blocks := q.Get("weight_block_size")
	if !blocks.Present() {
		return &fp8{}, nil
	}
	if blocks.Kind != strictjson.Array || len(blocks.Items) != 2 {
		return nil, fault.New(fault.Unsupported, configFile, "weight_block_size is %s, expected two integers", found(blocks))
	}
	p := &fp8{block: make([]int64, 2)}
	for i, v := range blocks.Items {
		var err error
		if p.block[i], err = integer("weight_block_size", v, 1, maxWidth); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// scaleOf tells the names of scales and gives the name of the weight that one belongs to, in two parts.
func (p *fp8) scaleOf(name string) (stem, suffix string, ok bool) {
	if stem, ok = strings.CutSuffix(name, "_scale_inv"); ok {
		return stem, "", true
	}
	if stem, ok = strings.CutSuffix(name, ".qscale_weight"); ok {
		return stem, ".weight", true
	}
	return "", "", false
}

// unused tells the names of scales for activations, which are not carried over.
func (p *fp8) unused(name string) bool {
	return strings.HasSuffix(name, ".activation_scale") || strings.HasSuffix(name, "_activation_scale") || strings.HasSuffix(name, ".qscale_act")
}

// check compares a scale's header with its weight's.
func (p *fp8) check(weight, scale *Source) error {
	switch scale.Dtype {
	case "F32", "F16", "BF16":
	default:
		return fault.New(fault.Unsupported, "", "dtype %s for the scale of an FP8 weight; supported: F32, F16, BF16", fault.Printable(scale.Dtype)).In(scale.Name)
	}
	if p.block == nil {
		// missing trailing dimensions and dimensions of 1 broadcast
		if len(scale.Shape) <= len(weight.Shape) {
			fits := true
			for i, n := range scale.Shape {
				fits = fits && (n == 1 || n == weight.Shape[i])
			}
			if fits {
				return nil
			}
		}
		return fault.New(fault.Mismatch, "", "shape %v does not broadcast over %s of shape %v", scale.Shape, fault.Printable(weight.Name), weight.Shape).In(scale.Name)
	}
	if len(weight.Shape) == 2 && len(scale.Shape) == 2 {
		rows, cols := blocks(weight.Shape[0], p.block[0]), blocks(weight.Shape[1], p.block[1])
		if scale.Shape[0] == rows && scale.Shape[1] == cols {
			return nil
		}
		return fault.New(fault.Mismatch, "", "shape %v, blocks of %v over %v need [%d %d]", scale.Shape, p.block, weight.Shape, rows, cols).In(scale.Name)
	}
	return fault.New(fault.Mismatch, "", "shape %v scales %s of shape %v in blocks of %v, expected two dimensions each",
		scale.Shape, fault.Printable(weight.Name), weight.Shape, p.block).In(scale.Name)
}

// blocks gives how many blocks of size cover n; n >= 1 was checked against the config.
func blocks(n, size int64) int64 { return (n-1)/size + 1 }
