package pipeline

import (
	"fmt"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/tokenizer"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/packed"
)

// FromCheckpoint plans the conversion of a Hugging Face checkpoint. F32, F16 and BF16 files follow
// the reference's converter. Others follow its two-step route: every row passes through the
// checkpoint's own 16-bit type first, then order, types and keys are llama-quantize's.
func FromCheckpoint(ck *hf.Checkpoint, o Options) (*Plan, error) {
	spec, err := arch.Match(ck.Config)
	if err != nil {
		return nil, err
	}
	sources := make([]arch.Source, len(ck.Tensors))
	for i, t := range ck.Tensors {
		sources[i] = arch.Source{Name: t.Name, Dtype: string(t.Dtype), Shape: t.Shape}
	}
	b, err := spec.Bind(ck.Config, sources)
	if err != nil {
		return nil, err
	}
	if err := refusePooling(ck, b); err != nil {
		return nil, err
	}
	via := viaType(ck)
	if o.Via != nil {
		via = *o.Via
	}
	if o.Recipe == nil {
		t := via
		if t == gguf.TypeF32 {
			t = gguf.TypeF16 // as the reference's --outtype auto
		}
		o.Recipe, _ = mix.ParseRecipe(t.String())
	}
	p := &Plan{
		Name: ck.Name, Arch: b.Arch, Block: &b.Block, Recipe: o.Recipe, origin: newCheckpointOrigin(ck), align: gguf.DefaultAlignment,
		Notices: append(append([]string(nil), ck.Notices...), b.Notices...),
	}
	if err := p.addTargets(b, via); err != nil {
		return nil, err
	}
	kvs, meta, err := checkpointKVs(ck, b, p, o)
	if err != nil {
		return nil, err
	}
	if o.FileName == "" {
		o.FileName = meta.FileName(o.Recipe.Name)
	}
	if o.Calibration != nil {
		o.Importance, o.ImportanceFile = o.Calibration.entries(p.Block), o.Calibration.File
	}
	if o.Recipe.Converter() {
		if o.Importance != nil {
			flag := "--imatrix"
			if o.Calibration != nil {
				flag = "--calibrate"
			}
			return nil, fault.New(fault.Usage, "", "%s files of a checkpoint have no use for an importance matrix: leave %s out", o.Recipe.Name, flag)
		}
		p.KVs = kvs
		if err := p.retype(o.Types); err != nil {
			return nil, err
		}
	} else {
		if via != gguf.TypeF32 {
			p.Via = via.String()
		}
		m := mix.Model{Arch: b.Arch, Layers: b.Layers, Heads: b.Heads, HeadsKV: b.HeadsKV, Experts: b.Experts}
		p.order()
		if err := p.quantized(m, o); err != nil {
			return nil, err
		}
		p.KVs = replaced(quantizedKVs(kvs, o.Recipe.FileType), importanceKVs(&o)...)
		p.Notices = append(p.Notices, zeroBytes(p.KVs)...)
	}
	return p, p.finish(o, checkpointIdentity(ck))
}

// refusePooling stops at an embedding model: the reference then writes a pooling type, which is not done here.
func refusePooling(ck *hf.Checkpoint, b *arch.Binding) error {
	const file = "modules.json"
	list, found, err := hf.ReadFile(ck.Source, file, hf.ConfigLimit)
	if err != nil {
		return err
	}
	if found && b.Arch == "qwen2" && strings.Contains(string(list), "Pooling") {
		return fault.New(fault.Unsupported, file, "names a pooling module: embedding models cannot be converted yet")
	}
	return nil
}

// viaType is the 16-bit type of the two-step route: that of the first tensor with two or more
// dimensions that has one, as the reference's --outtype auto finds it; F32 when there is none.
func viaType(ck *hf.Checkpoint) gguf.Type {
	for i := range ck.Tensors {
		t := &ck.Tensors[i]
		if len(t.Shape) < 2 {
			continue
		}
		switch t.Dtype {
		case "BF16":
			return gguf.TypeBF16
		case "F16":
			return gguf.TypeF16
		}
	}
	return gguf.TypeF32
}

// addTargets makes a step of each target in the reference converter's order, with the types of its
// output: the file's type, or for quantized files the intermediate's.
func (p *Plan) addTargets(b *arch.Binding, via gguf.Type) error {
	whole := via
	if p.Recipe.Converter() {
		whole = p.Recipe.Default
	}
	for _, t := range b.Targets {
		s := Step{Name: t.Name, sourceName: t.Name, Shape: t.Shape, Type: whole, op: t.Op, target: t, From: "generated"}
		if t.F32 {
			s.Type = gguf.TypeF32
		}
		for k, i := range t.Src {
			g := p.origin.tensor(i)
			if g.decode == nil && g.fp8 == nil {
				return fault.New(fault.Unsupported, g.file, "dtype %s cannot be converted", g.form).In(g.name)
			}
			s.From = g.form
			if g.fp8 != nil {
				if err := p.scale(&s, k, g, b.ScaleBlock); err != nil {
					return err
				}
			}
			p.SourceBytes += g.rows * g.rowBytes
		}
		p.shape(&s)
		p.Steps = append(p.Steps, s)
	}
	return nil
}

