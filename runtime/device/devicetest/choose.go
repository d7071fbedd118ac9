package devicetest

import (
	"fmt"
	"math"
	"slices"

	"github.com/qconv/qconv/runtime/device"
)

// ranked is what Route should give for one row, and how near to each other the ranks are that decided it.
func ranked(logits, bias []float64, r *device.Routing) (choices []device.Choice, gap float64) {
	p := make([]float64, len(logits))
	var sum float64
	for i, z := range logits {
		p[i] = math.Exp(z - slices.Max(logits))
		sum += p[i]
	}
	rank := make([]float64, len(p))
	for i := range p {
		p[i] /= sum
		if r.Sigmoid {
			p[i] = 1 / (1 + math.Exp(-logits[i]))
		}
		rank[i] = p[i]
		if bias != nil {
			rank[i] += bias[i]
		}
	}
	gap = math.Inf(1)
	// highest gives the places of the n highest values, from a list of places.
	highest := func(values []float64, places []int, n int) []int {
		order := slices.Clone(places)
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case values[a] > values[b]:
				return -1
			case values[a] < values[b]:
				return 1
			}
			return a - b
		})
		for i := range min(n, len(order)-1) {
			if d := values[order[i]] - values[order[i+1]]; d != 0 {
				gap = min(gap, d)
			}
		}
		return order[:n]
	}
	span := func(first, n int) (places []int) {
		for i := range n {
			places = append(places, first+i)
		}
		return places
	}
	open := span(0, len(p))
	if r.Groups > 1 {
		each := len(p) / r.Groups
		groups := make([]float64, r.Groups)
		for g := range groups {
			for _, e := range highest(rank, span(g*each, each), r.GroupTop) {
				groups[g] += rank[e]
			}
		}
		open = nil
		for _, g := range highest(groups, span(0, r.Groups), r.GroupsUsed) {
			open = append(open, span(g*each, each)...)
		}
	}
	total := 0.0
	taken := highest(rank, open, r.Used)
	for _, e := range taken {
		total += p[e]
	}
	for _, e := range taken {
		w := p[e] * r.Scale
		if r.Normalize {
			w /= max(total, 0x1p-14)
		}
		choices = append(choices, device.Choice{Expert: int32(e), Weight: float32(w)})
	}
	return choices, gap
}

// routings are the ways in which models choose: Mixtral's, DeepSeek V2's and V3's, and what is between.
var routings = []struct {
	experts int
	bias    bool
	device.Routing
}{
	{1, false, device.Routing{Used: 1, Scale: 1}},
	{8, false, device.Routing{Used: 2, Normalize: true, Scale: 1}},
	{8, false, device.Routing{Used: 8, Scale: 1}},
	{7, true, device.Routing{Used: 3, Scale: 2.5}},
	{64, false, device.Routing{Used: 6, Scale: 1}},
	{160, false, device.Routing{Used: 6, Scale: 16, Groups: 8, GroupsUsed: 3, GroupTop: 1}},
	{256, true, device.Routing{Used: 8, Sigmoid: true, Normalize: true, Scale: 2.5, Groups: 8, GroupsUsed: 4, GroupTop: 2}},
	{33, true, device.Routing{Used: 5, Sigmoid: true, Scale: 1, Groups: 1, GroupsUsed: 1}},
	{24, true, device.Routing{Used: 4, Normalize: true, Scale: 1, Groups: 6, GroupsUsed: 1, GroupTop: 4}},
}

// route checks every row's choices. Rows whose ranks lie nearer to each other than a device must tell are left out.
func (s *suite) route(what string, logits device.View, bias device.Buffer, r *device.Routing) {
	s.Helper()
	var got []device.Choice
	s.run(func() {
		var err error
		if got, err = s.dev.Route(logits, bias, r); err != nil {
			s.Fatal(err)
		}
	})
	if len(got) != logits.Rows*r.Used {
		s.Fatalf("%s: %d choices for %d rows", what, len(got), logits.Rows)
	}
	var b []float64
	if bias != nil {
		b = s.values(device.Dense(bias, 1, logits.Cols))[0]
	}
	checked := 0
	for t, row := range s.values(logits) {
		want, gap := ranked(row, b, r)
		if gap < 1e-5 {
			continue
		}
		checked++
		for i, w := range want {
			g := got[t*r.Used+i]
			if e := math.Abs(float64(g.Weight-w.Weight)) / float64(w.Weight); g.Expert != w.Expert || !(e <= boundChoice) {
				s.Fatalf("%s: %+v: choice %d of row %d is %+v, want %+v", what, *r, i, t, g, w)
			} else {
				s.worst = max(s.worst, e/boundChoice)
			}
		}
	}
	if checked == 0 {
		s.Errorf("%s: %+v: no row could be checked", what, *r)
	}
}

func testRoute(s *suite) {
	for _, c := range routings {
		for _, n := range batches {
			// A permutation of numbers at even distances, so that no two are near each other.
			step := 6 / float64(c.experts)
			var order []int
			logits := s.view(n, c.experts, func(_, i int) float32 {
				if i == 0 {
					order = s.rand.Perm(c.experts)
				}
				return float32(float64(order[i])*step - 3)
			})
			var bias device.Buffer
			if c.bias {
				bias = s.vector(c.experts, s.normal(0.1))
			}
			s.route(fmt.Sprintf("%d rows of %d experts", n, c.experts), logits, bias, &c.Routing)
			s.forget()
		}
	}
}

