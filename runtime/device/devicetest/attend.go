package devicetest

import (
	"fmt"
	"math"

	"github.com/qconv/qconv/runtime/device"
)

// attended is what Attend should give, by query: the rows of a span one after the other. score is the largest magnitude
// of a score.
func (s *suite) attended(q device.View, span *device.Span, a *device.Attention) (out [][]float64, score float64) {
	queries, keys, values := s.values(q), s.values(span.K), s.values(span.V)
	for i := range span.Count {
		row := make([]float64, a.Heads*a.ValueDim)
		seen := span.Past + i + 1
		first := 0
		if a.Window > 0 {
			first = max(0, seen-a.Window)
		}
		for h := range a.Heads {
			kv := h / (a.Heads / a.HeadsKV)
			p := make([]float64, seen)
			most := math.Inf(-1)
			for t := first; t < seen; t++ {
				for d := range a.KeyDim {
					p[t] += queries[span.First+i][h*a.KeyDim+d] * keys[t][kv*a.KeyDim+d]
				}
				p[t] *= a.Scale
				most = max(most, p[t])
				if !math.IsInf(p[t], 0) && !math.IsNaN(p[t]) {
					score = max(score, math.Abs(p[t]))
				}
			}
			var sum float64
			for t := first; t < seen; t++ {
				p[t] = math.Exp(p[t] - most)
				sum += p[t]
			}
			for t := first; t < seen; t++ {
				for d := range a.ValueDim {
					row[h*a.ValueDim+d] += p[t] / sum * values[t][kv*a.ValueDim+d]
				}
			}
		}
		out = append(out, row)
	}
	return out, score
}

// attend checks spans.
func (s *suite) attend(what string, q device.View, spans []device.Span, a *device.Attention) {
	s.Helper()
	dst := s.view(q.Rows, a.Heads*a.ValueDim, zero)
	var written []device.View
	for i := range spans {
		written = append(written, dst.Range(spans[i].First, spans[i].Count))
	}
	s.run(func() {
		given := append([]device.Span(nil), spans...)
		s.dev.Attend(dst, q, given, a)
		clear(given) // belongs to the caller again
	}, written...)
	for i := range spans {
		want, score := s.attended(q, &spans[i], a)
		s.near(fmt.Sprintf("%s: %+v, span %d of %d after %d", what, *a, i, spans[i].Count, spans[i].Past), boundAttend+boundScore*score, written[i], want)
	}
}

// extent is Count and Past of a span.
type extent struct{ count, past int }

// spans makes keys and values for runs of queries that lie in any order, with rows between them that are in none. There
// are more keys than are seen, and what is not seen is NaN.
func (s *suite) spans(a *device.Attention, extents []extent, key number) (q device.View, spans []device.Span) {
	rows := 2
	for i := len(extents) - 1; i >= 0; i-- {
		e := extents[i]
		n := e.count + e.past
		only := func(of number) number {
			return func(t, i int) float32 {
				if t >= n {
					return float32(math.NaN())
				}
				return of(t, i)
			}
		}
		spans = append(spans, device.Span{
			First: rows, Count: e.count, Past: e.past,
			K: s.view(n+3, a.HeadsKV*a.KeyDim, only(key)), V: s.view(n+1, a.HeadsKV*a.ValueDim, only(s.normal(1))),
		})
		rows += e.count + i%2
	}
	return s.view(rows, a.Heads*a.KeyDim, s.normal(1)), spans
}

func testAttend(s *suite) {
	scale := func(d int) float64 { return 1 / math.Sqrt(float64(d)) }
	for _, a := range []device.Attention{
		{Heads: 1, HeadsKV: 1, KeyDim: 1, ValueDim: 3},
		{Heads: 4, HeadsKV: 4, KeyDim: 8, ValueDim: 8},
		{Heads: 3, HeadsKV: 1, KeyDim: 7, ValueDim: 5},
		{Heads: 6, HeadsKV: 3, KeyDim: 80, ValueDim: 48},
		{Heads: 2, HeadsKV: 2, KeyDim: 33, ValueDim: 65},
		{Heads: 12, HeadsKV: 2, KeyDim: 128, ValueDim: 128},
		{Heads: 7, HeadsKV: 1, KeyDim: 64, ValueDim: 64},
	} {
		a.Scale = scale(a.KeyDim)
		for _, window := range []int{0, 1, 5, 64} {
			a.Window = window
			for _, e := range [][]extent{
				{{1, 0}},
				{{2, 0}, {1, 0}, {7, 0}, {3, 0}},
				{{33, 0}, {100, 0}},
				{{1, 30}}, {{1, 31}}, {{1, 63}}, {{3, 64}, {1, 99}},
			} {
				q, spans := s.spans(&a, e, s.normal(1))
				s.attend(fmt.Sprint(e), q, spans, &a)
				s.forget()
			}
		}
	}
	// A long past: more keys than devices take at once.
	for _, window := range []int{0, 700} {
		a := device.Attention{Heads: 4, HeadsKV: 2, KeyDim: 32, ValueDim: 16, Scale: scale(32), Window: window}
		for _, e := range [][]extent{{{1, 1500}}, {{5, 2046}, {1, 511}, {2, 512}}, {{600, 0}}, {{40, 1000}}} {
			q, spans := s.spans(&a, e, s.normal(1))
			s.attend("long past", q, spans, &a)
			s.forget()
		}
	}
	// Values that are columns of keys, as latent attention has them, in a cache from which two spans take the same past.
	for _, heads := range []int{1, 5, 80} {
		a := device.Attention{Heads: heads, HeadsKV: 1, KeyDim: 48 + 16, ValueDim: 48, Scale: scale(24)}
		k := s.view(60, a.KeyDim, s.normal(0.7))
		q := s.view(43, heads*a.KeyDim, s.normal(0.7))
		s.attend("latent", q, []device.Span{
			{First: 3, Count: 40, Past: 20, K: k, V: k.Columns(0, 48)},
			{First: 0, Count: 2, Past: 20, K: k, V: k.Columns(0, 48)},
		}, &a)
		s.forget()
	}
}

