package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/mix"
)

// format changes whenever the same input and options would give other bytes or other units.
const format = "qconv plan 1"

// quantized lets the recipe choose the steps' types. They are in their final order, which the rules go by. Step.Type
// is that of the intermediate until here.
func (p *Plan) quantized(m mix.Model, o Options) error {
	sites := make([]mix.Site, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		s.Shape = stripOnes(s.Shape)
		sites[i] = mix.Site{Name: s.Name, Shape: s.Shape, Type: s.Type}
	}
	if o.Types == nil {
		o.Mix.Importance = o.Importance != nil
		choices, err := mix.Select(m, sites, o.Recipe, o.Mix)
		if err != nil {
			return err
		}
		for i, c := range choices {
			s := &p.Steps[i]
			s.Type, s.Reason, s.needWeight = c.Type, c.Reason, c.NeedWeight
		}
	} else if err := p.retype(o.Types); err != nil {
		return err
	}
	for i := range p.Steps {
		s, from := &p.Steps[i], sites[i].Type
		if p.Via != "" && s.Type != from && from != gguf.TypeF32 && s.op != arch.Generated {
			if !s.all(p.origin, from) {
				s.via, _ = quantize.For(from)
				s.viaBytes, _ = from.RowBytes(s.cols)
			}
		}
	}
	return nil
}

// retype gives steps the types of Options.Types.
func (p *Plan) retype(types map[string]gguf.Type) error {
	left := maps.Clone(types)
	for i := range p.Steps {
		s := &p.Steps[i]
		if t, ok := types[s.Name]; ok {
			s.Type = t
			delete(left, s.Name)
		}
	}
	if len(left) > 0 {
		return fault.New(fault.Mismatch, p.Name, "types are given for tensors that this model does not have: %d (%s)", len(left), few(slices.Sorted(maps.Keys(left))))
	}
	return nil
}

// order brings the steps into llama-quantize's order.
func (p *Plan) order() {
	names := make([]string, len(p.Steps))
	for i := range p.Steps {
		names[i] = p.Steps[i].Name
	}
	ordered := make([]Step, len(p.Steps))
	for i, k := range mix.Order(names) {
		ordered[i] = p.Steps[k]
	}
	p.Steps = ordered
}

// finish fixes encoders, files, offsets, units, memory and the digest.
func (p *Plan) finish(o Options, identity func(hash.Hash)) error {
	tensors := make([]gguf.Tensor, len(p.Steps))
	weights := weighing{m: o.Importance, correct: o.Correct, even: o.Types != nil}
	p.calibration, p.correct = o.Calibration, o.Correct
	if p.held = o.Held; p.held != nil {
		p.origin = heldOrigin{p.origin, p.held}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if elems, _, ok := s.Type.Block(); ok && s.cols%elems != 0 { // the flags for two tensors are taken at their word
			return fault.New(fault.Usage, "", "rows of %d do not fit %v, whose blocks hold %d: choose another type for it", s.cols, s.Type, elems).In(s.Name)
		}
		if err := s.encoder(p.origin, o.Correct); err != nil {
			return err
		}
		if err := weights.step(s); err != nil {
			return err
		}
		if o.Held != nil && len(s.Shape) > 2 {
			s.slab = s.matrixRows() // one expert is held and made at a time
		}
		tensors[i] = gguf.Tensor{Name: s.Name, Type: s.Type, Shape: s.Shape}
		p.Elements += s.rows * s.cols
	}
	notices, err := weights.finish(p)
	if err != nil {
		return err
	}
	p.Notices = append(p.Notices, notices...)
	if err := p.files(tensors, o); err != nil {
		return err
	}
	h := sha256.New()
	fmt.Fprintln(h, format, p.Via, o.Correct)
	identity(h)
	if o.Calibration != nil {
		fmt.Fprintln(h, "calibrated", o.Calibration.Digest)
		p.wait()
	}
	p.hashWeights(h)
	for i := range p.Parts {
		pt := &p.Parts[i]
		h.Write(pt.Layout.Header)
		for _, u := range pt.units {
			binary.Write(h, binary.LittleEndian, []int64{u.off, u.len})
		}
	}
	p.Digest = hex.EncodeToString(h.Sum(nil))
	return p.budget(o)
}

// files lays the tensors out in one file, or in several when a split limit or the source says so.
func (p *Plan) files(tensors []gguf.Tensor, o Options) (err error) {
	groups := p.sourceParts()
	if !o.KeepSplit {
		if groups, err = gguf.PlanSplits(tensors, o.SplitMaxTensors, o.SplitMaxBytes); err != nil {
			return err
		}
	}
	stem := strings.TrimSuffix(o.FileName, ".gguf")
	for no, group := range groups {
		pt := Part{Name: o.FileName}
		kvs := p.KVs
		if len(groups) > 1 {
			kvs = gguf.ShardKVs(p.KVs, no, len(groups), len(tensors))
		}
		if len(groups) > 1 || o.KeepSplit { // llama-quantize numbers a single part too
			pt.Name = gguf.SplitName(stem, no+1, len(groups))
		}
		ts := make([]gguf.Tensor, len(group))
		for i, k := range group {
			ts[i] = tensors[k]
		}
		if pt.Layout, err = gguf.NewLayout(kvs, ts, p.align); err != nil {
			return err
		}
		for i, k := range group {
			s, t := &p.Steps[k], &pt.Layout.Tensors[i]
			s.Part, s.Offset, s.Bytes = no, pt.Layout.DataStart+t.Offset, t.Bytes()
			rowLen, _ := s.Type.RowBytes(s.cols)
			for _, u := range p.cut(k, rowLen) {
				u.index = len(pt.units)
				pt.units = append(pt.units, u)
			}
		}
		p.Bytes += pt.Layout.Size
		p.Parts = append(p.Parts, pt)
	}
	return nil
}

// sourceParts groups the steps by Step.Part, which is the source's part. Parts behind the last one that has a tensor
// are left out; one before it may be empty.
func (p *Plan) sourceParts() [][]int {
	groups := [][]int{nil}
	for k := range p.Steps {
		for p.Steps[k].Part >= len(groups) {
			groups = append(groups, nil)
		}
		groups[p.Steps[k].Part] = append(groups[p.Steps[k].Part], k)
	}
	return groups
}

// DataBytes is what all units write: the output without headers and padding.
func (p *Plan) DataBytes() (n int64) {
	for i := range p.Parts {
		for _, u := range p.Parts[i].units {
			n += u.len
		}
	}
	return n
}

// checkpointIdentity tells one checkpoint from another as far as headers can.
func checkpointIdentity(ck *hf.Checkpoint) func(hash.Hash) {
	return func(h hash.Hash) {
		for _, f := range ck.Files {
			fmt.Fprintf(h, "%q %d %x\n", f.Name, f.Size, f.HeaderSHA256)
		}
	}
}
