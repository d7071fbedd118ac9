#!/usr/bin/env python3
"""Makes divergence.json: what every statistic of verify.Divergence is for made-up logits, to 60 decimal digits and then rounded.

  divergence.py > divergence.json

Needs nothing but Python. Logits are drawn from SplitMix64 by integer arithmetic and are multiples of a power of two, so that
divergence_test.go draws the same ones (sha256 says that it does) and nothing is rounded before the first exponential.
Formulas are those of llama-perplexity's output, written down as they stand, with sums of squares and covariances that cancel,
which 60 digits forgive; perplexities beyond float64 become its largest number.
"""
import hashlib, json, struct
from decimal import Decimal as D, getcontext

getcontext().prec = 60
LARGEST = D(1.7976931348623157e308)
TOPS = (1, 5, 10)
KLD_SHARES = "1 0.999 0.99 0.95 0.9 0.5 0.1 0.05 0.01 0.001 0".split()
DELTA_SHARES = "1 0.999 0.99 0.95 0.9 0.75 0.5 0.25 0.1 0.05 0.01 0.001 0".split()
EDGES = [D(d).scaleb(e) for e in range(-10, 0) for d in (100, 126, 158, 200, 251, 316, 398, 501, 631, 794)] + [D(100)]

#       name       kind    seed tokens vocabulary unit of the logits
CASES = [("near", "near", 1, 300, 50, 2.0**-14),
         ("middling", "middling", 11, 300, 50, 2.0**-14),
         ("far", "far", 2, 300, 50, 2.0**-14),
         ("ties", "ties", 3, 257, 50, 1.0),
         ("peaked", "peaked", 4, 211, 61, 2.0**-13),
         ("wide", "far", 5, 64, 40, 2.0**-2),
         ("same", "same", 6, 40, 50, 2.0**-14),
         ("small vocabulary", "near", 7, 50, 7, 2.0**-14),
         ("one", "far", 8, 1, 50, 2.0**-14),
         ("two", "far", 9, 2, 50, 2.0**-14),
         ("eleven", "far", 10, 11, 50, 2.0**-14)]


class Random:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        m = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & m
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & m
        z = (z ^ z >> 27) * 0x94D049BB133111EB & m
        return z ^ z >> 31

    def bell(self):
        """About normal: the sum of four numbers of 16 bits, less its mean."""
        r = self.next()
        return sum(r >> s & 0xFFFF for s in (0, 16, 32, 48)) - 131070


def draw(kind, seed, tokens, vocabulary, unit):
    """(source, file, token) for every token; logits are whole numbers of units."""
    r = Random(seed)
    for _ in range(tokens):
        source, file = [], []
        for _ in range(vocabulary):
            if kind == "ties":
                source.append(r.next() % 4)
                file.append(r.next() % 4)
                continue
            source.append(r.bell())
            if kind in ("near", "middling"):
                file.append(source[-1] + ((r.next() >> 57) - 64) * (1 if kind == "near" else 64))
            elif kind == "same":
                file.append(source[-1])
            else:
                file.append(r.bell())
        if kind == "peaked":  # the file's peak is lower and, for an eighth, elsewhere
            at = r.next() % vocabulary
            source[at] += 30 << 13
            if r.next() % 8 == 0:
                at = r.next() % vocabulary
            file[at] += 25 << 13
        yield source, file, r.next() % vocabulary


def logs(logits):
    """ln of every token's probability."""
    e = [l.exp() for l in logits]
    s = sum(e).ln()
    return [l - s for l in logits]


def first(logits, k):
    return set(sorted(range(len(logits)), key=lambda i: (-logits[i], i))[:k])


def finite(x):
    return max(-LARGEST, min(LARGEST, x))


def root(x):
    return max(x, D(0)).sqrt()


class Mean:
    def __init__(self, xs):
        n = len(xs)
        self.value = sum(xs) / n
        self.error = root((sum(x * x for x in xs) / n - self.value**2) / (n - 1)) if n > 1 else D(0)


def estimate(value, error):
    return {"value": float(finite(value)), "standard_error": float(finite(error))}


