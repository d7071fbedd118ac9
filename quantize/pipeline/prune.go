package pipeline

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// layerPart is where a tensor's name says its layer.
var layerPart = regexp.MustCompile(`blk\.([0-9]+)\.`)

// pruning says what becomes of the layers: a layer without a new number is left out.
type pruning struct {
	number map[int64]int64
}

// newPruning numbers the layers that stay, as llama-quantize does: those before the first one left out keep their
// number, the others follow on. With nothing to leave out it gives nil.
func newPruning(set *gguf.Set, prune []int64) (*pruning, error) {
	if len(prune) == 0 {
		return nil, nil
	}
	there := map[int64]bool{}
	for i := range set.Tensors {
		name := set.Tensors[i].Name
		m := layerPart.FindStringSubmatchIndex(name)
		if m == nil {
			continue
		}
		if m[0] > 0 {
			// An encoder and a decoder have layers of their own, which one list of numbers cannot tell apart.
			return nil, fault.New(fault.Unsupported, set.FileOf(i), "layers can be pruned from models whose tensors are named blk.N. only").In(name)
		}
		l, err := strconv.ParseInt(name[m[2]:m[3]], 10, 32)
		if err != nil {
			return nil, fault.New(fault.Malformed, set.FileOf(i), "its layer is no number that fits").In(name)
		}
		there[l] = true
	}
	layers := slices.Sorted(maps.Keys(there))
	if len(layers) == 0 {
		return nil, fault.New(fault.Usage, set.First.Name, "has no tensor of a layer that could be pruned")
	}
	for _, l := range prune {
		if !there[l] {
			return nil, fault.New(fault.Usage, set.First.Name, "has no layer %d to prune: its layers are %d to %d", l, layers[0], layers[len(layers)-1])
		}
	}
	p := &pruning{number: map[int64]int64{}}
	next, first := int64(0), slices.Min(prune)
	for _, l := range layers {
		switch {
		case slices.Contains(prune, l):
			continue
		case l < first:
			next = l
		}
		p.number[l] = next
		next++
	}
	if len(p.number) == 0 {
		return nil, fault.New(fault.Usage, set.First.Name, "all %d layers would be pruned: leave at least one", len(layers))
	}
	return p, nil
}

// rename gives a tensor its new name; keep is false when it is left out.
func (p *pruning) rename(name string) (_ string, keep bool) {
	m := layerPart.FindStringSubmatchIndex(name)
	if p == nil || m == nil {
		return name, true
	}
	l, _ := strconv.ParseInt(name[m[2]:m[3]], 10, 32) // newPruning has looked at it
	to, keep := p.number[l]
	return fmt.Sprintf("blk.%d%s", to, name[m[3]:]), keep
}

// layers is how many there are afterwards.
func (p *pruning) layers() (n int64) {
	for _, to := range p.number {
		n = max(n, to+1)
	}
	return n
}

// notices names the keys that no longer fit. The reference leaves them alone, and so do we.
func (p *pruning) notices(kvs []gguf.KV, arch string, before int64) (list []string) {
	for _, kv := range kvs {
		n, isArray := kv.Len()
		if isArray && int64(n) == before && len(kv.Key) > len(arch) && kv.Key[:len(arch)+1] == arch+"." {
			list = append(list, fmt.Sprintf("%s holds a value for each of %d layers; pruning leaves it as it is, as llama-quantize does, and the file may not load", kv.Key, before))
		}
		if kv.Key == arch+".leading_dense_block_count" || kv.Key == arch+".nextn_predict_layers" {
			if kv.Value != uint32(0) {
				list = append(list, fmt.Sprintf("%s stays %v, as with llama-quantize: check that it still counts the right layers", kv.Key, kv.Value))
			}
		}
	}
	return list
}
