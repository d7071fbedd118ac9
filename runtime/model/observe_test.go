package model_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/model/modeltest"
)

// seen keeps sums of squares and rows of every matrix.
type seen struct {
	dev  device.Device
	sums map[string][]float64
	rows map[string]int
	fail string // gives an error for this tensor
}

var errSeen = errors.New("seen enough")

func (s *seen) Input(tensor string, matrix, matrices int, x device.View) error {
	if tensor == s.fail {
		return errSeen
	}
	key := fmt.Sprintf("%s %d/%d", tensor, matrix, matrices)
	if s.sums[key] == nil {
		s.sums[key] = make([]float64, x.Cols)
	}
	s.rows[key] += x.Rows
	return s.dev.Squares(s.sums[key], x)
}

func watching(dev device.Device) *seen {
	return &seen{dev: dev, sums: map[string][]float64{}, rows: map[string]int{}}
}

// inPieces sends a pass through all layers, one expert at a time.
func inPieces(m *model.Model, p *model.Pass) error {
	for l := range int(m.Block.Layers) {
		layer, err := m.LoadLayer(context.Background(), l, false)
		if err != nil {
			return err
		}
		if !layer.Sparse() {
			if err := p.Layer(layer); err != nil {
				return err
			}
			continue
		}
		if err = p.Attention(layer); err == nil {
			err = p.Route(layer)
		}
		for e := 0; err == nil && e < int(m.Block.Experts.Count); e++ {
			var x *model.Expert
			if x, err = m.LoadExpert(context.Background(), l, e); err == nil {
				err = p.Expert(x)
			}
		}
		p.Leave()
		if err != nil {
			return err
		}
	}
	return nil
}

// TestObserved: each matrix of each layer is seen with as many rows as there are tokens, or those of all experts together
// with as many as the router chose, with the same bits whether experts come all at once or one at a time; and an observer's
// error ends either way.
func TestObserved(t *testing.T) {
	dirs, _ := filepath.Glob(fixtures + "/*/expected.json")
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			set := modeltest.Converted(t, dir, "F32")
			ids := readRecorded(t, dir).Prompts[0].IDs
			run := func(fail string, pieces bool) (*seen, error) {
				dev := cpu.New(2, false)
				m, s := unloaded(t, dev, set, 64), watching(dev)
				s.fail = fail
				p, err := m.Begin(&model.Batch{IDs: ids, Windows: []int{len(ids)}})
				if err != nil {
					t.Fatal(err)
				}
				defer p.End()
				p.Observe(s)
				if pieces {
					err = inPieces(m, p)
				} else if err = m.Load(context.Background()); err == nil {
					err = p.Through(context.Background(), func(int) {})
				}
				if err == nil {
					err = p.ObserveOutput()
				}
				return s, err
			}
			whole, err := run("", false)
			if err != nil {
				t.Fatal(err)
			}
			pieces, err := run("", true)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.EqualFunc(whole.sums, pieces.sums, slices.Equal) || !maps.Equal(whole.rows, pieces.rows) {
				t.Error("sums differ where experts come one at a time")
			}
			_, block, _ := arch.FromGGUF(set)
			wanted := 0
			for l := range block.Layers {
				for _, in := range block.Layer(l) {
					if len(in.Shape) < 2 {
						continue
					}
					n, total := 1, 0
					if len(in.Shape) > 2 {
						n = int(in.Shape[2])
					}
					stacked := strings.HasSuffix(in.Name, "_exps.weight")
					for e := range n {
						key := fmt.Sprintf("%s %d/%d", in.Name, e, n)
						if rows, ok := whole.rows[key]; ok {
							wanted, total = wanted+1, total+rows
							if len(whole.sums[key]) != int(in.Shape[0]) {
								t.Errorf("%s: %d columns, want %d", key, len(whole.sums[key]), in.Shape[0])
							}
							if !stacked && rows != len(ids) {
								t.Errorf("%s: %d rows of %d tokens", key, rows, len(ids))
							}
						} else if !stacked {
							t.Errorf("%s was not seen", key)
						}
					}
					if stacked && total != len(ids)*int(block.Experts.Used) {
						t.Errorf("%s: %d rows, want %d tokens times %d experts", in.Name, total, len(ids), block.Experts.Used)
					}
					for _, pieces := range []bool{false, true} {
						if _, err := run(in.Name, pieces); !errors.Is(err, errSeen) {
							t.Errorf("%s: an observer's error gives %v (in pieces: %v)", in.Name, err, pieces)
						}
					}
				}
			}
			if !block.TiedOutput {
				if wanted++; whole.rows["output.weight 0/1"] != len(ids) {
					t.Errorf("output.weight: %d rows", whole.rows["output.weight 0/1"])
				}
			}
			if len(whole.sums) != wanted {
				t.Errorf("%d matrices were seen, want %d", len(whole.sums), wanted)
			}
		})
	}
}

// TestObservedValues compares what is seen of the tiny model with its evaluation in float64.
func TestObservedValues(t *testing.T) {
	set := modeltest.Converted(t, tiny, "F32")
	ids := readExpected(t).First.IDs[:64]
	want := map[string][]float64{}
	truth := newPlain(t, tiny, set)
	truth.watch = func(name string, x rows) {
		sums := make([]float64, len(x[0]))
		for t := range x {
			for i, v := range x[t] {
				sums[i] += v * v
			}
		}
		want[name+" 0/1"] = sums
	}
	truth.logits(ids)
	dev := cpu.New(2, false)
	m, s := loaded(t, dev, set, len(ids)), watching(dev)
	p, err := m.Begin(&model.Batch{IDs: ids, Windows: []int{len(ids)}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.End()
	p.Observe(s)
	if err = p.Through(context.Background(), func(int) {}); err == nil {
		err = p.ObserveOutput()
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(s.sums) {
		t.Errorf("%d matrices were seen, want %d", len(s.sums), len(want))
	}
	var worst float64
	for name, sums := range want {
		for i, w := range sums {
			worst = max(worst, math.Abs(s.sums[name][i]-w)/w)
		}
	}
	t.Logf("largest relative error %.2g", worst)
	if !(worst <= 1e-4) {
		t.Errorf("largest relative error %.3g, want at most 1e-4", worst)
	}
}
