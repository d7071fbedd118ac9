#!/usr/bin/env python3
"""Record what llama.cpp's converter makes of a config and a list of tensors.

  record.py --llamacpp DIR [--shared DIR] [--work DIR] [NAME ...]

Writes NAME.tsv beside this file, one line a fact, tab-separated:
  config  JSON                          the config.json, on one line (absent when it may not be committed)
  src     name dtype shape              a source tensor, in checkpoint order; shape outermost first, "-" for none
  kv      key type value                a {arch}.* key or general.file_type; floats as the eight hex digits of their bits
  out     name shape F32|- sha256|-     an output tensor, in order; shape innermost first; 16 digits of the hash of its float32 values
  values  name hex,...                  the bits of a generated tensor
  digest  sha256 outputs                only for listings of published models: SHA-256 over the kv and out lines

Tensor names and shapes come from transformers' own models on the meta device. A small checkpoint holds
values that a reader can make again: element i of source number s is (7i + 13s) mod 251, for FP8 (i + s) mod 16,
for its scales 1 + (i + s) mod 3. A large one is a sparse file, and only shapes are recorded. Needs transformers
4.57.6, torch 2.6.0 (development only).
"""
import argparse, gzip, hashlib, json, os, struct, sys, tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ap = argparse.ArgumentParser()
ap.add_argument("--llamacpp", required=True)
ap.add_argument("--shared")
ap.add_argument("--work", default=tempfile.gettempdir())
ap.add_argument("names", nargs="*")
args = ap.parse_args()
sys.path[:0] = [args.llamacpp, args.llamacpp + "/gguf-py"]
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import numpy as np, torch, transformers, gguf  # noqa: E402
from conversion import ModelBase, get_model_class  # noqa: E402
from conversion.base import get_model_architecture, ModelType  # noqa: E402

SIZE = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1}
SMALL = 1 << 20
MODELS = {True: transformers.AutoModel, False: transformers.AutoModelForCausalLM}


def tensors_of(config, like=None, dtype="BF16"):
    """The tensors of transformers' model for a config, as (name, dtype, shape)."""
    c = transformers.AutoConfig.for_model(**{**config, **(like or {})})
    auto = MODELS[config["architectures"][0].endswith("Model")]
    with torch.device("meta"):
        m = auto.from_config(c)
    tied = set(getattr(m, "_tied_weights_keys", None) or []) if c.tie_word_embeddings else set()
    return [(n, dtype, list(t.shape)) for n, t in m.state_dict().items() if n not in tied]


