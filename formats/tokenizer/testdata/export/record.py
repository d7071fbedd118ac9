"""Records what llama.cpp's converter writes as tokenizer.* keys.

    python record.py LLAMA_CPP SHARED [CASE...]

LLAMA_CPP is a tree of llama.cpp v0.5.0, with transformers 4.57.6 installed; SHARED is the project's
shared folder. For each case a checkpoint without weights is put together, the converter runs on it
with --vocab-only, and CASE.tsv gets a line a key: name, type, number of elements, SHA-256 of the
value's bytes as the file has them (for arrays: of the elements), and the value when it is short.

Cases whose pre-tokenizer has no published hash give it as "pre": the converter's table is asked
first, and only an unknown hash is answered with it. probes.json keeps the hash of each case.
"""
import hashlib
import json
import os
import pathlib
import runpy
import shutil
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))

QWEN25 = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt", "vocab.json"]
LLAMA_CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": 1, "num_attention_heads": 4,
                "hidden_size": 64, "bos_token_id": 1, "eos_token_id": 2, "vocab_size": 32000}


def qwen25(**config):
    return {"files": {n: "data/tokenizers/qwen2.5/" + n for n in QWEN25},
            "config": "data/configs/qwq-32b-preview-generated/config.json", "change": config}


def stories(name, *drop):
    folder = "data/models/stories260K/" + name
    names = ["tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json"]
    return {"files": {n: folder + "/" + n for n in names if n not in drop}, "config": folder + "/config.json"}


# The files of a case come from SHARED; fixtures beside this script are found by name.
REAL = {
    "qwen2.5": qwen25(),
    "qwq-32b": {**qwen25(), "template": "data/templates/Qwen-QwQ-32B.jinja"},
    "qwen2.5-unpadded": qwen25(vocab_size=151665),
    "llama3.1": {"files": {"tokenizer.json": "data/tokenizers/llama3.1/tokenizer.json",
                           "generation_config.json": "data/configs/llama3.2-3b/generation_config.json"},
                 "config": "data/configs/llama3.2-3b/config.json"},
    "llama3.1-jinja": {"files": {"tokenizer.json": "data/tokenizers/llama3.1/tokenizer.json",
                                 "chat_template.jinja": "data/templates/meta-llama-Llama-3.1-8B-Instruct.jinja"},
                       "config": "data/configs/llama3.2-3b/config.json",
                       "settings": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}},
    "llama2": {"files": {"tokenizer.model": "data/tokenizers/llama2-spm/tokenizer.model"}, "config": LLAMA_CONFIG},
    "stories-f32": stories("hf-f32"),
    "stories-bf16": stories("hf-bf16"),
    "stories-sharded": stories("hf-bf16-sharded"),
    "stories-qwen2-wide": stories("derived-wide256-qwen2-bf16"),
    "stories-hf": stories("hf-f32", "tokenizer.model"),
    "hunyuan-a13b": {"files": {n: "data/tokenizers/hunyuan-a13b/" + n for n in ["hy.tiktoken", "tokenizer_config.json", "generation_config.json"]},
                     "config": "data/configs/hunyuan-a13b/config.json"},
    "hunyuan-7b": {"files": {n: "data/tokenizers/hunyuan-a13b/" + n for n in ["hy.tiktoken", "tokenizer_config.json", "generation_config.json"]},
                   "config": "data/configs/hunyuan-a13b/config.json", "change": {"architectures": ["HunYuanDenseV1ForCausalLM"], "head_dim": 128}},
}

# Stands in for the tokenizer module that Hunyuan's checkpoints ship: only what the converter uses.
HUNYUAN = '''
import base64, os, tiktoken
from transformers import PreTrainedTokenizer

PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
NAMES = ["<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"] + ["<|extra_%d|>" % i for i in range(205)]

class HYTokenizer(PreTrainedTokenizer):
    vocab_files_names = {"vocab_file": "hy.tiktoken"}

    def __init__(self, vocab_file, **kwargs):
        self.mergeable_ranks = {}
        for line in open(vocab_file, "rb"):
            self.mergeable_ranks[base64.b64decode(line.split()[0])] = len(self.mergeable_ranks)
        self.special_tokens = {n: len(self.mergeable_ranks) + i for i, n in enumerate(NAMES)}
        self.engine = tiktoken.Encoding("hy", pat_str=PATTERN, mergeable_ranks=self.mergeable_ranks, special_tokens=self.special_tokens)
        super().__init__(**kwargs)

    @property
    def vocab_size(self):
        return self.engine.n_vocab

    def get_vocab(self):
        return {**{str(k): v for k, v in self.mergeable_ranks.items()}, **self.special_tokens}

    def _add_tokens(self, new_tokens, special_tokens=False):
        return 0

    def encode(self, text, **kwargs):
        return self.engine.encode(text, allowed_special="all")
'''

SIZES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TYPES = {0: "uint8", 1: "int8", 2: "uint16", 3: "int16", 4: "uint32", 5: "int32", 6: "float32", 7: "bool", 8: "string", 10: "uint64", 11: "int64", 12: "float64"}


