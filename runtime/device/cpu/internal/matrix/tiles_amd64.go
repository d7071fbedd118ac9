//go:build !purego

package matrix

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

// multiplyFew has a row's codes from a kernel and multiplies them at once. What it gets for each group of a row is added
// up for 32 rows together.
func (s *Scratch) multiplyFew(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	b := s.b
	unpack := unpackKernel(w)
	sums := s.sumsFor(few)
	for r0 := row0; r0 < row1; r0 += tileRows {
		rows := min(tileRows, row1-r0)
		clear(sums)
		for c := 0; c < w.Cols; c += segment {
			n := min(segment, w.Cols-c)
			for i := range rows {
				p := s.piece(w, n, 0)
				unpack(p.codes, p.scales, p.minima, w.row(r0+i, c, c+n))
				for t := range a.n {
					rowProduct(b.terms[t][i*segment/32:][:segment/32], &p, a, t, c/32)
				}
			}
			for t := range a.n {
				transpose(a.tier, b.termRows[:], b.terms[t][:], segment/8, n/32)
				addRows(a.tier, sums[tileRows*t:][:tileRows], b.termRows[:], n/32)
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
	b, f := s.b, w.format
	unpack := unpackKernel(w)
	blocks := (a.n + tokens - 1) / tokens
	sums := s.sumsFor(blocks * tokens)
	for r0 := row0; r0 < row1; r0 += tileRows {
		rows := min(tileRows, row1-r0)
		clear(sums)
		for c := 0; c < w.Cols; c += chunk {
			n := min(chunk, w.Cols-c)
			for i := range rows {
				p := s.piece(w, n, i)
				unpack(p.codes, p.scales, p.minima, w.row(r0+i, c, c+n))
			}
			transpose(a.tier, view[float32](b.tile[:], len(b.tile)/4), view[float32](b.codes[:], len(b.codes)/4), chunk, n/4)
			transpose(a.tier, b.tileScales[:], b.scales[:], 4*chunk/f.group, n/f.group)
			if f.minima {
				transpose(a.tier, b.tileMinima[:], b.minima[:], 4*chunk/f.group, n/f.group)
			}
			tileProduct(sums, b, f, a, c/32, n/32)
		}
		for t := range a.n {
			copy(dst[t*stride+r0:][:rows], sums[tileRows*t:])
		}
	}
}
