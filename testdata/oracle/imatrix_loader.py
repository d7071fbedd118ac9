#!/usr/bin/env python3
"""Ask the reference what an importance file says: common_imatrix_load of the libllama-common.so that ggml_oracle.py
installs, called with C++ objects laid out by hand (libstdc++, x86-64).

  imatrix_loader.py FILE      one line an entry, then datasets and chunk count
"""
import ctypes as C, sys

import numpy as np

import ggml_oracle


def load(path):
    """(entries, datasets, chunks): entries maps names to the float32 weights that llama-quantize makes of the sums and
    counts that the loader gives."""
    ggml_oracle.llama()
    common = C.CDLL(str(ggml_oracle.BINS / "libllama-common.so"))
    f = common["_Z19common_imatrix_loadRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEER14common_imatrix"]
    f.restype, f.argtypes = C.c_bool, [C.c_void_p, C.c_void_p]
    word = lambda at: C.c_uint64.from_address(at).value
    text = lambda at: C.string_at(word(at), word(at + 8))

    name = C.create_string_buffer(str(path).encode())
    string = (C.c_uint64 * 4)(C.addressof(name), len(name) - 1, len(name) - 1, 0)
    # common_imatrix: map (header at 8: color, parent, leftmost, rightmost; count), vector of strings, two i32, two bools
    m = (C.c_uint64 * 16)()
    at = C.addressof(m)
    m[3] = m[4] = at + 8
    if not f(C.addressof(string), at):
        sys.exit(f"{path}: the reference refused this file")
    legacy = C.string_at(at + 80, 1)[0]
    entries = {}

    def walk(node):  # color, parent, left, right, name, vector of float, vector of i64
        if node == 0:
            return
        walk(word(node + 16))
        sums = np.frombuffer(C.string_at(word(node + 64), word(node + 72) - word(node + 64)), "<f4")
        counts = np.frombuffer(C.string_at(word(node + 88), word(node + 96) - word(node + 88)), "<i8").astype(np.float32)
        s, c = sums.reshape(len(counts), -1), counts[:, None]
        v = np.where(c > 0, s / np.maximum(c, 1), s if legacy else np.float32(1)).astype(np.float32)
        entries[text(node + 32).decode()] = v.reshape(-1)
        walk(word(node + 24))

    walk(m[2])
    datasets = [text(a).decode() for a in range(m[6], m[7], 32)]
    return entries, datasets, C.c_int32.from_address(at + 72).value


if __name__ == "__main__":
    e, d, n = load(sys.argv[1])
    for k, v in e.items():
        print(k, v.size, *v[:4])
    print(d, n)
