package devicetest

import (
	"fmt"
	"math"
	"math/big"

	"github.com/qconv/qconv/runtime/device"
)

var widths = []int{1, 2, 7, 33, 64, 100, 1536}

// notFinite is Gaussian numbers with a NaN in row 1 and infinities in row 2, of at least 4.
func (s *suite) notFinite() number {
	normal := s.normal(1)
	return func(t, i int) float32 {
		switch {
		case t == 1 && i == 3:
			return float32(math.NaN())
		case t == 2 && i < 4:
			return float32(math.Inf(1))
		}
		return normal(t, i)
	}
}

func testNorm(s *suite) {
	check := func(what string, dst, x device.View, eps float64) {
		s.Helper()
		weight := s.vector(x.Cols, s.normal(1))
		w := s.values(device.Dense(weight, 1, x.Cols))[0]
		want := s.values(x)
		for _, row := range want {
			var sum float64
			for _, v := range row {
				sum += v * v
			}
			for i, v := range row {
				row[i] = w[i] * v / math.Sqrt(sum/float64(len(row))+eps)
			}
		}
		s.run(func() { s.dev.Norm(dst, x, weight, eps) }, dst)
		for t := range want {
			s.near(what, boundSums, dst.Range(t, 1), want[t:t+1])
		}
	}
	for _, n := range batches {
		for _, cols := range widths {
			x := s.view(n, cols, s.normal(1))
			check(fmt.Sprintf("%d rows of %d", n, cols), s.view(n, cols, zero), x, 1e-5)
			check(fmt.Sprintf("%d rows of %d in place", n, cols), x, x, 1e-6)
			s.forget()
		}
	}
	heads := s.view(1, 6*7*16, s.normal(3)) // a row seen as heads
	heads = device.View{Buffer: heads.Buffer, At: heads.At, Rows: 6 * 7, Cols: 16, Stride: 16}
	check("heads", heads, heads, 1e-6)
	sizes := []float32{1, 1e-15, 1e15, 0, 1e-6, 1}
	normal := s.normal(1)
	check("sizes", s.view(6, 100, zero), s.view(6, 100, func(t, i int) float32 { return normal(t, i) * sizes[t] }), 1e-6)
	check("no epsilon", s.view(3, 100, zero), s.view(3, 100, func(t, i int) float32 { return normal(t, i) * sizes[t] }), 0)

	x, dst, one := s.view(5, 64, s.notFinite()), s.view(5, 64, zero), s.vector(64, func(int, int) float32 { return 1 })
	s.run(func() { s.dev.Norm(dst, x, one, 1e-6) }, dst)
	for t, row := range s.values(dst) {
		if math.IsNaN(row[3]) != (t == 1 || t == 2) {
			s.Errorf("not finite: row %d has %v", t, row[3])
		}
	}
}

func testRotate(s *suite) {
	const positions = 50
	for _, n := range batches {
		for _, r := range []device.Rotation{
			{Heads: 1, HeadDim: 2, Dims: 2},
			{Heads: 12, HeadDim: 128, Dims: 128},
			{Heads: 12, HeadDim: 128, Dims: 128, Neighbours: true},
			{Heads: 3, HeadDim: 80, Dims: 32},
			{Heads: 5, HeadDim: 48, First: 32, Dims: 16, Neighbours: true},
			{Heads: 1, HeadDim: 40, First: 30, Dims: 10},
			{Heads: 7, HeadDim: 22, Dims: 22},
			{Heads: 7, HeadDim: 22, First: 4, Dims: 14, Neighbours: true},
			{Heads: 16, HeadDim: 64, Dims: 64},
		} {
			r.Angles = s.vector(positions*r.Dims, s.normal(1))
			for range n {
				r.Positions = append(r.Positions, int32(s.rand.IntN(positions)))
			}
			x := s.view(n, r.Heads*r.HeadDim+n%3, s.normal(1)) // there may be columns behind the heads
			if n == 33 {
				s.fill(x, s.notFinite())
			}
			want := s.values(x)
			angles := s.values(device.Dense(r.Angles, positions, r.Dims))
			for t, row := range want {
				for h := range r.Heads {
					v := row[h*r.HeadDim+r.First:]
					for j := range r.Dims / 2 {
						a, b := j, j+r.Dims/2
						if r.Neighbours {
							a, b = 2*j, 2*j+1
						}
						cos, sin := angles[r.Positions[t]][2*j], angles[r.Positions[t]][2*j+1]
						v[a], v[b] = v[a]*cos-v[b]*sin, v[a]*sin+v[b]*cos
					}
				}
			}
			given := append([]int32(nil), r.Positions...)
			s.run(func() {
				r := r
				s.dev.Rotate(x, &r)
				clear(r.Positions) // belongs to the caller again
			}, x)
			s.near(fmt.Sprintf("%d rows of %d heads of %d, %d turned from %d, at %v", n, r.Heads, r.HeadDim, r.Dims, r.First, given), boundSimple, x, want)
			s.forget()
		}
	}
}

