package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/tokenizer"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
)

// runnable is a MODEL that is opened to be run: a GGUF file, a split set, or a checkpoint.
type runnable struct {
	name      string
	gguf      bool // not a checkpoint
	block     arch.Block
	src       model.Source
	keys      *gguf.File // of the file, or those that a file of the checkpoint would have
	tokenizer *tokenizer.Tokenizer
	sizes     model.Sizes
	inputs    []os.FileInfo // the files that were opened
	unchanged func() error  // a fault when they are not what was opened any more
	close     func()
}

func (r *runnable) Close() { r.close() }

// runtimeFlags are those of commands that run a model.
type runtimeFlags struct {
	threads int
	ram     string
	precision
	pre            string
	followSymlinks bool
}

func (r *runtimeFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.IntVarP(&r.threads, "threads", "j", 0, "`N` threads (default: all cores)")
	f.StringVar(&r.ram, "ram", "", "`SIZE` of weights and buffers together (default: three quarters of the machine's memory)")
	r.precision.add(c, false)
	f.StringVar(&r.pre, "pre", "", "`NAME` of a checkpoint's pre-tokenizer, when it cannot be found out (such as qwen2, llama-bpe)")
	followFlag(c, &r.followSymlinks)
}

// precision says how products with weights in blocks are rounded.
type precision struct{ fast, exact bool }

func (p *precision) add(c *cobra.Command, exact bool) {
	f := c.Flags()
	f.BoolVar(&p.fast, "fast", false, "round what is multiplied with weights to 8 bits, as llama.cpp does (default: 16)")
	f.BoolVar(&p.exact, "exact", exact, "round nothing beyond float32, at the speed of float weights")
}

// device is the processor; fast wins over exact, which may be a default.
func (p *precision) device(threads int) *cpu.Device {
	if p.exact && !p.fast {
		return cpu.NewExact(threads)
	}
	return cpu.New(threads, p.fast)
}

// defaultRAM is for machines that do not say how much memory they have.
const defaultRAM = 8 << 30

// budget gives --ram in bytes and holds the garbage collector to it.
func (r *runtimeFlags) budget() (int64, error) {
	ram := cpu.Memory() / 4 * 3
	if ram == 0 {
		ram = defaultRAM
	}
	if r.ram != "" {
		var err error
		if ram, err = parseSize("--ram", r.ram); err != nil {
			return 0, err
		}
	}
	debug.SetMemoryLimit(ram + 64<<20)
	return ram, nil
}

// open opens MODEL. A checkpoint runs as its own values, in its own 16-bit type.
func (r *runtimeFlags) open(path string) (*runnable, error) { return r.openAs("MODEL", path) }

// openAs is open, where help has another name for the argument.
func (r *runtimeFlags) openAs(arg, path string) (*runnable, error) {
	if r.threads < 0 {
		return nil, usagef("--threads is %d, expected 0 (all cores) or more", r.threads)
	}
	dir, err := isCheckpoint(arg, path)
	if err != nil {
		return nil, err
	}
	m := &runnable{name: filepath.Base(filepath.Clean(path)), gguf: !dir, close: func() {}}
	if dir {
		err = m.openCheckpoint(path, r)
	} else {
		err = m.openGGUF(path)
	}
	if err == nil {
		m.tokenizer, err = tokenizer.FromGGUF(m.keys)
	}
	if err == nil {
		err = tokenizer.CheckSpecial(m.keys, m.tokenizer.Len())
	}
	if err != nil {
		m.Close()
		return nil, m.explained(err)
	}
	m.sizes = model.Measure(&m.block, m.src)
	return m, nil
}

func (m *runnable) openCheckpoint(path string, r *runtimeFlags) error {
	src := newWitness(path, r.followSymlinks)
	ck, err := hf.Open(src, hf.DefaultLimits())
	if err != nil {
		return err
	}
	m.close, m.unchanged = func() { ck.Close() }, ck.Unchanged
	plan, err := pipeline.FromCheckpoint(ck, pipeline.Options{Recipe: pipeline.SourceRecipe(ck), Pre: r.pre})
	if err != nil {
		return err
	}
	m.block, m.src, m.keys, m.inputs = *plan.Block, model.FromPlan(plan), gguf.Keys(m.name, plan.KVs), src.inputs()
	return nil
}

func (m *runnable) openGGUF(path string) error {
	g, err := openGGUF(path)
	if err != nil {
		return err
	}
	m.close, m.unchanged, m.inputs = g.Close, g.unchanged, g.inputs
	_, block, err := arch.FromGGUF(g.set)
	m.block, m.src, m.keys = block, model.FromSet(g.set), g.set.First
	return err
}

// load brings the model onto a device, for up to limit positions; when layers come and go, only what is outside them.
func (m *runnable) load(ctx context.Context, dev device.Device, bar *progress, limit int, layerMajor bool) (*model.Model, error) {
	src := m.src
	if !layerMajor {
		src = bar.load(src, m.sizes.Total)
	}
	rm, err := model.New(ctx, dev, m.block, src, limit)
	if err == nil && !layerMajor {
		if err = rm.Load(ctx); err != nil {
			rm.Close()
		}
	}
	if err != nil {
		bar.finish()
		return nil, m.explained(err)
	}
	return rm, nil
}

// explained completes an error about the model: whose fault it is, and what to do about a file that contradicts itself.
func (m *runnable) explained(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	if f.File == "" {
		f.File = m.name
	}
	if m.gguf && (f.Kind == fault.Malformed || f.Kind == fault.Mismatch) {
		f.Err = fmt.Errorf("%w; %s", f.Err, remake)
	}
	return err
}

// remake is what to do with a file that contradicts itself.
const remake = "the file is damaged or its writer was wrong: convert the checkpoint again"
