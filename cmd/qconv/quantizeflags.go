package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/gguf"
)

// maxBufferMiB keeps the product below 2^63.
const maxBufferMiB = 1 << 40

// parse reads the values of arguments and flags.
func (q *quantizeJob) parse() (err error) {
	o := &q.opts
	if o.Mix.Copy = strings.EqualFold(q.typ, "COPY"); !o.Mix.Copy {
		if o.Recipe, err = recipeOf("TYPE", q.typ, "COPY"); err != nil {
			return err
		}
	}
	if q.threads != "" {
		if q.changed("threads") {
			return usagef("NTHREADS and --threads mean the same; give one of them")
		}
		if o.Threads, err = strconv.Atoi(q.threads); err != nil {
			return usagef("NTHREADS %q is no number (%s was taken for TYPE)", q.threads, quoted(q.typ))
		}
		o.Threads = max(o.Threads, 0)
	}
	if err := q.job.parse(); err != nil {
		return err
	}
	if q.changed("max-buffer-size") {
		if q.maxBuffer < 1 || q.maxBuffer > maxBufferMiB {
			return usagef("--max-buffer-size %d is not a number of MiB from 1 on", q.maxBuffer)
		}
		o.Buffers = int64(q.maxBuffer) << 20
	}
	if o.Prune, err = parseLayers(q.prune); err != nil {
		return err
	}
	for _, s := range q.overrides {
		kv, err := parseOverride(s)
		if err != nil {
			return err
		}
		o.Overrides = append(o.Overrides, kv)
	}
	if q.out == "" {
		q.out = filepath.Join(filepath.Dir(q.in), "ggml-model-"+typeWord(q.typ)+".gguf")
	}
	o.FileName = filepath.Base(q.out)
	return nil
}

// typeWord is how the reference writes TYPE in a file name: as it was given, or for a number the first name that its
// list has for it, which is the short one where there are two.
func typeWord(typ string) string {
	switch typ {
	case "12":
		return "Q3_K"
	case "15":
		return "Q4_K"
	case "17":
		return "Q5_K"
	}
	if _, err := strconv.Atoi(typ); err == nil {
		r, _ := recipeOf("TYPE", typ, "")
		return r.Name
	}
	return strings.ToUpper(typ)
}

// parseLayers reads --prune-layers.
func parseLayers(lists []string) (layers []int64, err error) {
	for _, list := range lists {
		for _, s := range strings.Split(list, ",") {
			n, err := strconv.ParseUint(s, 10, 31)
			if err != nil {
				return nil, usagef("--prune-layers: %q is no layer; write it as 10,11,12", s)
			}
			layers = append(layers, int64(n))
		}
	}
	return layers, nil
}

// What fits an override in the reference, in bytes.
const (
	overrideKey  = 127
	overrideText = 127
)

// parseOverride reads one --override-kv. The reference reads what it can of a number and takes the rest for 0; here it
// must be one.
func parseOverride(s string) (kv gguf.KV, err error) {
	key, rest, ok := strings.Cut(s, "=")
	kind, text, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || key == "" {
		return kv, usagef("--override-kv %q is not KEY=KIND:VALUE; write it as general.name=str:NAME", s)
	}
	if len(key) > overrideKey {
		return kv, usagef("--override-kv: the key has %d bytes, it may have %d", len(key), overrideKey)
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return kv, usagef("--override-kv: key %q is not printable ASCII", key)
	}
	kv.Key = key
	switch kind {
	case "int":
		n, err := strconv.ParseInt(text, 10, 64)
		if n < 0 {
			n = -n
		}
		if err != nil || n < 0 || n > math.MaxUint32 {
			return kv, usagef("--override-kv %s: %q is no whole number that u32 holds", key, text)
		}
		kv.Value = uint32(n)
	case "float":
		x, err := strconv.ParseFloat(text, 64)
		if y := float32(x); err != nil || math.IsNaN(x) || math.IsInf(float64(y), 0) {
			return kv, usagef("--override-kv %s: %q is no number that f32 holds", key, text)
		}
		kv.Value = float32(x)
	case "bool":
		if text != "true" && text != "false" {
			return kv, usagef("--override-kv %s: %q is neither true nor false", key, text)
		}
		kv.Value = text == "true"
	case "str":
		if len(text) > overrideText {
			return kv, usagef("--override-kv %s: the value has %d bytes, it may have %d", key, len(text), overrideText)
		}
		kv.Value = text
	default:
		return kv, usagef("--override-kv %s: %q is no kind; it is int, float, bool or str", key, kind)
	}
	return kv, nil
}
