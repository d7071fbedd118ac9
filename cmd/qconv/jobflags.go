package main

import (
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/mix"
)

// maxThreads is far above what any machine can use; more is a slip of the keyboard.
const maxThreads = 4096

// parse reads the values of the flags that all commands have.
func (j *job) parse() (err error) {
	o := &j.opts
	if err := j.readPatterns(); err != nil {
		return err
	}
	if j.outputType != "" {
		if o.Mix.Output, err = tensorType("--output-tensor-type", j.outputType); err != nil {
			return err
		}
	}
	if j.embeddingType != "" {
		if o.Mix.Embedding, err = tensorType("--token-embedding-type", j.embeddingType); err != nil {
			return err
		}
	}
	if o.RAM, err = parseSize("--ram", j.ram); err != nil {
		return err
	}
	if o.Threads < 0 || o.Threads > maxThreads {
		return usagef("--threads %d is not between 1 and %d", o.Threads, maxThreads)
	}
	return j.readImportance()
}

// parseConversion reads the values of all flags of convert and plan.
func (j *job) parseConversion() (err error) {
	o := &j.opts
	if o.Recipe, err = parseRecipe(j.typ); err != nil {
		return err
	}
	if err := j.parse(); err != nil {
		return err
	}
	if j.changed("split-max-size") {
		if o.SplitMaxBytes, err = parseSize("--split-max-size", j.splitSize); err != nil {
			return err
		}
	}
	if j.changed("split-max-tensors") && o.SplitMaxTensors < 1 {
		return usagef("--split-max-tensors %d is too few; a file holds at least 1", o.SplitMaxTensors)
	}
	if j.changed("out") && j.out == "" {
		return usagef("--out is empty; give a file or a directory")
	}
	if !j.isDir() {
		o.FileName = filepath.Base(j.out)
	}
	return j.readMetadata()
}

// parseRecipe reads --type; no recipe stands for auto.
func parseRecipe(name string) (*mix.Recipe, error) {
	if name == "" {
		return nil, usagef("--type is missing; %s", oneOf("auto"))
	}
	if strings.EqualFold(name, "auto") {
		return nil, nil
	}
	return recipeOf("--type", name, "auto")
}

// recipeOf finds the recipe of a type that can be made; also is what else what may be.
func recipeOf(what, name, also string) (*mix.Recipe, error) {
	r, ok := mix.ParseRecipe(name)
	if !ok {
		return nil, usagef("%s %q is unknown; %s", what, name, oneOf(also))
	}
	return r, nil
}

func oneOf(also string) string {
	return "it is one of " + typeList(" ") + "; or " + also
}

func tensorType(flag, name string) (*gguf.Type, error) {
	t, ok := gguf.ParseType(name)
	if !ok {
		return nil, usagef("%s: %q is no tensor type; it is one of %s", flag, name, strings.Join(tensorTypes(), " "))
	}
	if _, found := quantize.For(t); !found {
		return nil, fault.New(fault.Unsupported, "", "%s: tensors of type %v cannot be made; it is one of %s", flag, t, strings.Join(tensorTypes(), " "))
	}
	return &t, nil
}

// tensorTypes lists the block types that can be made.
func tensorTypes() (names []string) {
	for _, c := range quantize.List() {
		names = append(names, c.Type.String())
	}
	return names
}

// parseSize reads a byte count such as 1500000, 64MiB or 50G.
func parseSize(flag, s string) (int64, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		i = len(s)
	}
	unit := map[string]float64{"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "t": 1e12, "tb": 1e12,
		"ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30, "ti": 1 << 40, "tib": 1 << 40}
	n, err := strconv.ParseFloat(s[:i], 64)
	f, ok := unit[strings.ToLower(strings.TrimSpace(s[i:]))]
	if n *= f; err != nil || !ok || n < 1 || n > math.MaxInt64/2 {
		return 0, usagef("%s %q is no size; write it as 512MiB or 50G", flag, s)
	}
	return int64(n), nil
}

// readMetadata reads the file of --metadata.
func (j *job) readMetadata() (err error) {
	if j.changed("metadata") {
		j.opts.MetadataJSON, err = j.readFlagFile("--metadata", j.metadata, hf.ConfigLimit)
	}
	return err
}