// testRouteTies has many experts and groups that are equal: the lower number comes first.
func testRouteTies(s *suite) {
	for _, c := range routings {
		few := func(int, int) float32 { return []float32{40: 0, 0: 2, 1: 1, 2: 1, 3: 1}[s.rand.IntN(41)] }
		logits := s.view(20, c.experts, few)
		s.fill(logits.Range(0, 1), zero)
		s.route("ties", logits, nil, &c.Routing)
		if c.bias {
			s.route("ties", logits.Range(0, 1), s.vector(c.experts, few), &c.Routing)
		}
		s.forget()
	}
}

// testRouteNotFinite has logits from which no order follows: choices must be different experts all the same, among the
// groups used, with those that have a number before those that have none.
func testRouteNotFinite(s *suite) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range routings {
		logits := s.view(6, c.experts, func(t, i int) float32 {
			normal := float32(s.rand.NormFloat64())
			switch {
			case t == 1, t == 2 && i%3 != 1, t == 3 && i == c.experts-1:
				return nan
			case t == 4 && i == c.experts/2:
				return inf
			case t == 5:
				return -inf
			}
			return normal
		})
		var got []device.Choice
		s.run(func() {
			var err error
			if got, err = s.dev.Route(logits, nil, &c.Routing); err != nil {
				s.Fatal(err)
			}
		})
		if len(got) != 6*c.Used {
			s.Fatalf("%d choices for 6 rows", len(got))
		}
		for t := range 6 {
			row := got[t*c.Used:][:c.Used]
			experts, groups := map[int32]bool{}, map[int]bool{}
			for _, choice := range row {
				if choice.Expert < 0 || int(choice.Expert) >= c.experts || experts[choice.Expert] {
					s.Fatalf("%+v: row %d: choices %v", c.Routing, t, row)
				}
				experts[choice.Expert] = true
				if c.Groups > 1 {
					groups[int(choice.Expert)/(c.experts/c.Groups)] = true
				}
			}
			if len(groups) > c.GroupsUsed {
				s.Errorf("%+v: row %d: choices %v of more groups than are used", c.Routing, t, row)
			}
			for i, choice := range row {
				if t == 1 && int(choice.Expert) != i {
					s.Fatalf("%+v: all NaN: choices %v, not in order", c.Routing, row)
				}
			}
			if t == 2 && c.Sigmoid && slices.ContainsFunc(row, func(x device.Choice) bool { return x.Expert%3 != 1 }) {
				s.Errorf("%+v: experts without a number are taken: %v", c.Routing, row) // there are enough that have one
			}
		}
		alone, _ := ranked(s.values(logits)[0], nil, &c.Routing)
		for i, w := range alone { // the row that is finite
			if g := got[i]; g.Expert != w.Expert || !(math.Abs(float64(g.Weight-w.Weight)) <= boundChoice*float64(w.Weight)) {
				s.Errorf("%+v: row 0: %v, want %v", c.Routing, got[:c.Used], alone)
				break
			}
		}
		s.forget()
	}
}

func testLogProbs(s *suite) {
	check := func(what string, logits device.View) {
		s.Helper()
		targets := make([]int32, logits.Rows)
		want := make([]float64, logits.Rows)
		for t, z := range s.values(logits) {
			targets[t] = int32((t*7 + logits.Cols/2) % logits.Cols)
			most := slices.Max(z)
			var sum float64
			for _, v := range z {
				sum += math.Exp(v - most)
			}
			want[t] = z[targets[t]] - most - math.Log(sum)
		}
		var got []float64
		s.run(func() {
			var err error
			if got, err = s.dev.LogProbs(logits, targets); err != nil {
				s.Fatal(err)
			}
		})
		if len(got) != len(want) {
			s.Fatalf("%s: %d numbers for %d rows", what, len(got), len(want))
		}
		for t, w := range want {
			e := math.Abs(got[t]-w) / max(1, math.Abs(w))
			if math.IsNaN(w) && math.IsNaN(got[t]) || got[t] == w {
				e = 0
			}
			if !(e <= boundLogProbs) {
				s.Errorf("%s: row %d: %v, want %v", what, t, got[t], w)
			}
			s.worst = max(s.worst, e/boundLogProbs)
		}
	}
	for _, n := range batches {
		for _, cols := range []int{1, 2, 7, 33, 100, 1000} {
			for _, size := range []float64{0.01, 5, 100} {
				check(fmt.Sprintf("%d rows of %d", n, cols), s.view(n, cols, s.normal(size)))
			}
			s.forget()
		}
	}
	check("a vocabulary", s.view(3, 151936, s.normal(3)))
	check("a vocabulary, all alike", s.view(2, 151936, zero))
	minus := float32(math.Inf(-1))
	inf, nan := -minus, float32(math.NaN())
	for name, of := range map[string]number{
		"huge":           func(t, i int) float32 { return []float32{3e38, -3e38, 1e30, 0}[(t+i)%4] },
		"small":          func(t, i int) float32 { return -3e38 + 1e32*float32((t+i)%5) },
		"-Inf":           func(t, i int) float32 { return []float32{1, minus, 2, minus}[(t+i)%4] },
		"-Inf but one":   func(t, i int) float32 { return []float32{minus, 1}[max(0, 1-(i+t)%7)] },
		"-Inf but a few": func(t, i int) float32 { return []float32{minus, 1}[max(0, 1-(i+t)%3)] },
		"all -Inf":       func(t, i int) float32 { return []float32{minus, 1}[min(1, t)] },
		"+Inf":           func(t, i int) float32 { return []float32{inf, 1, 2, 3, 4, 5, 6}[(t+i)%7] * float32(1-t%2) },
		"NaN":            func(t, i int) float32 { return []float32{1, nan, 3}[min(t, 1)*(i+t)%3] },
	} {
		for _, cols := range []int{3, 20, 100} {
			check(name, s.view(9, cols, of))
		}
		s.forget()
	}
}
