#!/usr/bin/env python3
"""Acceptance 2: qconv's quantized files are llama-quantize's, byte for byte.

  parity.py QCONV [ORACLE] [--data ../shared/data] [--only NAME,NAME] [--types Q4_K_M,...] [--weights with|without|both]
            [--skip-variants] [--work DIR]

One row a (source, file type, options): `qconv convert SRC --type T` against `ggml_oracle.py model` applied to
`qconv convert SRC --type BF16` (F32 for F32 sources, F16 for F16 sources), without and with an importance matrix of
importance.py: GGUF and .dat by turns, sums made for the source, keys as llama-quantize sets them. Whole files must be equal.
Where the reference refuses (Q2_K_S wants an importance matrix), qconv must refuse too and leave nothing. File types that
this qconv does not know are left out. Exit code 1 when a row is bad; a bad row says where the files part. ORACLE is
oracle/ggml_oracle.py unless given.
"""
import argparse, os, random, shlex, signal, subprocess, sys, tempfile, time
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import importance, listing

TYPES = {"Q8_0": 7, "Q4_0": 2, "Q4_1": 3, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q2_K_S": 21, "Q3_K_S": 11, "Q3_K_M": 12,
         "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ2_XXS": 19, "IQ2_XS": 20,
         "IQ3_XS": 22, "IQ3_XXS": 23, "IQ1_S": 24, "IQ4_NL": 25, "IQ3_S": 26, "IQ3_M": 27, "IQ2_S": 28, "IQ2_M": 29,
         "IQ4_XS": 30, "IQ1_M": 31, "TQ1_0": 36, "TQ2_0": 37, "MXFP4_MOE": 38, "Q1_0": 40, "Q2_0": 41}
STORIES = "models/stories260K/"
# name: (folder, type of the intermediate file, more options for qconv)
SOURCES = {
    "harbour-2m": (HERE / "harbour-2m", "BF16", []),
    "stories260K/hf-f32": (STORIES + "hf-f32", "F32", []),
    "stories260K/derived-qwen2": (STORIES + "derived-qwen2-bf16", "BF16", ["--pre", "default"]),
    "stories260K/derived-wide256": (STORIES + "derived-wide256-qwen2-bf16", "BF16", []),
    "llama3": (HERE / "fixtures/llama3", "F16", []),
    "mistral": (HERE / "fixtures/mistral", "F32", []),
    "mixtral": (HERE / "fixtures/mixtral", "BF16", []),
    "deepseek-v2": (HERE / "fixtures/deepseek-v2", "BF16", []),
    "deepseek-v3": (HERE / "fixtures/deepseek-v3", "BF16", []),
    "deepseek-v3-fp8": (HERE / "fixtures/deepseek-v3-fp8", "BF16", []),
    "hunyuan-dense": (HERE / "fixtures/hunyuan-dense", "BF16", []),
    "hunyuan-moe": (HERE / "fixtures/hunyuan-moe", "BF16", []),
}
# (file type, options of qconv, options of the oracle)
VARIANTS = [(t, ["--pure"], ["--pure"]) for t in ("Q4_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K_M", "Q4_K_M", "Q6_K")] + [
    ("Q4_K_M", ["--tensor-type", "attn_q=q8_0"], ["--tensor-type", "attn_q=q8_0"]),
    ("Q4_K_M", ["--tensor-type", r"blk\.[0-1]\.ffn_down=q6_K", "--tensor-type", "attn_v=q5_0"],
     ["--tensor-type", r"blk\.[0-1]\.ffn_down=q6_K", "--tensor-type", "attn_v=q5_0"]),
    ("Q5_K_S", ["--tensor-type", "ffn_.*=f16"], ["--tensor-type", "ffn_.*=f16"]),
    ("Q2_K", ["--tensor-type", "attn_[kvq]=bf16", "--tensor-type", "exps=q4_1"],
     ["--tensor-type", "attn_[kvq]=bf16", "--tensor-type", "exps=q4_1"]),
    ("Q4_0", ["--tensor-type", "ffn_up=q3_K", "--pure"], ["--tensor-type", "ffn_up=q3_K", "--pure"]),
    ("Q4_K_M", ["--output-tensor-type", "Q8_0"], ["--output-type", "Q8_0"]),
    ("Q3_K_S", ["--output-tensor-type", "F16"], ["--output-type", "F16"]),
    ("Q4_K_M", ["--token-embedding-type", "Q3_K"], ["--embd-type", "Q3_K"]),
    ("Q8_0", ["--token-embedding-type", "Q4_0", "--output-tensor-type", "Q5_K"], ["--embd-type", "Q4_0", "--output-type", "Q5_K"]),
    ("Q4_K_M", ["--leave-output-tensor"], ["--leave-output"]),
    ("Q2_K", ["--leave-output-tensor", "--token-embedding-type", "Q5_1"], ["--leave-output", "--embd-type", "Q5_1"]),
] + [("Q4_K_M", ["--threads", n], []) for n in ("1", "2", "7")] + [("Q4_K_M", ["--ram", n], []) for n in ("64MiB", "4GiB")]
# (file type, options of both; entries of the importance matrix that are used)
WEIGHTED = [
    ("Q4_K_M", ["--pure"], ["--pure"], lambda name: True),
    ("Q4_0", [], [], lambda name: True),
    ("Q5_0", [], [], lambda name: True),
    ("Q4_K_M", ["--include-weights", "attn", "--include-weights", "ffn_up"], [], lambda name: "attn" in name or "ffn_up" in name),
    ("Q5_K_S", ["--exclude-weights", "attn_q", "--exclude-weights", "down"], [], lambda name: not ("attn_q" in name or "down" in name)),
    ("Q3_K_M", ["--tensor-type", "ffn_.*=q4_1"], ["--tensor-type", "ffn_.*=q4_1"], lambda name: True),
    ("Q4_K_M", ["--output-tensor-type", "Q3_K"], ["--output-type", "Q3_K"], lambda name: True),
    ("Q4_K_M", ["--token-embedding-type", "Q2_K"], ["--embd-type", "Q2_K"], lambda name: True),
    ("Q2_K_S", ["--exclude-weights", "ffn_up"], [], lambda name: "ffn_up" not in name),  # refused where rows fit Q2_K
]
VARIED = ["harbour-2m", "mixtral", "deepseek-v3", "stories260K/derived-wide256"]


