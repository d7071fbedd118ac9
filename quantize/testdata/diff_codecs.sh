#!/usr/bin/env bash
# Compares every codec with the reference on fresh rows, on every tier of kernels that this processor has: ROWS of 2048
# values for each type, distribution and kind of weighting, then decoding. Prints one line a type.
# Usage: [ROWS=1024] [SEED=1] [PYTHON=python3] [ORACLE=PATH/ggml_oracle.py] testdata/diff_codecs.sh [FLAG...]
# Flags: -oracle.types IQ2_S,Q4_K   -oracle.dists gauss,real   -oracle.tiers go,avx2   -oracle.digests FILE
# With ORACLE=none the digests in FILE, which an earlier run wrote, stand for the reference: so GOAMD64=v3, and
# GOARCH=arm64 GOFLAGS=-exec=qemu-aarch64-static, are compared with it too.
set -euo pipefail
cd "$(dirname "$0")/.."
oracle=${ORACLE:-../../shared/oracle/ggml_oracle.py}
if [ "$oracle" = none ]; then oracle=(); else oracle=(-oracle "$(realpath "$oracle")" -python "${PYTHON:-python3}"); fi
exec go test -count=1 -timeout 10h -run '^TestOracle$' -v . "${oracle[@]}" -oracle.rows "${ROWS:-1024}" -oracle.seed "${SEED:-1}" "$@"
