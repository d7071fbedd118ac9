package quantize

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/qconv/qconv/quantize/internal/kernel"
	"github.com/qconv/qconv/quantize/internal/kernel/kerneltest"
)

// grids pairs every grid with the hash of its points as little-endian uint16 in the reference, and with how many
// levels and distances it has.
var grids = []struct {
	name          string
	grid          func() *kernel.Grid
	levels, nwant int
	sha256        string
}{
	{"iq1", gridIQ1, 3, 3, "e9ffebfc997ad6023063a667c0bf4eedd8ebf7f56b3da399cbc7d1b1f7ea52c6"},
	{"iq2_xxs", gridIQ2XXS, 3, 2, "915952ebc4af8ddba8113583ca1316fc818843f7b825bbf1a25ae1c39bf0e16d"},
	{"iq2_xs", gridIQ2XS, 3, 2, "f66435966ca8d64e9e4a6e3c91e64afcf9015e700ec85962f527283ebae207b9"},
	{"iq2_s", gridIQ2S, 3, 1, "e6e75e121b65e8afa5c1f92b71463cfbe217b83893f438acde22fd5db06a43f7"},
	{"iq3_xxs", gridIQ3XXS, 8, 2, "c9678803c61b2210fbd8cbbb3f965a835409cd7d88a04d086d236261bd221d11"},
	{"iq3_s", gridIQ3S, 8, 3, "353274c58dd7d8dc5ee960dc8fc54ff9164eaf2b49206b841cd49415cf393f81"},
}

func TestGridPoints(t *testing.T) {
	for _, g := range grids {
		var b []byte
		for _, c := range g.grid().Codes {
			b = binary.LittleEndian.AppendUint16(b, c)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != g.sha256 {
			t.Errorf("%s: SHA-256 %s, want %s", g.name, got, g.sha256)
		}
	}
}

// unpack gives the levels of a code.
func unpack(code uint16, bits int) []int {
	l := make([]int, 32>>bits)
	for i := range l {
		l[i] = int(code) >> (bits * i) & (1<<bits - 1)
	}
	return l
}

// Every legal code is a point or has the list that sorting all points gives.
func TestGridNeighbours(t *testing.T) {
	for _, g := range grids {
		grid := g.grid()
		var wrong, points int
		for code := range grid.Map {
			levels := unpack(uint16(code), grid.Bits)
			if slices.Max(levels) >= g.levels {
				continue
			}
			m := grid.Map[code]
			if m >= 0 {
				points++
				if int(grid.Codes[m]) != code {
					t.Errorf("%s: code %#x is taken for point %d, which is %#x", g.name, code, m, grid.Codes[m])
				}
				continue
			}
			if code%13 != 0 {
				continue // sorting for every code takes too long
			}
			got := grid.Near(uint16(code))
			if want := sortedNeighbours(grid, levels, g.nwant); !slices.Equal(got, want) {
				wrong++
				if wrong == 1 {
					t.Errorf("%s: code %#x has the neighbours %v, want %v", g.name, code, got, want)
				}
			}
		}
		if wrong > 1 {
			t.Errorf("%s: %d codes have wrong neighbours", g.name, wrong)
		}
		if points != len(grid.Codes) {
			t.Errorf("%s: %d codes are points, want %d", g.name, points, len(grid.Codes))
		}
	}
}

func sortedNeighbours(grid *kernel.Grid, levels []int, nwant int) []uint16 {
	type near struct{ distance, number int }
	all := make([]near, len(grid.Codes))
	for i, c := range grid.Codes {
		all[i].number = i
		for k, l := range unpack(c, grid.Bits) {
			d := (2*l + 1) - (2*levels[k] + 1)
			all[i].distance += d * d
		}
	}
	slices.SortFunc(all, func(a, b near) int {
		return cmp.Or(a.distance-b.distance, a.number-b.number)
	})
	var list []uint16
	distances := 0
	for i, n := range all {
		if i == 0 || n.distance != all[i-1].distance {
			distances++
		}
		if distances > nwant {
			break
		}
		list = append(list, grid.Codes[n.number])
	}
	return list
}

// Snap adds errors in order and takes the first of equal ones.
func TestGridSnap(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, g := range grids {
			grid := g.grid()
			if grid.Bits != 2 {
				continue
			}
			for range 2000 {
				var codes [4]uint16
				for k := range codes {
					for i := range 8 {
						codes[k] |= uint16(r.IntN(3)) << (2 * i)
					}
				}
				var x, w [32]float32
				for i := range x {
					x[i], w[i] = float32(r.IntN(3)), float32(r.IntN(3)) // few values, so that ties are frequent
				}
				values := [4][4]float32{{-1, 0, 1}, {0, 1, 2}, {-2, 0, 2}, {0, 0, 1}}
				want, wantMoved := codes, false
				for k, code := range codes {
					if grid.Map[code] >= 0 {
						continue
					}
					wantMoved = true
					best := float32(math.Inf(1))
					for _, c := range grid.Near(code) {
						var e float32
						for i, l := range unpack(c, 2) {
							d := values[k][l] - x[8*k+i]
							e += float32(w[8*k+i] * d * d)
						}
						if e < best {
							want[k], best = c, e
						}
					}
				}
				if moved, ok := grid.Snap(codes[:], x[:], w[:], &values); !ok || moved != wantMoved || codes != want {
					t.Fatalf("%s: codes %x, want %x", g.name, codes, want)
				}
			}
			for code, m := range grid.Map {
				if m < 0 {
					var x, w [8]float32
					for i := range x {
						x[i], w[i] = math.MaxFloat32, 1
					}
					if _, ok := grid.Snap([]uint16{uint16(code)}, x[:], w[:], new([4][4]float32)); ok {
						t.Errorf("%s: errors beyond float32 give a point", g.name)
					}
					break
				}
			}
		}
	})
}

func BenchmarkGrids(b *testing.B) {
	for b.Loop() {
		kernel.NewGrid(2, 3, 3, codesIQ1[:])
		kernel.NewGrid(2, 3, 2, codesIQ2XXS[:])
		kernel.NewGrid(2, 3, 2, codesIQ2XS[:])
		kernel.NewGrid(2, 3, 1, codesIQ2S[:])
		kernel.NewGrid(3, 8, 2, codesIQ3XXS[:])
		kernel.NewGrid(3, 8, 3, codesIQ3S[:])
	}
}
