package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// quantizeJob is a command line of llama-quantize.
type quantizeJob struct {
	job
	in        string
	threads   string // NTHREADS, "" when it is not given
	overrides []string
	prune     []string
	maxBuffer int
	dryRun    bool
}

func newQuantize(u *ui) *cobra.Command {
	var q quantizeJob
	var o pipeline.Output
	c := &cobra.Command{
		Use:   "quantize [flags] IN.gguf [OUT.gguf] TYPE [NTHREADS]",
		Short: "quantize a GGUF file: llama-quantize's command line and bytes",
		Long: `quantize makes a GGUF file of another type of IN.gguf, or of the split set that begins with it. Arguments,
flags and the bytes written are those of llama-quantize (llama.cpp v0.5.0).

TYPE is a file type by name in any case or by number, or COPY, which keeps every tensor as it is. Without
OUT.gguf the output is ggml-model-TYPE.gguf in the directory of IN.gguf. NTHREADS is --threads; 0 means
all cores.

Unlike llama-quantize, it writes to OUT.partial and gives the output its name only when it is complete and
has been read back; the same command goes on after an interruption; an existing output is replaced only with
--force (else exit code 6); damaged blocks, NaN, infinity, and values that do not fit a flag are refused.
general.alignment of IN.gguf is obeyed.

--override-kv KEY=KIND:VALUE sets keys in order, each at the end of the list. KIND is int (written as u32, without
sign), float (f32), bool (true or false) or str (at most 127 bytes). A key that is there keeps its kind.
--prune-layers renumbers the layers that stay and changes the block count, nothing else.
--keep-split writes the parts of IN.gguf as OUT-00001-of-0000N.gguf and so on.
--max-buffer-size bounds the buffers within --ram, and is raised to what one buffer needs.
--dry-run prints what would be written, as qconv plan does, and refuses what the run would refuse.`,
		Example: `  qconv quantize model-bf16.gguf Q4_K_M
  qconv quantize --tensor-type 'ffn_down=q6_k' model-bf16.gguf model-q4_k_m.gguf q4_k_m 8
  qconv quantize --allow-requantize --pure model-q8_0.gguf model-q4_0.gguf Q4_0
  qconv quantize --keep-split big-00001-of-00004.gguf big-q5.gguf Q5_K_M
  qconv quantize --prune-layers 10,11 --override-kv general.name=str:Short in.gguf out.gguf COPY
  qconv quantize --imatrix imatrix.gguf model-bf16.gguf IQ2_XS
  qconv quantize --dry-run model-bf16.gguf 15`,
		Args: arguments(2, 4, "IN.gguf", "TYPE"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			switch len(args) {
			case 0:
				return []string{"gguf"}, cobra.ShellCompDirectiveFilterFileExt
			case 1, 2:
				return append(typeNames(), "COPY"), cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := q.arguments(args); err != nil {
				return err
			}
			src, plan, err := q.plan()
			if err != nil {
				return err
			}
			defer src.Close()
			dir := filepath.Dir(q.out)
			if q.dryRun {
				return u.plan(plan, dir)
			}
			o.Inputs, o.Dir = src.inputs, dir
			return u.write(c.Context(), plan, filepath.Join(dir, plan.Parts[0].Name), o)
		},
	}
	q.flags(c)
	outputFlags(c, &o)
	f := c.Flags()
	f.BoolVar(&q.opts.KeepSplit, "keep-split", false, "write the parts that IN.gguf has")
	f.StringArrayVar(&q.overrides, "override-kv", nil, "`KEY=KIND:VALUE` to set in the output; KIND is int, float, bool or str (repeatable)")
	f.StringArrayVar(&q.prune, "prune-layers", nil, "layers to leave out: `N,N,...`")
	f.IntVar(&q.maxBuffer, "max-buffer-size", 0, "`MIB` of buffers at most (default: what --ram leaves)")
	f.BoolVar(&q.dryRun, "dry-run", false, "print types and sizes, and write nothing")
	return c
}

// arguments takes IN [OUT] TYPE [NTHREADS] apart: what reads as a type behind IN is TYPE.
func (q *quantizeJob) arguments(args []string) error {
	q.in = args[0]
	rest := args[1:]
	if !isType(rest[0]) {
		if len(rest) < 2 {
			return usagef("%s is no TYPE; %s", quoted(rest[0]), oneOf("COPY"))
		}
		if q.out = rest[0]; q.out == "" {
			return usagef("OUT.gguf is empty; give a file")
		}
		rest = rest[1:]
	}
	q.typ = rest[0]
	switch rest = rest[1:]; len(rest) {
	case 0:
		return nil
	case 1:
		q.threads = rest[0]
		return nil
	}
	return usagef("%q is one argument too many: %s was taken for TYPE; write ./%s for a file of that name", rest[1], quoted(q.typ), q.typ)
}

func isType(s string) bool {
	_, ok := mix.ParseRecipe(s)
	return ok || strings.EqualFold(s, "COPY")
}

// plan opens IN and plans the output.
func (q *quantizeJob) plan() (*source, *pipeline.Plan, error) {
	if err := q.parse(); err != nil {
		return nil, nil, err
	}
	if err := q.readable(); err != nil {
		return nil, nil, err
	}
	set, err := openGGUF(q.in)
	if err != nil {
		return nil, nil, err
	}
	p, err := pipeline.FromGGUF(set.set, filepath.Base(q.in), set.unchanged, q.opts)
	if err != nil {
		set.Close()
		return nil, nil, err
	}
	return &source{inputs: append(set.inputs, q.inputs...), close: set.Close}, p, nil
}

// readable refuses what is no file here.
func (q *quantizeJob) readable() error {
	switch {
	case q.in == "":
		return usagef("IN.gguf is empty; it is a GGUF file")
	case strings.Contains(q.in, "://"):
		return fault.New(fault.Unsupported, q.in, "URLs cannot be read yet; download the file first")
	}
	st, err := os.Stat(q.in)
	if err != nil {
		return ioFault(q.in, err, "IN.gguf is a GGUF file")
	}
	if st.IsDir() {
		return usagef("%s: is a directory; quantize reads a GGUF file, and qconv convert a checkpoint", quoted(q.in))
	}
	return nil
}
