#!/usr/bin/env python3
"""Acceptance: `qconv quantize` writes llama-quantize's files, byte for byte.

  quantize_parity.py QCONV [--only PATTERN] [--types T,T] [--cli LLAMA_QUANTIZE] [--record] [--work DIR]
  quantize_parity.py reference [LLAMA-QUANTIZE'S ARGUMENTS]

One row a (source, command line). Both programs get the same arguments; all files that they write must have the same names
and bytes; where the reference refuses, qconv must refuse and leave nothing. PATTERN picks rows by what they print. Types are
those that the binary offers. Importance matrices are those of golden/importance. Exit code 1 when a row is bad.

The reference is libllama v0.5.0 (oracle/ggml_oracle.py), called with what llama-quantize's command line says: `reference`
alone does that once, as a process of its own, because the reference aborts where it should refuse. Overrides are read
by the reference's own parser. --cli uses a llama-quantize that was built of the same version instead.

--record writes SHA-256 of what the reference made to golden/quantize/files.json, which TestQuantizeGoldens reads.
"""
import argparse, ctypes as C, hashlib, json, os, random, re, shlex, struct, subprocess, sys, tempfile
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "oracle"))
import ggml_oracle as oracle
import imatrix_loader

# llama-quantize's list, in its order: the first name of a number is the one it writes into file names.
FTYPES = [("Q1_0", 40), ("Q2_0", 41), ("Q4_0", 2), ("Q4_1", 3), ("MXFP4_MOE", 38), ("Q5_0", 8), ("Q5_1", 9), ("IQ2_XXS", 19), ("IQ2_XS", 20),
          ("IQ2_S", 28), ("IQ2_M", 29), ("IQ1_S", 24), ("IQ1_M", 31), ("TQ1_0", 36), ("TQ2_0", 37), ("Q2_K", 10), ("Q2_K_S", 21),
          ("IQ3_XXS", 23), ("IQ3_S", 26), ("IQ3_M", 27), ("Q3_K", 12), ("IQ3_XS", 22), ("Q3_K_S", 11), ("Q3_K_M", 12), ("Q3_K_L", 13),
          ("IQ4_NL", 25), ("IQ4_XS", 30), ("Q4_K", 15), ("Q4_K_S", 14), ("Q4_K_M", 15), ("Q5_K", 17), ("Q5_K_S", 16), ("Q5_K_M", 17),
          ("Q6_K", 18), ("Q8_0", 7), ("F16", 1), ("BF16", 32), ("F32", 0), ("COPY", 0)]


# ---- the reference, by its library ----

class KVOverride(C.Structure):  # llama_model_kv_override: int, float, bool, str are tags 0 to 3
    class Value(C.Union):
        _fields_ = [("i64", C.c_int64), ("f64", C.c_double), ("b", C.c_bool), ("s", C.c_char * 128)]
    _fields_ = [("tag", C.c_int32), ("key", C.c_char * 128), ("value", Value)]


class Vector(C.Structure):  # std::vector
    _fields_ = [("begin", C.c_void_p), ("end", C.c_void_p), ("room", C.c_void_p)]


def parse_overrides(texts):
    assert C.sizeof(KVOverride) == 264
    common = C.CDLL(str(oracle.BINS / "libllama-common.so"))
    parse = common["_Z24string_parse_kv_overridePKcRSt6vectorI23llama_model_kv_overrideSaIS2_EE"]
    parse.restype, parse.argtypes = C.c_bool, [C.c_char_p, C.POINTER(Vector)]
    v = Vector()
    for t in texts:
        if not parse(t.encode(), C.byref(v)):
            sys.exit(1)
    n = len(texts) * C.sizeof(KVOverride)
    assert (v.end or 0) - (v.begin or 0) == n
    out = (KVOverride * (len(texts) + 1))()
    C.memmove(out, v.begin, n)
    return out


def ftype(word):
    """(name, number) as llama-quantize finds them; whole numbers only."""
    for name, n in FTYPES:
        if name == word.upper():
            return name, n
    return next(((name, n) for name, n in FTYPES if str(n) == word), None)


