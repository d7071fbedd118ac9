#!/usr/bin/env python3
"""Times whole models: qconv convert and qconv quantize beside the reference's quantizer, in one run.

  python testdata/bench_model.py QCONV [--types Q4_K_M,IQ4_XS,Q8_0] [--threads 2] [--runs 3] [--dir /tmp/qconv-bench]

Makes a Qwen2 checkpoint of 501 million random weights (testdata/standin, once), its BF16 GGUF, and then, in turns, RUNS
times for each type: the reference (llama.cpp v0.5.0) from the BF16 GGUF, qconv quantize from the same file, qconv
convert from the checkpoint, which also does what the reference's converter would have to do first. Prints the best
wall time of each, CPU time, peak memory and ratios, and fails when the bytes of quantize differ from the reference's.
Peak memory of the reference counts the mapped source file, as the system does.
"""
import argparse, hashlib, importlib.util, os, resource, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def reference(a):
    """Runs in a process of its own, so that its peak memory is its own."""
    spec = importlib.util.spec_from_file_location("ggml_oracle", HERE / "oracle/ggml_oracle.py")
    oracle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(oracle)
    oracle.llama()
    class Question(argparse.Namespace):
        __getattr__ = lambda self, name: None  # every other option is off
    q = Question(input=a[0], output=a[1], ftype=int(a[2]), threads=int(a[3]))
    t = time.perf_counter()
    try:
        oracle.model(q)
    except SystemExit as e:
        if e.code:
            sys.exit(f"the reference failed: {e.code}")
    print(time.perf_counter() - t)


def run(cmd, own_time):
    """Seconds of wall time, seconds of CPU time, peak MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    t = time.perf_counter()
    p = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = p.communicate()
    wall = time.perf_counter() - t
    if p.returncode:
        sys.exit(f"{' '.join(map(str, cmd))}: exit {p.returncode}\n{err}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (float(out.split()[-1]) if own_time else wall), cpu


def peak(cmd):
    """Peak resident MiB of a command."""
    code = "import resource,subprocess,sys; subprocess.run(sys.argv[1:],check=True,stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    return int(subprocess.run([sys.executable, "-c", code, *map(str, cmd)], check=True, capture_output=True, text=True).stdout) / 1024


def digest(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("qconv"); ap.add_argument("--types", default="Q4_K_M,IQ4_XS,Q8_0"); ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--runs", type=int, default=3); ap.add_argument("--dir", type=Path, default=Path("/tmp/qconv-bench"))
    a = ap.parse_args()
    a.dir.mkdir(parents=True, exist_ok=True)
    ck, bf16 = a.dir / "half-billion", a.dir / "half-billion-bf16.gguf"
    if not (ck / "model.safetensors.index.json").exists():
        subprocess.run(["go", "run", "./testdata/standin", "-model", "half-billion", "-out", str(ck)], cwd=HERE.parent, check=True)
    if not bf16.exists():
        subprocess.run([a.qconv, "convert", ck, "--type", "BF16", "-o", bf16, "--quiet"], check=True)
    numbers = {"F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_M": 12, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_M": 17,
               "Q6_K": 18, "IQ4_NL": 25, "IQ3_S": 26, "IQ3_M": 27, "IQ4_XS": 30}
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    print(f"{cpu}, {a.threads} threads, best of {a.runs}, {ck.name}: 508.67 M weights, BF16")
    print(f"{'type':8} {'what':10} {'seconds':>8} {'CPU s':>7} {'peak MiB':>9} {'reference/ours':>15}")
    for name in a.types.split(","):
        outs = {k: a.dir / f"{k}-{name}.gguf" for k in ("reference", "quantize", "convert")}
        cmds = {
            "reference": [sys.executable, __file__, "--reference", bf16, outs["reference"], str(numbers[name]), str(a.threads)],
            "quantize": [a.qconv, "quantize", "--quiet", "--force", "--threads", str(a.threads), bf16, outs["quantize"], name],
            "convert": [a.qconv, "convert", ck, "--quiet", "--force", "--threads", str(a.threads), "--type", name, "-o", outs["convert"]],
        }
        best = {}
        for _ in range(a.runs):
            for k, cmd in cmds.items():
                wall, cpu_s = run(cmd, k == "reference")
                best[k] = min(best.get(k, (1e9, 1e9)), (wall, cpu_s))
        for k, cmd in cmds.items():
            ratio = "" if k == "reference" else f"{best['reference'][0] / best[k][0]:.2f}x"
            print(f"{name:8} {k:10} {best[k][0]:8.2f} {best[k][1]:7.2f} {peak(cmd):9.0f} {ratio:>15}", flush=True)
        if digest(outs["reference"]) != digest(outs["quantize"]):
            sys.exit(f"{name}: the bytes of qconv quantize differ from the reference's")
        print(f"{name:8} bytes of quantize equal the reference's; writing alone: {write_speed(outs['quantize'], a.dir):.2f} s")
        for o in outs.values():
            o.unlink()


def write_speed(path, folder):
    """Seconds to write and sync a file of that size: the floor that the disk sets."""
    data = path.read_bytes()
    t = time.perf_counter()
    with open(folder / "disk", "wb") as f:
        f.write(data)
        os.fsync(f.fileno())
    t = time.perf_counter() - t
    (folder / "disk").unlink()
    return t


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reference"]:
        reference(sys.argv[2:])
    else:
        main()
