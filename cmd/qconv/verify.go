package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/runtime/stream"
	"github.com/qconv/qconv/verify"
)

// verifyJob is one run of verify: what its flags say, and what is open for it.
type verifyJob struct {
	ui      *ui
	runtime runtimeFlags

	file     string // OUT
	against  string // SRC; "": none
	manifest string
	imatrix  string
	text     textFlags
	bounds   boundFlags
	page     string // --report; "": none
	force    bool
	changed  func(flag string) bool

	words     string // of the text
	score     stream.Score
	ram       int64
	subject   verify.Subject
	report    *verify.Report
	unchanged []func() error // of what is open
	closers   []func()
}

func newVerify(u *ui) *cobra.Command {
	j := verifyJob{ui: u}
	c := &cobra.Command{
		Use:   "verify OUT.gguf [--against SRC] [-f TEXT]",
		Short: "find out whether a GGUF file is whole, and how far it is from what it was made of",
		Long: `verify looks at every byte of a GGUF file (with the rest of its split set): the rules of the format, whether keys,
tensors and tokenizer make a model, whether every block holds finite scales and legal codes, and with --manifest whether the digests
are those that qconv hash printed once.

With --against it compares the file with SRC, the checkpoint or GGUF file that it was made of: the keys that say how the
model runs, the tokenizer, names and shapes, the error of every tensor, and whether its bytes are what this version makes of
SRC. Where the file was made with an importance matrix, --imatrix names that; without it the bytes of most types cannot be compared,
and only errors that no encoding explains are found.

With --file the model reads a text. Alone, its perplexity is reported. With --against, source and file read it side by side, layer
by layer, in windows of --ctx tokens: how far the hidden state is from the source's behind every layer, and at the end how far every
prediction is: KL divergence, both perplexities, how often the likeliest tokens agree, as llama-perplexity --kl-divergence defines
them. Of each model one layer (or expert) is in memory at a time, and no file of logits is written. Nothing is rounded beyond float32 (--exact), so
that figures are the file's and not the arithmetic's; --exact=false keeps 16 bits and takes about half the time for the file.

--max-kld and its like set bounds: a figure outside is a failure that names the figure and the layer that adds most to the error.
--report writes all of it as one HTML page that loads nothing from anywhere.

Anything found is exit code 7. With --json, standard output gets one object, the report, whether the file passes or not.`,
		Example: `  qconv verify model-q4_k_m.gguf
  qconv verify model-q4_k_m.gguf --against QwQ-32B
  qconv verify model-q4_k_m.gguf --against QwQ-32B -f wiki.test.raw --chunks 8 --max-kld 0.02 --report report.html
  qconv verify model-iq2_m.gguf --against QwQ-32B --imatrix imatrix.gguf --json | jq .findings
  qconv hash model.gguf > model.manifest && qconv verify model.gguf --manifest model.manifest`,
		Args: arguments(1, 1, "OUT.gguf"),
		RunE: func(c *cobra.Command, args []string) error {
			j.file = args[0]
			return j.do(c.Context())
		},
	}
	f := c.Flags()
	f.StringVarP(&j.text.file, "file", "f", "", "`FILE` with a text that the model reads")
	j.text.add(c)
	j.bounds.add(c)
	f.StringVar(&j.page, "report", "", "write an HTML page to `FILE`")
	f.BoolVar(&j.force, "force", false, "replace the page if it exists")
	j.runtime.precision.add(c, true)
	f.StringVar(&j.against, "against", "", "checkpoint directory or GGUF file `SRC` that the file was made of")
	f.StringVar(&j.manifest, "manifest", "", "compare digests with those in `FILE`, which qconv hash or gguf-hash printed")
	f.StringVar(&j.imatrix, "imatrix", "", "importance matrix `FILE` that the file was made with")
	f.IntVarP(&j.runtime.threads, "threads", "j", 0, "`N` threads (default: all cores)")
	f.StringVar(&j.runtime.ram, "ram", "", "`SIZE` of weights and buffers together (default: three quarters of the machine's memory)")
	f.StringVar(&j.runtime.pre, "pre", "", "`NAME` of the checkpoint's pre-tokenizer, when it cannot be found out (such as qwen2, llama-bpe)")
	followFlag(c, &j.runtime.followSymlinks)
	j.changed = f.Changed
	return c
}

// do opens what is needed, makes all checks and prints the report.
func (j *verifyJob) do(ctx context.Context) error {
	defer func() {
		for _, f := range j.closers {
			f()
		}
	}()
	started := time.Now().UTC()
	err := j.open()
	if err == nil && j.report == nil {
		if err = j.check(ctx); err == nil {
			err = j.run(ctx)
		}
	}
	if err != nil {
		return err
	}
	j.bounds.Judge(j.report)
	j.report.Version, j.report.Command, j.report.Started = version, append([]string{"qconv"}, j.ui.args...), started.Format(time.RFC3339)
	j.report.Settle()
	if j.page != "" {
		if err := writePage(j.page, j.force, j.report); err != nil {
			return err
		}
	}
	if err := j.ui.verified(j.report); err != nil {
		return err
	}
	return verify.Error(j.report)
}