def reference(argv):
    ap = argparse.ArgumentParser()
    for flag in ("allow-requantize", "leave-output-tensor", "pure", "keep-split"):
        ap.add_argument("--" + flag, action="store_true")
    for flag in ("output-tensor-type", "token-embedding-type", "max-buffer-size"):
        ap.add_argument("--" + flag)
    ap.add_argument("--tensor-type", dest="patterns", action="append", default=[], type=lambda s: (s, False))
    ap.add_argument("--tensor-type-file", dest="patterns", action="append", type=lambda s: (s, True))
    ap.add_argument("--prune-layers", action="append", default=[])
    ap.add_argument("--override-kv", action="append", default=[])
    ap.add_argument("--imatrix")
    ap.add_argument("--include-weights", action="append", default=[])
    ap.add_argument("--exclude-weights", action="append", default=[])
    ap.add_argument("words", nargs="+")
    a = ap.parse_args(argv)
    src, *words = a.words
    out, kind = None, ftype(words[0])
    if kind is None:
        out, kind = words[0], ftype(words[1])
        if a.keep_split and ".gguf" in out:
            out = out[:-5]
        words = words[1:]
    name, number = kind
    if out is None:
        out = src[:src.rfind("/") + 1] + "ggml-model-" + name + ("" if a.keep_split else ".gguf")
    _, L = oracle.llama()
    L.llama_model_quantize_default_params.restype = oracle.QuantParams
    L.llama_model_quantize.argtypes = [C.c_char_p, C.c_char_p, C.POINTER(oracle.QuantParams)]
    p = L.llama_model_quantize_default_params()
    p.ftype, p.only_copy, p.nthread = number, name == "COPY", int(words[1]) if len(words) > 1 else 2
    p.allow_requantize, p.quantize_output, p.pure, p.keep_split = a.allow_requantize, not a.leave_output_tensor, a.pure, a.keep_split
    if a.output_tensor_type: p.output_type = oracle.TYPES[a.output_tensor_type.upper()]
    if a.token_embedding_type: p.embd_type = oracle.TYPES[a.token_embedding_type.upper()]
    if a.max_buffer_size: p.max_buf_size = int(a.max_buffer_size) << 20
    pairs = [i.split("=", 1) for s, file in a.patterns for i in (Path(s).read_text().split() if file else [s])]
    if pairs:
        patterns = (oracle.TypeOverride * (len(pairs) + 1))(*[oracle.TypeOverride(k.lower().encode(), oracle.TYPES[v.upper()]) for k, v in pairs])
        p.tt_overrides = C.cast(patterns, C.c_void_p)
    layers = sorted({int(n) for s in a.prune_layers for n in s.split(",")})
    if layers:
        prune = (C.c_int32 * (len(layers) + 1))(*layers, -1)
        p.prune_layers = C.cast(prune, C.c_void_p)
    if a.imatrix:
        entries, datasets, chunks = imatrix_loader.load(a.imatrix)
        wanted = lambda k: not any(w in k for w in a.exclude_weights) and (not a.include_weights or any(w in k for w in a.include_weights))
        entries = {k: v for k, v in entries.items() if wanted(k)}
        weights = (oracle.ImatrixEntry * (len(entries) + 1))(*[oracle.ImatrixEntry(k.encode(), v.ctypes.data, v.size) for k, v in entries.items()])
        p.imatrix = C.cast(weights, C.c_void_p)
        texts = [("file", a.imatrix), *(("dataset", s) for s in datasets[:1])]
        a.override_kv += [f"quantize.imatrix.{k}=str:{v[:127]}" for k, v in texts] + [f"quantize.imatrix.entries_count=int:{len(entries)}"]
        a.override_kv += [f"quantize.imatrix.chunks_count=int:{chunks}"] if chunks > 0 else []
    if a.override_kv:
        kvs = parse_overrides(a.override_kv)
        p.kv_overrides = C.cast(kvs, C.c_void_p)
    return L.llama_model_quantize(src.encode(), out.encode(), C.byref(p))


