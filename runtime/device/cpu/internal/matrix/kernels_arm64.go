//go:build !purego

package matrix

import (
	"unsafe"

	"github.com/qconv/qconv/formats/gguf"
)

// The kernels behind the functions that the products call. Lengths are checked by slicing before pointers are taken.
// Unpacked codes are signed bytes here: the offset of types without minima is taken off.

func (a *Activations) round(r *record, x []float32) {
	groups := len(x) / 32
	if a.tier == plain || groups == 0 {
		a.roundPlain(r, x)
		return
	}
	steps, divisor, shift := a.mode.rounding()
	shape := [4]int{groups, a.columns / 32, shift, a.span}
	_ = r.bytes[a.size-1]
	if a.tier == dotprod {
		roundBytesNEON(&r.bytes[0], &x[0], &shape[0], steps, divisor)
		return
	}
	roundNEON(&r.bytes[0], &x[0], &shape[0], steps, divisor)
}

// typed are the kernels of a type: to unpack, and to unpack and multiply in one. A row of the latter has whole steps of
// some columns.
type typed struct {
	unpack     func(codes *int8, scales, minima *float32, blocks *byte, n int)
	words, dot func(terms *float32, blocks, values *byte, xscale, xsum *float32, shape *int)
	step       int
}

// kernelsOf gives the kernels of a type; some types have none.
func kernelsOf(t gguf.Type) typed {
	switch t {
	case gguf.TypeQ4_0:
		return typed{unpackQ4_0NEON, wordsQ4_0NEON, dotQ4_0NEON, 128}
	case gguf.TypeQ4_1:
		return typed{unpackQ4_1NEON, wordsQ4_1NEON, dotQ4_1NEON, 128}
	case gguf.TypeQ5_0:
		return typed{unpackQ5_0NEON, wordsQ5_0NEON, dotQ5_0NEON, 128}
	case gguf.TypeQ5_1:
		return typed{unpackQ5_1NEON, wordsQ5_1NEON, dotQ5_1NEON, 128}
	case gguf.TypeQ8_0:
		return typed{unpackQ8_0NEON, wordsQ8_0NEON, dotQ8_0NEON, 128}
	case gguf.TypeIQ4_NL:
		return typed{unpackIQ4_NLNEON, wordsIQ4_NLNEON, dotIQ4_NLNEON, 128}
	case gguf.TypeMXFP4:
		return typed{unpackMXFP4NEON, wordsMXFP4NEON, dotMXFP4NEON, 128}
	case gguf.TypeQ2_K:
		return typed{unpackQ2_KNEON, wordsQ2_KNEON, dotQ2_KNEON, 256}
	case gguf.TypeQ3_K:
		return typed{unpackQ3_KNEON, wordsQ3_KNEON, dotQ3_KNEON, 256}
	case gguf.TypeQ4_K:
		return typed{unpackQ4_KNEON, wordsQ4_KNEON, dotQ4_KNEON, 256}
	case gguf.TypeQ5_K:
		return typed{unpackQ5_KNEON, wordsQ5_KNEON, dotQ5_KNEON, 256}
	case gguf.TypeQ6_K:
		return typed{unpackQ6_KNEON, wordsQ6_KNEON, dotQ6_KNEON, 256}
	case gguf.TypeIQ4_XS:
		return typed{unpackIQ4_XSNEON, wordsIQ4_XSNEON, dotIQ4_XSNEON, 256}
	case gguf.TypeTQ2_0:
		return typed{unpackTQ2_0NEON, wordsTQ2_0NEON, dotTQ2_0NEON, 256}
	}
	return typed{}
}

// pointed is typed for types that store numbers of points.
type pointed struct {
	unpack        func(codes *int8, scales *float32, blocks *byte, n int, points, signs *uint64)
	words, dot    func(terms *float32, blocks, values *byte, xscale *float32, shape *int, points, signs *uint64)
	points, signs func() []uint64
}

func pointKernelsOf(t gguf.Type) pointed {
	switch t {
	case gguf.TypeIQ1_S:
		return pointed{unpackIQ1_SNEON, wordsIQ1_SNEON, dotIQ1_SNEON, pointsIQ1, eighths}
	case gguf.TypeIQ1_M:
		return pointed{unpackIQ1_MNEON, wordsIQ1_MNEON, dotIQ1_MNEON, pointsIQ1, eighths}
	case gguf.TypeIQ2_XXS:
		return pointed{unpackIQ2_XXSNEON, wordsIQ2_XXSNEON, dotIQ2_XXSNEON, pointsIQ2XXS, negative7}
	case gguf.TypeIQ2_XS:
		return pointed{unpackIQ2_XSNEON, wordsIQ2_XSNEON, dotIQ2_XSNEON, pointsIQ2XS, negative7}
	case gguf.TypeIQ2_S:
		return pointed{unpackIQ2_SNEON, wordsIQ2_SNEON, dotIQ2_SNEON, pointsIQ2S, negative}
	case gguf.TypeIQ3_XXS:
		return pointed{unpackIQ3_XXSNEON, wordsIQ3_XXSNEON, dotIQ3_XXSNEON, pointsIQ3XXS, negative7}
	case gguf.TypeIQ3_S:
		return pointed{unpackIQ3_SNEON, wordsIQ3_SNEON, dotIQ3_SNEON, pointsIQ3S, negative}
	}
	return pointed{}
}

