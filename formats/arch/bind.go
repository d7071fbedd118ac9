package arch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// Bind resolves s against a config and the checkpoint's tensors, which come in checkpoint order (file
// name, then tensor name). Errors are faults: Malformed for a config that says nothing sensible, Limit
// beyond a documented bound, Mismatch for tensors that contradict the config or each other,
// Unsupported for what qconv does not convert.
func (s *Spec) Bind(cfg strictjson.Value, src []Source) (*Binding, error) {
	m, err := newModel(s, cfg)
	if err != nil {
		return nil, err
	}
	if err = m.resolve(s.Nums); err != nil {
		return nil, err
	}
	if s.Check != nil {
		if err = s.Check(m); err != nil {
			return nil, err
		}
	}
	b := &Binding{Spec: s, Arch: s.Name, Vocab: s.Vocab, Layers: m.Num("num_hidden_layers"), Heads: m.Num("num_attention_heads")}
	if s.Experts != "" {
		b.Experts = m.Num(s.Experts)
	}
	packed, err := packedFP8(m)
	if err != nil {
		return nil, err
	}
	if packed != nil {
		b.ScaleBlock = packed.block
	}
	if b.KVs, err = m.keys(s); err != nil {
		return nil, err
	}
	k := &binder{Binding: b, spec: s, m: m, src: src, packed: packed}
	if err = k.bind(); err != nil {
		return nil, err
	}
	if b.Layers > warnLayers {
		m.notice("num_hidden_layers is %d: llama.cpp loads at most %d layers", b.Layers, warnLayers)
	}
	if b.Block, err = m.block(s, b); err != nil {
		return nil, err
	}
	b.HeadsKV = b.headsKV()
	b.Notices = m.notices
	return b, nil
}

func (m *Model) notice(format string, args ...any) {
	m.notices = append(m.notices, fmt.Sprintf(format, args...))
}

// headsKV reads the key that was written.
func (b *Binding) headsKV() int64 {
	for _, kv := range b.KVs {
		if n, ok := kv.Value.(uint32); ok && kv.Key == b.Arch+".attention.head_count_kv" {
			return int64(n)
		}
	}
	return b.Heads
}

// slot is a source that matched: rule of the Spec, layer and expert (-1 for none).
type slot struct {
	rule          int32
	layer, expert int32
	src, scale    int32
}

type binder struct {
	*Binding
	spec   *Spec
	m      *Model
	src    []Source
	packed *fp8

	byName map[string]int // rule by pattern
	shapes [][]int64      // of each rule's source
	buf    []byte
	slots  []slot         // in checkpoint order
	sorted []slot         // by rule, layer, expert
	scales map[string]int // source of the scale of a weight, by the weight's name
	extra  []string       // names that no rule knows
}

func (k *binder) bind() error {
	k.byName = make(map[string]int, len(k.spec.Rules))
	for i := range k.spec.Rules {
		r := &k.spec.Rules[i]
		k.byName[r.From] = i
		dims, err := k.m.shape(r.Shape)
		if err != nil {
			return err
		}
		k.shapes = append(k.shapes, dims)
	}
	weights := k.takeScales()
	for i, name := range weights {
		if name != "" {
			if err := k.match(i, name); err != nil {
				return err
			}
		}
	}
	k.sorted = slices.Clone(k.slots)
	slices.SortFunc(k.sorted, compareSlots)
	if err := k.complete(); err != nil {
		return err
	}
	return k.emit()
}

func compareSlots(a, b slot) int {
	switch {
	case a.rule != b.rule:
		return int(a.rule - b.rule)
	case a.layer != b.layer:
		return int(a.layer - b.layer)
	}
	return int(a.expert - b.expert)
}

// name gives the name that rules see. A name that a rule matches as it is passes no filter: no
// pattern holds what the filters look for.
func (k *binder) name(raw string) (string, bool) {
	if !k.m.bare {
		k.buf, _, _ = pattern(k.buf, raw)
		if _, ok := k.byName[string(k.buf)]; ok {
			return raw, true
		}
	}
	return k.spec.textName(raw, k.m.bare)
}

// takeScales sets the FP8 scales aside and gives the other sources' names; "" for what is dropped.
func (k *binder) takeScales() []string {
	names := make([]string, len(k.src))
	k.scales = map[string]int{}
	for i := range k.src {
		raw := k.src[i].Name
		if k.packed != nil {
			if stem, suffix, ok := k.packed.scaleOf(raw); ok {
				if name, keep := k.name(stem + suffix); keep {
					k.scales[name] = i
				} else {
					k.Dropped = append(k.Dropped, raw)
				}
				continue
			}
			if k.packed.unused(raw) {
				k.Dropped = append(k.Dropped, raw)
				continue
			}
		}
		name, keep := k.name(raw)
		if !keep {
			k.Dropped = append(k.Dropped, raw)
			continue
		}
		names[i] = name
	}
	return names
}

// match finds the rule of source i and checks what its header says.
func (k *binder) match(i int, name string) error {
	src := &k.src[i]
	scale := int32(-1)
	if at, ok := k.scales[name]; ok {
		scale = int32(at)
		delete(k.scales, name)
	}
	drop := func() error { k.Dropped = append(k.Dropped, src.Name); return nil }
	for _, ending := range k.spec.Ignore {
		if strings.HasSuffix(name, ending) {
			return drop()
		}
	}
	var layer, expert int64
	k.buf, layer, expert = pattern(k.buf, name)
	if k.spec.PastLayers && layer >= k.Layers && strings.HasPrefix(name, "model.layers.") {
		return drop()
	}
	ri, ok := k.byName[string(k.buf)]
	if !ok || layer >= k.Layers || expert >= k.Experts {
		k.extra = append(k.extra, src.Name)
		return nil
	}
	r := &k.spec.Rules[ri]
	placed := r.layered() == (layer >= 0) && r.experts() == (expert >= 0) // "{l}" itself is no number
	if !placed || r.When != nil && !r.When(k.m, layer) {
		k.extra = append(k.extra, src.Name)
		return nil
	}
	if r.Need == Head && k.m.tied {
		if k.spec.DropTied {
			k.Tied = append(k.Tied, i)
			return drop()
		}
		k.m.notice("%s is present although tie_word_embeddings is true: it is written as %s, as llama.cpp does", src.Name, r.To[0].To)
	}
	if err := checkDtype(src); err != nil {
		return err
	}
	if err := checkShape(src, r.Shape, k.shapes[ri]); err != nil {
		return err
	}
	if scale >= 0 {
		if err := k.packed.check(src, &k.src[scale]); err != nil {
			return err
		}
	}
	k.slots = append(k.slots, slot{int32(ri), int32(layer), int32(expert), int32(i), scale})
	return nil
}

// weightDtypes are the element types that weights are read from.
var weightDtypes = []string{"F32", "F16", "BF16", "F64", "F8_E4M3", "F8_E5M2"}

func checkDtype(src *Source) error {
	if !slices.Contains(weightDtypes, src.Dtype) {
		return fault.New(fault.Unsupported, "", "dtype %s holds no weights that qconv reads; supported: %s",
			fault.Printable(src.Dtype), strings.Join(weightDtypes, ", ")).In(src.Name)
	}
	return nil
}
