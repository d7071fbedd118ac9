#!/usr/bin/env bash
# ns per weight of every type: the reference's quantizer and dequantizer beside plain Go and every tier of kernels, one
# thread, measured in turn so that a busy machine slows all of them down alike. Takes two to four minutes.
# Usage: testdata/bench.sh [-tsv FILE] [-md FILE] [-types Q4_K,Q6_K] [-verbs decode] [-rounds 7] [-oracle PATH/ggml_oracle.py]
#        (PYTHON: an interpreter with numpy; QCONV_BENCH_TEST: a test binary made by go test -c ./quantize, else it is made)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
binary=${QCONV_BENCH_TEST:-$tmp/quantize.test}
[ -e "$binary" ] || (cd "$here/.." && go test -c -o "$binary" .)
"${PYTHON:-python3}" "$here/bench.py" -binary "$binary" -work "$tmp" "$@"
