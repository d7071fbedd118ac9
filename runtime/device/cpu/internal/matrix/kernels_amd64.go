//go:build !purego

package matrix

import (
	"unsafe"

	"github.com/qconv/qconv/formats/gguf"
)

// The kernels behind the functions that the products call. Lengths are checked by slicing before pointers are taken.

func (a *Activations) round(r *record, x []float32) {
	groups := len(x) / 32
	if a.tier == plain || groups == 0 {
		a.roundPlain(r, x)
		return
	}
	_, _ = r.halfSum[2*groups-1], r.low[32*groups-1]
	steps, divisor, shift := a.mode.rounding()
	if a.tier == avx512 {
		roundAVX512(&r.high[0], &r.low[0], &r.scale[0], &r.sum[0], &r.offset[0], &r.halfSum[0], &r.halfOffset[0], &x[0], groups/a.span, a.span, steps, divisor, shift)
		return
	}
	roundAVX2(&r.high[0], nil, &r.scale[0], &r.sum[0], &r.offset[0], &r.halfSum[0], &r.halfOffset[0], &x[0], groups/a.span, a.span, steps, divisor, shift)
}

// unpackKernel is the fastest way to unpack a weight.
func unpackKernel(w *Weight) func(codes []uint8, scales, minima []float32, blocks []byte) {
	var kernel func(codes *uint8, scales, minima *float32, blocks *byte, n int)
	switch w.Type {
	case gguf.TypeQ4_0:
		kernel = unpackQ4_0AVX2
	case gguf.TypeQ4_1:
		kernel = unpackQ4_1AVX2
	case gguf.TypeQ5_0:
		kernel = unpackQ5_0AVX2
	case gguf.TypeQ5_1:
		kernel = unpackQ5_1AVX2
	case gguf.TypeQ8_0:
		kernel = unpackQ8_0AVX2
	case gguf.TypeIQ4_NL:
		kernel = unpackIQ4_NLAVX2
	case gguf.TypeMXFP4:
		kernel = unpackMXFP4AVX2
	case gguf.TypeQ2_K:
		kernel = unpackQ2_KAVX2
	case gguf.TypeQ3_K:
		kernel = unpackQ3_KAVX2
	case gguf.TypeQ4_K:
		kernel = unpackQ4_KAVX2
	case gguf.TypeQ5_K:
		kernel = unpackQ5_KAVX2
	case gguf.TypeQ6_K:
		kernel = unpackQ6_KAVX2
	case gguf.TypeIQ4_XS:
		kernel = unpackIQ4_XSAVX2
	case gguf.TypeTQ2_0:
		kernel = unpackTQ2_0AVX2
	default:
		return gridKernel(w)
	}
	elems, size := w.format.elems, w.format.bytes
	return func(codes []uint8, scales, minima []float32, b []byte) {
		n := len(codes) / elems
		_ = b[n*size-1]
		kernel(&codes[0], &scales[0], &minima[0], &b[0], n)
	}
}

// gridKernel is unpackKernel for types that store numbers of points, and for those without a kernel.
func gridKernel(w *Weight) func(codes []uint8, scales, minima []float32, blocks []byte) {
	var kernel func(codes *uint8, scales *float32, blocks *byte, n int, points, signs *uint64)
	var points, signs []uint64
	switch w.Type {
	case gguf.TypeIQ1_S:
		kernel, points, signs = unpackIQ1_SAVX2, pointsIQ1(), eighths()
	case gguf.TypeIQ1_M:
		kernel, points, signs = unpackIQ1_MAVX2, pointsIQ1(), eighths()
	case gguf.TypeIQ2_XXS:
		kernel, points, signs = unpackIQ2_XXSAVX2, pointsIQ2XXS(), negative7()
	case gguf.TypeIQ2_XS:
		kernel, points, signs = unpackIQ2_XSAVX2, pointsIQ2XS(), negative7()
	case gguf.TypeIQ2_S:
		kernel, points, signs = unpackIQ2_SAVX2, pointsIQ2S(), negative()
	case gguf.TypeIQ3_XXS:
		kernel, points, signs = unpackIQ3_XXSAVX2, pointsIQ3XXS(), negative7()
	case gguf.TypeIQ3_S:
		kernel, points, signs = unpackIQ3_SAVX2, pointsIQ3S(), negative()
	default:
		return w.format.unpack
	}
	size := w.format.bytes
	return func(codes []uint8, scales, _ []float32, b []byte) {
		n := len(codes) / 256
		_ = b[n*size-1]
		kernel(&codes[0], &scales[0], &b[0], n, &points[0], &signs[0])
	}
}

// transpose turns 32 rows, stride bytes apart, by n columns of 32 bits, and some more up to whole registers.
func transpose(t tier, dst, src []float32, stride, n int) {
	if t == avx512 {
		n = (n + 15) / 16
		_, _ = dst[32*16*n-1], src[31*stride/4+16*n-1]
		transposeAVX512(&dst[0], &src[0], stride, n)
		return
	}
	n = (n + 7) / 8
	_, _ = dst[32*8*n-1], src[31*stride/4+8*n-1]
	transposeAVX2(&dst[0], &src[0], stride, n)
}

