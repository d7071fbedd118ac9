package imatrix

import (
	"cmp"
	"io"
	"math"
	"slices"

	"github.com/qconv/qconv/formats/fault"
)

// Sums are what importance is made of: sums of squares, which can be merged by addition.
type Sums struct {
	File      string   // base name, for messages; "" for sums of a run
	Datasets  []string // names of the texts
	ChunkSize int64    // tokens of a chunk
	Entries   []Sum    // by name, bytewise
}

// Sum is the entry of one tensor.
type Sum struct {
	Name string
	// Counts are the rows that each matrix saw. The matrices of a tensor that is not chosen from, such as the heads of latent
	// attention, all see the same rows and have one count together.
	Counts []int64
	Values []float64 // of each column, matrix after matrix; as many for each count
}

// DefaultChunkSize is that of llama-imatrix.
const DefaultChunkSize = 512

// ReadSums reads a file as Open does. The legacy form keeps means and numbers of chunks: chunkSize, which it does not say,
// makes sums of them, with one count for all matrices, as the reference does when it merges.
func ReadSums(r io.ReaderAt, size int64, name string, lim Limits, chunkSize int64) (*Sums, error) {
	s := &Sums{File: name}
	h, err := read(r, size, name, lim, func(e *raw) error {
		sum, err := e.sums(name, chunkSize)
		s.Entries = append(s.Entries, sum)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.Datasets, s.ChunkSize = h.datasets, h.chunkSize
	if s.ChunkSize == 0 {
		s.ChunkSize = chunkSize
	}
	s.Sort()
	return s, nil
}

// Sort puts entries in the order that Sums want.
func (s *Sums) Sort() {
	slices.SortFunc(s.Entries, func(a, b Sum) int { return cmp.Compare(a.Name, b.Name) })
}

// sums refuses what means refuses too: what cannot be used is not merged.
func (e *raw) sums(file string, chunkSize int64) (Sum, error) {
	s := Sum{Name: e.name, Counts: make([]int64, len(e.counts)), Values: make([]float64, len(e.values))}
	scale := int64(1)
	if e.legacy {
		scale = chunkSize
	}
	columns := len(e.values) / len(e.counts)
	for j, count := range e.counts {
		if e.legacy && count == 0 {
			return s, e.wrong(file, "the number of calls is 0, so that its values cannot be merged")
		}
		if s.Counts[j] = int64(count); s.Counts[j] > int64(maxCount)/scale {
			return s, fault.New(fault.Limit, file, "count %d is %d times %d rows, expected at most %.0e", j, s.Counts[j], scale, float64(maxCount)).In(e.name)
		}
		s.Counts[j] *= scale
		for i := j * columns; i < (j+1)*columns; i++ {
			if _, err := e.mean(file, i, count); err != nil {
				return s, err
			}
			s.Values[i] = float64(e.values[i]) * float64(scale)
		}
	}
	return s, nil
}

// Columns is how many values belong to each count.
func (s *Sum) Columns() int { return len(s.Values) / len(s.Counts) }

// Find gives the entry of a tensor, nil when there is none.
func (s *Sums) Find(tensor string) *Sum {
	i, ok := slices.BinarySearchFunc(s.Entries, tensor, func(e Sum, name string) int { return cmp.Compare(e.Name, name) })
	if !ok {
		return nil
	}
	return &s.Entries[i]
}

// Chunks is how many pieces of text were read: what the largest count makes.
func (s *Sums) Chunks() int64 {
	var most int64
	for i := range s.Entries {
		most = max(most, slices.Max(s.Entries[i].Counts))
	}
	return most / max(s.ChunkSize, 1)
}

// Fits says why o's sums cannot be those of the model of s: chunks of another size, an entry of another shape, no entry in
// common. A tensor with one count, as the legacy form has it, fits one with a count for each matrix.
func (s *Sums) Fits(o *Sums) error {
	if s.ChunkSize != o.ChunkSize {
		return fault.New(fault.Mismatch, o.File, "was made with chunks of %d tokens, %s with %d: sums of both cannot be merged", o.ChunkSize, s.called(), s.ChunkSize)
	}
	common := 0
	for i := range o.Entries {
		e := &o.Entries[i]
		own := s.Find(e.Name)
		if own == nil {
			continue
		}
		common++
		if len(own.Values) != len(e.Values) {
			return fault.New(fault.Mismatch, o.File, "has %d sums, %s has %d: they are not of the same model", len(e.Values), s.called(), len(own.Values)).In(e.Name)
		}
		if a, b := len(own.Counts), len(e.Counts); a != b && a != 1 && b != 1 {
			return fault.New(fault.Mismatch, o.File, "has %d counts, %s has %d: they are not of the same model", b, s.called(), a).In(e.Name)
		}
	}
	if common == 0 && len(o.Entries) > 0 && len(s.Entries) > 0 {
		return fault.New(fault.Mismatch, o.File, "none of its %d entries is one of %s: they are not of the same model", len(o.Entries), s.called())
	}
	return nil
}

// called is how a message names the sums.
func (s *Sums) called() string {
	if s.File == "" {
		return "the model"
	}
	return fault.Printable(s.File)
}

// Merge adds o, which Fits, to s. Entries that only one of them has stay as they are.
func (s *Sums) Merge(o *Sums) error {
	if err := s.Fits(o); err != nil {
		return err
	}
	var added []Sum
	for i := range o.Entries {
		e := &o.Entries[i]
		own := s.Find(e.Name)
		if own == nil {
			added = append(added, Sum{e.Name, slices.Clone(e.Counts), slices.Clone(e.Values)})
			continue
		}
		if len(own.Counts) < len(e.Counts) {
			own.Counts = slices.Repeat(own.Counts, len(e.Counts))
		}
		for j := range own.Counts {
			if own.Counts[j] += e.Counts[min(j, len(e.Counts)-1)]; own.Counts[j] > maxCount {
				return fault.New(fault.Limit, o.File, "count %d with those of other files is %d rows, expected at most %.0e", j, own.Counts[j], float64(maxCount)).In(e.Name)
			}
		}
		for j, v := range e.Values {
			own.Values[j] += v
		}
	}
	s.Datasets = append(slices.Clip(s.Datasets), o.Datasets...)
	s.Entries = append(s.Entries, added...)
	s.Sort()
	return nil
}

// Matrix gives what quantizers read from a file of these sums: sums are rounded to float32 first.
func (s *Sums) Matrix() (*Matrix, error) {
	m := &Matrix{File: s.File, Datasets: s.Datasets, Chunks: s.Chunks()}
	for i := range s.Entries {
		e, err := s.Entries[i].rounded().means(s.File)
		if err != nil {
			return nil, err
		}
		m.Entries = append(m.Entries, e)
	}
	return m, nil
}

// Means gives what quantizers read from a file of these sums for a matrix of so many columns; seen is false when it saw no rows.
func (s *Sum) Means(matrix, columns int) (values []float32, seen bool, err error) {
	one := Sum{s.Name, s.Counts[min(matrix, len(s.Counts)-1):][:1], s.Values[matrix*columns : (matrix+1)*columns]}
	if err := one.Check(); err != nil {
		return nil, false, err
	}
	e, err := one.rounded().means("")
	return e.Values, e.Empty == 0, err
}

// rounded is the entry as a GGUF file has it.
func (s *Sum) rounded() *raw {
	e := &raw{name: s.Name, values: make([]float32, len(s.Values)), counts: make([]float32, len(s.Counts))}
	for i, v := range s.Values {
		e.values[i] = float32(v)
	}
	for i, n := range s.Counts {
		e.counts[i] = float32(n)
	}
	return e
}

// Check refuses sums that no file could hold so that it can be used: means that are not finite or too large.
func (s *Sum) Check() error {
	columns := s.Columns()
	for i, v := range s.Values {
		mean := v / float64(max(s.Counts[i/columns], 1))
		switch {
		case mean <= MaxValue:
		case math.IsNaN(v):
			return fault.New(fault.Malformed, "", "its input has NaN in column %d, expected finite numbers", i%columns).In(s.Name)
		case math.IsInf(v, 0):
			return fault.New(fault.Malformed, "", "its input is infinite in column %d, expected finite numbers", i%columns).In(s.Name)
		default:
			return fault.New(fault.Malformed, "", "its input has a mean square of %.3g in column %d, expected at most %g", mean, i%columns, float64(MaxValue)).In(s.Name)
		}
	}
	return nil
}

// FewRows is how many rows make a mean square that can be relied on: with fewer, its standard error is more than a sixth
// of it where activations are Gaussian.
const FewRows = 64

// Scarce is a matrix, an expert's, that few rows went to. Without any, all its columns count the same when the file is used;
// with few, the means are what these rows make.
type Scarce struct {
	Tensor string
	Matrix int
	Rows   int64
}

// Scarce lists the matrices with fewer than FewRows rows of tensors whose matrices are counted on their own.
func (s *Sums) Scarce() (list []Scarce) {
	for i := range s.Entries {
		e := &s.Entries[i]
		for j, n := range e.Counts {
			if len(e.Counts) > 1 && n < FewRows {
				list = append(list, Scarce{e.Name, j, n})
			}
		}
	}
	return list
}