# ---- sources that no checkpoint gives ----

STRUCT = {"u8": (0, "B"), "i8": (1, "b"), "u16": (2, "H"), "i16": (3, "h"), "u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"),
          "bool": (7, "?"), "u64": (10, "Q"), "i64": (11, "q"), "f64": (12, "d")}
SIZES = {"F32": (0, 4), "F16": (1, 2), "BF16": (30, 2), "I32": (26, 4), "F64": (28, 8)}


def string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def value(kind, v):
    if isinstance(v, list):
        e = 8 if kind == "str" else STRUCT[kind][0]
        return struct.pack("<IIQ", 9, e, len(v)) + b"".join(string(x) if kind == "str" else struct.pack("<" + STRUCT[kind][1], x) for x in v)
    return struct.pack("<I", 8) + string(v) if kind == "str" else struct.pack("<I" + STRUCT[kind][1], STRUCT[kind][0], v)


def write(path, kvs, tensors, align=32):
    """kvs: (key, kind, value); tensors: (name, type, shape innermost first), filled with small numbers."""
    rng = random.Random(path.name)
    head, data = b"", b""
    for name, t, shape in tensors:
        number, size = SIZES[t]
        n = 1
        for d in shape: n *= d
        head += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", number, len(data))
        if t == "I32":
            body = struct.pack(f"<{n}i", *range(n))
        elif t == "F64":
            body = struct.pack(f"<{n}d", *(rng.gauss(0, 1) for _ in range(n)))
        elif t == "F16":
            body = struct.pack(f"<{n}e", *(rng.gauss(0, 0.02) for _ in range(n)))
        else:
            body = struct.pack(f"<{n}f", *(rng.gauss(0, 0.02) for _ in range(n)))
            if size == 2:
                body = b"".join(body[i + 2:i + 4] for i in range(0, len(body), 4))
        data += body + bytes(-len(body) % align)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(kvs)) + b"".join(string(k) + value(t, v) for k, t, v in kvs) + head
    path.write_bytes(head + bytes(-len(head) % align) + data)


def llama(layers, experts=0, heads=None, kv_heads=None, arch="llama", more=()):
    kvs = [("general.architecture", "str", arch), ("general.name", "str", "crafted"), ("general.quantization_version", "u32", 2),
           (arch + ".block_count", "u32", layers), (arch + ".context_length", "u32", 64), (arch + ".embedding_length", "u32", 256),
           (arch + ".feed_forward_length", "u32", 512), (arch + ".attention.head_count", "u32", heads or 8),
           (arch + ".attention.head_count_kv", "u32", kv_heads or 2), (arch + ".attention.layer_norm_rms_epsilon", "f32", 1e-5),
           (arch + ".vocab_size", "u32", 8), ("general.file_type", "u32", 32), ("tokenizer.ggml.model", "str", "none")]
    kvs = [kv for kv in kvs if kv[0] not in {m[0] for m in more}] + [m for m in more if m[2] is not None]
    if experts:
        kvs += [(arch + ".expert_count", "u32", experts), (arch + ".expert_used_count", "u32", 2)]
    ts = [("token_embd.weight", "BF16", (256, 8)), ("output_norm.weight", "F32", (256,)), ("output.weight", "BF16", (256, 8))]
    x = (experts,) if experts else ()
    e = "_exps" if experts else ""
    for l in range(layers):
        b = f"blk.{l}."
        ts += [(b + "attn_norm.weight", "F32", (256,)), (b + "attn_q.weight", "BF16", (256, 4)), (b + "attn_k.weight", "BF16", (256, 2)),
               (b + "attn_v.weight", "BF16", (256, 2)), (b + "attn_output.weight", "BF16", (256, 4)), (b + "ffn_norm.weight", "F32", (256,)),
               (b + f"ffn_gate{e}.weight", "BF16", (256, 3, *x)), (b + f"ffn_up{e}.weight", "BF16", (256, 3, *x)),
               (b + f"ffn_down{e}.weight", "BF16", (512, 2, *x))]
        if experts:
            ts.append((b + "ffn_gate_inp.weight", "F32", (256, experts)))
    return kvs, ts


