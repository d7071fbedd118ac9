package imatrix

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Statistics describe the importance of one tensor, with the definitions of llama-imatrix --show-statistics, in float64. A
// value is a mean square of activations; matrices without data do not count.
type Statistics struct {
	Tensor    string
	Layer     int    // -1: in none
	Kind      string // such as ffn_down
	Elements  int
	Sum       float64
	Min, Max  float64
	Mean      float64
	Deviation float64 // sqrt(mean of squares - square of the mean)
	Active    float64 // share of values above 1e-5
	Entropy   float64 // of the values' distribution, in bits
	Evenness  float64 // Entropy by its largest possible value, log2(Elements)
	ZD        float64 // share of values more than one deviation above the mean
	Cosine    float64 // of the sums with those of the same tensor one layer before; 0 where there is none
}

// inactive is the largest value that does not count as active.
const inactive = 1e-5

// Statistics describes all entries that have data: by kind, the larger sums first.
func (s *Sums) Statistics() []Statistics {
	var list []Statistics
	for i := range s.Entries {
		e := &s.Entries[i]
		if means := e.means(); len(means) > 0 {
			t := describe(means)
			t.Tensor = e.Name
			t.Layer, t.Kind = place(e.Name)
			t.Cosine = s.cosine(e, t.Layer)
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b Statistics) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Sum, a.Sum))
	})
	return list
}

// means gives those of all matrices that have data.
func (s *Sum) means() (means []float64) {
	columns := s.Columns()
	for j, count := range s.Counts {
		if count == 0 {
			continue
		}
		for _, v := range s.Values[j*columns : (j+1)*columns] {
			means = append(means, v/float64(count))
		}
	}
	return means
}

func describe(means []float64) (t Statistics) {
	n := float64(len(means))
	t.Elements, t.Min, t.Max = len(means), slices.Min(means), slices.Max(means)
	var squares float64
	active := 0
	for _, v := range means {
		t.Sum += v
		squares += float64(v * v)
		if v > inactive {
			active++
		}
	}
	t.Mean, t.Active = t.Sum/n, float64(active)/n
	t.Deviation = math.Sqrt(max(0, squares/n-float64(t.Mean*t.Mean)))
	above := 0
	for _, v := range means {
		if p := v / t.Sum; p > 0 {
			t.Entropy -= float64(p * math.Log2(p))
		}
		if t.Deviation > 0 && (v-t.Mean)/t.Deviation > 1 {
			above++
		}
	}
	t.ZD = float64(above) / n
	if len(means) > 1 {
		t.Evenness = t.Entropy / math.Log2(n)
	}
	return t
}

// place reads layer and kind from a name: blk.3.ffn_down.weight is ffn_down of layer 3.
func place(name string) (layer int, kind string) {
	layer, kind = -1, name
	parts := strings.Split(name, ".")
	for i, p := range parts[:len(parts)-1] {
		if n, err := strconv.Atoi(parts[i+1]); p == "blk" && err == nil && layer < 0 {
			layer = n
		}
		if parts[i+1] == "weight" && kind == name {
			kind = p
		}
	}
	return layer, kind
}

func (s *Sums) cosine(e *Sum, layer int) float64 {
	if layer < 1 {
		return 0
	}
	before := s.Find(strings.Replace(e.Name, "blk."+strconv.Itoa(layer)+".", "blk."+strconv.Itoa(layer-1)+".", 1))
	if before == nil || len(before.Values) != len(e.Values) {
		return 0
	}
	var ab, aa, bb float64
	for i, a := range e.Values {
		b := before.Values[i]
		ab, aa, bb = ab+float64(a*b), aa+float64(a*a), bb+float64(b*b)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / (math.Sqrt(aa) * math.Sqrt(bb))
}

// LayerStatistics are averages over the tensors of a layer, weighted by their elements.
type LayerStatistics struct {
	Layer           int
	Sum, ZD, Cosine float64
}

// ByLayer averages statistics, in order of layers.
func ByLayer(list []Statistics) []LayerStatistics {
	var layers []LayerStatistics
	var elements []float64
	for _, t := range list {
		if t.Layer < 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(layers, t.Layer, func(l LayerStatistics, n int) int { return cmp.Compare(l.Layer, n) })
		if !found {
			layers, elements = slices.Insert(layers, i, LayerStatistics{Layer: t.Layer}), slices.Insert(elements, i, 0)
		}
		l, n := &layers[i], float64(t.Elements)
		l.Sum, l.ZD, l.Cosine = l.Sum+n*t.Sum, l.ZD+n*t.ZD, l.Cosine+n*t.Cosine
		elements[i] += n
	}
	for i, n := range elements {
		l := &layers[i]
		l.Sum, l.ZD, l.Cosine = l.Sum/n, l.ZD/n, l.Cosine/n
	}
	return layers
}
