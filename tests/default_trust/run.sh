#!/usr/bin/env bash
# AWS's samples name no port and no CA: with the mock's root in the system's trust store and the mock on 8883 (and 443)
# they work unchanged. In a private mount and network namespace, so that nothing of this machine is touched.
set -euo pipefail
: "${FLEETPROV_BIN:?}" "${FLEETPROV_SOURCE:?}"
if [ "${1:-}" != "inside" ]; then
  command -v npm >/dev/null 2>&1 || { echo "skipped: npm is not installed"; exit 77; }
  sdk="$FLEETPROV_SOURCE/tests/interop/sdk_js"
  [ -d "$sdk/node_modules/aws-iot-device-sdk-v2" ] || (cd "$sdk" && npm ci --ignore-scripts --no-audit --no-fund >/dev/null 2>&1) ||
    { echo "skipped: the npm registry is out of reach"; exit 77; }
  unshare --mount --net --map-root-user true 2>/dev/null || unshare --mount --net true 2>/dev/null ||
    { echo "skipped: private namespaces are refused here"; exit 77; }
  if [ "$(id -u)" -eq 0 ]; then exec unshare --mount --net bash "${BASH_SOURCE[0]}" inside; fi
  exec unshare --mount --net --map-root-user bash "${BASH_SOURCE[0]}" inside
fi

ip link set lo up 2>/dev/null || { echo "skipped: no loopback in a private network namespace (package iproute2)"; exit 77; }
work=$(mktemp -d)
mock_pid=""
trap '[ -z "$mock_pid" ] || { kill "$mock_pid" && wait "$mock_pid"; } || :; rm -rf "$work"' EXIT
mkfifo "$work/ready"
"$FLEETPROV_BIN/fleetprov" mock --dir "$work/mock" --port 8883 --port 443 --http-port 0 --format json >"$work/ready" &
mock_pid=$!
IFS= read -r -t 60 ready <"$work/ready"
[ -n "$ready" ]

# The system's trust store, for this namespace only.
bundle=/etc/ssl/certs/ca-certificates.crt
[ -e "$bundle" ] || { mkdir -p /etc/ssl/certs && : >"$bundle"; }
cat "$bundle" "$work/mock/AmazonRootCA1.pem" >"$work/bundle.crt"
mount --bind "$work/bundle.crt" "$bundle"

node "$FLEETPROV_SOURCE/tests/default_trust/article.mjs" --endpoint localhost --cert "$work/mock/claim.pem.crt" \
  --key "$work/mock/claim.pem.key" --template_name fleet-basic --template_parameters '{"SerialNumber":"article"}'
echo "1 passed, 0 failed"
