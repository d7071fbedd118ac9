#!/usr/bin/env python3
"""Put together checkpoints with real configs, tokenizers and tensor lists, and zero weights in sparse shards.

  assemble_real.py DATA OUT [NAME ...]      DATA is ../shared/data; OUT/NAME is written

golden/real/recipes.json says how, one entry a checkpoint, so that a Go test can do the same:
  files    [destination, path under DATA]: copied
  cut      [destination, prefix]: lines that start with the prefix are left out
  replace  [destination, old, new]: every occurrence, after cut
  write    {destination: text}
  tensors  lines "name<TAB>dtype<TAB>AxB": a path under DATA, or under golden/real when it starts with "golden:"
  index    a safetensors index under DATA: which shard holds which tensor; copied as model.safetensors.index.json
Each shard holds its tensors in the order of the list, one after the other, all zero.
"""
import gzip, json, os, shutil, struct, sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BITS = {"F32": 32, "BF16": 16, "F16": 16, "F8_E4M3": 8}


def read(path):
    b = path.read_bytes()
    return gzip.decompress(b) if path.suffix == ".gz" else b


def assemble(name, recipe, data, out):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for dest, src in recipe["files"]:
        (out / dest).write_bytes(read(data / src))
    for dest, prefix in recipe.get("cut", []):
        f = out / dest
        f.write_bytes(b"".join(l for l in f.read_bytes().splitlines(True) if not l.startswith(prefix.encode())))
    for dest, old, new in recipe.get("replace", []):
        f = out / dest
        b = f.read_bytes()
        assert old.encode() in b, f"{name}: {dest} does not hold {old!r}"
        f.write_bytes(b.replace(old.encode(), new.encode()))
    for dest, text in recipe.get("write", {}).items():
        (out / dest).write_text(text)
    src = recipe["tensors"]
    rows = read(HERE / "golden/real" / src[7:] if src.startswith("golden:") else data / src).decode().splitlines()
    index = json.loads(read(data / recipe["index"]))
    (out / "model.safetensors.index.json").write_text(json.dumps(index))
    shards = {}
    for row in rows:
        t, dtype, shape = row.split("\t")
        shape = [int(d) for d in shape.split("x")]
        n = BITS[dtype] // 8
        for d in shape:
            n *= d
        head, at = shards.setdefault(index["weight_map"][t], ({}, [0]))
        head[t] = {"dtype": dtype, "shape": shape, "data_offsets": [at[0], at[0] + n]}
        at[0] += n
    for f, (head, at) in shards.items():
        j = json.dumps(head, separators=(",", ":")).encode()
        j += b" " * (-len(j) % 8)
        with open(out / f, "wb") as w:
            w.write(struct.pack("<Q", len(j)) + j)
            w.truncate(8 + len(j) + at[0])


def main():
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    recipes = json.loads((HERE / "golden/real/recipes.json").read_text())
    for name in sys.argv[3:] or recipes:
        assemble(name, recipes[name], data, out / name)
        print(out / name)


if __name__ == "__main__":
    main()
