// Package sample turns logits into the next token, and cuts generated text at stop strings.
//
// The steps, their order and their definitions are those of llama.cpp's default sampler chain: repetition penalty, top-k,
// top-p, min-p, temperature, random choice. All arithmetic is float64 and does not depend on the processor; the random
// numbers are this package's own choice (see New), so the same logits and seed give the same tokens everywhere, but not
// the tokens that llama.cpp would draw.
package sample

import (
	"math"
	"math/rand/v2"

	"github.com/qconv/qconv/formats/fault"
)

// Options says how to choose. The zero value is not usable, because RepeatPenalty is 0; Defaults is.
type Options struct {
	Temperature   float64 // 0 takes the most probable token; larger is more random
	TopK          int     // choose among this many most probable tokens; 0 is all
	TopP          float64 // of those, the fewest whose probabilities sum to this; 1 is all, 0 keeps one
	MinP          float64 // of those, the ones at least this probable relative to the most probable; 0 is all
	RepeatPenalty float64 // positive logits of repeated tokens are divided by it, others multiplied; 1 is none
	RepeatLast    int     // how many of the last tokens count as repeated; 0 is none, -1 all
	Seed          uint64
}

// Defaults are llama.cpp's.
func Defaults() Options {
	return Options{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.05, RepeatPenalty: 1, RepeatLast: 64}
}

// Check gives an error of kind Usage for an option that has no meaning. Names are those of the command's flags.
func (o Options) Check() error {
	finite := func(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }
	switch {
	case !finite(o.Temperature):
		return fault.New(fault.Usage, "", "temperature is %v, it must be 0 (always the most probable token) or larger", o.Temperature)
	case o.TopK < 0:
		return fault.New(fault.Usage, "", "top-k is %d, it must be 0 (all tokens) or larger", o.TopK)
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fault.New(fault.Usage, "", "top-p is %v, it must be between 0 and 1 (all tokens)", o.TopP)
	case !(o.MinP >= 0 && o.MinP <= 1):
		return fault.New(fault.Usage, "", "min-p is %v, it must be between 0 (all tokens) and 1", o.MinP)
	case !finite(o.RepeatPenalty) || o.RepeatPenalty == 0:
		return fault.New(fault.Usage, "", "repeat-penalty is %v, it must be larger than 0; 1 is no penalty", o.RepeatPenalty)
	case o.RepeatLast < -1:
		return fault.New(fault.Usage, "", "repeat-last is %d, it must be 0 (none), larger, or -1 (all)", o.RepeatLast)
	}
	return nil
}

// Sampler chooses tokens one after another. It is not for use by several goroutines at once.
type Sampler struct {
	o    Options
	bad  error
	rand *rand.PCG
	order
	// reused between calls
	recent map[int32]bool
}

// candidate is a token that may be chosen.
type candidate struct {
	id    int32
	logit float64 // after the penalty
}

// New makes a Sampler. Options that Check refuses make every Next fail with its error. Random numbers come from
// math/rand/v2's PCG seeded with (Seed, 0): each choice takes one, of which the upper 53 bits are a fraction of 1.
func New(o Options) *Sampler {
	return &Sampler{o: o, bad: o.Check(), rand: rand.NewPCG(o.Seed, 0), recent: map[int32]bool{}}
}

// Next chooses a token: logits holds one value for each token of the vocabulary, recent the tokens of the text so far,
// newest last. It is an error of kind Failed when a logit is NaN or +Inf, or when all are -Inf. Of tokens with equal
// logits the one with the smaller id counts as more probable.
func (s *Sampler) Next(logits []float32, recent []int32) (int32, error) {
	if s.bad != nil {
		return 0, s.bad
	}
	if err := s.gather(logits, recent); err != nil {
		return 0, err
	}
	if s.o.Temperature == 0 {
		return s.most(), nil
	}
	s.topK(s.o.TopK)
	s.cut(s.o.TopP, s.o.MinP)
	n := s.reach(s.o.Temperature, float64(s.rand.Uint64()>>11)/(1<<53), true, 0)
	return s.cand[n-1].id, nil
}

// gather makes candidates of all logits that are not -Inf, with the penalty.
func (s *Sampler) gather(logits []float32, recent []int32) error {
	if n := s.o.RepeatLast; n >= 0 && n < len(recent) {
		recent = recent[len(recent)-n:]
	}
	clear(s.recent)
	if s.o.RepeatPenalty != 1 {
		for _, id := range recent {
			s.recent[id] = true
		}
	}
	s.cand, s.ends, s.sorted = s.cand[:0], nil, 0
	for i, l := range logits {
		x := float64(l)
		switch {
		case x != x || math.IsInf(x, 1):
			return fault.New(fault.Failed, "", "the logit of token %d is %v", i, l)
		case math.IsInf(x, -1):
			continue
		}
		if len(s.recent) > 0 && s.recent[int32(i)] {
			if x <= 0 {
				x *= s.o.RepeatPenalty
			} else {
				x /= s.o.RepeatPenalty
			}
			// A penalty far from 1 may leave the range of numbers; order and differences need finite ones.
			x = max(-math.MaxFloat64/4, min(math.MaxFloat64/4, x))
		}
		s.cand = append(s.cand, candidate{int32(i), x})
	}
	if len(s.cand) == 0 {
		return fault.New(fault.Failed, "", "none of %d tokens is possible: all logits are -Inf", len(logits))
	}
	return nil
}

// most gives the most probable token.
func (s *Sampler) most() int32 {
	best := s.cand[0]
	for _, c := range s.cand[1:] {
		if c.logit > best.logit {
			best = c
		}
	}
	return best.id
}
