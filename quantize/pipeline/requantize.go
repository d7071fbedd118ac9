package pipeline

import (
	"fmt"
	"hash"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/mix"
)

type ggufOrigin struct {
	set   *gguf.Set
	grids []grid
	same  func() error
}

func (o *ggufOrigin) tensor(i int) *grid { return &o.grids[i] }
func (o *ggufOrigin) readAt(i int, p []byte, off int64) error {
	return o.set.ReadAt(i, p, off)
}
func (o *ggufOrigin) unchanged() error { return o.same() }

// FromGGUF plans what llama-quantize does with a GGUF file, or with the first of a split set; Options.Mix.Copy stands for
// its COPY. unchanged is asked before the output is finished and gives a fault when a file of the set is no longer what
// was opened.
func FromGGUF(set *gguf.Set, name string, unchanged func() error, o Options) (*Plan, error) {
	if o.Mix.Copy {
		o.Recipe = copyRecipe(set)
	}
	if o.Recipe == nil {
		return nil, fault.New(fault.Usage, name, "--type auto is for checkpoints; name the type to make")
	}
	if err := checkOverrides(set.First, o.Overrides); err != nil {
		return nil, err
	}
	m, err := ggufModel(set.First, name, o.Overrides)
	if err != nil {
		return nil, err
	}
	left, err := newPruning(set, o.Prune)
	if err != nil {
		return nil, err
	}
	var block *arch.Block
	if o.Held != nil {
		_, b, err := arch.FromGGUF(set)
		if err != nil {
			return nil, err
		}
		if block = &b; o.Calibration != nil {
			o.Importance, o.ImportanceFile = o.Calibration.entries(&b), o.Calibration.File
		}
	}
	org := &ggufOrigin{set: set, same: unchanged}
	// llama-quantize copies general.alignment and then aligns to 32, which readers refuse; the key is obeyed here.
	p := &Plan{Name: name, Arch: m.Arch, Recipe: o.Recipe, Block: block, origin: org, align: set.First.Align}
	for i := range set.Tensors {
		if err := p.addTensor(org, i); err != nil {
			return nil, err
		}
	}
	if !o.KeepSplit {
		p.order()
	}
	p.prune(left)
	if err := p.quantized(*m, o); err != nil {
		return nil, err
	}
	if err := p.requantizable(o); err != nil {
		return nil, err
	}
	if o.FileName == "" {
		o.FileName = fmt.Sprintf("%s-%s.gguf", strings.TrimSuffix(name, ".gguf"), o.Recipe.Name)
	}
	p.KVs = replaced(quantizedKVs(set.KVs, o.Recipe.FileType), o.Overrides...)
	p.KVs = replaced(p.KVs, importanceKVs(&o)...)
	if left != nil {
		p.Notices = append(p.Notices, left.notices(p.KVs, m.Arch, m.Layers)...)
		p.KVs = replaced(p.KVs, gguf.KV{Key: m.Arch + ".block_count", Value: uint32(left.layers())})
	}
	p.Notices = append(p.Notices, zeroBytes(p.KVs)...)
	return p, p.finish(o, func(h hash.Hash) {
		for _, f := range set.Files {
			fmt.Fprintf(h, "%q %d\n", f.Name, f.Size)
		}
		for _, t := range set.Tensors {
			fmt.Fprintf(h, "%q %v %d %d\n", t.Name, t.Shape, t.Type, t.Offset)
		}
		if len(o.Prune) > 0 {
			fmt.Fprintln(h, "without", o.Prune) // layers of one shape leave the same header behind
		}
	})
}

// addTensor makes a step of tensor i of the set.
func (p *Plan) addTensor(org *ggufOrigin, i int) error {
	t := &org.set.Tensors[i]
	g := grid{name: t.Name, file: org.set.FileOf(i), form: t.Type.String(), typ: t.Type}
	shape := t.Shape
	if len(shape) == 0 {
		shape = []int64{1}
	}
	if t.Elems() == 0 {
		return fault.New(fault.Malformed, g.file, "shape %v holds no value", shape).In(t.Name)
	}
	s := Step{Name: t.Name, sourceName: t.Name, Shape: shape, Type: t.Type, From: g.form, op: arch.Copy, target: arch.Target{Src: []int{i}}}
	p.shape(&s)
	g.rows, g.cols = s.rows, s.cols
	g.rowBytes, _ = t.Type.RowBytes(s.cols)
	if c, ok := quantize.For(t.Type); ok {
		g.decode = c.Decode
		if elems, _, _ := t.Type.Block(); elems > 1 {
			g.check = c.Check
		}
	}
	org.grids = append(org.grids, g)
	s.Part, _, _ = org.set.Section(i)
	p.Steps = append(p.Steps, s)
	return nil
}

// prune drops the steps of pruned layers and renames the others.
func (p *Plan) prune(left *pruning) {
	kept := p.Steps[:0]
	for _, s := range p.Steps {
		name, keep := left.rename(s.Name)
		if !keep {
			p.pruned = append(p.pruned, s.Name)
			continue
		}
		s.Name = name
		g := p.origin.tensor(s.target.Src[0])
		p.SourceBytes += g.rows * g.rowBytes
		kept = append(kept, s)
	}
	p.Steps = kept
}

// requantizable refuses tensors that change their type and cannot be decoded, or are quantized already.
func (p *Plan) requantizable(o Options) error {
	for i := range p.Steps {
		s := &p.Steps[i]
		g := p.origin.tensor(s.target.Src[0])
		if s.Type == g.typ {
			continue
		}
		if g.decode == nil {
			return fault.New(fault.Unsupported, g.file, "type %s cannot be decoded", g.form).In(s.Name)
		}
		if g.check != nil && !o.AllowRequantize {
			return fault.New(fault.Unsupported, g.file, "is quantized already (%s); quantizing it again to %v loses more: start from the original, or give --allow-requantize", g.form, s.Type).In(s.Name)
		}
	}
	return nil
}

// copyRecipe gives the recipe of COPY: the file type stays, or is guessed from the tensors.
func copyRecipe(set *gguf.Set) *mix.Recipe {
	if n, ok := set.First.Int(keyFileType); ok {
		return mix.Copy(uint32(n))
	}
	names := make([]string, len(set.Tensors))
	for i := range set.Tensors {
		names[i] = set.Tensors[i].Name
	}
	types := make([]gguf.Type, len(names))
	for i, k := range mix.Order(names) {
		types[i] = set.Tensors[k].Type
	}
	return mix.Copy(mix.Guess(types))
}
