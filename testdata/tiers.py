#!/usr/bin/env python3
"""Acceptance of issue 4, line 3: perplexity has the same digits on any number of threads, and nearly so on any processor.

  tiers.py QCONV [--arm64 QCONV-ARM64 | --no-arm64] [--types F32,BF16,Q8_0,Q4_K_M,IQ4_XS,Q2_K] [--ctx 128] [--chunks 2] [--fast]
           [--avx512 VMLINUZ [--bochs BOCHS] [--model PROCESSOR]]

For each file type of the tiny model: what `qconv perplexity --json` prints, figures in full precision, is the same bytes with
1, 2 and 7 threads (but for the time it took), and the perplexity is the same within
1e-6 on every set of kernels that this processor has (QCONV_CPU), and on arm64. Without --arm64 a binary is built with Go; it runs under
qemu-aarch64-static. What cannot run here is said. --avx512 asks the same of the AVX-512 kernels on an emulated processor, 1, 2 and 7
threads again the same bytes, as avx512.py describes, of a binary that is built with Go. Exit code 1 when something differs.
"""
import argparse, json, os, shutil, subprocess, sys, tempfile
from pathlib import Path
from types import SimpleNamespace

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
TINY = HERE / "harbour-2m"
BOUND = 1e-6
QEMU = "qemu-aarch64-static"
KNOWN = {"amd64": ["go", "avx2", "avx512"], "arm64": ["go", "neon"]}


def run(command, *args, cpu=None, code=0):
    env = {k: v for k, v in os.environ.items() if k != "QCONV_CPU"}
    if cpu:
        env["QCONV_CPU"] = cpu
    r = subprocess.run([*command, *map(str, args)], capture_output=True, text=True, env=env)
    if r.returncode != code:
        sys.exit(f"{' '.join(map(str, [*command, *args]))}: exit {r.returncode}: {r.stderr.strip()}")
    return r


def kernels(command):
    """What a binary could use on this machine: its refusal of a name that there is not lists them."""
    return run(command, "version", cpu="none", code=2).stderr.split("this processor has ")[1].strip().split(", ")


def arguments(a, file, text, threads):
    return ["perplexity", file, "-f", text, "--ctx", a.ctx, "--chunks", a.chunks, "--quiet", "--json", "-j", threads, *(["--fast"] if a.fast else [])]


def figures(out):
    """(the JSON that is printed, but for the time; the perplexity)"""
    last = out.splitlines()[-1]
    return last[:last.index(',"seconds"')], json.loads(last)["perplexity"]


def measure(a, command, file, cpu=None, threads=2):
    return figures(run(command, *arguments(a, file, TINY / "held-out.txt", threads), cpu=cpu).stdout)


def emulated(a, values, folder):
    """How many of the AVX-512 kernels' figures are wrong, on an emulated processor; values are {type: perplexity here}."""
    import avx512
    subprocess.run(["go", "build", "-o", folder / "qconv-avx512", "./cmd/qconv"], cwd=HERE.parent, check=True, env={**os.environ, **avx512.BUILD})
    files = {"tree/qconv": folder / "qconv-avx512", "tree/text": TINY / "held-out.txt", **{f"tree/{t}.gguf": folder / f"{t}.gguf" for t in values}}
    asked = [(t, n) for t in values for n in (1, 2, 7)]
    commands = [f"QCONV_CPU=avx512 ./qconv {' '.join(map(str, arguments(a, f'{t}.gguf', 'text', n)))}" for t, n in asked]
    pc = SimpleNamespace(bochs=a.bochs, model=a.model, memory=2048, limit=a.limit, keep=None)
    bad, first, largest = 0, {}, 0.0

    def each(i, result):
        nonlocal bad, largest
        (t, n), (code, text, seconds) = asked[i], result
        if code != 0:
            print(f"{t:7} avx512, {n} threads: exit {code}: {text}", flush=True)
            bad += 1
            return
        printed, value = figures(text)
        off = abs(value / values[t] - 1)
        largest = max(largest, off)
        same = printed == first.setdefault(t, printed)
        bad += not (same and off <= BOUND)
        print(f"{t:7} {value!r:19} avx512, {n} threads: {off:.1e}{'' if off <= BOUND else ' TOO FAR'}{'' if same else ', bytes DIFFER'}  ({seconds:.0f} s)", flush=True)
    results = avx512.boot(avx512.kernel(a.avx512), files, commands, pc, each)
    missing = sum(r[0] is None for r in results)
    print(f"avx512 emulated: at most {largest:.1e} off; {missing} of {len(results)} did not end")
    return bad + missing


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("qconv")
    ap.add_argument("--arm64", type=Path); ap.add_argument("--no-arm64", action="store_true")
    ap.add_argument("--types", default="F32,BF16,Q8_0,Q4_K_M,IQ4_XS,Q2_K")
    ap.add_argument("--fast", action="store_true"); ap.add_argument("--avx512", metavar="VMLINUZ")
    ap.add_argument("--bochs", default="bochs"); ap.add_argument("--model", default="corei7_icelake_u"); ap.add_argument("--limit", type=int, default=7200)
    ap.add_argument("--ctx", type=int, default=128); ap.add_argument("--chunks", type=int, default=2)
    a = ap.parse_args()
    native = [a.qconv]
    with tempfile.TemporaryDirectory() as tmp:
        machines = [("", native)]
        if not a.no_arm64:
            if not shutil.which(QEMU):
                print(f"skipped: {QEMU} is not installed")
            else:
                binary = a.arm64 or Path(tmp) / "qconv-arm64"
                if not a.arm64:
                    subprocess.run(["go", "build", "-o", binary, "./cmd/qconv"], cwd=HERE.parent, check=True,
                                   env={**os.environ, "GOOS": "linux", "GOARCH": "arm64", "CGO_ENABLED": "0"})
                machines.append(("arm64 ", [QEMU, str(binary)]))
        ways = []
        for name, command in machines:
            has = kernels(command)
            ways += [(name + k, command, k) for k in has]
            family = next((f for f in KNOWN.values() if set(has) & set(f) - {"go"}), has)
            for k in set(family) - set(has):
                print(f"not on this processor: {name}{k}")
        bad, values = 0, {}
        for typ in a.types.split(","):
            file = Path(tmp) / f"{typ}.gguf"
            run(native, "convert", TINY, "--type", typ, "-o", file, "--quiet")
            printed, value = measure(a, native, file, threads=1)
            same = all(measure(a, native, file, threads=n)[0] == printed for n in (2, 7))
            bad += not same
            values[typ] = value
            row = [f"{typ:7} {value!r:19} threads 1, 2, 7: {'same bytes' if same else 'DIFFER'} "]
            for name, command, k in ways:
                off = abs(measure(a, command, file, cpu=k)[1] / value - 1)
                bad += not off <= BOUND
                row.append(f"{name} {'same' if off == 0 else f'{off:.1e}'}{'' if off <= BOUND else ' TOO FAR'}")
            print("  ".join(row), flush=True)
        if a.avx512:
            bad += emulated(a, values, Path(tmp))
    print(f"{bad} bad" if bad else "none bad")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
