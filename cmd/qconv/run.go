package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/formats/tokenizer"
	"github.com/qconv/qconv/runtime/chat"
	"github.com/qconv/qconv/runtime/sample"
)

// generation is the flags of run.
type generation struct {
	runtimeFlags
	sample.Options
	file, system string
	chat, raw    bool
	length, most int
	stops        []string
}

// defaultContext is how many positions run keeps room for when nobody says.
const defaultContext = 4096

func newRun(u *ui) *cobra.Command {
	g := generation{Options: sample.Defaults()}
	c := &cobra.Command{
		Use:   "run MODEL [PROMPT]",
		Short: "let a model continue a prompt, or answer it",
		Long: `run generates text with MODEL, a GGUF file or a checkpoint directory. The prompt is PROMPT, a file, or standard
input. When the model has a chat template, the prompt is a question and the template is put around it; --raw continues
the prompt as it is. Templates come from model files: they are run under limits and cannot reach the system.

The same seed gives the same text, with any number of threads. --temp 0 always takes the likeliest
token. With --json, standard output gets one object a line: "event":"text" for each piece, and "event":"done" with the
timings at the end.`,
		Example: `  qconv run model-q4_k_m.gguf "Why is the sea salty?"
  qconv run model.gguf --raw "Once upon a time" -n 100 --temp 0
  echo "Summarize: ..." | qconv run QwQ-32B --system "Answer in one sentence." --json`,
		Args: arguments(1, 2, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := g.check(); err != nil {
				return err
			}
			ram, err := g.budget()
			if err != nil {
				return err
			}
			m, err := g.open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			text, err := u.text(c.Context(), "PROMPT", args[1:], g.file)
			if err != nil {
				return err
			}
			if err := g.checkTexts(args[1:], text); err != nil {
				return err
			}
			if len(args) < 2 {
				text = strings.TrimSuffix(text, "\n") // which a shell or an editor put there
			}
			ids, err := g.prompt(c.Context(), m, text)
			if err != nil {
				return err
			}
			return g.generate(c.Context(), u, m, ids, ram)
		},
	}
	f := c.Flags()
	f.StringVarP(&g.file, "file", "f", "", "read the prompt from `FILE`")
	f.BoolVar(&g.chat, "chat", false, "put the chat template around the prompt (default: when the model has one)")
	f.BoolVar(&g.raw, "raw", false, "continue the prompt as it is")
	f.StringVar(&g.system, "system", "", "`TEXT` of the system message before the prompt")
	f.IntVarP(&g.most, "tokens", "n", 256, "generate at most `N` tokens")
	f.IntVarP(&g.length, "ctx", "c", 0, "positions for prompt and text (default: 4096, or what the model was made for)")
	f.Float64Var(&g.Temperature, "temp", g.Temperature, "temperature; 0 takes the likeliest token")
	f.IntVar(&g.TopK, "top-k", g.TopK, "choose among the `K` likeliest tokens; 0: all")
	f.Float64Var(&g.TopP, "top-p", g.TopP, "choose among the likeliest tokens that have `P` of the probability together")
	f.Float64Var(&g.MinP, "min-p", g.MinP, "leave out tokens less likely than `P` times the likeliest")
	f.Float64Var(&g.RepeatPenalty, "repeat-penalty", g.RepeatPenalty, "penalty for tokens that were there before; 1: none")
	f.IntVar(&g.RepeatLast, "repeat-last-n", g.RepeatLast, "tokens that the penalty looks back; -1: all")
	f.Uint64Var(&g.Seed, "seed", g.Seed, "seed of the choices")
	f.StringArrayVar(&g.stops, "stop", nil, "end before `TEXT` (repeatable)")
	g.add(c)
	return c
}

func (g *generation) check() error {
	switch {
	case g.chat && g.raw:
		return usagef("--chat and --raw are both given; give one")
	case g.raw && g.system != "":
		return usagef("--system is given, but --raw has no messages")
	case g.most < 0:
		return usagef("--tokens is %d, expected 0 or more", g.most)
	case g.length < 0:
		return usagef("--ctx is %d, expected 0 (default) or more", g.length)
	}
	for _, s := range g.stops {
		if s == "" {
			return usagef("--stop is empty; it is a text")
		}
	}
	return g.Options.Check()
}