def part(a, b):
    """Where two GGUF files part, in words."""
    x, y = a.read_bytes(), b.read_bytes()
    n = next((i for i in range(min(len(x), len(y))) if x[i] != y[i]), min(len(x), len(y)))
    where = f"sizes {len(x)} and {len(y)}, first difference at {n}"
    try:
        (ka, ta, sa, _), (kb, tb, sb, _) = listing.parse(a), listing.parse(b)
    except Exception as e:
        return f"{where}; not listed: {e}"
    for what, p, q in (("key", ka, kb), ("tensor", ta, tb)):
        for i in range(max(len(p), len(q))):
            u, v = (p[i] if i < len(p) else None), (q[i] if i < len(q) else None)
            if u != v:
                return f"{where}; {what} {i}: qconv {u}, reference {v}"
    if n < sa:
        return f"{where}; in the header, though keys and tensors are equal"
    for name, t, shape, off, size in ta:
        if sa + off <= n < sa + off + size:
            per = {k: b for k, _, b in listing.TYPES.values()}[t]
            return f"{where}; {name} {t} {shape}, byte {n - sa - off}, block {(n - sa - off) // per}"
    return f"{where}; in the padding"


def run(cmd):
    r = subprocess.run([str(c) for c in cmd], capture_output=True, text=True)
    lines = r.stderr.strip().splitlines()
    return r.returncode, lines[-1] if lines else ""