// turnCodes puts n columns of unpacked rows side by side.
func turnCodes(a *Activations, f *format, l *lanes, b *buffers, n int) {
	transpose(a.tier, view[float32](l.tile[:], len(l.tile)/4), view[float32](b.codes[:], len(b.codes)/4), chunk, n/4)
	if a.tier == avx2 && !a.multipliesBytes(f) {
		splitTileAVX2(&l.words[0], &l.tile[0], n/4)
	}
}

// addRows adds n rows of 32 values to dst, in order.
func addRows(t tier, dst, rows []float32, n int) {
	_, _ = dst[31], rows[32*n-1]
	if t == avx512 {
		addRowsAVX512(&dst[0], &rows[0], n)
		return
	}
	addRowsAVX2(&dst[0], &rows[0], n)
}

// extras gives a vector's sums and offsets from a group on.
func (f *format) extras(x *record, first int) (sum *float32, offset *int32) {
	if f.group == 16 {
		return &x.halfSum[2*first], &x.halfOffset[2*first]
	}
	return &x.sum[first], &x.offset[first]
}

// values gives a vector's values from a group on; on AVX-512 these are their high bytes, and there are low ones.
func (a *Activations) values(x *record, first int) (values, low *int8) {
	if a.tier == avx512 {
		return &x.high[32*first], &x.low[32*first]
	}
	return (*int8)(unsafe.Pointer(&x.pairs[32*first])), nil
}

// tileProduct adds to the sums of all vectors the products of a tile with n groups from first on.
func tileProduct(sums []float32, l *lanes, f *format, a *Activations, first, n int) {
	blocks := (a.n + tokens - 1) / tokens
	_ = sums[tileRows*tokens*blocks-1]
	if a.tier == avx2 {
		tileWords(sums, l, f, a, first, n, blocks)
		return
	}
	x := a.record(0)
	sum, offset := f.extras(&x, first)
	run := [...]func(*float32, *uint8, *float32, *int8, *int8, *float32, *float32, *int32, int, int, int){
		tileProduct32AVX512, tileProduct32MinimaAVX512, tileProduct16AVX512, tileProduct16MinimaAVX512,
		tileProductFast32AVX512, tileProductFast32MinimaAVX512, tileProductFast16AVX512, tileProductFast16MinimaAVX512,
	}
	which := f.variant()
	if a.mode == Fast {
		which += 4
	}
	run[which](&sums[0], &l.tile[0], &l.scales[0], &x.high[32*first], &x.low[32*first], &x.scale[first], sum, offset, a.size, blocks, n)
}

// multipliesBytes tells that a tile is multiplied in bytes on AVX2: where sums of two products, with codes from 0 to some
// small number, are words.
func (a *Activations) multipliesBytes(f *format) bool { return a.inBytes() && f.most > 0 }

// tileWords is tileProduct on AVX2, for blocks of four vectors; it takes two blocks at once where there is a kernel.
func tileWords(sums []float32, l *lanes, f *format, a *Activations, first, n, blocks int) {
	type kernel = func(sums *float32, tile *uint8, scales *float32, values *int8, xscale, xsum *float32, xoffset *int32, size, blocks, groups int)
	tile := &l.words[0]
	once := [...]kernel{tileWords4by32AVX2, tileWords4by32MinimaAVX2, tileWords4by16AVX2, tileWords4by16MinimaAVX2}[f.variant()]
	twice := [...]kernel{tileWords8by32AVX2, tileWords8by32MinimaAVX2, nil, nil}[f.variant()]
	if a.multipliesBytes(f) {
		tile = &l.tile[0]
		switch f.most {
		case 15:
			once, twice = tileBytes4by32To15AVX2, tileBytes8by32To15AVX2
		case 31:
			once, twice = tileBytes4by32To31AVX2, nil
		case 3:
			once, twice = tileBytes4by16To3AVX2, nil
		}
	}
	run := func(k kernel, at, blocks int) {
		x := a.record(tokens * at)
		sum, offset := f.extras(&x, first)
		values, _ := a.values(&x, first)
		if tile == &l.tile[0] {
			values = &x.packed[32*first]
		}
		k(&sums[tileRows*tokens*at], tile, &l.scales[0], values, &x.scale[first], sum, offset, a.size, blocks, n)
	}
	done := 0
	if twice != nil && blocks >= 2 {
		run(twice, 0, blocks/2)
		done = blocks / 2 * 2
	}
	if done < blocks {
		run(once, done, blocks-done)
	}
}

