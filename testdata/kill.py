#!/usr/bin/env python3
"""Acceptance 7, second half: a conversion killed at random moments never leaves a wrong final file.

  kill.py QCONV [--runs 200] [--layers 48] [--type Q4_K_M] [--seed 1] [--work DIR] [--one-pass]

The source is the tiny model with its layers repeated (each copy's values rotated, so that no two tensors are alike), which
makes a conversion last long enough to be hit. Each run: start, kill -9 after a random time, up to three times over; then
start once more and let it finish. After every kill the final name must hold nothing or the complete right file; at the
end it must hold the right file and nothing else may lie beside it.

With --one-pass the conversion calibrates and verifies while it runs, and the report at the end must be that of an
uninterrupted run (all of it but the time of day).
"""
import argparse, hashlib, json, random, signal, struct, subprocess, sys, tempfile, time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def grow(src, out, layers):
    """The checkpoint src with `layers` layers in four shards."""
    out.mkdir()
    for f in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "README.md"):
        (out / f).write_bytes((src / f).read_bytes())
    cfg = json.loads((src / "config.json").read_text())
    have, cfg["num_hidden_layers"] = cfg["num_hidden_layers"], layers
    (out / "config.json").write_text(json.dumps(cfg))
    tensors = {}
    for f in sorted(src.glob("*.safetensors")):
        b = f.read_bytes()
        n = struct.unpack("<Q", b[:8])[0]
        for k, v in json.loads(b[8:8 + n]).items():
            if k != "__metadata__":
                s, e = v["data_offsets"]
                tensors[k] = (v["shape"], b[8 + n + s:8 + n + e])
    whole = {k: v for k, v in tensors.items() if not k.startswith("model.layers.")}
    for i in range(layers):
        p = f"model.layers.{i % have}."
        for k, (shape, b) in tensors.items():
            if k.startswith(p):
                cut = 2 * (i * 37) % len(b)
                whole[f"model.layers.{i}." + k[len(p):]] = (shape, b[cut:] + b[:cut])
    names, where = sorted(whole), {}
    for s in range(4):
        part, head, at = names[s::4], {}, 0
        for k in part:
            n = len(whole[k][1])
            head[k] = {"dtype": "BF16", "shape": whole[k][0], "data_offsets": [at, at + n]}
            at += n
        j = json.dumps(head).encode()
        f = f"model-{s + 1:05d}-of-00004.safetensors"
        (out / f).write_bytes(struct.pack("<Q", len(j)) + j + b"".join(whole[k][1] for k in part))
        where.update({k: f for k in part})
    (out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("qconv", type=Path); ap.add_argument("--runs", type=int, default=200); ap.add_argument("--layers", type=int, default=48)
    ap.add_argument("--type", default="Q4_K_M"); ap.add_argument("--seed", type=int, default=1); ap.add_argument("--work", type=Path)
    ap.add_argument("--one-pass", action="store_true")
    a = ap.parse_args()
    rng = random.Random(a.seed)
    with tempfile.TemporaryDirectory(dir=a.work) as tmp:
        src, folder = Path(tmp) / "grown", Path(tmp) / "out"
        grow(HERE / "harbour-2m", src, a.layers)
        folder.mkdir()
        out = folder / "model.gguf"
        cmd = [str(a.qconv.resolve()), "convert", str(src), "-o", str(out), "--type", a.type, "--quiet"]
        if a.one_pass:
            text = str(HERE / "harbour-2m" / "held-out.txt")
            cmd = cmd[:-1] + ["--calibrate", text, "--verify", "--ctx", "128", "--chunks", "24", "--json"]

        def report(stdout):
            if not a.one_pass:
                return None
            v = json.loads(stdout.splitlines()[-1])["verification"]
            del v["started"]
            return v

        sha = lambda: hashlib.sha256(out.read_bytes()).hexdigest()
        t0 = time.monotonic()
        first = subprocess.run(cmd, check=True, capture_output=True, text=True)
        whole, right, told = time.monotonic() - t0, sha(), report(first.stdout)
        size = out.stat().st_size
        out.unlink()
        print(f"uninterrupted: {whole:.2f} s, {size} bytes, {right}", flush=True)
        kills = late = wrong = failed = litter = resumed = 0
        for n in range(a.runs):
            for _ in range(rng.choice((1, 1, 2, 3))):
                p = subprocess.Popen(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(rng.random() * whole * 1.1)
                p.send_signal(signal.SIGKILL)
                killed = p.wait() == -signal.SIGKILL
                kills, late = kills + killed, late + (not killed)
                if out.exists():
                    if sha() != right:
                        wrong += 1
                        print(f"run {n}: WRONG final file after a kill", flush=True)
                    out.unlink()
            r = subprocess.run(cmd, capture_output=True, text=True)
            if r.returncode:
                failed += 1
                print(f"run {n}: the last start FAILED ({r.returncode}): {r.stderr.strip()}", flush=True)
            elif sha() != right:
                wrong += 1
                print(f"run {n}: WRONG final file after resuming", flush=True)
            elif report(r.stdout) != told:
                wrong += 1
                print(f"run {n}: another REPORT after resuming", flush=True)
            resumed += a.one_pass and r.returncode == 0 and json.loads(r.stdout.splitlines()[-1])["reused_bytes"] > 0
            left = sorted(f.name for f in folder.iterdir() if f != out)
            if left:
                litter += 1
                print(f"run {n}: left beside it: {left}", flush=True)
            for f in folder.iterdir():
                f.unlink()
            if (n + 1) % 20 == 0:
                print(f"{n + 1} runs, {kills} kills, {late} too late, {wrong} wrong, {failed} failed, {litter} with litter", flush=True)
    print(f"{a.runs} runs, {kills} kills ({late} came after the end), {wrong} wrong final files{' or reports' if a.one_pass else ''}, {failed} failed resumes, {litter} with litter"
          + (f", {resumed} used what an interrupted run had done" if a.one_pass else ""))
    sys.exit(1 if wrong or failed or litter else 0)


if __name__ == "__main__":
    main()
