"""Texts that tokenizers are compared on: a list of nasty ones, and random ones that random_test.go makes too.

Both sides use the same generator of numbers, so only hashes need to be kept.
"""
NASTY = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\r", " \n", "\n ", " \n \n", "a", " a", "a ", "  a", "a  b", "a   b ", "\u3000a", "a\u3000\u3000b", "\u00a0", "a\u00a0b",
    "\u2028x", "x\u0085y", "\u200b", "\ufeffBOM", "\x00", "a\x00b", "\x7f", "\x1c\x1d\x1e\x1f",
    "Hello, world!", "HELLO World helloWorld HTMLParser iPhone McDonald", "I'm we're they've I'll he'd it's don't", "I'M WE'RE THEY'VE I'LL HE'D IT'S DON'T",
    "it'\u017f IT'\u017f '\u017fs", "'s's''s 's", "'", "''''", "'r 'v 'l 'rex 'vex 'llama 'lL 'Re", "x's\u0301", "\u2019s",
    "1 12 123 1234 12345 123456 1234567", "3.14159 1,000,000 0x1F 1e10", "\u0663\u0664\u0665 \u0967\u0968\u0969\u096a \u2167 \u00bd \u2460\u2461 \U0001d7d8\U0001d7d9",
    "\u4f60\u597d\uff0c\u4e16\u754c\uff01\u6211\u7684\u5e74\u9f84\u662f25\u5c81\u3002", "\u3053\u3093\u306b\u3061\u306f\u3001\u4e16\u754c\u3002\u30ab\u30bf\u30ab\u30ca", "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
    "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439, \u043c\u0438\u0440!", "\u039a\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1 \u03ba\u03cc\u03c3\u03bc\u03b5", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u1794\u17d2\u179a\u1791\u17c1\u179f\u1780\u1798\u17d2\u1796\u17bb\u1787\u17b6",
    "e\u0301 \u00e9 e\u0323\u0302 \u1ec7 a\u0315\u0300\u05ae\u0300b \u1100\u1161\u11a8 \uac01 \u212b \u2126 \ufb01 \uff21 \u2460 \u01c5 \u0130 \u1e9e", "\u0300\u0301abc", "a" + "\u0301" * 40, "\u0344\u0f73\u0f75",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f", "\U00010400\U00010428 \U0001d400 \U000e0041", "\ufffd\ufffe\uffff", "\U0010ffff",
    "def f(x):\n    return x  # comment\n\n\nclass A:\n\tpass\n", "if (a<b && c>=d) { x += y->z; } // ok", "foo_bar __init__ a.b.c $var @user #tag 100%", "https://example.com/a?b=c&d=e#f", "a/b//c\\d", "...!!!???---===***", "word...\n\nnext", "word!\n\n  next", "end.\r\n\r\n  x",
    "<s>hello</s>", "<|im_start|>user\nhi<|im_end|>", " <|mask|> x <|mask|>", "a<|mask|>b", "<unk>", "<0x0A>", "<0x-1>", "\u2581", "\u2581\u2581a b", "[X][X]a[X]", "foo foobar barfoo foo", "FOO Foo foo",
    "   leading", "trailing   ", "tab\t\ttab", "mixed \t\n \r\n \u3000 ws", " \n\n\n a", "a\n\n\n  b", "\n\n  \n", "x" * 300, " " * 50, "\n" * 30, "ab" * 100, "\u00e4" * 70, "1" * 40,
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "(a)[b]{c}", "a-b_c", "\u201cquoted\u201d \u2018single\u2019 \u2014 dash \u2026", "\u00a1\u00bf\u00ab\u00bb", "\u20ac5 \u00a310 \u00a5", "x\u00b2 + y\u00b3 = z\u2074", "\u2200x\u2208\u211d: x\u00b2\u22650",
    "\u01c4\u01c5\u01c6 \u02b0\u02b1 \u00aa\u00ba \u0e46", "A\u0301B\u0301c\u0301", "\u1c89\u1c8a \ua7cb\ua7da \U00010d50\U00010d70", "\U0001e5f1\U0001e5fa \U00016d40",
    "NASA's NASAs nASA \u00c9COLE \u00c9cole \u00e9COLE", "\u0414\u041e\u041c \u0414\u043e\u043c \u0434\u041e\u041c", "abc\u4e2ddef\u6587123ghi", "\u4e00\u9fa5\u9fa6\u3040\u309f\u30a0\u30ff\u3400", "\u0800\u07ff\ud7a3\ud7ff\uac00",
]

WORDS = ["'s", "'S", "'t", "'re", "'VE", "'ll", "'Ll", "'d", "'m", "'\u017f", "the", "The", "THE", "foo", "Foo", "bar", "123", "4567", "<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>",
         "<|mask|>", "<|endoftext|>", "<|begin_of_text|>", "<|bos|>", "[X]", "<0x0A>", "\u2581", "\r\n", "\n\n", "  ", "...", "--", "e\u0301", "\u4f60\u597d", "\U0001f468\u200d\U0001f469"]
BLOCKS = [(0xc0, 0x180), (0x370, 0x90), (0x400, 0x100), (0x590, 0x170), (0x900, 0x80), (0xe00, 0x60), (0x1100, 0x100), (0x1e00, 0x100), (0x2000, 0x70), (0x2100, 0x90), (0x3000, 0x100),
          (0x4e00, 0x100), (0xac00, 0x100), (0xfb00, 0x50), (0xff00, 0xf0), (0x10400, 0x50), (0x1f300, 0x100), (0x1c80, 0x10), (0xa7c0, 0x30)]
SPACES = " \t\n\r\x0b\x0c\u0085\u00a0\u2003\u2028\u3000"


class Numbers:
    """Knuth's linear congruential generator; the upper bits."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def random_text(rnd):
    out = []
    for _ in range(rnd.below(25)):
        kind = rnd.below(10)
        if kind == 0:
            c = rnd.below(0x110000 - 0x800)
            out.append(chr(c + 0x800 if c >= 0xd800 else c))
        elif kind == 1:
            out.append(chr(0x20 + rnd.below(0x5f)))
        elif kind == 2:
            out.append(SPACES[rnd.below(len(SPACES))])
        elif kind == 3:
            out.append(" " * (1 + rnd.below(3)))
        elif kind == 4:
            out.append(WORDS[rnd.below(len(WORDS))])
        elif kind == 5:
            lo, n = BLOCKS[rnd.below(len(BLOCKS))]
            for _ in range(1 + rnd.below(6)):
                out.append(chr(lo + rnd.below(n)))
        elif kind == 6:
            out.append(chr(0x300 + rnd.below(0x70)))
        elif kind == 7:
            for _ in range(1 + rnd.below(8)):
                out.append(chr((65 if rnd.below(4) == 0 else 97) + rnd.below(26)))
        elif kind == 8:
            for _ in range(1 + rnd.below(6)):
                out.append(chr(48 + rnd.below(10)))
        elif out:
            out.append(out[-1] * (1 + rnd.below(4)))
    return "".join(out)


def random_texts(seed, n):
    rnd = Numbers(seed)
    return [random_text(rnd) for _ in range(n)]
