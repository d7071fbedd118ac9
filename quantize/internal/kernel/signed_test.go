package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestSignedTry(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tr := range Available()[1:] {
		defer Use(Use(tr))
		for rep := range 20000 {
			n := 16 + 16*(rep&1)
			var x, w [32 * 16]float32
			for i := range x {
				x[i] = float32(r.NormFloat64())
				switch rep % 7 {
				case 1:
					x[i] = math.Float32frombits(r.Uint32() & 0x807fffff)
				case 2:
					x[i] = float32(r.IntN(9)-4) * 0.25
				case 3:
					x[i] = -1 - x[i]*1e-6
				case 4:
					x[i] *= 1e30
				}
				w[i] = float32(r.Float64())
			}
			nmax := []int32{4, 8, 16, 32}[rep%4]
			var s, p SignedSearch
			s.Init(nmax)
			p.Init(nmax)
			s.Search(x[:], w[:], n)
			Use(Plain)
			p.Search(x[:], w[:], n)
			Use(tr)
			for l := range 16 {
				if math.Float32bits(s.Scale[l]) != math.Float32bits(p.Scale[l]) {
					t.Fatalf("%v rep %d lane %d: %v want %v", tr, rep, l, s.Scale[l], p.Scale[l])
				}
			}
			s.Refine(x[:], n)
			Use(Plain)
			p.Refine(x[:], n)
			Use(tr)
			for l := range 16 {
				if math.Float32bits(s.Scale[l]) != math.Float32bits(p.Scale[l]) {
					t.Fatalf("refine %v rep %d lane %d: %v want %v", tr, rep, l, s.Scale[l], p.Scale[l])
				}
			}
		}
	}
}

func BenchmarkSigned(b *testing.B) {
	for _, tr := range Available() {
		for _, refine := range []bool{false, true} {
			b.Run(tr.String(), func(b *testing.B) {
				defer Use(Use(tr))
				r := rand.New(rand.NewPCG(1, 2))
				x, w := alignedT(), alignedT()
				for j := range x {
					for i := range x[j] {
						x[j][i] = float32(r.NormFloat64())
						w[j][i] = 1 + x[j][i]*x[j][i]
					}
				}
				s := alignedS()
				s.Init(32)
				if refine {
					s.Init(4)
				}
				for b.Loop() {
					for j := range x {
						if refine {
							s.Refine(x[j][:], 16)
						} else {
							s.Search(x[j][:], w[j][:], 16)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/2560, "ns/weight")
			})
		}
	}
}

func alignedT() *[10][512]float32 {
	b := make([]byte, 10*512*4+64)
	p := uintptr(unsafe.Pointer(&b[0]))
	return (*[10][512]float32)(unsafe.Pointer(&b[(64-p%64)%64]))
}

func alignedS() *SignedSearch {
	b := make([]byte, 10*512*4+65536)
	p := uintptr(unsafe.Pointer(&b[0])) + unsafe.Offsetof(SignedSearch{}.wx)
	return (*SignedSearch)(unsafe.Pointer(&b[(64-p%64)%64]))
}
