#!/usr/bin/env bash
# Compares every codec with the reference on fresh rows: 2 Mi values for each type, distribution and kind of
# weighting (ROWS of 2048), then decoding. Prints one line a type; fails on the first differing byte's type.
# Usage: [ROWS=1024] [SEED=1] [PYTHON=python3] testdata/diff_codecs.sh [PATH/ggml_oracle.py]
set -euo pipefail
oracle=$(realpath "${1:-$(dirname "$0")/../../../shared/oracle/ggml_oracle.py}")
cd "$(dirname "$0")/.."
exec go test -count=1 -timeout 4h -run '^TestOracle$' -v . -oracle "$oracle" -python "${PYTHON:-python3}" -oracle.rows "${ROWS:-1024}" -oracle.seed "${SEED:-1}"
