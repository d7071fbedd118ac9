#!/usr/bin/env bash
# Fails when the compiler fused a multiplication with an addition anywhere in these packages: results would then
# differ between processors. Looks at the two builds where Go fuses; TestNEONFusesNothing looks at what the C compiler made.
set -euo pipefail
cd "$(dirname "$0")/.."
for target in "GOARCH=amd64 GOAMD64=v3" "GOARCH=arm64"; do
  listing=$(env $target go build -gcflags=-S -o /dev/null . ./internal/kernel ./packed ../runtime/device/cpu/internal/matrix 2>&1) || { printf '%s: the build fails:\n%s\n' "$target" "$listing"; exit 1; }
  fused=$(grep -E '\b(VFN?M(ADD|SUB)|FN?M(ADD|SUB))[0-9A-Z]*\b' <<<"$listing" || true)
  if [ -n "$fused" ]; then
    printf '%s: fused instructions:\n%s\n' "$target" "$fused"
    exit 1
  fi
  echo "$target: nothing is fused"
done
