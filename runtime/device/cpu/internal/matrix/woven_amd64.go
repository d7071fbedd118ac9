//go:build !purego

package matrix

import "github.com/qconv/qconv/formats/gguf"

// some is up to how many vectors are multiplied one after the other with eight rows, which stay in the nearest cache. A
// tile is faster for more.
const some = 8

// multiplyEights multiplies woven rows, eight at a time, with every vector; it gives the first row that is left.
func multiplyEights(dst []float32, stride int, a *Activations, w *Weight, row0, row1 int) int {
	f := eightKernel(w.Type)
	if a.tier != avx2 || a.n > some || f == nil || row0%weavers != 0 {
		return row0
	}
	type vector struct { // of a record
		values     *int8
		scale, sum *float32
		offset     *int32
	}
	var xs [some]vector
	for t := range a.n {
		x := a.record(t)
		v := &xs[t]
		v.values, _ = a.values(&x, 0)
		v.scale = &x.scale[0]
		v.sum, v.offset = w.format.extras(&x, 0)
	}
	n := w.Cols / w.format.elems
	for ; row0+weavers <= min(row1, w.woven); row0 += weavers {
		blocks := w.Blocks[row0*w.rowBytes:][:weavers*w.rowBytes]
		for t := range a.n {
			x := &xs[t]
			f(&dst[t*stride+row0:][:weavers][0], &blocks[0], x.values, x.scale, x.sum, x.offset, n)
		}
	}
	return row0
}

// wantsWoven tells for what types rows are multiplied faster when they are woven.
func wantsWoven(t gguf.Type) bool { return now == avx2 && eightKernel(t) != nil }

// eightKernel is nil where there is none.
func eightKernel(t gguf.Type) func(sums *float32, blocks *byte, values *int8, xscale, xsum *float32, xoffset *int32, n int) {
	switch t {
	case gguf.TypeQ4_0:
		return eightQ4_0AVX2
	case gguf.TypeQ4_K:
		return eightQ4_KAVX2
	case gguf.TypeQ5_K:
		return eightQ5_KAVX2
	case gguf.TypeQ6_K:
		return eightQ6_KAVX2
	}
	return nil
}

// unweave puts eight rows, pitch bytes apart, of n times 16 bytes back into order.
func unweave(dst, src []byte, pitch, n int) {
	_, _ = dst[(weavers-1)*pitch+16*n-1], src[16*weavers*n-1]
	unweaveAVX2(&dst[0], &src[0], pitch, n)
}
