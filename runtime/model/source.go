package model

import (
	"github.com/qconv/qconv/formats/gguf"
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
