package sample

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestChain compares the candidates and their probabilities with those of llama.cpp's chain.
func TestChain(t *testing.T) {
	text, err := os.ReadFile("testdata/chain.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name        string
			Temperature float64
			TopK        int     `json:"top_k"`
			TopP        float64 `json:"top_p"`
			MinP        float64 `json:"min_p"`
			Penalty     float64
			Last        int
			Recent, IDs []int32
			Logits      []*float32
			P           []float64
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 30 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		logits := make([]float32, len(c.Logits))
		for i, l := range c.Logits {
			if logits[i] = float32(math.Inf(-1)); l != nil {
				logits[i] = *l
			}
		}
		s := New(Options{c.Temperature, c.TopK, c.TopP, c.MinP, c.Penalty, c.Last, 1})
		got, err := s.Next(logits, c.Recent)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if !slices.Contains(c.IDs, got) {
			t.Errorf("%s: token %d is none of %v", c.Name, got, c.IDs)
		}
		if c.Temperature == 0 {
			continue
		}
		sum := s.sum(c.Temperature)
		var ids []int32
		for i, cand := range s.cand {
			ids = append(ids, cand.id)
			// The reference computes in float32.
			if i < len(c.P) && math.Abs(s.weight(cand, c.Temperature)/sum-c.P[i]) > 2e-6 {
				t.Errorf("%s: token %d has probability %v, want %v", c.Name, cand.id, s.weight(cand, c.Temperature)/sum, c.P[i])
			}
		}
		// Tokens that float32 gives probability 0 are in no order.
		for len(ids) > 0 && len(ids) == len(c.IDs) && c.P[len(ids)-1] == 0 {
			ids, c.IDs, c.P = ids[:len(ids)-1], c.IDs[:len(ids)-1], c.P[:len(ids)-1]
		}
		if !slices.Equal(ids, c.IDs) {
			t.Errorf("%s: tokens %v, want %v", c.Name, ids, c.IDs)
		}
	}
}

// TestDraws counts how often tokens come; their probabilities are 1/15, 2/15, 8/15, 4/15 and 0.
func TestDraws(t *testing.T) {
	logits := []float32{float32(math.Log(1)), float32(math.Log(2)), float32(math.Log(8)), float32(math.Log(4)), float32(math.Log(1))}
	logits[4] = float32(math.Inf(-1))
	counts := map[int32]int{}
	s := New(Options{Temperature: 1, TopP: 1, RepeatPenalty: 1, Seed: 42})
	const n = 30000
	for range n {
		id, err := s.Next(logits, nil)
		if err != nil {
			t.Fatal(err)
		}
		counts[id]++
	}
	for id, p := range map[int32]float64{0: 1. / 15, 1: 2. / 15, 2: 8. / 15, 3: 4. / 15, 4: 0} {
		if d := math.Abs(float64(counts[id]) - n*p); d > 5*math.Sqrt(n*p) {
			t.Errorf("token %d came %d times, want about %v", id, counts[id], n*p)
		}
	}
}

// TestSeed holds what a seed means: the tokens are worked out by testdata/draws.py from the definition of PCG-DXSM.
func TestSeed(t *testing.T) {
	logits := make([]float32, 100)
	for i := range logits {
		logits[i] = float32(i*37%101) / 16
	}
	draw := func(seed uint64) (out []int32) {
		s := New(Options{Temperature: 1.5, TopP: 1, RepeatPenalty: 1.25, RepeatLast: 8, Seed: seed})
		for range 24 {
			id, err := s.Next(logits, out)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, id)
		}
		return out
	}
	for seed, want := range map[uint64][]int32{
		0:         {79, 2, 27, 76, 16, 60, 81, 24, 70, 34, 87, 38, 68, 30, 40, 95, 43, 7, 49, 79, 57, 16, 43, 48},
		5:         {16, 5, 35, 90, 18, 79, 51, 27, 91, 68, 64, 8, 26, 65, 30, 38, 19, 46, 87, 35, 72, 43, 27, 57},
		1<<64 - 1: {8, 64, 38, 73, 21, 2, 95, 87, 37, 59, 60, 20, 79, 2, 21, 18, 1, 32, 49, 38, 92, 15, 60, 64},
	} {
		if got := draw(seed); !slices.Equal(got, want) {
			t.Errorf("seed %d gave %v, want %v", seed, got, want)
		}
	}
}

