package vector

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// expected tells by what Linux says of the processor, not by the package's own detection, which tiers there must be.
func expected() (names []string) {
	b, err := os.ReadFile("/proc/cpuinfo")
	if !compiled {
		return nil
	}
	if runtime.GOARCH == "arm64" {
		names = append(names, "neon")
	}
	if err != nil {
		return names
	}
	for line := range strings.Lines(string(b)) {
		name, list, _ := strings.Cut(line, ":")
		if strings.TrimSpace(name) == "Features" && slices.Contains(strings.Fields(list), "asimddp") {
			names = append(names, "dotprod")
			break
		}
		if strings.TrimSpace(name) != "flags" || runtime.GOARCH != "amd64" {
			continue
		}
		flags := strings.Fields(list)
		has := func(names ...string) bool {
			return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(flags, n) })
		}
		if has("avx2", "fma") {
			names = append(names, "avx2")
			if has("avx512f", "avx512bw", "avx512vl", "avx512dq") {
				names = append(names, "avx512")
			}
		}
		break
	}
	return names
}

// each runs f on every tier, and fails when the processor has one that is not offered.
func each(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, name := range expected() {
		if !slices.Contains(AllKernels(), name) {
			t.Errorf("this machine has %s, the kernels do not offer it", name)
		}
	}
	before := Kernels()
	defer Use(before)
	for _, name := range AllKernels() {
		if err := Use(name); err != nil {
			t.Fatal(err)
		}
		t.Run(name, f)
	}
}

func TestUse(t *testing.T) {
	if err := Use("sse"); err == nil || !strings.Contains(err.Error(), "sse") {
		t.Errorf("kernels that there are not: %v", err)
	}
}

// guard is values with canaries before them. Behind them is a page that cannot be touched.
type guard struct{ all, values []float32 }

const front = 32 // canaries

func guarded(n int) guard {
	all := atEdge(front + n)
	for i := range all {
		all[i] = 77
	}
	return guard{all, all[front:]}
}

func (g guard) intact() bool {
	return !slices.ContainsFunc(g.all[:front], func(v float32) bool { return v != 77 })
}

// draw makes numbers that kernels may get: of one size, of any, with infinities and NaN.
func draw(r *rand.Rand, kind int) float32 {
	x := float32(r.NormFloat64())
	switch kind {
	case 1:
		return x * float32(math.Ldexp(1, r.IntN(200)-100))
	case 2:
		switch r.IntN(40) {
		case 0:
			return math.Float32frombits(0x7fc00000 | r.Uint32()) // NaN of any kind
		case 1:
			return float32(math.Inf(1))
		case 2:
			return float32(math.Inf(-1))
		case 3:
			return float32(math.Copysign(0, -1))
		case 4:
			return math.Float32frombits(r.Uint32() & 0x807fffff)
		}
	case 3:
		return float32(r.IntN(9)-4) / 4
	}
	return x
}

func fill(r *rand.Rand, kind, n int) guard {
	g := guarded(n)
	for i := range g.values {
		g.values[i] = draw(r, kind)
	}
	return g
}

// same bits, but all NaN are alike.
func equal(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) && (a[i] == a[i] || b[i] == b[i]) {
			return i
		}
	}
	return -1
}

var lengths = []int{0, 1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 128, 1000}

