#!/usr/bin/env bash
# Fails when the compiler fused a multiplication with an addition anywhere in this package: results would then
# differ between processors. Looks at the two builds where Go fuses.
set -euo pipefail
cd "$(dirname "$0")/.."
for target in "GOARCH=amd64 GOAMD64=v3" "GOARCH=arm64"; do
  fused=$(env $target go build -gcflags=-S . ./internal/kernel 2>&1 | grep -E '\b(VFN?M(ADD|SUB)|FN?M(ADD|SUB))[0-9A-Z]*\b' || true)
  if [ -n "$fused" ]; then
    printf '%s: fused instructions:\n%s\n' "$target" "$fused"
    exit 1
  fi
  echo "$target: nothing is fused"
done
