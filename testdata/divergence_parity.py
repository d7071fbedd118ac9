#!/usr/bin/env python3
"""Acceptance of issue 5, line 1: every statistic of `qconv verify` beside what a float64 evaluation gives.

  divergence_parity.py QCONV [--models NAME,NAME] [--types Q8_0,Q6_K,Q4_K_M,Q4_0,Q2_K] [--data ../shared/data]
                       [--ctx 256] [--chunks 8] [--work DIR] [--verbose]

Converts models with QCONV, asks it how far each file is from its checkpoint, and computes the same figures (the definitions are in
verify/testdata/divergence.py) from the logits of

  truth        a float64 evaluation of both files' blocks (plain.py); the checkpoint's is that of its F32 file
  reference    llama.cpp, after it has itself turned the file into F32: as it is, its products round activations to 8 bits,
               which moves the mean divergence of a Q8_0 file by a factor of two or three (the last column says how far)

The tiny model reads its held-out text and, where ../shared/data is, stories260K (rows of 64 and 172: most types give way to
others) and its widened form (rows of 256 and 768) read WikiText-2 raw.

Bad, with exit code 1, is a figure that is more than 0.5 % from the truth's, ours or the reference's; and, for the F32 file of each
checkpoint, a divergence of any token of 1e-9 or more.

One allowance is made, for figures that one token or a small difference decides: quantiles, standard errors, and means of
what has both signs (ln of the ratio, difference of perplexities, mean difference of probabilities), which may be 0. They may
be off by three standard deviations of what noise in the file's logits makes of them, found by 8 draws. The noise is as large
as a step of the 16-bit logits that llama-perplexity compares with, 16/65535 = 2.4e-4 (standard deviation); that of the runtime,
which rounds activations to 16 bits, was 1.5e-4. Perplexities, their ratio, correlation, mean divergence, RMS and agreement have no
allowance.
"""
import argparse, json, subprocess, sys, tempfile
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
for d in (HERE, HERE / "oracle", HERE.parent / "verify/testdata"):
    sys.path.insert(0, str(d))
import numpy as np
import divergence
import ggml_oracle as oracle
import plain
from perplexity_parity import cut, of_reference, qconv, tensors

BOUND = 0.005
SAME = 1e-9  # nats, of an F32 file from its own source
STEP = 16 / 65535
DRAWS = 8
STRICT = ("perplexity", "perplexity_source", "perplexity_ratio", "correlation", "kl_divergence", "probability_difference_rms", "top[1]", "top[5]", "top[10]")


def scored(model, windows):
    """Logits at every scored position: those of the second half of a window but its first."""
    half = windows.shape[1] // 2
    return np.concatenate([np.asarray(model(w[None])[0, half:-1], np.float64) for w in windows])


def statistics(source, file, tokens):
    """verify.Divergence of both models' logits, in float64 but for what needs a figure of each token only."""
    order = [np.argsort(-z, axis=-1, kind="stable")[:, :max(divergence.TOPS)].tolist() for z in (source, file)]
    share = lambda k: [Decimal(len(set(a[:k]) & set(b[:k]))) / k for a, b in zip(*order)]
    numbers = lambda x: [Decimal(float(v)) for v in x]
    p, q = (z - z.max(-1, keepdims=True) for z in (source, file))
    p, q = (z - np.log(np.exp(z).sum(-1, keepdims=True)) for z in (p, q))
    at = np.arange(len(tokens)), tokens
    return flat(divergence.figures(numbers(-q[at]), numbers(-p[at]), numbers((np.exp(p) * (p - q)).sum(-1)),
                                   numbers(np.exp(q[at]) - np.exp(p[at])), {k: share(k) for k in divergence.TOPS}))


def flat(d):
    """name -> figure; of an estimate, NAME is the value and NAME± the standard error. Bins are not figures."""
    out = {}
    for name, v in d.items():
        for e in v if isinstance(v, list) else [v]:
            if not isinstance(e, dict):
                out[name] = e
            elif "share" in e:
                out[f"{name}[{float(e['share'])}]"] = e["value"]
            elif "standard_error" in e:
                at = f"{name}[{e['k']}]" if "k" in e else name
                out[at], out[at + "±"] = e["value"], e["standard_error"]
    return out


def off(got, want):
    return abs(got - want) / abs(want) if want else 0 if got == want else float("inf")


def compare(got, want, noise):
    """Names of figures that are too far off, and of those that have been allowed to be."""
    bad, allowed = [], []
    for name, w in want.items():
        if off(got[name], w) > BOUND:
            (allowed if name not in STRICT and abs(got[name] - w) <= noise[name] else bad).append(name)
    return bad, allowed


def verify(a, file, src, text, chunks, tokens):
    r = json.loads(qconv(a, "verify", file, "--against", src, "-f", text, "--ctx", a.ctx, "--chunks", chunks, "--json", "--quiet").splitlines()[-1])
    if r["text"]["windows"] != chunks or r["divergence"]["tokens"] != tokens:
        raise RuntimeError(f"{r['text']['windows']} windows, {r['divergence']['tokens']} tokens; expected {chunks}, {tokens}")
    return flat(r["divergence"])


def widened(file, work):
    out = work / "widened.gguf"
    subprocess.run([sys.executable, HERE / "oracle/ggml_oracle.py", "model", file, out, "0", "--allow-requantize"], check=True, capture_output=True)
    return out


