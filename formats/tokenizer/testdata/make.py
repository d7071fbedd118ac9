"""Trains small tokenizers on generated text and records what Hugging Face's tokenizers, sentencepiece and tiktoken
make of the texts in texts.py. Development only:

    python formats/tokenizer/testdata/make.py                    # small tokenizers, goldens.json, unicode.json
    python formats/tokenizer/testdata/make.py ../shared/data     # adds the hashes for real tokenizers to goldens.json
"""
import base64
import gzip
import hashlib
import io
import json
import struct
import sys
import unicodedata
from pathlib import Path

import sentencepiece
import tiktoken
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers as pre, processors, trainers

from texts import BLOCKS, NASTY, SPACES, WORDS, Numbers, random_texts

HERE = Path(__file__).parent
PATTERNS = {k: v for k, v in json.loads((HERE / "patterns.json").read_text()).items()}


def corpus():
    rnd = Numbers(7)
    stems = ["water", "light", "north", "harbour", "captain", "signal", "winter", "carry", "letter", "morning", "value", "return", "number", "Haus", "straße", "über", "été", "señor", "море", "город", "светит", "θάλασσα",
             "中文", "世界", "你好", "こんにちは", "カタカナ", "안녕", "세계", "नमस्ते", "สวัสดี", "مرحبا", "שלום", "HTTP", "IDs", "e\u0301te\u0301"]
    ends = ["", "s", "ed", "ing", "er", "'s", "'t", "'ll", ".", ",", "!", "?", ";", ":", "...", ")", "\n", "\n\n", "\t", "  ", "    ", "\r\n"]
    lines = []
    for _ in range(1500):
        words = [stems[rnd.below(len(stems))] + ends[rnd.below(len(ends))] for _ in range(12)]
        if rnd.below(3) == 0:
            words.append(str(rnd.below(100000)))
        if rnd.below(4) == 0:
            words.append("(" + words[0].upper() + ")" + " = {x_" + str(rnd.below(99)) + "};")
        lines.append(" ".join(words))
    return lines


LINES = corpus()
BYTES = pre.ByteLevel(add_prefix_space=False, use_regex=False)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def split(name, behavior="isolated", invert=False):
    return pre.Split(Regex(PATTERNS[name]), behavior, invert)


def byte_level(pre_tokenizer, normalizer=None, size=420, special=SPECIAL, **model):
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = pre_tokenizer
    if normalizer:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False))
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in special])
    return t


def characters(normalizer, pre_tokenizer, size=400, decoder=None, fallback=True, fuse=True, unk="<unk>", add=(), **model):
    """SentencePiece-like: characters, byte tokens, an unknown token."""
    t = Tokenizer(models.BPE(unk_token=unk, fuse_unk=fuse, byte_fallback=fallback, **model))
    if normalizer:
        t.normalizer = normalizer
    if pre_tokenizer:
        t.pre_tokenizer = pre_tokenizer
    first = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if fallback else []) + ["<0x-1>", "<0xZZ>", "<0x1FF>"]
    t.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=size, special_tokens=first, show_progress=False))
    doc = json.loads(t.to_str())
    doc["added_tokens"] = [a for a in doc["added_tokens"] if a["content"] in ("<unk>", "<s>", "</s>")]
    t = Tokenizer.from_str(json.dumps(doc))
    t.decoder = decoder or decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 1), ("</s>", 2)])
    t.add_tokens(list(add))
    return t


