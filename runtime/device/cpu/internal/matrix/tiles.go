//go:build !purego && (amd64 || arm64)

package matrix

// few is how many vectors are multiplied without a tile.
const few = 2

// segment is up to how many columns kernels take several rows at once when there are few vectors: the terms of a row
// begin segment/32 after those of the one before.
const segment = 2048

// lanes has rows side by side.
type lanes struct {
	tile           [tileRows * chunk]uint8     // four columns of a row, then those of the next row; for NEON without dot products one
	words          [2 * tileRows * chunk]uint8 // for AVX2: see splitTile in _asm
	scales, minima [tileRows * chunk / 16]float32
	shape          [4]int // what kernels for arm64 get beside pointers
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
	row0 = multiplyEights(dst, stride, a, w, row0, row1)
	switch {
	case row0 >= row1:
	case a.tier == plain:
		s.multiplyPlain(dst, stride, a, w, row0, row1)
	case a.n <= few:
		s.multiplyFew(dst, stride, a, w, row0, row1)
	default:
		s.multiplyTiles(dst, stride, a, w, row0, row1)
	}
}

// multiplyFew multiplies rows as they lie in memory, one after the other, so that memory is read in order: it is what
// takes longest. What it gets for each group of a row is added up for 32 rows together.
func (s *Scratch) multiplyFew(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	apart := segment / 32
	if w.Cols > segment {
		// Terms go on up to whole registers. Rows must not begin at the same place of pages: they would share a place in
		// the nearest cache.
		apart = ((w.Cols+chunk-1)/chunk*chunk + chunk) / 32
	}
	terms := s.termsFor(tileRows * apart * (a.n + 1))
	turned := terms[tileRows*apart*a.n:]
	sums := s.sumsFor(few)
	for r0 := row0; r0 < row1; r0 += tileRows {
		rows := min(tileRows, row1-r0)
		s.terms(terms, apart, a, w, r0, rows)
		clear(sums)
		for t := range a.n {
			transpose(a.tier, turned, terms[tileRows*apart*t:], 4*apart, w.Cols/32)
			addRows(a.tier, sums[tileRows*t:][:tileRows], turned, w.Cols/32)
			copy(dst[t*stride+r0:][:rows], sums[tileRows*t:])
		}
	}
}

// terms gives what each group of rows adds to their products: those of a row begin apart after those of the one before,
// those of a vector tileRows·apart. Where there is no kernel that does it in one, codes are unpacked first, as many as stay in the nearest cache.
func (s *Scratch) terms(terms []float32, apart int, a *Activations, w *Weight, row, rows int) {
	done := fusedProducts(&s.b.lanes, terms, apart, a, w, row, rows)
	if done == w.Cols {
		return
	}
	b, f := s.b, w.format
	unpack := unpackKernel(w)
	for ; done < w.Cols; done += segment {
		n := min(segment, w.Cols-done)
		together := rowsAtOnce(apart, max(1, len(b.codes)/2/n))
		for i := 0; i < rows; i += together {
			k := min(together, rows-i)
			for j := range k {
				unpack(b.codes[j*n:][:n], b.scales[j*n/f.group:][:n/f.group], b.minima[j*n/f.group:][:n/f.group], s.plain.blocks(w, row+i+j, done, done+n))
			}
			for t := range a.n {
				rowProducts(terms[(tileRows*t+i)*apart+done/32:], b, f, a, t, done/32, n, k)
			}
		}
	}
}

// rowsAtOnce is how many rows of some a kernel may take, whose terms must begin segment/32 apart.
func rowsAtOnce(apart, rows int) int {
	if apart != segment/32 {
		return 1
	}
	return rows
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
			g := n / f.group
			for i := range rows {
				unpack(b.codes[chunk*i:][:n], b.scales[groups*i:][:g], b.minima[groups*i:][:g], s.plain.blocks(w, r0+i, c, c+n))
			}
			turnCodes(a, f, l, b, n)
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