def check(a, lib, L, name, src, text, work):
    """A row for each file type; how many are bad."""
    f32 = work / f"{name}.f32.gguf"
    qconv(a, "convert", src, "--type", "F32", "-o", f32, "--force", "--quiet")
    ids = lambda *more: [int(i) for i in qconv(a, "tokenize", f32, "-f", text, *more).split()]
    plainly, begun = ids(), ids("--bos")
    windows = cut(begun, a.ctx, None if begun == plainly else begun[0])[:a.chunks]
    if len(windows) < 2:
        sys.exit(f"{text}: {len(begun)} tokens do not make two windows of {a.ctx}")
    tokens = windows[:, a.ctx // 2 + 1:].ravel()
    print(f"# {name}: {len(windows)} windows of {a.ctx} tokens of {text.name}, {len(tokens)} scored")
    true, theirs = scored(plain.Model(lib, f32).logits, windows), scored(of_reference(L, f32), windows)
    bad = 0

    def row(typ, verdict, wrong):
        nonlocal bad
        bad += wrong
        print(f"{name:16} {typ:7} {verdict}{'  BAD' if wrong else ''}", flush=True)

    try:
        got = verify(a, f32, src, text, len(windows), len(tokens))
        largest = got["kl_divergence_quantiles[1.0]"]
        row("F32", f"mean divergence {got['kl_divergence']:.2e}, largest {largest:.2e}", not largest < SAME)
    except RuntimeError as e:
        row("F32", str(e), True)
    known = {}
    for typ in a.types.split(","):
        file = work / f"{name}.{typ}.gguf"
        try:
            qconv(a, "convert", src, "--type", typ, "-o", file, "--force", "--quiet")
            twin = known.setdefault(tensors(file), typ)
            if twin != typ:
                row(typ, f"has the tensors of {twin}", False)
                continue
            got = verify(a, file, src, text, len(windows), len(tokens))
        except RuntimeError as e:
            row(typ, str(e), True)
            continue
        exact = scored(plain.Model(lib, file).logits, windows)
        want = statistics(true, exact, tokens)
        wide = statistics(theirs, scored(of_reference(L, widened(file, work)), windows), tokens)
        asis = statistics(theirs, scored(of_reference(L, file), windows), tokens)
        r = np.random.default_rng(1)
        noisy = [statistics(true, exact + r.normal(0, STEP, exact.shape), tokens) for _ in range(DRAWS)]
        noise = {n: 3 * (sum((d[n] - w)**2 for d in noisy) / DRAWS)**0.5 for n, w in want.items()}
        if got.keys() != want.keys():
            row(typ, f"figures that only one side has: {', '.join(sorted(got.keys() ^ want.keys()))}", True)
            continue
        wrong, allowed = compare(got, want, noise)
        wrong_reference, _ = compare(wide, want, noise)
        percent = lambda d, n="kl_divergence": f"{100 * off(d[n], want[n]):.4f} %"
        worst = max(STRICT, key=lambda n: off(got[n], want[n]))
        row(typ, f"mean divergence {got['kl_divergence']:.6e}, off {percent(got)} (reference {percent(wide)}, as it is {100 * off(asis['kl_divergence'], want['kl_divergence']):.1f} %); "
                 f"worst of {len(STRICT)} {percent(got, worst)} {worst}; {len(want) - len(allowed) - len(wrong)} of {len(want)} within {100 * BOUND} %, "
                 f"{len(allowed)} within noise", bool(wrong or wrong_reference))
        for n in want if a.verbose else wrong + wrong_reference:
            print(f"    {n:44} true {want[n]:13.6g}  ours {got[n]:13.6g} {percent(got, n):>11}  reference {wide[n]:13.6g} {percent(wide, n):>11}  "
                  f"noise {noise[n]:8.2g}{'  BAD' if n in wrong + wrong_reference else '  allowed' if n in allowed else ''}")
        file.unlink()
    return bad


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("qconv")
    ap.add_argument("--models", help="harbour-2m, stories260K, stories260K-256")
    ap.add_argument("--types", default="Q8_0,Q6_K,Q4_K_M,Q4_0,Q2_K")
    ap.add_argument("--data", type=Path, default=HERE / "../../shared/data")
    ap.add_argument("--ctx", type=int, default=256)
    ap.add_argument("--chunks", type=int, default=8)
    ap.add_argument("--work", type=Path)
    ap.add_argument("--verbose", action="store_true", help="every figure")
    a = ap.parse_args()
    stories, wiki = a.data / "models/stories260K", a.data / "text/wiki.test.raw"
    sources = [("harbour-2m", HERE / "harbour-2m", HERE / "harbour-2m/held-out.txt")]
    if stories.is_dir() and wiki.is_file():
        sources += [("stories260K", stories / "hf-f32", wiki), ("stories260K-256", stories / "derived-wide256-qwen2-bf16", wiki)]
    else:
        print(f"skipped: {stories} or {wiki} is absent")
    if a.models:
        sources = [s for s in sources if s[0] in a.models.split(",")]
    lib, L = oracle.llama()
    with tempfile.TemporaryDirectory(dir=a.work) as work:
        bad = sum(check(a, lib, L, *s, Path(work)) for s in sources)
    print(f"{bad or 'none'} bad")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
