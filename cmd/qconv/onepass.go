package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/tokenizer"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/pipeline"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
	"github.com/qconv/qconv/runtime/stream"
	"github.com/qconv/qconv/verify"
)

// onePass is what convert does beside converting: measure importance while the source runs, and verify what is written.
type onePass struct {
	ui         *ui
	calibrate  string // text; "": nothing calibrates
	imatrixOut string
	output     bool // --process-output
	verify     bool
	verifyText string // "": the calibration text
	text       textFlags
	bounds     boundFlags
	page       string
	precision

	score        stream.Score
	words, other string // of the texts
	ram          int64  // of everything
	held         *pipeline.Held
	source       runnable
	windows      *stream.Windows
	calibrated   int // windows, the first ones
	compared     int // the first window that both models read
	importance   imatrix.Output
	read         func() int64 // bytes of the source so far; may be nil
}

func (o *onePass) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.calibrate, "calibrate", "", "run SRC over the text in `FILE` while it is converted, and quantize with the importance that it shows")
	f.StringVar(&o.imatrixOut, "imatrix-out", "", "with --calibrate: write the importance matrix to `FILE` too")
	f.BoolVar(&o.output, "process-output", false, "with --calibrate: measure output.weight too")
	f.BoolVar(&o.verify, "verify", false, "compare what is written with SRC before it gets its name; with a text both run side by side")
	f.StringVar(&o.verifyText, "verify-text", "", "with --verify: the text in `FILE` that both read (default: that of --calibrate)")
	o.text.add(c)
	o.bounds.add(c)
	f.StringVar(&o.page, "report", "", "with --verify: write an HTML page to `FILE`")
	o.precision.add(c, true)
}

// wanted tells whether there is anything to do beside converting.
func (o *onePass) wanted() bool { return o.calibrate != "" || o.verify }

// check refuses what a command line cannot mean, and reads the texts.
func (o *onePass) check(j *job, force bool) (err error) {
	for flag, value := range map[string]string{"calibrate": o.calibrate, "imatrix-out": o.imatrixOut, "verify-text": o.verifyText, "report": o.page} {
		if value == "" && j.changed(flag) {
			return usagef("--%s is empty", flag)
		}
	}
	if o.score, err = o.text.parse(); err != nil {
		return err
	}
	bounded := o.bounds.Run() || o.bounds.Tensor != nil
	switch {
	case o.calibrate != "" && j.changed("imatrix"):
		return usagef("--calibrate measures importance and --imatrix names it; give one of them")
	case o.calibrate == "" && (o.imatrixOut != "" || o.output):
		return usagef("--imatrix-out and --process-output are about what --calibrate measures; give --calibrate too")
	case !o.verify && (bounded || o.page != "" || o.verifyText != ""):
		return usagef("bounds, --verify-text and --report are about verifying; give --verify too")
	case o.bounds.Run() && o.calibrate == "" && o.verifyText == "":
		return usagef("bounds on divergence and layers need a text; give --verify-text or --calibrate")
	}
	if _, err := os.Lstat(o.page); o.page != "" && err == nil && !force {
		return fault.New(fault.Busy, o.page, "exists already; give --force to replace it, or another name")
	}
	for _, t := range []struct {
		path string
		to   *string
	}{{o.calibrate, &o.words}, {o.verifyText, &o.other}} {
		if t.path != "" {
			if *t.to, err = readText(t.path); err != nil {
				return err
			}
		}
	}
	o.importance = imatrix.Output{Path: o.imatrixOut, Force: force}
	if o.imatrixOut == "" {
		return nil
	}
	if filepath.Ext(o.imatrixOut) == ".dat" {
		o.importance.Form = imatrix.Legacy
	}
	return o.importance.Check()
}

// runs tells whether the source runs.
func (o *onePass) runs() bool { return o.calibrate != "" || o.verifyText != "" }