// unpackKernel is the fastest way to unpack a weight.
func unpackKernel(w *Weight) func(codes []uint8, scales, minima []float32, blocks []byte) {
	elems, size := w.format.elems, w.format.bytes
	if kernel := kernelsOf(w.Type).unpack; kernel != nil {
		return func(codes []uint8, scales, minima []float32, b []byte) {
			n := len(codes) / elems
			_ = b[n*size-1]
			kernel(&view[int8](codes, 1)[0], &scales[0], &minima[0], &b[0], n)
		}
	}
	if k := pointKernelsOf(w.Type); k.unpack != nil {
		points, signs := k.points(), k.signs()
		return func(codes []uint8, scales, _ []float32, b []byte) {
			n := len(codes) / elems
			_ = b[n*size-1]
			k.unpack(&view[int8](codes, 1)[0], &scales[0], &b[0], n, &points[0], &signs[0])
		}
	}
	return w.format.unpackSigned
}

// unpackSigned is unpack in plain Go, and takes the offset off.
func (f *format) unpackSigned(codes []uint8, scales, minima []float32, b []byte) {
	f.unpack(codes, scales, minima, b)
	if !f.minima {
		for ; len(codes) > 0; codes = codes[8:] {
			put8(codes, get8(codes)^zero)
		}
	}
}

// transpose turns 32 rows, stride bytes apart, by n columns of 32 bits, and some more up to whole registers.
func transpose(_ tier, dst, src []float32, stride, n int) {
	n = (n + 3) / 4
	_, _ = dst[32*4*n-1], src[31*stride/4+4*n-1]
	transposeNEON(&dst[0], &src[0], stride, n)
}

// turnCodes puts n columns of unpacked rows side by side.
func turnCodes(a *Activations, _ *format, l *lanes, b *buffers, n int) {
	if a.tier == dotprod {
		transpose(a.tier, view[float32](l.tile[:], len(l.tile)/4), view[float32](b.codes[:], len(b.codes)/4), chunk, n/4)
		return
	}
	_ = b.codes[:n]
	transposeBytesNEON(&l.tile[0], &b.codes[0], n/16)
}

// addRows adds n rows of 32 values to dst, in order.
func addRows(_ tier, dst, rows []float32, n int) {
	_, _ = dst[31], rows[32*n-1]
	addRowsNEON(&dst[0], &rows[0], n)
}

// sums gives a vector's sums from a group on that products with minima need.
func (f *format) sums(x *record, first int) *float32 {
	if f.group == 16 {
		return &x.halfSum[2*first]
	}
	return &x.sum[first]
}

// values gives a vector's values from a group on, and how far after high bytes low ones come.
func (a *Activations) values(x *record, first int) (values *byte, low int) {
	if a.tier == dotprod {
		return &x.bytes[32*first], a.columns
	}
	return &x.bytes[64*first], 0
}

// tileProduct adds to the sums of all vectors the products of a tile with n groups from first on.
func tileProduct(sums []float32, l *lanes, f *format, a *Activations, first, n int) {
	x := a.record(0)
	blocks := (a.n + tokens - 1) / tokens
	_ = sums[tileRows*tokens*blocks-1]
	run := [...]func(sums *float32, tile *int8, scales *float32, values *byte, xscale, xsum *float32, shape *int){
		tileProduct32NEON, tileProduct32MinimaNEON, tileProduct16NEON, tileProduct16MinimaNEON,
		dotProduct32NEON, dotProduct32MinimaNEON, dotProduct16NEON, dotProduct16MinimaNEON,
		dotProductFast32NEON, dotProductFast32MinimaNEON, dotProductFast16NEON, dotProductFast16MinimaNEON,
	}
	which := f.variant()
	if a.tier == dotprod {
		which += 4
		if a.mode == Fast {
			which += 4
		}
	}
	values, low := a.values(&x, first)
	l.shape = [4]int{a.size, blocks, n, low}
	run[which](&sums[0], &view[int8](l.tile[:], 1)[0], &l.scales[0], values, &x.scale[first], f.sums(&x, first), &l.shape[0])
}