def parts(path, kvs, tensors, sizes):
    """A split set with parts of the given numbers of tensors; the last takes the rest."""
    n = len(sizes)
    for i, size in enumerate(sizes):
        mine = tensors[:size] if i < n - 1 else tensors
        tensors = tensors[len(mine):]
        split = [("split.no", "u16", i), ("split.count", "u16", n), ("split.tensors.count", "i32", TOTAL)]
        write(path.with_name(f"{path.name}-{i + 1:05d}-of-{n:05d}.gguf"), (kvs if i == 0 else []) + split, mine)


def craft(d):
    """name: file, of sources made here."""
    global TOTAL
    made = {}

    def one(name, kvs, tensors):
        write(d / f"{name}.gguf", kvs, tensors)
        made[name] = d / f"{name}.gguf"

    def split(name, kvs, tensors, sizes):
        global TOTAL
        TOTAL = len(tensors)
        parts(d / name, kvs, tensors, sizes)
        made[name] = d / f"{name}-00001-of-{len(sizes):05d}.gguf"

    kvs, ts = llama(20)
    one("deep", kvs, ts)
    split("deep-first-empty", kvs, ts, [0, 90, 0])
    split("deep-shuffled", kvs, sorted(ts, key=lambda t: hashlib.md5(t[0].encode()).digest()), [31, 5, 100, 0])
    one("deep-70b", *llama(80))
    one("deep-moe", *llama(17, experts=8))
    layers = 6
    one("by-layer", *llama(layers, more=[("llama.attention.head_count", "u32", [8, 4, 8, 4, 8, 4]), ("llama.attention.head_count_kv", "u32", [1, 2, 1, 2, 1, 2]),
                                         ("llama.feed_forward_length", "u32", [512, 256] * 3)]))
    kinds = [(f"any.{k}", k, -7 if k[0] == "i" else True if k == "bool" else 7 if k[0] == "u" else 0.1) for k in STRUCT]
    kinds += [(f"any.{k}.array", k, [v, v]) for _, k, v in kinds] + [(f"any.{k}.empty", k, []) for k in (*STRUCT, "str")]
    kinds += [("any.str", "str", "Grüße\n"), ("any.str.array", "str", ["a", "", "€"]), ("any.str.blank", "str", ""), ("any.bytes", "str", b"\xff\x80")]
    odd = [("blk.0.trailing.weight", "F32", (256, 3, 1, 1)), ("abcde", "F32", (256, 2)),
           ("blk.1.rows48.weight", "BF16", (48, 2)), ("blk.1.rows32.weight", "F32", (32, 3)), ("blk.1.one.weight", "F32", (1, 3)),
           ("blk.1.ids", "I32", (5, 2)), ("blk.1.doubles", "F64", (5, 2)), ("blk.1.vector.weight", "F32", (256, 1)), ("scalar", "F32", (1,)),
           ("blk.01.leading.weight", "F32", (256, 2)), ("v.blk", "F32", (256, 2))]
    kvs, ts = llama(2, more=kinds)
    one("odd", kvs, ts + odd)
    kvs, ts = llama(3, more=[("general.file_type", "u32", None), ("general.quantization_version", "u32", None)])
    one("no-file-type", kvs, ts)
    one("four-dimensions", kvs, ts + [("blk.0.four.weight", "F16", (256, 2, 2, 2))])
    one("no-file-type-f16", kvs, [(n, "F16" if len(s) > 1 else t, s) for n, t, s in ts])
    one("no-file-type-tie", kvs, ts[:1] + [("output_norm.weight", "F16", (256,)), ("a", "I32", (3,))])
    one("clip", [("general.architecture", "str", "clip"), ("clip.has_vision_encoder", "bool", True), ("general.file_type", "u32", 1)],
        [("v.blk.0.attn_q.weight", "F16", (256, 4)), ("v.blk.0.attn_v.weight", "F16", (256, 4)), ("v.blk.0.ffn_down.weight", "F16", (256, 4)),
         ("v.patch_embd.weight", "F16", (256, 4)), ("mm.0.weight", "F16", (256, 4)), ("mm.0.bias", "F32", (256,))])
    one("mamba", *llama(4, arch="mamba", more=[("mamba.attention.head_count", "u32", None), ("mamba.attention.head_count_kv", "u32", None),
        ("mamba.ssm.conv_kernel", "u32", 4), ("mamba.ssm.inner_size", "u32", 512), ("mamba.ssm.state_size", "u32", 16), ("mamba.ssm.time_step_rank", "u32", 16)]))
    return made