// prepare is called when the source is open and before its conversion is planned, which it steers. source plans the source as
// it is.
func (o *onePass) prepare(j *job, name string, source func(pipeline.Options) (*pipeline.Plan, error)) error {
	r := runtimeFlags{threads: j.opts.Threads}
	if j.changed("ram") {
		r.ram = j.ram
	}
	var err error
	if o.ram, err = r.budget(); err != nil || !o.runs() {
		return err
	}
	const most = 512 << 20
	j.opts.RAM, j.opts.Buffers = o.ram, min(most, o.ram/8) // the models want the rest
	o.held = pipeline.NewHeld()
	plan, err := source(pipeline.Options{Pre: j.opts.Pre, Held: o.held, RAM: 1 << 62})
	if err != nil {
		return err
	}
	m := &o.source
	*m = runnable{name: name, block: *plan.Block, src: model.FromPlan(plan), keys: gguf.Keys(name, plan.KVs), close: func() {}}
	if m.tokenizer, err = tokenizer.FromGGUF(m.keys); err == nil {
		err = tokenizer.CheckSpecial(m.keys, m.tokenizer.Len())
	}
	if err != nil {
		return m.explained(err)
	}
	m.sizes = model.Measure(&m.block, m.src)
	if err := o.cut(); err != nil {
		return err
	}
	j.opts.Held = o.held
	if o.calibrate != "" {
		file := o.imatrixOut
		if file == "" {
			file = "imatrix.gguf" // what qconv imatrix calls it
		}
		h := sha256.New()
		fmt.Fprintln(h, o.calibrated, o.windows.Length(), o.output, o.fast)
		for _, ids := range o.windows.IDs[:o.calibrated] {
			fmt.Fprintln(h, ids)
		}
		j.opts.Calibration = &pipeline.Calibration{
			File: file, Dataset: o.calibrate, Chunks: int64(o.calibrated), Output: o.output, Digest: hex.EncodeToString(h.Sum(nil)),
		}
	}
	return nil
}

// cut makes windows of the texts: those that calibrate are first.
func (o *onePass) cut() error {
	o.windows = &stream.Windows{}
	for _, t := range []struct{ path, words string }{{o.calibrate, o.words}, {o.verifyText, o.other}} {
		if t.path == "" {
			continue
		}
		w, err := o.source.windows(t.words, t.path, o.text.length, o.text.chunks, o.score)
		if err != nil {
			return err
		}
		if t.path == o.calibrate && o.calibrated == 0 {
			o.calibrated = len(w.IDs)
		} else {
			o.compared = o.calibrated
		}
		o.windows.First, o.windows.IDs = w.First, append(o.windows.IDs, w.IDs...)
	}
	return nil
}

// plan plans the memory of a run.
func (o *onePass) plan(p *pipeline.Plan) (stream.Plan, error) {
	var file *model.Sizes
	if o.verify {
		s := model.Measure(p.Block, model.FromPlan(p))
		file = &s
	}
	work := p.Memory.Peak
	for _, e := range stream.NewCollector(nil, p.Block, o.output).Sums.Entries {
		work += 8 * int64(len(e.Values))
	}
	plan, err := stream.NewConversionPlan(&o.source.sizes, file, work, len(o.windows.IDs), o.windows.Length(), o.ram)
	if err != nil {
		err = fault.New(fault.KindOf(err), "", "%w; give a larger --ram, fewer --chunks or shorter windows", fault.Cause(err))
	}
	return plan, err
}

// write carries a plan out and verifies what it wrote before it gets its name.
func (o *onePass) write(ctx context.Context, p *pipeline.Plan, target string, out pipeline.Output) error {
	u := o.ui
	if err := p.CheckOutput(out); err != nil {
		return err
	}
	var plan stream.Plan
	var err error
	if o.runs() {
		if plan, err = o.plan(p); err != nil {
			return err
		}
	}
	u.notices(p.Notices)
	u.note("%s", headline(p))
	u.partial = target + ".partial"
	bar := newProgress(u)
	defer bar.finish()
	out.Measure = true
	if out.Watcher = bar; o.runs() {
		out.Watcher = layered{bar}
	}
	start := time.Now()
	job, err := p.Start(ctx, out)
	if err != nil {
		return err
	}
	defer job.Close()
	c := &stream.Conversion{Plan: p, Job: job}
	state := stateOf(target)
	if out.NoResume {
		stream.RemoveState(state)
	}
	logits := &verify.LogitComparison{Threads: p.Memory.Workers}
	var report *verify.Report
	if o.runs() {
		c.State, c.Logits = state, logits.Add
		layers, err := o.run(ctx, c, plan, bar)
		report = verify.Converted(p, c.Errors)
		if o.verify {
			err = report.Ran(layers, &logits.Comparison, err)
		}
		if err != nil {
			return o.giveUp(o.source.explained(err), job, state)
		}
	} else {
		if err := job.MakeAll(ctx); err != nil {
			return err
		}
		report = verify.Converted(p, job.AllErrors())
	}
	bar.finish()
	if o.verify {
		if err := o.judge(report); err != nil {
			return o.giveUp(err, job, state)
		}
	}
	return o.finish(ctx, job, c, report, target, state, start)
}

