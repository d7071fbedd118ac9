package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/quantize/pipeline"
)

func newPlan(u *ui) *cobra.Command {
	var j job
	c := &cobra.Command{
		Use:   "plan SRC --type T",
		Short: "say what convert would do: every tensor's type and size, totals, memory, disk",
		Long: `plan reads headers only and prints what convert with the same flags would write: every tensor's source,
type and size, and the totals: output size, bits per weight, peak memory, disk. Nothing is written.`,
		Example: `  qconv plan QwQ-32B --type Q4_K_M
  qconv plan QwQ-32B --type Q4_K_M --ram 512MiB --json | jq .memory.peak_bytes`,
		Args: arguments(1, 1, "SRC"),
		RunE: func(_ *cobra.Command, args []string) error {
			src, p, err := j.plan(args[0])
			if err != nil {
				return err
			}
			defer src.Close()
			return u.plan(p, j.dir())
		},
	}
	j.flags(c)
	j.checkpointFlags(c)
	return c
}

// headline is one line that says what is about to happen.
func headline(p *pipeline.Plan) string {
	return fmt.Sprintf("%s: %s, %s weights in %d tensors, %s -> %s, %s (%.2f bits per weight), memory at most %s",
		quoted(p.Name), quoted(p.Arch), weights(p.Elements), len(p.Steps), size(p.SourceBytes), p.Recipe.Name, size(p.Bytes),
		p.BitsPerWeight(), size(p.Memory.Peak))
}

func (u *ui) plan(p *pipeline.Plan, dir string) error {
	if u.json {
		return u.object(planJSON(p, dir))
	}
	w := tabwriter.NewWriter(u.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TENSOR\tSHAPE\tFROM\tTYPE\tSIZE\t")
	for i := range p.Steps {
		s := &p.Steps[i]
		reason := ""
		if s.Reason != "" {
			reason = "(" + s.Reason + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%v\t%s\t%s\n", quoted(s.Name), shape(s.Shape), s.From, s.Type, size(s.Bytes), reason)
	}
	w.Flush()
	u.printf("\n")
	w = tabwriter.NewWriter(u.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "architecture\t%s\n", quoted(p.Arch))
	fmt.Fprintf(w, "weights\t%s in %d tensors\n", weights(p.Elements), len(p.Steps))
	fmt.Fprintf(w, "source\t%s\n", size(p.SourceBytes))
	fmt.Fprintf(w, "output\t%s as %s, %.4f bits per weight\n", size(p.Bytes), p.Recipe.Name, p.BitsPerWeight())
	for i := range p.Parts {
		fmt.Fprintf(w, "file\t%s (%s)\n", quoted(p.Parts[i].Name), size(p.Parts[i].Layout.Size))
	}
	fmt.Fprintf(w, "types\t%s\n", byType(p))
	if n := len(p.Fallbacks()); n > 0 {
		fmt.Fprintf(w, "fallbacks\t%d, named in the last column above\n", n)
	}
	m := p.Memory
	fmt.Fprintf(w, "memory\tat most %s of %s: %d workers, %d buffers of %s\n", size(m.Peak), size(m.Budget), m.Workers, m.Slots, size(m.Slot))
	fmt.Fprintf(w, "disk\t%s\n", diskText(p.Bytes, dir))
	if err := w.Flush(); err != nil {
		return printFault(err)
	}
	if err := u.flush(); err != nil {
		return err
	}
	u.notices(p.Notices)
	return nil
}

// diskText compares what the output takes with what is free.
func diskText(need int64, dir string) string {
	free, known := pipeline.Free(dir)
	switch {
	case !known:
		return fmt.Sprintf("%s needed in %s", size(need), quoted(dir))
	case free < need:
		return fmt.Sprintf("%s needed in %s, only %s free: not enough", size(need), quoted(dir), size(free))
	}
	return fmt.Sprintf("%s needed in %s, %s free", size(need), quoted(dir), size(free))
}

// shape prints dimensions innermost first, as GGUF does.
func shape(dims []int64) string {
	s := ""
	for i, d := range dims {
		if i > 0 {
			s += " x "
		}
		s += fmt.Sprint(d)
	}
	return s
}

// byType counts tensors and bytes of each type, in order of first use.
func byType(p *pipeline.Plan) (s string) {
	type sum struct {
		n     int
		bytes int64
	}
	var order []string
	sums := map[string]*sum{}
	for i := range p.Steps {
		t := p.Steps[i].Type.String()
		if sums[t] == nil {
			sums[t] = &sum{}
			order = append(order, t)
		}
		sums[t].n++
		sums[t].bytes += p.Steps[i].Bytes
	}
	for i, t := range order {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%d %s (%s)", sums[t].n, t, size(sums[t].bytes))
	}
	return s
}
