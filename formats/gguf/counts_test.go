package gguf

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// TestC2: no count is believed. Each is tried where nothing and where a little follows it.
func TestC2Counts(t *testing.T) {
	for _, c := range []struct {
		name  string
		field string
		unit  int // fewest bytes that one counted thing takes
		build func(n uint64) *bytesOf
	}{
		{"tensor count", "tensor count", minTensor, func(n uint64) *bytesOf { return file(n, 0) }},
		{"key count", "key count", minKV, func(n uint64) *bytesOf { return file(0, n) }},
		{"key length", "key", 1, func(n uint64) *bytesOf { return file(0, 1).u64(n) }},
		{"string length", `key "k": string`, 1, func(n uint64) *bytesOf { return file(0, 1).kv("k", ValueString).u64(n) }},
		{"length of u8 array", `key "k": array length`, 1, func(n uint64) *bytesOf { return file(0, 1).arr("k", ValueUint8, n) }},
		{"length of bool array", `key "k": array length`, 1, func(n uint64) *bytesOf { return file(0, 1).arr("k", ValueBool, n) }},
		{"length of u32 array", `key "k": array length`, 4, func(n uint64) *bytesOf { return file(0, 1).arr("k", ValueUint32, n) }},
		{"length of f64 array", `key "k": array length`, 8, func(n uint64) *bytesOf { return file(0, 1).arr("k", ValueFloat64, n) }},
		{"length of string array", `key "k": array length`, 8, func(n uint64) *bytesOf { return file(0, 1).arr("k", ValueString, n) }},
		{"string length in array", `key "k": string`, 1, func(n uint64) *bytesOf { return file(0, 1).arr("k", ValueString, 1).u64(n) }},
		{"tensor name length", "tensor number 0: name length", 1, func(n uint64) *bytesOf { return file(1, 0).u64(n) }},
	} {
		const rest = 8 * minTensor
		for _, n := range []uint64{1 << 63, math.MaxUint64, 1_000_000_000_000, math.MaxInt64, 1 << 61, 1 << 60, uint64(rest/c.unit) + 1} {
			t.Run(fmt.Sprintf("C2 %s %d", c.name, n), func(t *testing.T) {
				for _, after := range []int{0, rest} {
					b := append(c.build(n).b, make([]byte, after)...)
					_, err := open(b)
					kind := malformed
					if fault.KindOf(err) == limit && n > 1<<20 {
						kind = limit
					}
					field := c.field
					if after == 0 && c.name == "tensor name length" {
						field = "tensor count" // the tensor itself has no room
					}
					refused(t, b, kind, field)
				}
			})
		}
	}
}

// TestC2Vector: the file of 49 bytes that kills a process which sizes a slice from it.
func TestC2FortyNineBytes(t *testing.T) {
	b := file(0, 1).arr("a", ValueUint64, 1<<40).b
	if len(b) != 49 {
		t.Fatalf("%d bytes", len(b))
	}
	refused(t, b, malformed, `key "a": array length`)
}

