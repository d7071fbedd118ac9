"""Measures every block type for bench.sh: the reference in this process, our kernels in a test binary that answers
questions (TestServeBench). See bench.sh."""
import argparse, ctypes as C, importlib.util, os, platform, re, subprocess, sys, time
from pathlib import Path

import numpy as np

COLS, ROWS = 4096, 64
BATCH = 200_000  # ns that a measurement takes at least: short calls are repeated
SLOW = 20  # ns per weight from which calls get fewer rows
VERBS = ("encode", "weighted", "decode")
TITLES = {"encode": "encode without importance", "weighted": "encode with importance", "decode": "decode"}


class Reference:
    def __init__(self, path):
        spec = importlib.util.spec_from_file_location("oracle", path)
        self.oracle = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.oracle)
        self.lib = self.oracle.base()
        self.lib.ggml_get_type_traits.restype = C.POINTER(self.oracle.Traits)
        self.x = np.random.default_rng(0).standard_normal(COLS * ROWS, np.float32) * np.float32(0.02)
        self.w = np.random.default_rng(1).random(COLS, np.float32) + np.float32(0.1)
        self.out = np.zeros(ROWS * COLS * 4, np.uint8)
        self.values = np.zeros(ROWS * COLS, np.float32)
        self.blocks = {}
        empty = self.to_float("BF16")
        self.overhead = min(fastest(lambda: empty(0, 0, 0), 4) for _ in range(5))  # of a call from Python

    def to_float(self, name):
        f = self.lib.ggml_get_type_traits(self.oracle.TYPES[name]).contents.to_float
        return C.CFUNCTYPE(None, C.c_void_p, C.c_void_p, C.c_int64)(f) if f else None

    def work(self, verb, name, rows):
        """The function to measure, or None."""
        t, lib = self.oracle.TYPES[name], self.lib
        weight = None if verb == "encode" else self.w.ctypes.data
        if verb == "encode" and lib.ggml_quantize_requires_imatrix(t):
            return None
        lib.ggml_quantize_init(t)
        x, out, values = self.x.ctypes.data, self.out.ctypes.data, self.values.ctypes.data
        if verb != "decode":
            return lambda: lib.ggml_quantize_chunk(t, x, out, 0, rows, COLS, weight)
        f = self.to_float(name)
        if not f:  # F32
            return lambda: C.memmove(values, x, 4 * rows * COLS)
        if name not in self.blocks:
            self.blocks[name] = np.zeros(rows * lib.ggml_row_size(t, COLS), np.uint8)
            lib.ggml_quantize_chunk(t, x, self.blocks[name].ctypes.data, 0, rows, COLS, weight)
        q, n = self.blocks[name].ctypes.data, rows * COLS
        return lambda: f(q, values, n)

    def bits(self, name):
        return self.lib.ggml_row_size(self.oracle.TYPES[name], COLS) * 8 / COLS


