#!/usr/bin/env bash
# All tests, with totals at the end. Each part runs even when one before it failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
failed=()
part() { echo; echo "==> $1"; shift; "$@" || failed+=("$*"); }

part "UI: lint, types, unit tests" bash -c 'cd ui && npm run --silent lint && npm run --silent typecheck && npm run --silent test'
part "Python: plugin SDK" env PYTHONPATH=plugins/python "$NIGHTJAR_PYTHON" -m unittest discover -s plugins/python/tests
part "Go: vet" go vet ./core/... ./recorder/... ./plugins/... ./migrations/... ./ui
part "Go: tests with the race detector" bash -c 'set -o pipefail; go test -race -timeout 20m ./core/... ./recorder/... ./plugins/... ./migrations/... ./ui | grep -v "no test files"'
part "End to end in Chromium" env NIGHTJAR_E2E=1 go test -count=1 -timeout 15m -v -run TestEndToEnd ./core/internal/e2e

echo
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "All tests passed."
