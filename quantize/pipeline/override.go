package pipeline

import (
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// checkOverrides refuses values of another kind than the key has: readers would refuse the file. A number may stand
// for an array of such numbers, one a layer.
func checkOverrides(f *gguf.File, overrides []gguf.KV) error {
	for _, kv := range overrides {
		switch {
		case isSplitKey(kv.Key):
			return fault.New(fault.Usage, "", "key %q cannot be overridden: it follows from the parts that are written", kv.Key)
		case kv.Key == keyAlignment:
			return fault.New(fault.Usage, "", "key %q cannot be overridden: it says where the data lie", kv.Key)
		}
		old, found := f.Get(kv.Key)
		if !found {
			continue
		}
		if has := kindOf(old); has != kindOf(kv.Value) && !(has == "int array" && kindOf(kv.Value) == "int" || has == "float array" && kindOf(kv.Value) == "float") {
			return fault.New(fault.Usage, f.Name, "key %q is of kind %s, an override of kind %s would make it unreadable", kv.Key, has, kindOf(kv.Value))
		}
	}
	return nil
}

// kindOf names what an override can be, and arrays of it.
func kindOf(v any) string {
	switch v.(type) {
	case uint8, int8, uint16, int16, uint32, int32, uint64, int64:
		return "int"
	case []uint8, []int8, []uint16, []int16, []uint32, []int32, []uint64, []int64:
		return "int array"
	case float32, float64:
		return "float"
	case []float32, []float64:
		return "float array"
	case bool:
		return "bool"
	case string:
		return "str"
	}
	return "other array"
}

// overridden gives the value that an override has for a key. Of several the first counts, as when the reference
// loads the model; in the file the last one stays.
func overridden(overrides []gguf.KV, key string) (v any, ok bool) {
	i := slices.IndexFunc(overrides, func(kv gguf.KV) bool { return kv.Key == key })
	if i < 0 {
		return nil, false
	}
	return overrides[i].Value, true
}
