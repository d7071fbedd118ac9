package matrix

import (
	"fmt"
	"math"
	"unsafe"
)

// Activations is a batch of vectors of float32, prepared once for any number of products. It may be read by many
// goroutines; Reset and Set must not run beside anything else, Fill not twice for a vector.
//
// For types with integers each group of 32 values is rounded as its mode says, to multiples of a scale that span groups
// have in common. A vector is a record, in which fields begin at cache lines:
//
//	values    2 bytes each     integers in one of three forms, see record
//	scale     float32 a group  what an integer stands for, NaN where a value is not finite
//	sum       float32 a group  scale · sum of the integers
//	offset    int32 a group    -128 · sum of the integers; kernels for arm64 take it off the codes instead
//	half sum, half offset      the same for groups of 16
//	bytes                      on AVX2, in fast mode: the integers again, for kernels that multiply bytes
//
// For types without integers it is a copy, followed by zeros.
type Activations struct {
	n, cols int
	mode    Mode
	tier    tier
	span    int // groups that have a scale in common: Mode.Span of all weights

	room    []byte // of records
	records []byte
	size    int // of a record
	columns int // of a record, a multiple of chunk

	floatRoom []byte
	floats    []float32
	stride    int // of floats
}

const (
	chunk    = 512      // columns of a tile
	tokens   = 4        // vectors that kernels take at once; there are records of zeros up to a multiple
	tiny     = 0x1p-110 // magnitudes below it count as zero, because their unit would leave float32
	notReady = "matrix: activations were not set for weights of this kind"
)

// Mode says how values are rounded for weights with integers.
type Mode uint8

const (
	Precise Mode = iota // to multiples of the largest magnitude by 32639, the largest number of two signed bytes
	Fast                // to multiples of the largest magnitude by 127, a byte, as llama.cpp does: see Span
)

// Span is how many groups of 32 values have a scale in common when a weight is multiplied. In fast mode these are the
// blocks of llama.cpp's activations: Q8_K, 256 values and a float32, for weights in blocks of 256; Q8_0 or Q8_1, 32 values
// and an F16, for all others. Activations serve weights of one span.
func (m Mode) Span(w *Weight) int {
	if m == Fast && w.format.elems == 256 {
		return 8
	}
	return 1
}

// rounding gives how many steps there are up to the largest magnitude, and by what power of two they are multiplied to
// become integers; divisor is both. With whole bytes the low ones are zero, and only kernels which leave them out know
// the mode.
func (m Mode) rounding() (steps, divisor float32, shift int) {
	if m == Fast {
		return 127, 127 << 8, 8
	}
	return 32639, 32639, 0
}

// Set prepares n ≥ 1 vectors of cols values, x[t*stride:][:cols], for products with these weights, and with others of
// types alike. It keeps nothing of x.
func (a *Activations) Set(mode Mode, x []float32, stride, n, cols int, weights ...*Weight) {
	a.Reset(mode, n, cols, weights...)
	a.Fill(x, stride, 0, n)
}

// Reset is the first half of Set: it makes room for n vectors, which Fill must then prepare.
func (a *Activations) Reset(mode Mode, n, cols int, weights ...*Weight) {
	if n < 1 || cols < 1 {
		panic(fmt.Sprintf("matrix: %d vectors of %d values", n, cols))
	}
	a.n, a.cols, a.mode, a.tier, a.span = n, cols, mode, now, 1
	a.records, a.floats = nil, nil
	for i, w := range weights {
		switch span := mode.Span(w); {
		case w.Cols != cols:
			panic(fmt.Sprintf("matrix: vectors of %d values for a weight of %d columns", cols, w.Cols))
		case i > 0 && span != a.span:
			panic(fmt.Sprintf("matrix: scales of %d and of %d values", 32*a.span, 32*span))
		default:
			a.span = span
		}
		switch {
		case w.format.group > 0 && a.records == nil:
			a.columns = (cols + chunk - 1) / chunk * chunk
			a.size = a.columns/32*28 + 2*a.columns
			if a.inBytes() {
				a.size += a.columns
			}
			all := (n + tokens - 1) / tokens * tokens
			a.records = aligned(&a.room, all*a.size)
			clear(a.records[n*a.size:])
		case w.format.group == 0 && a.floats == nil:
			a.stride = (cols + 15) / 16 * 16
			b := aligned(&a.floatRoom, 4*n*a.stride)
			a.floats = unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), n*a.stride)
		}
	}
}

// Fill prepares the vectors from … to-1 of those that Reset announced; goroutines may share the work.
func (a *Activations) Fill(x []float32, stride, from, to int) {
	for t := from; t < to; t++ {
		v := x[t*stride:][:a.cols]
		if a.records != nil {
			r := a.record(t)
			clear(r.bytes)
			a.round(&r, v)
			if a.mode == Fast && a.span == 1 {
				r.narrow(len(v) / 32)
			}
			if a.inBytes() {
				r.pack(len(v) / 32)
			}
		}
		if a.floats != nil {
			row := a.floats[t*a.stride:][:a.stride]
			clear(row[copy(row, v):])
		}
	}
}