// rowProducts gives the products of the groups of k unpacked rows of n columns with those of vector t from first on, and
// some more up to whole registers. The terms of a row begin segment/32 after those of the one before.
func rowProducts(terms []float32, b *buffers, f *format, a *Activations, t, first, n, k int) {
	x := a.record(t)
	run := [...]func(terms *float32, codes *int8, scales *float32, values *byte, xscale, xsum *float32, shape *int){
		wordsRows32NEON, wordsRows32MinimaNEON, wordsRows16NEON, wordsRows16MinimaNEON,
		dotRows32NEON, dotRows32MinimaNEON, dotRows16NEON, dotRows16MinimaNEON,
	}
	which := f.variant()
	if a.tier == dotprod {
		which += 4
	}
	chunks := (n/32 + 3) / 4
	_, _ = terms[segment/32*(k-1)+4*chunks-1], b.codes[n*(k-1)+128*chunks-1]
	values, low := a.values(&x, first)
	b.lanes.shape = [4]int{n, k, chunks, low}
	run[which](&terms[0], &view[int8](b.codes[:], 1)[0], &b.scales[0], values, &x.scale[first], f.sums(&x, first), &b.lanes.shape[0])
}

// fusedProducts is unpacking and rowProducts in one for the first columns of rows, and tells how many columns it did.
func fusedProducts(l *lanes, terms []float32, apart int, a *Activations, w *Weight, row, rows int) (done int) {
	k, p := kernelsOf(w.Type), pointKernelsOf(w.Type)
	step, run, runPoints := k.step, k.words, p.words
	if a.tier == dotprod {
		run, runPoints = k.dot, p.dot
	}
	var points, signs []uint64
	if runPoints != nil {
		step, points, signs = 256, p.points(), p.signs()
	}
	if step == 0 || w.Cols < step {
		return 0
	}
	chunks := w.Cols / step
	done = step * chunks
	_, _ = w.row(row+rows-1, 0, done), terms[(tileRows*(a.n-1)+rows-1)*apart+done/32-1]
	blocks := w.Blocks[row*w.rowBytes:]
	for t := range a.n {
		x := a.record(t)
		values, low := a.values(&x, 0)
		for i, k := 0, rowsAtOnce(apart, rows); i < rows; i += k {
			to, from := &terms[(tileRows*t+i)*apart], &blocks[i*w.rowBytes]
			l.shape = [4]int{w.rowBytes, k, chunks, low}
			if runPoints != nil {
				runPoints(to, from, values, &x.scale[0], &l.shape[0], &points[0], &signs[0])
			} else {
				run(to, from, values, &x.scale[0], w.format.sums(&x, 0), &l.shape[0])
			}
		}
	}
	return done
}

func widen(t tier, f *format, dst []float32, src []byte) {
	if f.exact {
		f.widen(dst, src)
		return
	}
	done, size := 0, f.bytes
	if size == 4 {
		done = copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst)), src) / 4
	} else if n := len(dst) / 8; t != plain && n > 0 {
		_ = src[2*8*n-1]
		if done = 8 * n; f.half {
			widenF16NEON(&dst[0], &src[0], n)
		} else {
			widenBF16NEON(&dst[0], &src[0], n)
		}
	}
	f.widen(dst[done:], src[size*done:])
}

// streamRows multiplies four rows as they lie with every vector, if there is a kernel and a vector or two, as far as
// columns are whole steps; it tells how many columns it did.
func streamRows(sums []float32, a *Activations, w *Weight, row int) (done int) {
	steps := w.Cols / floatLanes
	if a.tier == plain || a.n > few || row+floatRows > w.Rows || steps == 0 || w.format.exact {
		return 0
	}
	rows := w.Blocks[row*w.rowBytes:][:floatRows*w.rowBytes]
	for t := range a.n {
		to, x := &sums[floatRows*floatLanes*t], &a.floats[t*a.stride]
		switch w.Type {
		case gguf.TypeF32:
			streamF32NEON(to, &rows[0], x, w.rowBytes, steps)
		case gguf.TypeF16:
			streamF16NEON(to, &rows[0], x, w.rowBytes, steps)
		default:
			streamBF16NEON(to, &rows[0], x, w.rowBytes, steps)
		}
	}
	return floatLanes * steps
}

// floatProduct adds to the sums of every vector the products of steps times 16 columns from c on.
func floatProduct(sums []float32, rows *[floatRows * chunk]float32, a *Activations, c, steps int) {
	const size = floatRows * floatLanes
	if a.tier == plain {
		floatProductPlain(sums, rows, a, c, steps)
		return
	}
	_ = sums[size*a.n-1]
	x, fours := a.floats[c:], a.n/4
	_ = x[(a.n-1)*a.stride+floatLanes*steps-1]
	if fours > 0 {
		floatProduct4NEON(&sums[0], &rows[0], &x[0], 4*a.stride, fours, steps)
	}
	if ones := a.n % 4; ones > 0 {
		floatProduct1NEON(&sums[4*fours*size], &rows[0], &x[4*fours*a.stride], 4*a.stride, ones, steps)
	}
}

// foldSums adds up sixteen partial sums each. Both slices go on up to a multiple of eight sums.
func foldSums(t tier, dst, sums []float32) {
	if t == plain {
		foldSumsPlain(dst, sums)
		return
	}
	n := (len(sums)/floatLanes + 7) / 8
	_, _ = dst[8*n-1], sums[:8*n*floatLanes]
	foldSumsNEON(&dst[0], &sums[0], n)
}
