package verify

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// made are logits that testdata/divergence.py draws too, and what it found about them.
type made struct {
	Name, Kind         string
	Seed               uint64
	Tokens, Vocabulary int
	Unit               float64
	SHA256             string
	Divergence         json.RawMessage
}

// splitMix is SplitMix64.
type splitMix uint64

func (s *splitMix) next() uint64 {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func (s *splitMix) bell() int64 {
	r := s.next()
	return int64(r&0xFFFF+r>>16&0xFFFF+r>>32&0xFFFF+r>>48&0xFFFF) - 131070
}

// each draws the tokens, as draw of divergence.py does, and checks that they are the same.
func (m *made) each(t *testing.T, use func(source, file []float32, token int32)) {
	t.Helper()
	r, h := splitMix(m.Seed), sha256.New()
	source, file := make([]int64, m.Vocabulary), make([]int64, m.Vocabulary)
	float := func(units []int64) []float32 {
		out := make([]float32, len(units))
		for i, u := range units {
			out[i] = float32(float64(u) * m.Unit)
		}
		if err := binary.Write(h, binary.LittleEndian, out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	for range m.Tokens {
		for i := range source {
			switch m.Kind {
			case "ties":
				source[i], file[i] = int64(r.next()%4), int64(r.next()%4)
				continue
			case "near", "middling", "far", "same", "peaked":
				source[i] = r.bell()
			default:
				t.Fatalf("unknown kind %q", m.Kind)
			}
			switch m.Kind {
			case "near":
				file[i] = source[i] + int64(r.next()>>57) - 64
			case "middling":
				file[i] = source[i] + 64*(int64(r.next()>>57)-64)
			case "same":
				file[i] = source[i]
			default:
				file[i] = r.bell()
			}
		}
		if n := uint64(m.Vocabulary); m.Kind == "peaked" {
			at := r.next() % n
			source[at] += 30 << 13
			if r.next()%8 == 0 {
				at = r.next() % n
			}
			file[at] += 25 << 13
		}
		token := int32(r.next() % uint64(m.Vocabulary))
		s, f := float(source), float(file)
		if err := binary.Write(h, binary.LittleEndian, token); err != nil {
			t.Fatal(err)
		}
		use(s, f, token)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != m.SHA256 {
		t.Fatalf("%s: drew logits of SHA-256 %s, divergence.py those of %s", m.Name, got, m.SHA256)
	}
}

// TestDivergence compares every figure with what 60 digits make of the formulas of llama-perplexity.
func TestDivergence(t *testing.T) {
	data, err := os.ReadFile("testdata/divergence.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []made
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			c := NewComparison()
			m.each(t, func(source, file []float32, token int32) { c.Add(compare(t, source, file, token)) })
			got, err := json.Marshal(c.Divergence())
			if err != nil {
				t.Fatal(err)
			}
			var g, w any
			if err := json.Unmarshal(got, &g); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(m.Divergence, &w); err != nil {
				t.Fatal(err)
			}
			// Rounding is relative to the logits' size, which goes to 3e4 in one case: 2e-12 of nats there.
			abs := 1e-14
			if m.Name == "wide" {
				abs = 1e-11
			}
			near(t, "", g, w, abs)
		})
	}
}

// near reports where two JSON values differ by more than 1e-12 of the wanted one and by more than abs.
func near(t *testing.T, at string, got, want any, abs float64) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s: got %v, want %v", at, got, want)
			return
		}
		for k := range w {
			near(t, at+"."+k, g[k], w[k], abs)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s: got %v, want %v", at, got, want)
			return
		}
		for i := range w {
			near(t, fmt.Sprintf("%s[%d]", at, i), g[i], w[i], abs)
		}
	case float64:
		g, ok := got.(float64)
		if off := math.Abs(g - w); !ok || off > abs && !(off <= 1e-12*math.Abs(w)) {
			t.Errorf("%s: got %v, want %v: %.2g off", at, got, w, off)
		}
	default:
		t.Errorf("%s: divergence.json has %v", at, want)
	}
}

func compare(t *testing.T, source, file []float32, token int32) Pair {
	t.Helper()
	p, err := Compare(source, file, token)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// normal makes n logits.
func normal(r *rand.Rand, n int, scale float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(r.NormFloat64() * scale)
	}
	return out
}

func TestCompareProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + r.IntN(2000)
		source := normal(r, n, math.Exp(4*r.Float64()-1))
		file := slices.Clone(source)
		noise := math.Exp(-20 * r.Float64())
		for i := range file {
			file[i] += float32(r.NormFloat64() * noise)
		}
		token := r.IntN(n)
		p := compare(t, source, file, int32(token))
		if p.KLD < 0 || p.NLL < 0 || p.Source < 0 || math.Abs(p.Delta) > 1 {
			t.Fatalf("%d tokens: %+v", n, p)
		}

		if same := compare(t, source, source, int32(token)); same.KLD != 0 || same.Delta != 0 || same.NLL != same.Source || same.Shared != [3]float64{1, 1, 1} {
			t.Fatalf("%d equal logits: %+v", n, same)
		}

		// another order of the vocabulary (no two logits of a side are equal, but for noise below their rounding)
		order := r.Perm(n)
		s, f := make([]float32, n), make([]float32, n)
		for i, at := range order {
			s[at], f[at] = source[i], file[i]
		}
		if q := compare(t, s, f, int32(order[token])); !alike(p, q) {
			t.Fatalf("%d tokens: %+v, in another order %+v", n, p, q)
		}

		// softmax does not see what is added to all logits; 1/16 and a power of two keep them exact
		for i := range s {
			s[i] = float32(math.Round(float64(source[i])*16) / 16)
			f[i] = s[i] + float32(math.Round(float64(file[i]-source[i])*16)/16)
		}
		before := compare(t, s, f, int32(token))
		for i := range f {
			f[i] += 1024
		}
		if after := compare(t, s, f, int32(token)); before != after {
			t.Fatalf("%d tokens: %+v, with 1024 added to the file's logits %+v", n, before, after)
		}
	}
}

// alike is equality but for the order of additions.
func alike(p, q Pair) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-13*(1+math.Abs(a)) }
	return near(p.NLL, q.NLL) && near(p.Source, q.Source) && near(p.KLD, q.KLD) && near(p.Delta, q.Delta) && p.Shared == q.Shared
}

// TestCompareTops says what ties do, by hand.
func TestCompareTops(t *testing.T) {
	twelve := func(at map[int]float32) []float32 {
		out := make([]float32, 12)
		for i, v := range at {
			out[i] = v
		}
		return out
	}
	for _, c := range []struct {
		name         string
		source, file []float32
		want         [3]float64
	}{
		{"the first of equal maxima", []float32{0, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0}, []float32{0, 5, 4, 0, 0, 0, 0, 0, 0, 0, 0}, [3]float64{1, 1, 1}},
		{"the second is not the first", []float32{0, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0}, []float32{0, 4, 5, 0, 0, 0, 0, 0, 0, 0, 0}, [3]float64{0, 1, 1}},
		{"all equal: 0 to 4, against 0 to 3 and 11", twelve(nil), twelve(map[int]float32{11: 1}), [3]float64{0, 0.8, 0.9}},
		{"ascending against descending", []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, []float32{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, [3]float64{0, 0, 0.9}},
		{"negative logits", []float32{-9, -8, -7, -6, -5, -4}, []float32{-1, -8, -7, -6, -5, -4}, [3]float64{0, 0.8, 1}},
		{"one token", []float32{3}, []float32{-3}, [3]float64{1, 1, 1}},
	} {
		if got := compare(t, c.source, c.file, 0).Shared; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCompareRefuses(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name         string
		source, file []float32
		token        int32
		kind         fault.Kind
		want         string
	}{
		{"NaN first", []float32{nan, 1, 2}, []float32{0, 1, 2}, 1, fault.Malformed, "the source gives token 0 the logit NaN"},
		{"NaN last", []float32{0, 1, 2}, []float32{0, 1, nan}, 1, fault.Malformed, "the file gives token 2 the logit NaN"},
		{"infinity", []float32{0, inf, 2}, []float32{0, 1, 2}, 0, fault.Malformed, "the source gives token 1 the logit +Inf"},
		{"infinity of the file", []float32{0, 1, 2}, []float32{0, inf, 2}, 0, fault.Malformed, "the file gives token 1 the logit +Inf"},
		{"no probability", []float32{0, -inf, 2}, []float32{0, 1, 2}, 0, fault.Malformed, "the source gives token 1 the logit -Inf"},
		{"no probability of an unlikely token", []float32{0, -3e38, 2}, []float32{0, -inf, 2}, 0, fault.Malformed, "the file gives token 1 the logit -Inf"},
		{"the same in both", []float32{0, -inf, 2}, []float32{0, -inf, 2}, 0, fault.Malformed, "the source gives token 1 the logit -Inf"},
		{"nothing is finite", []float32{-inf, -inf}, []float32{nan, nan}, 0, fault.Malformed, "the source gives token 0 the logit -Inf"},
		{"lengths", []float32{0, 1}, []float32{0, 1, 2}, 0, fault.Mismatch, "the source has 2 logits, the file 3"},
		{"token", []float32{0, 1}, []float32{0, 1}, 2, fault.Mismatch, "token 2 follows, which the 2 logits do not include"},
		{"negative token", []float32{0, 1}, []float32{0, 1}, -1, fault.Mismatch, "token -1 follows"},
		{"no logits", nil, nil, 0, fault.Mismatch, "token 0 follows, which the 0 logits do not include"},
	} {
		_, err := Compare(c.source, c.file, c.token)
		if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want kind %d and %q", c.name, err, c.kind, c.want)
		}
	}
}

// TestExtremes: the largest finite logits give figures that JSON can hold.
func TestExtremes(t *testing.T) {
	big := float32(math.MaxFloat32)
	c := NewComparison()
	for _, n := range []struct {
		source, file []float32
		token        int32
	}{
		{[]float32{-big, big, 0}, []float32{big, -big, 0}, 0},
		{[]float32{big, big, big}, []float32{-big, -big, big}, 1},
		{[]float32{0, 0, 0}, []float32{0, 0, 0}, 2},
	} {
		c.Add(compare(t, n.source, n.file, n.token))
	}
	d := c.Divergence()
	if _, err := json.Marshal(d); err != nil {
		t.Error(err)
	}
	if want := 2 * float64(big); d.KLDs[0].Value != want || d.Perplexity.Value != math.MaxFloat64 {
		t.Errorf("largest divergence %g, want %g; perplexity %g", d.KLDs[0].Value, want, d.Perplexity.Value)
	}
}

func TestNothingCompared(t *testing.T) {
	d := NewComparison().Divergence()
	got, err := json.Marshal(d)
	if err != nil || d.Tokens != 0 || strings.Contains(string(got), "null") {
		t.Errorf("%s, %v", got, err)
	}
}

// TestQuantiles: the ends are the smallest and the largest value, and shares between never go down.
func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		sorted := make([]float64, 1+r.IntN(50))
		for i := range sorted {
			sorted[i] = r.NormFloat64()
		}
		slices.Sort(sorted)
		q := quantiles(sorted, 0, 0.001, 0.25, 0.5, 0.75, 0.999, 1)
		if q[0].Value != sorted[0] || q[len(q)-1].Value != sorted[len(sorted)-1] {
			t.Fatalf("%v: ends are %v", sorted, q)
		}
		if !slices.IsSortedFunc(q, func(a, b Quantile) int { return cmp.Compare(a.Value, b.Value) }) {
			t.Fatalf("%v: %v goes down", sorted, q)
		}
	}
}

