package imatrix

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/outfile"
)

// Form is a file format.
type Form uint8

const (
	GGUF Form = iota
	Legacy
)

// Output says where a file goes.
type Output struct {
	Path   string
	Form   Form
	Inputs []os.FileInfo // files that it must not be
	Force  bool          // replace a file that exists
}

// Check refuses early what Write would refuse: an output that exists or is an input, a missing directory.
func (o *Output) Check() error {
	parts, opts := o.outfile(&image{})
	return outfile.Check(parts, opts)
}

func (o *Output) outfile(f *image) ([]outfile.Part, outfile.Options) {
	sum := sha256.Sum256(f.head)
	return []outfile.Part{{Path: o.Path, Size: f.size, Units: f.units}},
		outfile.Options{Digest: hex.EncodeToString(sum[:]), Inputs: o.Inputs, Force: o.Force, NoResume: true}
}

// Written is a file that Write made.
type Written struct {
	Size   int64
	SHA256 string
	Left   []string // entries without any data, which the legacy form leaves out, as the reference does
}

// Write makes the file as llama-imatrix lays it out. It appears under its name when it is complete.
func (s *Sums) Write(ctx context.Context, o Output) (*Written, error) {
	f, err := s.gguf()
	if o.Form == Legacy {
		f, err = s.legacy()
	}
	if err != nil {
		return nil, err
	}
	parts, opts := o.outfile(f)
	opts.Context = ctx
	set, err := outfile.Begin(parts, opts)
	if err != nil {
		return nil, err
	}
	for i := range f.units {
		if err := set.Write(0, i, f.unit(i)); err != nil {
			set.Discard()
			return nil, err
		}
	}
	done, err := set.Commit(ctx, [][]byte{f.head}, nil)
	if err != nil {
		set.Discard() // it is made again in no time
		return nil, err
	}
	return &Written{done[0].Size, hex.EncodeToString(done[0].SHA256[:]), f.left}, nil
}

// image is a file in pieces: what it begins with, and units that are made when they are written.
type image struct {
	head  []byte
	size  int64
	units []outfile.Unit
	unit  func(i int) []byte
	left  []string
}

// gguf lays the GGUF form out: a unit an entry.
func (s *Sums) gguf() (*image, error) {
	kvs := []gguf.KV{{Key: keyType, Value: "imatrix"}, {Key: keyDatasets, Value: append([]string{}, s.Datasets...)},
		{Key: keyChunkCount, Value: uint32(min(s.Chunks(), math.MaxInt32))}, {Key: keyChunkSize, Value: uint32(s.ChunkSize)}}
	var tensors []gguf.Tensor
	for i := range s.Entries {
		e := &s.Entries[i]
		n := int64(len(e.Counts))
		tensors = append(tensors, gguf.Tensor{Name: e.Name + sumsSuffix, Type: gguf.TypeF32, Shape: matrix(int64(e.Columns()), n)},
			gguf.Tensor{Name: e.Name + countsSuffix, Type: gguf.TypeF32, Shape: matrix(1, n)})
	}
	l, err := gguf.NewLayout(kvs, tensors, gguf.DefaultAlignment)
	if err != nil {
		return nil, err
	}
	f := &image{head: l.Header, size: l.Size}
	for i := 0; i < len(tensors); i += 2 {
		end := l.Size - l.DataStart
		if i+2 < len(tensors) {
			end = l.Tensors[i+2].Offset
		}
		f.units = append(f.units, outfile.Unit{Off: l.DataStart + l.Tensors[i].Offset, Len: end - l.Tensors[i].Offset})
	}
	f.unit = func(i int) []byte {
		e := s.Entries[i].rounded()
		b := make([]byte, f.units[i].Len)
		put(b, e.values)
		put(b[l.Tensors[2*i+1].Offset-l.Tensors[2*i].Offset:], e.counts)
		return b
	}
	return f, nil
}

// matrix is a shape as ggml writes it: dimensions of 1 at the end are left out.
func matrix(columns, rows int64) []int64 {
	if rows == 1 {
		return []int64{columns}
	}
	return []int64{columns, rows}
}

func put(b []byte, values []float32) {
	for i, v := range values {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
}

// legacy lays the legacy form out: a unit an entry, and one for what is behind them. Entries without any data are left out.
func (s *Sums) legacy() (*image, error) {
	f := &image{}
	var entries []*Sum
	for i := range s.Entries {
		if e := &s.Entries[i]; slices.Max(e.Counts) > 0 {
			entries = append(entries, e)
		} else {
			f.left = append(f.left, e.Name)
		}
	}
	if len(entries) == 0 {
		return nil, fault.New(fault.Malformed, s.File, "no entry has data, and the legacy form has no place for such; choose GGUF")
	}
	number := func(b []byte, n int64) []byte {
		return binary.LittleEndian.AppendUint32(b, uint32(min(n, math.MaxInt32)))
	}
	f.head = number(nil, int64(len(entries)))
	dataset := ""
	if n := len(s.Datasets); n > 0 {
		dataset = s.Datasets[n-1]
	}
	end := append(number(number(nil, s.Chunks()), int64(len(dataset))), dataset...)
	f.size = int64(len(f.head))
	for _, e := range entries {
		if len(e.Values) > math.MaxInt32 {
			return nil, fault.New(fault.Unsupported, s.File, "has %d values, the legacy form holds at most %d; choose GGUF", len(e.Values), math.MaxInt32).In(e.Name)
		}
		n := int64(12 + len(e.Name) + 4*len(e.Values))
		f.units = append(f.units, outfile.Unit{Off: f.size, Len: n})
		f.size += n
	}
	f.units = append(f.units, outfile.Unit{Off: f.size, Len: int64(len(end))})
	f.size += int64(len(end))
	f.unit = func(i int) []byte {
		if i == len(entries) {
			return end
		}
		e := entries[i]
		calls := (slices.Max(e.Counts) + s.ChunkSize - 1) / s.ChunkSize
		b := append(number(make([]byte, 0, f.units[i].Len), int64(len(e.Name))), e.Name...)
		b = number(number(b, calls), int64(len(e.Values)))
		at := len(b)
		b = b[:f.units[i].Len]
		put(b[at:], e.rounded().scaled(float32(calls)))
		return b
	}
	return f, nil
}

// scaled gives means times the number of calls, 1 for each where there are no data: in float32, as the reference.
func (e *raw) scaled(calls float32) []float32 {
	columns := len(e.values) / len(e.counts)
	for i, v := range e.values {
		count := e.counts[i/columns]
		if count == 0 {
			v, count = 1, 1
		}
		mean := v / count
		e.values[i] = float32(mean * calls)
	}
	return e.values
}
