"""Works out the tokens that TestSeed of runtime/sample expects, in plain Python: no code is shared with the package.

The generator is PCG-DXSM with 128 bits of state and the multiplier 0xda942042e4dd58b5, as Go's math/rand/v2 documents it:
the state begins as (seed, 0), high word first; each number steps state = state * multiplier + increment, then mixes.
"""

import math

MASK64, MASK128 = (1 << 64) - 1, (1 << 128) - 1
MULTIPLIER, INCREMENT = 0x2360ED051FC65DA44385DF649FCCF645, 0x5851F42D4C957F2D14057B7EF767814F
CHEAP = 0xDA942042E4DD58B5


def pcg(seed):
    state = seed << 64
    while True:
        state = (state * MULTIPLIER + INCREMENT) & MASK128
        hi, lo = state >> 64, state & MASK64
        hi ^= hi >> 32
        hi = hi * CHEAP & MASK64
        hi ^= hi >> 48
        yield hi * (lo | 1) & MASK64


def draw(seed, n=24):
    numbers, out = pcg(seed), []
    for _ in range(n):
        logits = [(i * 37 % 101) / 16 for i in range(100)]
        for i in set(out[-8:]):
            logits[i] = logits[i] * 1.25 if logits[i] <= 0 else logits[i] / 1.25
        order = sorted(range(100), key=lambda i: (-logits[i], i))
        p = [math.exp((logits[i] - logits[order[0]]) / 1.5) for i in order]
        target, reached = (next(numbers) >> 11) / 2**53 * sum(p), 0.0
        for i, w in zip(order, p):
            reached += w
            if reached > target:
                out.append(i)
                break
    return out


if __name__ == "__main__":
    for seed in (0, 5, 2**64 - 1):
        print(seed, ", ".join(map(str, draw(seed))))
