package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/stream"
)

// collecting is a command line of imatrix.
type collecting struct {
	runtimeFlags
	file, format  string
	length        int
	chunks, skip  int
	special       bool
	inFiles       []string
	processOutput bool
	statistics    bool
	every         time.Duration
	out           imatrix.Output
	given         bool // --output-file
}

func newImatrix(u *ui) *cobra.Command {
	var q collecting
	c := &cobra.Command{
		Use:   "imatrix SRC -f TEXT [-o OUT]",
		Short: "measure how much every column of a model's matrices matters, for convert --imatrix",
		Long: `imatrix runs SRC (a checkpoint directory or a GGUF file) over the text in chunks of --ctx tokens and writes an
importance matrix: the sums of squares of what every matrix is multiplied with, as llama-imatrix defines them. Layers
come and go, so that the model need not fit into memory. The file is the same to the last bit for any number of threads
and any --ram.

--in-file adds what earlier runs saw (repeatable); without SRC and -f, such files are only merged. Experts that saw no
token count all their columns the same when the file is used; those that saw fewer than 64 are named and used as they are.

OUT gets its name when it is complete. A long run keeps what is done in OUT.state, behind a layer, every ten seconds
(--save-every) or when saving takes a twentieth of the time; when it is interrupted, the same command goes on from there.

With --json, standard output gets one object a line: "event":"progress" about every second, and "event":"done" at the
end.`,
		Example: `  qconv imatrix QwQ-32B -f calibration.txt -o qwq-32b.imatrix.gguf --ram 8GiB
  qconv imatrix model-bf16.gguf -f calibration.txt --chunks 100 --show-statistics
  qconv imatrix --in-file a.gguf --in-file b.gguf -o both.gguf
  qconv convert QwQ-32B --type IQ2_M --imatrix qwq-32b.imatrix.gguf`,
		Args: arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			q.given = c.Flags().Changed("output-file")
			if err := q.check(args); err != nil {
				return err
			}
			ram, err := q.budget()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return u.mergeImportance(c.Context(), &q, ram)
			}
			return u.collectImportance(c.Context(), &q, args[0], ram)
		},
	}
	f := c.Flags()
	f.StringVarP(&q.file, "file", "f", "", "`FILE` with the text")
	f.StringVarP(&q.out.Path, "output-file", "o", "imatrix.gguf", "`OUT`")
	f.StringVar(&q.format, "output-format", "", "`FORMAT` of OUT: gguf or dat, the older one (default: dat for names that end so, else gguf)")
	f.IntVarP(&q.length, "ctx", "c", imatrix.DefaultChunkSize, "tokens of a chunk")
	f.IntVar(&q.chunks, "chunks", 0, "at most `N` chunks (default: the whole text)")
	f.IntVar(&q.skip, "chunk", 0, "leave out the first `N` chunks")
	f.IntVar(&q.skip, "from-chunk", 0, "the same as --chunk")
	f.StringArrayVar(&q.inFiles, "in-file", nil, "add the sums of this importance matrix, a `FILE` in either format (repeatable)")
	f.BoolVar(&q.processOutput, "process-output", false, "measure output.weight too")
	f.BoolVar(&q.special, "parse-special", false, "control tokens that are spelled out in the text become these tokens")
	f.BoolVar(&q.statistics, "show-statistics", false, "print statistics of every entry; with --in-file alone and no -o, nothing is written")
	f.DurationVar(&q.every, "save-every", 10*time.Second, "keep what is done after this `TIME`, such as 10s or 5m")
	f.BoolVar(&q.out.Force, "force", false, "replace an existing output")
	q.add(c)
	c.RegisterFlagCompletionFunc("output-format", cobra.FixedCompletions([]string{"gguf", "dat"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check refuses what a command line cannot mean.
func (q *collecting) check(args []string) error {
	switch strings.ToLower(q.format) {
	case "gguf":
	case "dat":
		q.out.Form = imatrix.Legacy
	case "":
		if strings.EqualFold(filepath.Ext(q.out.Path), ".dat") {
			q.out.Form = imatrix.Legacy
		}
	default:
		return usagef("--output-format is %q, expected gguf or dat", q.format)
	}
	switch {
	case q.chunks < 0:
		return usagef("--chunks is %d, expected 0 (all) or more", q.chunks)
	case q.skip < 0:
		return usagef("--chunk is %d, expected 0 or more", q.skip)
	case q.length < 4:
		return usagef("--ctx is %d, expected at least 4", q.length)
	case q.every < 0:
		return usagef("--save-every is %v, expected 0s (after every layer) or more", q.every)
	case q.out.Path == "":
		return usagef("--output-file is empty; it is a file")
	case len(args) == 0 && q.file != "":
		return usagef("SRC is missing; --file names the text that it reads")
	case len(args) == 0 && len(q.inFiles) == 0:
		return usagef("SRC is missing; it is a checkpoint directory or a GGUF file (or give --in-file, to merge importance matrices)")
	case len(args) > 0 && q.file == "":
		return usagef("--file is missing; it names the text that SRC reads")
	}
	return nil
}

// readSums reads the files of --in-file, which become inputs.
func (q *collecting) readSums(ram int64) (list []*imatrix.Sums, err error) {
	for _, path := range q.inFiles {
		if path == "" {
			return nil, usagef("--in-file is empty; give a file")
		}
		inputs, err := importanceFile("--in-file", path, ram/2, func(f hf.Blob, name string) error { // values take twice as much as in the file
			s, err := imatrix.ReadSums(f, f.Size(), name, imatrix.DefaultLimits(), int64(q.length))
			list = append(list, s)
			return err
		})
		if err != nil {
			return nil, err
		}
		q.out.Inputs = append(q.out.Inputs, inputs...)
	}
	return list, nil
}

// mergeImportance adds files.
func (u *ui) mergeImportance(ctx context.Context, q *collecting, ram int64) error {
	list, err := q.readSums(ram)
	if err != nil {
		return err
	}
	sums := list[0]
	if q.statistics && !q.given {
		if len(list) > 1 {
			return usagef("--show-statistics is for one --in-file; give -o to merge %d files and see the result's", len(list))
		}
		return u.importance(&importanceJSON{Event: "done"}, q, sums)
	}
	if err := q.out.Check(); err != nil {
		return err
	}
	for _, s := range list[1:] {
		if err := sums.Merge(s); err != nil {
			return err
		}
	}
	return u.writeImportance(ctx, q, sums, importanceJSON{})
}

// collectImportance runs a model.
func (u *ui) collectImportance(ctx context.Context, q *collecting, path string, ram int64) error {
	text, err := readText(q.file)
	if err != nil {
		return err
	}
	m, err := q.openAs("SRC", path)
	if err != nil {
		return err
	}
	defer m.Close()
	q.out.Inputs = append(q.out.Inputs, m.inputs...)
	if st, err := os.Stat(q.file); err == nil {
		q.out.Inputs = append(q.out.Inputs, st)
	}
	list, err := q.readSums(ram)
	if err != nil {
		return err
	}
	if err := q.fits(m, list); err != nil {
		return err
	}
	if err := q.out.Check(); err != nil {
		return err
	}
	w, err := q.windows(m, text)
	if err != nil {
		return err
	}
	sums, done, err := u.collect(ctx, q, m, w, ram-held(list))
	if err != nil {
		return err
	}
	sums.Datasets = []string{q.file}
	if len(list) > 0 {
		all := list[0]
		for _, s := range append(list[1:], sums) {
			if err := all.Merge(s); err != nil {
				return err
			}
		}
		sums = all
	}
	return u.writeImportance(ctx, q, sums, done)
}

// held is the memory that sums take.
func held(list []*imatrix.Sums) (n int64) {
	for _, s := range list {
		for i := range s.Entries {
			n += 8 * int64(len(s.Entries[i].Values))
		}
	}
	return n
}

// windows cuts the text.
func (q *collecting) windows(m *runnable, text string) (*stream.Windows, error) {
	ids, err := m.encode(text, q.length, q.special)
	if err != nil {
		return nil, err
	}
	if q.skip > 0 {
		if left := len(ids)/q.length - q.skip; left < 2 {
			return nil, fault.New(fault.Usage, filepath.Base(q.file), "the text has %d tokens, which are %d chunks of %d; behind the first %d at least 2 are needed", len(ids), len(ids)/q.length, q.length, q.skip)
		}
		ids = ids[q.skip*q.length:]
	}
	return m.cut(ids, q.file, q.length, q.chunks, stream.All)
}

// fits refuses files of --in-file that cannot be of the model, before it runs.
func (q *collecting) fits(m *runnable, list []*imatrix.Sums) error {
	own := stream.NewCollector(nil, &m.block, true).Sums
	own.File, own.ChunkSize = m.name, int64(q.length)
	for _, s := range list {
		if s.ChunkSize != own.ChunkSize {
			return fault.New(fault.Mismatch, s.File, "was made with chunks of %d tokens, --ctx is %d: give --ctx %d", s.ChunkSize, q.length, s.ChunkSize)
		}
		if err := own.Fits(s); err != nil {
			return err
		}
		for i := range s.Entries {
			if name := s.Entries[i].Name; own.Find(name) == nil {
				return fault.New(fault.Mismatch, s.File, "%s has no such tensor: the file is of another model", quoted(m.name)).In(name)
			}
		}
	}
	return nil
}

func (u *ui) collect(ctx context.Context, q *collecting, m *runnable, w *stream.Windows, ram int64) (*imatrix.Sums, importanceJSON, error) {
	var done importanceJSON
	plan, err := stream.NewCollectionPlan(&m.sizes, &m.block, q.processOutput, len(w.IDs), w.Length(), ram)
	if err != nil {
		return nil, done, fault.New(fault.KindOf(err), "", "%w; give a larger --ram or shorter chunks", fault.Cause(err))
	}
	times := ""
	if n := (len(w.IDs) + plan.Round - 1) / plan.Round; plan.LayerMajor && n > 1 {
		times = fmt.Sprintf(", the model is read %d times", n)
	}
	u.note("%s: %d chunks of %d tokens, about %s of memory%s", quoted(m.name), len(w.IDs), w.Length(), size(plan.Peak), times)
	start := time.Now()
	bar := newProgress(u)
	dev := q.device(q.threads)
	rm, err := m.load(ctx, dev, bar, w.Length(), plan.LayerMajor)
	if err != nil {
		return nil, done, err
	}
	defer rm.Close()
	total := int64(len(w.IDs) * w.Length())
	bar.openTokens("collect", total)
	run := stream.Collection{
		Model: rm, Device: dev, Output: q.processOutput, State: q.state(), Digest: q.identity(m), Every: q.every,
		Watch: func(share float64) { bar.share(share, 0) },
		Resume: func(share float64) {
			u.note("going on from an interrupted run: %.0f%% are done", 100*share)
			bar.resume(share)
		},
		Notice: func(text string) { u.notices([]string{text}) },
	}
	u.partial = q.state()
	sums, err := run.Run(ctx, w, plan)
	bar.finish()
	if err == nil {
		err = m.unchanged()
	}
	if err != nil {
		return nil, done, m.explained(err)
	}
	took := time.Since(start).Seconds()
	done = importanceJSON{Source: m.name, Tokens: total, Peak: plan.Peak, Seconds: took, Rate: float64(total) / took}
	u.note("%.0f tokens/s, %.1f s", done.Rate, took)
	return sums, done, nil
}

// state is where an interrupted run leaves what is done.
func (q *collecting) state() string { return q.out.Path + ".state" }

// identity is what an interrupted run's work belongs to: files, options, version, and instructions, which products depend on.
func (q *collecting) identity(m *runnable) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %v %q\n", version, cpu.Kernels(), q.precision, q.pre)
	for _, in := range m.inputs {
		fmt.Fprintf(h, "%q %d %d\n", in.Name(), in.Size(), in.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil))
}
