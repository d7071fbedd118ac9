package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainly is Next by definition: all candidates sorted, the steps one after another, all sums exact. It gives the candidates
// that are left, and the choice.
func plainly(s *Sampler, logits []float32, recent []int32, fraction float64) ([]candidate, int32) {
	if err := s.gather(logits, recent); err != nil {
		panic(err)
	}
	cand := slices.Clone(s.cand)
	slices.SortFunc(cand, before)
	weights := func(temperature float64) (all []float64, sum float64) {
		for _, c := range cand {
			all = append(all, exp((c.logit-cand[0].logit)/temperature))
			sum += all[len(all)-1]
		}
		return all, sum
	}
	if k := s.o.TopK; k > 0 && k < len(cand) {
		cand = cand[:k]
	}
	if s.o.TopP < 1 {
		all, sum := weights(1)
		goal, reached := sum*s.o.TopP, 0.0
		for i, w := range all {
			if reached += w; reached >= goal {
				cand = cand[:i+1]
				break
			}
		}
	}
	if s.o.MinP > 0 {
		for i, c := range cand {
			if i > 0 && exp(c.logit-cand[0].logit) < s.o.MinP {
				cand = cand[:i]
				break
			}
		}
	}
	all, sum := weights(s.o.Temperature)
	target, reached := fraction*sum, 0.0
	for i, w := range all {
		if reached += w; reached > target {
			return cand, cand[i].id
		}
	}
	return cand, cand[len(cand)-1].id
}

// TestPlainly holds that the choice is that of the definition, whatever is left out to be fast: for few and many tokens, with
// many equal ones, flat and peaked, with far ones and impossible ones, and for options at their bounds.
func TestPlainly(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	pick := func(list ...float64) float64 { return list[rng.IntN(len(list))] }
	for round := range 4000 {
		n := 1 + rng.IntN(int(pick(3, 40, 300, 3000)))
		logits, recent := make([]float32, n), []int32{}
		spread, step := pick(0, 1e-30, 0.01, 1, 3, 10, 1e4, 1e37), pick(0, 0, 0.5, 2)
		for i := range logits {
			x := spread * rng.NormFloat64()
			if step > 0 && spread < 1e5 {
				x = math.Round(x/step) * step // many equal ones
			}
			if rng.IntN(10) == 0 && i > 0 {
				x = math.Inf(-1)
			}
			if logits[i] = float32(x); rng.IntN(20) == 0 {
				recent = append(recent, int32(i))
			}
		}
		o := Options{
			Temperature: pick(1e-300, 0.1, 0.8, 1, 5, 1e300), TopK: int(pick(0, 0, 0, 1, 7, 50, 1001, 2500)), TopP: pick(0, 0.3, 0.5, 0.95, 1-1e-12, 1, 1),
			MinP: pick(0, 0, 1e-9, 0.05, 0.5, 1), RepeatPenalty: pick(1, 1, 1.1, 0.7, 1e300), RepeatLast: -1, Seed: uint64(round),
		}
		s := New(o)
		source := *s.rand
		for range 3 {
			cand, want := plainly(New(o), logits, recent, float64(source.Uint64()>>11)/(1<<53))
			got, err := s.Next(logits, recent)
			if err != nil || got != want {
				t.Fatalf("round %d, %+v, %d tokens: token %d, want %d; %v", round, o, n, got, want, err)
			}
			s.first(len(s.cand))
			if !slices.Equal(s.cand, cand) {
				t.Fatalf("round %d, %+v, %d tokens: candidates %v, want %v", round, o, n, s.cand, cand)
			}
		}
	}
}

