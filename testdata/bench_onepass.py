#!/usr/bin/env python3
"""convert --calibrate --verify in one pass: time, memory and bytes read, beside the forward passes alone.

  python testdata/bench_onepass.py [--models three-billion,qwq-layers] [--chunks 8] [--ctx 512] [--ram 2GiB] [--type Q4_K_M]
                                   [--threads 2] [--text FILE] [--dir /tmp/qconv-bench]
                                   [--rounded] [--no-forward]

Makes a checkpoint of random weights (testdata/standin, once), converts it in one pass, and then measures the perplexity of the
checkpoint and of the file on the same windows with the same memory: that is what the forward passes alone take. Prints seconds a layer, and what they make for the layers of the true model. Fails when the peak of
resident memory is above --ram plus 200 MiB, when more than 1.05 times the checkpoint is read, or when the one pass takes more
than 1.3 times as long as the forward passes.
"""
import argparse, json, os, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRUE_LAYERS = {"three-billion": 36, "qwq-layers": 64, "deepseek-experts": 61}


def run(cmd):
    """The JSON objects that it prints with the seconds at which they came, seconds, peak resident MiB."""
    start = time.perf_counter()
    p = subprocess.Popen(list(map(str, cmd)), stdout=subprocess.PIPE, text=True)
    events = [(time.perf_counter() - start, json.loads(line)) for line in p.stdout]
    _, status, usage = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, cmd))}: status {status}")
    return events, time.perf_counter() - start, usage.ru_maxrss / 1024


def parse_size(s):
    return int(float(s.rstrip("GMiB")) * {"G": 2**30, "M": 2**20}[s.strip("0123456789.")[0]])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--chunks", type=int, default=8); ap.add_argument("--ctx", type=int, default=512); ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--ram", default="2GiB"); ap.add_argument("--type", default="Q4_K_M"); ap.add_argument("--models", default="three-billion,qwq-layers")
    ap.add_argument("--text", type=Path, default=HERE / "../../shared/data/text/tinyshakespeare.txt")
    ap.add_argument("--dir", type=Path, default=Path("/tmp/qconv-bench"))
    ap.add_argument("--rounded", action="store_true", help="what is written runs with 16-bit activations, not exactly")
    ap.add_argument("--no-forward", action="store_true", help="do not measure the forward passes alone")
    a = ap.parse_args()
    a.dir.mkdir(parents=True, exist_ok=True)
    qconv = a.dir / "qconv"
    subprocess.run(["go", "build", "-o", qconv, "./cmd/qconv"], cwd=HERE.parent, check=True)
    bad = 0
    for name in a.models.split(","):
        ck, gguf = a.dir / name, a.dir / f"{name}-one.gguf"
        if not (ck / "model.safetensors.index.json").exists():
            subprocess.run(["go", "run", "./testdata/standin", "-model", name, "-out", ck], cwd=HERE.parent, check=True)
        layers = json.loads((ck / "config.json").read_text())["num_hidden_layers"]
        size = sum(f.stat().st_size for f in ck.glob("*.safetensors"))
        text = ["--ctx", a.ctx, "--chunks", a.chunks, "--threads", a.threads, "--ram", a.ram, "--json"]
        events, took, peak = run([qconv, "convert", ck, "--type", a.type, "-o", gguf, "--force", "--calibrate", a.text, "--verify", f"--exact={str(not a.rounded).lower()}", *text])
        done = events[-1][1]
        v = done["verification"]
        at = lambda share: next(t for t, e in events if e["event"] == "progress" and e["phase"] == "convert" and e["done_tokens"] >= share * e["total_tokens"])
        first, last = at(1 / layers), at((layers - 1) / layers)
        layer = (last - first) / (layers - 2)
        print(f"{name}: one pass {took:.1f} s, peak {peak:.0f} MiB", file=sys.stderr, flush=True)
        alone = {}
        for path in (ck, gguf) if not a.no_forward else ():
            _, alone[path], _ = run([qconv, "perplexity", path, "-f", a.text, f"--exact={str(not a.rounded).lower()}", *text])
        forward = sum(alone.values())
        read = done["source_bytes_read"] / size
        print(f"{name}: {layers} layers, {size / 2**30:.2f} GiB, {a.chunks} windows of {a.ctx} tokens, {a.type}, --ram {a.ram}, {a.threads} threads")
        print(f"  one pass: {took:.1f} s, peak {peak:.0f} MiB = --ram {peak - parse_size(a.ram) / 2**20:+.0f} MiB, {read:.4f} of the checkpoint read, KL divergence {v['divergence']['kl_divergence']['value']:.4g}")
        if forward:
            print(f"  forward passes alone: {alone[ck]:.1f} + {alone[gguf]:.1f} s; the one pass takes {took / forward:.2f} times as long")
        print(f"  a layer: {layer:.1f} s; {TRUE_LAYERS[name]} layers: {TRUE_LAYERS[name] * layer / 60:.0f} min, and {(took - layers * layer):.0f} s outside the layers", flush=True)
        bad += peak > parse_size(a.ram) / 2**20 + 200 or read > 1.05 or forward and took > 1.3 * forward
    if bad:
        sys.exit(f"{bad} models do not keep what is promised")


if __name__ == "__main__":
    main()