def tokenizers():
    seq, iso = pre.Sequence, "isolated"
    yield "qwen2", byte_level(seq([split("qwen2"), BYTES]), normalizers.NFC())
    yield "qwen35", byte_level(seq([split("qwen35"), BYTES]), normalizers.NFC())
    yield "llama3", byte_level(seq([split("llama3"), BYTES]), ignore_merges=True)
    yield "gpt2", byte_level(pre.ByteLevel(add_prefix_space=True))
    yield "starcoder", byte_level(seq([pre.Digits(True), pre.ByteLevel(add_prefix_space=False)]))
    yield "deepseek-v3", byte_level(seq([split("digits3"), split("kana"), split("deepseek3"), BYTES]), normalizers.Sequence([]))
    yield "deepseek-llm", byte_level(seq([split("newline"), split("deepletters"), split("deepmarks"), split("blankend"), split("asian"), pre.Digits(True), BYTES]))
    yield "deepseek-coder", byte_level(seq([split("newline"), split("letters"), split("marks"), split("asian"), pre.Digits(True), BYTES]))
    yield "o200k", byte_level(seq([split("o200k"), BYTES]))
    yield "tekken", byte_level(seq([split("tekken"), BYTES]))
    yield "seed-coder", byte_level(seq([split("seedcoder"), BYTES]))
    yield "ufakzeka", byte_level(seq([split("ufakzeka"), BYTES]))
    yield "bailing", byte_level(seq([split("bailing"), BYTES]), normalizers.NFC())
    yield "minicpm5", byte_level(seq([split("digits3"), split("minicpm5"), BYTES]), normalizers.NFKC())
    yield "spark25", byte_level(seq([split("digits3"), split("kana"), split("spark25"), split("digit"), BYTES]))
    yield "laguna", byte_level(seq([split("lines"), split("qwen2"), BYTES]))
    yield "viking", byte_level(seq([split("sentence"), split("digit"), BYTES]))
    yield "falcon", byte_level(seq([pre.Punctuation("contiguous"), pre.ByteLevel(add_prefix_space=False), pre.Digits(False), split("threedigits")]))
    yield "removed", byte_level(seq([pre.Split(" ", "removed"), pre.Split("a", "merged_with_previous"), pre.Split("e", "merged_with_next"), pre.Split("l", "contiguous"), split("letters", "removed", True), BYTES]), normalizers.Lowercase())
    yield "nfd", byte_level(seq([split("gpt2"), pre.Punctuation(), BYTES]), normalizers.Sequence([normalizers.NFD(), normalizers.Strip()]))
    spm = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    yield "llama2", characters(spm, None)
    yield "metaspace-first", characters(None, pre.Metaspace(prepend_scheme="first", split=False), decoder=decoders.Sequence([decoders.Metaspace(prepend_scheme="first"), decoders.ByteFallback(), decoders.Fuse()]))
    yield "metaspace-always", characters(normalizers.NFKD(), pre.Metaspace(), fallback=False, fuse=False, decoder=decoders.Metaspace())
    yield "metaspace-never", characters(None, seq([pre.Metaspace(prepend_scheme="never"), pre.Punctuation("removed")]), fallback=False, decoder=decoders.Metaspace(prepend_scheme="never"))
    flags = [AddedToken("<|mask|>", lstrip=True, rstrip=True, normalized=False, special=True), AddedToken("foo", single_word=True, normalized=False), AddedToken("Foo", single_word=True, normalized=True),
             AddedToken("[X]", rstrip=True, normalized=False), AddedToken("[X][X]", normalized=False), AddedToken("É", normalized=True), AddedToken("  ", normalized=False), AddedToken("<|im_start|>", special=True, normalized=True)]
    t = byte_level(seq([split("qwen2"), BYTES]), normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]), special=[])
    t.add_tokens(flags)
    yield "added", t
    yield "added-spm", characters(spm, None, add=flags)


def digest(lists):
    """SHA-256 of the lists: ids as 32-bit little-endian, -1 after each list."""
    h = hashlib.sha256()
    for ids in lists:
        h.update(struct.pack(f"<{len(ids) + 1}i", *ids, -1))
    return h.hexdigest()


def record(t):
    out = {"texts": [], "random": {}}
    for s in NASTY:
        ids = t.encode(s, add_special_tokens=False).ids
        with_special = t.encode(s).ids
        t.encode_special_tokens = True
        plain = t.encode(s, add_special_tokens=False).ids
        t.encode_special_tokens = False
        e = {"ids": ids, "decoded": t.decode(ids, skip_special_tokens=False)}
        if with_special != ids:
            e["with"] = with_special
        if plain != ids:
            e["plain"] = plain
        out["texts"].append(e)
    many = random_texts(11, 3000)
    out["random"] = digest(t.encode(s, add_special_tokens=False).ids for s in many)
    out["decoded"] = hashlib.sha256("\0".join(t.decode(t.encode(s).ids, skip_special_tokens=False) for s in many).encode()).hexdigest()
    return out


def train_sp(name, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_writer=model, model_type="bpe", vocab_size=600, character_coverage=0.99, minloglevel=2, num_threads=1, **options)
    (HERE / f"{name}.model").write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def record_sp(sp):
    return {"texts": [{"ids": sp.encode(s), "decoded": sp.decode(sp.encode(s))} for s in NASTY], "random": digest(sp.encode(s) for s in random_texts(11, 3000))}


