package tokenizer

import (
	"github.com/qconv/qconv/formats/fault"
)

// vocabulary is the tokens of a model, without the added ones.
type vocabulary struct {
	texts []string         // by id; "" for a hole, see has
	ids   map[string]int32 // by text
}

// has is true when id is a token and not a hole.
func (v *vocabulary) has(id int32) bool {
	if id < 0 || int(id) >= len(v.texts) {
		return false
	}
	got, ok := v.ids[v.texts[id]]
	return ok && got == id
}

// place fills texts from ids. Two texts with one id are Malformed; ids that would need a table far
// larger than the vocabulary are a Limit.
func (v *vocabulary) place(file string) error {
	top := int32(-1)
	for _, id := range v.ids {
		top = max(top, id)
	}
	if sparse := int64(2*len(v.ids)) + 1<<16; int64(top) >= sparse {
		return fault.New(fault.Limit, file, "the largest token id is %d for a vocabulary of %d tokens, the limit is %d", top, len(v.ids), sparse)
	}
	v.texts = make([]string, top+1)
	taken := make([]bool, top+1)
	for text, id := range v.ids {
		if taken[id] {
			a, b := min(text, v.texts[id]), max(text, v.texts[id])
			return fault.New(fault.Malformed, file, "tokens %q and %q both have id %d", a, b, id)
		}
		taken[id], v.texts[id] = true, text
	}
	return nil
}

// merge is a rule of byte-pair encoding: left and right become their concatenation.
type merge struct{ left, right string }

// addedToken is a token beside the model's vocabulary, or in it with a behaviour of its own.
type addedToken struct {
	id         int32
	content    string
	singleWord bool // only where no word character is next to it
	lstrip     bool // takes the white space before it
	rstrip     bool // takes the white space after it
	normalized bool // looked for in the normalized text, normalized itself
	special    bool
}
