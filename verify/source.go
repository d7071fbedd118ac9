package verify

import (
	"math"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// Source is what a file was made of: a checkpoint, or a GGUF file.
type Source struct {
	Name           string
	Importance     *imatrix.Matrix // that the file was made with; nil: none, or it is not at hand
	ImportanceFile string

	checkpoint bool
	options    pipeline.Options // of every plan
	plan       func(pipeline.Options) (*pipeline.Plan, error)

	// From headers, once opened.
	whole *pipeline.Plan // all tensors as they are
	keys  *gguf.File
	block arch.Block
}

// FromCheckpoint compares with a checkpoint. pre names its pre-tokenizer when it cannot be found out.
func FromCheckpoint(ck *hf.Checkpoint, pre string) *Source {
	return &Source{
		Name: ck.Name, checkpoint: true,
		options: pipeline.Options{Recipe: pipeline.SourceRecipe(ck), Pre: pre},
		plan:    func(o pipeline.Options) (*pipeline.Plan, error) { return pipeline.FromCheckpoint(ck, o) },
	}
}

// FromGGUF compares with a GGUF file, or split set. unchanged gives a fault when it is no longer what was opened.
func FromGGUF(set *gguf.Set, name string, unchanged func() error) *Source {
	return &Source{
		Name:    name,
		options: pipeline.Options{AllowRequantize: true},
		plan: func(o pipeline.Options) (*pipeline.Plan, error) {
			o.Mix.Copy = o.Types == nil
			return pipeline.FromGGUF(set, name, unchanged, o)
		},
	}
}

// open reads what headers tell. Faults are those of a conversion, and of arch.FromGGUF.
func (s *Source) open() (err error) {
	if s.whole != nil {
		return nil
	}
	if s.whole, err = s.with(s.options); err != nil {
		return err
	}
	s.keys = gguf.Keys(s.Name, s.whole.KVs)
	set := &gguf.Set{First: s.keys, KVs: s.whole.KVs}
	for i := range s.whole.Steps {
		set.Tensors = append(set.Tensors, s.whole.Tensors().Tensor(i))
	}
	_, s.block, err = arch.FromGGUF(set)
	return err
}

// with makes a plan. Its memory is not bounded: no plan is carried out.
func (s *Source) with(o pipeline.Options) (*pipeline.Plan, error) {
	o.Pre, o.AllowRequantize, o.RAM = s.options.Pre, s.options.AllowRequantize, math.MaxInt64/2
	return s.plan(o)
}