def quantiles(xs, shares):
    xs, out = sorted(xs), []
    for s in shares:
        at = D(s) * (len(xs) - 1)
        i = int(at)
        out.append({"share": float(s), "value": float(xs[i] * (1 - (at - i)) + xs[min(i + 1, len(xs) - 1)] * (at - i))})
    return out


def histogram(xs):
    bins = [(D(0), EDGES[0])] + list(zip(EDGES, EDGES[1:])) + [(EDGES[-1], None)]
    out = [{"from": float(a), "to": float(max(xs) if b is None else b), "count": sum(a <= x and (b is None or x < b) for x in xs)} for a, b in bins]
    while not out[0]["count"]:
        out.pop(0)
    while not out[-1]["count"]:
        out.pop()
    return out


def figures(file, source, kld, delta, top):
    """Every figure from those of the tokens: -ln q(token), -ln p(token), the divergence, q(token) - p(token), and for each k the shares
    of the likeliest tokens that both have."""
    n = len(file)
    A, B = Mean(file), Mean(source)
    cov = (sum(x * y for x, y in zip(file, source)) / n - A.value * B.value) / (n - 1) if n > 1 else D(0)
    pq, pb = A.value.exp(), B.value.exp()
    uq, ub = pq * A.error, pb * B.error
    ln, ln_error = A.value - B.value, root(A.error**2 + B.error**2 - 2 * cov)
    ratio = ln.exp()
    K, Delta, square = Mean(kld), Mean(delta), Mean([x * x for x in delta])
    rms = square.value.sqrt()
    return {
        "tokens": n,
        "perplexity": estimate(pq, uq),
        "perplexity_source": estimate(pb, ub),
        "correlation": float(cov / (A.error * B.error)) if A.error and B.error else 0.0,
        "ln_perplexity_ratio": estimate(ln, ln_error),
        "perplexity_ratio": estimate(ratio, ratio * ln_error),
        "perplexity_difference": estimate(pq - pb, root(uq**2 + ub**2 - 2 * pq * pb * cov)),
        "kl_divergence": estimate(K.value, K.error),
        "kl_divergence_quantiles": quantiles(kld, KLD_SHARES),
        "kl_divergence_histogram": histogram(kld),
        "probability_difference": estimate(Delta.value, Delta.error),
        "probability_difference_quantiles": quantiles(delta, DELTA_SHARES),
        "probability_difference_rms": estimate(rms, D("0.5") / rms * square.error if rms else D(0)),
        "top": [{"k": k, **estimate(Mean(top[k]).value, Mean(top[k]).error)} for k in TOPS],
    }


def divergence(tokens, unit):
    a, b, kld, delta, top = [], [], [], [], {k: [] for k in TOPS}
    for source, file, token in tokens:
        p, q = (logs([D(x) * D(unit) for x in side]) for side in (source, file))
        b.append(-p[token])
        a.append(-q[token])
        kld.append(sum(x.exp() * (x - y) for x, y in zip(p, q)))
        delta.append(q[token].exp() - p[token].exp())
        for k in TOPS:
            missing = max(0, k - len(source))  # a vocabulary of fewer than k tokens agrees about the others
            top[k].append(D(len(first(source, k) & first(file, k)) + missing) / k)
    return figures(a, b, kld, delta, top)


def main():
    out = []
    for name, kind, seed, n, vocabulary, unit in CASES:
        tokens = list(draw(kind, seed, n, vocabulary, unit))
        h = hashlib.sha256()
        for source, file, token in tokens:
            values = [x * unit for x in source + file]
            packed = struct.pack(f"<{2 * vocabulary}f", *values)
            assert list(struct.unpack(f"<{2 * vocabulary}f", packed)) == values, "a logit is no float32"
            h.update(packed + struct.pack("<i", token))
        out.append({"name": name, "kind": kind, "seed": seed, "tokens": n, "vocabulary": vocabulary, "unit": unit,
                    "sha256": h.hexdigest(), "divergence": divergence(tokens, unit)})
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
