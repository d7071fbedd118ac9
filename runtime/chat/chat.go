// Package chat renders the chat template of a model: the Jinja program that turns a conversation into the text the model
// was trained on.
//
// A template comes out of a model file, so it is treated as hostile. This package is an interpreter of its own for the
// part of Jinja that chat templates use, written so that a render always ends by itself, in the caller's goroutine:
// every step, every byte of every value and every level of nesting is counted against a fixed limit, and there is no
// operation that reaches files, the environment, the clock or Go's reflection. Nothing is started, so nothing can be left.
//
// The meaning is that of Hugging Face transformers' apply_chat_template: jinja2's immutable sandbox with trim_blocks,
// lstrip_blocks, break and continue, {% generation %}, raise_exception, strftime_now and a tojson that does not escape
// HTML. What is not supported is refused with the kind Unsupported when it is reached; it never renders as something else.
package chat

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
)

// The limits of one render. All of them are fixed, so that a template behaves the same on every machine.
const (
	MaxTemplate = 1 << 20   // bytes of template text
	MaxInput    = 4 << 20   // bytes of all messages and extra variables
	MaxOutput   = 16 << 20  // bytes of rendered text, and of any text put together on the way
	maxSteps    = 4_000_000 // evaluated nodes, visited elements, and quarters of a kilobyte looked at
	maxBytes    = 128 << 20 // bytes of all values ever made by a render; what is alive is less
	maxNesting  = 200       // statements and brackets inside each other, while parsing
	maxDepth    = 1000      // nested evaluations, calls of macros and levels of values
	maxRange    = 100_000   // elements of range(), as in jinja2's sandbox
)

// DefaultNow is what strftime_now reads when Options.Now is zero: a fixed moment, so that the same input gives the same
// text. It is the date that Llama 3 templates use when they cannot ask.
var DefaultNow = time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC)

// Message is one turn of a conversation.
type Message struct{ Role, Content string }

// Options is what a template can see.
type Options struct {
	Messages            []Message
	AddGenerationPrompt bool
	// BOS and EOS are the texts of the special tokens. Empty means that the tokenizer has none: bos_token or eos_token is
	// then undefined, as in transformers.
	BOS, EOS string
	// Now is what strftime_now formats; zero means DefaultNow.
	Now time.Time
	// Extra holds further variables, and may replace tools and documents, which are none otherwise. Values are nil, bool,
	// int, int64, float64, string, []any and map[string]any of these; the keys of a map are seen in sorted order.
	Extra map[string]any
}

// Render runs template on o. Errors are fault.Errors: Malformed for a template that breaks the language's rules or fails
// on this conversation, Mismatch for one that refuses it with raise_exception (with its text), Unsupported for a feature
// this package lacks, Limit for one that needs more than the limits above, or more time than ctx gives. When ctx is done
// the error also wraps ctx.Err().
func Render(ctx context.Context, template string, o Options) (string, error) {
	r := &run{ctx: ctx, now: o.Now, allow: maxSteps}
	if r.now.IsZero() {
		r.now = DefaultNow
	}
	return r.render(template, o)
}

func (r *run) render(template string, o Options) (string, error) {
	if len(template) > MaxTemplate {
		return "", fault.New(fault.Limit, "", "chat template: %d bytes, the limit is %d", len(template), MaxTemplate)
	}
	if !utf8.ValidString(template) {
		return "", fault.New(fault.Malformed, "", "chat template: not valid UTF-8")
	}
	toks, err := scan(template)
	if err != nil {
		return "", err
	}
	body, err := parse(toks)
	if err != nil {
		return "", err
	}
	globals, err := variables(r, o)
	if err != nil {
		return "", err
	}
	f := &frame{run: r, scope: &scope{vars: globals}, out: &output{run: r}}
	if _, err := f.exec(body); err != nil {
		return "", err
	}
	return f.out.text.String(), nil
}

// variables makes the values a template starts with.
func variables(r *run, o Options) (map[string]value, error) {
	vars := map[string]value{"add_generation_prompt": o.AddGenerationPrompt, "tools": nil, "documents": nil}
	c := converter{run: r}
	msgs := make([]value, 0, len(o.Messages))
	for i, m := range o.Messages {
		d := newDict()
		for _, kv := range [2][2]string{{"role", m.Role}, {"content", m.Content}} {
			s, err := c.text(kv[1])
			if err != nil {
				return nil, within(err, "message %d, %s", i+1, kv[0])
			}
			d.set(kv[0], kv[0], s)
		}
		msgs = append(msgs, d)
	}
	vars["messages"] = &list{items: msgs}
	for name, s := range map[string]string{"bos_token": o.BOS, "eos_token": o.EOS} {
		if s == "" {
			continue
		}
		v, err := c.text(s)
		if err != nil {
			return nil, within(err, "%s", name)
		}
		vars[name] = v
	}
	for name, x := range o.Extra {
		v, err := c.any(x, 0)
		if err != nil {
			return nil, within(err, "variable %q", name)
		}
		vars[name] = v
	}
	return vars, nil
}
