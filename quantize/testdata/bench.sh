#!/usr/bin/env bash
# ns per weight of every codec beside the reference's quantizer, one thread each, Gaussian rows of 4096.
# Usage: testdata/bench.sh [PATH/ggml_oracle.py]     (PYTHON: an interpreter with numpy)
set -euo pipefail
cd "$(dirname "$0")/.."
oracle=${1:-../../shared/oracle/ggml_oracle.py}
python=${PYTHON:-python3}
types=(F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
go test -run '^$' -bench 'BenchmarkEncode|BenchmarkDecode' -benchtime 0.3s -cpu 1 . >"$tmp/own"
"$python" "$oracle" bench 4096 64 "${types[@]}" >"$tmp/plain"
"$python" "$oracle" bench 4096 64 "${types[@]}" --imatrix >"$tmp/weighted"
own() { awk -v n="Benchmark$1/$2" '$1 == n || index($1, n "-") == 1 { for (i = 2; i < NF; i++) if ($(i+1) == "ns/weight") print $i }' "$tmp/own"; }
ref() { awk -v n="$2" '$1 == n { print $2 }' "$tmp/$1"; }
printf '%-6s %10s %10s %12s %12s %10s\n' type encode reference weighted reference decode
for t in "${types[@]}"; do
  printf '%-6s %10s %10s %12s %12s %10s\n' "$t" "$(own Encode "$t")" "$(ref plain "$t")" "$(own EncodeWeighted "$t")" "$(ref weighted "$t")" "$(own Decode "$t")"
done