// TestHistogram: every value is in the bin that says so, and bins meet.
func TestHistogram(t *testing.T) {
	if len(edges) != 101 || edges[0] != 1e-8 || edges[1] != 1.26e-8 || edges[80] != 1 || edges[83] != 2 || edges[100] != 100 || !slices.IsSorted(edges) {
		t.Fatalf("edges are %v", edges)
	}
	for _, c := range []struct {
		name   string
		values []float64
		want   []Bin
	}{
		{"nothing but zeros", []float64{0, 0}, []Bin{{0, 1e-8, 2}}},
		{"an edge belongs to what is above it", []float64{9.99e-9, 1e-8}, []Bin{{0, 1e-8, 1}, {1e-8, 1.26e-8, 1}}},
		{"empty bins between", []float64{0.9, 1, 1.1, 2}, []Bin{{0.794, 1, 1}, {1, 1.26, 2}, {1.26, 1.58, 0}, {1.58, 2, 0}, {2, 2.51, 1}}},
		{"beyond the last edge", []float64{99, 100, 5000}, []Bin{{79.4, 100, 1}, {100, 5000, 2}}},
	} {
		if got := histogram(c.values); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	values := make([]float64, 1000)
	for i := range values {
		values[i] = math.Pow(10, 14*r.Float64()-10)
	}
	slices.Sort(values)
	bins, n := histogram(values), 0
	for i, b := range bins {
		for _, x := range values {
			if b.From <= x && (x < b.To || i == len(bins)-1) {
				n++
				b.Count--
			}
		}
		if b.Count != 0 || i > 0 && b.From != bins[i-1].To {
			t.Errorf("bin %d is %v behind %v", i, bins[i], bins[max(i-1, 0)])
		}
	}
	if n != len(values) {
		t.Errorf("%d of %d values are in a bin", n, len(values))
	}
}

// BenchmarkCompare says what a token of a vocabulary of 152,000 costs.
func BenchmarkCompare(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	source := normal(r, 152000, 3)
	file := slices.Clone(source)
	for i := range file {
		file[i] += float32(r.NormFloat64() * 0.05)
	}
	for b.Loop() {
		if _, err := Compare(source, file, 1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(2*len(source)), "ns/logit")
}
