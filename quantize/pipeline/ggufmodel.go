package pipeline

import (
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/mix"
)

// ggufModel reads the numbers that type selection needs. Overrides count, as they do when the reference loads the
// model: a count may be added, but heads that are listed by layer stay.
func ggufModel(f *gguf.File, name string, overrides []gguf.KV) (*mix.Model, error) {
	m := &mix.Model{}
	if m.Arch, _ = gguf.Value[string](f, keyArchitecture); m.Arch == "" {
		return nil, fault.New(fault.Malformed, name, "%s is missing", keyArchitecture)
	}
	if v, ok := overridden(overrides, keyArchitecture); ok {
		m.Arch = v.(string)
	}
	if m.Arch == "clip" {
		return m, nil // an encoder of images or sound: its counts have other keys, which the reference does not ask for
	}
	lim := gguf.DefaultLimits()
	for _, n := range []struct {
		key   string
		to    *int64
		limit int64 // 0: only replaced where it is there
	}{
		{".block_count", &m.Layers, lim.Layers},
		{".expert_count", &m.Experts, lim.Experts},
		{".attention.head_count", &m.Heads, 0},
		{".attention.head_count_kv", &m.HeadsKV, 0},
	} {
		key := m.Arch + n.key
		v, found := f.Get(key)
		if o, ok := overridden(overrides, key); ok && (n.limit > 0 || found && kindOf(v) == "int") {
			v, found = o, true
		}
		if !found {
			if n.to == &m.Layers {
				return nil, fault.New(fault.Malformed, name, "%s is missing", key)
			}
			if n.to == &m.HeadsKV {
				m.HeadsKV = m.Heads
			}
			continue
		}
		count, ok := firstCount(v)
		if !ok {
			return nil, fault.New(fault.Malformed, name, "%s is not a count", key)
		}
		if n.limit > 0 && count > n.limit {
			return nil, fault.New(fault.Limit, name, "%s is %d, the limit is %d", key, count, n.limit)
		}
		*n.to = count
	}
	return m, nil
}

// firstCount reads a count: a number, or an array with one number a layer, of which the first counts.
func firstCount(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case uint32:
		return int64(v), true
	case int32:
		n = int64(v)
	case uint64:
		n = int64(v)
	case []uint32:
		if len(v) == 0 {
			return 0, false
		}
		return int64(v[0]), true
	case []int32:
		if len(v) == 0 {
			return 0, false
		}
		n = int64(v[0])
	default:
		return 0, false
	}
	return n, n >= 0
}