# ---- rows ----

def fixture(name, typ, *more):
    return ["convert", str(HERE / name), "--type", typ, *more]


SOURCES = {
    "harbour": fixture("harbour-2m", "BF16"), "harbour-f32": fixture("harbour-2m", "F32"), "harbour-f16": fixture("harbour-2m", "F16"),
    "harbour-q8_0": fixture("harbour-2m", "Q8_0"), "harbour-q4_k_m": fixture("harbour-2m", "Q4_K_M"), "harbour-q5_1": fixture("harbour-2m", "Q5_1"),
    "harbour-q2_k": fixture("harbour-2m", "Q2_K"), "harbour-q3_k_l": fixture("harbour-2m", "Q3_K_L"),
    "harbour-7-a-part": fixture("harbour-2m", "BF16", "--split-max-tensors", "7"),
    "harbour-1-a-part": fixture("harbour-2m", "BF16", "--split-max-tensors", "1"),
    "harbour-1M-a-part": fixture("harbour-2m", "BF16", "--split-max-size", "1M"),
    "harbour-200K-a-part": fixture("harbour-2m", "F16", "--split-max-size", "200K"),
    "harbour-q8_0-parts": fixture("harbour-2m", "Q8_0", "--split-max-size", "300K"),
    "mixtral": fixture("fixtures/mixtral", "BF16"), "mixtral-parts": fixture("fixtures/mixtral", "BF16", "--split-max-size", "150K"),
    "deepseek-v2": fixture("fixtures/deepseek-v2", "BF16"), "deepseek-v2-parts": fixture("fixtures/deepseek-v2", "BF16", "--split-max-tensors", "37"),
    "deepseek-v3": fixture("fixtures/deepseek-v3", "BF16"), "deepseek-v3-parts": fixture("fixtures/deepseek-v3", "F32", "--split-max-size", "400K"),
    "llama3": fixture("fixtures/llama3", "F16"), "mistral": fixture("fixtures/mistral", "F32"),
    "hunyuan-dense": fixture("fixtures/hunyuan-dense", "BF16"), "hunyuan-moe": fixture("fixtures/hunyuan-moe", "BF16"),
}
CRAFTED = ["deep", "deep-first-empty", "deep-shuffled", "deep-70b", "deep-moe", "by-layer", "odd", "four-dimensions", "no-file-type", "no-file-type-f16",
           "no-file-type-tie", "clip", "mamba"]
REQUANTIZE = [["--allow-requantize", "Q4_K_M"], ["Q4_K_M"], ["Q8_0"], ["COPY"], ["--keep-split", "Q8_0"], ["--keep-split", "--allow-requantize", "Q4_K_M"]]
GGUF, DAT = "@gguf", "@dat"  # stand for importance matrices of the source
# Lines for sources that have importance matrices, beside every type with one.
WEIGHTED = [["--imatrix", DAT, "Q4_K_M"], ["--imatrix", GGUF, "COPY"], ["--imatrix", GGUF, "F16"], ["--imatrix", GGUF, "--pure", "Q5_K_M"],
            ["--imatrix", GGUF, "--include-weights", "ffn", "--include-weights", "_q", "Q4_0"], ["--imatrix", DAT, "--exclude-weights", "attn", "IQ4_XS"],
            ["--imatrix", GGUF, "--exclude-weights", "ffn_up", "IQ2_XXS"], ["--imatrix", GGUF, "--keep-split", "Q3_K_L"],
            ["--imatrix", GGUF, "--prune-layers", "0", "IQ3_XXS"], ["--imatrix", DAT, "--prune-layers", "1", "--keep-split", "Q2_K_S"],
            ["--imatrix", GGUF, "--override-kv", "quantize.imatrix.dataset=str:x", "--override-kv", "a.b=int:1", "Q2_K"],
            ["--imatrix", GGUF, "--output-tensor-type", "Q4_K", "--token-embedding-type", "Q2_K", "--tensor-type", "attn_v=iq3_s", "IQ1_M"]]
