// Package devicetest is what every device must pass: each operation is compared with a plain float64 evaluation of the
// formulas in package device, written here and in no device.
package devicetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/qconv/qconv/runtime/device"
)

// Bounds of the relative error: norm of the difference by norm of the true values. All allow float32 arithmetic in any
// order of additions; what one may expect of random errors is a few times less.
const (
	boundCopied   = 0       // Copy, Gather, Write, Read: the same bits
	boundDecoded  = 1e-6    // Lookup: a product of few roundings, which may be fused or not
	boundBlocks   = 1e-4    // Multiply of block weights: activations may be rounded to 16 bits per block of 32, which is about 1e-5
	boundFloats   = 3e-6    // Multiply of F32, F16, BF16: sums of a thousand products, each of 6e-8
	boundSums     = 1e-6    // Norm, Scatter: few roundings, sums of equal signs
	boundSimple   = 5e-7    // Rotate, Gate, Add: a handful of roundings and an exponential
	boundAttend   = 2e-6    // Attend: sums of a thousand, exponentials, and
	boundScore    = 0x1p-22 // times the largest score, for scores are sums of products in float32
	boundChoice   = 1e-6    // Route: weights
	boundLogProbs = 1e-6    // LogProbs: nats, or of the value where that is more
)

// batches are numbers of rows around the sizes in which devices work.
var batches = []int{1, 2, 3, 7, 31, 33, 64, 100}

// Run tests the devices that open makes; each test has its own, and closes it.
func Run(t *testing.T, open func(t *testing.T) device.Device) {
	for _, test := range []struct {
		name string
		body func(*suite)
	}{
		{"Memory", testMemory}, {"Order", testOrder}, {"Load", testLoad}, {"Nothing", testNothing},
		{"Lookup", testLookup}, {"Multiply", testMultiply}, {"MultiplyShapes", testMultiplyShapes},
		{"MultiplySeveral", testMultiplySeveral}, {"MultiplyStack", testMultiplyStack}, {"MultiplyExtremes", testMultiplyExtremes},
		{"Norm", testNorm}, {"Rotate", testRotate}, {"Gate", testGate}, {"Add", testAdd}, {"Copy", testCopy}, {"Scatter", testScatter},
		{"Attend", testAttend}, {"AttendScores", testAttendScores}, {"AttendNotFinite", testAttendNotFinite},
		{"Route", testRoute}, {"RouteTies", testRouteTies}, {"RouteNotFinite", testRouteNotFinite}, {"LogProbs", testLogProbs},
		{"Squares", testSquares},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &suite{T: t, dev: open(t), rand: rand.New(rand.NewPCG(1, 2))}
			defer s.dev.Close()
			test.body(s)
			if s.worst > 0 {
				t.Logf("largest error %.2g of what is allowed", s.worst)
			}
		})
	}
}

// suite is one test on one device. It knows everything that is in the device's buffers.
type suite struct {
	*testing.T
	dev    device.Device
	rand   *rand.Rand
	fields []*field
	layout int
	worst  float64 // error by bound
}

// field is a buffer and what it holds.
type field struct {
	buffer device.Buffer
	values []float32
}

// canary fills what lies between views: a NaN, so that who reads it is found out as who writes it is.
var canary = math.Float32frombits(0x7fc5a5a5)

// layouts are how views lie in their buffers: values before, between and behind rows.
var layouts = []struct{ before, between, behind int }{{0, 0, 0}, {3, 2, 5}, {16, 16, 0}, {1, 0, 1}, {0, 31, 7}, {64, 7, 64}}

// number makes a value of row t and column i.
type number func(t, i int) float32

// normal is Gaussian numbers.
func (s *suite) normal(size float64) number {
	return func(int, int) float32 { return float32(s.rand.NormFloat64() * size) }
}

func zero(int, int) float32 { return 0 }

// view makes a view in a buffer of its own, with canaries around the rows.
func (s *suite) view(rows, cols int, of number) device.View {
	s.Helper()
	l := layouts[s.layout%len(layouts)]
	s.layout++
	stride := cols + l.between
	v := device.View{At: l.before, Rows: rows, Cols: cols, Stride: stride}
	return s.put(v, l.before+rows*stride+l.behind, of)
}

