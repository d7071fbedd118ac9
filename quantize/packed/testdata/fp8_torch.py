"""Records what torch makes of every 8-bit float, and of scaled blocks. Run: python3 fp8_torch.py > fp8.tsv

The second part computes weight.float() * scale as llama.cpp's converter does: scales repeated along both
dimensions, cut to the weight's shape.
"""
import torch

print("# made by fp8_torch.py with torch", torch.__version__)
print("# code, float32 bits of float8_e4m3fn, float32 bits of float8_e5m2 (NaN: nan)")
codes = torch.arange(256, dtype=torch.int32).to(torch.uint8)


def bits(x):
    return ["nan" if v != v else f"{b & 0xffffffff:08x}" for v, b in zip(x.tolist(), x.view(torch.int32).tolist())]


a = bits(codes.view(torch.float8_e4m3fn).float())
b = bits(codes.view(torch.float8_e5m2).float())
for i in range(256):
    print(f"code\t{i:02x}\t{a[i]}\t{b[i]}")

print("# block, rows, cols, block rows, block cols, scale shape, codes, scales, float32 bits of the result")
g = torch.Generator().manual_seed(1)
for rows, cols, br, bc in [(5, 7, 2, 3), (4, 8, 4, 4), (3, 5, 128, 128), (6, 4, 0, 0), (6, 4, 0, 1), (6, 4, 1, 0), (6, 4, 1, 1)]:
    w = torch.randint(0, 0x7f, (rows, cols), generator=g).to(torch.uint8)
    if bc > 1:
        s = torch.rand((-(-rows // br), -(-cols // bc)), generator=g)
        big = s.repeat_interleave(br, 0).repeat_interleave(bc, 1)[:rows, :cols]
    else:
        s = torch.rand({(0, 0): (1,), (0, 1): (rows,), (1, 0): (rows, 1), (1, 1): (1, cols)}[br, bc], generator=g)
        big = s
        while big.ndim < 2:
            big = big.unsqueeze(-1)
    out = w.view(torch.float8_e4m3fn).float() * big
    size = f"{br},{bc}" if bc > 1 else "-"
    shape = ",".join(map(str, s.shape))
    print("block", rows, cols, size, shape, bytes(w.flatten().tolist()).hex(),
          ",".join(bits(s.flatten())), ",".join(bits(out.flatten())), sep="\t")