// giveUp removes what was written when the input is at fault or the output is not good enough, because going on cannot help;
// what an interruption or a full disk left stays for the next run.
func (o *onePass) giveUp(err error, job *pipeline.Job, state string) error {
	switch fault.KindOf(err) {
	case fault.Malformed, fault.Mismatch, fault.Unsupported, fault.Limit, fault.Failed:
		stream.RemoveState(state)
		return errors.Join(err, job.Discard())
	}
	return err
}

// run converts while the source runs.
func (o *onePass) run(ctx context.Context, c *stream.Conversion, plan stream.Plan, bar *progress) ([]stream.Distance, error) {
	dev := cpu.New(c.Plan.Memory.Workers, o.fast) // as imatrix runs the source
	defer dev.Close()
	file := o.device(c.Plan.Memory.Workers)
	defer file.Close()
	m, err := model.New(ctx, dev, o.source.block, o.source.src, o.windows.Length())
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c.Source, c.FileDevice, c.Run, c.Calibrated, c.Compared, c.Output = m, file, o.verify, o.calibrated, o.compared, o.output
	c.Every, c.Digest = savedEvery, fmt.Sprint(o.precision, cpu.Kernels())
	o.ui.note("%s: %d windows of %d tokens, about %s of memory", quoted(o.source.name), len(o.windows.IDs), o.windows.Length(), size(plan.Peak))
	bar.openTokens("convert", int64(len(o.windows.IDs)*o.windows.Length()))
	c.Resume, c.Notice = bar.resume, func(text string) { o.ui.notices([]string{text}) }
	return c.Make(ctx, o.windows, plan, bar.layers)
}

// stateOf is where a conversion that runs its source keeps what is done.
func stateOf(target string) string { return target + ".partial.state" }

// savedEvery is how often what is done is kept, at most; saving never takes more than a twentieth of the time.
const savedEvery = time.Second

// judge completes the report and refuses what is outside the bounds, after the page is written.
func (o *onePass) judge(r *verify.Report) error {
	r.Version, r.Command, r.Started = version, append([]string{"qconv"}, o.ui.args...), time.Now().UTC().Format(time.RFC3339)
	if o.runs() {
		path, words := o.verifyText, o.other
		if path == "" {
			path, words = o.calibrate, o.words
		}
		sum, n := sha256.Sum256([]byte(words)), len(o.windows.IDs)-o.compared
		r.Text = &verify.Text{File: filepath.Base(path), SHA256: hex.EncodeToString(sum[:]), Windows: n, Context: o.windows.Length(), Score: o.text.score, Scored: n * o.windows.Scored()}
	}
	o.bounds.Judge(r)
	r.Settle()
	if r.Pass {
		return nil
	}
	if o.page != "" {
		if err := writePage(o.page, true, r); err != nil {
			return err
		}
	}
	if err := o.ui.verified(r); err != nil {
		return err
	}
	return verify.Error(r)
}

// finish gives the files their names and prints what was made.
func (o *onePass) finish(ctx context.Context, job *pipeline.Job, c *stream.Conversion, report *verify.Report, target, state string, start time.Time) error {
	if o.calibrate != "" {
		o.ui.scarce(c.Sums.Scarce())
	}
	if o.imatrixOut != "" {
		c.Sums.Datasets = []string{o.calibrate}
		if _, err := c.Sums.Write(ctx, o.importance); err != nil {
			return err
		}
	}
	made, err := job.Commit(ctx)
	if err != nil {
		return err
	}
	stream.RemoveState(state)
	complete := func(err error) error {
		if err != nil {
			err = fault.New(fault.IO, target, "is complete; %w", err)
		}
		return err
	}
	if o.verify {
		if len(made.Files) == 1 {
			report.SHA256 = made.Files[0].SHA256
		}
		if o.page != "" {
			if err := writePage(o.page, true, report); err != nil {
				return complete(err)
			}
		}
		if !o.ui.json {
			if err := o.ui.verified(report); err != nil {
				return complete(err)
			}
		}
		return complete(o.ui.convertedWith(made, time.Since(start), report, o.read))
	}
	return complete(o.ui.convertedWith(made, time.Since(start), nil, o.read))
}

// layered is the progress of a conversion that is told by layers, not by what is written.
type layered struct{ *progress }

// Begin implements pipeline.Watcher.
func (l layered) Begin(_ *pipeline.Plan, _ int64, notices []string) {
	l.finish()
	l.ui.notices(notices)
}

// Wrote implements pipeline.Watcher.
func (l layered) Wrote(*pipeline.Step, int64) {}
