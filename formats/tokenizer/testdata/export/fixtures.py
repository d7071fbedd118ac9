"""Makes the fixtures: small tokenizers of our own, one for each thing that an export can meet.

    python fixtures.py

Needs sentencepiece for tokenizer.model. cases.json names each fixture's family, and the
pre-tokenizer that its structure stands for: none of them has a published hash.
"""
import base64
import io
import json
import os
import shutil

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
CASES = {}

# The GPT-2 alphabet in byte order.
plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
ALPHABET = [chr(b) if b in plain else None for b in range(256)]
spare = iter(range(256, 512))
ALPHABET = [c or chr(next(spare)) for c in ALPHABET]

MERGES = ["\u0120 t", "h e", "\u0120t he", "i n", "a n", "e r", "\u0120 a", "\u0120a n", "\u0120an d", "o u", "r e", "\u0120 \u0120", "3 3", "s ."]
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
DEEPSEEK3 = [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
             "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def level(regex=False, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def cut(*patterns):
    return {"type": "Sequence", "pretokenizers": [split(p) for p in patterns] + [level()]}


def token(id, content, special=True, normalized=False, **more):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": normalized, "special": special, **more}


def flags(content, special=True, normalized=False):
    t = token(0, content, special, normalized)
    del t["id"]
    return t


def added(first, *tokens):
    """Numbers tokens that are (content, special, normalized)."""
    return [token(first + i, *t) for i, t in enumerate(tokens)]


def vocabulary(merges=MERGES):
    vocab = {c: i for i, c in enumerate(ALPHABET)}
    for m in merges:
        left, right = m if isinstance(m, list) else m.split(" ")
        vocab.setdefault(left + right, len(vocab))
    return vocab


def bpe(pre, add=(), merges=MERGES, vocab=None, normalizer=None, post=None, **model):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(add), "normalizer": normalizer, "pre_tokenizer": pre,
            "post_processor": post, "decoder": level(True),
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocab or vocabulary(merges), "merges": merges, **model}}


def config(kind, arch, size, **more):
    return {"architectures": [arch], "model_type": kind, "vocab_size": size, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
            "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16, "max_position_embeddings": 128, **more}


def qwen2(size, **more):
    return config("qwen2", "Qwen2ForCausalLM", size, **more)


def llama(size, **more):
    return config("llama", "LlamaForCausalLM", size, **more)


def template(single, pair, names):
    def pieces(text):
        return [{"Sequence" if p in "AB" else "SpecialToken": {"id": p, "type_id": 0}} for p in text.split()]
    return {"type": "TemplateProcessing", "single": pieces(single), "pair": pieces(pair),
            "special_tokens": {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in names.items()}}


def fixture(name, family, pre, files, given=False):
    folder = os.path.join(HERE, name)
    CASES[name] = {"family": family, "pre": pre, "given": given}
    for path, content in files.items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"
        if isinstance(content, str):
            content = content.encode()
        open(path, "wb").write(content)


shutil.rmtree(HERE, ignore_errors=True)

# Merges as pairs with spaces in their parts; added tokens of every kind; a role's token that
# tokenizer.json lacks; padding; several templates.
PAIRS = [m.split(" ") for m in MERGES] + [["a", " "], ["a ", "b"]]
VOCAB = {c: i for i, c in enumerate(ALPHABET)}
VOCAB[" "] = 256
for left, right in PAIRS:
    VOCAB.setdefault(left + right, len(VOCAB))
N = len(VOCAB)
ADDED = [token(VOCAB["\u00e9"], "\u00e9", False)] + added(
    N, ("<|endoftext|>", True), ("<|im_start|>", True, True), ("<tool>", False), ("<|fake|>", False), ("<unused7>", False), ("<unused", False),
    ("\u2581\u2581", False, True), ("\u2581raw", False), ("\u0120x", False), ("\u0120y", False, True), ("it 's .", False), ("<\uff5cx\uff5c>", False),
    ("<pad>", False), ("<mask>", True), ("[@BOS@]", False), ("\u0120\u4e00", False))
fixture("qwen2-added", "qwen2", "qwen2", {
    "tokenizer.json": bpe(cut(QWEN2), ADDED, PAIRS, VOCAB, {"type": "NFC"}),
    "config.json": qwen2(N + 40, eos_token_id=[N, N + 1], bos_token_id=N, pad_token_id=N + 1, sep_token_id=7, cls_token_id=8, mask_token_id=9),
    "tokenizer_config.json": {
        "tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": {"__type": "AddedToken", **flags("<|endoftext|>")}, "unk_token": None,
        "bos_token": None, "add_bos_token": False, "add_eos_token": True, "add_unk_token": True, "clean_up_tokenization_spaces": True,
        "additional_special_tokens": ["<tool>", "<more>"],
        "added_tokens_decoder": {str(N + 2): flags("<tool>", True), str(N + 30): flags("<new>", False, True), str(N): flags("<|endoftext|>")},
        "chat_template": [{"name": "default", "template": "{{ messages }}"}, {"name": "tool use!", "template": "tools\r\n{{ 1 }}"}, {"name": "rag", "template": "first"},
                          {"name": "rag", "template": "second \u00e9 \U0001f600"}, {"name": "", "template": "nameless"}, {"name": "none", "template": None}]}})

# A template that puts tokens around a text, with another end than the configuration's; a template
# file with CRLF and more of them in a folder.
VOCAB = vocabulary()
N = len(VOCAB)
ADDED = added(N, ("<|begin|>",), ("<|end|>",), ("<|turn|>",), ("<|finetune_pad|>",))
fixture("llama3-template", "llama", "llama-bpe", {
    "tokenizer.json": bpe(cut(LLAMA3), ADDED, ignore_merges=True, post={"type": "Sequence", "processors": [
        level(True), template("<|begin|> A <|end|>", "<|begin|> A <|end|> B <|end|>", {"<|begin|>": N, "<|end|>": N + 1})]}),
    "config.json": llama(N + 4, bos_token_id=N, eos_token_id=N + 2),
    "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": "<|turn|>", "add_prefix_space": False,
                              "pad_token": "<|finetune_pad|>"},
    "chat_template.jinja": b"{%- for m in messages %}\r\n{{ m }}\r{% endfor %}\n",
    "additional_chat_templates/tool-use.jinja": "tools\n", "additional_chat_templates/b.2.jinja": "two\r\n", "additional_chat_templates/notes.txt": "not a template"})

