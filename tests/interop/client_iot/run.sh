#!/usr/bin/env bash
# AWS's JavaScript SDK sets up an empty mock, a device provisions, and the SDK inspects it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v npm >/dev/null 2>&1 || { echo "skipped: npm is not installed"; exit 77; }
if [ ! -d node_modules/@aws-sdk/client-iot ]; then
  npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1 || { echo "skipped: the npm registry is out of reach"; exit 77; }
fi
exec node main.mjs
