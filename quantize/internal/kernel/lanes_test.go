package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// draws are what the lanes of a tile hold in these tests: ordinary values and what breaks searches.
var draws = []struct {
	name string
	draw func(r *rand.Rand) float32
}{
	{"gauss", func(r *rand.Rand) float32 { return float32(r.NormFloat64()) }},
	{"ties", func(r *rand.Rand) float32 { return float32(r.IntN(9)-4) * 0.25 }},
	{"subnormal", func(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32() & 0x807fffff) }},
	{"narrow", func(r *rand.Rand) float32 { return -1 - float32(r.NormFloat64())*1e-6 }}, // the range is far from zero
	{"huge", func(r *rand.Rand) float32 { return float32(r.NormFloat64()) * 1e30 }},
	{"positive", func(r *rand.Rand) float32 { return float32(math.Abs(r.NormFloat64())) }},
	{"sparse", func(r *rand.Rand) float32 { return float32(r.NormFloat64()) * float32(r.IntN(8)/7) }},
	{"one", func(r *rand.Rand) float32 { return float32(r.IntN(16)/15) * 3 }},
	{"bits", func(r *rand.Rand) float32 {
		for {
			if b := r.Uint32(); b&0x7f800000 != 0x7f800000 {
				return math.Float32frombits(b)
			}
		}
	}},
}

// tiles calls f with tiles of n rows, each lane from one of the draws, and weights.
func tiles(count, n int, f func(x, w []float32)) {
	r := rand.New(rand.NewPCG(uint64(count), uint64(n)))
	for range count {
		x, w := make([]float32, kernel.Lanes*n), make([]float32, kernel.Lanes*n)
		for l := range kernel.Lanes {
			d := draws[r.IntN(len(draws))]
			if r.IntN(3) == 0 {
				d = draws[0]
			}
			for i := range n {
				x[kernel.Lanes*i+l] = d.draw(r)
				w[kernel.Lanes*i+l] = float32(r.ExpFloat64()) * float32(r.IntN(20)/min(r.IntN(20)+1, 2)) / 4
			}
		}
		f(x, w)
	}
}

func lane(rows []float32, l, n int) []float32 {
	x := make([]float32, n)
	kernel.Gather(x, rows, l, n)
	return x
}

// same compares bits, but takes every NaN for the same.
func same(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b }

func laneOf(codes []uint8, l, n int) []uint8 {
	c := make([]uint8, n)
	for i := range c {
		c[i] = codes[kernel.Lanes*i+l]
	}
	return c
}

func TestOffsetSearch(t *testing.T) {
	sweeps := []*kernel.Sweep{{First: -1, Step: 0.1, Last: 20}, {First: -0.5, Step: 0.1, Last: 15, Absolute: true}, &kernel.WeightedSweep}
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{16, 32} {
			for _, nmax := range []int32{3, 15, 31} {
				for _, sweep := range sweeps {
					s := &kernel.NewTile().Offset
					s.Init(nmax, sweep)
					got := make([]uint8, kernel.Lanes*n)
					tiles(150, n, func(x, w []float32) {
						s.Run(x, w, n)
						s.Codes(got, x, w, n)
						for l := range kernel.Lanes {
							want := make([]uint8, n)
							scale, offset := kernel.SearchOffset(want, lane(x, l, n), lane(w, l, n), nmax, sweep)
							if !same(s.Scale[l], scale) || !same(s.Low[l], -offset) {
								t.Fatalf("lane %d of %d values, codes to %d: scale %v, low %v; plain Go has %v, %v\n%v", l, n, nmax, s.Scale[l], s.Low[l], scale, -offset, lane(x, l, n))
							}
							if c := laneOf(got, l, n); !slices.Equal(c, want) {
								t.Fatalf("lane %d: codes %d, plain Go has %d for %v", l, c, want, lane(x, l, n))
							}
						}
					})
				}
			}
		}
	})
}

func TestSignedSearch(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{16, 32} {
			for _, nmax := range []int32{4, 8, 16, 32} {
				s := &kernel.NewTile().Signed
				s.Init(nmax)
				got := make([]uint8, kernel.Lanes*n)
				odd := []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
				count := 0
				tiles(300, n, func(finite, w []float32) {
					x := slices.Clone(finite)
					if count++; count%4 == 0 { // scales that are searched as values may have overflowed
						for i := count % 7; i < len(x); i += 1 + count%61 {
							x[i] = odd[(i+count)%3]
						}
					}
					s.Search(x, w, n)
					s.Codes(got, x, w, n)
					for l := range kernel.Lanes {
						want := make([]int8, n)
						xl := lane(x, l, n)
						scale := kernel.SearchSigned(want, xl, lane(w, l, n), nmax)
						if !same(s.Scale[l], scale) {
							t.Fatalf("lane %d of %d values, codes to %d: scale %v, plain Go has %v for %v", l, n, nmax, s.Scale[l], scale, xl)
						}
						for i, c := range laneOf(got, l, n) {
							if c != uint8(want[i]) {
								t.Fatalf("lane %d: code %d is %d, plain Go has %d for %v", l, i, c, want[i], xl)
							}
						}
					}
					s.Refine(finite, n)
					for l := range kernel.Lanes {
						xl := lane(finite, l, n)
						if scale := kernel.RefineSigned(make([]int8, n), xl, nmax); !same(s.Scale[l], scale) {
							t.Fatalf("lane %d of %d values, codes to %d, refined: scale %v, plain Go has %v for %v", l, n, nmax, s.Scale[l], scale, xl)
						}
					}
				})
			}
		}
	})
}

