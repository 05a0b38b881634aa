#!/usr/bin/env bash
# Runs every fuzz target of the tree for SECONDS each.
set -euo pipefail
cd "$(dirname "$0")/../.."
grep -rlE '^func Fuzz' --include='*_test.go' core recorder plugins | while read -r f; do
  grep -oE '^func Fuzz[A-Za-z0-9]*' "$f" | awk '{print $2}' | while read -r name; do
    echo "==> $name in $(dirname "$f")"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "${1:-30}s" "./$(dirname "$f")"
  done
done