// testAttendScores has scores whose exponentials overflow, or vanish, in every order.
func testAttendScores(s *suite) {
	for _, size := range []float64{10, 100, 3e4, 1e15} {
		a := device.Attention{Heads: 4, HeadsKV: 2, KeyDim: 16, ValueDim: 24, Scale: 1}
		// Scores of a head lie so far from each other that rounding does not matter: keys are multiples of one value.
		for name, at := range map[string]func(t int) int{
			"rising":  func(t int) int { return t },
			"falling": func(t int) int { return 1200 - t },
			"mixed":   func(t int) int { return t * 509 % 1201 },
		} {
			q, spans := s.spans(&a, []extent{{1, 1200}, {1, 100}, {40, 0}}, func(t, i int) float32 {
				if i%16 > 0 {
					return 0
				}
				return float32(at(t))
			})
			s.fill(q, func(t, i int) float32 { return float32([]float64{size, -size, size / 16, -size / 16}[i/16]) })
			s.attend(fmt.Sprintf("%s scores of %v", name, size), q, spans, &a)
			s.forget()
		}
	}
	// All keys alike: the mean, also of very many.
	a := device.Attention{Heads: 2, HeadsKV: 1, KeyDim: 16, ValueDim: 16, Scale: 100}
	q, spans := s.spans(&a, []extent{{1, 3000}}, func(int, int) float32 { return 0.25 })
	s.attend("equal scores", q, spans, &a)
}

// testAttendNotFinite has NaN in keys and values: only those who see them may notice. A score of -Inf is no weight.
func testAttendNotFinite(s *suite) {
	for _, window := range []int{0, 9} {
		for _, broken := range []int{0, 1, 5, 18, 31} {
			a := device.Attention{Heads: 6, HeadsKV: 2, KeyDim: 20, ValueDim: 24, Scale: 0.2, Window: window}
			q, spans := s.spans(&a, []extent{{35, 0}, {20, 20}}, s.normal(1))
			for i, v := range []device.View{spans[0].K, spans[1].V} {
				row := v.Range(broken, 1)
				s.fill(row.Columns(i, 1), func(int, int) float32 { return float32(math.NaN()) })
				s.fill(row.Columns(5+i, 1), func(int, int) float32 { return float32(math.Inf(1)) })
			}
			s.attend("NaN", q, spans, &a)
			s.forget()

			a.Window = 0
			none := map[int]int{5: 520, 18: 1050, 31: 1090}[broken] // keys before this one have no weight at all
			q, spans = s.spans(&a, []extent{{35, 0}, {3, 1100}}, func(t, i int) float32 {
				if t == broken || t < none {
					return float32(math.Inf(-1))
				}
				return float32(s.rand.NormFloat64())
			})
			s.fill(q, func(int, int) float32 { return 0.1 + s.rand.Float32() })
			s.attend("-Inf", q, spans, &a)
			s.forget()
		}
	}
	// A query that is not finite spoils its own heads only.
	a := device.Attention{Heads: 4, HeadsKV: 2, KeyDim: 16, ValueDim: 8, Scale: 0.25}
	q, spans := s.spans(&a, []extent{{20, 0}, {9, 3}}, s.normal(1))
	s.fill(q.Range(7, 1).Columns(16+12, 1), func(int, int) float32 { return float32(math.NaN()) })
	s.fill(q.Range(25, 1).Columns(0, 1), func(int, int) float32 { return float32(math.NaN()) })
	s.attend("NaN in queries", q, spans, &a)
	// Nor what comes after it, where dimensions are odd and devices have something between.
	a = device.Attention{Heads: 1, HeadsKV: 1, KeyDim: 16, ValueDim: 8, Scale: 0.25}
	q, spans = s.spans(&a, []extent{{1, 3}}, s.normal(1))
	s.fill(q, func(int, int) float32 { return float32(math.NaN()) })
	s.attend("NaN before", q, spans, &a)
	a.KeyDim = 10
	q, spans = s.spans(&a, []extent{{1, 3}}, s.normal(1))
	s.attend("after NaN", q, spans, &a)
}