// TestCount: a sum that is not known well enough is not decided with, and one that is known is, on its border too.
func TestCount(t *testing.T) {
	for _, c := range []struct {
		goal, doubt float64
		strictly    bool
		least       float64
		n           int
		sure        bool
	}{
		{2, 0, false, 0, 2, true}, {2, 0, true, 0, 3, true}, {2, 1e-9, false, 0, 0, false}, {2, 1e-9, true, 0, 0, false},
		{2 + 1e-6, 1e-9, false, 0, 3, true}, {2 - 1e-6, 1e-9, true, 0, 2, true}, {2 + 1e-6, 1e-3, true, 0, 0, false},
		{4, 0, false, 0, 4, true}, {4, 0, true, 0, 4, true}, {5, 0, true, 0, 4, true}, {5, 1e-9, true, 0, 4, false},
		{5, 1e-9, true, 1, 4, false}, {5, 1e-9, true, 1.5, 1, true}, {0, 1e-9, false, 0, 1, true}, {0, 1e-9, true, 0, 1, true},
	} {
		var o order
		for i := range 4 {
			o.cand = append(o.cand, candidate{int32(i), 3}) // all weights are 1
		}
		o.topK(0)
		if n, sure := o.count(1, c.goal, c.doubt, c.strictly, c.least); sure != c.sure || sure && n != c.n {
			t.Errorf("%+v: %d, %v", c, n, sure)
		}
	}
}

// TestEstimate holds the doubt: the exact sum is as near as it says, and it says little.
func TestEstimate(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{1, 10, 1000, 100000} {
		for _, spread := range []float64{0, 1, 10, 1000} {
			var o order
			for i := range n {
				o.cand = append(o.cand, candidate{int32(i), spread * rng.NormFloat64()})
			}
			o.topK(0)
			about, doubt := o.estimate(0.7)
			if off := math.Abs(o.sum(0.7)/about - 1); off > doubt/2 || doubt > 1e-10 {
				t.Errorf("%d candidates, %v: %g off, doubt %g", n, spread, off, doubt)
			}
		}
	}
}

// TestTopK compares with a full sort, for k that are inserted and k that are not.
func TestTopK(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 1 + rng.IntN(1+rng.IntN(3000))
		var o order
		for i := range n {
			o.cand = append(o.cand, candidate{int32(i), float64(rng.IntN(40))}) // many equal ones
		}
		want := slices.Clone(o.cand)
		slices.SortFunc(want, before)
		k := 1 + rng.IntN(n+5)
		o.topK(k)
		o.first(len(o.cand))
		if want = want[:min(k, n)]; !slices.Equal(o.cand, want) {
			t.Fatalf("k %d of %d: %v, want %v", k, n, o.cand, want)
		}
	}
}

// BenchmarkNext chooses from 151,936 tokens, as Qwen2.5 has: peaked logits are about normal with some that stand out, as those
// of language models are, flat ones those of a model that does not know.
func BenchmarkNext(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	peaked, flat := make([]float32, 151936), make([]float32, 151936)
	for i := range peaked {
		peaked[i] = float32(2 * rng.NormFloat64())
		flat[i] = float32(0.5 * rng.NormFloat64())
	}
	for i := range 50 {
		peaked[rng.IntN(len(peaked))] = 18 - float32(i)/10
	}
	for _, c := range []struct {
		topK       int
		topP, minP float64
		penalty    float64
	}{
		{40, 0.95, 0.05, 1}, {5000, 0.95, 0.05, 1}, {0, 0.95, 0.05, 1}, {0, 0.95, 0.05, 1.1}, {0, 0.95, 0, 1}, {0, 1, 0.05, 1}, {0, 1, 0, 1},
	} {
		for _, kind := range []string{"peaked", "flat"} {
			b.Run(fmt.Sprintf("top-k=%d/top-p=%v/min-p=%v/penalty=%v/%s", c.topK, c.topP, c.minP, c.penalty, kind), func(b *testing.B) {
				logits := map[string][]float32{"peaked": peaked, "flat": flat}[kind]
				s := New(Options{0.8, c.topK, c.topP, c.minP, c.penalty, -1, 1})
				for b.Loop() {
					if _, err := s.Next(logits, []int32{1, 2, 3, 70000}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
