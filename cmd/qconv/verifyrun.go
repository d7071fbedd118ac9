package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/runtime/stream"
	"github.com/qconv/qconv/verify"
)

// boundFlags are the flags of the gate.
type boundFlags struct {
	verify.Bounds
}

// boundValue is a flag with a finite number that is at least 0.
type boundValue struct {
	to   **float64
	most float64
}

func (v *boundValue) Type() string { return "X" }

func (v *boundValue) String() string {
	if v.to == nil || *v.to == nil {
		return ""
	}
	return strconv.FormatFloat(**v.to, 'g', -1, 64)
}

func (v *boundValue) Set(s string) error {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 || x > v.most {
		return errors.New(v.wanted()) // which flagError says
	}
	*v.to = &x
	return nil
}

func (v *boundValue) wanted() string {
	if v.most < math.MaxFloat64 {
		return fmt.Sprintf("a number from 0 to %g", v.most)
	}
	return "a number from 0 on"
}

func (b *boundFlags) add(c *cobra.Command) {
	for _, f := range []struct {
		name  string
		to    **float64
		most  float64
		usage string
	}{
		{"max-kld", &b.KLD, math.MaxFloat64, "fail when the mean KL divergence, in nats, is above `X`"},
		{"max-ppl-ratio", &b.Ratio, math.MaxFloat64, "fail when the file's perplexity is more than `X` times the source's"},
		{"min-top1", &b.Top1, 1, "fail when fewer than this share `X` of tokens (0 to 1) have the same likeliest next one"},
		{"max-layer-error", &b.Layer, math.MaxFloat64, "fail when the relative error of the hidden state behind any layer is above `X`"},
		{"max-tensor-error", &b.Tensor, math.MaxFloat64, "fail when the relative error of any tensor is above `X`"},
	} {
		c.Flags().Var(&boundValue{f.to, f.most}, f.name, f.usage)
	}
}

// textFlags say what a model reads.
type textFlags struct {
	file, score    string
	length, chunks int
}

func (t *textFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.IntVarP(&t.length, "ctx", "c", 512, "tokens of a window")
	f.IntVar(&t.chunks, "chunks", 0, "at most `N` windows (default: the whole text)")
	f.StringVar(&t.score, "score", "second-half", "`WHICH` tokens count: second-half or all")
	c.RegisterFlagCompletionFunc("score", cobra.FixedCompletions([]string{"second-half", "all"}, cobra.ShellCompDirectiveNoFileComp))
}

// parse gives which tokens count.
func (t *textFlags) parse() (s stream.Score, err error) {
	switch t.score {
	case "second-half":
	case "all":
		s = stream.All
	default:
		return s, usagef("--score is %q, expected second-half or all", t.score)
	}
	if t.chunks < 0 {
		return s, usagef("--chunks is %d, expected 0 (all) or more", t.chunks)
	}
	return s, nil
}

// run lets the file, and the source if there is one, read the text, unless what was found already says that it cannot.
func (j *verifyJob) run(ctx context.Context) error {
	if j.text.file == "" {
		return nil
	}
	for _, c := range j.report.Checks {
		if !c.OK && (c.Name == "structure" || c.Name == "blocks") || j.subject.Other() {
			j.report.Notices = append(j.report.Notices, "the text was not evaluated: what was found before stands in the way")
			return nil
		}
	}
	file, err := j.runtime.open(j.file)
	if err != nil {
		return err
	}
	defer file.Close()
	if j.against == "" {
		return j.alone(ctx, file)
	}
	source, err := j.runtime.open(j.against)
	if err != nil {
		return err
	}
	defer source.Close()
	w, err := source.windows(j.words, j.text.file, j.text.length, j.text.chunks, j.score)
	if err != nil {
		return err
	}
	j.describeText(w)
	plan, err := stream.NewPairPlan(&source.sizes, &file.sizes, len(w.IDs), w.Length(), j.ram)
	if err != nil {
		return fault.New(fault.KindOf(err), "", "%w; give a larger --ram or shorter windows", fault.Cause(err))
	}
	j.ui.note("%s against %s: %d windows of %d tokens, layer by layer, about %s of memory", quoted(file.name), quoted(source.name), len(w.IDs), w.Length(), size(plan.Peak))
	bar := newProgress(j.ui)
	dev := j.runtime.device(j.runtime.threads)
	defer dev.Close()
	s, err := source.load(ctx, dev, bar, w.Length(), true)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := file.load(ctx, dev, bar, w.Length(), true)
	if err != nil {
		return err
	}
	defer f.Close()
	bar.openTokens("compare", int64(len(w.IDs)*w.Length()))
	run := verify.Run{Source: s, File: f, Windows: w, Plan: plan, Threads: j.runtime.threads, Watch: bar.layers}
	err = run.Do(ctx, j.report)
	bar.finish()
	return err
}

// alone measures the perplexity of the file.
func (j *verifyJob) alone(ctx context.Context, file *runnable) error {
	w, err := file.windows(j.words, j.text.file, j.text.length, j.text.chunks, j.score)
	if err != nil {
		return err
	}
	j.describeText(w)
	p, _, err := j.ui.evaluate(ctx, file, w, j.runtime.device(j.runtime.threads), j.ram)
	return j.report.Evaluated(p, err)
}

func (j *verifyJob) describeText(w *stream.Windows) {
	sum := sha256.Sum256([]byte(j.words))
	j.report.Text = &verify.Text{
		File: filepath.Base(j.text.file), SHA256: hex.EncodeToString(sum[:]), Windows: len(w.IDs), Context: w.Length(), Score: j.text.score,
		Scored: len(w.IDs) * w.Scored(),
	}
}

// writePage writes the page of --report, whole or not at all.
func writePage(path string, force bool, r *verify.Report) (err error) {
	if _, err := os.Lstat(path); err == nil && !force {
		return fault.New(fault.Busy, path, "exists already; give --force to replace it, or another name")
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return ioFault(path, err, "--report names a page to write")
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err = r.WritePage(f); err == nil {
		if err = f.Chmod(0o644); err == nil {
			if err = f.Sync(); err == nil {
				err = f.Close()
			}
		}
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return ioFault(path, err, "")
	}
	return nil
}
