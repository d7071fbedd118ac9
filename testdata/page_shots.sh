#!/usr/bin/env bash
# Takes pictures of verify's page (as a laptop and a phone show it, light and dark, of made-up reports) into a folder, to be looked at.
# Needs Chromium on PATH or in QCONV_CHROMIUM.
#   testdata/page_shots.sh DIR
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
QCONV_PAGE_SHOTS=$(cd "$1" && pwd) go test -C "$(dirname "$0")/.." -count=1 -run '^TestPageShots$' -v ./verify
