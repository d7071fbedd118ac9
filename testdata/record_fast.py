#!/usr/bin/env python3
"""Record the reference's logits, which TestFast compares --fast with: testdata/golden/logits/fast.json.

  record_fast.py QCONV        llama.cpp v0.5.0 (oracle/ggml_oracle.py)

QCONV converts the tiny model so that all matrices are of a type, for each type that rounds activations to bytes and needs no
importance. Recorded are the eight largest logits behind each of the first tokens of the held-out text.
"""
import json, subprocess, sys, tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "oracle"))
import ggml_oracle as oracle
import logits

TYPES = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0".split()
TOKENS, LARGEST = 6, 8


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    model = HERE / "harbour-2m"
    ids = json.loads((model / "expected.json").read_text())["first_window"]["ids"][:TOKENS]
    _, L = oracle.llama()
    types = {}
    with tempfile.TemporaryDirectory() as work:
        for t in TYPES:
            out = Path(work) / f"{t}.gguf"
            subprocess.run([sys.argv[1], "convert", model, "--type", "Q8_0", "--tensor-type", f"weight={t}", "-o", out, "--quiet"], check=True)
            rows = logits.Model(L, out).logits(ids)
            types[t] = [{"top_ids": (top := [int(i) for i in (-row).argsort()[:LARGEST]]), "top_logits": [round(float(row[i]), 6) for i in top]} for row in rows]
    doc = {"made_by": "record_fast.py, llama.cpp v0.5.0, libggml-cpu-haswell", "ids": ids, "types": types}
    (HERE / "golden/logits/fast.json").write_text(json.dumps(doc, separators=(",", ":")).replace('"top_ids"', '\n"top_ids"') + "\n")


if __name__ == "__main__":
    main()
