package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// badRows is what was found in one tensor.
type badRows struct {
	rows  int64
	first int64 // the lowest of them
	err   error // what is wrong with it
}

// blocks reads the file once: every block is looked at, and digests are made.
func (s *Subject) blocks(ctx context.Context, r *Report) error {
	var total int64
	for _, f := range s.Set.Files {
		total += f.Size
	}
	s.begin("check", total)
	bad := make([]badRows, len(s.Set.Tensors))
	var digests []Digest
	var unknown []string
	base := 0
	for i, f := range s.Set.Files {
		file := &File{Name: f.Name, Size: f.Size, Data: s.Data[i]}
		codecs := make([]*quantize.Codec, len(f.Tensors))
		for k := range f.Tensors {
			t := &f.Tensors[k]
			off, n := f.Section(t)
			file.Tensors = append(file.Tensors, Section{t.Name, off, n})
			c, ok := quantize.For(t.Type)
			if codecs[k] = c; !ok && !slices.Contains(unknown, t.Type.String()) {
				unknown = append(unknown, t.Type.String())
			}
		}
		list, err := file.scan(ctx, &looking{
			most: func(k int, off int64) int64 { return pieceOf(&f.Tensors[k], off) },
			look: func(k int, off int64, data []byte) error {
				if codecs[k] == nil {
					return nil
				}
				return s.look(&bad[base+k], &f.Tensors[k], codecs[k], off, data)
			},
		}, s.done)
		if err != nil {
			return err
		}
		for k := range f.Tensors {
			r.Tensors[base+k].SHA256 = list[k].Digest
		}
		if len(s.Set.Files) == 1 {
			r.SHA256 = list[len(list)-1].Digest
		}
		digests = append(digests, list...)
		base += len(f.Tensors)
	}
	if len(unknown) > 0 {
		r.note("tensors of these types have no blocks to look at: %s", strings.Join(unknown, ", "))
	}
	var found []Finding
	for i, b := range bad {
		if b.rows == 0 {
			continue
		}
		more := ""
		if b.rows > 1 {
			more = fmt.Sprintf("; %d more rows are damaged", b.rows-1)
		}
		found = append(found, finding(s.Set.Tensors[i].Name, "row %d: %v; expected finite values and legal codes%s", b.first, b.err, more))
	}
	r.Add(checkBlocks, fmt.Sprintf("every block of %d tensors", len(s.Set.Tensors)), found...)
	if s.Manifest != nil {
		s.digests(r, digests)
	}
	return nil
}

// rowOf gives the elements and bytes of a tensor's row.
func rowOf(t *gguf.Tensor) (elems, bytes int64) {
	elems = 1
	if len(t.Shape) > 0 {
		elems = t.Shape[0]
	}
	bytes, _ = t.Type.RowBytes(elems)
	return elems, bytes
}

// pieceOf is how many bytes of a tensor are read at once from byte off on: whole rows, or whole blocks of a row that is too long.
func pieceOf(t *gguf.Tensor, off int64) int64 {
	_, row := rowOf(t)
	if row == 0 {
		return pieceBytes
	}
	if row <= pieceBytes {
		return pieceBytes / row * row
	}
	_, block, _ := t.Type.Block()
	return min(pieceBytes/block*block, row-off%row)
}

// look checks a piece of a tensor's data, divided among the threads.
func (s *Subject) look(bad *badRows, t *gguf.Tensor, c *quantize.Codec, off int64, data []byte) error {
	_, rowLen := rowOf(t)
	if rowLen == 0 {
		return nil
	}
	first := off / rowLen
	if rowLen > pieceBytes { // a part of one row
		if err := c.Check(data); err != nil {
			elems, bytes, _ := t.Type.Block()
			if skip := off % rowLen / bytes * elems; skip > 0 {
				err = fmt.Errorf("counted from column %d on: %w", skip, err)
			}
			bad.add(first, err)
		}
		return nil
	}
	rows := int64(len(data)) / rowLen
	n := min(int64(s.threads()), max(rows*rowLen>>16, 1)) // a goroutine for less than 64 KiB is not worth it
	var mu sync.Mutex
	var g group
	for k := range n {
		g.run(func() error {
			for i := rows * k / n; i < rows*(k+1)/n; i++ {
				if err := c.Check(data[i*rowLen : (i+1)*rowLen]); err != nil {
					mu.Lock()
					bad.add(first+i, err)
					mu.Unlock()
				}
			}
			return nil
		})
	}
	return g.wait()
}

func (b *badRows) add(row int64, err error) {
	if b.rows == 0 || row < b.first {
		b.first, b.err = row, err
	}
	b.rows++
}