func TestPositiveSearch(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{8, 16, 32} {
			for _, nmax := range []int32{4, 15, 63} {
				s := &kernel.NewTile().Positive
				got := make([]uint8, kernel.Lanes*n)
				tiles(400, n, func(x, w []float32) {
					var scale kernel.Row
					s.Run(got, &scale, x, w, n, nmax)
					for l := range kernel.Lanes {
						want := make([]uint8, n)
						xl := lane(x, l, n)
						if v := kernel.SearchPositive(want, xl, lane(w, l, n), nmax); !same(scale[l], v) {
							t.Fatalf("lane %d of %d values, codes to %d: scale %v, plain Go has %v for %v", l, n, nmax, scale[l], v, xl)
						}
						if c := laneOf(got, l, n); !slices.Equal(c, want) {
							t.Fatalf("lane %d: codes %d, plain Go has %d for %v", l, c, want, xl)
						}
					}
				})
			}
		}
	})
}

// What is done with whole rows is compared with the same function on plain Go.
func TestRows(t *testing.T) {
	type result struct {
		floats []float32
		bytes  []uint8
	}
	run := func(x, w []float32, n int) (r result) {
		var row, sum kernel.Row
		out := make([]float32, len(x))
		keep := func(f []float32) { r.floats = append(r.floats, f...) }
		kernel.SumSquaresRows(&row, x)
		keep(row[:])
		for _, cols := range []int{16, 32, len(x) / 2} {
			each := make([]float32, len(x)/cols)
			kernel.SumSquaresEach(each, x, cols)
			keep(each)
		}
		kernel.SquareRows(out, x)
		keep(out)
		kernel.WeighMagnitudeRows(out, x, &row)
		keep(out)
		kernel.WeighImportanceRows(out, x, w, &row, &sum)
		keep(out)
		keep(sum[:])
		kernel.PeakRows(&row, x)
		keep(row[:])
		inverse := row
		for l, v := range row {
			if v != 0 {
				inverse[l] = 7 / v
			}
			if l == 3 {
				row[l] = 0
			}
		}
		codes := make([]uint8, len(x))
		for i := range codes {
			codes[i] = uint8(i * 7)
		}
		kernel.RequantizeRows(codes, x, &row, &sum, -4, 3, 4)
		r.bytes = append(r.bytes, codes...)
		kernel.CodeRows(codes, x, &inverse, &kernel.Row{}, -7, 7, 8)
		r.bytes = append(r.bytes, codes...)
		half := len(codes) / 2
		packed := make([]uint8, half)
		kernel.PackNibbles(packed, codes, codes[half:])
		r.bytes = append(r.bytes, packed...)
		quarter := len(codes) / 4
		kernel.PackPairs(packed[:quarter], codes, codes[quarter:], codes[2*quarter:], codes[3*quarter:], 2)
		r.bytes = append(r.bytes, packed...)
		eighth := len(codes) / 8
		kernel.PackBits(packed[:eighth], codes, eighth, 3)
		r.bytes = append(r.bytes, packed...)

		tile := kernel.NewTile()
		for _, count := range []int{1, 5, 15, 16} {
			if len(x) >= count*32 && n >= 32 {
				tile.Load(x, count, 32)
				keep(tile.X[:32*kernel.Lanes])
				tile.LoadImportance(w[:len(w)/64*64], count, 32, 64)
				keep(tile.Importance[:32*kernel.Lanes])
			}
			for i := range tile.Block {
				tile.Block[i] = uint8(i * 31)
			}
			for _, size := range []int{18, 20, 84, 110, 144, 210} {
				dst := make([]byte, count*size)
				tile.Store(dst, count, size)
				r.bytes = append(r.bytes, dst...)
			}
		}
		return r
	}
	kerneltest.Each(t, func(t *testing.T) {
		for _, n := range []int{16, 32, 64} {
			tiles(60, n, func(x, w []float32) {
				got := run(x, w, n)
				before := kernel.Use(kernel.Plain)
				want := run(x, w, n)
				kernel.Use(before)
				if !slices.Equal(got.bytes, want.bytes) {
					t.Fatalf("%d rows: codes or packed bytes differ from plain Go's", n)
				}
				if !slices.EqualFunc(got.floats, want.floats, same) {
					t.Fatalf("%d rows: values differ from plain Go's", n)
				}
			})
		}
	})
}