func testGate(s *suite) {
	check := func(what string, dst, gate, up device.View) {
		s.Helper()
		want, u := s.values(gate), s.values(up)
		for t, row := range want {
			for i, v := range row {
				row[i] = v / (1 + math.Exp(-v)) * u[t][i]
			}
		}
		s.run(func() { s.dev.Gate(dst, gate, up) }, dst)
		s.near(what, boundSimple, dst, want)
	}
	for _, n := range batches {
		for _, cols := range widths {
			for _, size := range []float64{1, 15} {
				gate, up := s.view(n, cols, s.normal(size)), s.view(n, cols, s.normal(1))
				check(fmt.Sprintf("%d rows of %d", n, cols), s.view(n, cols, zero), gate, up)
				check(fmt.Sprintf("%d rows of %d, to the gate", n, cols), gate, gate, up)
				s.fill(gate, s.normal(size))
				check(fmt.Sprintf("%d rows of %d, to the other", n, cols), up, gate, up)
				s.forget()
			}
		}
	}
	// One value at a time, from where exp overflows to where it vanishes.
	one := func(int, int) float32 { return 1 }
	for _, g := range []float64{-1e30, -1000, -104, -88, -87, -50, -20, -5, -1e-3, -1e-30, 0, 1e-30, 1e-3, 5, 20, 50, 88, 104, 1000, 1e30, math.Inf(1), math.NaN()} {
		gate, dst := s.view(1, 1, func(int, int) float32 { return float32(g) }), s.view(1, 1, zero)
		if g < -80 { // results of denormals, or none
			s.run(func() { s.dev.Gate(dst, gate, s.view(1, 1, one)) }, dst)
			if got := s.values(dst)[0][0]; !(math.Abs(got) < 1e-32) {
				s.Errorf("gate of %v is %v", g, got)
			}
			continue
		}
		check(fmt.Sprint("gate of ", g), dst, gate, s.view(1, 1, one))
	}
	check("not finite", s.view(5, 64, zero), s.view(5, 64, s.notFinite()), s.view(5, 64, s.normal(1)))
}

func testAdd(s *suite) {
	for _, n := range batches {
		for _, cols := range widths {
			for _, rows := range []int{n, 1} {
				dst, x := s.view(n, cols, s.normal(1)), s.view(rows, cols, s.normal(1))
				if cols > 3 && n > 3 {
					s.fill(dst, s.notFinite())
				}
				want, add := s.values(dst), s.values(x)
				for t, row := range want {
					for i := range row {
						row[i] += add[t%rows][i]
					}
				}
				s.run(func() { s.dev.Add(dst, x) }, dst)
				s.near(fmt.Sprintf("%d of %d rows of %d", rows, n, cols), boundSimple, dst, want)
				s.forget()
			}
		}
	}
}

