package gguf

import "github.com/qconv/qconv/formats/fault"

const (
	keyTokens = "tokenizer.ggml.tokens"
	keyScores = "tokenizer.ggml.scores"
	keyTypes  = "tokenizer.ggml.token_type"
	keyMerges = "tokenizer.ggml.merges"
)

// plausible checks the keys that readers size or index things with.
func (f *File) plausible(lim Limits) error {
	if arch, ok := Value[string](f, keyArchitecture); ok {
		for _, n := range [...]struct {
			key   string
			limit int64
		}{
			{arch + ".block_count", lim.Layers},
			{arch + ".expert_count", lim.Experts},
		} {
			if err := f.bounded(n.key, n.limit); err != nil {
				return err
			}
		}
	} else if _, found := f.Get(keyArchitecture); found {
		return f.wrongType(keyArchitecture, "str")
	}
	return f.vocabulary(lim)
}

// bounded checks a count, if it is there.
func (f *File) bounded(key string, limit int64) error {
	if _, found := f.Get(key); !found {
		return nil
	}
	switch n, ok := f.Int(key); {
	case !ok:
		return f.wrongType(key, "an integer")
	case n < 0:
		return fault.New(fault.Malformed, f.Name, "key %q is %d, expected a count", key, n)
	case n > limit:
		return fault.New(fault.Limit, f.Name, "key %q is %d, the limit is %d", key, n, limit)
	}
	return nil
}

func (f *File) wrongType(key, want string) error {
	v, _ := f.Get(key)
	return fault.New(fault.Malformed, f.Name, "key %q is %s, expected %s", key, KV{Value: v}.typeText(), want)
}

// vocabulary checks that the token arrays agree with each other.
func (f *File) vocabulary(lim Limits) error {
	if _, found := f.Get(keyMerges); found {
		merges, ok := Value[[]string](f, keyMerges)
		if !ok {
			return f.wrongType(keyMerges, "arr of str")
		}
		if int64(len(merges)) > lim.Merges {
			return fault.New(fault.Limit, f.Name, "key %q has %d elements, the limit is %d", keyMerges, len(merges), lim.Merges)
		}
	}
	nTokens := -1
	if _, found := f.Get(keyTokens); found {
		tokens, ok := Value[[]string](f, keyTokens)
		if !ok {
			return f.wrongType(keyTokens, "arr of str")
		}
		if nTokens = len(tokens); int64(nTokens) > lim.Vocab {
			return fault.New(fault.Limit, f.Name, "key %q has %d elements, the limit is %d", keyTokens, nTokens, lim.Vocab)
		}
	}
	for _, a := range [...]struct {
		key  string
		want string
		ok   func(v any) bool
	}{
		{keyScores, "arr of f32 or i32", func(v any) bool {
			_, f := v.([]float32)
			_, i := v.([]int32)
			return f || i
		}},
		{keyTypes, "arr of i32", func(v any) bool { _, ok := v.([]int32); return ok }},
	} {
		v, found := f.Get(a.key)
		if !found {
			continue
		}
		if !a.ok(v) {
			return f.wrongType(a.key, a.want)
		}
		if n, _ := (KV{Value: v}).Len(); n != nTokens && nTokens >= 0 {
			return fault.New(fault.Mismatch, f.Name, "key %q has %d elements, %q has %d", a.key, n, keyTokens, nTokens)
		}
	}
	return nil
}
