package cpu

import (
	"math"
	"slices"

	"github.com/qconv/qconv/runtime/device"
)

// Route gives each thread some rows.
func (d *Device) Route(logits device.View, bias device.Buffer, r *device.Routing) ([]device.Choice, error) {
	choices := make([]device.Choice, logits.Rows*r.Used)
	var b []float32
	if bias != nil {
		b = floats(bias)[:logits.Cols]
	}
	for i := range d.workers {
		d.workers[i].router.open(logits.Cols, r, b)
	}
	d.rows(logits.Rows, logits.Cols*costExp, func(worker, t int) {
		d.workers[worker].router.route(choices[t*r.Used:][:r.Used], row(logits, t))
	})
	return choices, nil
}

// router is what a thread needs to route tokens.
type router struct {
	*device.Routing
	bias    []float32
	p, rank []float64
	groups  []float64
	top     []int32 // experts of a group
	used    []int32 // groups
	taken   []int32 // experts
}

// open makes ready for rows of so many experts, in the memory that there is.
func (s *router) open(experts int, r *device.Routing, bias []float32) {
	s.Routing, s.bias = r, bias
	if cap(s.p) < experts || cap(s.groups) < r.Groups {
		s.p, s.rank, s.groups = make([]float64, experts), make([]float64, experts), make([]float64, r.Groups)
	}
	s.p, s.rank, s.groups = s.p[:experts], s.rank[:experts], s.groups[:r.Groups]
	s.top, s.used, s.taken = slices.Grow(s.top[:0], r.GroupTop), slices.Grow(s.used[:0], r.GroupsUsed), slices.Grow(s.taken[:0], r.Used)
}

func (s *router) route(out []device.Choice, logits []float32) {
	s.probabilities(logits)
	copy(s.rank, s.p)
	for i, b := range s.bias {
		s.rank[i] += float64(b)
	}
	taken := s.taken[:0]
	if s.Groups > 1 {
		each := len(s.rank) / s.Groups
		for _, g := range s.bestGroups(each) {
			taken = best(taken, s.Used, s.rank, int(g)*each, each)
		}
	} else {
		taken = best(taken, s.Used, s.rank, 0, len(s.rank))
	}
	sum := 1.0
	if s.Normalize {
		sum = 0
		for _, e := range taken {
			sum += s.p[e]
		}
		sum = max(sum, 0x1p-14) // as llama.cpp; DeepSeek adds 1e-20
	}
	for i, e := range taken {
		out[i] = device.Choice{Expert: e, Weight: float32(s.p[e] / sum * s.Scale)}
	}
}

func (s *router) probabilities(logits []float32) {
	if s.Sigmoid {
		for i, v := range logits {
			s.p[i] = 1 / (1 + math.Exp(-float64(v)))
		}
		return
	}
	most := float64(slices.Max(logits))
	var sum float64
	for i, v := range logits {
		s.p[i] = math.Exp(float64(v) - most)
		sum += s.p[i]
	}
	for i := range s.p {
		s.p[i] /= sum
	}
}

// bestGroups gives the groups whose experts can be taken, by number.
func (s *router) bestGroups(each int) []int32 {
	for g := range s.groups {
		s.groups[g] = 0
		for _, e := range best(s.top[:0], min(s.GroupTop, each), s.rank, g*each, each) {
			s.groups[g] += s.rank[e]
		}
	}
	used := best(s.used[:0], s.GroupsUsed, s.groups, 0, s.Groups)
	slices.Sort(used)
	return used
}

// best keeps in list the places of up to most of the highest values, highest first, equal ones by place; NaN is lower than
// every number. It offers the n values from first on, which come after those that were offered before.
func best(list []int32, most int, values []float64, first, n int) []int32 {
	for i := first; i < first+n; i++ {
		at := len(list)
		for at > 0 && higher(values[i], values[list[at-1]]) {
			at--
		}
		switch {
		case at == most:
			continue
		case len(list) < most:
			list = append(list, 0)
		}
		copy(list[at+1:], list[at:])
		list[at] = int32(i)
	}
	return list
}

func higher(a, b float64) bool { return a > b || b != b && a == a }
