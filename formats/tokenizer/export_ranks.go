package tokenizer

import (
	"math"

	"github.com/qconv/qconv/formats/fault"
)

// ranks writes a byte-level BPE from a tiktoken file. The special ids come from config.json and
// tokenizer_config.json as for the others.
func (e *export) ranks() error {
	f, err := readRanks(e.src, e.cfg)
	if err != nil {
		return err
	}
	if f == nil {
		return fault.New(fault.Unsupported, e.src.Name(), "has no hy.tiktoken, which this architecture's tokenizer is read from")
	}
	size, ok, err := e.vocabSize()
	if err != nil {
		return err
	}
	if total := int64(len(f.tokens) + len(f.special)); !ok || size != total {
		return fault.New(fault.Mismatch, f.name, "holds %d tokens with the special ones, config.json has vocab_size %d", total, size)
	}
	pre, err := e.ranksPre(f)
	if err != nil {
		return err
	}
	ids := make(map[string]int64, size)
	for id, token := range f.tokens {
		ids[toAlphabet(token)] = int64(id)
	}
	control := map[int64]bool{}
	for _, t := range f.special {
		ids[t.content] = int64(t.id) // a special token takes the text of an ordinary one
		control[int64(t.id)] = true
	}
	list := newTokenList(size)
	for text, id := range ids {
		list.texts[id], list.types[id] = text, kindNormal
		if control[id] {
			list.types[id] = kindControl
		}
	}
	e.vocabulary("gpt2", pre, list)
	e.set(keyMerges, f.merges())
	j, err := e.json()
	if err != nil {
		return err
	}
	s, err := e.specials(j, usualRoles, -1)
	if err != nil {
		return err
	}
	return s.write(e, nil)
}

// merges rebuilds the merge rules, which a rank file does not have: a token is made from the two
// parts that are left when its bytes are merged by all lower ranks. Tokens that leave more parts
// have no rule.
func (f *rankFile) merges() []string {
	var list []string
	for rank, token := range f.tokens {
		if len(token) == 1 {
			continue
		}
		if parts := f.split(token, int32(rank)); len(parts) == 2 {
			list = append(list, toAlphabet(parts[0])+" "+toAlphabet(parts[1]))
		}
	}
	return list
}

// split merges the bytes of token, lowest rank first and leftmost among equals, by ranks below limit.
func (f *rankFile) split(token string, limit int32) []string {
	parts := make([]string, len(token))
	for i := range parts {
		parts[i] = token[i : i+1]
	}
	// ranks[i] is the rank of what parts i and i+1 make; neighbours are parts of token, so a pair is
	// a slice of it.
	starts := make([]int, len(token)+1)
	for i := range starts {
		starts[i] = i
	}
	rankAt := func(i int) int32 {
		if i+2 >= len(starts) {
			return math.MaxInt32
		}
		if r, ok := f.ranks[token[starts[i]:starts[i+2]]]; ok && r < limit {
			return r
		}
		return math.MaxInt32
	}
	ranks := make([]int32, len(token))
	for i := range ranks {
		ranks[i] = rankAt(i)
	}
	for {
		best := 0
		for i, r := range ranks {
			if r < ranks[best] {
				best = i
			}
		}
		if len(ranks) == 0 || ranks[best] == math.MaxInt32 {
			break
		}
		starts = append(starts[:best+1], starts[best+2:]...)
		ranks = append(ranks[:best+1], ranks[best+2:]...)
		ranks[best] = rankAt(best)
		if best > 0 {
			ranks[best-1] = rankAt(best - 1)
		}
	}
	parts = parts[:0]
	for i := range ranks {
		parts = append(parts, token[starts[i]:starts[i+1]])
	}
	return parts
}
