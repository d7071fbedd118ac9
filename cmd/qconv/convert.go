package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/pipeline"
)

func newConvert(u *ui) *cobra.Command {
	var j job
	var o pipeline.Output
	one := onePass{ui: u}
	c := &cobra.Command{
		Use:   "convert SRC --type T [-o OUT]",
		Short: "convert a checkpoint or a GGUF file to GGUF",
		Long: `convert reads SRC (a Hugging Face checkpoint directory or a GGUF file) once and writes a GGUF file of
type T. F32, F16 and BF16 files equal those of llama.cpp's converter; quantized files equal what its
converter and llama-quantize give in two steps.

The output gets its name only when it is complete and has been read back. An interrupted run leaves
OUT.partial and OUT.partial.journal; the same command goes on from there.

--calibrate runs SRC over a text while it is converted: layer by layer, each is read once, all windows of the text go through it,
and it is quantized with the importance that it shows. The file is the one that qconv imatrix and then convert --imatrix make.
--verify compares before the output gets its name: the error of every tensor; and with a text also what was written runs beside
SRC, layer by layer, as qconv verify does. A figure outside the bounds (--max-kld and its like) is exit code 7, and OUT does not
appear. SRC need not fit into memory: a layer (or an expert) of it and of the output is there at a time, and the hidden state of all
windows. --ram then bounds all of it (default: three quarters of the machine's memory).

With --json, standard output gets one object a line: "event":"progress" about every second, and
"event":"done" with the report at the end. An error is one object, {"error":{...}}.`,
		Example: `  qconv convert QwQ-32B --type Q4_K_M -o qwq-32b-q4_k_m.gguf
  qconv convert QwQ-32B --type Q4_K_M --tensor-type 'ffn_down=Q6_K' --ram 512MiB
  qconv convert model-bf16.gguf --type Q5_K_M -o model-q5_k_m.gguf
  qconv convert QwQ-32B --type IQ2_XS --imatrix imatrix.gguf
  qconv convert QwQ-32B --type IQ3_M --calibrate calibration.txt --verify --max-kld 0.05 --report report.html
  qconv convert DeepSeek-R1 --type Q2_K --split-max-size 50G -o out/`,
		Args: arguments(1, 1, "SRC"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := one.check(&j, o.Force); err != nil {
				return err
			}
			if one.wanted() {
				j.prepare = func(name string, source func(pipeline.Options) (*pipeline.Plan, error)) error {
					return one.prepare(&j, name, source)
				}
			}
			src, plan, err := j.plan(args[0])
			if err != nil {
				return err
			}
			defer src.Close()
			o.Inputs, o.Dir = src.inputs, filepath.Dir(j.target)
			if one.wanted() {
				one.read = src.read
				return one.write(c.Context(), plan, j.target, o)
			}
			return u.write(c.Context(), plan, j.target, o)
		},
	}
	j.flags(c)
	j.checkpointFlags(c)
	outputFlags(c, &o)
	one.flags(c)
	return c
}

// write carries a plan out, with progress, and prints what was made. target is the first of its files.
func (u *ui) write(ctx context.Context, plan *pipeline.Plan, target string, o pipeline.Output) error {
	if err := plan.CheckOutput(o); err != nil {
		return err
	}
	u.notices(plan.Notices)
	u.note("%s", headline(plan))
	u.partial = target + ".partial"
	w := newProgress(u)
	o.Watcher = w
	start := time.Now()
	report, err := plan.WriteFiles(ctx, o)
	w.finish()
	if err != nil {
		return err
	}
	if err := u.converted(report, time.Since(start)); err != nil {
		return fault.New(fault.IO, target, "is complete; %w", err)
	}
	return nil
}
