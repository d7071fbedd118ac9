"""Records what llama.cpp's sampler chain leaves of some logits, for the tests of runtime/sample.

    python runtime/sample/testdata/record.py ../shared/oracle/ggml_oracle.py

Needs numpy. Writes chain.json: for each case the options, the logits, the tokens so far, and the candidates with their
probabilities as they stand before the random choice, after penalties -> top-k -> top-p -> min-p -> temperature; for
temperature 0 the token that its greedy sampler takes after penalties. Logits are distinct where order matters, because the reference
leaves the order of equal ones to the C++ library.
"""

import ctypes as C
import importlib.util
import json
import pathlib
import sys

import numpy as np

spec = importlib.util.spec_from_file_location("oracle", sys.argv[1])
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
_, L = oracle.llama()


class TokenData(C.Structure):
    _fields_ = [("id", C.c_int32), ("logit", C.c_float), ("p", C.c_float)]


class TokenDataArray(C.Structure):
    _fields_ = [("data", C.POINTER(TokenData)), ("size", C.c_size_t), ("selected", C.c_int64), ("sorted", C.c_bool)]


def sampler(name, argtypes, *args):
    f = getattr(L, "llama_sampler_init_" + name)
    f.restype, f.argtypes = C.c_void_p, argtypes
    return f(*args)


L.llama_sampler_apply.argtypes = [C.c_void_p, C.POINTER(TokenDataArray)]
L.llama_sampler_accept.argtypes = [C.c_void_p, C.c_int32]
L.llama_sampler_free.argtypes = [C.c_void_p]


def chain(logits, recent, temperature, top_k, top_p, min_p, penalty, last):
    data = (TokenData * len(logits))(*[TokenData(i, float(l), 0.0) for i, l in enumerate(logits)])
    cur = TokenDataArray(data, len(logits), -1, False)
    steps = [sampler("penalties", [C.c_int32, C.c_int32, C.c_float, C.c_float, C.c_float], len(logits), last, penalty, 0.0, 0.0)]
    for t in recent:
        L.llama_sampler_accept(steps[0], t)
    if temperature == 0:
        steps.append(sampler("greedy", []))
    else:
        steps.append(sampler("top_k", [C.c_int32], top_k))
        steps.append(sampler("top_p", [C.c_float, C.c_size_t], top_p, 1))
        steps.append(sampler("min_p", [C.c_float, C.c_size_t], min_p, 1))
        steps.append(sampler("temp", [C.c_float], temperature))
        steps.append(sampler("dist", [C.c_uint32], 1))
    for s in steps:
        L.llama_sampler_apply(s, C.byref(cur))
        L.llama_sampler_free(s)
    if temperature == 0:
        return [cur.data[cur.selected].id], [1.0]
    left = sorted(((cur.data[i].p, cur.data[i].id) for i in range(cur.size)), reverse=True)
    total = sum(p for p, _ in left)
    assert abs(total - 1) < 1e-4, total
    return [i for _, i in left], [round(float(p), 9) for p, _ in left]


def main():
    rng = np.random.default_rng(7)
    cases = []

    def add(name, logits, recent=(), temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, penalty=1.0, last=64):
        logits = np.asarray(logits, np.float32)
        assert temperature == 0 or len(set(logits[np.isfinite(logits)].tolist())) == np.isfinite(logits).sum()
        ids, p = chain(logits, recent, temperature, top_k, top_p, min_p, penalty, last)
        cases.append({
            "name": name, "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "penalty": penalty,
            "last": last, "recent": list(recent), "logits": [None if np.isinf(l) else float(l) for l in logits],
            "ids": ids, "p": p,
        })

    wide = lambda n, s=3.0: rng.normal(0, s, n)
    off = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
    add("defaults", wide(200))
    add("defaults, flat", wide(200, 0.3))
    add("defaults, steep", wide(200, 12))
    add("nothing cut", wide(60), **off)
    add("temperature 1", wide(60), **off, temperature=1.0)
    add("cold", wide(60), **off, temperature=0.05)
    add("hot", wide(60), **off, temperature=5.0)
    for k in (1, 2, 7, 59, 60, 1000):
        add(f"top-k {k}", wide(60), temperature=1.0, top_k=k, top_p=1.0, min_p=0.0)
    for p in (0.0, 0.1, 0.5, 0.9, 0.999):
        add(f"top-p {p}", wide(60), temperature=1.5, top_k=0, top_p=p, min_p=0.0)
    for p in (0.01, 0.1, 0.5, 1.0):
        add(f"min-p {p}", wide(60), temperature=0.7, top_k=0, top_p=1.0, min_p=p)
    add("top-k before top-p", wide(60, 0.1), temperature=1.0, top_k=5, top_p=0.7, min_p=0.0)
    add("top-p before min-p", wide(60, 1), temperature=2.0, top_k=0, top_p=0.6, min_p=0.5)
    masked = wide(60)
    masked[::2] = -np.inf
    add("masked tokens", masked, top_p=1.0, min_p=0.01)
    again = [3, 5, 3, 9, 20, 41]
    add("penalty", wide(60), again, penalty=1.3, **off)
    add("penalty for the last two", wide(60), again, penalty=1.3, last=2, **off)
    add("no tokens penalized", wide(60), again, penalty=1.3, last=0, **off)
    add("penalty below 1", wide(60), again, penalty=0.7, **off)
    add("penalty and cuts", wide(200), list(range(0, 200, 3)), penalty=1.1)
    add("penalty on zero", [0.0, 1.0, -1.0, 0.6], [0, 1, 2], penalty=2.0, **off)
    add("greedy", wide(60), temperature=0)
    add("greedy, equal logits", [1.0, 3.0, 2.0, 3.0, 3.0], temperature=0)
    add("greedy, penalty", [1.0, 3.0, 2.5, 2.9], [1], temperature=0, penalty=1.5)
    add("greedy, penalty makes equal", [2.0, 3.0, 1.0], [1], temperature=0, penalty=1.5)
    out = {"reference": oracle.PKG, "cases": cases}
    text = json.dumps(out).replace('{"name"', '\n{"name"')
    pathlib.Path(__file__).with_name("chain.json").write_text(text + "\n")


main()
