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

// FromGGUF plans what llama-quantize does with a GGUF file, or with the first of a split set. unchanged is asked
// before the output is finished and gives a fault when a file of the set is no longer what was opened.
func FromGGUF(set *gguf.Set, name string, unchanged func() error, o Options) (*Plan, error) {
	if o.Recipe == nil {
		return nil, fault.New(fault.Usage, name, "--type auto is for checkpoints; name the type to make")
	}
	m, err := ggufModel(set, name)
	if err != nil {
		return nil, err
	}
	org := &ggufOrigin{set: set, same: unchanged}
	// llama-quantize copies general.alignment and then aligns to 32, which readers refuse; the key is obeyed here.
	p := &Plan{Name: name, Arch: m.Arch, Recipe: o.Recipe, origin: org, align: set.First.Align}
	for i := range set.Tensors {
		t := &set.Tensors[i]
		s := Step{Name: t.Name, Shape: t.Shape, Type: t.Type, From: t.Type.String(), op: arch.Copy, target: arch.Target{Src: []int{i}}}
		p.shape(&s)
		g := grid{name: t.Name, file: set.FileOf(i), form: s.From, typ: t.Type, rows: s.rows, cols: s.cols}
		g.rowBytes, _ = t.Type.RowBytes(s.cols)
		if c, ok := quantize.For(t.Type); ok {
			g.decode = c.Decode
		}
		org.grids = append(org.grids, g)
		p.SourceBytes += t.Bytes()
		p.Steps = append(p.Steps, s)
	}
	if err := p.quantized(*m, o); err != nil {
		return nil, err
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		g := p.origin.tensor(s.target.Src[0])
		if s.Type == g.typ {
			continue
		}
		if _, _, ok := g.typ.Block(); !ok || g.decode == nil {
			return nil, fault.New(fault.Unsupported, g.file, "type %s cannot be decoded", g.form).In(s.Name)
		}
		if elems, _, _ := g.typ.Block(); elems > 1 && !o.AllowRequantize {
			return nil, fault.New(fault.Unsupported, g.file, "is quantized already (%s); quantizing it again to %v loses more: start from the original, or give --allow-requantize", g.form, s.Type).In(s.Name)
		}
	}
	if o.FileName == "" {
		o.FileName = fmt.Sprintf("%s-%s.gguf", strings.TrimSuffix(name, ".gguf"), o.Recipe.Name)
	}
	p.KVs = importanceKVs(quantizedKVs(set.KVs, o.Recipe.FileType), &o)
	return p, p.finish(o, func(h hash.Hash) {
		for _, f := range set.Files {
			fmt.Fprintf(h, "%q %d\n", f.Name, f.Size)
		}
		for _, t := range set.Tensors {
			fmt.Fprintf(h, "%q %v %d %d\n", t.Name, t.Shape, t.Type, t.Offset)
		}
	})
}

// ggufModel reads the numbers that type selection needs.
func ggufModel(set *gguf.Set, name string) (*mix.Model, error) {
	a, ok := gguf.Value[string](set.First, "general.architecture")
	if !ok {
		return nil, fault.New(fault.Malformed, name, "general.architecture is missing")
	}
	m := &mix.Model{Arch: a}
	for _, n := range []struct {
		key      string
		to       *int64
		required bool
	}{
		{".block_count", &m.Layers, true},
		{".attention.head_count", &m.Heads, true},
		{".attention.head_count_kv", &m.HeadsKV, false},
		{".expert_count", &m.Experts, false},
	} {
		v, found, err := firstUint(set.First, a+n.key)
		if err != nil {
			return nil, err
		}
		if !found && n.required {
			return nil, fault.New(fault.Malformed, name, "%s%s is missing", a, n.key)
		}
		*n.to = v
	}
	if m.HeadsKV == 0 {
		m.HeadsKV = m.Heads
	}
	return m, nil
}

// firstUint reads a count: a number, or an array with one number a layer, of which the first counts.
func firstUint(f *gguf.File, key string) (n int64, found bool, err error) {
	v, found := f.Get(key)
	if !found {
		return 0, false, nil
	}
	switch v := v.(type) {
	case uint32:
		return int64(v), true, nil
	case int32:
		n = int64(v)
	case uint64:
		n = int64(v)
	case []uint32:
		if len(v) > 0 {
			return int64(v[0]), true, nil
		}
		n = -1
	case []int32:
		n = -1
		if len(v) > 0 {
			n = int64(v[0])
		}
	default:
		n = -1
	}
	if n < 0 {
		return 0, false, fault.New(fault.Malformed, f.Name, "%s is not a count", key)
	}
	return n, true, nil
}