# Two processors that both end texts with another token; sep from a pair.
fixture("two-ends", "deepseek2", "llama-bpe", {
    "tokenizer.json": bpe(cut(LLAMA3), ADDED, ignore_merges=True, post={"type": "Sequence", "processors": [
        template("A <|end|>", "A <|end|> B <|end|>", {"<|end|>": N + 1}), template("<|begin|> A <|turn|>", "<|begin|> A B <|turn|>", {"<|begin|>": N, "<|turn|>": N + 2})]}),
    "config.json": config("deepseek_v3", "DeepseekV3ForCausalLM", N + 4, kv_lora_rank=16, q_lora_rank=16),
    "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>", "eos_token": {"__type": "AddedToken", **flags("<|finetune_pad|>")},
                              "chat_template": None},
    "chat_template.jinja": "not used: an explicit null means none"})

# DeepSeek: its class puts <bos> by itself; nothing in the configuration's normalizer.
ADDED = added(N, ("<\uff5cbegin\u2581of\u2581sentence\uff5c>",), ("<\uff5cend\u2581of\u2581sentence\uff5c>",), ("<\uff5c\u2581pad\u2581\uff5c>",), ("<\uff5cUser\uff5c>", False), ("<think>", False, True))
fixture("deepseek3", "deepseek2", "deepseek-v3", {
    "tokenizer.json": bpe(cut(*DEEPSEEK3), ADDED, normalizer={"type": "Sequence", "normalizers": []},
                          post=template("<\uff5cbegin\u2581of\u2581sentence\uff5c> A", "A B", {"<\uff5cbegin\u2581of\u2581sentence\uff5c>": N})),
    "config.json": config("deepseek_v3", "DeepseekV3ForCausalLM", N + 16, kv_lora_rank=16, q_lora_rank=16, bos_token_id=0, eos_token_id=1),
    "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": True, "add_eos_token": False, "unk_token": None,
                              "bos_token": {"__type": "AddedToken", **flags("<\uff5cbegin\u2581of\u2581sentence\uff5c>", normalized=True)},
                              "eos_token": {"__type": "AddedToken", **flags("<\uff5cend\u2581of\u2581sentence\uff5c>", normalized=True)},
                              "pad_token": {"__type": "AddedToken", **flags("<\uff5cend\u2581of\u2581sentence\uff5c>", normalized=True)},
                              "legacy": True, "chat_template": "{{ bos_token }}"}})

# Hunyuan dense, as transformers knows it and as a checkpoint with its own code.
ADDED = added(N, ("<\uff5chy_begin\uff5c>",), ("<\uff5chy_end\uff5c>",), ("<\uff5chy_pad\uff5c>",))
DENSE = {"tokenizer.json": bpe(cut(*DEEPSEEK3), ADDED),
         "generation_config.json": {"eos_token_id": [N + 1, N + 2], "temperature": 0.7},
         "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<\uff5chy_begin\uff5c>", "eos_token": "<\uff5chy_end\uff5c>", "pad_token": "<\uff5chy_pad\uff5c>"}}
