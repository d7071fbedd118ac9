#!/usr/bin/env python3
"""Runs a GGUF file in float64: the truth that both qconv and the reference round.

  plain.py MODEL.gguf IDS.txt OUT.npy      logits behind every token of one window

Weights are dequantized by the reference's own functions and everything after that is numpy in float64, written from the
models' definitions (Qwen2 and dense Llama, as transformers has them). It shares no code with qconv.
"""
import sys
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE / "oracle"))
import ggml_oracle as oracle
import listing

C = oracle.C


def dequantize(lib, number, raw, n):
    """n float64 of blocks, by the function that ggml_get_type_traits names."""
    if number == 0:
        return np.frombuffer(raw, "<f4").astype(np.float64)
    lib.ggml_get_type_traits.restype = C.POINTER(oracle.Traits)
    lib.ggml_get_type_traits.argtypes = [C.c_int]
    f = C.CFUNCTYPE(None, C.c_void_p, C.c_void_p, C.c_int64)(lib.ggml_get_type_traits(number).contents.to_float)
    q, out = np.frombuffer(raw, np.uint8), np.zeros(n, np.float32)
    f(q.ctypes.data, out.ctypes.data, n)
    return out.astype(np.float64)


def silu(x):
    return x / (1 + np.exp(-x))


class Model:
    def __init__(self, lib, path):
        kvs, tensors, start, _ = listing.parse(path)
        key = {k: v for k, _, v in kvs}
        self.arch = key["general.architecture"].strip('"')
        if self.arch not in ("qwen2", "llama") or f"{self.arch}.expert_count" in key or any("rope.scaling" in k for k in key):
            sys.exit(f"{path}: only Qwen2 and dense Llama without rope scaling are written down here")
        number = lambda k: float(key[f"{self.arch}.{k}"])
        self.layers, self.heads, self.kv = (int(number(k)) for k in ("block_count", "attention.head_count", "attention.head_count_kv"))
        self.eps, self.base = number("attention.layer_norm_rms_epsilon"), float(key.get(f"{self.arch}.rope.freq_base", 10000))
        self.w = {}
        self.watch = None  # is told the name of a matrix and what it is multiplied with
        with open(path, "rb") as f:
            for name, kind, shape, off, _ in tensors:
                t = oracle.TYPES[kind] if kind in oracle.TYPES else int(kind[4:])
                n = int(np.prod(shape))
                f.seek(start + off)
                self.w[name] = dequantize(lib, t, f.read(n // shape[0] * lib.ggml_row_size(t, shape[0])), n).reshape(shape[::-1])

    def linear(self, name, x):
        if self.watch:
            self.watch(name + ".weight", x)
        y = x @ self.w[name + ".weight"].T
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name + ".weight"]

    def rotate(self, x):
        """x is [windows, heads, tokens, dim]; Qwen2 turns the halves of a head, Llama as GGUF stores it turns neighbours."""
        d = x.shape[-1]
        angle = np.outer(np.arange(x.shape[2]), self.base ** (-np.arange(0, d, 2) / d))
        cos, sin = np.cos(angle), np.sin(angle)
        y = np.empty_like(x)
        first, second = (slice(None, d // 2), slice(d // 2, None)) if self.arch == "qwen2" else (slice(0, None, 2), slice(1, None, 2))
        a, b = x[..., first], x[..., second]
        y[..., first], y[..., second] = a * cos - b * sin, a * sin + b * cos
        return y

    def logits(self, windows):
        """[windows, tokens, vocabulary] for ids [windows, tokens]."""
        ids = np.asarray(windows)
        b, n = ids.shape
        x = self.w["token_embd.weight"][ids]
        late = np.triu(np.full((n, n), -np.inf), 1)
        for l in range(self.layers):
            at = f"blk.{l}."
            h = self.norm(x, at + "attn_norm")
            split = lambda y, heads: y.reshape(b, n, heads, -1).transpose(0, 2, 1, 3)
            q = self.rotate(split(self.linear(at + "attn_q", h), self.heads))
            k = self.rotate(split(self.linear(at + "attn_k", h), self.kv))
            v = split(self.linear(at + "attn_v", h), self.kv)
            k, v = (np.repeat(y, self.heads // self.kv, 1) for y in (k, v))
            p = (q / np.sqrt(q.shape[-1])) @ k.transpose(0, 1, 3, 2)
            p += late
            p -= p.max(-1, keepdims=True)
            np.exp(p, out=p)
            p /= p.sum(-1, keepdims=True)
            x = x + self.linear(at + "attn_output", (p @ v).transpose(0, 2, 1, 3).reshape(b, n, -1))
            h = self.norm(x, at + "ffn_norm")
            x = x + self.linear(at + "ffn_down", silu(self.linear(at + "ffn_gate", h)) * self.linear(at + "ffn_up", h))
        return self.linear("output" if "output.weight" in self.w else "token_embd", self.norm(x, "output_norm"))

    def importance(self, windows):
        """name -> (sums of squares of what each column is multiplied with, tokens), as llama-imatrix collects them."""
        sums = {}

        def watch(name, x):
            if name.startswith("blk."):
                sums[name] = sums.get(name, 0) + np.square(x).reshape(-1, x.shape[-1]).sum(0)

        self.watch = watch
        for w in windows:
            self.logits([w])
        self.watch = None
        return {name: (s, np.size(windows)) for name, s in sums.items()}


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    ids = [int(s) for s in Path(sys.argv[2]).read_text().split()]
    np.save(sys.argv[3], Model(oracle.base(), sys.argv[1]).logits([ids])[0])


if __name__ == "__main__":
    main()
