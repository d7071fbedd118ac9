package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// job is what convert, plan and quantize have in common: the flags that decide the output's bytes.
type job struct {
	opts           pipeline.Options
	typ            string
	out            string
	inputs         []os.FileInfo // of files that flags name
	patterns       []patternArg
	outputType     string
	embeddingType  string
	splitSize      string
	ram            string
	metadata       string
	importance     importance
	followSymlinks bool
	changed        func(flag string) bool // whether the command line has a flag
	target         string                 // the output's path, once planned

	// prepare is called before the conversion is planned, with the source's name and a way to plan the source as it is; nil: nobody
	// wants to know.
	prepare func(name string, source func(pipeline.Options) (*pipeline.Plan, error)) error
}

// flags are those of all these commands.
func (j *job) flags(c *cobra.Command) {
	f := c.Flags()
	f.Var(&patternFlag{to: &j.patterns}, "tensor-type", "`RE=T`: tensors whose name matches RE get type T (repeatable, first match wins)")
	f.Var(&patternFlag{to: &j.patterns, file: true}, "tensor-type-file", "`FILE` with such RE=T, separated by white space (repeatable)")
	f.StringVar(&j.outputType, "output-tensor-type", "", "`TYPE` of output.weight")
	f.StringVar(&j.embeddingType, "token-embedding-type", "", "`TYPE` of token_embd.weight")
	f.BoolVar(&j.opts.Mix.Pure, "pure", false, "no mixture: every tensor gets the file type's default type")
	f.BoolVar(&j.opts.Mix.LeaveOutput, "leave-output-tensor", false, "keep output.weight as it is")
	j.importance.flags(c)
	f.BoolVar(&j.opts.Correct, "correct", false, "write right blocks where llama.cpp has a defect (IQ3_S, MXFP4, importance that is all zero); a note names the tensors that need it")
	f.BoolVar(&j.opts.AllowRequantize, "allow-requantize", false, "let tensors that are already quantized be quantized again")
	f.IntVarP(&j.opts.Threads, "threads", "j", 0, "`N` worker threads (default: all cores)")
	f.StringVar(&j.ram, "ram", "1GiB", "`SIZE` of all buffers and the plan together")
	j.changed = f.Changed
	for _, name := range []string{"output-tensor-type", "token-embedding-type"} {
		c.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return tensorTypes(), cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// checkpointFlags are those of commands whose source may be a checkpoint.
func (j *job) checkpointFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&j.typ, "type", "t", "", "file `T`: "+typeList(" ")+"; or auto (the source's 16-bit type)")
	f.StringVarP(&j.out, "out", "o", "", "output `FILE`, or a directory for the name that the model's metadata give (default: that name here)")
	f.StringVar(&j.splitSize, "split-max-size", "", "split the output into files of at most `SIZE` bytes (K, M, G are powers of 1000; KiB, MiB, GiB of 1024)")
	f.IntVar(&j.opts.SplitMaxTensors, "split-max-tensors", 0, "split the output into files of at most `N` tensors")
	f.StringVar(&j.opts.Pre, "pre", "", "`NAME` of the pre-tokenizer, when it cannot be found out (such as qwen2, llama-bpe)")
	f.StringVar(&j.opts.ModelName, "model-name", "", "`NAME` to put into general.name")
	f.StringVar(&j.metadata, "metadata", "", "JSON `FILE` with general.* values that replace the derived ones")
	followFlag(c, &j.followSymlinks)
	c.RegisterFlagCompletionFunc("type", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return append(typeNames(), "auto"), cobra.ShellCompDirectiveNoFileComp
	})
}

// outputFlags are those of commands that write.
func outputFlags(c *cobra.Command, o *pipeline.Output) {
	f := c.Flags()
	f.BoolVarP(&o.Force, "force", "f", false, "replace an existing output")
	f.BoolVar(&o.NoResume, "no-resume", false, "start again instead of going on from an interrupted run")
	f.BoolVar(&o.NoLock, "no-lock", false, "do not lock the output, for file systems without locks")
}

// typeNames lists the file types that can be made, in the order of their numbers.
func typeNames() (names []string) {
	for _, r := range mix.Recipes() {
		names = append(names, r.Name)
	}
	return names
}

// typeList is typeNames as a text that says which of them need an importance matrix.
func typeList(separator string) string {
	var free, need []string
	for _, r := range mix.Recipes() {
		if r.NeedsImportance() {
			need = append(need, r.Name)
		} else {
			free = append(free, r.Name)
		}
	}
	return strings.Join(free, separator) + "; with --imatrix " + strings.Join(need, separator)
}

// source is an opened SRC.
type source struct {
	inputs []os.FileInfo
	read   func() int64 // bytes so far; nil for a GGUF file
	close  func()
}

func (s *source) Close() { s.close() }

// plan opens SRC and plans its conversion.
func (j *job) plan(src string) (*source, *pipeline.Plan, error) {
	if err := j.parseConversion(); err != nil {
		return nil, nil, err
	}
	dir, err := isCheckpoint("SRC", src)
	if err != nil {
		return nil, nil, err
	}
	if !dir {
		return j.planGGUF(src)
	}
	from := newWitness(src, j.followSymlinks)
	ck, err := hf.Open(from, hf.DefaultLimits())
	if err != nil {
		return nil, nil, err
	}
	s := &source{close: func() { ck.Close() }}
	if j.prepare != nil {
		err = j.prepare(ck.Name, func(o pipeline.Options) (*pipeline.Plan, error) {
			o.Recipe = pipeline.SourceRecipe(ck)
			return pipeline.FromCheckpoint(ck, o)
		})
	}
	var p *pipeline.Plan
	if err == nil {
		p, err = pipeline.FromCheckpoint(ck, j.opts)
	}
	if err != nil {
		s.Close()
		return nil, nil, err
	}
	s.inputs, s.read = append(from.inputs(), j.inputs...), from.read.Load
	j.settle(p)
	return s, p, nil
}

func (j *job) planGGUF(src string) (*source, *pipeline.Plan, error) {
	set, err := openGGUF(src)
	if err != nil {
		return nil, nil, err
	}
	s := &source{inputs: append(set.inputs, j.inputs...), close: set.Close}
	name := filepath.Base(src)
	if j.prepare != nil {
		err = j.prepare(name, func(o pipeline.Options) (*pipeline.Plan, error) {
			o.Mix.Copy = true
			return pipeline.FromGGUF(set.set, name, set.unchanged, o)
		})
	}
	var p *pipeline.Plan
	if err == nil {
		p, err = pipeline.FromGGUF(set.set, name, set.unchanged, j.opts)
	}
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
		return filepath.Clean(j.out) // "" is here
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
