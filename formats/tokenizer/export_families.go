package tokenizer

import (
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// qwen2 is SentencePiece when there is tokenizer.model, else byte-level BPE.
func (e *export) qwen2() error {
	if done, err := e.sentencePiece(); done || err != nil {
		return err
	}
	return e.bpe(usualRoles)
}

// deepseek2 is byte-level BPE.
func (e *export) deepseek2() error { return e.bpe(usualRoles) }

// llama tries SentencePiece, then a Llama vocabulary in tokenizer.json, then byte-level BPE.
func (e *export) llama() error {
	tekken, err := exists(e.src, "tekken.json")
	if err != nil {
		return err
	}
	other, err := exists(e.src, jsonName)
	if err != nil {
		return err
	}
	if tekken && !other {
		return fault.New(fault.Unsupported, "tekken.json", "is Mistral's own tokenizer format; put the tokenizer.json of the model's Hugging Face repository beside it")
	}
	if v := e.settings.Get("add_prefix_space"); v.Present() {
		e.set(keyAddSpace, truthy(v))
	}
	if class, _ := e.settings.Get("tokenizer_class").Str(); class == "HybridDNATokenizer" {
		return fault.New(fault.Unsupported, settingsName, "tokenizer_class HybridDNATokenizer")
	}
	if err := e.llamaVocabulary(); err != nil {
		return err
	}
	size, _, err := e.vocabSize()
	if err != nil {
		return err
	}
	switch size {
	case 32016: // Code Llama
		if err := e.codeLlama(); err != nil {
			return err
		}
	case 49152: // small Granite models
		e.set(keyAddBOS, false)
	}
	return nil
}

func (e *export) llamaVocabulary() error {
	if done, err := e.sentencePiece(); done || err != nil {
		return err
	}
	j, err := e.json()
	if err != nil {
		return err
	}
	if j == nil {
		return e.bpe(usualRoles) // says what is missing
	}
	if isLlamaJSON(j) {
		return e.llamaJSON(j)
	}
	return e.bpeFile(j, usualRoles)
}

// codeLlama looks for roles again. The reference knows ids of prefix, suffix and middle too, but has
// no key for them; flags that the first look took from tokenizer_config.json can change back to what
// the post-processor says.
func (e *export) codeLlama() error {
	j, err := e.json()
	if err != nil {
		return err
	}
	s, err := e.specials(j, []string{"prefix", "suffix", "middle", "eot"}, -1)
	if err != nil {
		return err
	}
	if err := s.setID("eot", 32010); err != nil {
		return err
	}
	return s.write(e, nil)
}

// hunyuanMoE reads hy.tiktoken.
func (e *export) hunyuanMoE() error {
	if err := e.ranks(); err != nil {
		return err
	}
	return e.setID(keyBOS, 127959) // config.json of Hunyuan-A13B has a wrong one
}

// hunyuanDense is byte-level BPE from tokenizer.json, else from hy.tiktoken.
func (e *export) hunyuanDense() error {
	whole, err := exists(e.src, jsonName)
	if err != nil {
		return err
	}
	if whole {
		roles := usualRoles
		if pad, ok := e.cfg.Get("pad_token_id").Int64(); ok && pad < 0 {
			roles = slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return r == "pad" })
		}
		err = e.bpe(roles)
	} else if err = e.ranks(); err == nil {
		if width, ok := e.cfg.Get("hidden_size").Int64(); ok && width == 4096 {
			err = e.setID(keyBOS, 127958) // config.json of the 7B model has a wrong one
		}
	}
	if err != nil {
		return err
	}
	// The configuration class of transformers 4.57.6 for this model_type swallows eod_token_id.
	if kind, _ := e.root.Get("model_type").Str(); kind != "hunyuan_v1_dense" {
		if end := e.cfg.Get("eod_token_id"); end.Present() {
			n, ok := end.Int64()
			if !ok {
				return fault.New(fault.Malformed, configName, "eod_token_id is %s, expected a token id", describe(end))
			}
			if err := e.setID(keyEOS, n); err != nil {
				return err
			}
		}
	}
	generation, err := readObject(e.src, generationName)
	if err != nil {
		return err
	}
	if ends := generation.Get("eos_token_id"); ends.Kind == strictjson.Array && len(ends.Items) >= 2 {
		n, ok := ends.Items[0].Int64()
		if !ok {
			return fault.New(fault.Malformed, generationName, "eos_token_id begins with %s, expected a token id", describe(ends.Items[0]))
		}
		return e.setID(keyEOT, n)
	}
	return nil
}
