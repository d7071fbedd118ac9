#!/usr/bin/env python3
"""Acceptance of issue 4, line 2: perplexity of every file type beside what the reference's logits give.

  perplexity_parity.py QCONV [--data ../shared/data] [--ctx 256] [--chunks 16] [--types T,T] [--work DIR]

Makes every file type of the tiny model (those that need importance with a random one) with QCONV, and the F32 and BF16
files of stories260K where it is present; asks QCONV for the perplexity, and computes it again from the logits that the
reference gives for the same windows, in float64. One row a file: both figures and how far apart they are in percent; exit
code 1 when one is more than 0.2 % off.
"""
import argparse, json, math, subprocess, sys, tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE / "oracle"))
import numpy as np
import ggml_oracle as oracle
import importance
import logits as reference

BOUND = 0.2  # percent


def qconv(a, *args):
    r = subprocess.run([a.qconv, *map(str, args)], capture_output=True, text=True)
    if r.returncode:
        sys.exit(f"qconv {' '.join(map(str, args))}: {r.stderr}")
    return r.stdout


def expected(L, path, ids, ctx, chunks):
    """llama-perplexity's definition: the second half of each window but the token in the middle."""
    m = reference.Model(L, path)
    nll = []
    for c in range(min(chunks, len(ids) // ctx)):
        window = ids[c * ctx:(c + 1) * ctx]
        z = m.logits(window)[ctx // 2:ctx - 1].astype(np.float64)
        z -= z.max(axis=1, keepdims=True)
        z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
        nll += [-z[i, window[ctx // 2 + i + 1]] for i in range(len(z))]
    return math.exp(sum(nll) / len(nll))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("qconv")
    ap.add_argument("--data", type=Path, default=HERE / "../../shared/data")
    ap.add_argument("--ctx", type=int, default=256)
    ap.add_argument("--chunks", type=int, default=16)
    ap.add_argument("--types")
    ap.add_argument("--work", type=Path)
    a = ap.parse_args()
    work = a.work or Path(tempfile.mkdtemp())
    L = next(x for x in oracle.llama() if hasattr(x, "llama_model_default_params"))
    sources = [("harbour-2m", HERE / "harbour-2m", HERE / "harbour-2m/held-out.txt", a.types.split(",") if a.types else None)]
    stories = a.data / "models/stories260K/hf-f32"
    if stories.is_dir():
        sources.append(("stories260K", stories, a.data / "text/tinystories_val68.txt", ["F32", "BF16"]))
    else:
        print(f"skipped: {stories} is absent")
    bad = 0
    for name, src, text, types in sources:
        f32 = work / f"{name}.source.gguf"
        qconv(a, "convert", src, "--type", "F32", "-o", f32, "--force", "--quiet")
        imatrix = work / f"{name}.imatrix.gguf"
        for typ in types or [t for t in qconv(a, "help", "convert").split("file T: ")[1].split("; or auto")[0].replace("; with --imatrix", "").split()]:
            out = work / f"{name}.{typ}.gguf"
            args = ["convert", src, "--type", typ, "-o", out, "--force", "--quiet"]
            if typ not in ("F32", "F16", "BF16"):
                if not imatrix.exists():
                    importance.write_gguf(imatrix, importance.make(f32, 1))
                args += ["--imatrix", imatrix]
            qconv(a, *args)
            ids = [int(i) for i in qconv(a, "tokenize", out, "-f", text, "--bos").split()]
            got = json.loads(qconv(a, "perplexity", out, "-f", text, "--ctx", a.ctx, "--chunks", a.chunks, "--json", "--quiet").splitlines()[-1])["perplexity"]
            want = expected(L, out, ids, a.ctx, a.chunks)
            off = 100 * abs(got / want - 1)
            bad += off > BOUND
            print(f"{name:12} {typ:8} ours {got:12.6f}  reference {want:12.6f}  {off:.4f} %{'  BAD' if off > BOUND else ''}", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