FILE = "@types"  # stands for a file of this text
FILE_TEXT = "attn_q=q8_0 \t blk\\.[12]\\.ffn_down=Q6_K\nFFN_UP=f16\v.*=q4_1\r\n"
OVER = ["--override-kv", "general.name=str:Other", "--override-kv", "general.added=int:-5", "--override-kv", "a.float=float:0.1",
        "--override-kv", "a.bool=bool:true", "--override-kv", "a.off=bool:false", "--override-kv", "a.big=int:4294967295",
        "--override-kv", "a.empty=str:", "--override-kv", "a.colon=str:x:y=z", "--override-kv", "a.long=str:" + "é" * 63 + "x",
        "--override-kv", "a.exp=float:-1.5e-7", "--override-kv", "general.file_type=int:99", "--override-kv", "a.plus=int:+3"]


ARCHES = {"harbour": "qwen2", "deepseek": "deepseek2", "hunyuan-dense": "hunyuan-dense", "hunyuan-moe": "hunyuan-moe", "mamba": "mamba"}


def options(source):
    """Command lines for one source beside every type: flags alone, then together."""
    tiny = next((arch for name, arch in ARCHES.items() if source.startswith(name)), "llama")
    rows = [["--pure", "Q4_K_M"], ["--pure", "Q6_K"], ["--leave-output-tensor", "Q4_K_M"], ["--output-tensor-type", "q5_K", "Q4_0"],
            ["--token-embedding-type", "F16", "Q3_K_M"], ["--tensor-type", "attn_v=bf16", "Q2_K"],
            ["--tensor-type", "ATTN_(q|k)\\.=q5_0", "--tensor-type", "attn=q8_0", "Q4_K_S"], ["--tensor-type-file", FILE, "Q4_K_M"],
            ["--tensor-type", "ffn_up=q5_K", "--tensor-type-file", FILE, "--tensor-type", "ffn_down=q4_0", "Q5_K_M"],
            ["--keep-split", "Q4_K_M"], ["--keep-split", "COPY"], ["--keep-split", "--pure", "Q3_K_S"], ["COPY"], ["--pure", "COPY"],
            [*OVER, "Q4_K_M"], [*OVER, "COPY"], ["--override-kv", tiny + ".block_count=int:80", "Q4_K_M"],
            ["--override-kv", tiny + ".block_count=int:16", "--override-kv", tiny + ".block_count=int:9", "Q4_K_S"],
            ["--override-kv", tiny + ".attention.head_count=int:32", "Q2_K"], ["--override-kv", tiny + ".attention.head_count_kv=int:1", "Q2_K"],
            ["--prune-layers", "0", "Q4_K_M"], ["--prune-layers", "1", "Q4_K_M"], ["--prune-layers", "1", "COPY"],
            ["--prune-layers", "1,0", "--keep-split", "Q5_K_M"], ["--prune-layers", "1", "--override-kv", tiny + ".block_count=int:40",
             *OVER, "--tensor-type", "attn_q=q8_0", "--output-tensor-type", "F16", "--keep-split", "Q3_K_L"],
            ["--max-buffer-size", "1", "Q4_K_M"], ["q5_k_s", "1"], ["15"], ["--keep-split", "12"], ["--allow-requantize", "Q4_K_M"],
            ["--allow-requantize", "--leave-output-tensor", "--pure", "Q4_0"]]
    return rows


