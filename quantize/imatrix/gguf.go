package imatrix

import (
	"io"
	"math"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// Tensors come in pairs: NAME.in_sum2 [columns, matrices] holds sums of squares, NAME.counts how many rows each matrix saw.
const (
	sumsSuffix   = ".in_sum2"
	countsSuffix = ".counts"

	keyType       = "general.type"
	keyDatasets   = "imatrix.datasets"
	keyChunkCount = "imatrix.chunk_count"
	keyChunkSize  = "imatrix.chunk_size"
)

// maxCount is more rows than any run sees; larger counts are no counts.
const maxCount = 1e15

func readGGUF(r io.ReaderAt, size int64, name string, lim Limits, use func(*raw) error) (h head, err error) {
	gl := gguf.DefaultLimits()
	gl.Tensors = min(gl.Tensors, 2*lim.Entries)
	f, err := gguf.Open(r, size, name, gl)
	if err != nil {
		return h, err
	}
	if err := h.keys(f); err != nil {
		return h, err
	}
	pairs, err := pair(f)
	if err != nil {
		return h, err
	}
	for _, p := range pairs {
		e, err := p.entry(f)
		if err == nil {
			err = use(e)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

// keys reads what the reference wants of an importance file.
func (h *head) keys(f *gguf.File) error {
	if v, found := f.Get(keyType); found && v != "imatrix" {
		return fault.New(fault.Malformed, f.Name, "key %q is %q, expected \"imatrix\": this is no importance matrix", keyType, v)
	}
	for _, key := range []string{keyDatasets, keyChunkCount, keyChunkSize} {
		v, found := f.Get(key)
		if !found {
			return fault.New(fault.Malformed, f.Name, "key %q is missing: this is no importance matrix", key)
		}
		switch v := v.(type) {
		case []string:
			h.datasets = v
			found = key == keyDatasets
		case uint32:
			if v > math.MaxInt32 {
				return fault.New(fault.Malformed, f.Name, "key %q is %d, expected at most %d", key, v, math.MaxInt32)
			}
			if key == keyChunkCount {
				h.chunks = int64(v)
			} else {
				h.chunkSize = int64(v)
			}
			found = key != keyDatasets
		default:
			found = false
		}
		if !found {
			return fault.New(fault.Malformed, f.Name, "key %q is of another type, expected strings for %q and u32 for the others", key, keyDatasets)
		}
	}
	return nil
}

// sumsAndCounts are the tensors of one entry.
type sumsAndCounts struct {
	name         string
	sums, counts *gguf.Tensor
}

// pair finds the partner of each tensor, in order of the file. Tensors of other names are not looked at, as by the
// reference.
func pair(f *gguf.File) ([]*sumsAndCounts, error) {
	var pairs []*sumsAndCounts
	at := map[string]*sumsAndCounts{}
	for i := range f.Tensors {
		t := &f.Tensors[i]
		name, sums := strings.CutSuffix(t.Name, sumsSuffix)
		if !sums {
			var counts bool
			if name, counts = strings.CutSuffix(t.Name, countsSuffix); !counts {
				continue
			}
		}
		if msg := checkName(name); msg != "" {
			return nil, fault.New(fault.Malformed, f.Name, "the name of the entry %q %s", name, msg).In(t.Name)
		}
		p := at[name]
		if p == nil {
			p = &sumsAndCounts{name: name}
			at[name], pairs = p, append(pairs, p)
		}
		if sums {
			p.sums = t
		} else {
			p.counts = t
		}
	}
	if len(pairs) == 0 {
		return nil, fault.New(fault.Malformed, f.Name, "has no tensor NAME%s: this is no importance matrix", sumsSuffix)
	}
	for _, p := range pairs {
		if p.sums == nil {
			return nil, fault.New(fault.Malformed, f.Name, "has counts but no sums: %q is missing", p.name+sumsSuffix).In(p.name)
		}
		if p.counts == nil {
			return nil, fault.New(fault.Malformed, f.Name, "has sums but no counts: %q is missing", p.name+countsSuffix).In(p.name)
		}
	}
	return pairs, nil
}

// entry reads the values. Both tensors lie inside the file, which bounds what is allocated.
func (p *sumsAndCounts) entry(f *gguf.File) (*raw, error) {
	e := &raw{name: p.name}
	for _, t := range []*gguf.Tensor{p.sums, p.counts} {
		if t.Type != gguf.TypeF32 {
			return nil, e.wrong(f.Name, "%q is of type %v, expected F32", t.Name, t.Type)
		}
	}
	shape := p.sums.Shape
	if len(shape) == 0 || p.sums.Elems() == 0 || len(shape) > 2 && slices.Max(shape[2:]) > 1 {
		return nil, e.wrong(f.Name, "%q has shape %v, expected columns and matrices", p.sums.Name, shape)
	}
	if n, matrices := p.counts.Elems(), p.sums.Elems()/shape[0]; n != matrices {
		return nil, e.wrong(f.Name, "%q has %d counts, expected %d: one for each matrix of %q", p.counts.Name, n, matrices, p.sums.Name)
	}
	var err error
	if e.values, err = floats(f, p.sums); err != nil {
		return nil, err
	}
	if e.counts, err = floats(f, p.counts); err != nil {
		return nil, err
	}
	for j, c := range e.counts {
		if !(c >= 0 && c <= maxCount) {
			return nil, e.wrong(f.Name, "count %d is %v, expected a number of rows", j, c)
		}
		e.counts[j] = float32(math.Round(float64(c)))
	}
	return e, nil
}

// floats reads an F32 tensor.
func floats(f *gguf.File, t *gguf.Tensor) ([]float32, error) {
	v := make([]float32, t.Elems())
	var off int64
	return v, readFloats(v, func(b []byte) error {
		err := f.ReadAt(t, b, off)
		off += int64(len(b))
		return err
	})
}