// put makes a buffer of n values for a view.
func (s *suite) put(v device.View, n int, of number) device.View {
	s.Helper()
	f := s.field(n)
	v.Buffer = f.buffer
	s.fill(v, of)
	return v
}

// field makes a buffer full of canaries.
func (s *suite) field(n int) *field {
	s.Helper()
	b, err := s.dev.New(n)
	if err != nil {
		s.Fatal(err)
	}
	if b.Len() != n {
		s.Fatalf("a buffer of %d values has %d", n, b.Len())
	}
	f := &field{b, make([]float32, n)}
	for i := range f.values {
		f.values[i] = canary
	}
	s.fields = append(s.fields, f)
	s.flush(f)
	return f
}

// fill sets the values of a view.
func (s *suite) fill(v device.View, of number) {
	f := s.of(v.Buffer)
	for t := range v.Rows {
		for i := range v.Cols {
			f.values[v.At+t*v.Stride+i] = of(t, i)
		}
	}
	s.flush(f)
}

func (s *suite) flush(f *field) { s.dev.Write(device.Dense(f.buffer, 1, len(f.values)), f.values) }

func (s *suite) of(b device.Buffer) *field {
	for _, f := range s.fields {
		if f.buffer == b {
			return f
		}
	}
	s.Fatal("a buffer that the test does not know")
	return nil
}

// vector makes a buffer that is one row.
func (s *suite) vector(n int, of number) device.Buffer {
	return s.put(device.View{Rows: 1, Cols: n, Stride: n}, n, of).Buffer
}

// values gives the values of a view, as the test knows them.
func (s *suite) values(v device.View) [][]float64 {
	f := s.of(v.Buffer)
	out := make([][]float64, v.Rows)
	for t := range out {
		out[t] = make([]float64, v.Cols)
		for i := range out[t] {
			out[t][i] = float64(f.values[v.At+t*v.Stride+i])
		}
	}
	return out
}

// run does an operation that may change only these views, and looks at everything that there is.
func (s *suite) run(op func(), dst ...device.View) {
	s.Helper()
	op()
	for _, f := range s.fields {
		now := make([]float32, len(f.values))
		if err := s.dev.Read(now, device.Dense(f.buffer, 1, len(now))); err != nil {
			s.Fatal(err)
		}
		free := make([]bool, len(now))
		for _, v := range dst {
			for t := range v.Rows {
				for i := range v.Cols {
					if v.Buffer == f.buffer {
						free[v.At+t*v.Stride+i] = true
					}
				}
			}
		}
		for i, x := range now {
			if !free[i] && math.Float32bits(x) != math.Float32bits(f.values[i]) {
				s.Fatalf("value %d of a buffer of %d became %v, was %v, and is no result", i, len(now), x, f.values[i])
			}
		}
		f.values = now
	}
	if err := s.dev.Wait(); err != nil {
		s.Fatal(err)
	}
}

// forget frees all buffers.
func (s *suite) forget() {
	for _, f := range s.fields {
		s.dev.Free(f.buffer)
	}
	s.fields = nil
}

// near compares a view with what it should hold. NaN and infinities must be the same; the rest is compared as a whole.
func (s *suite) near(what string, bound float64, v device.View, want [][]float64) {
	s.Helper()
	s.nearOf(what, bound, 0, v, want)
}

// nearOf is near, where the norm counts as at least least: single sums may be much smaller than their terms, whose
// roundings they have.
func (s *suite) nearOf(what string, bound, least float64, v device.View, want [][]float64) {
	s.Helper()
	got := s.values(v)
	var diff, size float64
	for t := range want {
		for i, w := range want[t] {
			g := got[t][i]
			switch {
			case math.IsNaN(w) && math.IsNaN(g) || g == w:
			case math.IsNaN(w) || math.IsNaN(g) || math.IsInf(w, 0) || math.IsInf(g, 0):
				s.Fatalf("%s: row %d, column %d is %v, want %v", what, t, i, g, w)
			default:
				diff += (g - w) * (g - w)
			}
			if !math.IsNaN(w) && !math.IsInf(w, 0) {
				size += w * w
			}
		}
	}
	e := math.Sqrt(diff / max(size, least*least, math.SmallestNonzeroFloat64))
	if !(e <= bound) {
		s.Fatalf("%s: relative error %.3g, at most %.3g allowed", what, e, bound)
	}
	if bound > 0 {
		s.worst = max(s.worst, e/bound)
	}
}
