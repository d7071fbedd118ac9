#!/usr/bin/env python3
"""List a GGUF file as text that can be compared: the form of the goldens under testdata/golden/reference.

  listing.py FILE.gguf [--no-data]

Tab-separated lines, in file order:
  file    SIZE  SHA256                        the whole file ("-" with --no-data)
  header  SIZE  SHA256                        everything before the tensor data, padding included
  kv      KEY   TYPE  VALUE
  tensor  NAME  TYPE  SHAPE  OFFSET  SHA256   shape innermost first, dims as stored; offset from the start of the data
VALUE is a decimal integer, true or false, a float with 9 significant digits (enough to restore a float32), or a JSON
string. Strings longer than 96 bytes are sha256:HEX:BYTES. Arrays have TYPE [element]; up to 8 elements are a JSON list,
longer ones sha256:HEX:COUNT, the hash taken over the elements as GGUF encodes them (strings with their u64 length).
"""
import hashlib, json, mmap, struct, sys

SCALARS = {0: ("uint8", "B"), 1: ("int8", "b"), 2: ("uint16", "H"), 3: ("int16", "h"), 4: ("uint32", "I"), 5: ("int32", "i"),
           6: ("float32", "f"), 7: ("bool", "?"), 10: ("uint64", "Q"), 11: ("int64", "q"), 12: ("float64", "d")}
TYPES = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24),
         8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176),
         14: ("Q6_K", 256, 210), 30: ("BF16", 1, 2)}


class Reader:
    def __init__(self, path):
        self.f = open(path, "rb")
        self.b = mmap.mmap(self.f.fileno(), 0, access=mmap.ACCESS_READ)
        self.p = 0

    def get(self, fmt):
        v = struct.unpack_from("<" + fmt, self.b, self.p)
        self.p += struct.calcsize("<" + fmt)
        return v[0]

    def bytes(self):
        n = self.get("Q")
        self.p += n
        return bytes(self.b[self.p - n:self.p])


def scalar(t, v):
    return ("true" if v else "false") if t == 7 else f"{v:.9g}" if t == 6 else f"{v:.17g}" if t == 12 else str(v)


def text(b):
    return json.dumps(b.decode(), ensure_ascii=False) if len(b) <= 96 else f"sha256:{hashlib.sha256(b).hexdigest()}:{len(b)}"


def value(r):
    t = r.get("I")
    if t == 8:
        return "string", text(r.bytes())
    if t != 9:
        name, fmt = SCALARS[t]
        return name, scalar(t, r.get(fmt))
    e, n = r.get("I"), r.get("Q")
    start = r.p
    if e == 8:
        items, name = [r.bytes() for _ in range(n)], "string"
        shown = [text(i) for i in items] if n <= 8 else []
    else:
        name, fmt = SCALARS[e]
        shown = [scalar(e, r.get(fmt)) for _ in range(n)]
    if n <= 8:
        return f"[{name}]", "[" + ", ".join(shown) + "]"
    return f"[{name}]", f"sha256:{hashlib.sha256(r.b[start:r.p]).hexdigest()}:{n}"


def parse(path):
    """(kvs, tensors, start of the data, align): kvs as (key, type, value); tensors as (name, type, shape, offset, bytes)."""
    r = Reader(path)
    assert r.b[:4] == b"GGUF", f"{path}: not a GGUF file"
    r.p = 4
    assert r.get("I") == 3
    nt, nk = r.get("Q"), r.get("Q")
    kvs = [(r.bytes().decode(), *value(r)) for _ in range(nk)]
    align = next((int(v) for k, _, v in kvs if k == "general.alignment"), 32)
    tensors = []
    for _ in range(nt):
        name = r.bytes().decode()
        shape = [r.get("Q") for _ in range(r.get("I"))]
        t, off = r.get("I"), r.get("Q")
        tn, per, size = TYPES.get(t, (f"type{t}", 1, 0))
        n = 1
        for d in shape:
            n *= d
        tensors.append((name, tn, shape, off, n // per * size))
    return kvs, tensors, -(-r.p // align) * align, align


def listing(path, data=True):
    kvs, tensors, start, align = parse(path)
    with open(path, "rb") as f:
        b = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        last = tensors[-1] if tensors else ("", "", [], 0, 0)
        size = start + -(-(last[3] + last[4]) // align) * align
        sha = lambda a, z: hashlib.sha256(memoryview(b)[a:z]).hexdigest()
        yield f"file\t{size}\t{sha(0, len(b)) if data else '-'}"
        yield f"header\t{start}\t{sha(0, start)}"
        for kv in kvs:
            yield "kv\t" + "\t".join(kv)
        for name, t, shape, off, n in tensors:
            yield f"tensor\t{name}\t{t}\t{','.join(map(str, shape))}\t{off}\t{sha(start + off, start + off + n) if data else '-'}"


if __name__ == "__main__":
    for line in listing(sys.argv[1], "--no-data" not in sys.argv):
        print(line)
