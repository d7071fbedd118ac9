package pipeline

import (
	"slices"
	"strings"

	"github.com/qconv/qconv/formats/gguf"
)

const (
	keyArchitecture = "general.architecture"
	keyAlignment    = "general.alignment"
	keyFileType     = "general.file_type"
	keyQuantVersion = "general.quantization_version"
	quantVersion    = uint32(2)
)

// params counts weights as the reference converter does for general.size_label.
type params struct{ total, shared, expert, experts int64 }

func countParams(steps []Step) (c params) {
	var sum, n int64
	for i := range steps {
		shape := steps[i].Shape
		size := int64(1)
		for _, d := range shape {
			size *= d
		}
		c.total += size
		if !strings.Contains(steps[i].Name, "_exps.") || len(shape) < 3 {
			c.shared += size
			continue
		}
		experts := shape[2]
		if strings.Contains(steps[i].Name, ".bias") {
			experts = shape[1]
		}
		c.expert += size / experts
		sum += experts
		n++
	}
	if n > 0 {
		c.experts = sum / n
	}
	return c
}

// quantizedKVs orders keys as llama-quantize leaves them: its two own keys last, split keys gone.
func quantizedKVs(kvs []gguf.KV, fileType uint32) []gguf.KV {
	out := make([]gguf.KV, 0, len(kvs)+2)
	for _, kv := range kvs {
		if kv.Key == keyFileType || kv.Key == keyQuantVersion || isSplitKey(kv.Key) {
			continue
		}
		out = append(out, kv)
	}
	return append(out, gguf.KV{Key: keyQuantVersion, Value: quantVersion}, gguf.KV{Key: keyFileType, Value: fileType})
}

// zeroBytes names keys whose text llama-quantize would cut off at a zero byte. It stays whole here: tokens that are cut
// may become equal, which no reader of the file accepts.
func zeroBytes(kvs []gguf.KV) (notices []string) {
	for _, kv := range kvs {
		list, _ := kv.Value.([]string)
		if text, ok := kv.Value.(string); ok {
			list = []string{text}
		}
		if slices.ContainsFunc(list, func(s string) bool { return strings.IndexByte(s, 0) >= 0 }) {
			notices = append(notices, kv.Key+" holds text with a zero byte, which llama-quantize would cut off there: the file differs from its file in that")
		}
	}
	return notices
}

// replaced sets keys as llama-quantize does: one that was there goes to the end.
func replaced(kvs []gguf.KV, list ...gguf.KV) []gguf.KV {
	for _, kv := range list {
		kvs = append(slices.DeleteFunc(kvs, func(old gguf.KV) bool { return old.Key == kv.Key }), kv)
	}
	return kvs
}

func isSplitKey(key string) bool {
	return key == "split.no" || key == "split.count" || key == "split.tensors.count"
}

// stripOnes drops trailing dimensions of size 1, as llama-quantize does; at least one stays.
func stripOnes(shape []int64) []int64 {
	for len(shape) > 1 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	return shape
}