// open reads the flags and opens all files. A file that breaks a rule of its format gives a report at once.
func (j *verifyJob) open() error {
	if j.runtime.threads < 0 || j.runtime.threads > maxThreads {
		return usagef("--threads %d is not between 0 (all cores) and %d", j.runtime.threads, maxThreads)
	}
	for flag, value := range map[string]string{"against": j.against, "manifest": j.manifest, "imatrix": j.imatrix, "file": j.text.file, "report": j.page} {
		if value == "" && j.changed(flag) {
			return usagef("--%s is empty", flag)
		}
	}
	if j.against == "" && (j.imatrix != "" || j.runtime.pre != "") {
		return usagef("--imatrix and --pre belong to what the file is compared with; give --against too")
	}
	if err := j.readText(); err != nil {
		return err
	}
	ram, err := j.runtime.budget()
	if err != nil {
		return err
	}
	j.ram, j.subject.Threads, j.subject.RAM = ram, j.runtime.threads, ram
	if j.manifest != "" {
		if j.subject.Manifest, err = readManifest(j.manifest, "--manifest"); err != nil {
			return err
		}
	}
	if err := j.openFile(); err != nil || j.report != nil {
		return err
	}
	if j.against == "" {
		return nil
	}
	return j.openSource(ram)
}

// readText reads the flags about the text, and the text.
func (j *verifyJob) readText() (err error) {
	if j.score, err = j.text.parse(); err != nil {
		return err
	}
	switch {
	case j.bounds.Run() && (j.text.file == "" || j.against == ""):
		return usagef("bounds on divergence and layers need a text and a source; give --file and --against")
	case j.bounds.Tensor != nil && j.against == "":
		return usagef("--max-tensor-error needs a source; give --against")
	case j.text.file == "":
		return nil
	}
	if _, err := os.Lstat(j.page); j.page != "" && err == nil && !j.force {
		return fault.New(fault.Busy, j.page, "exists already; give --force to replace it, or another name")
	}
	j.words, err = readText(j.text.file)
	return err
}

// openFile opens OUT.
func (j *verifyJob) openFile() error {
	dir, err := isCheckpoint("OUT.gguf", j.file)
	if err != nil {
		return err
	}
	if dir {
		return usagef("%s is a directory; OUT.gguf is a GGUF file, and a checkpoint is given with --against", quoted(j.file))
	}
	g, err := openGGUF(j.file)
	if err != nil {
		if r, ok := verify.Unreadable(filepath.Base(j.file), firstBytes(j.file), err); ok {
			j.report = r
			return nil
		}
		return err
	}
	j.closers, j.unchanged = append(j.closers, g.Close), append(j.unchanged, g.unchanged)
	j.subject.Set = g.set
	for _, f := range g.files {
		j.subject.Data = append(j.subject.Data, f)
	}
	return nil
}

// firstBytes gives the magic of a file, nothing when it cannot be read.
func firstBytes(path string) []byte {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		return nil // opening a pipe would wait
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head := make([]byte, 4)
	n, _ := io.ReadFull(f, head)
	return head[:n]
}

// openSource opens SRC and the importance matrix.
func (j *verifyJob) openSource(ram int64) error {
	dir, err := isCheckpoint("SRC", j.against)
	if err != nil {
		return err
	}
	if dir {
		ck, err := hf.Open(hf.Dir(j.against, j.runtime.followSymlinks), hf.DefaultLimits())
		if err != nil {
			return err
		}
		j.closers, j.unchanged = append(j.closers, func() { ck.Close() }), append(j.unchanged, ck.Unchanged)
		j.subject.Source = verify.FromCheckpoint(ck, j.runtime.pre)
	} else {
		g, err := openGGUF(j.against)
		if err != nil {
			return err
		}
		j.closers, j.unchanged = append(j.closers, g.Close), append(j.unchanged, g.unchanged)
		j.subject.Source = verify.FromGGUF(g.set, filepath.Base(j.against), g.unchanged)
	}
	if j.imatrix != "" {
		m, _, err := openImportance(j.imatrix, ram)
		if err != nil {
			return err
		}
		j.subject.Source.Importance, j.subject.Source.ImportanceFile = m, j.imatrix
	}
	return nil
}

// check makes the report.
func (j *verifyJob) check(ctx context.Context) (err error) {
	bar := newProgress(j.ui)
	defer bar.finish()
	if !j.ui.json { // one object is all that a reader of verify --json expects
		j.subject.Begin = func(phase string, total int64) { bar.open(phase, total, 0) }
		j.subject.Done = bar.add
	}
	if j.report, err = j.subject.Static(ctx); err != nil {
		return err
	}
	for _, f := range j.unchanged {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}