// checkTexts refuses a prompt or a system message that is no text.
func (g *generation) checkTexts(args []string, prompt string) error {
	where := "standard input"
	if len(args) > 0 {
		where = "PROMPT"
	} else if g.file != "" {
		where = filepath.Base(g.file)
	}
	if err := checkUTF8("--system", g.system); err != nil {
		return err
	}
	return checkUTF8(where, prompt)
}

// prompt gives the tokens of what the model reads.
func (g *generation) prompt(ctx context.Context, m *runnable, text string) ([]int32, error) {
	template, has := gguf.Value[string](m.keys, "tokenizer.chat_template")
	if v, found := m.keys.Get("tokenizer.chat_template"); found && !has && !g.raw {
		return nil, fault.New(fault.Malformed, m.name, "key \"tokenizer.chat_template\" is %v, expected a string; --raw continues a prompt without it", v)
	}
	if g.chat && !has {
		return nil, fault.New(fault.Usage, m.name, "it has no chat template: give --raw")
	}
	special := has && !g.raw
	empty := fault.New(fault.Usage, "", "the prompt is empty; it is PROMPT, --file or standard input")
	if special {
		if text == "" {
			return nil, empty
		}
		var messages []chat.Message
		if g.system != "" {
			messages = append(messages, chat.Message{Role: "system", Content: g.system})
		}
		messages = append(messages, chat.Message{Role: "user", Content: text})
		var err error
		text, err = chat.Render(ctx, template, chat.Options{
			Messages: messages, AddGenerationPrompt: true, BOS: m.special("bos"), EOS: m.special("eos"), Now: time.Now(),
		})
		if err != nil {
			return nil, fault.New(fault.KindOf(err), m.name, "%w; --raw continues a prompt without it", err)
		}
		if text == "" {
			return nil, fault.New(fault.Malformed, m.name, "the chat template gives no text; --raw continues a prompt without it")
		}
	} else if g.system != "" {
		return nil, fault.New(fault.Usage, m.name, "--system is given, but the model has no chat template")
	}
	bos, adds := m.tokenizer.BOS()
	add := !(special && adds && strings.HasPrefix(text, m.tokenizer.Piece(bos))) // most templates write it themselves
	ids := m.tokenizer.Encode(text, tokenizer.EncodeOptions{AddSpecial: add, ParseSpecial: special})
	if len(ids) == 0 {
		return nil, empty
	}
	return ids, m.explained(m.checkIDs(ids))
}

// special gives the text of a token that a key names; "" when there is none.
func (m *runnable) special(name string) string {
	if id, ok := m.keys.Int("tokenizer.ggml." + name + "_token_id"); ok && id < int64(m.tokenizer.Len()) {
		return m.tokenizer.Piece(int32(id))
	}
	return ""
}

type textJSON struct {
	Event string `json:"event"`
	Text  string `json:"text"`
}

type generatedJSON struct {
	Event        string  `json:"event"`
	Model        string  `json:"model"`
	Text         string  `json:"text"`
	Finish       string  `json:"finish"` // stop or length
	Prompt       int     `json:"prompt_tokens"`
	Tokens       int     `json:"generated_tokens"`
	PromptTime   float64 `json:"prompt_seconds"`
	PromptRate   float64 `json:"prompt_tokens_per_second"`
	GenerateTime float64 `json:"generate_seconds"`
	GenerateRate float64 `json:"generate_tokens_per_second"`
	LoadTime     float64 `json:"load_seconds"`
}