// TestExp compares with math.Exp, which is right to less than one unit in the last place;
// two more are allowed.
func TestExp(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 100000 {
		x := -math.Abs(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(5)-2)))
		got, want := exp(x), math.Exp(x)
		if math.Abs(got-want) > 4.5e-16*want+5e-324 {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	for x, want := range map[float64]float64{0: 1, math.Copysign(0, -1): 1, math.Inf(-1): 0, -1e308: 0, -746: 0, -745.1: 5e-324} {
		if got := exp(x); got != want {
			t.Errorf("exp(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := Defaults().Check(); err != nil {
		t.Error(err)
	}
	nan, inf := math.NaN(), math.Inf(1)
	set := func(change func(o *Options)) Options { o := Defaults(); change(&o); return o }
	for want, options := range map[string][]Options{
		"temperature": {set(func(o *Options) { o.Temperature = nan }), set(func(o *Options) { o.Temperature = -1 }), set(func(o *Options) { o.Temperature = inf })},
		"top-k":       {set(func(o *Options) { o.TopK = -1 })},
		"top-p":       {set(func(o *Options) { o.TopP = nan }), set(func(o *Options) { o.TopP = -0.1 }), set(func(o *Options) { o.TopP = 1.1 })},
		"min-p":       {set(func(o *Options) { o.MinP = nan }), set(func(o *Options) { o.MinP = -0.1 }), set(func(o *Options) { o.MinP = 2 })},
		"repeat-penalty": {
			set(func(o *Options) { o.RepeatPenalty = nan }), set(func(o *Options) { o.RepeatPenalty = 0 }),
			set(func(o *Options) { o.RepeatPenalty = -1 }), set(func(o *Options) { o.RepeatPenalty = inf }),
		},
		"repeat-last": {set(func(o *Options) { o.RepeatLast = -2 })},
	} {
		for _, o := range options {
			err := o.Check()
			if fault.KindOf(err) != fault.Usage || !strings.HasPrefix(err.Error(), want+" is ") {
				t.Errorf("%+v: %v, want a usage error about %s", o, err, want)
			}
			if _, next := New(o).Next([]float32{1}, nil); next == nil || next.Error() != err.Error() {
				t.Errorf("%+v: Next gives %v", o, next)
			}
		}
	}
}

func TestBadLogits(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, temperature := range []float64{0, 1} {
		o := Defaults()
		o.Temperature = temperature
		for _, logits := range [][]float32{nil, {1, nan}, {inf, 1}, {-inf, -inf}} {
			if id, err := New(o).Next(logits, nil); fault.KindOf(err) != fault.Failed {
				t.Errorf("%v: token %d, %v", logits, id, err)
			}
		}
		for _, penalty := range []float64{1e-300, 1, 1e300} {
			o.RepeatPenalty = penalty
			for _, logits := range [][]float32{{-inf, 2}, {-math.MaxFloat32, math.MaxFloat32}} {
				if id, err := New(o).Next(logits, []int32{0, 1, 1, -5, 99}); err != nil || id != 1 {
					t.Errorf("%v, penalty %v: token %d, %v", logits, penalty, id, err)
				}
			}
		}
	}
}

// FuzzNext holds that a token is always one that is possible, among the top-k, and that only bad logits are errors.
func FuzzNext(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, 0.8, 40, 0.95, 0.05, 1.1, 64, uint64(1))
	f.Add([]byte{255, 0, 255, 0}, 0.0, 0, 0.0, 1.0, 0.5, -1, uint64(2))
	f.Add([]byte{9, 9, 9}, 1e-300, 1, 1.0, 0.0, 1e300, 0, uint64(3))
	f.Fuzz(func(t *testing.T, raw []byte, temperature float64, topK int, topP, minP, penalty float64, last int, seed uint64) {
		o := Options{temperature, topK, topP, minP, penalty, last, seed}
		logits, recent, possible := make([]float32, len(raw)), []int32{}, 0
		for i, b := range raw {
			logits[i] = (float32(b) - 128) / 8
			if b == 255 {
				logits[i] = float32(math.Inf(-1))
			} else {
				possible++
			}
			recent = append(recent, int32(b)%16)
		}
		s := New(o)
		for range 3 {
			id, err := s.Next(logits, recent)
			if bad := o.Check() != nil || possible == 0; bad != (err != nil) {
				t.Fatalf("%+v of %v: %v", o, logits, err)
			}
			if err == nil && (id < 0 || int(id) >= len(logits) || math.IsInf(float64(logits[id]), -1)) {
				t.Fatalf("%+v of %v: token %d", o, logits, id)
			}
		}
	})
}