// aligned gives n bytes at a cache line, in a buffer that grows.
func aligned(room *[]byte, n int) []byte {
	if cap(*room) < n+64 {
		*room = make([]byte, n+64)
	}
	b := (*room)[:n+64]
	return b[-uintptr(unsafe.Pointer(&b[0]))%64:][:n:n]
}

// record is a vector in integers, seen with its types. Groups beyond the last are zeros.
type record struct {
	bytes []byte
	pairs []int16 // for AVX2 and Go: of each 32 values first the even ones, then the odd ones; for NEON in order
	high  []int8  // for AVX-512 and NEON with dot products: value = 256·high + low
	low   []int8

	scale, sum []float32
	offset     []int32
	halfSum    []float32
	halfOffset []int32
	packed     []int8 // integers by 256, in order, or nil
}

// inBytes tells that records have packed integers.
func (a *Activations) inBytes() bool { return a.mode == Fast && a.tier == avx2 }

func (a *Activations) record(t int) record {
	b := a.records[t*a.size:][:a.size:a.size]
	groups := a.columns / 32
	r := record{
		bytes: b,
		pairs: view[int16](b, a.columns), high: view[int8](b, a.columns), low: view[int8](b[a.columns:], a.columns),
	}
	b = b[2*a.columns:]
	r.scale, r.sum, r.offset = view[float32](b, groups), view[float32](b[4*groups:], groups), view[int32](b[8*groups:], groups)
	r.halfSum, r.halfOffset = view[float32](b[12*groups:], 2*groups), view[int32](b[20*groups:], 2*groups)
	if a.inBytes() {
		r.packed = view[int8](b[28*groups:], a.columns)
	}
	return r
}

func view[T any](b []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)[:n:n]
}

// roundPlain fills a record.
func (a *Activations) roundPlain(r *record, x []float32) {
	var scale, inverse float32
	for g := 0; g < len(x)/32; g++ {
		if g%a.span == 0 {
			scale, inverse = a.mode.units(x[32*g:][:32*a.span])
		}
		var q [32]int32
		a.mode.roundGroup(&q, x[32*g:], inverse)
		var half [2]int32
		for i, v := range q {
			half[i/16] += v
			if a.tier == avx512 {
				r.high[32*g+i], r.low[32*g+i] = int8((v+128)>>8), int8(v)
			} else {
				r.pairs[32*g+i%2*16+i/2] = int16(v)
			}
		}
		all := half[0] + half[1]
		r.scale[g], r.sum[g], r.offset[g] = scale, scale*float32(all), -128*all
		for i, s := range half {
			r.halfSum[2*g+i], r.halfOffset[2*g+i] = scale*float32(s), -128*s
		}
	}
}

// units gives the scale of values, and its inverse. Where a value is not finite, the scale is NaN and makes all products of
// the vector NaN; the inverse is 0 then, and where all values count as zero.
func (mode Mode) units(x []float32) (scale, inverse float32) {
	var top uint32
	for _, v := range x {
		top = max(top, math.Float32bits(v)&0x7fffffff)
	}
	m := math.Float32frombits(top)
	switch {
	case top >= 0x7f800000:
		return float32(math.NaN()), 0
	case m < tiny:
		return 0, 0
	}
	steps, divisor, _ := mode.rounding()
	return m / divisor, steps / m
}

// roundGroup rounds 32 values to multiples of a scale. The largest value becomes ±steps even if the inverse was rounded up:
// it is off by less than 0.01.
func (mode Mode) roundGroup(q *[32]int32, x []float32, inverse float32) {
	if inverse == 0 {
		return
	}
	_, _, shift := mode.rounding()
	const magic = 0x1.8p23 // adding it rounds to an integer, ties to even
	for i, v := range x[:32] {
		q[i] = (int32(math.Float32bits(float32(v*inverse)+magic)) - 0x4b400000) << shift
	}
}

// pack makes bytes of integers that are bytes times 256.
func (r *record) pack(groups int) {
	from, to := view[uint64](r.bytes, 8*groups), view[uint64](r.bytes[len(r.bytes)-len(r.packed):], 4*groups)
	for g := range groups {
		words, packed := from[8*g:][:8], to[4*g:][:4]
		for i := range packed {
			packed[i] = words[i]>>8&0x00ff00ff00ff00ff | words[4+i]&0xff00ff00ff00ff00
		}
	}
}

// narrow rounds the scales of fast mode to F16, and the sums, which were made with scales that were not. Magnitudes beyond
// F16 stay as they are, where llama.cpp makes them infinite.
func (r *record) narrow(groups int) {
	for g, scale := range r.scale[:groups] {
		r.scale[g] = toHalf(float32(scale*256)) / 256 // integers are bytes times 256
		r.sum[g] = toHalf(r.sum[g])
	}
}

// toHalf rounds to the nearest F16, ties to even.
func toHalf(x float32) float32 {
	b := math.Float32bits(x)
	switch magnitude := b & 0x7fffffff; {
	case magnitude >= 0x477ff000: // it would become 2^16
		return x
	case magnitude < 0x38800000: // below 2^-14, where halves are multiples of 2^-24
		const magic = 0.75 // float32s around it are these multiples, too
		return float32(x+magic) - magic
	}
	return math.Float32frombits((b + 0xfff + b>>13&1) &^ 0x1fff)
}