def keys(path):
    data = open(path, "rb").read()
    pos = 8 + 8  # magic, version, number of tensors
    count, = struct.unpack_from("<Q", data, pos)
    pos += 8

    def length(pos):
        return struct.unpack_from("<Q", data, pos)[0]

    def skip(kind, pos):
        return pos + 8 + length(pos) if kind == 8 else pos + struct.calcsize("<" + SIZES[kind])

    for _ in range(count):
        end = skip(8, pos)
        key = data[pos + 8:end].decode()
        kind, = struct.unpack_from("<I", data, end)
        pos = end + 4
        if kind == 9:
            item, n = struct.unpack_from("<IQ", data, pos)
            start = pos = pos + 12
            for _ in range(n):
                pos = skip(item, pos)
            yield key, "[]" + TYPES[item], n, data[start:pos], ""
            continue
        start, pos = pos, skip(kind, pos)
        raw = data[start:pos]
        shown = json.dumps(raw[8:].decode()) if kind == 8 else str(struct.unpack("<" + SIZES[kind], raw)[0])
        yield key, TYPES[kind], 1, raw, shown if len(shown) < 60 else ""


def convert(llama, folder, out, pre):
    """Gives the hash that the pre-tokenizer was looked up with, if any."""
    found = []
    for p in (os.path.join(llama, "gguf-py"), llama):
        if p not in sys.path:
            sys.path.insert(0, p)
    import conversion.base as base
    original = base.TextModel.get_vocab_base_pre

    class Listening:
        """Keeps the hash of what the converter asks the tokenizer to encode."""

        def __init__(self, tokenizer):
            self.tokenizer = tokenizer

        def encode(self, text):
            ids = self.tokenizer.encode(text)
            found.append(hashlib.sha256(str(ids).encode()).hexdigest())
            return ids

    def known_or_given(self, tokenizer):
        try:
            return original(self, Listening(tokenizer))
        except NotImplementedError:
            if pre is None:
                raise
            return pre

    base.TextModel.get_vocab_base_pre = known_or_given
    # The converter asks a person before it runs a checkpoint's code; this stand-in is ours.
    import transformers.dynamic_module_utils as dynamic
    import transformers.models.auto.tokenization_auto as auto
    auto.resolve_trust_remote_code = lambda trust, *a, **k: bool(trust)
    # Template files come in the order of the file system; here sorted, so that recordings repeat.
    glob = pathlib.Path.glob
    pathlib.Path.glob = lambda self, *a, **k: iter(sorted(glob(self, *a, **k)))
    try:
        sys.argv = ["convert_hf_to_gguf.py", folder, "--vocab-only", "--outfile", out]
        runpy.run_path(os.path.join(llama, "convert_hf_to_gguf.py"), run_name="__main__")
    finally:
        base.TextModel.get_vocab_base_pre = original
        pathlib.Path.glob = glob
    return found[-1] if found else None


def assemble(shared, name, case, folder):
    """Puts a real case together; fixtures are copied as they are."""
    if case is None:
        shutil.copytree(os.path.join(HERE, "fixtures", name), folder, dirs_exist_ok=True)
        return
    for to, origin in case["files"].items():
        shutil.copyfile(os.path.join(shared, origin), os.path.join(folder, to))
    config = case["config"]
    if isinstance(config, str):
        config = json.load(open(os.path.join(shared, config)))
    config.update(case.get("change", {}))
    json.dump(config, open(os.path.join(folder, "config.json"), "w"))
    settings = os.path.join(folder, "tokenizer_config.json")
    if "settings" in case:
        json.dump(case["settings"], open(settings, "w"))
    if "template" in case:
        values = json.load(open(settings))
        values["chat_template"] = open(os.path.join(shared, case["template"])).read()
        json.dump(values, open(settings, "w"))


def main():
    llama, shared, chosen = sys.argv[1], sys.argv[2], sys.argv[3:]
    cases = dict(REAL)
    pres = {n: c["pre"] for n, c in json.load(open(os.path.join(HERE, "fixtures", "cases.json"))).items()}
    for name in sorted(pres):
        cases[name] = None
    cases["harbour-2m"] = {"files": {n: "tiny/harbour-2m/" + n for n in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"]},
                           "config": "tiny/harbour-2m/config.json"}
    pres["harbour-2m"] = "qwen2"
    probes_path = os.path.join(HERE, "probes.json")
    probes = json.load(open(probes_path)) if os.path.exists(probes_path) else {}
    for name, case in cases.items():
        if chosen and name not in chosen:
            continue
        with tempfile.TemporaryDirectory() as temp:
            folder = os.path.join(temp, "model")
            os.mkdir(folder)
            assemble(shared, name, case, folder)
            if os.path.exists(os.path.join(folder, "hy.tiktoken")):
                open(os.path.join(folder, "tokenization_hy.py"), "w").write(HUNYUAN)
            if "keep" in os.environ:
                shutil.copytree(folder, os.path.join(os.environ["keep"], name), dirs_exist_ok=True)
            out = os.path.join(temp, "out.gguf")
            try:
                probe = convert(llama, folder, out, pres.get(name))
            except Exception as e:
                print("%s: the converter fails: %s: %s" % (name, type(e).__name__, e))
                continue
            if probe:
                probes[name] = probe
            with open(os.path.join(HERE, name + ".tsv"), "w") as f:
                for key, kind, n, raw, shown in keys(out):
                    if key.startswith("tokenizer."):
                        f.write("\t".join([key, kind, str(n), hashlib.sha256(raw).hexdigest(), shown]) + "\n")
            print(name, "recorded")
    json.dump(probes, open(probes_path, "w"), indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