fixture("hunyuan-dense", "hunyuan-dense", "hunyuan-dense", {
    **DENSE, "config.json": config("hunyuan_v1_dense", "HunYuanDenseV1ForCausalLM", N + 8, bos_token_id=1, eos_token_id=2, eod_token_id=N + 2, pad_token_id=-1)})
fixture("hunyuan-dense-own-code", "hunyuan-dense", "hunyuan-dense", {
    **DENSE, "config.json": config("hunyuan", "HunYuanDenseV1ForCausalLM", N + 8, bos_token_id=1, eos_token_id=2, eod_token_id=N + 2)})

# Hunyuan from ranks; one token cannot be merged from two lower ones.
RANKS = [bytes([b]) for b in range(256)] + [b" t", b"he", b" the", b"\xe4\xb8", b"\xe4\xb8\x80", b"qrs", b"   ", b"an", b" an", b" and"]
fixture("hunyuan-ranks", "hunyuan-dense", "hunyuan", {
    "hy.tiktoken": "".join("%s %d\n" % (base64.b64encode(t).decode(), i) for i, t in enumerate(RANKS)),
    "config.json": config("hunyuan", "HunYuanDenseV1ForCausalLM", len(RANKS) + 210, bos_token_id=1, eos_token_id=2, pad_token_id=3, hidden_size=4096),
    "tokenizer_config.json": {"tokenizer_class": "HYTokenizer", "auto_map": {"AutoTokenizer": ["tokenization_hy.HYTokenizer", None]}, "eos_token": "<|eos|>",
                              "chat_template": "{{ 1 }}"}})

# Files of older versions: no added_tokens_decoder, merges in their own file.
fixture("legacy", "qwen2", "qwen2", {
    "tokenizer.json": bpe(cut(QWEN2), added(N, ("<a>", False), ("<b>", True)), [], VOCAB),
    "config.json": qwen2(N + 12),
    "merges.txt": "#version: 0.2\n" + "\r\n".join(MERGES) + "\r\n\nthree parts here\nalone\n",
    "tokenizer_config.json": {"model_max_length": 128, "eos_token": "<b>", "additional_special_tokens": ["<k>"]},
    "special_tokens_map.json": {"eos_token": "<e>", "pad_token": flags("<p>", False, True), "additional_special_tokens": ["<k>", {**flags("<l>")}], "unk_token": "t"},
    "added_tokens.json": {"<q>": N + 3, "<e>": N + 4, "<a>": N}})

# Flags of tokens that several files name: a class that wraps its tokens, roles over what
# tokenizer.json says, a name twice in a list.
NAMED = added(N, ("a .b", False, True), ("</s>", False), ("<s>", False, True), ("\u0120q", True, True))
fixture("flags-qwen2", "qwen2", "qwen2", {
    "tokenizer.json": bpe(cut(QWEN2), NAMED), "config.json": qwen2(N + 12),
    "tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "unk_token": "a .b", "cls_token": "</s>", "clean_up_tokenization_spaces": True,
                              "bos_token": {"__type": "AddedToken", **flags("<s>", False, True)}, "extra_special_tokens": {"image_token": "\u0120the"},
                              "added_tokens_decoder": {str(N + 9): flags("<s>", False), str(N + 5): flags("\u0120q", False)}}})
fixture("flags-llama", "deepseek2", "qwen2", {
    "tokenizer.json": bpe(cut(QWEN2), NAMED), "config.json": config("deepseek_v3", "DeepseekV3ForCausalLM", N + 12, kv_lora_rank=16, q_lora_rank=16),
    "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "bos_token": {"__type": "AddedToken", **flags("\u0120the", False, True)}},
    "special_tokens_map.json": {"pad_token": "\u0120q", "additional_special_tokens": ["\u00e9", flags("\u00e9", False, True), flags("\u0120a", False)]},
    "added_tokens.json": {"\u0120the": N + 8, "it 's .": N + 7}})

# No tokenizer_config.json: no template, no roles from names.
fixture("no-settings", "qwen2", "qwen2", {
    "tokenizer.json": bpe(cut(QWEN2), added(N, ("<s>",), ("</s>",)), post=template("<s> A </s>", "<s> A </s> B </s>", {"<s>": N, "</s>": N + 1})),
    "config.json": qwen2(N + 3, text_config={"eos_token_id": N + 1}, bos_token_id=N),
    "chat_template.jinja": "not used"})

