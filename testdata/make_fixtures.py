#!/usr/bin/env python3
"""Write the random checkpoints under testdata/fixtures, one per architecture.

  make_fixtures.py [--out testdata/fixtures] [NAME ...]

Every tensor is drawn from a generator seeded with the fixture's and the tensor's name, so the output does not depend on
the order of anything. expected.json holds logits that Hugging Face transformers computes in float32 on the CPU from
the stored weights. Needs transformers 4.57.6, torch 2.6.0, tokenizers 0.22.2, sentencepiece 0.2.3, safetensors 0.8.0
(pip, development only); other versions may train other tokenizers.
"""
import os
os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1", TRANSFORMERS_VERBOSITY="error")
import argparse, base64, hashlib, io, json, shutil, subprocess, sys, tempfile
from pathlib import Path
import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
import transformers

HERE = Path(__file__).resolve().parent

# Lines that make the tokenizers meet more than one alphabet, runs of spaces and long numbers.
FOREIGN = ("Žofie zaplatila 3½ koruny; Åse tog båten. Смена началась в 7:30. Η θάλασσα ήταν ήρεμη.\n"
           "港の灯台は白い。 碇を上げて、 三十二 箱を数えた。 배가 들어왔다. 🚢⚓️ 1234567890 42 007\n"
           "  \t indented\n\n\n    x = [1, 22, 333]; it's done, WE'LL see   \r\n")

LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                r"\s*[\r\n]+|\s+(?!\S)|\s+")
HUNYUAN_SPLIT = LLAMA3_SPLIT.replace("{1,3}", "")
# DeepSeek-V3's three patterns, with literal CR and LF in the last one, as published.
DEEPSEEK3_SPLITS = [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
                    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
                    " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]
# DeepSeek-LLM's letters: the code points that had upper or lower case when it was written.
DEEPSEEK_LETTERS = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿ\u0386Έ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ"
    "\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
    "\U000118a0-\U000118df\U0001e900-\U0001e943")
DEEPSEEK_SPLITS = ["[\r\n]", "\\s?[" + DEEPSEEK_LETTERS + "]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", "\\s+$",
                   "[一-龥ࠀ-一가-\ud7ff]+"]


def text(foreign=150):
    out = subprocess.run([sys.executable, HERE / "tiny/make_text.py", "11", "300000"], capture_output=True, check=True)
    return out.stdout.decode() + FOREIGN * foreign


