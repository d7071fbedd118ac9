#!/usr/bin/env python3
"""Record the statistics of importance files: testdata/golden/importance/statistics.tsv.

  importance_statistics.py            rewrites statistics.tsv
  importance_statistics.py FILE.gguf  prints the lines of one file

Computed in float64 with numpy from the description of llama-imatrix --show-statistics (version 0.5.0); shares no code with
qconv. Lines are in the order in which llama-imatrix lists tensors, layers come behind:
  file, tensor, layer, kind, elements, sum, min, max, mean, deviation, active, entropy, evenness, zd, cosine
  file, "layer", number, sum, zd, cosine
"""
import re, sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import listing

OUT = HERE / "golden/importance"


def entries(path):
    """name -> (sums [matrices, columns], counts [matrices]) in float64."""
    _, tensors, start, _ = listing.parse(path)
    data = Path(path).read_bytes()
    found = {}
    for name, kind, shape, offset, _ in tensors:
        assert kind == "F32", kind
        a = np.frombuffer(data, "<f4", int(np.prod(shape)), start + offset).astype(np.float64)
        found[name] = a.reshape(shape[::-1])
    for name in sorted(n[:-8] for n in found if n.endswith(".in_sum2")):
        counts = found[name + ".counts"].reshape(-1)
        yield name, found[name + ".in_sum2"].reshape(len(counts), -1), counts


def statistics(path):
    all_ = {n: (s, c) for n, s, c in entries(path)}
    rows = []
    for name, (sums, counts) in all_.items():
        a = (sums[counts > 0] / counts[counts > 0, None]).reshape(-1)
        if a.size == 0:
            continue
        total, mean = a.sum(), a.mean()
        dev = np.sqrt(max(0, (a**2).mean() - mean**2))
        p = a[a > 0] / total if total > 0 else np.zeros(0)
        entropy = -(p * np.log2(p)).sum()
        cosine, where = 0.0, re.match(r"blk\.(\d+)\.(.*)", name)
        layer = int(where[1]) if where else -1
        kind = re.search(r"([^.]*)\.weight$", name)[1]
        if layer > 0 and f"blk.{layer - 1}.{where[2]}" in all_:
            x, y = sums.reshape(-1), all_[f"blk.{layer - 1}.{where[2]}"][0].reshape(-1)
            if x.size == y.size and x.any() and y.any():
                cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
        zd = (((a - mean) / dev) > 1).mean() if dev > 0 else 0.0
        rows.append([name, layer, kind, a.size, total, a.min(), a.max(), mean, dev, (a > 1e-5).mean(), entropy,
                     entropy / np.log2(a.size), zd, cosine])
    rows.sort(key=lambda r: (r[2], -r[4]))
    for layer in sorted({r[1] for r in rows} - {-1}):
        own = [r for r in rows if r[1] == layer]
        n = np.array([r[3] for r in own], float)
        rows.append(["layer", layer, *((n * [r[i] for r in own]).sum() / n.sum() for i in (4, 12, 13))])
    for r in rows:
        yield "\t".join([Path(path).name] + [repr(float(v)) if isinstance(v, (float, np.floating)) else str(v) for v in r]) + "\n"


def main():
    if len(sys.argv) > 1:
        sys.stdout.writelines(statistics(sys.argv[1]))
        return
    files = sorted(OUT.glob("*.gguf"))
    (OUT / "statistics.tsv").write_text("".join(line for f in files for line in statistics(f)))


if __name__ == "__main__":
    main()
