#!/usr/bin/env python3
"""Makes the golden files of this directory with the reference's own writer.

usage: PYTHONPATH=LLAMA_CPP/gguf-py python3 golden.py    (llama.cpp v0.5.0, numpy)

all.gguf      every value type, every element type, ranks 1 to 4, alignment 64
split-*.gguf  a model split by --split-max-tensors 3
plans.json    how the writer divides lists of tensor sizes
"""
import json
import random
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter

here = Path(__file__).parent
V = GGUFValueType


def write(w: GGUFWriter) -> None:
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def ramp(n: int) -> np.ndarray:
    return (np.arange(n) % 251).astype(np.uint8)


def everything() -> None:
    w = GGUFWriter(here / "all.gguf", "golden")
    w.add_custom_alignment(64)
    scalars = [
        (V.UINT8, 255), (V.INT8, -128), (V.UINT16, 65535), (V.INT16, -32768),
        (V.UINT32, 4294967295), (V.INT32, -2147483648), (V.FLOAT32, 1.5), (V.BOOL, True),
        (V.UINT64, 18446744073709551615), (V.INT64, -9223372036854775808), (V.FLOAT64, -0.1),
    ]
    for t, v in scalars:
        w.add_key_value(f"golden.scalar.{t.name.lower()}", v, t)
        w.add_key_value(f"golden.array.{t.name.lower()}", [v, type(v)(0), v], V.ARRAY, t)
    w.add_string("golden.scalar.string", "Grüße, 世界\n")
    w.add_array("golden.array.string", ["a", "", "ß" * 300])
    w.add_array("golden.inferred.int", [1, -2, 3])
    w.add_array("golden.inferred.float", [1.0, -2.5])
    w.add_array("golden.inferred.bool", [True, False])
    w.add_array("golden.inferred.bytes", b"\x00\x01\xff")
    w.add_tensor("vec", ramp(4 * 5).view(np.float32))
    w.add_tensor("mat", ramp(2 * 3 * 7).view(np.float16).reshape(3, 7))
    w.add_tensor("cube", ramp(2 * 3 * 4).view(np.int8).reshape(2, 3, 4))
    w.add_tensor("hyper", ramp(8 * 2 * 1 * 2 * 3).view(np.float64).reshape(2, 1, 2, 3))
    w.add_tensor("q8", ramp(2 * 2 * 34).reshape(2, 68), raw_dtype=GGMLQuantizationType.Q8_0)
    w.add_tensor("q4k", ramp(144 * 2).reshape(2, 144), raw_dtype=GGMLQuantizationType.Q4_K)
    w.add_tensor("n" * 63, ramp(2).view(np.int16))
    write(w)


def split() -> None:
    w = GGUFWriter(here / "split.gguf", "golden", split_max_tensors=3)
    w.add_uint32("golden.block_count", 2)
    for i in range(7):
        w.add_tensor(f"blk.{i}.w", ramp(4 * (i + 1)).view(np.float32))
    write(w)


def plans() -> None:
    rng = random.Random(1)
    cases = []
    for case in range(200):
        sizes = [4 * rng.choice([1, 2, 3, 8, 8, 25, 100]) for _ in range(rng.randrange(0, 12))]
        max_tensors = rng.choice([0, 0, 1, 2, 3, 5])
        max_bytes = rng.choice([0, 1, 32, 64, 100, 400, 100000])
        w = GGUFWriter(None, "golden", split_max_tensors=max_tensors, split_max_size=max_bytes)
        for i, n in enumerate(sizes):
            w.add_tensor_info(str(i), (n // 4,), np.dtype(np.float32), n)
        groups = [[int(k) for k in shard] for shard in w.tensors]
        cases.append({"sizes": sizes, "maxTensors": max_tensors, "maxBytes": max_bytes, "groups": groups})
    (here / "plans.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


everything()
split()
plans()
