package kernel

import (
	"sync"
	"unsafe"
)

// maxTries is how many inverse scales a kernel tries.
const maxTries = 32

// gridKernel is gridFit for kernels, which find the points under all inverse scales before any of them is judged.
// Assembly knows the layout. A group has 32 numbers in each of the first four arrays, one for each level of each value.
type gridKernel struct {
	x, root [256]float32 // repeated
	xl, ll  [256]float32 // terms of the sums

	odd     [16]float32 // scratch of the search for points
	places  [16]uint32
	rounded [16]uint32

	inverse, scale [maxTries]float32 // what is tried
	sumXL, sumLL   [maxTries]float32 // what comes of it
	off            [maxTries]uint32  // groups off the grid
	codes          [8 * maxTries]uint16
}

// gridKernels are those in no use, aligned like tiles.
var gridKernels = sync.Pool{New: func() any {
	const cacheLine = 64
	b := make([]uint64, (unsafe.Sizeof(gridKernel{})+cacheLine)/8)
	at := -uintptr(unsafe.Pointer(&b[0])) % cacheLine
	return (*gridKernel)(unsafe.Add(unsafe.Pointer(&b[0]), at))
}}

// searchGridFast is searchGrid with kernels. It reports false where there is none, and where errors overflow.
func searchGridFast(codes []uint16, g *Grid, x, w []float32, peak, scale float32, s *GridSweep) (float32, bool) {
	tries := int(2*s.Last + 1)
	if tier == Plain || tries > maxTries || len(x)%16 != 0 || len(x) > maxGroup || len(codes) != len(x)<<g.Bits/32 {
		return 0, false
	}
	f := gridKernels.Get().(*gridKernel)
	scale, ok := f.search(codes, g, x, w, peak, scale, s, tries)
	gridKernels.Put(f)
	return scale, ok
}

// search does what searchGrid does.
func (f *gridKernel) search(codes []uint16, g *Grid, x, w []float32, peak, scale float32, s *GridSweep, tries int) (float32, bool) {
	w = w[:len(x)]
	all := 1<<len(codes) - 1
	top := float32(2*g.Levels - 1)
	for i := range tries {
		f.inverse[i] = top + float32(float32(int32(i)-s.Last)*s.Step)
	}
	if !f.init(g, x, w, len(codes), peak) || !f.find(g, x, tries, all) {
		return 0, false
	}
	f.sums(g, len(codes), tries)
	at := -1
	var best float32
	for i := range tries {
		xl, ll := f.sumXL[i], f.sumLL[i]
		if ll > 0 && xl*xl > best*ll {
			scale = xl / ll
			best = scale * xl
			at = i
		}
	}
	moved := 0
	if s.Refit != RefitMoved {
		moved = all
	}
	clear(codes)
	if at >= 0 {
		moved = int(f.off[at])
		for k := range codes {
			codes[k] = f.codes[maxTries*k+at]
		}
	}
	if s.Refit == RefitAll || s.Refit == RefitOnce && moved != 0 {
		moved = all
	}
	if moved == 0 || !(scale > 0) {
		return scale, true
	}
	for k, c := range codes {
		f.codes[maxTries*k] = c
	}
	f.inverse[0], f.scale[0] = 1/scale, scale
	if !f.find(g, x, 1, moved) {
		return 0, false
	}
	f.sums(g, len(codes), 1)
	for k := range codes {
		codes[k] = f.codes[maxTries*k]
	}
	if xl, ll := f.sumXL[0], f.sumLL[0]; ll > 0 {
		scale = xl / ll
	}
	return scale, true
}
