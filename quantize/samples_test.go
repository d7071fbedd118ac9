package quantize

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
)

// distributions are the inputs of all tests: what weights look like, and what breaks quantizers. Each is
// a function of a generator and the position in the row, so every machine makes the same values.
var distributions = []struct {
	name string
	draw func(r *rand.Rand, i int) float32
}{
	{"gauss", func(r *rand.Rand, _ int) float32 { return normal(r) * 0.02 }},
	{"heavy", func(r *rand.Rand, _ int) float32 { // long tails, rounded to bfloat16 as most sources are
		x := normal(r)
		return math.Float32frombits(uint32(bf16(x*x*x*0.01)) << 16)
	}},
	{"sparse", func(r *rand.Rand, i int) float32 { // two values of three are zero, and so are whole blocks
		x := normal(r)
		if i/32%3 == 0 || i/256%4 == 3 || r.IntN(3) != 0 {
			return 0
		}
		return x
	}},
	{"subnormal", func(r *rand.Rand, _ int) float32 { return math.Float32frombits(r.Uint32() & 0x807fffff) }},
	{"tiny", func(r *rand.Rand, i int) float32 { return normal(r) * [...]float32{1e-7, 1e-16, 1e-21, 3e-39}[i/64%4] }},
	{"ties", func(r *rand.Rand, _ int) float32 { return float32(r.IntN(9)-4) * 0.25 }},
	{"positive", func(r *rand.Rand, _ int) float32 { return abs32(normal(r)) + 0.1 }},
	{"outliers", func(r *rand.Rand, i int) float32 {
		x := normal(r) * 0.02
		if r.IntN(64) == 0 {
			return x * 1000
		}
		return x
	}},
	{"huge", func(r *rand.Rand, i int) float32 { return normal(r) * [...]float32{1e4, 1e9, 1e18, 3e37}[i/64%4] }},
	{"bits", func(r *rand.Rand, _ int) float32 { // any finite float32
		for {
			if b := r.Uint32(); b&0x7f800000 != 0x7f800000 {
				return math.Float32frombits(b)
			}
		}
	}},
}

// normal draws a nearly Gaussian number of variance 1 from integers alone: the sum of twelve bytes. Unlike the
// logarithms of the library's generator it is the same on every machine.
func normal(r *rand.Rand) float32 {
	a, b := r.Uint64(), r.Uint32()
	n := 0
	for range 8 {
		n += int(a & 255)
		a >>= 8
	}
	for range 4 {
		n += int(b & 255)
		b >>= 8
	}
	return (float32(n) - 1530 + float32(float32(r.Uint32()>>8)*(1.0/(1<<24)))) * (1.0 / 256)
}

// sampleRows makes n rows of a distribution, and one weight a column.
func sampleRows(dist, cols, n int, seed uint64) (x, weight []float32) {
	r := rand.New(rand.NewPCG(seed, uint64(dist)))
	x = make([]float32, cols*n)
	for i := range x {
		x[i] = distributions[dist].draw(r, i%cols)
	}
	weight = make([]float32, cols)
	for i := range weight {
		w := normal(r)
		weight[i] = float32(w*w) + 0.001
		if i%97 == 5 {
			weight[i] = 0
		}
	}
	return x, weight
}

// wildWeights makes importance as no model has it: zeros, tiny and huge values, and stretches of each.
func wildWeights(cols int, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 99))
	weight := make([]float32, cols)
	for i := range weight {
		w := abs32(normal(r))
		weight[i] = [...]float32{0, 1e-38, 1e-20, 1e-6, 1, 1e6, w, w * w}[(r.IntN(3)*r.IntN(8)+i/64)%8]
	}
	return weight
}

// weightings gives the ways to encode with a type: without and with these weights, or only with them.
func weightings(c *Codec, weight []float32) [][]float32 {
	if c.NeedWeight {
		return [][]float32{weight}
	}
	return [][]float32{nil, weight}
}

// evenly gives no weights, or equal ones for a type that cannot do without.
func evenly(c *Codec, cols int) []float32 {
	if !c.NeedWeight {
		return nil
	}
	weight := make([]float32, cols)
	for i := range weight {
		weight[i] = 1
	}
	return weight
}

// encodeRows encodes whole rows.
func encodeRows(c *Codec, x, weight []float32, cols int) []byte {
	size, ok := c.Type.RowBytes(int64(cols))
	if !ok {
		panic("columns do not fit the type")
	}
	out := make([]byte, int(size)*(len(x)/cols))
	const together = 24 // rows a call, more than a tile has lanes
	for at := 0; at*cols < len(x); at += together {
		n := min(together, len(x)/cols-at)
		c.Encode(out[at*int(size):][:n*int(size)], x[at*cols:][:n*cols], weight)
	}
	return out
}

// decodeRows decodes whole rows.
func decodeRows(c *Codec, b []byte, cols int) []float32 {
	size, _ := c.Type.RowBytes(int64(cols))
	n := len(b) / int(size)
	out := make([]float32, n*cols)
	for i := range n {
		c.Decode(out[i*cols:][:cols], b[i*int(size):][:size])
	}
	return out
}

// floatBytes gives the little-endian bytes of x.
func floatBytes(x []float32) []byte {
	b := make([]byte, 4*len(x))
	encodeF32(b, x, nil)
	return b
}

func digest(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
