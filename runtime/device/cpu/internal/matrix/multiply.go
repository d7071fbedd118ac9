package matrix

import "fmt"

// tileRows is how many rows a tile has. Ranges of rows are best multiples of it.
const tileRows = 32

// Scratch is memory for products; a goroutine must have its own. The zero value is ready, and grows with the batch.
type Scratch struct {
	room, termRoom []byte

	b     *buffers
	plain unwoven
}

// buffers are larger than 32 KiB, so that Go puts them at the beginning of a page: rows must not cross cache lines.
// Kernels find minima right after scales.
type buffers struct {
	codes          [tileRows * chunk]uint8 // row after row
	scales, minima [tileRows * chunk / 16]float32
	floats         [floatRows * chunk]float32 // rows of types without integers
	lanes          lanes                      // rows side by side
}

// Multiply computes dst[t*stride+r] = Σ_j w[r,j]·x[t,j] for row0 ≤ r < row1 and every vector t of a. Goroutines may
// multiply disjoint ranges of rows at the same time. A result depends on nothing but its row and its vector.
func Multiply(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int, s *Scratch) {
	if w.Cols != a.cols || row0 < 0 || row1 > w.Rows || row1 > stride && a.n > 1 {
		panic(fmt.Sprintf("matrix: rows %d to %d of %d×%d times %d values, %d apart", row0, row1, w.Rows, w.Cols, a.cols, stride))
	}
	if row0 >= row1 {
		return
	}
	if s.b == nil {
		s.b = new(buffers)
	}
	_ = dst[(a.n-1)*stride+row1-1]
	defer func() { s.plain.w = nil }() // a scratch outlives weights, and must not keep their memory
	switch f := w.format; {
	case f.group == 0 && a.floats == nil, f.group > 0 && a.records == nil:
		panic(notReady)
	case f.group == 0:
		s.multiplyFloats(dst, stride, a, w, row0, row1)
	default:
		s.multiplyInts(dst, stride, a, w, row0, row1)
	}
}

// multiplyPlain takes one row after the other, in pieces whose codes stay in the nearest cache.
func (s *Scratch) multiplyPlain(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	for r := row0; r < row1; r++ {
		for c := 0; c < w.Cols; c += chunk {
			n := min(chunk, w.Cols-c)
			p := s.piece(w, n, 0)
			w.format.unpack(p.codes, p.scales, p.minima, s.plain.blocks(w, r, c, c+n))
			for t := range a.n {
				d := &dst[t*stride+r]
				if c == 0 {
					*d = 0
				}
				x := a.record(t)
				*d = p.dot(*d, &x, c/32)
			}
		}
	}
}

// sumsFor gives the sums of 32 rows of n vectors.
func (s *Scratch) sumsFor(n int) []float32 {
	return view[float32](aligned(&s.room, 4*tileRows*n), tileRows*n)
}

// termsFor gives room for n terms.
func (s *Scratch) termsFor(n int) []float32 { return view[float32](aligned(&s.termRoom, 4*n), n) }

// piece is unpacked columns of one row.
type piece struct {
	format         *format
	codes          []uint8
	scales, minima []float32
}

// piece gives room for n columns of row i of a tile.
func (s *Scratch) piece(w *Weight, n, i int) piece {
	f := w.format
	p := piece{format: f, codes: s.b.codes[chunk*i:][:n], scales: s.b.scales[chunk/f.group*i:][:n/f.group]}
	if f.minima {
		p.minima = s.b.minima[chunk/f.group*i:][:n/f.group]
	}
	return p
}

// dot adds the products of the columns with the groups of a vector from first on, one group after the other. Nothing is
// fused, so that every tier gives the same bits. Sums of integers are exact: 32·255·32639 is below 2^31, and so is
// what the offset takes off.
func (p *piece) dot(sum float32, x *record, first int) float32 {
	for g := 0; g < len(p.codes)/32; g++ {
		codes, pairs, at := p.codes[32*g:][:32], x.pairs[32*(first+g):][:32], first+g
		low, high := dot16(codes[:16], pairs, 0), dot16(codes[16:], pairs, 8)
		var term float32
		if p.format.group == 32 {
			n := low + high
			if !p.format.minima {
				n += x.offset[at]
			}
			term = float32(float32(float32(n)*p.scales[g]) * x.scale[at])
			if p.format.minima {
				term -= float32(p.minima[g] * x.sum[at])
			}
		} else {
			if !p.format.minima {
				low, high = low+x.halfOffset[2*at], high+x.halfOffset[2*at+1]
			}
			term = float32((float32(float32(low)*p.scales[2*g]) + float32(float32(high)*p.scales[2*g+1])) * x.scale[at])
			if p.format.minima {
				term -= float32(p.minima[2*g]*x.halfSum[2*at]) + float32(p.minima[2*g+1]*x.halfSum[2*at+1])
			}
		}
		sum += term
	}
	return sum
}

// dot16 multiplies 16 codes with the values from 2·at on of a group.
func dot16(codes []uint8, pairs []int16, at int) (n int32) {
	even, odd := pairs[at:][:8], pairs[16+at:][:8]
	codes = codes[:16]
	for i := range even {
		n += int32(codes[2*i])*int32(even[i]) + int32(codes[2*i+1])*int32(odd[i])
	}
	return n
}
