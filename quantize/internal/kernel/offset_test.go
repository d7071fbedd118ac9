package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestOffsetTry(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sw := []*Sweep{{First: -1, Step: 0.1, Last: 20}, {First: -0.5, Step: 0.1, Last: 15, Absolute: true}, &WeightedSweep}
	for _, tr := range Available()[1:] {
		defer Use(Use(tr))
		bad := 0
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
			s := new(OffsetSearch)
			nmax := []int32{3, 15, 31}[rep%3]
			s.Init(nmax, sw[rep/3%3])
			s.Run(x[:], w[:], n)
			for l := range s.bad {
				if s.bad[l] != 0 {
					bad++
				}
			}
			p := new(OffsetSearch)
			p.Init(nmax, sw[rep/3%3])
			for l := range 16 {
				p.plain(x[:], w[:], n, l)
			}
			for l := range 16 {
				if math.Float32bits(s.Scale[l]) != math.Float32bits(p.Scale[l]) || s.Low[l] != p.Low[l] && p.Low[l] == p.Low[l] {
					t.Fatalf("%v rep %d lane %d: %v %v want %v %v", tr, rep, l, s.Scale[l], s.Low[l], p.Scale[l], p.Low[l])
				}
			}
		}
		t.Log(tr, "bad lanes", bad)
	}
}

func BenchmarkOffset(b *testing.B) {
	for _, tr := range Available() {
		b.Run(tr.String(), func(b *testing.B) {
			defer Use(Use(tr))
			r := rand.New(rand.NewPCG(1, 2))
			var x, w [32 * 16]float32
			for i := range x {
				x[i] = float32(r.NormFloat64())
				w[i] = 1 + x[i]*x[i]
			}
			s := new(OffsetSearch)
			s.Init(15, &Sweep{First: -1, Step: 0.1, Last: 20})
			for b.Loop() {
				s.Run(x[:], w[:], 32)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/weight")
		})
	}
}
