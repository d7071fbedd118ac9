package tokenizer

import (
	"slices"

	"github.com/qconv/qconv/formats/gguf"
)

// Ends tells whether a token ends a generation. Only tokenizers of GGUF files know any.
func (t *Tokenizer) Ends(id int32) bool { return slices.Contains(t.ends, id) }

// endTokens gives the tokens that end a generation, as llama.cpp has them: those with the texts of endings, those that a
// key names as the end of text, turn or message, and those that fill or divide files. eos is the default end of text, -1
// for none.
func (v *ggufVocab) endTokens(f *gguf.File, eos int64) (ends []int32) {
	add := func(id int64) {
		if id >= 0 && id < int64(len(v.texts)) && !slices.Contains(ends, int32(id)) {
			ends = append(ends, int32(id))
		}
	}
	has := func(texts ...string) bool {
		return !slices.ContainsFunc(texts, func(s string) bool { _, ok := v.ids[s]; return !ok })
	}
	var dropped []string
	if has("<|return|>", "<|call|>") || has("<|calls|>", "<|flush|>") {
		dropped = append(dropped, "<|end|>") // there it ends a message, not the turn
	}
	if has("<|tool_response>") {
		dropped = append(dropped, "</s>")
	}
	for _, text := range endings {
		if id, ok := v.ids[text]; ok && !slices.Contains(dropped, text) {
			add(int64(id))
		}
	}
	for _, key := range []string{"eos", "eot", "eom", "fim_pad", "fim_rep", "fim_sep"} {
		if n, ok := gguf.Value[uint32](f, "tokenizer.ggml."+key+"_token_id"); ok {
			add(int64(n))
		} else if key == "eos" {
			add(eos)
		}
	}
	for _, role := range roles[3:] { // fim_pad, fim_rep, fim_sep
		if _, ok := gguf.Value[uint32](f, "tokenizer.ggml."+role.keys[0]+"_token_id"); ok {
			continue
		}
		for _, text := range role.texts {
			if id, ok := v.ids[text]; ok {
				add(int64(id))
				break
			}
		}
	}
	return ends
}
