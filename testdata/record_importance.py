#!/usr/bin/env python3
"""Record what the reference makes with importance matrices: testdata/golden/importance.

  record_importance.py QCONV [--values]

Writes NAME.gguf and NAME.dat (importance.py) for some sources, and
  values.tsv     file, entry, number of values, SHA-256 of the float32 weights that the reference computes; they come
                 from its own loader (oracle/imatrix_loader.py) and must be those of importance.py
  reference.tsv  source, "plain" or the file of the matrix, file type, SHA-256 of the whole file that the reference makes
                 of `qconv convert SRC --type BF16`, or "refused"; with a matrix it gets the keys that llama-quantize
                 sets, the file's name as the path; not with --values
"""
import hashlib, subprocess, sys, tempfile
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE / "oracle"))
import imatrix_loader, importance, parity

SOURCES = {"harbour-2m": "harbour-2m", "mixtral": "fixtures/mixtral", "deepseek-v3": "fixtures/deepseek-v3"}
OUT = HERE / "golden/importance"


def main():
    OUT.mkdir(exist_ok=True)
    lines, values = [], []
    with tempfile.TemporaryDirectory() as tmp:
        base, made, npz = Path(tmp) / "base.gguf", Path(tmp) / "made.gguf", Path(tmp) / "i.npz"
        for name, src in SOURCES.items():
            subprocess.run([sys.argv[1], "convert", HERE / src, "--type", "BF16", "-o", base, "--force", "--quiet"], check=True)
            entries = importance.make(base, 1)
            importance.write_gguf(OUT / f"{name}.gguf", entries)
            importance.write_dat(OUT / f"{name}.dat", entries)
            for form in ("gguf", "dat"):
                loaded, datasets, chunks = imatrix_loader.load(OUT / f"{name}.{form}")
                mine = importance.values(entries, form)
                assert loaded.keys() == mine.keys() and all(loaded[k].tobytes() == v.tobytes() for k, v in mine.items())
                assert (datasets, chunks) == (["testdata/calibration.txt"], 20)
                for entry, v in sorted(loaded.items()):
                    values.append(f"{name}.{form}\t{entry}\t{v.size}\t{hashlib.sha256(v.astype('<f4').tobytes()).hexdigest()}\n")
            if "--values" in sys.argv:
                continue
            for form in ("plain", "gguf", "dat")[: 2 if name == "harbour-2m" else 3]:  # the largest, once with weights
                more, file = [], form
                if form != "plain":
                    file = f"{name}.{form}"
                    np.savez(npz, **importance.values(entries, form))
                    more = ["--imatrix", npz] + [o for kv in importance.keys(file, entries) for o in ("--override-kv", kv)]
                for t, number in parity.TYPES.items():
                    made.unlink(missing_ok=True)
                    r = subprocess.run([sys.executable, HERE / "oracle/ggml_oracle.py", "model", base, made, str(number), *more], capture_output=True)
                    lines.append(f"{name}\t{file}\t{t}\t{'refused' if r.returncode else hashlib.sha256(made.read_bytes()).hexdigest()}\n")
                    print(lines[-1], end="", flush=True)
    (OUT / "values.tsv").write_text("".join(values))
    if lines:
        (OUT / "reference.tsv").write_text("".join(lines))


if __name__ == "__main__":
    main()
