#!/usr/bin/env python3
"""Make importance matrices for a GGUF file, in both forms of llama-imatrix, from random sums.

  importance.py IN.gguf OUT_STEM [--seed N] [--output]

writes OUT_STEM.gguf and OUT_STEM.dat; --output adds an entry for output.weight, as llama-imatrix --process-output does.
Written from the description of the two forms; shares no code with qconv. `values` gives the weights that the reference
computes from them, in float32.
"""
import argparse, math, re, struct, sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import listing

CHUNK = 512  # rows in a chunk
NEVER = re.compile(r"_norm\.weight|ffn_gate_inp\.weight")


class Entry:
    """Sums of squares [matrices, columns] and the rows that each matrix saw [matrices]."""

    def __init__(self, name, sums, counts):
        self.name, self.sums, self.counts = name, np.asarray(sums, np.float32), np.asarray(counts, np.float32)


def make(gguf, seed, output=False):
    """Entries for the matrices of a GGUF file, with everything in them that is odd but legal."""
    rng = np.random.default_rng(seed)
    entries = []
    for name, _, shape, _, _ in listing.parse(gguf)[1]:
        wanted = name.startswith("blk.") or output and name == "output.weight"
        if not wanted or len(shape) < 2 or NEVER.search(name) or not name.endswith(".weight"):
            continue
        columns, n = shape[0], shape[2] if len(shape) > 2 else 1
        # Activations differ a hundredfold between columns; some columns of a head are never used.
        mean = np.exp(rng.standard_normal((n, columns)) * 2)
        if "attn_output" in name:
            mean[:, : columns // 4] = 0
        if "attn_k." in name:
            mean[:, 5::7] = 0
        if "ffn_down" in name:
            mean[:, 11] *= 1e8  # the massive activations of some models
            mean[:, 3] *= 1e-30
        shared = "_exps" not in name  # one count for all matrices of an MLA tensor
        counts = np.full(1, 20 * CHUNK) if shared else rng.integers(1, 5 * CHUNK, n)
        if not shared and n > 2:
            counts[n - 1] = 0
            if "ffn_up" in name:
                counts[1] = 0
        sums = mean.reshape(len(counts), -1) * counts[:, None]
        if name == "blk.1.attn_v.weight" or name == "blk.1.attn_q_a.weight":
            sums[:] = 0  # nothing matters
        entries.append(Entry(name, sums, counts))
    return entries


def values(entries, form):
    """name -> float32 weights, as the reference reads them from a file of that form."""
    out = {}
    for e in entries:
        if form == "gguf":
            seen = np.maximum(e.counts, 1)[:, None]
            v = np.where(e.counts[:, None] > 0, e.sums / seen, np.float32(1))
        else:
            v = legacy_values(e) / np.float32(calls(e))
        out[e.name] = np.ascontiguousarray(v, np.float32).reshape(-1)
    return out


def calls(e):
    return math.ceil(float(e.counts.max()) / CHUNK)


def legacy_values(e):
    """The sums of a .dat: means times the number of calls."""
    seen = np.maximum(e.counts, 1)[:, None]
    return np.where(e.counts[:, None] > 0, e.sums / seen, np.float32(1)) * np.float32(calls(e))


def write_gguf(path, entries, datasets=("testdata/calibration.txt",), chunks=20):
    text = lambda s: struct.pack("<Q", len(s.encode())) + s.encode()
    keys = [text("general.type") + struct.pack("<I", 8) + text("imatrix"),
            text("imatrix.datasets") + struct.pack("<IIQ", 9, 8, len(datasets)) + b"".join(map(text, datasets)),
            text("imatrix.chunk_count") + struct.pack("<II", 4, chunks),
            text("imatrix.chunk_size") + struct.pack("<II", 4, CHUNK)]
    infos, data = [], b""
    for e in sorted(entries, key=lambda e: e.name):
        n, columns = e.sums.shape
        for suffix, a, shape in ((".in_sum2", e.sums, [columns, n]), (".counts", e.counts, [1, n])):
            while len(shape) > 1 and shape[-1] == 1:
                shape.pop()
            infos.append(text(e.name + suffix) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data)))
            data += a.astype("<f4").tobytes()
            data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(keys)) + b"".join(keys) + b"".join(infos)
    Path(path).write_bytes(head + bytes(-len(head) % 32) + data)


def write_dat(path, entries, dataset="testdata/calibration.txt", chunks=20):
    out = [struct.pack("<i", len(entries))]
    for e in entries:
        name, v = e.name.encode(), legacy_values(e).astype("<f4")
        out.append(struct.pack("<i", len(name)) + name + struct.pack("<ii", calls(e), v.size) + v.tobytes())
    out.append(struct.pack("<ii", chunks, len(dataset.encode())) + dataset.encode())
    Path(path).write_bytes(b"".join(out))


def keys(path, entries, dataset="testdata/calibration.txt", chunks=20):
    """What llama-quantize says of the file, as --override-kv options in its order."""
    short = lambda s: s.encode()[:127].decode()
    return [f"quantize.imatrix.file=str:{short(str(path))}", f"quantize.imatrix.dataset=str:{short(dataset)}",
            f"quantize.imatrix.entries_count=int:{len(entries)}", f"quantize.imatrix.chunks_count=int:{chunks}"]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("gguf", type=Path); ap.add_argument("stem"); ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--output", action="store_true")
    a = ap.parse_args()
    entries = make(a.gguf, a.seed, a.output)
    write_gguf(a.stem + ".gguf", entries)
    write_dat(a.stem + ".dat", entries)


if __name__ == "__main__":
    main()