// testCopy is for Copy and Gather, and for views of one buffer that lie between each other.
func testCopy(s *suite) {
	any := func(int, int) float32 { return math.Float32frombits(s.rand.Uint32() | 0x400000) } // NaN as they are
	for _, n := range batches {
		for _, cols := range widths {
			x, dst := s.view(n, cols, any), s.view(n, cols, zero)
			s.run(func() { s.dev.Copy(dst, x) }, dst)
			s.near(fmt.Sprintf("%d rows of %d", n, cols), boundCopied, dst, s.values(x))
			rows := make([]int32, n+3)
			want := make([][]float64, len(rows))
			for i := range rows {
				rows[i] = int32(s.rand.IntN(n))
				want[i] = s.values(x.Range(int(rows[i]), 1))[0]
			}
			gathered := s.view(len(rows), cols, zero)
			s.run(func() {
				s.dev.Gather(gathered, x, rows)
				clear(rows) // belongs to the caller again
			}, gathered)
			s.near(fmt.Sprintf("gathered %d rows of %d", len(rows), cols), boundCopied, gathered, want)
			s.forget()
		}
	}
	both := s.view(9, 48, any)
	from, to := both.Columns(0, 16), both.Columns(24, 16)
	s.run(func() { s.dev.Copy(to, from) }, to)
	s.near("columns of a buffer", boundCopied, to, s.values(from))
}

func testScatter(s *suite) {
	for _, n := range batches {
		for _, cols := range widths {
			dst, x := s.view(n, cols, s.normal(1)), s.view(2*n+1, cols, s.normal(1))
			rows, weight := make([]int32, x.Rows), make([]float32, x.Rows)
			want, add := s.values(dst), s.values(x)
			for i := range rows {
				rows[i], weight[i] = int32(s.rand.IntN(n)), s.rand.Float32()
				for j, v := range add[i] {
					want[rows[i]][j] += float64(weight[i]) * v
				}
			}
			s.run(func() {
				s.dev.Scatter(dst, x, rows, weight)
				clear(rows) // belong to the caller again
				clear(weight)
			}, dst)
			s.near(fmt.Sprintf("%d rows of %d", n, cols), boundSums, dst, want)
			s.forget()
		}
	}
	// In order: a sum that is 0 in any other.
	dst, x := s.view(2, 8, func(int, int) float32 { return 1 }), s.view(3, 8, func(t, _ int) float32 { return []float32{0x1p60, -0x1p60, 3}[t] })
	s.run(func() { s.dev.Scatter(dst, x, []int32{1, 1, 1}, []float32{1, 1, 1}) }, dst)
	if got := s.values(dst); got[0][0] != 1 || got[1][7] != 3 {
		s.Errorf("additions out of order: %v", got)
	}
}

// testSquares compares with sums of 200 bits, rounded to float64 after each addition: what one order of additions gives, and
// no other.
func testSquares(s *suite) {
	for _, n := range batches {
		for _, cols := range widths {
			x := s.view(n, cols, s.normal(1))
			given := make([]float64, cols)
			for i := range given {
				given[i] = s.rand.Float64()
			}
			sums := append([]float64(nil), given...)
			s.run(func() {
				if err := s.dev.Squares(sums, x); err != nil {
					s.Fatal(err)
				}
			})
			values := s.values(x)
			for i, sum := range given {
				for t := range values {
					v := new(big.Float).SetPrec(200).SetFloat64(values[t][i])
					sum, _ = v.Mul(v, v).Add(v, new(big.Float).SetFloat64(sum)).Float64()
				}
				if sums[i] != sum {
					s.Fatalf("%d rows of %d: column %d sums to %v, want %v", n, cols, i, sums[i], sum)
				}
			}
			s.forget()
		}
	}
	// Squares that float32 cannot hold, and values that are no numbers, which stay in their columns.
	big := []float32{1e30, 1e-30, float32(math.NaN()), float32(math.Inf(-1)), 0}
	sums := make([]float64, len(big))
	x := s.view(2, len(big), func(_, i int) float32 { return big[i] })
	s.run(func() {
		if err := s.dev.Squares(sums, x); err != nil {
			s.Fatal(err)
		}
	})
	square := func(v float32) float64 { return 2 * float64(v) * float64(v) }
	if sums[0] != square(big[0]) || sums[1] != square(big[1]) || !math.IsNaN(sums[2]) || !math.IsInf(sums[3], 1) || sums[4] != 0 {
		s.Errorf("squares of %v sum to %v", big, sums)
	}
}
