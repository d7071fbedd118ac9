package tokenizer

import (
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
)

// bpe writes a byte-level BPE: model "gpt2".
func (e *export) bpe(roles []string) error {
	j, err := e.json()
	if err != nil {
		return err
	}
	if j == nil {
		return fault.New(fault.Unsupported, e.src.Name(), "has no tokenizer.json; make one with AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)")
	}
	return e.bpeFile(j, roles)
}

func (e *export) bpeFile(j *jsonFile, roles []string) error {
	if j.kind != "BPE" {
		return fault.New(fault.Unsupported, j.name, "model.type is %q, expected BPE", j.kind)
	}
	auto, err := e.newAuto(j)
	if err != nil {
		return err
	}
	list, err := e.bpeTokens(auto)
	if err != nil {
		return err
	}
	pre, err := e.detectPre(auto)
	if err != nil {
		return err
	}
	merges, err := e.merges(j)
	if err != nil {
		return err
	}
	e.vocabulary("gpt2", pre, list)
	s, err := e.specials(j, roles, -1)
	if err != nil {
		return err
	}
	return s.write(e, merges)
}

// bpeTokens gives the token texts as tokenizer.json has them, in the GPT-2 byte alphabet; added
// tokens are plain text.
func (e *export) bpeTokens(a *autoTokenizer) (*tokenList, error) {
	n, top := a.size()
	if size, ok, err := e.vocabSize(); err != nil {
		return nil, err
	} else if ok {
		n = size
	}
	if top >= n {
		return nil, fault.New(fault.Mismatch, a.file.name, "the largest token id is %d, config.json has vocab_size %d", top, n)
	}
	list := newTokenList(n)
	for id, text := range a.file.vocab.texts {
		if a.file.vocab.has(int32(id)) {
			list.texts[id], list.types[id] = text, kindNormal
		}
	}
	for id, t := range a.added {
		text := t.content
		if !t.normalized {
			var err error
			if text, err = a.remade(text); err != nil {
				return nil, err
			}
		}
		list.types[id] = kindControl
		if !t.special && !looksSpecial(text) {
			list.types[id] = kindUserDefined
			text = strings.ReplaceAll(text, "\u2581", " ")
		}
		list.texts[id] = text
	}
	return list, nil
}

// remade is the text of an added token after encoding and decoding, which the reference writes for
// tokens that are looked for in the raw text. Encoding gives the token itself; its decoder may
// change it, and tokenizer_config.json may ask for spaces to be cleaned up.
func (a *autoTokenizer) remade(text string) (string, error) {
	d, err := newDecoder(a.file.decoder, a.file.name)
	if err != nil {
		return "", err
	}
	text = chain(d)(nil, []string{text})
	if a.cleanup {
		for _, r := range [...][2]string{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}} {
			text = strings.ReplaceAll(text, r[0], r[1])
		}
	}
	return text, nil
}

// merges gives the merge rules as the file writes them: the parts with a space between. A space
// inside a part, possible where the file has pairs, becomes U+0120. A tokenizer.json without merges
// has them in merges.txt.
func (e *export) merges(j *jsonFile) ([]string, error) {
	if len(j.merges) == 0 {
		return readMerges(e.src)
	}
	list := make([]string, len(j.merges))
	for i, m := range j.merges {
		if j.mergePairs {
			m.left, m.right = strings.ReplaceAll(m.left, " ", "\u0120"), strings.ReplaceAll(m.right, " ", "\u0120")
		}
		list[i] = m.left + " " + m.right
	}
	return list, nil
}

const mergesName = "merges.txt"

// readMerges reads merges.txt: two parts a line; other lines are ignored, as is a first line that
// begins with #.
func readMerges(src hf.Source) ([]string, error) {
	data, found, err := hf.ReadFile(src, mergesName, hf.TokenizerLimit)
	if err != nil || !found {
		return nil, err
	}
	var list []string
	first := true
	for line := range strings.FieldsFuncSeq(string(data), func(r rune) bool { return r == '\n' || r == '\r' }) {
		comment := first && strings.HasPrefix(strings.TrimSpace(line), "#")
		first = false
		if parts := strings.Fields(line); !comment && len(parts) == 2 {
			if len(list) >= MaxMerges {
				return nil, fault.New(fault.Limit, mergesName, "more than %d merges", MaxMerges)
			}
			list = append(list, parts[0]+" "+parts[1])
		}
	}
	return list, nil
}