// TestC2Limits: every limit is met at the limit and refused just above, with little memory, however
// large the file claims to be.
func TestC2Limits(t *testing.T) {
	lim := DefaultLimits()
	lim.KVs, lim.Key, lim.String, lim.ArrayElems, lim.KVBytes, lim.Tensors = 3, 10, 100, 50, 300, 4
	lim.Layers, lim.Experts, lim.Vocab, lim.Merges = 5, 6, 7, 8
	kvs := func(n int) []byte {
		w := file(0, uint64(n))
		for i := range n {
			w.kv(fmt.Sprint(i), ValueUint8).u8(0)
		}
		return w.b
	}
	tensors := func(n int) []byte {
		w := file(uint64(n), 0)
		for i := range n {
			w.tensor(fmt.Sprint(i), TypeF32, uint64(32*i), 8)
		}
		return w.b
	}
	strs := func(key string, n int) []byte {
		w := file(0, 1).arr(key, ValueString, uint64(n))
		for range n {
			w.str("")
		}
		return w.b
	}
	// A value of n bytes after a key "k" makes n + 8+1+4 bytes of key-values.
	budget := func(n int) []byte {
		return file(0, 3).kv("k", ValueString).str(strings.Repeat("s", 100)).
			kv("l", ValueString).str(strings.Repeat("s", 100)).kv("m", ValueString).str(strings.Repeat("s", n-2*(13+8+100)-13-8)).b
	}
	model := func(key string, n uint32) []byte {
		return file(0, 2).kv(keyArchitecture, ValueString).str("a").kv(key, ValueUint32).u32(n).b
	}
	for _, c := range []struct {
		name     string
		at, over []byte
		field    string
	}{
		{"keys", kvs(3), kvs(4), "key count 4 exceeds the limit of 3"},
		{"key", file(0, 1).kv("0123456789", ValueUint8).u8(0).b, file(0, 1).kv("0123456789a", ValueUint8).u8(0).b, "key of 11 bytes exceeds the limit of 10"},
		{"string", file(0, 1).kv("k", ValueString).str(strings.Repeat("s", 100)).b, file(0, 1).kv("k", ValueString).str(strings.Repeat("s", 101)).b, "string of 101 bytes exceeds the limit of 100"},
		{"array", file(0, 1).arr("k", ValueUint8, 50).raw(strings.Repeat("\x00", 50)).b, file(0, 1).arr("k", ValueUint8, 51).raw(strings.Repeat("\x00", 51)).b, "array of 51 elements exceeds the limit of 50"},
		{"string in array", file(0, 1).arr("k", ValueString, 1).str(strings.Repeat("s", 100)).b, file(0, 1).arr("k", ValueString, 1).str(strings.Repeat("s", 101)).b, "string of 101 bytes"},
		{"all key-values", budget(300), budget(301), "the key-values exceed their limit"},
		{"tensors", tensors(4), tensors(5), "tensor count 5 exceeds the limit of 4"},
		{"layers", model("a.block_count", 5), model("a.block_count", 6), `key "a.block_count" is 6, the limit is 5`},
		{"experts", model("a.expert_count", 6), model("a.expert_count", 7), `key "a.expert_count" is 7, the limit is 6`},
		{"vocabulary", strs(keyTokens, 7), strs(keyTokens, 8), `key "tokenizer.ggml.tokens" has 8 elements, the limit is 7`},
		{"merges", strs(keyMerges, 8), strs(keyMerges, 9), `key "tokenizer.ggml.merges" has 9 elements, the limit is 8`},
	} {
		t.Run("C2 "+c.name, func(t *testing.T) {
			l := lim
			if c.name == "vocabulary" || c.name == "merges" {
				l.Key = 100
			}
			if strings.HasPrefix(c.name, "layers") || strings.HasPrefix(c.name, "experts") {
				l.Key = 100
			}
			for _, size := range []int64{4096, 1 << 50} {
				if _, err := claimed(c.at, size, l); err != nil {
					t.Errorf("at the limit, file of %d: %v", size, err)
				}
				_, err := claimed(c.over, size, l)
				isFault(t, err, limit, c.field)
			}
		})
	}
	for _, c := range []struct {
		name string
		head []byte
	}{
		{"array of 64 Mi strings", file(0, 1).arr("k", ValueString, 64<<20+1).b},
		{"array of 64 Mi numbers beyond the budget", file(0, 1).arr("k", ValueFloat64, 64<<20).b},
		{"string of 16 MiB", file(0, 1).kv("k", ValueString).u64(16<<20 + 1).b},
		{"key of 64 KiB", file(0, 1).u64(65_536).b},
		{"65,537 keys", file(0, 65_537).b},
		{"2^20+1 tensors", file(1<<20+1, 0).b},
	} {
		t.Run("C2 default limit, "+c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := claimed(c.head, 1<<40, DefaultLimits())
			runtime.ReadMemStats(&after)
			isFault(t, err, limit, "limit")
			if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
				t.Errorf("allocated %d bytes", got)
			}
		})
	}
}