DEEP = [["--prune-layers", "0,1,2,3", "Q4_K_M"], ["--prune-layers", "19,18,5,5", "Q4_K_S"], ["--prune-layers", "2", "--prune-layers", "10,4", "Q3_K_M"],
        ["--prune-layers", "1,3,5,7,9,11,13,15,17,19", "Q5_K_M"], ["--prune-layers", ",".join(map(str, range(19))), "Q4_K_M"],
        ["--prune-layers", "7", "--keep-split", "Q4_K_M"], ["--prune-layers", "19", "--keep-split", "COPY"]]

def rows(types):
    for source in [*SOURCES, *CRAFTED]:
        if source == "four-dimensions":  # the reference converts three dimensions and then sees that data are missing
            yield from ((source, [t]) for t in ("COPY", "F16", "Q4_K_M"))
            continue
        again = ["--allow-requantize"] if re.search("-q[0-9]", source) else []
        for line in [*([t] for t in types), *options(source)]:
            yield source, line if "--allow-requantize" in line else again + line
        if source.startswith("deep") and not source.startswith("deepseek-v3"):
            yield from ((source, line) for line in DEEP)
    for source in ("harbour-q8_0", "harbour-q4_k_m", "harbour-q8_0-parts"):
        yield from ((source, line) for line in REQUANTIZE)
    for source in ("harbour", "harbour-7-a-part", "mixtral", "deepseek-v3", "deepseek-v3-parts"):
        yield from ((source, ["--imatrix", GGUF, t]) for t in types)
        yield from ((source, line) for line in WEIGHTED)


def golden_rows():
    """What TestQuantizeGoldens repeats: each flag on the tiny model, in one file and in parts."""
    yield from (("harbour", line) for line in options("harbour"))
    for source in ("harbour-7-a-part", "harbour-1M-a-part"):
        yield from ((source, line) for line in options(source) if {"--keep-split", "--prune-layers"} & set(line) or line in (["COPY"], ["15"]))
    yield from (("harbour-q8_0", line) for line in REQUANTIZE)
    yield from (("deepseek-v2-parts", line) for line in DEEP)


# What the reference's loader finds in keys that qconv does not read.
LOADER = ("has wrong array length", "key not found in model", "invalid n_rot")
# What qconv refuses although the reference goes on, for files that would not load.
ON_PURPOSE = ("would be pruned: leave at least one", "layers can be pruned from models whose tensors", "has no layer", "has no tensor of a layer")


def run(cmd, cwd):
    r = subprocess.run([str(c) for c in cmd], capture_output=True, text=True, errors="replace", cwd=cwd)
    lines = r.stderr.strip().splitlines()
    return r.returncode, lines[-1] if lines else ""


def written(d):
    return {p.name: p.read_bytes() for p in sorted(d.iterdir())}