func (g *generation) generate(ctx context.Context, u *ui, m *runnable, ids []int32, ram int64) error {
	length := int64(g.length)
	if length == 0 {
		length = min(m.block.Context, defaultContext)
	}
	if length > m.block.Context {
		return m.tooLong(g.length)
	}
	if int64(len(ids)) >= length {
		more := "a shorter prompt or a larger --ctx"
		if length == m.block.Context {
			more = "a shorter prompt: the model was made for no more"
		}
		return fault.New(fault.Usage, m.name, "the prompt has %d tokens, --ctx is %d and holds the answer too; give %s", len(ids), length, more)
	}
	if need := m.sizes.Generate(int64(len(ids)), min(length, int64(len(ids)+g.most))); need > ram {
		return fault.New(fault.Budget, m.name, "it needs %s to generate, %s are given: give a larger --ram or a smaller --ctx, or quantize it to a smaller type", size(need), size(ram))
	}
	start := time.Now()
	bar := newProgress(u)
	rm, err := m.load(ctx, g.device(g.threads), bar, int(length), false)
	bar.finish()
	if err != nil {
		return err
	}
	defer rm.Close()
	loaded := time.Since(start)
	w := writer{u: u, tokenizer: m.tokenizer, stopper: sample.NewStopper(g.stops), tokens: ids[len(ids)-1:]}
	if w.before, err = m.tokenizer.Decode(w.tokens); err != nil {
		return err
	}
	done, err := rm.Generate(ctx, ids, g.most, sample.New(g.Options).Next, w.emit)
	if err == nil && w.finish == "" {
		w.finish = "length"
		err = w.print(w.stopper.Flush())
	}
	if err != nil {
		if w.all.Len() > 0 && !u.json {
			w.endLine() // before what is said about it
		}
		return err
	}
	prompt, generate := done.PromptTime.Seconds(), done.TokenTime.Seconds()
	if u.json {
		return u.object(generatedJSON{
			Event: "done", Model: m.name, Text: w.all.String(), Finish: w.finish, Prompt: done.Prompt, Tokens: done.Tokens,
			PromptTime: prompt, PromptRate: float64(done.Prompt) / prompt, GenerateTime: generate,
			GenerateRate: float64(done.Tokens) / max(generate, 1e-9), LoadTime: loaded.Seconds(),
		})
	}
	if err := w.endLine(); err != nil {
		return err
	}
	u.note("%d tokens read at %.1f/s, %d written at %.1f/s", done.Prompt, float64(done.Prompt)/prompt, done.Tokens, float64(done.Tokens)/max(generate, 1e-9))
	return nil
}

// writer turns tokens into text while they come.
type writer struct {
	u         *ui
	tokenizer *tokenizer.Tokenizer
	stopper   *sample.Stopper
	tokens    []int32 // the last one that is handed on, and those behind it
	before    string  // text of the tokens that was handed on, or belongs to the prompt
	all       strings.Builder
	finish    string
}

func (w *writer) emit(id int32) (bool, error) {
	if w.tokenizer.Ends(id) {
		w.finish = "stop"
		return false, w.print(w.stopper.Flush())
	}
	w.tokens = append(w.tokens, id)
	text, err := w.tokenizer.Decode(w.tokens)
	if err != nil {
		return false, err
	}
	if strings.HasSuffix(text, "\uFFFD") && len(text)-len(w.before) < 12 {
		return true, nil // the rest of a character is to come
	}
	piece := text[min(len(w.before), len(text)):]
	w.before = text
	if !strings.HasSuffix(text, "\uFFFD") { // what comes next depends on no more than the last token
		w.tokens = w.tokens[len(w.tokens)-1:]
		if w.before, err = w.tokenizer.Decode(w.tokens); err != nil {
			return false, err
		}
	}
	out, stop := w.stopper.Write([]byte(piece))
	if stop {
		w.finish = "stop"
	}
	return !stop, w.print(out)
}

// print shows text at once.
func (w *writer) print(text string) error {
	if text == "" {
		return nil
	}
	w.all.WriteString(text)
	if w.u.json {
		return w.u.object(textJSON{"text", text})
	}
	if err := w.u.printf("%s", text); err != nil {
		return err
	}
	return w.u.flush()
}

// endLine ends the text's last line before anything else is printed.
func (w *writer) endLine() error {
	if err := w.u.printf("\n"); err != nil {
		return err
	}
	return w.u.flush()
}
