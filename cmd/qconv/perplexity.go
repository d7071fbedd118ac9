package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/tokenizer"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/stream"
)

func newPerplexity(u *ui) *cobra.Command {
	var r runtimeFlags
	var t textFlags
	c := &cobra.Command{
		Use:   "perplexity MODEL -f TEXT",
		Short: "measure how well a model predicts a text",
		Long: `perplexity runs MODEL (a GGUF file or a checkpoint directory) over the text in windows of --ctx tokens and prints the
perplexity, as llama-perplexity defines it: the second half of each window is scored. --score all scores every token
but the first of each window. A model that does not fit into --ram is run layer by layer, for all windows at once; the
figure is the same to the last digit, as it is for any number of threads.

With --json, standard output gets one object a line: "event":"progress" about every second, and "event":"done" at the
end.`,
		Example: `  qconv perplexity model-q4_k_m.gguf -f wiki.test.raw
  qconv perplexity QwQ-32B -f wiki.test.raw --chunks 20 --ram 8GiB
  qconv perplexity model.gguf -f text.txt --ctx 256 --score all --json`,
		Args: arguments(1, 1, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := t.parse()
			if err != nil {
				return err
			}
			if t.file == "" {
				return usagef("--file is missing; it names the text, such as wiki.test.raw")
			}
			text, err := readText(t.file)
			if err != nil {
				return err
			}
			ram, err := r.budget()
			if err != nil {
				return err
			}
			m, err := r.open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			w, err := m.windows(text, t.file, t.length, t.chunks, s)
			if err != nil {
				return err
			}
			return u.perplexity(c.Context(), m, w, r.device(r.threads), ram, t.score)
		},
	}
	c.Flags().StringVarP(&t.file, "file", "f", "", "`FILE` with the text")
	t.add(c)
	r.add(c)
	return c
}

// readText reads a text, which must be UTF-8.
func readText(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", ioFault(path, err, "--file names a text")
	}
	text := string(b)
	return text, checkUTF8(filepath.Base(path), text)
}

// checkUTF8 refuses what is no text; where says whose it is.
func checkUTF8(where, text string) error {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && n == 1 {
			return fault.New(fault.Malformed, where, "found byte %02X, expected UTF-8; convert the text, such as with iconv -f latin1 -t utf-8", text[at]).At(int64(at))
		}
		at += n
	}
	return nil
}

// windows cuts a text for the model.
func (m *runnable) windows(text, file string, length, chunks int, score stream.Score) (*stream.Windows, error) {
	ids, err := m.encode(text, length, false)
	if err != nil {
		return nil, err
	}
	return m.cut(ids, file, length, chunks, score)
}

// encode gives the tokens of a text that is to be cut into windows.
func (m *runnable) encode(text string, length int, special bool) ([]int32, error) {
	if int64(length) > m.block.Context {
		return nil, m.tooLong(length)
	}
	ids := m.tokenizer.Encode(text, tokenizer.EncodeOptions{AddSpecial: true, ParseSpecial: special})
	if err := m.checkIDs(ids); err != nil {
		return nil, m.explained(err)
	}
	return ids, nil
}

func (m *runnable) cut(ids []int32, file string, length, chunks int, score stream.Score) (*stream.Windows, error) {
	bos := int32(-1)
	if id, ok := m.tokenizer.BOS(); ok {
		bos = id
	}
	w, err := stream.Cut(ids, length, bos, chunks, score)
	if err != nil {
		return nil, fault.New(fault.KindOf(err), filepath.Base(file), "%w", fault.Cause(err))
	}
	return w, nil
}

// tooLong refuses a --ctx.
func (m *runnable) tooLong(length int) error {
	return usagef("--ctx is %d, %s was made for %d positions; give at most that", length, quoted(m.name), m.block.Context)
}

// checkIDs refuses tokens that the model has no embedding for.
func (m *runnable) checkIDs(ids []int32) error {
	for _, id := range ids {
		if int64(id) >= m.block.Vocab {
			return fault.New(fault.Mismatch, m.name, "the tokenizer gives token %d, token_embd.weight has %d rows", id, m.block.Vocab)
		}
	}
	return nil
}

type perplexityJSON struct {
	Event      string  `json:"event"`
	Model      string  `json:"model"`
	Windows    int     `json:"windows"`
	Context    int     `json:"context"`
	Score      string  `json:"score"`
	Scored     int     `json:"scored_tokens"`
	NLL        float64 `json:"mean_nll"`
	Perplexity float64 `json:"perplexity"`
	Error      float64 `json:"standard_error"`
	LayerMajor bool    `json:"layer_by_layer"`
	Peak       int64   `json:"memory_bytes"`
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"tokens_per_second"`
}

// evaluation is how an evaluation went.
type evaluation struct {
	plan          stream.Plan
	seconds, rate float64 // tokens per second
}

// evaluate measures a model's perplexity, with progress.
func (u *ui) evaluate(ctx context.Context, m *runnable, w *stream.Windows, dev *cpu.Device, ram int64) (p stream.Perplexity, e evaluation, err error) {
	if e.plan, err = stream.NewPlan(&m.sizes, len(w.IDs), w.Length(), ram, false); err != nil {
		return p, e, fault.New(fault.KindOf(err), "", "%w; give a larger --ram or shorter windows", fault.Cause(err))
	}
	way := "in memory"
	if e.plan.LayerMajor {
		way = "layer by layer"
	}
	u.note("%s: %d windows of %d tokens, %s, about %s of memory", quoted(m.name), len(w.IDs), w.Length(), way, size(e.plan.Peak))
	start := time.Now()
	bar := newProgress(u)
	rm, err := m.load(ctx, dev, bar, w.Length(), e.plan.LayerMajor)
	if err != nil {
		return p, e, err
	}
	defer rm.Close()
	total := int64(len(w.IDs) * w.Length())
	bar.openTokens("evaluate", total)
	p, err = stream.Measure(ctx, rm, w, e.plan, func(done float64, soFar stream.Perplexity) { bar.share(done, soFar.Value) })
	bar.finish()
	e.seconds = time.Since(start).Seconds()
	e.rate = float64(total) / e.seconds
	return p, e, m.explained(err)
}

func (u *ui) perplexity(ctx context.Context, m *runnable, w *stream.Windows, dev *cpu.Device, ram int64, score string) error {
	p, e, err := u.evaluate(ctx, m, w, dev, ram)
	if err != nil {
		return err
	}
	if u.json {
		return u.object(perplexityJSON{
			Event: "done", Model: m.name, Windows: p.Windows, Context: w.Length(), Score: score, Scored: p.Scored, NLL: p.NLL,
			Perplexity: p.Value, Error: p.Error, LayerMajor: e.plan.LayerMajor, Peak: e.plan.Peak, Seconds: e.seconds, Rate: e.rate,
		})
	}
	u.note("%.0f tokens/s, %.1f s", e.rate, e.seconds)
	return u.printf("perplexity %.6f ± %.6f (%d windows of %d tokens, %d scored)\n", p.Value, p.Error, p.Windows, w.Length(), p.Scored)
}