def ranges(codes):
    out = []
    for c in codes:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def unicode_record():
    """Hashes over all code points: classes as the engines see them, normal forms as tokenizers make them."""
    every = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    text = "".join(map(chr, every))

    def matched(splitter):
        left = set()
        for part, _ in splitter.pre_tokenize_str(text):
            left.update(part)
        return [c for c in every if chr(c) not in left]

    out = {"classes": {}, "forms": {}}
    named = {p: matched(pre.Split(Regex(p), "removed")) for p in [r"\p{L}", r"\p{N}", r"\p{M}", r"\p{P}", r"\p{S}", r"\s", r"[\p{Lu}\p{Lt}]", r"\p{Ll}", r"(?i:s)"]}
    named["punctuation"] = matched(pre.Punctuation("removed"))
    named["digits"] = [c for c in every if len(pre.Digits(True).pre_tokenize_str("aa" + chr(c) + "bb")) == 3]
    rust = tiktoken.Encoding("w", pat_str=r"\w", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={})
    named["word"] = sorted({ord(c) for i in range(0, len(text), 20000) for c in rust.decode(rust.encode_ordinary(text[i:i + 20000]))})
    for name, codes in named.items():
        out["classes"][name] = hashlib.sha256(json.dumps(ranges(codes), separators=(",", ":")).encode()).hexdigest()
    for name, n in [("NFC", normalizers.NFC()), ("NFD", normalizers.NFD()), ("NFKC", normalizers.NFKC()), ("NFKD", normalizers.NFKD()), ("Lowercase", normalizers.Lowercase())]:
        h = hashlib.sha256()
        for c in every:
            # Alone, between a base and a mark, among marks of other classes, and behind a Hangul syllable.
            h.update(n.normalize_str(f"{chr(c)}\0a{chr(c)}\u0301\0a\u0345{chr(c)}\u0334\0\uac00{chr(c)}").encode() + b"\n")
        for s in random_texts(13, 3000):
            h.update(n.normalize_str(s).encode() + b"\n")
        out["forms"][name] = h.hexdigest()
    return out


def real(data):
    out = {}
    wiki = (data / "text/wiki.test.raw").read_bytes().decode()
    many = random_texts(1, 10000)

    def add(name, encode):
        out[name] = {"wiki": digest([encode(wiki)]), "random": digest(map(encode, many))}

    for name in ("qwen2.5", "llama3.1"):
        t = Tokenizer.from_file(str(data / "tokenizers" / name / "tokenizer.json"))
        add(name, lambda s: t.encode(s, add_special_tokens=False).ids)
    sp = sentencepiece.SentencePieceProcessor(model_file=str(data / "tokenizers/llama2-spm/tokenizer.model"))
    add("llama2-spm", sp.encode)
    ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in (data / "tokenizers/hunyuan-a13b/hy.tiktoken").read_bytes().splitlines())}
    names = ["<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"] + [f"<|extra_{i}|>" for i in range(205)]
    hy = tiktoken.Encoding("hy", pat_str=PATTERNS["qwen2"], mergeable_ranks=ranks, special_tokens={n: len(ranks) + i for i, n in enumerate(names)})
    add("hunyuan-a13b", lambda s: hy.encode(unicodedata.normalize("NFC", s), allowed_special="all"))
    return out


def write(name, value):
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    (HERE / name).write_bytes(gzip.compress(raw, 9, mtime=0) if name.endswith(".gz") else raw)


def main():
    goldens = {"nasty": NASTY, "tokenizers": {}, "sentencepiece": {}}
    docs = {}
    for name, t in tokenizers():
        docs[name] = json.loads(t.to_str())
        goldens["tokenizers"][name] = record(t)
    write("tokenizers.json.gz", docs)
    goldens["sentencepiece"]["llama"] = record_sp(train_sp("llama", normalization_rule_name="identity", byte_fallback=True, remove_extra_whitespaces=False, split_digits=True, add_dummy_prefix=True, user_defined_symbols=["[X]", "[X][X]"]))
    goldens["sentencepiece"]["squeeze"] = record_sp(train_sp("squeeze", normalization_rule_name="identity", remove_extra_whitespaces=True, control_symbols=["<|im_start|>"]))
    old = HERE / "goldens.json.gz"
    goldens["real"] = json.loads(gzip.decompress(old.read_bytes()))["real"] if old.exists() else {}
    if len(sys.argv) > 1:
        goldens["real"] = real(Path(sys.argv[1]))
    goldens["unicode"] = unicode_record()
    write("goldens.json.gz", goldens)


main()