// rowProducts gives the products of the groups of k unpacked rows of n columns with those of vector t from first on, and
// some more up to whole registers. The terms of a row begin segment/32 after those of the one before.
func rowProducts(terms []float32, b *buffers, f *format, a *Activations, t, first, n, k int) {
	x := a.record(t)
	sum, offset := f.extras(&x, first)
	values, low := a.values(&x, first)
	run := [...]func(*float32, *uint8, *float32, *int8, *int8, *float32, *float32, *int32, int, int, int){
		rowProducts32AVX2, rowProducts32MinimaAVX2, rowProducts16AVX2, rowProducts16MinimaAVX2,
		rowProducts32AVX512, rowProducts32MinimaAVX512, rowProducts16AVX512, rowProducts16MinimaAVX512,
	}
	which, lanes := f.variant(), 8
	if a.tier == avx512 {
		which, lanes = which+4, 16
	}
	chunks := (n/32 + lanes - 1) / lanes
	_, _ = terms[segment/32*(k-1)+lanes*chunks-1], b.codes[n*(k-1)+32*lanes*chunks-1]
	run[which](&terms[0], &b.codes[0], &b.scales[0], values, low, &x.scale[first], sum, offset, n, k, chunks)
}

// fusedProducts is unpacking and rowProducts in one for the first columns of rows, and tells how many columns it did.
func fusedProducts(_ *lanes, terms []float32, apart int, a *Activations, w *Weight, row, rows int) (done int) {
	columns := 256
	if a.tier == avx512 {
		columns = 512
	}
	chunks := w.Cols / columns
	f := fusedKernel(a.tier, w.Type)
	if f == nil || chunks == 0 || row < w.woven {
		return 0
	}
	done = columns * chunks
	_, _ = w.row(row+rows-1, 0, done), terms[(tileRows*(a.n-1)+rows-1)*apart+done/32-1]
	blocks := w.Blocks[row*w.rowBytes:]
	for t := range a.n {
		x := a.record(t)
		sum, offset := w.format.extras(&x, 0)
		values, low := a.values(&x, 0)
		for i, k := 0, rowsAtOnce(apart, rows); i < rows; i += k {
			f(&terms[(tileRows*t+i)*apart], &blocks[i*w.rowBytes], values, low, &x.scale[0], sum, offset, w.rowBytes, k, chunks)
		}
	}
	return done
}

// fusedKernel is nil where there is none.
func fusedKernel(t tier, typ gguf.Type) func(terms *float32, blocks *byte, values, low *int8, xscale, xsum *float32, xoffset *int32, rowBytes, rows, chunks int) {
	wide := t == avx512
	switch {
	case typ == gguf.TypeQ8_0 && wide:
		return fusedQ8_0AVX512
	case typ == gguf.TypeQ8_0:
		return fusedQ8_0AVX2
	case typ == gguf.TypeQ4_0 && wide:
		return fusedQ4_0AVX512
	case typ == gguf.TypeQ4_K && wide:
		return fusedQ4_KAVX512
	case typ == gguf.TypeQ5_K && wide:
		return fusedQ5_KAVX512
	case typ == gguf.TypeQ6_K && wide:
		return fusedQ6_KAVX512
	case typ == gguf.TypeQ2_K && wide:
		return fusedQ2_KAVX512
	case typ == gguf.TypeQ2_K:
		return fusedQ2_KAVX2
	case typ == gguf.TypeQ3_K && wide:
		return fusedQ3_KAVX512
	case typ == gguf.TypeQ3_K:
		return fusedQ3_KAVX2
	case typ == gguf.TypeIQ4_XS && wide:
		return fusedIQ4_XSAVX512
	case typ == gguf.TypeIQ4_XS:
		return fusedIQ4_XSAVX2
	case typ == gguf.TypeIQ4_NL && !wide:
		return fusedIQ4_NLAVX2
	}
	return nil
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
		if done = 8 * n; f.half {
			widenF16AVX2(&dst[0], &src[0], n)
		} else {
			widenBF16AVX2(&dst[0], &src[0], n)
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
	var kernel func(sums *float32, rows *byte, x *float32, rowBytes, steps int)
	switch wide := a.tier == avx512; {
	case w.Type == gguf.TypeF32 && wide:
		kernel = streamF32AVX512
	case w.Type == gguf.TypeF32:
		kernel = streamF32AVX2
	case w.Type == gguf.TypeF16 && wide:
		kernel = streamF16AVX512
	case w.Type == gguf.TypeF16:
		kernel = streamF16AVX2
	case wide:
		kernel = streamBF16AVX512
	default:
		kernel = streamBF16AVX2
	}
	rows := w.Blocks[row*w.rowBytes:][:floatRows*w.rowBytes]
	for t := range a.n {
		kernel(&sums[floatRows*floatLanes*t], &rows[0], &a.floats[t*a.stride], w.rowBytes, steps)
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
	four, one := floatProduct4AVX2, floatProduct1AVX2
	if a.tier == avx512 {
		four, one = floatProduct4AVX512, floatProduct1AVX512
	}
	if fours > 0 {
		four(&sums[0], &rows[0], &x[0], 4*a.stride, fours, steps)
	}
	if ones := a.n % 4; ones > 0 {
		one(&sums[4*fours*size], &rows[0], &x[4*fours*a.stride], 4*a.stride, ones, steps)
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
	foldSumsAVX2(&dst[0], &sums[0], n)
}