# Normalizers that lower-case, the processor of RoBERTa, and pairs with two separators.
ADDED = added(N, ("<s>",), ("</s>",), ("<sep>",))
fixture("roberta", "qwen2", "gpt-2", {
    "tokenizer.json": bpe(level(True), ADDED, normalizer={"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "StripAccents"}]},
                          post={"type": "RobertaProcessing", "sep": ["</s>", N + 1], "cls": ["<s>", N], "trim_offsets": True, "add_prefix_space": False}),
    "config.json": qwen2(N + 5),
    "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "sep_token": None}}, given=True)
fixture("pairs", "qwen2", "gpt-2", {
    "tokenizer.json": bpe(level(True), ADDED, normalizer={"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": None, "lowercase": False},
                          post=template("<s> A", "<s> A </s> <sep> B", {"<s>": N, "</s>": N + 1, "<sep>": N + 2})),
    "config.json": qwen2(N + 5),
    "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "<s>", "sep_token": "</s>"}}, given=True)

fixture("roberta-plain", "qwen2", "gpt-2", {
    "tokenizer.json": bpe(level(True), ADDED, post={"type": "RobertaProcessing", "sep": ["</s>", N + 1], "cls": ["<s>", N], "trim_offsets": True, "add_prefix_space": False}),
    "config.json": qwen2(N + 5),
    "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "add_sep_token": False, "model_max_length": 1}})

# GPT-2's own: a ByteLevel that stands alone takes its space from tokenizer_config.json. 49152
# tokens make the reference write add_bos_token again.
fixture("granite", "llama", "gpt-2", {
    "tokenizer.json": bpe(level(True, True), added(N, ("<|endoftext|>",))),
    "config.json": llama(49152, bos_token_id=N),
    "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "chat_template": "x"}})


# A Llama vocabulary in tokenizer.json; texts that look like bytes and are none.
CHARS = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % b for b in range(256)] + ["<0x-1>", "<0xZZ>", "<0x1FF>", "<0xab>"]
CHARS += ["\u2581", "t", "h", "e", "a", "n", "d"]
LLAMA_MERGES = ["\u2581 t", "h e", "\u2581t he", "a n"]
LLAMA_VOCAB = {c: i for i, c in enumerate(CHARS)}
for m in LLAMA_MERGES:
    LLAMA_VOCAB.setdefault("".join(m.split(" ")), len(LLAMA_VOCAB))
L = len(LLAMA_VOCAB)


def llama_json(add, post):
    return {**bpe(None, add, LLAMA_MERGES, LLAMA_VOCAB, {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}, post, byte_fallback=True, unk_token="<unk>", fuse_unk=True),
            "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                                         {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}}


BOS = template("<s> A", "<s> A <s> B", {"<s>": 1})
FIRST = [token(0, "<unk>"), token(1, "<s>"), token(2, "</s>")]
fixture("llama-json", "llama", None, {
    "tokenizer.json": llama_json(FIRST + added(L, ("<x>", False), ("<y>", True), ("the", False)), BOS),
    "config.json": llama(L + 20, bos_token_id=1, eos_token_id=2, pad_token_id=L + 500),
    "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
                              "unk_token": "<unk>", "pad_token": "<pad>", "additional_special_tokens": ["<0xZZ>"], "legacy": False}})


def sentencepiece_model():
    import sentencepiece
    text = ["the ship and the harbour %d, an old man near the water" % i for i in range(60)] + ["Der Hafen liegt im Norden, \u00e4hnlich wie das Meer", "\u6d77\u6e2f"] * 20
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(text), model_writer=out, vocab_size=360, model_type="bpe", byte_fallback=True, character_coverage=0.99,
                                             normalization_rule_name="identity", user_defined_symbols=["<keep>"], control_symbols=["<ctl>"], num_threads=1, minloglevel=2)
    return out.getvalue()


MODEL = sentencepiece_model()
SETTINGS = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "legacy": False}
fixture("sentencepiece", "llama", None, {
    "tokenizer.model": MODEL,
    "config.json": llama(380, bos_token_id=1, eos_token_id=2, pad_token_id=379, mask_token_id=380),
    "added_tokens.json": {"<add>": 360, "<both>": 361, "<beyond>": 380, "<over>": 10},
    "tokenizer_config.json": {**SETTINGS, "add_prefix_space": True, "added_tokens_decoder": {
        "1": flags("<s>"), "361": flags("<both>"), "362": flags("\u2581a\u2581b", False), "363": flags("<|looks|>", False), "364": flags("\u2581c", True), "400": flags("<far>")}},
    "chat_template.json": {"chat_template": "{{ 'from json' }}"}})
fixture("sentencepiece-short", "qwen2", None, {"tokenizer.model": MODEL, "config.json": qwen2(300, bos_token_id=1, eos_token_id=310)})
fixture("code-llama", "llama", None, {
    "tokenizer.model": MODEL, "tokenizer.json": llama_json(FIRST, BOS),
    "config.json": llama(32016, bos_token_id=1, eos_token_id=2),
    "tokenizer_config.json": {**SETTINGS, "prefix_token": "\u2581<PRE>", "eot_token": "</s>", "chat_template": "{{ 0 }}"}})

json.dump(CASES, open(os.path.join(HERE, "cases.json"), "w"), indent=1)