def byte_level_bpe(size, pre):
    """Vocabulary (token text to id) and merges of a byte-level BPE trained behind a pre-tokenizer."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre
    t.train_from_iterator([text()[i:i + 4096] for i in range(0, 300000, 4096)] + [FOREIGN] * 150, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    m = json.loads(t.to_str())["model"]
    return m["vocab"], [tuple(x) if isinstance(x, list) else tuple(x.split(" ")) for x in m["merges"]]


def splits(patterns, *more):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in patterns] + list(more) +
                                   [pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=False)])


def special(content, id, special=True, normalized=False):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": normalized, "special": special}


def dump(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_bpe(out, size, pre, first, last, config, ignore_merges=False, normalizer=None, bos=None):
    """tokenizer.json and tokenizer_config.json: added tokens before (first) and after (last) the trained ones."""
    vocab, merges = byte_level_bpe(size - len(first) - len(last), pre)
    ids = {t: i for i, (t, *_) in enumerate(first)}
    ids.update({t: i + len(first) for t, i in vocab.items()})
    added = [special(t, i, *flags) for i, (t, *flags) in enumerate(first)]
    added += [special(t, size - len(last) + i, *flags) for i, (t, *flags) in enumerate(last)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
    post = byte_level
    if bos:
        item = {"SpecialToken": {"id": bos, "type_id": 0}}
        seq = lambda n, t: {"Sequence": {"id": n, "type_id": t}}
        ident = next(a["id"] for a in added if a["content"] == bos)
        post = {"type": "Sequence", "processors": [byte_level, {
            "type": "TemplateProcessing", "single": [item, seq("A", 0)],
            "pair": [item, seq("A", 0), {"SpecialToken": {"id": bos, "type_id": 1}}, seq("B", 1)],
            "special_tokens": {bos: {"id": bos, "ids": [ident], "tokens": [bos]}}}]}
    shell = Tokenizer(models.BPE())
    shell.pre_tokenizer = pre
    dump(out / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
        "pre_tokenizer": json.loads(shell.to_str())["pre_tokenizer"], "post_processor": post,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges,
                  "vocab": ids, "merges": [list(m) for m in merges]}})
    keep = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    dump(out / "tokenizer_config.json", {"added_tokens_decoder": {str(a["id"]): {k: a[k] for k in keep} for a in added}, **config})


def sentencepiece_model(size, foreign):
    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text(foreign).replace("\r", "").split("\n")), model_writer=model, model_type="bpe",
        vocab_size=size, byte_fallback=True, character_coverage=0.9995, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True, unk_surface=" \u2047 ",
        num_threads=1, minloglevel=2, pad_id=-1)
    return model.getvalue()


CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
          "'<|im_end|>\\n' }}{% endfor %}")
INST = ("{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] "
        "+ ' [/INST]' }}{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}")


def llama_tokens(out, size, model):
    last = [("<|begin_of_text|>",), ("<|end_of_text|>",), ("<|finetune_right_pad_id|>",), ("<|start_header_id|>",),
            ("<|end_header_id|>",), ("<|eom_id|>",), ("<|eot_id|>",), ("<|python_tag|>",)]
    write_bpe(out, size, splits([LLAMA3_SPLIT]), [], last, {
        "bos_token": "<|begin_of_text|>", "chat_template": CHATML, "clean_up_tokenization_spaces": True,
        "eos_token": "<|eot_id|>", "model_input_names": ["input_ids", "attention_mask"], "model_max_length": 131072,
        "tokenizer_class": "PreTrainedTokenizerFast"}, ignore_merges=True, bos="<|begin_of_text|>")


SPM_ADDED = {str(i): {"content": c, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
             for i, c in enumerate(("<unk>", "<s>", "</s>"))}


def mistral_tokens(out, size, model):
    (out / "tokenizer.model").write_bytes(sentencepiece_model(size, 150))
    dump(out / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "add_prefix_space": True, "added_tokens_decoder": SPM_ADDED, "additional_special_tokens": [],
        "bos_token": "<s>", "chat_template": INST, "clean_up_tokenization_spaces": False, "eos_token": "</s>", "legacy": True,
        "model_max_length": 32768, "pad_token": None, "sp_model_kwargs": {}, "spaces_between_special_tokens": False,
        "tokenizer_class": "LlamaTokenizer", "unk_token": "<unk>", "use_default_system_prompt": False})


def mixtral_tokens(out, size, model):
    # Only tokenizer.json: the reference then takes its second way to a SentencePiece-like vocabulary.
    with tempfile.TemporaryDirectory() as d:
        f = Path(d) / "tokenizer.model"
        f.write_bytes(sentencepiece_model(size, 1))
        fast = transformers.LlamaTokenizerFast(vocab_file=str(f), legacy=True)
        j = json.loads(fast.backend_tokenizer.to_str())
    # the form that published Llama 2 and Mixtral files have, whatever today's transformers would write
    space = {"String": "▁"}
    j.update(pre_tokenizer=None, normalizer={"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        decoder={"type": "Sequence", "decoders": [{"type": "Replace", "pattern": space, "content": " "}, {"type": "ByteFallback"},
                                                  {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})
    dump(out / "tokenizer.json", j)
    dump(out / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": SPM_ADDED,
        "additional_special_tokens": [], "bos_token": "<s>", "chat_template": INST, "clean_up_tokenization_spaces": False,
        "eos_token": "</s>", "legacy": True, "model_max_length": 32768, "pad_token": None, "sp_model_kwargs": {},
        "tokenizer_class": "LlamaTokenizerFast", "unk_token": "<unk>"})


DEEPSEEK_TEMPLATE = ("{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{{ bos_token }}"
                     "{% for message in messages %}{{ '<｜User｜>' + message['content'] }}{% endfor %}")


def token(content, id=None):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}


def deepseek_config(length, pad):
    return {"add_bos_token": True, "add_eos_token": False, "bos_token": token("<｜begin▁of▁sentence｜>"),
            "clean_up_tokenization_spaces": False, "eos_token": token("<｜end▁of▁sentence｜>"), "legacy": True,
            "model_max_length": length, "pad_token": token(pad), "sp_model_kwargs": {}, "unk_token": None,
            "tokenizer_class": "LlamaTokenizerFast", "chat_template": DEEPSEEK_TEMPLATE}


def deepseek2_tokens(out, size, model):
    last = [("<｜begin▁of▁sentence｜>", True, True), ("<｜end▁of▁sentence｜>", True, True), ("ø", False, True), ("ö", False, True)]
    pre = splits(DEEPSEEK_SPLITS, pre_tokenizers.Digits(individual_digits=True))
    write_bpe(out, size, pre, [], last, deepseek_config(16384, "<｜end▁of▁sentence｜>"),
              normalizer={"type": "Sequence", "normalizers": []})


def deepseek3_tokens(out, size, model):
    first = [("<｜begin▁of▁sentence｜>",), ("<｜end▁of▁sentence｜>",), ("<｜▁pad▁｜>",)]
    last = [("<｜User｜>", False), ("<｜Assistant｜>", False), ("<think>", False, True), ("</think>", False, True), ("<|EOT|>",)]
    write_bpe(out, size, splits(DEEPSEEK3_SPLITS), first, last, deepseek_config(16384, "<｜end▁of▁sentence｜>"),
              normalizer={"type": "Sequence", "normalizers": []})


def hunyuan_dense_tokens(out, size, model):
    last = [("<｜hy_begin▁of▁sentence｜>",), ("<｜hy_place▁holder▁no▁2｜>",), ("<｜hy_User｜>",), ("<｜hy_Assistant｜>",),
            ("<think>", False, True), ("</think>", False, True)]
    # the trained vocabulary ends five ids before the embedding, as real ones do
    write_bpe(out, size - 5, splits(DEEPSEEK3_SPLITS), [], last, {
        "bos_token": "<｜hy_begin▁of▁sentence｜>", "chat_template": CHATML, "clean_up_tokenization_spaces": False,
        "eos_token": "<｜hy_place▁holder▁no▁2｜>", "model_max_length": 262144, "tokenizer_class": "PreTrainedTokenizerFast"},
        normalizer={"type": "Sequence", "normalizers": []})


def hunyuan_moe_tokens(out, size, model):
    names = ["<|endoftext|>", "<|startoftext|>", "<|bos|>", "<|eos|>", "<|pad|>"] + [f"<|extra_{i}|>" for i in range(11)]
    vocab, _ = byte_level_bpe(size - len(names), splits([HUNYUAN_SPLIT]))
    alphabet = {c: b for b, c in enumerate_bytes()}
    lines = []
    for t, i in sorted(vocab.items(), key=lambda x: x[1]):
        lines.append(base64.b64encode(bytes(alphabet[c] for c in t)).decode() + f" {i}\n")
    (out / "hy.tiktoken").write_text("".join(lines))
    dump(out / "tokenizer_config.json", {
        "architectures": ["GPT2LMHeadModel"], "model_max_length": 1048576, "tokenizer_class": "HYTokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_hy.HYTokenizer", None]}, "eos_token": "<|eos|>", "model_type": "gpt2",
        "additional_special_tokens": ["<|startoftext|>", "<|extra_0|>", "<|extra_4|>", "<|extra_5|>", "<|eos|>"],
        "pad_token": "<|pad|>", "chat_template": "{% for message in messages %}{{ '<|startoftext|>' + message['content'] + '<|extra_0|>' }}{% endfor %}"})


def enumerate_bytes():
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    n = 0
    for b in range(256):
        if b in keep:
            yield b, chr(b)
        else:
            yield b, chr(256 + n)
            n += 1


# ---- weights

def draw(fixture, name, shape):
    g = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(f"{fixture}/{name}".encode()).digest()[:7], "big"))
    x = torch.randn(shape, generator=g)
    if name.endswith("norm.weight"):
        return 1 + 0.1 * x
    if name.endswith("e_score_correction_bias"):
        return 0.05 + 0.05 * x
    if name.endswith(".bias"):
        return 0.1 * x
    far = torch.rand(shape, generator=g) < 0.001  # a few outliers, as trained weights have
    return 0.03 * torch.where(far, 8 * x, x)


FP8_MAX = 448.0


def to_fp8(w):
    """F8_E4M3 codes and the float32 scale of each 128 x 128 block, cut at the edges, as DeepSeek-V3 stores them."""
    r, c = w.shape
    nr, nc = -(-r // 128), -(-c // 128)
    pad = torch.zeros(nr * 128, nc * 128)
    pad[:r, :c] = w
    scale = pad.view(nr, 128, nc, 128).abs().amax((1, 3)) / FP8_MAX
    wide = scale.repeat_interleave(128, 0).repeat_interleave(128, 1)[:r, :c]
    return (w / wide).to(torch.float8_e4m3fn), scale, wide


def stored(f, name, w):
    """The tensors a fixture stores for one weight, and the float32 values they stand for."""
    if f.get("fp8") and w.dim() == 2 and ("_proj" in name):
        q, scale, wide = to_fp8(w.bfloat16().float())
        return {name: q, name + "_scale_inv": scale}, q.float() * wide
    dtype = torch.float32 if name.endswith(("e_score_correction_bias", "gate.wg.weight")) else f["dtype"]
    return {name: w.to(dtype)}, w.to(dtype).float()


def shards(out, tensors, n):
    """n files of about the same size, in the order given; an index beside them when there are several."""
    total, parts, done = sum(t.nbytes for t in tensors.values()), [{} for _ in range(n)], 0
    for name, t in tensors.items():
        parts[min(n - 1, done * n // total)][name] = t.contiguous()
        done += t.nbytes
    where = {}
    for i, p in enumerate(parts):
        f = "model.safetensors" if n == 1 else f"model-{i + 1:05d}-of-{n:05d}.safetensors"
        save_file(p, out / f, {"format": "pt"})
        where.update({k: f for k in p})
    if n > 1:
        dump(out / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))})


def prompts(vocab, seed):
    g = torch.Generator().manual_seed(seed)
    return [torch.randint(3, vocab - 24, (n,), generator=g).tolist() for n in (5, 17, 48)]


def expected(out, f, name, model):
    cases = []
    with torch.no_grad():
        for ids in prompts(f["vocab"], int.from_bytes(name.encode()[:4], "big")):
            lg = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double()
            at = []
            for pos in sorted({0, len(ids) // 2, len(ids) - 1}):
                top = lg[pos].topk(8)
                at.append({"pos": pos, "top_ids": top.indices.tolist(), "top_logits": [round(v, 7) for v in top.values.tolist()],
                           "first_logits": [round(v, 7) for v in lg[pos, :8].tolist()], "sum": round(lg[pos].sum().item(), 5)})
            cases.append({"ids": ids, "positions": at})
    (out / "expected.json").write_text(json.dumps({
        "made_by": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, float32, CPU, eager attention",
        "prompts": cases}, indent=1) + "\n")


def make(name, f, root):
    out = root / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    f["tokens"](out, f["vocab"], f)
    cls = getattr(transformers, f["class"])
    cfg = cls.config_class(**{**f["config"], **f.get("extra", {})}, attn_implementation="eager")
    model = cls(cfg).float().eval()
    tied = cfg.tie_word_embeddings
    keep, values = {}, {}
    for k, p in model.state_dict().items():
        if tied and k == "lm_head.weight":
            continue
        t, v = stored(f, k, draw(f.get("like", name), k, p.shape))
        keep.update(t)
        values[k] = v
    for k, shape in f.get("unused", {}).items():
        keep.update(stored(f, k, draw(name, k, shape))[0])
    if tied:
        values["lm_head.weight"] = values["model.embed_tokens.weight"]
    model.load_state_dict(values)
    shards(out, keep, f["shards"])
    dump(out / "config.json", {"architectures": [f["class"]], **f["config"]})
    dump(out / "generation_config.json", f["generation"])
    n = sum(v.numel() for v in values.values())
    (out / "README.md").write_text(f"---\n{f['card'].strip()}\n---\n# {name}\n\nRandom weights ({n:,} parameters), made by "
                                   "`testdata/make_fixtures.py` to test qconv. It knows nothing.\n")
    expected(out, f, name, model)
    size = sum(p.stat().st_size for p in out.iterdir())
    print(f"{name}: {len(keep)} tensors, {n:,} parameters, {size:,} bytes", flush=True)


HUNYUAN_ROPE = {"alpha": 1000.0, "beta_fast": 32, "beta_slow": 1, "factor": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "type": "dynamic"}
V3 = dict(
    vocab=320, tokens=deepseek3_tokens, dtype=torch.bfloat16, shards=3, **{"class": "DeepseekV3ForCausalLM"},
    config={"attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 1, "ep_size": 1,
            "first_k_dense_replace": 1, "hidden_act": "silu", "hidden_size": 256, "initializer_range": 0.02, "intermediate_size": 64,
            "kv_lora_rank": 256, "max_position_embeddings": 163840, "model_type": "deepseek_v3", "moe_intermediate_size": 32,
            "moe_layer_freq": 1, "n_group": 2, "n_routed_experts": 8, "n_shared_experts": 1, "norm_topk_prob": True,
            "num_attention_heads": 2, "num_experts_per_tok": 3, "num_hidden_layers": 2, "num_key_value_heads": 2,
            "num_nextn_predict_layers": 1, "q_lora_rank": 96, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
            "rms_norm_eps": 1e-06, "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0,
            "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"}, "rope_theta": 10000,
            "routed_scaling_factor": 2.5, "scoring_func": "sigmoid", "tie_word_embeddings": False, "topk_group": 1,
            "topk_method": "noaux_tc", "torch_dtype": "bfloat16", "use_cache": True, "v_head_dim": 32, "vocab_size": 320},
    generation={"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 1, "do_sample": True, "temperature": 0.6, "top_p": 0.95},
    card="license: mit\nlibrary_name: transformers\npipeline_tag: text-generation")

FIXTURES = {
    "llama3": dict(
        vocab=400, tokens=llama_tokens, dtype=torch.float16, shards=2, **{"class": "LlamaForCausalLM"},
        config={"attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 392, "eos_token_id": [393, 397, 398], "head_dim": 32,
                "hidden_act": "silu", "hidden_size": 256, "initializer_range": 0.02, "intermediate_size": 80,
                "max_position_embeddings": 131072, "mlp_bias": False, "model_type": "llama", "num_attention_heads": 4,
                "num_hidden_layers": 2, "num_key_value_heads": 2, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
                "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                                 "original_max_position_embeddings": 8192, "rope_type": "llama3"}, "rope_theta": 500000.0,
                "tie_word_embeddings": True, "torch_dtype": "float16", "transformers_version": "4.57.6", "use_cache": True, "vocab_size": 400},
        generation={"bos_token_id": 392, "do_sample": True, "eos_token_id": [393, 397, 398], "temperature": 0.6, "top_p": 0.9},
        card="language:\n- en\n- de\nlicense: mit\npipeline_tag: text-generation\ntags:\n- random\n- llama-3\n"
             "base_model: qconv-tests/Tiny-Llama-3.2-1M\ndatasets:\n- qconv-tests/harbour-log"),
    "mistral": dict(
        vocab=512, tokens=mistral_tokens, dtype=torch.float32, shards=1, **{"class": "MistralForCausalLM"},
        config={"attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 64,
                "initializer_range": 0.02, "intermediate_size": 160, "max_position_embeddings": 32768, "model_type": "mistral",
                "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
                "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "float32", "use_cache": True, "vocab_size": 512},
        generation={"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2},
        card="name: Tiny Mistral v0.2 Instruct\nauthor: the qconv authors\nversion: v0.2\nlicense: mit\nlanguage: en\n"
             "model_creator: nobody\ntags: [instruct]"),
    "mixtral": dict(
        vocab=352, tokens=mixtral_tokens, dtype=torch.bfloat16, shards=2, **{"class": "MixtralForCausalLM"},
        config={"attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "head_dim": 32, "hidden_act": "silu", "hidden_size": 256,
                "initializer_range": 0.02, "intermediate_size": 32, "max_position_embeddings": 32768, "model_type": "mixtral",
                "num_attention_heads": 4, "num_experts_per_tok": 2, "num_hidden_layers": 2, "num_key_value_heads": 1,
                "num_local_experts": 8, "output_router_logits": False, "rms_norm_eps": 1e-05, "rope_theta": 1000000.0,
                "router_aux_loss_coef": 0.02, "sliding_window": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
                "use_cache": True, "vocab_size": 352},
        generation={"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2},
        card="license: mit\nlanguage:\n- fr\n- it\n- de\n- es\n- en\nbase_model:\n- qconv-tests/Tiny-Mixtral-8x1M-v0.1\n"
             "- https://huggingface.co/qconv-tests/other-mix-2B\ndatasets: [qconv-tests/harbour-log, qconv-tests/second-set]"),
    "deepseek-v2": dict(
        vocab=384, tokens=deepseek2_tokens, dtype=torch.bfloat16, shards=1, **{"class": "DeepseekV2ForCausalLM"},
        # 26 layers: the reference only accepts a missing q_lora_rank for 26 or 27 (the Lite models)
        config={"attention_bias": False, "attention_dropout": 0.0, "aux_loss_alpha": 0.001, "bos_token_id": 380, "eos_token_id": 381,
                "first_k_dense_replace": 23, "hidden_act": "silu", "hidden_size": 64, "initializer_range": 0.02, "intermediate_size": 24,
                "kv_lora_rank": 32, "max_position_embeddings": 163840, "model_type": "deepseek_v2", "moe_intermediate_size": 32,
                "moe_layer_freq": 1, "n_group": 1, "n_routed_experts": 4, "n_shared_experts": 2, "norm_topk_prob": False,
                "num_attention_heads": 2, "num_experts_per_tok": 2, "num_hidden_layers": 26, "num_key_value_heads": 2,
                "pretraining_tp": 1, "q_lora_rank": None, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "rms_norm_eps": 1e-06,
                "rope_scaling": None, "rope_theta": 10000, "routed_scaling_factor": 1.0, "scoring_func": "softmax", "seq_aux": True,
                "tie_word_embeddings": False, "topk_group": 1, "topk_method": "greedy", "torch_dtype": "bfloat16", "use_cache": True,
                "v_head_dim": 16, "vocab_size": 384},
        generation={"bos_token_id": 380, "eos_token_id": 381, "pad_token_id": 381, "do_sample": True, "temperature": 0.3, "top_p": 0.95},
        card="license: other\nlicense_name: deepseek\nlicense_link: https://example.org/LICENSE-MODEL"),
    "deepseek-v3": dict(V3),
    "deepseek-v3-fp8": dict(
        V3, like="deepseek-v3", fp8=True, shards=2,
        config={**V3["config"], "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                                                        "weight_block_size": [128, 128]}},
        # a next-token-prediction layer beyond num_hidden_layers, which conversion leaves out
        unused={"model.layers.2.enorm.weight": (256,), "model.layers.2.hnorm.weight": (256,), "model.layers.2.mlp.experts.0.down_proj.weight": (256, 32),
                "model.layers.2.shared_head.norm.weight": (256,), "model.layers.2.input_layernorm.weight": (256,)}),
    "hunyuan-dense": dict(
        vocab=384, tokens=hunyuan_dense_tokens, dtype=torch.bfloat16, shards=1, **{"class": "HunYuanDenseV1ForCausalLM"},
        config={"attention_bias": False, "attention_dropout": 0.0, "attention_head_dim": 64, "bos_token_id": 1, "eod_token_id": 374,
                "eos_token_id": 374, "head_dim": 64, "hidden_act": "silu", "hidden_size": 256, "initializer_range": 0.02,
                "intermediate_size": 96, "max_position_embeddings": 32768, "mlp_bias": False, "model_type": "hunyuan_v1_dense",
                "norm_type": "rms", "num_attention_heads": 2, "num_experts": 1, "num_hidden_layers": 2, "num_key_value_heads": 1,
                "org_vocab_size": 384, "pad_id": -1, "pad_token_id": -1, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
                "rope_scaling": HUNYUAN_ROPE, "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
                "use_cache": True, "use_cla": False, "use_qk_norm": True, "vocab_size": 384},
        generation={"eos_token_id": [378, 374], "pad_token_id": 375, "do_sample": True, "top_k": 20, "top_p": 0.8,
                    "repetition_penalty": 1.05, "temperature": 0.7},
        card="license: other\nlicense_name: tencent-license\nlicense_link: LICENSE\nlanguage: [en, zh]\ntags:\n- random"),
    "hunyuan-moe": dict(
        vocab=384, tokens=hunyuan_moe_tokens, dtype=torch.bfloat16, shards=2, **{"class": "HunYuanMoEV1ForCausalLM"},
        config={"add_classification_head": False, "attention_bias": False, "attention_dropout": 0.1, "attention_head_dim": 128,
                "bos_token_id": 1, "cla_share_factor": 2, "eod_token_id": 378, "eos_token_id": 371, "group_limited_greedy": False,
                "hidden_act": "silu", "hidden_size": 256, "initializer_range": 0.02, "intermediate_size": 32, "max_position_embeddings": 32768,
                "mlp_bias": False, "model_type": "hunyuan", "moe_intermediate_size": [32, 32], "moe_layer_num_skipped": 0,
                "moe_topk": [2, 2], "norm_topk_prob": True, "norm_type": "rms", "num_attention_heads": 2, "num_experts": 4,
                "num_hidden_layers": 2, "num_key_value_heads": 1, "num_shared_expert": [1, 1], "org_vocab_size": 384, "pad_id": 372,
                "pad_token_id": 372, "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": HUNYUAN_ROPE, "rope_theta": 10000.0,
                "routed_scaling_factor": 1.0, "sep_token_id": 373, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
                "use_cache": True, "use_mixed_mlp_moe": True, "use_mla": False, "use_qk_norm": True, "vocab_size": 384},
        extra={"head_dim": 128},
        generation={"eos_token_id": [371, 378], "pad_token_id": 372, "do_sample": True, "top_k": 20, "top_p": 0.8,
                    "repetition_penalty": 1.05, "temperature": 0.7},
        card="license: other\nlicense_name: tencent-hunyuan-a13b\nlicense_link: https://example.org/LICENSE\nlibrary_name: transformers"),
}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--out", type=Path, default=HERE / "fixtures")
    a = ap.parse_intermixed_args()
    torch.set_num_threads(1)
    for name in a.names or FIXTURES:
        make(name, FIXTURES[name], a.out)


if __name__ == "__main__":
    main()
