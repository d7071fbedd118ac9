package model

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/pipeline"
)

// Tensor is a tensor as a Source has it.
type Tensor struct {
	Type  gguf.Type
	Shape []int64                         // innermost dimension first
	Read  func(p []byte, off int64) error // fills p with the blocks from byte off on; from several goroutines
}

// Source has the tensors of a model in GGUF form, under their GGUF names.
type Source interface {
	Tensor(name string) (Tensor, bool)
}

type setSource struct {
	set   *gguf.Set
	index map[string]int
}

// FromSet reads from a GGUF file or split set.
func FromSet(set *gguf.Set) Source {
	s := &setSource{set: set, index: make(map[string]int, len(set.Tensors))}
	for i := range set.Tensors {
		s.index[set.Tensors[i].Name] = i
	}
	return s
}

func (s *setSource) Tensor(name string) (Tensor, bool) {
	i, ok := s.index[name]
	if !ok {
		return Tensor{}, false
	}
	t := &s.set.Tensors[i]
	return Tensor{t.Type, t.Shape, func(p []byte, off int64) error { return s.set.ReadAt(i, p, off) }}, true
}

type planSource struct {
	tensors *pipeline.Tensors
	index   map[string]int
}

// FromPlan reads a checkpoint, or a GGUF file that would be quantized again, as the plan would write it.
func FromPlan(p *pipeline.Plan) Source {
	t := p.Tensors()
	return &planSource{t, t.Index()}
}

func (s *planSource) Tensor(name string) (Tensor, bool) {
	i, ok := s.index[name]
	if !ok {
		return Tensor{}, false
	}
	t := s.tensors.Tensor(i)
	return Tensor{t.Type, t.Shape, func(p []byte, off int64) error { return s.tensors.ReadAt(i, p, off) }}, true
}
