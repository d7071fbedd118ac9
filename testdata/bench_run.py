#!/usr/bin/env python3
"""Times running models: qconv's runtime beside the reference's, in one run.

  python testdata/bench_run.py [--types Q8_0,Q4_0,Q4_K_M,Q6_K,BF16] [--threads 2] [--runs 3] [--dir /tmp/qconv-bench]

Makes a checkpoint with six layers of Qwen2.5-1.5B's shapes (testdata/standin, once) and converts it to each type; then,
RUNS times in turns, testdata/benchrun by default and with --fast, and the reference (llama.cpp v0.5.0 at its fastest
setting, `ggml_oracle.py bench-model`): tokens per second of a prompt of 512 tokens with the last logits and with all of
them, and of 32 tokens generated one at a time. Prints the best of each, ratios to the reference, and what share of the
machine's peak the products reach: GMAC/s of a prompt beside what a loop of nothing but the same instructions does, and
GB/s of generation beside plain reading, both measured by testdata/peak.c (needs a C compiler; left out without).
"""
import argparse, os, re, shutil, subprocess, sys, tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WHAT = ["prompt", "prompt, all logits", "generate"]
# What a token multiplies: all matrices but the embedding's, and without the output's where one row of logits is made.
LAYERS = 6 * (2 * 1536 * 1536 + 2 * 256 * 1536 + 3 * 1536 * 8960)
OUTPUT = 16384 * 1536


def measured(cmd):
    p = subprocess.run(list(map(str, cmd)), capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"{' '.join(map(str, cmd))}: exit {p.returncode}\n{p.stderr}")
    rates = dict(re.findall(r"^(.+): ([0-9.]+) tokens/s$", p.stdout, re.M))
    return {w: float(rates[w]) for w in WHAT}


def peaks(threads):
    cc = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not cc:
        return {}
    with tempfile.TemporaryDirectory() as d:
        out = Path(d) / "peak"
        if subprocess.run([cc, "-O2", "-pthread", "-march=native", HERE / "peak.c", "-o", out]).returncode:
            return {}
        text = subprocess.run([out, str(threads)], capture_output=True, text=True, check=True).stdout
    return {k: float(v) for k, v in re.findall(r"^(\w+) ([0-9.]+)$", text, re.M)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--types", default="Q8_0,Q4_0,Q4_K_M,Q6_K,BF16"); ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--runs", type=int, default=3); ap.add_argument("--dir", type=Path, default=Path("/tmp/qconv-bench"))
    a = ap.parse_args()
    a.dir.mkdir(parents=True, exist_ok=True)
    ck = a.dir / "qwen-layers"
    tools = {n: a.dir / n for n in ("qconv", "benchrun")}
    for n, where in (("qconv", "./cmd/qconv"), ("benchrun", "./testdata/benchrun")):
        subprocess.run(["go", "build", "-o", tools[n], where], cwd=HERE.parent, check=True)
    if not (ck / "model.safetensors.index.json").exists():
        subprocess.run(["go", "run", "./testdata/standin", "-model", "qwen-layers", "-out", ck], cwd=HERE.parent, check=True)
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    peak = peaks(a.threads)
    print(f"{cpu}, {os.cpu_count()} cores, {a.threads} threads, best of {a.runs}; peaks of all threads: "
          + (", ".join(f"{k} {v:.0f}" for k, v in peak.items()) or "not measured"))
    print(f"{'type':8} {'what':20} {'reference':>9} {'ours':>7} {'ratio':>6} {'--fast':>7} {'ratio':>6}  share of the peak")
    bad = 0
    for name in a.types.split(","):
        gguf = a.dir / f"qwen-layers-{name}.gguf"
        if not gguf.exists():
            subprocess.run([tools["qconv"], "convert", ck, "--type", name, "-o", gguf, "--quiet"], check=True)
        cmds = {
            "ours": [tools["benchrun"], "-threads", a.threads, "-runs", 3, gguf],
            "fast": [tools["benchrun"], "-threads", a.threads, "-runs", 3, "-fast", gguf],
            "reference": [sys.executable, HERE / "oracle/ggml_oracle.py", "bench-model", gguf, "--threads", a.threads],
        }
        best = {k: dict.fromkeys(WHAT, 0.0) for k in cmds}
        for _ in range(a.runs):
            for k, cmd in cmds.items():
                for w, v in measured(cmd).items():
                    best[k][w] = max(best[k][w], v)
        for w in WHAT:
            ref, ours, fast = (best[k][w] for k in ("reference", "ours", "fast"))
            share = ""
            if w == "generate" and "GB" in peak:
                size = gguf.stat().st_size * (LAYERS + OUTPUT) / (LAYERS + 2 * OUTPUT)  # all but the embedding, nearly
                share = f"{ours * size / 1e9:.1f} GB/s, {100 * ours * size / 1e9 / peak['GB']:.0f} %"
            elif peak:
                unit = "FMA" if name in ("BF16", "F16", "F32") else "INT16"
                macs = ours * (LAYERS + (OUTPUT if "all" in w else 0)) / 1e9
                share = f"{macs:.0f} GMAC/s, {100 * macs / peak[unit]:.0f} % of {unit}"
            print(f"{name:8} {w:20} {ref:9.1f} {ours:7.1f} {ours / ref:6.2f} {fast:7.1f} {fast / ref:6.2f}  {share}", flush=True)
            if w == "generate":
                bad += ours < 0.9 * ref
            else:
                bad += ours < ref * (0.5 if name == "BF16" else 1)
            bad += fast < ref * (0.9 if w == "generate" else 1)
    if bad:
        sys.exit(f"{bad} figures are below what is promised")


if __name__ == "__main__":
    main()
