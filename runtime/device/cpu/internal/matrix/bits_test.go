package matrix

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
)

// same tells whether results have the same bits, or are NaN both.
func same(x, y []float32) bool {
	for i, v := range x {
		if w := y[i]; math.Float32bits(v) != math.Float32bits(w) && (v == v || w == w) {
			return false
		}
	}
	return len(x) == len(y)
}

// whole tells types whose products have the same bits on every tier.
func whole(t gguf.Type) bool { return formatOf(t).group > 0 }

// A result depends on its row and its vector only: not on the tier, on what other vectors there are, or on how rows are
// divided. Blocks end at pages that cannot be read, half of them are arbitrary bytes.
func TestSameBits(t *testing.T) {
	const n = 7
	first := map[string][]float32{}
	eachTier(t, func(t *testing.T) {
		for _, c := range quantize.List() {
			for _, shape := range [][2]int{{1, 256}, {37, 768}, {64, 2560}} {
				rows, cols := shape[0], shape[1]
				for kind := range 3 {
					arbitrary, mode := kind == 1, Precise
					if kind == 2 {
						mode = Fast
					}
					if arbitrary && !whole(c.Type) {
						continue // infinities come early or late, with and without fusing
					}
					w, _ := sample(t, c.Type, rows, cols, 3)
					if arbitrary {
						r := rand.New(rand.NewPCG(uint64(rows), uint64(c.Type)))
						for i := range w.Blocks {
							w.Blocks[i] = byte(r.Uint32())
						}
					}
					w, _ = weightOf(t, c.Type, rows, cols, guarded(t, w.Blocks, arbitrary))
					x := vectors(n, cols, 5)
					name := c.Type.String()
					want := mode.product(w, x, cols, n)
					key := fmt.Sprint(name, shape, kind)
					if f := first[key]; f == nil {
						first[key] = want
					} else if whole(c.Type) && !same(want, f) {
						t.Errorf("%s %d×%d: other bits than %s", name, rows, cols, AllKernels()[0])
					} else if !whole(c.Type) {
						f64 := make([]float64, len(f))
						var size float64
						for i, v := range f {
							f64[i] = float64(v)
							size += f64[i] * f64[i]
						}
						if e := distance(want, f64, size); !(e < 1e-6) {
							t.Errorf("%s %d×%d: differs from %s by %.2g", name, rows, cols, AllKernels()[0], e)
						}
					}
					w.Weave(inTurn)
					for _, k := range []int{1, 2, 3, 4, 5} { // the first k vectors, then the last ones
						if got := mode.product(w, x, cols, k); !same(got, want[:k*rows]) {
							t.Errorf("%s %d×%d: other bits with %d vectors", name, rows, cols, k)
						}
						if got := mode.product(w, x[(n-k)*cols:], cols, k); !same(got, want[(n-k)*rows:]) {
							t.Errorf("%s %d×%d: other bits with the last %d vectors", name, rows, cols, k)
						}
					}
					for _, k := range []int{1, n} {
						if got := mode.divided(w, x, cols, k); !same(got, want[:k*rows]) {
							t.Errorf("%s %d×%d: other bits when rows are divided, %d vectors", name, rows, cols, k)
						}
					}
				}
			}
		}
	})
}

// Products of types with integers have the same bits on every processor, whatever its instructions. The sum was recorded
// with plain Go on amd64; TestProduct tells whether what it is of is right.
func TestSameBitsEverywhere(t *testing.T) {
	const rows, cols, n, want = 5, 512, 3, 0x307b817a70fd1b54
	eachTier(t, func(t *testing.T) {
		sum := fnv.New64a()
		for _, c := range quantize.List() {
			if !whole(c.Type) {
				continue
			}
			r := rand.New(rand.NewPCG(1, uint64(c.Type)))
			x := make([]float32, n*cols)
			for i := range x {
				x[i] = 2*r.Float32() - 1
			}
			w, _ := sample(t, c.Type, rows, cols, 1)
			for i := range w.Blocks { // arbitrary bytes: how they were encoded does not matter
				w.Blocks[i] = byte(r.Uint32())
			}
			for _, mode := range []Mode{Precise, Fast} {
				for _, y := range mode.product(w, x, cols, n) {
					if y != y {
						y = 0 // NaN has no bits that could be relied on
					}
					binary.Write(sum, binary.LittleEndian, y)
				}
			}
		}
		if got := sum.Sum64(); got != want {
			t.Errorf("products have the sum %#x, want %#x", got, uint64(want))
		}
	})
}

