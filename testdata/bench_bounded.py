#!/usr/bin/env python3
"""Perplexity of models that are four times as large as --ram, beside the same in memory.

  python testdata/bench_bounded.py [--chunks 8] [--threads 2] [--text FILE] [--dir /tmp/qconv-bench]

Makes two checkpoints of random weights (testdata/standin, once; 9 GB of disk): one with the layers of Qwen2.5-3B and a
DeepSeek V3 with 128 experts in each layer; converts them to Q4_K_M, and runs `qconv perplexity` with all the memory there
is and with a quarter of the file's size. Fails when the figures differ in any digit, when the peak of resident memory is
above --ram plus 200 MiB, or when it takes more than 1.3 times as long.
"""
import argparse, json, os, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(cmd):
    """What it prints as JSON, seconds, peak resident MiB."""
    start = time.perf_counter()
    p = subprocess.Popen(list(map(str, cmd)), stdout=subprocess.PIPE, text=True)
    out = p.stdout.read()
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, cmd))}: status {status}")
    return json.loads(out.splitlines()[-1]), time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--chunks", type=int, default=8); ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--text", type=Path, default=HERE / "../../shared/data/text/tinyshakespeare.txt")
    ap.add_argument("--dir", type=Path, default=Path("/tmp/qconv-bench")); ap.add_argument("--models", default="three-billion,deepseek-experts")
    a = ap.parse_args()
    a.dir.mkdir(parents=True, exist_ok=True)
    qconv = a.dir / "qconv"
    subprocess.run(["go", "build", "-o", qconv, "./cmd/qconv"], cwd=HERE.parent, check=True)
    bad = 0
    for name in a.models.split(","):
        ck, gguf = a.dir / name, a.dir / f"{name}-Q4_K_M.gguf"
        if not (ck / "model.safetensors.index.json").exists():
            subprocess.run(["go", "run", "./testdata/standin", "-model", name, "-out", ck], cwd=HERE.parent, check=True)
        if not gguf.exists():
            subprocess.run([qconv, "convert", ck, "--type", "Q4_K_M", "-o", gguf, "--quiet"], check=True)
        ram = gguf.stat().st_size // 4
        cmd = [qconv, "perplexity", gguf, "-f", a.text, "--ctx", 512, "--chunks", a.chunks, "--threads", a.threads, "--json"]
        whole, whole_s, whole_mib = run(cmd)
        part, part_s, part_mib = run([*cmd, "--ram", ram])
        same = whole["perplexity"] == part["perplexity"] and whole["mean_nll"] == part["mean_nll"]
        print(f"{name}: file {gguf.stat().st_size / 2**20:.0f} MiB, perplexity {whole['perplexity']!r} in memory, {part['perplexity']!r} layer by layer")
        print(f"  in memory:      {whole_s:6.1f} s, peak {whole_mib:5.0f} MiB")
        print(f"  --ram {ram / 2**20:4.0f} MiB: {part_s:6.1f} s, peak {part_mib:5.0f} MiB = --ram {part_mib - ram / 2**20:+.0f} MiB, {part_s / whole_s:.2f} times as long", flush=True)
        bad += not same or part_mib > ram / 2**20 + 200 or part_s > 1.3 * whole_s
    if bad:
        sys.exit(f"{bad} models do not keep what is promised")


if __name__ == "__main__":
    main()
