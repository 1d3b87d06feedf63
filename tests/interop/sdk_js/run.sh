#!/usr/bin/env bash
# AWS's own device SDK, unchanged, provisions against the mock: its V1 client (MQTT 3.1.1) and its V2
# client on MQTT 3.1.1 and MQTT 5, each then reconnects and exchanges 10 messages on sdk/test/js.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v npm >/dev/null 2>&1 || { echo "skipped: npm is not installed"; exit 77; }
if [ ! -d node_modules/aws-iot-device-sdk-v2 ]; then
  npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1 || { echo "skipped: the npm registry is out of reach"; exit 77; }
fi
exec node main.mjs