def fastest(f, ms):
    """Nanoseconds of the thread that the fastest of as many calls as the time allows took, at least one. As in the
    test binary."""
    t0 = time.thread_time_ns()
    f()
    best = time.thread_time_ns() - t0
    n = max(1, BATCH // max(best, 1))
    end = time.perf_counter_ns() + ms * 1_000_000
    while time.perf_counter_ns() < end:
        t0 = time.thread_time_ns()
        for _ in range(n):
            f()
        best = min(best, (time.thread_time_ns() - t0) / n)
    return best


class Own:
    def __init__(self, binary, work, ref):
        ref.x.tofile(work / "rows.f32")
        ref.w.tofile(work / "weight.f32")
        self.p = subprocess.Popen([str(binary), "-test.run", "^TestServeBench$", "-test.timeout", "0", "-bench.serve", str(work)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=work,
                                  env={k: v for k, v in os.environ.items() if k != "QCONV_CPU"} | {"GOMAXPROCS": "1"})
        self.tiers = self.p.stdout.readline().split()[1:]

    def ask(self, *question):
        print(*question, file=self.p.stdin, flush=True)
        answer = self.p.stdout.readline().strip()
        if not answer:
            sys.exit("the test binary ended early")
        return None if answer == "-" else int(answer)

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def measure(ref, own, verb, name, rounds, ms):
    """ns per weight of the reference ("ref") and of every tier."""
    rows = ROWS if verb == "decode" or name in ("F32", "F16", "BF16") else 16
    work = ref.work(verb, name, rows)
    if work is None:
        return None
    if fastest(work, 0) > SLOW * rows * COLS:  # long calls are interrupted more often than not
        rows = 4
        work = ref.work(verb, name, rows)
    best = {}
    for _ in range(rounds):
        got = {"ref": fastest(work, ms) - ref.overhead}
        for tier in own.tiers:
            got[tier] = own.ask(verb, name, tier, rows, COLS, ms)
        for k, v in got.items():
            best[k] = min(best.get(k, v), v)
    return {k: v / (rows * COLS) for k, v in best.items()}


def machine(ref):
    info = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    field = lambda k: (re.search(rf"^{k}\s*: (.*)$", info, re.M) or [None, "?"])[1]
    cpu = f"{field('model name')} (family {field('cpu family')}, model {field('model')}), {os.cpu_count()} CPUs" if info else platform.processor()
    here = Path(__file__).resolve().parent
    run = lambda *a: subprocess.run(a, capture_output=True, text=True, cwd=here).stdout.strip()
    load = f"load {os.getloadavg()[0]:.1f}"
    return f"{cpu}, {load}; {run('go', 'version').removeprefix('go version ')}; qconv {run('git', 'describe', '--always', '--dirty')}; reference {ref.oracle.PKG}"


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("-binary", type=Path, required=True)
    ap.add_argument("-work", type=Path, required=True)
    ap.add_argument("-oracle", type=Path, default=Path(__file__).resolve().parents[2] / "testdata/oracle/ggml_oracle.py")
    ap.add_argument("-types", default="")
    ap.add_argument("-verbs", default=",".join(VERBS), help="of encode, weighted and decode")
    ap.add_argument("-rounds", type=int, default=7)
    ap.add_argument("-ms", type=int, default=4, help="of one measurement, at least one call")
    ap.add_argument("-tsv", type=Path)
    ap.add_argument("-md", type=Path)
    a = ap.parse_args()
    if unknown := set(a.verbs.split(",")) - set(VERBS):
        ap.error(f"-verbs {','.join(sorted(unknown))}: there are {', '.join(VERBS)}")
    ref = Reference(a.oracle)
    own = Own(a.binary.resolve(), a.work.resolve(), ref)
    names = a.types.split(",") if a.types else list(ref.oracle.TYPES)
    began = time.time()
    size = 4 * ROWS * COLS
    memcpy, copy = 1 << 62, 1 << 62
    for _ in range(3 * a.rounds):
        memcpy = min(memcpy, fastest(lambda: C.memmove(ref.values.ctypes.data, ref.x.ctypes.data, size), a.ms))
        copy = min(copy, own.ask("decode", "F32", own.tiers[-1], ROWS, COLS, a.ms))
    peak = 2 * size / min(memcpy, copy)
    lines = [f"machine: {machine(ref)}",
             f"copying 1 MiB: {2 * size / memcpy:.1f} GB/s read and written by memcpy, {2 * size / copy:.1f} by the kernel for F32",
             f"ns per weight of one thread's processor time, best of {a.rounds} turns; rows of {COLS} Gaussian values, encoded 16 a call (4 where "
             f"the reference takes more than {SLOW} ns), decoded {ROWS} a call; x: how many times as fast as the reference, "
             f"which for decoding F32 is memcpy; of copy: bytes read and written beside those of the fastest copy"]
    table = []
    fast = [t for t in own.tiers if t != "go"]
    for verb in a.verbs.split(","):
        head = ["type", "reference", *own.tiers, *(f"x {t}" for t in fast)] + (["GB/s", "of copy"] if verb == "decode" else [])
        rows = []
        for name in names:
            m = measure(ref, own, verb, name, a.rounds, a.ms)
            if m is None:
                continue
            row = [name, f"{m['ref']:.3f}", *(f"{m[t]:.3f}" for t in own.tiers), *(f"{m['ref'] / m[t]:.2f}" for t in fast)]
            if verb == "decode":
                gbps = (4 + ref.bits(name) / 8) / min(m[t] for t in own.tiers)
                row += [f"{gbps:.0f}", f"{100 * gbps / peak:.0f}%"]
            rows.append(row)
            table.append([verb, *row[:2 + len(own.tiers)]])
            show(head, row, len(rows) == 1, TITLES[verb], lines if not table[1:] else [])
        lines.append((TITLES[verb], head, rows))
    own.close()
    print(f"{time.time() - began:.0f} s")
    if a.tsv:
        a.tsv.write_text("".join("\t".join(r) + "\n" for r in [["verb", "type", "reference", *own.tiers], *table]))
    if a.md:
        a.md.write_text(markdown(lines))


def show(head, row, first, title, preface):
    """Prints a row as soon as it is known."""
    for line in preface:
        print(line)
    form = lambda r: f"{r[0]:<8}" + "".join(f"{c:>11}" for c in r[1:])
    if first:
        print(f"\n{title}\n{form(head)}")
    print(form(row), flush=True)


def markdown(lines):
    out = []
    for line in lines:
        if isinstance(line, str):
            out.append(line + "\n")
            continue
        title, head, rows = line
        out += [f"\n{title}\n", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        out += ["| " + " | ".join(r) + " |" for r in rows]
    return "\n".join(out) + "\n"


main()
