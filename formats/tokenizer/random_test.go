package tokenizer

import (
	"strings"
)

// Texts as testdata/texts.py makes them: same numbers, same choices.

var randomWords = []string{"'s", "'S", "'t", "'re", "'VE", "'ll", "'Ll", "'d", "'m", "'\u017f", "the", "The", "THE", "foo", "Foo", "bar", "123", "4567", "<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>",
	"<|mask|>", "<|endoftext|>", "<|begin_of_text|>", "<|bos|>", "[X]", "<0x0A>", "\u2581", "\r\n", "\n\n", "  ", "...", "--", "e\u0301", "\u4f60\u597d", "\U0001f468\u200d\U0001f469"}

var randomBlocks = [][2]int{{0xc0, 0x180}, {0x370, 0x90}, {0x400, 0x100}, {0x590, 0x170}, {0x900, 0x80}, {0xe00, 0x60}, {0x1100, 0x100}, {0x1e00, 0x100}, {0x2000, 0x70}, {0x2100, 0x90}, {0x3000, 0x100},
	{0x4e00, 0x100}, {0xac00, 0x100}, {0xfb00, 0x50}, {0xff00, 0xf0}, {0x10400, 0x50}, {0x1f300, 0x100}, {0x1c80, 0x10}, {0xa7c0, 0x30}}

var randomSpaces = []rune(" \t\n\r\x0b\x0c\u0085\u00a0\u2003\u2028\u3000")

// numbers is Knuth's linear congruential generator; the upper bits.
type numbers uint64

func (s *numbers) below(n int) int {
	*s = *s*6364136223846793005 + 1442695040888963407
	return int(uint64(*s)>>33) % n
}

func (s *numbers) text() string {
	var out []string
	for range s.below(25) {
		switch kind := s.below(10); {
		case kind == 0:
			c := s.below(0x110000 - 0x800)
			if c >= 0xd800 {
				c += 0x800
			}
			out = append(out, string(rune(c)))
		case kind == 1:
			out = append(out, string(rune(0x20+s.below(0x5f))))
		case kind == 2:
			out = append(out, string(randomSpaces[s.below(len(randomSpaces))]))
		case kind == 3:
			out = append(out, strings.Repeat(" ", 1+s.below(3)))
		case kind == 4:
			out = append(out, randomWords[s.below(len(randomWords))])
		case kind == 5:
			b := randomBlocks[s.below(len(randomBlocks))]
			for range 1 + s.below(6) {
				out = append(out, string(rune(b[0]+s.below(b[1]))))
			}
		case kind == 6:
			out = append(out, string(rune(0x300+s.below(0x70))))
		case kind == 7:
			for range 1 + s.below(8) {
				base := 97
				if s.below(4) == 0 {
					base = 65
				}
				out = append(out, string(rune(base+s.below(26))))
			}
		case kind == 8:
			for range 1 + s.below(6) {
				out = append(out, string(rune(48+s.below(10))))
			}
		case len(out) > 0:
			out = append(out, strings.Repeat(out[len(out)-1], 1+s.below(4)))
		}
	}
	return strings.Join(out, "")
}

func randomTexts(seed uint64, n int) []string {
	s := numbers(seed)
	out := make([]string, n)
	for i := range out {
		out[i] = s.text()
	}
	return out
}
