package model

import (
	"context"
	"time"
)

// promptTokens is how many tokens of a prompt go through the layers together.
const promptTokens = 512

// Generation is what it took to generate.
type Generation struct {
	Prompt, Tokens        int // tokens of the prompt, tokens generated
	PromptTime, TokenTime time.Duration
}

// Generate continues a prompt. next chooses a token from the logits; text is all tokens so far, the prompt's included.
// emit is given each token and tells whether to go on. At most n tokens are made, and never more than the positions that
// New was given. The model must be loaded.
func (m *Model) Generate(ctx context.Context, prompt []int32, n int, next func(logits []float32, text []int32) (int32, error), emit func(id int32) (bool, error)) (g Generation, err error) {
	n = min(n, m.limit-len(prompt))
	cache, err := m.NewCache(len(prompt) + max(n, 0))
	if err != nil {
		return g, err
	}
	defer cache.Free()
	text := append([]int32(nil), prompt...)
	start := time.Now()
	logits, err := m.prompt(ctx, prompt, cache)
	g.Prompt, g.PromptTime = len(prompt), time.Since(start)
	if err != nil {
		return g, err
	}
	start = time.Now()
	defer func() { g.TokenTime = time.Since(start) }()
	for g.Tokens < n {
		id, err := next(logits, text)
		if err != nil {
			return g, err
		}
		g.Tokens++
		text = append(text, id)
		if more, err := emit(id); err != nil || !more || g.Tokens == n {
			return g, err
		}
		if logits, err = m.last(ctx, text[len(text)-1:], cache); err != nil {
			return g, err
		}
	}
	return g, nil
}

// prompt fills the cache and gives the logits after the last token.
func (m *Model) prompt(ctx context.Context, ids []int32, c *Cache) (logits []float32, err error) {
	for len(ids) > promptTokens {
		p, err := m.Forward(ctx, &Batch{IDs: ids[:promptTokens], Windows: []int{promptTokens}, Cache: c})
		if err != nil {
			return nil, err
		}
		p.End()
		ids = ids[promptTokens:]
	}
	return m.last(ctx, ids, c)
}

// last runs tokens and gives the logits after the last one.
func (m *Model) last(ctx context.Context, ids []int32, c *Cache) ([]float32, error) {
	p, err := m.Forward(ctx, &Batch{IDs: ids, Windows: []int{len(ids)}, Cache: c})
	if err != nil {
		return nil, err
	}
	defer p.End()
	return m.Logits(p.X(), []int32{int32(len(ids) - 1)})
}
