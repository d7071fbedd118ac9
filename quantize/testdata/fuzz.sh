#!/usr/bin/env bash
# Runs every fuzz target of the codecs for TIME each (10m), JOBS at a time (2), and prints how many inputs each has tried.
# Without -fuzzminimizetime the Go tool spends minutes on making inputs shorter that are merely new.
# Usage: [TIME=10m] [JOBS=2] testdata/fuzz.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' fuzz_test.go)
one() {
  log=$(go test . -run '^$' -fuzz "^$1\$" -fuzztime "$2" -fuzzminimizetime 1x -parallel 1 2>&1) && state=ok || state=FAILED
  printf '%-16s %s  %s\n' "$1" "$state" "$(grep -o 'execs: [0-9]*' <<<"$log" | tail -n 1)"
  [ "$state" = ok ] || { printf '%s\n' "$log"; return 1; }
}
export -f one
printf '%s\n' "${targets[@]}" | xargs -P "${JOBS:-2}" -I{} bash -c 'one "$1" "$2"' _ {} "${TIME:-10m}"
