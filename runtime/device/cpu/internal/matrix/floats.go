package matrix

// Types without integers are widened to float32 and multiplied as they are. A product has sixteen partial sums, of the
// columns with the same remainder, which are added at the end: lane i and i+8, then i+4, i+2 and i+1. Kernels fuse
// multiplication and addition; plain Go does not, and differs in the last bits.

// floatRows is how many rows are multiplied together.
const floatRows = 4

// floatLanes is how many partial sums a product has.
const floatLanes = 16

// floatTokens is how many vectors are multiplied with all rows of a call before the next ones: a chunk of them, half a MiB,
// stays in the second-level cache. Of 2,048 a chunk would come from further away for each four rows, at 0.7 of the speed.
const floatTokens = 256

func (s *Scratch) multiplyFloats(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	for t := 0; t < a.n; t += floatTokens {
		part := *a
		part.n, part.floats = min(floatTokens, a.n-t), a.floats[t*a.stride:]
		s.multiplyFloatPart(dst[t*stride:], stride, &part, w, row0, row1)
	}
}

func (s *Scratch) multiplyFloatPart(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) {
	const size = floatRows * floatLanes
	blocks := (a.n + tokens - 1) / tokens
	all := s.sumsFor((blocks*tokens*(size+floatRows) + tileRows - 1) / tileRows)
	sums, folded := all[:blocks*tokens*size], all[blocks*tokens*size:]
	for r0 := row0; r0 < row1; r0 += floatRows {
		rows := min(floatRows, row1-r0)
		clear(sums)
		for c := streamRows(sums, a, w, r0); c < w.Cols; c += chunk {
			n := min(chunk, w.Cols-c)
			for i := range rows {
				row := s.b.floats[chunk*i:][:(n+floatLanes-1)/floatLanes*floatLanes]
				widen(a.tier, w.format, row[:n], w.row(r0+i, c, c+n))
				clear(row[n:])
			}
			floatProduct(sums, &s.b.floats, a, c, (n+floatLanes-1)/floatLanes)
		}
		foldSums(a.tier, folded, sums[:a.n*size])
		for t := range a.n {
			d, f := dst[t*stride+r0:][:rows], (*[floatRows]float32)(folded[floatRows*t:])
			if len(d) == floatRows {
				*(*[floatRows]float32)(d) = *f
			} else {
				copy(d, f[:])
			}
		}
	}
}

// floatProductPlain adds to the sums of every vector the products of steps times 16 columns from c on.
func floatProductPlain(sums []float32, rows *[floatRows * chunk]float32, a *Activations, c, steps int) {
	for t := range a.n {
		x := a.floats[t*a.stride+c:][:floatLanes*steps]
		for r := range floatRows {
			lanes := (*[floatLanes]float32)(sums[floatLanes*(floatRows*t+r):])
			row := rows[chunk*r:][:len(x)]
			for i := 0; i < len(x); i += floatLanes {
				for l, v := range x[i:][:floatLanes] {
					lanes[l] += float32(v * row[i+l])
				}
			}
		}
	}
}

// foldSumsPlain adds up sixteen partial sums each.
func foldSumsPlain(dst, sums []float32) {
	for ; len(sums) > 0; sums, dst = sums[floatLanes:], dst[1:] {
		v := *(*[floatLanes]float32)(sums)
		for half := floatLanes / 2; half > 0; half /= 2 {
			for i := range half {
				v[i] += v[i+half]
			}
		}
		dst[0] = v[0]
	}
}
