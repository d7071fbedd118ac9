package verify

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// bitMap shows the bits per weight of all tensors: a row for each kind, a column for each layer.
type bitMap struct {
	Layers  []int
	Sparse  bool // cells are wide enough for text
	Few     bool // there is space beside the map
	Rows    []mapRow
	More    int // kinds that are not shown
	Legend  []legend
	Outside []*Tensor // tensors that belong to no layer
	Beyond  int       // of those, not shown
}

type mapRow struct {
	Kind    string
	Vectors bool // norms and biases: thin rows
	Cells   []mapCell
}

type mapCell struct {
	Class, Text, Tip string // without a class there is no tensor
	Worst            bool
}

type legend struct{ Class, Range, Types string }

// No real model comes near these; a file that does shall not make a page that no browser opens.
const (
	mostKinds   = 64
	mostLayers  = 1024
	mostOutside = 32
)

// newBitMap gives nil where there is no tensor.
func newBitMap(ts []Tensor) *bitMap {
	if len(ts) == 0 {
		return nil
	}
	m := &bitMap{}
	worst := worstTensor(ts)
	column, row := map[int]int{}, map[string]int{}
	for i := range ts {
		if l := ts[i].Layer; l >= 0 {
			column[l] = 0
		} else if len(m.Outside) < mostOutside {
			m.Outside = append(m.Outside, &ts[i])
		} else {
			m.Beyond++
		}
	}
	for l := range column {
		m.Layers = append(m.Layers, l)
	}
	slices.Sort(m.Layers)
	m.Layers = m.Layers[:min(len(m.Layers), mostLayers)]
	m.Sparse, m.Few = len(m.Layers) <= 40, len(m.Layers) <= 10
	for i, l := range m.Layers {
		column[l] = i + 1
	}
	for _, matrices := range []bool{true, false} { // matrices first: they are what is quantized
		for _, t := range ts {
			k := kind(t)
			if t.Layer < 0 || isMatrix(t) != matrices || row[k] > 0 {
				continue
			}
			if len(m.Rows) == mostKinds {
				m.More++ // tensors rather than kinds, where there are so many
				continue
			}
			m.Rows = append(m.Rows, mapRow{Kind: k, Vectors: !matrices, Cells: make([]mapCell, len(m.Layers))})
			row[k] = len(m.Rows)
		}
	}
	for i := range ts {
		t := &ts[i]
		r := row[kind(*t)]
		if t.Layer < 0 || r == 0 || column[t.Layer] == 0 {
			continue
		}
		tip := fmt.Sprintf("%s: %s, %s bits per weight", name(t.Name), name(t.Type), bits(t.Bits))
		if t.Compared {
			tip += ", relative RMSE " + figure(t.RMSE)
		}
		text := strings.TrimSuffix(strings.TrimSuffix(bits(t.Bits), "0"), ".0")
		m.Rows[r-1].Cells[column[t.Layer]-1] = mapCell{Class: bitClass(t.Bits), Text: text, Tip: tip, Worst: t == worst}
	}
	m.Legend = legendOf(ts)
	return m
}

// kind is a tensor's name without its layer: blk.3.attn_q.weight is an attn_q.
func kind(t Tensor) string {
	s := strings.TrimPrefix(t.Name, "blk."+strconv.Itoa(t.Layer)+".")
	return shortened(strings.TrimSuffix(s, ".weight"), 32)
}

func isMatrix(t Tensor) bool { return len(t.Shape) > 1 && t.Shape[0] > 1 && t.Shape[1] > 1 }

// Steps of the colours: a step ends at its figure.
var bitSteps = []float64{2, 3, 4, 5, 6, 7, 9, 16}

// bitClass names the colour of a number of bits per weight.
func bitClass(b float64) string {
	if math.IsNaN(b) {
		return "b-none"
	}
	for i, end := range bitSteps {
		if b <= end {
			return fmt.Sprintf("b%d", i)
		}
	}
	return fmt.Sprintf("b%d", len(bitSteps))
}

// legendOf lists the colours that occur, with the types that have them.
func legendOf(ts []Tensor) []legend {
	types := map[string][]string{}
	for _, t := range ts {
		c := bitClass(t.Bits)
		if n := fmt.Sprintf("%s %s", name(t.Type), bits(t.Bits)); !slices.Contains(types[c], n) && len(types[c]) < 8 {
			types[c] = append(types[c], n)
		}
	}
	var list []legend
	add := func(class, text string) {
		if have := types[class]; have != nil {
			slices.Sort(have)
			list = append(list, legend{class, text, strings.Join(have, ", ")})
		}
	}
	for i, end := range bitSteps {
		if i == 0 {
			add("b0", "up to "+plain(end))
		} else {
			add(fmt.Sprintf("b%d", i), "over "+plain(bitSteps[i-1])+" to "+plain(end))
		}
	}
	add(fmt.Sprintf("b%d", len(bitSteps)), "over 16")
	add("b-none", "unknown")
	return list
}