// TestTiersEach compares what works on each value with plain Go.
func TestTiersEach(t *testing.T) {
	ops := map[string]func(v [][]float32, f float32){
		"Gate":             func(v [][]float32, _ float32) { Gate(v[0], v[1], v[2]) },
		"GateInPlace":      func(v [][]float32, _ float32) { Gate(v[1], v[1], v[2]) },
		"Scaled":           func(v [][]float32, f float32) { Scaled(v[0], v[1], v[2], f) },
		"ScaledInPlace":    func(v [][]float32, f float32) { Scaled(v[1], v[1], v[2], f) },
		"AddScaled":        func(v [][]float32, f float32) { AddScaled(v[0], v[1], f) },
		"Times":            func(v [][]float32, f float32) { Times(v[0], v[1], f) },
		"Blend":            func(v [][]float32, f float32) { Blend(v[0], v[1], f, v[2][0]) },
		"RotateHalves":     func(v [][]float32, _ float32) { RotateHalves(v[0], v[1], v[2], v[3]) },
		"RotateNeighbours": func(v [][]float32, _ float32) { n := len(v[0]) / 2 * 2; RotateNeighbours(v[0][:n], v[1][:n], v[2][:n]) },
		"ExpSum": func(v [][]float32, f float32) {
			n := len(v[0]) / Group * Group
			x := v[0][:n]
			for i := range x {
				if x[i] > 0 {
					x[i] = -x[i] * 20
				}
			}
			v[1][0] = float32(ExpSum(x, 0))
		},
		"SumExp":  func(v [][]float32, _ float32) { v[1][0] = float32(SumExp(v[0], max(0, Max(v[0])))) },
		"Squares": func(v [][]float32, _ float32) { v[1][0] = float32(Squares(v[0])) },
		"Max":     func(v [][]float32, _ float32) { v[1][0] = Max(v[0]) + 0 },
	}
	each(t, func(t *testing.T) {
		tier := Kernels()
		for name, op := range ops {
			for _, n := range lengths {
				for kind := range 4 {
					if n == 0 && (name == "Blend" || name == "ExpSum" || name == "SumExp" || name == "Squares" || name == "Max") {
						continue
					}
					r := rand.New(rand.NewPCG(uint64(n), uint64(kind)))
					var got []guard
					var values, want [][]float32
					for range 4 {
						g := fill(r, kind, n)
						got, values, want = append(got, g), append(values, g.values), append(want, slices.Clone(g.values))
					}
					f := draw(r, kind)
					op(values, f)
					Use("go")
					op(want, f)
					Use(tier)
					for i, g := range got {
						if at := equal(g.values, want[i]); at >= 0 {
							t.Fatalf("%s of %d values of kind %d: value %d of operand %d is %v, plain Go's %v", name, n, kind, at, i, g.values[at], want[i][at])
						}
						if !g.intact() {
							t.Fatalf("%s of %d values writes beyond its operands", name, n)
						}
					}
				}
			}
		}
	})
}

// TestTiersProducts compares Dots and Mix with plain Go, for all numbers of rows and keys around those of blocks.
func TestTiersProducts(t *testing.T) {
	each(t, func(t *testing.T) {
		tier := Kernels()
		for name, op := range map[string]func(out, a, b Matrix, rows, keys, dim int){"Dots": Dots, "Mix": Mix} {
			for _, rows := range []int{0, 1, 2, 3, 4, 5, 8, 11} {
				for _, keys := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 32, 33} {
					for _, dim := range []int{16, 32, 48, 64, 80, 128, 144} {
						kind := (rows + keys + dim/16) % 4
						what := fmt.Sprintf("%s of %d rows, %d keys, %d values of kind %d", name, rows, keys, dim, kind)
						r := rand.New(rand.NewPCG(uint64(rows*100+keys), uint64(dim)))
						outCols, aCols := keys, dim
						if name == "Mix" {
							outCols, aCols = dim, keys
						}
						matrix := func(rows, cols int) (guard, Matrix) {
							stride := cols + rows%3
							g := fill(r, kind, max(0, (rows-1)*stride+cols))
							return g, Matrix{g.values, stride}
						}
						gOut, out := matrix(rows, outCols)
						_, a := matrix(rows, aCols)
						_, b := matrix(keys, dim)
						want := slices.Clone(gOut.values)
						op(out, a, b, rows, keys, dim)
						Use("go")
						op(Matrix{want, out.Stride}, a, b, rows, keys, dim)
						Use(tier)
						if at := equal(gOut.values, want); at >= 0 {
							t.Fatalf("%s: value %d is %v, plain Go's %v", what, at, gOut.values[at], want[at])
						}
						if !gOut.intact() {
							t.Fatalf("%s: writes beyond its operands", what)
						}
					}
				}
			}
		}
	})
}
