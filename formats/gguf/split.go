package gguf

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/wire"
)

const (
	keySplitNo      = "split.no"
	keySplitCount   = "split.count"
	keySplitTensors = "split.tensors.count"
)

// SplitName gives the name of part no (from 1) of count.
func SplitName(prefix string, no, count int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", prefix, no, count)
}

// ParseSplit takes such a name apart; ok is false for any other name.
func ParseSplit(name string) (prefix string, no, count int, ok bool) {
	rest, ok := strings.CutSuffix(name, ".gguf")
	const tail = len("-00001-of-00001")
	if !ok || len(rest) <= tail {
		return "", 0, 0, false
	}
	prefix, rest = rest[:len(rest)-tail], rest[len(rest)-tail:]
	a, errA := strconv.ParseUint(rest[1:6], 10, 32)
	b, errB := strconv.ParseUint(rest[10:], 10, 32)
	if rest[0] != '-' || rest[6:10] != "-of-" || errA != nil || errB != nil || a < 1 || a > b {
		return "", 0, 0, false
	}
	return prefix, int(a), int(b), true
}

// PlanSplits divides tensors into files, in order, as the reference converter does: a file is closed
// before a tensor that would make it exceed maxTensors tensors or maxBytes bytes of data, padding not
// counted; a tensor larger than maxBytes has a file of its own. 0 means no limit. There is always at
// least one file, and at most 65,535, which is what split.count holds.
func PlanSplits(ts []Tensor, maxTensors int, maxBytes int64) ([][]int, error) {
	if maxTensors < 0 || maxBytes < 0 {
		return nil, fault.New(fault.Usage, "", "split limits of %d tensors and %d bytes: expected no negative number", maxTensors, maxBytes)
	}
	parts := [][]int{{}}
	var sum int64
	for i := range ts {
		n, err := ts[i].size("")
		if err != nil {
			return nil, err
		}
		last := len(parts) - 1
		with, ok := wire.Add(sum, n)
		if !ok {
			return nil, fault.New(fault.Malformed, "", "the tensors are larger than any file").In(ts[i].Name)
		}
		if k := len(parts[last]); k > 0 && (maxTensors != 0 && k >= maxTensors || maxBytes != 0 && with > maxBytes) {
			parts = append(parts, nil)
			last, with = last+1, n
		}
		parts[last] = append(parts[last], i)
		sum = with
	}
	if len(parts) > math.MaxUint16 {
		return nil, fault.New(fault.Usage, "", "the split limits make %d files, %s holds at most %d: raise the limits", len(parts), keySplitCount, math.MaxUint16)
	}
	return parts, nil
}

// ShardKVs gives the key-values of part no (from 0) of count parts with nTensors tensors in all: the
// first carries all of kvs, every one the three split keys. Keys of kvs that are split keys keep their
// place and get the new value.
func ShardKVs(kvs []KV, no, count, nTensors int) []KV {
	var out []KV
	if no == 0 {
		out = slices.Clone(kvs)
	}
	for _, kv := range []KV{{keySplitNo, uint16(no)}, {keySplitCount, uint16(count)}, {keySplitTensors, int32(nTensors)}} {
		if i := slices.IndexFunc(out, func(o KV) bool { return o.Key == kv.Key }); i >= 0 {
			out[i] = kv
		} else {
			out = append(out, kv)
		}
	}
	return out
}