// Kernels for types without integers fuse in the same order on every processor; plain Go does not. The sum was recorded
// with AVX2.
func TestSameFloatsEverywhere(t *testing.T) {
	const rows, cols, want = 9, 531, 0x710dc1f2770e7311
	eachTier(t, func(t *testing.T) {
		if now == plain {
			t.Skip("plain Go does not fuse")
		}
		sum := fnv.New64a()
		for _, typ := range []gguf.Type{gguf.TypeF32, gguf.TypeF16, gguf.TypeBF16} {
			w, _ := sample(t, typ, rows, cols, 1)
			for _, n := range []int{1, 2, 7} {
				r := rand.New(rand.NewPCG(uint64(n), uint64(typ)))
				x := make([]float32, n*cols)
				for i := range x {
					x[i] = 2*r.Float32() - 1
				}
				binary.Write(sum, binary.LittleEndian, product(w, x, cols, n))
			}
		}
		if got := sum.Sum64(); got != want {
			t.Errorf("products have the sum %#x, want %#x", got, uint64(want))
		}
	})
}

// divided computes a product in ranges of uneven lengths, each by a goroutine.
func (mode Mode) divided(w *Weight, x []float32, stride, n int) []float32 {
	var a Activations
	a.Reset(mode, n, w.Cols, w)
	var wait sync.WaitGroup
	for t := range n {
		wait.Go(func() { a.Fill(x, stride, t, t+1) })
	}
	wait.Wait()
	y := make([]float32, n*w.Rows)
	for from, size := 0, 1; from < w.Rows; from, size = from+size, size*2+1 {
		to := min(from+size, w.Rows)
		wait.Go(func() {
			var s Scratch
			Multiply(y, w.Rows, &a, w, from, to, &s)
		})
	}
	wait.Wait()
	return y
}

// Vectors with values that are not finite give NaN or infinities and leave the others alone; zeros, subnormals and the
// largest numbers are like all others.
func TestOddVectors(t *testing.T) {
	const rows, cols = 40, 512
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	eachTier(t, func(t *testing.T) {
		for _, c := range quantize.List() {
			w, values := sample(t, c.Type, rows, cols, 9)
			for _, n := range []int{1, 2, 5} {
				x := vectors(n, cols, 11)
				last := x[(n-1)*cols:]
				for _, mode := range []Mode{Precise, Fast} {
					last[77] = 1
					usual := mode.product(w, x, cols, n)
					for _, odd := range []float32{nan, inf, -inf} {
						last[77] = odd
						y := mode.product(w, x, cols, n)
						if !same(y[:(n-1)*rows], usual[:(n-1)*rows]) {
							t.Errorf("%v: %v disturbs other vectors", c.Type, odd)
						}
						for _, v := range y[(n-1)*rows:] {
							if v-v == 0 {
								t.Errorf("%v: a vector with %v gives %v", c.Type, odd, v)
								break
							}
						}
					}
				}
				clear(last)
				for _, mode := range []Mode{Precise, Fast} {
					for _, v := range mode.product(w, x, cols, n)[(n-1)*rows:] {
						if v != 0 {
							t.Fatalf("%v: zeros give %v", c.Type, v)
						}
					}
				}
				for _, scale := range []float32{1e-44, 1e-30, 1e20, 1e35} {
					for i := range last {
						last[i] = scale * float32(i%7-3)
						if i%32 > 3 && i < 256 {
							last[i] *= 1e-4 // a group with a peak
						}
					}
					want, size := truth(values, rows, cols, last, cols, 1)
					e := distance(product(w, x, cols, n)[(n-1)*rows:], want, size)
					if limit := 1e-4; !(e < limit) && scale > 1e-40 {
						t.Errorf("%v: error %.2g for values around %g", c.Type, e, scale)
					}
					if e := distance(Fast.product(w, x, cols, n)[(n-1)*rows:], want, size); !(e < 257e-4) && scale > 1 {
						t.Errorf("%v: error %.2g for values around %g in fast mode, beyond F16", c.Type, e, scale)
					}
				}
			}
		}
	})
}

