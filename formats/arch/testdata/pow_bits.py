#!/usr/bin/env python3
"""Print the rows of TestPowers: torch's single-precision base ** (arange(0, dim, 2) / dim), hashed.

torch 2.6.0 on x86-64 with AVX-512, glibc 2.36 (2.28 and later are alike).
"""
import hashlib, torch

for base in (10000.0, 500000.0, 1000000.0, 1234567.0, 100000.0, 150000.0, 8000000.0, 2.0, 10.0, 1.5, 3e7):
    for dim in (8, 16, 32, 64, 80, 96, 112, 128, 256):
        p = base ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
        print('{%.9g, %d, "%s"},' % (base, dim, hashlib.sha256(p.numpy().tobytes()).hexdigest()[:16]))