def main():
    if sys.argv[1:2] == ["reference"]:
        sys.exit(reference(sys.argv[2:]))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("qconv", type=Path); ap.add_argument("--only"); ap.add_argument("--types"); ap.add_argument("--cli", type=Path)
    ap.add_argument("--record", action="store_true"); ap.add_argument("--work", type=Path)
    a = ap.parse_args()
    q = a.qconv.resolve()
    theirs = [a.cli.resolve()] if a.cli else [sys.executable, __file__, "reference"]
    if a.types:
        types = a.types.split(",")
    else:
        _, message = run([q, "quantize", "x.gguf", "x", "no-such-type"], ".")
        types = re.search("one of (.*); or COPY", message)[1].replace("; with --imatrix", "").split()
    tmp = tempfile.TemporaryDirectory(dir=a.work)
    d = Path(tmp.name)
    files, golden, counts = craft(d), [], Counter()
    (d / "types").write_text(FILE_TEXT)

    def source(name):
        if name not in files:
            run([q, *SOURCES[name], "-o", d / (name + ".gguf"), "--quiet"], d)
            files[name] = next(iter(sorted(d.glob(name + "-00001-of-*.gguf"))), d / (name + ".gguf"))
        return files[name]

    print("| source | command line | result |\n|---|---|---|")
    for name, line in golden_rows() if a.record else rows(types):
        shown = f"{name} | {shlex.join(line)}"
        if a.only and not re.search(a.only, shown):
            continue
        src = source(name)
        family = next((f for f in ("harbour-2m", "mixtral", "deepseek-v3") if name.startswith(f.split("-2m")[0])), "")
        stands = {FILE: d / "types", GGUF: HERE / f"golden/importance/{family}.gguf", DAT: HERE / f"golden/importance/{family}.dat"}
        words = [stands.get(w, w) for w in line]
        k = len(words) - (2 if words[-1].isdigit() and ftype(words[-2]) else 1) if len(words) > 1 else 0
        flags, words = words[:k], words[k:]
        made = []
        for who, cmd in (("reference", theirs), ("qconv", [q, "quantize"])):
            out = d / who
            out.mkdir(exist_ok=True)
            for p in out.iterdir(): p.unlink()
            rc, err = run([*cmd, *flags, src, "out.gguf", *words], out)
            made.append((rc, err, written(out)))
        (want, werr, ref), (got, gerr, our) = made
        if want < 0 and not got:
            result = "the reference aborts, qconv does not"
            counts[result] += 1
        elif got and not want and not our and any(why in gerr for why in ON_PURPOSE):
            result = f"refused by qconv on purpose ({got}: {gerr})"
            counts["refused on purpose"] += 1
        elif want > 0 and not got and any(why in werr for why in LOADER):
            result = f"only the reference refuses ({werr})"
            counts["refused by the reference's loader"] += 1
        elif want:
            ok = got not in (0, 1) and not our
            result = f"both refuse ({got}: {gerr})" if ok else f"DIFFERS: the reference refuses ({want}: {werr}); qconv {got} {gerr}, left {list(our)}"
            counts["refused by both" if ok else "bad"] += 1
        elif got:
            result = f"FAILED ({got}): {gerr}"
            counts["bad"] += 1
        else:
            bytes_ = sum(map(len, ref.values()))
            differ = [f"{n}: {sum(x != y for x, y in zip(ref.get(n, b''), our.get(n, b'')))} bytes differ, sizes {len(ref.get(n, b''))} and {len(our.get(n, b''))}"
                      for n in sorted({*ref, *our}) if ref.get(n) != our.get(n)]
            result = "DIFFERS: " + "; ".join(differ) if differ else f"equal, {len(ref)} files, {bytes_} bytes"
            counts["bad" if differ else "equal"] += 1
            counts["files compared"] += len(ref)
            counts["bytes compared"] += bytes_
            golden.append({"source": SOURCES.get(name, [])[1:], "flags": line[:k], "words": line[k:],
                           "files": {n: hashlib.sha256(b).hexdigest() for n, b in ref.items()}})
        print(f"| {shown} | {result} |", flush=True)
    print("\n" + ", ".join(f"{n} {what}" for what, n in counts.items()))
    if a.record:
        out = HERE / "golden/quantize/files.json"
        out.parent.mkdir(exist_ok=True)
        for g in golden:
            g["source"] = [str(Path(w).relative_to(HERE)) if w.startswith(str(HERE)) else w for w in g["source"]]
        head = {"provenance": "SHA-256 of what libllama v0.5.0 (x86-64, npm @node-llama-cpp/linux-x64@3.22.1) wrote; recorded by "
                "`quantize_parity.py QCONV --record`; sources are made by `qconv convert` as each row says", "tensor_type_file": FILE_TEXT}
        out.write_text(json.dumps(head, ensure_ascii=False)[:-1] + ',\n "rows": [\n  ' + ",\n  ".join(json.dumps(g) for g in golden) + "\n]}\n")
    sys.exit(1 if counts["bad"] else 0)


if __name__ == "__main__":
    main()