def fp8(tensors, block=128):
    out = []
    for n, d, s in tensors:
        if ".layers." in n and len(s) == 2 and not n.endswith("mlp.gate.weight"):
            out += [(n, "F8_E4M3", s), (n + "_scale_inv", "F32", [-(-x // block) for x in s])]
        else:
            out.append((n, d, s))
    return out


def again(tensors, layer, to, extra=()):
    """Layer `layer` once more as layer `to`, with further tensors: multi-token prediction."""
    p, q = f"model.layers.{layer}.", f"model.layers.{to}."
    return tensors + [(n.replace(p, q), d, s) for n, d, s in tensors if n.startswith(p)] + [(q + n, d, s) for n, d, s in extra]


def elems(shape):
    return int(np.prod(shape, dtype=np.int64)) if shape else 1


def write(path, tensors, number):
    """A safetensors file; values are real when number maps every name to its source number."""
    header, off = {}, 0
    for n, d, s in tensors:
        size = elems(s) * SIZE[d]
        header[n] = {"dtype": d, "shape": s, "data_offsets": [off, off + size]}
        off += size
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        if number is None:
            f.truncate(8 + len(text) + off)
            return
        for n, d, s in tensors:
            i, k = torch.arange(elems(s)), number[n]
            v = (i + k) % 16 if d == "F8_E4M3" else 1 + (i + k) % 3 if n.endswith("_scale_inv") else (7 * i + 13 * k) % 251
            dt = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "F8_E4M3": torch.float8_e4m3fn}[d]
            f.write(v.to(torch.float32).to(dt).view(torch.uint8).numpy().tobytes())


def record(name, config, tensors, files=None, keep_config=True, keep_src=True, digest=False, ftype="BF16"):
    files = files or {n: "model.safetensors" for n, _, _ in tensors}
    order = sorted(tensors, key=lambda t: (files[t[0]], t[0]))
    small = sum(elems(s) for _, _, s in order) < SMALL
    with tempfile.TemporaryDirectory(dir=args.work) as d:
        d = Path(d)
        (d / "config.json").write_text(json.dumps(config))
        number = {n: i for i, (n, _, _) in enumerate(order)} if small else None
        for f in sorted(set(files.values())):
            write(d / f, [t for t in order if files[t[0]] == f], number)
        if len(set(files.values())) > 1:
            (d / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
        hparams = ModelBase.load_hparams(d, False)
        cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT))
        cls.set_vocab = lambda self: None
        m = cls(d, gguf.LlamaFileType.ALL_F32 if small else gguf.LlamaFileType.MOSTLY_BF16, d / "out.gguf", hparams=None)
        m.prepare_tensors()
        m.prepare_metadata(vocab_only=False)
        lines, facts = [], []
        if keep_config:
            lines.append("config\t" + json.dumps(config, separators=(",", ":")))
        if keep_src:
            lines += ["src\t%s\t%s\t%s" % (n, t, "x".join(map(str, s)) or "-") for n, t, s in order]
        for k, v in m.gguf_writer.kv_data[0].items():
            if k.startswith(m.gguf_writer.arch + ".") or k == "general.file_type":
                val = 0 if k == "general.file_type" else v.value
                if v.type == gguf.GGUFValueType.FLOAT32:
                    val = struct.pack(">f", val).hex()
                elif v.type == gguf.GGUFValueType.ARRAY:
                    val = ",".join(map(str, val))
                facts.append(f"kv\t{k}\t{v.type.name}\t{val}")
        # which tensors stay F32 whatever the type shows in a BF16 conversion only
        if small:
            m2 = cls(d, gguf.LlamaFileType.MOSTLY_BF16, d / "out2.gguf", hparams=None)
            m2.prepare_tensors()
            kept = {n: t.dtype == gguf.GGMLQuantizationType.F32 for n, t in m2.gguf_writer.tensors[0].items()}
        values = []
        for n, t in m.gguf_writer.tensors[0].items():
            f32 = kept[n] if small else t.dtype == gguf.GGMLQuantizationType.F32
            shape = t.shape
            data = t.tensor
            sha = "-"
            if small:
                data = gguf.LazyNumpyTensor.to_eager(data) if hasattr(data, "_meta") else data
                shape = data.shape
                sha = hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()[:16]
            facts.append("out\t%s\t%s\t%s\t%s" % (n, "x".join(str(x) for x in reversed(shape)), "F32" if f32 else "-", sha))
            if n == "rope_freqs.weight":
                data = gguf.LazyNumpyTensor.to_eager(data) if hasattr(data, "_meta") else data
                values.append("values\t%s\t%s" % (n, ",".join(struct.pack(">f", x).hex() for x in np.asarray(data).flatten())))
        if digest:
            text = "".join(f + "\n" for f in facts)
            lines += ["digest\t%s\t%d" % (hashlib.sha256(text.encode()).hexdigest()[:16], len(facts))] + facts[:60]
        else:
            lines += facts
        lines += values
    (HERE / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    print(name, len(order), "sources,", len(facts), "facts", flush=True)


def small(arch, model_type, **more):
    return {"architectures": [arch], "model_type": model_type, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 40, "max_position_embeddings": 512,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": False, **more}


LLAMA3 = {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}
YARN = {"type": "yarn", "factor": 40, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0}
V3 = dict(first_k_dense_replace=1, kv_lora_rank=16, q_lora_rank=24, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6, n_routed_experts=8,
          n_shared_experts=1, moe_intermediate_size=16, n_group=4, topk_group=2, num_experts_per_tok=2, num_key_value_heads=4, norm_topk_prob=True,
          scoring_func="sigmoid", topk_method="noaux_tc", routed_scaling_factor=2.5, num_nextn_predict_layers=1, rope_scaling=YARN)
DYNAMIC = {"alpha": 1000.0, "beta_fast": 32, "beta_slow": 1, "factor": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "type": "dynamic"}
MTP = [("eh_proj.weight", "BF16", [32, 64]), ("enorm.weight", "BF16", [32]), ("hnorm.weight", "BF16", [32]), ("shared_head.norm.weight", "BF16", [32])]


def spread(tensors, n):
    """Tensors over n files in model order."""
    return {t[0]: "model-%05d-of-%05d.safetensors" % (1 + i * n // len(tensors), n) for i, t in enumerate(tensors)}


def drop(c, *names):
    return {k: v for k, v in c.items() if k not in names}


def case_qwen2():
    c = small("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True, use_sliding_window=False, sliding_window=4096)
    record("qwen2", c, tensors_of(c))

def case_qwen2_yarn():
    c = small("Qwen2ForCausalLM", "qwen2", num_hidden_layers=12, num_attention_heads=2, num_key_value_heads=1, hidden_size=8, intermediate_size=12,
              rope_theta=1000000, rope_scaling={"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768})
    t = tensors_of(c)
    record("qwen2-yarn", c, t, spread(t, 3))

def case_qwen2_tied_head():
    c = small("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True)
    record("qwen2-tied-head", c, tensors_of(c) + [("lm_head.weight", "BF16", [40, 32])])

def case_qwen2_bare():
    c = small("Qwen2Model", "qwen2")
    record("qwen2-bare", c, tensors_of(c, dtype="F32"))

def case_qwen2_fp8():
    c = small("Qwen2ForCausalLM", "qwen2", quantization_config={"quant_method": "fp8", "weight_block_size": [16, 16]})
    record("qwen2-fp8", c, fp8(tensors_of(c), 16))

def case_llama2():
    c = drop(small("LlamaForCausalLM", "llama", num_key_value_heads=None, rms_norm_eps=1e-6), "rope_theta", "max_position_embeddings")
    t = tensors_of(c, dtype="F16") + [("model.layers.%d.self_attn.rotary_emb.inv_freq" % l, "F32", [4]) for l in (0, 1)]
    record("llama2", c, t, spread(t, 2))

def case_llama31():
    c = small("LlamaForCausalLM", "llama", rope_theta=500000.0, rope_scaling={**LLAMA3, "factor": 8.0}, head_dim=64, tie_word_embeddings=True)
    record("llama31", c, tensors_of(c))

def case_llama_rope_odd():
    c = small("LlamaForCausalLM", "llama", rope_theta=1234567, head_dim=96, rope_scaling={
        "factor": 7.5, "high_freq_factor": 4.7, "low_freq_factor": 0.9, "original_max_position_embeddings": 6000, "rope_type": "llama3"})
    record("llama-rope-odd", c, tensors_of(c))

def case_llama_raw():
    c = drop(small("LlamaForCausalLM", "llama", rope_scaling={"rope_type": "llama3", "factor": 4.0}, rope_theta=10000), "model_type")
    record("llama-raw", c, tensors_of({**c, "model_type": "llama", "rope_scaling": None}))

def case_llama_incomplete_rope():
    c = small("LlamaForCausalLM", "llama", rope_scaling={"rope_type": "llama3", "factor": 4.0})
    record("llama-incomplete-rope", c, tensors_of({**c, "rope_scaling": None}))

def case_llama_linear():
    c = small("LlamaForCausalLM", "llama", rope_scaling={"type": "linear", "rope_type": "dynamic", "factor": 2.5})
    record("llama-linear", c, tensors_of(c))

def case_llama_bias():
    c = small("LlamaForCausalLM", "llama", attention_bias=True, mlp_bias=True, head_dim=16)
    record("llama-bias", c, tensors_of(c, dtype="F32"))

def case_llama_bare():
    c = small("LlamaModel", "llama")  # with a llama3 rope scaling the reference fails on its own rope_freqs.weight
    record("llama-bare", c, tensors_of(c))

def case_llama_text_config():
    c = small("LlamaForCausalLM", "llama")
    t = [("language_model." + n, d, s) for n, d, s in tensors_of(c)]
    t += [("vision_tower.patch_embed.weight", "BF16", [4, 4]), ("multi_modal_projector.linear_1.weight", "BF16", [4, 4])]
    record("llama-text-config", {"architectures": ["LlavaSomething"], "text_config": c}, t)

def case_llama_defaults():
    c = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    record("llama-defaults", c, tensors_of(c))

def case_mistral():
    c = drop(small("MistralForCausalLM", "mistral", sliding_window=None, rope_theta=1000000.0, num_attention_heads=8, head_dim=8), "num_key_value_heads")
    record("mistral", c, tensors_of(c))

def case_mistral_headless():
    c = small("MistralForCausalLM", "mistral", sliding_window=64, rope_scaling={"type": "yarn", "factor": 2, "original_max_position_embeddings": 128, "attn_factor": 0.7, "extrapolation_factor": 0.5})
    record("mistral-yarn", c, tensors_of({**c, "rope_scaling": None}))

def case_mixtral():
    c = small("MixtralForCausalLM", "mixtral", num_local_experts=4, num_experts_per_tok=2, num_hidden_layers=3)
    t = tensors_of(c)
    record("mixtral", c, t, spread(t, 4))

def case_mixtral_defaults():
    c = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "num_hidden_layers": 2}
    record("mixtral-defaults", c, tensors_of(c))

def case_deepseek2_lite():
    c = small("DeepseekV2ForCausalLM", "deepseek_v2", **{**V3, "q_lora_rank": None, "n_group": 1, "topk_group": 1, "norm_topk_prob": False, "scoring_func": "softmax",
              "topk_method": "greedy", "n_shared_experts": 2, "routed_scaling_factor": 1.0, "rope_scaling": {**YARN, "mscale": 0.707, "mscale_all_dim": 0.707}})
    record("deepseek2-lite", c, tensors_of(c))

def case_deepseek2():
    c = drop(small("DeepseekV2ForCausalLM", "deepseek_v2", **{**V3, "n_group": 2, "topk_group": 1, "topk_method": "group_limited_greedy", "first_k_dense_replace": 0}),
             "rope_scaling", "scoring_func")
    record("deepseek2", c, tensors_of(c))

def case_deepseek3():
    c = {**small("DeepseekV3ForCausalLM", "deepseek_v3", **V3), "num_hidden_layers": 12}
    t = again(tensors_of(c), 11, 12, MTP)
    record("deepseek3", c, t, spread(t, 5))

def case_deepseek3_fp8():
    c = small("DeepseekV3ForCausalLM", "deepseek_v3", **V3, quantization_config={"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [16, 16]})
    t = fp8(again(tensors_of(c), 1, 2, MTP), 16)
    record("deepseek3-fp8", c, t, spread(t, 3))

def case_deepseek3_raw():
    c = drop(small("DeepseekV3ForCausalLM", "deepseek_v3", **V3), "model_type", "rms_norm_eps")
    record("deepseek3-raw", c, tensors_of({**c, "model_type": "deepseek_v3"}))

def case_deepseek3_tied():
    c = small("DeepseekV3ForCausalLM", "deepseek_v3", **V3, head_dim=4)
    record("deepseek3-tied", {**c, "tie_word_embeddings": True}, tensors_of(c))

def case_hunyuan_dense():
    c = small("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", head_dim=16, num_experts=1, max_position_embeddings=32768, rope_scaling=DYNAMIC, tie_word_embeddings=True)
    record("hunyuan-dense", c, tensors_of(c) + [("lm_head.weight", "BF16", [40, 32])])

def case_hunyuan_dense_plain():
    c = small("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", rope_scaling=None, num_key_value_heads=None)
    record("hunyuan-dense-plain", c, tensors_of({**c, "head_dim": 8}))

def case_hunyuan_dense_alpha():
    c = small("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", head_dim=24, max_position_embeddings=262144, rope_scaling={"type": "dynamic", "factor": 1.0})
    record("hunyuan-dense-alpha", c, tensors_of({**c, "rope_scaling": None}))

def case_hunyuan_dense_xdrope():
    c = small("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", head_dim=8, rope_theta=20000, rope_scaling={"type": "xdrope", "alpha": 12.5, "factor": 1.0})
    record("hunyuan-dense-xdrope", c, tensors_of({**c, "rope_scaling": None}))

MOE = dict(hidden_size=256, num_attention_heads=2, num_key_value_heads=1, intermediate_size=16, moe_intermediate_size=[16, 16], moe_topk=[2, 2],
           num_shared_expert=[1, 1], num_experts=4, max_position_embeddings=32768, rope_scaling=DYNAMIC, tie_word_embeddings=True)

def case_hunyuan_moe():
    c = small("HunYuanMoEV1ForCausalLM", "hunyuan", **MOE)
    record("hunyuan-moe", c, tensors_of({**c, "model_type": "hunyuan_v1_moe", "head_dim": 128}))

def case_hunyuan_moe_transformers():
    c = small("HunYuanMoEV1ForCausalLM", "hunyuan_v1_moe", **{**MOE, "rope_scaling": None, "tie_word_embeddings": False, "hidden_size": 32, "num_attention_heads": 4}, head_dim=8)
    record("hunyuan-moe-transformers", c, tensors_of(c))

def published(name, index, rows=None, config=None):
    base = Path(args.shared) / "configs"
    read = lambda p: gzip.decompress(p.read_bytes()).decode() if p.suffix == ".gz" else p.read_text()
    c = json.loads(read(base / name / "config.json"))
    files = json.loads(read(base / name / index))["weight_map"]
    if rows:
        t = [(n, d, [int(x) for x in s.split("x")] if s else []) for n, d, s in (l.split("\t")[:3] for l in read(base / name / rows).splitlines())]
    else:
        shapes = {n: (d, s) for n, d, s in tensors_of(c)}
        t = [(n, *shapes[n]) for n in files]
    record("published-" + name, c, t, files, keep_config=False, keep_src=not rows, digest=True)

def case_published_qwq():
    published("qwq-32b-preview-generated", "model.safetensors.index.synthetic.json", "tensors.tsv")
def case_published_a13b():
    published("hunyuan-a13b-generated", "model.safetensors.index.synthetic.json", "tensors.tsv")
def case_published_llama32():
    published("llama3.2-3b", "model.safetensors.index.json")
def case_published_r1():
    published("deepseek-r1", "model.safetensors.index.synthetic.json.gz", "tensors.tsv.gz")


for key, case in list(globals().items()):
    if key.startswith("case_"):
        name = key[5:].replace("_", "-")
        if args.names and name not in args.names or name.startswith("published") and not args.shared:
            continue
        case()
