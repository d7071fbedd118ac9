package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// job is what convert and plan have in common: the flags that decide the output's bytes.
type job struct {
	opts           pipeline.Options
	typ            string
	out            string
	patterns       []string
	outputType     string
	embeddingType  string
	splitSize      string
	ram            string
	metadata       string
	followSymlinks bool
	target         string // the output's path, once planned
}

func (j *job) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&j.typ, "type", "t", "", "file type: "+strings.Join(typeNames(), " ")+", or auto (the source's 16-bit type)")
	f.StringVarP(&j.out, "out", "o", "", "output file, or a directory for the name that the model's metadata give (default: that name here)")
	f.StringArrayVar(&j.patterns, "tensor-type", nil, "`RE=T`: tensors whose name matches RE get type T (repeatable, first match wins)")
	f.StringVar(&j.outputType, "output-tensor-type", "", "type of output.weight")
	f.StringVar(&j.embeddingType, "token-embedding-type", "", "type of token_embd.weight")
	f.BoolVar(&j.opts.Mix.Pure, "pure", false, "no mixture: every tensor gets the file type's default type")
	f.BoolVar(&j.opts.Mix.LeaveOutput, "leave-output-tensor", false, "keep output.weight as it is")
	f.BoolVar(&j.opts.AllowRequantize, "allow-requantize", false, "let tensors that are already quantized be quantized again")
	f.StringVar(&j.splitSize, "split-max-size", "", "split the output into files of at most this many bytes (K, M, G are powers of 1000; KiB, MiB, GiB of 1024)")
	f.IntVar(&j.opts.SplitMaxTensors, "split-max-tensors", 0, "split the output into files of at most this many tensors")
	f.IntVarP(&j.opts.Threads, "threads", "j", 0, "worker threads (default: all cores)")
	f.StringVar(&j.ram, "ram", "1GiB", "memory for all buffers and the plan")
	f.StringVar(&j.opts.Pre, "pre", "", "name of the pre-tokenizer, when it cannot be found out (such as qwen2, llama-bpe)")
	f.StringVar(&j.opts.ModelName, "model-name", "", "general.name of the output")
	f.StringVar(&j.metadata, "metadata", "", "JSON file with general.* values that replace the derived ones")
	f.BoolVar(&j.followSymlinks, "follow-symlinks", false, "read files that links inside SRC put elsewhere")
}

// typeNames lists the file types that can be made, in the order of their numbers.
func typeNames() (names []string) {
	for _, r := range mix.Recipes() {
		if usable(r) {
			names = append(names, r.Name)
		}
	}
	return names
}

// usable tells whether every block type that the recipe asks for can be encoded without importance.
func usable(r *mix.Recipe) bool {
	c, ok := quantize.For(r.Default)
	return ok && !c.NeedWeight
}

// source is an opened SRC.
type source struct {
	inputs []os.FileInfo
	close  func()
}

func (s *source) Close() { s.close() }

// plan opens SRC and plans its conversion.
func (j *job) plan(src string) (*source, *pipeline.Plan, error) {
	if err := j.parse(); err != nil {
		return nil, nil, err
	}
	st, err := os.Stat(src)
	if err != nil {
		return nil, nil, err
	}
	if !st.IsDir() {
		return j.planGGUF(src)
	}
	ck, err := hf.Open(hf.Dir(src, j.followSymlinks), hf.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	s := &source{close: func() { ck.Close() }}
	if s.inputs, err = files(src); err == nil {
		var p *pipeline.Plan
		if p, err = pipeline.FromCheckpoint(ck, j.opts); err == nil {
			j.settle(p)
			return s, p, nil
		}
	}
	s.Close()
	return nil, nil, err
}

func (j *job) planGGUF(src string) (*source, *pipeline.Plan, error) {
	set, err := openGGUF(src)
	if err != nil {
		return nil, nil, err
	}
	s := &source{inputs: set.inputs, close: set.Close}
	p, err := pipeline.FromGGUF(set.set, filepath.Base(src), set.unchanged, j.opts)
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	j.settle(p)
	return s, p, nil
}

// settle fixes the output's path.
func (j *job) settle(p *pipeline.Plan) {
	j.target = filepath.Join(j.dir(), p.Parts[0].Name)
}

// dir is the directory of the output.
func (j *job) dir() string {
	if j.isDir() {
		return j.out
	}
	return filepath.Dir(j.out)
}

func (j *job) isDir() bool {
	if j.out == "" || strings.HasSuffix(j.out, string(filepath.Separator)) {
		return true
	}
	st, err := os.Stat(j.out)
	return err == nil && st.IsDir()
}

func (j *job) parse() (err error) {
	if j.typ == "" {
		return usageError{fmt.Errorf("--type is missing; it is one of %s, or auto", strings.Join(typeNames(), " "))}
	}
	o := &j.opts
	if !strings.EqualFold(j.typ, "auto") {
		r, ok := mix.ParseRecipe(j.typ)
		if !ok {
			return usageError{fmt.Errorf("--type %q is unknown; it is one of %s, or auto", j.typ, strings.Join(typeNames(), " "))}
		}
		if !usable(r) {
			return fault.New(fault.Unsupported, "", "--type %s cannot be made yet; it is one of %s, or auto", r.Name, strings.Join(typeNames(), " "))
		}
		o.Recipe = r
	}
	for _, p := range j.patterns {
		i := strings.LastIndexByte(p, '=')
		if i < 0 {
			return usageError{fmt.Errorf("--tensor-type %q has no type; write it as 'ffn_down=Q6_K'", p)}
		}
		t, err := tensorType("--tensor-type", p[i+1:])
		if err != nil {
			return err
		}
		pat, err := mix.NewPattern(p[:i], *t)
		if err != nil {
			return usageError{fmt.Errorf("--tensor-type %q: %w", p, err)}
		}
		o.Mix.Patterns = append(o.Mix.Patterns, pat)
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
	if j.splitSize != "" {
		if o.SplitMaxBytes, err = parseSize("--split-max-size", j.splitSize); err != nil {
			return err
		}
	}
	if o.SplitMaxTensors < 0 || o.Threads < 0 {
		return usageError{fmt.Errorf("--split-max-tensors and --threads must not be negative")}
	}
	if j.metadata != "" {
		if o.MetadataJSON, err = os.ReadFile(j.metadata); err != nil {
			return err
		}
	}
	if !j.isDir() {
		o.FileName = filepath.Base(j.out)
	}
	return nil
}

func tensorType(flag, name string) (*gguf.Type, error) {
	t, ok := gguf.ParseType(name)
	if ok {
		if c, found := quantize.For(t); found && !c.NeedWeight {
			return &t, nil
		}
		return nil, fault.New(fault.Unsupported, "", "%s: tensors of type %v cannot be made yet", flag, t)
	}
	return nil, usageError{fmt.Errorf("%s: %q is no tensor type", flag, name)}
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
		return 0, usageError{fmt.Errorf("%s %q is no size; write it as 512MiB or 50G", flag, s)}
	}
	return int64(n), nil
}

// files stats the directory's files: none of them may become the output.
func files(dir string) (list []os.FileInfo, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		st, err := os.Stat(filepath.Join(dir, e.Name()))
		if err == nil && st.Mode().IsRegular() {
			list = append(list, st)
		} else if err != nil && !os.IsNotExist(err) && !os.IsPermission(err) {
			return nil, err
		}
	}
	return list, nil
}
