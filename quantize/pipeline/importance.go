package pipeline

import (
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/imatrix"
)

// importanceKVs gives the keys of llama-quantize that say where the importance comes from.
func importanceKVs(o *Options) []gguf.KV {
	m := o.Importance
	if m == nil {
		return nil
	}
	kvs := []gguf.KV{{Key: "quantize.imatrix.file", Value: keyText(o.ImportanceFile)}}
	if len(m.Datasets) > 0 {
		kvs = append(kvs, gguf.KV{Key: "quantize.imatrix.dataset", Value: keyText(m.Datasets[0])})
	}
	kvs = append(kvs, gguf.KV{Key: "quantize.imatrix.entries_count", Value: uint32(len(m.Entries))})
	if m.Chunks > 0 {
		kvs = append(kvs, gguf.KV{Key: "quantize.imatrix.chunks_count", Value: uint32(m.Chunks)})
	}
	return kvs
}

// keyText gives what the reference keeps of a text: up to a NUL, and at most 127 bytes, wherever they end.
func keyText(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s[:min(len(s), 127)]
}

// weighing gives the steps their weights and remembers what a person should know.
type weighing struct {
	m       *imatrix.Matrix // nil: there are no weights
	correct bool
	even    bool // where there is no matrix, columns count the same for types that need one

	unweighted []string // tensors without entry whose type would use one
	gaps       gaps
	notices    []string
	ones       []float32
}

// step finds the weights of a step whose encoder is fixed. Faults are Mismatch, or Usage when there is no file.
func (w *weighing) step(s *Step) error {
	if s.raw {
		return nil
	}
	if w.m == nil {
		switch {
		case s.codec.NeedWeight && w.even:
			if int64(len(w.ones)) < s.cols {
				w.ones = slices.Repeat([]float32{1}, int(s.cols))
			}
			s.even = w.ones[:s.cols]
		case s.codec.NeedWeight:
			return fault.New(fault.Usage, "", "%v needs an importance matrix: give --imatrix, or choose another type", s.Type).In(s.Name)
		}
		return nil
	}
	e, err := w.entry(s)
	switch {
	case err != nil:
		return err
	case e == nil && (s.needWeight || s.codec.NeedWeight):
		return fault.New(fault.Mismatch, w.m.File, "has no entry, and %v needs one: give a complete importance matrix, or choose another type with --tensor-type", s.Type).In(s.Name)
	case IgnoresWeight(s.Type):
	case e == nil:
		w.unweighted = append(w.unweighted, s.Name)
	default:
		s.weight, s.slab = w.values(s, e), s.matrixRows()
	}
	return nil
}

// overflowOf is the magnitude from which a search's sums overflow with these weights: the larger they are, the sooner.
func overflowOf(weights []float32) float32 {
	return float32(min(overflowing, math.Sqrt(1e33/float64(max(slices.Max(weights), 1)))))
}

// entry finds the entry of a step and makes sure that it fits.
func (w *weighing) entry(s *Step) (*imatrix.Entry, error) {
	e := w.m.Find(s.sourceName)
	if e == nil {
		return nil, nil
	}
	matrices := s.rows / s.matrixRows()
	if int64(len(e.Values)) == s.cols*matrices {
		return e, nil
	}
	if s.Name == "token_embd.weight" || s.Name == "per_layer_token_embd.weight" {
		// A model whose output is its embeddings: the reference does without weights then.
		w.notices = append(w.notices, fmt.Sprintf("%s: the entry of %s has %d values, its rows have %d: it is not used", fault.Printable(w.m.File), s.Name, len(e.Values), s.cols))
		return nil, nil
	}
	return nil, fault.New(fault.Mismatch, w.m.File, "the entry has %d values, expected %d: %d columns × %d; the file may belong to another model", len(e.Values), s.cols*matrices, s.cols, matrices).In(s.Name)
}

// values gives an entry's values, and notes matrices without data and matrices of zeros.
func (w *weighing) values(s *Step, e *imatrix.Entry) []float32 {
	w.gaps.unseen(s.Name, e.Empty)
	values, cols := e.Values, int(s.cols)
	for at := 0; at < len(values); at += cols {
		if part := w.gaps.mend(s.Name, values[at:at+cols], w.correct); part != nil {
			if &values[0] == &e.Values[0] {
				values = slices.Clone(values)
			}
			copy(values[at:], part)
		}
	}
	return values
}

// matrixRows is the number of rows that share their weights.
func (s *Step) matrixRows() int64 {
	if len(s.Shape) > 1 {
		return s.Shape[1]
	}
	return 1
}

// IgnoresWeight tells types whose bytes do not depend on importance.
func IgnoresWeight(t gguf.Type) bool {
	switch t {
	case gguf.TypeF32, gguf.TypeF16, gguf.TypeBF16, gguf.TypeQ8_0, gguf.TypeTQ1_0, gguf.TypeTQ2_0, gguf.TypeMXFP4, gguf.TypeNVFP4,
		gguf.TypeQ1_0, gguf.TypeQ2_0:
		return true
	}
	return false
}

// finish refuses a file of another model and says what was noticed.
func (w *weighing) finish(p *Plan) ([]string, error) {
	if w.m == nil {
		return nil, nil
	}
	tensors := make(map[string]bool, len(p.Steps))
	for i := range p.Steps {
		tensors[p.Steps[i].sourceName] = true
	}
	for _, name := range p.pruned {
		tensors[name] = true
	}
	var strange []string
	for i := range w.m.Entries {
		if name := w.m.Entries[i].Name; !tensors[name] {
			strange = append(strange, name)
		}
	}
	if n := len(w.m.Entries); len(strange) == n {
		return nil, fault.New(fault.Mismatch, w.m.File, "none of its %d entries is for a tensor of this model (%s): it belongs to another model", n, few(strange))
	}
	file := fault.Printable(w.m.File)
	for _, n := range []notice{
		{strange, fmt.Sprintf("entries of %s for tensors that this model does not have: %d", file, len(strange))},
		{w.unweighted, fmt.Sprintf("tensors without an entry in %s, quantized without weights: %d", file, len(w.unweighted))},
	} {
		w.notices = n.to(w.notices)
	}
	return append(w.notices, w.gaps.notices(file, w.correct)...), nil
}

// few lists the first names, printable.
func few(names []string) string {
	const shown = 5
	var b strings.Builder
	for i, name := range names[:min(shown, len(names))] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(fault.Printable(name))
	}
	if more := len(names) - shown; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// weights gives the importance of a slab's columns, nil when there is none.
func (s *Step) weights(slab int64) []float32 {
	if s.weight == nil {
		return s.even
	}
	return s.weight[slab*s.cols : (slab+1)*s.cols]
}

// hashWeights covers the weights that the bytes depend on.
func (p *Plan) hashWeights(h hash.Hash) {
	buf := make([]byte, 0, 64<<10)
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.weight == nil {
			continue
		}
		fmt.Fprintf(h, "%q %d\n", s.Name, len(s.weight))
		for v := s.weight; len(v) > 0; {
			n := min(len(v), cap(buf)/4)
			for _, x := range v[:n] {
				buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
			}
			h.Write(buf)
			v, buf = v[n:], buf[:0]
		}
	}
}
