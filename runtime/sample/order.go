package sample

import (
	"math"
	"slices"
)

// order is candidates that are put in order, larger logits first, only as far as somebody looks: a vocabulary has 150,000
// tokens, and of these few are ever chosen. What it gives does not differ from sorting all.
type order struct {
	cand    []candidate
	largest float64 // logit
	sorted  int     // the first candidates that are in order, and come before all others
	ends    []int   // of the bins after them, of which each comes before the next
	spare   []candidate
	binEnds []int
}

// before orders candidates: larger logits first, of equal ones the smaller id.
func before(a, b candidate) int {
	switch {
	case a.logit > b.logit:
		return -1
	case a.logit < b.logit:
		return 1
	}
	return int(a.id - b.id)
}

// topK leaves the first k candidates; k of 0 is all. It is called when all candidates are there, and before what follows.
func (o *order) topK(k int) {
	const small = 1000
	if k > 0 && k <= small && k < len(o.cand) {
		o.insert(k)
		return
	}
	o.bin()
	if k > 0 && k < len(o.cand) {
		o.first(k)
		o.keep(k)
	}
}

// keep drops all but the first n candidates, which are in order.
func (o *order) keep(n int) {
	o.cand, o.ends, o.sorted = o.cand[:n], nil, n
}

// insert leaves the first k candidates in order: it inserts each one that belongs to the best seen so far, which after a few
// hundred tokens of a vocabulary is rare.
func (o *order) insert(k int) {
	top := o.cand[:k]
	slices.SortFunc(top, before)
	for _, c := range o.cand[k:] {
		if before(c, top[k-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, c, before)
		copy(top[at+1:], top[at:k-1])
		top[at] = c
	}
	o.largest = top[0].logit
	o.keep(k)
}

const (
	bins = 4096
	far  = 40 // below the largest logit there are candidates that are less likely by e^-40: they are in the last bin
)

// bin puts the candidates into bins of falling logits.
func (o *order) bin() {
	largest, smallest := o.cand[0].logit, o.cand[0].logit
	for _, c := range o.cand {
		if c.logit > largest {
			largest = c.logit
		}
		if c.logit < smallest {
			smallest = c.logit
		}
	}
	o.largest = largest
	scale := bins / min(largest-smallest, far)
	if math.IsInf(scale, 1) {
		scale = 0 // all are equal, or nearly
	}
	of := func(c candidate) int { return int(min((largest-c.logit)*scale, bins-1)) }
	if o.binEnds == nil {
		o.binEnds = make([]int, bins)
	}
	clear(o.binEnds)
	for _, c := range o.cand {
		o.binEnds[of(c)]++
	}
	at := 0
	for b, n := range o.binEnds {
		o.binEnds[b] = at
		at += n
	}
	o.spare = slices.Grow(o.spare[:0], len(o.cand))[:len(o.cand)]
	for _, c := range o.cand {
		b := of(c)
		o.spare[o.binEnds[b]] = c
		o.binEnds[b]++
	}
	o.cand, o.spare, o.ends, o.sorted = o.spare, o.cand, o.binEnds, 0
}

// first puts at least the first n candidates in order.
func (o *order) first(n int) {
	for o.sorted < n {
		slices.SortFunc(o.cand[o.sorted:o.ends[0]], before)
		o.sorted, o.ends = o.ends[0], o.ends[1:]
	}
}

// weight of a candidate is its probability relative to that of the likeliest.
func (o *order) weight(c candidate, temperature float64) float64 {
	return exp((c.logit - o.largest) / temperature)
}

// sum adds up the weights of all candidates in their order.
func (o *order) sum(temperature float64) float64 {
	o.first(len(o.cand))
	sum := 0.0
	for _, c := range o.cand {
		sum += o.weight(c, temperature)
	}
	return sum
}

// about is weight, but for at most near relatively, or for less than tiny, which beside the largest weight, 1, does not matter.
func (o *order) about(c candidate, temperature float64) float64 {
	return math.Exp((c.logit - o.largest) / temperature)
}

const (
	near = 1.0 / (1 << 50)
	tiny = 1e-300
)

// estimate gives the sum quickly. doubt is how far, relatively, it and the sum of the first candidates' abouts together may be
// away from the exact sums: each of n additions is rounded by at most 2^-53 of the sum, in all four, and weights are near.
func (o *order) estimate(temperature float64) (sum, doubt float64) {
	for _, c := range o.cand {
		sum += o.about(c, temperature)
	}
	return sum, float64(len(o.cand)+16) / (1 << 51)
}

// cut leaves the candidates that top-p and min-p leave. Both keep the first ones, so that the one that keeps fewer decides.
func (o *order) cut(topP, minP float64) {
	if topP >= 1 && minP == 0 {
		return
	}
	if topP >= 1 {
		topP = math.Inf(1) // what is never reached
	}
	n := o.reach(1, topP, false, minP)
	o.first(n)
	o.keep(n)
}

// reach tells how many candidates it takes until their weights are share of the sum of all, or, strictly, more than that. It
// ends before a weight that is less than least; when nothing ends it, all candidates are taken.
func (o *order) reach(temperature, share float64, strictly bool, least float64) int {
	sum, doubt := 1.0, near
	if !math.IsInf(share, 1) { // else it is never reached, and needs no sum
		sum, doubt = o.estimate(temperature)
	}
	n, sure := o.count(temperature, sum*share, doubt, strictly, least)
	if !sure {
		n, _ = o.count(temperature, o.sum(temperature)*share, 0, strictly, least)
	}
	return n
}

// count is reach for a sum that is known, or estimated with a doubt; then it adds up abouts, and tells whether the result is
// sure.
func (o *order) count(temperature, goal, doubt float64, strictly bool, least float64) (n int, sure bool) {
	weight := o.weight
	if doubt > 0 {
		weight = o.about
	}
	low, high := goal*(1-doubt), goal*(1+doubt)
	sum := 0.0
	for i, c := range o.cand {
		if i == o.sorted {
			o.first(i + 1)
			c = o.cand[i]
		}
		w := weight(c, temperature)
		if i > 0 && w < least*(1+2*near)+tiny && o.weight(c, temperature) < least {
			return i, true
		}
		sum += w
		switch {
		case sum > high, doubt == 0 && sum == goal && !strictly:
			return i + 1, true
		case doubt > 0 && sum >= low:
			return 0, false
		}
	}
	return len(o.cand), doubt == 0 || math.IsInf(goal, 1)
}
