package verify

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
)

// deepest is the largest k of tops.
const deepest = 10

// tops are the numbers of likeliest tokens for which agreement is reported.
var tops = [...]int{1, 5, deepest}

// Pair is what two models say about one scored token.
type Pair struct {
	NLL    float64 // -ln of the probability that the file gives to the token
	Source float64 // the same of the source
	KLD    float64 // Σ p·ln(p/q) over the vocabulary, in nats; p is the source's distribution, q the file's
	Delta  float64 // q(token) - p(token)
	Shared [len(tops)]float64
}

// Compare looks at both models' logits over the vocabulary and at the token that follows. It keeps nothing, so tokens may
// be compared side by side and added in order.
//
// Unlike llama-perplexity it leaves no token of the vocabulary out. That tool skips those with ln p ≤ -16, which is what its
// file of logits can hold. Each is below 1.2e-7 likely, so together they matter only where much of the vocabulary
// lies just below that bound.
//
// A divergence cannot be negative; where rounding makes it so (by about 1e-16), it is 0.
func Compare(source, file []float32, token int32) (Pair, error) {
	if len(source) != len(file) {
		return Pair{}, fault.New(fault.Mismatch, "", "the source has %d logits, the file %d: they are not of the same vocabulary", len(source), len(file))
	}
	if token < 0 || int(token) >= len(source) {
		return Pair{}, fault.New(fault.Mismatch, "", "token %d follows, which the %d logits do not include", token, len(source))
	}
	var s, f likeliest
	s.find(source)
	f.find(file)

	// Sums of exponentials are taken relative to the largest logit. With x and y as in the loop and Sp, Sq the sums,
	// Σ p·(ln p - ln q) = Σ e^x·(x - y) / Sp + ln Sq - ln Sp, so one pass over both does.
	maxP, maxQ := float64(s.logit[0]), float64(f.logit[0])
	var sumP, sumQ, weighted float64
	for i, l := range source {
		x, y := float64(l)-maxP, float64(file[i])-maxQ
		e := math.Exp(x)
		sumP += e
		weighted += e * (x - y)
		sumQ += math.Exp(y)
	}
	lnP, lnQ := math.Log(sumP), math.Log(sumQ)
	kld := weighted/sumP + (lnQ - lnP)
	if math.IsNaN(kld) || math.IsInf(kld, 0) {
		// finite float32 cannot overflow the sums, so some logit is not finite
		return Pair{}, notFinite(source, file)
	}
	p := Pair{
		NLL:    lnQ - (float64(file[token]) - maxQ),
		Source: lnP - (float64(source[token]) - maxP),
		KLD:    max(0, kld),
	}
	p.Delta = math.Exp(-p.NLL) - math.Exp(-p.Source)
	for i, k := range tops {
		p.Shared[i] = s.shared(&f, k)
	}
	return p, nil
}

func notFinite(source, file []float32) error {
	for i := range source {
		for _, side := range []struct {
			name  string
			logit float32
		}{{"source", source[i]}, {"file", file[i]}} {
			if l := float64(side.logit); math.IsNaN(l) || math.IsInf(l, 0) {
				return fault.New(fault.Malformed, "", "the %s gives token %d the logit %v, expected a finite number", side.name, i, l)
			}
		}
	}
	panic("verify: finite logits made a sum that is not")
}

// likeliest has the tokens with the largest logits, the largest first; of equal logits the first token comes first.
type likeliest struct {
	logit [deepest]float32
	token [deepest]int
}

func (l *likeliest) find(logits []float32) {
	for i := range l.logit {
		l.logit[i] = float32(math.Inf(-1))
	}
	least := l.logit[deepest-1]
	for i, v := range logits {
		if !(v > least) {
			continue
		}
		at := deepest - 1
		for ; at > 0 && v > l.logit[at-1]; at-- {
			l.logit[at], l.token[at] = l.logit[at-1], l.token[at-1]
		}
		l.logit[at], l.token[at] = v, i
		least = l.logit[deepest-1]
	}
	for i := len(logits); i < deepest; i++ {
		l.token[i] = i // a vocabulary smaller than this agrees about what it does not have
	}
}

// shared is the share of the k likeliest tokens that both have, in any order.
func (l *likeliest) shared(other *likeliest, k int) float64 {
	n := 0
	for _, a := range l.token[:k] {
		for _, b := range other.token[:k] {
			if a == b {
				n++
			}
		}
	}
	return float64(n) / float64(k)
}