def kill_and_resume(cmd, out, rng):
    """Run, kill at a random moment (again when it was too late), run to the end; how many kills hit."""
    t0 = time.monotonic()
    run(cmd)
    whole = time.monotonic() - t0
    hits = 0
    for _ in range(20):
        out.unlink(missing_ok=True)
        p = subprocess.Popen([str(c) for c in cmd], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * whole)
        p.send_signal(signal.SIGKILL)
        if p.wait() == -signal.SIGKILL and not out.exists():
            hits += 1
            if hits == 3:
                break
    return hits, *run(cmd)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("qconv", type=Path); ap.add_argument("oracle", type=Path, nargs="?", default=HERE / "oracle/ggml_oracle.py")
    ap.add_argument("--data", type=Path, default=HERE / "../../shared/data"); ap.add_argument("--only")
    ap.add_argument("--weights", choices=["with", "without", "both"], default="both")
    ap.add_argument("--types"); ap.add_argument("--skip-variants", action="store_true"); ap.add_argument("--work", type=Path)
    a = ap.parse_args()
    q, bad, rows, rng = a.qconv.resolve(), 0, 0, random.Random(1)
    tmp = tempfile.TemporaryDirectory(dir=a.work)
    d = Path(tmp.name)
    ours, theirs, again = d / "ours.gguf", d / "reference.gguf", d / "again.gguf"
    bases = {}

    def convert(src, t, more, out):
        return [q, "convert", src, "-o", out, "--type", t, "--quiet", *more]

    def row(name, t, options, result, ok):
        nonlocal bad, rows
        rows, bad = rows + 1, bad + (not ok)
        print(f"| {name} | {t} | {options} | {result} |", flush=True)

    def base(name):
        if name not in bases:
            src, t, more = SOURCES[name]
            src = a.data / src if isinstance(src, str) else src
            f = d / (name.replace("/", "-") + "-base.gguf")
            rc, err = run(convert(src, t, more, f)) if src.is_dir() else (-1, f"{src} is absent")
            bases[name] = (src, f, more, err if rc else None)
            if rc:
                row(name, t, "", f"NO BASE ({rc}): {err}", False)
        return bases[name]

    def compare(name, t, mine, other, kill=False):
        src, f, more, failed = base(name)
        if failed:
            return
        for p in (ours, theirs):
            p.unlink(missing_ok=True)
        want, werr = run([sys.executable, a.oracle, "model", f, theirs, TYPES[t], *other])
        cmd, note = convert(src, t, more + mine, ours), ""
        if kill:
            hits, got, gerr = kill_and_resume(cmd, ours, rng)
            note = f", {hits} kills"
        else:
            got, gerr = run(cmd)
        shown = "kill -9, resume" if kill else shlex.join(mine)
        if want:
            left = [p.name for p in d.iterdir() if p.name.startswith("ours")]
            row(name, t, shown, f"both refuse ({got}: {gerr})" if got and not left else f"DIFFERS: the reference refuses ({werr}); "
                f"qconv {got}, left {left}", got and not left)
        elif got:
            row(name, t, shown, f"FAILED ({got}): {gerr}", False)
        elif ours.read_bytes() == theirs.read_bytes():
            row(name, t, shown, f"equal, {ours.stat().st_size} bytes{note}", True)
        else:
            row(name, t, shown, "DIFFERS: " + part(ours, theirs), False)

    def weights(name, seed, form, used=lambda name: True):
        """Options of qconv and of the oracle for an importance matrix of the source."""
        _, f, _, failed = base(name)
        if failed:
            return [], []
        file, npz = d / f"importance.{form}", d / "importance.npz"
        entries = importance.make(f, seed, output=seed % 3 == 0)
        getattr(importance, "write_" + form)(file, entries)
        entries = [e for e in entries if used(e.name)]
        np.savez(npz, **importance.values(entries, form))
        override = [o for kv in importance.keys(file, entries) for o in ("--override-kv", kv)]
        return ["--imatrix", str(file)], ["--imatrix", npz, *override]

    known = subprocess.run([q, "__complete", "convert", "x", "--type", ""], capture_output=True, text=True).stdout.split()
    print("| source | file type | options | result |\n|---|---|---|---|")
    names = a.only.split(",") if a.only else list(SOURCES)
    types = a.types.split(",") if a.types else [t for t in TYPES if t in known]
    plain, weighted = a.weights != "with", a.weights != "without"
    for name in names:
        for i, t in enumerate(types):
            if plain:
                compare(name, t, [], [])
            if weighted:
                compare(name, t, *weights(name, i, ("gguf", "dat")[i % 2]))
    if not a.skip_variants:
        for name in names:
            if name not in VARIED:
                continue
            if plain:
                for t, mine, other in VARIANTS:
                    compare(name, t, mine, other)
                compare(name, "Q4_K_M", [], [], kill=True)
            for i, (t, mine, other, used) in enumerate(WEIGHTED if weighted else []):
                m, o = weights(name, i, ("dat", "gguf")[i % 2], used)
                compare(name, t, m + mine, o + other)
            if weighted:
                compare(name, "Q4_K_M", *weights(name, 7, "gguf"), kill=True)
    print(f"\n{rows} rows, {bad} bad")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
