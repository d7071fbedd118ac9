package tokenizer

import (
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
)

// endings are texts that end a generation. llama.cpp makes tokens of these texts control tokens,
// whatever type the file gives them.
var endings = [...]string{
	"<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>", "<|endoftext|>", "</s>",
	"<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
	"<｜end▁of▁sentence｜>", "[e~[",
}

// roles are the tokens for filling in the middle: when no key names the token of a role, llama.cpp
// takes a token of one of these texts and makes it a control token. Which one, of several, it leaves
// to chance; here it is the first of the list.
var roles = [...]struct {
	keys  []string
	texts []string
}{
	{[]string{"fim_pre", "prefix"}, []string{"<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|prefix|>"}},
	{[]string{"fim_suf", "suffix"}, []string{"<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|suffix|>"}},
	{[]string{"fim_mid", "middle"}, []string{"<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>", "<|middle|>"}},
	{[]string{"fim_pad"}, []string{"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"}},
	{[]string{"fim_rep"}, []string{"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"}},
	{[]string{"fim_sep"}, []string{"<|file_sep|>"}},
}

// shown are the tokens of a chat format that llama.cpp always treats as user-defined.
var shown = [...]string{"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"}

// partitioned settles the kinds of tokens and gives those that are cut out of a text first.
func (v *ggufVocab) partitioned(f *gguf.File) []addedToken {
	for _, text := range endings {
		v.control(text)
	}
	for _, role := range roles {
		named := false
		for _, key := range role.keys {
			n, ok := gguf.Value[uint32](f, "tokenizer.ggml."+key+"_token_id")
			named = named || ok && int64(n) < int64(len(v.texts))
		}
		for i := 0; i < len(role.texts) && !named; i++ {
			named = v.control(role.texts[i])
		}
	}
	for _, text := range shown {
		if id, ok := v.ids[text]; ok && int(id) < len(v.texts) {
			v.kinds[id] = kindUserDefined
		}
	}
	left, right := v.stripping(f)
	var out []addedToken
	for i, text := range v.texts {
		switch k := v.kinds[i]; k {
		case kindControl, kindUnknown, kindUserDefined:
			out = append(out, addedToken{id: int32(i), content: text, special: k != kindUserDefined, lstrip: left[text], rstrip: right != nil && !right[text]})
		}
	}
	return out
}

// control makes a token a control token; found is false when there is none of that text.
func (v *ggufVocab) control(text string) (found bool) {
	id, ok := v.ids[text]
	if !ok || int(id) >= len(v.texts) {
		return false
	}
	v.kinds[id] = kindControl
	return true
}

// CheckSpecial refuses keys of f, whose tokenizer has n tokens, that name tokens it does not have, such as one that never would
// end a text.
func CheckSpecial(f *gguf.File, n int) error {
	for _, kv := range f.KVs {
		if !strings.HasPrefix(kv.Key, "tokenizer.ggml.") || !strings.HasSuffix(kv.Key, "_token_id") {
			continue
		}
		if id, ok := f.Int(kv.Key); !ok || id < 0 || id >= int64(n) {
			return fault.New(fault.Mismatch, f.Name, "key %q is %v, expected a token below %d", kv.Key, kv.Value, n)
		}
	}
	return nil
}

// stripping gives the tokens that take white space with them: left those that take what is before
// them; right, when it is not nil, all take what is behind them but those in it. The file does not
// say so: llama.cpp goes by the names of tokenizers and models.
func (v *ggufVocab) stripping(f *gguf.File) (left, right map[string]bool) {
	pre, _ := gguf.Value[string](f, "tokenizer.ggml.pre")
	name, _ := gguf.Value[string](f, "general.name")
	name = strings.ToLower(name)
	switch {
	case strings.Contains(pre, "jina-v2-de"), strings.Contains(pre, "jina-v2-es"), strings.Contains(pre, "jina-v2-code"):
		return map[string]bool{"<mask>": true}, nil
	case strings.Contains(name, "phi-3"), strings.Contains(name, "phi3"):
		return nil, map[string]bool{"<unk>": true, "<s>": true, "<|endoftext|>": true}
	case strings.Contains(name, "modern-bert"):
		return map[string]bool{"[MASK]": true}, nil
	}
	return nil, nil
}