// scale finds out which scale of its scale tensor belongs to which weight of an FP8 source.
func (p *Plan) scale(s *Step, k int, g *grid, block []int64) error {
	if s.target.Scale == nil || s.target.Scale[k] < 0 {
		return nil
	}
	sg := p.origin.tensor(s.target.Scale[k])
	if sg.decode == nil {
		return fault.New(fault.Unsupported, sg.file, "a scale of dtype %s cannot be read", sg.form).In(sg.name)
	}
	blocks, err := packed.NewBlocks(block, g.rows, g.cols, sg.shape)
	if err == nil && s.blocks != (packed.Blocks{}) && s.blocks != blocks {
		err = fmt.Errorf("one scale covers %v weights here and %v in another expert", blocks, s.blocks)
	}
	if err != nil {
		return fault.New(fault.Mismatch, sg.file, "%w", err).In(sg.name)
	}
	s.blocks = blocks
	p.SourceBytes += sg.rows * sg.rowBytes
	return nil
}

// checkpointKVs derives all keys in the reference converter's order.
func checkpointKVs(ck *hf.Checkpoint, b *arch.Binding, p *Plan, o Options) ([]gguf.KV, *hf.Metadata, error) {
	c := countParams(p.Steps)
	meta, err := ck.Metadata(hf.MetadataOptions{
		ModelName: o.ModelName, JSON: o.MetadataJSON,
		TotalParams: c.total, SharedParams: c.shared, ExpertParams: c.expert, ExpertCount: c.experts,
	})
	if err != nil {
		return nil, nil, err
	}
	tok, err := tokenizer.Export(ck.Source, ck.Config, tokenizer.ExportOptions{Family: b.Vocab, Pre: o.Pre})
	if err != nil {
		return nil, nil, err
	}
	p.Notices = append(p.Notices, meta.Notices...)
	kvs := []gguf.KV{{Key: "general.architecture", Value: b.Arch}, {Key: "general.type", Value: "model"}}
	for _, pair := range meta.Pairs() {
		kvs = append(kvs, gguf.KV{Key: pair.Key, Value: pair.Value})
	}
	for _, kv := range b.KVs {
		if kv.Key == keyFileType {
			kv.Value = o.Recipe.FileType
		}
		kvs = append(kvs, kv)
	}
	kvs = append(kvs, gguf.KV{Key: keyQuantVersion, Value: quantVersion})
	return append(kvs, tok...), meta, nil
}

// shape splits the step's dimensions into columns, rows and slabs.
func (p *Plan) shape(s *Step) {
	s.cols, s.rows = s.Shape[0], 1
	for _, d := range s.Shape[1:] {
		s.rows *= d
	}
	s.slab = s.rows
	if len(s.target.Src) > 1 || s.op == arch.Split || s.op == arch.SplitTransposed {
		s.slab = s.Shape[1]
	}
}

// all tells whether every source of the step has type t; the experts of a stack may differ.
func (s *Step) all(o origin, t gguf.Type) bool {
	for _, i := range s.target.Src {
		if g := o.tensor(i); g.typ != t || g.form != t.String() {
			return false
		}
	}
	return len(s.target.Src) > 0
}

// overflowing is a magnitude at which the searches of Q3_K, Q6_K and others still work. From about ten times that on their sums
// of cubes overflow and the reference writes all-zero blocks that look valid.
const overflowing = 1e17

// encoder fixes how rows of the step's final type are made; correct asks for a codec without the reference's defects.
func (s *Step) encoder(o origin, correct bool) error {
	s.codec = nil
	if c, ok := quantize.For(s.Type); ok {
		s.codec = c
		if correct && c.Correct != nil {
			s.codec = c.Correct
		}
	}
	vector := s.op == arch.PermuteQK && s.rows == 1 // its elements move
	if s.raw = s.all(o, s.Type) && s.via == nil && !vector; s.raw {
		return nil
	}
	if s.codec == nil {
		return fault.New(fault.Unsupported, "", "type %v cannot be encoded", s.Type).In(s.Name)
	}
	switch s.Type {
	case gguf.TypeQ3_K, gguf.TypeQ6_K, gguf.TypeIQ1_S, gguf.TypeIQ2_XXS, gguf.TypeIQ4_XS:
		s.largest = overflowing
	}
	return nil
}
