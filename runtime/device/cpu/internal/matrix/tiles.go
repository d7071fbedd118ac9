//go:build !purego && (amd64 || arm64)

package matrix

// few is how many vectors are multiplied without a tile.
const few = 2

// segment is how many columns of a row are multiplied at once when there are few vectors.
const segment = 2048

// lanes has rows side by side.
type lanes struct {
	tile           [tileRows * chunk]uint8 // four columns of a row, then those of the next row; for NEON without dot products one
	scales, minima [tileRows * chunk / 16]float32
	terms          [few][tileRows * segment / 32]float32 // row after row
	turned         [tileRows * segment / 32]float32      // terms with the rows side by side
	shape          [4]int                                // what kernels for arm64 get beside pointers
}

// variant numbers the kinds of products: 32 or 16 columns a scale, without and with minima.
func (f *format) variant() (n int) {
	if f.minima {
		n = 1
	}
	if f.group == 16 {
		n += 2
	}
	return n
}

func (s *Scratch) multiplyInts(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	switch {
	case a.tier == plain:
		s.multiplyPlain(dst, stride, a, w, row0, row1)
	case a.n <= few:
		s.multiplyFew(dst, stride, a, w, row0, row1)
	default:
		s.multiplyTiles(dst, stride, a, w, row0, row1)
	}
}

// multiplyFew unpacks some rows at a time, as many as stay in the nearest cache, and multiplies them as they lie. What it
// gets for each group of a row is added up for 32 rows together.
func (s *Scratch) multiplyFew(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	b, l, f := s.b, &s.b.lanes, w.format
	unpack := unpackKernel(w)
	sums := s.sumsFor(few)
	for r0 := row0; r0 < row1; r0 += tileRows {
		rows := min(tileRows, row1-r0)
		clear(sums)
		for c := 0; c < w.Cols; c += segment {
			n := min(segment, w.Cols-c)
			done := fusedProducts(l, a, w, r0, rows, c, n)
			if n -= done; n > 0 {
				together := max(1, len(b.codes)/2/n)
				for i := 0; i < rows; i += together {
					k := min(together, rows-i)
					for j := range k {
						unpack(b.codes[j*n:][:n], b.scales[j*n/f.group:][:n/f.group], b.minima[j*n/f.group:][:n/f.group], w.row(r0+i+j, c+done, c+done+n))
					}
					for t := range a.n {
						rowProducts(l.terms[t][i*segment/32+done/32:], b, f, a, t, (c+done)/32, n, k)
					}
				}
			}
			n += done
			for t := range a.n {
				transpose(a.tier, l.turned[:], l.terms[t][:], segment/8, n/32)
				addRows(a.tier, sums[tileRows*t:][:tileRows], l.turned[:], n/32)
			}
		}
		for t := range a.n {
			copy(dst[t*stride+r0:][:rows], sums[tileRows*t:])
		}
	}
}

// multiplyTiles unpacks 32 rows by 512 columns, turns them so that rows lie side by side, and multiplies all vectors with
// them.
func (s *Scratch) multiplyTiles(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	b, l, f := s.b, &s.b.lanes, w.format
	unpack := unpackKernel(w)
	blocks := (a.n + tokens - 1) / tokens
	sums := s.sumsFor(blocks * tokens)
	groups := chunk / f.group
	for r0 := row0; r0 < row1; r0 += tileRows {
		rows := min(tileRows, row1-r0)
		clear(sums)
		for c := 0; c < w.Cols; c += chunk {
			n := min(chunk, w.Cols-c)
			g, size := n/f.group, n/f.elems*f.bytes
			at := r0*w.rowBytes + c/f.elems*f.bytes
			for i := range rows {
				unpack(b.codes[chunk*i:][:n], b.scales[groups*i:][:g], b.minima[groups*i:][:g], w.Blocks[at:][:size])
				at += w.rowBytes
			}
			turnCodes(a.tier, l, b, n)
			transpose(a.tier, l.scales[:], b.scales[:], 4*groups, g)
			if f.minima {
				transpose(a.tier, l.minima[:], b.minima[:], 4*groups, g)
			}
			tileProduct(sums, l, f, a, c/32, n/32)
		}
		for t := range a.n {
			copy(dst[t*stride+r0:][:rows], sums[tileRows*t:])
		}
	}
}