// The largest codes times the largest values: sums of integers at their limits.
func TestLargestSums(t *testing.T) {
	const cols = 512
	eachTier(t, func(t *testing.T) {
		for _, c := range quantize.List() {
			if !whole(c.Type) {
				continue
			}
			for _, fillWith := range []byte{0x00, 0x7f, 0x80, 0xff, 0x3b} {
				w, _ := sample(t, c.Type, 3, cols, 13)
				elems, size, _ := c.Type.Block()
				_ = elems
				for i := range w.Blocks {
					w.Blocks[i] = fillWith
				}
				if c.Check(w.Blocks) != nil { // scales that are not finite: take those of a real block
					real, _ := sample(t, c.Type, 3, cols, 13)
					copy(w.Blocks, real.Blocks)
					for i := range w.Blocks {
						if at := i % int(size); at > 4 && at < int(size)-4 && c.Type != gguf.TypeIQ1_M && c.Type != gguf.TypeNVFP4 {
							w.Blocks[i] = fillWith
						}
					}
				}
				if c.Check(w.Blocks) != nil {
					continue
				}
				w, values := weightOf(t, c.Type, 3, cols, w.Blocks)
				for _, sign := range []float32{1, -1} {
					x := make([]float32, 8*cols)
					for i := range x {
						x[i] = sign
						if i/cols%4 >= 2 && i%2 == 1 {
							x[i] = -sign
						}
					}
					for _, n := range []int{1, 4, 8} {
						want, size := truth(values, 3, cols, x, cols, n)
						if e := distance(product(w, x, cols, n), want, size); !(e < 1e-5) && size > 0 {
							t.Errorf("%v of bytes %#x, %d vectors: error %.2g", c.Type, fillWith, n, e)
						}
						// Scales are F16, and so are sums for types with minima; equal products add up to √cols times size.
						const narrow = 0x1p-11
						if e := distance(Fast.product(w, x, cols, n), want, size); !(e < narrow*32) && size > 0 {
							t.Errorf("%v of bytes %#x, %d vectors: error %.2g in fast mode", c.Type, fillWith, n, e)
						}
					}
				}
			}
		}
	})
}

func TestWeightRefused(t *testing.T) {
	for _, c := range []struct {
		typ               gguf.Type
		rows, cols, bytes int
	}{
		{gguf.TypeI32, 1, 32, 128},
		{gguf.Type(99), 1, 32, 128},
		{gguf.TypeQ8_0, 1, 33, 34},
		{gguf.TypeQ8_0, 0, 32, 0},
		{gguf.TypeQ8_0, -1, 32, 34},
		{gguf.TypeQ8_0, 1, 0, 0},
		{gguf.TypeQ8_0, 2, 32, 67},
		{gguf.TypeQ8_0, 1, 32, 35},
		{gguf.TypeF32, math.MaxInt / 2, math.MaxInt / 2, 4},
		{gguf.TypeQ4_K, math.MaxInt, 256, 144},
	} {
		if _, err := NewWeight(c.typ, c.rows, c.cols, make([]byte, c.bytes)); err == nil {
			t.Errorf("%d×%d of type %v in %d bytes is a weight", c.rows, c.cols, c.typ, c.bytes)
		} else {
			t.Log(err)
		}
	}
}

// One batch serves weights of both kinds, and buffers are used again for other sizes.
func TestBatchOfBothKinds(t *testing.T) {
	eachTier(t, func(t *testing.T) {
		var a Activations
		var s Scratch
		for _, shape := range [][3]int{{40, 768, 6}, {3, 256, 1}, {70, 512, 3}} {
			rows, cols, n := shape[0], shape[1], shape[2]
			x := vectors(n, cols, uint64(rows))
			q, _ := sample(t, gguf.TypeQ4_K, rows, cols, 1)
			f, _ := sample(t, gguf.TypeBF16, rows, cols, 2)
			a.Set(Precise, x, cols, n, cols, q, f)
			for _, w := range []*Weight{q, f} {
				y := make([]float32, n*rows)
				Multiply(y, rows, &a, w, 0, rows, &s)
				if !same(y, product(w, x, cols, n)) {
					t.Errorf("%v %d×%d times %d: other bits with used buffers", w.Type, rows, cols, n)
				}
			}
		}
	})
}
